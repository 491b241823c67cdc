"""The log in PostgreSQL: the library takes this module as its PERSISTENCE_MODULE."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import lru_cache
from hashlib import sha256
from itertools import count
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

# As a module: the library accepts only one factory among the names of a persistence module.
import eventsourcing.postgres as stock
import msgspec
import psycopg
from eventsourcing.persistence import Notification, OperationalError, PersistenceError
from psycopg.adapt import AdaptersMap
from psycopg.errors import LockNotAvailable, PipelineAborted
from psycopg.rows import TupleRow, tuple_row
from psycopg.sql import SQL, Identifier, Literal
from psycopg.types.numeric import IntLoader
from psycopg_pool import PoolTimeout

from application.log import CommitUnknown, Found
from interfaces.storage.many_rows import ByteArray, ByteArrayDumper, array_literal, lines_of
from interfaces.storage.turns import (
    IDLE_SECONDS_MAX,
    TURN_WAIT_SECONDS_MAX,
    Dialect,
    SnapshotReader,
    Statement,
    TurnRecorder,
    Write,
)

_T = TypeVar("_T")

_RECONNECT_SECONDS_MAX = 2  # then whoever waits asks anew: the pool itself would wait twice as long before each attempt
_STATEMENT_SECONDS_MAX = 120  # of one statement in a turn, waiting for the lock included
_EMPTY_WAIT_MS = 100  # for readers of a table to be done before it is emptied; they wait as long
_EMPTY_PAUSE_SECONDS = 1  # before the next attempt

# PostgreSQL sums whole numbers up to a "numeric"; whoever reads expects the whole number that SQLite returns.
_ADAPTERS = AdaptersMap(psycopg.adapters)
_ADAPTERS.register_loader("numeric", IntLoader)
_ADAPTERS.register_dumper(ByteArray, ByteArrayDumper)

# A machine that vanished is noticed within half a minute, by either side.
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}

_CONNECTION_PARAMETERS = {
    "application_name": "stundenpool",
    "connect_timeout": 10,  # seconds
    "context": _ADAPTERS,
    **_KEEPALIVES,
    "tcp_user_timeout": 30_000,
}

_PLAIN_NAME = re.compile("[a-z][a-z0-9_]{0,62}")  # the library does not quote names everywhere
_INSERTION = re.compile(r'INSERT INTO ([\w."]+) \(([\w, ]+)\) VALUES \([?, ]+\)([^?]*)')
_DELETION = re.compile(r"DELETE FROM (\w+) WHERE (\w+ = \?(?: AND \w+ = \?)*)")
_MARK = re.compile(r"\?")
_LITERAL_OR_MARK = re.compile(r"'[^']*'|[?%]")


@lru_cache(maxsize=1024)
def with_format_placeholders(statement: str) -> str:
    """The statement with `%s` for every `?` outside of literals, and with every `%` doubled."""

    def translate(found: re.Match[str]) -> str:
        return "%s" if found[0] == "?" else found[0].replace("%", "%%")

    return _LITERAL_OR_MARK.sub(translate, statement)


class _Change(NamedTuple):
    """A statement that changes one table by the rows of arrays, and what makes an array of each column."""

    table: str
    statement: str
    arrays: Sequence[Callable[[Sequence[Any]], object]]

    def parameters(self, rows: Sequence[Sequence[Any]]) -> list[object]:
        return [array(column) for array, column in zip(self.arrays, zip(*rows, strict=True), strict=True)]


class PostgresDialect(Dialect):
    """Arrays, and a notice to everybody who follows the log, in one statement for all events of a turn."""

    driver_error = psycopg.Error
    stream_text = "originator_id::text"

    def __init__(self, recorder: PostgresTurnRecorder) -> None:
        table = Identifier(recorder.datastore.schema, recorder.events_table_name)
        super().__init__(table.as_string(), position="notification_id")
        self._insertion_of_events = (
            f"INSERT INTO {self.table} (originator_id, originator_version, topic, state, notification_id) VALUES (?, ?, ?, ?, ?)"
        )
        self._notice = SQL("pg_notify({}, '')").format(Literal(recorder.channel_name)).as_string()
        self._changes: dict[str, _Change | None] = {}
        self._joined: dict[tuple[str, ...], str] = {}

    def insertion(self, events: Sequence[Notification]) -> Write:
        rows = [(str(e.originator_id), e.originator_version, e.topic, e.state, e.id) for e in events]
        return self._insertion_of_events, rows

    def load(self, cursor: psycopg.Cursor[TupleRow], table: str, rows: Sequence[msgspec.Struct]) -> None:
        lines = lines_of(rows)
        with cursor.copy(f"COPY {table} FROM STDIN ({lines.options})") as copy:
            copy.write(lines.written)

    def empty(self, cursor: psycopg.Cursor[TupleRow], tables: Sequence[str]) -> None:
        """Truncates, which not even older snapshots survive; so nobody may be left who learned before the last switch which slot
        is live. While that is waited for, nobody else can learn it either: only for moments."""
        while True:
            with suppress(LockNotAvailable), cursor.connection.transaction():
                cursor.execute(f"SET LOCAL lock_timeout = {_EMPTY_WAIT_MS}")
                cursor.execute("LOCK TABLE projections IN ACCESS EXCLUSIVE MODE")
                cursor.execute(f"TRUNCATE {', '.join(tables)}")
                return
            time.sleep(_EMPTY_PAUSE_SECONDS)

    def owns(self, cursor: psycopg.Cursor[TupleRow], table: str) -> bool:
        cursor.execute("SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = %s::regclass", (table,))
        [(owns,)] = cursor.fetchall()
        return bool(owns)

    def select_many(self, cursor: psycopg.Cursor[TupleRow], statement: str, parameters: Sequence[Any]) -> None:
        cursor.execute(self.sql(statement), parameters, binary=True)

    def select_all(self, cursor: psycopg.Cursor[TupleRow], statements: Sequence[Statement]) -> list[Found]:
        with self.under_way(cursor):
            asked = [_of_its_own(cursor).execute(self.sql(statement), parameters) for statement, parameters in statements]
        for each in asked:
            _demand_answer(each)
        return [each.fetchall() for each in asked]

    def under_way(self, cursor: psycopg.Cursor[TupleRow]) -> AbstractContextManager[object]:
        return cursor.connection.pipeline()

    def write(self, cursor: psycopg.Cursor[TupleRow], writes: Sequence[Write]) -> None:
        """All tables in one statement, over arrays: a statement for each row, or only for each table, costs many times as much."""
        joined: dict[str, tuple[_Change, Sequence[Sequence[Any]]]] = {}
        for statement, rows in writes:
            change = self._change(cursor, statement)
            if change is None or change.table in joined:  # in one statement, none sees what the others do to its table
                self._execute(cursor, joined.values())
                joined = {}
            if change is None:
                _of_its_own(cursor).executemany(self.sql(statement), rows)
            else:
                joined[change.table] = change, rows
        self._execute(cursor, joined.values())

    def _execute(self, cursor: psycopg.Cursor[TupleRow], joined: Collection[tuple[_Change, Sequence[Sequence[Any]]]]) -> None:
        if joined:
            statement = self._join(tuple(change.statement for change, _ in joined), self.table in {c.table for c, _ in joined})
            parameters = [array for change, rows in joined for array in change.parameters(rows)]
            psycopg.RawCursor(cursor.connection).execute(statement, parameters)

    def _join(self, statements: tuple[str, ...], appends: bool) -> str:
        joined = self._joined.get(statements)
        if joined is None:
            parts = ", ".join(f"change_{number} AS ({statement})" for number, statement in enumerate(statements))
            numbers = count(1)
            numbered = _MARK.sub(lambda _: f"${next(numbers)}", parts)
            joined = self._joined[statements] = f"WITH {numbered} SELECT {self._notice if appends else ''}"
        return joined

    def _change(self, cursor: psycopg.Cursor[TupleRow], statement: str) -> _Change | None:
        """The same over arrays; ``None`` for a statement that is neither an insertion nor a deletion by key."""
        if statement not in self._changes:
            self._changes[statement] = self._over_arrays(cursor, statement)
        return self._changes[statement]

    def _over_arrays(self, cursor: psycopg.Cursor[TupleRow], statement: str) -> _Change | None:
        if found := _INSERTION.fullmatch(statement):
            table, columns, rest = found.groups()
            types = _types(cursor, table, columns.split(", "))
            over = f"INSERT INTO {table} ({columns}) SELECT * FROM {_unnested(types)}{rest}"
        elif found := _DELETION.fullmatch(statement):
            table, condition = found.groups()
            keys = [each.removesuffix(" = ?") for each in condition.split(" AND ")]
            types = _types(cursor, table, keys)
            over = f"DELETE FROM {table} WHERE ({', '.join(keys)}) IN (SELECT * FROM {_unnested(types)})"
        else:
            return None
        return _Change(table, over, [ByteArray if each == "bytea" else array_literal for each in types])

    def any_of(self, statement: str, keys: Collection[Sequence[str]]) -> Statement:
        columns = [array_literal(column) for column in zip(*keys, strict=True)]
        return statement.replace("IN (?)", f"IN (SELECT * FROM {_unnested(['text'] * len(columns))})"), columns

    def library_error(self, error: Exception) -> PersistenceError:
        error = _first(error)
        if _severity(error) == "FATAL":
            return OperationalError(str(error))  # the connection is lost, whatever class the reason belongs to
        return super().library_error(error)

    def sql(self, statement: str) -> str:
        return with_format_placeholders(statement)

    def stored_id(self, originator_id: UUID | str) -> UUID | str:
        return originator_id

    def loaded_id(self, stored: UUID | str) -> UUID | str:
        return stored


class PostgresAppends:
    """PostgreSQL tells whoever listens of every append, as soon as it is committed."""

    def __init__(self, connection: psycopg.Connection[TupleRow], recorder: PostgresTurnRecorder) -> None:
        self._connection = connection
        self._dialect = recorder.dialect
        with self._dialect.library_errors():
            connection.execute(SQL("LISTEN {}").format(Identifier(recorder.channel_name)))

    def wait(self, seconds: float) -> None:
        with self._dialect.library_errors():
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                pass  # they say nothing but that somebody has appended

    def close(self) -> None:
        self._connection.close()


class PostgresTurnRecorder(TurnRecorder, stock.PostgresApplicationRecorder):
    """The library's recorder, whose only way to write is a turn."""

    def __init__(self, datastore: stock.PostgresDatastore, *, events_table_name: str = "stored_events") -> None:
        self._turn_connection: psycopg.Connection[TupleRow] | None = None
        if datastore.enable_db_functions:
            raise ValueError("POSTGRES_ENABLE_DB_FUNCTIONS makes readers of the log lose events: it must not be set")
        if not _PLAIN_NAME.fullmatch(datastore.schema):
            raise ValueError("the schema of a PostgreSQL URL consists of a-z, 0-9 and _, and begins with a letter")
        self._connection_parameters = {
            **cast(dict[str, Any], datastore.pool.kwargs),
            **_CONNECTION_PARAMETERS,
            "options": f"-c search_path={datastore.schema}",  # statements name tables without their schema
        }
        datastore.pool.kwargs = self._connection_parameters
        datastore.pool.reconnect_timeout = _RECONNECT_SECONDS_MAX
        super().__init__(datastore, events_table_name=events_table_name)
        # Neither is there a function by which somebody could append without taking the lock.
        del self.sql_create_statements[self.create_insert_function_statement_index]
        lock_key = _lock_key(datastore.schema, events_table_name)
        self.channel_name = f"stundenpool {lock_key}"  # notices are known in the whole database, as locks are
        self._begin_statement = (
            # Two statements in one message: the snapshot of whatever comes next is taken when the lock is held, so that
            # it sees the commit that the lock was waiting for.
            SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock({})")
            .format(Literal(lock_key))
            .as_string()
        )
        self.dialect = PostgresDialect(self)

    def create_table(self) -> None:
        """Creates the schema where it is missing, and the table."""
        with self.datastore.transaction(commit=True) as cursor:
            # IF NOT EXISTS alone demands the right to create schemas even where there is nothing to create.
            cursor.execute("SELECT FROM pg_namespace WHERE nspname = %s", (self.datastore.schema,))
            if not cursor.rowcount:
                cursor.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(self.datastore.schema)))
        super().create_table()

    @contextmanager
    def reading(self) -> Iterator[SnapshotReader]:
        with ExitStack() as snapshot:
            yield SnapshotReader(snapshot.enter_context(self._snapshot()), self.dialect)
            with suppress(PersistenceError):  # what was read stands, even if the connection has been lost since
                snapshot.close()

    def appends(self) -> PostgresAppends:
        with self.dialect.library_errors():
            return PostgresAppends(self._connect(), self)

    def _snapshot(self) -> AbstractContextManager[psycopg.Cursor[TupleRow]]:
        try:
            return self._begun_snapshot()
        except OperationalError as error:
            if isinstance(error.__cause__, PoolTimeout):
                raise
        # A server that was restarted leaves a pool of broken connections behind: one of them is enough to tell.
        self.datastore.pool.check()
        return self._begun_snapshot()

    def _begun_snapshot(self) -> AbstractContextManager[psycopg.Cursor[TupleRow]]:
        with ExitStack() as stack:
            connection = stack.enter_context(self.datastore.get_connection())
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor = connection.cursor(row_factory=tuple_row)
            kept = stack.pop_all()
        return _leaving(kept, cursor)

    @contextmanager
    def _writing(self, under_way: ExitStack) -> Iterator[psycopg.Cursor[TupleRow]]:
        with self.dialect.library_errors():
            connection = self._begin()
        try:
            yield connection.cursor()
        except BaseException:
            self._roll_back(connection, under_way)
            raise
        self._commit(connection, under_way)

    @contextmanager
    def _loading(self) -> Iterator[psycopg.Cursor[TupleRow]]:
        with self.dialect.library_errors(), self.datastore.get_connection() as connection:
            # The next commit of a turn brings it to the disk as well.
            connection.execute("BEGIN; SET LOCAL synchronous_commit = off")
            yield connection.cursor(row_factory=tuple_row)

    def _begin(self) -> psycopg.Connection[TupleRow]:
        """A connection that holds the lock. One that broke since the last turn is replaced: nothing is lost with it."""
        reused = self._turn_connection is not None
        try:
            return self._locked_connection()
        except psycopg.Error as error:
            if not (reused and _ends_connection(error)):
                raise
        return self._locked_connection()

    def _locked_connection(self) -> psycopg.Connection[TupleRow]:
        connection, self._turn_connection = self._turn_connection or self._connect(), None
        try:
            connection.execute(self._begin_statement, prepare=False)
        except psycopg.NotSupportedError as error:  # it is a standby, or a primary in a moment
            connection.close()
            raise psycopg.OperationalError(str(error)) from error
        except BaseException:
            connection.close()
            raise
        self._turn_connection = connection
        return connection

    def _connect(self) -> psycopg.Connection[TupleRow]:
        get_password = self.datastore.pool.get_password_func
        parameters = {**self._connection_parameters, "row_factory": tuple_row, "autocommit": True}
        parameters["options"] += (
            f" -c idle_in_transaction_session_timeout={IDLE_SECONDS_MAX}s"
            f" -c lock_timeout={TURN_WAIT_SECONDS_MAX}s"
            f" -c statement_timeout={_STATEMENT_SECONDS_MAX}s"
            # Where statements are under way, the server does not count a process as idle: a machine that vanished then has to be
            # noticed by its silence.
            f"{''.join(f' -c tcp_{name}={value}' for name, value in _KEEPALIVES.items())}"
            # A turn knows the keys of all rows that it touches; and a plan is for good, however long the tables become.
            " -c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
        )
        if get_password is not None:
            parameters["password"] = get_password()
        return psycopg.connect(**parameters)

    def _roll_back(self, connection: psycopg.Connection[TupleRow], under_way: ExitStack) -> None:
        with suppress(psycopg.Error):  # what was written and failed is given up anyway
            under_way.close()
        try:
            connection.rollback()
        except psycopg.Error:  # broken, or interrupted within a statement; the server rolls back what it was told
            self._discard_connection()

    def _commit(self, connection: psycopg.Connection[TupleRow], under_way: ExitStack) -> None:
        try:
            with under_way:
                committing = connection.execute("COMMIT", prepare=False)
            _demand_answer(committing)
        except psycopg.Error as error:
            self._discard_connection()
            # An answer of the server says that it did not commit; silence, or a crash, says nothing.
            if _severity(_first(error)) in ("ERROR", "FATAL"):
                raise self.dialect.library_error(error) from error
            raise CommitUnknown(str(error)) from error
        except BaseException:
            self._discard_connection()
            raise

    def _discard_connection(self) -> None:
        connection, self._turn_connection = self._turn_connection, None
        if connection is not None:
            connection.close()

    def _close_pool(self) -> None:
        self.datastore.close()  # readers keep theirs until they are done


