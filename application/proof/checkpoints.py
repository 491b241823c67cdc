"""Checkpoints: what the log states about itself for others to keep, and under which keys.

Each one that was issued is kept, so that the office can show what it handed out. While the log does not grow, the same is given.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from application.log import Reader, Transaction
from application.projections.tables import micros
from application.proof import tree
from application.proof.notes import Checkpoint, NoteRefused, Signer, Verifier, opened, read_checkpoint, signed
from application.proof.tree import LogDiffers

INSERT = "INSERT INTO checkpoints (size, key, issued, note) VALUES (?, ?, ?, ?)"


class Key(NamedTuple):
    """A key that has signed checkpoints: from which size on, and until which, where another took its place."""

    verifier: Verifier
    since: int
    until: int | None

    def covers(self, size: int) -> bool:
        """Whether a checkpoint of that size may be signed by it. At the size of a change both may."""
        return self.since <= size and (self.until is None or size <= self.until)


class Issued(NamedTuple):
    """A checkpoint as it was handed out."""

    size: int
    note: str


def issue(transaction: Transaction, signers: Sequence[Signer], now: datetime) -> str:
    """The checkpoint of the log as it is, signed by all of these, the last of which is the key in use; it is kept.

    Raises ``LogDiffers`` where one of this size was issued for another log.
    """
    whole, signer = tree.whole(transaction), signers[-1]
    key = signer.verifier.id.hex()
    for (note,) in transaction.fetch("SELECT note FROM checkpoints WHERE size = ? AND key = ?", (whole.size, key)):
        if _stated(note, signer.verifier).root != whole.root():
            raise LogDiffers(f"the checkpoint issued for {whole.size} events has another root")
        return str(note)
    note = signed(Checkpoint(signer.name, whole.size, whole.root(), now.replace(microsecond=0)).text(), signers)
    transaction.execute(INSERT, [(whole.size, key, micros(now), note)])
    return note


def _stated(note: str, verifier: Verifier) -> Checkpoint:
    try:
        text, _ = opened(note, [verifier])
        return read_checkpoint(text)
    except NoteRefused as damage:
        raise LogDiffers("a checkpoint was altered after it was issued") from damage


def issued(reader: Reader) -> list[Issued]:
    """All that were issued, the smallest log first."""
    return [Issued(*row) for row in reader.fetch("SELECT size, note FROM checkpoints ORDER BY size, issued")]


def read(note: str, keys: Sequence[Key]) -> Checkpoint:
    """The checkpoint of a note that one of these keys has signed while it was in use; raises ``NoteRefused``."""
    text, by = opened(note, [key.verifier for key in keys])
    stated = read_checkpoint(text)
    if not any(key.covers(stated.size) for key in keys if key.verifier in by):
        raise NoteRefused("Der Schlüssel, der das unterschrieben hat, war bei dieser Größe des Protokolls nicht in Gebrauch.")
    if stated.origin not in {verifier.name for verifier in by}:
        raise NoteRefused(f"Das ist ein Prüfpunkt von „{stated.origin}“, den ein anderer unterschrieben hat.")
    return stated
