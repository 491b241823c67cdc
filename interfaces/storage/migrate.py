"""Brings a database to the schema of this program: the log, what stands beside it, and the projections.

Numbered files in ``migrations`` are applied once and in order, each in a transaction of its own. A projection whose stored
version is not the program's gets new tables, which are then filled from the log; until they are, nobody writes or reads them.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from application.log import Progress, Reader, Store, Transaction
from application.projections import PROJECTIONS
from application.projections.tables import SLOTS, Projection, micros
from application.proof import tree
from application.rebuild import rebuild
from interfaces.storage.append_only import LOG_TABLE, put_up_guards
from interfaces.storage.sqlite import SQLiteTurnRecorder

if TYPE_CHECKING:
    from interfaces.storage.postgres import PostgresTurnRecorder  # with its driver, which SQLite never needs

DIRECTORY = Path(__file__).parent / "migrations"

# What the service's role may do on PostgreSQL: nothing that it records can be changed or deleted afterwards.
GRANTS = {
    LOG_TABLE: "SELECT, INSERT",
    f"{LOG_TABLE}_notification_id_seq": "SELECT",  # for backups; positions are given by the turn
    "receipts": "SELECT, INSERT",
    "personal_reads": "SELECT, INSERT",
    "tokens": "SELECT, INSERT, UPDATE",
    "accounts": "SELECT, INSERT, UPDATE",
    "recovery_codes": "SELECT, INSERT, DELETE",
    "sessions": "SELECT, INSERT, UPDATE, DELETE",
    "failures": "SELECT, INSERT, UPDATE, DELETE",
    "blocked": "SELECT, INSERT, DELETE",
    "access_trail": "SELECT, INSERT, DELETE",  # of what is old enough: a trigger sees to it
    "webhooks": "SELECT, INSERT, UPDATE, DELETE",
    "projections": "SELECT, UPDATE",
    "snapshots": "SELECT, INSERT, UPDATE",
    "rebuild_steps": "SELECT, INSERT, UPDATE, DELETE",
    "tree": "SELECT, INSERT",
    "checkpoints": "SELECT, INSERT",
    "time_stamps": "SELECT, INSERT",
    "migrations": "SELECT",
}
GRANT_ON_PROJECTIONS = "SELECT, INSERT, UPDATE, DELETE, TRUNCATE"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*")


class Migration(NamedTuple):
    """A numbered file of statements."""

    number: int
    name: str
    statements: tuple[str, ...]


def migrations() -> list[Migration]:
    """All migrations of this program, in their order."""
    return [_read(path) for path in sorted(DIRECTORY.glob("[0-9][0-9][0-9][0-9]_*.sql"))]


def migrate(store: Store, progress: Progress, service_role: str | None = None) -> list[str]:
    """Applies what is missing and says what that was, in German. ``progress`` is told the events of projections that are filled.

    On PostgreSQL ``service_role`` gets the rights that the service needs, where it is not the role that migrates.
    Raises what ``application.rebuild`` and ``application.proof.tree`` raise.
    """
    cast("SQLiteTurnRecorder | PostgresTurnRecorder", store).create_table()
    done = _apply_migrations(store)
    with store.turn() as tx:
        if put_up_guards(tx, store):
            done.append("Protokoll, Baum, Prüfpunkte, Belege, Einsichten und Zugänge vor Änderungen geschützt")
    unfilled = _create_projections(store)
    if service_role is not None and not isinstance(store, SQLiteTurnRecorder):
        with store.turn() as tx:
            _grant(tx, service_role)
    if tree.complete(store, progress):
        done.append("Baum des Protokolls aufgebaut")
    if unfilled:
        rebuild(store, unfilled, progress, done.append)
    return [*done, *(f"Projektion „{name}“ aufgebaut" for name in unfilled)]


def schema_state(store: Store) -> list[str]:
    """What this database lacks, in German; nothing where it is as this program needs it."""
    with store.reading() as reader:
        present = _tables(reader, store)
        if not {LOG_TABLE, "migrations"} <= present:
            return ["Das Schema fehlt."]
        known = _applied(reader)
        missing = [f"Die Migration {each.name} fehlt." for each in migrations() if each.number not in known]
        if "projections" in present:
            missing += [f"Die Projektion „{name}“ fehlt oder ist veraltet." for name in _not_live(reader)]
        return missing


# ── what is no projection


def _read(path: Path) -> Migration:
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("--")]
    statements = [statement.strip() for statement in "\n".join(lines).split(";")]
    return Migration(int(path.stem[:4]), path.stem, tuple(filter(None, statements)))


def _apply_migrations(store: Store) -> list[str]:
    with store.turn() as tx:
        if "migrations" not in _tables(tx, store):
            tx.fetch("CREATE TABLE migrations (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied BIGINT NOT NULL)")
    return [f"Migration {migration.name} angewendet" for migration in migrations() if _apply(store, migration)]


def _apply(store: Store, migration: Migration) -> bool:
    """Applies a migration where it is missing; says whether it was."""
    with store.turn() as tx:
        if migration.number in _applied(tx):
            return False
        for statement in migration.statements:
            tx.fetch(statement)
        now = micros(datetime.now(UTC))
        tx.execute("INSERT INTO migrations (number, name, applied) VALUES (?, ?, ?)", [(migration.number, migration.name, now)])
        return True


def _applied(reader: Reader) -> set[int]:
    return {number for (number,) in reader.fetch("SELECT number FROM migrations")}


def _tables(reader: Reader, store: Store) -> set[str]:
    if isinstance(store, SQLiteTurnRecorder):
        found = reader.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")
    else:
        found = reader.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    return {name for (name,) in found}


# ── projections


def _create_projections(store: Store) -> list[str]:
    """Makes the tables of projections that are new or of another version; names all that are not filled yet."""
    with store.turn() as tx:
        stored = {
            name: (version, tables.split()) for name, version, tables in tx.fetch("SELECT name, version, tables FROM projections")
        }
        for name, (_, tables) in stored.items():
            if name not in {projection.name for projection in PROJECTIONS}:
                _drop(tx, name, tables)
        for projection in PROJECTIONS:
            version, tables = stored.get(projection.name, (None, []))
            if version != projection.version:
                _drop(tx, projection.name, tables)
                _create(tx, projection)
        return _not_live(tx)


def _not_live(reader: Reader) -> list[str]:
    stored = {
        name: version for name, version, slot in reader.fetch("SELECT name, version, slot FROM projections") if slot is not None
    }
    return [projection.name for projection in PROJECTIONS if stored.get(projection.name) != projection.version]


def _drop(tx: Transaction, name: str, tables: Sequence[str]) -> None:
    for table in tables:
        for slot in SLOTS:
            tx.fetch(f"DROP TABLE IF EXISTS {table}_{slot}")
    tx.execute("DELETE FROM projections WHERE name = ?", [(name,)])


def _create(tx: Transaction, projection: Projection) -> None:
    for table in projection.tables:
        for slot in SLOTS:
            for statement in (table.create(slot), *table.create_indexes(slot)):
                tx.fetch(statement)
    tables = " ".join(table.name for table in projection.tables)
    tx.execute("INSERT INTO projections (name, version, tables) VALUES (?, ?, ?)", [(projection.name, projection.version, tables)])


# ── rights


def _grant(tx: Transaction, role: str) -> None:
    if not _PLAIN_NAME.fullmatch(role):
        raise ValueError("the name of the service's role consists of letters, digits and _ . @ -")
    slots = [table.in_slot(slot) for projection in PROJECTIONS for table in projection.tables for slot in SLOTS]
    [(schema,)] = tx.fetch("SELECT current_schema()")
    tx.fetch(f'GRANT USAGE ON SCHEMA {schema} TO "{role}"')
    for table, rights in {**GRANTS, **dict.fromkeys(slots, GRANT_ON_PROJECTIONS)}.items():
        tx.fetch(f'GRANT {rights} ON {table} TO "{role}"')
