"""``stundenpool audit story``."""

from datetime import date, datetime
from typing import get_args

import click
import msgspec

from application.story import Hero, Scene, Story, story
from interfaces.cli.moments import Moment
from interfaces.cli.stores import known, reading

_HEADINGS: dict[Hero, str] = {
    "case": "Geschichte des Falls",
    "booking": "Geschichte des Antrags",
    "worker": "Geschichte der Fachkraft",
    "pool": "Geschichte des Stundenpools",
}


@click.command("story")
@click.argument("of", metavar="|".join(get_args(Hero)), type=click.Choice(get_args(Hero)))
@click.argument("id", metavar="ID")
@click.option("--known-at", metavar="ZEITPUNKT", type=Moment(), help="Wie es damals bekannt war; ein Tag zählt bis zu seinem Ende.")
@click.option("--json", "as_json", is_flag=True, help="Als JSON, mit Minuten.")
def command(of: Hero, id: str, known_at: datetime | date | None, as_json: bool) -> None:
    """Die Geschichte eines Falls, eines Antrags, einer Fachkraft oder eines Stundenpools, in der Reihenfolge des Protokolls.

    ID ist eine Kennung, bei einer Fachkraft ihr Name im Protokoll. Begründungen bleiben verschlossen.
    """
    if of != "worker":
        id = str(click.UUID.convert(id, None, click.get_current_context()))
    with reading() as reader:
        found = story(known(reader, known_at), of, id, limit=None)
    click.echo(msgspec.json.encode(found) if as_json else _readable(found))


def _readable(found: Story) -> str:
    return "\n".join([f"{_HEADINGS[found.of]} {found.id}", "", *map(_told, found.scenes)])


def _told(scene: Scene) -> str:
    told = f"Nr. {scene.line.position}  {scene.line.line}"
    return f"{told}\n      {scene.effect}" if scene.effect else told
