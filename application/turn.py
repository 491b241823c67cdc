"""A turn as commands see it: states, the instant, and a place for the facts that follow.

Everything decided in a turn is in the log together or not at all; ``application.engine`` takes the turns.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeVar, cast
from uuid import UUID

import msgspec
from eventsourcing.persistence import Notification, PersistenceError

from application.catalogue import BY_CLASS
from application.log import EventMapper, Reader, Recorded, Transaction
from application.privacy import PERSONAL_CLASSES, Keyring, key_name
from application.projections.bookings import booking_ids_of_case, booking_ids_of_pool
from application.projections.projector import Projector
from application.receipts import Answer, RequestKey
from application.snapshots import State
from application.states import States
from domain import erasure
from domain.booking import Booking, Event, Facts, HoursRequested
from domain.case import Case, CaseOpened
from domain.handling import FindingOpened, Handling
from domain.pool import Pool
from domain.quantities import Actor, RetentionClass, Sealed
from domain.refusals import NotFound, Refusal, VersionDiffers
from domain.registry import Provider
from domain.waiting_list import WaitingList

Success = Literal["created", "done", "accepted"]
_AnyState = TypeVar("_AnyState", Pool, Case, Booking, Handling, Provider)


@dataclass(slots=True, eq=False)
class Work:
    """A command on its way through a turn.

    ``expected`` is the version that the caller believes the addressed resource to have (``If-Match``); ``about`` is the pool, case
    or booking that tells whose command it is where many wait.
    """

    actor: Actor
    decide: "Callable[[Turn], Answer]"
    key: RequestKey | None = None
    expected: int | None = None
    about: UUID | None = None
    done: "Future[Answer]" = field(default_factory=Future)


class Abandoned(Exception):
    """Raised by a command whose turn is to leave no trace; the caller gets it as it is."""


class Culprit(Exception):
    """One command failed unexpectedly, or was abandoned; the others are decided again without it."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work


