"""The second factor: codes of an app (TOTP, RFC 6238), and codes on paper for when the app is lost.

The secret of an app is stored nowhere: it follows from the key store, the account, and some random bytes that stand beside the
account. Codes on paper are kept as an HMAC under the key store. So the database alone gives neither away.
"""

import base64
import hmac
import secrets
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from application.privacy import Keyring

STEP_SECONDS = 30
STEPS_AROUND = 1  # clocks of telephones are a little off
DIGITS = 6
SECRET_BYTES = 20
FACTOR_BYTES = 16
RECOVERY_CODES = 10
ISSUER = "Stundenpool"

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another one
_CODE_LETTERS = 24  # 118 bits: with less than 112, a hash that can be computed quickly would not do


def new_factor() -> bytes:
    """What the secret of a new second factor follows from."""
    return secrets.token_bytes(FACTOR_BYTES)


def secret_of(keyring: Keyring, account: UUID, factor: bytes) -> bytes:
    return keyring.derived("second-factor", account.bytes + factor)[:SECRET_BYTES]


def secret_text(secret: bytes) -> str:
    """The secret as somebody types it, who cannot scan it."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def address_of(secret: bytes, name: str) -> str:
    """The ``otpauth`` address that apps scan."""
    return _totp(secret).get_provisioning_uri(name, ISSUER)


def step_of(secret: bytes, code: str, now: datetime, used: int) -> int | None:
    """The step of time that a code is of, if it is of one about now that lies behind the last one that was used."""
    typed, current = "".join(code.split()).encode(), int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in range(current - STEPS_AROUND, current + STEPS_AROUND + 1):
        if hmac.compare_digest(_totp(secret).generate(step * STEP_SECONDS), typed) and step > used:
            found = step
    return found


def new_recovery_codes() -> list[str]:
    return [_grouped("".join(secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS))) for _ in range(RECOVERY_CODES)]


def hashed_recovery_code(keyring: Keyring, account: UUID, code: str) -> bytes:
    """The same however it is typed: with or without hyphens and spaces, in letters of either size."""
    typed = "".join(letter for letter in code.lower() if letter.isalnum())
    return keyring.derived("recovery-codes", account.bytes + typed.encode())


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 – what apps can do; as an HMAC it is sound


def _grouped(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))
