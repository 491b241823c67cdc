"""Quantities, instants and codes that all aggregates share.

Durations are whole minutes (``int``). Instants are timezone-aware; what is shown or compared by day is Europe/Berlin.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Literal
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")

ServiceArea = Literal["11", "12", "13", "13a", "14", "16"]
Concern = Literal["authorities", "housing", "school", "work", "finances", "health", "residence", "family", "other"]
Kind = Literal["direct", "indirect", "travel", "absence"]
Outcome = Literal["goal_reached", "passed_on", "moved", "broken_off", "other"]
Role = Literal["worker", "lead", "officer", "planner", "auditor", "admin"]

# How long a personal text is kept depends on what it belongs to: master data, the file of the case, or what proves a service and
# what decided about it. Why something is to be erased or kept stays until nothing else is left. A reason about a pool speaks of no
# person and is the office's.
RetentionClass = Literal["identity", "file", "voucher", "procedure", "office"]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A personal text as it stands in the log: readable only with the key of that name."""

    key: str
    nonce: bytes
    ciphertext: bytes


# A personal text is plain while it is being decided, sealed once it is recorded, and absent where nothing was said.
Personal = str | Sealed | None


OFFICE = "jugendamt"  # the organisation of whoever acts for the youth office; storage


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a pseudonymous subject in a role, on behalf of an organisation (a provider, or the youth office)."""

    subject: str
    role: Role
    organisation: str


@dataclass(frozen=True, slots=True)
class Period:
    """First and last day of a pool, both inclusive."""

    start: date
    end: date

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end


@dataclass(frozen=True, slots=True)
class Rules:
    """What a pool's committee laid down. Minutes throughout; a rule that is not stated does not apply."""

    unit_minutes: int = 15
    case_cap_minutes: int | None = None
    district_quotas: Mapping[str, int] = field(default_factory=dict)
    provider_quotas: Mapping[str, int] = field(default_factory=dict)
    four_eyes_minutes: int | None = None
    session_max_minutes: int | None = None
    late_entry_days: int | None = None


def berlin_time(instant: datetime) -> datetime:
    """The instant in Europe/Berlin's local time with its offset, so that it compares by the instant in a doubled hour as well."""
    local = instant.astimezone(BERLIN)
    return local.replace(tzinfo=timezone(local.utcoffset() or timedelta()))


def berlin_day(instant: datetime) -> date:
    """The calendar day of an instant in Europe/Berlin."""
    return instant.astimezone(BERLIN).date()


def berlin_month(instant: datetime) -> str:
    """The calendar month of an instant in Europe/Berlin, as ``2022-03``."""
    return berlin_day(instant).isoformat()[:7]


def start_of_day(day: date) -> datetime:
    """The first instant of a day in Europe/Berlin."""
    return datetime.combine(day, time.min, BERLIN)


def start_of_next_day(day: date) -> datetime:
    """The first instant after a day in Europe/Berlin; "through the end of a day" means before it."""
    return start_of_day(day + timedelta(days=1))


def last_day_of_month(month: str) -> date:
    """The last day of a month given as ``2022-03``."""
    first = date.fromisoformat(f"{month}-01")
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def hours(minutes: int) -> str:
    """Minutes as people in Germany read hours: 735 → ``12,25 Std.``; thousands are grouped by dots."""
    sign, hundredths = "-" if minutes < 0 else "", round(abs(minutes) * 100 / 60)
    whole, rest = divmod(hundredths, 100)
    grouped = f"{whole:,}".replace(",", ".")
    return f"{sign}{grouped},{rest:02d} Std."
