"""A folder that belongs to those who keep checkpoints, such as a share of the auditors: a file for each that was issued.

    2026-11-23-4711-bcfafa6d.txt   the note: the day, the number of events, the id of the key
    2026-11-23-4711-bcfafa6d.tsr   the reply of a time-stamping authority to it, where there is one

Nothing there is ever written over, renamed or removed, so the right to make files is all that the service needs.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from application.projections.tables import day_of, micros
from application.proof.checkpoints import Issued
from interfaces.handover.failing import NotHandedOver
from interfaces.targets import sync

NOTE, STAMP = ".txt", ".tsr"
READABLE = 0o644  # the service writes everything else for itself alone


class Witness:
    """The folder. It is never made: a share that is not mounted would be written beside. Raises ``NotHandedOver``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def notes(self) -> dict[str, str]:
        """Every note there, by the name of its file."""
        try:
            names = sorted(os.listdir(self._folder))
        except OSError as error:
            raise self._unavailable("lässt sich nicht lesen", error) from error
        return {name: self._read(name).decode(errors="replace") for name in names if name.endswith(NOTE)}

    def keep(self, name: str, content: bytes) -> bool:
        """A new, durable file, unless there is one of that name already; says whether the content is there now."""
        try:
            with (self._folder / name).open("xb") as file:
                _fill(file, content)
            sync(self._folder)
        except FileExistsError:
            return self._read(name) == content
        except OSError as error:
            raise self._unavailable("lässt sich nicht beschreiben", error) from error
        return True

    def _read(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise self._unavailable("lässt sich nicht lesen", error) from error

    def _unavailable(self, what: str, error: OSError) -> NotHandedOver:
        return NotHandedOver(f"Der Ordner der Prüfung „{self._folder}“ {what} ({error.strerror}).", str(error.strerror))


def _fill(file: BinaryIO, content: bytes) -> None:
    """A file that could not be written would keep its name from the next attempt."""
    try:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        with suppress(OSError):  # where the share has rights of its own, those hold
            os.fchmod(file.fileno(), READABLE)
    except OSError:
        with suppress(OSError):
            Path(file.name).unlink()
        raise


def name_of(checkpoint: Issued, kind: str) -> str:
    """The file of a checkpoint."""
    return f"{day_of(micros(checkpoint.at))}-{checkpoint.size}-{checkpoint.key}{kind}"
