"""Both recorders: the library's own suites, and what a turn promises beyond them."""

import gc
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import (
    DatabaseError,
    DataError,
    InfrastructureFactory,
    IntegrityError,
    InterfaceError,
    Notification,
    OperationalError,
    PersistenceError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.tests import application as application_suite
from eventsourcing.tests import persistence as recorder_suite

from application.log import CommitUnknown, Question, Store
from interfaces.storage import open_store
from interfaces.storage.postgres import PostgresTurnRecorder, with_format_placeholders
from interfaces.storage.sqlite import SQLiteTurnRecorder
from tests.cutting_proxy import CuttingProxy
from tests.postgres import Cluster

FreshUrl = Callable[[str], str]


def is_postgres(store: Store) -> bool:
    return isinstance(store, PostgresTurnRecorder)


def recorder_of(store: Store) -> SQLiteTurnRecorder | PostgresTurnRecorder:
    """The same object, with the half that the library sees."""
    assert isinstance(store, SQLiteTurnRecorder | PostgresTurnRecorder)
    return store


def event(position: int, stream: UUID | None = None, version: int = 1, state: bytes = b"{}") -> Notification:
    return Notification(stream or uuid4(), version, "case-opened", state, position)


def positions(store: Store) -> list[int]:
    with store.reading() as reader:
        return [found.id for found in reader.notifications(after=0, limit=10_000)]


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with closing(open_store(store_url, create=True)) as opened:
        yield opened


@pytest.fixture
def other(store_url: str, store: Store) -> Iterator[Store]:
    """Another process's view of the same store."""
    with closing(open_store(store_url, create=False)) as opened:
        yield opened


# --- the library's own suites -----------------------------------------------------------------------------------------


class OnFreshStores:
    """Gives the library's test cases recorders of one kind, each with a database of its own."""

    kind: str

    @pytest.fixture(autouse=True)
    def _stores(self, fresh_url: FreshUrl) -> Iterator[None]:
        self._fresh_url = fresh_url
        with ExitStack() as self._opened:
            yield

    def create_recorder(self) -> Any:
        return self._opened.enter_context(closing(self.open_store()))

    def open_store(self) -> Store:
        return open_store(self._fresh_url(self.kind), create=True)


class SQLiteRecorderSuite(OnFreshStores, recorder_suite.ApplicationRecorderTestCase):
    kind = "sqlite"


class PostgresRecorderSuite(OnFreshStores, recorder_suite.ApplicationRecorderTestCase):
    kind = "postgres"

    def create_recorder(self) -> Any:
        """The library's subscription looks before it listens, and nobody tells it of what is appended in between."""
        recorder = super().create_recorder()
        subscribe = recorder.subscribe

        def subscribed(*args: Any, **stated: Any) -> Any:
            began = self._now(recorder)
            subscription = subscribe(*args, **stated)
            while not self._listens_since(recorder, began):
                time.sleep(0.01)
            return subscription

        recorder.subscribe = subscribed
        return recorder

    @staticmethod
    def _now(recorder: Any) -> datetime:
        with recorder.datastore.get_connection() as connection:
            now: datetime = connection.execute("SELECT clock_timestamp() AS now").fetchone()["now"]
            return now

    @staticmethod
    def _listens_since(recorder: Any, began: datetime) -> bool:
        with recorder.datastore.get_connection() as connection:
            found = connection.execute(
                "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%%' AND query_start > %s",
                (began,),
            )
            return found.fetchone() is not None

    def test_insert_subscribe(self) -> None:
        """Whoever follows the log with the library's subscription is told of every turn."""
        self.optional_test_insert_subscribe()


class SQLiteOrderSuite(OnFreshStores, recorder_suite.NonInterleavingNotificationIDsBaseCase):
    kind = "sqlite"


class PostgresOrderSuite(OnFreshStores, recorder_suite.NonInterleavingNotificationIDsBaseCase):
    kind = "postgres"


class OnSharedMemory(OnFreshStores):
    """Gives the library's test cases a memory that several connections share."""

    def open_store(self) -> Store:
        name = f"file:{uuid4().hex}?mode=memory&cache=shared"
        environment = {"PERSISTENCE_MODULE": "interfaces.storage.sqlite", "SQLITE_DBNAME": name}
        return cast(Store, InfrastructureFactory.construct(environment).application_recorder())


class SQLiteMemoryRecorderSuite(OnSharedMemory, recorder_suite.ApplicationRecorderTestCase):
    pass


class SQLiteMemoryOrderSuite(OnSharedMemory, recorder_suite.NonInterleavingNotificationIDsBaseCase):
    pass


@pytest.mark.filterwarnings("default::DeprecationWarning")  # what the suite itself provokes
class OnOurModules:
    """Lets the library's applications find the recorders through the environment."""

    @pytest.fixture(autouse=True)
    def _environment(self, fresh_url: FreshUrl, monkeypatch: pytest.MonkeyPatch) -> None:
        for key, setting in self.settings(fresh_url).items():
            monkeypatch.setenv(key, setting)

    def settings(self, fresh_url: FreshUrl) -> dict[str, str]:
        raise NotImplementedError


class SQLiteApplicationSuite(OnOurModules, application_suite.ApplicationTestCase):
    def settings(self, fresh_url: FreshUrl) -> dict[str, str]:
        path = fresh_url("sqlite").removeprefix("sqlite:///")
        return {"PERSISTENCE_MODULE": "interfaces.storage.sqlite", "SQLITE_DBNAME": path}


class PostgresApplicationSuite(OnOurModules, application_suite.ApplicationTestCase):
    def settings(self, fresh_url: FreshUrl) -> dict[str, str]:
        parts = urlsplit(fresh_url("postgres"))
        return {
            "PERSISTENCE_MODULE": "interfaces.storage.postgres",
            "POSTGRES_HOST": str(parts.hostname),
            "POSTGRES_PORT": str(parts.port),
            "POSTGRES_DBNAME": parts.path[1:],
            "POSTGRES_USER": str(parts.username),
            "POSTGRES_PASSWORD": "",
            "POSTGRES_POOL_SIZE": "1",
            "POSTGRES_MAX_OVERFLOW": "8",
        }


# --- turns ------------------------------------------------------------------------------------------------------------


def append_next(store: Store, stream: UUID, version: int) -> int:
    """A turn that appends one event at the next position."""
    with store.turn() as turn:
        head = turn.head()
        position = head.id + 1 if head else 1
        turn.append([event(position, stream, version)])
    return position


def test_events_come_back_as_they_were_appended(store: Store) -> None:
    """Head, order of the log and streams return exactly what was appended, whatever the state contains."""
    stream, empty = uuid4(), uuid4()
    events = [event(1, stream, 1, b'{"a":1}'), event(2), event(3, stream, 2, bytes(range(256)))]
    with store.turn() as turn:
        turn.append(events)
    with store.reading() as reader:
        assert reader.head() == events[-1]
        assert reader.notifications(after=0, limit=10) == events
        assert reader.notifications(after=1, limit=1) == [events[1]]
        assert reader.stream(stream) == [
            StoredEvent(found.originator_id, found.originator_version, found.topic, found.state) for found in (events[0], events[2])
        ]
        assert [found.originator_version for found in reader.stream(stream, after=1)] == [2]
        assert reader.stream(empty) == []


def test_an_empty_log_has_no_head(store: Store) -> None:
    """In an empty log there is no last event, and the first position is 1."""
    with store.turn() as turn:
        assert turn.head() is None
        turn.append([])
        turn.append([event(1)])
    assert positions(store) == [1]


@pytest.mark.parametrize("wrong", [[3], [2, 4], [2, 2], [1], [3, 2], [0]])
def test_positions_follow_their_predecessors(store: Store, wrong: list[int]) -> None:
    """Events whose positions do not continue the log without a gap are refused, all of them."""
    append_next(store, uuid4(), 1)
    with pytest.raises(IntegrityError), store.turn() as turn:
        turn.append([event(position) for position in wrong])
    assert positions(store) == [1]


def test_a_turn_appends_several_times(store: Store) -> None:
    """Within one turn, positions continue from one append to the next."""
    with store.turn() as turn:
        turn.append([event(1), event(2)])
        turn.append([event(3)])
    assert positions(store) == [1, 2, 3]


def test_a_stream_has_each_version_once(store: Store) -> None:
    """A second event with the same stream and version is refused together with its neighbours."""
    stream = uuid4()
    append_next(store, stream, 1)
    with pytest.raises(IntegrityError), store.turn() as turn:
        turn.append([event(2), event(3, stream, 1)])
    assert positions(store) == [1]


def test_positions_have_no_gaps(store: Store) -> None:
    """Eight threads, of whose events every second one conflicts, leave positions 1 to n without a gap."""
    recorder = recorder_of(store)
    contested = uuid4()

    def record(number: int) -> int:
        recorder.insert_events([StoredEvent(uuid4(), 1, "case-opened", b"{}")])
        try:
            recorder.insert_events([StoredEvent(uuid4(), 1, "case-opened", b"{}"), StoredEvent(contested, number // 8, "x", b"{}")])
        except IntegrityError:
            return 1
        return 3

    with ThreadPoolExecutor(8) as threads:
        recorded = sum(threads.map(record, range(80)))
    assert recorded == 80 + 2 * 10
    assert positions(store) == list(range(1, recorded + 1))


def test_a_waiting_turn_sees_the_commit_it_waited_for(store: Store, other: Store) -> None:
    """A turn that had to wait reads what the turn before it committed: its view is not older than its lock."""
    waiting = Event()
    seen: list[Notification | None] = []

    def wait_for_turn() -> None:
        waiting.set()
        with other.turn() as turn:
            seen.append(turn.head())

    with store.turn() as turn:
        turn.append([event(1)])
        follower = Thread(target=wait_for_turn)
        follower.start()
        waiting.wait()
        time.sleep(0.3)
        assert seen == []
    follower.join()
    assert [found and found.id for found in seen] == [1]


def test_two_processes_alternate(store: Store, other: Store) -> None:
    """Two stores that read, then write, on the same database neither fail nor lose anything."""
    stream = uuid4()

    def work(mine: Store) -> None:
        for _ in range(40):
            with mine.turn() as turn:
                head = turn.head()
                last = head.id if head else 0
                turn.append([event(last + 1, stream, last + 1)])

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, [store, other]))
    assert positions(store) == positions(other) == list(range(1, 81))


def test_an_exception_rolls_back(store: Store) -> None:
    """Whatever a turn did is gone when an exception leaves it, and the next turn works."""
    with store.turn() as turn:
        turn.fetch("CREATE TABLE notes (text TEXT)")
    with pytest.raises(LookupError), store.turn() as turn:  # noqa: PT012
        turn.append([event(1)])
        turn.execute("INSERT INTO notes VALUES (?)", [("a",), ("b",)])
        raise LookupError
    with store.reading() as reader:
        assert reader.head() is None
        assert reader.fetch("SELECT * FROM notes") == []
    assert append_next(store, uuid4(), 1) == 1


def test_a_failed_statement_cannot_be_passed_over(store: Store) -> None:
    """A turn that swallows the error of a statement does not commit, and says so."""
    stream = uuid4()
    append_next(store, stream, 1)
    with (  # noqa: PT012
        pytest.raises(ProgrammingError, match="must be left with an exception"),
        store.turn() as turn,
        pytest.raises(IntegrityError),
    ):
        turn.append([event(2), event(3, stream, 1)])
        turn.fetch("SELECT 1")  # what was written goes first
    assert positions(store) == [1]


def test_the_log_and_the_tables_beside_it_commit_together(store: Store) -> None:
    """Rows of other tables are written in the turn's transaction, with `?` for parameters and plain values back."""
    with store.turn() as turn:
        turn.fetch("CREATE TABLE notes (number BIGINT, text TEXT, picture " + ("BYTEA)" if is_postgres(store) else "BLOB)"))
    rows = [(1, "100 % 'Übung'?", b"\x00\xff"), (2**62, "", b""), (-3, None, None)]
    with store.turn() as turn:
        turn.execute("INSERT INTO notes VALUES (?, ?, ?)", rows)
        turn.execute("INSERT INTO notes VALUES (?, ?, ?)", [])
        assert turn.fetch("SELECT * FROM notes WHERE text LIKE '100 %?' AND number = ?", (1,)) == rows[:1]
    with store.reading() as reader:
        assert sorted(reader.fetch("SELECT * FROM notes")) == sorted(rows)
        [(total, numbers)] = reader.fetch("SELECT SUM(number), COUNT(*) FROM notes")
        assert (total, type(total), numbers) == (2**62 - 2, int, 3)


def test_many_rows_come_back_as_they_were_written(store: Store) -> None:
    """Whatever a text contains, with nothing in some columns of some rows; a second insertion may find the rows there."""
    kind = "BYTEA" if is_postgres(store) else "BLOB"
    with store.turn() as turn:
        turn.fetch(f"CREATE TABLE notes (text TEXT PRIMARY KEY, number BIGINT, picture {kind})")
    texts = ["", "null", "NULL", '"', "\\", '\\"', "{a,b}", "line\nline\ttab\r\x01\x7f", "Übung 🙂 \u2028", "\\x41", "?%s%%", "'"]
    rows = [(text, (-2) ** number or None, text.encode() or None) for number, text in enumerate(texts)]
    statement = "INSERT INTO notes (text, number, picture) VALUES (?, ?, ?)"
    with store.turn() as turn:
        turn.execute(statement, rows)
        turn.execute(statement, [])
        turn.execute(f"{statement} ON CONFLICT (text) DO UPDATE SET number = notes.number + excluded.number", rows[1:2])
    rows[1] = ("null", -4, b"null")
    with store.reading() as reader:
        assert sorted(reader.fetch("SELECT * FROM notes")) == sorted(rows)
        keys = [(text, str(number)) for text, number, _ in rows[2:9]]
        [found] = reader.ask(
            Question("SELECT * FROM notes WHERE (text, CAST(number AS TEXT)) IN (?)", [*keys, ("x", "1"), keys[0]])
        )
        assert sorted(found) == sorted(rows[2:9])
        assert reader.ask(Question("SELECT * FROM notes WHERE (text) IN (?)", [])) == [[]]


@pytest.mark.parametrize("text", ["\x00", "a\ud800"])
def test_a_text_that_no_column_holds_is_a_data_error_among_many_rows(text: str, store: Store) -> None:
    """SQLite holds a NUL in a text; nothing holds half a character."""
    held = text == "\x00" and not is_postgres(store)
    with store.turn() as turn:
        turn.fetch("CREATE TABLE notes (text TEXT)")
    with nullcontext() if held else pytest.raises(DataError), store.turn() as turn:
        turn.execute("INSERT INTO notes (text) VALUES (?)", [("a",), (text,)])
    with store.reading() as reader:
        assert reader.fetch("SELECT text FROM notes") == ([("a",), (text,)] if held else [])


def test_what_was_sent_is_read_and_fails_like_all_else(store: Store) -> None:
    """Reads see what was sent before them; a failure says so at the end at the latest, and nothing of the turn is left."""
    stream = uuid4()
    append_next(store, stream, 1)
    with store.turn() as turn:
        turn.fetch("CREATE TABLE notes (text TEXT PRIMARY KEY)")
    insertion, deletion = "INSERT INTO notes (text) VALUES (?)", "DELETE FROM notes WHERE text = ?"
    with store.turn() as turn:
        turn.append([event(2, stream, 2)])
        turn.execute(insertion, [("a",), ("b",)])
        turn.send()
        turn.send()
        assert turn.fetch("SELECT text FROM notes ORDER BY text") == [("a",), ("b",)]
        turn.execute(insertion, [("x",), ("y",)])
        turn.send()
        turn.execute(deletion, [("x",), ("y",)])
        assert [row.originator_version for row in turn.stream(stream)] == [1, 2]
        turn.execute("UPDATE notes SET text = ? WHERE text = ?", [("c", "a")])
    with pytest.raises(IntegrityError), store.turn() as turn:  # noqa: PT012
        turn.append([event(3)])
        turn.execute(insertion, [("d",)])
        turn.send()
        turn.execute(insertion, [("b",)])
        turn.send()
        turn.execute(insertion, [("e",)])
    with pytest.raises(IntegrityError), store.turn() as turn:  # noqa: PT012
        turn.append([event(3), event(4, stream, 2)])
        turn.send()
    with pytest.raises(LookupError), store.turn() as turn:  # noqa: PT012
        turn.append([event(3)])
        turn.send()
        raise LookupError
    with store.reading() as reader:
        assert reader.fetch("SELECT text FROM notes ORDER BY text") == [("b",), ("c",)]
    assert positions(store) == [1, 2]
    assert append_next(store, stream, 3) == 3


def test_one_table_written_twice_ends_as_it_was_written_last(store: Store) -> None:
    """A row may be deleted and written again, or changed twice, in one turn."""
    with store.turn() as turn:
        turn.fetch("CREATE TABLE notes (text TEXT PRIMARY KEY, number BIGINT)")
    upsert = "INSERT INTO notes (text, number) VALUES (?, ?) ON CONFLICT (text) DO UPDATE SET number = excluded.number"
    deletion = "DELETE FROM notes WHERE text = ? AND number = ?"
    with store.turn() as turn:
        turn.execute(upsert, [("a", 1), ("b", 1)])
        turn.execute(upsert, [("a", 2)])
        turn.execute(deletion, [("a", 2), ("b", 7)])
        turn.execute(upsert, [("a", 3)])
    with store.reading() as reader:
        assert reader.fetch("SELECT text, number FROM notes ORDER BY text") == [("a", 3), ("b", 1)]


def test_a_value_that_fits_no_column_is_a_data_error(store: Store) -> None:
    """Values that the database cannot hold are refused with the library's DataError on both stores."""
    for version in (2**63, -(2**63) - 1):
        with pytest.raises(DataError), store.turn() as turn:
            turn.append([event(1, version=version)])
    with pytest.raises(DataError), store.turn() as turn:
        turn.fetch("SELECT topic FROM stored_events WHERE topic = ?", ("\ud800",))


def test_whoever_follows_hears_of_every_append(store: Store, other: Store) -> None:
    """Of the own process and of others, also of one that came between two waits; PostgreSQL tells it, SQLite is looked at."""
    with closing(store.appends()) as appends:
        for position, writer in enumerate((store, other, store), start=1):
            with writer.turn() as turn:
                turn.append([event(position)])
            began = time.monotonic()
            appends.wait(20)
            assert time.monotonic() - began < 10
            assert positions(store) == list(range(1, position + 1))
        began = time.monotonic()
        appends.wait(0.05)
        assert 0.04 < time.monotonic() - began < 10


def test_a_lost_connection_to_follow_by_is_an_error(postgres: Cluster, database: str, postgres_store: PostgresTurnRecorder) -> None:
    """And not a silence."""
    with closing(postgres_store.appends()) as appends:
        postgres.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND datname = %s", (database,)
        )
        with pytest.raises(OperationalError):
            appends.wait(20)


def test_a_snapshot_is_stable(store: Store, other: Store) -> None:
    """What is being read does not change while a turn commits; the next reader sees it."""
    append_next(store, uuid4(), 1)
    with store.reading() as reader:
        before = reader.notifications(after=0, limit=10)
        append_next(other, uuid4(), 1)
        assert reader.notifications(after=0, limit=10) == before
        assert reader.head() == before[-1]
    assert positions(store) == [1, 2]


def test_readers_do_not_wait_for_a_turn(store: Store, other: Store) -> None:
    """While a turn goes on, others read what was committed before it."""
    append_next(store, uuid4(), 1)
    with store.turn() as turn:
        turn.append([event(2)])
        assert positions(store) == positions(other) == [1]


def test_what_was_read_stands_when_the_connection_is_lost_before_the_snapshot_ends(
    monkeypatch: pytest.MonkeyPatch, fresh_url: Callable[[str], str]
) -> None:
    """given a reader that reckons for longer than the server waits / when it is done / then that is no error, and others read."""
    monkeypatch.setattr("interfaces.storage._READER_IDLE_SECONDS_MAX", 1)
    with closing(open_store(fresh_url("postgres"), create=True)) as store:
        with store.reading() as reader:
            assert reader.head() is None
            time.sleep(1.5)
        with store.reading() as reader:
            assert reader.head() is None


def test_a_snapshot_cannot_be_written_to(store: Store) -> None:
    """Reading refuses to write, but the connection that it borrowed can do so again."""
    with pytest.raises(PersistenceError), store.reading() as reader:
        reader.fetch("DELETE FROM stored_events")
    with recorder_of(store).datastore.transaction(commit=True) as cursor:
        cursor.execute("CREATE TABLE notes (text TEXT)")


def test_eight_threads_read_at_once(store: Store) -> None:
    """Eight snapshots are open at the same time without waiting for each other."""
    append_next(store, uuid4(), 1)
    everybody = Barrier(8, timeout=10)

    def read(_: int) -> int:
        with store.reading() as reader:
            everybody.wait()
            return len(reader.notifications(after=0, limit=10))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(read, range(8))) == [1] * 8


