"""``stundenpool account``."""

import getpass
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar, get_args

import click
import msgspec

from application.engine import utc_now
from application.log import Transaction
from application.privacy import Keyring
from domain.quantities import Role
from interfaces.cli.commands import note
from interfaces.cli.stores import opened_store, reading
from interfaces.identity import accounts
from interfaces.identity.accounts import FIRST_PASSWORD, AccountView
from interfaces.settings import read_settings
from interfaces.storage.keystore import open_keystore

T = TypeVar("T")

_STATES = {"active": "aktiv", "locked": "gesperrt", "disabled": "abgeschaltet"}

name_argument = click.argument("name", metavar="NAME")
role_option = click.option(
    "--role", required=True, metavar="ROLLE", type=click.Choice(get_args(Role)), help=", ".join(get_args(Role))
)
provider_option = click.option(
    "--provider", metavar="TRÄGER", help="Träger der Person; nötig bei worker und lead, sonst nicht möglich"
)


@click.group("account")
def command() -> None:
    """Konten von Menschen, die sich mit Passwort und zweitem Faktor anmelden."""


@command.command("create")
@click.option("--name", required=True, metavar="NAME", help="Anmeldename; Groß- und Kleinschreibung zählt nicht")
@role_option
@click.option("--subject", metavar="KENNUNG", help="Kennung, unter der ihre Vorgänge verzeichnet werden; sonst der Anmeldename")
@provider_option
def create(name: str, role: str, subject: str | None, provider: str | None) -> None:
    """Legt ein Konto an und gibt nur sein erstes Passwort aus; bei der Anmeldung wählt die Person ein eigenes."""
    password = _with_keys(
        lambda tx, keyring: accounts.create(
            tx, keyring, utc_now(), getpass.getuser(), name=name, role=role, subject=subject, provider=provider
        )
    )
    _hand_out(password)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Als JSON.")
def list_(as_json: bool) -> None:
    """Zeigt alle Konten."""
    with reading() as reader:
        found = accounts.views(reader)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for account in found:
        click.echo(f"{account.name}  {_described(account)}")


@command.command("lock")
@name_argument
def lock(name: str) -> None:
    """Sperrt ein Konto, bis es entsperrt wird, und beendet seine Sitzungen."""
    _changed(lambda tx: accounts.lock(tx, utc_now(), getpass.getuser(), name))
    note(f"Gesperrt: {name}. Zugangstoken der Person gelten weiter; „stundenpool token list“ zeigt sie.")


@command.command("unlock")
@name_argument
def unlock(name: str) -> None:
    """Entsperrt ein Konto."""
    _changed(lambda tx: accounts.unlock(tx, utc_now(), getpass.getuser(), name))
    note(f"Entsperrt: {name}.")


@command.command("disable")
@name_argument
def disable(name: str) -> None:
    """Schaltet ein Konto für immer ab, beendet seine Sitzungen und widerruft die Zugangstoken der Person."""
    revoked = _changed(lambda tx: accounts.disable(tx, utc_now(), getpass.getuser(), name))
    note(f"Abgeschaltet: {name}. Widerrufene Zugangstoken: {revoked}.")


@command.command("change")
@name_argument
@role_option
@provider_option
def change(name: str, role: str, provider: str | None) -> None:
    """Gibt einem Konto eine andere Rolle, beendet seine Sitzungen und widerruft die Zugangstoken der bisherigen."""
    revoked = _changed(lambda tx: accounts.change_role(tx, utc_now(), getpass.getuser(), name, role=role, provider=provider))
    note(f"Geändert: {name}. Widerrufene Zugangstoken: {revoked}.")


@command.command("reset-password")
@name_argument
def reset_password(name: str) -> None:
    """Gibt ein neues erstes Passwort aus, sonst nichts; der zweite Faktor bleibt."""
    _hand_out(_with_keys(lambda tx, keyring: accounts.reset_password(tx, keyring, utc_now(), getpass.getuser(), name)))


@command.command("reset-second-factor")
@name_argument
def reset_second_factor(name: str) -> None:
    """Bei der nächsten Anmeldung richtet die Person einen neuen zweiten Faktor ein."""
    _changed(lambda tx: accounts.reset_second_factor(tx, utc_now(), getpass.getuser(), name))
    note(f"Zurückgesetzt: zweiter Faktor von {name}. Vorher muss feststehen, dass wirklich diese Person darum gebeten hat.")


@command.command("sign-out")
@click.argument("subject", metavar="KENNUNG")
@provider_option
def sign_out(subject: str, provider: str | None) -> None:
    """Beendet alle Sitzungen einer Person, auch wenn sie sich bei der Anmeldestelle angemeldet hat."""
    ended = _changed(lambda tx: accounts.sign_out(tx, utc_now(), getpass.getuser(), subject, provider))
    note(f"Beendete Sitzungen: {ended}. Wer dort oder hier ein Konto hat, kann sich wieder anmelden, bis es gesperrt ist.")


@command.command("block")
@click.argument("subject", metavar="KENNUNG")
@provider_option
def block(subject: str, provider: str | None) -> None:
    """Sperrt eine Person auf allen Wegen, auch über die Anmeldestelle und mit Token, und beendet ihre Sitzungen."""
    ended = _changed(lambda tx: accounts.block(tx, utc_now(), getpass.getuser(), subject, provider))
    note(f"Gesperrt: {subject}. Beendete Sitzungen: {ended}. Laufende Prozesse glauben Token noch höchstens fünf Sekunden.")


@command.command("unblock")
@click.argument("subject", metavar="KENNUNG")
@provider_option
def unblock(subject: str, provider: str | None) -> None:
    """Hebt die Sperre einer Kennung auf."""
    _changed(lambda tx: accounts.unblock(tx, utc_now(), getpass.getuser(), subject, provider))
    note(f"Entsperrt: {subject}.")


def _changed(change: Callable[[Transaction], T]) -> T:
    with opened_store(read_settings()) as store, store.turn() as turn:
        return change(turn)


def _with_keys(change: Callable[[Transaction, Keyring], T]) -> T:
    with closing(open_keystore(read_settings().keystore)) as keys:
        return _changed(lambda tx: change(tx, Keyring(keys)))


def _hand_out(password: str) -> None:
    click.echo(password)
    note(f"Gilt {FIRST_PASSWORD.days} Tage, bis bei der Anmeldung ein eigenes gewählt wird; gezeigt wird es nur jetzt.")


def _described(account: AccountView) -> str:
    said = [f"{account.role}, {account.provider}" if account.provider else account.role, _STATES[account.state]]
    if account.subject != account.name:
        said.insert(0, f"verzeichnet als {account.subject}")
    if not account.password_chosen:
        said.append("hat noch kein eigenes Passwort")
    if not account.second_factor:
        said.append("hat noch keinen zweiten Faktor")
    return ", ".join(said)
