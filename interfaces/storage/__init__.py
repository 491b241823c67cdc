"""Where the log and its tables are kept: `open_store` turns a database URL into a store.

    sqlite:///var/stundenpool.db            a file, relative to the working directory
    sqlite:////var/lib/stundenpool.db       a file, absolute
    postgresql://user:password@host:5432/database?schema=log
    postgresql://user@/database?host=/run/postgresql        a directory with a Unix socket

The schema is "public" unless stated. What else a connection to PostgreSQL needs comes from libpq's own environment
variables (PGSSLMODE, PGSSLROOTCERT, PGPASSFILE).
"""

from pathlib import Path
from typing import cast
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from eventsourcing.persistence import InfrastructureFactory

from application.log import Store

__all__ = ["open_store"]

# Connections that read from PostgreSQL: the HTTP service reads from eight threads, following the log takes one more.
_READERS_READY, _READERS_MORE = 2, 8
_READER_IDLE_SECONDS_MAX = 600  # between two statements of one snapshot: findings of millions of events take minutes
_POOL_WAIT_SECONDS_MAX = 5


def open_store(url: str, *, create: bool) -> Store:
    """Opens the store that a database URL names; with `create` it makes the table of events, where that is missing.

    Raises ValueError for a URL of another form, with a sentence that repeats no password. That the database
    itself is away comes out as the library's InterfaceError or OperationalError, at the latest on first use.
    """
    parts = _split(url)
    if parts.scheme == "sqlite":
        environment = _sqlite_environment(parts, create=create)
    elif parts.scheme == "postgresql":
        environment = _postgres_environment(parts)
    else:
        raise ValueError("a database URL begins with sqlite:/// or postgresql://")
    environment["CREATE_TABLE"] = "yes" if create else "no"
    return cast(Store, InfrastructureFactory.construct(environment).application_recorder())


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # is checked when it is read
    except ValueError:
        raise ValueError("the host or port of the database URL cannot be read") from None
    if parts.fragment:
        raise ValueError("the database URL contains a bare #: write %23")
    return parts


def _sqlite_environment(parts: SplitResult, *, create: bool) -> dict[str, str]:
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or parts.query or not path or path.endswith("/") or path == ":memory:":
        raise ValueError("an SQLite URL names one file, sqlite:///relative/file.db or sqlite:////absolute/file.db, and no options")
    if create:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)  # for its owner's eyes only, as are the files that SQLite puts beside it
    mode = "rwc" if create else "rw"  # a mistyped path is an error, not an empty database
    return {
        "PERSISTENCE_MODULE": "interfaces.storage.sqlite",
        "SQLITE_DBNAME": f"file:{quote(path)}?mode={mode}",
    }


def _postgres_environment(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    host = options.pop("host", parts.hostname)
    schema = options.pop("schema", "public")
    dbname = unquote(parts.path.removeprefix("/"))
    if not (host and dbname and parts.username and schema):
        raise ValueError("a PostgreSQL URL names user, host and database: postgresql://user:password@host:port/database")
    if options:
        raise ValueError(f"a PostgreSQL URL takes the options schema and host, not {', '.join(sorted(options))}")
    return {
        "PERSISTENCE_MODULE": "interfaces.storage.postgres",
        "POSTGRES_HOST": host,
        "POSTGRES_PORT": str(parts.port or 5432),
        "POSTGRES_DBNAME": dbname,
        "POSTGRES_USER": unquote(parts.username),
        "POSTGRES_PASSWORD": unquote(parts.password or ""),
        "POSTGRES_SCHEMA": schema,
        "POSTGRES_POOL_SIZE": str(_READERS_READY),
        "POSTGRES_MAX_OVERFLOW": str(_READERS_MORE),
        "POSTGRES_CONNECT_TIMEOUT": str(_POOL_WAIT_SECONDS_MAX),
        "POSTGRES_IDLE_IN_TRANSACTION_SESSION_TIMEOUT": str(_READER_IDLE_SECONDS_MAX),
    }
