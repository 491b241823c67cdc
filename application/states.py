"""The states that decisions are made on, kept in memory and evolved by every event of the log.

States run ahead of the commit while a turn is decided; after a failed turn they are dropped and read again.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import cast, get_args
from uuid import UUID

from application import snapshots
from application.log import Reader, Recorded, read_event
from application.projections import waiting_list
from application.snapshots import Snapshot, State
from domain import booking as bookings
from domain import case as cases
from domain import handling as handlings
from domain import pool as pools
from domain import registry
from domain.booking import BookingEvent, Event, evolve_waiting_list
from domain.case import CaseEvent
from domain.handling import FindingEvent
from domain.pool import PlaceOffered, Pool, PoolEvent
from domain.registry import Provider, ProviderEvent
from domain.waiting_list import WaitingList

STATES_MAX = 50_000


_EVOLVE: dict[type[Event], Callable[..., State]] = {
    **dict.fromkeys(get_args(BookingEvent), bookings.evolve),
    **dict.fromkeys(get_args(CaseEvent), cases.evolve),
    **dict.fromkeys(get_args(PoolEvent), pools.evolve),
    **dict.fromkeys(get_args(FindingEvent), handlings.evolve),
    **dict.fromkeys(get_args(ProviderEvent), registry.evolve),
}
_OF_WAITING_LISTS = frozenset({PlaceOffered, *get_args(BookingEvent)})


def evolve(state: State | None, stream: UUID, event: Event) -> State:
    """The state of a stream after one of its events; folds in place."""
    return _EVOLVE[type(event)](state, stream, event)


class States:
    """A bounded number of states with the version of their streams, and the waiting lists of pools."""

    def __init__(self) -> None:
        self._held: OrderedDict[UUID, tuple[State | None, int]] = OrderedDict()
        self._grown: set[UUID] = set()  # streams whose snapshot is due
        self._waiting: dict[UUID, WaitingList] = {}

    def get(self, reader: Reader, stream: UUID) -> tuple[State | None, int]:
        """State and version of a stream, read from the log where it is not held; ``(None, 0)`` where there is none."""
        held = self._held.get(stream)
        if held is not None:
            self._held.move_to_end(stream)
            return held
        state: State | None = None
        version = 0
        if snapshot := snapshots.of_stream(reader, stream):
            state, version = snapshot.opened(), snapshot.version
        events = reader.stream(stream, version)
        for row in events:
            state = evolve(state, stream, read_event(row).data)
            version = row.originator_version
        if len(events) >= snapshots.EVERY:
            self._grown.add(stream)
        if state is not None:
            self._held[stream] = (state, version)
        return state, version

    def holds(self, stream: UUID) -> bool:
        """Whether nothing would have to be read for it."""
        return stream in self._held

    def begin(self, stream: UUID) -> None:
        """Nobody has to look for events of this stream: its id is new."""
        self._held[stream] = (None, 0)

    def snapshots(self) -> list[Snapshot]:
        """Those that are due, of states as they stand now."""
        grown, self._grown = self._grown, set()
        held = [(stream, *self._held[stream]) for stream in grown]
        return [snapshots.taken(stream, version, state) for stream, state, version in held if state is not None]

    def pool_of(self, stream: UUID) -> UUID | None:
        """The pool of whatever has that id, as far as it is held. Any thread may ask."""
        state, _ = self._held.get(stream, (None, 0))
        return state if state is None else _pool_of(state)

    def waiting_list(self, reader: Callable[[], Reader], pool: UUID) -> WaitingList:
        """The waiting list of a pool; read from its projection, which stands in the same transaction as the log."""
        found = self._waiting.get(pool)
        if found is None:
            entries = waiting_list.entries(reader(), pool)
            found = self._waiting[pool] = WaitingList({entry.booking: entry for entry in entries})
        return found

    def evolve(self, stream: UUID, version: int, event: Event) -> State:
        """Folds an event that the current turn decided into the states that are held."""
        state, _ = self._held.get(stream, (None, 0))
        state = evolve(state, stream, event)
        self._held[stream] = (state, version)
        if version % snapshots.EVERY == 0:
            self._grown.add(stream)
        pool = _pool_of(state)
        if type(event) in _OF_WAITING_LISTS and pool in self._waiting:
            evolve_waiting_list(self._waiting[pool], stream, cast(BookingEvent | PlaceOffered, event))
        return state

    def catch_up(self, events: Iterable[Recorded]) -> None:
        """Folds what others appended. Their waiting lists are read anew, since not every booking in them is held."""
        for event in events:
            held = self._held.get(event.stream)
            if held is not None:
                self._held[event.stream] = (evolve(held[0], event.stream, event.data), event.version)
            self._waiting.clear()

    def forget(self) -> None:
        """Forgets everything."""
        self._held.clear()
        self._grown.clear()
        self._waiting.clear()

    def trim(self) -> None:
        """Keeps the bound. Only between turns: a state that is ahead of the commit cannot be read again."""
        while len(self._held) > STATES_MAX:
            self._held.popitem(last=False)


def _pool_of(state: State) -> UUID | None:
    match state:
        case Pool():
            return state.id
        case Provider():
            return None  # it takes part in any of them
        case _:
            return state.pool
