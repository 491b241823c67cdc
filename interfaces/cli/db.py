"""``stundenpool db``: schema, health, backup while running, restore."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from application.log import Store
from application.proof import checkpoints
from interfaces.cli.commands import Failed, note
from interfaces.cli.progress import event_progress, progress_bar
from interfaces.cli.stores import opened_store, store_of
from interfaces.handover.failing import NotHandedOver
from interfaces.handover.witness import Witness
from interfaces.settings import Settings, read_settings
from interfaces.storage.backup import back_up, restore
from interfaces.storage.check import examine
from interfaces.storage.checkpoint_keys import CheckpointKeys
from interfaces.storage.migrate import migrate, schema_state

_KEYS_APART = "Die Schlüssel der Personendaten sind nicht darin: „stundenpool keys backup“ sichert sie."


@click.group("db")
def command() -> None:
    """Datenbank: Schema, Prüfung, Sicherung."""


@command.command("migrate")
def migrate_() -> None:
    """Bringt das Schema auf den Stand dieses Programms; legt die Datenbank auf SQLite an, wo sie fehlt."""
    done = brought_up_to_date(read_settings())
    note("\n".join(done) if done else "Das Schema ist schon auf dem Stand dieses Programms.")


@command.command("check")
def check() -> None:
    """Prüft Schema, Ereignisprotokoll, Einsichten, Belege, Projektionen, Schutz vor Änderungen, Rechte und Schlüssel."""
    _check(read_settings())


@command.command("backup")
@click.argument("file", metavar="DATEI", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Sichert die Datenbank in eine neue DATEI, auch während der Dienst läuft."""
    back_up(read_settings().schema_url, file)
    note(f"Gesichert in „{file}“. {_KEYS_APART}")


@command.command("restore")
@click.argument("file", metavar="DATEI", type=click.Path(path_type=Path))
def restore_(file: Path) -> None:
    """Spielt eine Sicherung in eine leere Datenbank zurück und prüft sie."""
    settings = read_settings()
    restore(settings.schema_url, file)
    for line in brought_up_to_date(settings):
        note(line)
    note(f"Zurückgespielt aus „{file}“. {_KEYS_APART}")
    _check(settings)


def brought_up_to_date(settings: Settings) -> list[str]:
    """What was done so that the schema is this program's; nothing where it was before."""
    with store_of(settings.schema_url, create=True) as store, event_progress() as progress:
        return migrate(store, progress, _service_role(settings))


def _service_role(settings: Settings) -> str | None:
    """The role of the service on PostgreSQL, where another one migrates."""
    service, migrating = _role(settings.database_url), _role(settings.schema_url)
    return service if service != migrating else None


def _role(url: str) -> str | None:
    name = urlsplit(url).username
    return unquote(name) if name else None


def _contradicted(settings: Settings, store: Store) -> list[str]:
    """Checkpoints of the witness that the log contradicts."""
    if not settings.witness or schema_state(store):
        return []
    keys = CheckpointKeys(settings.keystore_folder, settings.origin).known()
    try:
        notes = Witness(Path(settings.witness)).notes()
    except NotHandedOver as failure:
        return [str(failure)]
    with store.reading() as reader:
        against = {name: checkpoints.contradiction(reader, keys, kept) for name, kept in notes.items()}
    return [
        f"Gegen den Prüfpunkt „{name}“ der Prüfung: {contradiction}" for name, contradiction in against.items() if contradiction
    ]


def _check(settings: Settings) -> None:
    apart = _service_role(settings) is not None
    with opened_store(settings) as store, progress_bar("Ereignisse") as progress:
        examined = examine(store, settings.keystore_folder, rights_apart=apart, progress=progress)
        examined.findings += _contradicted(settings, store)
    for remark in examined.notes:
        click.echo(f"Hinweis: {remark}")
    for finding in examined.findings:
        click.echo(f"FEHLER: {finding}")
    if examined.findings:
        raise Failed(f"{len(examined.findings)} Mängel gefunden." if len(examined.findings) > 1 else "Ein Mangel gefunden.")
    click.echo(f"In Ordnung: {examined.events} Ereignisse, lückenlos und lesbar.")
