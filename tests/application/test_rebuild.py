"""Rebuilding beside the live rows, while others write, fail, or rebuild as well."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from application import rebuild as rebuilding
from application.log import DamagedEvent
from application.projections.bookings import versioned_booking
from application.projections.tables import ProjectionOutdated
from application.rebuild import BeingRebuilt, UnknownProjection, check, rebuild
from tests.application.projections.driver import Log, opened_log
from tests.domain.facts import BOOKING, Fact, approved, case_opened, hours_requested, logged, pool_opened
from tests.tampering import tampering

BEGINNING: list[Fact] = [pool_opened(6000), case_opened(), hours_requested(3000), *approved(3000)]


def quietly(done: int, total: int) -> None:
    """Nobody watches."""


def session(number: int) -> Fact:
    return logged(15, UUID(int=number))


def slots(log: Log) -> dict[str, str]:
    return dict(log.ask(lambda reader: reader.fetch("SELECT name, slot FROM projections")))


@pytest.fixture
def log(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """A log of 25 events, to be rebuilt in batches of ten."""
    monkeypatch.setattr(rebuilding, "BATCH_EVENTS", 10)
    with opened_log(store_url) as log:
        log.append([*BEGINNING, *(session(number) for number in range(20))])
        yield log


def test_a_rebuild_makes_the_same_rows_live_in_the_other_slot(log: Log) -> None:
    """given a log / when everything is rebuilt, twice / then each time the other slot is live, with the same rows."""
    before, first = log.rows(), slots(log)
    rebuild(log.store, [], quietly)
    assert log.rows() == before
    assert all(slots(log)[name] != slot for name, slot in first.items())
    rebuild(log.store, [], quietly)
    assert log.rows() == before
    assert slots(log) == first


def test_only_what_is_named_is_rebuilt(log: Log) -> None:
    """given all projections / when one is named / then only that one changes its slot; an unknown name is refused."""
    first = slots(log)
    rebuild(log.store, ["bookings", "bookings"], quietly)
    assert [name for name, slot in slots(log).items() if slot != first[name]] == ["bookings"]
    with pytest.raises(UnknownProjection, match="worklist"):
        rebuild(log.store, ["buchungen"], quietly)


def test_progress_goes_up_to_the_whole_log(log: Log) -> None:
    """given 25 events / when rebuilt in batches of ten / then progress is told after each batch and at the end."""
    told: list[tuple[int, int]] = []
    rebuild(log.store, [], lambda done, total: told.append((done, total)))
    assert told == [(10, 25), (20, 25), (25, 25)]


def test_turns_go_on_in_the_new_slot(log: Log) -> None:
    """given a projector with rows in memory / when a rebuild switched the slot / then its next turn writes there."""
    rebuild(log.store, [], quietly)
    log.append([session(99)])
    assert log.ask(versioned_booking, BOOKING, None).view.consumed_minutes == 21 * 15
    assert check(log.store, [], quietly) == []


def test_a_rebuild_beside_a_writer_loses_nothing(log: Log) -> None:
    """given a writer that never pauses / when rebuilt and checked meanwhile / then every event is in the rows once."""
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not stop.is_set() and len(written) < 150:
            log.append([session(1000 + len(written))])
            written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(written) < 3:
            pass
        rebuild(log.store, [], quietly)
        assert check(log.store, [], quietly) == []
        rebuild(log.store, ["balances", "bookings"], quietly)
    finally:
        stop.set()
        writer.join()
    assert log.ask(versioned_booking, BOOKING, None).view.consumed_minutes == (20 + len(written)) * 15
    assert check(log.store, [], quietly) == []


def test_check_names_a_changed_a_missing_and_an_invented_row(log: Log) -> None:
    """given three rows tampered with / when checked / then table, key and both rows of each are named, and nothing is switched."""
    slot, before = slots(log), slots(log)["bookings"]
    gone, changed = str(UUID(int=3)), str(UUID(int=4))
    with log.store.turn() as tx:
        tx.execute(f"DELETE FROM sessions_{before} WHERE session = ?", [(gone,)])
        tx.execute(f"UPDATE sessions_{before} SET minutes = ? WHERE session = ?", [(600, changed)])
        tx.execute(f"UPDATE bookings_{before} SET booking = ? WHERE booking = ?", [("invented", str(BOOKING))])
    found = check(log.store, [], quietly)
    assert slots(log) == slot
    by_key = {(each.table, each.key[-1]): each for each in found}
    assert by_key.keys() == {("sessions", gone), ("sessions", changed), ("bookings", "invented"), ("bookings", str(BOOKING))}
    assert by_key["sessions", gone].live is None
    assert by_key["bookings", "invented"].rebuilt is None
    both: Any = by_key["sessions", changed]
    assert (both.live.minutes, both.rebuilt.minutes) == (600, 15)
    assert changed in str(both)


def test_a_rebuild_mends_what_check_finds(log: Log) -> None:
    """given a row tampered with / when the projection is rebuilt / then check finds nothing any more."""
    with log.store.turn() as tx:
        tx.execute(f"UPDATE pool_days_{slots(log)['balances']} SET minutes = ?", [(1,)])
    assert {each.table for each in check(log.store, ["balances"], quietly)} == {"pool_days"}
    rebuild(log.store, ["balances"], quietly)
    assert check(log.store, [], quietly) == []


def test_a_damaged_event_stops_with_its_position(log: Log) -> None:
    """given a damaged event / when rebuilt / then the error names its position and the live rows are as they were."""
    before, slot = log.rows(), slots(log)
    position = "notification_id" if "Postgres" in type(log.store).__name__ else "rowid"
    with tampering(log.store) as tx:
        tx.execute(f"UPDATE stored_events SET state = ? WHERE {position} = ?", [(b'{"position": 13}', 13)])
    for build in (rebuild, check):
        with pytest.raises(DamagedEvent, match="position 13"):
            build(log.store, [], quietly)
    assert (log.rows(), slots(log)) == (before, slot)
    builders = log.ask(lambda reader: reader.fetch("SELECT DISTINCT builder FROM projections"))
    assert builders == [(None,)]


def test_a_second_rebuild_is_refused(log: Log) -> None:
    """given a rebuild on its way / when another one begins / then it is refused, unless it builds something else."""
    refused: list[BeingRebuilt] = []

    def another(done: int, total: int) -> None:
        rebuild(log.store, ["cases"], quietly)
        with pytest.raises(BeingRebuilt, match="bookings") as caught:
            rebuild(log.store, ["cases", "bookings"], quietly)
        refused.append(caught.value)

    rebuild(log.store, ["bookings"], another)
    assert len(refused) == 3
    assert check(log.store, [], quietly) == []


def test_who_gave_no_sign_of_life_is_taken_over(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a rebuild without a sign of life / when another one takes over / then the first stops and the other's rows stand."""
    monkeypatch.setattr(rebuilding, "STALE_AFTER", timedelta(0))
    overtaken: list[int] = []

    def another(done: int, total: int) -> None:
        if not overtaken:
            overtaken.append(done)
            rebuild(log.store, ["bookings"], quietly)

    before = log.rows()
    with pytest.raises(BeingRebuilt):
        rebuild(log.store, ["bookings"], another)
    assert overtaken == [10]
    assert log.rows() == before


def test_another_version_is_not_rebuilt(log: Log) -> None:
    """given tables of another version / when rebuilt or checked / then that is for the migration to do."""
    with log.store.turn() as tx:
        tx.execute("UPDATE projections SET version = ? WHERE name = ?", [(99, "cases")])
    for build in (rebuild, check):
        with pytest.raises(ProjectionOutdated, match="cases"):
            build(log.store, [], quietly)


def test_no_turn_of_a_rebuild_is_long(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a log of many batches / when rebuilt / then no turn brings in more than a batch and what came meanwhile."""
    lengths = []
    original = rebuilding.apply

    def counted(folds: Any, events: Any, rows: Any) -> None:
        lengths.append(len(events))
        original(folds, events, rows)

    monkeypatch.setattr(rebuilding, "apply", counted)
    rebuild(log.store, [], quietly)
    assert lengths == [10, 10, 5]
