"""Is the log complete and unchanged? Computes everything anew from what is stored, and says each thing that is not as it should be.

The log is compared with its tree, with the checkpoints that were issued and with those that others kept. Only these last are
beyond the reach of somebody who owns both the database and the key.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from eventsourcing.persistence import Notification

from application.log import DamagedEvent, Reader, leaf_hash, read_event
from application.proof import checkpoints, tree
from application.proof.checkpoints import Key
from application.proof.merkle import Frontier, Subtree
from application.proof.notes import Checkpoint, NoteRefused
from application.proof.tree import BLOCK, BLOCK_LEVEL

BATCH_EVENTS = 8 * BLOCK
ABSENT = "nichts"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Deviation(msgspec.Struct, frozen=True):
    """Something that is not what it should be, and where. ``expected`` and ``found`` are German, or values."""

    position: int | None
    stream: str | None
    field: str
    expected: str
    found: str


@dataclass(slots=True)
class Verified:
    """How far a verification has come: all of it was checked once ``deviations_of`` has ended."""

    events: int = 0  # the position of the last one
    root: bytes = b""
    checkpoints: int = 0
    frontier: Frontier = field(default_factory=Frontier)
    versions: dict[Any, int] = field(default_factory=dict)
    recorded_at: datetime = _LONG_AGO


def deviations_of(
    reader: Reader, keys: Sequence[Key], outside: Sequence[str], verified: Verified, progress: Callable[[int, int], None]
) -> Iterator[Deviation]:
    """Every deviation, in the order of positions as far as it has one. ``outside`` are the notes that others kept."""
    stated: dict[int, list[Checkpoint]] = {}
    notes = [(each.note, f"der ausgegebene Prüfpunkt über {each.size} Ereignisse") for each in checkpoints.issued(reader)]
    for note, name in [*notes, *((note, "der vorgelegte Prüfpunkt") for note in outside)]:
        try:
            checkpoint = checkpoints.read(note, keys)
            stated.setdefault(checkpoint.size, []).append(checkpoint)
        except NoteRefused as refused:
            yield Deviation(None, None, "checkpoint", f"{name}, unterschrieben mit einem Schlüssel dieses Protokolls", str(refused))
    yield from _at_size(verified, stated)
    size = tree.stored_size(reader)
    for after in range(0, size, BATCH_EVENTS):
        yield from _batch(reader, after, min(after + BATCH_EVENTS, size), verified, stated)
        progress(min(after + BATCH_EVENTS, size), size)
    yield from _behind(reader, size, verified, stated)
    for each in sorted(each for each in stated if each > verified.frontier.size):
        yield Deviation(each, None, "checkpoint", f"{each} Ereignisse, wie ein Prüfpunkt sagt", f"{verified.events} Ereignisse")
    [(beyond,)] = reader.fetch("SELECT COUNT(*) FROM receipts WHERE position > ?", (verified.events,))
    if beyond:
        yield Deviation(verified.events, None, "receipt", "kein Beleg nennt eine spätere Position", f"{beyond} Belege")
    verified.root = verified.frontier.root()


def _batch(reader: Reader, after: int, until: int, verified: Verified, stated: dict[int, list[Checkpoint]]) -> Iterator[Deviation]:
    """The positions that the tree has."""
    leaves, subtrees = tree.known(reader, after, BATCH_EVENTS)
    rows = {row.id: row for row in reader.notifications(after, until - after)}
    for position in range(after + 1, until + 1):
        row, leaf = rows.get(position), bytes(tree.HASH_BYTES)  # the hash of nothing, so that no root fits any more
        if row is None:
            yield Deviation(position, None, "position", "ein Ereignis", ABSENT)
        else:
            leaf = leaf_hash(row)
            yield from _event(row, leaf, leaves.get(position), verified)
        yield from _subtrees(verified.frontier.add(leaf), position, subtrees)
        yield from _at_size(verified, stated)


def _behind(reader: Reader, size: int, verified: Verified, stated: dict[int, list[Checkpoint]]) -> Iterator[Deviation]:
    """Events that the tree does not have."""
    while rows := reader.notifications(size, BATCH_EVENTS):
        for row in rows:
            leaf = leaf_hash(row)
            yield from _event(row, leaf, None, verified)
            if row.id == verified.frontier.size + 1:
                verified.frontier.add(leaf)
                yield from _at_size(verified, stated)
            else:
                yield Deviation(row.id, str(row.originator_id), "position", str(verified.frontier.size + 1), str(row.id))
            size = row.id


def _event(row: Notification, leaf: bytes, known: bytes | None, verified: Verified) -> Iterator[Deviation]:
    verified.events = row.id
    stream, version = str(row.originator_id), verified.versions.get(row.originator_id, 0) + 1
    if leaf != known:
        yield Deviation(row.id, stream, "leaf", _hash(known), _hash(leaf))
    if row.originator_version != version:
        yield Deviation(row.id, stream, "version", str(version), str(row.originator_version))
    verified.versions[row.originator_id] = row.originator_version
    try:
        event = read_event(row)
    except DamagedEvent as damage:
        yield Deviation(row.id, stream, "event", "ein Ereignis, wie es das Protokoll schreibt", str(damage))
        return
    if event.recorded_at < verified.recorded_at:
        expected = f"nicht vor {verified.recorded_at.isoformat()}"
        yield Deviation(row.id, stream, "recorded_at", expected, event.recorded_at.isoformat())
    verified.recorded_at = event.recorded_at


def _subtrees(completed: Sequence[bytes], position: int, stored: dict[Subtree, bytes]) -> Iterator[Deviation]:
    for level in range(BLOCK_LEVEL, len(completed)):
        known = stored.get(Subtree(level, position))
        if known != completed[level]:
            yield Deviation(position, None, "subtree", f"über {1 << level} Ereignisse {_hash(known)}", _hash(completed[level]))


def _at_size(verified: Verified, stated: dict[int, list[Checkpoint]]) -> Iterator[Deviation]:
    """The checkpoints of the size that is reached."""
    for checkpoint in stated.get(verified.frontier.size, ()):
        verified.checkpoints += 1
        if checkpoint.root != verified.frontier.root():
            expected = f"die Wurzel {_hash(checkpoint.root)}, wie ein Prüfpunkt sagt"
            yield Deviation(checkpoint.size, None, "checkpoint", expected, _hash(verified.frontier.root()))


def _hash(value: bytes | None) -> str:
    return value.hex() if value is not None else ABSENT
