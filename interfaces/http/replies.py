"""Answers in the form that the server takes them: on their way nothing copies, wraps or completes them."""

from typing import NamedTuple

from starlette.types import Send

Header = tuple[bytes, bytes]

NOSNIFF: Header = (b"x-content-type-options", b"nosniff")


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
    return Reply(status, [*headers, length, (b"content-type", media_type.encode()), NOSNIFF], body)
