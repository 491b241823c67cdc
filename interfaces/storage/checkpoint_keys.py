"""The keys that sign checkpoints: one file in the key store, apart from the database, for its owner's eyes only.

    checkpoint.keys   a line for each key: from which size of the log on it signs, and the key itself

The last line is the key in use. Those before it have their public halves left, so that what they signed can still be checked.
"""

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from application.privacy import KeyStoreDamaged
from application.proof.checkpoints import Key
from application.proof.notes import PRIVATE, SEED_BYTES, NoteRefused, Signer, Verifier, read_signer, read_verifier
from interfaces.targets import sync

FILE = "checkpoint.keys"


class CheckpointKeys:
    """The keys in a folder. ``origin`` is the name of the log, under which it signs. Raises ``KeyStoreDamaged``."""

    def __init__(self, folder: Path, origin: str) -> None:
        self._file = folder / FILE
        self._origin = origin

    def signer(self) -> Signer:
        """The key in use; the first one is made on first use."""
        if not self._file.exists():
            self._begin()
        _, written = self._lines()[-1]
        signer = self._signer(written)
        if signer.name != self._origin:
            raise KeyStoreDamaged(f"{self._file} signs for {signer.name}, but ORIGIN is {self._origin}")
        return signer

    def known(self) -> list[Key]:
        """All keys that ever signed, the one in use last; none before the first use."""
        if not self._file.exists():
            return []
        lines = self._lines()
        ends = [*(since for since, _ in lines[1:]), None]
        return [Key(self._verifier(written), since, end) for (since, written), end in zip(lines, ends, strict=True)]

    def replace(self, size: int) -> tuple[Signer, Signer]:
        """A new key signs from this size of the log on; the secret half of the one before is given for the last time."""
        before, lines = self.signer(), self._lines()
        signer = self._new()
        lines[-1] = (lines[-1][0], before.verifier.vkey())
        draft = self._draft([*lines, (size, signer.skey())])
        draft.replace(self._file)
        sync(self._file.parent)
        return before, signer

    def _begin(self) -> None:
        """Makes the first key, never over another: of processes that begin at once, all go on with the same."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._draft([(0, self._new().skey())])
        with suppress(FileExistsError):
            os.link(draft, self._file)
        draft.unlink()
        sync(self._file.parent)

    def _draft(self, lines: Sequence[tuple[int, str]]) -> Path:
        """A durable file beside, which becomes the file as a whole or not at all."""
        handle, name = tempfile.mkstemp(prefix=f"{FILE}.", dir=self._file.parent)
        with open(handle, "w", encoding="utf-8") as file:
            file.writelines(f"{since} {written}\n" for since, written in lines)
            file.flush()
            os.fsync(file.fileno())
        return Path(name)

    def _lines(self) -> list[tuple[int, str]]:
        try:
            lines = [line.split() for line in self._file.read_text(encoding="utf-8").splitlines()]
            found = [(int(since), written) for since, written in lines]
        except (OSError, ValueError) as error:
            raise KeyStoreDamaged(f"{self._file} cannot be read") from error
        if not found or any(since > following for (since, _), (following, _) in pairwise(found)):
            raise KeyStoreDamaged(f"{self._file} has no line, or not in the order of sizes")
        return found

    def _new(self) -> Signer:
        return Signer(self._origin, os.urandom(SEED_BYTES))

    def _signer(self, written: str) -> Signer:
        try:
            return read_signer(written)
        except NoteRefused as damage:
            raise KeyStoreDamaged(f"{self._file}: {damage}") from damage

    def _verifier(self, written: str) -> Verifier:
        try:
            return read_signer(written).verifier if written.startswith(PRIVATE) else read_verifier(written)
        except NoteRefused as damage:
            raise KeyStoreDamaged(f"{self._file}: {damage}") from damage
