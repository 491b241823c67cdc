"""Would it have been decided so? Every decision of the log is decided again, on the states before it, by the functions that decide
live, and compared with what is stored.

What was asked for follows from the events of the decision. Their actor and ``recorded_at`` are the person and the clock; steps of
an import bring their own. Sealed texts are handed through unread, so nothing here needs a key, and an erasure changes nothing.
Whatever is found, the states go on with what is stored and with what is missing from it, so that one altered event is not found
again in all that follow.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from difflib import SequenceMatcher
from itertools import zip_longest
from operator import attrgetter
from typing import Any, TypeVar, cast, get_args
from uuid import UUID

import msgspec

from application.catalogue import BY_CLASS
from application.commands import OFFICE_PROCESS, case_id, imported_case_id
from application.demonstration import begin_demonstration
from application.imports import FILE_DIGITS, imported_step
from application.log import DamagedEvent, Reader, Recorded, read_event
from application.privacy import says_nothing
from application.proof.deviations import ABSENT, Deviation, said
from application.sampling import SampleView, drawn_again
from application.states import evolve
from application.turn import Abandoned, own_alone
from domain import booking as bookings
from domain import case as cases
from domain import closing, erasure
from domain import handling as handlings
from domain import pool as pools
from domain.booking import (
    OPEN_STATES,
    ApprovalProposed,
    Booking,
    BookingEvent,
    BookingSettled,
    Event,
    Facts,
    GrantReduced,
    HoursApproved,
    HoursRequested,
    RequestDeclined,
    RequestWaitlisted,
    RequestWithdrawn,
    SessionConfirmed,
    SessionCorrected,
    SessionLogged,
    SessionReversed,
    evolve_waiting_list,
)
from domain.case import Case, CaseAmended, CaseClosed, CaseOpened, CaseTransferred
from domain.closing import SumsDiffer
from domain.handling import FindingClosed, FindingConfirmed, FindingExplained, FindingOpened, Handling
from domain.personal_data import (
    CLASSES,
    ErasureConfirmed,
    ErasureRequested,
    ErasureWithdrawn,
    LegalHoldLifted,
    LegalHoldSet,
    PersonalClass,
    PersonalDataErased,
)
from domain.pool import (
    BudgetChanged,
    DemonstrationStarted,
    HoursReleased,
    HoursReserved,
    ImportRecorded,
    MonthClosed,
    MonthReopened,
    PlaceOffered,
    Pool,
    PoolClosed,
    PoolEvent,
    PoolExhausted,
    PoolOpened,
    PoolReplenished,
    RulesChanged,
    SampleDrawn,
)
from domain.quantities import Personal, Sealed, berlin_day
from domain.refusals import NotFound, Refusal
from domain.waiting_list import WaitingList

HELD_MAX = 20_000  # cases, bookings and findings; others are read again from their streams
# What a decision or a fold can fail with on events that no decision has ever made.
IMPOSSIBLE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)

Decision = Sequence[Recorded]  # the events that were recorded together, the first of which the others name as their cause
_Held = Case | Booking | Handling
_AnyState = TypeVar("_AnyState", Case, Booking, Handling)


# ── Which events are one decision


class Decisions:
    """Puts the events of the log together again as they were decided."""

    def __init__(self) -> None:
        self._open: list[Recorded] = []

    @property
    def begun_at(self) -> int | None:
        """The position at which the decision began that may go on with the next events."""
        return self._open[0].position if self._open else None

    def ended(self, events: Iterable[Recorded]) -> list[Decision]:
        """The decisions that are complete once these events have come."""
        complete: list[Decision] = []
        for event in events:
            if self._open and (event.cause is None or event.command != self._open[0].command):
                complete.append(self._open)
                self._open = []
            self._open.append(event)
        return complete

    def last(self) -> list[Decision]:
        """The last one, which ends with the log."""
        return [self._open] if self._open else []


def main_event(decision: Decision) -> Recorded:
    """The event that says what was decided; the others follow from it."""
    if len(decision) > 1:
        for event in decision:
            if type(event.data) in _NOT_FIRST:
                return event
    return decision[0]


# Of these decisions other events come first: bookings that are wound up, the pool or the case that is opened with it.
_NOT_FIRST = frozenset({PoolClosed, CaseClosed, CaseTransferred, HoursRequested, DemonstrationStarted})


# ── The states before a decision


@dataclass(slots=True)
class _Standing:
    """A pool, its waiting list and its bookings. All that are over – turned down, withdrawn or settled – are one booking with
    their sums, which is all that closing the pool asks of them."""

    pool: Pool
    over: Booking
    waiting: WaitingList = field(default_factory=WaitingList)
    open: dict[UUID, None] = field(default_factory=dict)  # all others, in the order in which they were requested


class Before:
    """The states as they were before the next decision, of a bounded number of cases, bookings and findings."""

    def __init__(self, reader: Reader) -> None:
        self.steps: Counter[tuple[UUID, str]] = Counter()  # of imports, by pool and file, that are not yet noted in the pool
        self._reader = reader
        self._position = 0  # of the last event that was folded
        self._standings: dict[UUID, _Standing] = {}
        self._held: OrderedDict[UUID, _Held] = OrderedDict()
        self._open_of_cases: dict[UUID, dict[UUID, None]] = {}
        self._last: tuple[UUID | None, _Held | None] = None, None  # that was found

    def pool(self, pool: UUID) -> Pool:
        """Raises ``NotFound``, like the others."""
        return self._standing(pool).pool

    def find_pool(self, pool: UUID) -> Pool | None:
        """The pool of that id, if there is one."""
        standing = self._standings.get(pool)
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

    def sample(self, pool: UUID, event: SampleDrawn) -> SampleView:
        """What its seed draws from the log as it stood then, which is read once more for it."""
        return drawn_again(self._reader, SampleView.of(pool, event), lambda done, total: None)

    def find(self, stream: UUID) -> _Held | None:
        """The case, booking or finding of that id."""
        if stream is self._last[0]:  # comparing ids takes longer than all else here
            return self._last[1]
        state = self._held.get(stream)
        if state is not None:
            self._held.move_to_end(stream)
        elif stream not in self._standings:
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
        standing = self._standings.get(stream)
        pool = pools.evolve(standing.pool if standing else None, stream, event)
        if standing is None:
            standing = self._standings[stream] = _Standing(pool, _nothing_over(pool))
        standing.pool = pool
        if isinstance(event, PlaceOffered):
            evolve_waiting_list(standing.waiting, stream, event)
        elif isinstance(event, PoolClosed):  # it takes nothing any more, and need not remember whom it granted what
            closed = Pool(stream, pool.name, pool.period, pool.rules, pool.budget, pool.committed, closed=True)
            self._standings[stream] = _Standing(closed, standing.over)

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
        self._held[state.id] = state
        self._last = state.id, state
        if len(self._held) > HELD_MAX:
            self._held.popitem(last=False)

    def _read_again(self, stream: UUID) -> _Held | None:
        state: Any = None
        for row in self._reader.stream(stream):
            try:
                event = read_event(row)
                if event.position > self._position:
                    break
                state = evolve(state, stream, event.data)
            except (DamagedEvent, *IMPOSSIBLE):
                continue  # it was named where it stands
        if not isinstance(state, _Held):
            return None
        self._hold(state)
        return state

    def _standing(self, pool: UUID) -> _Standing:
        standing = self._standings.get(pool)
        if standing is None:
            raise NotFound()
        return standing

    def _existing(self, kind: type[_AnyState], stream: UUID) -> _AnyState:
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


# ── Deciding again


class Asked(msgspec.Struct, frozen=True):
    """A decision with what is known of how it came about."""

    decision: Decision
    main: Recorded
    at: datetime
    by: str
    file: str | None  # of which this is a step, where it was imported

    @property
    def stream(self) -> UUID:
        return self.main.stream


class Redecision:
    """Decides one decision after the other again. ``decisions`` says how many."""

    def __init__(self, reader: Reader) -> None:
        self.decisions = 0
        self._before = Before(reader)

    def deviations(self, decision: Decision, keyed: bool) -> Iterator[Deviation]:
        """``keyed`` says that the command is a key that a caller chose, whatever it looks like."""
        self.decisions += 1
        if len(decision) > 1 or decision[0].cause is not None:
            yield from _envelopes(decision)
        asked, missing = _asked(decision, keyed), Facts()
        yield from self._decided_again(asked, missing)
        self.go_on([*decision, *(_instead(decision, fact) for fact in missing)])
        if asked.file is not None:
            self._before.count_step(asked.stream, asked.file)

    def go_on(self, events: Iterable[Recorded]) -> None:
        """Takes events as they are."""
        for event in events:
            try:
                self._before.fold(event)
            except (Refusal, *IMPOSSIBLE):
                continue  # what cannot follow cannot have been decided either, and is named already

    def _decided_again(self, asked: Asked, missing: Facts) -> Iterator[Deviation]:
        """Adds to ``missing`` the facts that should stand there."""
        main, decide = asked.main, DECIDED_AGAIN.get(type(asked.main.data))
        if decide is None:
            yield _deviation(main, "decision", "eine Entscheidung, aus der es folgt", main.type)
            return
        try:
            facts = decide(self._before, asked, main.data)
        except Refusal as refusal:
            yield _deviation(main, "decision", f"die Ablehnung {refusal.code} ({refusal.message})", main.type)
        except (Abandoned, SumsDiffer) as problem:
            yield _deviation(main, "decision", f"keine Entscheidung ({problem})", main.type)
        except IMPOSSIBLE as problem:
            yield _deviation(main, "decision", f"keine Entscheidung ({type(problem).__name__})", main.type)
        else:
            if not _the_same(facts, asked.decision):
                yield from _differences(facts, asked.decision, missing)


def _asked(decision: Decision, keyed: bool) -> Asked:
    main = main_event(decision)
    step = None if keyed else imported_step(main.command)
    name, own = _IMPORTED.get(type(main.data), (None, None))
    if step is None or own is None or step[1] != name:
        return Asked(decision, main, main.recorded_at, main.actor.subject, None)
    at, by = own(main.data)
    return Asked(decision, main, at, by, step[0])


# Which events a step of an import records, and where they say at what instant and by whom.
_IMPORTED: Mapping[type[Event], tuple[str, Callable[[Any], tuple[datetime, str]]]] = {
    HoursRequested: ("request", attrgetter("requested_at", "requested_by")),
    ApprovalProposed: ("decision", attrgetter("proposed_at", "proposed_by")),
    HoursApproved: ("decision", attrgetter("decided_at", "decided_by")),
    RequestDeclined: ("decision", attrgetter("decided_at", "decided_by")),
    RequestWithdrawn: ("decision", attrgetter("withdrawn_at", "withdrawn_by")),
    SessionLogged: ("session", attrgetter("starts_at", "worker")),
}


def _text(sealed: Personal) -> Personal:
    """A sealed text as decisions take it: all they want to know is whether it says anything."""
    return "" if isinstance(sealed, Sealed) and says_nothing(sealed) else sealed


def _existing(before: Before, event: Recorded) -> _Held | None:
    """What has the id of something that is about to begin."""
    return before.find(event.stream) if event.version > 1 else None


def _on_own(asked: Asked, state: _AnyState) -> _AnyState:
    """What a provider's people act on is their own; imports are judged by who may import."""
    if asked.file is None:
        own_alone(asked.main.actor, state)
    return state


