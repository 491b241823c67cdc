"""What the recorders for SQLite and PostgreSQL share: reading the log with SQL, and writing to it in turns.

Each store adds a dialect, how a transaction begins and ends, and nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from threading import Lock
from typing import Any, Protocol, cast
from uuid import UUID

import msgspec
from eventsourcing.persistence import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    Notification,
    NotSupportedError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
    StoredEvent,
)

from application.log import Found, Question

# A process that vanished in the middle of its turn loses it after this time; idling is counted by the database server.
IDLE_SECONDS_MAX = 30
# Longer than that, so that such a process costs the others some waiting, but no refusal.
TURN_WAIT_SECONDS_MAX = 40

_LIBRARY_ERRORS: dict[str, type[PersistenceError]] = {
    error.__name__: error
    for error in (
        DatabaseError,
        DataError,
        IntegrityError,
        InterfaceError,
        InternalError,
        NotSupportedError,
        OperationalError,
        ProgrammingError,
    )
}


Statement = tuple[str, Sequence[Any]]  # with `?` placeholders, and what they stand for
Write = tuple[str, Sequence[Sequence[Any]]]  # the same with many rows of parameters


class DriverCursor(Protocol):
    """What the cursors of both drivers can do."""

    @property
    def description(self) -> Any: ...
    def execute(self, sql: str, parameters: Sequence[Any], /) -> Any: ...
    def fetchall(self) -> list[tuple[Any, ...]]: ...


class Dialect(ABC):
    """Where the two databases differ when they read and append."""

    driver_error: type[Exception]  # the base of everything that the driver raises
    stream_text: str  # an originator's id in SQL, as a UUID is written

    def __init__(self, table: str, position: str) -> None:
        self.table = table  # as SQL writes it, quoted where it has to be
        self.position = position  # the column that holds an event's position in the log

    @abstractmethod
    def sql(self, statement: str) -> str:
        """The statement, whose placeholders are `?`, in the driver's own notation."""

    @abstractmethod
    def stored_id(self, originator_id: UUID | str) -> Any:
        """An originator's id as a parameter of a statement."""

    @abstractmethod
    def loaded_id(self, stored: Any) -> UUID | str:
        """The reverse of `stored_id`."""

    @abstractmethod
    def insertion(self, events: Sequence[Notification]) -> Write:
        """What inserts the events at the positions that they carry."""

    def write(self, cursor: Any, writes: Sequence[Write]) -> None:
        """Executes each statement once for each of its rows of parameters, in this order."""
        for statement, rows in writes:
            cursor.executemany(self.sql(statement), rows)

    @abstractmethod
    def load(self, cursor: Any, table: str, rows: Sequence[msgspec.Struct]) -> None:
        """Inserts many rows that have a value for each column of the table, in its order."""

    @abstractmethod
    def empty(self, cursor: Any, tables: Sequence[str]) -> None:
        """Deletes all rows of tables that no projection's live slot is, once nobody reads them as such any more."""

    def owns(self, cursor: Any, table: str) -> bool:
        """Whether indexes of this table may be made and dropped."""
        return True

    def under_way(self, cursor: Any) -> AbstractContextManager[object]:
        """Inside, nobody waits for what is written; on leaving, everybody has."""
        return nullcontext()

    def select_many(self, cursor: Any, statement: str, parameters: Sequence[Any]) -> None:
        """Executes a statement that returns many long rows."""
        cursor.execute(self.sql(statement), parameters)

    def select_all(self, cursor: Any, statements: Sequence[Statement]) -> list[Found]:
        """Executes statements that all return rows."""
        return [cursor.execute(self.sql(statement), parameters).fetchall() for statement, parameters in statements]

    @abstractmethod
    def any_of(self, statement: str, keys: Collection[Sequence[str]]) -> Statement:
        """A statement in which `IN (?)` means any of these keys, as one with parameters."""

    def library_error(self, error: Exception) -> PersistenceError:
        """The library's error for a driver's, found by its name: all three take theirs from the DB-API."""
        for ancestor in type(error).__mro__:
            if ancestor.__name__ in _LIBRARY_ERRORS:
                return _LIBRARY_ERRORS[ancestor.__name__](str(error))
        return PersistenceError(str(error))

    @contextmanager
    def library_errors(self) -> Iterator[None]:
        """Raises the library's errors in place of the driver's."""
        try:
            yield
        except self.driver_error as error:
            raise self.library_error(error) from error


