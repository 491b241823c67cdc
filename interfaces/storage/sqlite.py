"""The log in SQLite: the library takes this module as its PERSISTENCE_MODULE."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from operator import methodcaller
from threading import Condition
from uuid import UUID

# As a module: the library accepts only one factory among the names of a persistence module.
import eventsourcing.sqlite as stock
import msgspec
from eventsourcing.persistence import Notification, OperationalError
from msgspec.structs import astuple

from application.log import CommitUnknown
from interfaces.storage.turns import TURN_WAIT_SECONDS_MAX, Dialect, SnapshotReader, Statement, TurnRecorder, Write

POLL_SECONDS = 0.1  # SQLite tells nobody what other processes write: whoever follows the log looks as often as that

# How a text is read, also one that was made no UTF-8, so that its row can be named. A function in Python costs four times as much.
_as_it_is = methodcaller("decode", "utf-8", "backslashreplace")

_PRIMARY_RESULT_CODE = 0xFF  # SQLite's extended result codes carry details in the bits above


class SQLiteDialect(Dialect):
    """Originators' ids are stored as the library's own recorder does: as hexadecimal text."""

    driver_error = sqlite3.Error
    stream_text = (  # half as long as to put the parts together with ||
        "printf('%.8s-%.4s-%.4s-%.4s-%s', originator_id, substr(originator_id, 9), substr(originator_id, 13), "
        "substr(originator_id, 17), substr(originator_id, 21))"
    )

    def __init__(self, recorder: SQLiteTurnRecorder) -> None:
        super().__init__(recorder.events_table_name, position="rowid")
        self._recorder = recorder

    def sql(self, statement: str) -> str:
        return statement

    def stored_id(self, originator_id: UUID | str) -> str:
        return originator_id.hex if isinstance(originator_id, UUID) else originator_id

    def loaded_id(self, stored: str) -> UUID | str:
        """What is no id as this recorder writes it, such as one in capitals, stays what it is: the proof is over what is stored."""
        try:
            loaded = self._recorder.convert_originator_id(stored)
        except (AttributeError, TypeError, ValueError):
            return stored
        return loaded if self.stored_id(loaded) == stored else stored

    def any_of(self, statement: str, keys: Collection[Sequence[str]]) -> Statement:
        rows = [f"({', '.join('?' * len(key))})" for key in keys]
        # Several VALUES alone would be looked for in every row of the table, past its index.
        return statement.replace("IN (?)", f"IN (SELECT * FROM (VALUES {', '.join(rows)}))"), [part for key in keys for part in key]

    def load(self, cursor: sqlite3.Cursor, table: str, rows: Sequence[msgspec.Struct]) -> None:
        marks = ", ".join("?" for _ in rows[0].__struct_fields__)
        cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", map(astuple, rows))

    def empty(self, cursor: sqlite3.Cursor, tables: Sequence[str]) -> None:
        for table in tables:  # whoever reads them goes on reading what they were
            cursor.execute(f"DELETE FROM {table}")

    def insertion(self, events: Sequence[Notification]) -> Write:
        rows = [(self.stored_id(e.originator_id), e.originator_version, e.topic, e.state, e.id) for e in events]
        return self._recorder.insert_events_statement, rows


class SQLiteAppends:
    """This process's own turns are told at once; for those of others somebody has to look."""

    def __init__(self, recorder: SQLiteTurnRecorder) -> None:
        self._recorder = recorder
        self._known = recorder.commits_after(0, 0)

    def wait(self, seconds: float) -> None:
        self._known = self._recorder.commits_after(self._known, min(seconds, POLL_SECONDS))

    def close(self) -> None:
        pass


