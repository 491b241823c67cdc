"""Personal texts stand in the log only sealed: AES-256-GCM under a random key of the person they speak of.

A person has a key for each retention class, because what is kept of them ends at different times. A seal is bound to its
place, so a text moved to another position, stream, field or person does not open. It is also bound to its key: GCM alone
lets whoever knows two keys make a text that opens under both and says two things, so a commitment to the key stands with
the nonce. Whoever destroys a key destroys every text sealed under it, in the log and in all its copies.
"""

import hmac
import os
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from domain.quantities import RetentionClass, Sealed

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
COMMITMENT_BYTES = 32
CIPHERS_CACHED_MAX = 10_000  # about 2.4 kB each

OFFICE_KEY = "office"
PERSONAL_CLASSES: tuple[RetentionClass, ...] = ("identity", "file", "voucher")


class KeyMissing(Exception):
    """Nobody knows a key of that name: it is not the key store that the text was sealed with, or not all of it."""


class KeyErased(Exception):
    """The key was destroyed on purpose: the text cannot be read by anyone, and none is sealed under that name again."""


class SealBroken(Exception):
    """The key is there, but the sealed text was altered or stands in another place than it was sealed for."""


class KeyStoreDamaged(Exception):
    """The key store cannot be read or trusted. Says nothing about whether a key exists: no sign of an erasure."""


@dataclass(frozen=True, slots=True)
class Cipher:
    """What follows from a key: what encrypts, and what is stated with every text to commit to the key.

    Nobody finds two keys with the same commitment, as that would be a collision of SHA-256. Before there were commitments
    the key itself encrypted.
    """

    committed: AESGCM
    commitment: bytes
    key: bytes

    @classmethod
    def of(cls, key: bytes) -> "Cipher":
        return cls(AESGCM(_derived(key, b"stundenpool seal")), _derived(key, b"stundenpool commitment"), key)


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(SHA256(), COMMITMENT_BYTES, purpose).derive(key)


class KeyStore(Protocol):
    """Where keys live, apart from the log. Every method may raise KeyStoreDamaged."""

    def read(self, names: Collection[str]) -> dict[str, bytes]:
        """The keys among `names` that exist, 32 bytes each. Raises KeyErased where one was erased."""
        ...

    def create(self, names: Collection[str]) -> dict[str, bytes]:
        """The keys of all `names`; missing ones are made at random and are durable when this returns.

        Processes that create the same name at once get the same key. Raises KeyErased, having made none, where one was erased.
        """
        ...

    def erase(self, names: Collection[str]) -> None:
        """Destroys these keys for good, durably when this returns; the names stay as erased, also those that never had a key.

        Many at once cost little more than one; where all are gone, nothing is done but what a crash left undone.
        """
        ...

    def erased(self, names: Collection[str]) -> set[str]:
        """Those among `names` that were erased."""
        ...

    def secret(self, purpose: str) -> bytes:
        """32 random bytes that belong to `purpose` and no person; made on the first call, the same ever after."""
        ...

    def close(self) -> None: ...


