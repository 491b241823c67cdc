"""Following the log: one reader of the log for all streams of a process, which share what it has read.

A stream is told what stands behind its position, and from then on stands at the position that it was told last. What is next it
takes from the newest events, which all streams share, or, where it is further behind than these reach, from the database. So
nothing is missed, doubled or out of order, however slowly a client reads, and no stream keeps events of its own.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from typing import NamedTuple

import anyio
import anyio.to_thread
from eventsourcing.persistence import Notification
from starlette.types import Receive, Send

from application.log import Appends, Reader, Recorded, Store, read_event
from application.projections import audit_trail
from application.projections.audit_trail import AUDIT_TRAIL
from application.projections.tables import Live
from domain.quantities import Actor
from domain.refusals import Malformed
from interfaces.cloudevents import encoded
from interfaces.http.policies import provider_of
from interfaces.http.problems import Rejected, too_many_streams, unavailable
from interfaces.http.replies import PROTECTION, Header, Reply
from interfaces.identity.bearers import Bearers

log = logging.getLogger("stundenpool.http")

MEDIA_TYPE = "text/event-stream"
STREAMS_MAX = 4_000
HEARTBEAT_SECONDS = 15.0  # of silence, after which a stream says that it is still there
CHECK_SECONDS = 60.0  # between two looks at the token
WAIT_SECONDS_MAX = 0.5  # for an append, before the reader looks whether anybody follows still
READ_EVENTS = 500
RECENT_EVENTS = 5_000  # a few megabytes, shared by all streams
TOLD_EVENTS = 100  # at a time: what a client has not taken yet stays in memory, once for each of them

# To tell a stream costs nearly as much as a small request. All streams together get a tenth of the event loop's time: the more
# there are, and the busier it is, the more events they are told at once.
PAUSE_SHARE = 9  # of the time that it took to tell all of them
PAUSE_SECONDS_MAX = 1.0

_HEARTBEAT = b":\n\n"
_HEADERS: list[Header] = [
    (b"content-type", f"{MEDIA_TYPE}; charset=utf-8".encode()),
    (b"x-accel-buffering", b"no"),  # a proxy must not keep what came
    *PROTECTION,
]


class Item(NamedTuple):
    """An event as it is told; ``provider`` is who may see it beside the youth office."""

    position: int
    provider: str | None
    text: bytes


class Told(NamedTuple):
    """Some events for one kind of stream, and where it stands once it has been told them."""

    text: bytes
    position: int


class Stream:
    """Somebody who follows the log: how far they have been told, and what of it they may see."""

    def __init__(self, actor: Actor, authorization: str, position: int) -> None:
        self.actor = actor
        self.authorization = authorization
        self.provider = provider_of(actor)
        self.position = position
        self.ended = False
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    def end(self) -> None:
        self.ended = True
        self._woken.set()

    async def rest(self, seconds: float) -> None:
        """Until somebody wakes it, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()


