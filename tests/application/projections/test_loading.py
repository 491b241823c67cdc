"""Rows on their way into empty tables: when they leave memory, and how they are found again."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from application.log import Loading
from application.projections import loading
from application.projections.loading import LoadedRows, Step
from application.projections.tables import Projection, Row, Table
from tests.application.projections.driver import Log, opened_log


class Thing(Row):
    thing: str
    number: int


THINGS = Table("things", Thing, ("thing",))
PROJECTION = Projection("things", 1, (THINGS,), {})
SLOTS = {"things": "a"}
INDEX = "things_a_by_thing"


@pytest.fixture
def log(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """A store with an empty table; four rows are enough to be written."""
    monkeypatch.setattr(loading, "ROWS_HELD_MAX", 6)
    with opened_log(store_url) as log:
        with log.store.turn() as tx:
            tx.fetch(THINGS.create("a"))
        yield log


@contextmanager
def loaded(log: Log) -> Iterator[LoadedRows]:
    def guard(tx: Loading) -> None:
        """Nobody takes over."""

    def note(tx: Loading, step: Step) -> None:
        """Nobody takes up again."""

    with LoadedRows([PROJECTION], SLOTS, log.store, guard, note, unindexed=True) as rows:
        yield rows
        rows.hand_over(1, everything=True)


def put(rows: LoadedRows, first: int, number: int) -> None:
    for each in range(first, first + number):
        rows.put(THINGS, Thing(f"thing-{each}", 0))
    rows.hand_over(1)


def indexes(log: Log) -> set[str]:
    catalogue = (
        "SELECT indexname FROM pg_indexes WHERE tablename = 'things_a'"
        if "Postgres" in type(log.store).__name__
        else "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'things_a'"
    )
    return {name for (name,) in log.ask(lambda reader: reader.fetch(catalogue))}


def stored(log: Log) -> dict[str, int]:
    found = log.ask(lambda reader: reader.fetch("SELECT thing, number FROM things_a"))
    assert len(dict(found)) == len(found)
    return dict(found)


def test_a_table_in_which_nothing_is_looked_for_gets_no_index(log: Log) -> None:
    """given more rows than memory holds / when each is asked for while it is held only / then they stand there without an index."""
    with loaded(log) as rows:
        for first in range(0, 20, 4):
            put(rows, first, 4)
            rows.change(THINGS, f"thing-{first}").number = first
    assert stored(log) == {f"thing-{each}": each if each % 4 == 0 else 0 for each in range(20)}
    assert indexes(log) == set()


def test_a_row_that_left_is_found_by_its_key(log: Log) -> None:
    """given rows that have left memory / when they are changed or deleted / then they are taken back, and stand there once."""
    with loaded(log) as rows:
        for first in range(0, 20, 4):
            put(rows, first, 4)
        rows.change(THINGS, "thing-0").number = 7
        rows.delete(THINGS, "thing-1")
        put(rows, 20, 4)
        rows.change(THINGS, "thing-0").number += 1
        assert rows.get(THINGS, "thing-99") is None
    assert stored(log) == {f"thing-{each}": 8 if each == 0 else 0 for each in range(24) if each != 1}
    assert indexes(log) == {INDEX}


def test_few_rows_are_written_together(log: Log) -> None:
    """given fewer rows than are worth writing / when handed over / then nothing is written before the end."""
    with loaded(log) as rows:
        put(rows, 0, 3)
        assert stored(log) == {}
    assert len(stored(log)) == 3
