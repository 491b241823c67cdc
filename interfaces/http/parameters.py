"""What queries may be narrowed to. An unknown parameter is refused: a mistyped filter must not show everything."""

from datetime import date, datetime
from typing import Annotated, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import Meta

from application.explain import NAME_CHARACTERS_MAX, OfEvaluation, figure_of
from application.projections.tables import POSITION_MAX
from application.story import Hero
from domain.booking import BookingState
from domain.findings.rules import RULES
from domain.handling import HandlingState
from domain.quantities import start_of_day
from domain.refusals import Malformed
from interfaces.http.bodies import Day, Instant, Name
from interfaces.http.judging import YEARS_PATTERN, judged

Cursor = Annotated[str, Meta(pattern="^[0-9]{1,18}$", description="„next“ der vorigen Seite")]
FindingsCursor = Annotated[str, Meta(pattern="^[0-9]{1,18}-[0-9a-f-]{36}$", description="„next“ der vorigen Seite")]
ExplanationCursor = Annotated[str, Meta(pattern="^[0-9]{1,18}(-[0-9])?$", description="„next“ der vorigen Seite")]
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
FigureName = Annotated[
    str,
    Meta(
        max_length=NAME_CHARACTERS_MAX,
        description="Name einer Zahl: pool/<Kennung>/budget|granted|released|consumed|reserved|available, auf Wunsch mit "
        "?by=<Gliederung>:<Gruppe>, as_of= und known_at=; oder evaluation/<Kennung>/<Kennzahl>, auf Wunsch mit ?by=",
        examples=["pool/5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b01/consumed?by=district:stadtraum-01&as_of=2024-03-31"],
    ),
]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class KnownAt(Parameters, frozen=True):
    """Of what may be asked as it was known then: whoever answers reads the past."""

    known_at: Annotated[Moment, Meta(description="Wie es damals bekannt war; nur für das Jugendamt")] | None = None


class CaseOf(KnownAt, frozen=True):
    """Art. 18 (2) GDPR names why restricted texts may be opened all the same."""

    exception: (
        Annotated[
            Literal["consent", "claims", "protection", "public_interest"],
            Meta(
                description="Weshalb eingeschränkte Texte dennoch gelesen werden: Einwilligung, Rechtsansprüche, Schutz einer "
                "anderen Person, wichtiges öffentliches Interesse; wird mit festgehalten"
            ),
        ]
        | None
    ) = None


class DueOn(Parameters, frozen=True):
    on: Annotated[Day, Meta(description="Stichtag; sonst heute")] | None = None


class PageOnly(KnownAt, frozen=True):
    after: Cursor | None = None
    limit: Limit = 100


class BalanceOf(Parameters, frozen=True):
    as_of: Moment | None = None
    known_at: Moment | None = None
    by: Literal["district", "provider", "case", "month"] | None = None


class CasesOf(KnownAt, frozen=True):
    pool: UUID | None = None
    provider: Name | None = None
    district: Name | None = None
    after: Cursor | None = None
    limit: Limit = 100


class BookingsOf(KnownAt, frozen=True):
    pool: UUID | None = None
    case: UUID | None = None
    state: BookingState | None = None
    provider: Name | None = None
    district: Name | None = None
    after: Cursor | None = None
    limit: Limit = 100


class WorkOf(KnownAt, frozen=True):
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


class TrailOf(KnownAt, frozen=True):
    pool: UUID | None = None
    case: UUID | None = None
    booking: UUID | None = None
    actor: Name | None = None
    after: Cursor | None = None
    limit: Limit = 100


class AccessOf(Parameters, frozen=True):
    after: Cursor | None = None
    limit: Limit = 100


class InclusionOf(Parameters, frozen=True):
    position: Annotated[int, Meta(ge=1, le=POSITION_MAX, description="Position des Ereignisses")]
    size: Annotated[int, Meta(ge=1, le=POSITION_MAX, description="Größe des Protokolls; sonst die heutige")] | None = None


