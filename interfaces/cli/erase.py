"""``stundenpool erase``."""

from functools import partial

import click
import msgspec

from application import commands
from application.projections import cases
from application.reads import summary_for
from application.views import CaseView
from domain.personal_data import CLASSES, Ground, PersonalClass
from interfaces.cli.commands import Failed, note
from interfaces.cli.persons import case_argument, found_case, note_disclosures
from interfaces.cli.stores import officer, service, subject_option
from interfaces.http.problems import Problem


@click.command("erase")
@case_argument
@click.option("--reason", metavar="TEXT", required=True, help="Warum gelöscht wird; wird versiegelt verzeichnet.")
@click.option(
    "--ground",
    type=click.Choice(["request", "retention", "order"]),
    help="Antrag der Person, abgelaufene Frist, oder Anordnung; sonst wie beantragt, zuerst Anordnung.",
)
@click.option("--class", "classes", type=click.Choice(CLASSES), multiple=True, help="Nur diese Klassen; sonst alle.")
@subject_option
def command(case: str, reason: str, ground: Ground | None, classes: tuple[PersonalClass, ...], subject: str | None) -> None:
    """Löscht das Personenbezogene eines beendeten Falls, sobald zwei verschiedene Personen das verlangt haben.

    FALL ist die Kennung oder das Fallzeichen. Der erste Aufruf beantragt es, derselbe Aufruf unter einem anderen Namen (--subject)
    löscht. Stunden und Summen bleiben.
    """
    with service() as opened:
        with opened.store.reading() as reader:
            found = found_case(reader, case)
        stated = partial(commands.erase, classes=classes or None, ground=ground, reason=reason.strip() or None)
        answer = opened.engine.execute(officer(subject), partial(stated, case=found, periods=opened.periods))
        if answer.outcome not in ("accepted", "done"):
            raise Failed(msgspec.json.decode(answer.body, type=Problem).detail)
        view = msgspec.json.decode(answer.body, type=CaseView)
        if answer.outcome == "accepted":
            note(f"Beantragt für den Fall „{view.reference}“. Eine zweite Person muss zustimmen; bis dahin ist er eingeschränkt.")
            return
        opened.erasing.carry_out(opened.engine)
        with opened.store.reading() as reader:
            readers = sorted({read.organisation for read in summary_for(reader, found)})
            left = cases.versioned_case(reader, found, None).view
            note(f"Gelöscht im Fall „{left.reference}“." + ("" if left.erased else " Anderes ist noch aufzubewahren."))
            if readers:
                note(f"Gelesen hatten es: {', '.join(readers)}. Wer es weitergegeben hat, ist zu unterrichten (Art. 19 DSGVO).")
            note_disclosures(reader, found, left.reference)
