"""Imports from the command line: counts, rejects, whole or not at all, and nothing twice."""

import csv
import json
from datetime import datetime
from io import StringIO
from pathlib import Path

import openpyxl
import pytest

from interfaces.cli.stores import reading
from interfaces.spreadsheets import read_table
from tests.interfaces.cli.conftest import REQUESTS, SESSIONS, Run, opened_pool

# the second line asks for more than is granted, the third belongs to nobody
FAULTY = SESSIONS.replace("11.02.2022 14:00;1:00", "11.02.2022 14:00;20 h").replace("s-3;a-2", "s-3;b-9")


@pytest.fixture
def pool(installation: Path, run: Run) -> str:
    """A pool with its requests; sessions are yet to come."""
    return _with_requests(run)


@pytest.fixture
def sqlite_pool(sqlite_installation: Path, run: Run) -> str:
    """The same on SQLite alone."""
    return _with_requests(run)


def _with_requests(run: Run) -> str:
    pool = opened_pool(run)
    Path("requests.csv").write_text(REQUESTS, encoding="utf-8")
    assert run("import", "requests", "requests.csv", "--pool", pool).exit_code == 0
    return pool


def _events() -> int:
    with reading() as reader:
        head = reader.head()
    return head.id if head else 0


def test_a_file_goes_in_whole_and_a_second_run_adds_nothing(run: Run, pool: str) -> None:
    """Counts are steps: a request row with a decision holds two."""
    Path("sessions.csv").write_text(SESSIONS, encoding="utf-8")
    first = run("import", "sessions", "sessions.csv", "--pool", pool, "--json")
    assert first.exit_code == 0
    assert json.loads(first.stdout) == {"read": 3, "recorded": 3, "refused": 0, "already_there": 0}
    assert "3 gelesen, 3 übernommen, 0 abgelehnt, 0 schon da" in first.stderr
    before = _events()
    again = run("import", "sessions", "sessions.csv", "--pool", pool, "--json")
    assert json.loads(again.stdout) == {"read": 3, "recorded": 0, "refused": 0, "already_there": 3}
    requests = run("import", "requests", "requests.csv", "--pool", pool, "--json")
    assert json.loads(requests.stdout) == {"read": 5, "recorded": 0, "refused": 0, "already_there": 5}
    assert _events() == before


def test_without_rejects_a_file_with_a_refused_step_goes_in_not_at_all(run: Run, pool: str) -> None:
    """The refusals are told with their lines."""
    Path("sessions.csv").write_text(FAULTY, encoding="utf-8")
    before = _events()
    done = run("import", "sessions", "sessions.csv", "--pool", pool, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"read": 3, "recorded": 0, "refused": 2, "already_there": 0}
    assert "Zeile 3, session: " in done.stderr
    assert "(over_grant)" in done.stderr
    assert "Zeile 4, session: " in done.stderr
    assert "(unknown_request)" in done.stderr
    assert _events() == before


def test_with_rejects_good_steps_go_in_and_refused_ones_to_the_file(run: Run, pool: str) -> None:
    """The file has the row's own columns, so that it can be put right and read again."""
    Path("sessions.csv").write_text(FAULTY, encoding="utf-8")
    done = run("import", "sessions", "sessions.csv", "--pool", pool, "--rejects", "abgelehnt.csv", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"read": 3, "recorded": 1, "refused": 2, "already_there": 0}
    rows = list(csv.DictReader(StringIO(Path("abgelehnt.csv").read_text(encoding="utf-8"))))
    assert [(row["line"], row["step"], row["code"]) for row in rows] == [
        ("3", "session", "over_grant"),
        ("4", "session", "unknown_request"),
    ]
    assert list(rows[0])[:4] == ["line", "step", "code", "message"]
    assert rows[0]["session_id"] == "s-2"
    assert rows[0]["minutes"] == "20 h"
    again = run("import", "sessions", "abgelehnt.csv", "--pool", pool, "--rejects", "noch.csv", "--json")
    assert json.loads(again.stdout) == {"read": 2, "recorded": 0, "refused": 2, "already_there": 0}
    assert not list(Path().glob(".*csv*")), "a draft was left behind"


def test_a_row_with_more_cells_than_columns_is_refused_alone(run: Run, pool: str) -> None:
    """Nobody knows what they mean. They stand in the rejects as well, so that the row is complete there and stays refused."""
    Path("sessions.csv").write_text(SESSIONS.replace("11.02.2022 14:00;1:00", "11.02.2022 14:00;1;5 h"), encoding="utf-8")
    before = _events()
    whole = run("import", "sessions", "sessions.csv", "--pool", pool)
    assert whole.exit_code == 1
    assert "Zeile 3, session: Die Angabe „Zeile“ ist nicht gültig: sie hat mehr Zellen als Spalten" in whole.stderr
    assert _events() == before
    done = run("import", "sessions", "sessions.csv", "--pool", pool, "--rejects", "abgelehnt.csv", "--json")
    assert json.loads(done.stdout) == {"read": 3, "recorded": 2, "refused": 1, "already_there": 0}
    _, reject = csv.reader(StringIO(Path("abgelehnt.csv").read_text(encoding="utf-8")))
    assert reject[:3] == ["3", "session", "malformed"]
    assert reject[-3:] == ["1", "5 h", "indirect"]
    again = run("import", "sessions", "abgelehnt.csv", "--pool", pool, "--rejects", "noch.csv", "--json")
    assert json.loads(again.stdout) == {"read": 1, "recorded": 0, "refused": 1, "already_there": 0}


