"""The key store of one machine: a directory of its own, apart from the database and its backups.

    keys.db      SQLite: every key wrapped (AES-256-GCM) under the master key and bound to its name; the names of erased ones;
                 changes that the file has still to be cleaned after
    master.key   32 random bytes, made once, where the setting MASTER_KEY places it nowhere else

A rollback journal, not a WAL: nothing of an erased row is left there after the commit. secure_delete overwrites rows where they
stand, but not what they left behind where SQLite moved them to another page, so the file is written anew after an erasure.
Connections live for one call only, so that a removed file is noticed and threads and forks share nothing; the keyring's
cache keeps calls rare.
"""

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from application.privacy import KeyStoreDamaged
from interfaces.storage.keystore.master import Masters
from interfaces.storage.keystore.masters import MasterFile
from interfaces.storage.keystore.wrapped import Opening, Rows, WrappedKeyStore
from interfaces.targets import sync

MASTER_FILE, KEYS_FILE = "master.key", "keys.db"
LOCK_WAIT_SECONDS = 10.0

KEYS_TABLE = """
CREATE TABLE IF NOT EXISTS keys (
    name    TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL,     -- nonce, ciphertext, tag
    created INTEGER NOT NULL   -- microseconds since 1970, UTC
) STRICT
"""
LATER_TABLES = (  # than the first key stores
    "CREATE TABLE IF NOT EXISTS erased (name TEXT PRIMARY KEY) STRICT",
    "CREATE TABLE IF NOT EXISTS residues (change TEXT PRIMARY KEY) STRICT",
)


class FileKeyStore(WrappedKeyStore):
    """A `KeyStore` in a directory."""

    def __init__(self, directory: Path, masters: Masters | None = None, opening: Opening = "begin") -> None:
        self._directory = directory.absolute()
        self._database = self._directory / KEYS_FILE
        self.place = str(self._database)
        super().__init__(masters or MasterFile(self._directory / MASTER_FILE))
        with self._failures_named():
            self._lay_out(opening)
        self._begin(opening)

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        with self._connection() as connection:
            connection.execute("BEGIN")
            yield SqliteRows(connection)

    @contextmanager
    def changing(self) -> Iterator[Rows]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:  # commits, or rolls back
                yield SqliteRows(connection)

    def clean(self) -> None:
        """Writes the file anew: in the free room of a page may stand what another page holds by now, or held."""
        with self._connection() as connection:
            connection.execute("PRAGMA temp_store = MEMORY")  # the copy is to be in no other directory
            connection.execute("VACUUM")

    def close(self) -> None:
        """Nothing to do: no file stays open between calls."""

    def _lay_out(self, opening: Opening) -> None:
        # keys.db comes first and master.key second, so a master key alone means a loss, never a beginning.
        begun = (self._directory / MASTER_FILE).exists()
        if not self._database.exists() and opening != "restore" and (begun or opening == "used"):
            raise KeyStoreDamaged(f"{self._database} is missing" + (f" beside its {MASTER_FILE}" if begun else ""))
        if opening == "restore" or not begun:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._database, os.O_RDWR | os.O_CREAT, 0o600))
            sync(self._directory)
            sync(self._directory.parent)
            with self._connection() as connection:
                connection.execute(KEYS_TABLE)
        with self._connection() as connection:
            connection.execute("SELECT 1 FROM keys LIMIT 0")  # fails where there is no such table, and so no beginning
            for table in LATER_TABLES:
                connection.execute(table)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        address = f"{self._database.as_uri()}?mode=rw"  # never makes the file: a lost one must not come back empty
        with (
            self._failures_named(),
            closing(sqlite3.connect(address, uri=True, timeout=LOCK_WAIT_SECONDS, isolation_level=None)) as connection,
        ):
            connection.execute("PRAGMA journal_mode = DELETE")
            # FULL plus a sync of the directory: a journal that came back after a power cut would undo the commit.
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("PRAGMA secure_delete = ON")
            yield connection

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise KeyStoreDamaged(f"the key store {self._directory} cannot be used: {error}") from error


class SqliteRows(Rows):
    MARK, AMONG = "?", "IN (SELECT value FROM json_each(?))"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def damage(self) -> str | None:
        finding: str = self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        return None if finding == "ok" else finding

    def _fetch(self, sql: str, names: Collection[str] | None = None) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, () if names is None else (json.dumps(list(names)),)).fetchall()

    def _each(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, rows)