class SQLiteTurnRecorder(TurnRecorder, stock.SQLiteApplicationRecorder):
    """The library's recorder, whose only way to write is a turn."""

    def __init__(self, datastore: stock.SQLiteDatastore, events_table_name: str = "stored_events") -> None:
        self._turn_connection: sqlite3.Connection | None = None
        self._commits = 0
        self._committed = Condition()
        super().__init__(datastore, events_table_name)
        self.insert_events_statement = (
            f"INSERT INTO {events_table_name} (originator_id, originator_version, topic, state, rowid) VALUES (?, ?, ?, ?, ?)"
        )
        self.dialect = SQLiteDialect(self)

    def construct_create_table_statements(self) -> list[str]:
        """The four columns of the library, and a row id that no VACUUM changes, as it has a name."""
        return [
            f"CREATE TABLE IF NOT EXISTS {self.events_table_name} ("
            "rowid INTEGER PRIMARY KEY, "
            "originator_id TEXT NOT NULL, "
            "originator_version INTEGER NOT NULL, "
            "topic TEXT NOT NULL, "
            "state BLOB NOT NULL, "
            "UNIQUE (originator_id, originator_version))"
        ]

    @contextmanager
    def reading(self) -> Iterator[SnapshotReader]:
        with self.dialect.library_errors(), self.datastore.transaction(commit=False) as pooled:
            cursor = pooled.sqlite_cursor
            cursor.row_factory = None
            cursor.connection.text_factory = _as_it_is
            cursor.execute("PRAGMA query_only = ON")
            try:
                yield SnapshotReader(cursor, self.dialect)
            finally:
                cursor.execute("PRAGMA query_only = OFF")

    @contextmanager
    def _writing(self, under_way: ExitStack) -> Iterator[sqlite3.Cursor]:
        with self._connection() as connection:
            # The deferred BEGIN of the library fails with "locked" where another one writes after the first read.
            with self.dialect.library_errors():
                connection.execute("BEGIN IMMEDIATE")
            cursor = connection.cursor()
            cursor.row_factory = None  # plain tuples in place of the pool's rows
            try:
                yield cursor
            except BaseException:
                self._roll_back(connection)
                raise
            self._commit(connection)

    @contextmanager
    def _loading(self) -> Iterator[sqlite3.Cursor]:
        with self._alone(), ExitStack() as under_way, self._writing(under_way) as cursor:  # SQLite has one writer at a time
            yield cursor

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self.datastore.pool.is_sqlite_memory_mode:
            # Connections to a shared memory lock whole tables without waiting: the pool keeps readers and writer apart.
            with self.datastore.get_connection(commit=True) as pooled:
                yield pooled.cursor().sqlite_cursor.connection
            return
        if self._turn_connection is None:
            with self.dialect.library_errors():
                self._turn_connection = self._connect()
        yield self._turn_connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.datastore.pool.db_name,
            uri=True,
            check_same_thread=False,  # turns come from many threads, though never from two at a time
            isolation_level=None,
            timeout=TURN_WAIT_SECONDS_MAX,
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a commit is on disk before anybody hears of it
            connection.execute("PRAGMA secure_delete = ON")  # what is erased does not survive in free pages
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            connection.rollback()
        except sqlite3.Error:
            self._discard_connection()

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.commit()
        except sqlite3.Error as error:
            self._roll_back(connection)
            self._discard_connection()
            if getattr(error, "sqlite_errorcode", 0) & _PRIMARY_RESULT_CODE == sqlite3.SQLITE_IOERR:
                # The commit may stand in the write-ahead log all the same, and count after a crash.
                raise CommitUnknown(str(error)) from error
            with self.dialect.library_errors():
                raise
        with self._committed:
            self._commits += 1
            self._committed.notify_all()

    def appends(self) -> SQLiteAppends:
        return SQLiteAppends(self)

    def commits_after(self, known: int, seconds: float) -> int:
        """How many turns this process has committed, as soon as that is more than ``known``, or when the time is over."""
        with self._committed:
            self._committed.wait_for(lambda: self._commits > known, seconds)
            return self._commits

    def _discard_connection(self) -> None:
        connection, self._turn_connection = self._turn_connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _close_pool(self) -> None:
        # The library's pool would close connections under the readers' hands, which crashes the process. Its condition
        # is held from the last check to the end, so that no connection is given out in between.
        pool = self.datastore.pool
        deadline = time.monotonic() + TURN_WAIT_SECONDS_MAX
        with pool._put_condition:
            while pool.num_in_use:
                if time.monotonic() > deadline:
                    raise OperationalError(f"{pool.num_in_use} readers are still at work")
                pool._put_condition.wait(timeout=0.05)  # a reader's end is told to one waiter only
            pool.close()


class Factory(stock.SQLiteFactory):
    """Makes applications of the library record through turns."""

    application_recorder_class = SQLiteTurnRecorder
