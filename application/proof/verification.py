"""Is the log complete and unchanged, and was it decided by its rules? Computes everything anew from what is stored, and says each
thing that is not as it should be.

The log is compared with its tree, with the checkpoints that were issued and with those that others kept. Only these last are
beyond the reach of somebody who owns both the database and the key. Then each decision is decided again, and the receipts are
compared with what they answered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import Notification

from application import reads
from application.collecting import uncollected
from application.log import DamagedEvent, Progress, Reader, Recorded, leaf_hash, read_event
from application.proof import checkpoints, tree
from application.proof.answers import Answers
from application.proof.checkpoints import Key
from application.proof.decisions import Decision, Decisions
from application.proof.deviations import ABSENT, Deviation
from application.proof.merkle import Frontier, Subtree
from application.proof.notes import Checkpoint, NoteRefused
from application.proof.redecision import Redecision
from application.proof.tree import BLOCK, BLOCK_LEVEL

BATCH_EVENTS = 8 * BLOCK
_NO_LEAF = bytes(tree.HASH_BYTES)  # in the place of a leaf, so that no root fits any more
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Verified:
    """How far a verification has come: all of it was checked once ``deviations_of`` has ended.

    ``versions`` has an entry of some 200 bytes for each stream of the log.
    """

    events: int = 0  # the position of the last one
    rows: int = 0
    root: bytes = b""
    checkpoints: int = 0
    decisions: int = 0
    receipts: int = 0  # of decisions
    frontier: Frontier = field(default_factory=Frontier)
    versions: dict[Any, int] = field(default_factory=dict)
    recorded_at: datetime = _LONG_AGO


def deviations_of(
    reader: Reader, keys: Sequence[Key], outside: Sequence[str], verified: Verified, progress: Progress
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
    history = _History(reader, verified)
    while True:
        with uncollected():
            batch = _read(reader, verified.frontier.size)
            if batch is None:
                break
            found = history.deviations(_deviations_in(batch, verified, stated, history))
        yield from found
        progress(verified.frontier.size, max(size, verified.frontier.size))
    yield from history.last_deviations()
    if size > verified.frontier.size:
        yield Deviation(size, None, "leaf", ABSENT, f"Blätter ohne Ereignis hinter Position {verified.frontier.size}")
    yield from _out_of_place(reader, verified, history)
    [(rows,)] = reader.fetch("SELECT COUNT(*) FROM stored_events")
    if rows != verified.rows:
        yield Deviation(None, None, "position", f"{verified.rows} Ereignisse, das erste an Position 1", f"{rows} Ereignisse")
    for each in sorted(each for each in stated if each > verified.frontier.size):
        yield Deviation(each, None, "checkpoint", f"{each} Ereignisse, wie ein Prüfpunkt sagt", f"{verified.events} Ereignisse")
    yield from history.answers.of_nothing(verified.events)
    yield from reads.deviations(reader, [each.reads for of_size in stated.values() for each in of_size if each.reads is not None])
    verified.root = verified.frontier.root()


class _History:
    """The decisions of the log and their answers, as far as its events were read."""

    def __init__(self, reader: Reader, verified: Verified) -> None:
        self.events: list[Recorded] = []  # that were read and not yet looked at
        self.unread: set[int] = set()  # positions without an event that can be read
        self.answers = Answers(reader)
        self._verified = verified
        self._decisions = Decisions()
        self._redecision = Redecision(reader)
        self._kept: list[Deviation] = []  # of events whose decision may go on in the next batch

    def deviations(self, found: list[Deviation]) -> list[Deviation]:
        """Those of the decisions that have ended, among the others that were found in the same events."""
        events, self.events = self.events, []
        found = [*self._kept, *found, *self._judged(self._decisions.ended(events))]
        found.sort(key=_position)
        end = self._decisions.begun_at or self._verified.frontier.size + 1
        ready = [each for each in found if _position(each) < end]
        self._kept = found[len(ready) :]
        self.unread = {each for each in self.unread if each >= end - 1}
        return ready

    def last_deviations(self) -> Iterator[Deviation]:
        """Those that were waiting for the end of the log."""
        yield from sorted([*self._kept, *self._judged(self._decisions.last())], key=_position)

    def _judged(self, decisions: Sequence[Decision]) -> list[Deviation]:
        found: list[Deviation] = []
        for decision, receipt in zip(decisions, self.answers.of(decisions), strict=True):
            if self.unread and not self.unread.isdisjoint((decision[0].position - 1, decision[-1].position + 1)):
                self._redecision.go_on(decision)  # it may not be whole, and what cannot be read is named already
                continue
            found += self._redecision.deviations(decision, keyed=receipt is not None)
            found += self.answers.deviations(decision, receipt)
        self._verified.decisions, self._verified.receipts = self._redecision.decisions, self.answers.found
        return found


def _position(deviation: Deviation) -> int:
    return deviation.position or 0


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


def _deviations_in(batch: _Batch, verified: Verified, stated: dict[int, list[Checkpoint]], history: _History) -> list[Deviation]:
    """Gives the history the events."""
    found: list[Deviation] = []
    start = verified.frontier.size
    ends = {*range(start + BLOCK, batch.end, BLOCK), batch.end, *(size for size in stated if start < size < batch.end)}
    for end in sorted(ends):
        leaves = []
        for position in range(verified.frontier.size + 1, end + 1):
            row, leaf = batch.rows.get(position), None
            if row is None:
                history.unread.add(position)
                found.append(Deviation(position, None, "position", "ein Ereignis", ABSENT))
            else:
                leaf = _leaf(row)
                found += _event(row, leaf, batch.leaves.get(position), verified, history)
            leaves.append(leaf or _NO_LEAF)
        found += _subtrees(tree.added(verified.frontier, leaves), end, batch.subtrees)
        found += _at_size(verified, stated)
    return found


def _out_of_place(reader: Reader, verified: Verified, history: _History) -> Iterator[Deviation]:
    """Events far behind the end. What was decided there is not asked: they follow on nothing."""
    end = verified.frontier.size
    while rows := reader.notifications(max(end, verified.events), BATCH_EVENTS):
        for row in rows:
            yield Deviation(row.id, str(row.originator_id), "position", f"höchstens {end + 1}", str(row.id))
            yield from _event(row, _leaf(row), None, verified, history)
        history.events.clear()


def _leaf(row: Notification) -> bytes | None:
    """Nothing where the columns hold values of which there is no leaf."""
    try:
        return leaf_hash(row)
    except DamagedEvent:
        return None


def _event(
    row: Notification, leaf: bytes | None, known: bytes | None, verified: Verified, history: _History
) -> Sequence[Deviation]:
    """Compares first, and says what differs only where something does."""
    stream = row.originator_id
    key = stream.int if isinstance(stream, UUID) else stream  # numbers are found several times as fast
    version, before = verified.versions.get(key, 0) + 1, verified.recorded_at
    verified.versions[key] = row.originator_version if leaf is not None else version
    verified.events = row.id
    verified.rows += 1
    event, damage = None, ""
    try:
        event = read_event(row)
        history.events.append(event)
        verified.recorded_at = event.recorded_at
        if leaf == known and row.originator_version == version and event.recorded_at >= before:
            return ()
    except DamagedEvent as damaged:
        history.unread.add(row.id)
        damage = str(damaged)
    found = []
    if leaf != known:
        found.append(Deviation(row.id, str(stream), "leaf", _hash(known), _hash(leaf)))
    if row.originator_version != version:
        found.append(Deviation(row.id, str(stream), "version", str(version), str(row.originator_version)))
    if event is None:
        found.append(Deviation(row.id, str(stream), "event", "ein Ereignis, wie es das Protokoll schreibt", damage))
    elif event.recorded_at < before:
        expected = f"nicht vor {before.isoformat()}"
        found.append(Deviation(row.id, str(stream), "recorded_at", expected, event.recorded_at.isoformat()))
    return found


def _subtrees(completed: Sequence[bytes], position: int, stored: dict[Subtree, bytes]) -> Iterator[Deviation]:
    for level, computed in enumerate(completed, BLOCK_LEVEL):
        known = stored.get(Subtree(level, position))
        if known != computed:
            yield Deviation(position, None, "subtree", f"über {1 << level} Ereignisse {_hash(known)}", _hash(computed))


def _at_size(verified: Verified, stated: dict[int, list[Checkpoint]]) -> Iterator[Deviation]:
    """The checkpoints of the size that is reached."""
    for checkpoint in stated.get(verified.frontier.size, ()):
        verified.checkpoints += 1
        if checkpoint.root != verified.frontier.root():
            expected = f"die Wurzel {_hash(checkpoint.root)}, wie ein Prüfpunkt sagt"
            yield Deviation(checkpoint.size, None, "checkpoint", expected, _hash(verified.frontier.root()))


def _hash(value: bytes | None) -> str:
    return value.hex() if value is not None else ABSENT