def _open_pool(before: Before, asked: Asked, event: PoolOpened) -> Facts:
    opened = pools.open_pool(
        before.find_pool(asked.stream),
        name=event.name,
        period=event.period,
        budget_minutes=event.budget_minutes,
        rules=event.rules,
    )
    return [(asked.stream, each) for each in opened]


def _begin_demonstration(before: Before, asked: Asked, event: DemonstrationStarted) -> Facts:
    first = asked.decision[0]
    opened = cast(PoolOpened, first.data)
    begun = begin_demonstration(
        first.position - 1,
        name=opened.name,
        period=opened.period,
        budget_minutes=opened.budget_minutes,
        rules=opened.rules,
        seed=event.seed,
        clock=event.clock,
    )
    return [(asked.stream, each) for each in begun]


def _change_budget(before: Before, asked: Asked, event: BudgetChanged) -> Facts:
    pool = before.pool(asked.stream)
    return bookings.in_pool(
        pool,
        pools.change_budget(
            pool,
            before.waiting_list(pool.id),
            change_minutes=event.change_minutes,
            resolution=event.resolution,
            effective_on=event.effective_on,
        ),
    )


def _change_rules(before: Before, asked: Asked, event: RulesChanged) -> Facts:
    pool = before.pool(asked.stream)
    return bookings.in_pool(pool, pools.change_rules(pool, rules=event.rules, reason=_text(event.reason)))


