"""Callers who ask over HTTP, under keys, and repeat what was not answered: as a client of the service is told to do."""

import itertools
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

from tests.faults.errands import GRANTED, SERVICE, SESSION, Errand, Report, Verb, run_errands

REPEAT_PAUSE_SECONDS = 0.2
ANSWER_SECONDS_MAX = 60

ROLES: dict[Verb, str] = {"open": "lead", "request": "worker", "approve": "officer", "log": "worker"}


class Ended(Exception):
    """The callers were told to stop."""


class Caller:
    """Asks one service after the other until it is answered."""

    def __init__(self, services: Sequence[str], tokens: Mapping[str, str]) -> None:
        self.unanswered: Counter[str] = Counter()  # why an errand had to be repeated
        self._clients = [httpx.Client(base_url=service, timeout=ANSWER_SECONDS_MAX) for service in services]
        self._turn = itertools.cycle(self._clients)
        self._client = next(self._turn)
        self._tokens = tokens

    def perform(self, errand: Errand) -> Report:
        """Repeats the errand, under its key, until somebody answers it."""
        while True:
            try:
                answer = self._ask(errand)
            except httpx.TransportError as error:
                self.unanswered[type(error).__name__] += 1
            else:
                if answer.status_code != 503:
                    return _report(errand, answer)
                self.unanswered["503"] += 1
            self._client = next(self._turn)
            time.sleep(REPEAT_PAUSE_SECONDS)

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def _ask(self, errand: Errand) -> httpx.Response:
        path, body = _request(errand)
        headers = {"Authorization": f"Bearer {self._tokens[ROLES[errand.verb]]}", "Idempotency-Key": errand.key}
        return self._client.post(f"/api/v1{path}", json=body, headers=headers)


def _request(errand: Errand) -> tuple[str, dict[str, Any]]:
    if errand.verb == "open":
        facts = {"district": "nord", "service_area": "11", "concern": "work", "personal": {"name": "Kim Beispiel"}}
        return "/cases", {"pool": str(errand.about), **facts}
    if errand.verb == "request":
        return "/bookings", {"case": str(errand.about), "minutes": GRANTED, "purpose": "Begleitung zum Amt"}
    if errand.verb == "approve":
        return f"/bookings/{errand.about}/approval", {}
    session = {"starts_at": SERVICE.isoformat(), "minutes": SESSION, "kind": "direct", "note": "Termin"}
    return f"/bookings/{errand.about}/sessions", session


def _report(errand: Errand, answer: httpx.Response) -> Report:
    outcome = "done" if answer.is_success else answer.json()["code"]
    assert outcome in ("done", "over_grant"), f"{errand} was answered {answer.status_code}: {answer.text}"
    return Report(errand, outcome, answer.content, int(answer.headers["Position"]), None)


class Crowd:
    """Callers in threads, each with errands of its own, for as long as the block."""

    def __init__(self, services: Sequence[str], tokens: Mapping[str, str], pool: UUID, prefix: str, callers: int) -> None:
        self.asked: dict[str, Errand] = {}
        self.reports: dict[str, Report] = {}
        self.answered: list[float] = []  # when, on the monotonic clock
        # Half of them prefer the other service.
        self._callers = [Caller(services[:: 1 if number % 2 else -1], tokens) for number in range(callers)]
        self._pool, self._prefix = pool, prefix
        self._end = Event()
        self._threads = ThreadPoolExecutor(callers)

    def __enter__(self) -> Self:
        self._running = [self._threads.submit(self._run, number, caller) for number, caller in enumerate(self._callers)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        for running in self._running:
            running.result()
        self._threads.shutdown()
        for caller in self._callers:
            caller.close()

    def __str__(self) -> str:
        return (
            f"{len(self.reports)} errands, nobody was answered for {self.longest_silence():.1f} s; "
            f"repeated for {dict(self.unanswered)}"
        )

    @property
    def unanswered(self) -> Counter[str]:
        """Why errands had to be repeated, and how often."""
        return sum((caller.unanswered for caller in self._callers), Counter())

    def longest_silence(self) -> float:
        """The seconds between two answers, whoever got them."""
        times = sorted(self.answered)
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def _run(self, number: int, caller: Caller) -> None:
        def run(errand: Errand) -> Report:
            if self._end.is_set():
                raise Ended
            self.asked[errand.key] = errand
            report = caller.perform(errand)
            self.answered.append(time.monotonic())
            self.reports[errand.key] = report
            return report

        with suppress(Ended):
            run_errands(f"{self._prefix}-{number}", self._pool, run)
