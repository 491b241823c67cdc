"""What others have appended, taken over into the rows that a process holds."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from application.log import Recorded
from application.projections.projector import Projector
from application.projections.tables import LIVE, Projection, Row, Rows, Table
from domain.booking import SessionConfirmed, SessionLogged
from tests.application.projections.driver import OFFICER, Log, opened_log
from tests.domain.facts import BOOKING, BOOKING_2, confirmed, logged


class Length(Row):
    """The sessions of a booking that nobody has confirmed yet."""

    booking: str
    sessions: int


class Weight(Row):
    """What every session adds: as many as its booking has by then. So it depends on what stands in another row meanwhile."""

    name: str
    weight: int


LENGTHS = Table("lengths", Length, ("booking",))
WEIGHTS = Table("weights", Weight, ("name",))


def logged_one(event: Recorded, data: SessionLogged, rows: Rows) -> None:
    booking = str(event.stream)
    if rows.get(LENGTHS, booking) is None:
        rows.put(LENGTHS, Length(booking, 0))
    length = rows.change(LENGTHS, booking)
    length.sessions += 1
    if rows.get(WEIGHTS, "all") is None:
        rows.put(WEIGHTS, Weight("all", 0))
    rows.change(WEIGHTS, "all").weight += length.sessions


def confirmed_all(event: Recorded, data: SessionConfirmed, rows: Rows) -> None:
    booking = str(event.stream)
    rows.change(WEIGHTS, "all").weight -= rows.the(LENGTHS, booking).sessions
    rows.delete(LENGTHS, booking)


WEIGHING = Projection("weighing", 1, (LENGTHS, WEIGHTS), {SessionLogged: logged_one, SessionConfirmed: confirmed_all})


@pytest.fixture
def log(store_url: str) -> Iterator[Log]:
    with opened_log(store_url) as log:
        with log.store.turn() as tx:
            for table in WEIGHING.tables:
                tx.fetch(table.create("a"))
                for statement in table.create_indexes("a"):
                    tx.fetch(statement)
            tx.execute("INSERT INTO projections (name, version, tables, slot) VALUES (?, ?, ?, ?)", [("weighing", 1, "", "a")])
        yield log


def project(log: Log, projector: Projector, events: list[Recorded], others: list[Recorded] | None) -> list[Recorded]:
    with log.store.turn() as tx:
        projector.begin(tx, *tx.ask(LIVE), others)
        projector.project(tx, events)
    return events


def event(fact: tuple[UUID, Any]) -> Recorded:
    stream, data = fact
    return Recorded(1, stream, 1, datetime(2021, 11, 1, tzinfo=UTC), OFFICER, "command", None, data)


def weight(log: Log) -> int:
    [(weight,)] = log.ask(lambda reader: reader.fetch("SELECT weight FROM weights_a"))
    return int(weight)


def one(booking: UUID) -> Recorded:
    return event(logged(15, booking=booking))


def test_what_depends_on_a_row_that_was_not_held_is_read_again(log: Log) -> None:
    """given a process that holds one booking / when another logs two of one that it does not hold / then it adds to the sum."""
    first = Projector([WEIGHING])
    project(log, first, [one(BOOKING)], None)
    others = project(log, Projector([WEIGHING]), [one(BOOKING_2), one(BOOKING_2)], None)
    project(log, first, [one(BOOKING)], others)
    assert weight(log) == 1 + 1 + 2 + 2


def test_a_row_that_is_gone_meanwhile_stops_nobody(log: Log) -> None:
    """given a process that holds one booking / when another changes and deletes what it does not hold / then it goes on."""
    first = Projector([WEIGHING])
    project(log, first, [one(BOOKING)], None)
    _, data = confirmed()
    others = project(log, Projector([WEIGHING]), [one(BOOKING_2), one(BOOKING_2), event((BOOKING_2, data))], None)
    project(log, first, [one(BOOKING)], others)
    assert weight(log) == 1 + 1 + 2 - 2 + 2


def test_a_row_that_is_held_is_not_read_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """given two processes that hold the same booking / when they alternate / then nobody reads."""
    first, second = Projector([WEIGHING]), Projector([WEIGHING])
    events = project(log, first, [one(BOOKING)], None)
    project(log, second, [one(BOOKING)], None)
    events = project(log, first, [one(BOOKING)], None)
    events = project(log, second, [one(BOOKING)], events)
    monkeypatch.setattr(Rows, "stored", lambda *_: pytest.fail("a row was read"))
    for process in (first, second):
        events = project(log, process, [one(BOOKING)], events)
    assert weight(log) == 1 + 2 + 3 + 4 + 5 + 6
