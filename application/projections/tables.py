"""What every projection is made of: tables, their rows, and a fold from the log's events to these rows.

Every table exists twice, in the slots ``a`` and ``b``. One slot is live: turns write it and readers read it. A rebuild fills the
other one beside it and then switches. Which slot is live stands in the table ``projections``, so a snapshot of the database is
always consistent in itself.
"""

import types
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from operator import itemgetter
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from application.log import Reader, Recorded, Transaction
from domain.booking import Event
from domain.refusals import Malformed

SLOTS = ("a", "b")
ROWS_CACHED_MAX = 200_000  # about 100 MB at worst
POSITION_MAX = 2**63 - 1

Value = int | str | bytes | None
Row = tuple[Any, ...]
R = TypeVar("R", bound=Row)

_SQL_TYPES = {int: "BIGINT", str: "TEXT", bytes: "BYTEA"}  # SQLite takes these names as well
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ProjectionOutdated(Exception):
    """A projection in the database is not the one that this program writes and reads; ``db migrate`` makes it so."""

    def __init__(self, name: str, stored: int | None, wanted: int) -> None:
        found = "noch nicht aufgebaut" if stored in (None, wanted) else f"in Fassung {stored} gespeichert"
        super().__init__(f"Die Projektion „{name}“ ist {found}; dieses Programm braucht Fassung {wanted} (stundenpool db migrate).")


# ── Tables


@dataclass(frozen=True)
class Table(Generic[R]):
    """A table of a projection; its columns are the fields of the row type, a ``NamedTuple`` of int, str, bytes or None."""

    name: str
    row: type[R]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def columns(self) -> dict[str, str]:
        """Name and SQL type of every column."""
        return {name: _sql_type(hint) for name, hint in get_type_hints(self.row).items()}

    @cached_property
    def column_list(self) -> str:
        return ", ".join(self.columns)

    @cached_property
    def make(self) -> Callable[..., R]:
        """The row of these values, in the order of the columns."""
        return cast("Callable[..., R]", self.row)

    @cached_property
    def key_of(self) -> Callable[[R], tuple[Value, ...]]:
        """The key of a row."""
        names = list(self.columns)
        indexes = [names.index(column) for column in self.key]
        only = indexes[0]
        return itemgetter(*indexes) if len(indexes) > 1 else lambda row: (row[only],)

    def in_slot(self, slot: str) -> str:
        """The name in the database."""
        return f"{self.name}_{slot}"

    def create(self, slot: str) -> list[str]:
        """The statements that create the table and its indexes in a slot."""
        name = self.in_slot(slot)
        columns = ", ".join(f"{column} {kind}" for column, kind in self.columns.items())
        return [
            f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({', '.join(self.key)}))",
            *(f"CREATE INDEX {name}_by_{'_'.join(columns)} ON {name} ({', '.join(columns)})" for columns in self.indexes),
        ]

    def select(self, slot: str) -> str:
        return f"SELECT {self.column_list} FROM {self.in_slot(slot)} WHERE {self._is_key}"

    def insert(self, slot: str) -> str:
        marks = ", ".join("?" for _ in self.columns)
        return f"INSERT INTO {self.in_slot(slot)} ({self.column_list}) VALUES ({marks})"

    def upsert(self, slot: str) -> str:
        others = ", ".join(f"{column} = excluded.{column}" for column in self.columns if column not in self.key)
        return f"{self.insert(slot)} ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {others}"

    def add_up(self, slot: str) -> str:
        """Adds the last column to that of the row of the same key, or makes one."""
        name, summed = self.in_slot(slot), list(self.columns)[-1]
        sum_up = f"DO UPDATE SET {summed} = {name}.{summed} + excluded.{summed}"
        return f"{self.insert(slot)} ON CONFLICT ({', '.join(self.key)}) {sum_up}"

    def delete(self, slot: str) -> str:
        return f"DELETE FROM {self.in_slot(slot)} WHERE {self._is_key}"

    @cached_property
    def _is_key(self) -> str:
        return " AND ".join(f"{column} = ?" for column in self.key)


