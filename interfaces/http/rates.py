"""How often one account and one address may ask, so that nobody takes the service from all others.

Of each is kept the one instant until which it has used what it may (the generic cell rate algorithm): a minute's worth may come at
once, and what comes after that at an even pace. Every process counts for itself. What comes from the machine itself counts as
nobody's: a proxy there names whom it asks for.
"""

import math
import time
from collections.abc import Callable, Hashable

from starlette.types import Scope

from domain.quantities import Actor
from interfaces.http.problems import too_many_requests
from interfaces.networks import is_loopback, network

BURST_SECONDS = 60.0  # what may come at once
KNOWN_MAX = 100_000  # accounts and addresses, before those are forgotten that have not asked of late

Clock = Callable[[], float]


class Rate:
    """How often each of many may do something. Belongs to one event loop."""

    def __init__(self, per_minute: int, clock: Clock = time.monotonic) -> None:
        self._apart = 60.0 / per_minute
        self._clock = clock
        self._used: dict[Hashable, float] = {}  # until when, by who

    def take(self, who: Hashable) -> float:
        """Takes one; or the seconds until there is one to take."""
        now = self._clock()
        used = max(self._used.get(who, now), now) + self._apart
        if used - now > BURST_SECONDS:
            return used - now - BURST_SECONDS
        if len(self._used) >= KNOWN_MAX:
            self._used = {each: until for each, until in self._used.items() if until > now}
        self._used[who] = used
        return 0.0


class Rates:
    """Those of the service. Both refuse by raising ``Rejected``."""

    def __init__(self, *, per_account: int, per_address: int, clock: Clock = time.monotonic) -> None:
        self._accounts = Rate(per_account, clock)
        self._addresses = Rate(per_address, clock)

    def admit_address(self, address: str | None) -> None:
        """Before anything is looked up: whoever has no valid token costs a look into the database each time."""
        if address is not None:
            _demand(self._addresses.take(address))

    def admit_account(self, actor: Actor, address: str | None) -> None:
        """All tokens of a person at an organisation together."""
        if address is not None:
            _demand(self._accounts.take((actor.subject, actor.organisation)))


def counted_as(scope: Scope) -> str | None:
    """Whose requests it is counted among, by where it comes from; ``None`` for the machine itself, which is not counted."""
    client = scope.get("client")
    return None if client is None or is_loopback(client[0]) else network(client[0])


def _demand(wait: float) -> None:
    if wait:
        raise too_many_requests(math.ceil(wait))
