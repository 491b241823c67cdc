"""What the office does on its own: it opens the pool, registers providers, closes months, and gets more from the committee."""

from datetime import date, timedelta
from uuid import UUID

from application import commands
from application.demonstration import open_demonstration
from domain.quantities import Rules, berlin_day, berlin_month
from domain.registry import provider_id
from domain.waiting_list import Entry
from interfaces.demo import city
from interfaces.demo.city import OFFICERS, PROVIDERS
from interfaces.demo.days import at_desk, start_of, working_days_after
from interfaces.demo.decisions import review_day, turn_away
from interfaces.demo.sessions import free_time, log_session
from interfaces.demo.setting import (
    BUDGET_MINUTES,
    CAP_RAISED,
    CASE_CAP_LATER_MINUTES,
    CASE_CAP_MINUTES,
    CLOCK,
    COMMITTEE_DAYS,
    NAME,
    OFFER_ENDED,
    PERIOD,
    RULES,
    TOP_UP_MINUTES,
    TOP_UP_RESOLUTION,
    UNIT_MINUTES,
)
from interfaces.demo.telling import Life, Telling


def open_pool(story: Telling) -> None:
    rules = Rules(**RULES, case_cap_minutes=CASE_CAP_MINUTES)
    opened = story.do(
        OFFICERS[0],
        open_demonstration,
        name=NAME,
        period=PERIOD,
        budget_minutes=BUDGET_MINUTES,
        rules=rules,
        seed=story.seed,
        clock=CLOCK,
    )
    story.pool = UUID(opened["id"])


def register_providers(story: Telling) -> None:
    """Who takes part, with offers and workers, from the first day on."""
    since = PERIOD.start
    for provider in PROVIDERS:
        registered = story.do(
            OFFICERS[0], commands.register_provider, provider=provider.id, name=f"{provider.id} e. V.", valid_from=since
        )
        id = UUID(registered["id"])
        for offer in provider.offers:
            story.do(OFFICERS[0], commands.register_offer, id, offer=offer, valid_from=since)
        for number in range(1, provider.workers + 1):
            worker = provider.worker(number).subject
            story.do(OFFICERS[0], commands.register_worker, id, worker=worker, valid_from=since)


def office(story: Telling) -> Life:
    for month in ("2021-11", "2021-12", "2022-01", "2022-02", "2022-03"):
        story.begin(month_end(story, month))
    story.begin(exhaustion(story))
    yield CAP_RAISED
    raised = Rules(**RULES, case_cap_minutes=CASE_CAP_LATER_MINUTES)
    story.do(OFFICERS[0], commands.change_rules, story.pool, rules=raised, reason="Erfahrungen der ersten drei Monate")
    yield OFFER_ENDED
    last = PROVIDERS[-1]
    story.do(OFFICERS[0], commands.end_offer, provider_id(last.id), offer=last.offers[-1], valid_until=PERIOD.end)


def month_end(story: Telling, month: str) -> Life:
    """A month is closed when its sheets are in, about the middle of the next one; January once more."""
    following = date.fromisoformat(f"{month}-28") + timedelta(days=14 + story.random.randint(0, 4))
    yield at_desk(story.random, working_days_after(following, 0))
    story.do(OFFICERS[1], commands.close_month, story.pool, month, reason="Nachweise liegen vor.")
    if month == "2022-01":
        yield story.working_days_on(4)
        reason = "Nachweise eines erkrankten Mitarbeiters fehlten."
        story.do(OFFICERS[1], commands.reopen_month, story.pool, month, reason=reason)
        story.begin(forgotten_sheet(story, month))
        yield story.working_days_on(3)
        story.do(OFFICERS[1], commands.close_month, story.pool, month, reason="Nachgereichte Termine sind erfasst.")


