"""Pool: a budget of minutes for a period, with its rules. Events, state, evolve, policies, decisions.

``available`` = budget − committed; *committed* = granted − released. What of it is consumed, the bookings know.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, assert_never
from uuid import UUID

from domain.quantities import Period, Personal, Rules, berlin_day, berlin_month, hours
from domain.refusals import (
    AlreadyClosed,
    AlreadyDecided,
    BelowCommitted,
    DuplicateId,
    Malformed,
    MonthIsClosed,
    NotAUnit,
    OutsidePeriod,
    OverBudget,
    OverCaseCap,
    OverDistrictQuota,
    OverProviderQuota,
    PoolIsClosed,
    ReasonMissing,
)
from domain.sampling import Population
from domain.waiting_list import Entry, WaitingList

ReleaseCause = Literal["settlement", "reduction", "reversal", "correction"]

# ── Events ── facts as they are stored; their stored names and versions stand in the application's catalogue.


@dataclass(frozen=True, slots=True)
class PoolOpened:
    """``budget_minutes`` is effective from the start of the period."""

    name: str
    period: Period
    budget_minutes: int
    rules: Rules


@dataclass(frozen=True, slots=True)
class DemonstrationStarted:
    """This pool and everything after it in its log is a made-up story, generated from ``seed`` and recorded by a clock of its own.

    ``clock`` is the instant from which that clock runs on once the story is told.
    """

    seed: int
    clock: datetime


@dataclass(frozen=True, slots=True)
class BudgetChanged:
    """Up or down by the committee's ``resolution``, effective on its day, or when it is recorded."""

    change_minutes: int
    resolution: str
    effective_on: date | None


@dataclass(frozen=True, slots=True)
class RulesChanged:
    """All rules as they are from now on."""

    rules: Rules
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class HoursReserved:
    """The pool's side of an approval."""

    booking: UUID
    case: UUID
    provider: str
    district: str
    minutes: int
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class HoursReleased:
    """Approved minutes that go back to the pool."""

    booking: UUID
    case: UUID
    provider: str
    district: str
    minutes: int
    released_at: datetime
    because: ReleaseCause


@dataclass(frozen=True, slots=True)
class PoolExhausted:
    """Less than one unit is available from here on."""


@dataclass(frozen=True, slots=True)
class PoolReplenished:
    """At least one unit is available again."""


@dataclass(frozen=True, slots=True)
class PlaceOffered:
    """The head of the waiting list fits for the first time."""

    booking: UUID


@dataclass(frozen=True, slots=True)
class MonthClosed:
    """``month`` is the month of service, as ``2022-03``."""

    month: str
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class MonthReopened:
    month: str
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class RefusedStep:
    """A step of an import that was refused: where it stood and under which rule."""

    line: int
    step: Literal["request", "decision", "session"]
    code: str
    id: str


@dataclass(frozen=True, slots=True)
class ImportRecorded:
    """A file was taken in. Counts are steps; ``refused`` names each refused one with its code."""

    kind: Literal["requests", "sessions"]
    file_sha256: str
    read: int
    recorded: int
    already_there: int
    refused: tuple[RefusedStep, ...]


@dataclass(frozen=True, slots=True)
class SampleDrawn:
    """An auditor drew sessions of the pool to check; ``method`` says how they follow from seed and population."""

    sample: UUID
    method: int
    seed: str
    population: Population
    sessions: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class PoolClosed:
    """From here on the pool takes nothing (rule 8)."""

    reason: Personal
    reason_given: bool


PoolEvent = (
    PoolOpened
    | DemonstrationStarted
    | BudgetChanged
    | RulesChanged
    | HoursReserved
    | HoursReleased
    | PoolExhausted
    | PoolReplenished
    | PlaceOffered
    | MonthClosed
    | MonthReopened
    | ImportRecorded
    | SampleDrawn
    | PoolClosed
)

# ── State


@dataclass(slots=True)
class Pool:
    """What decisions need to know of a pool. Minutes throughout; the three dictionaries hold what is committed."""

    id: UUID
    name: str
    period: Period
    rules: Rules
    budget: int
    committed: int = 0
    by_case: dict[UUID, int] = field(default_factory=dict)
    by_district: dict[str, int] = field(default_factory=dict)
    by_provider: dict[str, int] = field(default_factory=dict)
    closed_months: set[str] = field(default_factory=set)
    exhausted: bool = False
    closed: bool = False

    @property
    def available(self) -> int:
        return self.budget - self.committed


