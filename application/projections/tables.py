"""What every projection is made of: tables, their rows, and a fold from the log's events to these rows.

Every table exists twice, in the slots ``a`` and ``b``. One slot is live: turns write it and readers read it. A rebuild fills the
other one beside it and then switches. Which slot is live stands in the table ``projections``, so a snapshot of the database is
always consistent in itself.
"""

import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from msgspec.structs import astuple

from application.log import Found, Question, Reader, Recorded, Transaction, forms_of
from domain.booking import Event
from domain.quantities import berlin_day
from domain.refusals import Malformed

SLOTS = ("a", "b")
ROWS_HELD_MAX = 200_000  # about 100 MB at worst
ROWS_A_PAGE = 500  # where all rows are read one after the other
POSITION_MAX = 2**63 - 1

Value = int | str | None
Key = str | int | tuple[Value, ...]


class Row(msgspec.Struct, array_like=True, gc=False):
    """A row of a table: int, str or None in every column. Folds change it in place."""


R = TypeVar("R", bound=Row)

_SQL_TYPES = {int: "BIGINT", str: "TEXT"}  # SQLite takes these names as well
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = 3_600_000_000  # microseconds


class ProjectionOutdated(Exception):
    """A projection in the database is not the one that this program writes and reads; ``db migrate`` makes it so."""

    def __init__(self, name: str, stored: int | None, wanted: int) -> None:
        found = "noch nicht aufgebaut" if stored in (None, wanted) else f"in Fassung {stored} gespeichert"
        super().__init__(f"Die Projektion „{name}“ ist {found}; dieses Programm braucht Fassung {wanted} (stundenpool db migrate).")


# ── Tables


@dataclass(frozen=True, eq=False)
class Table(Generic[R]):
    """A table of a projection; its columns are the fields of the row type. The key is an index like the others, but unique."""

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
    def key_of(self) -> Callable[[R], Key]:
        """The key of a row: the value of its only column, or a tuple."""
        return attrgetter(*self.key)

    def in_slot(self, slot: str) -> str:
        """The name in the database."""
        return f"{self.name}_{slot}"

    def create(self, slot: str) -> str:
        """The statement that creates the table in a slot, without any index."""
        return f"CREATE TABLE {self.in_slot(slot)} ({', '.join(f'{column} {kind}' for column, kind in self.columns.items())})"

    def create_indexes(self, slot: str) -> list[str]:
        """The statements that create the indexes that are missing in a slot, the key first."""
        table = self.in_slot(slot)
        return [
            f"CREATE {'UNIQUE INDEX' if columns == self.key else 'INDEX'} IF NOT EXISTS {name} ON {table} ({', '.join(columns)})"
            for name, columns in self._indexes(slot)
        ]

    def drop_indexes(self, slot: str) -> list[str]:
        return [f"DROP INDEX IF EXISTS {name}" for name, _ in self._indexes(slot)]

    def _indexes(self, slot: str) -> list[tuple[str, tuple[str, ...]]]:
        return [(f"{self.in_slot(slot)}_by_{'_'.join(columns)}", columns) for columns in (self.key, *self.indexes)]

    @cached_property
    def statements(self) -> Mapping[str, "Statements"]:
        """By slot, what is said to the table. Rows are written thousands of times a second."""
        return {slot: self._statements(slot) for slot in SLOTS}

    def _statements(self, slot: str) -> "Statements":
        name, key = self.in_slot(slot), ", ".join(self.key)
        is_key = " AND ".join(f"{column} = ?" for column in self.key)
        select = f"SELECT {self.column_list} FROM {name} WHERE"
        insert = f"INSERT INTO {name} ({self.column_list}) VALUES ({', '.join('?' for _ in self.columns)})"
        others = ", ".join(f"{column} = excluded.{column}" for column in self.columns if column not in self.key)
        summed = list(self.columns)[-1]
        return Statements(
            select=f"{select} {is_key}",
            select_any=f"{select} {self.key[0]} IN (?)",
            insert=insert,
            upsert=f"{insert} ON CONFLICT ({key}) DO UPDATE SET {others}",
            add_up=f"{insert} ON CONFLICT ({key}) DO UPDATE SET {summed} = {name}.{summed} + excluded.{summed}",
            delete=f"DELETE FROM {name} WHERE {is_key}",
        )


