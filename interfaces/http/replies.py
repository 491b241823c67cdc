"""Answers in the form that the server takes them: on their way nothing copies, wraps or completes them."""

from typing import NamedTuple

from starlette.types import Send

Header = tuple[bytes, bytes]

# What every answer has that does not say otherwise: no browser takes it for a page, keeps it, shows it in another site's frame or
# lets another site read it. Strict-Transport-Security comes from the proxy, which alone knows that there is TLS.
PROTECTION: tuple[Header, ...] = (
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)

# What browsers heed in documents alone, of which the API has none: there each header would cost a hundredth of a small answer.
OF_DOCUMENTS: tuple[Header, ...] = (
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
)


class Reply(NamedTuple):
    """Names of headers are in lower case."""

    status: int
    headers: list[Header]
    body: bytes

    async def send(self, send: Send, *more: Header) -> None:
        """Sends it with headers of this one request; the reply itself may answer several."""
        await send({"type": "http.response.start", "status": self.status, "headers": [*self.headers, *more]})
        await send({"type": "http.response.body", "body": self.body})


def reply(status: int, body: bytes, media_type: str, *headers: Header) -> Reply:
    """An answer with this body, and these headers besides those that every answer has."""
    length = (b"content-length", b"%d" % len(body))
    return Reply(status, [*headers, length, (b"content-type", media_type.encode()), *PROTECTION], body)
