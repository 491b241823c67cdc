"""Builds projections from the log in the slot beside the live one, while the service runs.

The log as it stands is folded in memory, and the rows are loaded into the other slot without any turn where the database can
do that; indexes come last. In turns the slot catches up with what was appended meanwhile; in the last one the slots are switched.
``check`` compares them instead.

Who builds notes itself in the row of the projection, with a sign of life in every transaction. Another one that wants to build
is refused until that sign is stale; whoever was taken over finds it out in its next transaction and stops. What was built until
then is gone on with, where the same program builds the same projections; otherwise it is begun anew.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

from eventsourcing.persistence import PersistenceError

from application.collecting import uncollected
from application.log import Loading, Progress, Reader, Recorded, Store, StoredRow, Transaction, read_events
from application.projections import PROJECTIONS
from application.projections.loading import EVERYTHING_LOADED, LoadedRows, Step
from application.projections.tables import (
    SLOTS,
    Projection,
    ProjectionOutdated,
    Row,
    Rows,
    Table,
    apply,
    folds_of,
    instant,
    micros,
)

BATCH_EVENTS = 2_000
INDEXES_AT_A_TIME = 2
DIFFERENCES_MAX = 100  # named per table and direction
STALE_AFTER = timedelta(seconds=60)
SIGN_EVERY_SECONDS = 20.0
THREAD_SECONDS_MAX = 0.0005

Tell = Callable[[str], object]


class OtherLog(Exception):
    """What the log is to be read from is no copy of it."""

    def __init__(self, position: int) -> None:
        super().__init__(
            f"Die Datenbank zum Lesen ist keine Kopie dieser Datenbank: Ereignis {position} ist dort ein anderes als hier."
        )


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


def rebuild(
    store: Store, names: Sequence[str], progress: Progress, tell: Tell = lambda text: None, copy: Store | None = None
) -> None:
    """Builds these projections, or all, anew and makes them live. ``progress`` is told the events done and all events, ``tell`` in
    German what became of a rebuild that was broken off. The log is read from ``copy``, which may lag, as far as it goes.

    Raises ``UnknownProjection``, ``ProjectionOutdated``, ``BeingRebuilt``, ``OtherLog``, and ``DamagedEvent`` where the log cannot
    be read; whatever happens, the live rows stay as they are until the last turn.
    """
    with _building(store, _named(names), tell, copy) as building:
        building.load(progress)
        building.follow(progress)
        with store.turn() as tx:
            building.catch_up(tx)
            building.go_live(tx)
        progress(building.done, building.done)


def check(
    store: Store, names: Sequence[str], progress: Progress, tell: Tell = lambda text: None, copy: Store | None = None
) -> list[Difference]:
    """Builds these projections, or all, beside the live ones and says where these differ; like ``rebuild``.

    It compares both sides at the same event, in a snapshot that is opened before anybody else's turn is over.
    """
    with _building(store, _named(names), tell, copy, live=True) as building:
        building.load(progress)
        building.follow(progress)
        while True:
            with store.turn() as tx:
                building.catch_up(tx)
            with store.reading() as reader:
                if not reader.stored_rows(building.done, 1):  # a turn takes longer than to get here
                    differences = building.differences(reader)
                    break
        with store.turn() as tx:
            building.sign(tx)  # nobody has emptied what was compared
        progress(building.done, building.done)
        return differences


def _named(names: Sequence[str]) -> list[Projection]:
    known = {projection.name: projection for projection in PROJECTIONS}
    for name in names:
        if name not in known:
            raise UnknownProjection(name)
    return [known[name] for name in dict.fromkeys(names)] or list(PROJECTIONS)


@contextmanager
def _building(
    store: Store, projections: Sequence[Projection], tell: Tell, copy: Store | None, *, live: bool = False
) -> Iterator["_Building"]:
    building = _Building(store, projections, copy)
    building.claim(live, tell)
    try:
        with building.signing():
            yield building
    except (PersistenceError, KeyboardInterrupt):
        with suppress(PersistenceError):  # where the store is away, the claim becomes stale by itself
            building.pause()
        raise
    except BaseException:
        with suppress(PersistenceError):
            building.let_go()
        raise
    building.let_go()


class _Building:
    """Projections on their way in the other slot."""

    def __init__(self, store: Store, projections: Sequence[Projection], copy: Store | None) -> None:
        self._store = store
        self._copy = copy
        self._projections = projections
        self._folds = folds_of(projections)
        self._builder = uuid4().hex
        self._live: dict[str, str | None] = {}  # slot by table
        self._slots: dict[str, str] = {}
        self._steps: list[Step] = []  # of whom we take over from
        self._rows: Rows
        self.done = 0

    def claim(self, live: bool, tell: Tell) -> None:
        """Notes itself as the builder; ``live`` demands that there is something to compare with."""
        with self._store.turn() as tx:
            stored: dict[str, list[Any]] = {
                name: rest for name, *rest in tx.fetch("SELECT name, version, slot, builder, builder_seen FROM projections")
            }
            before = set()
            for projection in self._projections:
                version, slot, builder, seen = stored.get(projection.name, [None] * 4)
                if version != projection.version or (live and slot is None):
                    raise ProjectionOutdated(projection.name, version, projection.version)
                if seen is not None and _now() - instant(seen) < STALE_AFTER:
                    raise BeingRebuilt(projection.name, seen)
                before.add(builder)
                for table in projection.tables:
                    self._live[table.name] = slot
                    self._slots[table.name] = SLOTS[1] if slot == SLOTS[0] else SLOTS[0]
            names = [(self._builder, micros(_now()), projection.name) for projection in self._projections]
            tx.execute("UPDATE projections SET builder = ?, builder_seen = ? WHERE name = ?", names)
            self._take_over(tx, before - {None}, tell)

    @contextmanager
    def signing(self) -> Iterator[None]:
        """Inside, signs of life are given while nothing else is written, such as while an index of millions of rows is made."""
        done = Event()

        def sign() -> None:
            while not done.wait(SIGN_EVERY_SECONDS):
                with suppress(PersistenceError, BeingRebuilt), self._store.loading() as tx:  # the next who writes finds out as well
                    self.sign(tx)

        with ThreadPoolExecutor(1, "signing") as signer:
            signer.submit(sign)
            try:
                yield
            finally:
                done.set()

    def _take_over(self, tx: Transaction, before: set[str], tell: Tell) -> None:
        """What builders before us left is gone on with where it is ours to the last row, and forgotten otherwise."""
        columns = "SELECT program, position, held, recalled FROM rebuild_steps WHERE builder = ? ORDER BY position"
        found = {builder: tx.fetch(columns, (builder,)) for builder in before}
        steps = [step for builder in before for step in found[builder]]
        program = _program(self._projections)
        if len(before) == 1 and steps and steps[0][0] == program:
            tx.execute("UPDATE rebuild_steps SET builder = ? WHERE builder = ?", [(self._builder, *before)])
            self._steps = [Step(*step) for _, *step in steps]
            tell(f"Setzt den abgebrochenen Aufbau nach Ereignis {self._steps[-1].position} fort.")
        else:
            tx.execute("DELETE FROM rebuild_steps WHERE builder = ?", [(builder,) for builder in before])
            if steps:
                tell("Beginnt von vorn: Der abgebrochene Aufbau stammt von einem anderen Programm oder galt anderen Projektionen.")

    def load(self, progress: Progress) -> None:
        """Loads the log as it stands into the other slot, empty until then, and without indexes where we may drop them."""
        tables = [table for projection in self._projections for table in projection.tables]
        names = [table.in_slot(self._slots[table.name]) for table in tables]
        with self._store.loading() as tx:
            if not self._steps:
                tx.empty(names)  # which may wait for readers, so that signs of life given meanwhile must not wait for this one
            self.sign(tx)
            unindexed = all(tx.owns(name) for name in names)
            for table in tables if unindexed and not self._steps else ():
                for statement in table.drop_indexes(self._slots[table.name]):
                    tx.fetch(statement)
        if self._steps and self._steps[0].held == EVERYTHING_LOADED:
            self.done = self._steps[0].position
        else:
            self._fold(unindexed, progress)
        with ThreadPoolExecutor(INDEXES_AT_A_TIME) as makers:
            list(makers.map(self._index, tables if unindexed else ()))

    def _fold(self, unindexed: bool, progress: Progress) -> None:
        loaded = LoadedRows(self._projections, self._slots, self._store, self.sign, self._note_step, unindexed=unindexed)
        with _undisturbed(), loaded as rows:
            if self._steps:
                self.done = rows.resume(self._steps)
            for batch, total in self._batches():
                rows.expect(batch)
                apply(self._folds, batch, rows)
                self._note(batch, total, progress)
                if len(batch) == BATCH_EVENTS:  # who takes this up again may find more behind the others
                    rows.hand_over(self.done)
            rows.hand_over(self.done, everything=True)

    def _note_step(self, tx: Loading, step: Step) -> None:
        if step.held is not None:
            tx.execute("DELETE FROM rebuild_steps WHERE builder = ?", [(self._builder,)])
        row = (self._builder, _program(self._projections), *step)
        tx.execute("INSERT INTO rebuild_steps (builder, program, position, held, recalled) VALUES (?, ?, ?, ?, ?)", [row])

    def _index(self, table: Table[Any]) -> None:
        with self._store.loading() as tx:
            self.sign(tx)
        for statement in table.create_indexes(self._slots[table.name]):
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
        self._forget_steps(tx)  # the other slot is not that any more to which they belong

    def differences(self, reader: Reader) -> list[Difference]:
        return [found for projection in self._projections for table in projection.tables for found in self._compare(reader, table)]

    def let_go(self) -> None:
        """Others may build again, from the beginning; after a take-over it is no longer ours to say so."""
        with self._store.turn() as tx:
            tx.execute("UPDATE projections SET builder = NULL, builder_seen = NULL WHERE builder = ?", [(self._builder,)])
            self._forget_steps(tx)

    def pause(self) -> None:
        """Others may go on at once."""
        with self._store.turn() as tx:
            tx.execute("UPDATE projections SET builder_seen = NULL WHERE builder = ?", [(self._builder,)])

    def _forget_steps(self, tx: Transaction) -> None:
        tx.execute("DELETE FROM rebuild_steps WHERE builder = ?", [(self._builder,)])

    def _batches(self) -> Iterator[tuple[list[Recorded], int]]:
        """The log as it stands, up to its first batch that is not full. While one is folded, the next is read."""
        with ThreadPoolExecutor(1, "reading") as reader:
            coming = reader.submit(self._read_far, self.done)
            while True:
                rows, total = coming.result()
                if len(rows) == BATCH_EVENTS:
                    coming = reader.submit(self._read_far, rows[-1][-1])
                if rows:
                    yield read_events(rows), total
                if len(rows) < BATCH_EVENTS:
                    return

    def _read_far(self, after: int) -> tuple[list[StoredRow], int]:
        """The next batch from the copy, where there is one. What those before us folded may stand before its end no more."""
        if self._copy is None or (self._steps and after < self._steps[-1].position):
            return self._read_rows(after)
        with self._copy.reading() as reader:
            last = reader.head()
            rows = reader.stored_rows(after, BATCH_EVENTS)
            ends = rows[-1:] + reader.stored_rows(last.id - 1 if last else 0, 1)
        with self._store.reading() as reader:
            for row in ends:
                if reader.stored_rows(row[-1] - 1, 1) != [row]:
                    raise OtherLog(row[-1])
            head = reader.head()
        return rows, head.id if head else 0

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
        self.sign(tx)
        self._rows.reader = tx
        self._rows.expect(batch)
        apply(self._folds, batch, self._rows)
        self._rows.flush(tx)
        tx.execute("UPDATE rebuild_steps SET position = ? WHERE builder = ?", [(batch[-1].position, self._builder)])

    def _note(self, batch: Sequence[Recorded], total: int, progress: Progress) -> None:
        self.done = batch[-1].position
        if len(batch) == BATCH_EVENTS:
            progress(self.done, total)

    def sign(self, tx: Transaction | Loading) -> None:
        """Gives a sign of life; raises ``BeingRebuilt`` where somebody has taken over. Until the transaction ends, nobody can."""
        tx.execute("UPDATE projections SET builder_seen = ? WHERE builder = ?", [(micros(_now()), self._builder)])
        builders: dict[str, str | None] = dict(tx.fetch("SELECT name, builder FROM projections"))
        for projection in self._projections:
            if builders.get(projection.name) != self._builder:
                raise BeingRebuilt(projection.name, None)

    def _compare(self, reader: Reader, table: Table[Any]) -> list[Difference]:
        live, rebuilt = str(self._live[table.name]), self._slots[table.name]
        differing = {**self._only_in(reader, table, live, rebuilt), **self._only_in(reader, table, rebuilt, live)}
        return [Difference(table.name, key, _row(reader, table, live, key), _row(reader, table, rebuilt, key)) for key in differing]

    def _only_in(self, reader: Reader, table: Table[Any], slot: str, other: str) -> dict[tuple[Any, ...], None]:
        """The keys of rows that are not the same in the other slot, in their order."""
        columns, key = table.column_list, ", ".join(table.key)
        found = reader.fetch(
            f"SELECT {key} FROM (SELECT {columns} FROM {table.in_slot(slot)} "
            f"EXCEPT SELECT {columns} FROM {table.in_slot(other)}) AS differing ORDER BY {key} LIMIT {DIFFERENCES_MAX}"
        )
        return dict.fromkeys(found)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Loading leaves nothing for the garbage collector, which would look at every row that is held again and again. And the
    threads that read and write work for moments only, but would wait for their turn ten times as long as Python usually lets them.
    """
    seconds = sys.getswitchinterval()
    sys.setswitchinterval(THREAD_SECONDS_MAX)
    try:
        with uncollected():
            yield
    finally:
        sys.setswitchinterval(seconds)


def _program(projections: Sequence[Projection]) -> str:
    """What says of two programs that they fold alike: the same sources, and the same projections."""
    names = " ".join(projection.name for projection in projections)
    return f"{_sources()} {names}"


@cache
def _sources() -> str:
    """The digest of every file that a fold may depend on."""
    hashed = sha256()
    for package in ("application", "domain"):
        for path in sorted((Path(__file__).parents[1] / package).rglob("*.py")):
            hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _row(reader: Reader, table: Table[Any], slot: str, key: tuple[Any, ...]) -> Row | None:
    found = reader.fetch(table.statements[slot].select, key)
    return table.make(*found[0]) if found else None


def _now() -> datetime:
    return datetime.now(UTC)
