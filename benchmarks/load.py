"""The load generator: keep-alive clients that ask again as soon as they are answered, in a process of its own.

    python -m benchmarks.load       takes a job as its input, and answers with the outcome

Raw protocols on uvloop and requests that are ready made: one client costs about 30 µs a request, so that it is the server that is
measured. What it reaches against `trivial_server` is its own limit.
"""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from random import Random
from time import perf_counter
from typing import cast

import msgspec
import uvloop

from benchmarks.measuring import Measured, throughput

ROOT = Path(__file__).parents[1]
ANSWER_SECONDS_MAX = 60  # beside the time that a job plays
KEY = "%024d"  # where a request differs from all others
_CONTENT_LENGTH = b"content-length: "


class Job(msgspec.Struct):
    """``requests`` are sent as they are, one after another; each may contain ``KEY`` once."""

    port: int
    clients: int
    seconds: float
    requests: list[bytes]
    first_key: int


class Outcome(msgspec.Struct):
    measured: Measured
    statuses: dict[str, int]


def play(job: Job, status: str) -> Measured:
    """Plays a job in a process that ends with it. Raises ``RuntimeError`` where anything but this status was answered."""
    command = [sys.executable, "-m", "benchmarks.load"]
    done = subprocess.run(
        command,
        input=msgspec.json.encode(job),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
        timeout=job.seconds + ANSWER_SECONDS_MAX,
    )
    outcome = msgspec.json.decode(done.stdout, type=Outcome)
    if outcome.statuses.keys() != {status}:
        raise RuntimeError(f"answered {outcome.statuses} in place of {status} to {job.requests[0]!r}")
    return outcome.measured


def post(path: str, body: bytes, *, token: str = "", keyed: bool = True) -> bytes:
    """A request that posts JSON."""
    key = f"Idempotency-Key: {KEY}\r\n" if keyed else ""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\n{_authorization(token)}{key}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body.replace(b"%", b"%%")


def get(path: str, *, token: str = "") -> bytes:
    """A request that reads."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{_authorization(token)}\r\n".encode()


def _authorization(token: str) -> str:
    return f"Authorization: Bearer {token}\r\n" if token else ""


# ── in the process of its own


class Client(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, requests: Iterator[bytes], deadline: float, latencies: list[float], statuses: Counter[bytes]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._deadline = deadline
        self._latencies = latencies
        self._statuses = statuses
        self._received = b""
        self._asked = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or len(self._received) < end + 4 + _length(self._received[:end]):
            return
        now = perf_counter()
        self._latencies.append(now - self._asked)
        self._statuses[self._received[9:12]] += 1
        self._received = b""
        if now < self._deadline:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.done.set_result(None)

    def _ask(self) -> None:
        self._asked = perf_counter()
        self._transport.write(next(self._requests))


def _length(head: bytes) -> int:
    at = head.lower().find(_CONTENT_LENGTH)
    return 0 if at < 0 else int(head[at + len(_CONTENT_LENGTH) :].partition(b"\r\n")[0])


def requests_of(job: Job) -> Iterator[bytes]:
    key = job.first_key
    keyed = KEY.encode() in job.requests[0]
    Random(job.first_key).shuffle(job.requests)
    for request in cycle(job.requests):
        yield request % key if keyed else request
        key += 1


async def _play(job: Job) -> Outcome:
    latencies: list[float] = []
    statuses = Counter[bytes]()
    requests = requests_of(job)
    began = perf_counter()
    clients = []
    for _ in range(job.clients):
        _, client = await asyncio.get_running_loop().create_connection(
            lambda: Client(requests, began + job.seconds, latencies, statuses), "127.0.0.1", job.port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    measured = throughput(latencies, perf_counter() - began)
    return Outcome(measured, {status.decode(): number for status, number in statuses.items()})


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_play(asked))))
