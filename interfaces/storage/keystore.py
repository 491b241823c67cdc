"""The key store of one machine: a directory of its own, apart from the database and its backups.

    master.key   32 random bytes, made once
    keys.db      SQLite: every key wrapped (AES-256-GCM) under the master key and bound to its name

A rollback journal, not a WAL, and secure_delete: an erased row is gone from the files with the commit that erases it.
Connections live for one call only, so that a removed file is noticed and threads and forks share nothing; the keyring's
cache keeps calls rare.
"""

import json
import os
import re
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.privacy import KEY_BYTES, NONCE_BYTES, KeyErased, KeyStoreDamaged

MASTER_FILE, KEYS_FILE = "master.key", "keys.db"
LOCK_WAIT_SECONDS = 10.0
FIRST_ROW = "secret:master-check"  # tells whether master.key and keys.db belong together

TABLE = """
CREATE TABLE IF NOT EXISTS keys (
    name    TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL,     -- nonce, ciphertext, tag
    created INTEGER NOT NULL   -- microseconds since 1970, UTC
) STRICT
"""
ERASED_TABLE = "CREATE TABLE IF NOT EXISTS erased (name TEXT PRIMARY KEY) STRICT"


def open_keystore(setting: str) -> "FileKeyStore":
    """The key store that the setting KEYSTORE names, made if it is new. Raises ValueError, KeyStoreDamaged."""
    return FileKeyStore(_directory(setting))


def _directory(setting: str) -> Path:
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", setting)
    if not setting:
        raise ValueError("KEYSTORE is empty: give the path of a directory or a file:// URL")
    if scheme is None:
        return Path(setting)
    if scheme[1].lower() != "file":
        raise ValueError(f"KEYSTORE has the scheme {scheme[1]!r}: only a path or a file:// URL is supported")
    url = urlsplit(setting)
    if url.netloc not in ("", "localhost") or not url.path.startswith("/") or url.query or url.fragment:
        raise ValueError("KEYSTORE is no local file URL: write file:///absolute/path")
    return Path(unquote(url.path))


