"""Snapshots: long streams' states as they once were, so that reading one again takes no longer the longer it has become.

A turn stores one whenever a stream has grown by ``EVERY`` versions, in its own transaction. They follow from the log like a
projection and may be deleted at any time. One that another program's rules made is never read.
"""

import hashlib
import inspect
from functools import cache
from typing import NamedTuple, get_args
from uuid import UUID

import msgspec

from application import catalogue
from application.log import Reader
from domain import booking, case, handling, personal_data, pool, quantities, registry, waiting_list
from domain.booking import Booking
from domain.case import Case
from domain.handling import Handling
from domain.pool import Pool
from domain.registry import Provider

State = Pool | Case | Booking | Handling | Provider

EVERY = 500  # events: some 20 ms to read
UPSERT = (
    "INSERT INTO snapshots (stream, version, program, kind, state) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (stream) DO UPDATE SET version = excluded.version, program = excluded.program, "
    "kind = excluded.kind, state = excluded.state"
)

_KINDS: dict[str, type[State]] = {kind.__name__.lower(): kind for kind in get_args(State)}


class Snapshot(NamedTuple):
    """A row of the table. ``program`` names the rules that made the state, ``kind`` its class in lower case."""

    stream: str
    version: int
    program: str
    kind: str
    state: bytes

    def opened(self) -> State:
        """The state; whoever gets it owns it."""
        return msgspec.json.decode(self.state, type=_KINDS[self.kind])


def taken(stream: UUID, version: int, state: State) -> Snapshot:
    """The snapshot of a state at a version of its stream."""
    return Snapshot(str(stream), version, program(), type(state).__name__.lower(), msgspec.json.encode(state))


def of_stream(reader: Reader, stream: UUID) -> Snapshot | None:
    """The snapshot of a stream, if there is one that this program made."""
    found = reader.fetch("SELECT stream, version, program, kind, state FROM snapshots WHERE stream = ?", (str(stream),))
    snapshot = Snapshot(*found[0]) if found else None
    return snapshot if snapshot and snapshot.program == program() else None


def everything(reader: Reader) -> list[Snapshot]:
    """All snapshots that this program made."""
    rows = reader.fetch("SELECT stream, version, program, kind, state FROM snapshots WHERE program = ?", (program(),))
    return [Snapshot(*row) for row in rows]


@cache
def program() -> str:
    """A digest of the source that makes states of events: whatever changes there, no snapshot from before is believed."""
    modules = (catalogue, quantities, pool, case, personal_data, booking, handling, registry, waiting_list)
    sources = [inspect.getsource(module) for module in modules]
    return hashlib.sha256("".join(sources).encode()).hexdigest()
