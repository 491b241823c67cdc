"""``stundenpool audit``: what an auditor asks for, one file per command."""

import click

from interfaces.cli.audit_findings import findings


@click.group("audit")
def command() -> None:
    """Prüfung."""


command.add_command(findings)
