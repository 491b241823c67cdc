"""``stundenpool audit reads``."""

from datetime import date, datetime
from uuid import UUID

import click
import msgspec

from application.projections.trail_lines import person
from application.reads import PURPOSES, ReadEntry, list_reads
from domain.quantities import Actor, berlin_time, start_of_day
from interfaces.cli.moments import Moment
from interfaces.cli.stores import reading


@click.command("reads")
@click.option("--case", metavar="ID", type=click.UUID, help="Nur Einsichten in Texte dieses Falls.")
@click.option("--subject", metavar="NAME", help="Nur Einsichten dieser Person.")
@click.option("--since", metavar="ZEITPUNKT", type=Moment(), help="Nur Einsichten seither; ein Tag zählt von seinem Beginn an.")
@click.option("--limit", metavar="ZAHL", type=click.IntRange(min=1), default=100, show_default=True, help="Höchstens so viele.")
@click.option("--json", "as_json", is_flag=True, help="Als JSON.")
def command(case: UUID | None, subject: str | None, since: datetime | date | None, limit: int, as_json: bool) -> None:
    """Einsichten: wer wann wessen Texte von wo wofür gelesen hat, die letzte zuerst. Kein Text steht darin."""
    first = since if since is None or isinstance(since, datetime) else start_of_day(since)
    with reading() as reader:
        found, _ = list_reads(reader, case=case, subject=subject, since=first, after=None, limit=limit)
    click.echo(msgspec.json.encode(found) if as_json else "\n".join(map(_readable, found)) or "Keine.")


def _readable(read: ReadEntry) -> str:
    """Nr. 12  03.12.2021, 14:30 – amt-1 (Sachbearbeitung, Jugendamt), Fallbearbeitung: Fall …: name, notes (2) …"""
    by = person(Actor(read.subject, read.role, read.organisation))
    number = f"Nr. {read.number}  " if read.number is not None else ""
    purpose = f", {PURPOSES[read.purpose]}" if read.purpose else ""
    whose = f"Fall {read.case}" if read.case else "Begründungen des Amts"
    texts = ", ".join(name if times == 1 else f"{name} ({times})" for name, times in read.texts.items())
    origin = f", von {read.address}" if read.address else ""
    return f"{number}{berlin_time(read.at):%d.%m.%Y, %H:%M} – {by}{purpose}: {whose}{texts and f': {texts}'} – {read.path}{origin}"
