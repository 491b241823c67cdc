"""The line that says how far a rebuild is."""

import io
import sys
from typing import Any

import pytest

from interfaces.cli.progress import Pace, duration, event_progress


def lines(told: list[tuple[float, int, int]]) -> list[str]:
    """What is said at these seconds of so many done of so many."""
    clock = iter([second for second, _, _ in told])
    pace = Pace(lambda: next(clock))
    return [pace.line(done, total) for _, done, total in told]


def test_it_says_how_far_how_fast_and_how_long_still() -> None:
    """given a rebuild that is told of every minute / then rate and rest follow from what was done since the first time."""
    assert lines([(0, 20_000, 3_000_000), (40, 1_260_000, 3_000_000), (100, 3_000_000, 3_000_000)]) == [
        "20.000 von 3.000.000 Ereignissen",
        "1.260.000 von 3.000.000 Ereignissen, 31.000/s, noch 56 s",
        "3.000.000 von 3.000.000 Ereignissen, 30.000/s",
    ]


def test_what_was_done_before_counts_as_no_speed() -> None:
    """given a rebuild that goes on at a million / then the rate is that of today."""
    assert lines([(5, 1_000_000, 1_000_400), (6, 1_000_200, 1_000_400)])[-1].endswith("200/s, noch 1 s")


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (58, "58 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")])
def test_durations_are_said_in_their_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize("watched", [True, False])
def test_only_who_watches_is_told(watched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a terminal or none / then the line overwrites itself there, and nothing is written elsewhere."""

    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return watched

    screen: Any = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with event_progress() as progress:
        progress(1, 2)
        progress(2, 2)
    written = screen.getvalue()
    assert written.count("\r") == (2 if watched else 0)
    assert written.endswith("\n") == watched
