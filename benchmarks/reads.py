"""How long a balance takes to read: as it is, as it was, and as it was known, from a short log and from a long one."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import date, datetime, timedelta
from functools import partial
from itertools import repeat
from time import perf_counter
from typing import NamedTuple
from uuid import UUID

from application.log import Store, read_event
from application.projections.balances import balance
from benchmarks.measuring import Figure, Measured, interleaved, throughput
from benchmarks.office import today
from benchmarks.places import Database, Kind
from benchmarks.sizes import Sizes
from interfaces.storage import open_store

DAYS_BACK = 30


def balance_reads(kind: Kind, sizes: Sizes, pool: UUID, short: Database, long: Database) -> Iterator[Figure]:
    """Milliseconds, a snapshot of its own for each read."""
    with ExitStack() as stack:
        stores = {
            "ours": stack.enter_context(closing(open_store(long.url, create=False))),
            f"ours, {sizes.short_log_events:,} events": stack.enter_context(closing(open_store(short.url, create=False))),
        }
        questions = {side: _questions(store) for side, store in stores.items()}
        for case in questions["ours"]:
            sides = {side: partial(_timed, store, pool, questions[side][case], sizes.reads) for side, store in stores.items()}
            yield from interleaved("balance", kind, case, "ms", sizes.rounds, sides)


class Question(NamedTuple):
    """The two times of a balance."""

    as_of: date | None = None
    known_at: datetime | None = None


def _questions(store: Store) -> dict[str, Question]:
    day, half = today() - timedelta(days=DAYS_BACK), _half(store)
    return {
        "now": Question(),
        "as_of": Question(as_of=day),
        "known_at": Question(known_at=half),
        "as_of and known_at": Question(day, half),
    }


def _half(store: Store) -> datetime:
    """When the half of the log was recorded."""
    with store.reading() as reader:
        head = reader.head()
        [row] = reader.notifications(head.id // 2 if head else 0, 1)
    return read_event(row).recorded_at


def _timed(store: Store, pool: UUID, question: Question, times: int) -> Measured:
    took = []
    for _ in repeat(None, times):
        began = perf_counter()
        with store.reading() as reader:
            balance(reader, pool, *question)
        took.append(perf_counter() - began)
    measured = throughput(took, sum(took))
    return Measured(measured.p50_ms or 0.0, measured.p50_ms, measured.p99_ms)
