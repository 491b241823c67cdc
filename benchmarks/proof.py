"""What proving a log costs: its tree beside a bare loop that hashes the same bytes, every decision once more, and its findings."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from time import perf_counter

from eventsourcing.persistence import Notification

from application.findings import Findings
from application.log import Store, leaf_bytes
from application.proof import tree
from application.proof.tree import Tree
from application.proof.verification import Verified, deviations_of
from benchmarks.measuring import Figure, Measured, interleaved
from benchmarks.places import Kind, Places
from benchmarks.projections import beginning_of, told
from benchmarks.sizes import Sizes
from domain.findings.thresholds import Thresholds
from interfaces.storage import open_store


def of_a_log(places: Places, kind: Kind, sizes: Sizes) -> Iterator[Figure]:
    """Events a second."""
    log = told(places, sizes.log_events)
    database = beginning_of(log, places, kind, len(log.rows))
    leaves = [leaf_bytes(row) for row in log.rows]
    hashing = {
        "ours": lambda: _rate(len(leaves), lambda: _tree(log.rows)),
        "limit": lambda: _rate(len(leaves), lambda: _hash(leaves)),
    }
    yield from interleaved("tree", kind, "leaves and root", "/s", sizes.rounds, hashing)
    with closing(open_store(database.url, create=False)) as store:
        tree.complete(store, lambda done, total: None)
        verified = {"ours": lambda: _rate(len(leaves), lambda: _verify(store, len(leaves)))}
        yield from interleaved("audit verify", kind, "every decision again", "/s", sizes.rounds, verified)
        found = {"ours": lambda: _rate(len(leaves), lambda: _find(store))}
        yield from interleaved("findings", kind, "of a whole log", "/s", sizes.rounds, found)


def _rate(events: int, work: Callable[[], None]) -> Measured:
    began = perf_counter()
    work()
    return Measured(events / (perf_counter() - began))


def _tree(rows: Sequence[Notification]) -> None:
    grown = Tree()
    grown.grown(rows)
    grown.root()


def _hash(leaves: Sequence[bytes]) -> None:
    for leaf in leaves:
        hashlib.sha256(leaf).digest()


def _verify(store: Store, events: int) -> None:
    verified = Verified()
    with store.reading() as reader:
        deviations = list(deviations_of(reader, (), (), verified, lambda done, total: None))
    assert deviations == [], deviations[:3]
    assert verified.events == events


def _find(store: Store) -> None:
    with store.reading() as reader:
        Findings(Thresholds()).report(reader, pool=None, progress=lambda done, total: None)
