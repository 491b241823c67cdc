"""How requests wait in the event loop: for an answer of the engine, and for a read that others have asked for as well."""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from application.engine import Engine
from application.receipts import Answer
from application.turn import Work

T = TypeVar("T")


class Decisions:
    """Waits for what the engine decides. Belongs to one event loop, which is woken once for all answers of a turn."""

    def __init__(self, engine: Engine) -> None:
        self.waiting = 0  # commands
        self.engine = engine
        self._given: deque[tuple[asyncio.Future[Answer], Future[Answer]]] = deque()
        self._called = False

    async def of(self, work: Work) -> Answer:
        """The answer to a command; raises what the engine raises."""
        waiter: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.waiting += 1
        try:
            done = self.engine.submit(work)
            done.add_done_callback(partial(self._give, waiter))
            return await waiter
        except asyncio.CancelledError:
            done.cancel()  # what no turn has joined yet need not be decided
            raise
        finally:
            self.waiting -= 1

    def _give(self, waiter: "asyncio.Future[Answer]", done: "Future[Answer]") -> None:
        """In the engine's thread. First the answer is there, then it is asked whether somebody will come for it."""
        self._given.append((waiter, done))
        if not self._called:
            self._called = True
            with suppress(RuntimeError):  # a loop that has ended: nobody waits any more
                waiter.get_loop().call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        """In the event loop. Whatever is given from now on is found here, or calls again."""
        self._called = False
        while self._given:
            waiter, done = self._given.popleft()
            if waiter.done():
                continue  # nobody waits any more
            try:
                waiter.set_result(done.result())
            except Exception as error:
                waiter.set_exception(error)


class Reads(Generic[T]):
    """Whoever asks the same while it is being read waits for the next read, which then answers all of them.

    A read answers only those who had asked before it began, so each sees what had been answered to anybody when it asked.
    Belongs to one event loop.
    """

    def __init__(self, limiter: anyio.CapacityLimiter) -> None:
        self._limiter = limiter
        self._waiting: dict[Hashable, list[asyncio.Future[T]]] = {}  # for the next read, by question, where one is under way
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself does not keep them

    async def answer(self, question: Hashable, read: Callable[[], T]) -> T:
        """What ``read`` returns or raises in a thread. It is called for all who ask the same ``question``."""
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(question)
        if waiting is not None:
            waiting.append(waiter)
        else:
            self._waiting[question] = [waiter]
            task = asyncio.create_task(self._serve(question, read))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await waiter

    async def _serve(self, question: Hashable, read: Callable[[], T]) -> None:
        """Reads until nobody asks any more."""
        while asked := self._waiting[question]:
            self._waiting[question] = []
            try:
                found = await anyio.to_thread.run_sync(read, limiter=self._limiter)
            except Exception as error:
                for waiter in asked:
                    if not waiter.done():
                        waiter.set_exception(error)
            else:
                for waiter in asked:
                    if not waiter.done():
                        waiter.set_result(found)
        del self._waiting[question]
