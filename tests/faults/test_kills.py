"""A process killed with SIGKILL under load loses nothing that it answered, and leaves no half of anything."""

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from uuid import UUID

import msgspec
import pytest

from tests.conftest import STORE_KINDS
from tests.faults.busy_office import Line
from tests.faults.errands import Errand, Report, hold_against_log, hold_together, open_place, perform, repeat_all
from tests.office import Office
from tests.schema import make_schema

ROOT = Path(__file__).parents[2]
LOAD_SECONDS_MAX = 0.5  # after the first answer


class Killings:
    """Processes that are killed one after the other, and what they asked and were answered."""

    def __init__(self, url: str, keys: Path, pool: UUID) -> None:
        self.asked: dict[str, Errand] = {}
        self.reports: dict[str, Report] = {}
        self._command = [sys.executable, "-m", "tests.faults.busy_office", url, str(keys), str(pool)]

    @property
    def unanswered(self) -> list[Errand]:
        return [errand for key, errand in self.asked.items() if key not in self.reports]

    def let_one_be_killed(self, prefix: str, after_seconds: float) -> None:
        """Starts a process, which first repeats what was left unanswered, and kills it some time after its first answer."""
        with subprocess.Popen(
            [*self._command, prefix], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdin.write(msgspec.json.encode(self.unanswered))
            process.stdin.close()
            end = Timer(after_seconds, process.kill)
            for line in process.stdout:
                self._hear(msgspec.json.decode(line, type=Line))
                if end.ident is None:
                    end.start()
            errors = process.stderr.read()
        assert process.returncode == -9, f"it ended by itself: {errors.decode()}"

    def _hear(self, line: Line) -> None:
        if line.asked:
            self.asked[line.asked.key] = line.asked
        if line.answered:
            key = line.answered.errand.key
            assert self.reports.setdefault(key, line.answered) == line.answered


@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=[pytest.mark.chaos, pytest.mark.timeout(1200)])])
@pytest.mark.parametrize("kind", STORE_KINDS)
def test_kill_9_under_load(kind: str, kills: int, fresh_url: Callable[[str], str], tmp_path: Path) -> None:
    """What was answered is there exactly once, what was not is there once or not at all, and repeated exactly once."""
    url, keys = fresh_url(kind), tmp_path / "keys"
    make_schema(url)
    watcher = Office(url, keys)
    pool = open_place(watcher)
    killings = Killings(url, keys, pool)
    left_open = 0
    for kill in range(kills):
        killings.let_one_be_killed(f"k{kill}", random.uniform(0, LOAD_SECONDS_MAX))
        left_open += len(killings.unanswered)
        perform(watcher, Errand(f"k{kill}-watcher", "open", pool))  # whoever lives on goes on at once
        hold_against_log(watcher.log(), killings.asked, killings.reports, all_answered=False)
    watcher.close()
    assert left_open, "every kill came when nothing was under way"

    office = Office(url, keys)
    for errand in killings.unanswered:
        killings.reports[errand.key] = perform(office, errand)
    hold_against_log(office.log(), killings.asked, killings.reports, all_answered=True)
    repeat_all(office, killings.reports)
    hold_together(office)
    office.close()
    print(f"{kind}: {kills} kills, {len(killings.reports)} errands, {left_open} left unanswered")
