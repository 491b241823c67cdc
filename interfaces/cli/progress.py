"""How far a long command is, on stderr where somebody watches, nothing where no one does."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from application.log import Progress


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """A function that is told how many of how many are done; the second number may grow."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True) as bar:

        def show(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield show


@contextmanager
def event_progress() -> Iterator[Progress]:
    """The same in a line for what takes minutes or hours: how many events of how many, how fast, and how long still."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    pace = Pace(time.monotonic)

    def show(done: int, total: int) -> None:
        sys.stderr.write(f"\r\033[K{pace.line(done, total)}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        if pace.began:
            sys.stderr.write("\n")


class Pace:
    """How fast events are done since the first time that it was told, which need not be the beginning of the log."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.began: tuple[float, int] | None = None

    def line(self, done: int, total: int) -> str:
        """As in: 1.200.000 von 3.000.000 Ereignissen, 31.000/s, noch 58 s."""
        now = self._clock()
        self.began = self.began or (now, done)
        seconds, events = now - self.began[0], done - self.began[1]
        line = f"{number(done)} von {number(total)} Ereignissen"
        if not (seconds and events):
            return line
        rate = events / seconds
        left = duration((total - done) / rate)
        return f"{line}, {number(round(rate, -3 if rate >= 10_000 else 0))}/s" + (f", noch {left}" if done < total else "")


def number(value: float) -> str:
    """With dots between thousands."""
    return f"{value:,.0f}".replace(",", ".")


def duration(seconds: float) -> str:
    """In the largest two units: 58 s, 3 min 20 s, 2 h 5 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
