"""Following the log over HTTP: what it costs those who write, and how late events arrive.

A hundred follow at full load, beside the same load that nobody follows; a thousand follow a log that grows by a hundred events a
second. Each follower looks that nothing is missing, doubled or out of order, or there is no figure.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import count

from application.log import Store
from benchmarks import load, servers
from benchmarks.audience import Heard, audience
from benchmarks.http import prepared
from benchmarks.load import Job
from benchmarks.measuring import Figure, Measured, interleaved, percentile, throughput
from benchmarks.places import Kind, Places
from benchmarks.sizes import Sizes
from interfaces.identity.tokens import create_token
from interfaces.storage import open_store

Play = Callable[[], Measured]


def followed(places: Places, kind: Kind, sizes: Sizes) -> Iterator[Figure]:
    """Sessions a second, and how many milliseconds lie between an event and its arrival."""
    database = places.migrated(kind)
    posts = prepared(database, sizes).sessions
    keys = count(1, 10_000_000)  # no run repeats a key of another
    with closing(open_store(database.url, create=False)) as store, servers.service(database) as server:
        token = create_token(store, role="auditor", subject="rpa-1")

        def alone(seconds: float) -> Measured:
            return load.play(Job(server.port, sizes.follower_clients, seconds, posts, next(keys)), "201")

        def paced(seconds: float) -> Measured:
            return _paced(Job(server.port, 1, seconds, posts, next(keys)), sizes.paced_events)

        def beside(followers: int, play: Play, lags: list[Measured]) -> Measured:
            with audience(server.port, token, followers) as listening:
                before = _head(store)
                played = play()
                lags.append(_lag(listening.heard(_head(store)), followers * (_head(store) - before)))
            return played

        for case, followers, rounds, play in (
            (f"{sizes.followers} followers, full load", sizes.followers, sizes.followed_rounds, partial(alone, sizes.http_seconds)),
            (f"{sizes.paced_followers:,} followers, {sizes.paced_events} a second", sizes.paced_followers, sizes.rounds,
             partial(paced, sizes.http_seconds)),
        ):  # fmt: skip
            lags: list[Measured] = []
            alone(sizes.warm_up_seconds)
            sides = {"ours": partial(beside, followers, play, lags), "not followed": play}
            yield from interleaved("followed", kind, case, "/s", rounds, sides)
            yield Figure("lag", kind, case, "ours", "ms", tuple(lags))


def _head(store: Store) -> int:
    with store.reading() as reader:
        head = reader.head()
    return head.id if head else 0


def _lag(heard: Heard, expected: int) -> Measured:
    """The median; raises ``RuntimeError`` where they have not all heard everything once and in order."""
    if heard.wrong or heard.events != expected:
        raise RuntimeError(f"{heard.wrong} events were out of place, and {heard.events} were heard in place of {expected}")
    lags = [lag * 1000 for lag in sorted(heard.lags)]
    return Measured(percentile(lags, 50), percentile(lags, 50), percentile(lags, 99))


def _paced(job: Job, rate: int) -> Measured:
    """One client, which asks so many times a second."""
    latencies: list[float] = []
    with socket.create_connection(("127.0.0.1", job.port)) as connection:
        requests, began = load.requests_of(job), time.perf_counter()
        while (now := time.perf_counter()) < began + job.seconds:
            time.sleep(max(0.0, began + len(latencies) / rate - now))
            asked = time.perf_counter()
            connection.sendall(next(requests))
            answer = connection.recv(65536)
            while not answer.endswith(b"}"):
                answer += connection.recv(65536)
            if not answer.startswith(b"HTTP/1.1 201"):
                raise RuntimeError(f"answered {answer[:40]!r}")
            latencies.append(time.perf_counter() - asked)
    return throughput(latencies, time.perf_counter() - began)
