"""What the databases can do at most, without any rule, state or projection."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from threading import Lock
from time import perf_counter
from uuid import uuid4

from benchmarks.measuring import Ask, Measured
from benchmarks.places import Database

CONNECTIONS_MAX = 32
STATE = b"x" * 700  # as long as a session's event with its envelope

_TABLE = {
    "sqlite": "CREATE TABLE plain (position INTEGER PRIMARY KEY, stream TEXT, version INTEGER, topic TEXT, state BLOB, "
    "UNIQUE (stream, version))",
    "postgres": "CREATE TABLE plain (position BIGSERIAL PRIMARY KEY, stream UUID, version BIGINT, topic TEXT, state BYTEA, "
    "UNIQUE (stream, version))",
}


@contextmanager
def committing(database: Database, callers: int) -> Iterator[list[Ask]]:
    """Callers that commit one row after another: on PostgreSQL each over a connection of its own, on SQLite one at a time over
    the only one that may write, as waiting for its lock in the database would be slower."""
    connections = [database.connect() for _ in range(min(callers, CONNECTIONS_MAX) if database.kind == "postgres" else 1)]
    connections[0].execute(_TABLE[database.kind].replace("TABLE", "TABLE IF NOT EXISTS"))
    insert = "INSERT INTO plain (stream, version, topic, state) VALUES (?, ?, ?, ?)"
    try:
        if database.kind == "postgres":
            statement = insert.replace("?", "%s")
            yield [_own_connection(connection, statement) for connection in connections]
        else:
            yield [_shared_connection(connections[0], insert)] * min(callers, CONNECTIONS_MAX)
    finally:
        for connection in connections:
            connection.close()


def _own_connection(connection: object, statement: str) -> Ask:
    stream, versions = uuid4(), count(1)

    def ask() -> None:
        connection.execute(statement, (stream, next(versions), "session-logged", STATE), prepare=True)  # type: ignore[attr-defined]

    return ask


def _shared_connection(connection: object, statement: str) -> Ask:
    stream, versions, lock = uuid4().hex, count(1), Lock()

    def ask() -> None:
        with lock:
            connection.execute(statement, (stream, next(versions), "session-logged", STATE))  # type: ignore[attr-defined]

    return ask


def read_table(database: Database) -> Measured:
    """Events a second of reading the whole log and doing nothing with it: as binary COPY, on SQLite by a plain SELECT."""
    with closing(database.connect()) as connection:
        [events] = connection.execute("SELECT COUNT(*) FROM stored_events").fetchone()
        began = perf_counter()
        if database.kind == "postgres":
            with connection.cursor().copy("COPY stored_events TO STDOUT (FORMAT BINARY)") as copy:
                for _ in copy:
                    pass
        else:
            for _ in connection.execute("SELECT * FROM stored_events"):
                pass
        return Measured(events / (perf_counter() - began))
