"""The contract of the log: the stable name and schema version of every event, and the class of its every field.

Names are storage. A class or module may be renamed freely; a name here never changes, and a changed payload gets the next
schema version with an upcaster from the one before. Every field is either *clear* or *personal*; a personal field is of one
retention class, under whose key it is sealed before it is stored. An event with an unclassified field does not even import.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

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
    SessionLogged,
    SessionReversed,
)
from domain.case import CaseAmended, CaseClosed, CaseOpened, CaseTransferred
from domain.handling import FindingClosed, FindingConfirmed, FindingExplained, FindingOpened
from domain.personal_data import (
    CLASSES,
    ErasureConfirmed,
    ErasureRequested,
    ErasureWithdrawn,
    LegalHoldLifted,
    LegalHoldSet,
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
    PoolClosed,
    PoolExhausted,
    PoolOpened,
    PoolReplenished,
    RulesChanged,
    SampleDrawn,
)
from domain.quantities import RetentionClass
from domain.registry import OfferRegistered, ProviderRegistered, RegistrationEnded, WorkerRegistered


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of event as it is stored."""

    name: str
    schema: int
    cls: type[Event]
    clear: frozenset[str]
    personal: Mapping[str, RetentionClass]


def _type(
    name: str,
    schema: int,
    cls: type[Event],
    clear: str,
    *,
    identity: str = "",
    file: str = "",
    voucher: str = "",
    procedure: str = "",
    office: str = "",
) -> EventType:
    stated: dict[RetentionClass, str] = {
        "identity": identity,
        "file": file,
        "voucher": voucher,
        "procedure": procedure,
        "office": office,
    }
    personal = [(field, retention) for retention, named in stated.items() for field in named.split()]
    classified = [*clear.split(), *(field for field, _ in personal)]
    wrong = {field.name for field in fields(cls)} ^ set(classified) or {each for each in classified if classified.count(each) > 1}
    if wrong:
        raise TypeError(f"{name}: not classified exactly once, as clear or in a retention class: {sorted(wrong)}")
    return EventType(name, schema, cls, frozenset(clear.split()), dict(personal))


