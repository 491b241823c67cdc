"""A commit that is cut off, a server that restarts, a disk that is full: each effect is in the log exactly once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import psycopg
import pytest

from application import commands, engine, sampling
from application.imports import import_file
from application.log import Recorded, StoreUnavailable, read_event
from application.projections import bookings, cases, findings, pools, providers
from application.receipts import Answer
from interfaces import storage
from interfaces.spreadsheets import read_table
from interfaces.storage import open_store
from interfaces.storage import postgres as postgres_store
from interfaces.storage import sqlite as sqlite_store
from tests.conftest import STORE_KINDS
from tests.cutting_proxy import CuttingProxy
from tests.faults.errands import Errand, Report, hold_against_log, hold_together, open_place, perform, repeat_all, run_errands
from tests.faults.faulty_stores import FaultyOffice, When, faulty_office
from tests.faults.full_disk import Story
from tests.faults.scenes import SCENES, Call, Stage, all_commands
from tests.interfaces.http.office import running_office as running_http_office
from tests.office import OFFICER, WORKER, Office, body, running_office
from tests.postgres import Cluster
from tests.schema import make_schema

ROOT = Path(__file__).parents[2]
THREADS = 8
BACK_SECONDS_MAX = 30
ERRANDS_BETWEEN = 40  # two crashes
CUTS_IN_A_ROW_MAX = 3  # with no errand done between them: a slow machine would get nowhere otherwise


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here needs the patience that a real store deserves."""
    monkeypatch.setattr(engine, "PAUSE_SECONDS", 0.01)


@pytest.fixture(scope="module", params=STORE_KINDS)
def faulty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyOffice]:
    with faulty_office(request.param, tmp_path_factory.mktemp("faulty"), request) as faulty:
        yield faulty


def head(office: Office) -> int:
    with office.store.reading() as reader:
        last = reader.head()
    return last.id if last else 0


def log_after(office: Office, position: int) -> list[Recorded]:
    with office.store.reading() as reader:
        return [read_event(row) for row in reader.notifications(position, 1000)]


def resource(office: Office, call: Call, answer: Answer) -> tuple[bytes, int]:
    """What the projections say of the resource that an answer shows, and the version of its stream."""
    said = body(answer)
    id = UUID(said["id"])
    with office.store.reading() as reader:
        if "explanations" in said:
            finding = findings.versioned_finding(reader, id, None)
            return msgspec.json.encode(finding.view), finding.version
        if "population" in said:
            drawn = {sample.id: sample for sample in sampling.list_samples(reader, UUID(said["pool"]))}
            return msgspec.json.encode(drawn[id]), pools.versioned_pool(reader, drawn[id].pool).version
        if "rules" in said:
            pool = pools.versioned_pool(reader, id)
            return msgspec.json.encode(pool.view), pool.version
        if "reference" in said:
            case = cases.versioned_case(reader, id, None)
            return msgspec.json.encode(case.view), case.version
        if "names" in said:
            provider = providers.versioned_provider(reader, id)
            return msgspec.json.encode(provider.view), provider.version
        booking = bookings.versioned_booking(reader, id if "sessions" in said else call.args[0], None)
    if "sessions" in said:
        return msgspec.json.encode(booking.view), booking.version
    [session] = [session for session in booking.view.sessions if session.id == id]
    return msgspec.json.encode(session), booking.version


# ── every command


