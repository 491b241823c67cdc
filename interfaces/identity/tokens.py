"""Bearer tokens: for programs, and for whoever calls the API by hand.

A token is 32 random bytes; stored is only its SHA-256, so neither the database nor a copy of it lets anybody in, and a look-up
compares nothing that an attacker could measure. Its id, which is no secret, is the beginning of that hash.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

import anyio
import anyio.to_thread
import msgspec
from eventsourcing.persistence import PersistenceError

from application.engine import Clock, utc_now
from application.log import Reader, Store, Transaction
from application.projections.tables import instant, micros
from domain.quantities import Actor, Role
from domain.refusals import NotFound
from interfaces.http.problems import unauthorized
from interfaces.identity import trail
from interfaces.identity.people import OFFICE, actor_of

TOKEN_BYTES = 32
DAYS = 365
KNOWN_SECONDS = 5.0  # how long a token that was found is believed without looking again
KNOWN_MAX = 10_000
USE_NOTED = timedelta(hours=1)  # how exactly it is known when a token was last used

# What a token is limited to, within what its role may do: anything, whatever changes nothing, or the events of the log alone.
Scope = Literal["full", "read", "events"]


class Caller(NamedTuple):
    """Whose token it is, and what it is limited to; one of an issuer may have no scope of ours at all."""

    actor: Actor
    scope: Scope | None


class TokenView(msgspec.Struct, frozen=True):
    """A token as it is listed. ``used_at`` is an hour more or less."""

    id: UUID
    subject: str
    role: Role
    provider: str | None
    scope: Scope
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


def permits(scope: Scope | None, method: str, path: str) -> bool:
    """Whether a token of this scope may be used for an operation, ``path`` being that below ``/api/v1``."""
    match scope:
        case None:
            return False
        case "full":
            return True
        case "read":
            return method == "GET"
        case "events":
            return path in ("/events", "/events/stream")


def create_token(
    store: Store,
    *,
    role: str,
    subject: str,
    provider: str | None = None,
    days: int = DAYS,
    scope: Scope = "full",
    by: str | None = None,
) -> str:
    """A new token, which is kept nowhere. Raises ``ValueError`` with a German sentence for a person or provider that cannot be."""
    actor = actor_of(role, subject, provider)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    now = utc_now()
    who = (actor.subject, actor.role, actor.organisation)
    with store.turn() as turn:
        turn.execute(_INSERT, [(hashed(token), *who, scope, micros(now), micros(now + timedelta(days=days)))])
        trail.note(turn, now, "token_created", actor.subject, by=by)
    return token


def revoke(tx: Transaction, id: UUID, now: datetime, by: str) -> TokenView:
    """From now on it is not taken; once revoked, it stays as it is. Raises ``NotFound``."""
    found = get(tx, id)
    if found.revoked_at is not None:
        return found
    revoked = tx.fetch(f"UPDATE tokens SET revoked = ? WHERE {_OF_ID} RETURNING {_COLUMNS}", (micros(now), *_of_id(id)))
    trail.note(tx, now, "token_revoked", found.subject, by=by)
    return _view(revoked[0])


def revoke_all(tx: Transaction, now: datetime, *, of: Actor) -> int:
    """All tokens of a person are taken no longer; says how many were until now."""
    revoke = "UPDATE tokens SET revoked = ? WHERE revoked IS NULL AND subject = ? AND organisation = ? RETURNING hash"
    return len(tx.fetch(revoke, (micros(now), of.subject, of.organisation)))


def get(reader: Reader, id: UUID) -> TokenView:
    """Raises ``NotFound``."""
    rows = reader.fetch(f"SELECT {_COLUMNS} FROM tokens WHERE {_OF_ID}", _of_id(id))
    if not rows:
        raise NotFound()
    return _view(rows[0])


def views(reader: Reader, of: Actor | None = None) -> list[TokenView]:
    """All of them, or those of a person, the latest first."""
    whose, who = ("", ()) if of is None else ("WHERE subject = ? AND organisation = ?", (of.subject, of.organisation))
    return [_view(row) for row in reader.fetch(f"SELECT {_COLUMNS} FROM tokens {whose} ORDER BY created DESC, hash", who)]


def hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Tokens:
    """Finds who calls. Belongs to one event loop; a revoked token is believed for ``KNOWN_SECONDS`` at most, by any process."""

    def __init__(self, store: Store, limiter: anyio.CapacityLimiter, clock: Clock = utc_now) -> None:
        self._store = store
        self._limiter = limiter
        self._clock = clock
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._noting = anyio.CapacityLimiter(1)
        self._notes: set[asyncio.Task[None]] = set()

    async def caller(self, authorization: str) -> Caller:
        """Who is behind an ``Authorization`` header; raises ``Rejected``."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.isascii() or not token:
            raise unauthorized()
        digest = hashed(token)
        known = self._known.get(digest)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        caller = await anyio.to_thread.run_sync(self._found, digest, limiter=self._limiter)
        if caller is None:
            self._known.pop(digest, None)
            raise unauthorized()
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[digest] = time.monotonic() + KNOWN_SECONDS, caller
        return caller

    def _found(self, digest: bytes) -> Caller | None:
        now = self._clock()
        with self._store.reading() as reader:
            rows = reader.fetch(
                "SELECT subject, role, organisation, scope, used FROM tokens t "
                "WHERE hash = ? AND (expires IS NULL OR expires > ?) AND revoked IS NULL AND NOT EXISTS "
                "(SELECT 1 FROM blocked b WHERE b.subject = t.subject AND b.organisation = t.organisation)",
                (digest, micros(now)),
            )
        if not rows:
            return None
        subject, role, organisation, scope, used = rows[0]
        if used is None or instant(used) + USE_NOTED <= now:
            anyio.from_thread.run_sync(self._note_use, digest, now)
        return Caller(Actor(subject, role, organisation), scope)

    def _note_use(self, digest: bytes, now: datetime) -> None:
        """Nobody waits for it: a call is answered while nothing can be written, too."""
        task = asyncio.create_task(anyio.to_thread.run_sync(self._write_use, digest, now, limiter=self._noting))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    def _write_use(self, digest: bytes, now: datetime) -> None:
        with suppress(PersistenceError), self._store.turn() as turn:
            turn.execute("UPDATE tokens SET used = ? WHERE hash = ?", [(micros(now), digest)])


# ── rows

_COLUMNS = "hash, subject, role, organisation, scope, created, expires, used, revoked"
_INSERT = "INSERT INTO tokens (hash, subject, role, organisation, scope, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)"
_OF_ID = "hash BETWEEN ? AND ?"


def _of_id(id: UUID) -> tuple[bytes, bytes]:
    return id.bytes + b"\x00" * 16, id.bytes + b"\xff" * 16


def _view(row: Sequence[Any]) -> TokenView:
    hash, subject, role, organisation, scope, created, expires, used, revoked = row
    return TokenView(
        id=UUID(bytes=bytes(hash[:16])),
        subject=subject,
        role=role,
        provider=None if organisation == OFFICE else organisation,
        scope=scope,
        created_at=instant(created),
        expires_at=None if expires is None else instant(expires),
        used_at=None if used is None else instant(used),
        revoked_at=None if revoked is None else instant(revoked),
    )
