"""Handling of a finding (Feststellung): opened, explained, confirmed, closed. Events, state, evolve, policies, decisions.

A finding of a rule is opened under its own id, so it is handled once however often it is found. What was seen stands in the event:
a correction may end the finding, not its handling. Audits come late, so a closed pool or case refuses nothing here.
"""

from dataclasses import dataclass
from typing import Literal, assert_never
from uuid import UUID

from domain.findings.finding import Finding
from domain.quantities import Personal
from domain.refusals import AlreadyClosed, AlreadyDecided, ReasonMissing

HandlingState = Literal["open", "explained", "confirmed", "closed"]

# ── Events


@dataclass(frozen=True, slots=True)
class Matter:
    """What is to be looked at. What a person raised has neither rule nor sentence, and rests on no events.

    What it does not concern, or cannot be told, is ``None``. An explanation is asked of ``provider``.
    """

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
    def of(cls, found: Finding) -> "Matter":
        """What a rule found."""
        return cls(
            found.rule,
            found.version,
            found.sentence,
            found.positions,
            found.pool,
            found.case,
            found.booking,
            found.worker,
            found.provider,
        )


@dataclass(frozen=True, slots=True)
class FindingOpened:
    """An auditor wants it looked into; again, where it was closed before."""

    matter: Matter
    note: Personal
    note_empty: bool


@dataclass(frozen=True, slots=True)
class FindingExplained:
    """What the provider concerned, or the office, says to it."""

    explanation: Personal


@dataclass(frozen=True, slots=True)
class FindingConfirmed:
    """It is as the finding says; what follows from that is decided elsewhere."""

    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class FindingClosed:
    """Nobody has to do anything about it any more, and why."""

    reason: Personal
    reason_given: bool


FindingEvent = FindingOpened | FindingExplained | FindingConfirmed | FindingClosed

# ── State


@dataclass(slots=True)
class Handling:
    """What decisions need to know of a finding that was opened."""

    id: UUID
    matter: Matter
    state: HandlingState = "open"
    explanations: int = 0

    @property
    def pool(self) -> UUID | None:
        return self.matter.pool

    @property
    def case(self) -> UUID | None:
        return self.matter.case

    @property
    def provider(self) -> str | None:
        return self.matter.provider


def evolve(handling: Handling | None, stream: UUID, event: FindingEvent) -> Handling:
    """The state after a fact; folds in place."""
    if isinstance(event, FindingOpened):
        return Handling(stream, event.matter, explanations=handling.explanations if handling else 0)
    assert handling is not None, f"the first event of a handling opens it, not {event}"
    match event:
        case FindingExplained():
            handling.state, handling.explanations = "explained", handling.explanations + 1
        case FindingConfirmed():
            handling.state = "confirmed"
        case FindingClosed():
            handling.state = "closed"
        case _:
            assert_never(event)
    return handling


# ── Policies


def unconfirmed(handling: Handling) -> None:
    """What is confirmed takes no further explanation, and is confirmed once."""
    if handling.state == "confirmed":
        raise AlreadyDecided()


def not_closed(handling: Handling) -> None:
    if handling.state == "closed":
        raise AlreadyClosed(what="Die Feststellung")


# ── Decisions


def open_finding(existing: Handling | None, *, matter: Matter, note: Personal) -> list[FindingEvent]:
    """Opens what a rule found, or opens it again after it was closed."""
    if existing is not None and existing.state != "closed":
        raise AlreadyDecided()
    return [FindingOpened(matter, note, not note)]


def raise_finding(
    *, pool: UUID, case: UUID | None, booking: UUID | None, worker: str | None, provider: str | None, note: Personal
) -> list[FindingEvent]:
    """Opens what a person found; without a note nobody would know what."""
    if not note:
        raise ReasonMissing()
    return [FindingOpened(Matter(None, None, None, (), pool, case, booking, worker, provider), note, False)]


def explain_finding(handling: Handling, *, explanation: Personal) -> list[FindingEvent]:
    """Says how it came about, as often as there is something to say."""
    unconfirmed(handling)
    not_closed(handling)
    if not explanation:
        raise ReasonMissing()
    return [FindingExplained(explanation)]


def confirm_finding(handling: Handling, *, reason: Personal = None) -> list[FindingEvent]:
    """Holds that it is so, explained or not."""
    unconfirmed(handling)
    not_closed(handling)
    return [FindingConfirmed(reason, bool(reason))]


def close_finding(handling: Handling, *, reason: Personal) -> list[FindingEvent]:
    """Ends its handling, with a reason: put right, explained, or followed up elsewhere."""
    not_closed(handling)
    if not reason:
        raise ReasonMissing()
    return [FindingClosed(reason, True)]
