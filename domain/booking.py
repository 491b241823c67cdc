"""Booking: a request for hours of one case, what became of it, and the sessions rendered on it.

Events, state, evolve, policies, decisions. A decision over several streams names the stream of each fact.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, assert_never
from uuid import UUID

from domain import pool as pools
from domain.case import Case, CaseEvent, case_open
from domain.handling import FindingEvent
from domain.pool import (
    HoursReleased,
    PlaceOffered,
    Pool,
    PoolEvent,
    ReleaseCause,
    follow_up,
    is_late,
    month_open,
    pool_open,
    positive,
    reason_stated,
    whole_units,
    within_budget,
    within_case_cap,
    within_district_quota,
    within_period,
    within_provider_quota,
)
from domain.quantities import BERLIN, Kind, Personal, berlin_day, hours
from domain.refusals import (
    AlreadyDecided,
    DuplicateId,
    InFuture,
    IsSettled,
    Malformed,
    NotApproved,
    NotFound,
    OverGrant,
    OverRequest,
    OwnRequest,
    SameOfficer,
    SessionIsReversed,
    TooLong,
)
from domain.registry import ProviderEvent
from domain.waiting_list import Entry, WaitingList, in_turn

BookingState = Literal["requested", "awaiting_second", "waitlisted", "approved", "declined", "withdrawn", "settled"]
SessionState = Literal["logged", "corrected", "reversed"]
OPEN_STATES: tuple[BookingState, ...] = ("requested", "awaiting_second", "waitlisted")

# ── Events


@dataclass(frozen=True, slots=True)
class HoursRequested:
    """A provider asks for minutes for a case, at that instant; provider and district stay what they were then."""

    pool: UUID
    case: UUID
    provider: str
    district: str
    minutes: int
    requested_at: datetime
    requested_by: str
    purpose: Personal


@dataclass(frozen=True, slots=True)
class RequestWaitlisted:
    """The request waits for minutes; ``minutes`` and ``requested_at`` are those of the request, for the list's order."""

    pool: UUID
    provider: str
    minutes: int
    requested_at: datetime
    priority: int | None
    listed_by: str
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class ApprovalProposed:
    """The first of two officers agrees to these minutes; nothing is reserved yet (rule 6)."""

    provider: str
    minutes: int
    proposed_at: datetime
    proposed_by: str
    review_on: date | None
    reason: Personal
    reason_given: bool
    overtaking_reason: Personal
    overtaking_reason_given: bool


@dataclass(frozen=True, slots=True)
class HoursApproved:
    """Minutes are granted; ``proposed_by`` is the first of two officers where two were needed."""

    provider: str
    minutes: int
    decided_at: datetime
    decided_by: str
    proposed_by: str | None
    review_on: date | None
    reason: Personal
    reason_given: bool
    overtaking_reason: Personal
    overtaking_reason_given: bool


@dataclass(frozen=True, slots=True)
class RequestDeclined:
    provider: str
    decided_at: datetime
    decided_by: str
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class RequestWithdrawn:
    """The provider takes its request back, or the closing of case or pool does."""

    provider: str
    withdrawn_at: datetime
    withdrawn_by: str
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class SessionLogged:
    """Minutes rendered; ``starts_at`` is local time in Europe/Berlin, ``late`` by rule 17."""

    session: UUID
    provider: str
    starts_at: datetime
    minutes: int
    kind: Kind
    worker: str | None
    late: bool
    note: Personal
    note_empty: bool


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What a session says of itself."""

    starts_at: datetime
    minutes: int
    kind: Kind
    worker: str | None


@dataclass(frozen=True, slots=True)
class SessionCorrected:
    """The session as it is from now on, and as it was before (rule 14); a note of ``None`` leaves the note."""

    session: UUID
    provider: str
    now: SessionFacts
    before: SessionFacts
    note: Personal
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class SessionReversed:
    """The session no longer counts; ``before`` is what it said (rule 14)."""

    session: UUID
    provider: str
    before: SessionFacts
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class SessionConfirmed:
    """The client or the family confirms the session; who did is personal."""

    session: UUID
    provider: str
    by: Personal
    method: str


@dataclass(frozen=True, slots=True)
class GrantReduced:
    """What stays granted; the rest is released at once (rule 18)."""

    provider: str
    to_minutes: int
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class BookingSettled:
    """Accounted for: what was not used is released, nothing new is logged."""

    provider: str
    settled_at: datetime


BookingEvent = (
    HoursRequested
    | RequestWaitlisted
    | ApprovalProposed
    | HoursApproved
    | RequestDeclined
    | RequestWithdrawn
    | SessionLogged
    | SessionCorrected
    | SessionReversed
    | SessionConfirmed
    | GrantReduced
    | BookingSettled
)
Event = PoolEvent | CaseEvent | BookingEvent | FindingEvent | ProviderEvent
# What a decision says: each fact with the stream it belongs to, in the order in which they are appended.
Facts = list[tuple[UUID, Event]]

# ── State


@dataclass(slots=True)
class Session:
    id: UUID
    facts: SessionFacts
    state: SessionState = "logged"
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A first officer's agreement that waits for the second."""

    minutes: int
    by: str
    review_on: date | None
    reason_given: bool
    overtaking_reason_given: bool


