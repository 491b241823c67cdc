"""Bearer tokens: what they are limited to, how they are listed, and how they end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import anyio
import pytest

from domain.refusals import NotFound
from interfaces.http.app import OPERATIONS
from interfaces.http.problems import Rejected
from interfaces.identity import tokens
from interfaces.identity.tokens import Tokens, create_token, hashed, permits
from tests.interfaces.identity.door import Door

READS = {operation.name for operation in OPERATIONS if operation.method == "GET"}


class Caller:
    """A program with a token, and a process that it calls."""

    def __init__(self, door: Door, **wanted: Any) -> None:
        self.door = door
        self.token = create_token(door.store, role="officer", subject="fachverfahren", **wanted)
        self.id = UUID(bytes=hashed(self.token)[:16])
        door.clock.now = self.listed().created_at
        self.process = Tokens(door.store, anyio.CapacityLimiter(1), door.clock)

    def is_let_in(self) -> bool:
        try:
            self.door.portal.call(self.process.caller, f"Bearer {self.token}")
        except Rejected:
            return False
        return True

    def listed(self) -> tokens.TokenView:
        with self.door.store.reading() as reader:
            return tokens.get(reader, self.id)

    def used(self) -> Any:
        """When it was last used, once that is written down."""
        self.door.portal.call(self._noted)
        return self.listed().used_at

    async def _noted(self) -> None:
        while self.process._notes:
            await anyio.sleep(0.001)


@contextmanager
def believing_nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(tokens, "KNOWN_SECONDS", 0.0)
        yield


def test_each_scope_permits_what_it_says() -> None:
    """Of all operations that there are."""
    permitted = {
        scope: {each.name for each in OPERATIONS if permits(scope, each.method, each.path)}  # type: ignore[arg-type]
        for scope in ("full", "read", "events")
    }
    assert permitted["full"] == {operation.name for operation in OPERATIONS}
    assert permitted["read"] == READS
    assert permitted["events"] == {"list_events", "follow_events"}


def test_a_token_is_listed_without_what_it_is(door: Door) -> None:
    """Its id leads to it, and not back."""
    caller = Caller(door, days=2, scope="read")
    shown = caller.listed()
    assert (shown.subject, shown.role, shown.provider, shown.scope) == ("fachverfahren", "officer", None, "read")
    assert shown.expires_at == shown.created_at + timedelta(days=2)
    assert (shown.used_at, shown.revoked_at) == (None, None)
    assert caller.token not in repr(shown)
    assert hashed(caller.token).hex() not in repr(shown).replace("-", "")


def test_a_revoked_token_is_believed_for_seconds_only(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a process that has just seen it; for good by nobody. It stays listed."""
    caller = Caller(door)
    assert caller.is_let_in()
    with door.store.turn() as turn:
        tokens.revoke(turn, caller.id, door.clock(), "admin-1")
    assert caller.is_let_in()
    with believing_nothing(monkeypatch):
        caller.process._known.clear()
        assert not caller.is_let_in()
    assert caller.listed().revoked_at == door.clock()
    assert door.trail() == ["token_created", "token_revoked"]


def test_revoking_again_changes_nothing(door: Door) -> None:
    """The first instant counts. What nobody has is not there."""
    caller = Caller(door)
    for _ in range(2):
        with door.store.turn() as turn:
            tokens.revoke(turn, caller.id, door.clock(), "admin-1")
        door.clock.passes(hours=1)
    assert caller.listed().revoked_at == door.clock() - timedelta(hours=2)
    with pytest.raises(NotFound), door.store.turn() as turn:
        tokens.revoke(turn, uuid4(), door.clock(), "admin-1")


def test_a_token_ends_with_its_days(door: Door) -> None:
    """To the second."""
    caller = Caller(door, days=1)
    caller.process._known.clear()
    door.clock.passes(days=1, seconds=-1)
    assert caller.is_let_in()
    door.clock.passes(seconds=1)
    caller.process._known.clear()
    assert not caller.is_let_in()


def test_its_last_use_is_known_to_the_hour(door: Door) -> None:
    """And costs a write an hour."""
    caller = Caller(door)
    assert caller.is_let_in()
    first = caller.used()
    assert first == door.clock()
    caller.process._known.clear()
    door.clock.passes(minutes=59)
    assert caller.is_let_in()
    assert caller.used() == first
    caller.process._known.clear()
    door.clock.passes(minutes=1)
    assert caller.is_let_in()
    assert caller.used() == door.clock()
