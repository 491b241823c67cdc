"""``stundenpool audit compare``."""

from datetime import date, datetime
from uuid import UUID

import click
import msgspec

from application.compare import Change, Comparison, Manner, compare
from application.explain import LABELS
from application.projections.pools import pool as read_pool
from application.projections.trail_lines import clock, person
from domain.quantities import hours
from interfaces.cli.moments import Moment, spoken
from interfaces.cli.stores import reading
from interfaces.cli.tables import aligned

_MANNERS: dict[Manner, str] = {"late": "nachgetragen", "corrected": "korrigiert", "reversed": "storniert"}


@click.command("compare")
@click.option("--pool", metavar="ID", type=click.UUID, required=True, help="Kennung des Stundenpools.")
@click.option(
    "--from", "first", metavar="ZEITPUNKT", type=Moment(), required=True, help="Der frühere; ein Tag zählt bis zu seinem Ende."
)
@click.option("--to", "second", metavar="ZEITPUNKT", type=Moment(), required=True, help="Der spätere.")
@click.option("--json", "as_json", is_flag=True, help="Als JSON, in Minuten.")
def command(pool: UUID, first: datetime | date, second: datetime | date, as_json: bool) -> None:
    """Was bis zum ersten Zeitpunkt geschehen war: wie es damals bekannt war und wie zum zweiten.

    Dazu alles, was dazwischen über die Zeit davor verzeichnet wurde: nachgetragen, korrigiert oder storniert.
    """
    with reading() as reader:
        name = read_pool(reader, pool).name
        found = compare(reader, pool, first, second, limit=None)
    click.echo(msgspec.json.encode(found) if as_json else _readable(name, first, second, found))


def _readable(name: str, first: datetime | date, second: datetime | date, found: Comparison) -> str:
    heading = ("", f"bekannt {spoken(first)}", f"bekannt {spoken(second)}", "Unterschied")
    rows = [(each.label, hours(each.then), hours(each.now), _signed(each.difference)) for each in found.figures]
    lines = [f"Stundenpool „{name}“, was bis {spoken(first)} geschehen war", "", aligned([heading, *rows]), ""]
    lines.append(
        "Dazwischen wurde über die Zeit davor verzeichnet:" if found.changes else "Dazwischen wurde darüber nichts verzeichnet."
    )
    return "\n".join([*lines, *map(_line, found.changes)])


def _line(change: Change) -> str:
    minutes = ", ".join(f"{LABELS[kind]} {_signed(minutes)}" for kind, minutes in change.minutes.items())
    about = f" [Fall „{change.reference}“, Träger {change.provider}]" if change.reference else ""
    heading = f"Nr. {change.position}, {_MANNERS[change.manner]}, {minutes}"
    return f"{heading}: {clock(change.recorded_at)} – {person(change.actor)} {change.deed}{about}."


def _signed(minutes: int) -> str:
    return f"+{hours(minutes)}" if minutes > 0 else hours(minutes)
