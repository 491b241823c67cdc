"""Which events of the log are one decision."""

from collections.abc import Iterable, Sequence

from application.log import Recorded
from domain.booking import HoursRequested
from domain.case import CaseClosed, CaseTransferred
from domain.pool import DemonstrationStarted, PoolClosed

Decision = Sequence[Recorded]  # the events that were recorded together, the first of which the others name as their cause


class Decisions:
    """Puts the events of the log together again as they were decided."""

    def __init__(self) -> None:
        self._open: list[Recorded] = []

    @property
    def begun_at(self) -> int | None:
        """The position at which the decision began that may go on with the next events."""
        return self._open[0].position if self._open else None

    def ended(self, events: Iterable[Recorded]) -> list[Decision]:
        """The decisions that are complete once these events have come."""
        complete: list[Decision] = []
        for event in events:
            if self._open and (event.cause is None or event.command != self._open[0].command):
                complete.append(self._open)
                self._open = []
            self._open.append(event)
        return complete

    def last(self) -> list[Decision]:
        """The last one, which ends with the log."""
        return [self._open] if self._open else []


def main_event(decision: Decision) -> Recorded:
    """The event that says what was decided; the others follow from it."""
    if len(decision) > 1:
        for event in decision:
            if type(event.data) in _NOT_FIRST:
                return event
    return decision[0]


# Of these decisions other events come first: bookings that are wound up, the pool or the case that is opened with it.
_NOT_FIRST = frozenset({PoolClosed, CaseClosed, CaseTransferred, HoursRequested, DemonstrationStarted})