def test_closing_waits_for_readers_and_turns(store: Store) -> None:
    """A store that is closed lets those finish who are reading or have their turn."""
    append_next(store, uuid4(), 1)
    everybody = Barrier(5, timeout=10)

    def read() -> list[int]:
        with store.reading() as reader:
            reader.head()  # from here on nothing changes for it
            everybody.wait()
            found = [reader.notifications(after=0, limit=10) for _ in range(200)]
        return [len(each) for each in found]

    def append() -> int:
        with store.turn() as turn:
            everybody.wait()
            time.sleep(0.2)
            turn.append([event(2)])
        return 2

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read) for _ in range(3)]
        writer = threads.submit(append)
        everybody.wait()
        store.close()
        assert [reader.result() for reader in readers] == [[1] * 200] * 3
        assert writer.result() == 2


def test_closing_twice_does_nothing(store: Store) -> None:
    """A closed store can be closed again."""
    append_next(store, uuid4(), 1)
    store.close()
    store.close()


# --- SQLite only ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sqlite_store(fresh_url: FreshUrl) -> Iterator[SQLiteTurnRecorder]:
    with closing(open_store(fresh_url("sqlite"), create=True)) as opened:
        yield cast(SQLiteTurnRecorder, opened)


def test_sqlite_is_set_to_lose_nothing(sqlite_store: SQLiteTurnRecorder) -> None:
    """A turn writes with WAL, synchronous=FULL and secure_delete."""
    with sqlite_store.turn() as turn:
        settings = [turn.fetch(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous", "secure_delete")]
    assert settings == ["wal", 2, 1]


def test_a_position_is_a_column(sqlite_store: SQLiteTurnRecorder) -> None:
    """The row id is declared, so that dumps contain it and VACUUM may not give another."""
    with sqlite_store.reading() as reader:
        assert reader.fetch("SELECT name FROM pragma_table_info('stored_events') WHERE pk") == [("rowid",)]


class FailingCommit(sqlite3.Connection):
    """A connection whose commits fail with `result_code`."""

    result_code = sqlite3.SQLITE_FULL

    def commit(self) -> None:
        error = sqlite3.OperationalError("made up")
        error.sqlite_errorcode = self.result_code
        raise error


@pytest.mark.parametrize(
    ("result_code", "raised"),
    [(sqlite3.SQLITE_FULL, OperationalError), (sqlite3.SQLITE_IOERR_FSYNC, CommitUnknown)],
)
def test_a_failed_sqlite_commit_is_rolled_back(
    fresh_url: FreshUrl, monkeypatch: pytest.MonkeyPatch, result_code: int, raised: type[Exception]
) -> None:
    """After a failed commit nothing stays and the next turn gets another connection; after an I/O error who knows."""
    with closing(cast(SQLiteTurnRecorder, open_store(fresh_url("sqlite"), create=True))) as store:
        monkeypatch.setattr(FailingCommit, "result_code", result_code)
        with monkeypatch.context() as patched:
            patched.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=FailingCommit))
            with pytest.raises(OperationalError) as caught:
                append_next(store, uuid4(), 1)
        assert caught.type is raised
        assert positions(store) == []
        assert append_next(store, uuid4(), 1) == 1


