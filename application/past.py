"""Whatever is shown today, as it would have been shown then.

The log knows when everything was recorded. So any screen and any report can be asked as known at an instant: the projections are
folded once more from the log, up to the last event that had been recorded, into tables of their own, and whoever reads the live
ones reads these. Folds and readers are the same, so what a screen learns to show today it can show of the past.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Any, Protocol
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from application import reads, receipts
from application.log import Found, Progress, Question, Reader, StoredRow, StoreUnavailable, read_event, read_events
from application.projections import PROJECTIONS
from application.projections.tables import SLOTS, Rows, apply, folds_of
from domain.quantities import start_of_next_day
from domain.refusals import Malformed

EVENTS_MAX = 250_000  # folded for a question over HTTP: about eleven seconds
KEPT_MAX = 2
BATCH_EVENTS = 2_000
FLUSH_BATCHES = 10
WAIT_SECONDS_MAX = 5.0  # while another thread folds


class Tables(Protocol):
    """A database that is empty at first, and one process's own. Threads may share it."""

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Found: ...

    def execute(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Past:
    """What was known at an instant: the log up to a position, and its projections; without ``tables`` nothing came since."""

    instant: datetime
    position: int
    tables: Tables | None

    def over(self, log: Reader) -> Reader:
        """What reads the past from a snapshot of today's log."""
        return log if self.tables is None else _PastReader(log, self.tables, self.position)


def past(log: Reader, known_at: datetime | date, tables: Callable[[], Tables], progress: Progress) -> Past:
    """What was known, however much that is; a date means through its end. ``progress`` is told the events folded, and all."""
    instant, position, complete = _until(log, known_at)
    return Past(instant, position, None if complete else _folded(log, position, tables(), progress))


class Pasts:
    """The pasts of one log that were asked for last, for those who cannot wait long. Threads may share it."""

    def __init__(self, empty: Callable[[], Tables]) -> None:
        self._empty = empty
        self._kept: OrderedDict[int, tuple[StoredRow, Tables]] = OrderedDict()  # by position, with the row that stands there
        self._lock = Lock()

    def at(self, log: Reader, known_at: datetime | date) -> Past:
        """What was known; a date means through its end. Raises ``Malformed`` where that is too much to fold it for a question."""
        instant, position, complete = _until(log, known_at)
        if complete:
            return Past(instant, position, None)
        if position > EVENTS_MAX:
            raise Malformed(
                place="known_at",
                problem=f"bis dahin waren {position} Ereignisse verzeichnet, hier nachgespielt werden nur die ersten "
                f"{EVENTS_MAX}; Salden, Vergleiche und Erklärungen von Salden gibt es zu jedem Zeitpunkt, alles andere dann an der "
                "Befehlszeile (--known-at)",
            )
        if not self._lock.acquire(timeout=WAIT_SECONDS_MAX):
            raise StoreUnavailable("another thread is folding a past of the log")
        try:
            return Past(instant, position, self._tables(log, position))
        finally:
            self._lock.release()

    def _tables(self, log: Reader, position: int) -> Tables:
        last = log.stored_rows(position - 1, 1)[0] if position else ("", 0, "", b"", 0)
        known, tables = self._kept.get(position, (None, None))
        if tables is None or known != last:  # a restore may have put another log in its place
            self._kept.pop(position, None)
            while len(self._kept) >= KEPT_MAX:
                self._kept.popitem(last=False)
            tables = _folded(log, position, self._empty(), lambda done, total: None)
            self._kept[position] = last, tables
        self._kept.move_to_end(position)
        return tables


def _until(log: Reader, known_at: datetime | date) -> tuple[datetime, int, bool]:
    """When and at which position the past ended, and whether nothing came since."""
    instant = known_at if isinstance(known_at, datetime) else start_of_next_day(known_at) - timedelta(microseconds=1)
    head = log.head()
    size = head.id if head else 0
    position = _last_until(log, size, instant)
    return instant, position, position == size


def _last_until(log: Reader, size: int, instant: datetime) -> int:
    """The position of the last event recorded at or before an instant; instants of recording never run backwards."""
    known, unknown = 0, size + 1
    while unknown - known > 1:
        middle = (known + unknown) // 2
        [row] = log.notifications(middle - 1, 1)
        if read_event(row).recorded_at <= instant:
            known = middle
        else:
            unknown = middle
    return known


def _folded(log: Reader, position: int, tables: Tables, progress: Progress) -> Tables:
    slot, slots = SLOTS[0], dict[str, str]()
    tables.fetch("CREATE TABLE projections (name TEXT NOT NULL, version BIGINT NOT NULL, slot TEXT NOT NULL)")
    tables.execute(
        "INSERT INTO projections (name, version, slot) VALUES (?, ?, ?)", [(p.name, p.version, slot) for p in PROJECTIONS]
    )
    made = [table for projection in PROJECTIONS for table in projection.tables]
    for table in made:
        slots[table.name] = slot
        tables.fetch(table.create(slot))
        tables.fetch(table.create_indexes(slot)[0])  # the key; the others are made faster at the end
    folds, rows = folds_of(PROJECTIONS), Rows(slots, tables)  # type: ignore[arg-type]  # of a reader it only fetches
    for number, done in enumerate(range(0, position, BATCH_EVENTS), start=1):
        apply(folds, read_events(log.stored_rows(done, min(BATCH_EVENTS, position - done))), rows)
        progress(min(done + BATCH_EVENTS, position), position)
        if number % FLUSH_BATCHES == 0:
            rows.flush(tables)  # type: ignore[arg-type]  # which only executes
    rows.flush(tables)  # type: ignore[arg-type]
    for table in made:
        for statement in table.create_indexes(slot):
            tables.fetch(statement)
    _copy_what_stands_beside(log, position, tables)
    return tables


def _copy_what_stands_beside(log: Reader, position: int, tables: Tables) -> None:
    """Refusals, and who read texts: either counts as known with the event that was the log's last when it happened."""
    known = [attempt for attempt in receipts.refusals(log, 0) if attempt.position <= position]
    tables.fetch("CREATE TABLE receipts (subject, organisation, idempotency_key, outcome, position, about)")
    tables.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?)", known)
    tables.fetch("CREATE TABLE personal_reads (number, at, subject, role, organisation, about, position, digest)")
    tables.execute("INSERT INTO personal_reads VALUES (?, ?, ?, ?, ?, ?, ?, ?)", reads.rows_behind(log, 0, position))


