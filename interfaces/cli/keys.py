"""``stundenpool keys``: what the keys of personal data need in the course of their lives."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from interfaces.cli.commands import note
from interfaces.settings import read_settings
from interfaces.storage.keystore import open_keystore
from interfaces.storage.keystore.backup import back_up_keys, restore_keys
from interfaces.storage.keystore.wrapped import Opening, WrappedKeyStore
from interfaces.storage.ledger import ErasureLedger

_file = click.Path(path_type=Path)


@click.group("keys")
def command() -> None:
    """Schlüssel der Personendaten: Prüfung, neuer Hauptschlüssel, Sicherung."""


@contextmanager
def _keystore(opening: Opening) -> Iterator[WrappedKeyStore]:
    settings = read_settings()
    with closing(open_keystore(settings.keystore, settings.master_key, opening)) as store:
        yield store


@command.command("check")
def check() -> None:
    """Öffnet jeden Schlüssel mit dem Hauptschlüssel und zählt, was da ist und was gelöscht wurde."""
    with _keystore("used") as store:
        contents = store.contents()
    click.echo(f"In Ordnung. Schlüssel: {len(contents.wrapped)}, gelöscht: {len(contents.erased)}.")


@command.command("rotate")
def rotate() -> None:
    """Ersetzt den Hauptschlüssel und zerstört den alten, auch während der Dienst läuft; am Protokoll ändert sich nichts."""
    with _keystore("used") as store:
        count = store.rotate()
    note(f"{count} Schlüssel liegen jetzt unter einem neuen Hauptschlüssel.")
    note("Ältere Sicherungen der Schlüssel sind wertlos: bitte sofort neu sichern, auch den Hauptschlüssel.")


@command.command("backup")
@click.argument("file", metavar="DATEI", type=_file)
@click.option(
    "--recipient", metavar="PEM", type=_file, required=True, help="Öffentlicher Schlüssel (X25519), für den gesichert wird."
)
def backup(file: Path, recipient: Path) -> None:
    """Sichert die Schlüssel verschlüsselt in eine neue DATEI, auch während der Dienst läuft."""
    with _keystore("used") as store:
        count = back_up_keys(store, file, recipient)
    note(f"{count} Schlüssel gesichert in „{file}“. Ohne den Hauptschlüssel ist die Datei wertlos: ihn an anderem Ort verwahren.")


@command.command("restore")
@click.argument("file", metavar="DATEI", type=_file)
@click.option("--private", metavar="PEM", type=_file, required=True, help="Privater Schlüssel dessen, für den gesichert wurde.")
def restore(file: Path, private: Path) -> None:
    """Ergänzt aus einer Sicherung, was fehlt; überschreibt keinen Schlüssel und bringt keinen gelöschten zurück."""
    locked = private.is_file() and b"ENCRYPTED" in private.read_bytes()
    passphrase = click.prompt("Kennwort des privaten Schlüssels", hide_input=True, err=True) if locked else ""
    erased = {name for entry in ErasureLedger(read_settings().ledger_file).entries() for name in entry.keys}
    with _keystore("restore") as store:
        restore_keys(store, file, private, passphrase, erased)
    again = f" Nach dem Löschverzeichnis bleiben {len(erased)} Schlüssel vernichtet." if erased else ""
    note(f"Zurückgelegt aus „{file}“.{again}")
