"""``stundenpool keys``: a backup of their own for the keys of personal data, and the way back."""

from pathlib import Path

import click

from interfaces.cli.commands import note
from interfaces.settings import read_settings
from interfaces.storage.backup import back_up_keys, restore_keys
from interfaces.storage.ledger import ErasureLedger


@click.group("keys")
def command() -> None:
    """Schlüssel der Personendaten: Sicherung."""


@command.command("backup")
@click.argument("file", metavar="DATEI", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Sichert die verschlüsselten Schlüssel in eine neue DATEI, auch während der Dienst läuft."""
    back_up_keys(read_settings().keystore_folder, file)
    note(f"Gesichert in „{file}“. Ohne den Hauptschlüssel master.key ist die Datei wertlos: ihn einmal an anderem Ort verwahren.")


@command.command("restore")
@click.argument("file", metavar="DATEI", type=click.Path(path_type=Path))
def restore(file: Path) -> None:
    """Legt eine Sicherung der Schlüssel zu ihrem Hauptschlüssel zurück; überschreibt keine Schlüssel."""
    settings = read_settings()
    erased = {name for entry in ErasureLedger(settings.ledger_file).entries() for name in entry.keys}
    restore_keys(settings.keystore_folder, file, erased)
    again = f" Nach dem Löschverzeichnis sind {len(erased)} Schlüssel wieder vernichtet." if erased else ""
    note(f"Zurückgelegt aus „{file}“.{again}")
