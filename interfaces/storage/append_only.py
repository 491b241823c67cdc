"""What may only grow, and how the database itself sees to it.

Triggers refuse to change or remove a row of the log, its tree and its checkpoints, of the receipts, of what was read by whom and of
who got in, whoever asks. Who got in is kept for a period only, because it names people who work here: rows that are old enough may
be removed, and none before. On PostgreSQL the role of the service has neither the right to do so nor the right to take the triggers
away. Whoever owns the database, or may write SQLite's file, can do both; ``db check`` says what is missing.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

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

# What is removed after a period that the office sets, and the seconds that a row stays whatever anybody sets: twelve weeks.
KEPT_FOR_A_PERIOD = frozenset({"access_trail"})
_KEPT_SECONDS = 84 * 24 * 60 * 60

_REFUSAL = """
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
"""
_EARLY_REFUSAL = f"""
BEGIN
    IF OLD.at > (extract(epoch FROM now()) - {_KEPT_SECONDS}) * 1000000 THEN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END
"""


class _Guard(NamedTuple):
    """A trigger on PostgreSQL: on which table, before what, for each row or statement, and the function that it calls."""

    table: str
    before: tuple[str, ...]
    each: str
    function: str

    def statement(self, name: str) -> str:
        when = f"BEFORE {' OR '.join(self.before)} ON {self.table} FOR EACH {self.each}"
        return f"CREATE OR REPLACE TRIGGER {name} {when} EXECUTE FUNCTION {self.function}()"

    @property
    def found(self) -> tuple[str, int, str, str]:
        """As ``_AT_WORK`` finds it, where the function is ours."""
        type = sum(_TYPE[each] for each in ("BEFORE", self.each, *self.before))
        return self.table, type, self.function, _FUNCTIONS[self.function]


_TYPE = {"STATEMENT": 0, "ROW": 1, "BEFORE": 2, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}  # as the server notes it
_FUNCTIONS = {"refuse_change": _REFUSAL, "refuse_early_removal": _EARLY_REFUSAL}

# Triggers that are at work, and what they do.
_AT_WORK = """
SELECT t.tgname::text, c.relname::text, t.tgtype::int, p.proname::text, p.prosrc
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE c.relnamespace = current_schema()::regnamespace AND t.tgenabled IN ('O', 'A') AND t.tgqual IS NULL AND t.tgattr::text = ''
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
WHERE proname IN ('refuse_change', 'refuse_early_removal') AND pronamespace = current_schema()::regnamespace
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
    at_work = {name: tuple(found) for name, *found in reader.fetch(_AT_WORK)}
    return [name for name, guard in _postgres_guards().items() if at_work.get(name) != guard.found]


def put_up_guards(tx: Transaction, store: Store) -> bool:
    """Makes the triggers that are missing; says whether any were."""
    missing = missing_guards(tx, store)
    if isinstance(store, SQLiteTurnRecorder):
        for name in missing:
            tx.fetch(f"DROP TRIGGER IF EXISTS {name}")
            tx.fetch(_sqlite_guards()[name])
    else:
        if missing:
            for function, does in _FUNCTIONS.items():
                tx.fetch(f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $${does}$$")
        for name in missing:
            tx.fetch(_postgres_guards()[name].statement(name))
    return bool(missing)


def excess_rights(reader: Reader) -> list[str]:
    """What the role of this connection may do on PostgreSQL beyond its work, above all by which it could alter what only grows."""
    return [*_excess_on_tables(reader), *_excess_beyond(reader)]


def _postgres_guards() -> Mapping[str, _Guard]:
    never = {table: ("UPDATE", "TRUNCATE") if table in KEPT_FOR_A_PERIOD else ("UPDATE", "DELETE", "TRUNCATE") for table in KEYS}
    return {
        **{f"{table}_append_only": _Guard(table, before, "STATEMENT", "refuse_change") for table, before in never.items()},
        **{f"{table}_kept": _Guard(table, ("DELETE",), "ROW", "refuse_early_removal") for table in sorted(KEPT_FOR_A_PERIOD)},
    }


def _sqlite_guards() -> Mapping[str, str]:
    return {name: statement for table, keys in KEYS.items() for name, statement in _sqlite_guards_of(table, keys)}


def _sqlite_guards_of(table: str, keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    # INSERT OR REPLACE removes the row that is in its way without asking a trigger on deletion.
    same = " AND ".join(f"{key} = NEW.{key}" for key in keys)
    in_its_way = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {condition})" for condition in ("rowid = NEW.rowid", same))
    early = f" WHEN OLD.at > (strftime('%s', 'now') - {_KEPT_SECONDS}) * 1000000" if table in KEPT_FOR_A_PERIOD else ""
    for what, when in (("UPDATE", ""), ("DELETE", early), ("INSERT", f" WHEN {in_its_way}")):
        name = f"{table}_no_{'replace' if what == 'INSERT' else what.lower()}"
        yield name, f"CREATE TRIGGER {name} BEFORE {what} ON {table}{when} {refuse}"


def _excess_on_tables(reader: Reader) -> Iterator[str]:
    for table in KEYS:
        owns = f"(SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = '{table}'::regclass)"
        may = [f"{told_by}('{table}', '{right}')" for right, told_by in _ALTERING.items()]
        [held] = reader.fetch(f"SELECT {', '.join([owns, *may])}")
        granted = {"DELETE"} if table in KEPT_FOR_A_PERIOD else set()
        if rights := [right for right, has in zip(["Eigentum", *_ALTERING], held, strict=True) if has and right not in granted]:
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
