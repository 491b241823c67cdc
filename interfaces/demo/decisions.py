"""Requests for hours, and what the office decides about them."""

from collections.abc import Generator
from datetime import date, datetime, timedelta
from uuid import UUID

from application import commands
from domain.booking import OPEN_STATES
from domain.quantities import Actor
from interfaces.demo import city
from interfaces.demo.city import OFFICERS
from interfaces.demo.days import start_of, working_days_after
from interfaces.demo.setting import BUDGET_MINUTES, FOUR_EYES_MINUTES, PERIOD, REQUESTED_HOURS, UNIT_MINUTES
from interfaces.demo.telling import Accompanied, Grant, Life, Telling


def request(story: Telling, case: Accompanied, *, follow_up: bool) -> Generator[datetime, None, Grant | None]:
    """A request until it is decided; what was granted, if anything was."""
    minutes = 60 * story.weighted(REQUESTED_HOURS)
    if follow_up:
        minutes = min(minutes, 15 * 60)
    purpose = story.said(city.PURPOSES[case.concern])
    requested = story.do(case.worker, commands.request_hours, case=case.id, minutes=minutes, purpose=purpose)
    if isinstance(requested, str):
        return None
    booking = UUID(requested["id"])
    if story.chance(0.04):
        yield story.working_days_on(story.random.randint(1, 4))
        story.do(case.provider.lead, commands.withdraw_request, booking, reason=story.said(city.WITHDRAW_REASONS))
        return None
    yield story.working_days_on(1 + min(15, int(story.random.expovariate(1 / 3))))
    if not follow_up and story.chance(0.07):
        story.do(officer_of(story, case), commands.decline_request, booking, reason=story.said(city.DECLINE_REASONS))
        return None
    wanted = minutes
    if minutes >= 600 and story.chance(0.17) and case.provider.id != "Spielraum":
        wanted = int(minutes * story.random.uniform(0.5, 0.8)) // 60 * 60
    yield from decision(story, case, booking, minutes, wanted)
    yield from until_decided(story, case, booking)
    decided = story.bookings[booking]
    return Grant(booking, decided["granted_minutes"]) if decided["state"] == "approved" else None


def decision(story: Telling, case: Accompanied, booking: UUID, requested: int, wanted: int) -> Life:
    """Approved as wanted; or the rest of the pool, which exhausts it; or listed, or declined where a limit is reached."""
    officers = [officer_of(story, case)]
    officers += [officer for officer in OFFICERS if officer not in officers]
    reason = story.said(city.PART_REASONS) if wanted < requested else None
    for officer in officers:
        pool = story.state()
        topped_up = pool.budget > BUDGET_MINUTES
        only_proposed = wanted > FOUR_EYES_MINUTES and officer is officers[0]
        if wanted > pool.available - (UNIT_MINUTES if topped_up else 0) and not only_proposed:
            if topped_up or pool.exhausted:
                waitlist(story, officer, booking)
                return
            wanted, reason = pool.available, city.LAST_HOURS_REASON
        answer = story.do(officer, commands.approve_hours, booking, minutes=wanted, reason=reason, review_on=review_day(story))
        if isinstance(answer, str):
            turn_away(story, officer, booking, answer)
            return
        if answer["state"] == "approved":
            return
        yield story.working_days_on(story.random.randint(1, 3))


def turn_away(story: Telling, officer: Actor, booking: UUID, code: str) -> None:
    """Where a limit is reached, waiting would not help."""
    if code in city.LIMIT_REASONS:
        story.do(officer, commands.decline_request, booking, reason=city.LIMIT_REASONS[code])
    else:
        waitlist(story, officer, booking)


def waitlist(story: Telling, officer: Actor, booking: UUID) -> None:
    priority = story.weighted({1: 8, 2: 14, 0: 78}) or None
    reason = story.said(city.PRIORITY_REASONS[priority] if priority else city.WAITLIST_REASONS)
    story.do(officer, commands.waitlist_request, booking, priority=priority, reason=reason)


def until_decided(story: Telling, case: Accompanied, booking: UUID) -> Life:
    """Waits while the request is open; some give up."""
    while story.bookings[booking]["state"] in OPEN_STATES:
        yield start_of(working_days_after(story.today, 1)) + timedelta(hours=12, minutes=story.random.randint(0, 90))
        if story.chance(0.006):
            story.do(case.provider.lead, commands.withdraw_request, booking, reason=story.said(city.WITHDRAW_REASONS))


def officer_of(story: Telling, case: Accompanied) -> Actor:
    """Each looks after some districts; now and then a colleague stands in."""
    if story.chance(0.12):
        return story.random.choice(OFFICERS)
    return OFFICERS[city.DISTRICTS.index(case.district) % 4]


def review_day(story: Telling) -> date | None:
    """By when somebody looks again; some forget to say."""
    if story.chance(0.25):
        return None
    return min(PERIOD.end, working_days_after(story.today + timedelta(days=story.random.choice((42, 56, 84))), 0))
