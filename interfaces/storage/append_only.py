"""What may only grow, and how the database itself sees to it.

Triggers refuse to change or remove a row of the log, its tree and its checkpoints, of the receipts, of what was read by whom and of
who got in, whoever asks. On PostgreSQL the role of the service has neither the right to do so nor the right to take the triggers
away. Whoever owns the database, or may write SQLite's file, can do both; ``db check`` says what is missing.
"""

from collections.abc import Iterator, Mapping

from application.log import Reader, Store, Transaction
from interfaces.storage.sqlite import SQLiteTurnRecorder

LOG_TABLE = "stored_events"

# Each table with the columns that tell its rows apart.
KEYS = {
    LOG_TABLE: ("originator_id", "originator_version"),
    "tree": ("level", "last"),
    "checkpoints": ("size", "key"),
    "time_stamps": ("size", "key"),
    "receipts": ("subject", "organisation", "idempotency_key"),
    "personal_reads": ("id",),
    "access_trail": ("number",),
}

_REFUSAL = """
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
"""
_REFUSE = f"CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $${_REFUSAL}$$"

# Triggers that are at work and do what ours do: before each statement that updates (16), deletes (8) or truncates (32).
_AT_WORK = f"""
SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE c.relnamespace = current_schema()::regnamespace AND t.tgname = c.relname || '_append_only' AND t.tgenabled IN ('O', 'A')
AND t.tgtype = {2 + 8 + 16 + 32} AND t.tgqual IS NULL AND t.tgattr::text = '' AND p.proname = 'refuse_change' AND p.prosrc = ?
"""

# By which rights a role could alter such a table or stand in the way of who works on it, and what tells whether it holds them;
# some can be given for a single column.
_ALTERING = {
    "UPDATE": "has_any_column_privilege",
    "DELETE": "has_table_privilege",
    "TRUNCATE": "has_table_privilege",
    "TRIGGER": "has_table_privilege",
    "REFERENCES": "has_any_column_privilege",
}

# What stands around the tables: whoever owns it could do away with them, or put something else in the place of the guards.
_OWNED = """
SELECT 'Datenbank ' || datname, pg_has_role(datdba, 'MEMBER') FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 'Schema ' || nspname, pg_has_role(nspowner, 'MEMBER') FROM pg_namespace WHERE nspname = current_schema()
UNION ALL SELECT 'Funktion ' || proname, pg_has_role(proowner, 'MEMBER') FROM pg_proc
WHERE proname = 'refuse_change' AND pronamespace = current_schema()::regnamespace
"""

# What a role may do whatever it was granted, also by becoming another one.
_POWER_COLUMNS = {
    "rolsuper": "SUPERUSER",
    "rolcreaterole": "CREATEROLE",
    "rolcreatedb": "CREATEDB",
    "rolreplication": "REPLICATION",
    "rolbypassrls": "BYPASSRLS",
}
_POWERS = (
    f"SELECT rolname = current_user, rolname::text, {', '.join(_POWER_COLUMNS)} FROM pg_roles "
    "WHERE rolname = current_user OR (pg_has_role(oid, 'MEMBER') "
    "AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)) ORDER BY 1 DESC, 2"
)


def missing_guards(reader: Reader, store: Store) -> list[str]:
    """The triggers that are not there, or not as this program makes them."""
    if isinstance(store, SQLiteTurnRecorder):
        made: dict[str, str] = dict(reader.fetch("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
        return [name for name, statement in _sqlite_guards().items() if made.get(name) != statement]
    at_work = {name for (name,) in reader.fetch(_AT_WORK, [_REFUSAL])}
    return [name for name in _postgres_guards() if name not in at_work]


def put_up_guards(tx: Transaction, store: Store) -> bool:
    """Makes the triggers that are missing; says whether any were."""
    missing = missing_guards(tx, store)
    if isinstance(store, SQLiteTurnRecorder):
        for name in missing:
            tx.fetch(f"DROP TRIGGER IF EXISTS {name}")
            tx.fetch(_sqlite_guards()[name])
    else:
        if missing:
            tx.fetch(_REFUSE)
        for name in missing:
            tx.fetch(_postgres_guards()[name])
    return bool(missing)


def excess_rights(reader: Reader) -> list[str]:
    """What the role of this connection may do on PostgreSQL beyond its work, above all by which it could alter what only grows."""
    return [*_excess_on_tables(reader), *_excess_beyond(reader)]


def _postgres_guards() -> Mapping[str, str]:
    return {
        f"{table}_append_only": f"CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in KEYS
    }


def _sqlite_guards() -> Mapping[str, str]:
    return {name: statement for table, keys in KEYS.items() for name, statement in _sqlite_guards_of(table, keys)}


def _sqlite_guards_of(table: str, keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    # INSERT OR REPLACE removes the row that is in its way without asking a trigger on deletion.
    same = " AND ".join(f"{key} = NEW.{key}" for key in keys)
    in_its_way = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {condition})" for condition in ("rowid = NEW.rowid", same))
    for what, when in (("UPDATE", ""), ("DELETE", ""), ("INSERT", f" WHEN {in_its_way}")):
        name = f"{table}_no_{'replace' if when else what.lower()}"
        yield name, f"CREATE TRIGGER {name} BEFORE {what} ON {table}{when} {refuse}"


def _excess_on_tables(reader: Reader) -> Iterator[str]:
    for table in KEYS:
        owns = f"(SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = '{table}'::regclass)"
        may = [f"{told_by}('{table}', '{right}')" for right, told_by in _ALTERING.items()]
        [held] = reader.fetch(f"SELECT {', '.join([owns, *may])}")
        if rights := [right for right, has in zip(["Eigentum", *_ALTERING], held, strict=True) if has]:
            yield f"{table}: {', '.join(rights)}"


def _excess_beyond(reader: Reader) -> Iterator[str]:
    for what, owns in reader.fetch(_OWNED):
        if owns:
            yield f"{what}: Eigentum"
    [(schema, creates)] = reader.fetch(
        "SELECT current_schema()::text, has_schema_privilege(current_schema()::text, 'CREATE')",
    )
    if creates:
        yield f"Schema {schema}: CREATE"
    for own, role, *held in reader.fetch(_POWERS):
        if powers := [power for power, has in zip(_POWER_COLUMNS.values(), held, strict=True) if has]:
            yield f"Rolle{'' if own else f' {role}'}: {', '.join(powers)}"
    for (group,) in reader.fetch(
        "SELECT rolname::text FROM pg_roles WHERE pg_has_role(oid, 'MEMBER') "
        "AND rolname IN ('pg_write_server_files', 'pg_execute_server_program') ORDER BY rolname"
    ):
        yield f"Rolle: {group}"
