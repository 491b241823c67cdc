"""``stundenpool pool``."""

import re
import tomllib
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import click
import msgspec

from application import commands
from application.views import PoolView
from domain.refusals import Malformed
from interfaces.cli.commands import Failed
from interfaces.cli.stores import officer, service, subject_option
from interfaces.http.bodies import PoolOpening
from interfaces.http.judging import judged
from interfaces.http.problems import Problem


@click.group("pool")
def command() -> None:
    """Stundenpools."""


@command.command("open")
@click.argument("file", metavar="DATEI.toml", type=click.Path(path_type=Path))
@subject_option
def open_(file: Path, subject: str | None) -> None:
    """Eröffnet einen Stundenpool und gibt nur seine Kennung aus.

    Die DATEI hat die Angaben von POST /pools: name, budget_minutes, [period] mit start und end, [rules].
    """
    opening = _described(file)
    with service() as opened:
        answer = opened.engine.execute(officer(subject), lambda turn: commands.open_pool(turn, **opening.arguments()))
    if answer.outcome != "created":
        raise Failed(f"{file}: {msgspec.json.decode(answer.body, type=Problem).detail}")
    click.echo(str(msgspec.json.decode(answer.body, type=PoolView).id))


def _described(file: Path) -> PoolOpening:
    try:
        return judged(_json_like(tomllib.loads(file.read_text(encoding="utf-8"))), PoolOpening)
    except OSError as error:
        raise Failed(f"„{file}“ lässt sich nicht lesen ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise Failed(f"{file}, Byte {error.start + 1}: kein gültiges UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+), column (\d+)", str(error))
        place = f", Zeile {found[1]}, Zeichen {found[2]}" if found else " (am Ende)"
        raise Failed(f"{file}{place}: kein gültiges TOML.") from error
    except Malformed as error:
        raise Failed(f"{file}, {error.facts['place']}: {error.facts['problem']}.") from error


def _json_like(value: Any) -> Any:
    """What TOML says with a type of its own becomes the text that JSON has for it, so that both are judged alike."""
    if isinstance(value, dict):
        return {name: _json_like(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_json_like(each) for each in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value
