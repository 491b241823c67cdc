"""How long somebody has to wait after failures: longer after each, never for good, and never for what others have done elsewhere.

Failures are counted three times: under a name from an address, where a few are enough to slow down a guesser; from an address,
where a whole office may sit; and under a name from anywhere, which slows down many guessers together, but the person themself by a
minute at most. Whoever gets so far as to the second factor knows the password, so its failures are counted apart and more strictly.

An attempt counts before it is judged, and is taken back when it succeeds: many at once get no further than one after the other. The
counts stand in the database, and so hold for all processes. An attempt that comes too soon is not judged, and does not count.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from application.log import Transaction
from application.projections.tables import instant, micros
from interfaces.networks import network

FORGOTTEN = timedelta(days=1)  # since the last failure


class Limit(NamedTuple):
    """So many failures are free; after that each doubles the seconds to wait, from one to a most."""

    free: int
    seconds_max: int

    def wait(self, failures: int) -> timedelta:
        over = failures - self.free
        return timedelta(seconds=0 if over < 0 else min(2 ** min(over, 30), self.seconds_max))


NAME_AND_ADDRESS = Limit(free=5, seconds_max=15 * 60)
ADDRESS = Limit(free=50, seconds_max=15 * 60)
NAME = Limit(free=50, seconds_max=60)
CODE = Limit(free=5, seconds_max=60 * 60)


class Counted(NamedTuple):
    """What failures are counted under, and how many of them are too many."""

    key: str
    limit: Limit


def of_password(name: str, address: str) -> list[Counted]:
    """``name`` is one that tells names apart without being one."""
    where = network(address)
    return [
        Counted(f"name {name} address {where}", NAME_AND_ADDRESS),
        Counted(f"name {name}", NAME),
        Counted(f"address {where}", ADDRESS),
    ]


def of_code(account: str) -> list[Counted]:
    return [Counted(f"code {account}", CODE)]


def admit(tx: Transaction, now: datetime, counted: Iterable[Counted]) -> timedelta | None:
    """Counts an attempt; where it comes too soon, says how long it is until the next one is judged instead."""
    known = {each.key: _failures(tx, each.key, now) for each in counted}
    earliest = max(last + each.limit.wait(times) for each in counted for times, last in [known[each.key]])
    if now < earliest:
        return earliest - now
    tx.execute("DELETE FROM failures WHERE last < ?", [(micros(now - FORGOTTEN),)])
    tx.execute(_COUNT, [(key, times + 1, micros(now)) for key, (times, _) in known.items()])
    return None


def forgive(tx: Transaction, counted: Iterable[Counted]) -> None:
    """An attempt has succeeded. From its address only itself is taken back, or one good account would excuse attacks on others."""
    for key, limit in counted:
        if limit is ADDRESS:
            tx.execute("UPDATE failures SET times = times - 1 WHERE counted = ?", [(key,)])
        else:
            tx.execute("DELETE FROM failures WHERE counted = ?", [(key,)])


def _failures(tx: Transaction, key: str, now: datetime) -> tuple[int, datetime]:
    rows = tx.fetch("SELECT times, last FROM failures WHERE counted = ? AND last >= ?", (key, micros(now - FORGOTTEN)))
    return (rows[0][0], instant(rows[0][1])) if rows else (0, now - FORGOTTEN)


_COUNT = (
    "INSERT INTO failures (counted, times, last) VALUES (?, ?, ?) "
    "ON CONFLICT (counted) DO UPDATE SET times = excluded.times, last = excluded.last"
)
