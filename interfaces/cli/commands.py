"""What all commands have in common: they are loaded when they are called, and they fail with one German sentence."""

from collections.abc import Mapping
from importlib import import_module
from typing import IO, Any

import click

from application.collecting import uncollected


class Failed(click.ClickException):
    """Refused or differing: the reason on stderr, exit status 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Fehler: {self.message}", file=file, err=file is None)


class Commands(click.Group):
    """Loads a command's module when the command is called: starting the web framework to print a token would be slow.

    The command stands in its module under the name ``command``.
    """

    def __init__(self, *, modules: Mapping[str, str], **settings: Any) -> None:
        super().__init__(options_metavar="[ANGABEN]", subcommand_metavar="BEFEHL ...", **settings)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = self._modules.get(cmd_name)
        if module is None:
            return None
        with uncollected():  # a fifth faster
            return _with_german_usage(import_module(module).command)

    def invoke(self, ctx: click.Context) -> Any:
        """Expected failures become their sentence; anything else is a bug of ours and keeps its traceback."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            from interfaces.cli.failures import sentence_of  # knows the stores' errors, which a light command never loads

            sentence = sentence_of(error)
            if sentence is None:
                raise
            raise Failed(sentence) from error


def _with_german_usage(command: click.Command) -> click.Command:
    """These two words of a usage line are no texts to click but arguments."""
    command.options_metavar = "[ANGABEN]"
    if isinstance(command, click.Group):
        command.subcommand_metavar = "BEFEHL ..."
        for subcommand in command.commands.values():
            _with_german_usage(subcommand)
    return command


def note(text: str) -> None:
    """Tells a person something that is not the command's result."""
    click.echo(text, err=True)
