"""Several processes on one address: together they are one service, and it survives each of them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from application.demonstration import open_demonstration
from domain.quantities import Period, Rules
from tests.conftest import STORE_KINDS
from tests.faults.errands import GRANTED, SERVICE, SESSION, Errand, Report, hold_against_log, hold_together, open_place, run_errands
from tests.interfaces.http.explored import Served, served
from tests.interfaces.http.test_following import wait_until
from tests.interfaces.http.test_server import ROOT, SERVE, environment
from tests.office import OFFICER, Office, running_office
from tests.schema import make_schema

CALLERS = 6
LOAD_SECONDS = 2
PATIENCE_SECONDS = 120

WHO = {"open": "lead", "request": "worker", "approve": "officer", "log": "worker"}
PATHS = {
    "open": "/cases",
    "request": "/bookings",
    "approve": "/bookings/{about}/approval",
    "log": "/bookings/{about}/sessions",
}


class Ended(Exception):
    """The time for the load is up."""


class Callers:
    """Run errands by HTTP, each over a connection of its own. Whoever gets no answer asks again under the same key."""

    def __init__(self, service: Served) -> None:
        self.asked: dict[str, Errand] = {}
        self.reports: dict[str, Report] = {}
        self.answered_by: dict[str, str] = {}  # which process, by key
        self.cut = 0  # requests that were not answered
        self._tokens = service.office.tokens
        self._client = httpx.Client(
            base_url=service.base, limits=httpx.Limits(max_keepalive_connections=0), timeout=PATIENCE_SECONDS
        )
        self._until = float("inf")

    def run(self, pool: UUID, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Runs as many errands as there is time for; what has begun is brought to its end."""
        self._until = time.monotonic() + seconds
        with ThreadPoolExecutor(CALLERS) as threads:
            running = [threads.submit(run_errands, f"caller-{number}", pool, self._perform) for number in range(CALLERS)]
            meanwhile()
        assert [type(done.exception()) for done in running] == [Ended] * CALLERS

    def ask(self, errand: Errand) -> tuple[Report, str]:
        """What is answered, and the process that answers it; it shows in the ids that it gives to requests."""
        bodies = {
            "open": {"pool": str(errand.about), "district": "nord", "service_area": "11", "concern": "work"},
            "request": {"case": str(errand.about), "minutes": GRANTED, "purpose": "Begleitung zum Amt"},
            "approve": {},
            "log": {"starts_at": SERVICE.isoformat(), "minutes": SESSION, "kind": "direct", "note": "Termin"},
        }
        answer = self._client.post(
            f"/api/v1{PATHS[errand.verb].format(about=errand.about)}",
            json=bodies[errand.verb],
            headers={"Authorization": f"Bearer {self._tokens[WHO[errand.verb]]}", "Idempotency-Key": errand.key},
        )
        assert answer.status_code in (200, 201, 409), answer.text
        outcome = answer.json()["code"] if answer.status_code == 409 else "done"
        tag = answer.headers.get("ETag")
        report = Report(errand, outcome, answer.content, int(answer.headers["Position"]), int(tag.strip('"')) if tag else None)
        return report, answer.headers["X-Request-Id"].partition("-")[0]

    def _perform(self, errand: Errand) -> Report:
        if time.monotonic() > self._until:
            raise Ended
        self.asked[errand.key] = errand
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                report, process = self.ask(errand)
            except httpx.TransportError:
                assert time.monotonic() < deadline
                self.cut += 1
            else:
                self.reports[errand.key], self.answered_by[errand.key] = report, process
                return report

    def repeat_elsewhere(self, errands: list[Errand]) -> None:
        """Each is answered by another process as by the first one."""
        for errand in errands:
            deadline = time.monotonic() + PATIENCE_SECONDS
            process = self.answered_by[errand.key]
            while process == self.answered_by[errand.key]:
                assert time.monotonic() < deadline
                report, process = self.ask(errand)
                assert report == self.reports[errand.key]


@contextmanager
def office_of(service: Served) -> Iterator[Office]:
    """Another process on the same store."""
    settings = service.office.service.settings
    office = Office(settings.database_url, Path(settings.keystore))
    try:
        yield office
    finally:
        office.close()