def test_every_command_has_a_scene() -> None:
    """A command that is not cut below would be one of which nobody knows what a cut does to it."""
    assert {scene.__name__ for scene in SCENES} >= all_commands()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_a_cut_commit_has_its_effect_once(
    scene: Callable[[Stage], Call], faulty: FaultyOffice, caplog: pytest.LogCaptureFixture
) -> None:
    """Cut before or after COMMIT, with a key or without: recorded once, answered as if nothing had happened."""
    office = faulty.office
    call, before = scene(Stage(office)), head(office)
    undisturbed = call.do(office)
    facts = [event.type for event in log_after(office, before)] if undisturbed.position else []
    cuts: list[tuple[When, bool]] = [("before", False), ("before", True), ("after", False), ("after", True)]
    for when, with_key in cuts:
        call, key = scene(Stage(office)), str(uuid4())
        before = head(office)
        caplog.clear()
        faulty.cut(when)
        answer = call.keyed(office, key) if with_key else call.do(office)
        assert "of unknown outcome" in caplog.text, "nothing was cut"
        recorded = log_after(office, before)
        assert [event.type for event in recorded] == facts, (when, with_key)
        assert (answer.outcome, answer.position) == (undisturbed.outcome, recorded[-1].position)
        assert (answer.body, answer.version) == resource(office, call, answer)
        if with_key:
            assert call.keyed(office, key) == answer
            assert head(office) == answer.position


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cut_refusal_is_answered_the_same_for_good(when: When, faulty: FaultyOffice, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal leaves a receipt and no event; the receipt alone tells whether its commit happened."""
    office = faulty.office
    call, key = Call(WORKER, commands.approve_hours, (Stage(office).request(),)), str(uuid4())
    before = head(office)
    faulty.cut(when)
    refused = call.keyed(office, key)
    assert "of unknown outcome" in caplog.text
    with office.store.reading() as reader:
        assert reader.fetch("SELECT outcome FROM receipts WHERE idempotency_key = ?", [key]) == [("own_request",)]
    assert (call.keyed(office, key), head(office)) == (refused, before)


@pytest.mark.parametrize("good_steps_alone", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cut_import_adds_every_step_once(when: When, good_steps_alone: bool, faulty: FaultyOffice) -> None:
    """A file is taken in once and whole, also when the commit of its turn is cut off."""
    office = faulty.office
    table = read_table(ROOT / "tests/data/requests.csv")
    options: dict[str, Any] = {"good_steps_alone": good_steps_alone, "dry_run": False, "progress": lambda done, total: None}
    undisturbed = import_file(office.engine, OFFICER, _import_pool(office), "requests", table, **options)
    pool, before = _import_pool(office), head(office)
    faulty.cut(when)
    report = import_file(office.engine, OFFICER, pool, "requests", table, **options)
    recorded = log_after(office, before)
    assert report == undisturbed
    assert sum(event.type == "import-recorded" for event in recorded) == 1
    again = import_file(office.engine, OFFICER, pool, "requests", table, **options)
    assert (again.recorded, head(office)) == (0, recorded[-1].position)


def _import_pool(office: Office) -> UUID:
    return office.open_pool("2010-10-01", "2099-12-31", 900_000, unit_minutes=5)


# ── under load


class Load:
    """Threads that run errands until they have enough, and repeat an errand whenever the store was not available."""

    def __init__(self, office: Office, errands: int) -> None:
        self.asked: dict[str, Errand] = {}
        self.reports: dict[str, Report] = {}
        self.unavailable = 0
        self._office = office
        self._errands = errands
        self._pool = open_place(office)

    def run(self) -> None:
        """Returns when that many errands are answered."""
        with ThreadPoolExecutor(THREADS) as threads:
            running = [threads.submit(run_errands, f"t{thread}", self._pool, self._perform) for thread in range(THREADS)]
        for thread in running:
            with pytest.raises(_Enough):
                thread.result()

    def _perform(self, errand: Errand) -> Report:
        if len(self.reports) >= self._errands:
            raise _Enough
        self.asked[errand.key] = errand
        while errand.key not in self.reports:
            try:
                self.reports[errand.key] = perform(self._office, errand)
            except StoreUnavailable:
                self.unavailable += 1
        return self.reports[errand.key]

    def hold(self) -> None:
        own = {event.command for event in self._office.log()} & self.asked.keys()
        assert own == {key for key, report in self.reports.items() if report.outcome != "over_grant"}
        hold_against_log(self._office.log(), self.asked, self.reports, all_answered=True)
        repeat_all(self._office, self.reports)
        hold_together(self._office)


class _Enough(Exception):
    pass


@pytest.mark.parametrize("errands", [100, pytest.param(3000, marks=[pytest.mark.chaos, pytest.mark.timeout(1200)])])
@pytest.mark.parametrize("kind", STORE_KINDS)
def test_commits_cut_under_load(kind: str, errands: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Many commits cut at random, those of the engine's own inquiries among them: each errand is done once."""
    with faulty_office(kind, tmp_path, request) as faulty:
        load, done, cuts = Load(faulty.office, errands), Event(), 0

        def cut() -> None:
            nonlocal cuts
            answered_at_cuts: deque[int] = deque([-1] * CUTS_IN_A_ROW_MAX, CUTS_IN_A_ROW_MAX)
            while not done.wait(random.uniform(0.005, 0.08)):
                answered = len(load.reports)
                if answered > answered_at_cuts[0]:
                    answered_at_cuts.append(answered)
                    faulty.cut(random.choice(["before", "after"]))
                    cuts += 1

        with ThreadPoolExecutor(1) as cutter:
            cutter.submit(cut)
            load.run()
            done.set()
        faulty.office.open_pool("2022-01-01", "2022-12-31", 60)  # uses the last demand up
        load.hold()
    assert cuts > 1


@pytest.mark.parametrize("crashes", [2, pytest.param(20, marks=[pytest.mark.chaos, pytest.mark.timeout(1200)])])
def test_a_server_that_crashes_under_load(crashes: int, postgres: Cluster, tmp_path: Path) -> None:
    """PostgreSQL falls over and recovers several times: the engine waits, asks what became of its commits, and goes on."""
    with running_office(postgres.url(postgres.fresh_database()), tmp_path / "keys") as office:
        load = Load(office, ERRANDS_BETWEEN * (crashes + 1))
        with ThreadPoolExecutor(1) as background:
            running = background.submit(load.run)
            for crash in range(crashes):
                wanted = ERRANDS_BETWEEN * (crash + 1)
                while len(load.reports) < wanted and not running.done():
                    time.sleep(0.01)
                _crash(postgres)
            running.result()
        load.hold()


def _crash(postgres: Cluster) -> None:
    """Kills one of the server's processes, whereupon it ends all others and recovers as after a crash of the machine."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with suppress(psycopg.OperationalError):
            while True:
                connection.execute("SELECT 1")


# ── a store that is away


def test_a_server_that_is_away_for_longer(postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is promised while the store is away; when it is back, work goes on by itself, and a repeated key is done once."""
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.05)
    database = postgres.fresh_database()
    make_schema(postgres.url(database))
    with CuttingProxy(postgres.port) as proxy:
        office = Office(postgres.url(database, port=proxy.port), tmp_path / "keys")
        call = Call(WORKER, commands.request_hours, facts={"case": Stage(office).case(), "minutes": 60})
    with closing(office):
        with pytest.raises(StoreUnavailable):
            call.keyed(office, "k-1")
        with pytest.raises(StoreUnavailable):
            call.do(office)
        with CuttingProxy(postgres.port, proxy.port):
            done = call.keyed(office, "k-1")
            assert (done.outcome, call.keyed(office, "k-1")) == ("created", done)
            assert [event.type for event in office.log()].count("hours-requested") == 1


