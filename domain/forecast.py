"""When a pool runs out, if it goes on as in the last weeks.

What is committed in a week, net of what is given back, is taken as a sample; its mean gives the expected day, and the mean's
80 % confidence interval (normal approximation) the range. An estimate for planning, never a rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, sqrt
from statistics import mean, stdev

WEEKS_MIN = 3  # fewer say nothing about how much they differ
WEEKS_MAX = 12
Z_80_PERCENT = 1.2816
DAYS_MAX = 10 * 365  # what lies further ahead is no forecast


@dataclass(frozen=True, slots=True)
class Forecast:
    """Days on which no minute is left: expected, and the range. ``None`` where that is out of sight.

    ``minutes_a_week`` is the mean of what was committed in the ``weeks`` weeks before.
    """

    weeks: int
    minutes_a_week: int
    runs_out_on: date | None
    earliest: date | None
    latest: date | None


def forecast(available: int, committed_by_week: Sequence[int], today: date) -> Forecast:
    """The forecast from the minutes that are available and those committed in each of the weeks before, oldest first."""
    sample = committed_by_week[-WEEKS_MAX:]
    if available <= 0:
        return Forecast(len(sample), round(mean(sample)) if sample else 0, today, today, today)
    if len(sample) < WEEKS_MIN:
        return Forecast(len(sample), round(mean(sample)) if sample else 0, None, None, None)
    rate = mean(sample)
    margin = Z_80_PERCENT * stdev(sample) / sqrt(len(sample))
    return Forecast(
        len(sample),
        round(rate),
        _day(available, rate, today),
        _day(available, rate + margin, today),
        _day(available, rate - margin, today),
    )


def _day(available: int, minutes_a_week: float, today: date) -> date | None:
    if minutes_a_week <= 0:
        return None
    days = ceil(available / minutes_a_week * 7)
    return today + timedelta(days=days) if days <= DAYS_MAX else None
