"""Bookings: a request for hours, what became of it, and all its sessions."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

from application.log import Reader, Recorded, read_event
from application.projections.tables import Live, Moment, Projection, Row, Rows, Table, Value, matching, moment, page, pages, stated
from application.projections.texts import SealedText, place, sealed_text
from application.views import BookingView, SessionView, Versioned
from domain.booking import (
    ApprovalProposed,
    BookingSettled,
    BookingState,
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
    SessionState,
)
from domain.quantities import Kind
from domain.refusals import NotFound

IDS_A_QUERY = 500


class BookingTexts(NamedTuple):
    """What the hours are for, and the notes of those sessions that have one."""

    purpose: SealedText | None
    notes: dict[UUID, SealedText]


class BookingRow(Row):
    """``position`` is where the booking was requested, ``last_position`` where it changed last, ``purpose`` where that text stands.
    Minutes throughout."""

    booking: str
    position: int
    version: int
    last_position: int
    pool: str
    case_id: str
    provider: str
    district: str
    state: str
    requested: int
    granted: int
    consumed: int
    released: int
    proposed: int | None
    requested_at: str
    requested_by: str
    purpose: int | None


class SessionRow(Row):
    """A session as it stands; ``position`` is where it was logged, ``starts_at`` as it was stated, ``month`` is Berlin's, ``note``
    where that text stands."""

    booking: str
    session: str
    position: int
    provider: str
    starts_at: str
    minutes: int
    kind: str
    worker: str | None
    state: str
    confirmed: int
    month: str
    late: int
    note: int | None


BOOKINGS_TABLE = Table(
    "bookings",
    BookingRow,
    ("booking",),
    (("position",), ("pool", "position"), ("case_id", "position"), ("provider", "position")),
)
SESSIONS_TABLE = Table("sessions", SessionRow, ("session",), (("booking", "position"),))

# ── Fold


def _requested(event: Recorded, data: HoursRequested, rows: Rows) -> None:
    requested = BookingRow(
        booking=str(event.stream),
        position=event.position,
        version=event.version,
        last_position=event.position,
        pool=str(data.pool),
        case_id=str(data.case),
        provider=data.provider,
        district=data.district,
        state="requested",
        requested=data.minutes,
        granted=0,
        consumed=0,
        released=0,
        proposed=None,
        requested_at=stated(data.requested_at),
        requested_by=data.requested_by,
        purpose=place(event, "purpose"),
    )
    rows.put(BOOKINGS_TABLE, requested)


def _counted(event: Recorded, rows: Rows) -> BookingRow:
    booking = rows.change(BOOKINGS_TABLE, str(event.stream))
    booking.version, booking.last_position = event.version, event.position
    return booking


def _waitlisted(event: Recorded, data: RequestWaitlisted, rows: Rows) -> None:
    booking = _counted(event, rows)
    booking.state, booking.proposed = "waitlisted", None


def _proposed(event: Recorded, data: ApprovalProposed, rows: Rows) -> None:
    booking = _counted(event, rows)
    booking.state, booking.proposed = "awaiting_second", data.minutes


def _approved(event: Recorded, data: HoursApproved, rows: Rows) -> None:
    booking = _counted(event, rows)
    booking.state, booking.granted, booking.proposed = "approved", data.minutes, None


def _declined(event: Recorded, data: RequestDeclined, rows: Rows) -> None:
    booking = _counted(event, rows)
    booking.state, booking.proposed = "declined", None


def _withdrawn(event: Recorded, data: RequestWithdrawn, rows: Rows) -> None:
    booking = _counted(event, rows)
    booking.state, booking.proposed = "withdrawn", None


def _logged(event: Recorded, data: SessionLogged, rows: Rows) -> None:
    booking = _counted(event, rows)
    booking.consumed += data.minutes
    starts = moment(data.starts_at)
    session = SessionRow(
        booking.booking,
        str(data.session),
        event.position,
        data.provider,
        starts.stated,
        data.minutes,
        data.kind,
        data.worker,
        "logged",
        0,
        _month(starts),
        int(data.late),
        place(event, "note"),
    )
    rows.put(SESSIONS_TABLE, session)


def _corrected(event: Recorded, data: SessionCorrected, rows: Rows) -> None:
    now, starts = data.now, moment(data.now.starts_at)
    _consume(_counted(event, rows), now.minutes - data.before.minutes)
    session = rows.change(SESSIONS_TABLE, str(data.session))
    session.starts_at, session.minutes, session.kind, session.worker = starts.stated, now.minutes, now.kind, now.worker
    session.state, session.month = "corrected", _month(starts)
    session.note = place(event, "note") or session.note


def _reversed(event: Recorded, data: SessionReversed, rows: Rows) -> None:
    _consume(_counted(event, rows), -data.before.minutes)
    rows.change(SESSIONS_TABLE, str(data.session)).state = "reversed"


def _confirmed(event: Recorded, data: SessionConfirmed, rows: Rows) -> None:
    _counted(event, rows)
    rows.change(SESSIONS_TABLE, str(data.session)).confirmed = 1


def _reduced(event: Recorded, data: GrantReduced, rows: Rows) -> None:
    booking = _counted(event, rows)
    booking.released = booking.granted - data.to_minutes


def _settled(event: Recorded, data: BookingSettled, rows: Rows) -> None:
    booking = _counted(event, rows)
    booking.state, booking.released = "settled", booking.granted - booking.consumed


def _month(at: Moment) -> str:
    return at.day[:7]


def _consume(booking: BookingRow, change: int) -> None:
    """After settlement what is no longer consumed is released (rule 15)."""
    booking.consumed += change
    if booking.state == "settled":
        booking.released -= change


BOOKINGS = Projection(
    name="bookings",
    version=4,
    tables=(BOOKINGS_TABLE, SESSIONS_TABLE),
    folds={
        HoursRequested: _requested,
        RequestWaitlisted: _waitlisted,
        ApprovalProposed: _proposed,
        HoursApproved: _approved,
        RequestDeclined: _declined,
        RequestWithdrawn: _withdrawn,
        SessionLogged: _logged,
        SessionCorrected: _corrected,
        SessionReversed: _reversed,
        SessionConfirmed: _confirmed,
        GrantReduced: _reduced,
        BookingSettled: _settled,
    },
)

# ── Readers


def versioned_booking(reader: Reader, id: UUID, provider: str | None) -> Versioned[BookingView]:
    """A booking with all its sessions in the order of logging; of ``provider`` only, where it is stated. Raises ``NotFound``."""
    live = Live(reader, BOOKINGS)
    row = _the(live, id, provider)
    return Versioned(_views(live, [row])[0], row.version, row.last_position)


def list_bookings(
    reader: Reader,
    *,
    pool: UUID | None = None,
    state: BookingState | None = None,
    provider: str | None = None,
    case: UUID | None = None,
    district: str | None = None,
    after: str | None = None,
    limit: int,
) -> tuple[list[BookingView], str | None]:
    """Bookings in the order of their requests, and where the next page begins."""
    live = Live(reader, BOOKINGS)
    condition, params = matching(pool=pool, state=state, provider=provider, case_id=case, district=district)
    found, following = page(live, BOOKINGS_TABLE, condition, params, after, limit)
    return _views(live, found), following


def booking_ids_of_case(reader: Reader, case: UUID) -> list[UUID]:
    """All bookings of a case, in the order of their requests."""
    return _ids(reader, "case_id = ?", case)


def booking_ids_of_pool(reader: Reader, pool: UUID) -> list[UUID]:
    """All bookings of a pool, in the order of their requests."""
    return _ids(reader, "pool = ?", pool)


def bookings_of_pool(reader: Reader, pool: UUID) -> Iterator[BookingRow]:
    """All bookings of a pool in the order of their requests, with where they stand in the log."""
    for rows in pages(Live(reader, BOOKINGS), BOOKINGS_TABLE, "pool = ?", (str(pool),)):
        yield from rows


def sessions_of_booking(reader: Reader, booking: UUID) -> Iterator[SessionRow]:
    """All sessions of a booking in the order of logging, with where they stand in the log."""
    for rows in pages(Live(reader, BOOKINGS), SESSIONS_TABLE, "booking = ?", (str(booking),)):
        yield from rows


def bookings_of_sessions(reader: Reader, sessions: Iterable[UUID]) -> dict[UUID, UUID]:
    """Which booking each of these sessions stands in; those that nobody logged are left out."""
    live, found = Live(reader, BOOKINGS), {}
    asked = [str(session) for session in sessions]
    for start in range(0, len(asked), IDS_A_QUERY):
        some = asked[start : start + IDS_A_QUERY]
        marks = ", ".join("?" for _ in some)
        rows = live.fetch(f"SELECT session, booking FROM {{sessions}} WHERE session IN ({marks})", some)
        found.update({UUID(session): UUID(booking) for session, booking in rows})
    return found


def sessions_of_worker(reader: Reader, worker: str) -> dict[UUID, UUID]:
    """The sessions that are recorded as a worker's, with the booking that each stands in."""
    found = Live(reader, BOOKINGS).fetch("SELECT session, booking FROM {sessions} WHERE worker = ?", (worker,))
    return {UUID(session): UUID(booking) for session, booking in found}


