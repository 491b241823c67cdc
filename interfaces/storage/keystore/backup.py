"""Copies of the keys, apart from those of the data, and their way back.

A copy is encrypted to a public key (HPKE, RFC 9180), so the machine that makes it every night cannot read it again. Inside, the
keys are wrapped under the master key as they are in the store: without it the copy is worthless, and after the next rotation also
with it. So what was erased since does not live on in old copies.
"""

from collections.abc import Collection
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from application.privacy import KeyStoreDamaged
from interfaces.storage.backup import BackupRefused
from interfaces.storage.keystore.wrapped import Contents, WrappedKeyStore
from interfaces.targets import new_file

MARK = b"stundenpool keys 1\n"  # what a copy begins with, and what its encryption is bound to
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def back_up_keys(store: WrappedKeyStore, file: Path, recipient: Path) -> int:
    """Writes all keys and tombstones into a new file that only the recipient can read; says how many keys.

    Raises ``BackupRefused``, ``TargetRefused`` and ``KeyStoreDamaged``: a damaged store makes no copy that looks like one.
    """
    public_key = _read_recipient(recipient)
    contents = store.contents()
    sealed = SUITE.encrypt(msgspec.json.encode(contents), public_key, info=MARK)
    with new_file(file) as draft:
        draft.write_bytes(MARK + sealed)
    return len(contents.wrapped)


def restore_keys(store: WrappedKeyStore, file: Path, private: Path, passphrase: str, erased: Collection[str]) -> None:
    """Adds what a copy holds and the store lacks; what was erased, here, there or by ``erased``, stays erased.

    Raises ``BackupRefused``; then nothing was changed.
    """
    contents = _read_copy(file, _read_private(private, passphrase))
    try:
        store.take_back(contents, erased)
    except KeyStoreDamaged as damage:
        raise BackupRefused(f"„{file}“ passt nicht zu dieser Ablage und ihrem Hauptschlüssel ({damage}).") from damage


def _read_copy(file: Path, private_key: X25519PrivateKey) -> Contents:
    if not file.is_file():
        raise BackupRefused(f"Die Datei „{file}“ gibt es nicht.")
    mark, sealed = (written := file.read_bytes())[: len(MARK)], written[len(MARK) :]
    if mark != MARK:
        raise BackupRefused(f"„{file}“ ist keine Sicherung von Schlüsseln.")
    try:
        return msgspec.json.decode(SUITE.decrypt(sealed, private_key, info=MARK), type=Contents)
    except (InvalidTag, ValueError) as error:
        raise BackupRefused(f"„{file}“ ist beschädigt oder für einen anderen Empfänger verschlüsselt.") from error


def _read_recipient(file: Path) -> X25519PublicKey:
    try:
        found = load_pem_public_key(file.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise BackupRefused(f"„{file}“ enthält keinen öffentlichen Schlüssel in PEM.") from error
    if not isinstance(found, X25519PublicKey):
        raise BackupRefused(f"„{file}“ enthält einen öffentlichen Schlüssel anderer Art als X25519.")
    return found


def _read_private(file: Path, passphrase: str) -> X25519PrivateKey:
    try:
        found = load_pem_private_key(file.read_bytes(), passphrase.encode() or None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: a passphrase too many, or none
        raise BackupRefused(f"„{file}“ enthält keinen privaten Schlüssel in PEM, oder das Kennwort stimmt nicht.") from error
    if not isinstance(found, X25519PrivateKey):
        raise BackupRefused(f"„{file}“ enthält einen privaten Schlüssel anderer Art als X25519.")
    return found
