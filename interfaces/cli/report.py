"""``stundenpool report``."""

from datetime import date, datetime
from itertools import groupby
from uuid import UUID

import click
import msgspec

from application.projections.evaluation import evaluation
from application.projections.figures import SECTIONS
from application.projections.pools import pool as read_pool
from application.views import Evaluation, Unit
from domain.quantities import hours
from interfaces.cli.moments import Moment, spoken
from interfaces.cli.stores import known, reading
from interfaces.evaluation_csv import evaluation_csv


@click.group("report")
def command() -> None:
    """Berichte."""


@command.command("evaluation")
@click.option("--pool", metavar="ID", type=click.UUID, required=True, help="Kennung des Stundenpools.")
@click.option("--known-at", metavar="ZEITPUNKT", type=Moment(), help="Wie es damals bekannt war; ein Tag zählt bis zu seinem Ende.")
@click.option("--json", "as_json", is_flag=True, help="Als JSON, mit allen Gruppen und Definitionen.")
@click.option("--csv", "as_csv", is_flag=True, help="Als CSV, mit allen Gruppen.")
def evaluate(pool: UUID, known_at: datetime | date | None, as_json: bool, as_csv: bool) -> None:
    """Kennzahlen der Auswertung eines Stundenpools.

    Kleine Zahlen sind nicht unterdrückt: Vor einer Veröffentlichung sind Werte unter 5 zu unterdrücken.
    """
    if as_json and as_csv:
        raise click.UsageError("--json und --csv schließen einander aus.")
    with reading() as reader:
        past = known(reader, known_at)
        name = read_pool(past, pool).name
        found = evaluation(past, pool)
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif as_csv:
        click.echo(evaluation_csv(found), nl=False)
    else:
        then = f", bekannt {spoken(known_at)}" if known_at else ""
        click.echo(f"Auswertung „{name}“{then}, Stand des Protokolls: Position {found.position}\n{_readable(found)}")


def _readable(found: Evaluation) -> str:
    """The figures over the whole pool, section by section."""
    width = max(len(figure.label) for figure in found.figures)
    said = {figure.figure: value_of(figure.unit, figure.value) for figure in found.figures}
    right = max(map(len, said.values()))
    return "\n".join(
        line
        for section, figures in groupby(found.figures, key=lambda figure: figure.section)
        for line in (
            f"\n{SECTIONS[section]}",
            *(f"  {figure.label.ljust(width)}  {said[figure.figure].rjust(right)}" for figure in figures),
        )
    )


def value_of(unit: Unit, value: int | None) -> str:
    """A figure as people read it; of what there is not, a dash."""
    if value is None:
        return "–"
    match unit:
        case "minutes":
            return hours(value)
        case "elapsed_minutes":
            return _elapsed(value)
        case "percent":
            return f"{value} %"
        case _:
            return f"{value:,}".replace(",", ".")


def _elapsed(minutes: int) -> str:
    """A duration by the clock as people say it: 1530 → ``1 Tag 1,50 Std.``"""
    days, rest = divmod(abs(minutes), 24 * 60)
    said = [f"{days} {'Tag' if days == 1 else 'Tage'}"] if days else []
    if rest or not days:
        said.append(hours(rest))
    return ("-" if minutes < 0 else "") + " ".join(said)
