"""Checkpoints: what the log states about itself for others to keep, and under which keys.

Each one that was issued is kept, so that the office can show what it handed out. While the log does not grow, the same is given.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from application import reads
from application.log import Reader, Transaction
from application.projections.tables import day_of, instant, micros
from application.proof import tree
from application.proof.notes import Checkpoint, NoteRefused, Signer, Verifier, opened, read_checkpoint, signed
from application.proof.tree import LogDiffers

INSERT = "INSERT INTO checkpoints (size, key, issued, note) VALUES (?, ?, ?, ?)"
INSERT_STAMP = "INSERT INTO time_stamps (size, key, reply) VALUES (?, ?, ?)"


Place = tuple[int, str]


class Key(NamedTuple):
    """A key that has signed checkpoints: from which size on, and until which, where another took its place."""

    verifier: Verifier
    since: int
    until: int | None

    def covers(self, size: int) -> bool:
        """Whether a checkpoint of that size may be signed by it. At the size of a change both may."""
        return self.since <= size and (self.until is None or size <= self.until)


class Issued(NamedTuple):
    """A checkpoint as it was handed out. ``key`` is the id of the key in use."""

    size: int
    key: str
    at: datetime
    note: str

    @property
    def place(self) -> Place:
        """What tells it apart from all others of this log."""
        return self.size, self.key


def issue(transaction: Transaction, signers: Sequence[Signer], now: datetime) -> str:
    """The checkpoint of the log as it is, signed by all of these, the last of which is the key in use; it is kept.

    Where others sign before it, it names that one as the key that follows them.

    Raises ``LogDiffers`` where one of this size was issued for another log.
    """
    whole, signer = tree.whole(transaction), signers[-1]
    key = signer.verifier.id.hex()
    for (note,) in transaction.fetch("SELECT note FROM checkpoints WHERE size = ? AND key = ?", (whole.size, key)):
        if _stated(note, signer.verifier).root != whole.root():
            raise LogDiffers(f"the checkpoint issued for {whole.size} events has another root")
        return str(note)
    successor = signer.verifier.vkey() if len(signers) > 1 else None
    stated = Checkpoint(signer.name, whole.size, whole.root(), now.replace(microsecond=0), successor, reads.head(transaction))
    note = signed(stated.text(), signers)
    transaction.execute(INSERT, [(whole.size, key, micros(now), note)])
    return note


def issue_daily(transaction: Transaction, signer: Signer, now: datetime) -> str | None:
    """The first checkpoint of this day, where the log has grown since the last one; nothing otherwise, whoever asks how often."""
    return issue(transaction, [signer], now) if is_due(transaction, now) else None


def is_due(reader: Reader, now: datetime) -> bool:
    """Whether ``issue_daily`` would issue one."""
    head = reader.head()
    [(size, last)] = reader.fetch("SELECT COALESCE(MAX(size), 0), MAX(issued) FROM checkpoints")
    grown = head is not None and head.id > size
    return grown and (last is None or day_of(last) < day_of(micros(now)))


def _stated(note: str, verifier: Verifier) -> Checkpoint:
    try:
        text, _ = opened(note, [verifier])
        return read_checkpoint(text)
    except NoteRefused as damage:
        raise LogDiffers("a checkpoint was altered after it was issued") from damage


def issued(reader: Reader) -> list[Issued]:
    """All that were issued, the smallest log first."""
    rows = reader.fetch("SELECT size, key, issued, note FROM checkpoints ORDER BY size, issued")
    return [Issued(size, key, instant(at), note) for size, key, at, note in rows]


def latest(reader: Reader) -> Checkpoint | None:
    """What the checkpoint of the largest log states; to check its signature is left to those who keep its note.

    Raises ``LogDiffers`` where it is none.
    """
    rows = reader.fetch("SELECT note FROM checkpoints ORDER BY size DESC, issued DESC LIMIT 1")
    try:
        return next((read_checkpoint(note.rpartition("\n\n")[0] + "\n") for (note,) in rows), None)
    except NoteRefused as damage:
        raise LogDiffers("the last checkpoint was altered after it was issued") from damage


def stamps(reader: Reader) -> dict[Place, bytes]:
    """What a time-stamping authority replied to the notes of checkpoints."""
    return {(size, key): bytes(reply) for size, key, reply in reader.fetch("SELECT size, key, reply FROM time_stamps")}


def keep_stamp(transaction: Transaction, checkpoint: Issued, reply: bytes) -> None:
    """Puts the reply beside its checkpoint, unless another process was faster."""
    if not transaction.fetch("SELECT 1 FROM time_stamps WHERE size = ? AND key = ?", checkpoint.place):
        transaction.execute(INSERT_STAMP, [(*checkpoint.place, reply)])


def contradiction(reader: Reader, keys: Sequence[Key], note: str) -> str | None:
    """What the stored tree has against a note that others kept, in German; nothing where it holds."""
    try:
        stated = read(note, keys)
        if stated.size > tree.stored_size(reader):
            return f"Das Protokoll hat keine {stated.size} Ereignisse mehr."
        if tree.root(reader, stated.size) != stated.root:
            return f"Die ersten {stated.size} Ereignisse sind nicht mehr die, die er nennt."
        if stated.reads is not None and not reads.is_stated(reader, stated.reads):
            return f"Die Einsichten bis Nr. {stated.reads.number} sind nicht mehr die, die er nennt."
    except NoteRefused as refused:
        return str(refused)
    except LogDiffers:
        return "Der Baum des Protokolls ist beschädigt."
    return None


def read(note: str, keys: Sequence[Key]) -> Checkpoint:
    """The checkpoint of a note that one of these keys has signed while it was in use; raises ``NoteRefused``."""
    text, by = opened(note, [key.verifier for key in keys])
    stated = read_checkpoint(text)
    if not any(key.covers(stated.size) for key in keys if key.verifier in by):
        raise NoteRefused("Der Schlüssel, der das unterschrieben hat, war bei dieser Größe des Protokolls nicht in Gebrauch.")
    if stated.origin not in {verifier.name for verifier in by}:
        raise NoteRefused(f"Das ist ein Prüfpunkt von „{stated.origin}“, den ein anderer unterschrieben hat.")
    return stated
