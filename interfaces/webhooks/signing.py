"""The signature of a delivery, after Standard Webhooks 1.0, and the secret that it is made with.

A secret is kept nowhere. It is derived from the webhook's id under a key of the key store, so that neither the database nor a copy
of it gives it away, and the answer to a repeated registration can name it again.
"""

import base64
import hashlib
import hmac
from uuid import UUID

from application.privacy import Keyring

PREFIX = "whsec_"


def secret_of(keyring: Keyring, webhook: UUID) -> bytes:
    """The 32 bytes that deliveries of this webhook are signed with. Raises ``KeyStoreDamaged``."""
    return keyring.derived("webhooks", webhook.bytes)


def written(secret: bytes) -> str:
    """A secret as its receiver is told it."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(secret: bytes, message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """What a delivery is signed with; ``timestamp`` is that of the attempt, in seconds since 1970."""
    signature = hmac.digest(secret, f"{message}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }
