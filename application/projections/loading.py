"""Filling empty tables that nobody reads yet, as fast as the store can load them.

A row is held in memory until nobody has asked for it for a while; then it is written. When a fold asks for it again after all, it
is held once more, and taken out of its table as soon as it is changed. So memory stays bounded for a log of any length, and a row
is written once for each time that it comes to rest.
Tables have no index while they are filled, but for the key of those in which a row had to be found. With the first that a batch
of events has to find in a table come all that it will probably ask for there: one by one would take most of a long rebuild.

Each transaction that writes is a step, and says how far in the log it came; now and then one keeps what is in memory besides. Who
takes the loading up again folds from there on, and gets the rows that were taken back from what the steps remember of them, as the
tables have gone on since. What the same folds hand over up to the last step stands in the tables already, and is not written again.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from copy import copy
from itertools import chain
from time import monotonic
from typing import Any, NamedTuple, TypeVar
from zlib import compress, decompress

import msgspec

from application.log import Loading, Store
from application.projections.tables import Held, Key, Projection, Row, Rows, Table, Value, parts, whole

ROWS_HELD_MAX = 32_000  # about 15 MB
ROWS_ADDED_MAX = 3_000  # of those that no fold asks for
SUMS_HELD_MAX = 30_000  # about 9 MB
KEPT_EVERY_SECONDS = 10.0

R = TypeVar("R", bound=Row)
Values = Sequence[tuple[Value, ...]]
Recall = tuple[str, tuple[Value, ...], Any]  # table, key, and the row that was found, or nothing


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
    standing: Values  # keys of rows that stand in the table as they are
    asking: Sequence[str]
    sums: Sequence[tuple[tuple[Value, ...], int]]
    left: bool


_encode = msgspec.msgpack.Encoder().encode
_decode_held = msgspec.msgpack.Decoder(_HeldTable).decode
_decode_parts = msgspec.msgpack.Decoder(list[bytes]).decode
_decode_recalled = msgspec.msgpack.Decoder(list[list[Recall]]).decode

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
        self._leaving: dict[Table[Any], dict[Key, Any]] = defaultdict(dict)  # rows that are being written, or were last
        self._findable: set[Table[Any]] = set()
        self._standing: dict[Table[Any], set[Key]] = defaultdict(set)  # of rows that are held and stand in the table as well
        self._taken: dict[Table[Any], list[tuple[Value, ...]]] = defaultdict(list)
        self._recalled: list[msgspec.Raw] = []  # since the last step
        self._remembered: deque[Recall] = deque()  # by steps after which the loading was taken up again
        self._stands = 0  # everything that is handed over until there stands in the tables already
        self._kept_at = monotonic()
        self._reading = False
        self._by_name = {table.name: table for projection in projections for table in projection.tables}
        super().__init__(slots, None)  # type: ignore[arg-type]  # a reader comes when it is needed

    def __enter__(self) -> "LoadedRows":
        return self

    def __exit__(self, *_: object) -> None:
        self._snapshot.close()
        self._writer.shutdown()

    def resume(self, steps: Sequence[Step]) -> int:
        """Takes up a loading that others began, with the same folds; the position after which they go on."""
        first = steps[0]
        self._stands = steps[-1].position
        for step in steps if first.held is None else steps[1:]:
            self._remembered.extend(chain.from_iterable(_decode_recalled(step.recalled)))
        if first.held is None:
            return 0
        for part in _decode_parts(first.held):
            name, rows, missing, standing, asking, sums, left = _decode_held(decompress(part))
            table = self._by_name[name]
            held = self.tables[table]
            found = [table.make(*row) for row in rows]
            held.old = {table.key_of(row): row for row in found}
            held.old.update((whole(tuple(key)), None) for key in missing)
            held.asking, held.sums = dict.fromkeys(asking), dict(sums)
            self._standing[table] = {whole(tuple(key)) for key in standing}
            if left:
                self._left.add(table)
        return first.position

    def change(self, table: Table[R], key: Key) -> R:
        row = self.tables[table].rows.get(key) or self.the(table, key)
        if key in self._standing[table]:
            self._take(table, key)
        return row

    def put(self, table: Table[R], row: R) -> None:
        """Most rows are not asked for again soon, so a new one is old until it is."""
        held, key = self.tables[table], table.key_of(row)
        known = held.rows if key in held.rows else held.old
        known[key] = row

    def delete(self, table: Table[R], key: Key) -> None:
        self.get(table, key)
        if key in self._standing[table]:
            self._take(table, key)
        self.tables[table].rows[key] = None

    def _take(self, table: Table[Any], key: Key) -> None:
        """The row will be written again, or nevermore."""
        self._standing[table].remove(key)
        self._taken[table].append(parts(key))

    def recall(self, held: Held[R], key: Key) -> R | None:
        """Finds a row in its table, and with it those that the rest of the batch will ask for."""
        if held.table not in self._left:
            return None
        keys = self.sought(held, key)
        found = self._remember(held.table, keys) if self._remembered else self._find(held.table, keys)
        self._recalled.append(msgspec.Raw(_encode([(held.table.name, known, found.get(known)) for known in keys])))  # as it is now
        standing = self._standing[held.table]
        for known in keys:
            row = found.get(known)
            own = whole(known) if row is None else held.table.key_of(row)  # so that the key is in memory once
            held.rows[own] = row
            if row is not None:
                standing.add(own)
        return held.rows[key]

    def _remember(self, table: Table[R], keys: Values) -> dict[tuple[Value, ...], R]:
        """What was found when the same was asked for before the loading was broken off."""
        found = {}
        for key in keys:
            _, known, values = self._remembered.popleft()
            if known != key:
                raise LookupError(f"the folds ask for {key} of {table.name}, but before they asked for {known}")
            if values is not None:
                found[key] = table.make(*values)
        return found

    def _find(self, table: Table[R], keys: Values) -> dict[tuple[Value, ...], R]:
        """Looks for rows among those that are just being written, and then in the table, which may have these or not yet."""
        self._make_findable(table)
        leaving = self._leaving[table]
        found: dict[tuple[Value, ...], R] = {key: copy(row) for key in keys if (row := leaving.get(whole(key)))}
        if len(found) < len(keys):
            if not self._reading:
                self._reading = True
                self.reader = self._snapshot.enter_context(self._store.reading())
            found |= self.stored(table, [key for key in keys if key not in found])
        return found

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
        aging = everything or self._full()
        if not aging and sum(len(held.added) for held in self.tables.values()) <= ROWS_ADDED_MAX:
            return
        self._snapshot.close()
        self._reading = False
        self._written.result()
        for table, held in self.tables.items():
            self._leaving[table] = self._aged(held) if aging else {}
            if everything:  # those that were asked for lately as well
                self._leaving[table] |= self._aged(held)
        changes = [self._change(held, everything) for held in self.tables.values()]
        recalled, self._recalled = self._recalled, []
        if position <= self._stands and not everything:
            return
        step = Step(position, EVERYTHING_LOADED if everything else self._held(aging), _encode(recalled))
        self._written = self._writer.submit(self._write, changes, step)
        if everything:
            self._written.result()

    def _full(self) -> bool:
        """Whether so many rows are held that the oldest have to leave: half of them may be such as were asked for again."""
        asked = sum(len(held.rows) for held in self.tables.values())
        old = sum(len(held.old) for held in self.tables.values())
        return asked > ROWS_HELD_MAX // 2 or asked + old > ROWS_HELD_MAX

    def _held(self, aging: bool) -> bytes | None:
        """What is in memory, where it is time to keep it and all rows are old."""
        if not aging or monotonic() - self._kept_at < KEPT_EVERY_SECONDS:
            return None
        self._kept_at = monotonic()
        return _encode([compress(_encode(self._held_table(held)), level=1) for held in self.tables.values()])

    def _held_table(self, held: Held[Any]) -> _HeldTable:
        missing = [parts(key) for key, row in held.old.items() if row is None]
        rows = [row for row in held.old.values() if row is not None]
        standing = [parts(key) for key in self._standing[held.table]]
        return _HeldTable(
            held.table.name, rows, missing, standing, list(held.asking), list(held.sums.items()), held.table in self._left
        )

    def _change(self, held: Held[Any], everything: bool) -> _Change:
        table, resting = held.table, list(self._leaving[held.table].values())
        sums: Values = []
        if held.sums and (everything or len(held.sums) > SUMS_HELD_MAX):
            sums, held.sums = [(*key, amount) for key, amount in held.sums.items()], {}
        if sums and table not in self._left:
            resting += [table.make(*each) for each in sums]
            sums = []
        elif sums:
            self._make_findable(table)
        if resting:
            self._left.add(table)
        added, held.added = held.added, []
        return _Change(table, [], self._taken.pop(table, []), added + resting, sums)

    def _aged(self, held: Held[R]) -> dict[Key, R]:
        """The oldest rows, which leave memory, but for those that stand in the table as they are."""
        standing = self._standing[held.table]
        aged = held.age()
        leaving = {key: row for key, row in aged.items() if row is not None and key not in standing}
        standing.difference_update(aged)
        return leaving

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
