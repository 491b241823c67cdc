"""Passwords that became known: a file of SHA-1 hashes on this machine, as the downloader of "Pwned Passwords" writes it.

It has tens of gigabytes, one line ``HASH:count`` for each password, in the order of the hashes. So it is searched by halves, and
nobody else is asked.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO

from interfaces.identity.passwords import normal

SAMPLES = 64  # lines that are looked at when the file is named

_LINE = re.compile(rb"([0-9A-F]{40}):[0-9]{1,12}\r?\n?")


class UnreadableList(Exception):
    """The file is away, or not what it should be. The sentence is German."""


class Breached:
    """The list at a path."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def has(self, password: str) -> bool:
        """Raises ``UnreadableList``."""
        wanted = hashlib.sha1(normal(password).encode(), usedforsecurity=False).hexdigest().upper().encode()
        try:
            with self._path.open("rb") as file:
                return _found(file, wanted)
        except OSError as error:
            raise _away(error) from None

    def demand_order(self) -> None:
        """Raises ``UnreadableList`` for another kind of file. Lines are looked at here and there: all would take too long."""
        try:
            with self._path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                hashes = [_hash_from(file, size * sample // SAMPLES) for sample in range(SAMPLES)]
        except OSError as error:
            raise _away(error) from None
        known = [each for each in hashes if each is not None]
        if not known or known != sorted(known):
            raise _malformed()


def read_breached(path: str) -> Breached:
    """The list at a path; raises ``ValueError`` with a German sentence where it is none."""
    found = Breached(path)
    try:
        found.demand_order()
    except UnreadableList as error:
        raise ValueError(str(error)) from None
    return found


def _found(file: BinaryIO, wanted: bytes) -> bool:
    low, high = 0, os.fstat(file.fileno()).st_size
    while low < high:  # the place from which on no line is smaller
        middle = (low + high) // 2
        there = _hash_from(file, middle)
        if there is not None and there < wanted:
            low = middle + 1
        else:
            high = middle
    return _hash_from(file, low) == wanted


def _hash_from(file: BinaryIO, place: int) -> bytes | None:
    """The hash of the first line that begins at this place or behind it."""
    file.seek(max(place - 1, 0))
    if place > 0:
        file.readline(100)  # the rest of the line before, or its end alone
    line = file.readline(100)
    if not line:
        return None
    found = _LINE.fullmatch(line)
    if found is None:
        raise _malformed()
    return found[1]


def _away(error: OSError) -> UnreadableList:
    return UnreadableList(f"lässt sich nicht lesen ({error.strerror})")


def _malformed() -> UnreadableList:
    return UnreadableList("muss Zeilen der Form HASH:Anzahl mit SHA-1-Werten in ihrer Reihenfolge haben, wie von „Pwned Passwords“")