def evolve(pool: Pool | None, stream: UUID, event: PoolEvent) -> Pool:
    """The state after a fact. It folds in place: whoever holds the state owns it (a copy per fact would grow with the pool)."""
    if isinstance(event, PoolOpened):
        return Pool(stream, event.name, event.period, event.rules, event.budget_minutes)
    assert pool is not None, f"the first event of a pool opens it, not {event}"
    match event:
        case BudgetChanged():
            pool.budget += event.change_minutes
        case RulesChanged():
            pool.rules = event.rules
        case HoursReserved():
            _commit(pool, event, event.minutes)
        case HoursReleased():
            _commit(pool, event, -event.minutes)
        case PoolExhausted():
            pool.exhausted = True
        case PoolReplenished():
            pool.exhausted = False
        case MonthClosed():
            pool.closed_months.add(event.month)
        case MonthReopened():
            pool.closed_months.discard(event.month)
        case PoolClosed():
            pool.closed = True
        case DemonstrationStarted() | PlaceOffered() | ImportRecorded() | SampleDrawn():
            pass  # they change nothing that a pool decides by; the waiting list folds the first
        case _:
            assert_never(event)
    return pool


def _commit(pool: Pool, event: HoursReserved | HoursReleased, minutes: int) -> None:
    pool.committed += minutes
    pool.by_case[event.case] = pool.by_case.get(event.case, 0) + minutes
    pool.by_district[event.district] = pool.by_district.get(event.district, 0) + minutes
    pool.by_provider[event.provider] = pool.by_provider.get(event.provider, 0) + minutes


# ── Policies ── each raises its refusal, or returns nothing.


def positive(minutes: int, place: str = "minutes") -> None:
    """Minutes below 1 are malformed (rule 16)."""
    if minutes < 1:
        raise Malformed(place=place, problem="mindestens 1 Minute")


def pool_open(pool: Pool) -> None:
    """A closed pool takes nothing (rule 8)."""
    if pool.closed:
        raise PoolIsClosed(pool=pool.name)


def within_period(pool: Pool, day: date) -> None:
    """Requests, approvals and dates of service lie inside the period (rule 4)."""
    if day not in pool.period:
        raise OutsidePeriod(day=f"{day:%d.%m.%Y}", start=f"{pool.period.start:%d.%m.%Y}", end=f"{pool.period.end:%d.%m.%Y}")


def month_open(pool: Pool, *instants: datetime) -> None:
    """A closed month takes no session, correction or reversal (rule 7); moving a session names both its instants."""
    for month in sorted({berlin_month(instant) for instant in instants}):
        if month in pool.closed_months:
            raise MonthIsClosed(month=german_month(month))


def reason_stated(given: bool) -> None:
    """Part-grants, refusals, reductions, corrections, reversals and reopenings have a reason (rules 7, 11, 14)."""
    if not given:
        raise ReasonMissing()


def whole_units(pool: Pool, minutes: int) -> None:
    """Minutes are multiples of the pool's unit (rule 16)."""
    if minutes % pool.rules.unit_minutes:
        raise NotAUnit(minutes=minutes, unit=pool.rules.unit_minutes)


def within_budget(pool: Pool, minutes: int) -> None:
    """Never commit more than the budget (rule 1)."""
    if minutes > pool.available:
        raise OverBudget(available=hours(pool.available))


def within_case_cap(pool: Pool, case: UUID, minutes: int) -> None:
    """For one case never more than the cap (rule 2)."""
    limit = pool.rules.case_cap_minutes
    left = None if limit is None else limit - pool.by_case.get(case, 0)
    if limit is not None and left is not None and minutes > left:
        raise OverCaseCap(limit=hours(limit), left=hours(left))


def within_district_quota(pool: Pool, district: str, minutes: int) -> None:
    """For a district never more than its quota, where it has one (rule 3)."""
    limit = pool.rules.district_quotas.get(district)
    left = None if limit is None else limit - pool.by_district.get(district, 0)
    if limit is not None and left is not None and minutes > left:
        raise OverDistrictQuota(district=district, limit=hours(limit), left=hours(left))


def within_provider_quota(pool: Pool, provider: str, minutes: int) -> None:
    """For a provider never more than its quota, where it has one (rule 3)."""
    limit = pool.rules.provider_quotas.get(provider)
    left = None if limit is None else limit - pool.by_provider.get(provider, 0)
    if limit is not None and left is not None and minutes > left:
        raise OverProviderQuota(provider=provider, limit=hours(limit), left=hours(left))


def sound_rules(rules: Rules) -> None:
    """A unit of at least one minute and no negative limit."""
    limits = [
        ("case_cap_minutes", rules.case_cap_minutes),
        ("four_eyes_minutes", rules.four_eyes_minutes),
        ("session_max_minutes", rules.session_max_minutes),
        ("late_entry_days", rules.late_entry_days),
        *((f"district_quotas.{name}", quota) for name, quota in rules.district_quotas.items()),
        *((f"provider_quotas.{name}", quota) for name, quota in rules.provider_quotas.items()),
    ]
    positive(rules.unit_minutes, "rules.unit_minutes")
    for name, limit in limits:
        if limit is not None and limit < 0:
            raise Malformed(place=f"rules.{name}", problem="nicht negativ")


# ── Decisions


