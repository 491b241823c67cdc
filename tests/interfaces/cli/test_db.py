"""Schema, health, backup while running, restore."""

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import Notification

from application import commands, snapshots
from application.engine import Engine
from application.log import Store
from application.receipts import Answer
from application.turn import Turn
from domain.quantities import Actor
from interfaces.cli import stores
from interfaces.settings import read_settings
from interfaces.storage import open_store
from interfaces.storage.keystore import FileKeyStore
from tests.interfaces.cli.conftest import Run, filled_pool, opened_pool
from tests.postgres import Cluster
from tests.tampering import tampering


def altered(*statements: str) -> None:
    """Changes the database behind the service's back."""
    url = os.environ["STUNDENPOOL_DATABASE_URL"]
    with closing(open_store(url, create=False)) as store, tampering(store) as tx:
        for statement in statements:
            tx.fetch(statement if url.startswith("sqlite:") else statement.replace("rowid", "notification_id"))


@pytest.mark.usefixtures("installation")
def test_migrating_twice_changes_nothing(run: Run) -> None:
    """And says so."""
    done = run("db", "migrate")
    assert done.exit_code == 0
    assert "schon auf dem Stand" in done.stderr


@pytest.mark.usefixtures("sqlite_settings")
def test_migrating_makes_the_folder_of_an_sqlite_database(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the default database lies in a folder that nobody made."""
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", "sqlite:///neu/ordner/pool.db")
    assert run("db", "migrate").exit_code == 0
    assert Path("neu/ordner/pool.db").exists()


@pytest.mark.usefixtures("installation")
def test_a_sound_installation_has_no_findings(run: Run) -> None:
    """With events in it, and with none."""
    assert run("db", "check").exit_code == 0
    filled_pool(run)
    done = run("db", "check")
    assert done.exit_code == 0
    assert "lückenlos und lesbar" in done.stdout


@pytest.mark.parametrize(
    ("statements", "finding"),
    [
        (["DELETE FROM stored_events WHERE rowid = 5"], "Auf Position 4 folgt Position 6"),
        (["DELETE FROM stored_events WHERE rowid = 5"], "folgt Version"),
        (["UPDATE stored_events SET topic = 'pool-closed' WHERE rowid = 1"], "nicht lesbar: event at position 1"),
        (["UPDATE stored_events SET state = state || '\x7d' WHERE rowid = 3"], "nicht lesbar: event at position 3"),
        (["DELETE FROM stored_events WHERE rowid > 3"], "Projektionen stehen bei Position"),
        (["DELETE FROM projections WHERE name = 'balances'"], "Projektion „balances“"),
        (["DELETE FROM migrations"], "Migration"),
        (
            [
                "INSERT INTO receipts (subject, organisation, idempotency_key, request, outcome, body, position) "
                "VALUES ('s', 'o', 'k', '', 'done', '', 99999)"
            ],
            "Belege",
        ),
        (["DELETE FROM stored_events WHERE rowid > 3"], "das Protokoll nur bis 3: es wurde gekürzt"),
        (["DELETE FROM tree"], "Der Baum reicht bis Position 0"),
        (["DELETE FROM tree WHERE last > 1"], "ergänzt ihn"),
        (["DELETE FROM tree WHERE last = 1"], "Dem Baum fehlen Teile"),
        (["UPDATE tree SET hashes = substr(hashes, 2)"], "ist nicht das, aus dem der Baum entstand"),
        (["UPDATE checkpoints SET note = replace(note, 'stundenpool', '')"], "nennt eine andere Wurzel"),
        (["UPDATE checkpoints SET size = size - 1"], "nennt eine andere Wurzel"),
        (["UPDATE checkpoints SET size = size + 1"], "Dem Baum fehlen Teile"),
    ],
)
@pytest.mark.usefixtures("installation")
def test_damage_is_found(run: Run, statements: list[str], finding: str) -> None:
    """Each kind of it, on both stores."""
    filled_pool(run)
    assert run("audit", "checkpoint").exit_code == 0
    altered(*statements)
    done = run("db", "check")
    assert done.exit_code == 1
    assert finding in done.stdout


@pytest.mark.parametrize("value", ["'zwei'", "2.5", "X'02'", "9223372036854775807"])
@pytest.mark.parametrize("column", ["originator_version", "topic", "state", "originator_id"])
@pytest.mark.usefixtures("sqlite_installation")
def test_values_of_another_kind_are_found(run: Run, column: str, value: str) -> None:
    """As SQLite keeps whatever the owner of its file writes, in any column."""
    filled_pool(run)
    altered(f"UPDATE stored_events SET {column} = {value} WHERE rowid = 5")
    done = run("db", "check")
    assert done.exit_code == 1
    assert "FEHLER: Ereignis nicht lesbar: event at position 5" in done.stdout


@pytest.mark.parametrize(
    "alteration",
    [
        "UPDATE snapshots SET version = version + 1",
        "UPDATE snapshots SET version = 1",
        "UPDATE snapshots SET kind = 'case' WHERE kind = 'booking'",
        "UPDATE snapshots SET state = '{}'",
    ],
)
@pytest.mark.usefixtures("installation")
def test_a_snapshot_that_does_not_follow_from_the_log_is_found(run: Run, monkeypatch: pytest.MonkeyPatch, alteration: str) -> None:
    """Decisions would be made on it."""
    monkeypatch.setattr(snapshots, "EVERY", 2)
    filled_pool(run)
    assert run("db", "check").exit_code == 0

    altered(alteration)

    done = run("db", "check")
    assert done.exit_code == 1
    assert "Der Zwischenstand von" in done.stdout


@pytest.mark.usefixtures("sqlite_installation")
def test_keys_that_are_gone_are_found(run: Run) -> None:
    """The texts in the log could be read by nobody any more."""
    filled_pool(run)
    Path("keys/master.key").rename("master.key")
    done = run("db", "check")
    assert done.exit_code == 1
    assert "master.key is missing" in done.stdout
    Path("keys/keys.db").unlink()
    assert run("pool", "open", "pool.toml").exit_code == 1, "no new, empty key store"
    FileKeyStore(Path("keys"))
    assert "ohne gelöscht zu sein" in run("db", "check").stdout


@pytest.mark.usefixtures("sqlite_installation")
def test_a_damaged_key_store_is_found(run: Run) -> None:
    """Its own words say what is wrong with it."""
    filled_pool(run)
    Path("keys/master.key").write_bytes(b"zu kurz")
    done = run("db", "check")
    assert done.exit_code == 1
    assert "Ablage der Schlüssel ist nicht zu gebrauchen" in done.stdout


@pytest.fixture
def roles(sqlite_settings: Path, postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database on PostgreSQL whose service has a role of its own; its name."""
    database = postgres.fresh_database()
    role = f"dienst_{database}"
    postgres.run(f"CREATE ROLE {role} LOGIN")
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", postgres.url(database, role))
    monkeypatch.setenv("STUNDENPOOL_MIGRATION_DATABASE_URL", postgres.url(database))
    return role


def test_a_service_with_a_role_of_its_own_works_with_the_rights_it_is_given(run: Run, roles: str) -> None:
    """Migration grants them; check finds none too many."""
    assert run("db", "migrate").exit_code == 0
    pool = filled_pool(run)
    assert run("balance", pool).exit_code == 0
    assert run("rebuild").exit_code == 0
    assert run("token", "create", "--role", "officer", "--subject", "x").exit_code == 0
    assert run("db", "check").exit_code == 0


def test_excess_rights_of_the_service_are_a_finding(run: Run, roles: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a role of its own was meant to keep it from altering the log."""
    run("db", "migrate")
    url = os.environ["STUNDENPOOL_MIGRATION_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"GRANT UPDATE, TRUNCATE ON stored_events TO {roles}")
    done = run("db", "check")
    assert done.exit_code == 1
    assert "UPDATE, TRUNCATE" in done.stdout


@pytest.mark.usefixtures("sqlite_settings")
def test_one_role_for_everything_is_only_a_note(run: Run, fresh_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs it so has decided that."""
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", fresh_url("postgres"))
    run("db", "migrate")
    done = run("db", "check")
    assert done.exit_code == 0
    assert "Hinweis: Der Dienst benutzt den Zugang" in done.stdout


# ── Backup and restore


@pytest.fixture
def elsewhere(installation: Path, fresh_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Turns the settings to a new, empty database of the same kind."""

    def turn_to() -> None:
        kind = "sqlite" if os.environ["STUNDENPOOL_DATABASE_URL"].startswith("sqlite:") else "postgres"
        monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", fresh_url(kind))

    return turn_to


def test_a_backup_brings_everything_back(run: Run, elsewhere: Callable[[], None]) -> None:
    """Log, balances and receipts, into an empty database."""
    pool = filled_pool(run)
    token = run("token", "create", "--role", "auditor", "--subject", "p").stdout
    assert token
    before = run("balance", pool, "--by", "case", "--json").stdout
    done = run("db", "backup", "sicherung")
    assert done.exit_code == 0
    assert "Schlüssel der Personendaten sind nicht darin" in done.stderr
    elsewhere()
    restored = run("db", "restore", "sicherung")
    assert restored.exit_code == 0, restored.output
    assert run("balance", pool, "--by", "case", "--json").stdout == before
    assert run("rebuild", "--check").exit_code == 0
    assert run("import", "sessions", "sessions.csv", "--pool", pool).exit_code == 0, "the restored store takes no turns"


def test_a_backup_during_work_is_one_consistent_state(run: Run, elsewhere: Callable[[], None]) -> None:
    """Whoever writes meanwhile: the copy is a prefix of the log that ends with a whole turn and holds whatever was answered before
    the backup began, and its projections stand where its log does."""
    pool = UUID(opened_pool(run))
    stop = threading.Event()
    answered: list[int] = []

    def raise_budget(turn: Turn) -> Answer:
        return commands.change_budget(turn, pool, change_minutes=15, resolution="V1")

    def work(engine: Engine) -> None:
        while not stop.is_set():
            answered.append(engine.execute(Actor("amt-1", "officer", "jugendamt"), raise_budget).position)

    promised: dict[str, int] = {}
    with stores.service() as opened:
        workers = [threading.Thread(target=work, args=(opened.engine,)) for _ in range(4)]
        for worker in workers:
            worker.start()
        try:
            for number in range(3):
                before = len(answered)
                while len(answered) == before:
                    assert all(worker.is_alive() for worker in workers)
                    time.sleep(0.01)
                promised[f"sicherung-{number}"] = max(answered)
                assert run("db", "backup", f"sicherung-{number}").exit_code == 0
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        original = whole_log(opened.store)
    assert len(original) == max(answered)
    for name, position in promised.items():
        elsewhere()
        restored = run("db", "restore", name)  # ends with a check
        assert restored.exit_code == 0, restored.output
        assert run("rebuild", "--check").exit_code == 0
        with stores.opened_store(read_settings()) as store:
            copy = whole_log(store)
        assert copy == original[: len(copy)]
        assert len(copy) >= position


def whole_log(store: Store) -> list[Notification]:
    with store.reading() as reader:
        return reader.notifications(0, 1_000_000)


def test_the_role_of_the_service_is_enough_for_a_backup(run: Run, roles: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may read everything may copy it: no job of the night needs the owner's password."""
    run("db", "migrate")
    monkeypatch.setenv("STUNDENPOOL_MIGRATION_DATABASE_URL", "")
    done = run("db", "backup", "kopie")
    assert done.exit_code == 0, done.output


@pytest.mark.usefixtures("installation")
def test_a_backup_overwrites_nothing_and_leaves_no_halves(run: Run) -> None:
    """Whatever stands under the name already."""
    Path("da").write_text("wichtig")
    done = run("db", "backup", "da")
    assert done.exit_code == 1
    assert "wird nicht überschrieben" in done.stderr
    assert Path("da").read_text() == "wichtig"
    assert run("db", "backup", "gibtesnicht/kopie").exit_code == 1
    assert not [name for name in os.listdir() if name.startswith(".")]


@pytest.mark.usefixtures("installation")
def test_a_backup_is_for_its_owner_alone(run: Run) -> None:
    """It holds what the database holds."""
    assert run("db", "backup", "kopie").exit_code == 0
    assert Path("kopie").stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("installation")
def test_a_backup_holds_no_keys(run: Run) -> None:
    """What erases a person's key is not undone by an old copy."""
    filled_pool(run)
    run("db", "backup", "kopie")
    assert Path("keys/master.key").read_bytes() not in Path("kopie").read_bytes()
    assert b"wrapped" not in Path("kopie").read_bytes()


@pytest.mark.usefixtures("installation")
def test_nothing_is_restored_over_what_is_there(run: Run) -> None:
    """Not even over an empty log with its tables."""
    run("db", "backup", "kopie")
    done = run("db", "restore", "kopie")
    assert done.exit_code == 1
    assert "leere Datenbank" in done.stderr


def test_what_is_no_backup_is_refused(run: Run, elsewhere: Callable[[], None]) -> None:
    """And leaves the database as empty as it was."""
    Path("brief").write_text("Sehr geehrte Damen und Herren")
    with closing(sqlite3.connect("fremd")) as connection:
        connection.execute("CREATE TABLE t (x)")
    elsewhere()
    for name in ("brief", "fremd", "gibtesnicht"):
        done = run("db", "restore", name)
        assert done.exit_code == 1
        assert name in done.stderr or "pg_restore" in done.stderr
    assert run("db", "migrate").exit_code == 0


@pytest.mark.usefixtures("sqlite_installation")
def test_a_write_ahead_log_that_was_left_behind_stops_a_restore(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite would replay it into the restored file."""
    run("db", "backup", "kopie")
    Path("neu.db-wal").touch()
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", "sqlite:///neu.db")
    done = run("db", "restore", "kopie")
    assert done.exit_code == 1
    assert "neu.db-wal" in done.stderr


def test_without_the_tools_of_postgresql_the_reason_is_named(run: Run, roles: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the package that brings them."""
    run("db", "migrate")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))
    done = run("db", "backup", "kopie")
    assert done.exit_code == 1
    assert "postgresql-client" in done.stderr


def test_a_schema_of_its_own_comes_back_as_well(
    run: Run, postgres: Cluster, sqlite_settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several offices may share a database."""
    for database in (postgres.fresh_database(), postgres.fresh_database()):
        monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", f"{postgres.url(database)}?schema=amt_1")
        if not Path("kopie").exists():
            assert run("db", "migrate").exit_code == 0
            pool = opened_pool(run)
            assert run("db", "backup", "kopie").exit_code == 0
        else:
            restored = run("db", "restore", "kopie")
            assert restored.exit_code == 0, restored.output
            assert run("balance", pool).exit_code == 0
