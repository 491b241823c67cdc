"""Where a webhook stands, and what the outcome of an attempt makes of that. Pure: clock and chance come as data."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

PAUSE_SECONDS = 1.0  # before the second attempt, doubled with each further one
PAUSE_SECONDS_MAX = 3_600.0
DOUBLINGS_MAX = 12  # more than it takes to get there
RETRY_AFTER_SECONDS_MAX = 6 * 3_600.0  # a receiver may ask for more time, but not for ever

# Nobody has released it yet; the receiver said 410; it failed for longer than anybody waits.
Paused = Literal["unreleased", "gone", "failing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """``position`` is behind the last event that the receiver took; everything else speaks of the attempts since."""

    position: int
    failing_since: datetime | None = None
    attempts: int = 0
    last_error: str | None = None
    next_attempt: datetime | None = None
    paused: Paused | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed: a status or a kind, never a text of the receiver."""

    error: str
    gone: bool = False
    retry_after: float | None = None  # seconds, as the receiver wishes


def delivered(standing: Standing, position: int) -> Standing:
    """The receiver has taken the event at this position; whatever went wrong before is over."""
    assert position > standing.position
    return Standing(position)


def passed(standing: Standing, position: int) -> Standing:
    """Up to this position there is nothing that this webhook wants."""
    assert position >= standing.position
    return replace(standing, position=position)


def failed(standing: Standing, failure: Failure, now: datetime, patience: timedelta, chance: float) -> Standing:
    """The same event is sent again, later; ``chance`` lies between 0 and 1."""
    since = standing.failing_since or now
    attempts = standing.attempts + 1
    paused: Paused | None = "gone" if failure.gone else "failing" if now - since >= patience else None
    wait = None if paused else now + timedelta(seconds=pause_seconds(attempts, failure.retry_after, chance))
    return Standing(standing.position, since, attempts, failure.error, wait, paused)


def resumed(standing: Standing) -> Standing:
    """Somebody has seen to it: the next attempt is due, and patience begins anew. What is not released stays so."""
    return standing if standing.paused == "unreleased" else Standing(standing.position)


def released(standing: Standing) -> Standing:
    """The office lets its events go there."""
    return Standing(standing.position) if standing.paused == "unreleased" else standing


def pause_seconds(attempts: int, retry_after: float | None, chance: float) -> float:
    """Twice as long after each attempt, half of it by chance, so that receivers that failed together are not called together."""
    longest = min(PAUSE_SECONDS * 2.0 ** min(attempts - 1, DOUBLINGS_MAX), PAUSE_SECONDS_MAX)
    asked = min(retry_after or 0.0, RETRY_AFTER_SECONDS_MAX)
    return max(longest * (1 + chance) / 2, asked)
