"""Old checkpoints under a new hash: for the decades in which SHA-256 may fall.

As long as it stands, the log that a checkpoint states is one only. So its tree is made anew with another hash, and a signed
statement says the new root beside the old checkpoint, which it contains. Whoever keeps that needs SHA-256 no more.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha3_512, sha256, sha512
from typing import NamedTuple

from application.log import Progress, Reader, leaf_bytes
from application.proof import checkpoints, notes
from application.proof.checkpoints import Key
from application.proof.merkle import Frontier, Hashing
from application.proof.notes import Checkpoint, NoteRefused, Signer

HASHES: Mapping[str, Hashing] = {"sha3-512": sha3_512, "sha-512": sha512}
BATCH_EVENTS = 2_000
_SAYS = "re-anchored with "


class RootDiffers(Exception):
    """The log is not the one that was stated. The sentence is German."""


class Anchor(NamedTuple):
    """What a statement is about: an old note, signatures included, and the hash and instant of the statement."""

    hash: str
    at: str
    note: str

    def text(self, old: Checkpoint, root: bytes) -> str:
        """What is signed, where the log of the old checkpoint has this root. No size follows the name, as in a checkpoint."""
        return "\n".join([old.origin, _SAYS + self.hash, str(old.size), b64encode(root).decode(), self.at, "", self.note])


def reanchored(reader: Reader, note: str, keys: Sequence[Key], name: str, signer: Signer, now: datetime, progress: Progress) -> str:
    """The statement for an old note. Raises ``NoteRefused`` or ``RootDiffers``."""
    old, anchor = checkpoints.read(note, keys), Anchor(name, now.replace(microsecond=0).isoformat(), note)
    return notes.signed(anchor.text(old, _root(reader, old, name, progress)), [signer])


def check(reader: Reader, statement: str, keys: Sequence[Key], progress: Progress) -> Checkpoint:
    """The old checkpoint of a statement that holds for this log. Raises ``NoteRefused`` or ``RootDiffers``."""
    text, _ = notes.opened(statement, [key.verifier for key in keys])
    anchor = _read(text)
    old = checkpoints.read(anchor.note, keys)
    if anchor.text(old, _root(reader, old, anchor.hash, progress)) != text:
        raise RootDiffers(f"Die ersten {old.size} Ereignisse haben unter {anchor.hash} eine andere Wurzel, als erklärt wurde.")
    return old


def _read(text: str) -> Anchor:
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    name = lines[1].removeprefix(_SAYS) if len(lines) == 5 else ""
    if name not in HASHES:
        raise NoteRefused("Das ist keine Erklärung über einen Prüfpunkt unter einem anderen Hash.")
    return Anchor(name, lines[4], note)


def _root(reader: Reader, old: Checkpoint, name: str, progress: Progress) -> bytes:
    """The root under the named hash of the very events that the checkpoint states."""
    hashing, known, new = HASHES[name], Frontier(), Frontier(hashing=HASHES[name])
    while known.size < old.size:
        rows = reader.notifications(known.size, min(BATCH_EVENTS, old.size - known.size))
        if not rows:
            raise RootDiffers(f"Das Protokoll hat keine {old.size} Ereignisse.")
        for row in rows:
            leaf = b"\0" + leaf_bytes(row)
            known.add(sha256(leaf).digest())
            new.add(hashing(leaf).digest())
        progress(known.size, old.size)
    if known.root() != old.root:
        raise RootDiffers(f"Die ersten {old.size} Ereignisse sind nicht mehr die, die der Prüfpunkt nennt.")
    return new.root()