def test_a_missing_file_is_not_created(tmp_path: Path) -> None:
    """Opening without `create` fails on first use where the file is missing, rather than starting an empty log."""
    path = tmp_path / "missing.db"
    with closing(open_store(f"sqlite:///{path}", create=False)) as store:
        with pytest.raises(InterfaceError), store.reading() as reader:
            reader.head()
        with pytest.raises(OperationalError), store.turn() as turn:
            turn.head()
    assert not path.exists()


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Nobody else on the machine reads the log, nor what SQLite puts beside it."""
    with closing(open_store(f"sqlite:///{tmp_path}/log.db", create=True)) as store:
        with store.turn() as turn:
            turn.append([event(1)])
        assert {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == dict.fromkeys(
            ("log.db", "log.db-shm", "log.db-wal"), 0o600
        )


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the library's pool forgets to close what it cannot use
def test_a_damaged_file_is_a_database_error(tmp_path: Path) -> None:
    """A file that is no database raises the library's DatabaseError, in turns and for readers."""
    path = tmp_path / "damaged.db"
    path.write_bytes(b"this is no database" * 100)
    with closing(open_store(f"sqlite:///{path}", create=False)) as store:
        with pytest.raises(DatabaseError), store.reading() as reader:
            reader.head()
        with pytest.raises(DatabaseError), store.turn() as turn:
            turn.head()
    gc.collect()  # lets the warning come while it is ignored


