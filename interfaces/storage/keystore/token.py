"""A master key in a PKCS#11 token, such as an HSM or the adapter of a key management service: it never gives itself away."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass

from application.privacy import NONCE_BYTES, TAG_BYTES, KeyStoreDamaged
from interfaces.storage.keystore.master import SUCCESSOR, Master

T = TypeVar("T")

_one_at_a_time = threading.Lock()  # pkcs11 promises a token's module that only one thread of the process ever calls it

_LOST = (pkcs11.SessionHandleInvalid, pkcs11.SessionClosed, pkcs11.DeviceRemoved, pkcs11.UserNotLoggedIn, pkcs11.KeyHandleInvalid)
# How a token says that a tag is wrong; SoftHSM has no better word for it. What is really a failure of the token is damage as well.
_REFUSED = (pkcs11.EncryptedDataInvalid, pkcs11.EncryptedDataLenRange, pkcs11.FunctionFailed, pkcs11.GeneralError)

ID_BYTES = 16
TEMPLATE = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.PRIVATE: True,
    Attribute.ENCRYPT: True,
    Attribute.DECRYPT: True,
}


@dataclass(frozen=True, slots=True)
class Place:
    """What a URI after RFC 7512 says, as far as it is needed here."""

    module: str
    token: str
    label: str
    pin_file: Path


def read_place(setting: str) -> Place:
    """Raises ValueError. The PIN stands in a file, never in the setting."""
    path, _, query = setting.removeprefix("pkcs11:").partition("?")
    stated = dict(part.partition("=")[::2] for part in (*path.split(";"), *query.split("&")) if part)
    stated = {name: unquote(value) for name, value in stated.items()}
    needed = ("module-path", "token", "object", "pin-source")
    if stated.keys() != set(needed) or not all(stated.values()):
        raise ValueError("a PKCS#11 URI states token, object, module-path and pin-source, and nothing else")
    module, token, label, pin = (stated[name] for name in needed)
    return Place(module, token, label, Path(pin.removeprefix("file:")))


class MasterToken:
    """Two labels in a token: that of the key in use, and the same with ``.new``. Labels move from key to key, ids stay."""

    def __init__(self, place: Place) -> None:
        self.place = f"the token {place.token}"
        self._place = place
        self._session: Any = None

    def current(self) -> Master | None:
        return self._found(self._place.label)

    def successor(self) -> Master | None:
        return self._found(self._place.label + SUCCESSOR)

    def begin(self) -> None:
        if self.current() is None:
            self._generate(self._place.label)

    def prepare(self) -> Master:
        label = self._place.label + SUCCESSOR
        self.using(lambda session: [key.destroy() for key in _labelled(session, label)])
        return TokenMaster(self, self._generate(label))

    def settle(self) -> None:
        def settle(session: Any) -> None:
            for old in _labelled(session, self._place.label):
                old.destroy()
            for new in _labelled(session, self._place.label + SUCCESSOR):
                new[Attribute.LABEL] = self._place.label

        self.using(settle)

    def using(self, work: Callable[[Any], T]) -> T:
        """What the token does in a session; one that was lost is opened again once."""
        with _one_at_a_time:
            try:
                if self._session is not None:
                    try:
                        return work(self._session)
                    except _LOST:
                        self._session = None
                self._session = self._opened()
                return work(self._session)
            except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
                raise KeyStoreDamaged(f"{self.place} cannot be used: {type(error).__name__}") from error

    def _opened(self) -> Any:
        token = pkcs11.lib(self._place.module).get_token(token_label=self._place.token)
        try:
            return token.open(rw=True, user_pin=self._place.pin_file.read_text(encoding="utf-8").strip())
        except pkcs11.UserAlreadyLoggedIn:  # another key store of this process has
            return token.open(rw=True)

    def _found(self, label: str) -> Master | None:
        ids = self.using(lambda session: [bytes(key[Attribute.ID]) for key in _labelled(session, label)])
        if len(ids) > 1 or b"" in ids:
            raise KeyStoreDamaged(f"{self.place} has several keys {label}, or one without an id")
        return TokenMaster(self, ids[0]) if ids else None

    def _generate(self, label: str) -> bytes:
        id = os.urandom(ID_BYTES)
        self.using(lambda session: session.generate_key(KeyType.AES, 256, id=id, label=label, store=True, template=TEMPLATE))
        return id


def _labelled(session: Any, label: str) -> list[Any]:
    return list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label}))


class TokenMaster:
    """A `Master` that stays in its token: AES-256-GCM there."""

    def __init__(self, token: MasterToken, id: bytes) -> None:
        self._token = token
        self._id = id

    def wrap(self, name: str, key: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        wrapped = self._token.using(
            lambda session: self._key(session).encrypt(key, mechanism=Mechanism.AES_GCM, mechanism_param=_bound(nonce, name))
        )
        return nonce + bytes(wrapped)

    def unwrap(self, name: str, wrapped: bytes) -> bytes | None:
        nonce, ciphertext = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        if len(ciphertext) < TAG_BYTES:
            return None

        def decrypted(session: Any) -> bytes | None:
            try:
                return bytes(
                    self._key(session).decrypt(ciphertext, mechanism=Mechanism.AES_GCM, mechanism_param=_bound(nonce, name))
                )
            except _REFUSED:
                return None

        return self._token.using(decrypted)

    def _key(self, session: Any) -> Any:
        found = list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.ID: self._id}))
        if not found:
            raise KeyStoreDamaged(f"{self._token.place} does not have the master key any more")
        return found[0]


def _bound(nonce: bytes, name: str) -> GCMParams:
    return GCMParams(nonce, name.encode())
