"""What the golden files say: for every event type and schema version the event that its stored bytes must be read as.

`.venv/bin/python -m tests.application.golden_events` writes the files of new facts. A file that is there is never written again.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from application.catalogue import BY_NAME
from application.log import EventMapper, Recorded
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
from domain.case import CaseAmended, CaseClosed, CaseOpened, CaseTransferred
from domain.handling import FindingClosed, FindingConfirmed, FindingExplained, FindingOpened, Matter
from domain.personal_data import (
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
    RefusedStep,
    RulesChanged,
    SampleDrawn,
)
from domain.quantities import BERLIN, Actor, Period, Rules, Sealed
from domain.registry import OfferRegistered, ProviderRegistered, RegistrationEnded, WorkerRegistered, provider_id
from domain.sampling import Population

POOL = UUID("0d9c1f0e-6a2b-4c3d-8e4f-5a6b7c8d9e01")
CASE = UUID("0d9c1f0e-6a2b-4c3d-8e4f-5a6b7c8d9e02")
BOOKING = UUID("0d9c1f0e-6a2b-4c3d-8e4f-5a6b7c8d9e03")
SESSION = UUID("0d9c1f0e-6a2b-4c3d-8e4f-5a6b7c8d9e04")
FINDING = UUID("0d9c1f0e-6a2b-4c3d-8e4f-5a6b7c8d9e05")
PROVIDER = provider_id("traeger-a")
SAMPLE = UUID("0d9c1f0e-6a2b-4c3d-8e4f-5a6b7c8d9e06")

AT = datetime(2022, 3, 16, 9, 30, 15, 123456, UTC)
SERVED = datetime(2022, 3, 27, 10, tzinfo=BERLIN)  # a day of summer time: +02:00
RULES = Rules(15, 6000, {"Grünau": 9000, "Mitte": 12000}, {"traeger-a": 24000}, 3000, 480, 14)
MATTER = Matter("empty-note", 1, "Ein Termin ohne Vermerk.", (17, 23), POOL, CASE, BOOKING, "kraft-1", "traeger-a")
WAS, IS = SessionFacts(SERVED, 90, "direct", "kraft-1"), SessionFacts(SERVED, 75, "travel", None)


def sealed(number: int, key: str = f"case:{CASE}") -> Sealed:
    """A sealed text of fixed bytes; nobody can open it, and nobody needs to."""
    return Sealed(key, bytes(range(number, number + 12)), bytes(range(200 - number, 240 - number)))


OFFICE = sealed(9, "office")

EVENTS: dict[tuple[str, int], tuple[UUID, Event]] = {
    ("pool-opened", 1): (POOL, PoolOpened("Stundenpool Süd", Period(date(2021, 11, 1), date(2022, 5, 31)), 900_000, RULES)),
    ("budget-changed", 1): (POOL, BudgetChanged(-1500, "V0815/22", date(2022, 4, 1))),
    ("rules-changed", 1): (POOL, RulesChanged(Rules(), OFFICE, True)),
    ("hours-reserved", 1): (POOL, HoursReserved(BOOKING, CASE, "traeger-a", "Grünau", 600, AT)),
    ("hours-released", 1): (POOL, HoursReleased(BOOKING, CASE, "traeger-a", "Grünau", 15, AT, "reduction")),
    ("pool-exhausted", 1): (POOL, PoolExhausted()),
    ("pool-replenished", 1): (POOL, PoolReplenished()),
    ("place-offered", 1): (POOL, PlaceOffered(BOOKING)),
    ("month-closed", 1): (POOL, MonthClosed("2022-03", None, False)),
    ("month-reopened", 1): (POOL, MonthReopened("2022-03", OFFICE, True)),
    ("import-recorded", 1): (
        POOL,
        ImportRecorded(
            "sessions",
            "ab" * 32,
            12,
            9,
            1,
            (RefusedStep(3, "session", "over_grant", "S-3"), RefusedStep(7, "session", "malformed", "")),
        ),
    ),
    ("pool-closed", 1): (POOL, PoolClosed(OFFICE, True)),
    ("case-opened", 1): (
        CASE,
        CaseOpened(
            POOL, "F-3FA85F64", "traeger-a", "Jugendclub", "Grünau", "13a", "housing", AT, sealed(1), sealed(2), sealed(3), None
        ),
    ),
    ("case-amended", 1): (
        CASE,
        CaseAmended("traeger-a", None, "Mitte", "11", "family", None, None, sealed(3), sealed(4), sealed(5), True),
    ),
    ("case-transferred", 1): (CASE, CaseTransferred("traeger-a", "traeger-b", sealed(5), True)),
    ("case-closed", 1): (CASE, CaseClosed("traeger-b", "goal_reached", sealed(6), False)),
    ("personal-data-erased", 1): (CASE, PersonalDataErased("traeger-b", ("identity", "file", "voucher"), "order", None)),
    ("hours-requested", 1): (BOOKING, HoursRequested(POOL, CASE, "traeger-a", "Grünau", 600, AT, "kraft-1", sealed(1))),
    ("request-waitlisted", 1): (BOOKING, RequestWaitlisted(POOL, "traeger-a", 600, AT, 1, "amt-1", sealed(2), True)),
    ("approval-proposed", 1): (
        BOOKING,
        ApprovalProposed("traeger-a", 585, AT, "amt-1", date(2022, 4, 30), sealed(3), True, None, False),
    ),
    ("hours-approved", 1): (
        BOOKING,
        HoursApproved("traeger-a", 585, AT, "amt-2", "amt-1", date(2022, 4, 30), sealed(3), True, sealed(4), True),
    ),
    ("request-declined", 1): (BOOKING, RequestDeclined("traeger-a", AT, "amt-1", sealed(5), True)),
    ("request-withdrawn", 1): (BOOKING, RequestWithdrawn("traeger-a", AT, "kraft-1", None, False)),
    ("session-logged", 1): (
        BOOKING,
        SessionLogged(SESSION, "traeger-a", SERVED, 90, "direct", "kraft-1", True, sealed(6), False),
    ),
    ("session-corrected", 1): (BOOKING, SessionCorrected(SESSION, "traeger-a", IS, WAS, None, sealed(7), True)),
    ("session-reversed", 1): (BOOKING, SessionReversed(SESSION, "traeger-a", IS, sealed(8), True)),
    ("session-confirmed", 1): (BOOKING, SessionConfirmed(SESSION, "traeger-a", sealed(9), "signature")),
    ("grant-reduced", 1): (BOOKING, GrantReduced("traeger-a", 300, sealed(10), True)),
    ("booking-settled", 1): (BOOKING, BookingSettled("traeger-a", AT)),
    ("demonstration-started", 1): (POOL, DemonstrationStarted(2022, AT)),
    ("sample-drawn", 1): (
        POOL,
        SampleDrawn(SAMPLE, 1, "17. Mai 2022", Population(900, "traeger-a", date(2022, 3, 1), None, 40, "ab" * 32), (SESSION,)),
    ),
    ("finding-opened", 1): (FINDING, FindingOpened(MATTER, sealed(11), False)),
    ("finding-explained", 1): (FINDING, FindingExplained(sealed(12))),
    ("finding-confirmed", 1): (FINDING, FindingConfirmed(sealed(13), True)),
    ("finding-closed", 1): (FINDING, FindingClosed(sealed(14), True)),
    ("erasure-requested", 1): (CASE, ErasureRequested("traeger-b", ("identity", "file"), "request", "amt-1", sealed(15), True)),
    ("erasure-withdrawn", 1): (CASE, ErasureWithdrawn("traeger-b", sealed(16), True)),
    ("legal-hold-set", 1): (CASE, LegalHoldSet("traeger-b", sealed(17), True)),
    ("legal-hold-lifted", 1): (CASE, LegalHoldLifted("traeger-b", sealed(18), True)),
    ("personal-data-erased", 2): (CASE, PersonalDataErased("traeger-b", ("identity", "file"), "request", "amt-1")),
    ("erasure-confirmed", 1): (CASE, ErasureConfirmed("traeger-b", ("identity", "file"))),
    ("provider-registered", 1): (PROVIDER, ProviderRegistered("traeger-a", "Jugendhilfe Süd e. V.", date(2021, 11, 1), None)),
    ("offer-registered", 1): (PROVIDER, OfferRegistered("traeger-a", "Jugendclub", date(2021, 11, 1), date(2022, 5, 31))),
    ("worker-registered", 1): (PROVIDER, WorkerRegistered("traeger-a", "kraft-1", date(2022, 3, 1), None)),
    ("registration-ended", 1): (
        PROVIDER,
        RegistrationEnded("traeger-a", "worker", "kraft-1", date(2022, 3, 1), date(2022, 4, 30)),
    ),
}

ACTOR = Actor("amt-2", "officer", "jugendamt")


def recorded(name: str, schema: int) -> Recorded:
    """The event with its envelope; position and version are some that tell mistakes apart."""
    stream, event = EVENTS[name, schema]
    position = 1_000 + list(EVENTS).index((name, schema))
    return Recorded(position, stream, position - 990, AT, ACTOR, "0b1c-schlüssel", position - 1, event)


def write_missing(folder: Path) -> None:
    """Only today's schema can be written: the file of an older one is from its own time, or lost."""
    for name, schema in EVENTS:
        file = folder / f"{name}.{schema}.json"
        if schema == BY_NAME[name].schema and not file.exists():
            mapper = EventMapper(transcoder=None)  # type: ignore[arg-type]  # ours needs none
            file.write_bytes(mapper.to_stored_event(recorded(name, schema)).state)


if __name__ == "__main__":
    write_missing(Path(__file__).parents[1] / "golden")
