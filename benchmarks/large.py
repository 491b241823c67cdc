"""Logs of a million events and of ten: ``make bench-large``. Prints its table and keeps nothing; takes an hour or more.

python -m benchmarks.large [EVENTS]...
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace

from application.proof import tree
from application.rebuild import rebuild
from benchmarks import findings, growth, projections, reads, report, verifying
from benchmarks.large_log import write_large_log
from benchmarks.measuring import Figure
from benchmarks.places import KINDS, Database, Kind, Places, places
from benchmarks.sizes import LARGE, LARGE_LOGS, OPEN_CASES, TOLD_EVENTS, Sizes
from interfaces.storage import open_store


def run(places: Places, sizes: Sizes, logs: Iterable[int], told_events: int, open_cases: int) -> Iterator[Figure]:
    """Rebuilds, findings, verifications, proofs, balances and approvals on logs of these lengths; growing pools and bookings."""
    told = projections.told(places, told_events)
    for kind in KINDS:
        short = _written(places, kind, told, sizes.short_log_events, open_cases)
        for events in logs:
            long = _written(places, kind, told, events, open_cases)
            yield from projections.large_rebuild(kind, long, events)
            yield from findings.over_a_log(kind, long, events)
            yield from verifying.of_a_log(kind, long, events, sizes.reads)
            for figure in reads.balance_reads(kind, sizes, told.pool, short, long):
                yield replace(figure, case=f"{figure.case}, {events:,} events")
            yield from growth.of_the_log(kind, sizes, told.pool, short, long, events)
        yield from growth.of_a_pool_and_a_booking(places, kind, sizes)


def _written(places: Places, kind: Kind, told: projections.Told, events: int, open_cases: int) -> Database:
    database = places.migrated(kind)
    with closing(open_store(database.url, create=False)) as store:
        write_large_log(store, told.rows, events, open_cases)
        rebuild(store, [], lambda done, total: None)
        tree.complete(store, lambda done, total: None)
    return database


def main(logs: Iterable[int]) -> None:
    figures = []
    with places() as both:
        for figure in run(both, LARGE, logs, TOLD_EVENTS, OPEN_CASES):
            figures.append(figure)
            print(figure.described(), file=sys.stderr)
    print(report.table(figures))


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or LARGE_LOGS)
