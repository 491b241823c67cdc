"""What ``/metrics`` answers: the numbers of all workers, whichever of them is asked.

Each worker tells its own on a socket in a folder that all of them share, and the one that is asked asks all. So nothing is counted
anywhere but in the memory of its process, and a number that has to be looked at is looked at when it is wanted.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread
from eventsourcing.persistence import PersistenceError

from application.log import Store
from application.privacy import KeyStore
from interfaces.http import health
from interfaces.http.metrics import Metrics

LOOK_SECONDS_MAX = 2.0  # a database that does not answer must not keep the numbers back that tell of it
TELL_SECONDS_MAX = 5.0


class Found(NamedTuple):
    """What a look at keys and database finds; no number of events where the database does not answer."""

    keys: bool = False
    events: int | None = None


class Scrape:
    """The numbers of one process, and the way to those of all others where there are any. Belongs to one event loop."""

    def __init__(self, metrics: Metrics, store: Store, keys: KeyStore, folder: Path | None) -> None:
        self._metrics = metrics
        self._store = store
        self._keys = keys
        self._folder = folder
        self._limiter = anyio.CapacityLimiter(1)

    async def text(self) -> bytes:
        """In the text format of Prometheus; of several workers, each number says whose it is."""
        if self._folder is None:
            return await self._own()
        return joined(await asyncio.gather(*map(_told, sorted(self._folder.iterdir()))))

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Meanwhile others are told when they ask."""
        if self._folder is None:
            yield
            return
        path = self._folder / str(os.getpid())
        async with await asyncio.start_unix_server(self._tell, path):
            yield
        path.unlink(missing_ok=True)

    async def _tell(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            writer.write(await self._own(pid=str(os.getpid())))
            await writer.drain()

    async def _own(self, **labels: str) -> bytes:
        found = Found()
        with anyio.move_on_after(LOOK_SECONDS_MAX):
            found = await anyio.to_thread.run_sync(self._look, limiter=self._limiter, abandon_on_cancel=True)
        self._metrics.database_up.set(found.events is not None)
        self._metrics.keystore_up.set(found.keys)
        if found.events is not None:
            self._metrics.log_events.set(found.events)
        return self._metrics.text(**labels)

    def _look(self) -> Found:
        keys, events = not health.of_keys(self._keys), None
        if not health.of_store(self._store):
            with suppress(PersistenceError), self._store.reading() as reader:
                head = reader.head()
                events = head.id if head else 0  # positions have no gaps
        return Found(keys, events)


async def _told(path: Path) -> bytes:
    """What a worker tells; nothing where it has died, which leaves its socket behind, or hangs."""
    try:
        async with asyncio.timeout(TELL_SECONDS_MAX):
            reader, writer = await asyncio.open_unix_connection(path)
            with closing(writer):
                return await reader.read()
    except OSError:
        if not _lives(int(path.name)):
            path.unlink(missing_ok=True)
        return b""


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def joined(texts: Iterable[bytes]) -> bytes:
    """Several texts as one: the samples of a metric have to stand together, below what is said of it."""
    samples: dict[bytes, list[bytes]] = {}
    for text in texts:
        for line in text.splitlines(keepends=True):
            if line.startswith(b"#"):
                kept = samples.setdefault(line, [])
            else:
                kept.append(line)
    return b"".join([part for said, lines in samples.items() for part in (said, *lines)])
