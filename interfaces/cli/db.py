"""``stundenpool db``: schema, health, backup while running, restore."""

import getpass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from application.engine import utc_now
from application.log import Store
from application.privacy import KeyStoreDamaged
from application.proof import checkpoints
from interfaces.cli.commands import Failed, note
from interfaces.cli.progress import event_progress, progress_bar
from interfaces.cli.stores import opened_store, store_of
from interfaces.handover.failing import NotHandedOver
from interfaces.handover.witness import Witness
from interfaces.identity.restored import end_sessions
from interfaces.service import open_service
from interfaces.settings import Settings, read_settings
from interfaces.storage.backup import back_up, restore
from interfaces.storage.check import examine
from interfaces.storage.checkpoint_keys import CheckpointKeys
from interfaces.storage.migrate import migrate, schema_state

_AS_THEY_WERE = (
    "Alle Sitzungen sind beendet. Konten und Zugangstoken gelten wieder, wie sie bei der Sicherung galten: Was seither gesperrt, "
    "abgeschaltet oder widerrufen wurde, muss es noch einmal werden („stundenpool account list“, „stundenpool token list“)."
)
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
    with opened_store(settings) as store, store.turn() as turn:
        end_sessions(turn, utc_now(), getpass.getuser())
    note(f"Zurückgespielt aus „{file}“. {_KEYS_APART}")
    note(_AS_THEY_WERE)
    _erase_again(settings)
    _check(settings)


def _erase_again(settings: Settings) -> None:
    """What was erased since the backup."""
    if not settings.ledger_file.exists():
        return
    try:
        with open_service(settings) as service:
            service.erasing.settle(service.engine)
    except KeyStoreDamaged:
        note("Die Schlüssel sind noch nicht da: Das Löschverzeichnis gilt, sobald „stundenpool keys restore“ sie zurückgelegt hat.")
    else:
        note("Was seit der Sicherung gelöscht wurde, ist nach dem Löschverzeichnis wieder gelöscht.")


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
    keys = CheckpointKeys(settings.signing_folder, settings.origin).known()
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
        examined = examine(store, settings.keystore, settings.master_key, rights_apart=apart, progress=progress)
        examined.findings += _contradicted(settings, store)
    for remark in examined.notes:
        click.echo(f"Hinweis: {remark}")
    for finding in examined.findings:
        click.echo(f"FEHLER: {finding}")
    if examined.findings:
        raise Failed(f"{len(examined.findings)} Mängel gefunden." if len(examined.findings) > 1 else "Ein Mangel gefunden.")
    click.echo(f"In Ordnung: {examined.events} Ereignisse, lückenlos und lesbar.")
