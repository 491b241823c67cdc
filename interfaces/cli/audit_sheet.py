"""``stundenpool audit sheet``: a checkpoint on paper."""

from pathlib import Path

import click

from application.log import Store
from application.proof import checkpoints
from application.proof.notes import NoteRefused
from interfaces.cli.commands import Failed, note
from interfaces.cli.issuing import issued_now
from interfaces.cli.stores import opened_store
from interfaces.handover.sheet import sheet
from interfaces.settings import read_settings
from interfaces.storage.checkpoint_keys import CheckpointKeys


@click.command("sheet")
@click.argument("file", metavar="DATEI", type=click.Path(path_type=Path))
@click.option("--size", metavar="GRÖSSE", type=click.IntRange(min=0), help="Ein früher ausgegebener; sonst der von jetzt.")
def command(file: Path, size: int | None) -> None:
    """Schreibt einen Prüfpunkt als Blatt zum Unterschreiben in eine neue DATEI (PDF), mit QR-Code und der Datei darin."""
    settings = read_settings()
    keys = CheckpointKeys(settings.signing_folder, settings.origin)
    with opened_store(settings) as store:
        stated = issued_now(settings, store, keys.signer()) if size is None else _issued(store, size)
    try:
        made = sheet(stated, keys.known())
        with file.open("xb") as written:
            written.write(made)
    except NoteRefused as refused:
        raise Failed(f"Der Prüfpunkt wurde verändert, nachdem er ausgegeben war: {refused}") from refused
    except OSError as error:
        raise Failed(f"„{file}“ lässt sich nicht als neue Datei schreiben ({error.strerror}).") from error
    note(f"Geschrieben in „{file}“. Bitte zweimal ausdrucken und beide unterschreiben.")


def _issued(store: Store, size: int) -> str:
    with store.reading() as reader:
        found = [each.note for each in checkpoints.issued(reader) if each.size == size]
    if not found:
        raise Failed(f"Über {size} Ereignisse wurde kein Prüfpunkt ausgegeben; „stundenpool audit checkpoint --issued“ zeigt alle.")
    return found[-1]
