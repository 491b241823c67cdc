"""What was recorded stays: by the rights of the service's role on PostgreSQL, and by triggers on both stores."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import PersistenceError

from application.engine import utc_now
from application.log import Store
from application.projections.tables import micros
from application.proof import checkpoints
from application.proof.notes import Signer
from application.proof.tree import complete
from interfaces.storage import open_store
from interfaces.storage.append_only import KEPT_FOR_A_PERIOD, KEYS, excess_rights, missing_guards
from interfaces.storage.check import Examined, examine
from interfaces.storage.migrate import migrate
from interfaces.storage.postgres import PostgresTurnRecorder
from tests.application.projections.driver import Log
from tests.domain.facts import approved, case_opened, hours_requested, pool_opened
from tests.postgres import Cluster
from tests.schema import make_schema
from tests.tampering import drops_of_guards

APPEND_ONLY = sorted(KEYS)
ENTER = "INSERT INTO access_trail VALUES (?, ?, ?, ?, ?, ?)"


def quietly(done: int, total: int) -> None:
    """Nobody watches."""


# ── the role of the service on PostgreSQL


@dataclass(frozen=True)
class Roles:
    """A database that one role owns and another one serves, both with nothing that the guide does not give them."""

    cluster: Cluster
    database: str
    owner: str
    service: str

    def run(self, *statements: str, role: str | None = None) -> None:
        with psycopg.connect(self.cluster.url(self.database, role or self.service), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def store(self, role: str | None = None) -> Store:
        return open_store(self.cluster.url(self.database, role or self.service), create=False)

    def excess(self) -> list[str]:
        with closing(self.store()) as store, store.reading() as reader:
            return excess_rights(reader)


@pytest.fixture(scope="module")
def roles(postgres: Cluster) -> Roles:
    """Set up once, with events in it: nothing that is tried changes anything."""
    database = postgres.fresh_database()
    roles = Roles(postgres, database, f"owner_{database}", f"service_{database}")
    for role in (roles.owner, roles.service):
        postgres.run(f"CREATE ROLE {role} LOGIN")
    postgres.run(f"ALTER DATABASE {database} OWNER TO {roles.owner}")
    with closing(open_store(postgres.url(database, roles.owner), create=True)) as store:
        migrate(store, quietly, roles.service)
    with closing(roles.store()) as store:
        Log(store).append([pool_opened(), case_opened(), hours_requested(60), *approved(60)])
        complete(store, quietly)
        with store.turn() as tx:
            tx.execute(ENTER, [(1, micros(utc_now()), "signed_in", "s", "192.0.2.1", None)])
    return roles


@pytest.fixture
def changed_roles(roles: Roles) -> Roles:
    """A copy of it with another role of the service, which nobody else has: what that is given, it keeps."""
    database = f"{roles.database}_{uuid4().hex}"
    changed = replace(roles, database=database, service=f"service_{database}")
    roles.cluster.run(f"CREATE ROLE {changed.service} LOGIN")
    roles.cluster.run(f"CREATE DATABASE {database} TEMPLATE {roles.database} OWNER {roles.owner} STRATEGY file_copy")
    with closing(changed.store(changed.owner)) as store:
        migrate(store, quietly, changed.service)
    return changed


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE {table} SET {key} = {key}",
        "DELETE FROM {table}",
        "TRUNCATE {table}",
        "INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({keys}) DO UPDATE SET {key} = excluded.{key}",
        "MERGE INTO {table} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
        "SELECT * FROM {table} FOR UPDATE",
        "ALTER TABLE {table} ADD COLUMN more TEXT",
        "ALTER TABLE {table} DROP COLUMN {key}",
        "ALTER TABLE {table} RENAME TO other",
        "ALTER TABLE {table} SET UNLOGGED",
        "ALTER TABLE {table} OWNER TO {service}",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
        "ALTER TABLE {table} DISABLE TRIGGER {table}_append_only",
        "ALTER TABLE {table} DISABLE RULE anything",
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        "DROP TRIGGER {table}_append_only ON {table}",
        "CREATE TRIGGER other BEFORE INSERT ON {table} EXECUTE FUNCTION refuse_change()",
        "CREATE RULE silence AS ON INSERT TO {table} DO INSTEAD NOTHING",
        "CREATE INDEX ON {table} ({key})",
        "DROP TABLE {table}",
        "COPY {table} TO PROGRAM 'true'",
        "COMMENT ON TABLE {table} IS ''",
    ],
)
def test_the_service_cannot_alter_what_only_grows(roles: Roles, table: str, attempt: str) -> None:
    """The server refuses its role every way to it."""
    keys = KEYS[table]
    statement = attempt.format(table=table, key=keys[0], keys=", ".join(keys), service=roles.service)
    removes = table in KEPT_FOR_A_PERIOD and "DELETE" in attempt  # which it may, of what is old enough
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation if removes else psycopg.errors.InsufficientPrivilege):
        roles.run(statement)


@pytest.mark.parametrize(
    "attempt",
    [
        "CREATE TABLE mine (id BIGINT)",
        "CREATE VIEW mine AS SELECT * FROM stored_events",
        "CREATE FUNCTION mine() RETURNS BIGINT LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "ALTER FUNCTION refuse_change() RENAME TO other",
        "DROP FUNCTION refuse_change() CASCADE",
        "CREATE SCHEMA mine",
        "DROP SCHEMA public CASCADE",
        "ALTER SCHEMA public RENAME TO other",
        "CREATE EXTENSION file_fdw",
        "SET session_replication_role = replica",
        "SET ROLE {owner}",
        "SET SESSION AUTHORIZATION {owner}",
        "GRANT {owner} TO {service}",
        "ALTER ROLE {service} SUPERUSER",
        "ALTER ROLE {service} CREATEROLE",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT ALL ON TABLES TO {service}",
        "ALTER DATABASE {database} OWNER TO {service}",
        "ALTER SYSTEM SET fsync = off",
    ],
)
def test_the_service_cannot_give_itself_more(roles: Roles, attempt: str) -> None:
    """Neither objects in the schema, nor another role, nor a setting under which triggers sleep."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        roles.run(attempt.format(owner=roles.owner, service=roles.service, database=roles.database))


