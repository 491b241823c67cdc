"""The cluster of deploy/cluster on this machine, and what can happen to its machines."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "cluster" / "local.sh"
STATE = Path("/var/tmp/stundenpool-cluster")
SERVICES = {"app1": "http://10.83.0.21:8000", "app2": "http://10.83.0.22:8000"}
_ADDRESSES = {"db1": "10.83.0.11", "db2": "10.83.0.12", "db3": "10.83.0.13"}
_WAIT_SECONDS_MAX = 120


class Machines:
    """db1 to db3 and app1, app2, while they run."""

    keys = STATE / "keys"

    def do(self, *words: str) -> str:
        """What the script, called like this, prints."""
        done = subprocess.run([SCRIPT, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def stundenpool(self, *words: str) -> str:
        """The command line, on the first machine of the service."""
        return self.do("on", "app1", str(ROOT / ".venv/bin/stundenpool"), *words)

    def standing(self) -> dict[str, str]:
        """What each database machine says of itself, such as "running, replica"."""
        return dict(line.split(" ", 1) for line in self.do("status").splitlines())

    def primaries(self) -> list[str]:
        """Usually one; none during a failover."""
        return [machine for machine, said in self.standing().items() if said == "running, primary"]

    def whole(self) -> bool:
        """Whether there is one primary, and two standbys follow it without being behind."""
        primaries = self.primaries()
        if len(primaries) != 1:
            return False
        with suppress(httpx.TransportError):
            members = httpx.get(f"http://{_ADDRESSES[primaries[0]]}:8008/cluster").json()["members"]
            standbys = [member for member in members if member["role"] != "leader"]
            behind = [member for member in standbys if (member["state"], member.get("lag")) != ("streaming", 0)]
            return len(standbys) == 2 and not behind and len({member.get("timeline") for member in members}) == 1
        return False

    def ready(self, service: str) -> bool:
        """Whether a machine of the service says so."""
        with suppress(httpx.TransportError):
            return httpx.get(f"{SERVICES[service]}/readyz").status_code == 200
        return False

    def await_(self, what: str, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS_MAX
        while not true():
            assert time.monotonic() < deadline, f"{what} did not come: {self.standing()}"
            time.sleep(0.2)

    def url(self, machine: str) -> str:
        """The database of one machine itself, whatever its part is."""
        found = re.search(r"^STUNDENPOOL_DATABASE_URL=(.*)$", (STATE / "etc/service.env").read_text(), re.MULTILINE)
        assert found
        return found[1].replace("127.0.0.1", _ADDRESSES[machine])


@contextmanager
def running_machines() -> Iterator[Machines]:
    """All machines, until the block ends; afterwards nothing of them is left."""
    if STATE.exists():
        pytest.fail(f"A trial of the cluster is running or was left behind: {SCRIPT} down", pytrace=False)
    try:
        # Its processes outlive the call, so its output must not be waited for to its end.
        with subprocess.Popen([SCRIPT, "up"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as up:
            said, _ = up.communicate()
        if up.returncode:
            pytest.fail(f"The cluster did not start: {said.decode()}", pytrace=False)
        yield Machines()
    finally:
        if STATE.exists():
            subprocess.run([SCRIPT, "down"], check=True)
    assert not STATE.exists()
    assert "stundenpool-" not in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