def _close_month(before: Before, asked: Asked, event: MonthClosed) -> Facts:
    pool = before.pool(asked.stream)
    return bookings.in_pool(pool, pools.close_month(pool, month=event.month, reason=_text(event.reason)))


def _reopen_month(before: Before, asked: Asked, event: MonthReopened) -> Facts:
    pool = before.pool(asked.stream)
    return bookings.in_pool(pool, pools.reopen_month(pool, month=event.month, reason=_text(event.reason)))


def _record_import(before: Before, asked: Asked, event: ImportRecorded) -> Facts:
    """No more is noted than steps of that file stand in the log; of an import that was interrupted, some stand there unnoted."""
    pool = before.pool(asked.stream)
    file = pool.id, event.file_sha256[:FILE_DIGITS]
    recorded = min(event.recorded, before.steps[file])
    before.steps[file] -= recorded
    return bookings.in_pool(
        pool,
        pools.record_import(
            pool,
            kind=event.kind,
            file_sha256=event.file_sha256,
            read=recorded + event.already_there + len(event.refused),
            already_there=event.already_there,
            refused=event.refused,
        ),
    )


def _close_pool(before: Before, asked: Asked, event: PoolClosed) -> Facts:
    pool = before.pool(asked.stream)
    return closing.close_pool(pool, before.bookings_of_pool(pool.id), reason=_text(event.reason), by=asked.by, at=asked.at)


