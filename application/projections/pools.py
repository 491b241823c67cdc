"""Pools: period, rules and state; the balance beside them is read from the movements."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import msgspec

from application.log import Reader, Recorded
from application.projections.balances import balance
from application.projections.tables import Live, Projection, Row, Rows, Table, page
from application.views import PoolView, Versioned
from domain.pool import (
    BudgetChanged,
    DemonstrationStarted,
    HoursReleased,
    HoursReserved,
    ImportRecorded,
    MonthClosed,
    MonthReopened,
    PlaceOffered,
    PoolClosed,
    PoolExhausted,
    PoolOpened,
    PoolReplenished,
    RulesChanged,
    SampleDrawn,
)
from domain.quantities import Period, Rules
from domain.refusals import NotFound


class PoolRow(Row):
    """``rules`` is JSON, ``closed_months`` are written like ``2021-12`` with spaces between them."""

    pool: str
    position: int
    version: int
    last_position: int
    name: str
    period_start: str
    period_end: str
    rules: str
    closed: int
    exhausted: int
    closed_months: str
    demonstration: int


POOLS_TABLE = Table("pools", PoolRow, ("pool",), (("position",),))

_encode_rules = msgspec.json.Encoder(order="sorted").encode
_decode_rules = msgspec.json.Decoder(Rules).decode

# ── Fold


def _opened(event: Recorded, data: PoolOpened, rows: Rows) -> None:
    opened = PoolRow(
        pool=str(event.stream),
        position=event.position,
        version=event.version,
        last_position=event.position,
        name=data.name,
        period_start=data.period.start.isoformat(),
        period_end=data.period.end.isoformat(),
        rules=_encode_rules(data.rules).decode(),
        closed=0,
        exhausted=0,
        closed_months="",
        demonstration=0,
    )
    rows.put(POOLS_TABLE, opened)


def _counted(event: Recorded, data: object, rows: Rows) -> PoolRow:
    """The version alone, where that is all that changes: sums stand in the balances, places on the waiting list."""
    pool = rows.change(POOLS_TABLE, str(event.stream))
    pool.version, pool.last_position = event.version, event.position
    return pool


def _demonstration_started(event: Recorded, data: DemonstrationStarted, rows: Rows) -> None:
    _counted(event, data, rows).demonstration = 1


def _rules_changed(event: Recorded, data: RulesChanged, rows: Rows) -> None:
    _counted(event, data, rows).rules = _encode_rules(data.rules).decode()


def _exhausted(event: Recorded, data: PoolExhausted, rows: Rows) -> None:
    _counted(event, data, rows).exhausted = 1


def _replenished(event: Recorded, data: PoolReplenished, rows: Rows) -> None:
    _counted(event, data, rows).exhausted = 0


def _month_closed(event: Recorded, data: MonthClosed, rows: Rows) -> None:
    pool = _counted(event, data, rows)
    pool.closed_months = " ".join(sorted({*pool.closed_months.split(), data.month}))


def _month_reopened(event: Recorded, data: MonthReopened, rows: Rows) -> None:
    pool = _counted(event, data, rows)
    pool.closed_months = " ".join(sorted({*pool.closed_months.split()} - {data.month}))


def _closed(event: Recorded, data: PoolClosed, rows: Rows) -> None:
    _counted(event, data, rows).closed = 1


POOLS = Projection(
    name="pools",
    version=4,
    tables=(POOLS_TABLE,),
    folds={
        PoolOpened: _opened,
        DemonstrationStarted: _demonstration_started,
        BudgetChanged: _counted,
        RulesChanged: _rules_changed,
        HoursReserved: _counted,
        HoursReleased: _counted,
        PoolExhausted: _exhausted,
        PoolReplenished: _replenished,
        PlaceOffered: _counted,
        MonthClosed: _month_closed,
        MonthReopened: _month_reopened,
        ImportRecorded: _counted,
        SampleDrawn: _counted,
        PoolClosed: _closed,
    },
)

# ── Readers: a pool is the same for everybody who may ask, but for what others are promised


def pool(reader: Reader, id: UUID, provider: str | None = None) -> PoolView:
    """A pool with today's balance; with the quota of ``provider`` alone, where one is stated. Raises ``NotFound``."""
    return _view(reader, _the(reader, id), provider)


def must_exist(reader: Reader, id: UUID) -> None:
    """Raises ``NotFound`` where there is no such pool."""
    if not Live(reader, POOLS).fetch("SELECT 1 FROM {pools} WHERE pool = ?", (str(id),)):
        raise NotFound()


def versioned_pool(reader: Reader, id: UUID) -> Versioned[PoolView]:
    """The same with its version, which counts decisions over the pool; sessions change the balance without one."""
    row = _the(reader, id)
    return Versioned(_view(reader, row), row.version, row.last_position)


def list_pools(
    reader: Reader, *, after: str | None = None, limit: int, provider: str | None = None
) -> tuple[list[PoolView], str | None]:
    """Pools in the order of their opening, each as ``pool`` gives it, and where the next page begins."""
    found, following = page(Live(reader, POOLS), POOLS_TABLE, "1 = 1", (), after, limit)
    return [_view(reader, row, provider) for row in found], following


def _the(reader: Reader, id: UUID) -> PoolRow:
    found = Live(reader, POOLS).rows(POOLS_TABLE, "pool = ?", (str(id),))
    if not found:
        raise NotFound()
    return found[0]


def _view(reader: Reader, row: PoolRow, provider: str | None = None) -> PoolView:
    id, rules = UUID(row.pool), _decode_rules(row.rules)
    if provider is not None:
        own = {name: quota for name, quota in rules.provider_quotas.items() if name == provider}
        rules = replace(rules, provider_quotas=own)
    return PoolView(
        id=id,
        name=row.name,
        period=Period(date.fromisoformat(row.period_start), date.fromisoformat(row.period_end)),
        rules=rules,
        closed=bool(row.closed),
        exhausted=bool(row.exhausted),
        closed_months=tuple(row.closed_months.split()),
        balance=balance(reader, id),
        demonstration=bool(row.demonstration),
    )
