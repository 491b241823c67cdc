"""A rebuild that was broken off is gone on with, or begun anew, and its rows are those of one that was not."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from eventsourcing.persistence import OperationalError

from application import rebuild as rebuilding
from application.log import DamagedEvent
from application.projections import PROJECTIONS, loading
from application.projections.tables import live_slots
from application.proof import tree
from application.rebuild import BeingRebuilt, check, rebuild
from interfaces.storage.migrate import migrate
from tests.application.long_history import hold_little, write_history
from tests.application.projections.driver import Log, opened_log
from tests.domain.facts import budget_changed
from tests.tampering import tampering

FAR_FROM_DONE = 120  # events


def quietly(done: int, total: int) -> None:
    """Nobody watches."""


class CutOff(OperationalError):
    """The connection broke."""


@pytest.fixture
def log(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """A few hundred events, of which every third step of a loading keeps what is in memory."""
    clock = count()
    hold_little(monkeypatch.setattr, kept_every_seconds=3)
    monkeypatch.setattr(loading, "monotonic", lambda: next(clock))
    with opened_log(store_url) as log:
        write_history(log, 400)
        assert len(log.recorded) > 2 * FAR_FROM_DONE
        yield log


def cut_off(log: Log, names: list[str], after: int, build: Callable[..., Any] = rebuild) -> tuple[list[str], int]:
    """Breaks a rebuild off once that many events are done; what it told, and where it began."""
    told: list[str] = []
    begun: list[int] = []

    def progress(done: int, total: int) -> None:
        begun.append(done)
        if done >= after:
            raise CutOff

    with pytest.raises(CutOff):
        build(log.store, names, progress, told.append)
    return told, begun[0]


def steps(log: Log) -> int:
    [(number,)] = log.ask(lambda reader: reader.fetch("SELECT COUNT(*) FROM rebuild_steps"))
    return int(number)


@pytest.mark.parametrize("kept_every", [0, 3, 10_000], ids=["always", "sometimes", "never"])
@pytest.mark.parametrize("build", [rebuild, check])
def test_what_was_broken_off_again_and_again_is_as_if_it_was_not(
    log: Log, build: Callable[..., Any], kept_every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """given a rebuild that breaks off every sixty events / when it is repeated / then its rows are those of the turns."""
    monkeypatch.setattr(loading, "KEPT_EVERY_SECONDS", kept_every)
    before = log.rows()
    resumed = 0
    for after in range(60, len(log.recorded) - 20, 60):
        told, _ = cut_off(log, [], after, build)
        resumed += len(told)
    told = []
    assert not build(log.store, [], quietly, told.append)
    assert resumed + len(told) > 2
    assert log.rows() == before
    assert check(log.store, [], quietly) == []
    assert steps(log) == 0


def test_it_goes_on_behind_the_last_step_that_kept_memory(log: Log) -> None:
    """given a rebuild that is half done / when it is taken up / then it says so, and folds little of the first half again."""
    assert cut_off(log, [], FAR_FROM_DONE)[0] == []
    told, begun = cut_off(log, [], FAR_FROM_DONE)
    assert told == [f"Setzt den abgebrochenen Aufbau nach Ereignis {begun_at(told)} fort."]
    assert begun > 40


def test_a_migration_that_goes_on_says_so_too(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a migration that broke off while it filled projections / when migrated again / then it says where it went on."""
    newer = tuple(replace(projection, version=projection.version + 1) for projection in PROJECTIONS)
    for module in ("interfaces.storage.migrate", "application.rebuild"):
        monkeypatch.setattr(f"{module}.PROJECTIONS", newer)
    tree.complete(log.store, quietly)
    with monkeypatch.context() as interrupted:
        interrupted.setattr("interfaces.storage.migrate.rebuild", lambda store, names, *_: cut_off(log, names, FAR_FROM_DONE))
        migrate(log.store, quietly)
    told, *filled = migrate(log.store, quietly)
    assert begun_at([told]) > 40
    assert filled == [f"Projektion „{projection.name}“ aufgebaut" for projection in PROJECTIONS]


def begun_at(told: list[str]) -> int:
    return int(told[0].split()[-2])


def test_the_log_goes_on_meanwhile(log: Log) -> None:
    """given a rebuild that broke off / when the log grows before it is taken up / then nothing of it is missing or there twice."""
    cut_off(log, [], len(log.recorded) - 20)
    write_more(log)
    rebuild(log.store, [], quietly)
    assert check(log.store, [], quietly) == []


def write_more(log: Log) -> None:
    """What each kind of event does to rows is the histories' to say; here a pool's budget grows."""
    stream = log.recorded[0].stream
    log.append([(stream, budget_changed(15)[1]) for _ in range(70)])


