"""A checkpoint for each day on which something was recorded: one, whoever looks and how often, and never in anybody's way."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from application.proof import checkpoints
from interfaces.handover.daily import Daily, Told
from interfaces.identity import trail
from interfaces.service import Service
from interfaces.storage.checkpoint_keys import FILE
from tests.interfaces.cli.test_db import altered
from tests.interfaces.http.office import Office, running_office
from tests.interfaces.webhooks.test_processes import Processes

EVENING = datetime(2026, 7, 1, 21, 59, tzinfo=UTC)  # a minute before midnight in Berlin

SERVE_LOOKING = """
from interfaces.handover import daily
from interfaces.http.server import serve
from interfaces.settings import read_settings
daily.LOOK_SECONDS = 0.05
serve(read_settings())
"""


class Clock:
    """Shows what it was set to."""

    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    folder = tmp_path / "pruefung"
    folder.mkdir()
    return folder


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    with running_office(store_url, tmp_path) as office:
        yield office


@pytest.fixture
def process(office: Office, clock: Clock, witness: Path) -> Callable[[], Daily]:
    """One of the processes that look."""
    service = office.service
    settings = replace(service.settings, witness=str(witness))
    return lambda: Daily(replace(service, settings=settings, clock=clock))


def sizes(service: Service) -> list[int]:
    with service.store.reading() as reader:
        return [each.size for each in checkpoints.issued(reader)]


def test_each_day_on_which_the_log_grew_has_one(office: Office, process: Callable[[], Daily], clock: Clock, witness: Path) -> None:
    """given days with and without events / when looked at often / then each of the first, in Berlin, has one checkpoint."""
    daily = process()
    daily.look()
    assert sizes(office.service) == [], "nothing was recorded yet"
    office.given("open_pool")
    daily.look()
    assert len(sizes(office.service)) == 1
    office.given("open_pool")
    daily.look()
    assert len(sizes(office.service)) == 1, "this day has one"
    clock.now += timedelta(minutes=1)
    daily.look()
    daily.look()
    assert len(sizes(office.service)) == 2
    clock.now += timedelta(days=1)
    daily.look()
    assert len(sizes(office.service)) == 2, "the log has not grown"
    assert [path.name[:10] for path in sorted(witness.iterdir())] == ["2026-07-01", "2026-07-02"]
    assert daily.told == Told()


def test_who_got_in_is_forgotten_a_month_at_a_time(office: Office, process: Callable[[], Daily], clock: Clock) -> None:
    """given entries of two months / when the second ends / then those of the first go, and that is noted; once, whoever looks."""
    since = datetime(2025, 7, 31, 22, tzinfo=UTC)  # in Berlin the first of August
    with office.service.store.turn() as turn:
        for at, whom in ((since - timedelta(seconds=1), "juli"), (since, "august")):
            trail.note(turn, at, "signed_in", whom, address="192.0.2.1")

    def entries() -> list[tuple[str, str | None]]:
        with office.service.store.reading() as reader:
            found = [(each.what, each.subject) for each in trail.views(reader, before=None, limit=3)]
        return [each for each in reversed(found) if each[0] != "token_created"]

    clock.now = datetime(2026, 7, 31, 21, 59, tzinfo=UTC)
    process().look()
    assert entries() == [("signed_in", "juli"), ("signed_in", "august")]
    clock.now += timedelta(minutes=1)
    for _ in range(2):
        process().look()
    assert entries() == [("signed_in", "august"), ("entries_removed", None)]


def test_of_many_processes_one_issues_it(office: Office, process: Callable[[], Daily], clock: Clock, witness: Path) -> None:
    """given processes that look at the same instant / then there is one checkpoint and one file."""
    office.given("open_pool")
    processes = [process() for _ in range(6)]
    for day in range(1, 4):
        with ThreadPoolExecutor(len(processes)) as threads:
            list(threads.map(Daily.look, processes))
        assert len(sizes(office.service)) == len(list(witness.iterdir())) == day
        office.given("open_pool")
        clock.now += timedelta(days=1)


def test_what_fails_is_said_once_and_made_good(
    office: Office, process: Callable[[], Daily], witness: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """given a witness that is away / then that is counted, logged once, and nothing else waits for it."""
    office.given("open_pool")
    witness.rmdir()
    daily = process()
    daily.look()
    daily.look()
    assert daily.told == Told(unwitnessed=1)
    assert caplog.text.count("checkpoints are not handed over: No such file or directory") == 1
    assert office.example("open_pool").status_code == 201
    witness.mkdir()
    daily.look()
    assert daily.told == Told()
    assert len(list(witness.iterdir())) == 1


def test_a_log_that_left_the_witness_behind_is_found(
    office: Office, process: Callable[[], Daily], store_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """given a database that was put back behind what the witness has / when a process starts / then it says so."""
    office.given("open_pool")
    process().look()
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", store_url)
    altered("DELETE FROM stored_events", "DELETE FROM tree", "DELETE FROM checkpoints")
    daily = process()
    daily.look()
    assert daily.told == Told(contradicted=1)
    assert "the log contradicts a checkpoint of the witness: 2026-07-01-1-" in caplog.text


def test_without_a_key_nothing_is_signed(office: Office, process: Callable[[], Daily], caplog: pytest.LogCaptureFixture) -> None:
    """given a damaged file of keys / then that is said, and no other key takes its place."""
    office.given("open_pool")
    keys = Path(office.service.settings.signing_folder) / FILE
    keys.write_text("damaged", encoding="utf-8")
    process().look()
    assert sizes(office.service) == []
    assert "no checkpoint is issued" in caplog.text
    assert keys.read_text(encoding="utf-8") == "damaged"


def test_serving_processes_see_to_it(
    tmp_path: Path, fresh_url: Callable[[str], str], witness: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """given two services on one log / when they run / then one file is with the witness."""
    url = fresh_url("sqlite")
    monkeypatch.setenv("STUNDENPOOL_WITNESS", str(witness))
    with running_office(url, tmp_path) as office:
        office.given("open_pool")
    processes = Processes(url, tmp_path)
    try:
        for _ in range(2):
            processes.start(SERVE_LOOKING)
        for _ in range(200):
            if list(witness.iterdir()):
                break
            time.sleep(0.05)
        time.sleep(0.3)
        assert len(list(witness.iterdir())) == 1
    finally:
        processes.end()
    assert b"Traceback" not in processes.log.read_bytes()
