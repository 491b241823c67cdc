"""What queries may be narrowed to. An unknown parameter is refused: a mistyped filter must not show everything."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from application.projections.tables import POSITION_MAX
from domain.booking import BookingState
from domain.findings.rules import RULES
from domain.handling import HandlingState
from domain.refusals import Malformed
from interfaces.http.bodies import Instant, Name
from interfaces.http.judging import YEARS_PATTERN, judged

Cursor = Annotated[str, Meta(pattern="^[0-9]{1,18}$", description="„next“ der vorigen Seite")]
FindingsCursor = Annotated[str, Meta(pattern="^[0-9]{1,18}-[0-9a-f-]{36}$", description="„next“ der vorigen Seite")]
Limit = Annotated[int, Meta(ge=1, le=500, description="Höchstzahl der Einträge")]
Moment = Annotated[
    str,
    Meta(
        max_length=40,
        description="Ein Tag (bis zu seinem Ende) oder ein Zeitpunkt mit Zeitzone",
        examples=["2024-03-31"],
        extra_json_schema={"pattern": YEARS_PATTERN, "anyOf": [{"format": "date"}, {"format": "date-time"}]},
    ),
]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class PageOnly(Parameters, frozen=True):
    after: Cursor | None = None
    limit: Limit = 100


class BalanceOf(Parameters, frozen=True):
    as_of: Moment | None = None
    known_at: Moment | None = None
    by: Literal["district", "provider", "case", "month"] | None = None


class CasesOf(Parameters, frozen=True):
    pool: UUID | None = None
    provider: Name | None = None
    district: Name | None = None
    after: Cursor | None = None
    limit: Limit = 100


class BookingsOf(Parameters, frozen=True):
    pool: UUID | None = None
    case: UUID | None = None
    state: BookingState | None = None
    provider: Name | None = None
    district: Name | None = None
    after: Cursor | None = None
    limit: Limit = 100


class WorkOf(Parameters, frozen=True):
    state: Literal["requested", "awaiting_second", "waitlisted"] | None = None
    after: Cursor | None = None
    limit: Limit = 100


class EventsAfter(Parameters, frozen=True):
    after: Annotated[int, Meta(ge=0, le=POSITION_MAX, description="Position, hinter der es weitergeht")] = 0
    limit: Limit = 100


class EventsFrom(Parameters, frozen=True):
    after: Annotated[int, Meta(ge=0, le=POSITION_MAX, description="Position, hinter der es weitergeht; sonst ab jetzt")] | None = (
        None
    )


class TrailOf(Parameters, frozen=True):
    pool: UUID | None = None
    case: UUID | None = None
    booking: UUID | None = None
    actor: Name | None = None
    after: Cursor | None = None
    limit: Limit = 100


class InclusionOf(Parameters, frozen=True):
    position: Annotated[int, Meta(ge=1, le=POSITION_MAX, description="Position des Ereignisses")]
    size: Annotated[int, Meta(ge=1, le=POSITION_MAX, description="Größe des Protokolls; sonst die heutige")] | None = None


class ConsistencyOf(Parameters, frozen=True):
    from_: Annotated[int, Meta(ge=1, le=POSITION_MAX, description="Frühere Größe des Protokolls")] = msgspec.field(name="from")
    to: Annotated[int, Meta(ge=1, le=POSITION_MAX, description="Spätere Größe des Protokolls; sonst die heutige")] | None = None


class EvaluationOf(Parameters, frozen=True):
    pool: UUID


class FindingsOf(Parameters, frozen=True):
    pool: UUID | None = None
    rule: (
        Annotated[str, Meta(extra_json_schema={"enum": sorted(rule.code for rule in RULES)}, description="Kennung einer Regel")]
        | None
    ) = None
    state: HandlingState | None = None
    after: FindingsCursor | None = None
    limit: Limit = 100


class OpenedFindings(Parameters, frozen=True):
    pool: UUID | None = None
    state: HandlingState | None = None
    after: Cursor | None = None
    limit: Limit = 100


class SamplesOf(Parameters, frozen=True):
    pool: UUID


def moment(written: str | None, place: str) -> datetime | date | None:
    """A day or an instant, as a query states it; raises ``Malformed``. A ``+`` that nobody escaped arrives as a space."""
    if written is None:
        return None
    try:
        if len(written) == len("2024-03-31"):
            return judged(written, date)
        return judged(written.replace(" ", "+"), Instant)
    except Malformed as refusal:
        raise Malformed(place=place, problem=refusal.facts["problem"]) from None
