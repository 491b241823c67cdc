"""``stundenpool audit export``."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import click

from application.findings import Findings
from application.log import Progress, Store
from application.projections import pools
from interfaces.cli.commands import Failed
from interfaces.cli.issuing import hand_over
from interfaces.cli.progress import progress_bar
from interfaces.cli.stores import opened_store
from interfaces.exports.gobd import write_gobd
from interfaces.exports.ocel import write_ocel
from interfaces.package.writing import write_package
from interfaces.settings import Settings, read_settings
from interfaces.storage.checkpoint_keys import CheckpointKeys
from interfaces.targets import new_file, new_folder
from interfaces.thresholds import read_thresholds


class Order(NamedTuple):
    """What is to be exported, and where to."""

    settings: Settings
    store: Store
    pool: UUID
    target: Path
    dtd: bytes | None
    progress: Progress


def _gobd(order: Order) -> dict[str, int]:
    findings = Findings(read_thresholds(order.settings.findings))
    with order.store.reading() as reader, new_folder(order.target) as folder:
        return write_gobd(reader, order.pool, folder, findings, order.settings.origin, order.dtd, order.progress)


def _ocel(order: Order) -> dict[str, int]:
    with order.store.reading() as reader, new_file(order.target) as draft:
        return write_ocel(reader, order.pool, draft, order.progress)


def _package(order: Order) -> dict[str, int]:
    keys = CheckpointKeys(order.settings.signing_folder, order.settings.origin)
    with new_file(order.target) as draft:
        events = write_package(order.store, keys, order.pool, draft, order.progress)
    hand_over(order.settings, order.store)
    return {"Ereignisse": events}


FORMATS: Mapping[str, Callable[[Order], dict[str, int]]] = {"gobd": _gobd, "ocel": _ocel, "package": _package}


@click.command("export")
@click.option(
    "--format",
    "form",
    metavar="|".join(FORMATS),
    type=click.Choice(list(FORMATS)),
    required=True,
    help="gobd: Ordner mit Tabellen und index.xml für Prüfsoftware wie IDEA; ocel: Datei mit Ereignissen nach OCEL 2.0; "
    "package: Archiv mit allem, was ohne dieses Programm nachzuprüfen ist, und dem Prüfprogramm dazu.",
)
@click.option("--pool", metavar="ID", type=click.UUID, required=True, help="Kennung des Stundenpools.")
@click.option(
    "--dtd",
    metavar="DATEI",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Die DTD des Beschreibungsstandards, die neben index.xml gelegt wird; nur mit gobd.",
)
@click.argument("target", metavar="ZIEL", type=click.Path(path_type=Path))
def export(form: str, pool: UUID, dtd: Path | None, target: Path) -> None:
    """Schreibt einen Stundenpool für Prüfende; personenbezogene Texte fehlen oder bleiben versiegelt.

    ZIEL ist bei gobd ein Ordner, den es noch nicht gibt oder der leer ist, sonst eine Datei, die es noch nicht gibt.
    """
    if dtd is not None and form != "gobd":
        raise click.UsageError("--dtd gibt es nur mit --format gobd.")
    standard = None if dtd is None else _read_dtd(dtd)
    settings = read_settings()
    with opened_store(settings) as store, progress_bar("Ereignisse") as progress:
        with store.reading() as reader:
            pools.must_exist(reader, pool)
        counts = FORMATS[form](Order(settings, store, pool, target, standard, progress))
    for what, count in counts.items():
        click.echo(f"{count:>9}  {what}")


def _read_dtd(file: Path) -> bytes:
    content = file.read_bytes()
    if b"<!ELEMENT DataSet" not in content:
        raise Failed(f"„{file}“ ist nicht die DTD des Beschreibungsstandards.")
    return content