def _open_case(before: Before, asked: Asked, event: CaseOpened) -> Facts:
    of_file = imported_case_id(event.pool, event.reference)
    case = of_file if asked.decision[0].stream == of_file else case_id(event.pool, event.provider, event.reference)
    opened = cases.open_case(
        before.pool(event.pool),
        cast("Case | None", _existing(before, asked.decision[0])),
        reference=event.reference,
        provider=event.provider,
        offer=event.offer,
        district=event.district,
        service_area=event.service_area,
        concern=event.concern,
        at=asked.at,
        name=event.name,
        birth_year=event.birth_year,
        contact=event.contact,
        notes=event.notes,
    )
    return [(case, each) for each in opened]


def _amend_case(before: Before, asked: Asked, event: CaseAmended) -> Facts:
    case = _on_own(asked, before.case(asked.stream))
    amended = cases.amend_case(
        before.pool(case.pool),
        case,
        offer=event.offer,
        district=event.district,
        service_area=event.service_area,
        concern=event.concern,
        name=event.name,
        birth_year=event.birth_year,
        contact=event.contact,
        notes=event.notes,
        reason=_text(event.reason),
    )
    return [(case.id, each) for each in amended]


def _transfer_case(before: Before, asked: Asked, event: CaseTransferred) -> Facts:
    case = _on_own(asked, before.case(asked.stream))
    return closing.transfer_case(
        before.pool(case.pool),
        case,
        before.bookings_of_case(case.id),
        before.waiting_list(case.pool),
        provider=event.provider,
        reason=_text(event.reason),
        by=asked.by,
        at=asked.at,
    )


def _close_case(before: Before, asked: Asked, event: CaseClosed) -> Facts:
    case = _on_own(asked, before.case(asked.stream))
    return closing.close_case(
        before.pool(case.pool),
        case,
        before.bookings_of_case(case.id),
        before.waiting_list(case.pool),
        outcome=event.outcome,
        note=_text(event.note),
        by=asked.by,
        at=asked.at,
    )


