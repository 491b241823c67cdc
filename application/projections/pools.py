"""Pools: period, rules and state; the balance beside them is read from the movements."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

import msgspec

from application.log import Reader, Recorded
from application.projections.balances import balance
from application.projections.tables import Live, Projection, Rows, Table, Unhandled, page
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
)
from domain.quantities import Period, Rules
from domain.refusals import NotFound


class PoolRow(NamedTuple):
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


def fold(event: Recorded, rows: Rows) -> None:
    """The pool after an event; each of them counts its version."""
    data = event.data
    if isinstance(data, PoolOpened):
        rows.put(POOLS_TABLE, _opened(event, data))
        return
    pool = rows.the(POOLS_TABLE, str(event.stream))._replace(version=event.version, last_position=event.position)
    match data:
        case DemonstrationStarted():
            pool = pool._replace(demonstration=1)
        case RulesChanged():
            pool = pool._replace(rules=_encode_rules(data.rules).decode())
        case PoolExhausted():
            pool = pool._replace(exhausted=1)
        case PoolReplenished():
            pool = pool._replace(exhausted=0)
        case MonthClosed():
            pool = _with_months(pool, {*pool.closed_months.split(), data.month})
        case MonthReopened():
            pool = _with_months(pool, {*pool.closed_months.split()} - {data.month})
        case PoolClosed():
            pool = pool._replace(closed=1)
        case BudgetChanged() | HoursReserved() | HoursReleased() | PlaceOffered() | ImportRecorded():
            pass  # the version alone: sums stand in the balances, places on the waiting list
        case _:
            raise Unhandled(event)
    rows.put(POOLS_TABLE, pool)


def _opened(event: Recorded, data: PoolOpened) -> PoolRow:
    return PoolRow(
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


def _with_months(pool: PoolRow, months: set[str]) -> PoolRow:
    return pool._replace(closed_months=" ".join(sorted(months)))


POOLS = Projection(
    name="pools",
    version=2,
    tables=(POOLS_TABLE,),
    handles=frozenset(
        {
            PoolOpened,
            DemonstrationStarted,
            BudgetChanged,
            RulesChanged,
            HoursReserved,
            HoursReleased,
            PoolExhausted,
            PoolReplenished,
            PlaceOffered,
            MonthClosed,
            MonthReopened,
            ImportRecorded,
            PoolClosed,
        }
    ),
    fold=fold,
)

# ── Readers: a pool is the same for everybody who may ask


def pool(reader: Reader, id: UUID) -> PoolView:
    """A pool with today's balance; raises ``NotFound``."""
    return versioned_pool(reader, id).view


def versioned_pool(reader: Reader, id: UUID) -> Versioned[PoolView]:
    """The same with its version, which counts decisions over the pool; sessions change the balance without one."""
    found = Live(reader, POOLS).rows(POOLS_TABLE, "pool = ?", (str(id),))
    if not found:
        raise NotFound()
    return Versioned(_view(reader, found[0]), found[0].version, found[0].last_position)


def list_pools(reader: Reader, *, after: str | None = None, limit: int) -> tuple[list[PoolView], str | None]:
    """Pools in the order of their opening, and where the next page begins."""
    found, following = page(Live(reader, POOLS), POOLS_TABLE, "1 = 1", (), after, limit)
    return [_view(reader, row) for row in found], following


def _view(reader: Reader, row: PoolRow) -> PoolView:
    id = UUID(row.pool)
    return PoolView(
        id=id,
        name=row.name,
        period=Period(date.fromisoformat(row.period_start), date.fromisoformat(row.period_end)),
        rules=_decode_rules(row.rules),
        closed=bool(row.closed),
        exhausted=bool(row.exhausted),
        closed_months=tuple(row.closed_months.split()),
        balance=balance(reader, id),
        demonstration=bool(row.demonstration),
    )
