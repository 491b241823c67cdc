"""A rebuild that is killed with SIGKILL, again and again, ends with the rows of one that is not."""

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from time import perf_counter

import pytest

from application.rebuild import check
from tests.application.long_history import write_history
from tests.application.projections.driver import Log, opened_log
from tests.conftest import STORE_KINDS

ROOT = Path(__file__).parents[2]
WHOLE_SECONDS_MAX = 60
LIVES_MAX = 10  # for each kill that is wanted


def one_life(url: str, seconds: float) -> tuple[list[str], float]:
    """What a rebuild says until it is killed or done, and after how many seconds it was."""
    command = [sys.executable, "-m", "tests.faults.one_rebuild", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "begun\n", process.stderr.read()
        end, began = Timer(seconds, process.kill), perf_counter()
        end.start()
        said = process.stdout.read().splitlines()
        lived = perf_counter() - began
        end.cancel()
        errors = process.stderr.read()
    assert process.returncode in (0, -9), errors
    return said, lived


@pytest.mark.parametrize("kills", [6, pytest.param(40, marks=[pytest.mark.chaos, pytest.mark.timeout(900)])])
@pytest.mark.parametrize("kind", STORE_KINDS)
def test_kill_9_during_a_rebuild(kind: str, kills: int, fresh_url: Callable[[str], str]) -> None:
    """given a rebuild killed at random instants / when it is repeated / then it goes on, and not one row differs at the end."""
    url = fresh_url(kind)
    with opened_log(url) as log:
        write_history(log, 2500)
        before = log.rows()
        said, whole = one_life(url, WHOLE_SECONDS_MAX)
        assert said[-1] == "done"
        resumed, done, lives = 0, 0, 0
        while lives < kills or not resumed:
            said, _ = one_life(url, random.uniform(0, whole))
            lives += 1
            resumed += any(each.startswith("Setzt") for each in said)
            done += "done" in said
            assert log.rows() == before
            assert lives < LIVES_MAX * kills, f"none of {lives} went on, {done} came to their end"
        slot = slots(log)
        said, _ = one_life(url, WHOLE_SECONDS_MAX)
        assert said[-1] == "done"
        assert log.rows() == before
        assert slots(log) != slot
        assert check(log.store, [], lambda done, total: None) == []


def slots(log: Log) -> list[tuple[str, str]]:
    return log.ask(lambda reader: reader.fetch("SELECT name, slot FROM projections ORDER BY name"))
