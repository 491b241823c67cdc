"""A history in which nothing rests for long: what is folded comes back to rows that have left memory."""

from random import Random
from typing import Any

from application import rebuild as rebuilding
from application.projections import loading
from tests.application.projections.driver import Log
from tests.application.projections.histories import History


def write_history(log: Log, steps: int) -> None:
    """Random, but the same each time."""
    random = Random(7)
    log.append_all(History().play([(random.randrange(2**32), random.randrange(60), random.random() < 0.5) for _ in range(steps)]))


def hold_little(set_: Any, kept_every_seconds: float) -> None:
    """Makes small batches, and memory so small that nearly every row leaves it; ``set_`` is like ``setattr``."""
    set_(rebuilding, "BATCH_EVENTS", 20)
    set_(loading, "ROWS_HELD_MAX", 40)
    set_(loading, "ROWS_ADDED_MAX", 20)
    set_(loading, "SUMS_HELD_MAX", 15)
    set_(loading, "KEPT_EVERY_SECONDS", kept_every_seconds)
