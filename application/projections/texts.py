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


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SealedText).decode


def sealed_text(event: Recorded, field: str) -> SealedText | None:
    """The personal text of a recorded event, where it has one."""
    text = getattr(event.data, field)
    if text is None:
        return None
    assert isinstance(text, Sealed), f"{field} of {event.type} at position {event.position} is recorded without a seal"
    return SealedText(event.position, event.stream, field, text)


def kept(event: Recorded, field: str) -> bytes | None:
    """A personal text as a column holds it."""
    text = sealed_text(event, field)
    return None if text is None else _encode(text)


def held(column: bytes | None) -> SealedText | None:
    """The reverse of ``kept``."""
    return None if column is None else _decode(column)
