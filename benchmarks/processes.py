"""Two processes that serve one database, beside one with as many callers: nothing may be lost or doubled, nor much slower."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial

import msgspec

from benchmarks.measuring import Figure, Measured, interleaved
from benchmarks.one_writer import Answered
from benchmarks.places import Database, Kind, Places
from benchmarks.servers import ROOT
from benchmarks.sizes import Sizes
from interfaces.storage import open_store


def two(places: Places, kind: Kind, sizes: Sizes) -> Iterator[Figure]:
    """Sessions a second, of all processes together."""
    database, callers = places.migrated(kind), sizes.process_callers
    sides = {
        "ours": partial(_together, database, [callers // 2] * 2, sizes.commands_seconds),
        "one process": partial(_together, database, [callers], sizes.commands_seconds),
    }
    yield from interleaved("two processes", kind, f"{callers} callers", "/s", sizes.rounds, sides)


def _together(database: Database, callers: list[int], seconds: float) -> Measured:
    with ExitStack() as stack:
        processes = [stack.enter_context(_writer(database, each, seconds)) for each in callers]
        for process in processes:
            _line(process)
        before = _length(database)
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        answered = [msgspec.json.decode(_line(process), type=Answered) for process in processes]
    recorded, told = _length(database) - before, sum(each.commands for each in answered)
    if recorded != told:
        raise RuntimeError(f"{told} sessions were answered, but {recorded} recorded")
    return Measured(sum(each.rate for each in answered))


def _writer(database: Database, callers: int, seconds: float) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "benchmarks.one_writer", database.url, str(database.keys), str(callers), str(seconds)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended before it was done")
    return line


def _length(database: Database) -> int:
    with closing(open_store(database.url, create=False)) as store, store.reading() as reader:
        head = reader.head()
    return head.id if head else 0
