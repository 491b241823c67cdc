"""Who gets in by no way at all: neither with an account of ours, nor by the issuer, nor with a token of either.

For when somebody must be out now and whoever runs the issuer cannot be reached, or its tokens live on.
"""

import time

import anyio
import anyio.to_thread

from application.log import Reader, Store
from domain.quantities import Actor

KNOWN_SECONDS = 5.0  # how long it is believed without looking again; as long as a token of ours
KNOWN_MAX = 10_000


def is_blocked(reader: Reader, actor: Actor) -> bool:
    looking = "SELECT at FROM blocked WHERE subject = ? AND organisation = ?"
    return bool(reader.fetch(looking, (actor.subject, actor.organisation)))


class Blocks:
    """Those of an installation, for whoever asks with each request. Belongs to one event loop."""

    def __init__(self, store: Store, limiter: anyio.CapacityLimiter) -> None:
        self._store = store
        self._limiter = limiter
        self._known: dict[tuple[str, str], tuple[float, bool]] = {}

    async def hold(self, actor: Actor) -> bool:
        """Whether somebody is kept out, as it was at most ``KNOWN_SECONDS`` ago."""
        who = actor.subject, actor.organisation
        known = self._known.get(who)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        found = await anyio.to_thread.run_sync(self._look, actor, limiter=self._limiter)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[who] = time.monotonic() + KNOWN_SECONDS, found
        return found

    def _look(self, actor: Actor) -> bool:
        with self._store.reading() as reader:
            return is_blocked(reader, actor)
