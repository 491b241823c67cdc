"""The key store of several machines: a schema of its own on PostgreSQL, with a role of its own, apart from the log.

Here too an erased key is deleted, and the table is written anew so that no page keeps it. What remains for a while are
PostgreSQL's own write-ahead log and whatever archives and base backups were taken from it. They hold the row as it was,
wrapped under the master key of its time, and are worth nothing once that one was rotated.
"""

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel
from psycopg.sql import SQL, Identifier

from application.privacy import KeyStoreDamaged
from interfaces.storage.keystore.master import Masters
from interfaces.storage.keystore.wrapped import Opening, Rows, WrappedKeyStore
from interfaces.storage.libpq import address, connect

LOCK_WAIT = "10s"

TABLES = {
    "keys": "CREATE TABLE IF NOT EXISTS keys (name text PRIMARY KEY, wrapped bytea NOT NULL, created bigint NOT NULL)",
    "erased": "CREATE TABLE IF NOT EXISTS erased (name text PRIMARY KEY)",
    "residues": "CREATE TABLE IF NOT EXISTS residues (change text PRIMARY KEY)",
}


class PostgresKeyStore(WrappedKeyStore):
    """A `KeyStore` in a schema. Its calls take turns on one connection, which is made again where it was lost."""

    def __init__(self, url: str, masters: Masters, opening: Opening = "begin") -> None:
        where, self._schema = address(url)
        self.place = f"the schema {self._schema} of {where['PGDATABASE']} on {where['PGHOST']}"
        super().__init__(masters)
        self._url = url
        self._lock = threading.RLock()
        self._connection: psycopg.Connection[Any] | None = None
        try:
            self._lay_out(opening)
            self._begin(opening)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        with self._transaction(IsolationLevel.REPEATABLE_READ) as connection:
            yield PostgresRows(connection)

    @contextmanager
    def changing(self) -> Iterator[Rows]:
        with self._transaction(IsolationLevel.READ_COMMITTED) as connection:
            connection.execute("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE")
            yield PostgresRows(connection)

    def clean(self) -> None:
        """Writes the table anew: a mere VACUUM leaves what it frees in the pages until somebody needs the room."""
        with self._failures_named(), self._lock:
            self._connected().execute("VACUUM (FULL) keys")

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _lay_out(self, opening: Opening) -> None:
        with self._failures_named(), self._lock:
            connection = self._connected()
            missing = {table for table in TABLES if connection.execute("SELECT to_regclass(%s)", (table,)).fetchone() == (None,)}
            if "keys" in missing and opening == "used":
                raise KeyStoreDamaged(f"{self.place} holds no keys, but the log is in use")
            if "keys" in missing or missing == {"residues"}:  # which the first key stores did not have
                with connection.transaction():
                    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (self.place,))
                    if connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (self._schema,)).rowcount == 0:
                        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(self._schema)))
                    for table in TABLES.values():
                        connection.execute(table)

    @contextmanager
    def _transaction(self, isolation: IsolationLevel) -> Iterator[psycopg.Connection[Any]]:
        with self._failures_named(), self._lock:
            connection = self._connected()
            connection.isolation_level = isolation
            with connection.transaction():
                yield connection

    def _connected(self) -> psycopg.Connection[Any]:
        """The connection, or another one where the server ended it since."""
        if self._connection is not None:
            try:
                self._connection.execute("SELECT 1")
            except psycopg.OperationalError:
                self._connection.close()
            else:
                return self._connection
        self._connection = connect(self._url)
        path = SQL("SET search_path TO {}").format(Identifier(self._schema))
        self._connection.execute(path)
        self._connection.execute(SQL("SET lock_timeout TO {}").format(LOCK_WAIT))
        return self._connection

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise KeyStoreDamaged(f"{self.place} cannot be used: {str(error).strip().partition(chr(10))[0]}") from error


class PostgresRows(Rows):
    MARK, AMONG = "%s", "= ANY(%s)"

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def damage(self) -> str | None:
        """The server notices damaged pages itself, where its data checksums are on."""
        return None

    def _fetch(self, sql: str, names: Collection[str] | None = None) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, None if names is None else (list(names),)).fetchall()

    def _each(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(sql, rows)
