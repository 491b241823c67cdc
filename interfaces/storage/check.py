"""Is this installation sound? Reads everything once, changes nothing, and says what is wrong in German."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.persistence import Notification

from application import reads, snapshots
from application.log import DamagedEvent, Progress, Reader, Recorded, Store, leaf_hash, read_event
from application.privacy import KeyStoreDamaged
from application.projections import PROJECTIONS
from application.projections.tables import Live
from application.proof import checkpoints, merkle, tree
from application.proof.notes import NoteRefused, read_checkpoint
from application.proof.tree import BLOCK, BLOCK_LEVEL, LogDiffers
from application.snapshots import Snapshot, State
from application.states import evolve
from domain.quantities import Sealed
from interfaces.storage.append_only import excess_rights, missing_guards
from interfaces.storage.keystore import open_keystore
from interfaces.storage.migrate import schema_state
from interfaces.storage.postgres import PostgresTurnRecorder

BATCH_EVENTS = 2_000
FINDINGS_MAX = 50  # of the log; a log that is damaged throughout says no more with more of them


@dataclass(slots=True)
class Examined:
    """``findings`` are faults; ``notes`` are worth knowing."""

    events: int = 0
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def examine(store: Store, keystore: str, master: str, *, rights_apart: bool, progress: Progress) -> Examined:
    """Checks schema, log, tree, read log, receipts, projections, what keeps them from being altered, rights and keys.

    ``rights_apart`` says that another role migrates, so that the service's own must not alter what is recorded.
    """
    examined = Examined(findings=schema_state(store))
    if examined.findings:
        return examined
    with store.reading() as reader:
        log = _Log(examined, _Snapshots(reader))
        log.read(reader, progress)
        examined.findings += log.snapshots.missed()
        examined.findings += _of_tree(reader)
        examined.findings += _of_reads(reader)
        _examine_receipts(reader, examined)
        _examine_projections(reader, examined)
        _examine_guards(reader, store, examined)
        if isinstance(store, PostgresTurnRecorder):
            _examine_rights(reader, examined, rights_apart)
    _examine_keys(keystore, master, log.keys, examined)
    return examined


class _Log:
    """The log from start to end: positions and versions without a gap, instants that never run back, events that can be read."""

    def __init__(self, examined: Examined, snapshots: "_Snapshots") -> None:
        self.keys: set[str] = set()
        self.snapshots = snapshots
        self._examined = examined
        self._versions: dict[Any, int] = {}
        self._recorded_at = datetime.min.replace(tzinfo=UTC)

    def read(self, reader: Reader, progress: Progress) -> None:
        head = reader.head()
        last = 0
        while rows := reader.notifications(last, BATCH_EVENTS):
            for row in rows:
                self._place(row, last)
                self._event(row)
                last = row.id
            progress(last, head.id if head else last)
            if len(self._examined.findings) >= FINDINGS_MAX:
                self._examined.findings.append(f"Nach Position {last} wurde nicht weiter geprüft.")
                return

    def _place(self, row: Notification, last: int) -> None:
        self._examined.events += 1
        if row.id != last + 1:
            self._examined.findings.append(f"Auf Position {last} folgt Position {row.id}.")
        version = self._versions.get(row.originator_id, 0)
        if row.originator_version != version + 1:
            self._examined.findings.append(
                f"Position {row.id}: auf Version {version} von {row.originator_id} folgt Version {row.originator_version}."
            )
        # SQLite keeps a text where a number belongs; then the next one is compared with what should have stood here.
        self._versions[row.originator_id] = row.originator_version if type(row.originator_version) is int else version + 1

    def _event(self, row: Notification) -> None:
        try:
            event = read_event(row)
        except DamagedEvent as damage:
            self._examined.findings.append(f"Ereignis nicht lesbar: {damage}")
            return
        if event.recorded_at < self._recorded_at:
            self._examined.findings.append(f"Position {row.id}: die Zeit der Aufzeichnung läuft rückwärts.")
        self._recorded_at = event.recorded_at
        self.keys.update(sealed.key for sealed in _sealed(event))
        self.snapshots.pass_by(event)


class _Snapshots:
    """The stored states of long streams, each compared with what the log says when its version is reached."""

    def __init__(self, reader: Reader) -> None:
        self._expected = {UUID(each.stream): each for each in snapshots.everything(reader)}
        self._states: dict[UUID, State] = {}
        self._differing: list[Snapshot] = []

    def pass_by(self, event: Recorded) -> None:
        expected = self._expected.get(event.stream)
        if expected is None:
            return
        try:
            state = self._states[event.stream] = evolve(self._states.get(event.stream), event.stream, event.data)
            if event.version < expected.version:
                return
            same = event.version == expected.version and expected.opened() == state
        except (LookupError, AssertionError, msgspec.DecodeError):  # events are missing before this one, or it is no state at all
            same = False
        del self._expected[event.stream]
        self._states.pop(event.stream, None)
        if not same:
            self._differing.append(expected)

    def missed(self) -> list[str]:
        """Those that do not follow from the log as far as it was read."""
        return [
            f"Der Zwischenstand von {each.stream} bei Version {each.version} folgt nicht aus dem Protokoll."
            for each in (*self._differing, *self._expected.values())
        ]


def _sealed(event: Recorded) -> Iterator[Sealed]:
    for each in fields(event.data):
        value = getattr(event.data, each.name)
        if isinstance(value, Sealed):
            yield value


def _of_tree(reader: Reader) -> Iterator[str]:
    """Whether tree, log and the last checkpoint end alike, by a few rows of each; ``audit verify`` computes all of it anew."""
    head = reader.head()
    log, size = head.id if head else 0, tree.stored_size(reader)
    if size > log:
        yield f"Der Baum reicht bis Position {size}, das Protokoll nur bis {log}: es wurde gekürzt."
    elif size < log:
        yield f"Der Baum reicht bis Position {size}, das Protokoll bis {log}; „stundenpool db migrate“ ergänzt ihn."
    yield from _of_last_leaves(reader, size)
    blocks = [bytes(block) for (block,) in reader.fetch(f"SELECT hashes FROM tree WHERE level = {BLOCK_LEVEL} ORDER BY last")]
    try:
        if merkle.root(blocks) != tree.root(reader, size // BLOCK * BLOCK):
            yield "Die Teilbäume ergeben nicht die Wurzel, die zu ihnen gespeichert ist."
        yield from _of_last_checkpoint(reader)
    except LogDiffers:
        yield "Dem Baum fehlen Teile."


def _of_last_leaves(reader: Reader, size: int) -> Iterator[str]:
    last_block = max(size - 1, 0) // BLOCK * BLOCK
    leaves, _ = tree.known(reader, last_block, BLOCK)
    for row in reader.notifications(last_block, size - last_block):
        try:
            same = leaf_hash(row) == leaves.get(row.id)
        except DamagedEvent:
            same = False
        if not same:
            yield f"Position {row.id}: das Ereignis ist nicht das, aus dem der Baum entstand."
            return


def _of_reads(reader: Reader) -> Iterator[str]:
    """What checkpoints say of them is for ``audit verify``."""
    for each in islice(reads.deviations(reader, []), FINDINGS_MAX):
        yield f"Einsichten in Personendaten: erwartet {each.expected}, gefunden {each.found}."


def _of_last_checkpoint(reader: Reader) -> Iterator[str]:
    """Its signature is for ``audit verify``, which knows the keys."""
    for last in checkpoints.issued(reader)[-1:]:
        text, _, _ = last.note.partition("\n\n")
        try:
            same = read_checkpoint(f"{text}\n").root == tree.root(reader, last.size)
        except NoteRefused:
            same = False
        if not same:
            yield f"Der Prüfpunkt über {last.size} Ereignisse nennt eine andere Wurzel als der Baum."


def _examine_receipts(reader: Reader, examined: Examined) -> None:
    head = reader.head()
    [(beyond,)] = reader.fetch("SELECT COUNT(*) FROM receipts WHERE position > ?", (head.id if head else 0,))
    if beyond:
        examined.findings.append(f"{beyond} Belege nennen Positionen hinter dem Ende des Protokolls: es wurde gekürzt.")


def _examine_projections(reader: Reader, examined: Examined) -> None:
    for projection in PROJECTIONS:
        live = Live(reader, projection)
        for table in projection.tables:
            live.rows(table, "1 = 1 LIMIT 1")
    if examined.events:
        [(last,)] = Live(reader, *PROJECTIONS).fetch("SELECT MAX(position) FROM {audit_trail}")
        if last != examined.events:
            examined.findings.append(f"Die Projektionen stehen bei Position {last}, das Protokoll bei {examined.events}.")


def _examine_guards(reader: Reader, store: Store, examined: Examined) -> None:
    if missing := missing_guards(reader, store):
        examined.findings.append(
            f"Was nur wachsen darf, ist nicht mehr ganz vor Änderungen geschützt; es fehlen: {', '.join(missing)}. "
            "„stundenpool db migrate“ richtet das wieder ein."
        )


def _examine_rights(reader: Reader, examined: Examined, rights_apart: bool) -> None:
    rights = excess_rights(reader)
    if rights and rights_apart:
        examined.findings.append(f"Die Rolle des Dienstes darf mehr, als sie braucht: {'; '.join(rights)}.")
    elif rights:
        examined.notes.append(
            "Der Dienst benutzt den Zugang, der das Schema ändert, und könnte das Protokoll verändern; "
            "STUNDENPOOL_MIGRATION_DATABASE_URL trennt beide."
        )


def _examine_keys(keystore: str, master: str, used: set[str], examined: Examined) -> None:
    """Erased keys are gone on purpose; one that is missing without a trace is a loss."""
    if not used:
        return  # the key store is made with the first use
    try:
        with closing(open_keystore(keystore, master, "used")) as store:
            erased = store.erased(used)
            found = store.read(used - erased)
    except KeyStoreDamaged as damage:
        examined.findings.append(f"Die Ablage der Schlüssel ist nicht zu gebrauchen: {damage}")
        return
    if missing := len(used) - len(erased) - len(found):
        examined.findings.append(
            f"Es fehlen {missing} von {len(used)} Schlüsseln, mit denen das Protokoll versiegelt ist, ohne gelöscht zu sein."
        )
    if erased:
        examined.notes.append(f"{len(erased)} von {len(used)} Schlüsseln sind gelöscht.")
