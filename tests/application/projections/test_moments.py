"""An instant as columns hold it, whoever stated it with whatever offset."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from application.projections.tables import day_of, micros, moment
from domain.quantities import start_of_day

SUMMER = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2022, 3, 15, 10, 0, tzinfo=UTC),
        datetime(2022, 7, 1, 0, 30, tzinfo=SUMMER),
        datetime(2022, 6, 30, 22, 30, tzinfo=UTC),
        datetime(2022, 7, 1, 0, 30, 0, 123_456, SUMMER),
        start_of_day(date(2022, 3, 27)),
        start_of_day(date(2022, 10, 30)) + timedelta(hours=26),
    ],
)
def test_a_moment_says_what_arithmetic_says(instant: datetime) -> None:
    """given an instant / when it is looked up, twice / then microseconds and day are those of arithmetic"""
    for _ in range(2):
        found = moment(instant)
        assert (found.micros, found.day) == (micros(instant), day_of(micros(instant)))
        assert datetime.fromisoformat(found.stated) == instant


def test_the_same_instant_stated_otherwise_keeps_its_text() -> None:
    """given one instant stated with two offsets / when both are looked up / then each keeps the text in which it was stated"""
    here, there = datetime(2022, 7, 1, 0, 30, tzinfo=SUMMER), datetime(2022, 6, 30, 22, 30, tzinfo=UTC)
    assert moment(here)[1:] == moment(there)[1:]
    assert moment(here).stated != moment(there).stated
