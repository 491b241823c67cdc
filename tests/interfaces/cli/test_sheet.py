"""A checkpoint on paper, from the command that makes it to the check of what was scanned from it."""

import os
from pathlib import Path

import pytest

from tests.interfaces.cli.conftest import Run, filled_pool, opened_pool
from tests.interfaces.cli.test_db import altered
from tests.interfaces.handover.paper import read_paper


@pytest.mark.usefixtures("installation")
def test_what_is_scanned_from_a_sheet_convicts(run: Run) -> None:
    """given a sheet / when the log is altered afterwards / then the code on the paper is enough to show it."""
    filled_pool(run)
    done = run("audit", "sheet", "blatt.pdf")
    assert (done.exit_code, done.stdout) == (0, "")
    Path("gescannt.txt").write_bytes(read_paper(Path("blatt.pdf").read_bytes()).code)
    assert Path("gescannt.txt").read_text(encoding="utf-8") == run("audit", "checkpoint").stdout
    assert run("audit", "verify", "--checkpoint", "gescannt.txt").exit_code == 0
    altered("UPDATE stored_events SET topic = 'pool-closed' WHERE rowid = 3")
    assert run("audit", "verify", "--checkpoint", "gescannt.txt").exit_code == 1


@pytest.mark.usefixtures("sqlite_installation")
def test_an_earlier_sheet_can_be_made_again(run: Run) -> None:
    """given a log that has grown since / then the sheet of the earlier size is the same, and one that never was is refused."""
    opened_pool(run)
    run("audit", "sheet", "erstes.pdf")
    filled_pool(run)
    run("audit", "sheet", "zweites.pdf")
    assert run("audit", "sheet", "nochmals.pdf", "--size", 1).exit_code == 0
    assert Path("nochmals.pdf").read_bytes() == Path("erstes.pdf").read_bytes() != Path("zweites.pdf").read_bytes()
    done = run("audit", "sheet", "keines.pdf", "--size", 2)
    assert done.exit_code == 1
    assert "kein Prüfpunkt ausgegeben" in done.stderr
    assert not os.path.exists("keines.pdf")


@pytest.mark.usefixtures("sqlite_installation")
def test_no_file_is_written_over(run: Run) -> None:
    """given a file of that name / then it stays as it is, and that is said."""
    Path("blatt.pdf").write_text("mein", encoding="utf-8")
    done = run("audit", "sheet", "blatt.pdf")
    assert done.exit_code == 1
    assert "nicht als neue Datei" in done.stderr
    assert Path("blatt.pdf").read_text(encoding="utf-8") == "mein"
