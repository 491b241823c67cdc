"""The server's protocol: head and body of an answer go out together, and streams end when the process is told to."""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LAST_WORDS_SECONDS = 1.0  # for a client to take the end of its stream
HEAD_BYTES_MAX = 64 * 1024  # of a request's line and headers, while these go on; the parser itself would take any number


class Protocol(HttpToolsProtocol):
    """Uvicorn's, on a transport that sends in one piece. ``following`` stands in the state that the lifespan gives."""

    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, Gathering(transport)))

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("Request head too large.")

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

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
