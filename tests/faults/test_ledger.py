"""The ledger that is played against the service from outside, where it is at hand; it knows nothing but the contract."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import STORE_KINDS
from tests.postgres import Cluster

ROOT = Path(__file__).parents[2]
LEDGER = ROOT.parent / "shared" / "checks" / "ledger.py"

pytestmark = pytest.mark.skipif(not LEDGER.is_file(), reason=f"the ledger is not here: {LEDGER}")


def play(kind: str, seed: int, steps: int, kills: int, request: pytest.FixtureRequest, folder: Path) -> None:
    """Plays one history on a new store; the ledger itself makes those on SQLite."""
    command = [sys.executable, str(LEDGER), "--seed", str(seed), "--steps", str(steps), "--kills", str(kills)]
    if kind == "postgres":
        cluster: Cluster = request.getfixturevalue("postgres")
        command += ["--database-url", cluster.url(cluster.fresh_database())]
    environment = {**os.environ, "TMPDIR": str(folder)}  # it leaves its stores behind
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("1 passed, 0 failed\n")


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_a_short_history_agrees_with_the_ledger(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A history, a stampede and a kill: every answer and every balance is what the ledger says."""
    play(kind, 11, 60, 1, request, tmp_path)


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(1, 11))
@pytest.mark.parametrize("kind", STORE_KINDS)
def test_a_long_history_agrees_with_the_ledger(kind: str, seed: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The ledger's own measure: 600 steps and five kills, with ten seeds on each store."""
    play(kind, seed, 600, 5, request, tmp_path)
