"""``stundenpool retention``: what is to be erased because its period is over."""

from datetime import date, datetime
from functools import partial
from uuid import UUID

import click
import msgspec

from application import commands
from application.projections import retention
from application.projections.retention import Person
from application.projections.trail_lines import RETENTION_CLASSES
from domain.erasure import Periods, due_from
from domain.personal_data import PersonalClass
from domain.quantities import berlin_day
from interfaces.cli.commands import Failed, note
from interfaces.cli.stores import officer, service, subject_option
from interfaces.http.problems import Problem


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
        held = [person for person in persons if person.data.held]
        counts = {"requested": 0, "erased": 0, "waiting": 0}
        for person in persons:
            if person.data.held:
                continue
            classes = person.due(today, opened.periods)
            counts[_step(person, classes, actor.subject)] += 1
            if dry_run:
                click.echo(_line(_due(person, today, opened.periods)))
                continue
            if _step(person, classes, actor.subject) == "waiting":
                continue
            erase = partial(commands.erase, case=person.case, periods=opened.periods, classes=classes, ground="retention")
            answer = opened.engine.execute(actor, erase)
            if answer.outcome not in ("accepted", "done"):
                raise Failed(f"Fall „{person.reference}“: {msgspec.json.decode(answer.body, type=Problem).detail}")
        if not dry_run:
            opened.erasing.carry_out(opened.engine)
    would = "würden " if dry_run else ""
    note(
        f"{would}gelöscht: {counts['erased']}, {would}beantragt: {counts['requested']}, "
        f"wartet auf eine zweite Person: {counts['waiting']}, gesperrt: {len(held)}."
    )


def _step(person: Person, classes: tuple[PersonalClass, ...], by: str) -> str:
    """What a run does for a person: whoever requested it waits for somebody else."""
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
