"""Snapshots: stored with the events they follow from, believed only where this program made them, equal to what the log says."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from application import commands, snapshots, states
from application.states import States
from tests.office import LEAD, OFFICER, WORKER, Office, body
from tests.schema import make_schema

FIRST = datetime(2022, 1, 3, 8, tzinfo=UTC)
SESSIONS = 20
EVERY = 8


@pytest.fixture
def place(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """Where several processes find the same store."""
    monkeypatch.setattr(snapshots, "EVERY", EVERY)
    make_schema(store_url)
    return store_url, tmp_path / "keys"


@pytest.fixture
def office(place: tuple[str, Path]) -> Iterator[Office]:
    office = Office(*place, lambda: datetime(2022, 5, 1, tzinfo=UTC))
    yield office
    office.close()


@pytest.fixture
def booking(office: Office) -> UUID:
    """A booking with many sessions: one request, one approval, and a version for each session."""
    pool = office.open_pool("2021-11-01", "2022-05-31", 6_000, late_entry_days=400)
    facts = {"provider": LEAD.organisation, "district": "nord", "service_area": "13", "concern": "housing"}
    case = UUID(body(office.do(LEAD, commands.open_case, pool=pool, **facts))["id"])
    booking = UUID(body(office.do(WORKER, commands.request_hours, case=case, minutes=6_000))["id"])
    assert office.do(OFFICER, commands.approve_hours, booking).outcome == "done"
    for number in range(SESSIONS):
        assert logged(office, booking, number) == number + 3
    return booking


def logged(office: Office, booking: UUID, number: int) -> int | None:
    """The version after one more session."""
    entry = {"starts_at": FIRST + timedelta(hours=2 * number), "minutes": 60, "kind": "direct"}
    answer = office.do(WORKER, commands.log_session, booking, **entry)
    assert answer.outcome == "created", answer
    return answer.version


def folded(office: Office, stream: UUID, version: int) -> snapshots.State | None:
    """The state at a version, from all its events."""
    state = None
    for event in office.log():
        if event.stream == stream and event.version <= version:
            state = states.evolve(state, stream, event.data)
    return state


def test_a_long_stream_has_a_snapshot_that_equals_its_events(office: Office, booking: UUID) -> None:
    """Of its last multiple of so many versions; short streams have none."""
    with office.store.reading() as reader:
        stored = {UUID(each.stream): each for each in snapshots.everything(reader)}

    assert {stream: each.version for stream, each in stored.items()} == {booking: 2 * EVERY}
    assert stored[booking].opened() == folded(office, booking, 2 * EVERY)


def test_only_the_events_behind_it_are_read(office: Office, booking: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is the same as that from all of them, sessions in their order included."""
    read: list[int] = []
    read_event = states.read_event
    monkeypatch.setattr(states, "read_event", lambda row: read.append(row.originator_version) or read_event(row))

    with office.store.reading() as reader:
        state, version = States().get(reader, booking)

    whole = folded(office, booking, version)
    assert (state, version) == (whole, SESSIONS + 2)
    assert list(state.sessions) == list(whole.sessions)  # type: ignore[union-attr]
    assert read == list(range(2 * EVERY + 1, SESSIONS + 3))


def test_another_process_goes_on_from_it(place: tuple[str, Path], office: Office, booking: UUID) -> None:
    """And stores the next."""
    later = Office(*place, lambda: datetime(2022, 5, 2, tzinfo=UTC))
    try:
        for number in range(SESSIONS, 3 * EVERY):
            assert logged(later, booking, number) == number + 3
        with later.store.reading() as reader:
            assert [each.version for each in snapshots.everything(reader)] == [3 * EVERY]
    finally:
        later.close()


def test_what_another_program_made_is_not_believed(office: Office, booking: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rules may have been others: the whole stream is read, and a snapshot of our own takes its place."""
    with office.store.turn() as tx:
        tx.execute("UPDATE snapshots SET state = ?", [(b"{}",)])
    monkeypatch.setattr(snapshots, "program", lambda: "another one")
    with office.store.reading() as reader:
        state, version = States().get(reader, booking)
        assert snapshots.everything(reader) == []

    assert state == folded(office, booking, version)


def test_one_that_was_never_taken_is_taken_when_it_was_missed(place: tuple[str, Path], office: Office, booking: UUID) -> None:
    """Such as of a stream that had become long under a program without snapshots: whoever reads all of it stores one."""
    with office.store.turn() as tx:
        tx.execute("UPDATE snapshots SET program = ?", [("an older one",)])
    later = Office(*place, lambda: datetime(2022, 5, 2, tzinfo=UTC))
    try:
        version = logged(later, booking, SESSIONS)
        with later.store.reading() as reader:
            assert [each.version for each in snapshots.everything(reader)] == [version]
    finally:
        later.close()


def test_a_turn_that_leaves_no_trace_leaves_no_snapshot(office: Office, booking: UUID) -> None:
    """The version at which it would have been due comes again with another event."""
    for number in range(SESSIONS, 3 * EVERY - 3):
        logged(office, booking, number)
    entry = {"starts_at": FIRST - timedelta(hours=4), "minutes": 60, "kind": "direct"}

    def fail(turn: commands.Turn) -> commands.Answer:
        commands.log_session(turn, booking, **entry)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        office.engine.execute(WORKER, fail)
    with office.store.reading() as reader:
        assert [each.version for each in snapshots.everything(reader)] == [2 * EVERY]

    assert logged(office, booking, 3 * EVERY) == 3 * EVERY
    with office.store.reading() as reader:
        [stored] = snapshots.everything(reader)
    assert stored.opened() == folded(office, booking, 3 * EVERY)
