"""What an auditor's package of one pool consists of: what the office states, and from what anybody can compute it again.

A package holds the events of one pool alone, and yet shows that they stand in the log whose root was signed: it holds the hash of
every leaf, from which the root follows, and a hash says nothing about what the events of other pools are.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from eventsourcing.persistence import Notification

from application.catalogue import CATALOGUE
from application.log import DamagedEvent, Progress, Reader, Transaction, leaf_hash, stored_form
from application.projections import pools
from application.projections.audit_trail import taking_part
from application.projections.balances import By, balance
from application.projections.trail_lines import name_of
from application.proof import checkpoints
from application.proof.checkpoints import Issued
from application.proof.merkle import Frontier
from application.proof.notes import Checkpoint, Signer, opened, read_checkpoint
from application.proof.tree import LogDiffers
from domain.registry import provider_id

BATCH_EVENTS = 2_000
GROUPS: tuple[By, ...] = ("district", "provider", "case", "month")


class Statement(NamedTuple):
    """What the office states about a pool at one size of the log."""

    pool: UUID
    name: str
    checkpoint: Checkpoint
    note: str
    issued: list[Issued]
    balances: bytes


def state(transaction: Transaction, pool: UUID, signers: Sequence[Signer], now: datetime) -> Statement:
    """A checkpoint of the log as it is, and the balances that stand in it. Raises ``NotFound`` and ``LogDiffers``.

    All in one turn, so that nothing comes in between; what else a package holds never changes and is read without the lock.
    """
    name = pools.pool(transaction, pool).name
    note = checkpoints.issue(transaction, signers, now)
    text, _ = opened(note, [signer.verifier for signer in signers])
    return Statement(pool, name, read_checkpoint(text), note, checkpoints.issued(transaction), _balances(transaction, pool))


def _balances(reader: Reader, pool: UUID) -> bytes:
    """The pool's balance, and by each kind of group, as of today and as far as is known today."""
    stated: dict[str, Any] = {"pool": balance(reader, pool)}
    for by in GROUPS:
        stated[by] = balance(reader, pool, by=by).groups
    return msgspec.json.format(msgspec.json.encode(stated))


class Position(NamedTuple):
    """The hash of a leaf, and the event as it is stored where it is one of the pool's."""

    leaf: bytes
    event: bytes | None


def positions(reader: Reader, statement: Statement, progress: Progress) -> Iterator[Position]:
    """Every position of the log up to the checkpoint, in order; raises ``LogDiffers`` where the log is not the one it signs."""
    frontier, size = Frontier(), statement.checkpoint.size
    streams = _Streams(statement.pool, _registered(reader, statement.pool, size))
    while frontier.size < size:
        rows = reader.notifications(frontier.size, min(BATCH_EVENTS, size - frontier.size))
        if not rows:
            break
        for row in rows:
            leaf = leaf_hash(row)
            frontier.add(leaf)
            yield Position(leaf, row.state if streams.hold(row) else None)
        progress(frontier.size, size)
    if frontier.root() != statement.checkpoint.root:
        raise LogDiffers(f"the log up to position {size} has another root than its checkpoint")


def _registered(reader: Reader, pool: UUID, size: int) -> set[UUID]:
    """Where the providers are registered that take part in a pool; those that take part in none are with each, so that the packages
    of all pools hold the whole log."""
    named = taking_part(reader, size).items()
    return {provider_id(provider) for provider, pools in named if str(pool) in pools or set(pools) == {None}}


class _Matter(msgspec.Struct):
    """What a finding is about, as far as it says to which pools that belongs."""

    pool: UUID | None
    worker: str | None
    positions: tuple[int, ...]


class _Named(msgspec.Struct):
    pool: UUID | None = None
    matter: _Matter | None = None


class _First(msgspec.Struct):
    """The first event of a stream, as far as it says which pool that belongs to."""

    data: _Named


_read_first = msgspec.json.Decoder(_First).decode


class _Streams:
    """Which streams belong to a pool: its own, those whose first event names it, what is registered of its providers, and findings
    that name no pool but concern it.

    A finding about a worker's sessions in several pools concerns these, and no other. One that rests on refusals of which nobody
    knows the pool may concern any.
    """

    def __init__(self, pool: UUID, registered: set[UUID]) -> None:
        self._pool = pool
        self._held = {pool, *registered}
        self._positions = bytearray(1)  # by position, whether its event is one of the pool's

    def hold(self, row: Notification) -> bool:
        """Whether this event, all before it having been shown, is one of the pool's."""
        stream = UUID(str(row.originator_id))
        if row.originator_version == 1:
            try:
                if self._begins(_read_first(row.state).data):
                    self._held.add(stream)
            except msgspec.DecodeError as error:
                raise DamagedEvent(row, str(error)) from error
        self._positions.append(stream in self._held)
        return stream in self._held

    def _begins(self, first: _Named) -> bool:
        matter = first.matter
        if matter is None or matter.pool is not None:
            return self._pool in (first.pool, matter and matter.pool)
        return matter.worker is None or any(self._positions[each] for each in matter.positions if each < len(self._positions))


def schemas() -> dict[str, bytes]:
    """The JSON schema of every type of event by its name and version, as ``stored_form`` reads it."""
    found = {}
    for entry in CATALOGUE:
        schema = {"title": name_of(entry.name), **msgspec.json.schema(stored_form(entry))}
        found[f"{entry.name}.{entry.schema}"] = msgspec.json.format(msgspec.json.encode(schema))
    return found
