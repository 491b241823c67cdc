"""Somebody at the door of an office: accounts, a clock that is set, and what the trail says afterwards."""

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from application.log import Store
from application.privacy import Keyring
from domain.quantities import Actor
from interfaces.identity import accounts, second_factor, trail
from interfaces.identity.sessions import Session, Sessions
from interfaces.identity.signing_in import SigningIn
from interfaces.storage import open_store
from interfaces.storage.keystore import open_keystore
from tests.office import make_schema

PASSWORD = "Apfel Wolke Treppe neun"
HERE, THERE = "192.0.2.1", "198.51.100.7"


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Door:
    """Signs in as people do, with the app of a person who has set up a second factor."""

    store: Store
    keyring: Keyring
    clock: Clock
    portal: BlockingPortal
    secrets: dict[str, bytes] = field(default_factory=dict)
    begins: int = 0  # of the trail

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.store, anyio.CapacityLimiter(8), self.clock)
        self.signing_in = SigningIn(self.sessions, self.keyring)

    def another_process(self) -> "Door":
        """The same people before another process on the same store."""
        return Door(self.store, self.keyring, self.clock, self.portal, self.secrets)

    # ── given

    def emptied(self) -> "Door":
        """As if nobody had been here, on a day of its own."""
        with self.store.turn() as turn:
            for table in ("accounts", "recovery_codes", "sessions", "failures", "tokens", "blocked"):
                turn.execute(f"DELETE FROM {table}", [()])
            [(last,)] = turn.fetch("SELECT COALESCE(MAX(number), 0) FROM access_trail")
        return Door(self.store, self.keyring, Clock(), self.portal, begins=last)

    def account(self, name: str = "kim", role: str = "officer", provider: str | None = None) -> str:
        """The first password of a new account."""
        with self.store.turn() as turn:
            return accounts.create(turn, self.keyring, self.clock(), "admin-1", name=name, role=role, provider=provider)

    def settled(self, name: str = "kim", role: str = "officer", provider: str | None = None) -> list[str]:
        """An account whose person has been there once; returns the recovery codes. Its password is ``PASSWORD``."""
        cookie = self.password(name, self.account(name, role, provider))
        cookie = self.signing_in.with_new_password(cookie, PASSWORD, PASSWORD)
        _, codes = self.sets_up_factor(name, cookie)
        self.clock.passes(seconds=60)  # the code that proved it is used up
        return codes

    def sets_up_factor(self, name: str, cookie: str) -> tuple[str, list[str]]:
        self.signing_in.proposal(cookie)
        session = self.current(cookie)
        assert session is not None
        assert session.account is not None
        assert session.proposed is not None
        self.secrets[name] = second_factor.secret_of(self.keyring, session.account, session.proposed)
        return self.signing_in.with_new_factor(cookie, self.code(name))

    # ── when

    def password(self, name: str = "kim", password: str = PASSWORD, address: str = HERE) -> str:
        return self.signing_in.with_password(name, password, address)

    def code(self, name: str = "kim", **ahead: float) -> str:
        """What the app shows, now or at another time."""
        at = int((self.clock() + timedelta(**ahead)).timestamp())
        return second_factor._totp(self.secrets[name]).generate(at).decode()

    def signs_in(self, name: str = "kim", address: str = HERE) -> str:
        cookie = self.signing_in.with_code(self.password(name, PASSWORD, address), self.code(name), address)
        self.clock.passes(seconds=30)
        return cookie

    def proves(self, cookie: str, name: str = "kim") -> str:
        """Shows once more who it is."""
        cookie = self.signing_in.proving(cookie, PASSWORD, self.code(name), HERE)
        self.clock.passes(seconds=30)
        return cookie

    def starts(self, actor: Actor) -> str:
        return self.portal.call(partial(self.sessions.start, actor, how="oidc", address=HERE))

    def looks(self, cookie: str) -> tuple[Session | None, str | None]:
        """What a page finds, and the cookie that it gives out."""
        seen = self.portal.call(self.sessions.look, cookie)
        return (None, None) if seen is None else (seen.session, seen.renewed)

    # ── then

    def actor(self, cookie: str) -> Actor | None:
        return self.portal.call(self.sessions.actor, cookie)

    def current(self, cookie: str) -> Session | None:
        return self.looks(cookie)[0]

    def trail(self) -> list[str]:
        """What happened, the latest last."""
        with self.store.reading() as reader:
            found = trail.views(reader, before=None, limit=1000)
        return [entry.what for entry in reversed(found) if entry.number > self.begins]


def listed(path: Path, *words: str, end: str = "\n") -> Path:
    """A file as the downloader of Pwned Passwords writes it, with these."""
    hashes = sorted(hashlib.sha1(word.encode()).hexdigest().upper() for word in words)
    path.write_bytes("".join(f"{each}:{number + 1}{end}" for number, each in enumerate(hashes)).encode())
    return path


@contextmanager
def open_door(url: str, keys: Path, clock: Clock) -> Iterator[Door]:
    """A door of an office on a new store."""
    make_schema(url)
    with (
        closing(open_store(url, create=False)) as store,
        closing(open_keystore(str(keys))) as keystore,
        start_blocking_portal() as portal,
    ):
        yield Door(store, Keyring(keystore), clock, portal)
