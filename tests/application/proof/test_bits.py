"""Every bit of every stored byte of a log of 2,000 events counts: whichever is changed, its event is named."""

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from click.testing import CliRunner
from eventsourcing.persistence import Notification

from application import commands
from application.log import Store, leaf_hash
from application.proof.verification import Verified, deviations_of
from interfaces.cli import main
from interfaces.storage import open_store
from tests.application.one_turn import in_one_turn
from tests.application.proof.attacks import NOON, log_sessions, opened_case, work
from tests.office import LEAD, OFFICER, body, running_office
from tests.tampering import drops_of_guards

EVENTS_MIN = 2_000
A_TURN = 250
TEXTS = ("originator_id", "topic")
COLUMNS = (*TEXTS, "originator_version", "state", "rowid")


class Log(NamedTuple):
    """The file of a store without triggers, and its keys; whoever changes it puts it back."""

    file: Path
    keys: Path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = tmp_path_factory.mktemp("log")
    log = Log(folder / "store.db", folder / "keys")
    with running_office(f"sqlite:///{log.file}", log.keys, lambda: NOON) as office:
        case = opened_case(office, office.open_pool("2021-11-01", "2022-05-31", 600_000))
        requesting = [work(LEAD, commands.request_hours, case=case, minutes=30_000) for _ in range(10)]
        bookings = [UUID(body(answer.result())["id"]) for answer in in_one_turn(office, requesting)]
        for answer in in_one_turn(office, [work(OFFICER, commands.approve_hours, booking) for booking in bookings]):
            answer.result()
        while len(rows(office.store)) < EVENTS_MIN:
            log_sessions(office, bookings, A_TURN)
        with office.store.turn() as turn:
            for drop in drops_of_guards(turn, office.store):
                turn.fetch(drop)
    return log


def rows(store: Store) -> list[Notification]:
    with store.reading() as reader:
        return reader.notifications(0, 100_000)


# ── Each bit against the leaves


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("step", [100, pytest.param(1, marks=pytest.mark.chaos)])
def test_no_event_with_another_bit_has_a_leaf_of_the_log(log: Log, step: int) -> None:
    """given every bit of an event's columns changed, one at a time / then its hash is that of no event of the log, nor its own."""
    with closing(open_store(f"sqlite:///{log.file}", create=False)) as store:
        stored = rows(store)
        with store.reading() as reader:
            hashes = b"".join(run for (run,) in reader.fetch("SELECT hashes FROM tree WHERE level = 0 ORDER BY last"))
    leaves = [hashes[start : start + 32] for start in range(0, len(hashes), 32)]
    assert leaves == [leaf_hash(row) for row in stored]
    known = set(leaves)
    changed = 0
    for row in stored[::step]:
        for other in with_each_bit_changed(row):
            assert leaf_hash(other) not in known, (row, other)
            changed += 1
    assert changed > len(stored[::step]) * 2_000


def with_each_bit_changed(row: Notification) -> Iterator[Notification]:
    stream, version, topic, state, position = row.originator_id, row.originator_version, row.topic, row.state, row.id
    assert isinstance(stream, UUID)
    for other in flipped(stream.bytes):
        yield Notification(UUID(bytes=other), version, topic, state, position)
    for other in flipped(version.to_bytes(8)):
        yield Notification(stream, int.from_bytes(other), topic, state, position)
    for other in flipped(topic.encode()):
        if other.isascii():  # otherwise it is no text; the tests below change those bits too
            yield Notification(stream, version, other.decode(), state, position)
    for other in flipped(state):
        yield Notification(stream, version, topic, other, position)
    for other in flipped(position.to_bytes(8)):
        yield Notification(stream, version, topic, state, int.from_bytes(other))


def flipped(value: bytes) -> Iterator[bytes]:
    """The bytes with each bit changed."""
    changing = bytearray(value)
    for at in range(len(changing)):
        for bit in range(8):
            changing[at] ^= 1 << bit
            yield bytes(changing)
            changing[at] ^= 1 << bit