class SnapshotReader:
    """Reads the log and the tables beside it, within one transaction."""

    def __init__(self, cursor: DriverCursor, dialect: Dialect) -> None:
        self._cursor = cursor
        self._dialect = dialect

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Executes one statement with `?` placeholders; returns the rows, of which some statements have none."""
        with self._errors():
            self._cursor.execute(self._dialect.sql(sql), params)
            return self._rows()

    def ask(self, *questions: Question) -> list[Found]:
        """The rows that answer each question, all in one message; none where a question has no key."""
        return self._select_all([self._asking(question) for question in questions])

    def look(self, after: int, limit: int, *questions: Question) -> tuple[list[Notification], list[Found]]:
        """At most `limit` events behind the position `after`, in the order of the log, and the answers to questions."""
        behind, *answers = self._select_all([self._behind(after, limit), *(self._asking(question) for question in questions)])
        return self._loaded(behind), answers

    def head(self) -> Notification | None:
        """The last event of the log."""
        last = self._loaded(
            self.fetch(f"SELECT {self._columns} FROM {self._dialect.table} ORDER BY {self._dialect.position} DESC LIMIT 1")
        )
        return last[0] if last else None

    def notifications(self, after: int, limit: int) -> list[Notification]:
        """At most `limit` events behind the position `after`, in the order of the log."""
        found, _ = self.look(after, limit)
        return found

    def stored_rows(self, after: int, limit: int) -> list[tuple[str, int, str, bytes, int]]:
        """The same as plain values: stream, version, topic, state, position."""
        position = self._dialect.position
        statement = (
            f"SELECT {self._dialect.stream_text}, originator_version, topic, state, {position} FROM {self._dialect.table} "
            f"WHERE {position} > ? ORDER BY {position} LIMIT ?"
        )
        with self._errors():
            self._dialect.select_many(self._cursor, statement, (after, limit))
            return cast("list[tuple[str, int, str, bytes, int]]", self._rows())

    def stream(self, originator_id: UUID, after: int = 0) -> list[StoredEvent]:
        """The events of one stream whose version is greater than `after`, in the order of versions."""
        rows = self.fetch(
            f"SELECT originator_version, topic, state FROM {self._dialect.table} "
            "WHERE originator_id = ? AND originator_version > ? ORDER BY originator_version",
            (self._dialect.stored_id(originator_id), after),
        )
        return [StoredEvent(originator_id, version, topic, state) for version, topic, state in rows]

    def _behind(self, after: int, limit: int) -> Statement:
        position = self._dialect.position
        return (
            f"SELECT {self._columns} FROM {self._dialect.table} WHERE {position} > ? ORDER BY {position} LIMIT ?",
            (after, limit),
        )

    def _rows(self) -> Found:
        return self._cursor.fetchall() if self._cursor.description else []

    @property
    def _columns(self) -> str:
        return f"originator_id, originator_version, topic, state, {self._dialect.position}"

    def _loaded(self, rows: Found) -> list[Notification]:
        loaded_id = self._dialect.loaded_id
        return [Notification(loaded_id(stored_id), *others) for stored_id, *others in rows]

    def _asking(self, question: Question) -> Statement | None:
        """``None`` where there is nothing to ask."""
        if question.keys is None:
            return question.sql, ()
        return self._dialect.any_of(question.sql, question.keys) if question.keys else None

    def _select_all(self, statements: Sequence[Statement | None]) -> list[Found]:
        with self._errors():
            answers = iter(self._dialect.select_all(self._cursor, [each for each in statements if each is not None]))
        return [[] if each is None else next(answers) for each in statements]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with self._dialect.library_errors():
                yield
        except (OverflowError, UnicodeError) as error:  # a value that no column can hold, found before it was sent
            raise DataError(str(error)) from error


class TurnTransaction(SnapshotReader):
    """A turn: reads what is committed up to this moment, and writes.

    What is written goes to the database before the next read or at the end, and fails there.

    After an error the turn is spoilt and can only be left with an exception: PostgreSQL would answer the commit with a
    silent rollback, SQLite would commit the half of a statement's rows that went in.
    """

    _head_position: int | None = None  # unknown until somebody asks; nobody else can change it during the turn
    _spoilt = False

    def __init__(self, cursor: DriverCursor, dialect: Dialect, under_way: ExitStack) -> None:
        super().__init__(cursor, dialect)
        self._writes: list[Write] = []
        self._under_way = under_way
        self._sent = False  # whether something is under way

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self._settle()
        return super().fetch(sql, params)

    def head(self) -> Notification | None:
        last = super().head()
        self._head_position = last.id if last else 0
        return last

    def look(self, after: int, limit: int, *questions: Question) -> tuple[list[Notification], list[Found]]:
        found, answers = super().look(after, limit, *questions)
        if found and len(found) < limit:
            self._head_position = found[-1].id
        return found, answers

    def head_position(self) -> int:
        """The position of the last event, 0 in an empty log."""
        if self._head_position is None:
            table, position = self._dialect.table, self._dialect.position
            [(self._head_position,)] = self.fetch(f"SELECT COALESCE(MAX({position}), 0) FROM {table}")
        return self._head_position

    def append(self, events: Sequence[Notification]) -> None:
        """Appends the events at the positions that they carry; what their states contain is none of its business.

        Raises IntegrityError where a position does not follow its predecessor, or a stream has this version already.
        """
        if not events:
            return
        with self._errors():
            for position, event in enumerate(events, start=self.head_position() + 1):
                if event.id != position:
                    raise IntegrityError(f"an event carries position {event.id}, but the log continues at {position}")
        self._writes.append(self._dialect.insertion(events))
        self._head_position = events[-1].id

    def execute(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Executes one statement with `?` placeholders that changes data, once for each row of parameters."""
        parameters = list(rows)
        if parameters:
            self._writes.append((sql, parameters))

    def finish(self) -> None:
        """Writes what is left. Raises ProgrammingError where the turn is left as if nothing had happened, although a statement
        failed."""
        if self._spoilt:
            raise ProgrammingError("a statement of this turn failed: it must be left with an exception and taken again")
        self.send()

    def send(self) -> None:
        """Sets what was written on its way, for the database to begin with while the turn goes on."""
        writes, self._writes = self._writes, []
        if writes:
            with self._errors():
                if not self._sent:
                    self._under_way.enter_context(self._dialect.under_way(self._cursor))
                    self._sent = True
                self._dialect.write(self._cursor, writes)

    def _settle(self) -> None:
        """Whatever was written is in the database when this returns."""
        self.send()
        if self._sent:
            self._sent = False
            with self._errors():
                self._under_way.close()

    def _select_all(self, statements: Sequence[Statement | None]) -> list[Found]:
        self._settle()
        return super()._select_all(statements)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with super()._errors():
                yield
        except BaseException:
            self._spoilt = True
            raise


