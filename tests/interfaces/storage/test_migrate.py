"""Migrations: what is missing is made, in order and once, and projections of another version are built anew."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eventsourcing.persistence import PersistenceError

from application.log import Store
from application.projections import PROJECTIONS
from application.projections.bookings import BOOKINGS
from application.proof import tree
from application.rebuild import check
from interfaces.storage import migrate as migrating
from interfaces.storage import open_store
from interfaces.storage.migrate import migrate, migrations, schema_state
from tests.application.projections.driver import Log, opened_log
from tests.domain.facts import approved, case_opened, hours_requested, logged, pool_opened
from tests.postgres import Cluster


def quietly(done: int, total: int) -> None:
    """Nobody watches."""


@pytest.fixture
def log(store_url: str) -> Iterator[Log]:
    with opened_log(store_url) as log:
        log.append([pool_opened(), case_opened(), hours_requested(60), *approved(60), logged(15)])
        yield log


def test_an_empty_database_gets_everything_once(store_url: str) -> None:
    """given an empty database / when migrated twice / then the second time finds nothing to do."""
    store = open_store(store_url, create=True)
    try:
        assert schema_state(store)
        assert len(migrate(store, quietly)) == len(migrations()) + 1 + len(PROJECTIONS)  # and triggers
        assert schema_state(store) == []
        assert migrate(store, quietly) == []
    finally:
        store.close()


def test_migrations_are_numbered_without_gaps() -> None:
    """given the files of migrations / then their numbers run from 1, and each has statements."""
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))
    assert all(migration.statements for migration in migrations())


def test_a_migration_that_fails_leaves_nothing_behind(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a migration whose second statement fails / when migrated / then its first has left nothing, and it is missing."""
    number = len(migrations()) + 1
    broken = migrating.Migration(number, f"{number:04}_broken", ("CREATE TABLE half (id BIGINT)", "CREATE TABLE half (id BIGINT)"))
    known = [*migrations(), broken]
    monkeypatch.setattr(migrating, "migrations", lambda: known)
    with pytest.raises(PersistenceError):
        migrate(log.store, quietly)
    assert schema_state(log.store) == [f"Die Migration {broken.name} fehlt."]
    with pytest.raises(PersistenceError):
        log.ask(lambda reader: reader.fetch("SELECT * FROM half"))


def test_a_projection_of_another_version_is_built_anew(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a program with a newer projection / when migrated / then its tables are filled from the log, and the others stay."""
    newer = replace(BOOKINGS, version=BOOKINGS.version + 1)
    newer_ones = tuple(newer if projection is BOOKINGS else projection for projection in PROJECTIONS)
    for module in ("interfaces.storage.migrate", "application.rebuild"):
        monkeypatch.setattr(f"{module}.PROJECTIONS", newer_ones)
    before = log.rows()
    assert schema_state(log.store) == ["Die Projektion „bookings“ fehlt oder ist veraltet."]
    tree.complete(log.store, quietly)  # which no turn of an engine has done here
    assert migrate(log.store, quietly) == ["Projektion „bookings“ aufgebaut"]
    assert schema_state(log.store) == []
    assert log.rows() == before
    assert check(log.store, [], quietly) == []


def test_an_interrupted_build_is_finished_by_the_next_migration(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given tables that were made but never filled / when migrated again / then they are filled; until then nobody reads them."""
    newer = tuple(replace(projection, version=projection.version + 1) for projection in PROJECTIONS)
    for module in ("interfaces.storage.migrate", "application.rebuild"):
        monkeypatch.setattr(f"{module}.PROJECTIONS", newer)
    before = log.rows()
    with monkeypatch.context() as interrupted:
        interrupted.setattr(migrating, "rebuild", lambda *_: None)
        migrate(log.store, quietly)
    assert len(schema_state(log.store)) == len(PROJECTIONS)
    migrate(log.store, quietly)
    assert schema_state(log.store) == []
    assert log.rows() == before


def test_a_projection_that_the_program_no_longer_has_is_dropped(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a program without the worklist / when migrated / then its tables are gone and nothing is missing."""
    fewer = tuple(projection for projection in PROJECTIONS if projection.name != "worklist")
    monkeypatch.setattr("interfaces.storage.migrate.PROJECTIONS", fewer)
    migrate(log.store, quietly)
    assert schema_state(log.store) == []
    with pytest.raises(PersistenceError):
        log.ask(lambda reader: reader.fetch("SELECT * FROM worklist_a"))


def test_the_role_of_the_service_can_work_but_not_rewrite(postgres: Cluster) -> None:
    """given a role of its own for the service / when migrated for it / then it appends and projects, but changes no event."""
    database, role = postgres.fresh_database(), "stundenpool-service"
    postgres.run(f'CREATE ROLE "{role}" LOGIN')
    owner = open_store(postgres.url(database), create=True)
    migrate(owner, quietly, role)
    owner.close()
    service = open_store(postgres.url(database, user=role), create=False)
    try:
        log = Log(service)
        log.append([pool_opened(), case_opened(), hours_requested(60), *approved(60)])
        assert check(service, [], quietly) == []
        assert schema_state(service) == []
        for statement in ("UPDATE stored_events SET topic = ''", "DELETE FROM stored_events", "DELETE FROM receipts"):
            with pytest.raises(PersistenceError, match="denied"):
                _run(service, statement)
    finally:
        service.close()


def _run(store: Store, statement: str) -> None:
    with store.turn() as tx:
        tx.fetch(statement)
