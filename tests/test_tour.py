"""The guided tour is true: the walk goes as the prose says, and a recipe that is followed word by word works."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from application.catalogue import BY_NAME
from application.projections import PROJECTIONS
from docs.generate import DOCS
from docs.walk import SHOWN_ROWS, walked
from interfaces.storage import open_store
from tests.application.projections.driver import opened_log
from tests.domain.facts import PROVIDER, approved, case_opened, corrected, hours_requested, logged, pool_opened, session

ROOT = Path(__file__).parent.parent
PAGE = (DOCS / "tour.md").read_text(encoding="utf-8")
WALK, RECIPES = PAGE.split("\n# Recipes\n")

# ── The walk


def positions(stop: str) -> list[tuple[int, int | None]]:
    """Position and cause of what a stop brought into the log."""
    return [(event["position"], event["cause"]) for event in walked()[stop].events]


def test_events_stand_where_the_prose_says() -> None:
    """A decision over two streams is two events, the second of which names the first; a refusal is none."""
    assert positions("request") == [(3, None)]
    assert positions("decision") == [(4, None), (5, 4)]
    assert positions("refusal") == []
    assert positions("session") == [(6, None)]
    assert positions("correction") == [(7, None)]
    assert positions("settlement") == [(8, None), (9, 8)]
    assert positions("balance") == positions("report") == positions("trail") == []


def test_nothing_that_was_recorded_changes() -> None:
    """Neither events nor movements; whatever else is said changes."""
    for stop in walked().values():
        before, after = stop.before, stop.after
        assert after.events[: len(before.events)] == before.events
        assert all(after.rows[key] == row for key, row in before.rows.items() if key[0] == "movements")


def test_a_request_binds_nothing_and_a_no_leaves_nothing() -> None:
    """Stops 1 and 3."""
    request, refusal = walked()["request"], walked()["refusal"]
    assert request.before.states["Pool"] == request.after.states["Pool"]
    assert refusal.before == refusal.after
    assert [call.status for call in refusal.calls] == [409]


def test_the_three_balances_are_those_of_the_prose() -> None:
    """The same day as it is known today and as it was known then differ by half an hour."""
    today, then, as_known_then = (call.answer for call in walked()["balance"].calls)
    assert (today["consumed"], today["released"]) == (60, 180)
    assert (then["consumed"], as_known_then["consumed"]) == (60, 90)
    assert then["budget"] == as_known_then["budget"] == 6000


def test_what_the_walk_leaves_out_is_named() -> None:
    """A new projection is shown, or said to be left out."""
    shown = {table.name for table, _, _ in SHOWN_ROWS}
    left_out = [projection.name for projection in PROJECTIONS if not shown & {table.name for table in projection.tables}]
    [sentence] = re.findall(r"so are the projections (.*?)\.", WALK)
    assert re.findall(r"`(\w+)`", sentence) == left_out


def test_names_in_the_prose_are_names_in_the_code() -> None:
    """What is written as a name is one: of the code, of a column or setting, or of an event."""
    prose = re.sub(r"<!-- begin .*?<!-- end \w+ -->|^```.*?^```", "", PAGE, flags=re.DOTALL | re.MULTILINE)
    sources = [file for folder in ("domain", "application", "interfaces", "tests") for file in (ROOT / folder).rglob("*.py")]
    words = set(re.findall(r"\w+", " ".join(file.read_text(encoding="utf-8") for file in sources)))
    names = set(re.findall(r"`([A-Za-z_]+(?:\.[a-z_]+)*)`", prose))
    assert names
    assert sorted(name for name in names if not set(name.split(".")) <= words) == []
    assert sorted(set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", prose)) - BY_NAME.keys()) == []


# ── The recipes


class Change(NamedTuple):
    """Lines of a file in place of others; without others they go to its end."""

    file: str
    old: str
    new: str


def recipe(title: str) -> str:
    """The text of a recipe."""
    [text] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", RECIPES, re.DOTALL | re.MULTILINE)
    return text


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def changes(text: str) -> Iterator[Change]:
    """What the diffs of a recipe say, in their order."""
    for diff in blocks(text, "diff"):
        for part in re.split(r"^\+\+\+ ", diff, flags=re.MULTILINE)[1:]:
            file, *hunks = part.split("@@\n")
            for hunk in hunks:
                lines = [line or " " for line in hunk.splitlines()]
                assert {line[0] for line in lines} <= {" ", "+", "-"}, hunk
                yield Change(file.strip(), _lines(lines, " -"), _lines(lines, " +"))


def _lines(lines: Iterable[str], marks: str) -> str:
    return "".join(f"{line[1:]}\n" for line in lines if line[0] in marks)


def make_change(project: Path, change: Change) -> None:
    file = project / change.file
    text = "\n" + (file.read_text(encoding="utf-8") if file.exists() else "")
    if change.old:
        assert text.count(f"\n{change.old}") == 1, f"not found once in {change.file}:\n{change.old}"
        text = text.replace(f"\n{change.old}", f"\n{change.new}")
    else:
        text += change.new
    file.write_text(text[1:], encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project in which everything may be changed."""
    copy = tmp_path / "project"
    for name in ("domain", "application", "interfaces", "benchmarks", "docs", "scripts", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.pyc.*"))
    for name in ("Makefile", "pyproject.toml", "openapi.json"):
        shutil.copy2(ROOT / name, copy)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """A database that is older than any recipe; one session in it is an absence."""
    url = f"sqlite:///{tmp_path}/older.db"
    absence = corrected(session(60), session(45, kind="absence"))
    with opened_log(url) as log:
        log.append([pool_opened(), case_opened(), hours_requested(60), *approved(60), logged(60), absence])
    return url


def run(project: Path, database_url: str, script: str) -> None:
    """Runs a block of commands as it stands, but for `make` not looking whether the environment is set up."""
    foreign = ("STUNDENPOOL_", "PYTEST_", "MAKE", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | {
        "PYTHONPATH": str(project),
        "PYTEST_ADDOPTS": "-q -p no:cacheprovider -p no:hypothesispytest -p no:xdist",
        "STUNDENPOOL_DATABASE_URL": database_url,
        "STUNDENPOOL_KEYSTORE": str(project / "keys"),
    }
    prelude = 'make() { command make --old-file=.venv/.ready "$@"; }\n'
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", prelude + script], cwd=project, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def follow(title: str, project: Path, database_url: str, *, after: tuple[str, ...] = ()) -> None:
    """Makes all changes of a recipe, then runs its commands; before them the changes of those that it goes on from."""
    made = [change for each in (*after, title) for change in changes(recipe(each))]
    for change in made:
        make_change(project, change)
    files = sorted({change.file for change in made if change.file.endswith(".py")})
    for check in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *check, "-q", "--no-cache", *files], cwd=project, check=True)
    for script in blocks(recipe(title), "sh"):
        run(project, database_url, script)


