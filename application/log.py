"""The event log: what stands in it, byte for byte, and what a store must offer to keep it.

A stored event is the library's ``StoredEvent``: stream, version, topic (the stable name) and state. The state is sorted
plain JSON with the whole envelope – position, stream, version, type, schema, recorded_at, actor, command, cause – and, apart
from it, the payload under ``data``. So one column is enough to read everything, and nothing in it names a Python module.
"""

import struct
import types
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from operator import attrgetter
from typing import Annotated, Any, NamedTuple, Protocol, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from eventsourcing.persistence import Mapper, Notification, OperationalError, PersistenceError, StoredEvent

from application.catalogue import BY_CLASS, BY_NAME, CATALOGUE, EventType, upcast
from domain.booking import Event
from domain.quantities import Actor, Sealed


class Recorded(msgspec.Struct, frozen=True):
    """An event with its envelope.

    ``position`` is gap-free over the whole log, ``version`` over its stream, both from 1. ``recorded_at`` is UTC and never runs
    backwards. ``command`` is the idempotency key or a generated id; ``cause`` is the position of the event of the same
    decision that this one follows from.
    """

    position: int
    stream: UUID
    version: int
    recorded_at: datetime
    actor: Actor
    command: str
    cause: int | None
    data: Event

    @property
    def originator_id(self) -> UUID:
        return self.stream

    @property
    def originator_version(self) -> int:
        return self.version

    def saying(self, data: Event) -> "Recorded":
        """The same envelope around other data."""
        return Recorded(self.position, self.stream, self.version, self.recorded_at, self.actor, self.command, self.cause, data)

    @property
    def type(self) -> str:
        return BY_CLASS[type(self.data)].name


class DamagedEvent(Exception):
    """A stored event that cannot be what was recorded; says where it stands."""

    def __init__(self, row: StoredEvent, problem: str) -> None:
        position = f"position {row.id}" if isinstance(row, Notification) else "unknown position"
        super().__init__(f"event at {position} (stream {row.originator_id}, version {row.originator_version}): {problem}")


class Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """The stored form of ``Recorded``."""

    position: int
    stream: UUID
    version: int
    type: str
    schema: int
    recorded_at: datetime
    actor: Actor
    command: str
    cause: int | None
    data: Any


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(Envelope).decode
_FIELDS: dict[type[Event], frozenset[str]] = {cls: frozenset(f.name for f in fields(cls)) for cls in BY_CLASS}


def _instants(cls: type[Any], prefix: str = "") -> Iterator[str]:
    """The fields of a class that hold instants, those of its parts included."""
    for name, hint in get_type_hints(cls).items():
        if hint is datetime:
            yield prefix + name
        elif is_dataclass(hint):
            yield from _instants(cast("type[Any]", hint), f"{prefix}{name}.")


_INSTANTS: dict[type[Event], tuple[Callable[[Event], datetime], ...]] = {
    cls: tuple(attrgetter(name) for name in _instants(cls)) for cls in BY_CLASS
}


class EventMapper(Mapper[UUID]):
    """Between ``Recorded`` and the library's stored events. Reading goes through the types of the event and refuses damage."""

    def to_stored_event(self, domain_event: Any) -> Notification:
        """The row of a ``Recorded``; one whose personal fields are not sealed is a fault of ours and never stored."""
        recorded: Recorded = domain_event
        entry = BY_CLASS[type(recorded.data)]
        if plain := _plain(entry, recorded.data):
            raise ValueError(f"{entry.name}: not sealed: {plain}")
        state = _encode(
            Envelope(
                recorded.position,
                recorded.stream,
                recorded.version,
                entry.name,
                entry.schema,
                recorded.recorded_at,
                recorded.actor,
                recorded.command,
                recorded.cause,
                recorded.data,
            )
        )
        return Notification(recorded.stream, recorded.version, entry.name, state, recorded.position)

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The ``Recorded`` of a row; raises ``DamagedEvent``."""
        return read_event(stored_event)


def read_event(row: StoredEvent) -> Recorded:
    """The event of a row, in today's schema; raises ``DamagedEvent`` with its place for anything that was not recorded so."""
    try:
        decode, schema, instants, personal = _TYPED[row.topic]
        envelope = decode(row.state)
    except (KeyError, TypeError, msgspec.DecodeError, UnicodeDecodeError):
        return _read_slowly(row)
    event = envelope.data
    if envelope.schema != schema or _encode(envelope) != row.state:
        return _read_slowly(row)
    for instant in instants:
        if instant(event).tzinfo is None:
            return _read_slowly(row)
    for text in personal:
        if isinstance(text(event), str):
            return _read_slowly(row)
    _same_place(row, envelope)
    return _recorded(envelope, event)


