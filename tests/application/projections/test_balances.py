"""Balances in both times, against a recount with plain dictionaries."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.log import Recorded
from application.projections.balances import balance, forecast_of
from application.views import Balance
from domain.booking import HoursRequested, SessionCorrected, SessionLogged, SessionReversed
from domain.pool import BudgetChanged, HoursReleased, HoursReserved, PoolOpened
from domain.quantities import BERLIN
from tests.application.projections.driver import opened_log
from tests.application.projections.histories import POOL, PROVIDERS, START, History, steps
from tests.conftest import STORE_KINDS
from tests.domain.facts import (
    BOOKING,
    approved,
    berlin,
    budget_changed,
    case_opened,
    corrected,
    hours_requested,
    logged,
    pool_opened,
    released,
    reserved,
    reversed_,
    session,
    settled,
)
from tests.domain.facts import POOL as FACTS_POOL

EXAMPLES = {"sqlite": 40, "postgres": 8}

instants = st.integers(-5 * 24 * 60, 150 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
points = st.none() | instants | instants.map(lambda instant: instant.date())


def movements(events: list[Recorded]) -> list[dict[str, Any]]:
    """What each event moves, said a second time."""
    requests = {str(event.stream): event.data for event in events if isinstance(event.data, HoursRequested)}
    found: list[dict[str, Any]] = []
    for event in events:
        data: Any = event.data

        def move(kind: str, minutes: int, effective: datetime, booking: Any, event: Recorded = event) -> None:
            request = requests.get(str(booking))
            keys = {"booking": str(booking), "case": str(request.case), "provider": request.provider} if request else {}
            district = {"district": request.district} if request else {}
            month = {"month": f"{effective.astimezone(BERLIN):%Y-%m}"}
            found.append(
                {"kind": kind, "minutes": minutes, "effective": effective, "known": event.recorded_at, **keys, **district, **month}
            )

        match data:
            case PoolOpened():
                move("budget", data.budget_minutes, datetime(2021, 11, 1, tzinfo=BERLIN), None)
            case BudgetChanged():
                day = data.effective_on
                effective = datetime(day.year, day.month, day.day, tzinfo=BERLIN) if day else event.recorded_at
                move("budget", data.change_minutes, effective, None)
            case HoursReserved():
                move("granted", data.minutes, data.decided_at, data.booking)
            case HoursReleased():
                move("released", data.minutes, data.released_at, data.booking)
            case SessionLogged():
                move("consumed", data.minutes, data.starts_at, event.stream)
            case SessionCorrected():
                move("consumed", -data.before.minutes, data.before.starts_at, event.stream)
                move("consumed", data.now.minutes, data.now.starts_at, event.stream)
            case SessionReversed():
                move("consumed", -data.before.minutes, data.before.starts_at, event.stream)
            case _:
                pass
    return found


def until(point: datetime | date | None, instant: datetime) -> bool:
    if point is None:
        return True
    if isinstance(point, datetime):
        return instant <= point
    return instant.astimezone(BERLIN).date() <= point


def recount(found: list[dict[str, Any]], by: str | None = None, provider: str | None = None) -> tuple[Any, ...]:
    def sums(some: list[dict[str, Any]]) -> list[int]:
        return [
            sum(each["minutes"] for each in some if each["kind"] == kind) for kind in ("budget", "granted", "released", "consumed")
        ]

    budget, granted, back, consumed = sums(found)
    reserved = granted - back - consumed
    whole = (budget, granted, reserved, consumed, back, budget - granted + back)
    if by is None:
        return whole, None
    own = [each for each in found if by in each and each["kind"] != "budget" and provider in (None, each.get("provider"))]
    groups, standing = [], 0
    for key in sorted({each[by] for each in own}):
        _, granted, back, consumed = sums([each for each in own if each[by] == key])
        standing = granted - back - consumed + (standing if by == "month" else 0)
        if granted or back or consumed:
            groups.append((key, granted, standing, consumed, back))
    return whole, groups


def as_tuple(found: Balance) -> tuple[Any, ...]:
    whole = (found.budget, found.granted, found.reserved, found.consumed, found.released, found.available)
    groups = found.groups
    return whole, None if groups is None else [(g.key, g.granted, g.reserved, g.consumed, g.released) for g in groups]


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_both_times_agree_with_a_recount(kind: str, fresh_url: Callable[[str], str]) -> None:
    """Every balance, for both times, every grouping and each provider, is what a recount of the events says."""

    @settings(max_examples=EXAMPLES[kind], deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps, st.lists(st.tuples(points, points), min_size=2, max_size=4))
    def agrees(steps: list[tuple[int, int, bool]], questions: list[tuple[Any, Any]]) -> None:
        with opened_log(fresh_url(kind)) as log:
            log.append_all(History().play(steps))
            known = movements(log.recorded)
            for as_of, known_at in [(None, None), *questions]:
                counted = [each for each in known if until(as_of, each["effective"]) and until(known_at, each["known"])]
                for by in ("district", "provider", "case", "month", "booking"):
                    for provider in (None, PROVIDERS[0]):
                        answer = log.ask(balance, POOL, as_of, known_at, by, provider)
                        assert as_tuple(answer) == recount(counted, by, provider), (as_of, known_at, by, provider)

    agrees()


def test_what_an_approval_binds_is_reserved(store_url: str) -> None:
    """given an approval of an hour / when nothing was rendered / then the hour is reserved and no longer available."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), *approved(60)])
        assert as_tuple(log.ask(balance, FACTS_POOL)) == ((600, 60, 60, 0, 0, 540), None)


