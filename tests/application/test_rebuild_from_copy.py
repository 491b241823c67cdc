"""A rebuild that reads the log from a copy of the database."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from time import monotonic, sleep
from typing import Any

import pytest

from application import rebuild as rebuilding
from application.log import Reader, Store
from application.rebuild import OtherLog, check, rebuild
from interfaces.storage import open_store
from tests.application.projections.driver import Log, opened_log
from tests.domain.facts import budget_changed, pool_opened
from tests.postgres import running_cluster, running_standby

STANDBY_SECONDS_MAX = 20


def quietly(done: int, total: int) -> None:
    """Nobody watches."""


@pytest.fixture
def log(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """A log of 35 events, to be rebuilt in batches of ten."""
    monkeypatch.setattr(rebuilding, "BATCH_EVENTS", 10)
    with opened_log(store_url) as log:
        log.append([pool_opened(), *(budget_changed(15) for _ in range(34))])
        yield log


@contextmanager
def copy_of(log: Log, url: str, events: int) -> Iterator[Store]:
    """Another database with the first events of a log."""
    with closing(open_store(url, create=True)) as store:
        with log.store.reading() as reader, store.turn() as turn:
            turn.append(reader.notifications(0, events))
        yield store


def counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """After which positions the store is read."""
    read: list[int] = []
    original = store.reading

    @contextmanager
    def reading() -> Iterator[Reader]:
        with original() as reader:
            rows = reader.stored_rows

            def stored_rows(after: int, limit: int) -> Any:
                if limit > 1:
                    read.append(after)
                return rows(after, limit)

            monkeypatch.setattr(reader, "stored_rows", stored_rows, raising=False)
            yield reader

    monkeypatch.setattr(store, "reading", reading)
    return read


@pytest.mark.parametrize("events", [0, 1, 10, 27, 35])
def test_a_copy_may_lag(log: Log, events: int, fresh_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """given a copy with the beginning of the log / when rebuilt from it / then it is read first, and the rest from the database."""
    before = log.rows()
    with copy_of(log, fresh_url("sqlite"), events) as copy:
        from_copy = counted(copy, monkeypatch)
        rebuild(log.store, [], quietly, copy=copy)
        assert from_copy == list(range(0, events + 1, 10))
        assert log.rows() == before
        assert check(log.store, [], quietly, copy=copy) == []


def test_a_copy_that_is_ahead_is_refused(log: Log, fresh_url: Callable[[str], str], store_url: str) -> None:
    """given a copy that knows more than the database / when rebuilt from it / then that is refused at once."""
    before = log.rows()
    with opened_log(fresh_url("sqlite")) as behind:
        with behind.store.turn() as turn, log.store.reading() as reader:
            turn.append(reader.notifications(0, 30))
        with pytest.raises(OtherLog, match="Ereignis 35"):
            rebuild(behind.store, [], quietly, copy=log.store)
    assert log.rows() == before


def test_another_log_is_refused(log: Log, fresh_url: Callable[[str], str]) -> None:
    """given a database in which the same pool was told otherwise / when rebuilt from it / then nothing of it becomes live."""
    before = log.rows()
    with opened_log(fresh_url("sqlite")) as other:
        other.append([pool_opened(), *(budget_changed(30) for _ in range(20))])
        with pytest.raises(OtherLog):
            rebuild(log.store, [], quietly, copy=other.store)
    assert log.rows() == before
    rebuild(log.store, [], quietly)
    assert check(log.store, [], quietly) == []


@pytest.mark.postgres_tools
def test_from_a_streaming_standby(monkeypatch: pytest.MonkeyPatch) -> None:
    """given a standby that replays, and then stands still / when rebuilt from it / then every event counts once all the same."""
    monkeypatch.setattr(rebuilding, "BATCH_EVENTS", 10)
    with (
        running_cluster() as primary,
        opened_log(primary.url()) as log,
    ):  # one of its own, as all of a server's databases are copied
        log.append([pool_opened(), *(budget_changed(15) for _ in range(34))])
        with running_standby(primary) as standby, closing(open_store(standby.url(), create=False)) as copy:
            log.append([budget_changed(15) for _ in range(20)])
            wait_for(copy, 55)
            standby.run("SELECT pg_wal_replay_pause()")
            log.append([budget_changed(15) for _ in range(30)])
            from_copy = counted(copy, monkeypatch)
            assert check(log.store, [], quietly, copy=copy) == []
            rebuild(log.store, [], quietly, copy=copy)
            assert from_copy == [*range(0, 60, 10), *range(0, 60, 10)]
        assert check(log.store, [], quietly) == []


def wait_for(store: Store, position: int) -> None:
    deadline = monotonic() + STANDBY_SECONDS_MAX
    while monotonic() < deadline:
        with store.reading() as reader:
            head = reader.head()
        if head and head.id == position:
            return
        sleep(0.05)
    pytest.fail("the standby does not follow", pytrace=False)
