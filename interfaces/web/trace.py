"""Where a figure comes from: the movements in the log that it is the sum of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from application.projections import balances, pools
from application.projections.balances import By, Entry, MovementKind
from application.views import PoolView
from domain.refusals import NotFound
from interfaces.http.bodies import Name
from interfaces.http.operations import Asking
from interfaces.http.parameters import Parameters

ENTRIES_MAX = 300

Figure = Literal["budget", "granted", "released", "consumed", "reserved", "available"]

# With which sign each kind of movement counts.
SIGNS: Mapping[Figure, Mapping[MovementKind, int]] = {
    "budget": {"budget": 1},
    "granted": {"granted": 1},
    "released": {"released": 1},
    "consumed": {"consumed": 1},
    "reserved": {"granted": 1, "released": -1, "consumed": -1},
    "available": {"budget": 1, "granted": -1, "released": 1},
}


class TraceOf(Parameters, frozen=True):
    """A figure of a pool, or of one district or provider in it, on request as it was at the end of a day."""

    pool: UUID
    figure: Figure
    district: Name | None = None
    provider: Name | None = None
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with its minutes as they count for the figure."""

    entry: Entry
    minutes: int


@dataclass(frozen=True, slots=True)
class Trace:
    """The figure, and lines that add up to it together with ``rest``: what is older, or other providers'."""

    wanted: TraceOf
    pool: PoolView
    provider: str | None
    minutes: int
    lines: tuple[Line, ...]

    @property
    def rest(self) -> int:
        return self.minutes - sum(line.minutes for line in self.lines)


def trace(asking: Asking, wanted: TraceOf) -> Trace:
    """The movements behind a figure. A provider's people see their own, and those of others in one sum. Raises ``NotFound``."""
    if asking.provider is not None and wanted.provider not in (None, asking.provider):
        raise NotFound()
    pool = pools.pool(asking.reader, wanted.pool)
    # What others do in a district is not a provider's to know; the sums of a pool are.
    whose = asking.provider if wanted.district is not None and asking.provider is not None else wanted.provider
    signs = SIGNS[wanted.figure]
    lines = tuple(Line(entry, signs[entry.kind] * entry.minutes) for entry in _entries(asking, wanted, whose))
    return Trace(wanted, pool, whose, _minutes(asking, wanted, whose), lines)


def _entries(asking: Asking, wanted: TraceOf, whose: str | None) -> list[Entry]:
    kinds = set(SIGNS[wanted.figure])
    reader, pool, as_of = asking.reader, wanted.pool, wanted.as_of
    found = balances.movements(
        reader,
        pool,
        kinds,
        as_of=as_of,
        provider=whose or asking.provider,
        district=wanted.district,
        limit=ENTRIES_MAX,
    )
    if whose is None and asking.provider is not None and "budget" in kinds:  # which is nobody's, so everybody's
        found += balances.movements(reader, pool, SIGNS["budget"], as_of=as_of, limit=ENTRIES_MAX)
    return sorted(found, key=lambda entry: -entry.position)


def _minutes(asking: Asking, wanted: TraceOf, whose: str | None) -> int:
    """The figure as it stands where it is traced from."""
    by: By | None = "district" if wanted.district is not None else "provider" if whose is not None else None
    found = balances.balance(asking.reader, wanted.pool, wanted.as_of, by=by, provider=whose)
    if by is None:
        return int(getattr(found, wanted.figure))
    key = wanted.district if by == "district" else whose
    group = next((group for group in found.groups or () if group.key == key), None)
    return int(getattr(group, wanted.figure, 0))