# ── Bits of the file, through the whole verification


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", [20, pytest.param(2_000, marks=pytest.mark.chaos)])
def test_a_bit_of_the_file_is_found_where_it_is(log: Log, number: int) -> None:
    """given one bit changed in a column as SQLite stores it / when verified / then the first deviation is at its position."""
    chance = random.Random(number)
    with closing(open_store(f"sqlite:///{log.file}", create=False)) as store, closing(connected(log)) as connection:
        for _ in range(number):
            with changed_bit(connection, chance) as position, store.reading() as reader:
                found = list(deviations_of(reader, [], [], Verified(), lambda done, total: None))
            assert min(each.position for each in found if each.position) == position
        with store.reading() as reader:
            assert list(deviations_of(reader, [], [], Verified(), lambda done, total: None)) == []


@pytest.mark.parametrize(
    "alteration",
    ["state = CAST(state AS TEXT)", "originator_version = 'x'", "topic = X'ff'", "originator_id = X'ff'", "rowid = -5"],
)
def test_a_value_of_another_kind_is_found_where_it_is(log: Log, alteration: str) -> None:
    """given a value that no event has in its column, which SQLite takes / when verified / then its position is named."""
    with closing(open_store(f"sqlite:///{log.file}", create=False)) as store, closing(connected(log)) as connection:
        before = connection.execute(f"SELECT rowid, {', '.join(COLUMNS[:-1])} FROM stored_events WHERE rowid = 77").fetchone()
        connection.execute(f"UPDATE stored_events SET {alteration} WHERE rowid = 77")
        with store.reading() as reader:
            found = list(deviations_of(reader, [], [], Verified(), lambda done, total: None))
        connection.execute("DELETE FROM stored_events WHERE rowid IN (77, -5)")
        connection.execute(f"INSERT INTO stored_events (rowid, {', '.join(COLUMNS[:-1])}) VALUES (?, ?, ?, ?, ?)", before)
    assert min(each.position for each in found if each.position) == 77


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", [3, pytest.param(50, marks=pytest.mark.chaos)])
def test_a_bit_of_the_file_is_named_on_the_command_line(log: Log, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """given the same / when `audit verify` is called / then it names the position, and its exit status is 1."""
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", f"sqlite:///{log.file}")
    monkeypatch.setenv("STUNDENPOOL_KEYSTORE", str(log.keys))
    monkeypatch.chdir(log.file.parent)
    chance = random.Random(-number)
    with closing(connected(log)) as connection:
        for _ in range(number):
            with changed_bit(connection, chance) as position:
                done = CliRunner().invoke(main, ["audit", "verify", "--json"], catch_exceptions=False)
            assert done.exit_code == 1
            assert min(each["position"] for each in json.loads(done.stdout)["deviations"] if each["position"]) == position
    assert CliRunner().invoke(main, ["audit", "verify"], catch_exceptions=False).exit_code == 0


def connected(log: Log) -> sqlite3.Connection:
    connection = sqlite3.connect(log.file, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


@contextmanager
def changed_bit(connection: sqlite3.Connection, chance: random.Random) -> Iterator[int]:
    """The position at which one bit is changed within the block, wherever the database lets that happen."""
    [(events,)] = connection.execute("SELECT COUNT(*) FROM stored_events")
    while True:
        position, column = chance.randint(1, events), chance.choice(COLUMNS)
        stored, written = (f"CAST({column} AS BLOB)", "CAST(? AS TEXT)") if column in TEXTS else (column, "?")
        [(before,)] = connection.execute(f"SELECT {stored} FROM stored_events WHERE rowid = ?", (position,))
        after = with_a_bit_changed(before, chance)
        update = f"UPDATE stored_events SET {column} = {written} WHERE rowid = ?"
        try:
            connection.execute(update, (after, position))
        except sqlite3.IntegrityError:
            continue  # the position, or the version of the stream, is taken
        try:
            yield position
        finally:
            connection.execute(update, (before, after if column == "rowid" else position))
        return


def with_a_bit_changed(value: Any, chance: random.Random) -> Any:
    if isinstance(value, bytes):
        return chance.choice(list(flipped(value)))
    return int.from_bytes(chance.choice(list(flipped(value.to_bytes(8)))), signed=True)
