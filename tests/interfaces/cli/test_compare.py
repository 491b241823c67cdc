"""Two instants compared, as an auditor types it."""

import json

import pytest

from tests.interfaces.cli.conftest import Run, filled_pool


@pytest.mark.usefixtures("installation")
def test_an_import_was_recorded_late(run: Run) -> None:
    """given sessions of last year that came in today / when its end is compared with today / then all of them are named."""
    pool = filled_pool(run)
    asked = ("audit", "compare", "--pool", pool, "--from", "31.01.2022", "--to", "2199-12-31")
    done = run(*asked)
    assert done.exit_code == 0, done.stderr
    assert "was bis 31.01.2022 geschehen war" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["geleistet", "0,00", "Std.", "1,50", "Std.", "+1,50", "Std."] in lines
    assert "nachgetragen, geleistet +1,50 Std." in done.stdout
    found = json.loads(run(*asked, "--json").stdout)
    assert sum(change["minutes"].get("consumed", 0) for change in found["changes"]) == 90
    nothing = run("audit", "compare", "--pool", pool, "--from", "2021-01-31", "--to", "2021-12-31")
    assert "Dazwischen wurde darüber nichts verzeichnet." in nothing.stdout


@pytest.mark.usefixtures("sqlite_installation")
def test_an_order_that_cannot_be_is_said(run: Run) -> None:
    """given the later instant first / when compared / then one sentence says so."""
    done = run("audit", "compare", "--pool", filled_pool(run), "--from", "2022-02-01", "--to", "2022-01-01")
    assert done.exit_code == 1
    assert "liegt vor dem ersten Zeitpunkt" in done.stderr
