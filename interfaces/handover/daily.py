"""In every serving process: each day on which the log grows gets a checkpoint, and all of them reach those who keep them.

Which day has one already the store says, under the lock of the log: so of any number of processes one issues it.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import date
from typing import NamedTuple

import anyio
import anyio.to_thread

from application.privacy import KeyStoreDamaged
from application.proof import checkpoints
from domain.quantities import berlin_time
from interfaces.handover.failing import NotHandedOver
from interfaces.handover.handing_over import HandingOver
from interfaces.service import Service

log = logging.getLogger("stundenpool.checkpoints")

LOOK_SECONDS = 60.0  # between two looks, and up to twice that, so that processes do not all look at once
STOP_SECONDS_MAX = 3.0  # for a look under way, when the process is to end


class Told(NamedTuple):
    """How it stood at the last look: checkpoints that are not where they should be, and kept ones that the log contradicts."""

    unwitnessed: int = 0
    unstamped: int = 0
    contradicted: int = 0


class Daily:
    """Looks every minute or two. Nothing that fails here keeps anybody from anything else."""

    def __init__(self, service: Service) -> None:
        self.told = Told()
        self._service = service
        self._handing_over = HandingOver(service.settings)
        self._closing = asyncio.Event()
        self._looking = anyio.CapacityLimiter(1)
        self._compared: date | None = None
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

    async def _attend(self) -> None:
        while not await self._closed_within(LOOK_SECONDS * (1 + random.random())):  # noqa: S311
            try:
                await anyio.to_thread.run_sync(self.look, abandon_on_cancel=True, limiter=self._looking)
            except Exception as error:
                self._say({f"checkpoints are not attended to: {type(error).__name__}"})

    async def _closed_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return self._closing.is_set()

    def look(self) -> None:
        """Issues the checkpoint of the day where it is missing, hands over what was not, and compares what others keep."""
        failures = [*self._issue(), *self._hand_over(), *self._compare()]
        self._say(set(failures))

    def _issue(self) -> Iterator[str]:
        service, now = self._service, self._service.clock()
        with service.store.reading() as reader:
            if not checkpoints.is_due(reader, now):
                return
        try:
            signer = service.checkpoint_keys.signer()
        except KeyStoreDamaged:
            yield "no checkpoint is issued: the key cannot be used"
            return
        with service.store.turn() as turn:
            checkpoints.issue_daily(turn, signer, now)

    def _hand_over(self) -> Iterator[str]:
        outcome = self._handing_over.hand_over(self._service.store)
        self.told = self.told._replace(unwitnessed=outcome.unwitnessed, unstamped=outcome.unstamped)
        for failure in outcome.failures:
            yield f"checkpoints are not handed over: {failure.reason}"

    def _compare(self) -> Iterator[str]:
        """After the start, and then once a day."""
        witness, today = self._handing_over.witness, berlin_time(self._service.clock()).date()
        if witness is None or self._compared == today:
            return
        try:
            notes, keys = witness.notes(), self._service.checkpoint_keys.known()
        except (NotHandedOver, KeyStoreDamaged) as failure:
            yield f"checkpoints of the witness cannot be compared: {type(failure).__name__}"
            return
        with self._service.store.reading() as reader:
            against = [name for name, note in notes.items() if checkpoints.contradiction(reader, keys, note)]
        self._compared = today
        self.told = self.told._replace(contradicted=len(against))
        for name in against:
            log.error("the log contradicts a checkpoint of the witness: %s", name)

    def _say(self, failures: set[str]) -> None:
        """Each once, until it is over."""
        for failure in sorted(failures - self._said):
            log.warning(failure)
        self._said = failures
