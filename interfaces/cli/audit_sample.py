"""``stundenpool audit sample``."""

from typing import Any
from uuid import UUID

import click
import msgspec

from application import commands, sampling
from application.sampling import SampleView
from domain.sampling import SIZE_MAX
from interfaces.cli.commands import Failed
from interfaces.cli.progress import progress_bar
from interfaces.cli.stores import auditor, reading, service, subject_option
from interfaces.http.bodies import SampleDrawing
from interfaces.http.judging import judged

_pool = click.option("--pool", metavar="ID", type=click.UUID, required=True, help="Kennung des Stundenpools.")
_json = click.option("--json", "as_json", is_flag=True, help="Als JSON.")


@click.group("sample")
def sample() -> None:
    """Stichproben: zufällig gezogene Termine eines Stundenpools, nachprüfbar aus ihrem Startwert."""


@sample.command("draw")
@_pool
@click.option("--size", metavar="ZAHL", type=click.IntRange(1, SIZE_MAX), help="So viele Termine.")
@click.option(
    "--share", "share_percent", metavar="PROZENT", type=click.IntRange(1, 100), help="Oder dieser Anteil der Termine, aufgerundet."
)
@click.option("--provider", metavar="NAME", help="Nur Termine dieses Trägers.")
@click.option("--from", "first_day", metavar="TAG", help="Nur Termine ab diesem Tag (JJJJ-MM-TT).")
@click.option("--to", "last_day", metavar="TAG", help="Nur Termine bis zu diesem Tag (JJJJ-MM-TT).")
@click.option("--seed", metavar="TEXT", help="Startwert, etwa öffentlich gewürfelt; sonst wird einer zufällig gewählt.")
@subject_option
@_json
def draw(subject: str | None, as_json: bool, **wanted: Any) -> None:
    """Zieht eine Stichprobe und verzeichnet sie im Protokoll, mit Startwert, Auswahl und Ergebnis."""
    drawing = judged({name: value for name, value in wanted.items() if value is not None}, SampleDrawing)
    with service() as opened:
        with opened.store.reading() as reader:
            drawn = sampling.draw(reader, **drawing.arguments())
        answer = opened.engine.execute(auditor(subject), lambda turn: commands.draw_sample(turn, pool=drawing.pool, sample=drawn))
    click.echo(answer.body if as_json else _readable(msgspec.json.decode(answer.body, type=SampleView)))


@sample.command("list")
@_pool
@_json
def list_(pool: UUID, as_json: bool) -> None:
    """Alle Stichproben eines Stundenpools."""
    with reading() as reader:
        drawn = sampling.list_samples(reader, pool)
    click.echo(msgspec.json.encode(drawn) if as_json else "\n\n".join(map(_readable, drawn)) or "Keine.")


@sample.command("check")
@click.argument("sample_id", metavar="STICHPROBE", type=click.UUID)
@_pool
def check(sample_id: UUID, pool: UUID) -> None:
    """Zieht eine Stichprobe noch einmal, allein aus dem Protokoll, wie es damals stand."""
    with reading() as reader, progress_bar("Ereignisse") as progress:
        recorded = next((each for each in sampling.list_samples(reader, pool) if each.id == sample_id), None)
        if recorded is None:
            raise Failed("Diese Stichprobe gibt es in dem Stundenpool nicht.")
        again = sampling.drawn_again(reader, recorded, progress)
    if again != recorded:
        raise Failed("Aus dem Protokoll ergibt sich eine andere Stichprobe als verzeichnet.")
    click.echo(f"In Ordnung: dieselben {len(again.sessions)} Termine aus {again.population.size}.")


def _readable(drawn: SampleView) -> str:
    """What was drawn from what, and a line for each session."""
    among = drawn.population
    limits = [f"Träger {among.provider}"] if among.provider is not None else []
    limits += [f"ab {among.first_day:%d.%m.%Y}"] if among.first_day else []
    limits += [f"bis {among.last_day:%d.%m.%Y}"] if among.last_day else []
    limited = f" ({', '.join(limits)})" if limits else ""
    return "\n".join(
        [
            f"Stichprobe {drawn.id}",
            f"Startwert „{drawn.seed}“, Verfahren {drawn.method}",
            f"{len(drawn.sessions)} von {among.size} Terminen{limited}, Stand des Protokolls: Position {among.position}",
            *(f"  {session}" for session in drawn.sessions),
        ]
    )
