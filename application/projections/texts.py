"""Personal texts in projections: still sealed, together with the place in the log to which their seal is bound."""

from typing import Protocol
from uuid import UUID

import msgspec

from application.log import Recorded
from domain.quantities import Sealed


class Opener(Protocol):
    """Opens sealed texts: the keyring."""

    def open(self, sealed: Sealed, *, position: int, stream: UUID, field: str) -> str: ...


class SealedText(msgspec.Struct, frozen=True, array_like=True):
    """A sealed text and where it stands in the log."""

    position: int
    stream: UUID
    field: str
    sealed: Sealed

    def open(self, opener: Opener) -> str:
        """The text; raises what the keyring raises, such as ``KeyMissing`` after an erasure."""
        return opener.open(self.sealed, position=self.position, stream=self.stream, field=self.field)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(SealedText).decode


def sealed_text(event: Recorded, field: str) -> SealedText | None:
    """The personal text of a recorded event, where it has one."""
    text = getattr(event.data, field)
    if text is None:
        return None
    assert not isinstance(text, str), f"{field} of {event.type} at position {event.position} is recorded without a seal"
    return SealedText(event.position, event.stream, field, text)


def kept(event: Recorded, field: str) -> str | None:
    """A personal text as a column holds it."""
    text = sealed_text(event, field)
    return None if text is None else _encode(text).decode()


def held(column: str | None) -> SealedText | None:
    """The reverse of ``kept``."""
    return None if column is None else _decode(column)
