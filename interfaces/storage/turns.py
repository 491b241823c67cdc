"""What the recorders for SQLite and PostgreSQL share: reading the log with SQL, and writing to it in turns.

Each store adds a dialect, how a transaction begins and ends, and nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
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


Write = tuple[str, Sequence[Sequence[Any]]]  # a statement with `?` placeholders, and rows of parameters for it


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

    def under_way(self, cursor: Any) -> AbstractContextManager[object]:
        """Inside, nobody waits for what is written; on leaving, everybody has."""
        return nullcontext()

    @abstractmethod
    def load(self, cursor: Any, table: str, rows: Sequence[msgspec.Struct]) -> None:
        """Inserts many rows that have a value for each column of the table, in its order."""

    @abstractmethod
    def empty(self, cursor: Any, tables: Sequence[str]) -> None:
        """Deletes all rows of tables that no projection's live slot is, once nobody reads them as such any more."""

    def owns(self, cursor: Any, table: str) -> bool:
        """Whether indexes of this table may be made and dropped."""
        return True

    def select_many(self, cursor: Any, statement: str, parameters: Sequence[Any]) -> None:
        """Executes a statement that returns many long rows."""
        cursor.execute(self.sql(statement), parameters)

    @abstractmethod
    def select_in(self, cursor: Any, statement: str, keys: Collection[Sequence[str]]) -> None:
        """Executes a statement in which `IN (?)` means any of these keys."""

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

    def fetch_all(self, sql: str, keys: Collection[Sequence[str]]) -> list[tuple[Any, ...]]:
        """The rows of a statement in which `IN (?)` means any of these keys, all of them texts; none where there are no keys."""
        if not keys:
            return []
        with self._errors():
            self._dialect.select_in(self._cursor, sql, keys)
            return self._rows()

    def head(self) -> Notification | None:
        """The last event of the log."""
        last = self._notifications(f"ORDER BY {self._dialect.position} DESC LIMIT 1", ())
        return last[0] if last else None

    def notifications(self, after: int, limit: int) -> list[Notification]:
        """At most `limit` events behind the position `after`, in the order of the log."""
        position = self._dialect.position
        return self._notifications(f"WHERE {position} > ? ORDER BY {position} LIMIT ?", (after, limit))

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

    def _notifications(self, condition: str, params: Sequence[Any]) -> list[Notification]:
        rows = self.fetch(
            f"SELECT originator_id, originator_version, topic, state, {self._dialect.position} "
            f"FROM {self._dialect.table} {condition}",
            params,
        )
        loaded_id = self._dialect.loaded_id
        return [Notification(loaded_id(stored_id), *others) for stored_id, *others in rows]

    def _rows(self) -> list[tuple[Any, ...]]:
        return self._cursor.fetchall() if self._cursor.description else []

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with self._dialect.library_errors():
                yield
        except (OverflowError, UnicodeError) as error:  # a value that no column can hold, found before it was sent
            raise DataError(str(error)) from error


class TurnTransaction(SnapshotReader):
    """A turn: reads what is committed up to this moment, and writes.

    What is written goes to the database in one piece, before the next read or at the end; it fails there.

    After an error the turn is spoilt and can only be left with an exception: PostgreSQL would answer the commit with a
    silent rollback, SQLite would commit the half of a statement's rows that went in.
    """

    _head_position: int | None = None  # unknown until somebody asks; nobody else can change it during the turn
    _spoilt = False

    def __init__(self, cursor: DriverCursor, dialect: Dialect) -> None:
        super().__init__(cursor, dialect)
        self._writes: list[Write] = []
        self._under_way: ExitStack | None = None

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self._write()
        return super().fetch(sql, params)

    def fetch_all(self, sql: str, keys: Collection[Sequence[str]]) -> list[tuple[Any, ...]]:
        self._write()
        return super().fetch_all(sql, keys)

    def head(self) -> Notification | None:
        last = super().head()
        self._head_position = last.id if last else 0
        return last

    def notifications(self, after: int, limit: int) -> list[Notification]:
        found = super().notifications(after, limit)
        if found and len(found) < limit:
            self._head_position = found[-1].id
        return found

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
        self._write()

    def send(self) -> None:
        """Sets what was written on its way, for the database to begin with while the turn goes on."""
        with self._errors():
            if self._under_way is None:
                self._under_way = ExitStack()
                self._under_way.enter_context(self._dialect.under_way(self._cursor))
            self._dialect.write(self._cursor, self._writes)
            self._writes = []

    def leave(self) -> None:
        """Waits for what is still under way where a turn is given up: whether it failed does not matter any more."""
        with suppress(PersistenceError), self._errors(), self._under_way or nullcontext():
            self._under_way = None

    def _write(self) -> None:
        """Whatever was written is in the database when this returns."""
        writes, self._writes = self._writes, []
        under_way, self._under_way = self._under_way, None
        if writes or under_way:
            with self._errors(), under_way or nullcontext():
                self._dialect.write(self._cursor, writes)

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
        self._write()
        if not rows:
            return
        with self._errors():
            self._dialect.load(self._cursor, table, rows)

    def empty(self, tables: Sequence[str]) -> None:
        """Deletes all rows of tables that no projection's live slot is, once nobody reads them as such any more."""
        self._write()
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
        with self._alone(), self._writing() as cursor:
            transaction = TurnTransaction(cursor, self.dialect)
            try:
                yield transaction
                transaction.finish()
            finally:
                transaction.leave()

    @contextmanager
    def loading(self) -> Iterator[LoadTransaction]:
        """A write transaction for many rows, beside the turns where the database can write two things at a time."""
        with self._loading() as cursor:
            transaction = LoadTransaction(cursor, self.dialect)
            try:
                yield transaction
                transaction.finish()
            finally:
                transaction.leave()

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
    def _writing(self) -> AbstractContextManager[DriverCursor]:
        """A transaction with the log's lock on a connection outside the pool; errors leave it as the library's."""

    @abstractmethod
    def _loading(self) -> AbstractContextManager[DriverCursor]:
        """The same without the lock, where the database can do without it."""

    @abstractmethod
    def _discard_connection(self) -> None:
        """Closes the connection of the turns; the next turn makes another."""

    @abstractmethod
    def _close_pool(self) -> None:
        """Closes the connections of the readers when they are done."""
