"""Builds projections from the log in the slot beside the live one, while the service runs.

The log is read in batches, each brought into the other slot in a short turn of its own. In the last one the rest of the log
is caught up with, and the slots are switched – or compared, for ``check``.

Who builds notes itself in the row of the projection, with a sign of life in every batch. Another one that wants to build
is refused until that sign is stale; whoever was taken over finds it out in its next turn and stops.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from eventsourcing.persistence import PersistenceError

from application.log import Recorded, Store, Transaction, read_event
from application.projections import PROJECTIONS
from application.projections.tables import SLOTS, Projection, ProjectionOutdated, Row, Rows, Table, apply, folds_of, instant, micros

BATCH_EVENTS = 2_000
CLEARED_ROWS_MAX = 10_000  # a turn
DIFFERENCES_MAX = 100  # named per table and direction
STALE_AFTER = timedelta(seconds=60)

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
        building.fill(progress)
        with store.turn() as tx:
            building.catch_up(tx)
            building.go_live(tx)
        progress(building.done, building.done)


def check(store: Store, names: Sequence[str], progress: Progress) -> list[Difference]:
    """Builds these projections, or all, beside the live ones and says where these differ; raises like ``rebuild``.

    The comparison holds the log's lock, so that both sides stand at the same event.
    """
    with _building(store, _named(names), live=True) as building:
        building.fill(progress)
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
        self._rows: Rows
        self.done = 0

    def claim(self, live: bool) -> None:
        """Notes itself as the builder; ``live`` demands that there is something to compare with."""
        with self._store.turn() as tx:
            stored: dict[str, list[Any]] = {
                name: rest for name, *rest in tx.fetch("SELECT name, version, slot, builder, builder_seen FROM projections")
            }
            slots = {}
            for projection in self._projections:
                version, slot, builder, seen = stored.get(projection.name, [None] * 4)
                if version != projection.version or (live and slot is None):
                    raise ProjectionOutdated(projection.name, version, projection.version)
                if builder is not None and _now() - instant(seen) < STALE_AFTER:
                    raise BeingRebuilt(projection.name, seen)
                for table in projection.tables:
                    self._live[table.name] = slot
                    slots[table.name] = SLOTS[1] if slot == SLOTS[0] else SLOTS[0]
            self._sign(tx)
            self._rows = Rows(slots, tx)

    def fill(self, progress: Progress) -> None:
        """Brings all of the log but the last batch into the other slot. Between two turns others take theirs."""
        self._clear()
        while True:
            batch, total = self._read()
            if len(batch) < BATCH_EVENTS:
                return
            with self._store.turn() as tx:
                self._bring(tx, batch)
            progress(self.done, total)

    def catch_up(self, tx: Transaction) -> None:
        """Brings the rest of the log in; nobody can append to it during the turn."""
        while rows := tx.notifications(self.done, BATCH_EVENTS):
            self._bring(tx, [read_event(row) for row in rows])

    def go_live(self, tx: Transaction) -> None:
        for projection in self._projections:
            slot = self._rows.slots[projection.tables[0].name]
            tx.execute("UPDATE projections SET slot = ? WHERE name = ?", [(slot, projection.name)])

    def differences(self, tx: Transaction) -> list[Difference]:
        return [found for projection in self._projections for table in projection.tables for found in self._compare(tx, table)]

    def let_go(self) -> None:
        """Others may build again; after a take-over it is no longer ours to say so."""
        with self._store.turn() as tx:
            tx.execute("UPDATE projections SET builder = NULL, builder_seen = NULL WHERE builder = ?", [(self._builder,)])

    def _read(self) -> tuple[list[Recorded], int]:
        """The next batch, read without the lock: what stands in the log stays there. And how long the log is."""
        with self._store.reading() as reader:
            head = reader.head()
            rows = reader.notifications(self.done, BATCH_EVENTS)
        return [read_event(row) for row in rows], head.id if head else 0

    def _bring(self, tx: Transaction, batch: Sequence[Recorded]) -> None:
        self._still_mine(tx)
        self._rows.reader = tx
        apply(self._folds, batch, self._rows)
        self._rows.flush(tx)
        self._sign(tx)
        self.done = batch[-1].position

    def _clear(self) -> None:
        """Empties the other slot, some rows a turn."""
        for table in (table for projection in self._projections for table in projection.tables):
            name, key = table.in_slot(self._rows.slots[table.name]), ", ".join(table.key)
            while self._has_rows(name):
                with self._store.turn() as tx:
                    self._still_mine(tx)
                    tx.fetch(f"DELETE FROM {name} WHERE ({key}) IN (SELECT {key} FROM {name} LIMIT {CLEARED_ROWS_MAX})")
                    self._sign(tx)

    def _has_rows(self, name: str) -> bool:
        with self._store.reading() as reader:
            return bool(reader.fetch(f"SELECT 1 FROM {name} LIMIT 1"))

    def _still_mine(self, tx: Transaction) -> None:
        builders = dict(tx.fetch("SELECT name, builder FROM projections"))
        for projection in self._projections:
            if builders.get(projection.name) != self._builder:
                raise BeingRebuilt(projection.name, None)

    def _sign(self, tx: Transaction) -> None:
        rows = [(self._builder, micros(_now()), projection.name) for projection in self._projections]
        tx.execute("UPDATE projections SET builder = ?, builder_seen = ? WHERE name = ?", rows)

    def _compare(self, tx: Transaction, table: Table[Any]) -> list[Difference]:
        live, rebuilt = str(self._live[table.name]), self._rows.slots[table.name]
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


def _row(tx: Transaction, table: Table[Any], slot: str, key: tuple[Any, ...]) -> Row | None:
    found = tx.fetch(table.select(slot), key)
    return table.make(*found[0]) if found else None


def _now() -> datetime:
    return datetime.now(UTC)
