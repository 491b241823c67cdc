"""Findings of a whole log in one pass, in a process of its own; a rebuild of all projections is what its rate is compared with.

python -m benchmarks.findings URL
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from time import perf_counter

import msgspec

from application.findings import Findings
from benchmarks.measuring import Figure, Measured, peak_mb
from benchmarks.places import Database, Kind
from benchmarks.servers import ROOT
from domain.findings.thresholds import Thresholds
from interfaces.storage import open_store


class Looked(msgspec.Struct):
    """Events, findings, seconds, and the most memory that the process held."""

    events: int
    findings: int
    seconds: float
    peak_mb: float


def over_a_log(kind: Kind, database: Database, events: int) -> Iterator[Figure]:
    """Events a second until every finding is there, and the memory that it takes."""
    command = [sys.executable, "-m", "benchmarks.findings", database.url]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    looked = msgspec.json.decode(done.stdout, type=Looked)
    yield Figure("findings", kind, f"{events:,} events", "ours", "/s", (Measured(looked.events / looked.seconds),))
    yield Figure("memory", kind, f"findings of {events:,} events, peak", "ours", "MB", (Measured(looked.peak_mb),))


def main(url: str) -> Looked:
    with closing(open_store(url, create=False)) as store, store.reading() as reader:
        began = perf_counter()
        report = Findings(Thresholds()).report(reader, pool=None, progress=lambda done, total: None)
        return Looked(report.position, len(report.findings), perf_counter() - began, peak_mb())


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(main(sys.argv[1])))
