"""Is the log complete and unchanged? Computes everything anew from what is stored, and says each thing that is not as it should be.

The log is compared with its tree, with the checkpoints that were issued and with those that others kept. Only these last are
beyond the reach of somebody who owns both the database and the key.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

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
_NO_LEAF = bytes(tree.HASH_BYTES)  # in the place of a leaf, so that no root fits any more
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
    rows: int = 0
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
    while batch := _read(reader, verified.frontier.size):
        yield from _deviations_in(batch, verified, stated)
        progress(verified.frontier.size, max(size, verified.frontier.size))
    if size > verified.frontier.size:
        yield Deviation(size, None, "leaf", ABSENT, f"Blätter ohne Ereignis hinter Position {verified.frontier.size}")
    yield from _out_of_place(reader, verified)
    [(rows,)] = reader.fetch("SELECT COUNT(*) FROM stored_events")
    if rows != verified.rows:
        yield Deviation(None, None, "position", f"{verified.rows} Ereignisse, das erste an Position 1", f"{rows} Ereignisse")
    for each in sorted(each for each in stated if each > verified.frontier.size):
        yield Deviation(each, None, "checkpoint", f"{each} Ereignisse, wie ein Prüfpunkt sagt", f"{verified.events} Ereignisse")
    [(beyond,)] = reader.fetch("SELECT COUNT(*) FROM receipts WHERE position > ?", (verified.events,))
    if beyond:
        yield Deviation(verified.events, None, "receipt", "kein Beleg nennt eine spätere Position", f"{beyond} Belege")
    verified.root = verified.frontier.root()


class _Batch(NamedTuple):
    """Some positions of log and tree, as far as anything stands there, by position."""

    end: int
    rows: dict[int, Notification]
    leaves: dict[int, bytes]
    subtrees: dict[Subtree, bytes]


def _read(reader: Reader, after: int) -> _Batch | None:
    """What stands behind a position that is a whole number of batches; nothing where neither log nor tree goes on there."""
    if after % BATCH_EVENTS:
        return None  # the one before was not full, and so the last
    leaves, subtrees = tree.known(reader, after, BATCH_EVENTS)
    rows = {row.id: row for row in reader.notifications(after, BATCH_EVENTS) if row.id <= after + BATCH_EVENTS}
    return _Batch(max((*rows, *leaves)), rows, leaves, subtrees) if rows or leaves else None


def _deviations_in(batch: _Batch, verified: Verified, stated: dict[int, list[Checkpoint]]) -> Iterator[Deviation]:
    for position in range(verified.frontier.size + 1, batch.end + 1):
        row, leaf = batch.rows.get(position), None
        if row is None:
            yield Deviation(position, None, "position", "ein Ereignis", ABSENT)
        else:
            leaf = _leaf(row)
            yield from _event(row, leaf, batch.leaves.get(position), verified)
        yield from _subtrees(verified.frontier.add(leaf or _NO_LEAF), position, batch.subtrees)
        yield from _at_size(verified, stated)


def _out_of_place(reader: Reader, verified: Verified) -> Iterator[Deviation]:
    """Events far behind the end."""
    end = verified.frontier.size
    while rows := reader.notifications(max(end, verified.events), BATCH_EVENTS):
        for row in rows:
            yield Deviation(row.id, str(row.originator_id), "position", f"höchstens {end + 1}", str(row.id))
            yield from _event(row, _leaf(row), None, verified)


def _leaf(row: Notification) -> bytes | None:
    """Nothing where the columns hold values of which there is no leaf."""
    try:
        return leaf_hash(row)
    except DamagedEvent:
        return None


def _event(row: Notification, leaf: bytes | None, known: bytes | None, verified: Verified) -> Iterator[Deviation]:
    verified.events = row.id
    verified.rows += 1
    stream, version = str(row.originator_id), verified.versions.get(row.originator_id, 0) + 1
    if leaf != known:
        yield Deviation(row.id, stream, "leaf", _hash(known), _hash(leaf))
    if row.originator_version != version:
        yield Deviation(row.id, stream, "version", str(version), str(row.originator_version))
    verified.versions[row.originator_id] = row.originator_version if leaf is not None else version
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
