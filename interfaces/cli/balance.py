"""``stundenpool balance``."""

from datetime import date, datetime
from typing import Literal, get_args
from uuid import UUID

import click
import msgspec

from application.projections.balances import balance
from application.projections.pools import pool as read_pool
from application.views import Balance, Group
from domain.quantities import hours
from interfaces.cli.moments import Moment, spoken
from interfaces.cli.stores import reading
from interfaces.cli.tables import aligned

By = Literal["district", "provider", "case", "month"]

_HEADINGS = {"district": "Stadtraum", "provider": "Träger", "case": "Fall", "month": "Monat"}


@click.command("balance")
@click.argument("pool", metavar="POOL", type=click.UUID)
@click.option("--as-of", metavar="TAG", type=Moment(), help="Was bis dahin geschehen ist; ein Tag zählt bis zu seinem Ende.")
@click.option("--known-at", metavar="ZEITPUNKT", type=Moment(), help="Wie man es damals wusste.")
@click.option("--by", metavar="|".join(get_args(By)), type=click.Choice(get_args(By)), help="Auch aufgeteilt.")
@click.option("--json", "as_json", is_flag=True, help="Als JSON, in Minuten.")
def command(pool: UUID, as_of: datetime | date | None, known_at: datetime | date | None, by: By | None, as_json: bool) -> None:
    """Saldo eines Stundenpools, in beiden Zeiten."""
    with reading() as reader:
        name = read_pool(reader, pool).name
        found = balance(reader, pool, as_of, known_at, by)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    click.echo(f"Stundenpool „{name}“{_when(as_of, known_at)}\n")
    click.echo(aligned(_sums(found)))
    if by is not None:
        click.echo("\n" + aligned([(_HEADINGS[by], *_GROUP_COLUMNS), *map(_group, found.groups or ())]))


_GROUP_COLUMNS = ("bewilligt", "reserviert", "geleistet", "zurückgegeben")


def _sums(found: Balance) -> list[tuple[str, ...]]:
    return [
        ("Kontingent", hours(found.budget)),
        ("bewilligt", hours(found.granted)),
        ("reserviert", hours(found.reserved)),
        ("geleistet", hours(found.consumed)),
        ("zurückgegeben", hours(found.released)),
        ("verfügbar", hours(found.available)),
    ]


def _group(group: Group) -> tuple[str, ...]:
    return (group.key, *map(hours, (group.granted, group.reserved, group.consumed, group.released)))


def _when(as_of: datetime | date | None, known_at: datetime | date | None) -> str:
    said = [f"{word} {spoken(when)}" for word, when in (("bis", as_of), ("bekannt", known_at)) if when is not None]
    return f", {', '.join(said)}" if said else ""
