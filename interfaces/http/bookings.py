"""Bookings: requests for hours, the decisions on them, and the sessions rendered."""

from uuid import UUID

import msgspec

from application import commands
from application.projections import bookings
from application.views import BookingView, SessionView, Versioned
from interfaces.http import bodies, parameters
from interfaces.http.cases import opened_text
from interfaces.http.operations import READING, Asking, Command, Operation, Page, Query
from interfaces.http.policies import CASEWORK, LEADS, LEADS_AND_OFFICERS, OFFICERS, PROVIDERS


class SessionNote(msgspec.Struct, frozen=True):
    """What somebody noted about a session; ``null`` where it was erased."""

    session: UUID
    note: str | None


class BookingTexts(msgspec.Struct, frozen=True):
    """What people wrote about a booking: what the hours are for, and the notes of its sessions."""

    purpose: str | None
    notes: tuple[SessionNote, ...]


def list_bookings(asking: Asking, wanted: parameters.BookingsOf) -> Page[BookingView]:
    owner = asking.provider or wanted.provider
    if wanted.provider not in (None, owner):
        return Page((), None)
    return Page(
        *bookings.list_bookings(
            asking.reader,
            pool=wanted.pool,
            case=wanted.case,
            state=wanted.state,
            provider=owner,
            district=wanted.district,
            after=wanted.after,
            limit=wanted.limit,
        )
    )


def get_booking(asking: Asking, _: parameters.KnownAt, booking: UUID) -> Versioned[BookingView]:
    return bookings.versioned_booking(asking.reader, booking, asking.provider)


def get_booking_texts(asking: Asking, _: parameters.KnownAt, booking: UUID) -> BookingTexts:
    purpose, notes = bookings.booking_texts(asking.reader, booking, asking.provider)
    return BookingTexts(
        opened_text(asking, purpose), tuple(SessionNote(session, opened_text(asking, note)) for session, note in notes.items())
    )


_REQUESTED = ("open_pool", "open_case", "request_hours")
_APPROVED = (*_REQUESTED, "approve_hours")
_LOGGED = (*_APPROVED, "log_session")

OPERATIONS: tuple[Operation, ...] = (
    Command(
        path="/bookings",
        policy=PROVIDERS,
        summary="Stunden beantragen",
        decide=commands.request_hours,
        body=bodies.HoursRequest,
        view=BookingView,
        created=True,
        given=("open_pool", "open_case"),
        example={"case": "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b02", "minutes": 600, "purpose": "Begleitung bei der Wohnungssuche"},
        shows={"state": "requested", "requested_minutes": 600},
    ),
    Query(
        path="/bookings",
        policy=CASEWORK,
        summary="Anträge und Bewilligungen; ein Träger sieht nur seine eigenen",
        read=list_bookings,
        parameters=parameters.BookingsOf,
        view=BookingView,
        paged=True,
    ),
    Query(
        path="/bookings/{booking}",
        policy=CASEWORK,
        summary="Ein Antrag mit allen Terminen",
        read=get_booking,
        parameters=parameters.KnownAt,
        view=BookingView,
        given=_REQUESTED,
    ),
    Query(
        path="/bookings/{booking}/texts",
        policy=CASEWORK,
        summary="Zweck des Antrags und Notizen zu den Terminen",
        note="Wer sie wann wofür gelesen hat, wird festgehalten, bevor die Antwort ergeht.",
        read=get_booking_texts,
        parameters=parameters.KnownAt,
        view=BookingTexts,
        opens_texts=READING,
        given=_REQUESTED,
    ),
    Command(
        path="/bookings/{booking}/approval",
        policy=OFFICERS,
        summary="Stunden bewilligen",
        note="202, wo eine zweite Person mit demselben Aufruf zustimmen muss. Ohne minutes in voller Höhe.",
        decide=commands.approve_hours,
        body=bodies.Approval,
        view=BookingView,
        may_await_second=True,
        given=_REQUESTED,
        example={"minutes": 480, "reason": "zunächst für vier Wochen", "review_on": "2024-06-30"},
        shows={"state": "approved", "granted_minutes": 480},
    ),
    Command(
        path="/bookings/{booking}/refusal",
        policy=OFFICERS,
        summary="Antrag ablehnen",
        decide=commands.decline_request,
        body=bodies.Reason,
        view=BookingView,
        given=_REQUESTED,
        example={"reason": "Der Bedarf wird durch eine Hilfe zur Erziehung gedeckt"},
        shows={"state": "declined"},
    ),
    Command(
        path="/bookings/{booking}/withdrawal",
        policy=LEADS,
        summary="Antrag zurückziehen",
        decide=commands.withdraw_request,
        body=bodies.Reason,
        view=BookingView,
        given=_REQUESTED,
        example={"reason": "anderweitig gelöst"},
        shows={"state": "withdrawn"},
    ),
    Command(
        path="/bookings/{booking}/waitlisting",
        policy=OFFICERS,
        summary="Antrag auf die Warteliste setzen",
        decide=commands.waitlist_request,
        body=bodies.Waitlisting,
        view=BookingView,
        given=_REQUESTED,
        example={"priority": 1, "reason": "Wohnungslosigkeit droht"},
        shows={"state": "waitlisted"},
    ),
    Command(
        path="/bookings/{booking}/reduction",
        policy=LEADS_AND_OFFICERS,
        summary="Bewilligung kürzen oder Stunden zurückgeben",
        decide=commands.reduce_grant,
        body=bodies.Reduction,
        view=BookingView,
        given=_APPROVED,
        example={"to_minutes": 240, "reason": "weniger nötig als gedacht"},
        shows={"state": "approved", "released_minutes": 240},
    ),
    Command(
        path="/bookings/{booking}/settlement",
        policy=LEADS_AND_OFFICERS,
        summary="Bewilligung abrechnen",
        decide=commands.settle_booking,
        body=bodies.Nothing,
        view=BookingView,
        given=_APPROVED,
        example={},
        shows={"state": "settled", "released_minutes": 480},
    ),
    Command(
        path="/bookings/{booking}/sessions",
        policy=PROVIDERS,
        summary="Termin erfassen",
        decide=commands.log_session,
        body=bodies.SessionEntry,
        view=SessionView,
        created=True,
        given=_APPROVED,
        example={
            "starts_at": "2024-03-05T14:30:00+01:00",
            "minutes": 90,
            "kind": "direct",
            "worker": "kraft-1",
            "note": "Besichtigung einer Wohnung",
        },
        shows={"state": "logged", "minutes": 90},
    ),
    Command(
        path="/bookings/{booking}/sessions/{session}/correction",
        policy=PROVIDERS,
        summary="Termin richtigstellen",
        decide=commands.correct_session,
        body=bodies.SessionCorrection,
        view=SessionView,
        given=_LOGGED,
        example={"minutes": 60, "reason": "Zahlendreher"},
        shows={"state": "corrected", "minutes": 60},
    ),
    Command(
        path="/bookings/{booking}/sessions/{session}/reversal",
        policy=PROVIDERS,
        summary="Termin stornieren",
        decide=commands.reverse_session,
        body=bodies.Reason,
        view=SessionView,
        given=_LOGGED,
        example={"reason": "doppelt erfasst"},
        shows={"state": "reversed"},
    ),
    Command(
        path="/bookings/{booking}/sessions/{session}/confirmation",
        policy=PROVIDERS,
        summary="Bestätigung des Termins festhalten",
        decide=commands.confirm_session,
        body=bodies.SessionConfirmation,
        view=SessionView,
        given=_LOGGED,
        example={"by": "Mutter", "method": "Unterschrift"},
        shows={"confirmed": True},
    ),
)
