"""What a serving process looks after, again and again, beside answering."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from logging import Logger

import anyio
import anyio.to_thread

STOP_SECONDS_MAX = 3.0  # for a look under way, when the process is to end


class Looking:
    """Looks every so many seconds, in a thread of its own. What fails is said once, until it is over, and tried again.

    With ``spread``, a pause is up to that many times longer, so that processes do not all look at once.
    """

    def __init__(self, log: Logger, unexpected: str, *, seconds: float, spread: float = 0.0) -> None:
        self._log = log
        self._unexpected = unexpected
        self._seconds = seconds
        self._spread = spread
        self._closing = asyncio.Event()
        self._limiter = anyio.CapacityLimiter(1)
        self._said: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Looks as long as the block lasts."""
        self._closing.clear()
        task = asyncio.create_task(self._attend())
        try:
            yield
        finally:
            self._closing.set()
            await asyncio.wait([task], timeout=STOP_SECONDS_MAX)
            task.cancel()

    def look(self) -> None:
        """Once. Nothing that fails here keeps anybody from anything else."""
        try:
            failures = set(self._failures())
        except Exception as error:
            failures = {f"{self._unexpected}: {type(error).__name__}"}
        for failure in sorted(failures - self._said):
            self._log.error(failure)
        self._said = failures

    def _failures(self) -> Iterable[str]:
        """Does what there is to do; says what failed."""
        raise NotImplementedError

    async def _attend(self) -> None:
        while not await self._closed_within(self._seconds * (1 + self._spread * random.random())):  # noqa: S311
            await anyio.to_thread.run_sync(self.look, abandon_on_cancel=True, limiter=self._limiter)

    async def _closed_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return self._closing.is_set()