class Factory(stock.PostgresFactory):
    """Makes applications of the library record through turns."""

    application_recorder_class = PostgresTurnRecorder


def _types(cursor: psycopg.Cursor[TupleRow], table: str, columns: Sequence[str]) -> list[str]:
    """The types of these columns."""
    found = cursor.execute(
        "SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", (table,)
    )
    types: dict[str, str] = dict(found.fetchall())
    return [types[column] for column in columns]


def _unnested(types: Sequence[str]) -> str:
    """A table of as many columns, to be given as arrays."""
    return f"unnest({', '.join(f'?::{each}[]' for each in types)})"


@contextmanager
def _leaving(stack: ExitStack, value: _T) -> Iterator[_T]:
    """Gives the value, and leaves on exit what was entered to get it."""
    with stack:
        yield value


def _lock_key(schema: str, table: str) -> int:
    """Advisory locks are numbers of 64 bits, known in the whole database; each log of it has one of its own."""
    return int.from_bytes(sha256(f"stundenpool {schema}.{table}".encode()).digest()[:8], signed=True)


def _of_its_own(cursor: psycopg.Cursor[TupleRow]) -> psycopg.Cursor[TupleRow]:
    """Another cursor on the same connection: while statements are under way, one for several mistakes the answer to one for
    that to another."""
    return cursor.connection.cursor(row_factory=tuple_row)


def _demand_answer(sent: psycopg.Cursor[TupleRow]) -> None:
    """Where many statements were under way, the driver itself does not say that the connection was lost."""
    if sent.pgresult is None:
        raise psycopg.OperationalError("the connection was lost before the answer came")


def _first(error: Exception) -> Exception:
    """What failed, where the driver speaks of the statements behind it, which were not executed for that."""
    while isinstance(error, PipelineAborted) and isinstance(error.__context__, psycopg.Error):
        error = error.__context__
    return error


def _severity(error: Exception) -> str | None:
    """What the server calls its answer: ERROR, FATAL, PANIC; None if there was no answer."""
    return error.diag.severity_nonlocalized if isinstance(error, psycopg.Error) else None


def _ends_connection(error: psycopg.Error) -> bool:
    return _severity(error) != "ERROR"
