"""A database that was away for a while, as during a failover, and is back."""

import time
from contextlib import closing, suppress

import pytest
from eventsourcing.persistence import PersistenceError

from application.log import Store
from interfaces.storage import open_store
from tests.cutting_proxy import CuttingProxy
from tests.postgres import Cluster

AWAY_SECONDS = 8
BACK_SECONDS_MAX = 2

pytestmark = pytest.mark.chaos


def test_reads_go_on_as_soon_as_the_database_is_back(postgres: Cluster) -> None:
    """However long it was away, and however often somebody asked meanwhile."""
    database = postgres.fresh_database()
    with CuttingProxy(postgres.port) as proxy:
        store = open_store(postgres.url(database, port=proxy.port), create=True)
        assert reads(store)
    with closing(store):
        back_at = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < back_at:
            assert not reads(store)
            time.sleep(0.1)
        with CuttingProxy(postgres.port, proxy.port):
            began = time.monotonic()
            while not reads(store):
                time.sleep(0.1)
            assert time.monotonic() - began < BACK_SECONDS_MAX


def reads(store: Store) -> bool:
    with suppress(PersistenceError), store.reading() as reader:
        return reader.head() is None
    return False
