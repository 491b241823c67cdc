"""``stundenpool config check``."""

import click

from interfaces.cli.commands import Failed
from interfaces.settings import Stated, Unknown, examine_settings, read_settings


@click.group("config")
def command() -> None:
    """Einstellungen dieser Installation."""


@command.command("check")
def check() -> None:
    """Zeigt jede Einstellung mit ihrer Herkunft und sagt, was an ihr falsch ist; Kennwörter bleiben verdeckt."""
    stated, unknown = examine_settings()
    for setting in stated:
        click.echo(_described(setting))
    for variable in unknown:
        click.echo(f"{variable.variable}  [{variable.source}]\n    FALSCH: {_unknown(variable)}")
    wrong = len(unknown) + sum(setting.problem is not None for setting in stated)
    if wrong:
        raise Failed("Eine Einstellung ist falsch." if wrong == 1 else f"{wrong} Einstellungen sind falsch.")
    read_settings()  # says where one lacks another


def _described(setting: Stated) -> str:
    lines = [f"{setting.variable} = {setting.value or '–'}  [{setting.source}]", f"    {setting.meaning}"]
    if setting.problem is not None:
        lines.append(f"    FALSCH: {setting.problem}")
    return "\n".join(lines)


def _unknown(variable: Unknown) -> str:
    return "diese Einstellung gibt es nicht" + (f"; gemeint ist vermutlich {variable.meant}" if variable.meant else "")
