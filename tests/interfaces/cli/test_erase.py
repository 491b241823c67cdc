"""Erasure, retention and access on the command line, and what backups bring back."""

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from application import commands
from domain.quantities import BERLIN
from interfaces.cli.stores import officer, service
from interfaces.identity import trail
from tests.interfaces.cli.conftest import Run, opened_pool
from tests.recipient import write_pair

REQUESTS = """\
request_id;case_ref;provider;district;requested_at;requested_by;requested_minutes;decision;decided_at;decided_by;granted_minutes;purpose;reason
a-1;fall-1;traeger-a;Süd;03.01.2022 10:00;kraft-1;10 h;approved;04.01.2022 09:00;amt-1;600;Zweck von Kim;Grund von Kim
a-2;fall-2;traeger-a;Nord;03.01.2022 11:00;kraft-1;5 h;approved;04.01.2022 09:00;amt-1;300;Zweck von Toni;Grund von Toni
"""


@pytest.fixture
def closed(installation: Path, run: Run) -> Path:
    """Two cases that are closed."""
    pool = UUID(opened_pool(run))
    Path("requests.csv").write_text(REQUESTS, encoding="utf-8")
    assert run("import", "requests", "requests.csv", "--pool", pool).exit_code == 0
    with service() as opened:
        for name in ("fall-1", "fall-2"):
            close = partial(
                commands.close_case, case=commands.imported_case_id(pool, name), outcome="moved", note=f"Ende von {name}"
            )
            assert opened.engine.execute(officer("amt-1"), close).outcome == "done"
    return installation


@pytest.fixture
def elsewhere(installation: Path, fresh_url: Callable[[str], str]) -> str:
    """A new, empty database of the same kind."""
    return fresh_url("sqlite" if os.environ["STUNDENPOOL_DATABASE_URL"].startswith("sqlite:") else "postgres")


def texts(run: Run, case: str, folder: str) -> set[str | None]:
    done = run("subject", "export", case, folder, "--subject", "amt-9")
    assert done.exit_code == 0, done.stderr
    file = json.loads((Path(folder) / "auskunft.json").read_text())
    return {text for event in file["events"] for text in event["texts"].values()}


@pytest.mark.usefixtures("closed")
def test_two_persons_erase_and_backups_do_not_undo_it(run: Run, monkeypatch: pytest.MonkeyPatch, elsewhere: str) -> None:
    """Database and keys come back from copies that are older, and the ledger has it erased again."""
    assert texts(run, "fall-1", "vorher") == {"Zweck von Kim", "Grund von Kim", "Ende von fall-1"}
    page = Path("vorher/auskunft.html").read_text()
    assert "Zweck: Zweck von Kim" in page
    assert "Niemand." in page
    write_pair(Path("privat.pem"), Path("amt.pem"))
    assert run("db", "backup", "kopie").exit_code == run("keys", "backup", "schluessel", "--recipient", "amt.pem").exit_code == 0
    erase = ("erase", "fall-1", "--reason", "Speicherung war unzulässig", "--subject")

    assert run(*erase, "amt-1").exit_code == 0
    refused = run(*erase, "amt-1")
    assert (refused.exit_code, "zwei verschiedene Personen" in refused.stderr) == (1, True)
    done = run(*erase, "amt-2")

    assert (done.exit_code, "Gelesen hatten es: jugendamt." in done.stderr) == (0, True)
    assert re.search(r"herausgegeben worden:\n  \S+, \S+ – Auskunft als Dateien, durch amt-9 \(jugendamt\)\n", done.stderr)
    assert texts(run, "fall-1", "nachher") == {None}
    assert texts(run, "fall-2", "anderer") == {"Zweck von Toni", "Grund von Toni", "Ende von fall-2"}
    assert run("audit", "verify").exit_code == run("db", "check").exit_code == 0
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", elsewhere)
    Path("keys/keys.db").unlink()
    assert run("keys", "restore", "schluessel", "--private", "privat.pem").exit_code == 0
    restored = run("db", "restore", "kopie")
    assert restored.exit_code == 0, restored.stderr
    assert "Löschverzeichnis" in restored.stderr
    assert texts(run, "fall-1", "wieder") == {None}
    assert texts(run, "fall-2", "wie immer") == {"Zweck von Toni", "Grund von Toni", "Ende von fall-2"}
    assert run("audit", "verify").exit_code == run("db", "check").exit_code == run("rebuild", "--check").exit_code == 0


