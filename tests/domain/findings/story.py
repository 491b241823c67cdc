"""Facts for tests of findings: an ordinary pool in which nothing catches the eye but what a test says.

``found(...)`` feeds facts to a register in their order, each with its position, and gives what holds then.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid5

from domain.booking import (
    BookingSettled,
    Event,
    GrantReduced,
    HoursApproved,
    HoursRequested,
    RequestDeclined,
    SessionConfirmed,
    SessionCorrected,
    SessionFacts,
    SessionLogged,
    SessionReversed,
)
from domain.case import CaseAmended, CaseClosed, CaseOpened, CaseTransferred
from domain.findings.finding import Finding
from domain.findings.register import Attempt, Reading, Register
from domain.findings.thresholds import Thresholds
from domain.pool import PoolClosed, PoolOpened
from domain.quantities import Actor, Kind, Outcome, Period, Role, Rules
from domain.registry import OfferRegistered, ProviderRegistered, Registrable, RegistrationEnded, WorkerRegistered, provider_id
from tests.domain.facts import berlin

POOL, POOL_2 = UUID(int=1), UUID(int=2)
WORKER, PROVIDER = "kraft-1", "traeger-a"
TUESDAY = berlin(2022, 3, 15, 10)
APPROVED_AT = berlin(2022, 3, 1, 9)
MARCH = date(2022, 3, 1)  # the day of requests and approvals, and the first of what is registered
LEAD = Actor("leitung-a", "lead", "traeger-a")


@dataclass(frozen=True)
class Told:
    """A fact as it stands in the log, but for its position. What is not said of the envelope is ordinary."""

    stream: UUID
    data: Event
    recorded_at: datetime | None = None
    actor: Actor = LEAD
    command: str = "command"
    position: int = 0


def found(*facts: "Told | Iterable[Told] | Attempt | Reading", **thresholds: int) -> list[Finding]:
    """What holds after these facts, by rule."""
    return list(_register(facts, Thresholds(**thresholds)).findings())


def rules(*facts: "Told | Iterable[Told] | Attempt | Reading", **thresholds: int) -> set[str]:
    """The rules that find something after these facts."""
    return {finding.rule for finding in found(*facts, **thresholds)}


def _register(facts: Iterable[Any], thresholds: Thresholds) -> Register:
    register, positions = Register(thresholds), count(1)
    now = datetime(2021, 11, 1, tzinfo=UTC)
    for fact in facts:
        if isinstance(fact, Attempt):
            register.attempted(fact)
            continue
        if isinstance(fact, Reading):
            register.read(fact)
            continue
        for told in [fact] if isinstance(fact, Told) else fact:
            now = told.recorded_at or now
            register.feed([Told(told.stream, told.data, now, told.actor, told.command, next(positions))])
    return register


def named(name: str) -> UUID:
    """The id of something that has a name in a test."""
    return uuid5(POOL, name)


def pool(id: UUID = POOL, unit: int = 15, late_entry_days: int | None = None) -> Told:
    period = Period(date(2021, 11, 1), date(2022, 5, 31))
    return Told(id, PoolOpened("Stundenpool", period, 60_000, Rules(unit_minutes=unit, late_entry_days=late_entry_days)))


def pool_closed(id: UUID = POOL) -> Told:
    return Told(id, PoolClosed(None, False))


def case(name: str = "fall-1", provider: str = PROVIDER, pool: UUID = POOL, offer: str | None = None) -> Told:
    opened = CaseOpened(pool, name, provider, offer, "nord", "11", "school", APPROVED_AT, None, None, None, None)
    return Told(named(name), opened)


def amended(offer: str) -> Told:
    return Told(named("fall-1"), CaseAmended(PROVIDER, offer, None, None, None, None, None, None, None, "verschrieben", True))


def transferred(provider: str) -> Told:
    return Told(named("fall-1"), CaseTransferred(PROVIDER, provider, "Umzug", True))


def reading(
    case: str = "fall-1",
    by: str = "amt-9",
    at: datetime = TUESDAY,
    role: Role = "officer",
    organisation: str = "jugendamt",
) -> Reading:
    """Somebody reads the texts of a case, on a working day unless stated."""
    return Reading(at, by, role, organisation, str(named(case)), 2)


def case_closed(name: str = "fall-1", at: datetime = TUESDAY, outcome: Outcome = "moved", note: bool = False) -> Told:
    return Told(named(name), CaseClosed(PROVIDER, outcome, None, not note), at)


def requested(
    name: str = "antrag-1", case: str = "fall-1", minutes: int = 6000, by: str = WORKER, provider: str = PROVIDER, pool: UUID = POOL
) -> Told:
    return Told(named(name), HoursRequested(pool, named(case), provider, "nord", minutes, APPROVED_AT, by, None))


def approved(
    name: str = "antrag-1",
    minutes: int = 6000,
    by: str = "amt-1",
    review: bool = True,
    at: datetime = APPROVED_AT,
    provider: str = PROVIDER,
) -> Told:
    review_on = date(2022, 5, 1) if review else None
    return Told(named(name), HoursApproved(provider, minutes, at, by, None, review_on, None, False, None, False))


def declined(name: str) -> Told:
    return Told(named(name), RequestDeclined(PROVIDER, APPROVED_AT, "amt-1", None, True))


def granted(
    booking: str = "antrag-1", case_name: str = "fall-1", provider: str = PROVIDER, pool: UUID = POOL, **facts: Any
) -> list[Told]:
    """A case with an approved request, in an ordinary pool that stands already."""
    return [
        case(case_name, provider, pool),
        requested(booking, case_name, provider=provider, pool=pool),
        approved(booking, provider=provider, **facts),
    ]


def reduced(minutes: int) -> Told:
    return Told(named("antrag-1"), GrantReduced(PROVIDER, minutes, None, True))


def settled(name: str = "antrag-1") -> Told:
    return Told(named(name), BookingSettled(PROVIDER, TUESDAY))


def served(
    name: str = "termin-1",
    minutes: int = 75,
    starts_at: datetime = TUESDAY,
    booking: str = "antrag-1",
    *,
    kind: Kind = "direct",
    worker: str | None = WORKER,
    provider: str = PROVIDER,
    note: bool = True,
    days_later: int = 0,
    actor: Actor = LEAD,
    command: str = "command",
) -> Told:
    """A session, entered so many days after it began."""
    logged = SessionLogged(named(name), provider, starts_at, minutes, kind, worker, False, None, not note)
    entered = (starts_at + timedelta(days=days_later)).astimezone(UTC)
    return Told(named(booking), logged, entered, actor, command)


def facts(minutes: int = 75, starts_at: datetime = TUESDAY, kind: Kind = "direct", worker: str | None = WORKER) -> SessionFacts:
    return SessionFacts(starts_at, minutes, kind, worker)


def corrected(
    before: SessionFacts,
    now: SessionFacts,
    name: str = "termin-1",
    booking: str = "antrag-1",
    note: str | None = None,
    at: datetime | None = None,
) -> Told:
    return Told(named(booking), SessionCorrected(named(name), PROVIDER, now, before, note, "falsch", True), at)


def reversed_(
    name: str = "termin-1", booking: str = "antrag-1", before: SessionFacts | None = None, at: datetime | None = None
) -> Told:
    return Told(named(booking), SessionReversed(named(name), PROVIDER, before or facts(), "doppelt", True), at)


def provider_registered(first: date = MARCH, last: date | None = None, provider: str = PROVIDER) -> Told:
    return Told(provider_id(provider), ProviderRegistered(provider, f"{provider} e. V.", first, last))


def offer_registered(offer: str, first: date = MARCH, last: date | None = None) -> Told:
    return Told(provider_id(PROVIDER), OfferRegistered(PROVIDER, offer, first, last))


def worker_registered(worker: str = WORKER, first: date = MARCH, last: date | None = None, provider: str = PROVIDER) -> Told:
    return Told(provider_id(provider), WorkerRegistered(provider, worker, first, last))


def ended(of: Registrable, name: str, last: date) -> Told:
    """What was registered from the first of March on."""
    return Told(provider_id(PROVIDER), RegistrationEnded(PROVIDER, of, name, MARCH, last))


def confirmed(name: str = "termin-1", booking: str = "antrag-1") -> Told:
    return Told(named(booking), SessionConfirmed(named(name), PROVIDER, None, "signature"))
