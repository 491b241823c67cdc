"""Sessions: when they are, how they get into the log, and what becomes of what was granted."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from application import commands
from domain.quantities import Kind, berlin_day
from interfaces.demo import city
from interfaces.demo.days import at_desk, last_working_day, pace, start_of, with_people, working_days_after
from interfaces.demo.decisions import officer_of
from interfaces.demo.setting import CLOCK, KINDS, PERIOD, UNIT_MINUTES
from interfaces.demo.telling import Accompanied, Grant, Life, Telling


def use(story: Telling, case: Accompanied, grant: Grant) -> Life:
    """The sessions of a grant, and what becomes of the rest of it."""
    target = int(grant.minutes * min(1.0, story.random.triangular(0.3, 1.12, 1.0))) // UNIT_MINUTES * UNIT_MINUTES
    if story.chance(0.03):
        target = grant.minutes // 4 // UNIT_MINUTES * UNIT_MINUTES  # hours that were kept from others
    gap = story.random.uniform(2.0, 6.5)
    day = story.today - timedelta(days=story.random.randint(1, 3) if story.chance(0.015) else -1)
    planned = 0
    while target - planned >= UNIT_MINUTES and day <= PERIOD.end:
        planned += appointment(story, case, grant, day, target - planned)
        day = next_day(story, case, day, gap)
        yield max(start_of(day) + timedelta(hours=6), story.now)
    case.entered = max(case.entered, story.now)
    yield max(case.entered + timedelta(minutes=30), story.working_days_on(story.random.randint(1, 6)))
    yield from accounted(story, case, grant, planned)


def next_day(story: Telling, case: Accompanied, day: date, gap: float) -> date:
    if case.flat:
        return last_working_day((day.replace(day=28) + timedelta(days=7)).replace(day=1))
    day += timedelta(days=max(1, round(story.random.gauss(gap, 1.5))))
    while not story.chance(pace(day)):
        day += timedelta(days=story.random.randint(1, 4))
    return day


def appointment(story: Telling, case: Accompanied, grant: Grant, day: date, left: int) -> int:
    """One appointment, sometimes with the way there; plans its entry and says how many minutes it takes."""
    kind: Kind = story.weighted(KINDS)
    minutes = minutes_of(story, kind)
    if case.flat:
        kind, minutes = "direct", 240
    elif story.chance(0.003):
        kind, minutes = "direct", story.random.choice((420, 480))
    minutes = min(minutes, left)
    starts_at = free_time(story, case, day, minutes)
    if starts_at is None or starts_at > CLOCK or berlin_day(starts_at) > PERIOD.end:
        return 0
    story.begin(entry(story, case, grant, starts_at, minutes, kind))
    on_the_way = story.random.choice((15, 15, 30, 45))
    if kind == "direct" and story.chance(0.2) and left - minutes >= on_the_way:
        story.begin(entry(story, case, grant, starts_at - timedelta(minutes=on_the_way), on_the_way, "travel"))
        return minutes + on_the_way
    return minutes


def minutes_of(story: Telling, kind: Kind) -> int:
    if kind == "direct":
        return story.weighted({45: 10, 60: 26, 75: 9, 90: 28, 105: 6, 120: 14, 150: 5, 180: 2})
    return story.weighted({15: 20, 30: 45, 45: 20, 60: 15}) if kind == "indirect" else story.random.choice((15, 30))


def free_time(story: Telling, case: Accompanied, day: date, minutes: int) -> datetime | None:
    """When worker and case are both free; now and then somebody does not look, or works at night."""
    taken = story.busy.setdefault(case.worker.subject, [])
    for _ in range(6):
        starts_at = with_people(story.random, day)
        if story.chance(0.0015):
            starts_at = start_of(day) + timedelta(hours=22, minutes=story.random.choice((0, 15, 30)))
        ends_at = starts_at + timedelta(minutes=minutes)
        careless = story.chance(0.0025)
        if careless or not any(start < ends_at and starts_at < end for start, end in (*taken, *case.busy)):
            taken.append((starts_at, ends_at))
            case.busy.append((starts_at, ends_at))
            return starts_at
    return None


def entry(story: Telling, case: Accompanied, grant: Grant, starts_at: datetime, minutes: int, kind: Kind) -> Life:
    """A session gets into the log on the same day or days later, and is confirmed, corrected or taken back after that."""
    days = story.random.choice(story.random.choices(((0,), (1, 1, 2, 3, 4), (5, 7, 9, 12), (16, 18, 22)), (50, 39, 9, 2))[0])
    entered = starts_at + timedelta(minutes=minutes + story.random.randint(2, 50), seconds=story.random.uniform(0, 60))
    if days:
        entered = at_desk(story.random, working_days_after(berlin_day(starts_at) + timedelta(days=days), 0))
    case.entered = max(case.entered, entered)
    yield max(entered, story.now)
    session = log_session(story, case, grant.booking, starts_at, minutes, kind)
    if session is None:
        return
    if story.chance(0.0008):
        log_session(story, case, grant.booking, starts_at, minutes, kind)
    what_follows = story.random.random()
    if what_follows < 0.012:
        yield from reversal(story, case, grant.booking, session)
    elif what_follows < 0.05:
        yield from correction(story, case, grant.booking, session, starts_at, minutes)
    elif kind == "direct" and what_follows < 0.86:
        yield story.working_days_on(story.random.choice((0, 0, 1, 2, 5, 8)))
        confirm_session(story, case, grant.booking, session)


def log_session(story: Telling, case: Accompanied, booking: UUID, starts_at: datetime, minutes: int, kind: Kind) -> UUID | None:
    note = None if story.chance(0.07) else story.said(city.NOTES[kind])
    session = story.do(
        case.worker,
        commands.log_session,
        booking,
        starts_at=starts_at,
        minutes=minutes,
        kind=kind,
        worker=case.worker.subject,
        note=note,
    )
    return None if isinstance(session, str) else UUID(session["id"])


def confirm_session(story: Telling, case: Accompanied, booking: UUID, session: UUID) -> None:
    by, method = story.said(city.CONFIRMING), story.said(city.METHODS)
    story.do(case.worker, commands.confirm_session, booking, session, by=by, method=method)


def reversal(story: Telling, case: Accompanied, booking: UUID, session: UUID) -> Life:
    yield story.working_days_on(story.random.randint(0, 8))
    yield from story.while_exhausted()
    reason = story.said(city.REVERSAL_REASONS)
    story.do(case.provider.lead, commands.reverse_session, booking, session, reason=reason)


def correction(story: Telling, case: Accompanied, booking: UUID, session: UUID, starts_at: datetime, minutes: int) -> Life:
    if story.chance(0.4):
        confirm_session(story, case, booking, session)
    yield story.working_days_on(story.random.randint(0, 8))
    yield from story.while_exhausted()
    changed: dict[str, Any] = {"starts_at": starts_at + timedelta(minutes=story.random.choice((-30, -15)))}
    if minutes >= 45 and story.chance(0.7):
        changed = {"minutes": minutes - story.random.choice((15, 15, 30))}
    reason = story.said(city.CORRECTION_REASONS)
    story.do(case.worker, commands.correct_session, booking, session, reason=reason, **changed)


def accounted(story: Telling, case: Accompanied, grant: Grant, planned: int) -> Life:
    """Some give back what they do not need, some settle, some leave it to the closing of the case."""
    yield from story.while_exhausted()
    if grant.minutes - planned >= 120 and story.chance(0.4):
        reason, kept = story.said(city.REDUCTION_REASONS), planned + 60
        by = case.provider.lead if story.chance(0.7) else officer_of(story, case)
        story.do(by, commands.reduce_grant, grant.booking, to_minutes=kept, reason=reason)
        yield story.working_days_on(story.random.randint(1, 5))
        yield from story.while_exhausted()
    if story.chance(0.55):
        story.do(case.provider.lead, commands.settle_booking, grant.booking)