@pytest.mark.parametrize("grant", ["GRANT ALL ON {table} TO {service}", "GRANT UPDATE, DELETE ON {table} TO PUBLIC"])
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_the_service_grants_itself_has_no_effect(roles: Roles, table: str, grant: str) -> None:
    """The server only warns whoever has some rights and may give none of them away."""
    roles.run(grant.format(table=table, service=roles.service))
    assert roles.excess() == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        roles.run(f"UPDATE {table} SET {KEYS[table][0]} = {KEYS[table][0]}")


@pytest.mark.parametrize(
    ("excess", "named"),
    [
        ("GRANT UPDATE, TRUNCATE ON stored_events TO {service}", "stored_events: UPDATE, TRUNCATE"),
        ("GRANT UPDATE (state) ON stored_events TO {service}", "stored_events: UPDATE"),
        ("GRANT DELETE ON receipts TO PUBLIC", "receipts: DELETE"),
        ("GRANT TRIGGER ON personal_reads TO {service}", "personal_reads: TRIGGER"),
        ("GRANT REFERENCES ON receipts TO {service}", "receipts: REFERENCES"),
        ("GRANT UPDATE (hashes) ON tree TO {service}", "tree: UPDATE"),
        ("GRANT DELETE ON checkpoints TO {service}", "checkpoints: DELETE"),
        ("GRANT CREATE ON SCHEMA public TO {service}", "Schema public: CREATE"),
        ("ALTER ROLE {service} CREATEROLE CREATEDB", "Rolle: CREATEROLE, CREATEDB"),
        ("ALTER ROLE {service} SUPERUSER", "Rolle: SUPERUSER"),
        ("ALTER ROLE {service} BYPASSRLS REPLICATION", "Rolle: REPLICATION, BYPASSRLS"),
        ("CREATE ROLE root_{service} SUPERUSER; GRANT root_{service} TO {service}", "Rolle root_{service}: SUPERUSER"),
        ("ALTER DATABASE {database} OWNER TO {service}", "Datenbank {database}: Eigentum"),
        ("ALTER SCHEMA public OWNER TO {service}", "Schema public: Eigentum"),
        ("ALTER FUNCTION refuse_change() OWNER TO {service}", "Funktion refuse_change: Eigentum"),
        ("GRANT {owner} TO {service}", "stored_events: Eigentum"),
        ("ALTER ROLE {service} NOINHERIT; GRANT {owner} TO {service}", "stored_events: Eigentum"),
        ("ALTER TABLE receipts OWNER TO {service}", "receipts: Eigentum"),
        ("GRANT pg_write_all_data TO {service}", "personal_reads: UPDATE, DELETE"),
        ("GRANT pg_execute_server_program TO {service}", "Rolle: pg_execute_server_program"),
    ],
)
def test_every_right_too_many_is_named(changed_roles: Roles, excess: str, named: str, tmp_path: Path) -> None:
    """By check, on whatever way the role came to it."""
    roles = changed_roles
    assert checked(roles, tmp_path).findings == []
    names = {"owner": roles.owner, "service": roles.service, "database": roles.database}
    roles.cluster.run(excess.format(**names), database=roles.database)
    assert any(named.format(**names) in finding for finding in checked(roles, tmp_path).findings)


