"""When a pool runs out is estimated from what was committed in the weeks before."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.forecast import Forecast, forecast

TODAY = date(2022, 3, 1)


def test_an_even_pace_gives_one_day() -> None:
    """600 minutes at 100 a week last six weeks, and nothing speaks for another day."""
    assert forecast(600, [100, 100, 100, 100], TODAY) == Forecast(4, 100, date(2022, 4, 12), date(2022, 4, 12), date(2022, 4, 12))


def test_an_uneven_pace_gives_a_range() -> None:
    """The more the weeks differ, the wider the range around the expected day."""
    found = forecast(600, [50, 150, 50, 150], TODAY)

    assert found.runs_out_on == date(2022, 4, 12)
    assert found.earliest is not None
    assert found.latest is not None
    assert found.earliest < date(2022, 4, 12) < found.latest


def test_only_the_last_twelve_weeks_count() -> None:
    """What was usual long ago says little about the next weeks."""
    assert forecast(600, [10_000, *[100] * 12], TODAY) == forecast(600, [100] * 12, TODAY)


def test_too_few_weeks_give_no_day() -> None:
    """Two weeks do not show how much weeks differ."""
    assert forecast(600, [100, 120], TODAY) == Forecast(2, 110, None, None, None)


def test_a_pool_that_nobody_uses_does_not_run_out() -> None:
    """Where as much comes back as is committed, there is no such day."""
    assert forecast(600, [100, -100, 0], TODAY).runs_out_on is None


def test_an_exhausted_pool_has_run_out_today() -> None:
    """However little is known about its weeks."""
    assert forecast(0, [], TODAY) == Forecast(0, 0, TODAY, TODAY, TODAY)


@given(st.integers(1, 10**8), st.lists(st.integers(-(10**6), 10**6), max_size=40))
def test_the_expected_day_lies_within_the_range(available: int, weeks: list[int]) -> None:
    """Nothing runs out before tomorrow, and the range holds what is expected."""
    found = forecast(available, weeks, TODAY)

    if found.runs_out_on is not None:
        assert found.earliest is not None
        assert TODAY + timedelta(days=1) <= found.earliest <= found.runs_out_on
        assert found.latest is None or found.runs_out_on <= found.latest
