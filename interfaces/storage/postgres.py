"""The log in PostgreSQL: the library takes this module as its PERSISTENCE_MODULE."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import lru_cache
from hashlib import sha256
from struct import Struct, pack
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

# As a module: the library accepts only one factory among the names of a persistence module.
import eventsourcing.postgres as stock
import msgspec
import psycopg
from eventsourcing.persistence import Notification, OperationalError, PersistenceError
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format
from psycopg.rows import TupleRow, tuple_row
from psycopg.sql import SQL, Identifier, Literal
from psycopg.types.numeric import IntLoader
from psycopg_pool import PoolTimeout

from application.log import CommitUnknown
from interfaces.storage.turns import (
    IDLE_SECONDS_MAX,
    TURN_WAIT_SECONDS_MAX,
    Dialect,
    SnapshotReader,
    TurnRecorder,
)

_T = TypeVar("_T")

_STATEMENT_SECONDS_MAX = 120  # of one statement in a turn, waiting for the lock included

# PostgreSQL sums whole numbers up to a "numeric"; whoever reads expects the whole number that SQLite returns.
_ADAPTERS = AdaptersMap(psycopg.adapters)
_ADAPTERS.register_loader("numeric", IntLoader)

_CONNECTION_PARAMETERS = {
    "application_name": "stundenpool",
    "connect_timeout": 10,  # seconds
    "context": _ADAPTERS,
    # A machine that vanished is noticed within half a minute.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}

_BYTEA, _BYTEA_ARRAY = 17, 1001  # PostgreSQL's numbers of these types


class ByteArray(NamedTuple):
    """Bytes, to be sent as an array in PostgreSQL's binary form, which spares both sides the hexadecimal digits."""

    values: Sequence[bytes | None]


class _ByteArrayDumper(Dumper):
    oid = _BYTEA_ARRAY
    format = Format.BINARY
    _length = Struct(">i").pack

    def dump(self, obj: ByteArray) -> bytes:
        parts = [pack(">iiiii", 1, 1, _BYTEA, len(obj.values), 1)]  # dimensions, nulls may occur, type, length, first index
        for value in obj.values:
            parts += [self._length(-1)] if value is None else [self._length(len(value)), value]
        return b"".join(parts)


_ADAPTERS.register_dumper(ByteArray, _ByteArrayDumper)

_PLAIN_NAME = re.compile("[a-z][a-z0-9_]{0,62}")  # the library does not quote names everywhere
_INSERT_OF_MARKS = re.compile(r"INSERT INTO (\w+) \(([\w, ]+)\) VALUES \([?, ]+\)([^?]*)")
_ESCAPED_LETTER = re.compile(rb'\\[^"\\]')
_LITERAL_OR_MARK = re.compile(r"'[^']*'|[?%]")


@lru_cache(maxsize=1024)
def with_format_placeholders(statement: str) -> str:
    """The statement with `%s` for every `?` outside of literals, and with every `%` doubled."""

    def translate(found: re.Match[str]) -> str:
        return "%s" if found[0] == "?" else found[0].replace("%", "%%")

    return _LITERAL_OR_MARK.sub(translate, statement)


class _Insertion(NamedTuple):
    """A statement that inserts the rows of arrays, and what makes an array of each column."""

    statement: str
    arrays: Sequence[Callable[[Sequence[Any]], object]]

    def parameters(self, rows: Iterable[Sequence[Any]]) -> list[object]:
        return [array(column) for array, column in zip(self.arrays, zip(*rows, strict=True), strict=True)]


def array_literal(values: Sequence[int | str | None]) -> str:
    """The values as PostgreSQL reads an array, which is nearly what JSON is: both quote alike, and ``null`` is the same word.

    The driver takes ten times as long. Only control characters are not written alike.
    """
    written = msgspec.json.encode(values)
    if _ESCAPED_LETTER.search(written):
        return "{" + ",".join([_element(value) for value in values]) + "}"
    return "{" + written[1:-1].decode() + "}"


def _element(value: int | str | bytes | None) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "NULL" if value is None else str(value)


