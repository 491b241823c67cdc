"""``stundenpool audit findings``: for people, as JSON, and under thresholds of one's own."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from application import commands
from interfaces.cli.stores import auditor, service
from tests.interfaces.cli.conftest import Run, filled_pool


@pytest.fixture
def pool(installation: Path, run: Run) -> str:
    """A pool with two approved requests and three sessions from files, none of them with a note."""
    return filled_pool(run)


def _asked(run: Run, *words: str) -> dict[str, Any]:
    done = run("audit", "findings", *words, "--json")
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_people_read_sentences_with_positions(run: Run, pool: str) -> None:
    """How often each rule found something, and then what, with the events that it rests on."""
    done = run("audit", "findings", "--pool", pool)
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Feststellungen, Stand des Protokolls: Position ")
    assert [line.split()[-1] for line in lines if line.startswith("   Ohne Vermerk")] == ["2"]
    [late] = [line for line in lines if "Termine mit 2,50 Std. ohne Vermerk" in line]
    assert late.strip().startswith("Antrag ")
    assert late.endswith("10.01.2022 und 11.02.2022. [13, 14]")


def test_json_is_one_document(run: Run, pool: str) -> None:
    """With every rule, its definition and its number, the thresholds, and each finding with its source."""
    found = _asked(run)
    numbers = {rule["rule"]: rule["findings"] for rule in found["rules"]}
    assert sum(numbers.values()) == len(found["findings"])
    assert numbers["empty-note"] == 2
    assert numbers["overlap-worker"] == 0
    assert found["thresholds"]["late_entry_days"] == 30
    assert all(each["source"] and each["sentence"].endswith(".") for each in found["findings"])


def test_an_office_has_thresholds_of_its_own(run: Run, pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file says counts, and the report says so."""
    Path("findings.toml").write_text("share_minutes_min = 100\ntravel_share_percent = 20\n", encoding="utf-8")
    assert not {"travel-share", "direct-share"} & {each["rule"] for each in _asked(run)["findings"]}
    monkeypatch.setenv("STUNDENPOOL_FINDINGS", "findings.toml")
    found = _asked(run)
    assert {"travel-share", "direct-share"} <= {each["rule"] for each in found["findings"]}
    assert found["thresholds"]["travel_share_percent"] == 20


def test_a_pool_that_there_is_not(run: Run, pool: str) -> None:
    """Nothing found would be the wrong answer."""
    done = run("audit", "findings", "--pool", "00000000-0000-4000-8000-000000000000")
    assert done.exit_code == 1
    assert done.stdout == ""


def test_a_table_for_spreadsheets(run: Run, pool: str) -> None:
    """A line for every finding, with what JSON says of it."""
    done = run("audit", "findings", "--csv")
    assert done.exit_code == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    found = _asked(run)["findings"]
    assert [(row["id"], row["rule"], row["sentence"]) for row in rows] == [(e["id"], e["rule"], e["sentence"]) for e in found]
    assert {row["holds"] for row in rows} == {"yes"}
    assert {row["state"] for row in rows} == {""}
    assert rows[0]["positions"] == " ".join(map(str, found[0]["positions"]))
    assert run("audit", "findings", "--csv", "--json").exit_code == 2


def test_people_read_how_far_a_finding_is_handled(run: Run, pool: str) -> None:
    """Also what a person raised, whose words are sealed."""
    with service() as opened:
        by = auditor("rpa-1")
        raised = opened.engine.execute(by, lambda turn: commands.raise_finding(turn, pool=UUID(pool), note="Dienstplan"))
        id = UUID(json.loads(raised.body)["id"])
        opened.engine.execute(by, lambda turn: commands.explain_finding(turn, id, explanation="getauscht"))
    lines = run("audit", "findings").stdout.splitlines()
    assert lines[-2:] == ["Von Personen festgestellt", f"  Feststellung {str(id)[:8]}. – Stellungnahme liegt vor"]
