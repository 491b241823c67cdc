"""``stundenpool token``."""

import getpass
from datetime import datetime
from typing import get_args
from uuid import UUID

import click
import msgspec

from application.engine import utc_now
from domain.quantities import BERLIN, Role
from interfaces.cli.commands import note
from interfaces.cli.stores import opened_store, reading
from interfaces.identity import tokens
from interfaces.identity.tokens import DAYS, Scope, TokenView, create_token
from interfaces.settings import read_settings


@click.group("token")
def command() -> None:
    """Zugangstoken für die Programmierschnittstelle."""


@command.command("create")
@click.option("--role", required=True, metavar="ROLLE", type=click.Choice(get_args(Role)), help=", ".join(get_args(Role)))
@click.option("--subject", required=True, metavar="NAME", help="Kennung der Person, unter der ihre Vorgänge verzeichnet werden")
@click.option("--provider", metavar="TRÄGER", help="Träger der Person; nötig bei worker und lead, sonst nicht möglich")
@click.option("--days", metavar="TAGE", type=click.IntRange(1, 3650), default=DAYS, show_default=True, help="Gültigkeit")
@click.option(
    "--scope",
    metavar="UMFANG",
    type=click.Choice(get_args(Scope)),
    default="full",
    show_default=True,
    help="full: alles, was die Rolle darf; read: nur lesen; events: nur die Ereignisse des Protokolls",
)
def create(role: str, subject: str, provider: str | None, days: int, scope: Scope) -> None:
    """Stellt ein Token aus und gibt nur dieses aus; aufbewahrt wird es nirgends."""
    with opened_store(read_settings()) as store:
        try:
            token = create_token(store, role=role, subject=subject, provider=provider, days=days, scope=scope, by=getpass.getuser())
        except ValueError as wrong:
            raise click.UsageError(str(wrong)) from wrong
    click.echo(token)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Als JSON.")
def list_(as_json: bool) -> None:
    """Zeigt alle Token, auch abgelaufene und widerrufene; keines lässt sich daraus gewinnen."""
    with reading() as reader:
        found = tokens.views(reader)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for token in found:
        who = f"{token.role}, {token.provider}" if token.provider else token.role
        click.echo(f"{token.id}  {token.subject} ({who})\n    {_state(token)}")


@command.command("revoke")
@click.argument("id", metavar="KENNUNG", type=click.UUID)
def revoke(id: UUID) -> None:
    """Widerruft ein Token; laufende Prozesse glauben ihm noch höchstens fünf Sekunden."""
    with opened_store(read_settings()) as store, store.turn() as turn:
        revoked = tokens.revoke(turn, id, utc_now(), getpass.getuser())
    note(f"Widerrufen: Token von {revoked.subject}.")


def _state(token: TokenView) -> str:
    said = [f"Umfang {token.scope}", f"ausgestellt {_moment(token.created_at)}"]
    if token.expires_at is not None:
        over = token.expires_at <= utc_now()
        said.append(f"{'abgelaufen' if over else 'gilt bis'} {_moment(token.expires_at)}")
    said.append("nie benutzt" if token.used_at is None else f"zuletzt benutzt {_moment(token.used_at)}")
    if token.revoked_at is not None:
        said.append(f"widerrufen {_moment(token.revoked_at)}")
    return ", ".join(said)


def _moment(instant: datetime) -> str:
    return f"{instant.astimezone(BERLIN):%d.%m.%Y, %H:%M}"
