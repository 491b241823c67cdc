"""Commands in process: sessions logged by many callers, and approvals that all take from one pool.

Ours has everything on: a key and its receipt, the sealed note, the movements, every projection. Stock saves one event of a
new aggregate. The limit commits one row at a time over as many connections as callers, 32 at most.
"""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from time import perf_counter
from uuid import uuid4

from eventsourcing.persistence import Notification

from application.log import Store
from benchmarks import limits, office, stock
from benchmarks.measuring import Ask, Figure, Measured, Sides, drive, interleaved, throughput
from benchmarks.places import Kind, Places
from benchmarks.sizes import Sizes
from interfaces.service import open_service
from interfaces.storage import open_store


def sessions(places: Places, kind: Kind, sizes: Sizes) -> Iterator[Figure]:
    """Commands a second, and how long callers wait."""
    ours, theirs, plain = places.migrated(kind), places.empty(kind), places.empty(kind)
    with open_service(ours.settings) as service, stock.Office(theirs.stock) as app:
        bookings = office.approved_bookings(service, office.open_pool(service), sizes.bookings)
        for callers in sizes.callers:
            with limits.committing(plain, callers) as committing:
                sides = {
                    "ours": office.session_askers(service, bookings, callers),
                    "stock": stock.session_askers(app, callers),
                    "limit": committing,
                }
                for askers in sides.values():
                    drive(askers, sizes.warm_up_seconds)
                driven = {side: partial(drive, askers, sizes.commands_seconds) for side, askers in sides.items()}
                yield from interleaved("commands", kind, f"{callers} callers", "/s", sizes.rounds, driven)


def bare_append(places: Places, kind: Kind, sizes: Sizes) -> Iterator[Figure]:
    """Events a second that the log takes in turns as full as that many callers make them: neither decided nor projected."""
    ours, theirs, plain = places.migrated(kind), places.empty(kind), places.empty(kind)
    callers = max(sizes.callers)
    with (
        closing(open_store(ours.url, create=False)) as store,
        stock.Office(theirs.stock) as app,
        limits.committing(plain, callers) as rows,
    ):
        sides: Sides = {
            "ours": partial(_append, store, callers, sizes.commands_seconds),
            "stock": partial(drive, stock.session_askers(app, callers), sizes.commands_seconds),
            "limit": partial(drive, rows, sizes.commands_seconds),
        }
        yield from interleaved("bare append", kind, f"{callers} events a turn", "/s", sizes.rounds, sides)


def _append(store: Store, events: int, seconds: float) -> Measured:
    turns = []
    began = perf_counter()
    while (before := perf_counter()) < began + seconds:
        with store.turn() as transaction:
            head = transaction.head()
            last = head.id if head else 0
            transaction.append([Notification(uuid4(), 1, "session-logged", limits.STATE, last + 1 + n) for n in range(events)])
        turns.append(perf_counter() - before)
    measured = throughput(turns, perf_counter() - began)
    return Measured(measured.value * events, measured.p50_ms, measured.p99_ms)


def hot_pool(places: Places, kind: Kind, sizes: Sizes) -> Iterator[Figure]:
    """Approvals a second of one pool that has seen many."""
    ours, uncached, cached = places.migrated(kind), places.empty(kind), places.empty(kind)
    with (
        open_service(ours.settings) as service,
        stock.Office(uncached.stock) as app,
        stock.Office({**cached.stock, **stock.CACHE}) as caching,
    ):
        pool = office.open_pool(service)
        drive(office.approval_askers(service, office.requests(service, pool, sizes.hot_before), sizes.hot_callers), 3600)
        callers = sizes.hot_callers
        waiting = iter([office.requests(service, pool, sizes.hot_requests) for _ in range(sizes.rounds)])
        sides: Sides = {
            "ours": lambda: drive(office.approval_askers(service, next(waiting), callers), sizes.hot_seconds),
            "stock": partial(drive, _stock_approvals(app, sizes), sizes.hot_seconds),
            "stock, cached": partial(drive, _stock_approvals(caching, sizes), sizes.hot_seconds),
        }
        yield from interleaved("hot pool", kind, f"{callers} callers", "/s", sizes.rounds, sides)


def _stock_approvals(app: stock.Office, sizes: Sizes) -> list[Ask]:
    return stock.approval_askers(app, stock.open_hot_pool(app, sizes.hot_before), sizes.hot_callers)
