"""Decisions over many bookings at once: closing and transferring a case, closing a pool (rules 21 and 22)."""

from collections.abc import Collection, Iterable
from datetime import datetime

from domain.booking import (
    OPEN_STATES,
    Booking,
    BookingSettled,
    Facts,
    RequestWithdrawn,
    in_pool,
    released_hours,
)
from domain.case import Case, CaseClosed, CaseTransferred, case_open
from domain.pool import Pool, PoolClosed, PoolEvent, follow_up, pool_open, threshold
from domain.quantities import Outcome, Personal
from domain.refusals import AlreadyClosed, Malformed
from domain.waiting_list import WaitingList


class SumsDiffer(Exception):
    """The sums of a pool do not add up at its closing: a damaged log or a fault in here, never an expected "no"."""


def close_case(
    pool: Pool,
    case: Case,
    bookings: Iterable[Booking],
    waiting: WaitingList,
    *,
    outcome: Outcome,
    note: Personal,
    by: str,
    at: datetime,
) -> Facts:
    """Closes a case: its approved bookings are settled, its open requests withdrawn, the rest goes back (rule 21)."""
    pool_open(pool)
    if case.closed:
        raise AlreadyClosed(what=f"Der Fall „{case.reference}“")
    closed = CaseClosed(case.provider, outcome, note, not note)
    return [*wind_up(pool, bookings, waiting, by, at), (case.id, closed)]


def transfer_case(
    pool: Pool,
    case: Case,
    bookings: Iterable[Booking],
    waiting: WaitingList,
    *,
    provider: str,
    reason: Personal,
    by: str,
    at: datetime,
) -> Facts:
    """Hands a case to another provider; the old one's bookings are wound up and keep their provider (rule 21)."""
    if provider == case.provider:
        raise Malformed(place="provider", problem="der Fall gehört schon zu diesem Träger")
    pool_open(pool)
    case_open(case)
    transferred = CaseTransferred(case.provider, provider, reason, bool(reason))
    return [*wind_up(pool, bookings, waiting, by, at), (case.id, transferred)]


def close_pool(pool: Pool, bookings: Iterable[Booking], *, reason: Personal, by: str, at: datetime) -> Facts:
    """Closes a pool: everything is settled or withdrawn, and the sums are proved (rule 22). Takes all bookings of the pool."""
    pool_open(pool)
    everything = list(bookings)
    given_back = unused(everything)
    prove_sums(pool, everything, given_back)
    last: list[PoolEvent] = [
        *threshold(pool, pool.available + given_back, pool.rules.unit_minutes),
        PoolClosed(reason, bool(reason)),
    ]
    return [*settle_and_withdraw(pool, everything, by, at), *in_pool(pool, last)]


def prove_sums(pool: Pool, bookings: Collection[Booking], given_back: int) -> None:
    """Proves that the pool and its bookings agree once ``given_back`` is released, or raises ``SumsDiffer`` (rule 22)."""
    granted = sum(booking.granted for booking in bookings)
    consumed = sum(booking.consumed for booking in bookings)
    released = sum(booking.released for booking in bookings) + given_back
    reserved = pool.committed - given_back - consumed
    available = pool.available + given_back
    if reserved != 0 or granted != consumed + released or pool.budget != consumed + available:
        raise SumsDiffer(
            f"pool {pool.id}: budget {pool.budget}, available {available}, reserved {reserved}; "
            f"its bookings: granted {granted}, consumed {consumed}, released {released}"
        )


def wind_up(pool: Pool, bookings: Iterable[Booking], waiting: WaitingList, by: str, at: datetime) -> Facts:
    """Settles what is approved, withdraws what is open, and says what follows for the pool."""
    everything = list(bookings)
    leaving = {booking.id for booking in everything if booking.state in OPEN_STATES}
    after = follow_up(pool, waiting, gained=unused(everything), leaving=leaving)
    return [*settle_and_withdraw(pool, everything, by, at), *in_pool(pool, after)]


def settle_and_withdraw(pool: Pool, bookings: Iterable[Booking], by: str, at: datetime) -> Facts:
    """The facts that end each booking, without what follows for the pool as a whole."""
    facts: Facts = []
    for booking in bookings:
        if booking.state in OPEN_STATES:
            facts.append((booking.id, RequestWithdrawn(booking.provider, at, by, None, False)))
        elif booking.state == "approved":
            facts.append((booking.id, BookingSettled(booking.provider, at)))
            if booking.unused:
                facts.append((pool.id, released_hours(booking, booking.unused, at, "settlement")))
    return facts


def unused(bookings: Iterable[Booking]) -> int:
    """Minutes that settling these bookings gives back."""
    return sum(booking.unused for booking in bookings if booking.state == "approved")
