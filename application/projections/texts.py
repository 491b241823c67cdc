"""Personal texts in projections: still sealed, together with the place in the log to which their seal is bound."""

from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from application.log import Recorded
from domain.quantities import Sealed


class Opener(Protocol):
    """Opens sealed texts: the keyring."""

    def open(self, sealed: Sealed, *, position: int, stream: UUID, field: str) -> str: ...


@dataclass(frozen=True, slots=True)
class SealedText:
    """A sealed text and where it stands in the log."""

    position: int
    stream: UUID
    field: str
    sealed: Sealed

    def open(self, opener: Opener) -> str:
        """The text; raises what the keyring raises, such as ``KeyMissing`` after an erasure."""
        return opener.open(self.sealed, position=self.position, stream=self.stream, field=self.field)


def sealed_text(event: Recorded, field: str) -> SealedText | None:
    """The personal text of a recorded event, where it has one."""
    text = getattr(event.data, field)
    if text is None:
        return None
    assert not isinstance(text, str), f"{field} of {event.type} at position {event.position} is recorded without a seal"
    return SealedText(event.position, event.stream, field, text)


def kept(event: Recorded, field: str) -> str | None:
    """A personal text as a column holds it: place, seal and key in words with spaces between them."""
    text = getattr(event.data, field)
    if text is None:
        return None
    assert not isinstance(text, str), f"{field} of {event.type} at position {event.position} is recorded without a seal"
    return f"{event.position} {event.stream} {field} {_text(text.nonce)} {_text(text.ciphertext)} {text.key}"


def held(column: str | None) -> SealedText | None:
    """The reverse of ``kept``."""
    if column is None:
        return None
    position, stream, field, nonce, ciphertext, key = column.split(" ", 5)
    return SealedText(int(position), UUID(stream), field, Sealed(key, a2b_base64(nonce), a2b_base64(ciphertext)))


def _text(sealed: bytes) -> str:
    return b2a_base64(sealed, newline=False).decode()
