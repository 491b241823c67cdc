"""`stundenpool demo`, as somebody starts it: a program of its own on a free port."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from application.log import read_event
from interfaces.demo.setting import CLOCK
from interfaces.settings import Settings
from interfaces.storage import open_store
from tests.office import running_office

ROOT = Path(__file__).parents[3]
STUNDENPOOL = (sys.executable, "-c", "from interfaces.cli import main; main(prog_name='stundenpool')")
START_SECONDS_MAX = 240  # no promise: a process that came to its end is noticed at once, and one that hangs after that
ROLES = ["worker", "lead", "officer", "officer", "planner", "auditor", "admin"]


def environment(folder: Path, port: int) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("STUNDENPOOL_")}
    return ours | {
        "PYTHONPATH": str(ROOT),
        "STUNDENPOOL_DATABASE_URL": f"sqlite:///{folder}/pool.db",
        "STUNDENPOOL_KEYSTORE": str(folder / "keys"),
        "STUNDENPOOL_PORT": str(port),
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Visitor:
    """Reads what the program printed, and calls the service with the tokens in it."""

    def __init__(self, said: str, port: int) -> None:
        self.said = said
        self.people = re.findall(r"^  (\w+) +(\S+) +(\S{43})$", said, re.MULTILINE)
        self.port = port

    def get(self, role: str, path: str) -> httpx.Response:
        token = next(token for its, _, token in self.people if its == role)
        return httpx.get(f"http://127.0.0.1:{self.port}/api/v1{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def post(self, role: str, path: str, **body: object) -> httpx.Response:
        token = next(token for its, _, token in self.people if its == role)
        url, headers = f"http://127.0.0.1:{self.port}/api/v1{path}", {"Authorization": f"Bearer {token}"}
        return httpx.post(url, headers=headers, json=body, timeout=30)


@contextmanager
def demonstrated(folder: Path) -> Iterator[Visitor]:
    """The running demonstration."""
    port = free_port()
    with (folder / "said").open("w+b") as said, (folder / "log").open("wb") as log:
        service = subprocess.Popen([*STUNDENPOOL, "demo"], cwd=folder, env=environment(folder, port), stdout=said, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not ready(port):
            assert service.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield Visitor((folder / "said").read_text(), port)
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(timeout=START_SECONDS_MAX)


def ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def refusal(folder: Path, *arguments: str) -> str:
    """What a start that is refused says, in one sentence."""
    done = subprocess.run(
        [*STUNDENPOOL, "demo", *arguments], cwd=folder, env=environment(folder, free_port()), capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    return done.stderr


def recorded(folder: Path) -> tuple[int, datetime]:
    """Position and instant of the last event."""
    with closing(open_store(f"sqlite:///{folder}/pool.db", create=False)) as store, store.reading() as reader:
        head = reader.head()
        assert head is not None
        return head.id, read_event(head).recorded_at


@pytest.mark.timeout(600)  # the demonstration starts twice
def test_a_stranger_sees_a_living_pool(tmp_path: Path) -> None:
    """One command; then every token opens what its role may see, and what is done is recorded by the demonstration's clock."""
    with demonstrated(tmp_path) as visitor:
        assert f"http://127.0.0.1:{visitor.port}/" in visitor.said
        assert "10.05.2022" in visitor.said
        assert [role for role, _, _ in visitor.people] == ROLES
        [pool] = visitor.get("planner", "/pools").json()["items"]
        assert pool["demonstration"]
        for role in set(ROLES) - {"admin"}:
            assert visitor.get(role, f"/pools/{pool['id']}/balance").status_code == 200
        assert visitor.get("admin", f"/pools/{pool['id']}/balance").status_code == 403
        for role in ("worker", "lead", "officer", "auditor"):
            assert visitor.get(role, f"/cases?pool={pool['id']}&limit=50").json()["items"], role
        runs_out = visitor.get("officer", f"/pools/{pool['id']}/forecast").json()["runs_out_on"]
        assert runs_out.startswith("2022-05-")
        last, _ = recorded(tmp_path)
        case = visitor.post(
            "worker", "/cases", pool=pool["id"], district="Hafenquartier", service_area="11", concern="housing"
        ).json()
        assert visitor.post("worker", "/bookings", case=case["id"], minutes=120).status_code == 201
        position, at = recorded(tmp_path)
        assert position == last + 2
        assert CLOCK < at < CLOCK + timedelta(hours=1)
    assert "Startwert 2022" in refusal(tmp_path, "--seed", "7")
    with demonstrated(tmp_path) as visitor:
        assert recorded(tmp_path) == (position, at)
        assert visitor.post("worker", "/bookings", case=case["id"], minutes=120).status_code == 201
        assert at < recorded(tmp_path)[1] < at + timedelta(hours=1)


def test_real_pools_are_left_alone(tmp_path: Path) -> None:
    """given a database with a pool / when the demonstration is started / then it says why not, and adds nothing."""
    with running_office(f"sqlite:///{tmp_path}/pool.db", tmp_path / "keys") as office:
        office.open_pool("2022-01-01", "2022-12-31", 6000)
    before = recorded(tmp_path)
    assert "eine Datenbank für sich allein" in refusal(tmp_path)
    assert recorded(tmp_path) == before


def test_nothing_else_starts_a_demonstration() -> None:
    """The event that gives a log its clock is made in one place, which one command leads to; no setting speaks of a clock."""
    sources = {path: path.read_text() for folder in ("application", "interfaces") for path in (ROOT / folder).rglob("*.py")}

    def holding(pattern: str) -> set[str]:
        return {str(path.relative_to(ROOT)) for path, text in sources.items() if re.search(pattern, text)}

    assert holding(r"(?<!case )DemonstrationStarted\(") == {"application/demonstration.py"}
    assert holding(r"\bopen_demonstration\b") == {"application/demonstration.py", "interfaces/demo/office.py"}
    assert holding(r"\bload\(store") == {"interfaces/demo/loading.py", "interfaces/cli/demo.py"}
    assert not [each.name for each in fields(Settings) if re.search("clock|time|now|demo|seed", each.name)]


@pytest.mark.parametrize("command", ["serve", "db", "import", "pool", "token"])
def test_no_other_command_takes_a_clock(command: str, tmp_path: Path) -> None:
    """Nor a seed."""
    done = subprocess.run(
        [*STUNDENPOOL, command, "--help"], cwd=tmp_path, env=environment(tmp_path, free_port()), capture_output=True, text=True
    )
    assert done.returncode == 0
    assert not re.search(r"--(clock|now|time|seed)", done.stdout)
