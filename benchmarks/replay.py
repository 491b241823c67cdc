"""The log replayed to an instant, in a process of its own; a rebuild of all projections is what its rate is compared with.

python -m benchmarks.replay URL
"""

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from time import perf_counter

import msgspec

from application.log import read_event
from application.past import past
from benchmarks.measuring import Figure, Measured, Sides, interleaved, peak_mb
from benchmarks.places import Database, Kind
from benchmarks.servers import ROOT
from interfaces.storage import open_store
from interfaces.storage.temporary import TemporaryTables


class Replayed(msgspec.Struct):
    """Events until the instant, seconds, and the most memory that the process held."""

    events: int
    seconds: float
    peak_mb: float


def beside_rebuilds(kind: Kind, database: Database, events: int, rounds: int, rebuilding: Callable[[], Measured]) -> list[Figure]:
    """Events a second until all projections are what they were before the last decision was recorded; and the memory."""
    peaks: list[Measured] = []
    sides: Sides = {"ours": lambda: _replaying(database, peaks), "rebuild": rebuilding}
    found = interleaved("replay", kind, f"{events:,} events", "/s", rounds, sides)
    return [*found, Figure("memory", kind, f"replay of {events:,} events, peak", "ours", "MB", tuple(peaks))]


def of_a_log(kind: Kind, database: Database, events: int) -> list[Figure]:
    """The same once, without a rebuild."""
    peaks: list[Measured] = []
    replayed = Figure("replay", kind, f"{events:,} events", "ours", "/s", (_replaying(database, peaks),))
    return [replayed, Figure("memory", kind, f"replay of {events:,} events, peak", "ours", "MB", tuple(peaks))]


def _replaying(database: Database, peaks: list[Measured]) -> Measured:
    command = [sys.executable, "-m", "benchmarks.replay", database.url]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    replayed = msgspec.json.decode(done.stdout, type=Replayed)
    peaks.append(Measured(replayed.peak_mb))
    return Measured(replayed.events / replayed.seconds)


def main(url: str) -> Replayed:
    with closing(open_store(url, create=False)) as store, store.reading() as reader:
        head = reader.head()
        assert head is not None, "there is a log"
        instant = read_event(head).recorded_at - timedelta(microseconds=1)
        began = perf_counter()
        found = past(reader, instant, TemporaryTables, lambda done, total: None)
        return Replayed(found.position, perf_counter() - began, peak_mb())


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(main(sys.argv[1])))
