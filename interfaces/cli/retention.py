"""``stundenpool retention``: what is to be erased because its period is over."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import Literal
from uuid import UUID

import click
import msgspec

from application import commands
from application.erasure import PERSONS_AT_ONCE
from application.projections import retention
from application.projections.retention import Person
from application.projections.trail_lines import RETENTION_CLASSES
from application.turn import Work
from domain.erasure import Periods, due_from
from domain.personal_data import PersonalClass
from domain.quantities import Actor, berlin_day
from interfaces.cli.commands import Failed, note
from interfaces.cli.persons import note_disclosures
from interfaces.cli.stores import officer, service, subject_option
from interfaces.http.problems import Problem
from interfaces.identity import trail
from interfaces.service import Service

Step = Literal["erased", "requested", "waiting", "held"]


class DuePerson(msgspec.Struct, frozen=True):
    """Whose data are due, which, and since when."""

    case: UUID
    reference: str
    provider: str
    ended_on: date
    classes: dict[PersonalClass, date]
    held: bool
    requested_by: str | None


@click.group("retention")
def command() -> None:
    """Aufbewahrung: was nach Ablauf seiner Frist zu löschen ist."""


@command.command("due")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), metavar="TAG", help="Stichtag (JJJJ-MM-TT); sonst heute.")
@click.option("--json", "as_json", is_flag=True, help="Als JSON.")
def due(on: datetime | None, as_json: bool) -> None:
    """Wessen Personenbezogenes an einem Tag zu löschen ist, und seit wann."""
    with service() as opened, opened.store.reading() as reader:
        day = on.date() if on else berlin_day(opened.clock())
        found = [_due(person, day, opened.periods) for person in retention.due(reader, day, opened.periods)]
    click.echo(msgspec.json.encode({"on": day, "persons": found}) if as_json else "\n".join(map(_line, found)) or "Nichts.")


@command.command("run")
@click.option("--dry-run", is_flag=True, help="Zeigt nur, was geschähe.")
@subject_option
def run(dry_run: bool, subject: str | None) -> None:
    """Löscht, was heute zu löschen ist, in zwei Gängen: eine Person beantragt, eine zweite (--subject) löscht.

    Was eine Löschsperre hat, bleibt. Ein zweiter Gang derselben Person ändert nichts.
    """
    actor = officer(subject)
    with service() as opened:
        today = berlin_day(opened.clock())
        with opened.store.reading() as reader:
            persons = retention.due(reader, today, opened.periods)
        steps: dict[Step, list[Person]] = {"erased": [], "requested": [], "waiting": [], "held": []}
        for person in persons:
            steps[_step(person, person.due(today, opened.periods), actor.subject)].append(person)
        if dry_run:
            for person in persons:
                if not person.data.held:
                    click.echo(_line(_due(person, today, opened.periods)))
        else:
            _erase(opened, actor, [*steps["requested"], *steps["erased"]], today)
            opened.erasing.carry_out(opened.engine)
            with opened.store.reading() as reader:
                for person in steps["erased"]:
                    note_disclosures(reader, person.case, person.reference)
    would = "würden " if dry_run else ""
    note(
        f"{would}gelöscht: {len(steps['erased'])}, {would}beantragt: {len(steps['requested'])}, "
        f"wartet auf eine zweite Person: {len(steps['waiting'])}, gesperrt: {len(steps['held'])}."
    )


@command.command("access-trail")
@click.option("--dry-run", is_flag=True, help="Zeigt nur, was geschähe.")
def access_trail(dry_run: bool) -> None:
    """Entfernt Anmeldungen, deren Frist (ACCESS_TRAIL_MONTHS) abgelaufen ist. Der Dienst tut es von selbst, einmal im Monat."""
    with service() as opened:
        now = opened.clock()
        since = trail.kept_since(now, opened.settings.access_trail_months)
        with opened.store.reading() as reader:
            count = trail.count_before(reader, since)
        if not dry_run:
            with opened.store.turn() as turn:
                trail.remove_before(turn, since, now, by=officer(None).subject)
    note(f"Anmeldungen vor dem {berlin_day(since):%d.%m.%Y} {'wären zu entfernen' if dry_run else 'entfernt'}: {count}.")


def _erase(opened: Service, actor: Actor, persons: Sequence[Person], today: date) -> None:
    """Requests or erases what is due, many in a turn."""
    erase = partial(commands.erase, periods=opened.periods, ground="retention")
    for start in range(0, len(persons), PERSONS_AT_ONCE):
        together = persons[start : start + PERSONS_AT_ONCE]
        works = [Work(actor, partial(erase, case=each.case, classes=each.due(today, opened.periods))) for each in together]
        for person, waiting in [(person, opened.engine.submit(work)) for person, work in zip(together, works, strict=True)]:
            answer = waiting.result()
            if answer.outcome not in ("accepted", "done"):
                raise Failed(f"Fall „{person.reference}“: {msgspec.json.decode(answer.body, type=Problem).detail}")


def _step(person: Person, classes: tuple[PersonalClass, ...], by: str) -> Step:
    """What a run does for a person: whoever requested it waits for somebody else."""
    if person.data.held:
        return "held"
    if (person.data.requested, person.data.ground) != (classes, "retention"):
        return "requested"
    return "waiting" if person.data.requested_by == by else "erased"


def _due(person: Person, on: date, periods: Periods) -> DuePerson:
    assert person.ended_on is not None
    calendar = due_from(person.ended_on, periods)
    classes = {kept: calendar[kept] for kept in person.due(on, periods)}
    data = person.data
    return DuePerson(person.case, person.reference, person.provider, person.ended_on, classes, data.held, data.requested_by)


def _line(person: DuePerson) -> str:
    since = ", ".join(f"{RETENTION_CLASSES[kept]} seit {day:%d.%m.%Y}" for kept, day in person.classes.items())
    how = " – Löschsperre" if person.held else f" – beantragt von {person.requested_by}" if person.requested_by else ""
    return f"{person.reference}  beendet {person.ended_on:%d.%m.%Y}  {since}{how}"
