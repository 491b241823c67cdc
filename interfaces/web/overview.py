"""What the first page shows. Each part is there for those who may ask the same of the API; a provider's people see their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from msgspec import structs

from application.log import Reader
from application.projections import audit_trail, balances, cases, worklist
from application.projections.worklist import Waiting
from application.views import Balance, ForecastView, Group, PoolView
from domain.booking import BookingState
from domain.forecast import WEEKS_MIN
from domain.quantities import Actor, berlin_day, berlin_month, last_day_of_month, start_of_day
from interfaces.http.operations import Asking
from interfaces.http.policies import sees
from interfaces.web import charts
from interfaces.web.choice import choose
from interfaces.web.formats import day, hours, month, month_name
from interfaces.web.messages import message

MONTHS_MAX = 12
WAITING_SHOWN = 10
TRAIL_SHOWN = 8


@dataclass(frozen=True, slots=True)
class MonthRow:
    """How the pool stood at the end of a month; without a day, as it stands."""

    name: str
    as_of: date | None
    balance: Balance


@dataclass(frozen=True, slots=True)
class Months:
    rows: tuple[MonthRow, ...]
    chart: charts.Columns
    ended: bool


@dataclass(frozen=True, slots=True)
class DistrictRow:
    group: Group
    quota: int | None
    bar: tuple[charts.Segment, ...]


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """An open request; ``days`` is how long it has been waiting."""

    booking: UUID
    reference: str
    provider: str
    district: str
    minutes: int
    requested_at: datetime
    days: int
    state: BookingState


@dataclass(frozen=True, slots=True)
class WaitingList:
    sum: Waiting
    rows: tuple[WaitingRow, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """One sentence, and what it rests on."""

    sentence: str
    basis: str | None


@dataclass(frozen=True, slots=True)
class Times:
    """What had happened until then, and as it was known then; ``None`` for today."""

    as_of: datetime | date | None
    known_at: datetime | date | None


@dataclass(frozen=True, slots=True)
class Overview:
    """A part is ``None`` where the role may not see it."""

    choice: Sequence[PoolView]
    pool: PoolView
    provider: str | None
    own: Group | None
    bar: tuple[charts.Segment, ...]
    forecast: Forecast | None
    months: Months
    districts: tuple[DistrictRow, ...]
    waiting: WaitingList | None
    trail: Sequence[audit_trail.Note] | None
    times: Times | None
    now: datetime
    position: int


def may_see_figures(actor: Actor) -> bool:
    """Whether a role sees any of it."""
    return sees(actor, "Overview", "pool")


def may_see_other_times(actor: Actor) -> bool:
    """Whether a role is shown the page as of other times than today."""
    return sees(actor, "Overview", "times")


def overview(asking: Asking, wanted: UUID | None, times: Times | None = None) -> Overview | None:
    """The page of the pool that is wanted, else of the current one; ``None`` where there is no pool. Raises ``NotFound``.

    What was known is read by the ``asking`` itself; the ``times`` say what of that had happened.
    """
    reader, today, as_of = asking.reader, berlin_day(asking.now), times.as_of if times else None
    choice = choose(asking, wanted)
    if choice is None:
        return None
    pool = choice.pool
    if as_of is not None:
        pool = structs.replace(pool, balance=balances.balance(reader, pool.id, as_of))
    actor, head = asking.actor, reader.head()
    return Overview(
        choice=choice.pools,
        pool=pool,
        provider=asking.provider,
        own=_own(reader, pool, asking.provider),
        bar=charts.bar(_parts(pool.balance), pool.balance.budget),
        forecast=_forecast(balances.forecast_of(reader, pool.id, today), pool, today) if as_of is None else None,
        months=_months(reader, pool, _until(as_of, asking.now)),
        districts=_districts(reader, pool, asking.provider, as_of),
        waiting=_waiting(asking, pool.id, today) if sees(actor, "Overview", "waiting") else None,
        trail=audit_trail.latest(reader, pool=pool.id, limit=TRAIL_SHOWN) if sees(actor, "Overview", "trail") else None,
        times=times,
        now=asking.now,
        position=head.id if head else 0,
    )


def _until(as_of: datetime | date | None, now: datetime) -> datetime:
    if as_of is None:
        return now
    return min(now, as_of if isinstance(as_of, datetime) else start_of_day(as_of))


def _parts(balance: Balance | Group) -> dict[str, int]:
    parts = {"consumed": balance.consumed, "reserved": balance.reserved}
    return {**parts, "available": balance.available} if isinstance(balance, Balance) else parts


def _own(reader: Reader, pool: PoolView, provider: str | None) -> Group | None:
    """What a provider was granted and rendered, all in all."""
    if provider is None:
        return None
    groups = balances.balance(reader, pool.id, by="provider", provider=provider).groups or ()
    return next((group for group in groups if group.key == provider), Group(provider, 0, 0, 0, 0))


# ── Forecast


def _forecast(found: ForecastView, pool: PoolView, today: date) -> Forecast:
    settled = _settled(pool, today)
    if settled is not None:
        return Forecast(settled, None)
    if found.runs_out_on is None:
        return Forecast(message("forecast.early" if found.weeks < WEEKS_MIN else "forecast.endless"), None)
    facts = {"day": day(found.runs_out_on), "range": _range(found), "end": day(pool.period.end)}
    beyond = found.runs_out_on > pool.period.end
    basis = message("forecast.basis", rate=hours(found.minutes_a_week), weeks=found.weeks)
    return Forecast(message("forecast.beyond" if beyond else "forecast.expected", **facts), basis)


def _settled(pool: PoolView, today: date) -> str | None:
    """What makes a forecast needless."""
    if pool.closed:
        return message("forecast.closed")
    if today > pool.period.end:
        return message("forecast.over", end=day(pool.period.end))
    if today < pool.period.start:
        return message("forecast.ahead", start=day(pool.period.start))
    if pool.exhausted:
        return message("forecast.exhausted", unit=pool.rules.unit_minutes)
    return None


def _range(found: ForecastView) -> str:
    assert found.earliest is not None, "a forecast that names a day has an earliest one"
    if found.latest is None:
        return message("forecast.earliest", earliest=day(found.earliest))
    return message("forecast.between", earliest=day(found.earliest), latest=day(found.latest))


# ── Over time


def _months(reader: Reader, pool: PoolView, now: datetime) -> Months:
    """The last months of the period, up to today; the last one shows the pool as it stands."""
    last = min(berlin_month(now), f"{pool.period.end:%Y-%m}")
    names = _month_names(f"{pool.period.start:%Y-%m}", last)[-MONTHS_MAX:]
    rows = []
    for name in names[:-1]:
        as_of = last_day_of_month(name)
        rows.append(MonthRow(month(name), as_of, balances.balance(reader, pool.id, as_of=as_of)))
    if names:
        rows.append(MonthRow(month(names[-1]), None, pool.balance))
    stacks = [
        (month_name(name), name[:4] if place == 0 or name.endswith("-01") else "", _parts(row.balance))
        for place, (name, row) in enumerate(zip(names, rows, strict=True))
    ]
    return Months(tuple(rows), charts.columns(stacks), ended=pool.closed or berlin_day(now) > pool.period.end)


def _month_names(first: str, last: str) -> list[str]:
    """All months from the first to the last one, as ``2022-03``."""
    start, end = (int(name[:4]) * 12 + int(name[5:]) - 1 for name in (first, last))
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(start, end + 1)]


# ── By district


def _districts(reader: Reader, pool: PoolView, provider: str | None, as_of: datetime | date | None) -> tuple[DistrictRow, ...]:
    """The districts with most hours first; all bars on one scale, on which quotas of the pool stand too."""
    found = balances.balance(reader, pool.id, as_of, by="district", provider=provider)
    groups = {group.key: group for group in found.groups or ()}
    quotas = pool.rules.district_quotas if provider is None else {}
    for name in quotas:
        groups.setdefault(name, Group(name, 0, 0, 0, 0))
    widest = max((max(group.reserved + group.consumed, quotas.get(name, 0)) for name, group in groups.items()), default=0)
    ordered = sorted(groups.values(), key=lambda group: (-group.reserved - group.consumed, group.key))
    return tuple(_district(group, quotas.get(group.key), widest) for group in ordered)


def _district(group: Group, quota: int | None, widest: int) -> DistrictRow:
    left = {} if quota is None else {"available": quota - group.reserved - group.consumed}
    return DistrictRow(group, quota, charts.bar({**_parts(group), **left}, widest))


# ── Waiting


def _waiting(asking: Asking, pool: UUID, today: date) -> WaitingList:
    items, _ = worklist.worklist(asking.reader, pool=pool, provider=asking.provider, limit=WAITING_SHOWN)
    references = cases.references(asking.reader, (item.case for item in items))
    rows = tuple(
        WaitingRow(
            booking=item.booking,
            reference=references[item.case],
            provider=item.provider,
            district=item.district,
            minutes=item.minutes,
            requested_at=item.requested_at,
            days=(today - berlin_day(item.requested_at)).days,
            state=item.state,
        )
        for item in items
    )
    return WaitingList(worklist.waiting(asking.reader, pool, asking.provider), rows)
