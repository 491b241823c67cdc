"""``stundenpool audit explain``."""

import click
import msgspec

from application.explain import Counting, Explanation, OfEvaluation, Part, explain, figure_of, prove
from application.projections.trail_lines import name_of
from interfaces.cli.report import value_of
from interfaces.cli.stores import known, reading

_TOTALS: dict[Counting, str] = {"sum": "zusammen", "share": "Anteil", "mean": "Mittel", "quantile": "Quantil"}


@click.command("explain")
@click.argument("figure", metavar="ZAHL")
@click.option("--json", "as_json", is_flag=True, help="Als JSON, mit einem Beweis für jedes Ereignis.")
def command(figure: str, as_json: bool) -> None:
    """Woraus eine Zahl entsteht: jedes Ereignis, das zu ihr beiträgt, mit seiner Position im Protokoll.

    ZAHL ist ihr Name, bei Salden pool/KENNUNG/ und dann budget, granted, released, consumed, reserved oder available, bei der
    Auswertung evaluation/KENNUNG/ und dann die Kennzahl. Dahinter kann stehen, was sie eingrenzt, wie
    ?by=district:stadtraum-01&as_of=2022-03-31&known_at=2022-04-05. Im Terminal gehört der Name in Anführungszeichen.
    """
    with reading() as reader:
        wanted = figure_of(figure)
        found = explain(known(reader, wanted.known_at) if isinstance(wanted, OfEvaluation) else reader, wanted, limit=None)
        click.echo(msgspec.json.encode(prove(reader, found)) if as_json else _readable(found))


def _readable(found: Explanation) -> str:
    lines = [f"{found.label}: {value_of(found.unit, found.value)}", found.definition, f"Name: {found.figure}", ""]
    rows = [_row(found, part) for part in found.parts]
    rows.append(("", _TOTALS[found.counting], "", "", "", value_of(found.unit, found.value)))
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines += [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, wide[:-1], strict=False)), row[-1].rjust(wide[-1])])
        for row in rows
    ]
    return "\n".join(lines)


def _row(found: Explanation, part: Part) -> tuple[str, ...]:
    return (
        ", ".join(str(event.position) for event in part.events),
        ", ".join(name_of(event.type) for event in part.events),
        f"{part.day:%d.%m.%Y}" if part.day else "",
        part.reference or "",
        part.provider or "",
        value_of(found.unit, part.amount) if part.of is None else f"{part.amount} von {part.of}",
    )
