"""Filling empty tables that nobody reads yet, as fast as the store can load them.

A row is either held in memory or stands in its table, never both. It is written when nobody has asked for it for a while, and
taken back when a fold asks for it again after all. So memory stays bounded for a log of any length, and nothing is written twice.
Tables have no index while they are filled, but for the key of those in which a row had to be found.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple, TypeVar

from application.log import Loading, Store
from application.projections.tables import Held, Key, Row, Rows, Table, Value, parts

ROWS_HELD_MAX = 24_000  # about 10 MB; half of them are what came or was asked for last
SUMS_HELD_MAX = 50_000  # about 15 MB

R = TypeVar("R", bound=Row)
Values = Sequence[tuple[Value, ...]]


class _Change(NamedTuple):
    """What is to be done to one table, in this order."""

    table: Table[Any]
    statements: Sequence[str]
    taken: Values  # keys
    rows: Sequence[Row]
    sums: Values


class LoadedRows(Rows):
    """The rows of tables that were empty in the beginning. A thread of its own writes them while folds go on.

    ``guard`` is called in each transaction that writes, and raises where that must not be. ``unindexed`` tables get the index of
    their key when the first row has to be found again.
    """

    def __init__(self, slots: Mapping[str, str], store: Store, guard: Callable[[Loading], None], *, unindexed: bool) -> None:
        self._snapshot = ExitStack()
        self._store = store
        self._guard = guard
        self._unindexed = unindexed
        self._writer = ThreadPoolExecutor(1, "loading")
        self._written: Future[None] = Future()
        self._written.set_result(None)
        self._left: set[Table[Any]] = set()  # where rows stand that a fold may ask for
        self._findable: set[Table[Any]] = set()
        self._taken: dict[Table[Any], list[tuple[Value, ...]]] = {}
        self._reading = False
        super().__init__(slots, None)  # type: ignore[arg-type]  # a reader comes when it is needed

    def __enter__(self) -> "LoadedRows":
        return self

    def __exit__(self, *_: object) -> None:
        self._snapshot.close()
        self._writer.shutdown()

    def delete(self, table: Table[R], key: Key) -> None:
        self.get(table, key)  # so that it stands nowhere but here
        super().delete(table, key)

    def recall(self, held: Held[R], key: Key) -> R | None:
        """Takes a row back out of its table."""
        if held.table not in self._left:
            return None
        self._make_findable(held.table)
        if not self._reading:
            self._reading = True
            self._written.result()
            self.reader = self._snapshot.enter_context(self._store.reading())
        row = super().recall(held, key)
        if row is not None:
            self._taken.setdefault(held.table, []).append(parts(key))
        return row

    def _make_findable(self, table: Table[Any]) -> None:
        if table not in self._findable:
            self._findable.add(table)
            if self._unindexed:
                self._written.result()
                self._write([_Change(table, table.create_indexes(self.slots[table.name])[:1], [], [], [])])

    def hand_over(self, *, everything: bool = False) -> None:
        """Writes what no fold has asked for lately once there is enough of it, or ``everything``; waits until what came before is
        written.

        Raises what ``guard`` raises.
        """
        if not everything and sum(len(held.rows) + len(held.added) for held in self.tables.values()) <= ROWS_HELD_MAX // 2:
            return
        self._snapshot.close()
        self._reading = False
        changes = [self._change(held, everything) for held in self.tables.values()]
        self._taken = {}
        self._written.result()
        self._written = self._writer.submit(self._write, changes)
        if everything:
            self._written.result()

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
        added, held.added, held.changed = held.added, [], {}
        return _Change(table, [], self._taken.get(table, []), added + leaving, sums)

    def _write(self, changes: Sequence[_Change]) -> None:
        with self._store.loading() as tx:
            self._guard(tx)
            for table, statements, taken, rows, sums in changes:
                slot = self.slots[table.name]
                for statement in statements:
                    tx.fetch(statement)
                tx.execute(table.delete(slot), taken)
                tx.load(table.in_slot(slot), rows)
                tx.execute(table.add_up(slot), sums)
