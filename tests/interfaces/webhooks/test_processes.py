"""Delivering from processes that are killed, stopped, ended and many: nothing is missed, and the order is kept."""

import base64
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.interfaces.http.office import Office, running_office
from tests.interfaces.http.test_following import head
from tests.interfaces.http.test_refusals import LOGGED
from tests.interfaces.http.test_server import ROOT, SERVE, environment, free_port, wait_for
from tests.interfaces.webhooks.receiver import Answer, Receiver
from tests.postgres import Cluster

HOLD_SECONDS = 5

# What they hold, they hold for a shorter time than usual, so that a test need not wait long for the one that takes over.
SERVE_SHORTLY = f"""
from interfaces.http.server import serve
from interfaces.settings import read_settings
from interfaces.webhooks import delivering, sending
delivering.HOLD_SECONDS, delivering.RENEW_SECONDS = {HOLD_SECONDS}, 3.5
delivering.ATTEMPT_SECONDS_MAX = sending.ATTEMPT_SECONDS_MAX = 2
serve(read_settings())
"""


class Processes:
    """Services on one store."""

    def __init__(self, url: str, folder: Path) -> None:
        self.log = folder / "serve.log"
        self._url = url
        self._folder = folder
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, script: str = SERVE) -> "subprocess.Popen[bytes]":
        """One that is ready."""
        port = free_port()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", script], cwd=ROOT, env=environment(self._url, self._folder, port), stderr=log
            )
        self.started.append(process)
        wait_for(f"http://127.0.0.1:{port}/readyz", process)
        return process

    def end(self) -> None:
        for process in self.started:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    """Somebody who records things, and delivers nothing."""
    with running_office(store_url, tmp_path) as office:
        yield office


@pytest.fixture
def processes(office: Office, store_url: str, tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(store_url, tmp_path)
    try:
        yield processes
    finally:
        processes.end()


def register(office: Office, receiver: Receiver) -> dict[str, Any]:
    answer = office.post("admin", "/webhooks", {"url": receiver.url, "after": 0})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert office.post("officer", f"/webhooks/{found['id']}/release").status_code == 200
    return found


def position(office: Office, webhook: dict[str, Any]) -> int:
    found: int = office.get("admin", f"/webhooks/{webhook['id']}").json()["position"]
    return found


def record_and_wait(office: Office, receiver: Receiver) -> int:
    """Something happens, and is delivered; up to which position."""
    office.given(*LOGGED)
    last = head(office)
    receiver.until(lambda: last in receiver.positions)
    return last


def in_order(receiver: Receiver, last: int) -> None:
    """All came, none before an earlier one; what came twice is the same event under the same id."""
    assert list(dict.fromkeys(receiver.positions)) == list(range(1, last + 1))
    ids = {(post.position, post.message, post.body) for post in receiver.posts}
    assert len(ids) == last


def test_killed_in_the_middle(office: Office, processes: Processes, receiver: Receiver) -> None:
    """given a process that is killed while it delivers / when another one starts / then it repeats what was not written."""
    for _ in range(40):
        office.given(*LOGGED)
    last = head(office)
    receiver.plan = lambda post: Answer(seconds=0.01)
    webhook = register(office, receiver)
    written = before = 0
    for _ in range(3):
        process = processes.start(SERVE_SHORTLY)
        receiver.until(lambda enough=before + 40: len(receiver.posts) > enough)
        assert receiver.positions[before] == written + 1, "it goes on behind the position that is written"
        process.kill()
        process.wait()
        time.sleep(0.2)  # what it has sent is still being taken
        written, before = position(office, webhook), len(receiver.posts)
    processes.start(SERVE_SHORTLY)
    receiver.until(lambda: last in receiver.positions)
    in_order(receiver, last)
    wait_until_written(office, webhook, last)
    assert len(receiver.posts) > last, "no kill came when something was not written"
    assert b"Traceback" not in processes.log.read_bytes()


def test_two_at_once(office: Office, processes: Processes, receiver: Receiver) -> None:
    """given two processes / when much is recorded / then each event comes once and in order; when one ends, the other goes on."""
    receiver.plan = lambda post: Answer(seconds=0.02)
    webhook = register(office, receiver)
    first, _ = processes.start(), processes.start()
    for _ in range(10):
        office.given(*LOGGED)
    receiver.until(lambda: len(receiver.posts) > 20)
    first.terminate()
    assert first.wait(timeout=15) == 0
    office.given(*LOGGED)
    last = head(office)
    receiver.until(lambda: len(receiver.posts) >= last)
    wait_until_written(office, webhook, last)
    assert receiver.positions == list(range(1, last + 1))
    assert receiver.at_work_max == 1


def test_one_that_stands_still_is_replaced_and_does_no_harm_later(office: Office, processes: Processes, receiver: Receiver) -> None:
    """given a process that is stopped for longer than it holds / then another takes over; awake, the first turns nothing back."""
    webhook = register(office, receiver)
    both = [processes.start(SERVE_SHORTLY), processes.start(SERVE_SHORTLY)]
    for stopped in both:
        record_and_wait(office, receiver)
        stopped.send_signal(signal.SIGSTOP)
        record_and_wait(office, receiver)
        stopped.send_signal(signal.SIGCONT)
        last = record_and_wait(office, receiver)
        wait_until_written(office, webhook, last)
    in_order(receiver, last)
    time.sleep(1)
    assert position(office, webhook) == last


def test_the_secret_is_nowhere(
    office: Office, processes: Processes, receiver: Receiver, store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """given a webhook that is delivered to / then its secret stands in no table, no file of the database, no log and no answer."""
    webhook = register(office, receiver)
    again = office.post("admin", "/webhooks", {"url": receiver.url, "after": 0}, key="einmal")
    processes.start()
    receiver.answers(Answer(500))
    office.given(*LOGGED)
    receiver.until(lambda: len(receiver.posts) > 6)
    answers = [office.get("admin", "/webhooks").content, office.get("admin", f"/webhooks/{webhook['id']}").content]
    answers.append(office.post("admin", f"/webhooks/{webhook['id']}/resumption").content)
    answers.append(office.call("admin", "DELETE", f"/webhooks/{webhook['id']}").content)
    places = [*answers, processes.log.read_bytes(), *_database(store_url, tmp_path, request)]
    assert any(webhook["id"].encode() in place for place in places[:-1])
    for shown in (webhook["secret"], again.json()["secret"]):
        written = shown.removeprefix("whsec_")
        secret = base64.b64decode(written)
        for place in places:
            for form in (written.encode(), secret, secret.hex().encode()):
                assert form not in place
    assert receiver.url.encode() not in processes.log.read_bytes()


def _database(url: str, folder: Path, request: pytest.FixtureRequest) -> list[bytes]:
    """Everything that a copy of the database would hold."""
    if url.startswith("sqlite"):
        return [path.read_bytes() for path in folder.glob("store-*")]
    cluster: Cluster = request.getfixturevalue("postgres")
    database = url.rpartition("/")[2]
    tables = cluster.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database=database)
    return [repr(cluster.run(f"SELECT * FROM {table}", database=database)).encode() for (table,) in tables]


def wait_until_written(office: Office, webhook: dict[str, Any], last: int) -> None:
    deadline = time.monotonic() + 15
    while position(office, webhook) != last:
        assert time.monotonic() < deadline, position(office, webhook)
        time.sleep(0.05)
