"""Builds projections from the log in the slot beside the live one, while the service runs.

The log as it stands is folded in memory, and the rows are loaded into the other slot without any turn where the database can
do that; indexes come last. In turns the slot catches up with what was appended meanwhile; in the last one the slots are switched
– or compared, for ``check``.

Who builds notes itself in the row of the projection, with a sign of life in every transaction. Another one that wants to build
is refused until that sign is stale; whoever was taken over finds it out in its next transaction and stops.
"""

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from eventsourcing.persistence import PersistenceError

from application.log import Loading, Recorded, Store, StoredRow, Transaction, read_events
from application.projections import PROJECTIONS
from application.projections.loading import LoadedRows
from application.projections.tables import SLOTS, Projection, ProjectionOutdated, Row, Rows, Table, apply, folds_of, instant, micros

BATCH_EVENTS = 2_000
INDEXES_AT_A_TIME = 2
DIFFERENCES_MAX = 100  # named per table and direction
STALE_AFTER = timedelta(seconds=60)
THREAD_SECONDS_MAX = 0.0005

Progress = Callable[[int, int], None]


class UnknownProjection(Exception):
    """A name that no projection has."""

    def __init__(self, name: str) -> None:
        known = ", ".join(projection.name for projection in PROJECTIONS)
        super().__init__(f"Eine Projektion „{name}“ gibt es nicht; es gibt {known}.")


class BeingRebuilt(Exception):
    """Somebody else is building the projection, or has taken the building over."""

    def __init__(self, name: str, seen: int | None) -> None:
        sign = f"; letztes Lebenszeichen {instant(seen):%d.%m.%Y, %H:%M:%S} UTC" if seen is not None else ""
        super().__init__(f"Die Projektion „{name}“ baut gerade ein anderer Vorgang neu auf{sign}.")


@dataclass(frozen=True)
class Difference:
    """A row that is not the same live as rebuilt; ``None`` where one side has none of this key."""

    table: str
    key: tuple[Any, ...]
    live: Row | None
    rebuilt: Row | None

    def __str__(self) -> str:
        return f"{self.table} {self.key}: live {self.live}, rebuilt {self.rebuilt}"


def rebuild(store: Store, names: Sequence[str], progress: Progress) -> None:
    """Builds these projections, or all, anew and makes them live. ``progress`` is told the events done and all events.

    Raises ``UnknownProjection``, ``ProjectionOutdated``, ``BeingRebuilt``, and ``DamagedEvent`` where the log cannot be read;
    whatever happens, the live rows stay as they are until the last turn.
    """
    with _building(store, _named(names)) as building:
        building.load(progress)
        building.follow(progress)
        with store.turn() as tx:
            building.catch_up(tx)
            building.go_live(tx)
        progress(building.done, building.done)


def check(store: Store, names: Sequence[str], progress: Progress) -> list[Difference]:
    """Builds these projections, or all, beside the live ones and says where these differ; raises like ``rebuild``.

    The comparison holds the log's lock, so that both sides stand at the same event.
    """
    with _building(store, _named(names), live=True) as building:
        building.load(progress)
        building.follow(progress)
        with store.turn() as tx:
            building.catch_up(tx)
            differences = building.differences(tx)
        progress(building.done, building.done)
        return differences


def _named(names: Sequence[str]) -> list[Projection]:
    known = {projection.name: projection for projection in PROJECTIONS}
    for name in names:
        if name not in known:
            raise UnknownProjection(name)
    return [known[name] for name in dict.fromkeys(names)] or list(PROJECTIONS)


@contextmanager
def _building(store: Store, projections: Sequence[Projection], *, live: bool = False) -> Iterator["_Building"]:
    building = _Building(store, projections)
    building.claim(live)
    try:
        yield building
    finally:
        with suppress(PersistenceError):  # where the store is away, the claim becomes stale by itself
            building.let_go()