@dataclass(slots=True)
class Booking:
    """What decisions need to know of a booking. ``granted`` is what was approved, ``released`` what of it went back."""

    id: UUID
    pool: UUID
    case: UUID
    provider: str
    district: str
    requested: int
    requested_at: datetime
    requested_by: str
    state: BookingState = "requested"
    granted: int = 0
    consumed: int = 0
    released: int = 0
    decided_at: datetime | None = None
    decided_by: str | None = None
    proposal: Proposal | None = None
    sessions: dict[UUID, Session] = field(default_factory=dict)

    @property
    def unused(self) -> int:
        """Granted, neither consumed nor given back."""
        return self.granted - self.released - self.consumed


def evolve(booking: Booking | None, stream: UUID, event: BookingEvent) -> Booking:
    """The state after a fact; folds in place."""
    if isinstance(event, HoursRequested):
        return Booking(
            stream, event.pool, event.case, event.provider, event.district, event.minutes, event.requested_at, event.requested_by
        )
    assert booking is not None, f"the first event of a booking requests hours, not {event}"
    match event:
        case RequestWaitlisted():
            booking.state, booking.proposal = "waitlisted", None
        case ApprovalProposed():
            booking.state = "awaiting_second"
            booking.proposal = Proposal(
                event.minutes, event.proposed_by, event.review_on, event.reason_given, event.overtaking_reason_given
            )
        case HoursApproved():
            booking.granted = event.minutes
            _decided(booking, "approved", event.decided_at, event.decided_by)
        case RequestDeclined():
            _decided(booking, "declined", event.decided_at, event.decided_by)
        case RequestWithdrawn():
            _decided(booking, "withdrawn", event.withdrawn_at, event.withdrawn_by)
        case SessionLogged():
            facts = SessionFacts(event.starts_at, event.minutes, event.kind, event.worker)
            booking.sessions[event.session] = Session(event.session, facts)
            booking.consumed += event.minutes
        case SessionCorrected():
            session = booking.sessions[event.session]
            session.facts, session.state = event.now, "corrected"
            _consume(booking, event.now.minutes - event.before.minutes)
        case SessionReversed():
            booking.sessions[event.session].state = "reversed"
            _consume(booking, -event.before.minutes)
        case SessionConfirmed():
            booking.sessions[event.session].confirmed = True
        case GrantReduced():
            booking.released = booking.granted - event.to_minutes
        case BookingSettled():
            booking.state = "settled"
            booking.released = booking.granted - booking.consumed
        case _:
            assert_never(event)
    return booking


def _decided(booking: Booking, state: BookingState, at: datetime, by: str) -> None:
    booking.state, booking.decided_at, booking.decided_by, booking.proposal = state, at, by, None


def _consume(booking: Booking, change: int) -> None:
    """After settlement what is no longer consumed is released (rule 15)."""
    booking.consumed += change
    if booking.state == "settled":
        booking.released -= change


def evolve_waiting_list(waiting: WaitingList, stream: UUID, event: BookingEvent | PlaceOffered) -> WaitingList:
    """The pool's waiting list after a fact of one of its bookings, or an offer; folds in place."""
    match event:
        case RequestWaitlisted():
            waiting.entries[stream] = _entry(waiting, stream, event)
        case HoursApproved() | RequestDeclined() | RequestWithdrawn():
            waiting.entries.pop(stream, None)
        case PlaceOffered():
            entry = waiting.entries[event.booking]
            waiting.entries[event.booking] = Entry(entry.booking, entry.minutes, entry.priority, entry.requested_at, True)
        case (
            HoursRequested()
            | ApprovalProposed()
            | SessionLogged()
            | SessionCorrected()
            | SessionReversed()
            | SessionConfirmed()
            | GrantReduced()
            | BookingSettled()
        ):
            pass  # a request is listed by a waitlisting only, and stays listed while a second officer is awaited
        case _:
            assert_never(event)
    return waiting


