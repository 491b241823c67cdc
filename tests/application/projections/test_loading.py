"""Rows on their way into empty tables: when they leave memory, and how they are found again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from application.log import Loading
from application.projections import loading
from application.projections.loading import LoadedRows, Step
from application.projections.tables import Projection, Row, Table
from tests.application.projections.driver import Log, opened_log
from tests.domain.facts import pool_opened


class Thing(Row):
    thing: str
    number: int


THINGS = Table("things", Thing, ("thing",))
PROJECTION = Projection("things", 1, (THINGS,), {})
SLOTS = {"things": "a"}
INDEX = "things_a_by_thing"
WAIT_SECONDS_MAX = 20.0


@pytest.fixture
def log(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """A store with an empty table; four rows are enough to be written."""
    monkeypatch.setattr(loading, "ROWS_HELD_MAX", 6)
    with opened_log(store_url) as log:
        with log.store.turn() as tx:
            tx.fetch(THINGS.create("a"))
        yield log


@contextmanager
def loaded(log: Log, wait: Callable[[], object] = lambda: None) -> Iterator[LoadedRows]:
    """``wait`` is called in each transaction that writes."""

    def guard(tx: Loading) -> None:
        wait()

    def note(tx: Loading, step: Step) -> None:
        """Nobody takes up again."""

    [opened] = log.append([pool_opened()])
    with LoadedRows([PROJECTION], SLOTS, log.store, guard, note, unindexed=True) as rows:
        rows.event = opened
        yield rows
        rows.hand_over(1, everything=True)


def put(rows: LoadedRows, first: int, number: int) -> None:
    for each in range(first, first + number):
        rows.put(THINGS, Thing(f"thing-{each}", 0))


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
            rows.hand_over(1)
    assert stored(log) == {f"thing-{each}": each if each % 4 == 0 else 0 for each in range(20)}
    assert indexes(log) == set()


def test_a_row_that_left_is_found_by_its_key(log: Log) -> None:
    """given rows that have left memory / when they are changed or deleted / then they are taken back, and stand there once."""
    with loaded(log) as rows:
        for first in range(0, 20, 4):
            put(rows, first, 4)
            rows.hand_over(1)
        rows.change(THINGS, "thing-0").number = 7
        rows.delete(THINGS, "thing-1")
        put(rows, 20, 4)
        rows.hand_over(1)
        rows.change(THINGS, "thing-0").number += 1
        assert rows.get(THINGS, "thing-99") is None
    assert stored(log) == {f"thing-{each}": 8 if each == 0 else 0 for each in range(24) if each != 1}
    assert indexes(log) == {INDEX}


def test_few_rows_are_written_together(log: Log) -> None:
    """given fewer rows than are worth writing / when handed over / then nothing is written before the end."""
    with loaded(log) as rows:
        put(rows, 0, 3)
        rows.hand_over(1)
        assert stored(log) == {}
    assert len(stored(log)) == 3


def test_a_row_that_is_only_read_is_not_written_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given rows that have left memory / when one is read and another changed / then only the other is taken out and written."""
    changed: list[tuple[list[str], list[str]]] = []
    write = LoadedRows._write

    def note(rows: LoadedRows, changes: Any, step: Step | None) -> None:
        changed.extend(([key for (key,) in each.taken], [row.thing for row in each.rows]) for each in changes if step)
        write(rows, changes, step)

    with loaded(log) as rows:
        put(rows, 0, 8)
        rows.hand_over(1)
        monkeypatch.setattr(LoadedRows, "_write", note)
        rows.get(THINGS, "thing-0")
        rows.change(THINGS, "thing-1").number = 1
    assert changed == [(["thing-1"], ["thing-1"])]
    assert stored(log) == {f"thing-{each}": int(each == 1) for each in range(8)}


def test_what_is_being_written_is_found_without_waiting(log: Log) -> None:
    """given rows whose writing takes its time / when they are asked for / then they are there, and stand there once in the end."""
    go_on = Event()
    go_on.set()
    with loaded(log, lambda: go_on.wait(WAIT_SECONDS_MAX)) as rows:
        put(rows, 0, 8)
        rows.hand_over(1)
        rows.the(THINGS, "thing-0")  # now the key has its index
        put(rows, 8, 8)
        go_on.clear()
        rows.hand_over(1)
        rows.change(THINGS, "thing-9").number = 9
        assert rows.the(THINGS, "thing-10").number == 0
        go_on.set()
    assert stored(log) == {f"thing-{each}": 9 if each == 9 else 0 for each in range(16)}