class _Building:
    """Projections on their way in the other slot."""

    def __init__(self, store: Store, projections: Sequence[Projection]) -> None:
        self._store = store
        self._projections = projections
        self._folds = folds_of(projections)
        self._builder = uuid4().hex
        self._live: dict[str, str | None] = {}  # slot by table
        self._slots: dict[str, str] = {}
        self._rows: Rows
        self.done = 0

    def claim(self, live: bool) -> None:
        """Notes itself as the builder; ``live`` demands that there is something to compare with."""
        with self._store.turn() as tx:
            stored: dict[str, list[Any]] = {
                name: rest for name, *rest in tx.fetch("SELECT name, version, slot, builder, builder_seen FROM projections")
            }
            for projection in self._projections:
                version, slot, builder, seen = stored.get(projection.name, [None] * 4)
                if version != projection.version or (live and slot is None):
                    raise ProjectionOutdated(projection.name, version, projection.version)
                if builder is not None and _now() - instant(seen) < STALE_AFTER:
                    raise BeingRebuilt(projection.name, seen)
                for table in projection.tables:
                    self._live[table.name] = slot
                    self._slots[table.name] = SLOTS[1] if slot == SLOTS[0] else SLOTS[0]
            names = [(self._builder, micros(_now()), projection.name) for projection in self._projections]
            tx.execute("UPDATE projections SET builder = ?, builder_seen = ? WHERE name = ?", names)

    def load(self, progress: Progress) -> None:
        """Loads the log as it stands into the other slot, empty until then, and without indexes where we may drop them."""
        tables = [table for projection in self._projections for table in projection.tables]
        names = [table.in_slot(self._slots[table.name]) for table in tables]
        with self._store.loading() as tx:
            tx.empty(names)
            self._sign(tx)
            unindexed = all(tx.owns(name) for name in names)
            for table in tables if unindexed else ():
                for statement in table.drop_indexes(self._slots[table.name]):
                    tx.fetch(statement)
        with _undisturbed(), LoadedRows(self._slots, self._store, self._sign, unindexed=unindexed) as rows:
            for batch, total in self._batches():
                apply(self._folds, batch, rows)
                rows.hand_over()
                self._note(batch, total, progress)
            rows.hand_over(everything=True)
        statements = [statement for table in tables for statement in table.create_indexes(self._slots[table.name])]
        with ThreadPoolExecutor(INDEXES_AT_A_TIME) as makers:
            list(makers.map(self._index, statements if unindexed else ()))

    def _index(self, statement: str) -> None:
        with self._store.loading() as tx:
            self._sign(tx)
        with self._store.loading() as tx:  # each alone, for nobody can write to SQLite meanwhile
            tx.fetch(statement)

    def follow(self, progress: Progress) -> None:
        """Brings in what was appended meanwhile, but the last batch. Between two turns others take theirs."""
        self._rows = Rows(self._slots, None)  # type: ignore[arg-type]  # each turn reads by itself
        while True:
            batch, total = self._read(self.done)
            if len(batch) < BATCH_EVENTS:
                return
            with self._store.turn() as tx:
                self._bring(tx, batch)
            self._note(batch, total, progress)

    def catch_up(self, tx: Transaction) -> None:
        """Brings the rest of the log in; nobody can append to it during the turn."""
        while rows := tx.stored_rows(self.done, BATCH_EVENTS):
            self._bring(tx, read_events(rows))
            self.done = rows[-1][-1]

    def go_live(self, tx: Transaction) -> None:
        for projection in self._projections:
            slot = self._slots[projection.tables[0].name]
            tx.execute("UPDATE projections SET slot = ? WHERE name = ?", [(slot, projection.name)])

    def differences(self, tx: Transaction) -> list[Difference]:
        return [found for projection in self._projections for table in projection.tables for found in self._compare(tx, table)]

    def let_go(self) -> None:
        """Others may build again; after a take-over it is no longer ours to say so."""
        with self._store.turn() as tx:
            tx.execute("UPDATE projections SET builder = NULL, builder_seen = NULL WHERE builder = ?", [(self._builder,)])

    def _batches(self) -> Iterator[tuple[list[Recorded], int]]:
        """The log as it stands, up to its first batch that is not full. While one is folded, the next is read."""
        with ThreadPoolExecutor(1, "reading") as reader:
            coming = reader.submit(self._read_rows, 0)
            while True:
                rows, total = coming.result()
                if len(rows) == BATCH_EVENTS:
                    coming = reader.submit(self._read_rows, rows[-1][-1])
                if rows:
                    yield read_events(rows), total
                if len(rows) < BATCH_EVENTS:
                    return

    def _read(self, after: int) -> tuple[list[Recorded], int]:
        rows, total = self._read_rows(after)
        return read_events(rows), total

    def _read_rows(self, after: int) -> tuple[list[StoredRow], int]:
        """The next batch, read without the lock: what stands in the log stays there. And how long the log is."""
        with self._store.reading() as reader:
            head = reader.head()
            rows = reader.stored_rows(after, BATCH_EVENTS)
        return rows, head.id if head else 0

    def _bring(self, tx: Transaction, batch: Sequence[Recorded]) -> None:
        self._sign(tx)
        self._rows.reader = tx
        apply(self._folds, batch, self._rows)
        self._rows.flush(tx)

    def _note(self, batch: Sequence[Recorded], total: int, progress: Progress) -> None:
        self.done = batch[-1].position
        if len(batch) == BATCH_EVENTS:
            progress(self.done, total)

    def _sign(self, tx: Transaction | Loading) -> None:
        """Gives a sign of life; raises ``BeingRebuilt`` where somebody has taken over. Until the transaction ends, nobody can."""
        tx.execute("UPDATE projections SET builder_seen = ? WHERE builder = ?", [(micros(_now()), self._builder)])
        builders: dict[str, str | None] = dict(tx.fetch("SELECT name, builder FROM projections"))
        for projection in self._projections:
            if builders.get(projection.name) != self._builder:
                raise BeingRebuilt(projection.name, None)

    def _compare(self, tx: Transaction, table: Table[Any]) -> list[Difference]:
        live, rebuilt = str(self._live[table.name]), self._slots[table.name]
        differing = {**self._only_in(tx, table, live, rebuilt), **self._only_in(tx, table, rebuilt, live)}
        return [Difference(table.name, key, _row(tx, table, live, key), _row(tx, table, rebuilt, key)) for key in differing]

    def _only_in(self, tx: Transaction, table: Table[Any], slot: str, other: str) -> dict[tuple[Any, ...], None]:
        """The keys of rows that are not the same in the other slot, in their order."""
        columns, key = table.column_list, ", ".join(table.key)
        found = tx.fetch(
            f"SELECT {key} FROM (SELECT {columns} FROM {table.in_slot(slot)} "
            f"EXCEPT SELECT {columns} FROM {table.in_slot(other)}) AS differing ORDER BY {key} LIMIT {DIFFERENCES_MAX}"
        )
        return dict.fromkeys(found)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Loading leaves nothing for the garbage collector, which would look at every row that is held again and again. And the
    threads that read and write work for moments only, but would wait for their turn ten times as long as Python usually lets them.
    """
    seconds, collecting = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(THREAD_SECONDS_MAX)
    gc.disable()
    try:
        yield
    finally:
        sys.setswitchinterval(seconds)
        if collecting:
            gc.enable()


def _row(tx: Transaction, table: Table[Any], slot: str, key: tuple[Any, ...]) -> Row | None:
    found = tx.fetch(table.select(slot), key)
    return table.make(*found[0]) if found else None


def _now() -> datetime:
    return datetime.now(UTC)
