"""What it costs to protect persons: the service beside itself without sealing, policies, limits and the read log.

What the other benchmarks measure, sessions posted and balances read; and texts read, each reading of which is recorded and durable
before its answer leaves.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from benchmarks import http, servers, untrusting
from benchmarks.measuring import Figure, interleaved
from benchmarks.places import Database, Kind, Places
from benchmarks.sizes import Sizes


def protected(places: Places, kind: Kind, sizes: Sizes) -> Iterator[Figure]:
    """Requests a second, and how long clients wait."""
    ours, bare = places.migrated(kind), places.migrated(kind)
    requests = _requests(ours, sizes)
    with untrusting.untrusting():
        bare_requests = _requests(bare, sizes)
    clients = sizes.clients[0]
    with ExitStack() as stack:
        service = stack.enter_context(servers.service(ours))
        without = stack.enter_context(servers.untrusting_service(bare))
        for case, status in (("sessions", "201"), ("balances", "200"), ("texts", "200")):
            sides = {
                "ours": http.against(service, requests[case], status),
                "unprotected": http.against(without, bare_requests[case], status),
            }
            for play in sides.values():
                play(clients, sizes.warm_up_seconds)
            played = {side: partial(play, clients, sizes.http_seconds) for side, play in sides.items()}
            yield from interleaved("protection", kind, f"{case}, {clients} clients", "/s", sizes.rounds, played)


def _requests(database: Database, sizes: Sizes) -> dict[str, list[bytes]]:
    return {**http.prepared(database, sizes)._asdict(), "texts": http.reading_texts(database, sizes)}
