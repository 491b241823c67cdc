"""Warteliste: the requests of one pool that wait for released or added minutes, in a recorded order (rules 19 and 20).

A request gets on the list only by a waitlisting and leaves it when it is approved, declined or withdrawn. A stated priority
comes first (1 before 2), requests without one follow; among equals the earlier request is first.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.refusals import OutOfTurn


@dataclass(frozen=True, slots=True)
class Entry:
    """A listed request. ``minutes`` are the requested ones; ``offered`` once the place was offered to it."""

    booking: UUID
    minutes: int
    priority: int | None
    requested_at: datetime
    offered: bool = False

    @property
    def rank(self) -> tuple[bool, int, datetime, UUID]:
        """Sorts by priority, then time of request; the identifier only breaks ties."""
        return (self.priority is None, self.priority or 0, self.requested_at, self.booking)


@dataclass(slots=True)
class WaitingList:
    """The list of one pool."""

    entries: dict[UUID, Entry] = field(default_factory=dict)

    def in_order(self) -> list[Entry]:
        """All entries, the head first."""
        return sorted(self.entries.values(), key=lambda entry: entry.rank)

    def place_for(self, available_minutes: int, *, joining: Iterable[Entry] = (), leaving: Collection[UUID] = ()) -> UUID | None:
        """Whom the place is to be offered now: the head, when it fits for the first time (rule 20)."""
        listed = {booking: entry for booking, entry in self.entries.items() if booking not in leaving}
        listed |= {entry.booking: entry for entry in joining}
        if not listed:
            return None
        head = min(listed.values(), key=lambda entry: entry.rank)
        return head.booking if head.minutes <= available_minutes and not head.offered else None


def in_turn(waiting: WaitingList, booking: UUID, available_minutes: int, *, overtaking_reason_given: bool) -> None:
    """While a listed request fits, no other one that ranks behind it is approved without an overtaking reason (rule 20)."""
    if overtaking_reason_given or not waiting.entries:
        return
    own = waiting.entries.get(booking)
    for entry in waiting.entries.values():
        ahead = own is None or entry.rank < own.rank
        if entry.booking != booking and ahead and entry.minutes <= available_minutes:
            raise OutOfTurn()
