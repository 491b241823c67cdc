"""Offices whose store fails around its commit, on demand: a cut connection to PostgreSQL, a failing disk under SQLite."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest

from interfaces.storage.sqlite import SQLiteTurnRecorder
from tests.cutting_proxy import CuttingProxy
from tests.office import Office
from tests.postgres import Cluster
from tests.schema import make_schema

When = Literal["before", "after"]


class FaultyOffice(Protocol):
    """An office, and how to let its next commit fail before or after it happened, so that the engine cannot know which."""

    office: Office

    def cut(self, when: When) -> None: ...


class BehindProxy:
    """On PostgreSQL: the connection is cut."""

    def __init__(self, office: Office, proxy: CuttingProxy) -> None:
        self.office = office
        self._proxy = proxy

    def cut(self, when: When) -> None:
        if when == "before":
            self._proxy.cut_before_commit()
        else:
            self._proxy.cut_after_commit()


class OnFailingDisk:
    """On SQLite: the commit reports an error of the disk."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._demand: When | None = None
        recorder = office.store
        assert isinstance(recorder, SQLiteTurnRecorder)
        connect = recorder._connect
        recorder._connect = lambda: FailingConnection(connect(), self.take_demand)  # type: ignore[method-assign,assignment,return-value]

    def cut(self, when: When) -> None:
        self._demand = when

    def take_demand(self) -> When | None:
        demand, self._demand = self._demand, None
        return demand


class FailingConnection:
    """A connection to SQLite whose commit fails on demand."""

    def __init__(self, connection: sqlite3.Connection, take_demand: Callable[[], When | None]) -> None:
        self._connection = connection
        self._take_demand = take_demand

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        demand = self._take_demand()
        if demand != "before":
            self._connection.commit()
        if demand is not None:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error


@contextmanager
def faulty_office(kind: str, directory: Path, request: pytest.FixtureRequest) -> Iterator[FaultyOffice]:
    """An office on a new store of that kind."""
    if kind == "sqlite":
        url = f"sqlite:///{directory}/store.db"
        make_schema(url)
        with closing(Office(url, directory / "keys")) as office:
            yield OnFailingDisk(office)
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    database = cluster.fresh_database()
    make_schema(cluster.url(database))
    with (
        CuttingProxy(cluster.port) as proxy,
        closing(Office(cluster.url(database, port=proxy.port), directory / "keys")) as office,
    ):
        yield BehindProxy(office, proxy)
