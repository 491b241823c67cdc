"""``stundenpool audit reanchor``: an old checkpoint under a new hash."""

from pathlib import Path

import click

from application.demonstration import clock_of
from application.proof import anchors
from application.proof.anchors import HASHES, RootDiffers
from application.proof.notes import NoteRefused
from interfaces.cli.commands import Failed
from interfaces.cli.progress import progress_bar
from interfaces.cli.stores import opened_store
from interfaces.settings import read_settings
from interfaces.storage.checkpoint_keys import CheckpointKeys


@click.command("reanchor")
@click.argument("file", metavar="DATEI", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--hash", "name", type=click.Choice(list(HASHES)), default=next(iter(HASHES)), show_default=True, help="Der neue Hash."
)
@click.option("--check", is_flag=True, help="Prüft, ob die Erklärung in DATEI für das Protokoll gilt.")
def command(file: Path, name: str, check: bool) -> None:
    """Erklärt, unterschrieben, welche Wurzel das Protokoll des alten Prüfpunkts in DATEI unter einem anderen Hash hat."""
    settings = read_settings()
    keys = CheckpointKeys(settings.signing_folder, settings.origin)
    with opened_store(settings) as store, store.reading() as reader, progress_bar("Ereignisse") as progress:
        try:
            given = file.read_bytes().decode()
            if check:
                old = anchors.check(reader, given, keys.known(), progress)
                said = f"In Ordnung: Die Erklärung gilt für die ersten {old.size} Ereignisse.\n"
            else:
                said = anchors.reanchored(reader, given, keys.known(), name, keys.signer(), clock_of(reader)(), progress)
        except (NoteRefused, RootDiffers) as refused:
            raise Failed(str(refused)) from refused
        except UnicodeDecodeError as error:
            raise Failed(f"„{file}“ ist kein Text in UTF-8.") from error
    click.echo(said, nl=False)
