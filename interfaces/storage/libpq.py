"""PostgreSQL addressed directly, beside the recorder and its pool: by tools of its own, and to find out why nobody answers."""

import psycopg
from psycopg.rows import TupleRow

from interfaces.storage import _postgres_environment, _split

_CONNECT_SECONDS_MAX = 10
_VARIABLES = {"HOST": "HOST", "PORT": "PORT", "USER": "USER", "PASSWORD": "PASSWORD", "DATABASE": "DBNAME"}


def address(url: str) -> tuple[dict[str, str], str]:
    """Where a database is, as libpq's own variables, which keep the password out of the list of processes; and its schema."""
    known = _postgres_environment(_split(url))
    variables = {f"PG{name}": known[f"POSTGRES_{source}"] for name, source in _VARIABLES.items()}
    return {name: value for name, value in variables.items() if value}, known["POSTGRES_SCHEMA"]


def connect(url: str) -> psycopg.Connection[TupleRow]:
    """A connection of its own, in autocommit. Unlike the pool it says at once why there is none: ``psycopg.OperationalError``."""
    variables, _ = address(url)
    return psycopg.connect(
        host=variables["PGHOST"],
        port=variables["PGPORT"],
        user=variables["PGUSER"],
        password=variables.get("PGPASSWORD"),
        dbname=variables["PGDATABASE"],
        connect_timeout=_CONNECT_SECONDS_MAX,
        autocommit=True,
    )
