"""The server's protocol: head and body of an answer go out together, and streams end when the process is told to."""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LAST_WORDS_SECONDS = 1.0  # for a client to take the end of its stream


class Protocol(HttpToolsProtocol):
    """Uvicorn's, on a transport that sends in one piece. ``following`` stands in the state that the lifespan gives."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, Gathering(transport)))

    def shutdown(self) -> None:
        """Before the server waits for requests to end, streams are ended. Only a stream has no length.

        A client that takes nothing of it would be waited for as long as for an answer.
        """
        self.app_state["following"].close()
        super().shutdown()
        if getattr(self.cycle, "chunked_encoding", False):  # there is none before the first request
            self.loop.call_later(LAST_WORDS_SECONDS, self.transport.abort)


class Gathering:
    """A transport that sends in one piece what is written in one go: every sending costs as much as a good part of an answer."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._written: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        written, self._written = self._written, []
        if written and not self._transport.is_closing():
            self._transport.write(b"".join(written))
