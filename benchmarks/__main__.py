"""Runs every benchmark, prints the table and keeps the results: ``make bench``.

python -m benchmarks [--only NAME]...
"""

import argparse
import sys
from collections.abc import Callable, Iterator

from benchmarks import commands, followers, footprint, growth, http, processes, projections, proof, reads, report, trust
from benchmarks.measuring import Figure, measured_in_turn
from benchmarks.places import KINDS, Kind, Places, places
from benchmarks.sizes import FULL, Sizes

NAMES = ("commands", "append", "hot-pool", "http", "followers", "processes", "growth", "projections", "proof", "protection")


def run(places: Places, sizes: Sizes, names: tuple[str, ...] = NAMES) -> Iterator[Figure]:
    """All figures, as they are measured."""
    simple: dict[str, Callable[[Places, Kind, Sizes], Iterator[Figure]]] = {
        "commands": commands.sessions,
        "append": commands.bare_append,
        "hot-pool": commands.hot_pool,
        "http": http.over_http,
        "followers": followers.followed,
        "processes": processes.two,
        "growth": growth.of_a_pool_and_a_booking,
        "proof": proof.of_a_log,
        "protection": trust.protected,
    }
    for name in names:
        if name in simple:
            for kind in KINDS:
                yield from simple[name](places, kind, sizes)
        else:
            yield from of_a_long_log(places, sizes)


def of_a_long_log(places: Places, sizes: Sizes) -> Iterator[Figure]:
    """Projections, reads, start-up and memory: whatever needs a log of full length."""
    log = projections.told(places, sizes.log_events)
    yield from footprint.of_writing(log.written)
    for kind in KINDS:
        long, short = places.migrated(kind), projections.beginning_of(log, places, kind, sizes.short_log_events)
        yield from projections.live(places, kind, sizes, log, long)
        yield from projections.rebuilds(places, kind, sizes, long)
        yield from reads.balance_reads(kind, sizes, log.pool, short, long)
        yield from footprint.starts(places, kind, sizes, long)
        yield from growth.of_the_log(kind, sizes, log.pool, short, long, sizes.log_events)


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks")
    arguments.add_argument("--only", action="append", choices=NAMES, help="run this one, print its table and keep nothing")
    chosen = arguments.parse_args().only
    ended = report.begin(FULL)
    with places() as both:
        figures, failed = measured_in_turn((name, run(both, FULL, (name,))) for name in chosen or NAMES)
        taken = ended(both, failed)
    reached = report.outcomes(figures, report.marks(FULL))
    print(report.table(figures))
    print(report.marks_table(reached))
    if not chosen:
        report.keep(taken, figures, reached)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
