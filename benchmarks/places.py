"""Both stores, as careful with data as in service: SQLite with ``synchronous=FULL``, PostgreSQL with ``fsync``."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import psycopg

from interfaces.settings import Settings
from interfaces.storage.keystore import open_keystore
from tests.postgres import Cluster, running_cluster
from tests.schema import make_schema

Kind = Literal["sqlite", "postgres"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgres")


@dataclass(frozen=True, slots=True)
class Database:
    """A database of its own, with a key store beside it."""

    kind: Kind
    url: str
    keys: Path
    stock: dict[str, str]  # the environment by which the library finds it

    @property
    def settings(self) -> Settings:
        return Settings(database_url=self.url, keystore=str(self.keys))

    def connect(self) -> Any:
        """A plain connection that commits after every statement."""
        if self.kind == "postgres":
            return psycopg.connect(self.url, autocommit=True)
        connection = sqlite3.connect(self.stock["SQLITE_DBNAME"], isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection


class Places:
    """Makes databases, which vanish in the end."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder = folder
        self.cluster = cluster
        self._numbers = count(1)

    def empty(self, kind: Kind) -> Database:
        """A database without any table."""
        number = next(self._numbers)
        keys = self.folder / f"keys-{number}"
        open_keystore(str(keys)).close()  # before the log, which may come from elsewhere
        if kind == "sqlite":
            file = self.folder / f"store-{number}.db"
            environment = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(file)}
            return Database(kind, f"sqlite:///{file}", keys, environment)
        name = self.cluster.fresh_database()
        environment = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": name,
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": str(self.cluster.port),
            "POSTGRES_USER": "postgres",
            "POSTGRES_PASSWORD": "",
        }
        return Database(kind, self.cluster.url(name), keys, environment)

    def migrated(self, kind: Kind) -> Database:
        """A database with our schema."""
        database = self.empty(kind)
        make_schema(database.url)
        return database


@contextmanager
def places() -> Iterator[Places]:
    """Both stores, for as long as the block lasts."""
    with TemporaryDirectory(prefix="stundenpool-bench-") as folder, running_cluster() as cluster:
        yield Places(Path(folder), cluster)
