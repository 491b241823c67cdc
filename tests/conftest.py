"""What every test may ask for: a PostgreSQL server, and fresh databases on both stores."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgres import Cluster, memory, running_cluster
from tests.softhsm import Token, new_token

STORE_KINDS = ("sqlite", "postgres")

# The gate draws the same examples in every run, so that it says the same twice; `make chaos` draws others each time.
settings.register_profile("same", derandomize=True)
settings.register_profile("others", print_blob=True)
settings.load_profile("same")


def pytest_configure() -> None:
    """Files of tests are kept in memory where there is room: each store waits for its disk with every commit."""
    if (folder := memory()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: many a test waits for a process that it has started, or for the other end of a line."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server that lives as long as the session; its absence fails the tests that need it.

    It does not wait for the disk: what a killed process or server has written the system still has, and no test cuts the power.
    Some thousand databases come and go there, each of which lives for a second: in memory that takes a third of the time.
    """
    with running_cluster(memory(), fsync="off", autovacuum="off", max_wal_size="128MB") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Token:
    """A PKCS#11 token that lives as long as the session; its absence fails the tests that need it."""
    return new_token(tmp_path_factory.mktemp("softhsm"))


def new_url(request: pytest.FixtureRequest, kind: str, file: Path) -> str:
    """The URL of a new, empty database of one of STORE_KINDS, for whatever fixture asks, as long as that lives; on SQLite it is
    this file."""
    if kind == "sqlite":
        return f"sqlite:///{file}"
    cluster: Cluster = request.getfixturevalue("postgres")
    database = cluster.fresh_database()
    request.addfinalizer(lambda: cluster.drop(database))
    return cluster.url(database)


@pytest.fixture
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """A function that gives such a URL to a test."""
    numbers = count(1)
    return lambda kind: new_url(request, kind, tmp_path / f"store-{next(numbers)}.db")


@pytest.fixture(params=STORE_KINDS)
def store_url(request: pytest.FixtureRequest, fresh_url: Callable[[str], str]) -> str:
    """The URL of a new, empty database; the test runs once for each kind of store."""
    return fresh_url(request.param)
