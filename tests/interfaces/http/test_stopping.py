"""The service ends soon after it is told to, whoever still listens."""

import re
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from application import commands
from application.arrivals import WAITING_MAX
from application.turn import Work
from interfaces.http.server import GRACE_SECONDS
from tests.conftest import STORE_KINDS
from tests.interfaces.http.explored import served
from tests.interfaces.http.office import Office
from tests.office import LEAD

EVENTS = 6_000  # some megabytes: more than the system keeps for a client


def fill(office: Office) -> None:
    """Many events in a few turns."""
    pool = UUID(office.given("open_pool").pool)
    place: Any = {"provider": "traeger-a", "district": "nord", "service_area": "11", "concern": "work"}
    for _ in range(0, EVENTS, WAITING_MAX):
        works = [Work(LEAD, lambda turn: commands.open_case(turn, pool=pool, **place)) for _ in range(WAITING_MAX)]
        for answer in [office.service.engine.submit(work) for work in works]:
            assert answer.result().outcome == "created"


def wait_until_nothing_moves(base: str) -> None:
    """All streams have begun, and the slowest of them is told nothing more."""
    behind = -1
    deadline = time.monotonic() + 60
    while behind != (behind := measured(base, "stundenpool_slowest_stream_behind")) or behind <= 0:
        assert time.monotonic() < deadline
        time.sleep(1)


def measured(base: str, name: str) -> int:
    [value] = re.findall(rf"^{name} (\S+)$", httpx.get(f"{base}/metrics", timeout=10).text, re.MULTILINE)
    return int(float(value))


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_a_client_that_takes_nothing_of_its_stream_keeps_nobody_waiting(
    kind: str, fresh_url: Callable[[str], str], tmp_path: Path
) -> None:
    """Given clients that read nothing, when the service is told to stop, then it does not wait for them as for an answer."""
    with served(fresh_url(kind), tmp_path) as service, ExitStack() as stack:
        fill(service.office)
        request = (
            f"GET /api/v1/events/stream?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.office.tokens['auditor']}"
        )
        for _ in range(3):
            deaf = stack.enter_context(socket.socket())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.connect(("127.0.0.1", int(service.base.rpartition(":")[2])))
            deaf.sendall(f"{request}\r\n\r\n".encode())
        wait_until_nothing_moves(service.base)
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) == 0
        assert time.monotonic() - began < GRACE_SECONDS / 2
