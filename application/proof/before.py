"""The states before a decision that is decided again, folded from the log as it is read; of most streams only the last are held."""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar, cast, get_args
from uuid import UUID

from application.log import DamagedEvent, Reader, Recorded, read_event
from application.sampling import SampleView, drawn_again
from application.states import evolve
from domain import booking as bookings
from domain import pool as pools
from domain.booking import (
    OPEN_STATES,
    Booking,
    BookingEvent,
    HoursApproved,
    HoursRequested,
    RequestDeclined,
    RequestWaitlisted,
    RequestWithdrawn,
    evolve_waiting_list,
)
from domain.case import Case
from domain.handling import Handling
from domain.pool import PlaceOffered, Pool, PoolClosed, PoolEvent, SampleDrawn
from domain.refusals import NotFound
from domain.registry import Provider
from domain.waiting_list import WaitingList

HELD_MAX = 40_000  # cases, bookings, findings and providers; others are read again from their streams
# What a decision or a fold can fail with on events that no decision has ever made.
IMPOSSIBLE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)

Held = Case | Booking | Handling | Provider
AnyState = TypeVar("AnyState", Case, Booking, Handling, Provider)


@dataclass(slots=True)
class _Standing:
    """A pool, its waiting list and its bookings. All that are over – turned down, withdrawn or settled – are one booking with
    their sums, which is all that closing the pool asks of them."""

    pool: Pool
    over: Booking
    waiting: WaitingList = field(default_factory=WaitingList)
    open: dict[UUID, None] = field(default_factory=dict)  # all others, in the order in which they were requested


