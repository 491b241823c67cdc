"""Who is signed in. A session is known by a secret in a cookie, of which only the SHA-256 is kept."""

import hashlib
import secrets
import time

from domain.quantities import Actor

SESSION_SECONDS_MAX = 8 * 3600.0


class Sessions:
    """Sessions in the memory of one process. Belongs to one event loop."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, Actor]] = {}

    async def start(self, actor: Actor, *, how: str) -> str:
        """The value of the cookie of a new session; ``how`` says by what the person was recognised."""
        now = time.monotonic()
        self._known = {digest: known for digest, known in self._known.items() if known[0] > now}
        cookie = secrets.token_urlsafe(32)
        self._known[_digest(cookie)] = now + SESSION_SECONDS_MAX, actor
        return cookie

    async def actor(self, cookie: str) -> Actor | None:
        """Whose session it is; ``None`` where it is over or never was."""
        ends, actor = self._known.get(_digest(cookie), (0.0, None))
        return actor if ends > time.monotonic() else None

    async def end(self, cookie: str) -> None:
        """From here on the cookie is worth nothing."""
        self._known.pop(_digest(cookie), None)


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()