def _read_slowly(row: StoredEvent) -> Recorded:
    """The same for an older schema, or for damage that is to be named: not through the types of one event at once."""
    try:
        envelope = _decode(row.state)
    except (TypeError, msgspec.DecodeError, UnicodeDecodeError) as error:  # TypeError: SQLite keeps a number as the state as well
        raise DamagedEvent(row, str(error)) from error
    if _encode(envelope) != row.state:
        raise DamagedEvent(row, "not as the log writes it: keys twice or unsorted, or other spaces")
    _same_place(row, envelope)
    entry = BY_NAME.get(envelope.type)
    if entry is None:
        raise DamagedEvent(row, f"unknown event {envelope.type!r}")
    return _recorded(envelope, _payload(row, entry, envelope))


def _recorded(envelope: Envelope, data: Event) -> Recorded:
    return Recorded(
        envelope.position,
        envelope.stream,
        envelope.version,
        envelope.recorded_at,
        envelope.actor,
        envelope.command,
        envelope.cause,
        data,
    )


def _same_place(row: StoredEvent, envelope: Envelope) -> None:
    if (
        row.originator_id != envelope.stream
        or row.originator_version != envelope.version
        or row.topic != envelope.type
        or (isinstance(row, Notification) and row.id != envelope.position)
    ):
        stands = (row.originator_id, row.originator_version, row.topic)
        says = (envelope.stream, envelope.version, envelope.type)
        raise DamagedEvent(row, f"stands at {stands}, but says {says} at position {envelope.position}")
    if envelope.recorded_at.tzinfo is None:
        raise DamagedEvent(row, "recorded_at without a time zone")


def _payload(row: StoredEvent, entry: EventType, envelope: Envelope) -> Event:
    if not 1 <= envelope.schema <= entry.schema:
        raise DamagedEvent(row, f"{entry.name} has no schema {envelope.schema}")
    if not isinstance(envelope.data, dict):
        raise DamagedEvent(row, "the payload is no object")
    try:
        data = upcast(entry, envelope.schema, envelope.data)
        if data.keys() != _FIELDS[entry.cls]:
            raise DamagedEvent(row, f"fields differ: {sorted(data.keys() ^ _FIELDS[entry.cls])}")
        event = msgspec.convert(data, entry.cls)
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise DamagedEvent(row, f"{type(error).__name__}: {error}") from error
    if _instants_without_zone(event):
        raise DamagedEvent(row, "an instant without a time zone")
    if plain := _plain(entry, event):
        raise DamagedEvent(row, f"not sealed: {plain}")
    return event


def _instants_without_zone(event: Event) -> bool:
    return any(instant(event).tzinfo is None for instant in _INSTANTS[type(event)])


def _plain(entry: EventType, event: Event) -> list[str]:
    """The personal fields that hold a readable text."""
    return [name for name in entry.personal if isinstance(getattr(event, name), str)]


class _Typed(NamedTuple):
    """How events of one type are read: instants need a time zone, and personal texts are sealed."""

    decode: Callable[[bytes], Envelope]
    schema: int
    instants: Sequence[Callable[[Event], datetime]]
    personal: Sequence[Callable[[Event], Any]]


def _typed(entry: EventType) -> _Typed:
    hints = get_type_hints(Envelope) | {"data": entry.cls}
    kind: Any = msgspec.defstruct("Envelope", list(hints.items()), forbid_unknown_fields=True)  # Any: Envelope, as far as we look
    decode = msgspec.json.Decoder(kind).decode
    return _Typed(decode, entry.schema, _INSTANTS[entry.cls], [attrgetter(name) for name in entry.personal])