def test_a_session_turns_reserved_minutes_into_consumed_ones(store_url: str) -> None:
    """given an approval of an hour / when 45 minutes are logged / then 15 stay reserved and nothing becomes available."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), *approved(60), logged(45)])
        assert as_tuple(log.ask(balance, FACTS_POOL)) == ((600, 60, 15, 45, 0, 540), None)


def test_a_correction_counts_at_the_old_and_the_new_start(store_url: str) -> None:
    """given a session in March / when it is moved to April / then March is empty, as known since the correction."""
    march, april = session(60, berlin(2022, 3, 15)), session(30, berlin(2022, 4, 2))
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), *approved(60), logged(60, starts_at=march.starts_at)])
        before = log.recorded[-1].recorded_at
        log.append([corrected(march, april)])
        groups = log.ask(balance, FACTS_POOL, by="month").groups
        assert [(group.key, group.consumed) for group in groups or ()] == [("2022-03", 0), ("2022-04", 30)]
        assert log.ask(balance, FACTS_POOL, date(2022, 3, 31)).consumed == 0
        assert log.ask(balance, FACTS_POOL, date(2022, 3, 31), before).consumed == 60


def test_a_month_says_what_stood_at_its_end(store_url: str) -> None:
    """given sessions before their approval / when asked by month / then reserved is negative until the approval."""
    early = berlin(2022, 2, 10)
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), *approved(60), logged(45, starts_at=early)])
        groups = log.ask(balance, FACTS_POOL, by="month").groups
        assert [(g.key, g.granted, g.reserved, g.consumed) for g in groups or ()] == [
            ("2022-02", 0, -45, 45),
            ("2022-03", 60, 15, 0),
        ]


def test_a_day_lasts_until_its_end_in_berlin(store_url: str) -> None:
    """given a session at midnight / when asked for the day before / then it does not count, and a second earlier it does."""
    midnight = berlin(2022, 3, 16, 0, 0)
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), *approved(60), logged(15, starts_at=midnight)])
        assert log.ask(balance, FACTS_POOL, date(2022, 3, 15)).consumed == 0
        assert log.ask(balance, FACTS_POOL, date(2022, 3, 16)).consumed == 15
        assert log.ask(balance, FACTS_POOL, midnight).consumed == 15
        assert log.ask(balance, FACTS_POOL, midnight - timedelta(microseconds=1)).consumed == 0


def test_known_at_is_inclusive(store_url: str) -> None:
    """given two changes of the budget / when asked as known at the first / then it counts and the second does not."""
    at = datetime(2022, 1, 10, 22, 59, 59, 999_999, tzinfo=UTC)
    with opened_log(store_url) as log:
        log.append([pool_opened(600)])
        log.append([budget_changed(60)], at)
        log.append([budget_changed(15)], at + timedelta(microseconds=1))
        assert log.ask(balance, FACTS_POOL, None, at).budget == 660
        assert log.ask(balance, FACTS_POOL, None, at - timedelta(microseconds=1)).budget == 600
        assert log.ask(balance, FACTS_POOL, None, date(2022, 1, 10)).budget == 660
        assert log.ask(balance, FACTS_POOL, None, date(2022, 1, 11)).budget == 675
        assert log.ask(balance, FACTS_POOL, date.max, date.max).budget == 675


def test_a_settled_booking_leaves_nothing_reserved(store_url: str) -> None:
    """given a grant used by half / when it is settled and its session reversed / then everything is available again."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), *approved(60), logged(30)])
        log.append([settled(), released(30, "settlement")])
        log.append([reversed_(session(30)), released(30, "reversal")])
        assert as_tuple(log.ask(balance, FACTS_POOL)) == ((600, 60, 0, 0, 60, 600), None)
        assert log.ask(balance, FACTS_POOL, by="booking").groups[0].key == str(BOOKING)


def test_a_forecast_rests_on_whole_weeks(store_url: str) -> None:
    """given an hour in each of four weeks / when asked the day after / then what is left lasts as many weeks as it has hours."""
    first = berlin(2022, 2, 1)
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60)])
        for week in range(4):
            log.append([reserved(60, at=first + timedelta(weeks=week))])
        log.append([released_at(60, first + timedelta(weeks=3, days=6))])
        log.append([reserved(60, at=first + timedelta(weeks=3, days=6))])
        found = log.ask(forecast_of, FACTS_POOL, date(2022, 3, 1))
        assert (found.available_minutes, found.weeks, found.minutes_a_week) == (360, 4, 60)
        assert found.runs_out_on == found.earliest == found.latest == date(2022, 4, 12)
        assert log.ask(forecast_of, FACTS_POOL, date(2022, 2, 8)).runs_out_on is None


def released_at(minutes: int, at: datetime) -> Any:
    """Minutes that came back at that instant."""
    stream, event = released(minutes, "reduction")
    return stream, replace(event, released_at=at)
