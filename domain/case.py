"""Case: one accompanied person or family, under a pseudonymous reference. Events, state, evolve, policies, decisions.

Closing and transferring a case also settle its bookings; these decisions stand in ``domain.closing``; what
becomes of the person's data in ``domain.personal_data`` and ``domain.erasure``.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never
from uuid import UUID

from domain import personal_data
from domain.personal_data import (
    CLASSES,
    ErasureConfirmed,
    ErasureRequested,
    ErasureWithdrawn,
    LegalHoldLifted,
    LegalHoldSet,
    PersonalData,
    PersonalDataErased,
    PersonalDataEvent,
)
from domain.pool import Pool, pool_open
from domain.quantities import Concern, Outcome, Personal, ServiceArea
from domain.refusals import CaseIsClosed, DuplicateId

# ── Events


@dataclass(frozen=True, slots=True)
class CaseOpened:
    """Master data of a case; name, birth year, contact and notes are personal."""

    pool: UUID
    reference: str
    provider: str
    offer: str | None
    district: str
    service_area: ServiceArea
    concern: Concern
    opened_at: datetime
    name: Personal
    birth_year: Personal
    contact: Personal
    notes: Personal


@dataclass(frozen=True, slots=True)
class CaseAmended:
    """Master data put right. ``None`` leaves a field as it was; ``provider`` is who keeps the case."""

    provider: str
    offer: str | None
    district: str | None
    service_area: ServiceArea | None
    concern: Concern | None
    name: Personal
    birth_year: Personal
    contact: Personal
    notes: Personal
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class CaseTransferred:
    from_provider: str
    provider: str
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class CaseClosed:
    provider: str
    outcome: Outcome
    note: Personal
    note_empty: bool


CaseEvent = CaseOpened | CaseAmended | CaseTransferred | CaseClosed | PersonalDataEvent

# ── State


@dataclass(slots=True)
class Case:
    """What decisions need to know of a case."""

    id: UUID
    pool: UUID
    reference: str
    provider: str
    offer: str | None
    district: str
    service_area: ServiceArea
    concern: Concern
    opened_at: datetime
    outcome: Outcome | None = None
    data: PersonalData = field(default_factory=PersonalData)

    @property
    def closed(self) -> bool:
        return self.outcome is not None

    @property
    def restricted(self) -> bool:
        """Its texts are opened for stated purposes only (Art. 18 GDPR)."""
        return bool(self.data.requested)

    @property
    def erased(self) -> bool:
        """Nothing personal is left."""
        return self.data.erased == CLASSES


def evolve(case: Case | None, stream: UUID, event: CaseEvent) -> Case:
    """The state after a fact; folds in place."""
    if isinstance(event, CaseOpened):
        return Case(
            id=stream,
            pool=event.pool,
            reference=event.reference,
            provider=event.provider,
            offer=event.offer,
            district=event.district,
            service_area=event.service_area,
            concern=event.concern,
            opened_at=event.opened_at,
        )
    assert case is not None, f"the first event of a case opens it, not {event}"
    match event:
        case CaseAmended():
            case.offer = event.offer or case.offer
            case.district = event.district or case.district
            case.service_area = event.service_area or case.service_area
            case.concern = event.concern or case.concern
        case CaseTransferred():
            case.provider = event.provider
        case CaseClosed():
            case.outcome = event.outcome
        case (
            ErasureRequested() | ErasureWithdrawn() | LegalHoldSet() | LegalHoldLifted() | PersonalDataErased() | ErasureConfirmed()
        ):
            personal_data.evolve(case.data, event)
        case _:
            assert_never(event)
    return case


# ── Policies


def case_open(case: Case) -> None:
    """A closed case takes no request, no decision and no session (rules 9 and 21)."""
    if case.closed:
        raise CaseIsClosed(reference=case.reference)


# ── Decisions


def open_case(
    pool: Pool,
    existing: Case | None,
    *,
    reference: str,
    provider: str,
    offer: str | None,
    district: str,
    service_area: ServiceArea,
    concern: Concern,
    at: datetime,
    name: Personal = None,
    birth_year: Personal = None,
    contact: Personal = None,
    notes: Personal = None,
) -> list[CaseEvent]:
    """Opens a case; a reference stands for one case of its provider in a pool."""
    if existing is not None:
        raise DuplicateId(id=reference)
    pool_open(pool)
    return [CaseOpened(pool.id, reference, provider, offer, district, service_area, concern, at, name, birth_year, contact, notes)]


def amend_case(
    pool: Pool,
    case: Case,
    *,
    offer: str | None = None,
    district: str | None = None,
    service_area: ServiceArea | None = None,
    concern: Concern | None = None,
    name: Personal = None,
    birth_year: Personal = None,
    contact: Personal = None,
    notes: Personal = None,
    reason: Personal = None,
) -> list[CaseEvent]:
    """Puts master data right, also after the case was closed; bookings keep what they were requested under."""
    pool_open(pool)
    amended = CaseAmended(
        case.provider, offer, district, service_area, concern, name, birth_year, contact, notes, reason, bool(reason)
    )
    return [amended]