def workers_of(process: "subprocess.Popen[bytes]") -> list[int]:
    """The processes that serve."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def told_by(service: Served, name: str) -> dict[int, float]:
    """A number without labels of its own, by the process that it is of."""
    text = httpx.get(f"{service.base}/metrics", timeout=PATIENCE_SECONDS, verify=False).text
    return {int(pid): float(value) for pid, value in re.findall(rf'^{name}{{pid="(\d+)"}} (\S+)$', text, re.MULTILINE)}


def wait_for_all(service: Served, workers: int) -> None:
    wait_until(lambda: len(told_by(service, "stundenpool_workers")) == workers, PATIENCE_SECONDS)


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("kind", STORE_KINDS)
def test_several_processes_are_one_service(kind: str, workers: int, fresh_url: Callable[[str], str], tmp_path: Path) -> None:
    """Under load nothing is lost or doubled, balances are right, all take part, and a key is known to each of them."""
    with served(fresh_url(kind), tmp_path, WORKERS=str(workers)) as service, office_of(service) as office:
        wait_for_all(service, workers)
        callers = Callers(service)
        callers.run(open_place(office), LOAD_SECONDS)
        assert len(set(callers.answered_by.values())) == workers
        hold_against_log(office.log(), callers.asked, callers.reports, all_answered=True)
        callers.repeat_elsewhere(list(callers.asked.values())[:50])
        hold_against_log(office.log(), callers.asked, callers.reports, all_answered=True)
        hold_together(office)


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_the_service_goes_on_without_a_process_that_was_killed(kind: str, fresh_url: Callable[[str], str], tmp_path: Path) -> None:
    """Given SIGKILL under load, then what was answered is there, the rest is asked again, and another process takes its place."""
    with served(fresh_url(kind), tmp_path, WORKERS="2") as service, office_of(service) as office:
        wait_for_all(service, 2)
        before = workers_of(service.process)
        callers = Callers(service)

        def kill_one() -> None:
            time.sleep(LOAD_SECONDS / 3)
            os.kill(before[0], signal.SIGKILL)

        callers.run(open_place(office), LOAD_SECONDS, kill_one)
        assert callers.reports
        hold_against_log(office.log(), callers.asked, callers.reports, all_answered=True)
        wait_for_all(service, 2)
        assert before[1] in told_by(service, "stundenpool_workers")
        assert before[0] not in told_by(service, "stundenpool_workers")
        callers.repeat_elsewhere(list(callers.asked.values())[:20])
        hold_together(office)


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_reads_see_what_another_process_wrote(kind: str, fresh_url: Callable[[str], str], tmp_path: Path) -> None:
    """Whichever process is asked, the position that a caller has seen is there, and so is what they wrote."""
    with served(fresh_url(kind), tmp_path, WORKERS="2") as service, office_of(service) as office:
        wait_for_all(service, 2)
        callers, pool = Callers(service), open_place(office)
        lead = {"Authorization": f"Bearer {service.office.tokens['lead']}"}
        readers = set()
        for number in range(40):
            report, writer = callers.ask(Errand(f"case-{number}", "open", pool))
            answer = httpx.get(f"{service.base}/api/v1/cases", params={"pool": str(pool), "limit": 500}, headers=lead, verify=False)
            assert str(report.id) in answer.text
            assert int(answer.headers["Position"]) >= report.position
            readers.add((writer, answer.headers["X-Request-Id"].partition("-")[0]))
        assert any(writer != reader for writer, reader in readers)


def test_one_scrape_shows_all_processes(fresh_url: Callable[[str], str], tmp_path: Path) -> None:
    """Whichever of them is asked: each number with the process that it is of, and every metric described once."""
    with served(fresh_url("sqlite"), tmp_path, WORKERS="2") as service:
        wait_for_all(service, 2)
        for _ in range(40):
            httpx.get(f"{service.base}/healthz", verify=False)  # each over a connection of its own
        text = httpx.get(f"{service.base}/metrics").text
        counted = re.findall(r'^stundenpool_requests_total{.*pid="(\d+)",route="/healthz".*} (\S+)$', text, re.MULTILINE)
        assert sum(float(value) for _, value in counted) == 40
        assert sorted(int(pid) for pid, _ in counted) == sorted(workers_of(service.process))
        described = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
        assert len(described) == len(set(described))
        assert set(told_by(service, "stundenpool_database_up").values()) == {1}
        assert set(told_by(service, "stundenpool_workers").values()) == {2}


def test_all_of_them_log_in_one_form(fresh_url: Callable[[str], str], tmp_path: Path) -> None:
    """Parent and workers, from the start to the end: one JSON object a line."""
    with served(fresh_url("sqlite"), tmp_path, WORKERS="2", LOG_FORMAT="json") as service:
        wait_for_all(service, 2)
        processes = {service.process.pid, *workers_of(service.process)}
    lines = [json.loads(line) for line in (tmp_path / "serve.log").read_text().splitlines()]
    assert {line["pid"] for line in lines} == processes


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_end_with_a_signal(number: int, fresh_url: Callable[[str], str], tmp_path: Path) -> None:
    """Requests under way are answered, streams end whole, no process is left, and nothing of theirs."""
    with served(fresh_url("sqlite"), tmp_path, WORKERS="2") as service, office_of(service) as office:
        wait_for_all(service, 2)
        workers, callers, pool = workers_of(service.process), Callers(service), open_place(office)
        auditor = {"Authorization": f"Bearer {service.office.tokens['auditor']}"}
        with ThreadPoolExecutor() as threads:
            streams = [threads.submit(follow_to_the_end, service.base, auditor) for _ in range(2)]
            wait_until(lambda: sum(told_by(service, "stundenpool_streams").values()) == len(streams))
            with office.store.turn():  # nobody else can take theirs
                asked = threads.submit(callers.ask, Errand("under-way", "open", pool))
                wait_until(lambda: sum(told_by(service, "stundenpool_commands_waiting").values()) == 1)
                service.process.send_signal(number)
                time.sleep(1)
        assert asked.result()[0].outcome == "done"
        assert [stream.result() for stream in streams] == [200, 200]
        assert service.process.wait(30) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
        assert "Traceback" not in (tmp_path / "serve.log").read_text()


def follow_to_the_end(base: str, headers: dict[str, str]) -> int:
    """The status of a stream that ends whole; raises where it breaks off."""
    with httpx.stream("GET", f"{base}/api/v1/events/stream", headers=headers, timeout=60) as answer:
        answer.read()
    return answer.status_code


def test_no_process_outlives_its_parent(fresh_url: Callable[[str], str], tmp_path: Path) -> None:
    """Given SIGKILL for the parent, then its workers end, and the address is free."""
    with served(fresh_url("sqlite"), tmp_path, WORKERS="2") as service:
        wait_for_all(service, 2)
        workers = workers_of(service.process)
        service.process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{service.base}/healthz")


def test_a_demonstration_has_one_process(store_url: str, tmp_path: Path) -> None:
    """Its clock runs in the process, and several would tell different times: exit status 1, and a sentence that says so."""
    with running_office(store_url, tmp_path / "keys") as office:
        facts: Any = {"name": "Vorführung", "period": Period(date(2022, 1, 1), date(2022, 12, 31)), "budget_minutes": 6000}
        office.do(OFFICER, open_demonstration, **facts, rules=Rules(), seed=1, clock=datetime(2022, 3, 1, tzinfo=UTC))
    stated = environment(store_url, tmp_path, WORKERS="2")
    done = subprocess.run([sys.executable, "-c", SERVE], cwd=ROOT, env=stated, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.strip() == "Eine Demonstration hat eine eigene Uhr und läuft daher in einem einzigen Prozess (--workers 1)."


def test_an_address_that_is_taken_is_told(fresh_url: Callable[[str], str], tmp_path: Path) -> None:
    """Before any process is started, in the same words as with one."""
    url = fresh_url("sqlite")
    make_schema(url)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stated = environment(url, tmp_path, taken.getsockname()[1])
        command = [sys.executable, "-c", "from interfaces.cli import main; main()", "serve", "--workers", "2"]
        done = subprocess.run(command, cwd=ROOT, env=stated, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "kann der Dienst nicht lauschen" in done.stderr
