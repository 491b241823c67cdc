"""Tables for what is folded once and only read from then on. They are gone with the last who reads them."""

import sqlite3
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any

from application.log import Found

MEMORY_KIB = 32 * 1024  # what is beyond goes into a file without a name


class TemporaryTables:
    """An SQLite database of its own, in memory as far as it is small. Threads may share it."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._connection.execute(f"PRAGMA cache_size = -{MEMORY_KIB}")
        self._connection.execute("PRAGMA journal_mode = OFF")  # nothing is ever rolled back
        self._connection.execute("BEGIN")  # once for good, or each row would be a transaction
        self._lock = Lock()

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Found:
        with self._lock:
            return self._connection.execute(sql, params).fetchall()

    def execute(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._lock:
            self._connection.executemany(sql, rows)
