"""``stundenpool token``."""

from typing import get_args

import click

from domain.quantities import Role
from interfaces.cli.stores import opened_store
from interfaces.http.security import DAYS, create_token
from interfaces.settings import read_settings


@click.group("token")
def command() -> None:
    """Zugangstoken für die Programmierschnittstelle."""


@command.command("create")
@click.option("--role", required=True, metavar="ROLLE", type=click.Choice(get_args(Role)), help=", ".join(get_args(Role)))
@click.option("--subject", required=True, metavar="NAME", help="Kennung der Person, unter der ihre Vorgänge verzeichnet werden")
@click.option("--provider", metavar="TRÄGER", help="Träger der Person; nötig bei worker und lead, sonst nicht möglich")
@click.option("--days", metavar="TAGE", type=click.IntRange(1, 3650), default=DAYS, show_default=True, help="Gültigkeit")
def create(role: str, subject: str, provider: str | None, days: int) -> None:
    """Stellt ein Token aus und gibt nur dieses aus; aufbewahrt wird es nirgends."""
    with opened_store(read_settings()) as store:
        try:
            token = create_token(store, role=role, subject=subject, provider=provider, days=days)
        except ValueError as wrong:
            raise click.UsageError(str(wrong)) from wrong
    click.echo(token)
