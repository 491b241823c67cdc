"""Filling empty tables that nobody reads yet, as fast as the store can load them.

A row is either held in memory or stands in its table, never both. It is written when nobody has asked for it for a while, and
taken back when a fold asks for it again after all. So memory stays bounded for a log of any length, and nothing is written twice.
Tables have no index while they are filled, but for the key of those in which a row had to be found. With the first that a batch
of events has to find in a table come all that it will probably ask for there: one by one would take most of a long rebuild.

Each transaction that writes is a step, and says how far in the log it came; now and then one keeps what is in memory besides. Who
takes the loading up again folds from there on, and gets the rows that were taken back from what the steps remember of them, as the
tables have gone on since. What the same folds hand over up to the last step stands in the tables already, and is not written again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import astuple

from application.log import Loading, Store
from application.projections.tables import Held, Key, Projection, Row, Rows, Table, Value, asking_of, parts, whole

ROWS_HELD_MAX = 16_000  # about 7 MB; half of them are what came or was asked for last
SUMS_HELD_MAX = 30_000  # about 9 MB
KEPT_EVERY_SECONDS = 10.0

R = TypeVar("R", bound=Row)
Values = Sequence[tuple[Value, ...]]
Recall = tuple[str, tuple[Value, ...], tuple[Value, ...] | None]  # table, key, and the row that was found


class Step(NamedTuple):
    """A transaction of the loading: everything until ``position`` is in the tables or in ``held``, which not every step keeps."""

    position: int
    held: bytes | None
    recalled: bytes


class _HeldTable(NamedTuple):
    """What is in memory of one table."""

    table: str
    rows: Sequence[Any]
    missing: Values  # keys of which it is known that there is no row
    sums: Sequence[tuple[tuple[Value, ...], int]]
    left: bool


_encode = msgspec.msgpack.Encoder().encode
_decode_held = msgspec.msgpack.Decoder(list[_HeldTable]).decode
_decode_recalled = msgspec.msgpack.Decoder(list[Recall]).decode

EVERYTHING_LOADED = b""  # is held when nothing is


class _Change(NamedTuple):
    """What is to be done to one table, in this order."""

    table: Table[Any]
    statements: Sequence[str]
    taken: Values  # keys
    rows: Sequence[Row]
    sums: Values


class LoadedRows(Rows):
    """The rows of tables that were empty in the beginning. A thread of its own writes them while folds go on.

    ``guard`` is called in each transaction that writes, and raises where that must not be; ``note`` in those that are steps.
    ``unindexed`` tables get the index of their key when the first row has to be found again.
    """

    def __init__(
        self,
        projections: Iterable[Projection],
        slots: Mapping[str, str],
        store: Store,
        guard: Callable[[Loading], None],
        note: Callable[[Loading, Step], None],
        *,
        unindexed: bool,
    ) -> None:
        self._snapshot = ExitStack()
        self._store = store
        self._guard = guard
        self._note = note
        self._unindexed = unindexed
        self._writer = ThreadPoolExecutor(1, "loading")
        self._written: Future[None] = Future()
        self._written.set_result(None)
        self._left: set[Table[Any]] = set()  # where rows stand that a fold may ask for
        self._findable: set[Table[Any]] = set()
        self._taken: dict[Table[Any], list[tuple[Value, ...]]] = {}
        self._recalled: list[Recall] = []  # since the last step
        self._remembered: deque[Recall] = deque()  # by steps after which the loading was taken up again
        self._stands = 0  # everything that is handed over until there stands in the tables already
        self._kept_at = monotonic()
        self._reading = False
        super().__init__(slots, None, asking_of(projections))  # type: ignore[arg-type]  # a reader comes when it is needed

    def __enter__(self) -> "LoadedRows":
        return self

    def __exit__(self, *_: object) -> None:
        self._snapshot.close()
        self._writer.shutdown()

    def resume(self, steps: Sequence[Step]) -> int:
        """Takes up a loading that others began, with the same folds; the position after which they go on."""
        first, by_name = steps[0], {table.name: table for table in self.asking}
        self._stands = steps[-1].position
        for step in steps if first.held is None else steps[1:]:
            self._remembered.extend(_decode_recalled(step.recalled))
        if first.held is None:
            return 0
        for name, rows, missing, sums, left in _decode_held(first.held):
            table = by_name[name]
            held = self.tables[table]
            found = [table.make(*row) for row in rows]
            held.old = {table.key_of(row): row for row in found}
            held.old.update((whole(tuple(key)), None) for key in missing)
            held.sums = dict(sums)
            if left:
                self._left.add(table)
        return first.position

    def change(self, table: Table[R], key: Key) -> R:
        """Every row is written when it leaves memory, whether it changed or not."""
        return self.tables[table].rows.get(key) or self.the(table, key)

    def put(self, table: Table[R], row: R) -> None:
        self.tables[table].rows[table.key_of(row)] = row

    def delete(self, table: Table[R], key: Key) -> None:
        self.get(table, key)  # so that it stands nowhere but here
        self.tables[table].rows[key] = None

    def recall(self, held: Held[R], key: Key) -> R | None:
        """Takes a row back out of its table, and with it those that the rest of the batch will ask for."""
        if held.table not in self._left:
            return None
        keys = self.sought(held, key)
        found = [self._remembered.popleft() for _ in keys] if self._remembered else self._find(held.table, keys)
        for (_, known, values), sought in zip(found, keys, strict=True):
            if known != sought:
                raise LookupError(f"the folds ask for {sought} of {held.table.name}, but before they asked for {known}")
            held.rows[whole(known)] = None if values is None else held.table.make(*values)
            if values is not None:
                self._taken.setdefault(held.table, []).append(known)
        self._recalled += found
        return held.rows[key]

    def _find(self, table: Table[Any], keys: Values) -> list[Recall]:
        self._make_findable(table)
        if not self._reading:
            self._reading = True
            self._written.result()
            self.reader = self._snapshot.enter_context(self._store.reading())
        found = self.stored(table, keys)
        return [(table.name, key, astuple(found[key]) if key in found else None) for key in keys]

    def _make_findable(self, table: Table[Any]) -> None:
        if table not in self._findable:
            self._findable.add(table)
            if self._unindexed:
                self._written.result()
                self._write([_Change(table, table.create_indexes(self.slots[table.name])[:1], [], [], [])], None)

    def hand_over(self, position: int, *, everything: bool = False) -> None:
        """Writes what no fold has asked for lately once there is enough of it, or ``everything``; waits until what came before is
        written. ``position`` is that of the last event.

        Raises what ``guard`` raises.
        """
        if not everything and sum(len(held.rows) + len(held.added) for held in self.tables.values()) <= ROWS_HELD_MAX // 2:
            return
        self._snapshot.close()
        self._reading = False
        changes = [self._change(held, everything) for held in self.tables.values()]
        recalled, self._taken, self._recalled = self._recalled, {}, []
        if position <= self._stands and not everything:
            return
        step = Step(position, EVERYTHING_LOADED if everything else self._held(), _encode(recalled))
        self._written.result()
        self._written = self._writer.submit(self._write, changes, step)
        if everything:
            self._written.result()

    def _held(self) -> bytes | None:
        """What is in memory, where it is time to keep it."""
        if monotonic() - self._kept_at < KEPT_EVERY_SECONDS:
            return None
        self._kept_at = monotonic()
        return _encode([_held_table(held, held.table in self._left) for held in self.tables.values()])

    def _change(self, held: Held[Any], everything: bool) -> _Change:
        table, leaving = held.table, [row for row in held.age().values() if row is not None]
        if everything:
            leaving += [row for row in held.age().values() if row is not None]
        sums: Values = []
        if held.sums and (everything or len(held.sums) > SUMS_HELD_MAX):
            sums, held.sums = [(*key, amount) for key, amount in held.sums.items()], {}
        if sums and table not in self._left:
            leaving += [table.make(*each) for each in sums]
            sums = []
        elif sums:
            self._make_findable(table)
        if leaving:
            self._left.add(table)
        added, held.added = held.added, []
        return _Change(table, [], self._taken.get(table, []), added + leaving, sums)

    def _write(self, changes: Sequence[_Change], step: Step | None) -> None:
        with self._store.loading() as tx:
            self._guard(tx)
            for table, statements, taken, rows, sums in changes:
                slot = self.slots[table.name]
                for statement in statements:
                    tx.fetch(statement)
                say = table.statements[slot]
                tx.execute(say.delete, taken)
                tx.load(table.in_slot(slot), rows)
                tx.execute(say.add_up, sums)
            if step is not None:
                self._note(tx, step)


def _held_table(held: Held[Any], left: bool) -> _HeldTable:
    """Right after the rows have aged, when all of them are old."""
    missing = [parts(key) for key, row in held.old.items() if row is None]
    rows = [row for row in held.old.values() if row is not None]
    return _HeldTable(held.table.name, rows, missing, list(held.sums.items()), left)