def test_a_killed_writer_does_not_block(sqlite_store: SQLiteTurnRecorder) -> None:
    """A process that is killed in the middle of its turn leaves nothing behind, and the next turn starts at once."""
    program = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], uri=True, isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "connection.execute(\"INSERT INTO stored_events VALUES (1, 'a', 1, 'b', x'00')\")\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, sqlite_store.datastore.pool.db_name], check=False)
    started = time.monotonic()
    assert append_next(sqlite_store, uuid4(), 1) == 1
    assert time.monotonic() - started < 5


# --- PostgreSQL only --------------------------------------------------------------------------------------------------


@pytest.fixture
def database(postgres: Cluster) -> str:
    """A database with the table of events."""
    name = postgres.fresh_database()
    open_store(postgres.url(name), create=True).close()
    return name


@pytest.fixture
def postgres_store(postgres: Cluster, database: str) -> Iterator[PostgresTurnRecorder]:
    with closing(open_store(postgres.url(database), create=False)) as opened:
        yield cast(PostgresTurnRecorder, opened)


def kill_backends(postgres: Cluster, database: str, condition: str = "TRUE") -> None:
    """Ends the matching connections to a database, and waits until they are gone."""
    matching = f"FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND {condition}"
    postgres.run(f"SELECT pg_terminate_backend(pid, 5000) {matching}", (database,))