def test_every_recipe_is_followed_here() -> None:
    """And each brings its own test along."""
    titles = re.findall(r"^## (.*)$", RECIPES, re.MULTILINE)
    assert titles == ["A rule", "An event", "A projection", "A route"]
    for title in titles:
        assert any(change.file.startswith("tests/") for change in changes(recipe(title)))
        assert any("pytest" in script for script in blocks(recipe(title), "sh"))


def test_a_rule_is_added(project: Path, database_url: str) -> None:
    """Policy, refusal, order, and the tests of all three."""
    follow("A rule", project, database_url)
    assert "| `review_too_late` | 409 | 23 |" in (project / "docs/glossary.md").read_text(encoding="utf-8")
    assert "review_too_late" in (project / "openapi.json").read_text(encoding="utf-8")


def test_an_event_gets_a_new_form(project: Path, database_url: str) -> None:
    """The old bytes stay as they are, and new ones stand beside them."""
    golden = Path("tests/golden/session-confirmed.1.json")
    follow("An event", project, database_url)
    assert (project / golden).read_bytes() == (ROOT / golden).read_bytes()
    assert b'"confirmed_on":"2022-03-27"' in (project / golden.with_name("session-confirmed.2.json")).read_bytes()
    assert "`session-confirmed`, schema 2" in (project / "docs/events.md").read_text(encoding="utf-8")


def test_a_projection_is_added(project: Path, database_url: str) -> None:
    """It answers for events that are older than itself."""
    follow("A projection", project, database_url)
    with closing(open_store(database_url, create=False)) as store, store.reading() as reader:
        [(slot,)] = reader.fetch("SELECT slot FROM projections WHERE name = ?", ("absences",))
        assert reader.fetch(f"SELECT * FROM absences_{slot}") == [(PROVIDER, "2022-03", 1, 45)]


def test_a_route_is_added(project: Path, database_url: str) -> None:
    """It is published, and called as every role."""
    follow("A route", project, database_url, after=("A projection",))
    assert '"/api/v1/reports/absences"' in (project / "openapi.json").read_text(encoding="utf-8")
