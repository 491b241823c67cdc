"""Following the log, as a program among others."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interfaces.cli.conftest import REQUESTS, Run, filled_pool, opened_pool, started

END_SECONDS_MAX = 10


@contextmanager
def tail(*words: str) -> Iterator["subprocess.Popen[str]"]:
    """A running `log tail`, which is ended in any case."""
    following = started("log", "tail", *words)
    try:
        yield following
    finally:
        following.kill()
        following.communicate()


def _line(following: "subprocess.Popen[str]") -> str:
    assert following.stdout is not None
    return following.stdout.readline()


@pytest.mark.usefixtures("installation")
def test_tail_shows_what_is_there_and_what_comes(run: Run) -> None:
    """One CloudEvent a line, in the order of the log."""
    filled_pool(run)
    with tail("--json", "--after", "2") as following:
        first = json.loads(_line(following))
        assert first["position"] == 3
        position = 3
        while position < 10:
            position = json.loads(_line(following))["position"]
        opened_pool(run)
        while (event := json.loads(_line(following)))["type"] != "pool-opened":
            assert event["position"] == position + 1
            position = event["position"]
        assert event["data"]["name"] == "Prüfpool"
        assert (event["specversion"], event["id"]) == ("1.0", str(position + 1))


@pytest.mark.usefixtures("sqlite_installation")
def test_tail_for_people_is_a_line_of_german(run: Run) -> None:
    """As in the audit trail."""
    opened_pool(run)
    with tail() as following:
        line = _line(following)
    assert line.lstrip().startswith("1  ")
    assert "eröffnete den Stundenpool" in line


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("installation")
def test_being_ended_is_no_failure(run: Run, sent: signal.Signals) -> None:
    """Status 0 and no complaint."""
    opened_pool(run)
    with tail("--json") as following:
        _line(following)
        following.send_signal(sent)
        _, complaint = following.communicate(timeout=END_SECONDS_MAX)
    assert (following.returncode, complaint) == (0, "")


@pytest.mark.usefixtures("sqlite_installation")
def test_a_reader_that_goes_away_ends_it_at_once(run: Run) -> None:
    """Not only when the next event comes; `| head -1` would wait for that."""
    opened_pool(run)
    with tail("--json") as following:
        _line(following)
        assert following.stdout is not None
        following.stdout.close()
        following.wait(timeout=END_SECONDS_MAX)
        assert following.stderr is not None
        assert (following.returncode, following.stderr.read()) == (0, "")


@pytest.mark.usefixtures("sqlite_installation")
def test_a_reader_that_goes_away_amid_a_long_log_ends_it_as_well(run: Run) -> None:
    """The write fails instead of the wait."""
    filled_pool(run)
    with tail("--json") as following:
        assert following.stdout is not None
        following.stdout.close()
        following.wait(timeout=END_SECONDS_MAX)
        assert following.stderr is not None
        assert (following.returncode, following.stderr.read()) == (0, "")


@pytest.mark.usefixtures("installation")
def test_personal_texts_stay_sealed(run: Run) -> None:
    """Whoever may read the log's lines may not read those."""
    pool = opened_pool(run)
    row = "a;f;t;d;03.01.2022 10:00;k;60;approved;04.01.2022 10:00;o;60;KANARIE-1;KANARIE-2"
    Path("r.csv").write_text(f"{REQUESTS.splitlines()[0]};purpose;reason\n{row}\n")
    assert run("import", "requests", "r.csv", "--pool", pool).exit_code == 0
    for words in ((), ("--json",)):
        with tail(*words) as following:
            time.sleep(0.1)
            shown = [_line(following) for _ in range(6)]
        assert "KANARIE" not in "".join(shown)
