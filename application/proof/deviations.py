"""What a verification finds."""

from datetime import datetime
from typing import Any

import msgspec

ABSENT = "nichts"


class Deviation(msgspec.Struct, frozen=True):
    """Something that is not what it should be, and where. ``expected`` and ``found`` are German, or values."""

    position: int | None
    stream: str | None
    field: str
    expected: str
    found: str


def said(value: Any) -> str:
    """A value as a deviation names it."""
    match value:
        case None:
            return ABSENT
        case bool():
            return "ja" if value else "nein"
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat()
        case _:
            return str(value)
