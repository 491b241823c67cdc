"""Projections: kept live in the turn that appends, and rebuilt from the log.

Stock follows the log and commits one row for each event. The limit of a rebuild is reading the table and doing nothing with it.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from uuid import UUID

import msgspec
from eventsourcing.persistence import Notification

from application.engine import TURN_COMMANDS_MAX
from application.log import Store, read_event
from application.projections import PROJECTIONS
from application.projections.projector import Projector
from application.projections.tables import LIVE
from benchmarks import limits, replay, stock
from benchmarks.measuring import Figure, Measured, Sides, interleaved
from benchmarks.one_log import Written
from benchmarks.one_rebuild import Rebuilt
from benchmarks.places import Database, Kind, Places
from benchmarks.servers import ROOT
from benchmarks.sizes import Sizes
from interfaces.storage import open_store

CASES: dict[str, tuple[str, ...]] = {"all projections": (), "balances and bookings": ("balances", "bookings")}


@dataclass(frozen=True, slots=True)
class Told:
    """A log that was written once, to be brought into other databases: its rows, and its pool."""

    rows: list[Notification]
    pool: UUID
    written: Written


def told(places: Places, events: int) -> Told:
    """A log of that many events, written by real commands."""
    database = places.migrated("sqlite")
    command = [sys.executable, "-m", "benchmarks.one_log", database.url, str(database.keys), str(events)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    written = msgspec.json.decode(done.stdout, type=Written)
    with closing(open_store(database.url, create=False)) as store, store.reading() as reader:
        return Told(reader.notifications(0, events), UUID(written.pool), written)


def live(places: Places, kind: Kind, sizes: Sizes, log: Told, database: Database) -> Iterator[Figure]:
    """Events a second, appended and projected in turns as full as the engine's; afterwards the database has the whole log."""
    theirs = places.empty(kind)
    share = -(-len(log.rows) // sizes.rounds)
    with closing(open_store(database.url, create=False)) as store:
        bring = _Bringing(store)
        parts = iter([log.rows[start : start + share] for start in range(0, len(log.rows), share)])
        sides: Sides = {"ours": lambda: bring(next(parts)), "stock": stock.projection_round(theirs, sizes.stock_events)}
        yield from interleaved("live projection", kind, f"{TURN_COMMANDS_MAX} events a turn", "/s", sizes.rounds, sides)


def beginning_of(log: Told, places: Places, kind: Kind, events: int) -> Database:
    """A database with the first events of a log, and all projections."""
    database = places.migrated(kind)
    with closing(open_store(database.url, create=False)) as store:
        _Bringing(store)(log.rows[:events])
    return database


class _Bringing:
    """Appends and projects events that somebody else has decided, as a turn does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._projector = Projector(PROJECTIONS)

    def __call__(self, rows: list[Notification]) -> Measured:
        began = perf_counter()
        for start in range(0, len(rows), TURN_COMMANDS_MAX):
            part = rows[start : start + TURN_COMMANDS_MAX]
            with self._store.turn() as transaction:
                [live] = transaction.ask(LIVE)
                self._projector.begin(transaction, live, others=())
                transaction.append(part)
                self._projector.project(transaction, [read_event(row) for row in part])
        return Measured(len(rows) / (perf_counter() - began))


def large_rebuilds(kind: Kind, database: Database, events: int) -> Iterator[Figure]:
    """One rebuild of all projections, one of balances and bookings alone, and the memory that they take."""
    peaks: list[Measured] = []
    for case, names in CASES.items():
        sides: Sides = {"ours": _rebuilding(database, names, peaks), "limit": partial(limits.read_table, database)}
        yield from interleaved("rebuild", kind, f"{case}, {events:,} events", "/s", 1, sides)
    yield Figure("memory", kind, f"rebuild of {events:,} events, peak", "ours", "MB", (peaks[0],))


def rebuilds(places: Places, kind: Kind, sizes: Sizes, database: Database) -> Iterator[Figure]:
    """Events a second of rebuilding everything, and balances and bookings alone; the memory that takes; and replays."""
    theirs = places.empty(kind)
    runner = stock.projection_round(theirs, sizes.stock_events)
    peaks: list[Measured] = []
    for case, names in CASES.items():
        sides: Sides = {"ours": _rebuilding(database, names, peaks), "stock": runner, "limit": partial(limits.read_table, database)}
        yield from interleaved("rebuild", kind, case, "/s", sizes.rounds, sides)
    yield Figure("memory", kind, "rebuild, peak", "ours", "MB", tuple(peaks[: sizes.rounds]))
    yield from replay.beside_rebuilds(kind, database, sizes.log_events, sizes.rounds, _rebuilding(database, (), []))


def _rebuilding(database: Database, names: tuple[str, ...], peaks: list[Measured]) -> Callable[[], Measured]:
    def rebuild() -> Measured:
        command = [sys.executable, "-m", "benchmarks.one_rebuild", database.url, *names]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        rebuilt = msgspec.json.decode(done.stdout, type=Rebuilt)
        peaks.append(Measured(rebuilt.peak_mb))
        return Measured(rebuilt.events / rebuilt.seconds)

    return rebuild
