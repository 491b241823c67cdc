"""A crowd follows the log of a running service while several processes write: each sees exactly what it may, in order."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from application.projections import audit_trail
from tests.conftest import STORE_KINDS
from tests.interfaces.http.crowd import Watcher
from tests.interfaces.http.explored import Served, served
from tests.interfaces.http.test_server import ROOT

WHO = {"auditor": None, "lead": "traeger-a", "other_lead": "traeger-b"}  # and the provider that each of them sees alone
WRITERS = 2
END_SECONDS_MAX = 5  # less than the time that other requests are given


@pytest.mark.parametrize(
    ("followers", "cases"), [(100, 20), pytest.param(1_000, 400, marks=[pytest.mark.chaos, pytest.mark.timeout(900)])]
)
@pytest.mark.parametrize("kind", STORE_KINDS)
def test_each_sees_all_that_it_may_in_order(
    kind: str, followers: int, cases: int, fresh_url: Callable[[str], str], tmp_path: Path
) -> None:
    """Some from the beginning, some from now on, some with interruptions; and all of them hear when the service ends."""
    with served(fresh_url(kind), tmp_path) as service:
        pool = service.office.given("open_pool").pool
        crowd = asyncio.run(_crowd(service, followers, pool, cases))
        assert service.head() > (WRITERS + 1) * cases * 4
        for who, watchers in crowd.items():
            whole = _may_see(service, WHO[who])
            for watcher in watchers:
                assert watcher.seen == [position for position in whole if position > watcher.after], who


async def _crowd(service: Served, followers: int, pool: str, cases: int) -> dict[str, list[Watcher]]:
    port = int(service.base.rpartition(":")[2])
    crowd: dict[str, list[Watcher]] = {who: [] for who in WHO}
    with ExitStack() as stack:
        writers = [stack.enter_context(_writer(service, pool, cases)) for _ in range(WRITERS)]
        writing = asyncio.create_task(asyncio.to_thread(_post_cases, service, pool, cases * 4))
        for number in range(followers):
            who = list(WHO)[number % len(WHO)]
            watcher = Watcher(service.office.tokens[who], 0 if number % 2 else service.head())
            crowd[who].append(watcher)
            await watcher.follow(port)
            if number % 5 == 4:
                await crowd[who][len(crowd[who]) // 2].come_back()
        await writing
        for writer in writers:
            assert await asyncio.to_thread(writer.wait, 300) == 0
    await _seen(crowd, service)
    began = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*(watcher.ended for watchers in crowd.values() for watcher in watchers))
    assert await asyncio.to_thread(service.process.wait, 30) == 0
    assert time.monotonic() - began < END_SECONDS_MAX
    return crowd


async def _seen(crowd: dict[str, list[Watcher]], service: Served) -> None:
    """Until everybody has seen the last event that they may see."""
    last = {who: _may_see(service, provider)[-1] for who, provider in WHO.items()}
    deadline = time.monotonic() + 120
    while any(not watcher.seen or watcher.seen[-1] < last[who] for who, watchers in crowd.items() for watcher in watchers):
        assert time.monotonic() < deadline, "somebody was told nothing more"
        await asyncio.sleep(0.05)


def _writer(service: Served, pool: str, cases: int) -> "subprocess.Popen[bytes]":
    settings = service.office.service.settings
    words = ["-m", "tests.interfaces.http.crowd", settings.database_url, settings.keystore, pool, str(cases)]
    return subprocess.Popen([sys.executable, *words], cwd=ROOT)


def _post_cases(service: Served, pool: str, cases: int) -> None:
    """Through the service itself, whose own engine appends them."""
    body = {"pool": str(UUID(pool)), "district": "nord", "service_area": "11", "concern": "work"}
    with httpx.Client(base_url=service.base, timeout=60) as client:
        for number in range(cases):
            headers = {"Authorization": f"Bearer {service.office.tokens['lead' if number % 2 else 'other_lead']}"}
            assert client.post("/api/v1/cases", json=body, headers=headers).status_code == 201


def _may_see(service: Served, provider: str | None) -> Sequence[int]:
    with service.office.service.store.reading() as reader:
        return [event.position for event in audit_trail.events(reader, provider=provider, after=0, limit=1_000_000)]
