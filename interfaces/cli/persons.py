"""How commands name the case of a person, and say who has texts of theirs."""

from uuid import UUID

import click

from application.log import Reader
from application.projections import cases
from application.reads import FORMS, disclosures_of
from domain.quantities import berlin_time
from domain.refusals import NotFound
from interfaces.cli.commands import Failed, note

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


def note_disclosures(reader: Reader, case: UUID, reference: str) -> None:
    """What of a person's texts left the house."""
    if found := disclosures_of(reader, case):
        note(f"Aus dem Fall „{reference}“ ist herausgegeben worden:")
        for each in found:
            note(f"  {berlin_time(each.at):%d.%m.%Y, %H:%M} – {FORMS[each.form]}, durch {each.subject} ({each.organisation})")
        note("Die Empfänger sind zu bitten, es zu vernichten (Art. 19 DSGVO).")
