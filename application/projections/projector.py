"""Projections are kept live by the turn that appends the events. Each process holds rows that it has read or written.

What another process has appended stands in the tables already, written by that one. Here the same events are folded once more
into the rows that are held, and nothing is written: so rows need not be read again whenever processes alternate.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any

from application.log import Found, Recorded, Transaction
from application.projections.tables import (
    Folds,
    Held,
    Key,
    Projection,
    R,
    Rows,
    Table,
    Value,
    apply,
    folds_of,
    slots_of,
    whole,
)


class Projector:
    """Keeps projections live, in the turn that appends the events. One for each process."""

    def __init__(self, projections: Sequence[Projection]) -> None:
        self._projections = projections
        self._folds = folds_of(projections)
        self._rows: Rows | None = None

    def begin(self, tx: Transaction, live: Found, others: Sequence[Recorded] | None) -> None:
        """At the start of a turn; ``others`` are the events that others have appended since the last one, ``None`` where they are
        not known, or that one failed.

        ``live`` is the answer to ``LIVE``. Raises ``ProjectionOutdated``.
        """
        slots = slots_of(live, self._projections)
        if others is None or self._rows is None or self._rows.slots != slots:
            self._rows = Rows(slots, tx)
        elif others:
            self._rows.reader = tx
            _Others(self._rows).take_over(self._folds, others)
        self._rows.reader = tx

    def project(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        """Folds what the turn appends and writes all touched rows. Events are sealed, as they stand in the log."""
        assert self._rows is not None, "a turn begins before it projects"
        self._rows.expect(events)
        apply(self._folds, events, self._rows)
        self._rows.flush(tx)


class _Others(Rows):
    """The rows that are held, while events of others are folded into them.

    A row that has to be read comes as it stands after all of these events, and folds get copies of it alone. A fold that asks for
    one of those may reckon wrongly, so whatever else it touches is forgotten, to be read when somebody asks for it again.
    """

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows.slots, rows.reader)
        self.tables = rows.tables
        self._read: set[tuple[Table[Any], Key]] = set()  # they stand as they do after all events
        self._touched: list[tuple[Table[Any], Key]] = []  # by the fold that is at work
        self._doubtful = False

    def take_over(self, folds: Folds, events: Sequence[Recorded]) -> None:
        self.expect(events)
        for event in events:
            self.event = event
            for fold in folds.get(type(event.data), ()):
                self._touched, self._doubtful = [], False
                try:
                    fold(event, event.data, self)
                except LookupError:  # a later event has deleted the row
                    self._doubtful = True
                if self._doubtful:
                    self._forget()

    def get(self, table: Table[R], key: Key) -> R | None:
        row = super().get(table, key)
        self._touched.append((table, key))
        if (table, key) not in self._read:
            return row
        self._doubtful = True
        return copy(row)

    def the(self, table: Table[R], key: Key) -> R:
        row = self.get(table, key)
        if row is None:
            raise LookupError
        return row

    def change(self, table: Table[R], key: Key) -> R:
        return self.the(table, key)

    def put(self, table: Table[R], row: R) -> None:
        self._replace(table, table.key_of(row), row)

    def delete(self, table: Table[R], key: Key) -> None:
        self._replace(table, key, None)

    def add(self, table: Table[R], row: R) -> None:
        """It stands in the table, and nobody will ask for it."""

    def add_up(self, table: Table[R], key: tuple[Value, ...], amount: int) -> None:
        """It is added to what stands in the table."""

    def sought(self, held: Held[Any], key: Key) -> list[tuple[Value, ...]]:
        keys = super().sought(held, key)
        self._read.update((held.table, whole(each)) for each in keys)
        return keys

    def _replace(self, table: Table[R], key: Key, row: R | None) -> None:
        self._touched.append((table, key))
        if (table, key) not in self._read:
            self.tables[table].rows[key] = row

    def _forget(self) -> None:
        for table, key in self._touched:
            if (table, key) not in self._read:
                self.tables[table].rows.pop(key, None)
                self.tables[table].old.pop(key, None)
