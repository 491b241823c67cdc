"""A whole log verified in one pass, in a process of its own, and proofs for single events of it.

python -m benchmarks.verifying URL
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from random import Random
from time import perf_counter

import msgspec

from application.proof import proofs
from application.proof.verification import Verified, deviations_of
from benchmarks.measuring import Figure, Measured, peak_mb, percentile
from benchmarks.places import Database, Kind
from benchmarks.servers import ROOT
from interfaces.storage import open_store


class Checked(msgspec.Struct):
    """Events, seconds, and the most memory that the process held."""

    events: int
    seconds: float
    peak_mb: float


def of_a_log(kind: Kind, database: Database, events: int) -> Iterator[Figure]:
    """Events a second until all is checked, and the memory that it takes."""
    command = [sys.executable, "-m", "benchmarks.verifying", database.url]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    checked = msgspec.json.decode(done.stdout, type=Checked)
    yield Figure("audit verify", kind, f"{events:,} events", "ours", "/s", (Measured(checked.events / checked.seconds),))
    yield Figure("memory", kind, f"audit verify of {events:,} events, peak", "ours", "MB", (Measured(checked.peak_mb),))


def proofs_in(kind: Kind, database: Database, events: int, asked: int) -> Iterator[Figure]:
    """Milliseconds until a proof of inclusion is there."""
    took, random = [], Random(1)
    with closing(open_store(database.url, create=False)) as store, store.reading() as reader:
        for _ in range(asked):
            before = perf_counter()
            proofs.inclusion(reader, random.randint(1, events))
            took.append((perf_counter() - before) * 1000)
    ordered = sorted(took)
    measured = Measured(percentile(ordered, 50), percentile(ordered, 50), percentile(ordered, 99))
    yield Figure("inclusion proof", kind, f"{events:,} events", "ours", "ms", (measured,))


def main(url: str) -> Checked:
    with closing(open_store(url, create=False)) as store:
        verified, began = Verified(), perf_counter()
        with store.reading() as reader:
            for deviation in deviations_of(reader, (), (), verified, lambda done, total: None):
                raise AssertionError(deviation)
        return Checked(verified.events, perf_counter() - began, peak_mb())


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(main(sys.argv[1])))