class _PastReader:
    """Reads tables of the past, and of the log what had been recorded. Of what stands beside it there are refusals and reads."""

    def __init__(self, log: Reader, tables: Tables, position: int) -> None:
        self._log = log
        self._tables = tables
        self._position = position

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Found:
        return self._tables.fetch(sql, params)

    def ask(self, *questions: Question) -> list[Found]:
        assert all(each.keys is None for each in questions), "nobody who reads projections asks by keys"
        return [self.fetch(each.sql) for each in questions]

    def look(self, after: int, limit: int, *questions: Question) -> tuple[list[Notification], list[Found]]:
        return self.notifications(after, limit), self.ask(*questions)

    def head(self) -> Notification | None:
        last = self._log.notifications(self._position - 1, 1) if self._position else []
        return last[0] if last else None

    def notifications(self, after: int, limit: int) -> list[Notification]:
        return self._log.notifications(after, self._left(after, limit))

    def stored_rows(self, after: int, limit: int) -> list[StoredRow]:
        return self._log.stored_rows(after, self._left(after, limit))

    def stream(self, originator_id: UUID, after: int = 0) -> list[StoredEvent]:
        return [row for row in self._log.stream(originator_id, after) if read_event(row).position <= self._position]

    def _left(self, after: int, limit: int) -> int:
        return max(0, min(limit, self._position - after))
