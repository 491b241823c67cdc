"""Many who follow the log of a running service at once, and somebody who writes to it.

python -m tests.interfaces.http.crowd URL KEYS POOL CASES    is a process that writes, beside the service
"""

import asyncio
import re
import sys
from pathlib import Path
from uuid import UUID

from application import commands
from domain.quantities import Actor
from tests.office import LEAD, OFFICER, OTHER_LEAD, Office, body

LEADS = (LEAD, OTHER_LEAD)


class Watcher(asyncio.Protocol):
    """One of the crowd: a connection of its own, and the ids that it was told."""

    _ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)

    def __init__(self, token: str, after: int) -> None:
        self.after = after
        self.seen: list[int] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._token = token
        self._port = 0
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    async def follow(self, port: int) -> None:
        """Begins, or goes on behind what was seen last."""
        self._port = port
        self.ended = asyncio.get_running_loop().create_future()
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)

    async def come_back(self) -> None:
        """Hangs up and follows again."""
        self.leave()
        await self.ended
        await self.follow(self._port)

    def leave(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._rest = transport, b""
        last = f"Last-Event-ID: {self.seen[-1]}\r\n" if self.seen else ""
        transport.write(
            f"GET /api/v1/events/stream?after={self.after} HTTP/1.1\r\nHost: office\r\n"
            f"Authorization: Bearer {self._token}\r\n{last}\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        whole, _, self._rest = (self._rest + data).rpartition(b"\n")
        self.seen += map(int, self._ID.findall(whole))

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(None)


def write(office: Office, pool: UUID, cases: int) -> None:
    """Cases of two providers in turn, each with hours that the office approves: four events, one of them the pool's."""
    for number in range(cases):
        lead: Actor = LEADS[number % 2]
        place = {"provider": lead.organisation, "district": "nord", "service_area": "11", "concern": "work"}
        case = UUID(body(office.do(lead, commands.open_case, pool=pool, **place))["id"])
        booking = UUID(body(office.do(lead, commands.request_hours, case=case, minutes=60))["id"])
        office.do(OFFICER, commands.approve_hours, booking)


if __name__ == "__main__":
    url, keys, pool_id, number = sys.argv[1:]
    writer = Office(url, Path(keys))
    write(writer, UUID(pool_id), int(number))
    writer.close()