class PostgresDialect(Dialect):
    """Arrays, and a notice to everybody who follows the log, in one statement for all events of a turn."""

    driver_error = psycopg.Error

    def __init__(self, recorder: PostgresTurnRecorder) -> None:
        table = Identifier(recorder.datastore.schema, recorder.events_table_name)
        super().__init__(table.as_string(), position="notification_id")
        self._insertions: dict[str, _Insertion] = {}
        statement = (
            SQL(
                "WITH appended AS ("
                "INSERT INTO {table} (originator_id, originator_version, topic, state, notification_id) "
                "SELECT * FROM unnest(%s::{id_type}[], %s::bigint[], %s::text[], %s::bytea[], %s::bigint[])) "
                "SELECT pg_notify({channel}, '')"
            )
            .format(
                table=table,
                id_type=Identifier(recorder.datastore.originator_id_type),
                channel=Literal(recorder.channel_name),
            )
            .as_string()
        )
        self._insertion_of_events = _Insertion(statement, (array_literal, array_literal, array_literal, ByteArray, array_literal))

    def execute_many(self, cursor: psycopg.Cursor[TupleRow], statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Rows are inserted by one statement over arrays: a tenth of the work that a statement for each of them makes."""
        found = _INSERT_OF_MARKS.fullmatch(statement)
        if found is None or not rows:
            super().execute_many(cursor, statement, rows)
            return
        insertion = self._insertions.get(statement)
        if insertion is None:
            insertion = self._insertions[statement] = self._insertion(cursor, *found.groups())
        # On a cursor of its own: in a pipeline, each has one result.
        cursor.connection.execute(insertion.statement, insertion.parameters(rows))

    def _insertion(self, cursor: psycopg.Cursor[TupleRow], table: str, columns: str, rest: str) -> _Insertion:
        found = cursor.connection.execute(
            "SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", (table,)
        )
        types: dict[str, str] = dict(found.fetchall())
        wanted = [types[column] for column in columns.split(", ")]
        arrays = ", ".join(f"%s::{each}[]" for each in wanted)
        statement = f"INSERT INTO {table} ({columns}) SELECT * FROM unnest({arrays}){rest.replace('%', '%%')}"
        return _Insertion(statement, [ByteArray if each == "bytea" else array_literal for each in wanted])

    def select_in(self, cursor: psycopg.Cursor[TupleRow], statement: str, keys: Collection[Sequence[str]]) -> None:
        columns = [array_literal(column) for column in zip(*keys, strict=True)]
        arrays = ", ".join(["%s::text[]"] * len(columns))
        cursor.execute(statement.replace("IN (?)", f"IN (SELECT * FROM unnest({arrays}))"), columns)

    def rows(self, cursor: psycopg.Cursor[TupleRow]) -> list[tuple[Any, ...]]:
        if cursor.connection.info.pipeline_status:
            return cursor.fetchall()  # which waits for them; until then nobody knows whether there are any
        return super().rows(cursor)

    def together(self, cursor: psycopg.Cursor[TupleRow]) -> AbstractContextManager[object]:
        return cursor.connection.pipeline()

    def library_error(self, error: Exception) -> PersistenceError:
        if isinstance(error, psycopg.Error) and _severity(error) == "FATAL":
            return OperationalError(str(error))  # the connection is lost, whatever class the reason belongs to
        return super().library_error(error)

    def sql(self, statement: str) -> str:
        return with_format_placeholders(statement)

    def stored_id(self, originator_id: UUID | str) -> UUID | str:
        return originator_id

    def loaded_id(self, stored: UUID | str) -> UUID | str:
        return stored

    def insert(self, cursor: psycopg.Cursor[TupleRow], events: Sequence[Notification]) -> None:
        rows = [(str(e.originator_id), e.originator_version, e.topic, e.state, e.id) for e in events]
        cursor.connection.execute(self._insertion_of_events.statement, self._insertion_of_events.parameters(rows))


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
        super().__init__(datastore, events_table_name=events_table_name)
        # Neither is there a function by which somebody could append without taking the lock.
        del self.sql_create_statements[self.create_insert_function_statement_index]
        self._begin_statement = (
            # Two statements in one message: the snapshot of whatever comes next is taken when the lock is held, so that
            # it sees the commit that the lock was waiting for.
            SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock({})")
            .format(Literal(_lock_key(datastore.schema, events_table_name)))
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
        with self._snapshot() as cursor:
            yield SnapshotReader(cursor, self.dialect)

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
    def _writing(self) -> Iterator[psycopg.Cursor[TupleRow]]:
        with self.dialect.library_errors():
            connection = self._begin()
        try:
            yield connection.cursor()
        except BaseException:
            self._roll_back(connection)
            raise
        self._commit(connection)

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
        )
        if get_password is not None:
            parameters["password"] = get_password()
        return psycopg.connect(**parameters)

    def _roll_back(self, connection: psycopg.Connection[TupleRow]) -> None:
        try:
            connection.rollback()
        except psycopg.Error:  # broken, or interrupted within a statement; the server rolls back what it was told
            self._discard_connection()

    def _commit(self, connection: psycopg.Connection[TupleRow]) -> None:
        try:
            connection.commit()
        except psycopg.Error as error:
            self._discard_connection()
            # An answer of the server says that it did not commit; silence, or a crash, says nothing.
            if _severity(error) in ("ERROR", "FATAL"):
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


@contextmanager
def _leaving(stack: ExitStack, value: _T) -> Iterator[_T]:
    """Gives the value, and leaves on exit what was entered to get it."""
    with stack:
        yield value


def _lock_key(schema: str, table: str) -> int:
    """Advisory locks are numbers of 64 bits, known in the whole database; each log of it has one of its own."""
    return int.from_bytes(sha256(f"stundenpool {schema}.{table}".encode()).digest()[:8], signed=True)


def _severity(error: psycopg.Error) -> str | None:
    """What the server calls its answer: ERROR, FATAL, PANIC; None if there was no answer."""
    return error.diag.severity_nonlocalized


def _ends_connection(error: psycopg.Error) -> bool:
    return _severity(error) != "ERROR"