class ConsistencyOf(Parameters, frozen=True):
    from_: Annotated[int, Meta(ge=1, le=POSITION_MAX, description="Frühere Größe des Protokolls")] = msgspec.field(name="from")
    to: Annotated[int, Meta(ge=1, le=POSITION_MAX, description="Spätere Größe des Protokolls; sonst die heutige")] | None = None


class FigureOf(Parameters, frozen=True):
    figure: FigureName


class ExplanationOf(FigureOf, frozen=True):
    after: ExplanationCursor | None = None
    limit: Limit = 100


class ComparisonOf(Parameters, frozen=True):
    pool: UUID
    from_: Moment = msgspec.field(name="from")
    to: Moment
    after: Cursor | None = None
    limit: Limit = 100


class StoryOf(KnownAt, frozen=True):
    case: UUID | None = None
    booking: UUID | None = None
    worker: Name | None = None
    pool: UUID | None = None
    after: Cursor | None = None
    limit: Limit = 100

    def hero(self) -> tuple[Hero, str]:
        """Whose story it is; raises ``Malformed`` unless it is one's."""
        stated = [(of, str(id)) for of in get_args(Hero) if (id := getattr(self, of)) is not None]
        if len(stated) != 1:
            raise Malformed(place="Abfrage", problem=f"nennt genau eines von {', '.join(get_args(Hero))}")
        return stated[0]


class EvaluationOf(KnownAt, frozen=True, kw_only=True):
    pool: UUID


class FindingsOf(KnownAt, frozen=True):
    pool: UUID | None = None
    rule: (
        Annotated[str, Meta(extra_json_schema={"enum": sorted(rule.code for rule in RULES)}, description="Kennung einer Regel")]
        | None
    ) = None
    state: HandlingState | None = None
    after: FindingsCursor | None = None
    limit: Limit = 100


class OpenedFindings(KnownAt, frozen=True):
    pool: UUID | None = None
    state: HandlingState | None = None
    after: Cursor | None = None
    limit: Limit = 100


class ReadsOf(Parameters, frozen=True):
    case: UUID | None = None
    subject: Name | None = None
    since: Annotated[Moment, Meta(description="Ein Tag (ab seinem Beginn) oder ein Zeitpunkt mit Zeitzone")] | None = None
    after: FindingsCursor | None = None
    limit: Limit = 100

    def first(self) -> datetime | None:
        """The instant from which on; raises ``Malformed``."""
        since = moment(self.since, "since")
        return since if since is None or isinstance(since, datetime) else start_of_day(since)


class ProviderAsOf(KnownAt, frozen=True):
    as_of: Annotated[Day, Meta(description="Nur, was an diesem Tag galt")] | None = None


class ProvidersOf(ProviderAsOf, frozen=True):
    after: Cursor | None = None
    limit: Limit = 100


class SamplesOf(Parameters, frozen=True):
    pool: UUID


def moment(written: str | None, place: str) -> datetime | date | None:
    """The same where it may be left out."""
    return None if written is None else stated_moment(written, place)


def stated_moment(written: str, place: str) -> datetime | date:
    """A day or an instant, as a query states it; raises ``Malformed``. A ``+`` that nobody escaped arrives as a space."""
    try:
        if len(written) == len("2024-03-31"):
            return judged(written, date)
        return judged(written.replace(" ", "+"), Instant)
    except Malformed as refusal:
        raise Malformed(place=place, problem=refusal.facts["problem"]) from None


def known_at_of(wanted: msgspec.Struct) -> datetime | date | None:
    """The instant in the past that a query asks for, where it asks for one; raises ``Malformed``."""
    match wanted:
        case KnownAt():
            return moment(wanted.known_at, "known_at")
        case FigureOf():
            figure = figure_of(wanted.figure)
            return figure.known_at if isinstance(figure, OfEvaluation) else None  # balances know both times by themselves
        case _:
            return None
