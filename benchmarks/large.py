"""Logs of a million events and of ten: ``make bench-large``. Keeps the results of each; half an hour for a million, three for ten.

python -m benchmarks.large [1000000] [10000000]
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from application.proof import tree
from benchmarks import findings, growth, projections, reads, replay, report, verifying
from benchmarks.large_log import write_large_log
from benchmarks.measuring import Figure, measured_in_turn
from benchmarks.places import KINDS, Database, Kind, Places, places
from benchmarks.sizes import LARGE, LARGE_LOGS, OPEN_CASES, TOLD_EVENTS, WHOLE_LOG_EVENTS_MAX, Sizes
from interfaces.storage import open_store


def parts(places: Places, sizes: Sizes, events: int, told_events: int, open_cases: int) -> Iterator[tuple[str, Iterator[Figure]]]:
    """Rebuilds, proofs, balances and approvals on a log of this length; unless that is too long, all the rest as well."""
    told = projections.told(places, told_events)
    for kind in KINDS:
        yield f"log of {events:,} events, {kind}", _of_a_log(places, kind, sizes, told, events, open_cases)
        if events <= WHOLE_LOG_EVENTS_MAX:
            yield f"growth, {kind}", growth.of_a_pool_and_a_booking(places, kind, sizes)


def _of_a_log(places: Places, kind: Kind, sizes: Sizes, told: projections.Told, events: int, open_cases: int) -> Iterator[Figure]:
    short = _written(places, kind, told, sizes.short_log_events, open_cases)
    list(projections.large_rebuilds(kind, short, sizes.short_log_events))
    long = _written(places, kind, told, events, open_cases)
    yield from verifying.proofs_in(kind, long, events, sizes.reads)  # right after rebuilds they take longer
    rebuilt = list(projections.large_rebuilds(kind, long, events))
    yield from rebuilt
    if events <= WHOLE_LOG_EVENTS_MAX:
        yield from findings.over_a_log(kind, long, events)
        yield from replay.of_a_log(kind, long, events)
        for benchmark in ("findings", "replay"):
            yield replace(rebuilt[0], benchmark=benchmark, case=f"{events:,} events", side="rebuild")
        yield from verifying.of_a_log(kind, long, events)
    for figure in reads.balance_reads(kind, sizes, told.pool, short, long):
        yield replace(figure, case=f"{figure.case}, {events:,} events")
    yield from growth.of_the_log(kind, sizes, told.pool, short, long, events)


def _written(places: Places, kind: Kind, told: projections.Told, events: int, open_cases: int) -> Database:
    database = places.migrated(kind)
    with closing(open_store(database.url, create=False)) as store:
        write_large_log(store, told.rows, events, open_cases)
        tree.complete(store, lambda done, total: None)
    return database


def main(logs: Sequence[int]) -> int:
    """Measures one length after the other, each with results of its own; 1 where something of it failed."""
    return max([_measured(events) for events in logs])


def _measured(events: int) -> int:
    ended = report.begin(LARGE)
    with places() as both:
        figures, failed = measured_in_turn(parts(both, LARGE, events, TOLD_EVENTS, OPEN_CASES))
        taken = ended(both, failed)
    reached = report.outcomes(figures, [*report.growth_marks(LARGE), *report.large_marks(LARGE, events)])
    print(report.table(figures))
    print(report.marks_table(reached))
    report.keep_large(events, taken, figures, reached)
    return 1 if failed else 0


if __name__ == "__main__":
    wanted = [int(each) for each in sys.argv[1:]] or LARGE_LOGS
    if not set(wanted) <= set(LARGE_LOGS):
        sys.exit(f"The README has places for logs of {LARGE_LOGS} events.")
    sys.exit(main(wanted))
