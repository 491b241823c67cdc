"""What a row of an import file asks for: steps, each decided like any command at its own instant.

Ids in a file become ids in the log, so a step that is already there is recognised, and one that says something else is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NoReturn, get_args
from uuid import UUID, uuid5

from application import written
from application.commands import imported_case_id
from application.turn import Turn
from application.written import Row
from domain import booking as bookings
from domain import case as cases
from domain import pool as pools
from domain.booking import Booking, SessionFacts
from domain.case import Case
from domain.pool import Pool
from domain.quantities import Concern, Kind, ServiceArea, berlin_time
from domain.refusals import DuplicateId, ForeignCase, Malformed, UnknownRequest

StepName = Literal["request", "decision", "session"]
Decision = Literal["approved", "declined", "withdrawn"]

DEFAULT_REASON = "laut Import"


@dataclass(frozen=True, slots=True)
class Step:
    """What one row asks for at one instant. ``apply`` says whether it was recorded, or already there; it may refuse."""

    line: int
    name: StepName
    id: str
    at: datetime
    by: str
    apply: Callable[[Turn], bool]


def request_step(pool: UUID, row: Row, cases_called: Mapping[str, Sequence[UUID]]) -> Step:
    """The request of a row, which opens its case where that is new. Raises ``Malformed``, as all three do.

    ``cases_called`` says which cases have a reference already, beside the one that files call so: providers open theirs themselves.
    """
    request_id, reference = _name(row, "request_id"), _name(row, "case_ref")
    provider, district = _name(row, "provider"), _name(row, "district")
    at, by = _instant(row, "requested_at"), _name(row, "requested_by")
    minutes = _minutes(row, "requested_minutes")
    service_area = _code(row, "service_area", get_args(ServiceArea), "11")
    concern = _code(row, "concern", get_args(Concern), "other")
    purpose = _text(row, "purpose")

    def apply(turn: Turn) -> bool:
        called = (imported_case_id(pool, reference), *cases_called.get(reference, ()))
        booking = booking_id(pool, request_id)
        existing = _booking_or_none(turn, booking)
        if existing is not None and existing.case in called:
            stands = (existing.provider, existing.district, existing.requested)
            if (*stands, existing.requested_at, existing.requested_by) == (
                provider,
                district,
                minutes,
                at,
                by,
            ):
                return False
        state = turn.pool(pool)
        case, opened = _case(turn, state, called, reference, provider, district, service_area, concern, at)
        if existing is not None:
            raise DuplicateId(id=request_id)
        facts = bookings.request_hours(state, case, None, booking=booking, minutes=minutes, purpose=purpose, by=by, at=at)
        turn.record([*((case.id, event) for event in opened), *facts])
        return True

    return Step(row.line, "request", request_id, at, by, apply)


def _case(
    turn: Turn,
    pool: Pool,
    called: Sequence[UUID],
    reference: str,
    provider: str,
    district: str,
    service_area: ServiceArea,
    concern: Concern,
    at: datetime,
) -> tuple[Case, list[cases.CaseEvent]]:
    """The case of a request: the provider's of that reference, or a new one that is opened with the request."""
    found = [case for case in map(turn.find, called) if isinstance(case, Case)]
    if found:
        existing = next((case for case in found if case.provider == provider), None)
        if existing is None:
            raise ForeignCase(reference=reference)
        if existing.district != district:
            raise DuplicateId(id=reference)
        return existing, []
    [opened] = cases.open_case(
        pool,
        None,
        reference=reference,
        provider=provider,
        offer=None,
        district=district,
        service_area=service_area,
        concern=concern,
        at=at,
    )
    return cases.evolve(None, called[0], opened), [opened]


def decision_step(pool: UUID, row: Row) -> Step:
    """The decision on a row's request."""
    request_id = _name(row, "request_id")
    decision: Decision = _code(row, "decision", get_args(Decision))
    at, by = _instant(row, "decided_at"), _name(row, "decided_by")
    granted = _minutes(row, "granted_minutes") if decision == "approved" else None
    reason = _text(row, "reason") or DEFAULT_REASON

    def apply(turn: Turn) -> bool:
        booking = _booking_or_none(turn, booking_id(pool, request_id))
        if booking is None:
            raise UnknownRequest(request=request_id)
        if _decided_so(booking, decision, granted, at, by):
            return False
        if booking.decided_at is not None:
            raise DuplicateId(id=request_id)
        state, case, waiting = turn.pool(pool), turn.case(booking.case), turn.waiting_list(pool)
        if decision == "approved":
            facts = bookings.approve_hours(state, case, booking, waiting, minutes=granted, by=by, at=at, reason=reason)
        elif decision == "declined":
            facts = bookings.decline_request(state, case, booking, waiting, reason=reason, by=by, at=at)
        else:
            facts = bookings.withdraw_request(state, booking, waiting, reason=reason, by=by, at=at)
        turn.record(facts)
        return True

    return Step(row.line, "decision", request_id, at, by, apply)


