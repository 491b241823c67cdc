"""The auditor's package, as somebody asks for it."""

from pathlib import Path

import pytest

from domain.refusals import NotFound
from tests.domain.facts import CASE
from tests.interfaces.cli.conftest import Run, filled_pool
from tests.interfaces.package.packages import verified


@pytest.mark.usefixtures("installation")
def test_the_command_writes_it(run: Run, tmp_path: Path) -> None:
    """given a pool from files / when exported twice / then both are the same, what stands there is kept, and its key fits."""
    pool = filled_pool(run)
    words = ("audit", "export", "--format", "package", "--pool", pool)
    assert run(*words, "a.zip").stdout.split() == ["16", "Ereignisse"]
    assert run(*words, "b.zip").exit_code == 0
    assert Path("a.zip").read_bytes() == Path("b.zip").read_bytes()
    again = run(*words, "a.zip")
    assert (again.exit_code, again.stderr) == (1, "Fehler: „a.zip“ gibt es schon und wird nicht überschrieben.\n")
    Path("key.txt").write_text(run("audit", "key").stdout, encoding="utf-8")
    Path("kept.txt").write_text(run("audit", "checkpoint").stdout, encoding="utf-8")
    found = verified(tmp_path, Path("a.zip").read_bytes(), words=("--key", "key.txt", "--checkpoint", "kept.txt"))
    assert (found.status, found.deviations()) == (0, [])
    assert "bürgt das Paket nur für sich selbst" not in found.protocol

    Path("key.txt").write_text(run("audit", "key", "--replace").stdout, encoding="utf-8")
    run(*words, "c.zip")
    found = verified(tmp_path, Path("c.zip").read_bytes(), words=("--key", "key.txt", "--checkpoint", "kept.txt"))
    assert (found.status, found.deviations()) == (0, [])
    assert "Gültige Prüfpunkte: 2" in found.protocol


@pytest.mark.usefixtures("sqlite_installation")
def test_what_cannot_be_written_leaves_nothing(run: Run) -> None:
    """given a pool that does not exist / then that is said, no file is there, and no checkpoint was issued."""
    done = run("audit", "export", "--format", "package", "--pool", str(CASE), "out.zip")
    assert (done.exit_code, done.stdout) == (1, "")
    assert NotFound().message in done.stderr
    assert [path.name for path in Path.cwd().iterdir() if "zip" in path.name] == []
    assert run("audit", "checkpoint", "--issued").stdout == ""
