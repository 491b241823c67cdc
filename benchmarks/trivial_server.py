"""Answers everything at once and without looking: what the load generator reaches against it is its own limit.

python -m benchmarks.trivial_server PORT
"""

import asyncio
import sys
from typing import cast

import uvloop

ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


class Trivial(asyncio.Protocol):
    """Takes whatever arrives at once for one request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Trivial, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
