"""Two offices on one PostgreSQL, each with a schema of its own: they know nothing of each other."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Thread

import pytest
from eventsourcing.persistence import ProgrammingError

from application.log import read_event
from interfaces.http.operations import PREFIX
from interfaces.storage import open_store
from interfaces.storage.migrate import migrate
from tests.interfaces.http.office import Office, running_office
from tests.postgres import Cluster

SCHEMAS = ("south", "north")


@pytest.fixture
def database(postgres: Cluster) -> str:
    return postgres.fresh_database()


@pytest.fixture
def offices(postgres: Cluster, database: str, tmp_path: Path) -> Iterator[tuple[Office, Office]]:
    """Both in this one process."""
    with ExitStack() as stack:
        south, north = (
            stack.enter_context(running_office(f"{postgres.url(database)}?schema={schema}", tmp_path / schema))
            for schema in SCHEMAS
        )
        yield south, north


def test_nothing_of_one_office_is_seen_by_the_other(offices: tuple[Office, Office]) -> None:
    """Neither pools, nor tokens, nor what a key was answered; each log has its own positions."""
    south, north = offices
    answers = [office.post("lead", "/cases", case(office), key="same") for office in (south, north)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]
    assert answers[0].headers["Position"] == answers[1].headers["Position"] == "2"
    assert north.get("officer", f"/pools/{south.pool}").status_code == 404
    assert north.get("officer", f"/cases/{answers[0].json()['id']}").status_code == 404
    assert [pool["id"] for pool in north.get("officer", "/pools").json()["items"]] == [north.pool]

    foreign = {"Authorization": f"Bearer {south.tokens['officer']}"}
    assert north.request("GET", f"{PREFIX}/pools", headers=foreign).status_code == 401


def test_offices_decide_at_the_same_time(offices: tuple[Office, Office]) -> None:
    """While one holds the lock of its log, the other one goes on; each log is as its own office wrote it."""
    south, north = offices
    for office in offices:
        case(office)
    with south.service.store.turn():
        assert north.post("lead", "/cases", {"pool": north.pool, **CASE}).status_code == 201
    south.post("lead", "/cases", {"pool": south.pool, **CASE})
    south.post("lead", "/cases", {"pool": south.pool, **CASE})
    assert types(south) == ["pool-opened", "case-opened", "case-opened"]
    assert types(north) == ["pool-opened", "case-opened"]


def test_a_follower_is_not_woken_by_another_office(offices: tuple[Office, Office]) -> None:
    """Who follows one log waits for appends of this log alone."""
    south, north = offices
    with closing(south.service.store.appends()) as appends:
        writer = Thread(target=case, args=(north,))
        began = time.monotonic()
        writer.start()
        appends.wait(1.0)
        assert time.monotonic() - began >= 0.9, "woken by the other office"
        writer.join()


def test_the_role_of_one_office_cannot_read_the_other(postgres: Cluster, database: str) -> None:
    """Rights are granted in its own schema alone."""
    for schema in SCHEMAS:
        postgres.run(f"CREATE ROLE {database}_{schema} LOGIN")
        with closing(open_store(f"{postgres.url(database)}?schema={schema}", create=True)) as store:
            migrate(store, lambda done, of: None, f"{database}_{schema}")
    url = f"{postgres.url(database, user=f'{database}_north')}?schema=north"
    with closing(open_store(url, create=False)) as north, north.reading() as reader:
        assert reader.head() is None
        with pytest.raises(ProgrammingError, match="permission denied"):
            reader.fetch("SELECT 1 FROM south.stored_events")


CASE = {"district": "nord", "service_area": "11", "concern": "work"}


def case(office: Office) -> dict[str, str]:
    """The body that opens a case in a fresh pool of this office."""
    return {"pool": office.given("open_pool").pool, **CASE}


def types(office: Office) -> list[str]:
    with office.service.store.reading() as reader:
        return [read_event(row).type for row in reader.notifications(0, 100)]