def checked(roles: Roles, folder: Path) -> Examined:
    with closing(roles.store()) as store:
        return examine(store, str(folder / "keys"), "", rights_apart=True, progress=quietly)


# ── triggers, on both stores


def fill(store: Store) -> None:
    """Events with their tree, a checkpoint, a time stamp, a receipt and a reading."""
    Log(store).append([pool_opened(), case_opened(), hours_requested(60), *approved(60)])
    complete(store, quietly)
    with store.turn() as tx:
        checkpoints.issue(tx, [Signer("stundenpool", b"o" * 32)], datetime(2022, 1, 10, tzinfo=UTC))
        tx.execute("INSERT INTO time_stamps VALUES (?, ?, ?)", [(5, "id", b"r")])
        tx.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [("s", "o", "k", b"r", "done", b"b", 1, None, None)])
        read = ("id", 1, "s", "officer", "o", "/", "case:1")
        tx.execute(
            "INSERT INTO personal_reads (id, at, subject, role, organisation, path, about) VALUES (?, ?, ?, ?, ?, ?, ?)", [read]
        )
        tx.execute(ENTER, [(1, micros(utc_now()), "signed_in", "s", "192.0.2.1", None)])


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """With something in every table; whoever uses it owns it."""
    make_schema(store_url)
    with closing(open_store(store_url, create=False)) as store:
        fill(store)
        yield store


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of such a store on SQLite, which nothing that is tried changes."""
    file = tmp_path_factory.mktemp("filled") / "store.db"
    make_schema(f"sqlite:///{file}")
    with closing(open_store(f"sqlite:///{file}", create=False)) as store:
        fill(store)
    return file


def rows(store: Store) -> list[list[tuple[object, ...]]]:
    with store.reading() as reader:
        return [reader.fetch(f"SELECT * FROM {table} ORDER BY {', '.join(keys)}") for table, keys in KEYS.items()]


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("attempt", ["UPDATE {table} SET {key} = {key}", "DELETE FROM {table}"])
def test_not_even_the_owner_changes_a_row_by_mistake(store: Store, table: str, attempt: str) -> None:
    """The database refuses it, and everything is as it was."""
    before = rows(store)
    with pytest.raises(PersistenceError, match=f"{table} is append-only"), store.turn() as tx:
        tx.fetch(attempt.format(table=table, key=KEYS[table][0]))
    assert rows(store) == before


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_owner_empties_no_table_by_mistake(roles: Roles, table: str) -> None:
    """On PostgreSQL, which knows a statement of its own for that."""
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
        roles.run(f"TRUNCATE {table} CASCADE", role=roles.owner)


@pytest.mark.parametrize("recursive_triggers", ["OFF", "ON"])
@pytest.mark.parametrize(
    "attempt",
    [
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1",
        "REPLACE INTO {table} SELECT * FROM {table}",
        "INSERT OR REPLACE INTO {table} (rowid, {columns}) SELECT 1, {other} FROM {table}",
        "UPDATE OR REPLACE {table} SET {key} = 'x'",
        "INSERT INTO {table} SELECT * FROM {table} WHERE true ON CONFLICT DO UPDATE SET {key} = 'x'",
    ],
)
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_no_row_is_replaced_in_sqlite(file: Path, table: str, attempt: str, recursive_triggers: str) -> None:
    """A replacement asks no trigger on deletion, unless each connection wishes it so; ours ask before the new row."""
    with closing(open_store(f"sqlite:///{file}", create=False)) as opened:
        before = rows(opened)
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
            columns = [name for (name,) in connection.execute(f"SELECT name FROM pragma_table_info('{table}')") if name != "rowid"]
            other = ["'another'" if name in KEYS[table] else name for name in columns]
            statement = attempt.format(table=table, key=KEYS[table][0], columns=", ".join(columns), other=", ".join(other))
            with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
                connection.execute(statement)
        assert rows(opened) == before


def test_triggers_that_are_gone_are_found_and_come_back(store: Store, tmp_path: Path) -> None:
    """Check names each of them; the next migration makes them anew, and only once."""
    with store.reading() as reader:
        drops = drops_of_guards(reader, store)
    assert len(drops) == (len(KEYS) + len(KEPT_FOR_A_PERIOD) if isinstance(store, PostgresTurnRecorder) else 3 * len(KEYS))
    for drop in drops:
        with store.turn() as tx:
            tx.fetch(drop)
        findings = examine(store, str(tmp_path / "keys"), "", rights_apart=False, progress=quietly).findings
        assert any(drop.split()[2] in finding and "db migrate" in finding for finding in findings)
        assert len(migrate(store, quietly)) == 1
        assert migrate(store, quietly) == []
    assert examine(store, str(tmp_path / "keys"), "", rights_apart=False, progress=quietly).findings == []


@pytest.mark.parametrize("days", [83, 85])
def test_who_got_in_is_removed_after_twelve_weeks_and_not_before(store: Store, days: int) -> None:
    """By the database's own clock; what is younger stays, and with it all that was to go in the same statement."""
    at = utc_now() - timedelta(days=days)
    with store.turn() as tx:
        tx.execute(ENTER, [(2, micros(at), "signed_in", "s", "192.0.2.1", None)])
    before = rows(store)
    remove = f"DELETE FROM access_trail WHERE at <= {micros(at):d}"
    if days < 84:
        with pytest.raises(PersistenceError, match="access_trail is append-only"), store.turn() as tx:
            tx.fetch(remove)
        assert rows(store) == before
    else:
        with store.turn() as tx:
            tx.fetch(remove)
        with store.reading() as reader:
            assert reader.fetch("SELECT number FROM access_trail") == [(1,)]