def _request_erasure(before: Before, asked: Asked, event: ErasureRequested) -> Facts:
    return _erase(before, asked, event.classes, event.classes, event)


def _erase_data(before: Before, asked: Asked, event: PersonalDataErased) -> Facts:
    """Without somebody who asked for it, it comes from the ledger, which the log does not hold, and by no person."""
    case = before.case(asked.stream)
    if event.requested_by is None:
        _by_the_office_process(asked)
        return [(case.id, each) for each in erasure.erase_again(case, classes=event.classes)]
    return _erase(before, asked, case.data.requested, event.classes, event)


def _erase(
    before: Before,
    asked: Asked,
    classes: tuple[PersonalClass, ...],
    due: tuple[PersonalClass, ...],
    event: ErasureRequested | PersonalDataErased,
) -> Facts:
    """How long an office kept what, the log does not say: what it took as due is due."""
    case = before.case(asked.stream)
    erased = erasure.erase(
        case,
        ended=case.closed or before.pool(case.pool).closed,
        classes=classes,
        ground=event.ground,
        reason=_text(event.reason) if isinstance(event, ErasureRequested) else None,
        by=asked.by,
        calendar={kept: date.min if kept in due else date.max for kept in CLASSES},
        today=berlin_day(asked.at),
    )
    return [(case.id, each) for each in erased]


def _withdraw_erasure(before: Before, asked: Asked, event: ErasureWithdrawn) -> Facts:
    case = before.case(asked.stream)
    return [(case.id, each) for each in erasure.withdraw_erasure(case, reason=_text(event.reason))]


def _set_hold(before: Before, asked: Asked, event: LegalHoldSet) -> Facts:
    case = before.case(asked.stream)
    return [(case.id, each) for each in erasure.set_hold(case, reason=_text(event.reason))]


def _lift_hold(before: Before, asked: Asked, event: LegalHoldLifted) -> Facts:
    case = before.case(asked.stream)
    return [(case.id, each) for each in erasure.lift_hold(case, reason=_text(event.reason))]


def _by_the_office_process(asked: Asked) -> None:
    if asked.main.actor != OFFICE_PROCESS:
        raise NotFound()


def _confirm_erasure(before: Before, asked: Asked, event: ErasureConfirmed) -> Facts:
    _by_the_office_process(asked)
    case = before.case(asked.stream)
    return [(case.id, each) for each in erasure.confirm_erasure(case, classes=event.classes)]


def _request_hours(before: Before, asked: Asked, event: HoursRequested) -> Facts:
    """An import opens the case with its first request."""
    first, opened = asked.decision[0], Facts()
    if asked.file is not None and isinstance(first.data, CaseOpened):
        opened = _open_case(before, asked, first.data)
        case = cases.evolve(None, first.stream, first.data)
    else:
        case = _on_own(asked, before.case(event.case))
    requested = bookings.request_hours(
        before.pool(case.pool),
        case,
        cast("Booking | None", _existing(before, asked.main)),
        booking=asked.stream,
        minutes=event.minutes,
        purpose=event.purpose,
        by=asked.by,
        at=asked.at,
    )
    return [*opened, *requested]


def _approve_hours(before: Before, asked: Asked, event: HoursApproved | ApprovalProposed) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.approve_hours(
        before.pool(booking.pool),
        before.case(booking.case),
        booking,
        before.waiting_list(booking.pool),
        minutes=event.minutes,
        by=asked.by,
        at=asked.at,
        reason=_text(event.reason),
        review_on=event.review_on,
        overtaking_reason=_text(event.overtaking_reason),
    )


def _decline_request(before: Before, asked: Asked, event: RequestDeclined) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.decline_request(
        before.pool(booking.pool),
        before.case(booking.case),
        booking,
        before.waiting_list(booking.pool),
        reason=_text(event.reason),
        by=asked.by,
        at=asked.at,
    )


def _withdraw_request(before: Before, asked: Asked, event: RequestWithdrawn) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.withdraw_request(
        before.pool(booking.pool),
        booking,
        before.waiting_list(booking.pool),
        reason=_text(event.reason),
        by=asked.by,
        at=asked.at,
    )


