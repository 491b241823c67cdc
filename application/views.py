"""What a caller gets to see of a pool, a case or a booking: the shapes that commands answer and readers return.

Minutes are whole; instants carry their offset. No personal field stands in them, so that erasure reaches nothing here.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Generic, Literal, TypeVar
from uuid import UUID

import msgspec

from domain.booking import Booking, BookingState, Session, SessionState
from domain.case import Case
from domain.handling import Handling, HandlingState
from domain.quantities import Actor, Concern, Kind, Outcome, Period, Rules, ServiceArea
from domain.registry import Provider, Registration

Section = Literal["demand", "decisions", "decision_times", "waiting_times", "use", "unmet_need", "outcomes"]
Unit = Literal["requests", "cases", "sessions", "minutes", "elapsed_minutes", "percent"]
GroupBy = Literal["month", "district", "service_area", "concern", "provider"]

View = TypeVar("View")


class SessionView(msgspec.Struct, frozen=True):
    """A session; ``state`` is ``logged``, ``corrected`` or ``reversed``."""

    id: UUID
    starts_at: datetime
    minutes: int
    kind: Kind
    worker: str | None
    state: SessionState
    confirmed: bool

    @classmethod
    def of(cls, session: Session) -> "SessionView":
        facts = session.facts
        return cls(session.id, facts.starts_at, facts.minutes, facts.kind, facts.worker, session.state, session.confirmed)


class BookingView(msgspec.Struct, frozen=True):
    """A request for hours and what became of it; ``proposed_minutes`` while a second officer must confirm."""

    id: UUID
    pool: UUID
    case: UUID
    provider: str
    district: str
    state: BookingState
    requested_minutes: int
    granted_minutes: int
    consumed_minutes: int
    released_minutes: int
    proposed_minutes: int | None
    requested_at: datetime
    requested_by: str
    sessions: tuple[SessionView, ...]

    @classmethod
    def of(cls, booking: Booking) -> "BookingView":
        return cls(
            booking.id,
            booking.pool,
            booking.case,
            booking.provider,
            booking.district,
            booking.state,
            booking.requested,
            booking.granted,
            booking.consumed,
            booking.released,
            booking.proposal.minutes if booking.proposal else None,
            booking.requested_at,
            booking.requested_by,
            tuple(SessionView.of(session) for session in booking.sessions.values()),
        )


class CaseView(msgspec.Struct, frozen=True):
    """A case; ``outcome`` is set once it is closed."""

    id: UUID
    pool: UUID
    reference: str
    provider: str
    offer: str | None
    district: str
    service_area: ServiceArea
    concern: Concern
    opened_at: datetime
    outcome: Outcome | None
    closed: bool
    restricted: bool
    erased: bool

    @classmethod
    def of(cls, case: Case) -> "CaseView":
        return cls(
            case.id,
            case.pool,
            case.reference,
            case.provider,
            case.offer,
            case.district,
            case.service_area,
            case.concern,
            case.opened_at,
            case.outcome,
            case.closed,
            case.restricted,
            case.erased,
        )


class Group(msgspec.Struct, frozen=True):
    """A balance of one case, district, provider or month. A month's ``reserved`` is what stood at its end."""

    key: str
    granted: int
    reserved: int
    consumed: int
    released: int


class Balance(msgspec.Struct, frozen=True, omit_defaults=True):
    """Minutes: ``reserved`` = granted − released − consumed, ``available`` = budget − reserved − consumed."""

    budget: int
    granted: int
    reserved: int
    consumed: int
    released: int
    available: int
    groups: tuple[Group, ...] | None = None


class PoolView(msgspec.Struct, frozen=True):
    """A pool with its rules and today's balance; everything in a ``demonstration`` is made up."""

    id: UUID
    name: str
    period: Period
    rules: Rules
    closed: bool
    exhausted: bool
    closed_months: tuple[str, ...]
    balance: Balance
    demonstration: bool


class WaitingView(msgspec.Struct, frozen=True):
    """A place on the waiting list, 1 being the head, for a provider of its own requests; ``offered`` once its minutes were free."""

    place: int
    booking: UUID
    case: UUID
    provider: str
    district: str
    minutes: int
    priority: int | None
    requested_at: datetime
    offered: bool


