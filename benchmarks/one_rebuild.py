"""Rebuilds projections once, in a process of its own, and says how fast and with how much memory.

python -m benchmarks.one_rebuild URL [PROJECTION]...
"""

import sys
from contextlib import closing
from time import perf_counter

import msgspec

from application.rebuild import rebuild
from benchmarks.measuring import peak_mb
from interfaces.storage import open_store


class Rebuilt(msgspec.Struct):
    """Events, seconds, and the most memory that the process held."""

    events: int
    seconds: float
    peak_mb: float


def main(url: str, names: list[str]) -> Rebuilt:
    events = 0

    def note(done: int, of: int) -> None:
        nonlocal events
        events = done

    with closing(open_store(url, create=False)) as store:
        began = perf_counter()
        rebuild(store, names, note)
        return Rebuilt(events, perf_counter() - began, peak_mb())


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(main(sys.argv[1], sys.argv[2:])))