class Keyring:
    """Seals and opens personal texts, with the keys used last in memory. Safe to share among threads.

    A cached key can outlive its erasure: whoever erases must also `forget` it here, and every other process must do so
    when it catches up with the erasure in the log.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._ciphers: OrderedDict[str, Cipher] = OrderedDict()  # least recently used first
        self._forgotten = 0  # how often something was
        self._lock = threading.Lock()

    def ensure(self, names: Collection[str]) -> None:
        """Make sure that a durable key exists under each name; asks the store only for names that are not cached.

        Raises KeyErased and KeyStoreDamaged.
        """
        with self._lock:
            missing = {name for name in names if name not in self._ciphers}
            forgotten = self._forgotten
        if missing:
            self._remember(self._store.create(missing), forgotten)

    def forget(self, names: Collection[str]) -> None:
        """Drop these keys from memory; whoever asks for one later gets what the store says then."""
        with self._lock:
            self._forgotten += 1
            for name in names:
                self._ciphers.pop(name, None)

    def seal(self, text: str, *, key: str, position: int, stream: UUID, field: str) -> Sealed:
        """Seal `text` for one place in the log.

        Raises KeyMissing, KeyErased, KeyStoreDamaged; UnicodeEncodeError for lone surrogates, which are no text.
        """
        cipher, nonce = self._cipher(key), os.urandom(NONCE_BYTES)
        place = associated_data(position=position, stream=stream, field=field, key=key)
        ciphertext = cipher.committed.encrypt(nonce, text.encode(), place)
        return Sealed(key=key, nonce=nonce + cipher.commitment, ciphertext=ciphertext)

    def open(self, sealed: Sealed, *, position: int, stream: UUID, field: str) -> str:
        """The text that was sealed for this place. Raises KeyMissing, KeyErased, SealBroken, KeyStoreDamaged."""
        place = associated_data(position=position, stream=stream, field=field, key=sealed.key)
        cipher = self._cipher(sealed.key)
        nonce, commitment = sealed.nonce[:NONCE_BYTES], sealed.nonce[NONCE_BYTES:]
        if hmac.compare_digest(commitment, cipher.commitment):
            opener = cipher.committed
        elif not commitment and may_lack_commitment(sealed.key):
            opener = AESGCM(cipher.key)
        else:
            raise _broken(sealed, position, stream, field, "it was sealed with another key, or what it says of its key was altered")
        try:
            return opener.decrypt(nonce, sealed.ciphertext, place).decode()
        except (InvalidTag, ValueError) as error:  # ValueError: a nonce that is too short
            raise _broken(sealed, position, stream, field, "it was altered or belongs elsewhere") from error

    def fingerprint(self, data: bytes) -> bytes:
        """HMAC-SHA-256 of a request's body: tells equal bodies, but without the key store not what stood in them."""
        keyed = self._keyed.copy()
        keyed.update(data)
        return keyed.digest()

    def derived(self, purpose: str, of: bytes) -> bytes:
        """32 bytes that follow from `of`, and that nobody finds who does not have the key store. Raises KeyStoreDamaged."""
        return hmac.digest(self._store.secret(purpose), of, "sha256")

    @cached_property
    def _keyed(self) -> hmac.HMAC:  # copying it costs a third of keying anew for every request
        return hmac.new(self._store.secret("request-fingerprints"), digestmod="sha256")

    def _cipher(self, name: str) -> Cipher:
        with self._lock:
            cipher = self._ciphers.get(name)
            if cipher is not None:
                self._ciphers.move_to_end(name)
                return cipher
            forgotten = self._forgotten
        found = self._store.read([name])
        if name not in found:
            raise KeyMissing(f"there is no key {name}")
        return self._remember(found, forgotten)[name]

    def _remember(self, keys: Mapping[str, bytes], forgotten: int) -> dict[str, Cipher]:
        """What was read while something was forgotten may be just that, and is not kept."""
        ciphers = {name: Cipher.of(key) for name, key in keys.items()}
        with self._lock:
            if forgotten == self._forgotten:
                self._ciphers.update(ciphers)
            while len(self._ciphers) > CIPHERS_CACHED_MAX:
                self._ciphers.popitem(last=False)
        return ciphers


def _broken(sealed: Sealed, position: int, stream: UUID, field: str, why: str) -> SealBroken:
    return SealBroken(f"field {field} at position {position} of stream {stream} does not open with key {sealed.key}: {why}")


def key_name(case: UUID | None, retention: RetentionClass) -> str:
    """The key of a retention class: the person's whose case it is, else the office's."""
    return OFFICE_KEY if case is None else f"case:{case}:{retention}"


def keys_of(case: UUID, classes: Collection[RetentionClass] = PERSONAL_CLASSES) -> list[str]:
    """The names of a person's keys of these classes; with all of them also those that end with the last: that of the reasons for
    keeping and erasing, and the one key from before there were classes, which seals texts of each."""
    names = [key_name(case, retention) for retention in classes]
    return names if set(PERSONAL_CLASSES) - set(classes) else [*names, key_name(case, "procedure"), f"case:{case}"]


def owner_of(key: str) -> str:
    """Whom a key speaks of: `case:<id>`, or the office."""
    return key if key == OFFICE_KEY else ":".join(key.split(":")[:2])


def may_lack_commitment(key: str) -> bool:
    """Whether texts were sealed under this key before there were commitments: never under one of a retention class."""
    return key == owner_of(key)


def says_nothing(sealed: Sealed) -> bool:
    """Whether the text is empty, which its length tells also whoever cannot open it."""
    return len(sealed.ciphertext) <= TAG_BYTES


def associated_data(*, position: int, stream: UUID, field: str, key: str) -> bytes:
    """The place of a sealed text as bytes, each part after its length (4 bytes, big-endian).

    Storage: changing a single byte makes every sealed text unreadable. The position is signed because a damaged row may
    hold any number that fits its column.
    """
    parts = (position.to_bytes(8, "big", signed=True), stream.bytes, field.encode(), key.encode())
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])
