"""Over HTTP, one worker, keep-alive clients: sessions posted, and balances read.

Ours has everything on: identity, judging, a key and its receipt, the sealed note, movements, projections, metrics, its line in
the access log. Stock saves one event behind a synchronous FastAPI route, its only kind. Beside both, a FastAPI route that validates
the same body with pydantic and does nothing else, and the load generator against a server that does not even look.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from itertools import count
from random import Random
from typing import NamedTuple
from uuid import uuid4

import msgspec

from benchmarks import load, office, servers
from benchmarks.load import Job
from benchmarks.measuring import Figure, Measured, interleaved
from benchmarks.places import Database, Kind, Places
from benchmarks.sizes import Sizes
from interfaces.identity.tokens import create_token
from interfaces.service import open_service
from interfaces.storage import open_store

ENTRIES = 200  # different bodies
NOTES = 30  # of a booking whose texts are read


def over_http(places: Places, kind: Kind, sizes: Sizes) -> Iterator[Figure]:
    """Requests a second, and how long clients wait."""
    database, theirs = places.migrated(kind), places.empty(kind)
    requests = prepared(database, sizes)
    with ExitStack() as stack:
        ours = stack.enter_context(servers.service(database))
        stock = stack.enter_context(servers.stock_server(theirs))
        trivial = stack.enter_context(servers.trivial_server())
        validated = against(stock, [load.post("/validated", _body(Random(0)), keyed=False)])
        limit = against(trivial, requests.sessions)
        writing = {
            "ours": against(ours, requests.sessions),
            "stock": against(
                stock, [load.post(f"/bookings/{uuid4()}/sessions", _body(Random(n)), keyed=False) for n in range(ENTRIES)]
            ),
            "validates only": validated,
            "load generator": limit,
        }
        reading = {
            "ours": against(ours, requests.balances, "200"),
            "stock": against(stock, [load.get(f"/bookings/{uuid4()}/minutes") for _ in range(ENTRIES)], "200"),
            "validates only": validated,
        }
        for benchmark, sides in (("HTTP, session", writing), ("HTTP, balance", reading)):
            for clients in sizes.clients:
                for play in sides.values():
                    play(clients, sizes.warm_up_seconds)
                played = {side: partial(play, clients, sizes.http_seconds) for side, play in sides.items()}
                yield from interleaved(benchmark, kind, f"{clients} clients", "/s", sizes.rounds, played)


class Requests(NamedTuple):
    """Those that post sessions, and those that read the balance."""

    sessions: list[bytes]
    balances: list[bytes]


def prepared(database: Database, sizes: Sizes) -> Requests:
    """Requests that are in order."""
    with open_service(database.settings) as service:
        pool = office.open_pool(service)
        places = office.approved_bookings(service, pool, sizes.bookings)
    with closing(open_store(database.url, create=False)) as store:
        officer = create_token(store, role="officer", subject="sb-1")
        workers = {
            place.worker: create_token(store, role="worker", subject=place.worker.subject, provider=place.worker.organisation)
            for place in places
        }
    posts = [
        load.post(f"/api/v1/bookings/{place.booking}/sessions", _body(Random(number)), token=workers[place.worker])
        for number, place in enumerate(places)
    ]
    return Requests(posts, [load.get(f"/api/v1/pools/{pool}/balance", token=officer)])


def reading_texts(database: Database, sizes: Sizes) -> list[bytes]:
    """Requests for the texts of bookings, each with the same number of notes."""
    with open_service(database.settings) as service:
        places = office.approved_bookings(service, office.open_pool(service), sizes.noted_bookings)
        for place in places:
            office.log_sessions(service, place, NOTES)
    with closing(open_store(database.url, create=False)) as store:
        officer = create_token(store, role="officer", subject="sb-1")
    return [load.get(f"/api/v1/bookings/{place.booking}/texts", token=officer) for place in places]


def _body(random: Random) -> bytes:
    return msgspec.json.encode(office.an_entry(random))


def against(server: servers.Server, requests: list[bytes], status: str = "201") -> Callable[[int, float], Measured]:
    """Plays the requests for that many clients and seconds; each has to be answered with the status."""
    keys = count(1, 10_000_000)  # no run repeats a key of another

    def play(clients: int, seconds: float) -> Measured:
        return load.play(Job(server.port, clients, seconds, requests, next(keys)), status)

    return play
