"""``stundenpool report evaluation``: for people, as JSON and as CSV."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner, Result

from interfaces.cli import main
from interfaces.cli.report import _elapsed
from interfaces.spreadsheets import read_table
from tests.application.test_imports import DATA, pool_of_a_winter, take
from tests.office import running_office

Report = Callable[..., Result]


@pytest.fixture
def pool(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A pool with the requests and sessions of the documentation, in an installation of its own."""
    with running_office(store_url, tmp_path / "keys") as office:
        pool = pool_of_a_winter(office)
        for kind in ("requests", "sessions"):
            take(office, pool, kind, read_table(DATA / f"{kind}.csv"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", store_url)
    monkeypatch.setenv("STUNDENPOOL_KEYSTORE", str(tmp_path / "keys"))
    return pool


@pytest.fixture
def report() -> Report:
    return lambda *words: CliRunner().invoke(main, ["report", "evaluation", *map(str, words)], catch_exceptions=False)


def test_people_read_hours_and_days(pool: UUID, report: Report) -> None:
    """Section by section, numbers under numbers, with the position of the log."""
    done = report("--pool", pool)
    assert done.exit_code == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.startswith("Auswertung „Prüfpool“, Stand des Protokolls: Position ")
    headings = [line for line in lines if line and not line.startswith(" ")]
    assert headings[:2] == ["Nachfrage", "Entscheidungen"]
    assert headings[-1] == "Verbleib"
    assert any(line.startswith("  Beantragte Zeit ") and line.endswith(" Std.") for line in lines)
    assert any(line.startswith("  Auf der Warteliste: Median ") and line.endswith(" –") for line in lines)
    assert len({len(line) for line in lines if line.startswith(" ")}) == 1


def test_json_and_csv_are_documents_of_their_own(pool: UUID, report: Report) -> None:
    """On stdout and nothing else; both say the same."""
    as_json, as_csv = report("--pool", pool, "--json"), report("--pool", pool, "--csv")
    assert (as_json.exit_code, as_json.stderr, as_csv.exit_code, as_csv.stderr) == (0, "", 0, "")
    found = json.loads(as_json.stdout)
    assert found["pool"] == str(pool)
    lines = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    totals = {line["figure"]: line["value"] for line in lines if not line["group_by"]}
    assert totals == {each["figure"]: "" if each["value"] is None else str(each["value"]) for each in found["figures"]}
    assert len(lines) == sum(1 + sum(map(len, each["groups"].values())) for each in found["figures"])


def test_a_wrong_use_says_so(pool: UUID, report: Report) -> None:
    """Status 1 for a pool that does not exist, 2 for a call that cannot be meant."""
    assert report("--pool", uuid4()).exit_code == 1
    for words in ((), ("--pool", "x"), ("--pool", pool, "--json", "--csv")):
        assert report(*words).exit_code == 2


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "0,00 Std."),
        (90, "1,50 Std."),
        (1440, "1 Tag"),
        (1530, "1 Tag 1,50 Std."),
        (2880, "2 Tage"),
        (-1530, "-1 Tag 1,50 Std."),
    ],
)
def test_durations_are_said_in_days_and_hours(minutes: int, said: str) -> None:
    """As far as there are any."""
    assert _elapsed(minutes) == said