IN_TURN = "state = 'idle in transaction'"


def test_a_connection_lost_within_a_turn_is_a_certain_failure(
    postgres: Cluster, database: str, postgres_store: PostgresTurnRecorder
) -> None:
    """A turn whose backend is killed fails as not committed, and the next one works on a new connection."""
    with pytest.raises(OperationalError) as caught, postgres_store.turn() as turn:  # noqa: PT012
        turn.append([event(1)])
        kill_backends(postgres, database, IN_TURN)
        turn.head()
    assert caught.type is OperationalError
    assert append_next(postgres_store, uuid4(), 1) == 1


def test_a_backend_killed_before_commit_is_a_certain_failure(
    postgres: Cluster, database: str, postgres_store: PostgresTurnRecorder
) -> None:
    """Where the server itself says that it ended the connection, the COMMIT that follows certainly did not happen."""
    with pytest.raises(OperationalError) as caught, postgres_store.turn() as turn:  # noqa: PT012
        turn.append([event(1)])
        kill_backends(postgres, database, IN_TURN)
    assert caught.type is OperationalError
    assert positions(postgres_store) == []
    assert append_next(postgres_store, uuid4(), 1) == 1


def test_a_turn_that_idles_is_ended(
    postgres: Cluster, database: str, postgres_store: PostgresTurnRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that stops in the middle of its turn loses it: the others go on, and its own end is an error."""
    monkeypatch.setattr("interfaces.storage.postgres.IDLE_SECONDS_MAX", 1)
    with closing(open_store(postgres.url(database), create=False)) as stopped:
        with pytest.raises(OperationalError) as caught, stopped.turn() as turn:  # noqa: PT012
            turn.append([event(1)])
            assert append_next(postgres_store, uuid4(), 1) == 1  # waits for the server to end the other turn
        assert caught.type is OperationalError
    assert positions(postgres_store) == [1]


def test_the_server_notices_a_machine_that_vanished_in_its_turn(postgres_store: PostgresTurnRecorder) -> None:
    """Its silence is noticed within half a minute, also while statements are under way; the system's own limit is hours."""
    with postgres_store.turn() as turn:
        limits = [int(turn.fetch(f"SHOW tcp_keepalives_{name}")[0][0]) for name in ("idle", "interval", "count")]
    assert limits[0] + limits[1] * limits[2] <= 30


def test_a_turn_does_not_wait_for_ever(
    postgres: Cluster, database: str, postgres_store: PostgresTurnRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits too long for the lock is told so, and gets it when it is free again."""
    monkeypatch.setattr("interfaces.storage.postgres.TURN_WAIT_SECONDS_MAX", 1)
    with closing(open_store(postgres.url(database), create=False)) as impatient:
        append_next(impatient, uuid4(), 1)
        with postgres_store.turn(), pytest.raises(OperationalError, match="lock timeout"), impatient.turn():
            pass
        assert append_next(impatient, uuid4(), 1) == 2


def test_idle_connections_that_broke_are_replaced(postgres: Cluster, database: str, postgres_store: PostgresTurnRecorder) -> None:
    """After a restart of the server neither the next turn nor the next reader fails."""
    append_next(postgres_store, uuid4(), 1)
    assert positions(postgres_store) == [1]
    kill_backends(postgres, database)
    assert append_next(postgres_store, uuid4(), 1) == 2
    assert positions(postgres_store) == [1, 2]


@pytest.mark.parametrize("committed", [True, False])
def test_a_cut_commit_is_unknown(postgres: Cluster, database: str, committed: bool) -> None:
    """When the connection breaks during COMMIT nobody can say whether it happened; the next turn finds out."""
    with (
        CuttingProxy(postgres.port) as proxy,
        closing(open_store(postgres.url(database, port=proxy.port), create=False)) as store,
    ):
        append_next(store, uuid4(), 1)
        with pytest.raises(CommitUnknown), store.turn() as turn:  # noqa: PT012
            turn.append([event(2)])
            if committed:
                proxy.cut_after_commit()
            else:
                proxy.cut_before_commit()
        with store.turn() as turn:
            head = turn.head()
        assert head is not None
        assert head.id == (2 if committed else 1)
        assert append_next(store, uuid4(), 1) == head.id + 1


def test_nothing_is_recorded_twice(postgres: Cluster, database: str) -> None:
    """The library's insert_events does not try again by itself after a cut commit."""
    with (
        CuttingProxy(postgres.port) as proxy,
        closing(open_store(postgres.url(database, port=proxy.port), create=False)) as store,
    ):
        proxy.cut_after_commit()
        with pytest.raises(CommitUnknown):
            recorder_of(store).insert_events([StoredEvent(uuid4(), 1, "case-opened", b"{}")])
        assert positions(store) == [1]


def test_a_role_that_may_only_select_and_insert_takes_turns(postgres: Cluster, database: str) -> None:
    """The service's role needs no more rights on the log than SELECT and INSERT, and has no others."""
    role = f"service_{database}"
    postgres.run(f"CREATE ROLE {role} LOGIN")
    postgres.run(f"GRANT SELECT, INSERT ON stored_events TO {role}", database=database)
    with closing(open_store(postgres.url(database, user=role), create=False)) as store:
        assert append_next(store, uuid4(), 1) == 1
        assert positions(store) == [1]
        for statement in ("DELETE FROM stored_events", "UPDATE stored_events SET topic = ''"):
            with pytest.raises(ProgrammingError, match="permission denied"), store.turn() as turn:
                turn.fetch(statement)


def test_each_schema_has_a_log_and_a_lock_of_its_own(postgres: Cluster, database: str) -> None:
    """Two schemas of one database hold two logs, whose turns do not wait for each other."""
    with (
        closing(open_store(postgres.url(database) + "?schema=south", create=True)) as south,
        closing(open_store(postgres.url(database) + "?schema=north", create=True)) as north,
        south.turn() as southern,
        north.turn() as northern,
    ):
        southern.append([event(1), event(2)])
        northern.append([event(1)])
        assert southern.fetch("SELECT COUNT(*) FROM stored_events") == [(2,)]
        assert northern.fetch("SELECT COUNT(*) FROM stored_events") == [(1,)]


def test_a_unix_socket_will_do(postgres: Cluster, database: str) -> None:
    """A URL may name the directory of a Unix socket as its host."""
    url = f"postgresql://postgres@:{postgres.port}/{database}?host={postgres.socket_directory}"
    with closing(open_store(url, create=False)) as store:
        assert append_next(store, uuid4(), 1) == 1


def test_database_functions_are_refused() -> None:
    """The library's setting that loses events for readers is an error."""
    environment = {
        "PERSISTENCE_MODULE": "interfaces.storage.postgres",
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_DBNAME": "any",
        "POSTGRES_USER": "any",
        "POSTGRES_PASSWORD": "",
        "POSTGRES_ENABLE_DB_FUNCTIONS": "y",
    }
    with pytest.raises(ValueError, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
        InfrastructureFactory.construct(environment).application_recorder()


@pytest.mark.parametrize(
    ("written", "translated"),
    [
        ("a = ? AND b = ?", "a = %s AND b = %s"),
        ("a LIKE '%?' AND b = ?", "a LIKE '%%?' AND b = %s"),
        ("a = 'it''s?' AND b % 2 = ?", "a = 'it''s?' AND b %% 2 = %s"),
    ],
)
def test_placeholders(written: str, translated: str) -> None:
    """A question mark is a placeholder outside of literals only, and a percent sign never is one."""
    assert with_format_placeholders(written) == translated


# --- URLs -------------------------------------------------------------------------------------------------------------


def test_a_relative_url_starts_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes are relative; the directory is made together with the store; odd characters are escaped."""
    monkeypatch.chdir(tmp_path)
    with closing(open_store("sqlite:///var/Stunden%20pool%25%3F.db", create=True)) as store:
        append_next(store, uuid4(), 1)
    assert (tmp_path / "var" / "Stunden pool%?.db").exists()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "stundenpool.db",
        "mysql://geheim@localhost/x",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://host/x.db",
        "sqlite:///var/",
        "sqlite:///x.db?mode=memory",
        "postgresql://localhost/x",
        "postgresql://user:geheim@localhost",
        "postgresql://user:geheim@/x",
        "postgresql://user:geheim@localhost:port/x",
        "postgresql://user:geheim@[localhost/x",
        "postgresql://user:geheim#1@localhost/x",
        "postgresql://user:geheim@localhost/x?schema=",
        "postgresql://user:geheim@localhost/x?schema=S%C3%BCd",
        "postgresql://user:geheim@localhost/x?schema=a,public",
        "postgresql://user:geheim@localhost/x?sslmode=disable",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    """Any other URL is refused with a sentence that does not repeat the password."""
    with pytest.raises(ValueError, match="URL") as refusal:
        open_store(url, create=False)
    assert "geheim" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