def forgotten_sheet(story: Telling, month: str) -> Life:
    """Sessions of a month that was closed already, entered while it is open again."""
    yield story.working_days_on(1)
    cases = [case for case in story.cases if any(berlin_month(start) == month for start, _ in case.busy)]
    for case in story.random.sample(cases, min(6, len(cases))):
        for booking in story.look(lambda turn, case=case: turn.bookings_of_case(case.id)):  # type: ignore[misc]
            if booking.state != "approved" or booking.unused < 120:
                continue
            day = date.fromisoformat(f"{month}-{story.random.randint(10, 28):02}")
            starts_at = free_time(story, case, working_days_after(day, 0), 60)
            if starts_at is not None and starts_at > booking.decided_at:
                log_session(story, case, booking.id, starts_at, 60, "direct")
                yield story.now + timedelta(minutes=story.random.randint(2, 6))


def exhaustion(story: Telling) -> Life:
    """Waits for the day on which the last minute is granted; the committee's next session brings more."""
    while not story.state().exhausted:
        yield start_of(working_days_after(story.today, 1)) + timedelta(hours=17)
    session = next((day for day in COMMITTEE_DAYS if (day - story.today).days >= 6), None)
    if session is None:
        return
    yield at_desk(story.random, working_days_after(session, 1))
    story.do(
        OFFICERS[0],
        commands.change_budget,
        story.pool,
        change_minutes=TOP_UP_MINUTES,
        resolution=TOP_UP_RESOLUTION,
        effective_on=session,
    )
    yield from waiting_list_served(story)


def waiting_list_served(story: Telling) -> Life:
    """Every morning after the top-up: whoever is first on the list and fits, as long as something stays for emergencies."""
    overtaken = False
    while story.today < berlin_day(CLOCK):
        for _ in range(5):
            yield story.now + timedelta(minutes=story.random.randint(5, 25))
            waiting = story.look(lambda turn: turn.waiting_list(story.pool).in_order())
            if not overtaken and len(waiting) > 6:
                overtaken = True
                grant_listed(story, waiting[4], overtaking_reason=city.OVERTAKING_REASON)
                continue
            available = story.state().available
            fitting = next((entry for entry in waiting if entry.minutes <= available), None)
            if fitting is None or available - fitting.minutes < UNIT_MINUTES:
                break
            grant_listed(story, fitting)
        yield at_desk(story.random, working_days_after(story.today, 1))


def grant_listed(story: Telling, entry: Entry, **reasons: str) -> None:
    """Two officers sit together over the list, so that a large request needs no second day."""
    first, second = story.random.sample(OFFICERS, 2)
    for officer in (first, second):
        answer = story.do(officer, commands.approve_hours, entry.booking, review_on=review_day(story), **reasons)
        if isinstance(answer, str):
            turn_away(story, officer, entry.booking, answer)
            return
        if answer["state"] == "approved":
            return


def last_morning(story: Telling) -> Life:
    """Right before the clock runs on hours come back, and a large request is proposed: there is something to decide."""
    yield start_of(berlin_day(CLOCK)) + timedelta(hours=8, minutes=story.random.randint(15, 30))
    bookings = [each for each in story.look(lambda turn: turn.bookings_of_pool(story.pool)) if each.state == "approved"]
    for booking in sorted(bookings, key=lambda each: (-each.unused, each.id))[:2]:
        lead = next(provider.lead for provider in PROVIDERS if provider.id == booking.provider)
        reason = story.said(city.REDUCTION_REASONS)
        story.do(lead, commands.reduce_grant, booking.id, to_minutes=booking.consumed + 4 * 60, reason=reason)
        yield story.now + timedelta(minutes=story.random.randint(6, 14))
    case = story.cases[-1]
    purpose = story.said(city.PURPOSES[case.concern])
    requested = story.do(case.worker, commands.request_hours, case=case.id, minutes=24 * 60, purpose=purpose)
    yield story.now + timedelta(minutes=7)
    story.do(OFFICERS[1], commands.approve_hours, UUID(requested["id"]), review_on=PERIOD.end)
