"""Copies of a database while it is in use, and their way back into an empty one; and the same for the keys, which live elsewhere
and are in no copy of a database.

SQLite copies itself through its online backup API; PostgreSQL is copied by its own pg_dump and pg_restore. Either copy is one
consistent state, whoever writes meanwhile.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.sql import SQL, Identifier

from application.privacy import KeyStoreDamaged
from interfaces.storage.keystore import KEYS_FILE, MASTER_FILE, FileKeyStore
from interfaces.storage.libpq import address, connect
from interfaces.targets import new_file

_UNPACKED = Path(__file__).parents[2] / ".cache" / "system"  # where `make setup` puts PostgreSQL for an ordinary user


class BackupRefused(Exception):
    """No copy was made, or none restored; nothing was changed. The sentence is German."""


def back_up(url: str, file: Path) -> None:
    """Copies the database of a URL into a new file. Raises ``BackupRefused``, or ``TargetRefused``."""
    with new_file(file) as draft:
        if url.startswith("sqlite:"):
            _copy_sqlite(_sqlite_path(url), draft)
        else:
            _dump(url, draft)


def restore(url: str, file: Path) -> None:
    """Fills the empty database of a URL from such a copy. Raises ``BackupRefused``."""
    if not file.is_file():
        raise BackupRefused(f"Die Datei „{file}“ gibt es nicht.")
    if url.startswith("sqlite:"):
        _restore_sqlite(_sqlite_path(url), file)
    else:
        _restore_postgres(url, file)


def back_up_keys(folder: Path, file: Path) -> None:
    """Copies the wrapped keys of a key store into a new file. Raises ``BackupRefused``, or ``TargetRefused``."""
    if not (folder / KEYS_FILE).exists():
        raise BackupRefused(f"In „{folder}“ liegen keine Schlüssel.")
    with new_file(file) as draft:
        _copy_sqlite(folder / KEYS_FILE, draft)


def restore_keys(folder: Path, file: Path, erased: Collection[str]) -> None:
    """Puts such a copy back beside the master key that its keys are wrapped under, without the keys that were erased since.

    Raises ``BackupRefused``.
    """
    if not file.is_file():
        raise BackupRefused(f"Die Datei „{file}“ gibt es nicht.")
    if not (folder / MASTER_FILE).exists():
        raise BackupRefused(f"In „{folder}“ fehlt {MASTER_FILE}: zuerst dessen eigene Sicherung dorthin zurücklegen.")
    with new_file(folder / KEYS_FILE) as draft:
        _copy_sqlite(file, draft)
        try:
            FileKeyStore(folder, draft.name).erase(erased)
        except KeyStoreDamaged as damage:
            raise BackupRefused(f"„{file}“ passt nicht zu {MASTER_FILE} oder ist beschädigt ({damage}).") from damage


# ── SQLite


def _sqlite_path(url: str) -> Path:
    return Path(unquote(urlsplit(url).path.removeprefix("/")))


def _copy_sqlite(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)  # in one step, and so in one snapshot
            copy.execute("PRAGMA journal_mode = DELETE")  # a copy is one file; whoever opens the store turns to WAL
    except sqlite3.Error as error:
        raise BackupRefused(f"Die Datenbank „{source}“ lässt sich nicht kopieren ({error}).") from error


def _restore_sqlite(database: Path, file: Path) -> None:
    # A write-ahead log that was left behind would be replayed into the restored file.
    for name in (database.name, *(f"{database.name}-{end}" for end in ("wal", "shm", "journal"))):
        if os.path.lexists(database.with_name(name)):
            raise BackupRefused(f"„{database.with_name(name)}“ gibt es schon; zurückgespielt wird nur in eine leere Datenbank.")
    _demand_sqlite_backup(file)
    database.parent.mkdir(parents=True, exist_ok=True)
    with new_file(database) as draft:
        _copy_sqlite(file, draft)


def _demand_sqlite_backup(file: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            [(finding,)] = connection.execute("PRAGMA integrity_check(1)")
            events = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'stored_events'").fetchone()
    except sqlite3.Error as error:
        raise BackupRefused(f"„{file}“ ist keine Sicherung auf SQLite oder nicht lesbar ({error}).") from error
    if finding != "ok":
        raise BackupRefused(f"„{file}“ ist beschädigt ({finding}).")
    if events is None:
        raise BackupRefused(f"„{file}“ ist keine Sicherung eines Stundenpools.")


# ── PostgreSQL


def _dump(url: str, target: Path) -> None:
    """Everything in the log's schema. Who may do what is left to the migration of the database that it comes back to."""
    where, schema = address(url)
    quoted = schema.replace('"', '""')
    _run_tool(
        "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f'--schema="{quoted}"', f"--file={target}", where=where
    )


def _restore_postgres(url: str, file: Path) -> None:
    where, schema = address(url)
    if f" TABLE {schema} stored_events " not in _run_tool("pg_restore", "--list", str(file), where=where):
        raise BackupRefused(f"„{file}“ ist keine Sicherung eines Stundenpools im Schema „{schema}“.")
    _make_empty_schema(url, schema)
    options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", f"--schema={schema}")
    _run_tool("pg_restore", *options, f"--dbname={where['PGDATABASE']}", str(file), where=where)


def _make_empty_schema(url: str, schema: str) -> None:
    try:
        with connect(url) as connection:
            if connection.execute("SELECT FROM pg_tables WHERE schemaname = %s LIMIT 1", (schema,)).rowcount:
                raise BackupRefused(f"Das Schema „{schema}“ ist nicht leer; zurückgespielt wird nur in eine leere Datenbank.")
            if not connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (schema,)).rowcount:
                connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(schema)))
    except psycopg.Error as error:
        raise BackupRefused(f"Die Datenbank hat abgelehnt: {_first_line(str(error))}") from error


def _run_tool(name: str, *arguments: str, where: Mapping[str, str]) -> str:
    """Runs one of PostgreSQL's own programs; returns what it prints."""
    program, libraries = _find_tool(name)
    environment = {**os.environ, **where, **libraries, "LC_ALL": "C.UTF-8"}
    done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BackupRefused(f"{name} ist gescheitert: {_first_line(done.stderr)}")
    return done.stdout


def _find_tool(name: str) -> tuple[Path, dict[str, str]]:
    """The program in the PATH, of the system, or unpacked into the project's cache, and the libraries that it needs there."""
    if in_path := shutil.which(name):
        return Path(in_path), {}
    for root, libraries in ((Path("/"), {}), (_UNPACKED, _unpacked_libraries())):
        for program in sorted(root.glob(f"usr/lib/postgresql/*/bin/{name}"), reverse=True):
            return program, libraries
    raise BackupRefused(f"Das Programm {name} fehlt; es gehört zu PostgreSQL (Debian: postgresql-client).")


def _unpacked_libraries() -> dict[str, str]:
    known = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": ":".join(filter(None, [*map(str, _UNPACKED.glob("usr/lib/*-linux-gnu")), known]))}


def _first_line(words: str) -> str:
    return words.strip().partition("\n")[0]
