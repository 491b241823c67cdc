"""Browsers that are signed in. The server keeps all of it; a browser has a random id in a cookie, of which the hash stands here.

The id is another one after each step of signing in, and every ``ROTATED`` after that. The one before is taken until the browser
has shown the new one, and ``GRACE`` longer, for requests that were under way: an answer that got lost signs nobody out. Whoever
shows it later has it from elsewhere, and the session is ended.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeVar
from uuid import UUID, uuid4

import anyio
import anyio.to_thread

from application.engine import Clock, utc_now
from application.log import Reader, Store, Transaction
from application.projections.tables import instant, micros
from domain.quantities import Actor
from interfaces.identity import blocks, trail

ID_BYTES = 32
IDLE = timedelta(minutes=30)
LASTING = timedelta(hours=10)
ON_THE_WAY = timedelta(minutes=15)  # for each step of signing in
ROTATED = timedelta(minutes=15)
GRACE = timedelta(seconds=30)
SEEN = timedelta(minutes=1)  # how exactly it is known when a browser was last there
PROVED = timedelta(minutes=5)  # in which somebody who has proved again who they are may change what lets them in
CLOCKS = timedelta(seconds=30)  # by which an issuer's clock and ours may differ

# What is still to be done before somebody is signed in: show a code of the second factor, choose a password, set up a second
# factor.
Stage = Literal["code", "password", "factor", "open"]

T = TypeVar("T")


class Blocked(Exception):
    """Somebody knows this person, and they are kept out."""


class AtIssuer(NamedTuple):
    """Whom and which session of theirs an issuer will name when it ends it."""

    sub: str
    sid: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """``account`` is null where somebody else says who it is; ``proposed`` is a second factor that is being set up; ``proved`` is
    when this person has last proved again who they are."""

    id: UUID
    actor: Actor
    account: UUID | None
    how: str
    address: str
    browser: str
    stage: Stage
    proposed: bytes | None
    proved: datetime | None
    started: datetime
    seen: datetime

    @property
    def changes_until(self) -> datetime | None:
        """Until when this person may change what lets them in."""
        return None if self.proved is None else self.proved + PROVED

    def may_change(self, now: datetime) -> bool:
        return self.changes_until is not None and now < self.changes_until


@dataclass(frozen=True, slots=True)
class Seen:
    """A session as it was found by its cookie; ``renewed`` is the cookie that takes its place."""

    session: Session
    renewed: str | None = None


class Sessions:
    """All sessions of an installation. Belongs to one event loop; each look is one at the store, so an end is heeded at once."""

    def __init__(self, store: Store, limiter: anyio.CapacityLimiter, clock: Clock = utc_now) -> None:
        self.store = store
        self.clock = clock
        self._limiter = limiter

    async def start(
        self, actor: Actor, *, how: str, address: str = "", browser: str = "", at_issuer: AtIssuer | None = None
    ) -> str:
        """Signs in somebody whom another system knows; returns the value of the cookie. Raises ``Blocked``."""
        cookie = await self.working(lambda: self._begin(actor, how, address, browser, at_issuer))
        if cookie is None:
            raise Blocked()
        return cookie

    async def prove(self, id: UUID, actor: Actor) -> str | None:
        """Another system says anew that it is them; returns the value of the cookie, or nothing if that session is not theirs."""
        return await self.working(lambda: self._prove(id, actor))

    async def end_at_issuer(self, sub: str | None, sid: str | None, said: datetime) -> None:
        """The issuer has ended a session, or all of a person, as it said then."""
        await self.working(lambda: self._end_at_issuer(sub, sid, said))

    async def actor(self, cookie: str) -> Actor | None:
        """Who is signed in with a cookie."""
        found = await self.look(cookie)
        return found.session.actor if found is not None and found.session.stage == "open" else None

    async def look(self, cookie: str) -> Seen | None:
        """The session of a cookie, unless it is over."""
        return await self.working(lambda: self._look(cookie)) if cookie else None

    async def end(self, cookie: str) -> None:
        """Signs out."""
        await self.working(lambda: self._end(cookie))

    async def working(self, work: Callable[[], T]) -> T:
        """Works with the store in a thread of its own."""
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)

    def _begin(self, actor: Actor, how: str, address: str, browser: str, at_issuer: AtIssuer | None) -> str | None:
        now = self.clock()
        with self.store.turn() as turn:
            if blocks.is_blocked(turn, actor):
                trail.note(turn, now, "not_active", actor.subject, address=address)
                return None
            trail.note(turn, now, "signed_in", actor.subject, address=address)
            return begin(turn, now, actor, how=how, address=address, browser=browser, at_issuer=at_issuer)

    def _prove(self, id: UUID, actor: Actor) -> str | None:
        now = self.clock()
        with self.store.turn() as turn:
            mine = [each for each in open_of(turn, now, actor) if each.id == id and each.actor == actor]
            return prove(turn, now, mine[0]) if mine else None

    def _end_at_issuer(self, sub: str | None, sid: str | None, said: datetime) -> None:
        """Only those that had begun by then, so a word of the issuer that comes again ends nothing new."""
        now = self.clock()
        named = "issuer_sub = ?" if sid is None else "issuer_sid = ?" if sub is None else _OF_BOTH
        who = [each for each in (sub, sid) if each is not None]
        with self.store.turn() as turn:
            ending = f"DELETE FROM sessions WHERE started < ? AND {named} RETURNING subject"
            for (subject,) in turn.fetch(ending, (micros(said + CLOCKS), *who)):
                trail.note(turn, now, "session_ended", subject, by="oidc")

    def _look(self, cookie: str) -> Seen | None:
        now, digest = self.clock(), hashed(cookie)
        with self.store.reading() as reader:
            found = _found(reader, now, digest)
        if found is None:
            return None
        if not found.is_due(now):
            return Seen(found.session)
        with self.store.turn() as turn:
            found = _found(turn, now, digest)  # another request may have been faster
            return None if found is None else _brought_up_to_date(turn, now, found)

    def _end(self, cookie: str) -> None:
        now = self.clock()
        with self.store.turn() as turn:
            found = _found(turn, now, hashed(cookie))
            if found is not None:
                end(turn, found.session.id)
                trail.note(turn, now, "signed_out", found.session.actor.subject, address=found.session.address)


def begin(
    tx: Transaction,
    now: datetime,
    actor: Actor,
    *,
    how: str,
    address: str,
    browser: str = "",
    account: UUID | None = None,
    stage: Stage = "open",
    at_issuer: AtIssuer | None = None,
) -> str:
    """A new session; those that are over for good go. Returns the value of its cookie."""
    cookie = secrets.token_urlsafe(ID_BYTES)
    tx.execute("DELETE FROM sessions WHERE started < ? OR seen < ?", [(micros(now - LASTING), micros(now - IDLE))])
    who = (actor.subject, actor.role, actor.organisation)
    whose, at = None if account is None else str(account), micros(now)
    sub, sid = at_issuer or (None, None)
    tx.execute(_INSERT, [(str(uuid4()), hashed(cookie), at, at, whose, *who, how, address, browser, stage, sub, sid, at, at)])
    return cookie


def go_on(tx: Transaction, now: datetime, session: Session, stage: Stage, proposed: bytes | None = None) -> str:
    """Another step, under another id; the last step begins the time that a session lasts. Returns the value of its cookie."""
    cookie = secrets.token_urlsafe(ID_BYTES)
    at = micros(now)
    tx.execute(
        "UPDATE sessions SET hash = ?, previous = NULL, rotated = ?, confirmed = ?, stage = ?, proposed = ?, started = ?, seen = ? "
        "WHERE id = ?",
        [(hashed(cookie), at, at, stage, proposed, at, at, str(session.id))],
    )
    return cookie


def prove(tx: Transaction, now: datetime, session: Session) -> str:
    """This person has proved again who they are: another id, as at each step. Returns the value of its cookie."""
    cookie, at = secrets.token_urlsafe(ID_BYTES), micros(now)
    tx.execute(
        "UPDATE sessions SET hash = ?, previous = NULL, rotated = ?, confirmed = ?, proved = ?, seen = ? WHERE id = ?",
        [(hashed(cookie), at, at, at, at, str(session.id))],
    )
    trail.note(tx, now, "proved_again", session.actor.subject, address=session.address)
    return cookie


def propose(tx: Transaction, session: Session, factor: bytes) -> None:
    """The second factor that is being set up."""
    tx.execute("UPDATE sessions SET proposed = ? WHERE id = ?", [(factor, str(session.id))])


def end(tx: Transaction, id: UUID) -> None:
    tx.execute("DELETE FROM sessions WHERE id = ?", [(str(id),)])


def end_all_of(tx: Transaction, subject: str, organisation: str, *, but: UUID | None = None) -> int:
    """Those of a person, on all browsers; says how many those were."""
    ending = "DELETE FROM sessions WHERE subject = ? AND organisation = ? AND id <> ? RETURNING id"
    return len(tx.fetch(ending, (subject, organisation, "" if but is None else str(but))))


def current(reader: Reader, now: datetime, cookie: str) -> Session | None:
    """The session of a cookie, where what follows depends on it in the same transaction."""
    found = _found(reader, now, hashed(cookie))
    return None if found is None else found.session


def open_of(reader: Reader, now: datetime, actor: Actor) -> list[Session]:
    """Where a person is signed in, the browser that was there last first."""
    rows = reader.fetch(f"{_SELECT} WHERE s.subject = ? AND s.organisation = ? ORDER BY s.seen DESC, s.id", _who(actor))
    found = [_Found.of(row) for row in rows]
    return [each.session for each in found if each.lasts(now) and each.session.stage == "open"]


def hashed(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()


# ── rows

_INSERT = (
    "INSERT INTO sessions (id, hash, rotated, confirmed, account, subject, role, organisation, how, address, browser, stage, "
    "issuer_sub, issuer_sid, started, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_OF_BOTH = "issuer_sub = ? AND (issuer_sid = ? OR issuer_sid IS NULL)"
_SELECT = (
    "SELECT s.id, s.subject, s.role, s.organisation, s.account, s.how, s.address, s.browser, s.stage, s.proposed, s.proved, "
    "s.started, s.seen, s.rotated, s.confirmed, s.previous, a.state, a.role, a.organisation FROM sessions s "
    "LEFT JOIN accounts a ON a.id = s.account"
)


@dataclass(frozen=True, slots=True)
class _Found:
    """A row, the state of its account, and by which of both ids it was found."""

    session: Session
    rotated: datetime
    confirmed: datetime | None
    previous: bytes | None
    stands: bool
    digest: bytes | None = None

    @classmethod
    def of(cls, row: Sequence[Any], digest: bytes | None = None) -> "_Found":
        id, subject, role, organisation, account, how, address, browser, stage, proposed, proved, started, seen = row[:13]
        rotated, confirmed, previous, *of_account = row[13:]
        session = Session(
            UUID(id),
            Actor(subject, role, organisation),
            None if account is None else UUID(account),
            how,
            address,
            browser,
            stage,
            proposed,
            None if proved is None else instant(proved),
            instant(started),
            instant(seen),
        )
        stands = account is None or of_account == ["active", role, organisation]
        return cls(session, instant(rotated), None if confirmed is None else instant(confirmed), previous, stands, digest)

    def lasts(self, now: datetime) -> bool:
        longest = LASTING if self.session.stage == "open" else ON_THE_WAY
        return self.stands and now < self.session.started + longest and now < self.session.seen + IDLE

    @property
    def by_previous(self) -> bool:
        return self.digest == self.previous

    def taken_twice(self, now: datetime) -> bool:
        return self.by_previous and self.confirmed is not None and now >= self.confirmed + GRACE

    def to_rotate(self, now: datetime) -> bool:
        """It is time, or the browser does not know the id that it was given then."""
        if self.by_previous:
            return self.confirmed is None and now >= self.rotated + GRACE
        return self.session.stage == "open" and now >= self.rotated + ROTATED

    def is_due(self, now: datetime) -> bool:
        """Whether anything is to be written."""
        unconfirmed = not self.by_previous and self.confirmed is None
        return unconfirmed or self.taken_twice(now) or self.to_rotate(now) or now >= self.session.seen + SEEN


def _found(reader: Reader, now: datetime, digest: bytes) -> _Found | None:
    rows = reader.fetch(f"{_SELECT} WHERE s.hash = ? OR s.previous = ?", (digest, digest))
    found = _Found.of(rows[0], digest) if rows else None
    return found if found is not None and found.lasts(now) else None


def _brought_up_to_date(tx: Transaction, now: datetime, found: _Found) -> Seen | None:
    session, at = found.session, micros(now)
    if found.taken_twice(now):
        end(tx, session.id)
        trail.note(tx, now, "session_taken_twice", session.actor.subject, address=session.address)
        return None
    if found.to_rotate(now):
        cookie = secrets.token_urlsafe(ID_BYTES)
        tx.execute(
            "UPDATE sessions SET hash = ?, previous = ?, rotated = ?, confirmed = NULL, seen = ? WHERE id = ?",
            [(hashed(cookie), found.digest, at, at, str(session.id))],
        )
        return Seen(session, cookie)
    confirmed = None if found.confirmed is None and found.by_previous else micros(found.confirmed or now)
    tx.execute("UPDATE sessions SET confirmed = ?, seen = ? WHERE id = ?", [(confirmed, at, str(session.id))])
    return Seen(session)


def _who(actor: Actor) -> tuple[str, str]:
    return actor.subject, actor.organisation