def _waitlist_request(before: Before, asked: Asked, event: RequestWaitlisted) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.waitlist_request(
        before.pool(booking.pool),
        before.case(booking.case),
        booking,
        before.waiting_list(booking.pool),
        priority=event.priority,
        reason=_text(event.reason),
        by=asked.by,
    )


def _log_session(before: Before, asked: Asked, event: SessionLogged) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.log_session(
        before.pool(booking.pool),
        before.case(booking.case),
        booking,
        session=event.session,
        starts_at=event.starts_at,
        minutes=event.minutes,
        kind=event.kind,
        worker=event.worker,
        note=_text(event.note),
        now=asked.at,
    )


def _correct_session(before: Before, asked: Asked, event: SessionCorrected) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.correct_session(
        before.pool(booking.pool),
        booking,
        before.waiting_list(booking.pool),
        session=event.session,
        starts_at=event.now.starts_at,
        minutes=event.now.minutes,
        kind=event.now.kind,
        worker=event.now.worker,
        note=event.note,
        reason=_text(event.reason),
        now=asked.at,
    )


def _reverse_session(before: Before, asked: Asked, event: SessionReversed) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.reverse_session(
        before.pool(booking.pool),
        booking,
        before.waiting_list(booking.pool),
        session=event.session,
        reason=_text(event.reason),
        now=asked.at,
    )


def _confirm_session(before: Before, asked: Asked, event: SessionConfirmed) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.confirm_session(before.pool(booking.pool), booking, session=event.session, by=event.by, method=event.method)


def _reduce_grant(before: Before, asked: Asked, event: GrantReduced) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.reduce_grant(
        before.pool(booking.pool),
        booking,
        before.waiting_list(booking.pool),
        to_minutes=event.to_minutes,
        reason=_text(event.reason),
        at=asked.at,
    )


def _settle_booking(before: Before, asked: Asked, event: BookingSettled) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.settle_booking(before.pool(booking.pool), booking, before.waiting_list(booking.pool), at=asked.at)


def _open_finding(before: Before, asked: Asked, event: FindingOpened) -> Facts:
    """What a rule found is not looked for again: under which thresholds it did, the log does not say."""
    matter = event.matter
    if matter.rule is None:
        opened = handlings.raise_finding(
            pool=before.pool(cast(UUID, matter.pool)).id,
            case=matter.case,
            booking=matter.booking,
            worker=matter.worker,
            provider=matter.provider,
            note=_text(event.note),
        )
    else:
        opened = handlings.open_finding(
            cast("Handling | None", _existing(before, asked.main)), matter=matter, note=_text(event.note)
        )
    return [(asked.stream, each) for each in opened]


def _explain_finding(before: Before, asked: Asked, event: FindingExplained) -> Facts:
    handling = _on_own(asked, before.handling(asked.stream))
    return [(handling.id, each) for each in handlings.explain_finding(handling, explanation=_text(event.explanation))]


def _confirm_finding(before: Before, asked: Asked, event: FindingConfirmed) -> Facts:
    handling = before.handling(asked.stream)
    return [(handling.id, each) for each in handlings.confirm_finding(handling, reason=_text(event.reason))]


def _close_finding(before: Before, asked: Asked, event: FindingClosed) -> Facts:
    handling = before.handling(asked.stream)
    return [(handling.id, each) for each in handlings.close_finding(handling, reason=_text(event.reason))]


def _draw_sample(before: Before, asked: Asked, event: SampleDrawn) -> Facts:
    again = before.sample(before.pool(asked.stream).id, event)
    return [(asked.stream, SampleDrawn(again.id, again.method, again.seed, again.population, again.sessions))]


