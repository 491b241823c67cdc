"""What an operation is: declared once, it becomes a route, a check of roles and a part of the OpenAPI document.

A command posts a body and is decided in a turn; a query reads one snapshot; a change is about what stands beside the log. None can
be declared without its policy.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID

import msgspec

from application.findings import Findings
from application.log import Reader, Transaction
from application.past import Past
from application.privacy import OFFICE_KEY, KeyErased, Keyring, keys_of, owner_of
from application.projections import retention
from application.projections.texts import Restricted
from application.proof.notes import Signer
from application.reads import Purpose, RecordedOpener
from application.receipts import Answer
from domain.erasure import Periods
from domain.findings.rules import OF_READERS
from domain.personal_data import PersonalData
from domain.quantities import Actor, Role, Sealed
from interfaces.http.bodies import Body, Nothing
from interfaces.http.policies import Policy, demand_fields, provider_of

PREFIX = "/api/v1"
JSON = "application/json"

# What the roles usually read texts for, who state nothing else.
READING: Mapping[Role, Purpose] = {"worker": "casework", "lead": "casework", "officer": "casework", "auditor": "audit"}
DISCLOSING: Mapping[Role, Purpose] = {"officer": "disclosure"}

Item = TypeVar("Item", bound=msgspec.Struct)


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """A part of a list; ``next`` is the ``after`` of the following part."""

    items: Sequence[Item]
    next: str | None


@dataclass(slots=True)
class Asking:
    """Who asks, when, and in which snapshot of the log.

    Where the ``past`` is asked for, ``now`` lies in it, and the ``reader`` reads what was known then. Sealed texts are opened by
    the ``opener`` alone, which there is only where reading is recorded: those whose erasure is requested where an ``exception`` is
    stated, and erased ones never, whether or not this process still holds the key.
    """

    actor: Actor
    log: Reader
    now: datetime
    findings: Findings
    past: Past | None = None
    periods: Periods = field(default_factory=Periods)
    opener: RecordedOpener | None = None
    exception: str | None = None
    persons: dict[UUID, PersonalData] = field(default_factory=dict)  # by case, those that were asked for
    openable: set[str] = field(default_factory=set)  # the keys of those who may be read, as far as it was asked

    @property
    def reader(self) -> Reader:
        """What answers are read from."""
        return self.log if self.past is None else self.past.over(self.log)

    @property
    def provider(self) -> str | None:
        """The provider whose cases alone may stand in the answer; ``None`` for the youth office."""
        return provider_of(self.actor)

    @property
    def unseen_rules(self) -> Collection[str]:
        """What is found about readers is the auditors' until they open it: nobody is to watch colleagues by it."""
        return () if self.actor.role == "auditor" else OF_READERS

    def opening(self, cases: Collection[UUID]) -> "Asking":
        """What opens texts of many cases, asked for their persons at once."""
        self.persons |= {person.case: person.data for person in retention.persons(self.log, cases)}
        return self

    def open(self, sealed: Sealed, *, position: int, stream: UUID, field: str) -> str:
        assert self.opener is not None, "an operation that opens texts says so"
        if sealed.key not in self.openable:
            self._demand_openable(sealed.key)
            self.openable.add(sealed.key)
        return self.opener.open(sealed, position=position, stream=stream, field=field)

    def _demand_openable(self, key: str) -> None:
        owner = owner_of(key)
        if owner == OFFICE_KEY:
            return
        case = UUID(owner.removeprefix("case:"))
        if case not in self.persons:
            self.persons[case] = retention.person(self.log, case).data
        data = self.persons[case]
        if key in keys_of(case, data.erased):
            raise KeyErased(f"{key} was erased")
        if data.requested and self.exception is None:
            raise Restricted(key)


@dataclass(slots=True, kw_only=True)
class Issuing(Asking):
    """Who asks for something signed, which is kept in the same transaction."""

    transaction: Transaction
    signer: Signer


@dataclass(frozen=True, slots=True)
class Changing:
    """Who changes something beside the log, and in which transaction."""

    actor: Actor
    transaction: Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """``given`` names the operations that must have gone before so that the example works, in their order."""

    path: str
    policy: Policy
    summary: str
    view: type[msgspec.Struct] | type[str]
    given: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not self.policy:
            raise TypeError(f"{self.path}: an operation states who may use it")
        demand_fields(self.view, self.policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Declaration):
    """``decide`` is called with the turn, the ids of the path and the arguments of the body.

    What takes too long for a turn is read ``beforehand``, in a snapshot: given the asking, the ids and the arguments of the body,
    it says the arguments of ``decide``. ``shows`` are the fields of the answer that tell what the example has done.
    """

    decide: Callable[..., Answer]
    body: type[Body]
    example: Mapping[str, Any]
    shows: Mapping[str, Any] = field(default_factory=dict)
    beforehand: Callable[..., Mapping[str, Any]] | None = None
    created: bool = False
    may_await_second: bool = False

    method: ClassVar[str] = "POST"

    @property
    def name(self) -> str:
        return self.decide.__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Declaration):
    """``read`` is called with the asking, the parameters and the ids of the path; ``example`` are parameters that it needs.

    Where it ``opens_texts``, it says what each role usually does that for, and reading is recorded before it is answered.
    Where ``keeps_answer``, ``read`` gets an ``Issuing`` and records the answer itself. What is not JSON is read as text of its
    ``media_type``, and its ``view`` is ``str``. Where ``names_one``, parameters that may each be left out name something that
    there may not be.
    """

    read: Callable[..., Any]
    parameters: type[msgspec.Struct]
    example: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON
    paged: bool = False
    opens_texts: Mapping[Role, Purpose] = field(default_factory=dict)
    keeps_answer: bool = False
    names_one: bool = False

    method: ClassVar[str] = "GET"

    @property
    def name(self) -> str:
        return self.read.__name__


def _as_it_is(keyring: Keyring, body: bytes) -> bytes:
    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Declaration):
    """Something that stands beside the log is made, altered or removed: no event tells of it.

    ``make`` is called with the changing, the ids of the path and the arguments of the body. The receipt keeps what it returns;
    ``completed`` adds to the body of an answer what must not be kept.
    """

    make: Callable[..., msgspec.Struct]
    method: Literal["POST", "DELETE"] = "POST"
    body: type[Body] = Nothing
    example: Mapping[str, Any] = field(default_factory=dict)
    created: bool = False
    completed: Callable[[Keyring, bytes], bytes] = _as_it_is

    @property
    def name(self) -> str:
        return self.make.__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed(Declaration):
    """An answer that goes on: the log as the caller may see it, an event after the other. ``view`` is what each of them is."""

    name: str
    parameters: type[msgspec.Struct]

    method: ClassVar[str] = "GET"


Operation = Command | Query | Change | Feed
