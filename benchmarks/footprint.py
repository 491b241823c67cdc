"""What an installed service costs to have: from its start to its first answer, and memory."""

from collections.abc import Iterator

from benchmarks import servers
from benchmarks.measuring import Figure, Measured, Sides, interleaved
from benchmarks.one_log import Written
from benchmarks.places import Database, Kind, Places
from benchmarks.sizes import Sizes


def starts(places: Places, kind: Kind, sizes: Sizes, database: Database) -> Iterator[Figure]:
    """Seconds until ``/readyz`` says so, on a log of full length; memory while nobody asks anything."""
    theirs = places.empty(kind)
    held: dict[str, list[Measured]] = {"ours": [], "stock": []}

    def ours() -> Measured:
        with servers.service(database) as server:
            held["ours"].append(Measured(server.resident_mb()))
            return Measured(server.ready_after)

    def stock() -> Measured:
        with servers.stock_server(theirs) as server:
            held["stock"].append(Measured(server.resident_mb()))
            return Measured(server.ready_after)

    sides: Sides = {"ours": ours, "stock": stock}
    yield from interleaved("start-up", kind, f"{sizes.log_events:,} events", "s", sizes.starts, sides)
    for side, memory in held.items():
        yield Figure("memory", kind, "service, idle", side, "MB", tuple(memory))


def of_writing(written: Written) -> Iterator[Figure]:
    """Memory of an engine before its first event, and after its last of many."""
    for case, held in (("engine, at its start", written.before_mb), (f"engine, after {written.events:,} events", written.after_mb)):
        yield Figure("memory", "sqlite", case, "ours", "MB", (Measured(held),))