class Following:
    """All streams of one process. Belongs to one event loop, on which everything happens but reading and encoding."""

    def __init__(self, store: Store, bearers: Bearers) -> None:
        self._store = store
        self._bearers = bearers
        self._streams: set[Stream] = set()
        self._closed = False
        self._reading: asyncio.Task[None] | None = None
        self._reader_thread = anyio.CapacityLimiter(1)
        self._catching_up = anyio.CapacityLimiter(2)  # whoever is far behind must not keep all others from reading
        self._begin(None)

    async def open(self, actor: Actor, authorization: str, after: int | None, place: str) -> Stream:
        """A stream that goes on behind a position, or begins now. Raises ``Rejected``, and ``Malformed`` behind the log's end.

        ``place`` is where the request stated the position.
        """
        self._demand_room()
        head = await anyio.to_thread.run_sync(self._read_head, limiter=self._catching_up)
        self._demand_room()  # others came while it was read
        position = head.id if head else 0
        if after is not None and after > position:
            raise Malformed(place=place, problem=f"das Protokoll endet bei {position}")
        stream = Stream(actor, authorization, position if after is None else after)
        self._streams.add(stream)
        if self._reading is None or self._reading.done():
            self._begin(head)
            self._reading = asyncio.create_task(self._read_on())
        return stream

    @property
    def streams(self) -> int:
        """How many there are."""
        return len(self._streams)

    def reader_behind(self, head: int) -> int:
        """The positions that the reader has before it; ``head`` is as far as the process knows the log to reach."""
        return max(head, self._head) - self._position if self._streams else 0

    def slowest_behind(self, head: int) -> int:
        """The positions that the stream which is furthest behind has before it."""
        return max(0, max(head, self._head) - min(stream.position for stream in self._streams)) if self._streams else 0

    def leave(self, stream: Stream) -> None:
        self._streams.discard(stream)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """As long as the process serves. In the end nobody reads any more, and the reader's connection is closed."""
        try:
            yield
        finally:
            self.close()
            self._streams.clear()
            if self._reading is not None:
                await asyncio.wait([self._reading])

    def close(self) -> None:
        """Ends all streams, and lets no other begin: the process is about to end."""
        if not self._closed:
            self._closed = True
            self._end_all()

    async def tell(self, stream: Stream, send: Send) -> None:
        """Tells a stream what it may see, as it comes, until one of both sides has enough."""
        beat = time.monotonic()  # at once: whoever follows hears that they do
        check = beat + CHECK_SECONDS
        while not stream.ended:
            now = time.monotonic()
            if now >= check:
                if not await self._still_may(stream):
                    return
                check = now + CHECK_SECONDS
            text = await self._next(stream) or (_HEARTBEAT if now >= beat else b"")
            if text:
                await send({"type": "http.response.body", "body": text, "more_body": True})
                beat = time.monotonic() + HEARTBEAT_SECONDS
            else:
                await stream.rest(min(beat, check) - now)

    def _demand_room(self) -> None:
        if self._closed:
            raise unavailable()
        if len(self._streams) >= STREAMS_MAX:
            raise too_many_streams()

    def _read_head(self) -> Notification | None:
        with self._store.reading() as reader:
            return reader.head()

    async def _still_may(self, stream: Stream) -> bool:
        try:
            return (await self._bearers.caller(stream.authorization)).actor == stream.actor
        except Rejected:
            return False

    # ── telling

    async def _next(self, stream: Stream) -> bytes:
        """What comes next for a stream, which counts as told with that; nothing where it has seen everything."""
        place = stream.position, stream.provider
        if stream.position < self._recent_after:
            told = await anyio.to_thread.run_sync(self._page, *place, limiter=self._catching_up)
        else:
            told = self._told.get(place) or self._share(*place)
        stream.position = told.position
        return told.text

    def _page(self, position: int, provider: str | None) -> Told:
        """Read from the database, in a thread."""
        with self._store.reading() as reader:
            found = audit_trail.events(reader, provider=provider, after=position, limit=TOLD_EVENTS)
            head = reader.head()
        text = b"".join([_text(event) for event in found])
        if len(found) == TOLD_EVENTS or head is None:
            return Told(text, found[-1].position if found else position)
        return Told(text, max(position, head.id))  # up to there is nothing more for this provider

    def _share(self, position: int, provider: str | None) -> Told:
        """Taken from the newest events, once for all streams that stand there."""
        start = position - self._recent_after
        items = self._recent[start : start + TOLD_EVENTS]
        text = b"".join([item.text for item in items if provider is None or item.provider == provider])
        told = self._told[position, provider] = Told(text, items[-1].position if items else position)
        return told

    # ── reading

    def _begin(self, head: Notification | None) -> None:
        """From here on the log is read."""
        self._last = head
        self._position = self._head = self._recent_after = head.id if head else 0
        self._recent: list[Item] = []
        self._told: dict[tuple[int, str | None], Told] = {}

    async def _read_on(self) -> None:
        """Reads the log for as long as anybody follows it. What goes wrong ends all streams: their clients come back."""
        try:
            with closing(await anyio.to_thread.run_sync(self._store.appends, limiter=self._reader_thread)) as appends:
                while self._streams:
                    await self._read(appends)
        except Exception as error:
            log.error("nobody can follow the log: %s", type(error).__name__)
            self._end_all()

    async def _read(self, appends: Appends) -> None:
        items = await anyio.to_thread.run_sync(self._look, limiter=self._reader_thread)
        if items:
            began = time.perf_counter()
            self._extend(items)
            await asyncio.sleep(0)  # meanwhile all streams are told,
            await asyncio.sleep(0)  # and what they were told is sent
            await asyncio.sleep(min(PAUSE_SHARE * (time.perf_counter() - began), PAUSE_SECONDS_MAX))
        else:
            await anyio.to_thread.run_sync(appends.wait, WAIT_SECONDS_MAX, limiter=self._reader_thread)

    def _look(self) -> list[Item]:
        """The events behind the last one that was read; in a thread."""
        with self._store.reading() as reader:
            rows = _rows_behind(reader, self._last)
            head = reader.head() if len(rows) == READ_EVENTS else None
            providers = _providers(reader, rows)
        if rows:
            self._last = rows[-1]
            self._head = head.id if head else rows[-1].id
        return [Item(row.id, provider, _text(read_event(row))) for row, provider in zip(rows, providers, strict=True)]

    def _extend(self, items: Sequence[Item]) -> None:
        """What was read is there for all streams."""
        self._recent = [*self._recent, *items][-RECENT_EVENTS:]
        self._position = items[-1].position
        self._recent_after = self._position - len(self._recent)
        self._told = {}
        for stream in self._streams:
            stream.wake()

    def _end_all(self) -> None:
        for stream in self._streams:
            stream.end()


class LogShortened(Exception):
    """The last event that was read does not stand in the log any more: a restore or a failover has cut it off."""


def _rows_behind(reader: Reader, last: Notification | None) -> list[Notification]:
    if last is None:
        return reader.notifications(0, READ_EVENTS)
    rows = reader.notifications(last.id - 1, READ_EVENTS + 1)
    if not rows or rows[0] != last:
        raise LogShortened
    return rows[1:]


def _providers(reader: Reader, rows: Sequence[Notification]) -> list[str | None]:
    """Who may see each of these successive events beside the youth office."""
    if not rows:
        return []
    statement = "SELECT provider FROM {audit_trail} WHERE position BETWEEN ? AND ? ORDER BY position"
    return [provider for (provider,) in Live(reader, AUDIT_TRAIL).fetch(statement, (rows[0].id, rows[-1].id))]


def _text(event: Recorded) -> bytes:
    """A server-sent event."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.position, event.type.encode(), encoded(event))


class EventStream:
    """The answer that goes on until the client goes away, or may not follow any more, or the process ends."""

    status = 200

    def __init__(self, following: Following, stream: Stream, receive: Receive) -> None:
        self._following = following
        self._stream = stream
        self._receive = receive

    @staticmethod
    def announced() -> Reply:
        """What HEAD is answered."""
        return Reply(EventStream.status, _HEADERS, b"")

    async def send(self, send: Send, *more: Header) -> None:
        listening = asyncio.create_task(self._listen())
        headers = [*_HEADERS, (b"position", b"%d" % self._stream.position), *more]
        try:
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            await self._following.tell(self._stream, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            listening.cancel()
            self._following.leave(self._stream)

    async def _listen(self) -> None:
        """Nothing more comes from the client than its end."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._stream.end()
