"""The facts that the tests of the domain speak about: an ordinary pool, its cases and bookings.

Each function says a fact in the words of the statute; what a test does not mention is ordinary.
"""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from domain.booking import (
    ApprovalProposed,
    BookingSettled,
    Event,
    GrantReduced,
    HoursApproved,
    HoursRequested,
    RequestDeclined,
    RequestWaitlisted,
    RequestWithdrawn,
    SessionConfirmed,
    SessionCorrected,
    SessionFacts,
    SessionLogged,
    SessionReversed,
)
from domain.case import CaseClosed, CaseOpened, CaseTransferred
from domain.findings.finding import Finding
from domain.handling import FindingClosed, FindingConfirmed, FindingExplained, FindingOpened, Matter
from domain.pool import (
    BudgetChanged,
    HoursReleased,
    HoursReserved,
    MonthClosed,
    MonthReopened,
    PlaceOffered,
    PoolClosed,
    PoolExhausted,
    PoolOpened,
    PoolReplenished,
    RulesChanged,
)
from domain.quantities import BERLIN, Kind, Period, Rules
from domain.registry import OfferRegistered, ProviderRegistered, Registrable, RegistrationEnded, WorkerRegistered, provider_id

Fact = tuple[UUID, Event]

POOL = UUID("00000000-0000-4000-8000-000000000001")
CASE, CASE_2 = UUID("00000000-0000-4000-8000-0000000000c1"), UUID("00000000-0000-4000-8000-0000000000c2")
BOOKING, BOOKING_2, BOOKING_3 = (UUID(f"00000000-0000-4000-8000-0000000000b{n}") for n in (1, 2, 3))
SESSION, SESSION_2, SESSION_3 = (UUID(f"00000000-0000-4000-8000-0000000000e{n}") for n in (1, 2, 3))
PROVIDER, PROVIDER_2 = "provider-1", "provider-2"
DISTRICT = "district-1"
REGISTERED = provider_id(PROVIDER)  # the stream of the first provider
OFFER = "club-1"
FINDING = UUID("00000000-0000-4000-8000-0000000000f1")
WORKER, LEAD, OFFICER, OFFICER_2 = "worker-1", "lead-1", "officer-1", "officer-2"
PERIOD = Period(date(2021, 11, 1), date(2022, 5, 31))
FIRST_DAY = date(2022, 3, 1)  # of what is registered
REASON = "nach Prüfung"


def berlin(year: int, month: int, day: int, hour: int = 12, minute: int = 0, second: int = 0, **more: int) -> datetime:
    """An instant by the clock on a wall in Germany."""
    return datetime(year, month, day, hour, minute, second, tzinfo=BERLIN, **more)


REQUESTED_AT = berlin(2022, 2, 1)
SERVED_AT = berlin(2022, 3, 15, 10)
NOW = datetime(2022, 3, 16, 9, tzinfo=UTC)

# What a decision must be told, where a test does not say it.
UNREMARKABLE: dict[str, Any] = {
    "by": OFFICER,
    "at": NOW,
    "now": NOW,
    "minutes": None,
    "priority": None,
    "reason": None,
    "note": None,
    "purpose": None,
    "session": SESSION,
    "starts_at": SERVED_AT,
    "kind": "direct",
    "worker": WORKER,
    "resolution": "V0815/22",
    "effective_on": None,
    "method": "signature",
    "outcome": "goal_reached",
}


def pool_opened(budget: int = 6000, period: Period = PERIOD, **rules: Any) -> Fact:
    return POOL, PoolOpened("Stundenpool", period, budget, Rules(**rules))


def budget_changed(change: int) -> Fact:
    return POOL, BudgetChanged(change, "V0815/22", None)


def rules_changed(**rules: Any) -> Fact:
    return POOL, RulesChanged(Rules(**rules), None, False)


def exhausted() -> Fact:
    return POOL, PoolExhausted()


def replenished() -> Fact:
    return POOL, PoolReplenished()


def place_offered(booking: UUID) -> Fact:
    return POOL, PlaceOffered(booking)


def month_closed(month: str) -> Fact:
    return POOL, MonthClosed(month, None, False)


def month_reopened(month: str) -> Fact:
    return POOL, MonthReopened(month, REASON, True)


def pool_closed() -> Fact:
    return POOL, PoolClosed(None, False)


def reserved(minutes: int, booking: UUID = BOOKING, case: UUID = CASE, at: datetime = NOW, provider: str = PROVIDER) -> Fact:
    return POOL, HoursReserved(booking, case, provider, DISTRICT, minutes, at)


def released(minutes: int, because: Any, booking: UUID = BOOKING, case: UUID = CASE, provider: str = PROVIDER) -> Fact:
    return POOL, HoursReleased(booking, case, provider, DISTRICT, minutes, NOW, because)


def case_opened(case: UUID = CASE, provider: str = PROVIDER, district: str = DISTRICT) -> Fact:
    reference = f"F-{str(case)[-2:].upper()}"
    return case, CaseOpened(POOL, reference, provider, None, district, "11", "housing", REQUESTED_AT, None, None, None, None)