class LoadTransaction(TurnTransaction):
    """Writes many rows that nobody else reads or writes."""

    def load(self, table: str, rows: Sequence[msgspec.Struct]) -> None:
        """Inserts rows that have a value for each column of the table, in its order; they are `array_like`."""
        self._settle()
        if not rows:
            return
        with self._errors():
            self._dialect.load(self._cursor, table, rows)

    def empty(self, tables: Sequence[str]) -> None:
        """Deletes all rows of tables that no projection's live slot is, once nobody reads them as such any more."""
        self._settle()
        with self._errors():
            self._dialect.empty(self._cursor, tables)

    def owns(self, table: str) -> bool:
        """Whether indexes of this table may be made and dropped."""
        with self._errors():
            return self._dialect.owns(self._cursor, table)


class TurnRecorder(ABC):
    """The half of a recorder that takes turns. It is mixed into the library's recorder for the same database."""

    dialect: Dialect

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._turn_lock = Lock()
        super().__init__(*args, **kwargs)

    @contextmanager
    def turn(self) -> Iterator[TurnTransaction]:
        """The write transaction that holds the log's one lock: commits on leaving, rolls back on an exception.

        Raises OperationalError when others keep the lock for more than TURN_WAIT_SECONDS_MAX, and CommitUnknown when
        nobody can say whether the commit happened. A turn within a turn of the same recorder waits for itself in vain.
        """
        with self._alone(), ExitStack() as under_way, self._writing(under_way) as cursor:
            transaction = TurnTransaction(cursor, self.dialect, under_way)
            yield transaction
            transaction.finish()

    @contextmanager
    def loading(self) -> Iterator[LoadTransaction]:
        """A write transaction for many rows, beside the turns where the database can write two things at a time."""
        with self._loading() as cursor, ExitStack() as under_way:
            transaction = LoadTransaction(cursor, self.dialect, under_way)
            yield transaction
            transaction.finish()

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """The library's way to record events, as a turn of its own; returns their positions.

        Unlike the library's recorders it never tries again by itself: after a cut commit that would record twice.
        """
        if not stored_events:
            return []
        with self.turn() as turn:
            start = turn.head_position() + 1
            events = [
                Notification(event.originator_id, event.originator_version, event.topic, event.state, position)
                for position, event in enumerate(stored_events, start)
            ]
            turn.append(events)
        return list(range(start, start + len(events)))

    @abstractmethod
    def reading(self) -> AbstractContextManager[SnapshotReader]:
        """A consistent view of everything committed before its first read, on a connection of the pool."""

    def close(self) -> None:
        """Waits for the turn and the readers that are at work, then closes all connections. Twice is as good as once.

        Raises OperationalError when they are still at work after TURN_WAIT_SECONDS_MAX.
        """
        with self._alone():
            self._discard_connection()
            self._close_pool()

    def __del__(self) -> None:
        self._discard_connection()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._turn_lock.acquire(timeout=TURN_WAIT_SECONDS_MAX):
            raise OperationalError(f"another thread has kept its turn for more than {TURN_WAIT_SECONDS_MAX} s")
        try:
            yield
        finally:
            self._turn_lock.release()

    @abstractmethod
    def _writing(self, under_way: ExitStack) -> AbstractContextManager[DriverCursor]:
        """A transaction with the log's lock on a connection outside the pool; errors leave it as the library's.

        The commit goes out with whatever is still under way.
        """

    @abstractmethod
    def _loading(self) -> AbstractContextManager[DriverCursor]:
        """The same without the lock, where the database can do without it."""

    @abstractmethod
    def _discard_connection(self) -> None:
        """Closes the connection of the turns; the next turn makes another."""

    @abstractmethod
    def _close_pool(self) -> None:
        """Closes the connections of the readers when they are done."""