class Statements(NamedTuple):
    """What is said to a table in one slot; the values are those of a row, or of its key."""

    select: str
    select_any: str  # the rows of many keys, which have one column
    insert: str
    upsert: str
    add_up: str  # adds the last column to that of the row of the same key, or makes one
    delete: str


def _sql_type(hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        [known] = [option for option in get_args(hint) if option is not type(None)]
        return _SQL_TYPES[known]
    return f"{_SQL_TYPES[hint]} NOT NULL"


# ── Rows


class Held(Generic[R]):
    """What is known of a table: rows by key, ``None`` where there is none, and what of it is not written yet. And the types of the
    events at which folds asked for rows that were not held.

    Rows that nobody asked for since ``age`` was called twice are forgotten.
    """

    __slots__ = ("added", "asking", "changed", "old", "rows", "sums", "table")

    def __init__(self, table: Table[R]) -> None:
        self.table = table
        self.rows: dict[Key, R | None] = {}
        self.old: dict[Key, R | None] = {}
        self.changed: dict[Key, R | None] = {}
        self.added: list[R] = []
        self.asking: dict[str, None] = {}  # in the order in which they asked first
        self.sums: dict[tuple[Value, ...], int] = {}

    def age(self) -> dict[Key, R | None]:
        """Forgets the oldest rows, and returns them."""
        forgotten, self.old, self.rows = self.old, self.rows, {}
        return forgotten


class _Tables(dict[Table[Any], Held[Any]]):
    def __missing__(self, table: Table[Any]) -> Held[Any]:
        held = self[table] = Held(table)
        return held


class Rows:
    """The rows that folds read and write, each read once and written once a flush.

    With the first that a batch of events has to read from a table come all that it will probably ask for there: those of all its
    events whose kind has asked for rows of that table before. What others write into these tables has to be taken over
    (``projector``).
    """

    event: Recorded  # that is folded now

    def __init__(self, slots: Mapping[str, str], reader: Reader) -> None:
        self.slots = dict(slots)  # by table
        self.reader = reader
        self.tables = _Tables()
        self._batch: Sequence[Recorded] = ()
        self._by_type: dict[str, list[Recorded]] = {}  # the batch, once somebody has to find rows
        self._found_in: set[Table[Any]] = set()  # in this batch

    def expect(self, batch: Sequence[Recorded]) -> None:
        """The events that are folded next."""
        self._batch, self._by_type, self._found_in = batch, {}, set()

    def get(self, table: Table[R], key: Key) -> R | None:
        """The row of that key as the fold left it. The key of several columns is a tuple."""
        held: Held[R] = self.tables[table]
        try:
            return held.rows[key]
        except KeyError:
            row = held.rows[key] = held.old.pop(key) if key in held.old else self.recall(held, key)
            return row

    def the(self, table: Table[R], key: Key) -> R:
        """The row that earlier events must have left."""
        row = self.tables[table].rows.get(key) or self.get(table, key)
        if row is None:
            raise LookupError(f"{table.name} has no row {key}, although an earlier event should have left one")
        return row

    def change(self, table: Table[R], key: Key) -> R:
        """The row that earlier events must have left, for the fold to change its columns other than the key."""
        held: Held[R] = self.tables[table]
        row = held.rows.get(key) or self.the(table, key)
        held.changed[key] = row
        return row

    def put(self, table: Table[R], row: R) -> None:
        """Writes a row whose key no other has."""
        held: Held[R] = self.tables[table]
        key = table.key_of(row)
        held.rows[key] = held.changed[key] = row

    def delete(self, table: Table[R], key: Key) -> None:
        """Deletes the row of that key, if there is one."""
        held: Held[R] = self.tables[table]
        held.rows[key] = held.changed[key] = None

    def add(self, table: Table[R], row: R) -> None:
        """Writes a row that no fold ever reads or changes again."""
        self.tables[table].added.append(row)

    def add_up(self, table: Table[R], key: tuple[Value, ...], amount: int) -> None:
        """Adds to the last column of the row of that key, whose others are all key. Nobody has to read the sum for it."""
        sums = self.tables[table].sums
        sums[key] = sums.get(key, 0) + amount

    def flush(self, tx: Transaction) -> None:
        """Writes what changed since the last flush: at most four statements for a table."""
        for table, held in self.tables.items():
            say = table.statements[self.slots[table.name]]
            tx.execute(say.add_up, [(*key, amount) for key, amount in held.sums.items()])
            tx.execute(say.insert, map(astuple, held.added))
            tx.execute(say.delete, [parts(key) for key, row in held.changed.items() if row is None])
            tx.execute(say.upsert, [astuple(row) for row in held.changed.values() if row is not None])
            held.sums, held.added, held.changed = {}, [], {}
        if sum(len(held.rows) for held in self.tables.values()) > ROWS_HELD_MAX // 2:
            for held in self.tables.values():
                held.age()

    def recall(self, held: Held[R], key: Key) -> R | None:
        """Reads a row that is not held."""
        keys = self.sought(held, key)
        found = self.stored(held.table, keys)
        for each in keys:
            held.rows[whole(each)] = found.get(each)
        return held.rows[key]

    def sought(self, held: Held[Any], key: Key) -> list[tuple[Value, ...]]:
        """The key, and those that the rest of the batch will probably ask for in the same table."""
        keys = [parts(key)]
        if self.event.type not in held.asking:
            held.asking[self.event.type] = None
            self._found_in.discard(held.table)
        if held.table not in self._found_in:
            self._found_in.add(held.table)
            keys = list(dict.fromkeys([*keys, *self._probable(held)]))
        return keys

    def stored(self, table: Table[R], keys: Sequence[tuple[Value, ...]]) -> dict[tuple[Value, ...], R]:
        """The rows that the database has of these keys; of several columns there is only one key."""
        say = table.statements[self.slots[table.name]]
        if len(keys) == 1:
            found = self.reader.fetch(say.select, keys[0])
        else:
            [found] = self.reader.ask(Question(say.select_any, cast("Sequence[tuple[str]]", keys)))
        share: dict[Value, Value] = {}  # rows have many texts in common, such as providers
        rows = [table.make(*[share.setdefault(value, value) for value in values]) for values in found]
        return {parts(table.key_of(row)): row for row in rows}

    def _probable(self, held: Held[Any]) -> Iterator[tuple[Value, ...]]:
        """Rows are asked for by the stream of an event, or by what it is about besides."""
        column, *others = held.table.key
        for type in () if others else held.asking:
            for event in self._of_type(type):
                data: Any = event.data
                key = str(getattr(data, column, None) or getattr(data, "booking", None) or event.stream)
                if key not in held.rows and key not in held.old:
                    yield (key,)

    def _of_type(self, type: str) -> Sequence[Recorded]:
        """The events of the batch that have this type."""
        if not self._by_type:
            for event in self._batch:
                self._by_type.setdefault(event.type, []).append(event)
        return self._by_type.get(type, ())


def parts(key: Key) -> tuple[Value, ...]:
    """The values of a key's columns."""
    return key if isinstance(key, tuple) else (key,)


def whole(values: tuple[Value, ...]) -> Key:
    """The key of these values."""
    return values if len(values) > 1 else cast("str | int", values[0])


# ── Projections

Fold = Callable[[Recorded, Any, Rows], object]


@dataclass(frozen=True)
class Projection:
    """One question, answered by tables that folds keep. ``version`` counts whenever folds or tables change.

    ``folds`` has the fold of each kind of event that it is about: given the event, its data and the rows. The data may come with
    ids as text, where nobody has made ``UUID`` of them, so a fold takes their ``str``; it does not ask for its class.
    """

    name: str
    version: int
    tables: tuple[Table[Any], ...]
    folds: Mapping[type[Event], Fold]


Folds = Mapping[type, Sequence[Fold]]


def folds_of(projections: Iterable[Projection]) -> Folds:
    """The folds that each kind of event goes through, by both of its classes."""
    folds: dict[type, list[Fold]] = {}
    for projection in projections:
        for event, fold in projection.folds.items():
            for form in forms_of(event):
                folds.setdefault(form, []).append(fold)
    return folds


def apply(folds: Folds, events: Iterable[Recorded], rows: Rows) -> None:
    """Folds events, in their order, into the rows of all projections that they are about."""
    for event in events:
        rows.event, data = event, event.data
        for fold in folds.get(type(data), ()):
            fold(event, data, rows)


LIVE = Question("SELECT name, version, slot FROM projections")


def live_slots(reader: Reader, projections: Iterable[Projection]) -> dict[str, str]:
    """The live slot of every table; raises ``ProjectionOutdated``."""
    return slots_of(reader.fetch(LIVE.sql), projections)


def slots_of(live: Found, projections: Iterable[Projection]) -> dict[str, str]:
    """The same from the answer to ``LIVE``."""
    stored = {name: (version, slot) for name, version, slot in live}
    slots = {}
    for projection in projections:
        version, slot = stored.get(projection.name, (None, None))
        if version != projection.version or slot is None:
            raise ProjectionOutdated(projection.name, version, projection.version)
        slots.update({table.name: slot for table in projection.tables})
    return slots


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
    return shown, str(cast(Any, shown[-1]).position) if len(rows) > limit else None


def pages(live: Live, table: Table[R], condition: str, params: Sequence[Value]) -> Iterator[list[R]]:
    """All rows that meet a condition in the order of their column ``position``, no more than a page of them in memory."""
    after: str | None = None
    while True:
        rows, after = page(live, table, condition, params, after, ROWS_A_PAGE)
        yield rows
        if after is None:
            return


# ── Values as columns hold them


def micros(instant: datetime) -> int:
    """Microseconds since 1970 in UTC; a naive instant is a mistake of the caller."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(micros: int) -> datetime:
    """The reverse of ``micros``, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def stated(instant: datetime) -> str:
    """An instant with the offset in which it was stated, for ``datetime.fromisoformat``; many times as fast as its reverse."""
    written: str = msgspec.to_builtins(instant)
    return written


def day_of(micros: int) -> str:
    """The calendar day in Europe/Berlin of an instant in microseconds, as ``2022-03-01``."""
    return _day_of_hour(micros // _HOUR)


class Moment(NamedTuple):
    """An instant as columns hold it: as it was stated, in microseconds, and its calendar day in Europe/Berlin."""

    stated: str
    micros: int
    day: str


def moment(instant: datetime) -> Moment:
    """What columns need of an instant that somebody stated. Such instants are full minutes, so the same ones come again and again:
    to write one and look it up takes a third of the time that arithmetic with its offset takes."""
    return _moment(stated(instant))


@lru_cache(maxsize=8_192)
def _moment(stated: str) -> Moment:
    at = micros(datetime.fromisoformat(stated))
    return Moment(stated, at, day_of(at))


@lru_cache(maxsize=16_384)
def _day_of_hour(hour: int) -> str:
    """Of all instants in an hour since 1970: Berlin's clocks have been whole hours apart from UTC since 1893."""
    return berlin_day(instant(hour * _HOUR)).isoformat()


def iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