class Turn:
    """One turn on the log.

    ``at`` and ``by`` are the instant and the person of the decision: now and the actor, but for imported history, which has
    its own. ``recorded_at`` is one instant for the whole turn. ``new_id`` gives an id that nothing has yet.
    """

    def __init__(
        self,
        transaction: Transaction,
        states: States,
        projector: Projector,
        keyring: Keyring,
        *,
        position: int,
        recorded_at: datetime,
        new_id: Callable[[], UUID],
    ) -> None:
        self.new_id = new_id
        self.position = position
        self.recorded_at = recorded_at
        self.rows: list[Notification] = []
        self._transaction = transaction
        self._states = states
        self._projector = projector
        self._keyring = keyring
        self._mapper = EventMapper(transcoder=None)  # type: ignore[arg-type]  # ours needs none
        self._pending: list[tuple[Recorded, UUID | None]] = []  # with the case of the person that each is about
        self.actor: Actor
        self.at = recorded_at
        self.by = ""
        self._command = ""
        self._expected: int | None = None
        self._looked_for: set[UUID] = set()  # by the command that is decided now

    # ── for commands

    def pool(self, pool: UUID) -> Pool:
        """The pool of that id; raises ``NotFound``."""
        return self._existing(Pool, pool)

    def case(self, case: UUID) -> Case:
        """The case of that id; raises ``NotFound``."""
        return self._existing(Case, case)

    def booking(self, booking: UUID) -> Booking:
        """The booking of that id; raises ``NotFound``."""
        return self._existing(Booking, booking)

    def handling(self, finding: UUID) -> Handling:
        """The handling of the finding of that id; raises ``NotFound``."""
        return self._existing(Handling, finding)

    def provider(self, provider: UUID) -> Provider:
        """The registered provider of that id; raises ``NotFound``."""
        return self._existing(Provider, provider)

    def find(self, stream: UUID) -> State | None:
        """Whatever has that id."""
        if not self._states.holds(stream):
            self._looked_for.add(stream)
        return self._states.get(self._transaction, stream)[0]

    def addressed(self, state: _AnyState) -> _AnyState:
        """The state that the request is about, which a provider sees only where it is its own, in the expected version.

        Raises ``NotFound`` and ``VersionDiffers``.
        """
        try:
            own_alone(self.actor, state)
        except NotFound:
            self.look_in_vain(state.id)
            raise
        if self._expected is not None and self._version(state.id) != self._expected:
            raise VersionDiffers()
        return state

    def look_in_vain(self, stream: UUID) -> None:
        """Takes as long for what is there as for what is not, which is always looked for: nobody tells them apart by time."""
        if stream not in self._looked_for:
            self._states.get(self._transaction, self.new_id())

    def new_stream(self) -> UUID:
        """The id of a stream that is about to begin, so that nobody has to look whether it has events."""
        stream = self.new_id()
        self._states.begin(stream)
        return stream

    def waiting_list(self, pool: UUID) -> WaitingList:
        """The requests of a pool that wait for minutes."""
        return self._states.waiting_list(self.reader, pool)

    def bookings_of_case(self, case: UUID) -> list[Booking]:
        """All bookings of a case, in the order in which they were requested."""
        return [self.booking(booking) for booking in booking_ids_of_case(self.reader(), case)]

    def bookings_of_pool(self, pool: UUID) -> list[Booking]:
        """All bookings of a pool, in the order in which they were requested."""
        return [self.booking(booking) for booking in booking_ids_of_pool(self.reader(), pool)]

    def record(self, facts: Facts) -> None:
        """Takes the facts of one decision into the log."""
        self._refuse_erased(facts)
        first = self.position + 1
        for stream, event in facts:
            self.position += 1
            version = self._version(stream) + 1
            cause = first if self.position > first else None
            recorded = Recorded(self.position, stream, version, self.recorded_at, self.actor, self._command, cause, event)
            state = self._states.evolve(stream, version, event)
            self._pending.append((recorded, _case_of(state)))

    def reader(self) -> Reader:
        """Reads the log and its projections as they are with everything decided so far in this turn."""
        self._write_events()
        return self._transaction

    def answer(self, outcome: Success, view: msgspec.Struct, stream: UUID) -> Answer:
        """The answer to a command: the resource, and the version of its stream."""
        return Answer(outcome, msgspec.json.encode(view), self.position, self._version(stream))

    @contextmanager
    def imported(self, *, at: datetime, by: str, command: str) -> Iterator[None]:
        """Inside, decisions are those of that instant and person."""
        before = self.at, self.by, self._command
        self.at, self.by, self._command = at, by, command
        try:
            yield
        finally:
            self.at, self.by, self._command = before

    # ── for the engine

    def decide(self, work: Work, problem: Callable[[Refusal], bytes]) -> Answer:
        """Decides one command; a refusal is an answer too. Raises ``Culprit`` for what was not expected."""
        self._begin_command(work.actor, work.key.key if work.key else str(self.new_id()), work.expected)
        try:
            return work.decide(self)
        except Refusal as refusal:
            return Answer(refusal.code, problem(refusal), self.position)
        except PersistenceError:
            raise  # the store's failure, not this command's
        except Exception as error:
            raise Culprit(work) from error

    def send(self) -> None:
        """Lets the store begin with what was decided so far."""
        self._write_events()
        self._transaction.send()

    def write(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Brings everything decided, and these rows, into the transaction."""
        self._write_events()
        self._transaction.execute(statement, rows)

    def _refuse_erased(self, facts: Facts) -> None:
        """What is erased takes no further text: there is no key any more to seal it. Raises ``DataErased``."""
        for stream, event in facts:
            classes = _classes_of_texts(event)
            if classes and (case := self._case_before(stream, event)) is not None:
                erasure.takes_texts(case, classes)

    def _case_before(self, stream: UUID, event: Event) -> Case | None:
        """The case that an event is about, if it is about one that there was before."""
        state = self.find(stream)
        if isinstance(state, Case):
            return state
        if isinstance(event, FindingOpened):
            case = event.matter.case
        else:
            case = event.case if isinstance(event, HoursRequested) else getattr(state, "case", None)
        found = None if case is None else self.find(case)
        return found if isinstance(found, Case) else None

    def _begin_command(self, actor: Actor, command: str, expected: int | None) -> None:
        self.actor = actor
        self.at, self.by = self.recorded_at, actor.subject
        self._command = command
        self._expected = expected
        self._looked_for.clear()

    def _existing(self, kind: type[_AnyState], stream: UUID) -> _AnyState:
        state = self.find(stream)
        if not isinstance(state, kind):
            self.look_in_vain(stream)
            raise NotFound()
        return state

    def _version(self, stream: UUID) -> int:
        return self._states.get(self._transaction, stream)[1]

    def _write_events(self) -> None:
        if not self._pending:
            return
        sealed = self._seal(self._pending)
        self._pending = []
        rows = [self._mapper.to_stored_event(event) for event in sealed]
        self._transaction.append(rows)
        self.rows += rows
        self._projector.project(self._transaction, sealed)

    def _seal(self, pending: Sequence[tuple[Recorded, UUID | None]]) -> list[Recorded]:
        """Personal texts leave the process only sealed, and their keys are durable before their events are."""
        texts = [(event, _texts(event, case)) for event, case in pending]
        names = {key for _, fields in texts for key, _ in fields.values()}
        for event, case in pending:
            if isinstance(event.data, CaseOpened):  # all at once: for each the key store would have to wait for its disk
                names.update(key_name(case, retention) for retention in PERSONAL_CLASSES)
        self._keyring.ensure(names)
        return [
            event.saying(replace(cast(Any, event.data), **self._sealed(event, fields))) if fields else event
            for event, fields in texts
        ]

    def _sealed(self, event: Recorded, fields: dict[str, tuple[str, str]]) -> dict[str, Sealed]:
        return {
            name: self._keyring.seal(text, key=key, position=event.position, stream=event.stream, field=name)
            for name, (key, text) in fields.items()
        }


def own_alone(actor: Actor, state: State) -> None:
    """Whatever is another provider's does not exist for a provider's people; raises ``NotFound``."""
    owner = getattr(state, "provider", actor.organisation)  # a pool has none: it is everybody's
    if actor.role in ("worker", "lead") and owner != actor.organisation:
        raise NotFound()


def _classes_of_texts(event: Event) -> set[RetentionClass]:
    """The classes of which an event brings texts that are still plain."""
    return {retention for name, retention in BY_CLASS[type(event)].personal.items() if isinstance(getattr(event, name), str)}


def _texts(event: Recorded, case: UUID | None) -> dict[str, tuple[str, str]]:
    """The personal texts of an event that are still plain, each after the name of its key, by field."""
    personal = BY_CLASS[type(event.data)].personal.items()
    return {
        name: (key_name(case, retention), text)
        for name, retention in personal
        if isinstance(text := getattr(event.data, name), str)
    }


def _case_of(state: State) -> UUID | None:
    """Whose case an event is about; ``None`` where it speaks of no person."""
    match state:
        case Pool() | Provider():
            return None
        case Case():
            return state.id
        case Booking() | Handling():
            return state.case
