"""``stundenpool audit export --format package``."""

from pathlib import Path
from uuid import UUID

import click

from interfaces.cli.progress import progress_bar
from interfaces.cli.stores import opened_store
from interfaces.package.writing import write_package
from interfaces.settings import read_settings
from interfaces.storage.checkpoint_keys import CheckpointKeys
from interfaces.targets import new_file


@click.command("export")
@click.option(
    "--format",
    "form",
    metavar="package",
    type=click.Choice(["package"]),
    required=True,
    help="package: Datei mit allem, was ohne dieses Programm nachzuprüfen ist, und dem Prüfprogramm dazu.",
)
@click.option("--pool", metavar="ID", type=click.UUID, required=True, help="Kennung des Stundenpools.")
@click.argument("target", metavar="ZIEL", type=click.Path(path_type=Path))
def export(form: str, pool: UUID, target: Path) -> None:
    """Schreibt einen Stundenpool für Prüfende in eine Datei, die es noch nicht gibt. Personenbezogene Texte bleiben versiegelt."""
    settings = read_settings()
    keys = CheckpointKeys(settings.keystore_folder, settings.origin)
    with opened_store(settings) as store, new_file(target) as draft, progress_bar("Ereignisse") as progress:
        count = write_package(store, keys, pool, draft, progress)
    click.echo(f"{count:>9}  Ereignisse")
