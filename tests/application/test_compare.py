"""Two instants compared: the events in between come to the difference, and each says why it was not known before."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.compare import Change, Comparison, compare
from application.projections.balances import MovementKind
from domain.refusals import Malformed, NotFound
from tests.application.projections.driver import Log, opened_log
from tests.application.projections.histories import POOL, START, History, steps
from tests.application.projections.test_balances import movements, recount, until
from tests.conftest import STORE_KINDS
from tests.domain.facts import POOL as FACTS_POOL
from tests.domain.facts import (
    SERVED_AT,
    approved,
    case_opened,
    corrected,
    hours_requested,
    logged,
    pool_opened,
    reversed_,
    session,
)

EXAMPLES = {"sqlite": 12, "postgres": 2}

instants = st.integers(-5 * 24 * 60, 150 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
points = instants | instants.map(lambda instant: instant.date())


def compared(log: Log, first: Any, second: Any, pool: UUID = POOL) -> Comparison:
    """All changes, put together from pages of two, which must come to the same as all at once."""
    whole = log.ask(compare, pool, first, second, limit=None)
    changes, after = list[Change](), None
    while True:
        page = log.ask(compare, pool, first, second, after=after, limit=2)
        changes += page.changes
        after = page.next
        if after is None:
            break
    assert tuple(changes) == whole.changes
    return whole


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_changes_come_to_the_difference(kind: str, fresh_url: Callable[[str], str]) -> None:
    """given any history and two instants / when compared / then figures are as recounted, and changes come to their differences."""

    @settings(max_examples=EXAMPLES[kind], deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps, st.lists(st.tuples(points, points), min_size=2, max_size=4))
    def agrees(steps: list[tuple[int, int, bool]], questions: list[tuple[Any, Any]]) -> None:
        with opened_log(fresh_url(kind)) as log:
            log.append_all(History().play(steps))
            known = movements(log.recorded)
            for first, second in questions:
                if end_of(second) < end_of(first):
                    with pytest.raises(Malformed):
                        compared(log, first, second)
                    continue
                found = compared(log, first, second)
                happened = [each for each in known if until(first, each["effective"])]
                then, now = (recount([each for each in happened if until(point, each["known"])])[0] for point in (first, second))
                figures = {each.figure: each for each in found.figures}
                in_order = [figures[name] for name in ("budget", "granted", "reserved", "consumed", "released", "available")]
                assert tuple(each.then for each in in_order) == then
                assert tuple(each.now for each in in_order) == now
                for kind_moved in get_args(MovementKind):
                    moved = sum(change.minutes.get(kind_moved, 0) for change in found.changes)
                    assert moved == figures[kind_moved].difference == figures[kind_moved].now - figures[kind_moved].then
                for change in found.changes:
                    event = log.recorded[change.position - 1]
                    assert not until(first, event.recorded_at)
                    assert until(second, event.recorded_at)
                    assert (change.type, change.actor, change.recorded_at) == (event.type, event.actor, event.recorded_at)

    agrees()


def end_of(point: datetime | date) -> Any:
    """The first moment that does not count any more, as something to compare with."""
    if isinstance(point, datetime):
        return point.timestamp()
    following = datetime.combine(point + timedelta(days=1), datetime.min.time())
    return following.replace(tzinfo=START.tzinfo).timestamp() - 3600  # Berlin is an hour ahead until the end of March


def test_what_came_later_is_told_apart(store_url: str) -> None:
    """given a day / when sessions before it are logged, corrected and reversed later / then each is named with what it changed."""
    served, day = SERVED_AT, SERVED_AT.date()
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(240), *approved(240)], at=served)
        log.append([logged(60, starts_at=served)], at=served)
        later = served + timedelta(days=40)
        log.append([corrected(session(60, served), session(45, served))], at=later)
        log.append([reversed_(session(45, served))], at=later)
        other = UUID(int=77)
        log.append([logged(30, session=other, starts_at=served)], at=later)
        log.append([logged(15, session=UUID(int=78), starts_at=later)], at=later)
        found = compared(log, day, later.date(), FACTS_POOL)
        told = [(change.position, change.manner, change.minutes, change.days) for change in found.changes]
        first = len(log.recorded)
        assert told == [
            (first - 1, "late", {"consumed": 30}, (day,)),
            (first - 2, "reversed", {"consumed": -45}, (day,)),
            (first - 3, "corrected", {"consumed": -15}, (day,)),
        ]
        [consumed] = [figure for figure in found.figures if figure.figure == "consumed"]
        assert (consumed.then, consumed.now, consumed.difference) == (60, 30, -30)
        assert found.changes[0].deed.startswith("erfasste einen Termin")
        assert compared(log, later.date(), later.date(), FACTS_POOL).changes == ()


def test_a_pool_that_is_not_there_is_not_found(store_url: str) -> None:
    """given no pool / when two instants of it are compared / then it is not found."""
    with opened_log(store_url) as log, pytest.raises(NotFound):
        log.ask(compare, POOL, date(2022, 1, 1), date(2022, 2, 1), limit=1)