CATALOGUE: tuple[EventType, ...] = (
    # Pool
    _type("pool-opened", 1, PoolOpened, "name period budget_minutes rules"),
    _type("demonstration-started", 1, DemonstrationStarted, "seed clock"),
    _type("budget-changed", 1, BudgetChanged, "change_minutes resolution effective_on"),
    _type("rules-changed", 1, RulesChanged, "rules reason_given", office="reason"),
    _type("hours-reserved", 1, HoursReserved, "booking case provider district minutes decided_at"),
    _type("hours-released", 1, HoursReleased, "booking case provider district minutes released_at because"),
    _type("pool-exhausted", 1, PoolExhausted, ""),
    _type("pool-replenished", 1, PoolReplenished, ""),
    _type("place-offered", 1, PlaceOffered, "booking"),
    _type("month-closed", 1, MonthClosed, "month reason_given", office="reason"),
    _type("month-reopened", 1, MonthReopened, "month reason_given", office="reason"),
    _type("import-recorded", 1, ImportRecorded, "kind file_sha256 read recorded already_there refused"),
    _type("sample-drawn", 1, SampleDrawn, "sample method seed population sessions"),
    _type("pool-closed", 1, PoolClosed, "reason_given", office="reason"),
    # Case
    _type(
        "case-opened",
        1,
        CaseOpened,
        "pool reference provider offer district service_area concern opened_at",
        identity="name birth_year contact",
        file="notes",
    ),
    _type(
        "case-amended",
        1,
        CaseAmended,
        "provider offer district service_area concern reason_given",
        identity="name birth_year contact",
        file="notes reason",
    ),
    _type("case-transferred", 1, CaseTransferred, "from_provider provider reason_given", file="reason"),
    _type("case-closed", 1, CaseClosed, "provider outcome note_empty", file="note"),
    _type("erasure-requested", 1, ErasureRequested, "provider classes ground requested_by reason_given", procedure="reason"),
    _type("erasure-withdrawn", 1, ErasureWithdrawn, "provider reason_given", procedure="reason"),
    _type("legal-hold-set", 1, LegalHoldSet, "provider reason_given", procedure="reason"),
    _type("legal-hold-lifted", 1, LegalHoldLifted, "provider reason_given", procedure="reason"),
    _type("personal-data-erased", 2, PersonalDataErased, "provider classes ground requested_by"),
    _type("erasure-confirmed", 1, ErasureConfirmed, "provider classes"),
    # Booking
    _type("hours-requested", 1, HoursRequested, "pool case provider district minutes requested_at requested_by", file="purpose"),
    _type(
        "request-waitlisted",
        1,
        RequestWaitlisted,
        "pool provider minutes requested_at priority listed_by reason_given",
        voucher="reason",
    ),
    _type(
        "approval-proposed",
        1,
        ApprovalProposed,
        "provider minutes proposed_at proposed_by review_on reason_given overtaking_reason_given",
        voucher="reason overtaking_reason",
    ),
    _type(
        "hours-approved",
        1,
        HoursApproved,
        "provider minutes decided_at decided_by proposed_by review_on reason_given overtaking_reason_given",
        voucher="reason overtaking_reason",
    ),
    _type("request-declined", 1, RequestDeclined, "provider decided_at decided_by reason_given", voucher="reason"),
    _type("request-withdrawn", 1, RequestWithdrawn, "provider withdrawn_at withdrawn_by reason_given", voucher="reason"),
    _type("session-logged", 1, SessionLogged, "session provider starts_at minutes kind worker late note_empty", voucher="note"),
    _type("session-corrected", 1, SessionCorrected, "session provider now before reason_given", voucher="note reason"),
    _type("session-reversed", 1, SessionReversed, "session provider before reason_given", voucher="reason"),
    _type("session-confirmed", 1, SessionConfirmed, "session provider method", voucher="by"),
    _type("grant-reduced", 1, GrantReduced, "provider to_minutes reason_given", voucher="reason"),
    _type("booking-settled", 1, BookingSettled, "provider settled_at"),
    # Finding
    _type("finding-opened", 1, FindingOpened, "matter note_empty", voucher="note"),
    _type("finding-explained", 1, FindingExplained, "", voucher="explanation"),
    _type("finding-confirmed", 1, FindingConfirmed, "reason_given", voucher="reason"),
    _type("finding-closed", 1, FindingClosed, "reason_given", voucher="reason"),
    # Provider
    _type("provider-registered", 1, ProviderRegistered, "provider name valid_from valid_until"),
    _type("offer-registered", 1, OfferRegistered, "provider offer valid_from valid_until"),
    _type("worker-registered", 1, WorkerRegistered, "provider worker valid_from valid_until"),
    _type("registration-ended", 1, RegistrationEnded, "provider of name valid_from valid_until"),
)

BY_NAME: dict[str, EventType] = {entry.name: entry for entry in CATALOGUE}
BY_CLASS: dict[type[Event], EventType] = {entry.cls: entry for entry in CATALOGUE}

# From (name, schema) to the payload of the next schema. A stored payload is led through all of them before it is read.
UPCASTERS: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {
    # It knew one key for everything about a person, and nobody who had asked for it.
    ("personal-data-erased", 1): lambda data: {
        "provider": data["provider"],
        "classes": list(CLASSES),
        "ground": "order",
        "requested_by": None,
    },
}


def upcast(entry: EventType, schema: int, data: dict[str, Any]) -> dict[str, Any]:
    """The payload in today's schema; ``KeyError`` where a step is missing."""
    for step in range(schema, entry.schema):
        data = UPCASTERS[entry.name, step](data)
    return data
