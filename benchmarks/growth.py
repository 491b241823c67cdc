"""What becomes slower as things grow: commands on a long log, in a pool of many approvals, on a booking of many sessions.

Both sides are ours, in the same run; milliseconds are the median of one caller's commands, one after the other.
"""

from collections.abc import Callable, Iterator
from functools import partial
from uuid import UUID

from benchmarks import office
from benchmarks.measuring import Ask, Figure, Measured, drive, interleaved
from benchmarks.places import Database, Kind, Places
from benchmarks.sizes import Sizes
from interfaces.service import Service, open_service

FEW = 10
SMALL = "ours, small"


def of_the_log(kind: Kind, sizes: Sizes, pool: UUID, short: Database, long: Database, events: int) -> Iterator[Figure]:
    """Approvals in the pool of a long log, and of a short one."""
    with open_service(long.settings) as ours, open_service(short.settings) as small:
        sides = {"ours": _approvals(ours, pool, sizes), SMALL: _approvals(small, pool, sizes)}
        yield from interleaved("growth", kind, f"log of {events:,} events", "ms", sizes.rounds, sides)


def of_a_pool_and_a_booking(places: Places, kind: Kind, sizes: Sizes) -> Iterator[Figure]:
    """Approvals in a pool that has seen many, and sessions on a booking that has many; each beside one with few."""
    with open_service(places.migrated(kind).settings) as service:
        many, few = office.open_pool(service), office.open_pool(service)
        for pool, number in ((many, sizes.many_approvals), (few, FEW)):
            _approve(service, pool, number, sizes.hot_callers)
        sides = {"ours": _approvals(service, many, sizes), SMALL: _approvals(service, few, sizes)}
        yield from interleaved("growth", kind, f"pool of {sizes.many_approvals:,} approvals", "ms", sizes.rounds, sides)

        long, short = office.approved_bookings(service, few, 2)
        for place, number in ((long, sizes.many_sessions), (short, FEW)):
            office.log_sessions(service, place, number)
        askers = {"ours": office.session_askers(service, [long], 1), SMALL: office.session_askers(service, [short], 1)}
        driven = {side: partial(_timed, each, sizes.growth_commands) for side, each in askers.items()}
        yield from interleaved("growth", kind, f"booking of {sizes.many_sessions:,} sessions", "ms", sizes.rounds, driven)


def _approve(service: Service, pool: UUID, number: int, callers: int) -> None:
    for start in range(0, number, office.REQUESTS_AT_A_TIME):
        waiting = office.requests(service, pool, min(office.REQUESTS_AT_A_TIME, number - start))
        drive(office.approval_askers(service, waiting, callers), 3600)


def _approvals(service: Service, pool: UUID, sizes: Sizes) -> Callable[[], Measured]:
    """Requests are made before the clock runs."""

    def measure() -> Measured:
        waiting = office.requests(service, pool, sizes.growth_commands)
        return _timed(office.approval_askers(service, waiting, 1), sizes.growth_commands)

    return measure


def _timed(askers: list[Ask], times: int) -> Measured:
    left = iter(range(times))

    def ask() -> None:
        next(left)
        askers[0]()

    measured = drive([ask], 3600)
    return Measured(measured.p50_ms or 0.0, measured.p50_ms, measured.p99_ms)
