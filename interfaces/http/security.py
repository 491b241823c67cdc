"""Who calls.

A token is 32 random bytes; stored is only its SHA-256, so neither the database nor a copy of it lets anybody in, and a look-up
compares nothing that an attacker could measure.
"""

import hashlib
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import cast, get_args

import anyio
import anyio.to_thread

from application.log import Store
from application.projections.tables import micros
from domain.quantities import Actor, Role
from interfaces.http.policies import PROVIDERS
from interfaces.http.problems import unauthorized

OFFICE = "jugendamt"
TOKEN_BYTES = 32
DAYS = 365
KNOWN_SECONDS = 5.0  # how long a token that was found is believed without looking again
KNOWN_MAX = 10_000


def create_token(store: Store, *, role: str, subject: str, provider: str | None = None, days: int = DAYS) -> str:
    """A new token, which is kept nowhere. Raises ``ValueError`` with a German sentence for a person or provider that cannot be."""
    actor = _actor(role, subject, provider)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    now = datetime.now(UTC)
    row = (hashed(token), actor.subject, actor.role, actor.organisation, micros(now), micros(now + timedelta(days=days)))
    with store.turn() as turn:
        turn.execute("INSERT INTO tokens (hash, subject, role, organisation, created, expires) VALUES (?, ?, ?, ?, ?, ?)", [row])
    return token


def _actor(role: str, subject: str, provider: str | None) -> Actor:
    if role not in get_args(Role):
        raise ValueError(f"Die Rolle „{role}“ gibt es nicht; es gibt {', '.join(get_args(Role))}.")
    if (role in PROVIDERS) != (provider is not None):
        raise ValueError("worker und lead brauchen einen Träger (--provider), alle anderen Rollen haben keinen.")
    for name in (subject, provider):
        if name is not None and not (name.strip() == name and name.isprintable() and 1 <= len(name) <= 200):
            raise ValueError("Namen haben 1 bis 200 druckbare Zeichen und keinen Leerraum am Rand.")
    return Actor(subject, cast(Role, role), provider or OFFICE)


def hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Tokens:
    """Finds the actor of a token. Belongs to one event loop; a revoked token is believed for ``KNOWN_SECONDS`` at most."""

    def __init__(self, store: Store, limiter: anyio.CapacityLimiter) -> None:
        self._store = store
        self._limiter = limiter
        self._known: dict[bytes, tuple[float, Actor]] = {}

    async def actor(self, authorization: str) -> Actor:
        """The actor behind an ``Authorization`` header; raises ``Rejected``."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.isascii() or not token:
            raise unauthorized()
        digest = hashed(token)
        known = self._known.get(digest)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        actor = await anyio.to_thread.run_sync(self._found, digest, limiter=self._limiter)
        if actor is None:
            self._known.pop(digest, None)
            raise unauthorized()
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[digest] = time.monotonic() + KNOWN_SECONDS, actor
        return actor

    def _found(self, digest: bytes) -> Actor | None:
        with self._store.reading() as reader:
            rows = reader.fetch(
                "SELECT subject, role, organisation FROM tokens WHERE hash = ? AND (expires IS NULL OR expires > ?)",
                (digest, micros(datetime.now(UTC))),
            )
        return Actor(*rows[0]) if rows else None
