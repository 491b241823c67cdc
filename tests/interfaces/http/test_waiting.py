"""How requests wait: one call of the event loop for many answers, one read for many who ask."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, cast

import anyio
import pytest

from application.engine import Engine
from application.receipts import Answer
from application.turn import Work
from domain.quantities import Actor
from interfaces.http.waiting import Decisions, Reads

ACTOR = Actor("sb-1", "officer", "jugendamt")


class Turns:
    """In place of an engine: answers what was submitted when it is told to, in a thread of its own."""

    def __init__(self) -> None:
        self.submitted: list[Work] = []

    def submit(self, work: Work) -> "Future[Answer]":
        self.submitted.append(work)
        return work.done

    def answer(self, give: Callable[[int, Work], None]) -> None:
        turn = threading.Thread(target=lambda: [give(number, work) for number, work in enumerate(self.submitted)])
        turn.start()
        turn.join()


def work() -> Work:
    return Work(ACTOR, lambda turn: Answer("done", b"", 0))


def answered(number: int, work: Work) -> None:
    work.done.set_result(Answer("done", b"", number))


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 20))


class TestDecisions:
    def test_the_loop_is_called_once_for_all_answers_of_a_turn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Everybody gets their own answer, and nobody waits any more."""

        async def test() -> None:
            turns = Turns()
            decisions = Decisions(cast(Engine, turns))
            waiting = [asyncio.create_task(decisions.of(work())) for _ in range(5)]
            await asyncio.sleep(0)
            assert decisions.waiting == 5
            loop, calls = asyncio.get_running_loop(), []
            call = loop.call_soon_threadsafe
            monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *call_of: calls.append(call(*call_of)))
            turns.answer(answered)
            assert [answer.position for answer in await asyncio.gather(*waiting)] == [0, 1, 2, 3, 4]
            assert (len(calls), decisions.waiting) == (1, 0)

        run(test())

    def test_what_fails_is_raised_where_it_is_awaited(self) -> None:
        """And only there."""

        async def test() -> None:
            turns = Turns()
            decisions = Decisions(cast(Engine, turns))
            good, bad = asyncio.create_task(decisions.of(work())), asyncio.create_task(decisions.of(work()))
            await asyncio.sleep(0)
            turns.answer(lambda number, work: work.done.set_exception(KeyError()) if number else answered(number, work))
            assert (await good).outcome == "done"
            with pytest.raises(KeyError):
                await bad

        run(test())

    def test_a_command_that_nobody_waits_for_is_not_decided_any_more(self) -> None:
        """Unless a turn has joined it: then its answer goes nowhere, and the others get theirs."""

        async def test() -> None:
            turns = Turns()
            decisions = Decisions(cast(Engine, turns))
            waiting = [asyncio.create_task(decisions.of(work())) for _ in range(3)]
            await asyncio.sleep(0)
            early, joined, kept = turns.submitted
            joined.done.set_running_or_notify_cancel()
            for task in waiting[:2]:
                task.cancel()
            await asyncio.wait(waiting[:2])
            assert early.done.cancelled()
            turns.submitted = [joined, kept]
            turns.answer(answered)
            assert (await waiting[2]).position == 1
            assert decisions.waiting == 0

        run(test())

    def test_an_answer_after_the_end_of_the_loop_disturbs_nobody(self) -> None:
        """The engine decides what has arrived before it ends, also when the server has ended before."""
        turns = Turns()

        async def leave() -> None:
            decisions = Decisions(cast(Engine, turns))
            task = asyncio.create_task(decisions.of(work()))
            await asyncio.sleep(0)
            turns.submitted[0].done.set_running_or_notify_cancel()
            task.cancel()

        run(leave())
        turns.answer(answered)
        assert turns.submitted[0].done.result().position == 0


class Book:
    """Something to read, slowly where it is closed; each reading returns what stands in it when it begins."""

    def __init__(self) -> None:
        self.text = 0
        self.begun = 0
        self.open = threading.Event()

    def read(self) -> int:
        self.begun += 1
        text = self.text
        assert self.open.wait(10)
        if text < 0:
            raise KeyError(text)
        return text

    async def is_being_read(self, times: int) -> None:
        while self.begun < times:
            await asyncio.sleep(0.001)


class TestReads:
    def test_whoever_asks_during_a_read_is_answered_by_the_next_one(self) -> None:
        """What had been written before somebody asked stands in their answer; ten who ask the same cost one read."""

        async def test() -> None:
            book, reads = Book(), Reads[int](anyio.CapacityLimiter(8))
            first = asyncio.create_task(reads.answer("pool", book.read))
            await book.is_being_read(1)
            book.text = 1
            others = [asyncio.create_task(reads.answer("pool", book.read)) for _ in range(10)]
            await asyncio.sleep(0)
            book.open.set()
            assert (await first, await asyncio.gather(*others)) == (0, [1] * 10)
            assert book.begun == 2
            book.text = 2
            assert await reads.answer("pool", book.read) == 2

        run(test())

    def test_other_questions_do_not_wait(self) -> None:
        """Each is read beside the others."""

        async def test() -> None:
            slow, quick, reads = Book(), Book(), Reads[int](anyio.CapacityLimiter(8))
            quick.open.set()
            waiting = asyncio.create_task(reads.answer("slow", slow.read))
            await slow.is_being_read(1)
            assert await reads.answer("quick", quick.read) == 0
            slow.open.set()
            await waiting

        run(test())

    def test_a_read_that_fails_fails_for_those_who_had_asked_and_nobody_else(self) -> None:
        """Those who ask later are read for anew; who went away is not missed."""

        async def test() -> None:
            book, reads = Book(), Reads[int](anyio.CapacityLimiter(8))
            book.text = -1
            first = asyncio.create_task(reads.answer("pool", book.read))
            await book.is_being_read(1)
            book.text = 1
            gone, later = (asyncio.create_task(reads.answer("pool", book.read)) for _ in range(2))
            await asyncio.sleep(0)
            gone.cancel()
            book.open.set()
            with pytest.raises(KeyError):
                await first
            assert await later == 1

        run(test())
