"""A test of the domain is three sentences: given these facts, when this is decided, then these facts follow or it is refused.

    given(pool_opened(budget=600), case_opened(), hours_requested(60)).when(approve_hours).then(*approved(60))

A fact is a pair of stream and event. What a decision must be told and a test does not mention is ``UNREMARKABLE``.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any
from uuid import UUID

from domain import booking as bookings
from domain import case as cases
from domain import handling as handlings
from domain import pool as pools
from domain import registry
from domain.booking import Booking, BookingEvent, Event, evolve_waiting_list
from domain.case import Case, CaseEvent
from domain.handling import FindingEvent, Handling
from domain.pool import PlaceOffered, Pool, PoolEvent
from domain.refusals import Refusal
from domain.registry import Provider, ProviderEvent
from domain.waiting_list import WaitingList
from tests.domain.facts import FINDING, REGISTERED, UNREMARKABLE, Fact


@dataclass
class States:
    """One pool and everything in it, folded by the domain's own ``evolve``."""

    pool: Pool = None  # type: ignore[assignment]  # until its first fact
    cases: dict[UUID, Case] = field(default_factory=dict)
    bookings: dict[UUID, Booking] = field(default_factory=dict)
    handlings: dict[UUID, Handling] = field(default_factory=dict)
    providers: dict[UUID, Provider] = field(default_factory=dict)
    waiting: WaitingList = field(default_factory=WaitingList)

    def fold(self, *facts: Fact) -> "States":
        for stream, event in facts:
            if isinstance(event, PoolEvent):
                self.pool = pools.evolve(self.pool, stream, event)
            if isinstance(event, CaseEvent):
                self.cases[stream] = cases.evolve(self.cases.get(stream), stream, event)
            if isinstance(event, BookingEvent):
                self.bookings[stream] = bookings.evolve(self.bookings.get(stream), stream, event)
            if isinstance(event, FindingEvent):
                self.handlings[stream] = handlings.evolve(self.handlings.get(stream), stream, event)
            if isinstance(event, ProviderEvent):
                self.providers[stream] = registry.evolve(self.providers.get(stream), stream, event)
            if isinstance(event, BookingEvent | PlaceOffered):
                self.waiting = evolve_waiting_list(self.waiting, stream, event)
        return self

    def decide(self, decision: Callable[..., Any], on: UUID | None = None, **command: Any) -> list[Fact]:
        """What a decision says about the case or booking ``on``; without it, about the first one."""
        booking = self.bookings.get(on) or next(iter(self.bookings.values()), None)  # type: ignore[arg-type]
        case = self.cases.get(on) or self.cases.get(booking.case if booking else next(iter(self.cases), on))  # type: ignore[arg-type]
        parameters = signature(decision).parameters.values()
        of_case = [each for each in self.bookings.values() if case and each.case == case.id]
        everything = of_case if "case" in signature(decision).parameters else list(self.bookings.values())
        states = {"pool": self.pool, "case": case, "booking": booking, "waiting": self.waiting, "bookings": everything}
        states["handling"] = next(iter(self.handlings.values()), None)
        states["provider"] = next(iter(self.providers.values()), None)
        states["existing"] = self._existing(command)
        told = {
            each.name: UNREMARKABLE[each.name]
            for each in parameters
            if each.name in UNREMARKABLE and each.default is Parameter.empty
        }
        taken = [states[each.name] for each in parameters if each.kind is Parameter.POSITIONAL_OR_KEYWORD]
        facts = decision(*taken, **told | command)
        return [fact if isinstance(fact, tuple) else (self._home(fact, case, on), fact) for fact in facts]

    def _existing(self, command: dict[str, Any]) -> Any:
        if "reference" in command:
            return next((case for case in self.cases.values() if case.reference == command["reference"]), None)
        if "matter" in command:
            return self.handlings.get(FINDING)
        if "valid_from" in command:
            return self.providers.get(REGISTERED)
        return self.bookings.get(command["booking"]) if "booking" in command else self.pool

    def _home(self, event: Event, case: Case | None, on: UUID | None) -> Any:
        if isinstance(event, FindingEvent):
            return FINDING
        if isinstance(event, ProviderEvent):
            return REGISTERED
        return on or (case.id if isinstance(event, CaseEvent) and case else self.pool.id)


@dataclass
class Given:
    """Facts that stand."""

    facts: tuple[Fact, ...]

    @property
    def states(self) -> States:
        return States().fold(*self.facts)

    def when(self, decision: Callable[..., Any], on: UUID | None = None, **command: Any) -> "Decided":
        states = self.states
        before = deepcopy(states)
        try:
            return Decided(self, states.decide(decision, on, **command))
        except Refusal as refusal:
            return Decided(self, refusal)
        finally:
            assert states == before, "a decision leaves the states alone"


@dataclass
class Decided:
    """What was decided: facts, or a refusal."""

    given: Given
    outcome: list[Fact] | Refusal

    def then(self, *facts: Fact) -> Given:
        """Exactly these facts follow; they stand for a further ``when``."""
        assert self.outcome == list(facts)
        return Given((*self.given.facts, *facts))

    def refuses(self, refusal: type[Refusal]) -> None:
        """It is refused for this reason, in a sentence without gaps."""
        assert type(self.outcome) is refusal, self.outcome
        assert "{" not in self.outcome.message


def given(*facts: Fact) -> Given:
    return Given(facts)