@pytest.mark.parametrize("when", ["indexes", "follow", "catch_up", "go_live"])
def test_what_is_loaded_is_not_loaded_again(log: Log, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a rebuild that broke off when everything was loaded / when it is taken up / then nothing is folded twice."""

    def broken(*_: Any) -> None:
        raise CutOff

    before = log.rows()
    with monkeypatch.context() as broken_off:
        broken_off.setattr(rebuilding._Building, {"indexes": "_index"}.get(when, when), broken)
        with pytest.raises(CutOff):
            rebuild(log.store, [], quietly)
    told: list[str] = []
    rebuild(log.store, [], quietly, told.append)
    assert begun_at(told) == len(log.recorded)
    assert log.rows() == before
    assert check(log.store, [], quietly) == []


def test_turns_that_followed_count_as_done(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a rebuild that breaks off after it has followed some turns / when it is taken up / then it goes on behind these."""
    original = rebuilding._Building.follow

    def follow(self: Any, progress: Any) -> None:
        write_more(log)
        original(self, progress)
        raise CutOff

    with monkeypatch.context() as broken_off:
        broken_off.setattr(rebuilding._Building, "follow", follow)
        with pytest.raises(CutOff):
            rebuild(log.store, [], quietly)
    told: list[str] = []
    rebuild(log.store, [], quietly, told.append)
    assert len(log.recorded) - 20 <= begun_at(told) <= len(log.recorded)
    assert check(log.store, [], quietly) == []


@pytest.mark.parametrize("other", ["program", "projections", "none"])
def test_what_is_not_ours_is_begun_anew(log: Log, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a rebuild that broke off / when another program or one that builds less takes over / then that is begun anew."""
    cut_off(log, [], FAR_FROM_DONE)
    before = log.rows()
    if other == "program":
        monkeypatch.setattr(rebuilding, "_sources", lambda: "another")
    told: list[str] = []
    rebuild(log.store, ["balances"] if other == "projections" else [], quietly, told.append)
    assert told[0].startswith("Beginnt von vorn" if other != "none" else "Setzt")
    assert log.rows() == before
    assert check(log.store, [], quietly) == []


def test_a_part_that_others_built_is_not_gone_on_with(log: Log) -> None:
    """given a rebuild that broke off / when one of its projections was built since / then the others are begun anew."""
    cut_off(log, [], FAR_FROM_DONE)
    rebuild(log.store, ["cases"], quietly)
    told: list[str] = []
    rebuild(log.store, [], quietly, told.append)
    assert told == []
    assert check(log.store, [], quietly) == []


def test_who_still_lives_is_not_taken_over(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a rebuild that was killed / when somebody takes it up at once / then that is refused until its sign of life is old."""
    with monkeypatch.context() as killed:
        killed.setattr(rebuilding._Building, "pause", lambda self: None)
        cut_off(log, [], FAR_FROM_DONE)
    with pytest.raises(BeingRebuilt):
        rebuild(log.store, [], quietly)
    monkeypatch.setattr(rebuilding, "STALE_AFTER", timedelta(0))
    told: list[str] = []
    rebuild(log.store, [], quietly, told.append)
    assert told[0].startswith("Setzt")


def test_a_rebuild_that_failed_by_itself_is_forgotten(log: Log) -> None:
    """given a damaged event / when a rebuild stops at it / then the next one begins anew."""
    position = "notification_id" if "Postgres" in type(log.store).__name__ else "rowid"
    with tampering(log.store) as tx:
        tx.execute(f"UPDATE stored_events SET state = ? WHERE {position} = ?", [(b"{}", FAR_FROM_DONE)])
    with pytest.raises(DamagedEvent):
        rebuild(log.store, [], quietly)
    assert steps(log) == 0


def test_a_rebuild_that_waits_for_readers_does_not_wait_for_its_own_signs_of_life(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """given somebody who reads a projection for long / when it is built anew / then that goes on as soon as they are done."""
    monkeypatch.setattr(rebuilding, "SIGN_EVERY_SECONDS", 0.05)
    with ThreadPoolExecutor(1) as builder:
        with log.store.reading() as reader:
            live_slots(reader, PROJECTIONS)
            building = builder.submit(rebuild, log.store, ["cases"], quietly)
            time.sleep(0.5)
        building.result(timeout=20)


def test_signs_of_life_are_given_while_nothing_is_written(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a rebuild whose index takes long / when another one begins / then it sees that the first lives."""
    monkeypatch.setattr(rebuilding, "SIGN_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(rebuilding, "STALE_AFTER", timedelta(seconds=1))
    refused: list[BeingRebuilt] = []

    def follow(self: Any, progress: Any) -> None:
        time.sleep(1.5)
        with pytest.raises(BeingRebuilt) as caught:
            rebuild(log.store, ["cases"], progress)
        refused.append(caught.value)

    with monkeypatch.context() as slow:
        slow.setattr(rebuilding._Building, "follow", follow)
        rebuild(log.store, [], quietly)
    assert refused