def standing_sessions(reader: Reader, pool: UUID, provider: str | None) -> list[tuple[UUID, datetime]]:
    """The sessions of a pool that are not reversed, with their start; of one provider only, where it is stated."""
    condition, params = matching(pool=pool)
    of_provider, more = matching(provider=provider)
    found = Live(reader, BOOKINGS).fetch(
        "SELECT session, starts_at FROM {sessions} "
        f"WHERE booking IN (SELECT booking FROM {{bookings}} WHERE {condition}) AND state <> 'reversed' AND {of_provider}",
        (*params, *more),
    )
    return [(UUID(session), datetime.fromisoformat(starts_at)) for session, starts_at in found]


def booking_texts(reader: Reader, id: UUID, provider: str | None) -> BookingTexts:
    """What was written about a booking and its sessions, still sealed; of ``provider`` only, where it is stated.

    Raises ``NotFound``.
    """
    live = Live(reader, BOOKINGS)
    purpose = _the(live, id, provider).purpose
    noted = live.rows(SESSIONS_TABLE, "booking = ? AND note IS NOT NULL ORDER BY position", (str(id),))
    events = {event.position: event for event in map(read_event, reader.stream(id))}
    notes = {UUID(row.session): sealed_text(events[cast(int, row.note)], "note") for row in noted}
    return BookingTexts(
        None if purpose is None else sealed_text(events[purpose], "purpose"),
        {session: note for session, note in notes.items() if note is not None},
    )


