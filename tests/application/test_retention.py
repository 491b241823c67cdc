"""Retention over a hundred simulated years: nothing early, nothing more than a day late, holds respected."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain import case as cases
from domain.case import Case
from domain.erasure import Periods, due_from, erase, lift_hold, set_hold
from domain.personal_data import CLASSES, PersonalDataErased
from domain.quantities import berlin_day, start_of_day
from domain.refusals import DataErased, Refusal
from tests.domain.facts import case_closed, case_opened

START = datetime(2022, 1, 1, tzinfo=UTC)
YEARS = st.integers(1, 60)
PERIODS = st.builds(Periods, identity_years=YEARS, file_years=YEARS, voucher_years=YEARS)
INSTANTS = st.integers(0, 40 * 365 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
HOLDS = st.lists(st.tuples(INSTANTS, st.integers(1, 9_000)), max_size=3)  # from when, and for how many days


class Person:
    """A case that ended, whose office has the two persons look at it each day, at some hour."""

    def __init__(self, ended_at: datetime, periods: Periods, holds: list[tuple[datetime, int]]) -> None:
        self.case: Case = cases.evolve(cases.evolve(None, *case_opened()), *case_closed())  # type: ignore[arg-type]
        self.calendar = due_from(berlin_day(ended_at), periods)
        self.holds = [(start, start + timedelta(days=days)) for start, days in holds]
        self.erased: dict[str, datetime] = {}

    def held(self, at: datetime) -> bool:
        return any(start <= at < end for start, end in self.holds)

    def look(self, at: datetime) -> None:
        """Holds are set and lifted; then one person requests, and the other agrees."""
        if set(self.erased) == set(CLASSES):
            with pytest.raises(DataErased):  # nothing is left that a hold could keep
                set_hold(self.case, reason="Klage")
        elif self.held(at) != self.case.data.held:
            for event in (set_hold if self.held(at) else lift_hold)(self.case, reason="Klage"):
                cases.evolve(self.case, self.case.id, event)
        for by in ("sb-1", "sb-2"):
            try:
                events = erase(
                    self.case,
                    ended=True,
                    classes=None,
                    ground="retention",
                    reason=None,
                    by=by,
                    calendar=self.calendar,
                    today=berlin_day(at),
                )
            except Refusal:
                continue
            for event in events:
                cases.evolve(self.case, self.case.id, event)
                if isinstance(event, PersonalDataErased):
                    self.erased.update(dict.fromkeys(event.classes, at))


@settings(deadline=None, max_examples=150)
@given(INSTANTS, PERIODS, HOLDS, st.times())
@example(START, Periods(identity_years=1, file_years=1, voucher_years=1), [(START + timedelta(days=730), 1)], time(0))
def test_a_hundred_years(ended_at: datetime, periods: Periods, holds: list[tuple[datetime, int]], hour: time) -> None:
    """given an office that looks every day / then each class ends on the day it is due, or on the first without a hold after it.

    Only the days around which anything can change are looked at; on all others the same is refused for the same reason.
    """
    person = Person(ended_at, periods, holds)
    turning = [*map(start_of_day, person.calendar.values()), *(each for hold in person.holds for each in hold), ended_at]
    days = sorted({berlin_day(each) + timedelta(days=number) for each in turning for number in range(-2, 4)})
    looks = [datetime.combine(day, hour, start_of_day(day).tzinfo).astimezone(UTC) for day in days]
    for at in looks:
        if at >= ended_at:
            person.look(at)
    for kept in CLASSES:
        due = start_of_day(person.calendar[kept])
        free = next(at for at in looks if at >= max(due, ended_at) and not person.held(at))
        assert person.erased[kept] == free
        assert not person.held(person.erased[kept])
        released = max([due, *(end for _, end in person.holds if end <= free)])
        assert due <= free <= released + timedelta(days=1, hours=1)  # a day of summer time that ends has one hour more
    assert person.case.erased