def _entry(waiting: WaitingList, booking: UUID, event: RequestWaitlisted) -> Entry:
    listed = waiting.entries.get(booking)
    return Entry(booking, event.minutes, event.priority, event.requested_at, listed is not None and listed.offered)


# ── Policies


def not_own_request(booking: Booking, officer: str) -> None:
    """Who requested never approves (rule 10), whatever the role."""
    if officer == booking.requested_by:
        raise OwnRequest()


def different_officer(pool: Pool, booking: Booking, officer: str, minutes: int) -> None:
    """A grant above the limit needs two different officers (rule 6)."""
    if _confirms(pool, booking, minutes) and booking.proposal is not None and booking.proposal.by == officer:
        raise SameOfficer(limit=hours(pool.rules.four_eyes_minutes or 0))


def undecided(booking: Booking) -> None:
    """Only an open request is decided."""
    if booking.state not in OPEN_STATES:
        raise AlreadyDecided()


def granted_before(booking: Booking) -> None:
    """Nothing is logged, reduced or settled on a request that was not approved (rule 15)."""
    if booking.state not in ("approved", "settled"):
        raise NotApproved()


def not_settled(booking: Booking) -> None:
    """After settlement nothing new (rule 15)."""
    if booking.state == "settled":
        raise IsSettled()


def session_stands(session: Session) -> None:
    """A reversed session is neither corrected nor reversed nor confirmed."""
    if session.state == "reversed":
        raise SessionIsReversed()


def not_in_future(starts_at: datetime, now: datetime) -> None:
    """A session is not in the future (rule 13)."""
    if starts_at > now:
        raise InFuture(starts_at=f"{starts_at.astimezone(BERLIN):%d.%m.%Y, %H:%M} Uhr")


def not_too_long(pool: Pool, minutes: int) -> None:
    """A session has at most the pool's maximum (rule 16)."""
    limit = pool.rules.session_max_minutes
    if limit is not None and minutes > limit:
        raise TooLong(limit=hours(limit))


def within_request(booking: Booking, minutes: int) -> None:
    """Granted is at most requested (rule 11)."""
    if minutes > booking.requested:
        raise OverRequest(requested=hours(booking.requested))


def within_grant(booking: Booking, change: int) -> None:
    """The sum of the sessions never exceeds what is granted (rule 12)."""
    if change > booking.unused:
        granted = booking.granted - booking.released
        raise OverGrant(granted=hours(granted), total=hours(booking.consumed + change))


def _confirms(pool: Pool, booking: Booking, minutes: int) -> bool:
    """Whether these minutes need two officers and are what the first one proposed."""
    return needs_second(pool, minutes) and booking.proposal is not None and booking.proposal.minutes == minutes


def needs_second(pool: Pool, minutes: int) -> bool:
    """Strictly more than the limit needs two officers (rule 6)."""
    limit = pool.rules.four_eyes_minutes
    return limit is not None and minutes > limit


def session_of(booking: Booking, session: UUID) -> Session:
    """The session of that id, or ``NotFound``."""
    found = booking.sessions.get(session)
    if found is None:
        raise NotFound()
    return found


# ── Decisions


def request_hours(
    pool: Pool, case: Case, existing: Booking | None, *, booking: UUID, minutes: int, purpose: Personal, by: str, at: datetime
) -> Facts:
    """A provider requests hours for its open case (rules 4, 9, 16). That the case is its own is judged by who may see it."""
    positive(minutes)
    if existing is not None:
        raise DuplicateId(id=booking)
    pool_open(pool)
    case_open(case)
    within_period(pool, berlin_day(at))
    whole_units(pool, minutes)
    return [(booking, HoursRequested(pool.id, case.id, case.provider, case.district, minutes, at, by, purpose))]