OURS = "receipts_append_only"
INSTEAD = f"CREATE OR REPLACE TRIGGER {OURS} BEFORE"


@pytest.mark.parametrize(
    ("kind", "weakened", "names"),
    [
        ("sqlite", ["DROP TRIGGER receipts_no_delete",
                    "CREATE TRIGGER receipts_no_delete BEFORE DELETE ON receipts BEGIN SELECT 1; END"], ["receipts_no_delete"]),
        ("postgres", [f"ALTER TABLE receipts DISABLE TRIGGER {OURS}"], [OURS]),
        ("postgres", [f"ALTER TABLE receipts ENABLE REPLICA TRIGGER {OURS}"], [OURS]),
        ("postgres", [f"{INSTEAD} UPDATE ON receipts EXECUTE FUNCTION refuse_change()"], [OURS]),
        ("postgres", [f"{INSTEAD} UPDATE OF body OR DELETE OR TRUNCATE ON receipts EXECUTE FUNCTION refuse_change()"], [OURS]),
        ("postgres", [f"{INSTEAD} UPDATE OR DELETE OR TRUNCATE ON receipts WHEN (current_user <> 'me') "
                      "EXECUTE FUNCTION refuse_change()"], [OURS]),
        ("postgres", ["CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"],
         [f"{table}_append_only" for table in KEYS]),
    ],
)  # fmt: skip
def test_a_trigger_that_does_less_is_none(
    kind: str, weakened: list[str], names: list[str], fresh_url: Callable[[str], str]
) -> None:
    """Its name alone is no protection; the next migration makes it what it was."""
    url = fresh_url(kind)
    make_schema(url)
    with closing(open_store(url, create=False)) as opened:
        with opened.turn() as tx:
            for statement in weakened:
                tx.fetch(statement)
        with opened.reading() as reader:
            assert missing_guards(reader, opened) == names
        migrate(opened, quietly)
        with opened.reading() as reader:
            assert missing_guards(reader, opened) == []