def test_the_service_says_503_while_its_server_is_away(postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands and questions alike are told when to come again; then they are answered as if nothing had been."""
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(storage, "_POOL_WAIT_SECONDS_MAX", 1)
    with ExitStack() as stack:
        with CuttingProxy(postgres.port) as proxy:
            url = postgres.url(postgres.fresh_database(), port=proxy.port)
            office = stack.enter_context(running_http_office(url, tmp_path)).given("open_pool", "open_case")
            wanted = {"case": office.case, "minutes": 60}
        for away in (office.post("lead", "/bookings", wanted, "k-1"), office.get("lead", "/bookings")):
            assert (away.status_code, int(away.headers["Retry-After"]) > 0) == (503, True)
        assert office.request("GET", "/readyz").status_code == 503
        assert office.request("GET", "/healthz").status_code == 200
        stack.enter_context(CuttingProxy(postgres.port, proxy.port))
        done = _once_it_is_back(lambda: office.post("lead", "/bookings", wanted, "k-1"))
        assert done.status_code == 201
        assert office.post("lead", "/bookings", wanted, "k-1").content == done.content
        listed = _once_it_is_back(lambda: office.get("lead", "/bookings"))
        assert [item["id"] for item in listed.json()["items"]] == [done.json()["id"]]
        assert _once_it_is_back(lambda: office.request("GET", "/readyz")).status_code == 200


def _once_it_is_back(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Comes again as long as it is told to: connections that broke are not all replaced in the same instant."""
    end = time.monotonic() + BACK_SECONDS_MAX
    while (answer := ask()).status_code == 503 and time.monotonic() < end:
        time.sleep(0.1)
    return answer


def test_a_server_that_goes_away_with_the_answer(postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can say whether a commit happened, the caller is told that the store is away; its key finds the answer."""
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.0)
    database = postgres.fresh_database()
    make_schema(postgres.url(database))
    with (
        CuttingProxy(postgres.port) as proxy,
        closing(Office(postgres.url(database, port=proxy.port), tmp_path / "keys")) as office,
    ):
        call = Call(WORKER, commands.request_hours, facts={"case": Stage(office).case(), "minutes": 60})
        proxy.cut_after_commit()
        with pytest.raises(StoreUnavailable):
            call.keyed(office, "k-1")
        stands = office.log()[-1]
        assert (stands.type, stands.command) == ("hours-requested", "k-1")
        assert call.keyed(office, "k-1").position == stands.position == head(office)


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_a_lock_that_others_keep(
    kind: str, fresh_url: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for the lock in vain is told that the store is away; nothing of the request is there, and work goes on."""
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.0)
    for module in (sqlite_store, postgres_store):
        monkeypatch.setattr(module, "TURN_WAIT_SECONDS_MAX", 1)
    url = fresh_url(kind)
    with running_office(url, tmp_path / "keys") as office, closing(open_store(url, create=False)) as other:
        call = Call(WORKER, commands.request_hours, facts={"case": Stage(office).case(), "minutes": 60})
        before = head(office)
        with other.turn(), pytest.raises(StoreUnavailable):
            call.keyed(office, "k-1")
        assert head(office) == before
        assert call.keyed(office, "k-1").position == before + 1


# ── a disk that is full


def test_a_disk_that_takes_nothing_more(tmp_path: Path) -> None:
    """A process whose every write fails keeps what it answered, leaves no trace of what failed, and goes on later."""
    url, keys = f"sqlite:///{tmp_path}/store.db", tmp_path / "keys"
    with running_office(url, keys) as office:
        pool = open_place(office)
        case = perform(office, Errand("case", "open", pool)).id
    command = [sys.executable, "-m", "tests.faults.full_disk", url, str(keys), str(pool), str(case)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    story = msgspec.json.decode(done.stdout, type=Story)
    assert story.failures == ["StoreUnavailable", "KeyStoreDamaged"]
    assert (story.log[1:], story.receipts) == (["case", "before"], 2)
    with closing(Office(url, keys)) as office:
        assert [event.command for event in office.log()][1:] == ["case", "before", "no log", "no key"]
        assert [perform(office, report.errand) for report in (story.before, *story.later)] == [story.before, *story.later]
        hold_together(office)


def test_a_database_that_may_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says "full" within the turn: what was answered stays, what failed leaves no trace, and work goes on later."""
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.05)
    with running_office(f"sqlite:///{tmp_path}/store.db", tmp_path / "keys") as office:
        case, before = Stage(office).case(), head(office)
        connection = office.store._turn_connection  # type: ignore[attr-defined]
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        call = Call(WORKER, commands.request_hours, facts={"case": case, "minutes": 60, "purpose": "lang " * 8000})
        with pytest.raises(StoreUnavailable):
            call.keyed(office, "k-1")
        assert head(office) == before
        connection.execute(f"PRAGMA max_page_count = {pages * 10}")
        assert call.keyed(office, "k-1").position == before + 1
        hold_together(office)
