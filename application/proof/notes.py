"""Signed notes and checkpoints, as C2SP describes them (signed-note, tlog-checkpoint): a text, and signatures below it. Pure.

A checkpoint states how many leaves a tree has and their root. It is for others to keep: whoever holds one can prove that the log
was changed, also against somebody who owns the database and the key.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from application.reads import Head

ED25519 = b"\x01"
KEY_ID_BYTES, SEED_BYTES = 4, 32
PRIVATE = "PRIVATE+KEY+"

_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_SUCCESSOR = "successor "
_READS = "reads "
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")


class NoteRefused(Exception):
    """Not a note, not a checkpoint, not a key, or not signed by whom one knows. The sentence is German."""


class Verifier(NamedTuple):
    """Whose signatures are believed, and how they are recognised."""

    name: str
    key: bytes  # the public key, 32 bytes

    @property
    def id(self) -> bytes:
        """What stands before each of its signatures."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.key).digest()[:KEY_ID_BYTES]

    def vkey(self) -> str:
        """As others take it: name, id and key."""
        return f"{self.name}+{self.id.hex()}+{_written(ED25519 + self.key)}"

    def verifies(self, text: str, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


class Signer(NamedTuple):
    """Who signs. The name has neither spaces nor a plus; ``seed`` is the secret."""

    name: str
    seed: bytes

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self._key().public_key().public_bytes_raw())

    def skey(self) -> str:
        """As it is kept, in the form that other programs for notes take."""
        return f"{PRIVATE}{self.name}+{self.verifier.id.hex()}+{_written(ED25519 + self.seed)}"

    def signature(self, text: str) -> str:
        """The line below a text."""
        signed = self.verifier.id + self._key().sign(text.encode())
        return f"— {self.name} {_written(signed)}\n"

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


class Checkpoint(NamedTuple):
    """What a log states about itself: its name, the number of its events, their root, and when.

    Where another key takes over, ``successor`` is that key, published. A signature below says nothing of it: anybody can add one.
    ``reads`` is the newest row of the read log, which is no part of the tree.
    """

    origin: str
    size: int
    root: bytes
    issued: datetime | None = None
    successor: str | None = None
    reads: Head | None = None

    def text(self) -> str:
        """What is signed."""
        lines = [self.origin, str(self.size), _written(self.root)]
        if self.issued is not None:
            lines.append(self.issued.isoformat())
        if self.reads is not None:
            lines.append(f"{_READS}{self.reads.number} {_written(self.reads.digest)}")
        if self.successor is not None:
            lines.append(f"{_SUCCESSOR}{self.successor}")
        return "".join(f"{line}\n" for line in lines)


def read_signer(skey: str) -> Signer:
    """The signer that was kept as this line."""
    name, written_id, seed = _parts(skey.removeprefix(PRIVATE))
    signer = Signer(name, seed)
    if signer.verifier.id.hex() != written_id:
        raise NoteRefused("Kennung und Schlüssel passen nicht zusammen.")
    return signer


def read_verifier(vkey: str) -> Verifier:
    """The verifier of a published key."""
    name, written_id, key = _parts(vkey)
    verifier = Verifier(name, key)
    if verifier.id.hex() != written_id:
        raise NoteRefused("Kennung und Schlüssel passen nicht zusammen.")
    return verifier


def signed(text: str, signers: Sequence[Signer]) -> str:
    """The note of a text."""
    return f"{text}\n{''.join(signer.signature(text) for signer in signers)}"


def opened(note: str, verifiers: Collection[Verifier]) -> tuple[str, list[Verifier]]:
    """The text of a note, and who of those that one knows has signed it.

    Raises ``NoteRefused`` where nobody has, or where a signature under a known name and id is not theirs.
    """
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n") or any(ord(sign) < 0x20 and sign != "\n" for sign in note):
        raise NoteRefused("Das ist keine unterschriebene Erklärung: Es fehlen die Leerzeile oder die Unterschriften darunter.")
    text += "\n"
    known = {(verifier.name, verifier.id): verifier for verifier in verifiers}
    found = []
    for line in signatures.removesuffix("\n").split("\n"):
        name, signature = _signature(line)
        verifier = known.get((name, signature[:KEY_ID_BYTES]))
        if verifier is None:
            continue
        if not verifier.verifies(text, signature[KEY_ID_BYTES:]):
            raise NoteRefused(f"Die Unterschrift von „{name}“ ist falsch: Der Text darüber wurde verändert.")
        found.append(verifier)
    if not found:
        raise NoteRefused("Niemand, dessen Schlüssel hier bekannt ist, hat das unterschrieben.")
    return text, found


def read_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that the text of a note is; further lines than ours are left to those who wrote them."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not lines[0] or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise NoteRefused("Das ist kein Prüfpunkt: Er besteht aus Name, Größe und Wurzel, je in einer Zeile.")
    root = _bytes(lines[2])
    if len(root) != sha256().digest_size:
        raise NoteRefused("Das ist kein Prüfpunkt: Die Wurzel ist kein SHA-256.")
    further = lines[3:]
    successors = [line.removeprefix(_SUCCESSOR) for line in further if line.startswith(_SUCCESSOR)]
    reads = [_reads(line.removeprefix(_READS)) for line in further if line.startswith(_READS)]
    issued = _instant(further[0]) if further else None
    return Checkpoint(lines[0], int(lines[1]), root, issued, next(iter(successors), None), next(iter(reads), None))


def _reads(stated: str) -> Head:
    number, _, digest = stated.partition(" ")
    if not _SIZE.fullmatch(number):
        raise NoteRefused("Das ist kein Prüfpunkt: Von den Einsichten nennt er keine Nummer.")
    return Head(int(number), _bytes(digest))


def _instant(line: str) -> datetime | None:
    try:
        return datetime.fromisoformat(line)
    except ValueError:
        return None


def _signature(line: str) -> tuple[str, bytes]:
    found = _SIGNATURE.fullmatch(line)
    if found is None:
        raise NoteRefused("Das ist keine unterschriebene Erklärung: Eine Unterschrift hat eine andere Form.")
    return found[1], _bytes(found[2])


def _parts(key: str) -> tuple[str, str, bytes]:
    parts = key.strip().split("+", 2)
    if len(parts) != 3:
        raise NoteRefused("Das ist kein Schlüssel: Er besteht aus Name, Kennung und Schlüssel, mit Plus dazwischen.")
    name, written_id, written = parts
    key_bytes = _bytes(written)
    if key_bytes[:1] != ED25519 or len(key_bytes) != 1 + SEED_BYTES:
        raise NoteRefused("Das ist kein Schlüssel für Ed25519.")
    return name, written_id, key_bytes[1:]


def _written(value: bytes) -> str:
    return b64encode(value).decode()


def _bytes(written: str) -> bytes:
    """What is written as base64, in its one right form."""
    try:
        value = b64decode(written, validate=True)
    except (NoBase64, ValueError):
        value = b""
    if not value or _written(value) != written:
        raise NoteRefused("Das ist kein Base64.")
    return value