_TYPED = {entry.name: _typed(entry) for entry in CATALOGUE}


# ── Reading many events

# Stream as text, version, topic, state, position.
StoredRow = tuple[str, int, str, bytes, int]


def read_events(rows: Iterable[StoredRow]) -> list[Recorded]:
    """The events of many rows in today's schema, four times as fast as one by one; raises ``DamagedEvent`` like ``read_event``.

    Ids are texts in them, and data and actor are of classes of the same fields (``forms_of``). What this does not find is what
    changes no value: keys twice, unsorted, or other spaces; and of an id in the data it sees no more than its length.
    """
    found = []
    for row in rows:
        stream, version, topic, state, position = row
        try:
            decode, schema = _BULK[topic]
            event = decode(state)
        except (KeyError, TypeError, msgspec.DecodeError, UnicodeDecodeError):
            found.append(_read_alone(row))
            continue
        if (
            event.position == position
            and event.version == version
            and event.stream == stream
            and event.schema == schema
            and event.type == topic
        ):
            found.append(event)
        else:
            found.append(_read_alone(row))
    return found


def _read_alone(row: StoredRow) -> Recorded:
    """An older schema, or damage that is to be named."""
    stream, version, topic, state, position = row
    return read_event(Notification(UUID(stream), version, topic, state, position))


def forms_of(event: type[Event]) -> tuple[type, type]:
    """The class of an event, and the one in which ``read_events`` gives it."""
    return event, _bulk_form(cast(Hashable, event))


@cache
def _bulk_form(cls: Any) -> type[msgspec.Struct]:
    """The same fields, but ids as text; instants without a time zone and texts without a seal are refused."""
    hints = [(name, _bulk_type(hint)) for name, hint in get_type_hints(cls).items()]
    return msgspec.defstruct(cls.__name__, hints, forbid_unknown_fields=True, gc=False)


def _bulk_type(hint: Any) -> Any:
    if hint is UUID:
        return Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
    if hint is datetime:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if get_origin(hint) in (Union, types.UnionType):
        options = get_args(hint)
        return Union[tuple(_bulk_type(each) for each in options if not (each is str and Sealed in options))]  # noqa: UP007
    return _bulk_form(cast(Hashable, hint)) if is_dataclass(hint) else hint


def stored_form(entry: EventType) -> type[Any]:
    """What stands in the column ``state`` of such an event."""
    hints = get_type_hints(Envelope) | {"data": entry.cls}
    envelope = [(name, _bulk_type(hint)) for name, hint in hints.items()]
    return msgspec.defstruct("Envelope", envelope, forbid_unknown_fields=True, gc=False)


_BULK = {entry.name: (msgspec.json.Decoder(stored_form(entry)).decode, entry.schema) for entry in CATALOGUE}


# ── Proofs


_LEAF_BEGINS = ">BIQI{}sIQI"  # with the zero byte before it
_begin = struct.Struct(_LEAF_BEGINS.format(16)).pack
_length = struct.Struct(">I").pack


def leaf_bytes(row: Notification) -> bytes:
    """What the proof of an event is taken over: position, stream, version, type and state, each with its length before it.

    Fixed for good: lengths are four bytes, numbers eight, both big-endian; the stream is its sixteen bytes, the type UTF-8.
    Raises ``DamagedEvent`` for values of another kind, which SQLite takes from whoever writes its file.
    """
    return _leaf(row)[1:]


def leaf_hash(row: Notification) -> bytes:
    """SHA-256 of a leaf after RFC 9162: a zero byte, then its bytes. Raises ``DamagedEvent`` like ``leaf_bytes``."""
    return sha256(_leaf(row)).digest()


def _leaf(row: Notification) -> bytes:
    try:
        stream = row.originator_id.bytes if isinstance(row.originator_id, UUID) else row.originator_id.encode()
        kind, state = row.topic.encode(), row.state
        begin = _begin if len(stream) == 16 else struct.Struct(_LEAF_BEGINS.format(len(stream))).pack
        head = begin(0, 8, row.id, len(stream), stream, 8, row.originator_version, len(kind))
        return b"".join((head, kind, _length(len(state)), state))
    except (AttributeError, TypeError, struct.error) as error:
        raise DamagedEvent(row, str(error)) from error