def case_transferred(provider: str = PROVIDER_2, reason: str | None = None) -> Fact:
    return CASE, CaseTransferred(PROVIDER, provider, reason, reason is not None)


def case_closed(case: UUID = CASE) -> Fact:
    return case, CaseClosed(PROVIDER, "goal_reached", None, True)


def hours_requested(
    minutes: int,
    booking: UUID = BOOKING,
    case: UUID = CASE,
    at: datetime = REQUESTED_AT,
    by: str = WORKER,
    provider: str = PROVIDER,
) -> Fact:
    return booking, HoursRequested(POOL, case, provider, DISTRICT, minutes, at, by, None)


def waitlisted(
    minutes: int, booking: UUID = BOOKING, priority: int | None = None, at: datetime = REQUESTED_AT, reason: str | None = None
) -> Fact:
    return booking, RequestWaitlisted(POOL, PROVIDER, minutes, at, priority, OFFICER, reason, reason is not None)


def proposed(minutes: int, by: str = OFFICER, reason: str | None = None, overtaking: str | None = None) -> Fact:
    given = reason is not None, overtaking is not None
    return BOOKING, ApprovalProposed(PROVIDER, minutes, NOW, by, None, reason, given[0], overtaking, given[1])


def approved(
    minutes: int,
    booking: UUID = BOOKING,
    case: UUID = CASE,
    at: datetime = NOW,
    by: str = OFFICER,
    first: str | None = None,
    reason: str | None = None,
    overtaking: str | None = None,
    provider: str = PROVIDER,
) -> tuple[Fact, Fact]:
    """An approval: the booking's fact and the pool's."""
    given = reason is not None, overtaking is not None
    approval = HoursApproved(provider, minutes, at, by, first, None, reason, given[0], overtaking, given[1])
    return (booking, approval), reserved(minutes, booking, case, at, provider)


def declined(booking: UUID = BOOKING, reason: str = REASON) -> Fact:
    return booking, RequestDeclined(PROVIDER, NOW, OFFICER, reason, True)


def withdrawn(booking: UUID = BOOKING, reason: str | None = None, by: str = OFFICER) -> Fact:
    return booking, RequestWithdrawn(PROVIDER, NOW, by, reason, reason is not None)


def session(minutes: int, starts_at: datetime = SERVED_AT, kind: Kind = "direct", worker: str | None = WORKER) -> SessionFacts:
    return SessionFacts(starts_at, minutes, kind, worker)


def logged(
    minutes: int, session: UUID = SESSION, starts_at: datetime = SERVED_AT, late: bool = False, booking: UUID = BOOKING
) -> Fact:
    return booking, SessionLogged(session, PROVIDER, starts_at, minutes, "direct", WORKER, late, None, True)


def corrected(before: SessionFacts, now: SessionFacts, reason: str = REASON, note: str | None = None) -> Fact:
    return BOOKING, SessionCorrected(SESSION, PROVIDER, now, before, note, reason, True)


def reversed_(before: SessionFacts, reason: str = REASON) -> Fact:
    return BOOKING, SessionReversed(SESSION, PROVIDER, before, reason, True)


def confirmed(by: str = "Mutter") -> Fact:
    return BOOKING, SessionConfirmed(SESSION, PROVIDER, by, "signature")


def reduced(to_minutes: int, reason: str = REASON) -> Fact:
    return BOOKING, GrantReduced(PROVIDER, to_minutes, reason, True)


def found(sentence: str = "Ein Termin ohne Vermerk.") -> Finding:
    """What a rule sees."""
    return Finding(FINDING, "empty-note", 6, 1, "Quelle", 5, (3, 5), POOL, CASE, BOOKING, WORKER, PROVIDER, sentence)


def finding_opened(sentence: str = "Ein Termin ohne Vermerk.", note: str | None = None) -> Fact:
    return FINDING, FindingOpened(Matter("empty-note", 1, sentence, (3, 5), POOL, CASE, BOOKING, WORKER, PROVIDER), note, not note)


def finding_explained(explanation: str = "vergessen") -> Fact:
    return FINDING, FindingExplained(explanation)


def finding_confirmed(reason: str | None = None) -> Fact:
    return FINDING, FindingConfirmed(reason, bool(reason))


def finding_closed() -> Fact:
    return FINDING, FindingClosed(REASON, True)


def settled(booking: UUID = BOOKING) -> Fact:
    return booking, BookingSettled(PROVIDER, NOW)


def provider_registered(
    provider: str = PROVIDER, name: str = "Jugendhilfe e. V.", first: date = FIRST_DAY, last: date | None = None
) -> Fact:
    return provider_id(provider), ProviderRegistered(provider, name, first, last)


def offer_registered(offer: str = OFFER, first: date = FIRST_DAY, last: date | None = None) -> Fact:
    return REGISTERED, OfferRegistered(PROVIDER, offer, first, last)


def worker_registered(worker: str = WORKER, first: date = FIRST_DAY, last: date | None = None) -> Fact:
    return REGISTERED, WorkerRegistered(PROVIDER, worker, first, last)


def registration_ended(of: Registrable, name: str, last: date, first: date = FIRST_DAY) -> Fact:
    return REGISTERED, RegistrationEnded(PROVIDER, of, name, first, last)