class Before:
    """The states as they were before the next decision, of a bounded number of all that is no pool."""

    def __init__(self, reader: Reader) -> None:
        self.steps: Counter[tuple[UUID, str]] = Counter()  # of imports, by pool and file, that are not yet noted in the pool
        self._reader = reader
        self._position = 0  # of the last event that was folded
        # By the numbers of the ids, which are found several times as fast as the ids.
        self._standings: dict[int, _Standing] = {}
        self._held: OrderedDict[int, Held] = OrderedDict()
        self._open_of_cases: dict[UUID, dict[UUID, None]] = {}
        self._last: tuple[UUID | None, Held | None] = None, None  # that was found

    def pool(self, pool: UUID) -> Pool:
        """Raises ``NotFound``, like the others."""
        return self._standing(pool).pool

    def find_pool(self, pool: UUID) -> Pool | None:
        """The pool of that id, if there is one."""
        standing = self._standings.get(pool.int)
        return standing.pool if standing else None

    def waiting_list(self, pool: UUID) -> WaitingList:
        return self._standing(pool).waiting

    def bookings_of_pool(self, pool: UUID) -> list[Booking]:
        standing = self._standing(pool)
        return [standing.over, *map(self.booking, standing.open)]

    def bookings_of_case(self, case: UUID) -> list[Booking]:
        """Those that are not over: nothing is decided about the others when a case is wound up."""
        return [self.booking(booking) for booking in self._open_of_cases.get(case, ())]

    def case(self, case: UUID) -> Case:
        return self._existing(Case, case)

    def booking(self, booking: UUID) -> Booking:
        return self._existing(Booking, booking)

    def handling(self, finding: UUID) -> Handling:
        return self._existing(Handling, finding)

    def provider(self, provider: UUID) -> Provider:
        return self._existing(Provider, provider)

    def sample(self, pool: UUID, event: SampleDrawn) -> SampleView:
        """What its seed draws from the log as it stood then, which is read once more for it."""
        return drawn_again(self._reader, SampleView.of(pool, event), lambda done, total: None)

    def find(self, stream: UUID) -> Held | None:
        """The case, booking, finding or provider of that id."""
        if stream is self._last[0]:
            return self._last[1]
        state = self._held.get(stream.int)
        if state is not None:
            self._held.move_to_end(stream.int)
        elif stream.int not in self._standings:
            state = self._read_again(stream)
        self._last = stream, state
        return state

    def fold(self, event: Recorded) -> None:
        """Goes on with what is stored; raises one of ``IMPOSSIBLE`` where that follows on nothing."""
        if type(event.data) in _OF_POOLS:
            self._fold_pool(event.stream, cast(PoolEvent, event.data))
        else:
            self._fold_other(event)
        self._position = event.position

    def _fold_other(self, event: Recorded) -> None:
        before = None if event.version == 1 else self.find(event.stream)
        if type(event.data) in _OF_BOOKINGS:
            state: Any = self._fold_booking(cast("Booking | None", before), event.stream, cast(BookingEvent, event.data))
        else:
            state = evolve(before, event.stream, event.data)
        if state is not before:
            self._hold(state)

    def count_step(self, booking: UUID, file: str) -> None:
        """Remembers that a step of an import was recorded."""
        state = self.find(booking)
        if isinstance(state, Booking):
            self.steps[state.pool, file] += 1

    def _fold_pool(self, stream: UUID, event: PoolEvent) -> None:
        standing = self._standings.get(stream.int)
        pool = pools.evolve(standing.pool if standing else None, stream, event)
        if standing is None:
            standing = self._standings[stream.int] = _Standing(pool, _nothing_over(pool))
        standing.pool = pool
        if isinstance(event, PlaceOffered):
            evolve_waiting_list(standing.waiting, stream, event)
        elif isinstance(event, PoolClosed):  # it takes nothing any more, and need not remember whom it granted what
            closed = Pool(stream, pool.name, pool.period, pool.rules, pool.budget, pool.committed, closed=True)
            self._standings[stream.int] = _Standing(closed, standing.over)

    def _fold_booking(self, booking: Booking | None, stream: UUID, event: BookingEvent) -> Booking:
        was_over = booking is not None and _is_over(booking)
        sums = _sums(booking) if booking is not None and was_over else (0, 0, 0)
        booking = bookings.evolve(booking, stream, event)
        standing, is_over = self._standing(booking.pool), _is_over(booking)
        if was_over or is_over:
            _count(standing.over, sums, _sums(booking) if is_over else (0, 0, 0))
        if isinstance(event, HoursRequested) or is_over != was_over:
            self._note_open(standing, booking, is_over)
        if type(event) in _OF_WAITING_LISTS:
            evolve_waiting_list(standing.waiting, stream, event)
        return booking

    def _note_open(self, standing: _Standing, booking: Booking, is_over: bool) -> None:
        of_case = self._open_of_cases.setdefault(booking.case, {})
        if is_over:
            standing.open.pop(booking.id, None)
            of_case.pop(booking.id, None)
        else:
            standing.open[booking.id] = of_case[booking.id] = None
        if not of_case:
            del self._open_of_cases[booking.case]

    def _hold(self, state: Any) -> None:
        self._held[state.id.int] = state
        self._last = state.id, state
        if len(self._held) > HELD_MAX:
            self._held.popitem(last=False)

    def _read_again(self, stream: UUID) -> Held | None:
        state: Any = None
        for row in self._reader.stream(stream):
            try:
                event = read_event(row)
                if event.position > self._position:
                    break
                state = evolve(state, stream, event.data)
            except (DamagedEvent, *IMPOSSIBLE):
                continue  # it was named where it stands
        if not isinstance(state, Held):
            return None
        self._hold(state)
        return state

    def _standing(self, pool: UUID) -> _Standing:
        standing = self._standings.get(pool.int)
        if standing is None:
            raise NotFound()
        return standing

    def _existing(self, kind: type[AnyState], stream: UUID) -> AnyState:
        state = self.find(stream)
        if not isinstance(state, kind):
            raise NotFound()
        return state


_OF_POOLS: frozenset[type] = frozenset(get_args(PoolEvent))
_OF_BOOKINGS: frozenset[type] = frozenset(get_args(BookingEvent))
_OF_WAITING_LISTS: frozenset[type] = frozenset({RequestWaitlisted, HoursApproved, RequestDeclined, RequestWithdrawn})


def _is_over(booking: Booking) -> bool:
    return booking.state != "approved" and booking.state not in OPEN_STATES


def _nothing_over(pool: Pool) -> Booking:
    return Booking(pool.id, pool.id, pool.id, "", "", 0, datetime.min.replace(tzinfo=UTC), "", "settled")


def _sums(booking: Booking) -> tuple[int, int, int]:
    return booking.granted, booking.consumed, booking.released


def _count(over: Booking, before: tuple[int, int, int], after: tuple[int, int, int]) -> None:
    over.granted += after[0] - before[0]
    over.consumed += after[1] - before[1]
    over.released += after[2] - before[2]
