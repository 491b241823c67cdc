"""The way in, step by step: name and password, then whatever of this is needed – a code of the second factor, a password of one's
own, a second factor of one's own. Each step has an id of the session of its own.

A wrong password and an unknown name get the same answer in the same time, and so does an account that is locked.
"""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

import anyio

from application.log import Reader, Store, Transaction
from application.privacy import Keyring
from interfaces.identity import accounts, blocks, limits, passwords, second_factor, sessions, trail
from interfaces.identity.accounts import Account
from interfaces.identity.breached import Breached, UnreadableList
from interfaces.identity.limits import Counted
from interfaces.identity.people import is_name
from interfaces.identity.sessions import Session, Sessions, Stage

log = logging.getLogger("stundenpool.identity")

HASHING_MAX = 2  # passwords at the same time in a process: each takes 46 MiB


class NotTaken(Exception):
    """A step that did not succeed; ``why`` names the message, ``wait`` how long the next attempt is not judged."""

    def __init__(self, why: str, wait: timedelta | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait


class NotHere(Exception):
    """There is no such step to be done in this session, or no session any more."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A second factor to be set up: what an app scans, and what somebody types who cannot scan it."""

    address: str
    text: str


@dataclass(frozen=True, slots=True)
class Own:
    """What somebody sees of themself: where they are signed in, and with what else they get in."""

    name: str | None
    recovery_codes: int
    sessions: list[Session]


class SigningIn:
    """The steps. Each works in a thread and returns the value of the cookie that takes the place of the one before."""

    def __init__(self, sessions: Sessions, keyring: Keyring, breached: Breached | None = None) -> None:
        self._sessions = sessions
        self._keyring = keyring
        self._breached = breached
        self.hashing = anyio.CapacityLimiter(HASHING_MAX)

    @property
    def _store(self) -> Store:
        return self._sessions.store

    def _now(self) -> datetime:
        return self._sessions.clock()

    def with_password(self, name: str, password: str, address: str, browser: str = "") -> str:
        """Raises ``NotTaken``."""
        decoy = self._decoy  # made by whoever is the first, also where there is such an account
        counted = limits.of_password(self._told_apart(name), address)
        with self._store.turn() as turn:
            account = accounts.find(turn, name) if is_name(name.strip()) else None
            subject = account.actor.subject if account else None
            too_soon = limits.admit(turn, self._now(), counted)
            if too_soon:
                trail.note(turn, self._now(), "too_soon", subject, address=address)
        if too_soon:
            raise NotTaken("too_soon", too_soon)
        right = self._matches(account, password, decoy)
        secret = passwords.hashed(self._keyring, account.id, password) if self._to_keep_anew(account, right) and account else None
        with self._store.turn() as turn:
            cookie = self._judged(turn, account, right, secret, address, browser, counted)
        if cookie is None:  # told of in the trail, so not by leaving the turn with an exception
            raise NotTaken("wrong")
        return cookie

    def with_code(self, cookie: str, code: str, address: str) -> str:
        """A code of the app or one that stands in for it. Raises ``NotTaken`` and ``NotHere``."""
        now = self._now()
        with self._store.turn() as turn:
            session, account = self._at(turn, cookie, "code")
            counted = limits.of_code(str(account.id))
            too_soon = limits.admit(turn, now, counted)
            used = None if too_soon else accounts.use_code(turn, self._keyring, account, code, now)
            subject = account.actor.subject
            if used is None:
                trail.note(turn, now, "too_soon" if too_soon else "wrong_code", subject, address=address)
            else:
                limits.forgive(turn, counted)
                if used == "recovery":
                    trail.note(turn, now, "recovery_code_used", subject, address=address)
                return self._go_on(turn, now, session, account)
        raise NotTaken("too_soon", too_soon) if too_soon else NotTaken("wrong_code")

    def with_new_password(self, cookie: str, password: str, again: str) -> str:
        """All other sessions of the person end. Raises ``NotTaken`` and ``NotHere``."""
        with self._store.reading() as reader:
            _, account = self._at(reader, cookie, "password")
        if password != again:
            raise NotTaken("differs")
        wrong = passwords.why_not(password, account.name, account.actor.subject, "Stundenpool")
        if wrong is None and passwords.matches(self._keyring, account.id, password, account.password):
            wrong = "same"
        if wrong is None and self._is_breached(password):
            wrong = "breached"
        if wrong is not None:
            raise NotTaken(wrong)
        secret = passwords.hashed(self._keyring, account.id, password)
        now = self._now()
        with self._store.turn() as turn:
            session, account = self._at(turn, cookie, "password")
            accounts.keep_password(turn, account, secret)
            sessions.end_all_of(turn, account.actor.subject, account.actor.organisation, but=session.id)
            trail.note(turn, now, "password_changed", account.actor.subject, address=session.address)
            return self._go_on(turn, now, session, accounts.get(turn, account.id))

    def proposal(self, cookie: str) -> Proposal:
        """The second factor that this session is about to set up, the same each time. Raises ``NotHere``."""
        with self._store.turn() as turn:
            session, account = self._at(turn, cookie, "factor")
            factor = session.proposed or second_factor.new_factor()
            if session.proposed is None:
                sessions.propose(turn, session, factor)
        secret = second_factor.secret_of(self._keyring, account.id, factor)
        return Proposal(second_factor.address_of(secret, account.name), second_factor.secret_text(secret))

    def with_new_factor(self, cookie: str, code: str) -> tuple[str, list[str]]:
        """Proved by a code of it; also returns the codes that stand in for it, which are shown once. All other sessions of the
        person end. Raises ``NotTaken`` and ``NotHere``."""
        now = self._now()
        recovery = second_factor.new_recovery_codes()
        with self._store.turn() as turn:
            session, account = self._at(turn, cookie, "factor")
            if session.proposed is None:
                raise NotHere()
            step = second_factor.step_of(second_factor.secret_of(self._keyring, account.id, session.proposed), code, now, 0)
            if step is None:
                raise NotTaken("wrong_code")
            hashes = [second_factor.hashed_recovery_code(self._keyring, account.id, each) for each in recovery]
            accounts.keep_factor(turn, account, session.proposed, step, hashes)
            sessions.end_all_of(turn, account.actor.subject, account.actor.organisation, but=session.id)
            trail.note(turn, now, "second_factor_set_up", account.actor.subject, address=session.address)
            return self._go_on(turn, now, session, accounts.get(turn, account.id)), recovery

    def proving(self, cookie: str, password: str, code: str, address: str) -> str:
        """Somebody who is signed in shows again that it is them, with both factors; a browser that was left alone must not be
        enough to keep its owner out. Raises ``NotTaken`` and ``NotHere``."""
        now = self._now()
        with self._store.turn() as turn:
            _, seen = self._at(turn, cookie, "open")
            counted = [*limits.of_password(self._told_apart(seen.name), address), *limits.of_code(str(seen.id))]
            too_soon = limits.admit(turn, now, counted)
            if too_soon:
                trail.note(turn, now, "too_soon", seen.actor.subject, address=address)
        if too_soon:
            raise NotTaken("too_soon", too_soon)
        right = passwords.matches(self._keyring, seen.id, password, seen.password)
        with self._store.turn() as turn:
            session, account = self._at(turn, cookie, "open")
            right = right and account.password == seen.password  # it may have been changed while it was compared
            used = accounts.use_code(turn, self._keyring, account, code, now) if right else None
            if used is not None:
                limits.forgive(turn, counted)
                if used == "recovery":
                    trail.note(turn, now, "recovery_code_used", account.actor.subject, address=address)
                return sessions.prove(turn, now, session)
            trail.note(turn, now, "wrong_code" if right else "wrong_password", account.actor.subject, address=address)
        raise NotTaken("wrong_proof")

    def renewing(self, cookie: str, stage: Stage) -> str:
        """Somebody who has proved again who they are wants another password or second factor. Raises ``NotTaken`` and
        ``NotHere``."""
        now = self._now()
        with self._store.turn() as turn:
            session, _ = self._at(turn, cookie, "open")
            if not session.may_change(now):
                raise NotTaken("not_proved")
            return sessions.go_on(turn, now, session, stage)

    def own(self, reader: Reader, session: Session) -> Own:
        """What the account page shows."""
        open_ones = sessions.open_of(reader, self._now(), session.actor)
        if session.account is None:
            return Own(None, 0, open_ones)
        name = accounts.get(reader, session.account).name
        return Own(name, accounts.recovery_codes_left(reader, session.account), open_ones)

    # ── the parts of a step

    @cached_property
    def _decoy(self) -> str:
        """What nothing matches, in the time that it takes to find out."""
        return passwords.hashed(self._keyring, UUID(int=0), secrets.token_urlsafe())

    def _is_breached(self, password: str) -> bool:
        """Nobody chooses a password that could not be looked up."""
        try:
            return self._breached is not None and self._breached.has(password)
        except UnreadableList:
            log.exception("the list of breached passwords cannot be read")
            raise NotTaken("not_looked_up") from None

    def _told_apart(self, name: str) -> str:
        """Failures are counted under names that nobody can read: one may be a password in the wrong field."""
        return self._keyring.derived("sign-in-names", accounts.folded(name).encode()).hex()[:32]

    def _matches(self, account: Account | None, password: str, decoy: str) -> bool:
        if account is None:
            return passwords.matches(self._keyring, UUID(int=0), password, decoy)
        return passwords.matches(self._keyring, account.id, password, account.password)

    def _to_keep_anew(self, account: Account | None, right: bool) -> bool:
        return account is not None and right and passwords.is_outdated(account.password)

    def _judged(
        self,
        turn: Transaction,
        seen: Account | None,
        right: bool,
        secret: str | None,
        address: str,
        browser: str,
        counted: list[Counted],
    ) -> str | None:
        """The first cookie, or nothing; the trail says why."""
        now = self._now()
        if seen is None:
            trail.note(turn, now, "unknown_name", None, address=address)
            return None
        account = accounts.get(turn, seen.id)
        subject = account.actor.subject
        if not right or account.password != seen.password:  # it may have been changed while it was compared
            trail.note(turn, now, "wrong_password", subject, address=address)
        elif account.state != "active" or blocks.is_blocked(turn, account.actor):
            trail.note(turn, now, "not_active", subject, address=address)
        elif account.first_until is not None and account.first_until <= now:
            trail.note(turn, now, "first_password_expired", subject, address=address)
        else:
            limits.forgive(turn, counted)
            if secret is not None:
                accounts.keep_password(turn, account, secret, account.first_until)
            stage = _next(account, proved=False)
            return sessions.begin(
                turn, now, account.actor, how="password", address=address, browser=browser, account=account.id, stage=stage
            )
        return None

    def _go_on(self, turn: Transaction, now: datetime, session: Session, account: Account) -> str:
        stage = _next(account, proved=True)
        if stage == "open":
            trail.note(turn, now, "signed_in", account.actor.subject, address=session.address)
        return sessions.go_on(turn, now, session, stage)

    def _at(self, reader: Reader, cookie: str, stage: Stage) -> tuple[Session, Account]:
        session = sessions.current(reader, self._now(), cookie)
        if session is None or session.stage != stage or session.account is None:
            raise NotHere()
        return session, accounts.get(reader, session.account)


def _next(account: Account, *, proved: bool) -> Stage:
    """What is to be done next; ``proved`` says whether the second factor was shown, where there is one."""
    if account.factor is not None and not proved:
        return "code"
    if account.first_until is not None:
        return "password"
    return "factor" if account.factor is None else "open"
