"""When people work: weekdays, holidays in Saxony, school holidays, and the hours of a day in Europe/Berlin."""

from datetime import date, datetime, time, timedelta
from random import Random

from domain.quantities import BERLIN

HOLIDAYS = {
    date(2021, 11, 17),
    date(2021, 12, 25),
    date(2021, 12, 26),
    date(2022, 1, 1),
    date(2022, 4, 15),
    date(2022, 4, 18),
    date(2022, 5, 1),
    date(2022, 5, 26),
}
CHRISTMAS = (date(2021, 12, 23), date(2022, 1, 2))
SCHOOL_HOLIDAYS = ((date(2022, 2, 12), date(2022, 2, 26)), (date(2022, 4, 15), date(2022, 4, 23)))

_DAY = timedelta(days=1)


def is_working_day(day: date) -> bool:
    """Whether the office is open, and providers as a rule."""
    return day.weekday() < 5 and day not in HOLIDAYS and not CHRISTMAS[0] <= day <= CHRISTMAS[1]


def pace(day: date) -> float:
    """How much of the usual happens on a day, from 0 to 1."""
    if day.weekday() == 6 or day in HOLIDAYS:
        return 0.02
    if day.weekday() == 5 or CHRISTMAS[0] <= day <= CHRISTMAS[1]:
        return 0.08
    return 0.6 if any(first <= day <= last for first, last in SCHOOL_HOLIDAYS) else 1.0


def working_days_after(day: date, count: int) -> date:
    """The working day that many working days later; with 0 the day itself, or the next one."""
    while not is_working_day(day):
        day += _DAY
    for _ in range(count):
        day += _DAY
        while not is_working_day(day):
            day += _DAY
    return day


def last_working_day(day: date) -> date:
    """The last working day of the month in which a day lies."""
    last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - _DAY
    while not is_working_day(last):
        last -= _DAY
    return last


def at_desk(random: Random, day: date) -> datetime:
    """Some instant of a working day at which people sit at a desk; Fridays are shorter."""
    seconds = random.uniform(7.75 * 3600, (13 if day.weekday() == 4 else 16.5) * 3600)
    return start_of(day) + timedelta(seconds=round(seconds, 6))


def with_people(random: Random, day: date) -> datetime:
    """When an appointment begins: on the quarter of an hour, most in the afternoon."""
    quarters = round(random.triangular(8.5, 18.5, 14.5) * 4)
    return start_of(day) + timedelta(minutes=15 * quarters)


def start_of(day: date) -> datetime:
    """Midnight by the clock on the wall; hours added to it are hours on that clock."""
    return datetime.combine(day, time.min, BERLIN)
