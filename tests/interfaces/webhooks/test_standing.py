"""What the outcome of an attempt makes of a webhook's standing: whatever happens, no event is skipped, and pauses have bounds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from interfaces.webhooks.standing import (
    PAUSE_SECONDS,
    PAUSE_SECONDS_MAX,
    RETRY_AFTER_SECONDS_MAX,
    Failure,
    Standing,
    delivered,
    failed,
    passed,
    pause_seconds,
    resumed,
)

NOW = datetime(2024, 3, 5, 14, 30, tzinfo=UTC)
PATIENCE = timedelta(hours=72)
REFUSED = Failure("HTTP 500")


@given(st.integers(1, 10_000), st.floats(0, 1), st.none() | st.floats(0, 1e9))
def test_a_pause_has_bounds(attempts: int, chance: float, asked: float | None) -> None:
    """Never nothing, never for ever, at least as long as the receiver asked for within its own bound."""
    pause = pause_seconds(attempts, asked, chance)
    assert PAUSE_SECONDS / 2 <= pause <= max(PAUSE_SECONDS_MAX, RETRY_AFTER_SECONDS_MAX)
    assert pause >= min(asked or 0, RETRY_AFTER_SECONDS_MAX)
    if asked is None:
        assert pause <= PAUSE_SECONDS_MAX


@given(st.integers(1, 100), st.floats(0, 1))
def test_a_pause_doubles_until_it_is_the_longest(attempts: int, chance: float) -> None:
    """With the same chance, twice as long as the one before, or as long as any."""
    before, after = pause_seconds(attempts, None, chance), pause_seconds(attempts + 1, None, chance)
    assert after == pytest.approx(min(2 * before, PAUSE_SECONDS_MAX * (1 + chance) / 2))


def test_410_pauses_at_once_and_others_when_patience_ends() -> None:
    """given a receiver that fails for as long as anybody waits / when it fails again / then it is paused; 410 needs no second."""
    gone = failed(Standing(7), Failure("HTTP 410", gone=True), NOW, PATIENCE, 0.5)
    assert (gone.paused, gone.next_attempt, gone.position) == ("gone", None, 7)
    standing = failed(Standing(7), REFUSED, NOW, PATIENCE, 0.5)
    standing = failed(standing, REFUSED, NOW + PATIENCE - timedelta(seconds=1), PATIENCE, 0.5)
    assert standing.paused is None
    standing = failed(standing, REFUSED, NOW + PATIENCE, PATIENCE, 0.5)
    assert (standing.paused, standing.failing_since, standing.attempts) == ("failing", NOW, 3)
    assert resumed(standing) == Standing(7)


class Deliveries(RuleBasedStateMachine):
    """A receiver that takes, refuses and stays silent at will, and a process that is killed between two writes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.standing = self.written = Standing(0)
        self.wanted = set(range(1, 1000, 3))
        self.taken: list[int] = []

    def _next(self) -> int:
        return next(position for position in range(self.standing.position + 1, 1001) if position in self.wanted)

    @precondition(lambda self: not self.standing.paused)
    @rule()
    def takes(self) -> None:
        self.taken.append(self._next())
        self.standing = delivered(self.standing, self._next())

    @precondition(lambda self: not self.standing.paused)
    @rule(gone=st.booleans(), asked=st.none() | st.floats(0, 1e6), chance=st.floats(0, 1))
    def refuses(self, gone: bool, asked: float | None, chance: float) -> None:
        before = self.standing
        self.standing = failed(before, Failure("HTTP 503", gone, asked), self.now, PATIENCE, chance)
        assert self.standing.attempts == before.attempts + 1
        assert bool(self.standing.paused) == (self.standing.next_attempt is None)
        self.now = self.standing.next_attempt or self.now

    @precondition(lambda self: not self.standing.attempts)
    @rule()
    def finds_nothing_wanted(self) -> None:
        self.standing = passed(self.standing, self._next() - 1)

    @precondition(lambda self: self.standing.paused)
    @rule()
    def is_resumed(self) -> None:
        self.standing = resumed(self.standing)

    @rule()
    def is_written(self) -> None:
        self.written = self.standing

    @rule()
    def is_killed(self) -> None:
        self.standing = self.written

    @invariant()
    def nothing_wanted_was_skipped(self) -> None:
        """All that is wanted up to the position was taken, for the first time in the order of the log."""
        firsts = list(dict.fromkeys(self.taken))
        assert firsts == sorted(firsts)
        assert {position for position in self.wanted if position <= self.standing.position} <= set(self.taken)

    @invariant()
    def it_fails_or_it_does_not(self) -> None:
        assert (self.standing.failing_since is None) == (self.standing.attempts == 0) == (self.standing.last_error is None)


TestDeliveries = Deliveries.TestCase