def open_pool(existing: Pool | None, *, name: str, period: Period, budget_minutes: int, rules: Rules) -> list[PoolEvent]:
    """Opens a pool with the budget that the committee resolved."""
    positive(budget_minutes, "budget_minutes")
    sound_rules(rules)
    if period.end < period.start:
        raise Malformed(place="period.end", problem="liegt vor dem Beginn")
    if existing is not None:
        raise DuplicateId(id=existing.id)
    opened = PoolOpened(name, period, budget_minutes, rules)
    return [opened, PoolExhausted()] if budget_minutes < rules.unit_minutes else [opened]


def change_budget(
    pool: Pool, waiting: WaitingList, *, change_minutes: int, resolution: str, effective_on: date | None
) -> list[PoolEvent]:
    """Raises or cuts the budget, never below what is committed (rule 5)."""
    if change_minutes == 0:
        raise Malformed(place="change_minutes", problem="nicht 0")
    pool_open(pool)
    if pool.available + change_minutes < 0:
        raise BelowCommitted(committed=hours(pool.committed))
    changed = BudgetChanged(change_minutes, resolution, effective_on)
    return [changed, *follow_up(pool, waiting, gained=change_minutes)]


def change_rules(pool: Pool, *, rules: Rules, reason: Personal) -> list[PoolEvent]:
    """Replaces the rules for what is decided from now on; what was decided before stands."""
    sound_rules(rules)
    pool_open(pool)
    return [RulesChanged(rules, reason, bool(reason)), *threshold(pool, pool.available, rules.unit_minutes)]


def reserve_hours(
    pool: Pool, waiting: WaitingList, *, booking: UUID, case: UUID, provider: str, district: str, minutes: int, at: datetime
) -> list[PoolEvent]:
    """The pool's side of an approval whose policies were judged; the booking leaves the waiting list."""
    reserved = HoursReserved(booking, case, provider, district, minutes, at)
    return [reserved, *follow_up(pool, waiting, gained=-minutes, leaving=(booking,))]


def close_month(pool: Pool, *, month: str, reason: Personal) -> list[PoolEvent]:
    """Closes a month of service (rule 7)."""
    pool_open(pool)
    month_in_period(pool, month)
    if month in pool.closed_months:
        raise AlreadyClosed(what=f"Der Monat {german_month(month)}")
    return [MonthClosed(month, reason, bool(reason))]


def reopen_month(pool: Pool, *, month: str, reason: Personal) -> list[PoolEvent]:
    """Opens a closed month again, with a reason (rule 7)."""
    pool_open(pool)
    month_in_period(pool, month)
    if month not in pool.closed_months:
        raise AlreadyDecided()
    reason_stated(bool(reason))
    return [MonthReopened(month, reason, True)]


def record_import(
    pool: Pool,
    *,
    kind: Literal["requests", "sessions"],
    file_sha256: str,
    read: int,
    already_there: int,
    refused: Iterable[RefusedStep],
) -> list[PoolEvent]:
    """Notes that an open pool took a file in, with every refused step."""
    pool_open(pool)
    steps = tuple(refused)
    return [ImportRecorded(kind, file_sha256, read, read - already_there - len(steps), already_there, steps)]


def follow_up(
    pool: Pool, waiting: WaitingList, *, gained: int = 0, joining: Iterable[Entry] = (), leaving: Collection[UUID] = ()
) -> list[PoolEvent]:
    """What follows when available minutes or the waiting list change in a decision: exhaustion, replenishment, an offer (rule 20).

    Takes the state before the decision; ``gained`` is negative where minutes are committed.
    """
    available = pool.available + gained
    head = waiting.place_for(available, joining=joining, leaving=leaving)
    offer = [] if head is None else [PlaceOffered(head)]
    return [*threshold(pool, available, pool.rules.unit_minutes), *offer]


def threshold(pool: Pool, available: int, unit_minutes: int) -> list[PoolEvent]:
    """A pool is exhausted while less than one unit is available; quotas and caps do not count."""
    exhausted = available < unit_minutes
    if exhausted == pool.exhausted:
        return []
    return [PoolExhausted() if exhausted else PoolReplenished()]


def month_in_period(pool: Pool, month: str) -> None:
    """Only months that touch the period can be closed or reopened."""
    first = date.fromisoformat(f"{month}-01")
    if not f"{pool.period.start:%Y-%m}" <= month <= f"{pool.period.end:%Y-%m}":
        within_period(pool, first)


def german_month(month: str) -> str:
    """``2022-03`` as people write it: ``03/2022``."""
    year, number = month.split("-")
    return f"{number}/{year}"


def is_late(pool: Pool, starts_at: datetime, now: datetime) -> bool:
    """Entered more than the agreed days after the service: accepted and marked (rule 17)."""
    limit = pool.rules.late_entry_days
    return limit is not None and (berlin_day(now) - berlin_day(starts_at)).days > limit
