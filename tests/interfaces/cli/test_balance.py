"""Balances on the command line, and rebuilds."""

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import Notification

from interfaces.cli.stores import reading
from interfaces.storage import open_store
from tests.interfaces.cli.conftest import Run, filled_pool


@pytest.fixture
def pool(installation: Path, run: Run) -> str:
    """A pool with two approved requests and three sessions."""
    return filled_pool(run)


def _asked(run: Run, *words: str) -> dict[str, object]:
    done = run("balance", *words, "--json")
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_balance_as_json_is_in_minutes(run: Run, pool: str) -> None:
    """As over HTTP."""
    assert _asked(run, pool) == {"budget": 6000, "granted": 900, "reserved": 705, "consumed": 195, "released": 0, "available": 5100}


def test_a_balance_for_people_is_in_hours(run: Run, pool: str) -> None:
    """In German form, numbers under numbers."""
    done = run("balance", pool, "--by", "district")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "Stundenpool „Prüfpool“"
    assert "verfügbar       85,00 Std." in lines
    assert lines[-3].split() == ["Stadtraum", "bewilligt", "reserviert", "geleistet", "zurückgegeben"]
    assert lines[-1].split() == ["Süd", "10,00", "Std.", "7,50", "Std.", "2,50", "Std.", "0,00", "Std."]
    assert len({len(line) for line in lines[-3:]}) == 1


@pytest.mark.parametrize(
    ("as_of", "consumed"),
    [
        ("2022-01-09", 0),
        ("10.01.2022", 90),
        ("2022-01-10T13:59:59+01:00", 0),
        ("10.01.2022 14:00", 90),
        ("2022-02-12", 195),
    ],
)
def test_as_of_is_a_day_to_its_end_or_an_instant(run: Run, pool: str, as_of: str, consumed: int) -> None:
    """Written as people write it; without an offset it is Europe/Berlin."""
    assert _asked(run, pool, "--as-of", as_of)["consumed"] == consumed


def test_known_at_leaves_out_what_was_recorded_later(run: Run, pool: str) -> None:
    """The other of the two times."""
    with reading() as reader:
        [(last,)] = reader.fetch("SELECT MAX(recorded) FROM movements_a")
    earlier = datetime.fromtimestamp(last / 1e6 - 3600, UTC).isoformat()
    assert _asked(run, pool, "--known-at", earlier)["budget"] == 0
    assert _asked(run, pool, "--known-at", "2199-12-31")["budget"] == 6000


@pytest.mark.parametrize("by", ["district", "provider", "case", "month"])
def test_groups_add_up(run: Run, pool: str, by: str) -> None:
    """Whatever they are grouped by."""
    groups = _asked(run, pool, "--by", by)["groups"]
    assert isinstance(groups, list)
    assert sum(group["consumed"] for group in groups) == 195


def test_a_pool_that_does_not_exist_has_no_balance(run: Run, pool: str) -> None:
    """Not even one of zeros."""
    done = run("balance", "9879b700-25ef-48b9-9b7d-37e8f46f5f69", "--json")
    assert (done.exit_code, done.stdout) == (1, "")


def test_rebuilding_changes_nothing_that_is_right(run: Run, pool: str) -> None:
    """All projections, or some."""
    before = _asked(run, pool, "--by", "month")
    assert run("rebuild").exit_code == 0
    assert run("rebuild", "balances", "pools").exit_code == 0
    checked = run("rebuild", "--check")
    assert (checked.exit_code, checked.stdout) == (0, "")
    assert _asked(run, pool, "--by", "month") == before


def test_check_names_every_difference_and_rebuild_puts_it_right(run: Run, pool: str) -> None:
    """A row that somebody altered, in the table that is live."""
    with reading() as reader:
        [(slot,)] = reader.fetch("SELECT slot FROM projections WHERE name = 'balances'")
    statement = f"UPDATE movements_{slot} SET minutes = 17 WHERE position = 1"
    url = os.environ["STUNDENPOOL_DATABASE_URL"]
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            connection.execute(statement)
    else:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(statement)
    assert run("rebuild", "--check", "pools").exit_code == 0
    done = run("rebuild", "--check")
    assert done.exit_code == 1
    assert "movements" in done.stdout
    assert "17" in done.stdout
    assert done.stderr.startswith("Fehler: ")
    assert run("rebuild", "balances").exit_code == 0
    assert run("rebuild", "--check").exit_code == 0


def test_a_rebuild_reads_a_copy_of_the_log_and_no_other(run: Run, pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a URL to read from / when it names a copy / then the log is read there; another database is refused in German."""
    monkeypatch.setenv("STUNDENPOOL_READ_DATABASE_URL", os.environ["STUNDENPOOL_DATABASE_URL"])
    assert run("rebuild").exit_code == 0
    assert run("rebuild", "--check").exit_code == 0
    monkeypatch.setenv("STUNDENPOOL_READ_DATABASE_URL", "sqlite:///other.db")
    with closing(open_store("sqlite:///other.db", create=True)) as other, other.turn() as turn:
        event = Notification(UUID(int=1), 1, "pool-opened", b"{}", 1)
        turn.append([event])
    done = run("rebuild")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Fehler: Die Datenbank zum Lesen ist keine Kopie")