def _decided_so(booking: Booking, decision: Decision, granted: int | None, at: datetime, by: str) -> bool:
    """Whether this decision is what stands in the log, be it the first of two officers' agreements."""
    if booking.proposal is not None:
        return decision == "approved" and (booking.proposal.minutes, booking.proposal.by) == (granted, by)
    state = "approved" if booking.state == "settled" else booking.state
    return (state, booking.decided_at, booking.decided_by) == (decision, at, by) and granted in (None, booking.granted)


def session_step(pool: UUID, row: Row, places: dict[UUID, UUID]) -> Step:
    """The session of a row. ``places`` says in which booking a session stands already, and learns where this one does."""
    id, request_id = _name(row, "session_id"), _name(row, "request_id")
    worker = _name(row, "worker")
    at, minutes = _instant(row, "starts_at"), _minutes(row, "minutes")
    kind: Kind = _code(row, "kind", get_args(Kind))
    note = _text(row, "note")
    facts = SessionFacts(berlin_time(at), minutes, kind, worker)
    session = session_id(pool, id)

    def apply(turn: Turn) -> bool:
        booking = _booking_or_none(turn, booking_id(pool, request_id))
        if booking is None:
            raise UnknownRequest(request=request_id)
        existing = booking.sessions.get(session)
        # what was corrected or reversed since is still the session of that row
        if existing is not None and (existing.facts == facts or existing.state != "logged"):
            return False
        if existing is not None or places.get(session, booking.id) != booking.id:
            raise DuplicateId(id=id)
        turn.record(
            bookings.log_session(
                turn.pool(pool),
                turn.case(booking.case),
                booking,
                session=session,
                starts_at=facts.starts_at,
                minutes=minutes,
                kind=kind,
                worker=worker,
                note=note,
                now=at,
            )
        )
        places[session] = booking.id
        return True

    return Step(row.line, "session", id, at, worker, apply)


def booking_id(pool: UUID, request_id: str) -> UUID:
    """The id in the log of a request of a file."""
    return uuid5(pool, f"request/{request_id}")


def session_id(pool: UUID, session_id: str) -> UUID:
    """The id in the log of a session of a file."""
    return uuid5(pool, f"session/{session_id}")


def identifier(row: Row, column: str) -> str:
    """The identifier of a step that cannot be read, empty where that is the reason."""
    try:
        return _name(row, column)
    except Malformed:
        return ""


def _booking_or_none(turn: Turn, booking: UUID) -> Booking | None:
    state = turn.find(booking)
    return state if isinstance(state, Booking) else None


# ── Reading cells


def _name(row: Row, column: str) -> str:
    """An identifier or a name; required."""
    return _text_of(row, column, 200, several_lines=False) or _missing(column)


def _text(row: Row, column: str) -> str | None:
    return _text_of(row, column, 4000, several_lines=True)


def _text_of(row: Row, column: str, characters_max: int, *, several_lines: bool) -> str | None:
    try:
        return written.text(row.cells.get(column), characters_max, several_lines=several_lines)
    except written.Malformed as problem:
        raise Malformed(place=column, problem=str(problem)) from None


def _instant(row: Row, column: str) -> datetime:
    try:
        return written.instant(row.cells.get(column))
    except written.Malformed as problem:
        raise Malformed(place=column, problem=str(problem)) from None


def _minutes(row: Row, column: str) -> int:
    """Whole minutes, at least 1."""
    try:
        minutes = written.minutes(row.cells.get(column))
    except written.Malformed as problem:
        raise Malformed(place=column, problem=str(problem)) from None
    pools.positive(minutes, column)
    return minutes


def _code(row: Row, column: str, known: tuple[str, ...], default: str | None = None) -> Any:
    """One of the known codes."""
    code = _text_of(row, column, 200, several_lines=False) or default or _missing(column)
    if code not in known:
        raise Malformed(place=column, problem=f"erlaubt sind {', '.join(known)}")
    return code


def _missing(column: str) -> NoReturn:
    raise Malformed(place=column, problem="fehlt")
