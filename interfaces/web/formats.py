"""How people in Germany read numbers, days and instants."""

from base64 import b64encode
from datetime import date, datetime

from application.views import Unit
from domain import quantities
from domain.quantities import berlin_time

_MONTHS = ("Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez")


def hours(minutes: int) -> str:
    """735 → 12,25 Std., on one line."""
    return quantities.hours(minutes).replace(" ", "\N{NO-BREAK SPACE}")


def day(when: date) -> str:
    """03.12.2021"""
    return f"{when:%d.%m.%Y}"


def moment(instant: datetime) -> str:
    """03.12.2021, 14:30 Uhr – in Europe/Berlin."""
    return f"{berlin_time(instant):%d.%m.%Y, %H:%M} Uhr"


def at(when: datetime | date) -> str:
    """A day or an instant."""
    return moment(when) if isinstance(when, datetime) else day(when)


def exact(when: datetime | date) -> str:
    """As links pass it on: an instant to its microsecond."""
    return berlin_time(when).isoformat() if isinstance(when, datetime) else day(when)


def base64(value: bytes) -> str:
    """A hash as checkpoints write it."""
    return b64encode(value).decode()


def amount(value: int | None, unit: Unit) -> str:
    """A figure of the evaluation; of what there is not, a dash."""
    if value is None:
        return "–"
    match unit:
        case "minutes" | "elapsed_minutes":
            return hours(value)
        case "percent":
            return f"{value}\N{NO-BREAK SPACE}%"
        case _:
            return number(value)


def month_name(month: str) -> str:
    """``2021-12`` → Dez"""
    return _MONTHS[int(month[5:]) - 1]


def month(month: str) -> str:
    """``2021-12`` → Dez 2021"""
    return f"{month_name(month)} {month[:4]}"


def number(count: int) -> str:
    """1234 → 1.234"""
    return f"{count:,}".replace(",", ".")


def percent(part: int, whole: int) -> str:
    """12,5 – of a whole that is nothing, nothing."""
    tenths = round(part * 1000 / whole) if whole else 0
    return f"{tenths // 10},{tenths % 10}"