@pytest.mark.usefixtures("closed")
def test_what_is_due_is_erased_in_two_runs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By two persons; a dry run changes nothing, and a hold keeps its case."""
    year = datetime.now(BERLIN).year
    due = json.loads(run("retention", "due", "--on", f"{year + 11}-01-01", "--json").stdout)
    assert [each["reference"] for each in due["persons"]] == ["fall-1", "fall-2"]
    assert run("retention", "due").stdout == "Nichts.\n"
    with service() as opened:
        hold = partial(commands.set_hold, case=UUID(due["persons"][1]["case"]), reason="Klage")
        assert opened.engine.execute(officer("amt-1"), hold).outcome == "done"
    monkeypatch.setattr("application.demonstration.utc_now", lambda: datetime(year + 11, 1, 1, tzinfo=UTC))

    said = [run("retention", "run", *words).stderr for words in (["--dry-run"], *(["--subject", who] for who in ("a", "a", "b")))]

    assert said == [
        "würden gelöscht: 0, würden beantragt: 1, wartet auf eine zweite Person: 0, gesperrt: 1.\n",
        "gelöscht: 0, beantragt: 1, wartet auf eine zweite Person: 0, gesperrt: 1.\n",
        "gelöscht: 0, beantragt: 0, wartet auf eine zweite Person: 1, gesperrt: 1.\n",
        "gelöscht: 1, beantragt: 0, wartet auf eine zweite Person: 0, gesperrt: 1.\n",
    ]
    assert texts(run, "fall-1", "eins") == {None}
    assert "Ende von fall-2" in texts(run, "fall-2", "zwei")


@pytest.mark.usefixtures("installation")
def test_who_got_in_is_forgotten_after_the_period(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run changes nothing; what is removed is noted, and removed once."""
    assert run("account", "create", "--name", "kim", "--role", "officer").exit_code == 0
    now = datetime.now(UTC)
    with service() as opened:
        with opened.store.turn() as turn:
            trail.note(turn, trail.kept_since(now, 12) - timedelta(microseconds=1), "signed_in", "alt")
            trail.note(turn, trail.kept_since(now, 12), "signed_in", "neu")
        day = f"{trail.kept_since(now, 12):%d.%m.%Y}"
    assert run("retention", "access-trail", "--dry-run").stderr == f"Anmeldungen vor dem {day} wären zu entfernen: 1.\n"
    assert entries() == [("account_created", "kim"), ("signed_in", "alt"), ("signed_in", "neu")]
    monkeypatch.setenv("STUNDENPOOL_ACCESS_TRAIL_MONTHS", "2")
    assert "3 bis 120" in run("retention", "access-trail").stderr
    monkeypatch.delenv("STUNDENPOOL_ACCESS_TRAIL_MONTHS")
    assert [run("retention", "access-trail").stderr for _ in range(2)] == [
        f"Anmeldungen vor dem {day} entfernt: {count}.\n" for count in (1, 0)
    ]
    assert entries() == [("account_created", "kim"), ("signed_in", "neu"), ("entries_removed", None)]


def entries() -> list[tuple[str, str | None]]:
    with service() as opened, opened.store.reading() as reader:
        return [(each.what, each.subject) for each in reversed(trail.views(reader, before=None, limit=10))]


@pytest.mark.usefixtures("closed")
def test_what_is_wrong_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that nobody knows, a period that is none, a ledger that cannot be read."""
    assert "gibt es nicht" in run("erase", "fall-9", "--reason", "weil").stderr
    assert "aufzubewahren" in run("erase", "fall-1", "--reason", "weil", "--ground", "retention").stderr
    Path("fristen.toml").write_text("file_year = 30\n")
    monkeypatch.setenv("STUNDENPOOL_RETENTION", "fristen.toml")
    assert "gemeint ist vielleicht „file_years“" in run("retention", "due").stderr
    monkeypatch.delenv("STUNDENPOOL_RETENTION")
    Path("keys/erasures.jsonl").write_text("nichts\n")
    damaged = run("retention", "due")
    assert (damaged.exit_code, "Löschverzeichnis" in damaged.stderr) == (1, True)
