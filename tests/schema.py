"""Databases with the schema of the program, copied from one that was migrated: hundreds of tests begin with one."""

import shutil
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from interfaces.storage import open_store
from interfaces.storage.migrate import migrate
from tests.postgres import SPARE

TEMPLATE = "migrated"


def make_schema(url: str) -> None:
    """Brings a database to the schema of the program, as ``stundenpool db migrate`` does. One that is new becomes a copy."""
    parts = urlsplit(url)
    name = unquote(parts.path.removeprefix("/"))
    if parts.scheme == "sqlite":
        copied = _copy_file(Path(name))
    else:
        copied = not parts.query and name != "postgres" and _copy_database(url, name)  # by that one the others are made
    if not copied:
        _migrate(url)


def _migrate(url: str) -> None:
    with closing(open_store(url, create=True)) as store:
        migrate(store, lambda done, total: None)


def _copy_file(path: Path) -> bool:
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(_folder().name, TEMPLATE), path)
    return True


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Holds a migrated SQLite file; is gone when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="stundenpool-")
    _migrate(f"sqlite:///{folder.name}/{TEMPLATE}")
    return folder


def _copy_database(url: str, name: str) -> bool:
    server = url.removesuffix(name)
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace LIMIT 1").fetchone():
            return False
    with psycopg.connect(f"{server}postgres", autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone():
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
            _migrate(f"{server}{TEMPLATE}")
        connection.execute(f"ALTER DATABASE {name} RENAME TO {SPARE}{name}")
        # To copy files is less work than to write what is in them to the WAL first, which would be the usual way.
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    return True
