"""The queue in front of the turns: bounded, and fair between pools."""

from collections import deque
from collections.abc import Hashable
from threading import Condition

from application.turn import Work

WAITING_MAX = 2_000  # more than a second or two of work: whoever comes later is told so at once


class Overloaded(Exception):
    """More commands wait than can be decided soon; nothing was decided, and the same request may be sent again later."""


class Arrivals:
    """Commands that wait for a turn.

    Those of one lane keep their order, and lanes are served in rotation. Where too many wait, the latest command of the longest
    lane is turned away with ``Overloaded``: whoever sends too much keeps others neither waiting nor out.
    """

    def __init__(self) -> None:
        self._lanes: dict[Hashable, deque[Work]] = {}  # none of them is empty; the first is served next
        self._waiting = 0
        self._closed = False
        self._changed = Condition()

    def put(self, work: Work, lane: Hashable) -> None:
        """Lets a command wait, or turns one away."""
        with self._changed:
            if self._closed:
                raise RuntimeError("nothing is decided any more")
            self._lanes.setdefault(lane, deque()).append(work)
            self._waiting += 1
            refused = self._shortened() if self._waiting > WAITING_MAX else None
            self._changed.notify()
        if refused is not None and refused.done.set_running_or_notify_cancel():
            refused.done.set_exception(Overloaded())

    def first(self) -> Work | None:
        """Waits for a command; ``None`` once nothing waits and nothing will come."""
        with self._changed:
            while True:
                while self._lanes:
                    work = self._next()
                    if work.done.set_running_or_notify_cancel():
                        return work
                if self._closed:
                    return None
                self._changed.wait()

    def further(self, most: int) -> list[Work]:
        """What waits now, at most so many commands."""
        taken: list[Work] = []
        with self._changed:
            while self._lanes and len(taken) < most:
                work = self._next()
                if work.done.set_running_or_notify_cancel():
                    taken.append(work)
        return taken

    def close(self) -> None:
        """What waits is still decided; nothing more may come."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _next(self) -> Work:
        """The first command of the lane whose turn it is, which then goes behind the others."""
        lane = next(iter(self._lanes))
        works = self._lanes.pop(lane)
        work = works.popleft()
        if works:
            self._lanes[lane] = works
        self._waiting -= 1
        return work

    def _shortened(self) -> Work:
        """The latest command of the longest lane."""
        lane = max(self._lanes, key=lambda lane: len(self._lanes[lane]))
        work = self._lanes[lane].pop()
        if not self._lanes[lane]:
            del self._lanes[lane]
        self._waiting -= 1
        return work