# ── What a store offers; the recorders in interfaces/storage implement it on SQLite and PostgreSQL.


class CommitUnknown(OperationalError):
    """The commit itself failed in a way that leaves open whether it happened."""


class StoreUnavailable(PersistenceError):
    """The store is away; nothing can be decided or read now."""


class Question(NamedTuple):
    """A query without placeholders, or one whose ``IN (?)`` means any of these keys, all of them texts."""

    sql: str
    keys: Collection[Sequence[str]] | None = None


Found = list[tuple[Any, ...]]  # the rows of a query
Progress = Callable[[int, int], None]  # is told how many of how many are done; the second number may grow


class Reader(Protocol):
    """One consistent snapshot. Placeholders are ``?``; values are ``int``, ``str``, ``bytes`` and ``None``."""

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Found: ...

    def head(self) -> Notification | None:
        """The last row of the log."""

    def notifications(self, after: int, limit: int) -> list[Notification]:
        """Rows with a position greater than ``after``, in order."""

    def ask(self, *questions: Question) -> list[Found]:
        """The rows that answer each question. All go in one message: each would cost a way to the store and back."""

    def look(self, after: int, limit: int, *questions: Question) -> tuple[list[Notification], list[Found]]:
        """``notifications`` and ``ask`` in one message."""

    def stored_rows(self, after: int, limit: int) -> list[StoredRow]:
        """The same, for ``read_events``."""

    def stream(self, originator_id: UUID, after: int = 0) -> list[StoredEvent]:
        """Rows of one stream with a version greater than ``after``, in order."""


class Transaction(Reader, Protocol):
    """A turn: a write transaction that holds the one lock of the log, so that nothing is decided on stale state.

    What is written need not reach the store, and fail there, before the next read or the end of the turn.
    """

    def append(self, events: Sequence[Notification]) -> None:
        """Appends rows whose positions follow on from the log's last; ``IntegrityError`` otherwise."""

    def execute(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Runs one statement for each row of values."""

    def send(self) -> None:
        """Lets the store begin with what was written so far, while the turn goes on."""


class Appends(Protocol):
    """How somebody who follows the log learns that it may have grown."""

    def wait(self, seconds: float) -> None:
        """Waits for an append since the last wait, whichever process makes it, at most so long. What came is for a look to tell."""

    def close(self) -> None: ...


class Loading(Reader, Protocol):
    """A write transaction for many rows that nobody else reads or writes; what it commits may be lost with the machine's power
    until a turn has committed after it."""

    def load(self, table: str, rows: Sequence[msgspec.Struct]) -> None:
        """Inserts rows that have a value for each column of the table, in its order; they are ``array_like``."""

    def empty(self, tables: Sequence[str]) -> None:
        """Deletes all rows of tables that no projection's live slot is; waits for whoever may still read them as such."""

    def owns(self, table: str) -> bool:
        """Whether indexes of this table may be made and dropped."""

    def execute(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...


class Store(Protocol):
    """The log and everything that is kept beside it, in one database."""

    def turn(self) -> AbstractContextManager[Transaction]:
        """Takes the lock; commits on leaving, rolls back on an exception. ``CommitUnknown`` where that stays open."""

    def loading(self) -> AbstractContextManager[Loading]:
        """Turns go on meanwhile where the database can write two things at a time."""

    def reading(self) -> AbstractContextManager[Reader]: ...

    def appends(self) -> Appends:
        """Whoever looks after this call and after each wait misses nothing."""

    def close(self) -> None: ...


GAP_MAX = 32  # rows that nobody asked for are cheaper to read than another question is to ask


def rows_at(reader: Reader, positions: Sequence[int]) -> list[Notification]:
    """The rows at these ascending positions, as far as there are any."""
    found = []
    for first, last in _runs(positions):
        found += reader.notifications(first - 1, last - first + 1)
    wanted = set(positions)
    return [row for row in found if row.id in wanted]


def _runs(positions: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending positions as few stretches of the log, with small gaps inside."""
    runs: list[tuple[int, int]] = []
    for position in positions:
        if runs and position - runs[-1][1] <= GAP_MAX:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return runs
