"""One attempt to deliver one event. What the receiver answers is judged by its status alone."""

import asyncio
import logging
import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx

from interfaces.cloudevents import MEDIA_TYPE
from interfaces.tls import trusted
from interfaces.webhooks import signing
from interfaces.webhooks.standing import Failure

CONNECT_SECONDS_MAX = 4.0
ATTEMPT_SECONDS_MAX = 10.0  # with everything: connecting, sending, the answer
BODY_BYTES_MAX = 4_096  # of an answer, which nobody looks at; read to its end, the connection serves for the next event

logging.getLogger("httpx").setLevel(logging.WARNING)  # it would note every address, and an address may hold a secret


class Sender:
    """Posts to receivers, on connections that stay open. Belongs to one event loop."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None  # with the first attempt: most installations make none, and it takes a while

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def attempt(self, url: str, secret: bytes, message: str, body: bytes) -> Failure | None:
        """``None`` where the receiver has taken the event."""
        client = self._client = self._client or _new_client()
        headers = signing.headers(secret, message, int(time.time()), body)
        answer: httpx.Response | None = None
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS_MAX):
                async with client.stream("POST", url, content=body, headers=headers) as answer:
                    await _read_little(answer)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnicodeError) as error:
            if answer is None:
                return Failure(_kind(error))
        assert answer is not None
        return _judged(answer)


def _new_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(
        verify=trusted(),
        trust_env=False,  # no proxy, and no password of a .netrc
        follow_redirects=False,
        timeout=httpx.Timeout(ATTEMPT_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
        limits=httpx.Limits(max_connections=None),  # one for each webhook: a slow one must not take another's
        headers={"user-agent": "Stundenpool", "content-type": MEDIA_TYPE, "accept": "*/*", "accept-encoding": "identity"},
    )


async def _read_little(answer: httpx.Response) -> None:
    taken = 0
    async for piece in answer.aiter_raw():
        taken += len(piece)
        if taken > BODY_BYTES_MAX:
            return


def _judged(answer: httpx.Response) -> Failure | None:
    status = answer.status_code
    if 200 <= status < 300:
        return None
    return Failure(f"HTTP {status}", gone=status == 410, retry_after=_retry_after(answer.headers.get("retry-after", "")))


def _retry_after(stated: str) -> float | None:
    """Seconds, or an instant; what is neither counts as not stated."""
    if stated.isascii() and stated.isdecimal():
        return float(stated[:9])
    try:
        until = parsedate_to_datetime(stated)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _kind(error: Exception) -> str:
    """Why there was no answer. The text of an error may hold the address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "timeout"
    return "unreachable" if isinstance(error, httpx.ConnectError) else "protocol"