class FileKeyStore:
    """A `KeyStore` in a directory. Safe to share among threads and processes."""

    def __init__(self, directory: Path, keys_file: str = KEYS_FILE) -> None:
        self._directory = directory.absolute()
        self._master_file = self._directory / MASTER_FILE
        self._database = self._directory / keys_file
        with self._failures_named():
            self._lay_out()
        with self._transaction() as connection:
            self._master = self._matching_master(connection)
            connection.execute(ERASED_TABLE)  # key stores of the first days have none

    def read(self, names: Collection[str]) -> dict[str, bytes]:
        with self._connection() as connection:
            keys = self._selected(connection, names)
            _none_erased(connection, set(names) - keys.keys())
            return keys

    def create(self, names: Collection[str]) -> dict[str, bytes]:
        keys = self.read(names)
        if missing := set(names) - keys.keys():
            with self._transaction() as connection:
                _none_erased(connection, missing)
                keys |= self._selected(connection, missing)  # another process may have been faster
                keys |= _insert(connection, self._master, missing - keys.keys())
        return keys

    def erase(self, names: Collection[str]) -> None:
        rows = [(name,) for name in names]
        with self._transaction() as connection:
            connection.executemany("DELETE FROM keys WHERE name = ?", rows)
            connection.executemany("INSERT INTO erased (name) VALUES (?) ON CONFLICT DO NOTHING", rows)

    def erased(self, names: Collection[str]) -> set[str]:
        with self._connection() as connection:
            return _erased_among(connection, names)

    def secret(self, purpose: str) -> bytes:
        name = f"secret:{purpose}"
        return self.create([name])[name]

    def close(self) -> None:
        """Nothing to do: no file stays open between calls."""

    def _lay_out(self) -> None:
        # keys.db comes first and master.key second, so a master key alone means a loss, never a beginning.
        if self._master_file.exists():
            if not self._database.exists():
                raise KeyStoreDamaged(f"{self._database} is missing beside its master.key")
            return
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._database, os.O_RDWR | os.O_CREAT, 0o600))
        sync_directory(self._directory)
        sync_directory(self._directory.parent)
        with self._transaction() as connection:
            connection.execute(TABLE)

    def _matching_master(self, connection: sqlite3.Connection) -> AESGCM:
        """The master key, made if nothing was ever wrapped; the caller's lock keeps other processes out meanwhile."""
        # A damaged name would otherwise look like a row that is not there, and so like an erased person.
        if (finding := connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
            raise KeyStoreDamaged(f"{self._database} is damaged: {finding}")
        unused = connection.execute("SELECT NOT EXISTS (SELECT 1 FROM keys)").fetchone()[0]
        if unused:
            self._make_master()
        master = self._read_master()
        if unused:
            _insert(connection, master, [FIRST_ROW])
            return master
        row = connection.execute("SELECT wrapped FROM keys WHERE name = ?", (FIRST_ROW,)).fetchone()
        if row is None or _unwrap(master, FIRST_ROW, row[0]) is None:
            raise KeyStoreDamaged(f"{self._master_file} is not the master key of {self._database}")
        return master

    def _make_master(self) -> None:
        """A durable master.key, whole or not at all, never over another; completes what a killed process began."""
        draft = self._directory / "master.key.new"
        draft.unlink(missing_ok=True)
        if not self._master_file.exists():
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(os.urandom(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, self._master_file)
            draft.unlink()
        sync_directory(self._directory)

    def _read_master(self) -> AESGCM:
        if not self._master_file.exists():
            raise KeyStoreDamaged(f"{self._master_file} is missing, but {self._database} holds keys")
        if len(master := self._master_file.read_bytes()) != KEY_BYTES:
            raise KeyStoreDamaged(f"{self._master_file} holds {len(master)} bytes instead of {KEY_BYTES}")
        return AESGCM(master)

    def _selected(self, connection: sqlite3.Connection, names: Collection[str]) -> dict[str, bytes]:
        rows = connection.execute(
            "SELECT name, wrapped FROM keys WHERE name IN (SELECT value FROM json_each(?))", (json.dumps(list(names)),)
        )
        keys = {}
        for name, wrapped in rows:
            if (key := _unwrap(self._master, name, wrapped)) is None:
                raise KeyStoreDamaged(f"row {name} of {self._database} is damaged or stands under a wrong name")
            keys[name] = key
        return keys

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
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:  # commits, or rolls back
                yield connection

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise KeyStoreDamaged(f"the key store {self._directory} cannot be used: {error}") from error


def _erased_among(connection: sqlite3.Connection, names: Collection[str]) -> set[str]:
    rows = connection.execute("SELECT name FROM erased WHERE name IN (SELECT value FROM json_each(?))", (json.dumps(list(names)),))
    return {name for (name,) in rows}


def _none_erased(connection: sqlite3.Connection, names: Collection[str]) -> None:
    if erased := _erased_among(connection, names):
        raise KeyErased(f"keys were erased: {', '.join(sorted(erased))}")


def _insert(connection: sqlite3.Connection, master: AESGCM, names: Collection[str]) -> dict[str, bytes]:
    keys = {name: os.urandom(KEY_BYTES) for name in names}
    now = time.time_ns() // 1000
    rows = [(name, _wrap(master, name, key), now) for name, key in keys.items()]
    connection.executemany("INSERT INTO keys (name, wrapped, created) VALUES (?, ?, ?)", rows)
    return keys


def _wrap(master: AESGCM, name: str, key: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + master.encrypt(nonce, key, name.encode())


def _unwrap(master: AESGCM, name: str, wrapped: bytes) -> bytes | None:
    """The key, or None where bytes, name and master key do not belong together."""
    try:
        return master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], name.encode())
    except (InvalidTag, ValueError):  # ValueError: too short for a nonce
        return None


def sync_directory(path: Path) -> None:
    """Makes durable which files a directory has."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