def test_a_rejects_file_without_rejects_has_its_header_alone(run: Run, pool: str) -> None:
    """An older one of that name would tell of another run."""
    Path("sessions.csv").write_text(SESSIONS, encoding="utf-8")
    Path("abgelehnt.csv").write_text("von gestern")
    assert run("import", "sessions", "sessions.csv", "--pool", pool, "--rejects", "abgelehnt.csv").exit_code == 0
    assert Path("abgelehnt.csv").read_text().splitlines() == [
        "line,step,code,message,session_id,request_id,worker,starts_at,minutes,kind"
    ]


@pytest.mark.parametrize(("rejects", "status"), [((), 1), (("--rejects", "abgelehnt.csv"), 0)])
def test_a_dry_run_says_what_would_happen_and_records_nothing(run: Run, pool: str, rejects: tuple[str, ...], status: int) -> None:
    """With the status and the counts that the run itself would have."""
    Path("sessions.csv").write_text(FAULTY, encoding="utf-8")
    before = _events()
    tried = run("import", "sessions", "sessions.csv", "--pool", pool, "--json", "--dry-run", *rejects)
    assert tried.exit_code == status
    assert "Probelauf" in tried.stderr
    assert _events() == before
    done = run("import", "sessions", "sessions.csv", "--pool", pool, "--json", *rejects)
    assert done.exit_code == status
    assert tried.stdout == done.stdout


def test_many_refusals_are_told_by_the_first_twenty_and_their_number(run: Run, sqlite_pool: str) -> None:
    """Nobody reads more of them on a screen."""
    lines = [f"t-{number};b-9;kraft-1;10.01.2022 14:00;60;direct" for number in range(25)]
    Path("sessions.csv").write_text("\n".join([SESSIONS.splitlines()[0], *lines]))
    done = run("import", "sessions", "sessions.csv", "--pool", sqlite_pool)
    assert done.exit_code == 1
    assert done.stderr.count("(unknown_request)") == 20
    assert "und 5 weitere" in done.stderr


def test_a_spreadsheet_is_taken_like_its_csv(run: Run, sqlite_pool: str) -> None:
    """Rejects included, whatever types its cells have."""
    book = openpyxl.Workbook()
    for row in csv.reader(StringIO(FAULTY), delimiter=";"):
        book.active.append(row)
    started = datetime(2022, 3, 1, 9, 30)  # noqa: DTZ001  # as spreadsheets hold it, without a zone
    book.active.append(["s-4", "b-9", "kraft-1", started, 90, "direct"])
    book.save("sessions.xlsx")
    done = run("import", "sessions", "sessions.xlsx", "--pool", sqlite_pool, "--rejects", "abgelehnt.csv", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"read": 4, "recorded": 1, "refused": 3, "already_there": 0}
    rejected = read_table(Path("abgelehnt.csv"))
    assert rejected.rows[-1].cells["starts_at"] == "2022-03-01 09:30:00"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "leer"),
        (b"session_id;request_id\n1;2\n", "worker, starts_at, minutes, kind"),
        (b'a;b\n1;"2\n', "Zeile 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_place(run: Run, sqlite_pool: str, content: bytes, said: str) -> None:
    """And leaves no rejects file."""
    Path("sessions.csv").write_bytes(content)
    done = run("import", "sessions", "sessions.csv", "--pool", sqlite_pool, "--rejects", "abgelehnt.csv")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert said in done.stderr
    assert not list(Path().glob("*abgelehnt*"))
    assert not list(Path().glob(".*abgelehnt*"))


def test_a_pool_that_does_not_exist_is_refused(run: Run, sqlite_pool: str) -> None:
    """Nothing is recorded for nobody."""
    Path("sessions.csv").write_text(SESSIONS, encoding="utf-8")
    done = run("import", "sessions", "sessions.csv", "--pool", "9879b700-25ef-48b9-9b7d-37e8f46f5f69", "--rejects", "abgelehnt.csv")
    assert done.exit_code == 1
    assert done.stderr.startswith("Fehler: ")
    assert not Path("abgelehnt.csv").exists()


def test_a_rejects_file_that_cannot_be_written_stops_the_import_before_its_first_step(run: Run, sqlite_pool: str) -> None:
    """Afterwards the refused steps would be nowhere."""
    Path("sessions.csv").write_text(FAULTY, encoding="utf-8")
    before = _events()
    done = run("import", "sessions", "sessions.csv", "--pool", sqlite_pool, "--rejects", "gibtesnicht/abgelehnt.csv")
    assert done.exit_code == 1
    assert "lässt sich nicht schreiben" in done.stderr
    assert _events() == before
