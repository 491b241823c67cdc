"""The ledger of erasures: a file that only grows, a line of JSON for each erasure, with ids and no person.

It stands beside the key store and in no backup of it. Who restores from a backup keeps this file, or brings back what was erased.
"""

import fcntl
import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from application.erasure import Entry
from interfaces.targets import sync


class LedgerDamaged(Exception):
    """The ledger cannot be read or written; nothing may be erased or served with it. The sentence is German."""


class ErasureLedger:
    """A `Ledger` in a file. Processes may share it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def entries(self) -> list[Entry]:
        """All lines. A last one that a crash cut off was never relied on, and does not count."""
        try:
            written = self._file.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._damaged(error.strerror or "") from error
        found = []
        for number, line in enumerate(written.split(b"\n")[:-1], start=1):
            try:
                found.append(_decode(line))
            except msgspec.DecodeError as error:
                raise self._damaged(f"Zeile {number}: {error}") from error
        return found

    def add(self, entries: Collection[Entry]) -> None:
        """Nothing that is there already is written twice."""
        try:
            handle = os.open(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            with open(handle, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
                known = set(self.entries())
                _cut_unfinished(file.fileno())
                file.writelines(msgspec.json.encode(entry) + b"\n" for entry in entries if entry not in known)
                file.flush()
                os.fsync(file.fileno())
            sync(self._file.parent)
        except OSError as error:
            raise self._damaged(error.strerror or "") from error

    def _damaged(self, why: str) -> LedgerDamaged:
        return LedgerDamaged(f"Das Löschverzeichnis „{self._file}“ ist nicht zu gebrauchen ({why}).")


_decode = msgspec.json.Decoder(Entry).decode


def _cut_unfinished(handle: int) -> None:
    """Removes the beginning of a line whose writing a crash cut off."""
    written = os.pread(handle, os.fstat(handle).st_size, 0)
    os.ftruncate(handle, written.rfind(b"\n") + 1)