def _sql_type(hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        [known] = [option for option in get_args(hint) if option is not type(None)]
        return _SQL_TYPES[known]
    return f"{_SQL_TYPES[hint]} NOT NULL"


# ── Rows


class Rows:
    """The rows that folds read and write, each read once and written once a flush.

    Correct as long as nobody else writes these tables: whoever owns it begins anew when somebody else did.
    """

    def __init__(self, slots: Mapping[str, str], reader: Reader) -> None:
        self.slots = dict(slots)  # by table
        self.reader = reader
        self._cached: OrderedDict[tuple[str, tuple[Value, ...]], Row | None] = OrderedDict()
        self._changed: dict[str, tuple[Table[Any], dict[tuple[Value, ...], Row | None]]] = {}
        self._added: dict[str, tuple[Table[Any], list[Row]]] = {}
        self._sums: dict[str, tuple[Table[Any], dict[Row, int]]] = {}

    def get(self, table: Table[R], *key: Value) -> R | None:
        """The row of that key as the fold left it."""
        place = table.name, key
        if place in self._cached:
            self._cached.move_to_end(place)
            return cast("R | None", self._cached[place])
        found = self.reader.fetch(table.select(self.slots[table.name]), key)
        row = table.make(*found[0]) if found else None
        self._cached[place] = row
        return row

    def the(self, table: Table[R], *key: Value) -> R:
        """The row that earlier events must have left."""
        row = self.get(table, *key)
        if row is None:
            raise LookupError(f"{table.name} has no row {key}, although an earlier event should have left one")
        return row

    def put(self, table: Table[R], row: R) -> None:
        """Writes a row, in place of the one of the same key."""
        self._change(table, table.key_of(row), row)

    def delete(self, table: Table[R], *key: Value) -> None:
        self._change(table, key, None)

    def add(self, table: Table[R], row: R) -> None:
        """Writes a row that no fold ever reads or changes again."""
        self._added.setdefault(table.name, (table, []))[1].append(row)

    def add_up(self, table: Table[R], row: R) -> None:
        """Adds the last column to that of the row of the same key, whose others are all key. Nobody has to read the sum for it."""
        *key, amount = row
        sums = self._sums.setdefault(table.name, (table, {}))[1]
        place = tuple(key)
        sums[place] = sums.get(place, 0) + amount

    def flush(self, tx: Transaction) -> None:
        """Writes what changed since the last flush: at most three statements for a table."""
        for name, (table, sums) in self._sums.items():
            tx.execute(table.add_up(self.slots[name]), [(*key, amount) for key, amount in sums.items()])
        for name, (table, added) in self._added.items():
            tx.execute(table.insert(self.slots[name]), added)
        for name, (table, changed) in self._changed.items():
            gone = [key for key, row in changed.items() if row is None]
            left = [row for row in changed.values() if row is not None]
            if gone:
                tx.execute(table.delete(self.slots[name]), gone)
            if left:
                tx.execute(table.upsert(self.slots[name]), left)
        self._sums, self._added, self._changed = {}, {}, {}
        while len(self._cached) > ROWS_CACHED_MAX:
            self._cached.popitem(last=False)

    def _change(self, table: Table[Any], key: tuple[Value, ...], row: Row | None) -> None:
        self._cached[table.name, key] = row
        self._changed.setdefault(table.name, (table, {}))[1][key] = row


# ── Projections


@dataclass(frozen=True)
class Projection:
    """One question, answered by tables that a fold keeps. ``version`` counts whenever fold or tables change.

    ``handles`` are the events that the fold is given; it raises ``Unhandled`` for any other.
    """

    name: str
    version: int
    tables: tuple[Table[Any], ...]
    handles: frozenset[type[Event]]
    fold: Callable[[Recorded, Rows], None]


class Unhandled(TypeError):
    """A fold was given an event that it does not know: ``handles`` and the fold disagree."""

    def __init__(self, event: Recorded) -> None:
        super().__init__(f"no fold for {event.type} at position {event.position}")


Folds = Mapping[type[Event], Sequence[Callable[[Recorded, Rows], None]]]


def folds_of(projections: Iterable[Projection]) -> Folds:
    """The folds that each kind of event goes through."""
    folds: dict[type[Event], list[Callable[[Recorded, Rows], None]]] = {}
    for projection in projections:
        for handled in projection.handles:
            folds.setdefault(handled, []).append(projection.fold)
    return folds


def apply(folds: Folds, events: Iterable[Recorded], rows: Rows) -> None:
    """Folds events, in their order, into the rows of all projections that handle them."""
    for event in events:
        for fold in folds.get(type(event.data), ()):
            fold(event, rows)


def live_slots(reader: Reader, projections: Iterable[Projection]) -> dict[str, str]:
    """The live slot of every table; raises ``ProjectionOutdated``."""
    stored = {name: (version, slot) for name, version, slot in reader.fetch("SELECT name, version, slot FROM projections")}
    slots = {}
    for projection in projections:
        version, slot = stored.get(projection.name, (None, None))
        if version != projection.version or slot is None:
            raise ProjectionOutdated(projection.name, version, projection.version)
        slots.update({table.name: slot for table in projection.tables})
    return slots


class Projector:
    """Keeps projections live, in the turn that appends the events. One for each process."""

    def __init__(self, projections: Sequence[Projection]) -> None:
        self._projections = projections
        self._folds = folds_of(projections)
        self._rows: Rows | None = None

    def begin(self, tx: Transaction, foreign: bool) -> None:
        """At the start of a turn; ``foreign`` when somebody else has appended since the last one, or that one failed.

        Raises ``ProjectionOutdated``.
        """
        slots = live_slots(tx, self._projections)
        if foreign or self._rows is None or self._rows.slots != slots:
            self._rows = Rows(slots, tx)
        self._rows.reader = tx

    def project(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        """Folds what the turn appends and writes all touched rows. Events are sealed, as they stand in the log."""
        assert self._rows is not None, "a turn begins before it projects"
        apply(self._folds, events, self._rows)
        self._rows.flush(tx)


class Live:
    """Reads the live tables of some projections, within one snapshot."""

    def __init__(self, reader: Reader, *projections: Projection) -> None:
        self._reader = reader
        self._names = {table: f"{table}_{slot}" for table, slot in live_slots(reader, projections).items()}

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a statement in which every ``{table}`` stands for the live one."""
        return self._reader.fetch(sql.format_map(self._names), params)

    def rows(self, table: Table[R], condition: str, params: Sequence[Any] = ()) -> list[R]:
        """The rows of one table that meet a condition, which may go on to order and limit them."""
        statement = f"SELECT {table.column_list} FROM {{{table.name}}} WHERE {condition}"
        return [table.make(*values) for values in self.fetch(statement, params)]


# ── Conditions and pages


def matching(**equal: Value | UUID) -> tuple[str, list[Value]]:
    """The condition that each stated column has this value; ``None`` leaves a column out."""
    stated = {column: _stored(value) for column, value in equal.items() if value is not None}
    return " AND ".join(["1 = 1", *(f"{column} = ?" for column in stated)]), list(stated.values())


def _stored(value: Value | UUID) -> Value:
    return str(value) if isinstance(value, UUID) else value


def place_after(after: str | None) -> int:
    """The position after which a page begins; refuses what no page named as its end."""
    if after is None:
        return 0
    if not (after.isascii() and after.isdecimal() and len(after) <= len(str(POSITION_MAX)) and int(after) <= POSITION_MAX):
        raise Malformed(place="after", problem="kein Wert, den eine Liste als „next“ genannt hat")
    return int(after)


def page(
    live: Live, table: Table[R], condition: str, params: Sequence[Value], after: str | None, limit: int
) -> tuple[list[R], str | None]:
    """At most ``limit`` rows in the order of their column ``position``, and where the next page begins, if there is one."""
    rows = live.rows(
        table,
        f"{condition} AND position > ? ORDER BY position LIMIT ?",
        (*params, place_after(after), limit + 1),
    )
    shown = rows[:limit]
    position = list(table.columns).index("position")
    return shown, str(shown[-1][position]) if len(rows) > limit else None


# ── Values as columns hold them


def micros(instant: datetime) -> int:
    """Microseconds since 1970 in UTC; a naive instant is a mistake of the caller."""
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def instant(micros: int) -> datetime:
    """The reverse of ``micros``, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
