"""In every serving process: keys of who is erased are dropped from memory, and destroyed where nobody has done it yet."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.to_thread

from interfaces.service import Service

log = logging.getLogger("stundenpool.erasing")

LOOK_SECONDS = 1.0  # no longer than this a key of somebody who was erased stays in memory
STOP_SECONDS_MAX = 3.0  # for a look under way, when the process is to end


class CarryingOut:
    """Looks every second. Nothing that fails here keeps anybody from anything else, and it is tried again."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._closing = asyncio.Event()
        self._looking = anyio.CapacityLimiter(1)
        self._said: str | None = None

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

    async def _attend(self) -> None:
        while not await self._closed_within(LOOK_SECONDS):
            await anyio.to_thread.run_sync(self.look, abandon_on_cancel=True, limiter=self._looking)

    async def _closed_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return self._closing.is_set()

    def look(self) -> None:
        """Carries out what is decided; what fails is said once, until it is over."""
        failure = None
        try:
            self._service.erasing.carry_out(self._service.engine)
        except Exception as error:
            failure = type(error).__name__
        if failure is not None and failure != self._said:
            log.error("an erasure is not carried out: %s", failure)
        self._said = failure
