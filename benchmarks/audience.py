"""Many who follow the log at once, in a process of their own; they look that nothing is missing, doubled or out of order.

    python -m benchmarks.audience PORT TOKEN FOLLOWERS

Says ``ready`` when all of them follow. Takes the last position from its input, waits until all have seen it, and answers how late
events came: from the instant that they carry to their arrival, at every twentieth follower.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import pairwise
from time import time
from typing import NamedTuple, cast

import msgspec
import uvloop

from benchmarks.servers import ROOT, STOP_SECONDS_MAX

SAMPLED = 20
_ID = re.compile(rb"id: (\d+)\nevent: ")
_TIME = re.compile(rb'"time":"([^"]+)Z"')


class Heard(msgspec.Struct):
    """What all of them have seen, how much of it was wrong, and how late it came."""

    events: int
    wrong: int
    lags: list[float]


class Audience:
    """The process, as its creator sees it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def heard(self, position: int) -> Heard:
        """What they have heard once they have all seen this position; they leave then."""
        out, _ = self._process.communicate(b"%d\n" % position)
        return msgspec.json.decode(out, type=Heard)


@contextmanager
def audience(port: int, token: str, followers: int) -> Iterator[Audience]:
    """Followers of a service, from the moment on that the block begins."""
    command = [sys.executable, "-m", "benchmarks.audience", str(port), token, str(followers)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError("the audience could not follow")
            yield Audience(process)
        finally:
            process.kill()
            process.wait(STOP_SECONDS_MAX)


# ── in the process of its own


class Follower(asyncio.Protocol):
    """One connection that stays."""

    def __init__(self, token: str, sampled: bool) -> None:
        self.last = 0
        self.events = 0
        self.wrong = 0
        self.lags: list[float] = []
        self.follows: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._token = token
        self._sampled = sampled
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        request = f"GET /api/v1/events/stream HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        cast(asyncio.Transport, transport).write(request.encode())

    def data_received(self, data: bytes) -> None:
        if not self.follows.done():
            self.follows.set_result(None)  # from the moment on that it is answered at all
        whole, _, self._rest = (self._rest + data).rpartition(b"\n\n")
        told = _told(whole)
        if not told.events:
            return
        self.wrong += told.wrong + (self.last not in (0, told.first - 1))
        self.last = told.last
        self.events += told.events
        if self._sampled:
            now = time()
            self.lags += [now - at for at in told.times]


class _Told(NamedTuple):
    """What stands in a piece of the stream: its first and last position, how many are out of order, and when they were recorded."""

    events: int
    first: int
    last: int
    wrong: int
    times: list[float]


@lru_cache(maxsize=100)
def _told(piece: bytes) -> _Told:
    """Most followers are sent the same pieces: read once, they cost the service less of the machine that it shares with them."""
    ids = [int(found) for found in _ID.findall(piece)]
    times = [datetime.fromisoformat(found.decode()).replace(tzinfo=UTC).timestamp() for found in _TIME.findall(piece)]
    wrong = sum(later != earlier + 1 for earlier, later in pairwise(ids))
    return _Told(len(ids), ids[0], ids[-1], wrong, times) if ids else _Told(0, 0, 0, 0, [])


async def _follow(port: int, token: str, number: int) -> None:
    loop = asyncio.get_running_loop()
    followers = []
    for each in range(number):
        _, follower = await loop.create_connection(partial(Follower, token, each % SAMPLED == 0), "127.0.0.1", port)
        followers.append(follower)
    await asyncio.gather(*(follower.follows for follower in followers))
    print("ready", flush=True)
    position = int(await loop.run_in_executor(None, sys.stdin.readline))
    while any(follower.last < position for follower in followers):
        await asyncio.sleep(0.01)
    heard = Heard(
        sum(follower.events for follower in followers),
        sum(follower.wrong for follower in followers),
        [lag for follower in followers for lag in follower.lags],
    )
    sys.stdout.buffer.write(msgspec.json.encode(heard) + b"\n")


if __name__ == "__main__":
    uvloop.run(_follow(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
