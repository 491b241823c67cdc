"""Which pool a page is about: the one that is asked for, else the current one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from application.projections import pools
from application.views import PoolView
from domain.quantities import berlin_day
from interfaces.http.operations import Asking

POOLS_MAX = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """A pool, and all that can be chosen instead."""

    pools: Sequence[PoolView]
    pool: PoolView


def choose(asking: Asking, wanted: UUID | None) -> Choice | None:
    """``None`` where there is no pool at all. Raises ``NotFound`` for one that is not there."""
    found, _ = pools.list_pools(asking.reader, limit=POOLS_MAX, provider=asking.provider)
    if wanted is not None:
        return Choice(found, pools.pool(asking.reader, wanted, asking.provider))
    return Choice(found, _current(found, berlin_day(asking.now))) if found else None


def _current(found: Sequence[PoolView], today: date) -> PoolView:
    """The last one opened of those that run today, or at least are not closed, or of all."""
    return max(enumerate(found), key=lambda each: (not each[1].closed and today in each[1].period, not each[1].closed, each[0]))[1]
