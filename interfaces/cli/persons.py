"""How commands name the case of a person."""

from uuid import UUID

import click

from application.log import Reader
from application.projections import cases
from domain.refusals import NotFound
from interfaces.cli.commands import Failed

case_argument = click.argument("case", metavar="FALL")


def found_case(reader: Reader, named: str) -> UUID:
    """The case of an id, or of a reference that no other case has."""
    try:
        return cases.versioned_case(reader, UUID(named), None).view.id
    except (ValueError, NotFound):
        found = cases.cases_of_reference(reader, named)
    if len(found) > 1:
        raise Failed(f"„{named}“ gibt es in mehreren Stundenpools; bitte die Kennung nennen: {', '.join(map(str, found))}.")
    if not found:
        raise Failed(f"Einen Fall „{named}“ gibt es nicht.")
    return found[0]