def approve_hours(
    pool: Pool,
    case: Case,
    booking: Booking,
    waiting: WaitingList,
    *,
    minutes: int | None,
    by: str,
    at: datetime,
    reason: Personal = None,
    review_on: date | None = None,
    overtaking_reason: Personal = None,
) -> Facts:
    """Grants a request in full or in part, or is the first of two agreements (rules 1 to 6, 10, 11, 16, 20).

    Without ``minutes`` the proposed ones are meant, else the requested ones. A first agreement reserves nothing, and what the
    pool has left is judged when the second officer confirms; a confirmation rests on the reasons of the proposal as well.
    """
    proposal = booking.proposal
    if minutes is None:
        minutes = proposal.minutes if proposal else booking.requested
    positive(minutes)
    confirms = _confirms(pool, booking, minutes)
    first = proposal if confirms else None
    reason_given = bool(reason) or (first is not None and first.reason_given)
    overtaking = bool(overtaking_reason) or (first is not None and first.overtaking_reason_given)
    pool_open(pool)
    case_open(case)
    within_period(pool, berlin_day(at))
    not_own_request(booking, by)
    different_officer(pool, booking, by, minutes)
    undecided(booking)
    reason_stated(reason_given or minutes >= booking.requested)
    whole_units(pool, minutes)
    within_request(booking, minutes)
    if needs_second(pool, minutes) and not confirms:
        proposed = ApprovalProposed(
            booking.provider, minutes, at, by, review_on, reason, bool(reason), overtaking_reason, bool(overtaking_reason)
        )
        return [(booking.id, proposed)]
    within_budget(pool, minutes)
    within_case_cap(pool, booking.case, minutes)
    within_district_quota(pool, booking.district, minutes)
    within_provider_quota(pool, booking.provider, minutes)
    in_turn(waiting, booking.id, pool.available, overtaking_reason_given=overtaking)
    approved = HoursApproved(
        booking.provider,
        minutes,
        at,
        by,
        first.by if first else None,
        review_on or (first.review_on if first else None),
        reason,
        reason_given,
        overtaking_reason,
        overtaking,
    )
    reserved = pools.reserve_hours(
        pool,
        waiting,
        booking=booking.id,
        case=booking.case,
        provider=booking.provider,
        district=booking.district,
        minutes=minutes,
        at=at,
    )
    return [(booking.id, approved), *in_pool(pool, reserved)]


def decline_request(
    pool: Pool, case: Case, booking: Booking, waiting: WaitingList, *, reason: Personal, by: str, at: datetime
) -> Facts:
    """The office says no, with a reason (rule 11)."""
    pool_open(pool)
    case_open(case)
    undecided(booking)
    reason_stated(bool(reason))
    declined = RequestDeclined(booking.provider, at, by, reason, True)
    return [(booking.id, declined), *in_pool(pool, follow_up(pool, waiting, leaving=(booking.id,)))]


def withdraw_request(pool: Pool, booking: Booking, waiting: WaitingList, *, reason: Personal, by: str, at: datetime) -> Facts:
    """The provider takes its request back."""
    pool_open(pool)
    undecided(booking)
    withdrawn = RequestWithdrawn(booking.provider, at, by, reason, bool(reason))
    return [(booking.id, withdrawn), *in_pool(pool, follow_up(pool, waiting, leaving=(booking.id,)))]


def waitlist_request(
    pool: Pool, case: Case, booking: Booking, waiting: WaitingList, *, priority: int | None, reason: Personal, by: str
) -> Facts:
    """Puts a request on the waiting list, or gives a listed one another priority (rule 19); a priority has a reason."""
    pool_open(pool)
    case_open(case)
    undecided(booking)
    listed = waiting.entries.get(booking.id)
    if booking.state == "waitlisted" and listed is not None and listed.priority == priority:
        raise AlreadyDecided()
    reason_stated(bool(reason) or priority is None)
    event = RequestWaitlisted(
        pool.id, booking.provider, booking.requested, booking.requested_at, priority, by, reason, bool(reason)
    )
    return [(booking.id, event), *in_pool(pool, follow_up(pool, waiting, joining=(_entry(waiting, booking.id, event),)))]


def log_session(
    pool: Pool,
    case: Case,
    booking: Booking,
    *,
    session: UUID,
    starts_at: datetime,
    minutes: int,
    kind: Kind,
    worker: str | None,
    note: Personal,
    now: datetime,
) -> Facts:
    """Minutes were rendered (rules 4, 7, 12, 13, 15, 16, 17). Identical sessions are accepted; they become a finding."""
    positive(minutes)
    if session in booking.sessions:
        raise DuplicateId(id=session)
    pool_open(pool)
    case_open(case)
    within_period(pool, berlin_day(starts_at))
    month_open(pool, starts_at)
    not_in_future(starts_at, now)
    granted_before(booking)
    not_settled(booking)
    whole_units(pool, minutes)
    not_too_long(pool, minutes)
    within_grant(booking, minutes)
    late = is_late(pool, starts_at, now)
    return [(booking.id, SessionLogged(session, booking.provider, starts_at, minutes, kind, worker, late, note, not note))]


