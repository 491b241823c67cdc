"""``stundenpool audit export``: whole or not at all, and only where nothing is yet."""

import errno
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from interfaces.exports import gobd
from tests.interfaces.cli.conftest import Run, filled_pool
from tests.interfaces.exports.gdpdu_reader import read_export

NO_POOL = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def pool(installation: Path, run: Run) -> str:
    """A pool with two approved requests and three sessions from files."""
    return filled_pool(run)


@pytest.fixture
def sqlite_pool(sqlite_installation: Path, run: Run) -> str:
    """The same on SQLite alone."""
    return filled_pool(run)


def left() -> set[str]:
    """What lies in the working directory, beside what a test needs."""
    return {path.name for path in Path().iterdir()} - {"keys", "pool.toml", "requests.csv", "sessions.csv"} - _stores()


def _stores() -> set[str]:
    return {path.name for path in Path().glob("store-*")}


def test_tables(run: Run, pool: str) -> None:
    """A folder that its owner alone can open, and how many rows each file has."""
    done = run("audit", "export", "--format", "gobd", "--pool", pool, "ausgabe")
    assert done.exit_code == 0, done.stderr
    assert stat.S_IMODE(Path("ausgabe").stat().st_mode) == 0o700
    tables = read_export(Path("ausgabe"))
    assert [row["Minuten"] for row in tables["Termine"].rows] == [90, 60, 45]
    assert {line.split()[1]: int(line.split()[0]) for line in done.stdout.splitlines()} == {
        table.file: len(table.rows) for table in tables.values()
    }
    assert left() == {"ausgabe"}


def test_events(run: Run, pool: str) -> None:
    """A file, and how many events and objects it has."""
    done = run("audit", "export", "--format", "ocel", "--pool", pool, "ausgabe.json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(Path("ausgabe.json").read_bytes())
    assert [each["type"] for each in found["events"]].count("session-logged") == 3
    assert done.stdout.split() == [str(len(found["events"])), "Ereignisse", str(len(found["objects"])), "Objekte"]
    assert left() == {"ausgabe.json"}


def test_the_standard_lies_beside_its_description(run: Run, sqlite_pool: str) -> None:
    """Under the name by which the description asks for it; what is no DTD is refused, and another format has none."""
    Path("standard").write_text("<!ELEMENT DataSet (Version)>")
    done = run("audit", "export", "--format", "gobd", "--pool", sqlite_pool, "--dtd", "standard", "ausgabe")
    assert done.exit_code == 0, done.stderr
    assert Path("ausgabe/gdpdu-01-09-2004.dtd").read_text() == "<!ELEMENT DataSet (Version)>"
    assert "gdpdu-01-09-2004.dtd liegt bei" in Path("ausgabe/LIESMICH.txt").read_text(encoding="utf-8")
    assert run("audit", "export", "--format", "gobd", "--pool", sqlite_pool, "--dtd", "pool.toml", "andere").exit_code == 1
    assert run("audit", "export", "--format", "ocel", "--pool", sqlite_pool, "--dtd", "standard", "andere").exit_code == 2
    assert left() == {"standard", "ausgabe"}


@pytest.mark.parametrize("form", ["gobd", "ocel"])
def test_what_is_there_stays(run: Run, sqlite_pool: str, form: str) -> None:
    """A folder with something in it, and a file, are refused and left alone."""
    Path("voll").mkdir()
    Path("voll/brief").write_text("wichtig")
    Path("datei").write_text("wichtig")
    for target in ("voll", "datei"):
        done = run("audit", "export", "--format", form, "--pool", sqlite_pool, target)
        assert (done.exit_code, done.stdout) == (1, "")
        assert f"„{target}“ gibt es schon" in done.stderr
    assert Path("voll/brief").read_text() == Path("datei").read_text() == "wichtig"
    assert left() == {"voll", "datei"}


def test_an_empty_folder_will_do(run: Run, sqlite_pool: str) -> None:
    """Also the one that somebody stands in."""
    Path("leer").mkdir()
    done = run("audit", "export", "--format", "gobd", "--pool", sqlite_pool, "leer")
    assert done.exit_code == 0, done.stderr
    assert read_export(Path("leer"))


@pytest.mark.parametrize("form", ["gobd", "ocel"])
def test_nothing_half_is_left(run: Run, sqlite_pool: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for a pool that there is not, nor where no folder is, nor after a disk that was full."""
    asked = ("audit", "export", "--format", form, "--pool")
    unknown = run(*asked, NO_POOL, "ausgabe")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    nowhere = run(*asked, sqlite_pool, "fehlt/ausgabe")
    assert nowhere.exit_code == 1
    assert "lässt sich nichts schreiben" in nowhere.stderr

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(gobd, "describe", full)
    monkeypatch.setattr("interfaces.exports.ocel._events", full)
    after = run(*asked, sqlite_pool, "ausgabe")
    assert (after.exit_code, after.stdout) == (1, "")
    assert "„ausgabe“ lässt sich nicht schreiben (No space left on device)" in after.stderr
    assert left() == set()
