"""Personal texts in projections: the place in the log at which they stand, and to which their seal is bound.

So no projection holds a copy of them, and nobody who reads it carries them along.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from application.log import Reader, Recorded, read_event, rows_at
from domain.quantities import Sealed


class Restricted(Exception):
    """The text may be opened for stated purposes only, since its erasure is requested (Art. 18 GDPR)."""


class Opener(Protocol):
    """Opens sealed texts: the keyring."""

    def open(self, sealed: Sealed, *, position: int, stream: UUID, field: str) -> str: ...


Opening = Callable[[Collection[UUID]], Opener]  # what opens the texts of these cases, told all at once: so it asks but once


@dataclass(frozen=True, slots=True)
class SealedText:
    """A sealed text and where it stands in the log."""

    position: int
    stream: UUID
    field: str
    sealed: Sealed

    def open(self, opener: Opener) -> str:
        """The text; raises what the keyring raises, such as ``KeyErased`` after an erasure."""
        return opener.open(self.sealed, position=self.position, stream=self.stream, field=self.field)


def sealed_text(event: Recorded, field: str) -> SealedText | None:
    """The personal text of a recorded event, where it has one."""
    text = getattr(event.data, field)
    if text is None:
        return None
    assert not isinstance(text, str), f"{field} of {event.type} at position {event.position} is recorded without a seal"
    return SealedText(event.position, event.stream, field, text)


def place(event: Recorded, field: str) -> int | None:
    """Where a personal text stands, as a column holds it: the position of the event, ``None`` where it has no such text."""
    text = getattr(event.data, field)
    if text is None:
        return None
    assert not isinstance(text, str), f"{field} of {event.type} at position {event.position} is recorded without a seal"
    return event.position


def texts_at(reader: Reader, *places: tuple[str, int | None]) -> list[SealedText | None]:
    """The reverse of ``place``, for some fields; what stands together is read once."""
    positions = sorted({position for _, position in places if position is not None})
    events = {event.position: event for event in map(read_event, rows_at(reader, positions))}
    return [None if position is None else sealed_text(events[position], field) for field, position in places]