def _the(live: Live, id: UUID, provider: str | None) -> BookingRow:
    condition, params = matching(booking=str(id), provider=provider)
    found = live.rows(BOOKINGS_TABLE, condition, params)
    if not found:
        raise NotFound()
    return found[0]


def _ids(reader: Reader, condition: str, id: UUID) -> list[UUID]:
    found = Live(reader, BOOKINGS).fetch(
        f"SELECT booking FROM {{bookings}} WHERE {condition} ORDER BY position",
        (str(id),),
    )
    return [UUID(booking) for (booking,) in found]


def _views(live: Live, found: Sequence[BookingRow]) -> list[BookingView]:
    sessions: dict[str, list[SessionView]] = {row.booking: [] for row in found}
    if found:
        marks = ", ".join("?" for _ in found)
        params: list[Value] = list(sessions)
        for row in live.rows(SESSIONS_TABLE, f"booking IN ({marks}) ORDER BY position", params):
            sessions[row.booking].append(_session_view(row))
    return [_view(row, sessions[row.booking]) for row in found]


def _view(row: BookingRow, sessions: Sequence[SessionView]) -> BookingView:
    return BookingView(
        id=UUID(row.booking),
        pool=UUID(row.pool),
        case=UUID(row.case_id),
        provider=row.provider,
        district=row.district,
        state=cast("BookingState", row.state),
        requested_minutes=row.requested,
        granted_minutes=row.granted,
        consumed_minutes=row.consumed,
        released_minutes=row.released,
        proposed_minutes=row.proposed,
        requested_at=datetime.fromisoformat(row.requested_at),
        requested_by=row.requested_by,
        sessions=tuple(sessions),
    )


def _session_view(row: SessionRow) -> SessionView:
    return SessionView(
        id=UUID(row.session),
        starts_at=datetime.fromisoformat(row.starts_at),
        minutes=row.minutes,
        kind=cast("Kind", row.kind),
        worker=row.worker,
        state=cast("SessionState", row.state),
        confirmed=bool(row.confirmed),
    )
