"""The history of one case, booking, worker or pool as a story: the lines of the audit trail, and what each changed in minutes.

A case's story is that of its bookings too. A pool's is what was decided about the pool itself; what was booked on it is told by the
bookings. A worker's is what they did, and whatever happened to sessions that are, or were before a correction, recorded as theirs.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, cast
from uuid import UUID

import msgspec

from application.explain import LABELS
from application.log import Reader, Recorded
from application.projections import audit_trail, balances, bookings
from application.projections.balances import MovementKind
from application.projections.evaluation import names_of
from application.projections.tables import place_after
from application.projections.texts import Opening
from application.views import TrailEntry
from domain.booking import Event, SessionConfirmed, SessionCorrected, SessionLogged, SessionReversed
from domain.quantities import berlin_day, hours
from domain.refusals import NotFound

Hero = Literal["case", "booking", "worker", "pool"]

_SESSION_TYPES = names_of((SessionLogged, SessionCorrected, SessionReversed, SessionConfirmed))
_CORRECTED = names_of((SessionCorrected,))[0]


class Scene(msgspec.Struct, frozen=True):
    """An event of a story: its line, the minutes that it changes, and what these come to with it since the beginning.

    ``days`` are those on which that is effective.
    """

    line: TrailEntry
    minutes: dict[MovementKind, int]
    total: dict[MovementKind, int]
    days: tuple[date, ...]

    @property
    def told(self) -> str:
        """The line without its instant, for who states that beside it."""
        return self.line.line.partition(" – ")[2]

    @property
    def effect(self) -> str:
        """What changes, in German; empty where no minutes do."""
        changes = (
            f"{LABELS[kind]} {'+' if minutes > 0 else ''}{hours(minutes)}, zusammen {hours(self.total[kind])}"
            for kind, minutes in self.minutes.items()
        )
        days = " und ".join(f"{day:%d.%m.%Y}" for day in self.days)
        return f"wirksam am {days}: {'; '.join(changes)}" if days else ""


class Story(msgspec.Struct, frozen=True):
    """Scenes in the order of the log; ``next`` is the ``after`` of those that follow."""

    of: Hero
    id: str
    scenes: tuple[Scene, ...]
    next: str | None


def story(
    reader: Reader, of: Hero, id: str, *, after: str | None = None, limit: int | None, opening: Opening | None = None
) -> Story:
    """The story of a case, booking or pool by its id, or of a worker by name. Raises ``NotFound`` where nothing is told of it.

    Reasons stand in it only with an ``opening``: that is a read of personal data, which is the caller's to record.
    """
    if of == "worker":
        positions, moved = _of_worker(reader, id)
    else:
        positions = sorted(position for _, position, _ in audit_trail.places_about(reader, _subjects(reader, of, UUID(id)), ()))
        moved = _moved(reader, positions)
    if not positions:
        raise NotFound()
    rest = [position for position in positions if position > place_after(after)]
    shown = rest if limit is None else rest[:limit]
    scenes = _scenes(audit_trail.lines_at(reader, shown, opening), moved)
    return Story(of, id, scenes, str(shown[-1]) if len(shown) < len(rest) else None)


@dataclass(slots=True)
class _Change:
    """What an event changes: minutes by kind, and on which days."""

    minutes: Counter[MovementKind] = field(default_factory=Counter)
    days: set[date] = field(default_factory=set)


_Moved = dict[int, _Change]  # by position


def _scenes(lines: Sequence[TrailEntry], moved: _Moved) -> tuple[Scene, ...]:
    total: Counter[MovementKind] = Counter()
    told = {line.position: line for line in lines}
    scenes = []
    for position in sorted({*moved, *told}):
        change = moved.get(position, _Change())
        for kind, minutes in change.minutes.items():
            total[kind] += minutes
        if position in told:
            totals = {kind: total[kind] for kind in change.minutes}
            scenes.append(Scene(told[position], dict(change.minutes), totals, tuple(sorted(change.days))))
    return tuple(scenes)


def _subjects(reader: Reader, of: Hero, id: UUID) -> list[str]:
    return audit_trail.subjects_of_case(reader, id) if of == "case" else [str(id)]


def _moved(reader: Reader, positions: Sequence[int]) -> _Moved:
    found: _Moved = {}
    for position, kind, minutes, day in balances.moved_at(reader, positions):
        change = found.setdefault(position, _Change())
        change.minutes[kind] += minutes
        change.days.add(day)
    return found


# ── A worker


def _of_worker(reader: Reader, worker: str) -> tuple[list[int], _Moved]:
    """Where their deeds and the events of their sessions stand, and what these add to the minutes that are recorded as theirs."""
    events = _of_sessions(reader, worker)
    moved: _Moved = {}
    for event in events:
        rendered = _rendered(event.data, worker)
        if rendered:
            minutes = sum(minutes for _, minutes in rendered)
            moved[event.position] = _Change(Counter({"consumed": minutes}), {day for day, _ in rendered})
    return sorted({*audit_trail.positions_by(reader, worker), *(event.position for event in events)}), moved


def _of_sessions(reader: Reader, worker: str) -> list[Recorded]:
    """All events of the sessions that were ever theirs. Whose a session was before is said by its corrections alone."""
    booking_of = bookings.sessions_of_worker(reader, worker)
    for event in audit_trail.events_at(reader, audit_trail.positions_of(reader, _CORRECTED)):
        if isinstance(event.data, SessionCorrected) and event.data.before.worker == worker:
            booking_of[event.data.session] = event.stream
    streams = sorted({str(booking) for booking in booking_of.values()})
    places = audit_trail.places_about(reader, streams, _SESSION_TYPES)
    events = audit_trail.events_at(reader, sorted(position for _, position, _ in places))
    return [event for event in events if cast(Any, event.data).session in booking_of]


def _rendered(data: Event, worker: str) -> list[tuple[date, int]]:
    """What an event adds to the minutes of sessions that are recorded as theirs, with the day of each."""
    changes: list[tuple[str | None, datetime, int]] = []
    match data:
        case SessionLogged():
            changes = [(data.worker, data.starts_at, data.minutes)]
        case SessionCorrected():
            before, now = data.before, data.now
            changes = [(before.worker, before.starts_at, -before.minutes), (now.worker, now.starts_at, now.minutes)]
        case SessionReversed():
            changes = [(data.before.worker, data.before.starts_at, -data.before.minutes)]
        case _:
            pass
    return [(berlin_day(starts_at), minutes) for who, starts_at, minutes in changes if who == worker]