def correct_session(
    pool: Pool,
    booking: Booking,
    waiting: WaitingList,
    *,
    session: UUID,
    starts_at: datetime | None = None,
    minutes: int | None = None,
    kind: Kind | None = None,
    worker: str | None = None,
    note: Personal = None,
    reason: Personal,
    now: datetime,
) -> Facts:
    """Puts a session right, with a reason; what is not stated stays (rules 4, 7, 12 to 16)."""
    if minutes is not None:
        positive(minutes)
    standing = session_of(booking, session)
    before = standing.facts
    after = SessionFacts(
        starts_at or before.starts_at, before.minutes if minutes is None else minutes, kind or before.kind, worker or before.worker
    )
    longer = after.minutes - before.minutes
    pool_open(pool)
    within_period(pool, berlin_day(after.starts_at))
    month_open(pool, before.starts_at, after.starts_at)
    not_in_future(after.starts_at, now)
    if longer > 0:
        not_settled(booking)
    session_stands(standing)
    reason_stated(bool(reason))
    whole_units(pool, after.minutes)
    not_too_long(pool, after.minutes)
    within_grant(booking, longer)
    corrected = SessionCorrected(session, booking.provider, after, before, note, reason, True)
    return [(booking.id, corrected), *_given_back(pool, booking, waiting, -longer, now, "correction")]


def reverse_session(pool: Pool, booking: Booking, waiting: WaitingList, *, session: UUID, reason: Personal, now: datetime) -> Facts:
    """Takes a session out of the sums, with a reason (rules 7, 14, 15)."""
    standing = session_of(booking, session)
    pool_open(pool)
    month_open(pool, standing.facts.starts_at)
    session_stands(standing)
    reason_stated(bool(reason))
    event = SessionReversed(session, booking.provider, standing.facts, reason, True)
    return [(booking.id, event), *_given_back(pool, booking, waiting, standing.facts.minutes, now, "reversal")]


def confirm_session(pool: Pool, booking: Booking, *, session: UUID, by: Personal, method: str) -> Facts:
    """The client or the family confirms a session; it can be confirmed again, by somebody else."""
    standing = session_of(booking, session)
    pool_open(pool)
    session_stands(standing)
    return [(booking.id, SessionConfirmed(session, booking.provider, by, method))]


def reduce_grant(pool: Pool, booking: Booking, waiting: WaitingList, *, to_minutes: int, reason: Personal, at: datetime) -> Facts:
    """Reduces a grant, at most to what is used; the rest is released at once (rule 18)."""
    if to_minutes < 0:
        raise Malformed(place="to_minutes", problem="nicht negativ")
    standing = booking.granted - booking.released
    pool_open(pool)
    granted_before(booking)
    not_settled(booking)
    reason_stated(bool(reason))
    whole_units(pool, to_minutes)
    if to_minutes >= standing:
        raise OverGrant(granted=hours(standing), total=hours(to_minutes))
    if to_minutes < booking.consumed:
        raise OverGrant(granted=hours(to_minutes), total=hours(booking.consumed))
    released = release(pool, booking, waiting, standing - to_minutes, at, "reduction")
    return [(booking.id, GrantReduced(booking.provider, to_minutes, reason, True)), *released]


def settle_booking(pool: Pool, booking: Booking, waiting: WaitingList, *, at: datetime) -> Facts:
    """Accounts for a booking: what was not used goes back to the pool."""
    pool_open(pool)
    granted_before(booking)
    not_settled(booking)
    return [(booking.id, BookingSettled(booking.provider, at)), *release(pool, booking, waiting, booking.unused, at, "settlement")]


def _given_back(pool: Pool, booking: Booking, waiting: WaitingList, minutes: int, at: datetime, because: ReleaseCause) -> Facts:
    """What a settled booking no longer consumes is released at once (rule 15); an approved one keeps it for further sessions."""
    return release(pool, booking, waiting, minutes, at, because) if booking.state == "settled" else []


def release(pool: Pool, booking: Booking, waiting: WaitingList, minutes: int, at: datetime, because: ReleaseCause) -> Facts:
    """Gives minutes of a booking back to the pool, with what follows from it."""
    if minutes == 0:
        return []
    return in_pool(pool, [released_hours(booking, minutes, at, because), *follow_up(pool, waiting, gained=minutes)])


def released_hours(booking: Booking, minutes: int, at: datetime, because: ReleaseCause) -> HoursReleased:
    """The pool's side of a release."""
    return HoursReleased(booking.id, booking.case, booking.provider, booking.district, minutes, at, because)


def in_pool(pool: Pool, events: list[PoolEvent]) -> Facts:
    """The pool's own facts in a decision over several streams."""
    return [(pool.id, event) for event in events]
