"""Two instants compared: what had happened until the first one, as it was known then and as it was known at the second.

Whatever differs was recorded in between: too late to be known, or to correct or reverse what was. Each of these events is named,
and together they come to the difference.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Literal, get_args
from uuid import UUID

import msgspec

from application.explain import LABELS, SIGNS, BalanceFigure
from application.log import Reader, Recorded
from application.projections import audit_trail, balances, pools
from application.projections.balances import Entry, MovementKind, Place
from application.projections.tables import place_after
from application.projections.trail_lines import deed
from domain.booking import Event, SessionCorrected, SessionReversed
from domain.quantities import Actor, start_of_next_day
from domain.refusals import Malformed

Manner = Literal["late", "corrected", "reversed"]

_MANNERS: Mapping[type[Event], Manner] = {SessionCorrected: "corrected", SessionReversed: "reversed"}


class ComparedFigure(msgspec.Struct, frozen=True):
    """A figure in minutes, as it was known at each of the two instants."""

    figure: BalanceFigure
    label: str
    then: int
    now: int
    difference: int


class Change(msgspec.Struct, frozen=True):
    """An event that was recorded in between about the time before: ``late``, or to put right what was known.

    ``minutes`` is what it adds to each kind of movement; ``days`` are those on which that is effective.
    """

    position: int
    recorded_at: datetime
    type: str
    manner: Manner
    actor: Actor
    deed: str
    minutes: dict[MovementKind, int]
    days: tuple[date, ...]
    case: UUID | None
    reference: str | None
    booking: UUID | None
    provider: str | None
    district: str | None


class Comparison(msgspec.Struct, frozen=True):
    """What had happened in a pool until ``first``, as known then and at ``second``; the last recorded change comes first.

    ``next`` is the ``after`` of the changes that follow.
    """

    pool: UUID
    first: str
    second: str
    figures: tuple[ComparedFigure, ...]
    changes: tuple[Change, ...]
    next: str | None


def compare(
    reader: Reader,
    pool: UUID,
    first: datetime | date,
    second: datetime | date,
    *,
    after: str | None = None,
    limit: int | None,
) -> Comparison:
    """Compares; a date means through its end. Raises ``NotFound``, and ``Malformed`` where the second is before the first."""
    pools.must_exist(reader, pool)
    if _end(second) < _end(first):
        raise Malformed(place="to", problem="liegt vor dem ersten Zeitpunkt")
    then = balances.balance(reader, pool, first, first)
    now = balances.balance(reader, pool, first, second)
    found = balances.movements(
        reader,
        pool,
        get_args(MovementKind),
        first,
        second,
        unknown_at=first,
        before=Place(place_after(after), 0) if after is not None else None,
        limit=None if limit is None else 2 * limit + 2,  # an event moves minutes twice at most, and one more shows that it goes on
    )
    moved = [list(entries) for _, entries in groupby(found, key=lambda entry: entry.position)]
    shown = moved if limit is None else moved[:limit]
    return Comparison(
        pool=pool,
        first=first.isoformat(),
        second=second.isoformat(),
        figures=tuple(_figure(figure, getattr(then, figure), getattr(now, figure)) for figure in SIGNS),
        changes=_changes(reader, shown),
        next=str(shown[-1][0].position) if len(shown) < len(moved) else None,
    )


def _end(moment: datetime | date) -> datetime:
    """The instant after all that counts as until then."""
    return moment if isinstance(moment, datetime) else start_of_next_day(moment)


def _figure(figure: BalanceFigure, then: int, now: int) -> ComparedFigure:
    return ComparedFigure(figure, LABELS[figure], then, now, now - then)


def _changes(reader: Reader, moved: Sequence[Sequence[Entry]]) -> tuple[Change, ...]:
    events = {event.position: event for event in audit_trail.events_at(reader, sorted(entries[0].position for entries in moved))}
    return tuple(_change(events[entries[0].position], entries) for entries in moved)


def _change(event: Recorded, entries: Sequence[Entry]) -> Change:
    of = entries[0]
    minutes: dict[MovementKind, int] = {}
    for entry in entries:
        minutes[entry.kind] = minutes.get(entry.kind, 0) + entry.minutes
    return Change(
        position=event.position,
        recorded_at=event.recorded_at,
        type=event.type,
        manner=_MANNERS.get(type(event.data), "late"),
        actor=event.actor,
        deed=deed(event),
        minutes=minutes,
        days=tuple(sorted({entry.day for entry in entries})),
        case=of.case,
        reference=of.reference,
        booking=of.booking,
        provider=of.provider,
        district=of.district,
    )
