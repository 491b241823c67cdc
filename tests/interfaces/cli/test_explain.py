"""Where a figure comes from, as an auditor types it."""

import base64
import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from application.proof import merkle
from tests.interfaces.cli.conftest import Run, filled_pool


@pytest.mark.usefixtures("installation")
def test_a_figure_is_explained_by_events_and_proofs(run: Run) -> None:
    """given an import / when what a district used is explained / then sessions add up to it, and each is proven."""
    pool = filled_pool(run)
    name = f"pool/{pool}/consumed?by=district:Süd"
    done = run("audit", "explain", name)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("geleistet: 2,50 Std.\nSumme aller Termine mit ihren Korrekturen und Stornos.\n")
    assert "Termin" in done.stdout
    found = json.loads(run("audit", "explain", name, "--json").stdout)
    assert [part["amount"] for part in found["parts"]] == [60, 90]
    assert sum(part["amount"] for part in found["parts"]) == found["value"] == 150
    root = base64.b64decode(found["root"])
    assert {proof["position"] for proof in found["proofs"]} == {part["events"][0]["position"] for part in found["parts"]}
    for proof in found["proofs"]:
        leaf, path = base64.b64decode(proof["leaf"]), [base64.b64decode(each) for each in proof["path"]]
        assert merkle.includes(root, found["size"], proof["position"] - 1, sha256(b"\0" + leaf).digest(), path)
    assert run("audit", "explain", found["figure"]).stdout == done.stdout


@pytest.mark.usefixtures("sqlite_installation")
@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("requests", "Anträge: 3"),
        ("used_share", "Ausschöpfung der Bewilligungen: 22 %"),
        ("to_decision_median", "Bis zur Bewilligung oder Ablehnung: Median: 22,00 Std."),
        ("consumed_minutes?by=month:2022-02", "Geleistete Zeit: 1,75 Std."),
    ],
)
def test_a_figure_of_the_evaluation_is_explained(run: Run, figure: str, said: str) -> None:
    """given an import / when a figure of the evaluation is explained / then its first line is what the report says."""
    done = run("audit", "explain", f"evaluation/{filled_pool(run)}/{figure}")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == said


@pytest.mark.usefixtures("installation")
def test_a_report_says_what_was_known(run: Run) -> None:
    """given an import of today / when the evaluation is asked for as known in past and future / then it was not known, and is."""
    filled_pool(run)
    earlier = datetime.now(UTC).isoformat()
    pool = filled_pool(run)
    asked = ("report", "evaluation", "--pool", pool, "--json", "--known-at")
    assert run(*asked, "2199-12-31").stdout == run(*asked[:-1]).stdout
    assert run(*asked, earlier).exit_code == 1  # there was no such pool
    figure = f"evaluation/{pool}/requests?known_at="
    assert run("audit", "explain", f"{figure}2199-12-31").stdout.startswith("Anträge: 3\n")
    assert run("audit", "explain", f"{figure}{earlier}").exit_code == 1


@pytest.mark.usefixtures("sqlite_installation")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("consumed", "hat die Form pool/"),
        ("pool/00000000-0000-0000-0000-000000000001/consumed", "nicht"),
        ("pool/00000000-0000-0000-0000-000000000001/hours", "unter pool/ gibt es budget, granted"),
    ],
)
def test_what_is_no_figure_is_said(run: Run, name: str, said: str) -> None:
    """given a name that leads nowhere / when it is explained / then one sentence says why."""
    done = run("audit", "explain", name)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert done.stderr.startswith("Fehler: ")