class WorkItem(msgspec.Struct, frozen=True):
    """A request that waits for a decision."""

    booking: UUID
    pool: UUID
    case: UUID
    provider: str
    district: str
    state: BookingState
    minutes: int
    requested_at: datetime
    proposed_by: str | None
    review_on: date | None


class FindingView(msgspec.Struct, frozen=True):
    """A finding that was opened. One that a person raised has no rule and no sentence; its ``positions`` are empty."""

    id: UUID
    state: HandlingState
    explanations: int
    rule: str | None
    rule_version: int | None
    sentence: str | None
    positions: tuple[int, ...]
    pool: UUID | None
    case: UUID | None
    booking: UUID | None
    worker: str | None
    provider: str | None

    @classmethod
    def of(cls, handling: Handling) -> "FindingView":
        matter = handling.matter
        return cls(
            handling.id,
            handling.state,
            handling.explanations,
            matter.rule,
            matter.rule_version,
            matter.sentence,
            matter.positions,
            matter.pool,
            matter.case,
            matter.booking,
            matter.worker,
            matter.provider,
        )


class ProviderView(msgspec.Struct, frozen=True):
    """One registration of a provider: ``provider`` is what events call it, ``name`` what people do, on all days in between."""

    id: UUID
    provider: str
    name: str
    valid_from: date
    valid_until: date | None


class ProviderFile(msgspec.Struct, frozen=True):
    """A provider with everything that is registered of it, the earliest first; a worker's name is a pseudonym."""

    id: UUID
    provider: str
    names: tuple[Registration, ...]
    offers: tuple[Registration, ...]
    workers: tuple[Registration, ...]

    @classmethod
    def of(cls, provider: Provider) -> "ProviderFile":
        names, offers, workers = map(in_order, (provider.names, provider.offers, provider.workers))
        return cls(provider.id, provider.provider, names, offers, workers)


def in_order(registrations: Iterable[Registration]) -> tuple[Registration, ...]:
    """The earliest first."""
    return tuple(sorted(registrations, key=lambda each: (each.valid_from, each.name)))


class TrailEntry(msgspec.Struct, frozen=True):
    """One event in one German line: who did what, when, to what, why and under which rule.

    Only a finding and a registration may be about no single pool.
    """

    position: int
    recorded_at: datetime
    type: str
    actor: Actor
    pool: UUID | None
    case: UUID | None
    booking: UUID | None
    provider: str | None
    line: str


class Versioned(msgspec.Struct, Generic[View], frozen=True):
    """A resource with the version of its stream, and the position of the event that made it so."""

    view: View
    version: int
    position: int


class ForecastView(msgspec.Struct, frozen=True):
    """When a pool runs out if it goes on as in the last weeks: the expected day, and the range; ``None`` where out of sight.

    ``minutes_a_week`` is the mean of what was committed in each of the ``weeks`` weeks before, net of what came back.
    """

    available_minutes: int
    weeks: int
    minutes_a_week: int
    runs_out_on: date | None
    earliest: date | None
    latest: date | None


class GroupingView(msgspec.Struct, frozen=True):
    """What the figures of an evaluation are told apart by, and what that means."""

    by: GroupBy
    label: str
    definition: str


class FigureGroup(msgspec.Struct, frozen=True):
    """A figure of one group, such as the month ``2022-03``."""

    group: str
    value: int | None


class FigureView(msgspec.Struct, frozen=True):
    """A figure with its definition and the events it counts; ``month`` says whose month it is grouped by.

    ``value`` is ``None`` where there is nothing to take a share or a duration of. Groups in which nothing counts are left out.
    """

    figure: str
    section: Section
    label: str
    unit: Unit
    definition: str
    events: tuple[str, ...]
    month: str
    value: int | None
    groups: dict[GroupBy, tuple[FigureGroup, ...]]


class Evaluation(msgspec.Struct, frozen=True):
    """The figures of a pool as the log stood at ``position``. They are not suppressed: small numbers may point at persons."""

    pool: UUID
    position: int
    groupings: tuple[GroupingView, ...]
    figures: tuple[FigureView, ...]
