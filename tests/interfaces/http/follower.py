"""Somebody who follows the log: a stream of server-sent events, read from the application itself, without a socket between."""

import json
import queue
from concurrent.futures import Future
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

import anyio
from starlette.types import Message

from interfaces.http.operations import PREFIX
from tests.interfaces.http.office import Office

PATIENCE_SECONDS = 10
HEARTBEAT = ":"


class Event(NamedTuple):
    """A server-sent event."""

    id: str
    event: str
    data: Any


class Follower:
    """Calls the stream as one of the people. ``takes`` nothing as long as it is told to be slow."""

    def __init__(self, office: Office, who: str, headers: dict[str, str] | None = None, **parameters: object) -> None:
        self._portal = office.portal
        self._came: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._left: list[str] = []  # of what has come, block by block
        self._gone = self._portal.call(_event)
        self._takes = self._portal.call(_event)
        self.take(True)
        sent = {"Authorization": f"Bearer {office.tokens[who]}", **(headers or {})}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": f"{PREFIX}/events/stream",
            "raw_path": f"{PREFIX}/events/stream".encode(),
            "query_string": urlencode(parameters).encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        }
        self.done: Future[Any] = self._portal.start_task_soon(cast(Any, office.app), scope, self._receive, self._send)
        started = self._came.get(timeout=PATIENCE_SECONDS)
        self.status = started["status"]
        self.headers = {name.decode(): value.decode() for name, value in started["headers"]}

    def take(self, takes: bool) -> None:
        """Whether it takes what is sent; the server waits while it does not."""
        self._portal.call(self._takes.set if takes else self._close_gate)

    def go(self) -> None:
        """Goes away."""
        self._portal.call(self._gone.set)

    def block(self) -> str | None:
        """The next event or comment; ``None`` at the end of the stream."""
        while not self._left:
            message = self._came.get(timeout=PATIENCE_SECONDS)
            if not message["more_body"]:
                return None
            self._left = message["body"].decode().split("\n\n")[:-1]
        return self._left.pop(0)

    def next(self) -> Event | None:
        """The next event, whatever comments come before it; ``None`` at the end of the stream."""
        while (block := self.block()) == HEARTBEAT:
            pass
        if block is None:
            return None
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        return Event(fields["id"], fields["event"], json.loads(fields["data"]))

    def positions(self, number: int) -> list[int]:
        """Of so many events to come."""
        return [int(event.id) for _ in range(number) if (event := self.next())]

    def problem(self) -> Any:
        """What it was refused with."""
        return json.loads(self._came.get(timeout=PATIENCE_SECONDS)["body"])

    def hears_nothing(self) -> bool:
        """Nothing has come that it has not been asked for yet."""
        return not self._left and self._came.empty()

    def _close_gate(self) -> None:
        self._takes = anyio.Event()

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self._takes.wait()
        self._came.put(message)


async def _event() -> anyio.Event:
    return anyio.Event()