# By the main event of a decision.
DECIDED_AGAIN: Mapping[type[Event], Callable[[Before, Asked, Any], Facts]] = {
    PoolOpened: _open_pool,
    DemonstrationStarted: _begin_demonstration,
    BudgetChanged: _change_budget,
    RulesChanged: _change_rules,
    MonthClosed: _close_month,
    MonthReopened: _reopen_month,
    ImportRecorded: _record_import,
    PoolClosed: _close_pool,
    CaseOpened: _open_case,
    CaseAmended: _amend_case,
    CaseTransferred: _transfer_case,
    CaseClosed: _close_case,
    ErasureRequested: _request_erasure,
    ErasureWithdrawn: _withdraw_erasure,
    LegalHoldSet: _set_hold,
    LegalHoldLifted: _lift_hold,
    PersonalDataErased: _erase_data,
    ErasureConfirmed: _confirm_erasure,
    HoursRequested: _request_hours,
    RequestWaitlisted: _waitlist_request,
    ApprovalProposed: _approve_hours,
    HoursApproved: _approve_hours,
    RequestDeclined: _decline_request,
    RequestWithdrawn: _withdraw_request,
    SessionLogged: _log_session,
    SessionCorrected: _correct_session,
    SessionReversed: _reverse_session,
    SessionConfirmed: _confirm_session,
    GrantReduced: _reduce_grant,
    BookingSettled: _settle_booking,
    FindingOpened: _open_finding,
    FindingExplained: _explain_finding,
    FindingConfirmed: _confirm_finding,
    FindingClosed: _close_finding,
    SampleDrawn: _draw_sample,
}
# These only ever follow from another event of their decision.
FOLLOWING: frozenset[type[Event]] = frozenset({HoursReserved, HoursReleased, PoolExhausted, PoolReplenished, PlaceOffered})


# ── Comparing


def _the_same(facts: Facts, decision: Decision) -> bool:
    return len(facts) == len(decision) and all(
        data == event.data and stream == event.stream for (stream, data), event in zip(facts, decision, strict=True)
    )


def _envelopes(decision: Decision) -> Iterator[Deviation]:
    first = decision[0]
    for event in decision:
        cause = None if event is first else first.position
        if event.cause != cause:
            yield _deviation(event, "cause", said(cause), said(event.cause))
        if event.actor != first.actor:
            yield _deviation(event, "actor", said(first.actor), said(event.actor))
        if event.recorded_at != first.recorded_at:
            yield _deviation(event, "recorded_at", said(first.recorded_at), said(event.recorded_at))


def _differences(facts: Facts, decision: Decision, missing: Facts) -> Iterator[Deviation]:
    """What is another than expected. What is missing is named at the position where it should stand, and added to ``missing``."""
    expected = [(stream, type(data)) for stream, data in facts]
    found = [(event.stream, type(event.data)) for event in decision]
    for same, start, end, at, until in SequenceMatcher(None, expected, found, autojunk=False).get_opcodes():
        if same == "equal":
            for (_, data), event in zip(facts[start:end], decision[at:until], strict=True):
                yield from _fields(data, event)
            continue
        for fact, event in zip_longest(facts[start:end], decision[at:until]):
            if event is None:
                yield Deviation(decision[0].position + until, str(fact[0]), "event", _named(fact), ABSENT)
            else:
                yield _deviation(event, "event", _named(fact) if fact else ABSENT, event.type)
        missing += facts[start:end]


def _instead(decision: Decision, fact: tuple[UUID, Event]) -> Recorded:
    """A fact that is missing, as if it stood at the end of its decision."""
    stream, data = fact
    return msgspec.structs.replace(decision[-1], stream=stream, version=0, data=data)


def _named(fact: tuple[UUID, Event]) -> str:
    return f"{BY_CLASS[type(fact[1])].name} im Strom {fact[0]}"


def _fields(expected: Event, event: Recorded) -> Iterator[Deviation]:
    """Of personal texts it is known only whether there is one."""
    entry = BY_CLASS[type(expected)]
    for each in fields(expected):
        wanted, stands = getattr(expected, each.name), getattr(event.data, each.name)
        if each.name in entry.personal:
            wanted, stands = wanted is not None, stands is not None
        if wanted != stands:
            yield _deviation(event, each.name, said(wanted), said(stands))


def _deviation(event: Recorded, field: str, expected: str, found: str) -> Deviation:
    return Deviation(event.position, str(event.stream), field, expected, found)
