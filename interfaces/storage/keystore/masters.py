"""The three places that a master key may come from.

file:///srv/keys/master.key     32 random bytes, made once; without the setting, beside the keys
env:STUNDENPOOL_MASTER          an environment variable of any name: 32 bytes in Base64
pkcs11:token=office;object=master?module-path=/usr/lib/….so&pin-source=file:/run/pin    a token, which never gives it away
"""

import base64
import binascii
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.privacy import KEY_BYTES, NONCE_BYTES, KeyStoreDamaged
from interfaces.storage.keystore.master import SUCCESSOR, Master, Masters, RotationRefused
from interfaces.targets import sync

VARIABLE_SUCCESSOR = "_NEW"


def open_masters(setting: str) -> Masters:
    """What the setting MASTER_KEY names. Raises ValueError."""
    scheme, _, rest = setting.partition(":")
    match scheme:
        case "file" if (url := urlsplit(setting)).path.startswith("/") and url.netloc in ("", "localhost"):
            return MasterFile(Path(unquote(url.path)))
        case "env" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", rest):
            return MasterVariable(rest)
        case "pkcs11":
            from interfaces.storage.keystore.token import MasterToken, read_place  # needs stundenpool[pkcs11]

            return MasterToken(read_place(setting))
        case _:
            raise ValueError("MASTER_KEY is none of file:///absolute/path, env:NAME and pkcs11:…")


class LocalMaster:
    """A master key whose bytes are at hand: AES-256-GCM."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def wrap(self, name: str, key: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, name.encode())

    def unwrap(self, name: str, wrapped: bytes) -> bytes | None:
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):  # ValueError: too short for a nonce
            return None


class MasterFile:
    """A file of 32 bytes, and its successor beside it."""

    def __init__(self, file: Path) -> None:
        self.place = str(file)
        self._file = file
        self._new = file.with_name(file.name + SUCCESSOR)

    def current(self) -> Master | None:
        if not self._file.exists():
            return None
        if len(key := self._read(self._file)) != KEY_BYTES:
            raise KeyStoreDamaged(f"{self._file} holds {len(key)} bytes instead of {KEY_BYTES}")
        return LocalMaster(key)

    def successor(self) -> Master | None:
        """One that is cut was never in use: nothing is wrapped under it before it is durable."""
        key = self._read(self._new) if self._new.exists() else b""
        return LocalMaster(key) if len(key) == KEY_BYTES else None

    def begin(self) -> None:
        self._new.unlink(missing_ok=True)
        if not self._file.exists():
            self._write_new()
            os.link(self._new, self._file)
            self._new.unlink()
        sync(self._file.parent)

    def prepare(self) -> Master:
        self._new.unlink(missing_ok=True)
        key = self._write_new()
        sync(self._file.parent)
        return LocalMaster(key)

    def settle(self) -> None:
        old = os.open(self._file, os.O_WRONLY) if self._file.exists() else None
        self._new.replace(self._file)
        sync(self._file.parent)
        if old is not None:  # only now, when nobody needs it any more; a disk may still keep older blocks
            with open(old, "wb") as file:
                file.write(bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())

    def _write_new(self) -> bytes:
        key = os.urandom(KEY_BYTES)
        with open(os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        return key

    def _read(self, file: Path) -> bytes:
        try:
            return file.read_bytes()
        except OSError as error:
            raise KeyStoreDamaged(f"{file} cannot be read: {error.strerror}") from error


class MasterVariable:
    """An environment variable; that of its successor is named the same with ``_NEW``. Both are the operator's to set and unset."""

    def __init__(self, name: str) -> None:
        self.place = f"the variable {name}"
        self._name = name

    def current(self) -> Master | None:
        return _of_variable(self._name)

    def successor(self) -> Master | None:
        return _of_variable(self._name + VARIABLE_SUCCESSOR)

    def begin(self) -> None:
        if self.current() is None:
            raise KeyStoreDamaged(f"{self.place} is not set")

    def prepare(self) -> Master:
        name = self._name + VARIABLE_SUCCESSOR
        if os.environ.get(name) == os.environ.get(self._name) or (new := self.successor()) is None:
            raise RotationRefused(f"Der neue Hauptschlüssel muss in der Variablen {name} stehen, 32 Bytes als Base64.")
        return new

    def settle(self) -> None:
        """Nothing: a process cannot change what others are started with."""


def _of_variable(name: str) -> Master | None:
    written = os.environ.get(name)
    if not written:
        return None
    try:
        key = base64.b64decode(written, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyStoreDamaged(f"the variable {name} holds no {KEY_BYTES} bytes in Base64")
    return LocalMaster(key)
