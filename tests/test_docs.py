"""The documentation is true: its links lead somewhere, its generated sections are current, its five-minute tour runs."""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

from application.catalogue import CATALOGUE
from docs.generate import DOCS, MEANINGS, RULES_OF_REFUSALS, SECTIONS, with_sections
from domain.booking import BookingState, SessionState
from domain.pool import ReleaseCause
from domain.quantities import Concern, Kind, Outcome, Role, ServiceArea
from domain.refusals import ORDER
from interfaces.storage.migrate import GRANT_ON_PROJECTIONS, GRANTS

ROOT = Path(__file__).parent.parent
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")), *sorted(DOCS.rglob("*.md"))]
PROSE_CHARACTERS_MAX = 132
START_SECONDS_MAX = 120  # the demonstration is told first

CODES = {
    "state of a booking": BookingState,
    "state of a session": SessionState,
    "kind of a session": Kind,
    "service area (SGB VIII)": ServiceArea,
    "concern": Concern,
    "outcome of a case": Outcome,
    "role": Role,
    "cause of a release": ReleaseCause,
}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page that are in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The places within a page that a link can name, from its headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the project finds it, and every link to a place in it finds that place."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_in_the_text_exist(page: Path) -> None:
    """What is written like a file of the project is one."""
    named = re.findall(
        r"`((?:domain|application|interfaces|tests|docs|scripts|deploy)/[\w./-]+)`", page.read_text(encoding="utf-8")
    )
    missing = [path for path in named if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", sorted(SECTIONS))
def test_generated_sections_are_current(page: str) -> None:
    """Sections that follow from the code say what the code says; `make docs` writes them."""
    assert (DOCS / page).read_text(encoding="utf-8") == with_sections(page)


def test_nothing_is_described_that_is_not_there() -> None:
    """Meanings and rule numbers stand beside exactly the events and refusals that exist."""
    assert set(MEANINGS) == {entry.name for entry in CATALOGUE}
    assert set(RULES_OF_REFUSALS) == {refusal.code for refusal in ORDER}


def test_every_code_has_its_german_word() -> None:
    """The glossary lists exactly the codes that the domain knows."""
    section = (DOCS / "glossary.md").read_text(encoding="utf-8").split("## Codes")[1].split("## ")[0]
    listed: dict[str, list[str]] = {}
    kind = ""
    for of, code in re.findall(r"^\| ([^|]*?) ?\| `(\w+)` \|", section, re.MULTILINE):
        kind = of or kind
        listed.setdefault(kind, []).append(code)
    assert listed == {of: list(get_args(codes)) for of, codes in CODES.items()}


def test_every_decision_is_listed() -> None:
    """The index of the decisions names each of them by its title."""
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    for page in DOCS.glob("decisions/0*.md"):
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert f"[{title}]({page.name})" in index


def test_rights_are_those_that_the_migration_grants() -> None:
    """The table of rights in the operations guide is what `db migrate` gives to the role of the service."""
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    for table, rights in {**GRANTS, "projections' tables": GRANT_ON_PROJECTIONS}.items():
        assert re.search(rf"^\| .*{re.escape(table)}.* \| {re.escape(rights)} \|", page, re.MULTILINE), table


def test_the_verb_is_where_the_readme_says() -> None:
    """Grepping the verb shows the files of the table, and no others."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## One verb from route to event")[1].split("## ")[0]
    named = set(re.findall(r"^\| `([\w/]+\.py)`", section, re.MULTILINE))
    files = [file for folder in ("domain", "application", "interfaces") for file in (ROOT / folder).rglob("*.py")]
    holding = {str(file.relative_to(ROOT)) for file in files if re.search(r"\bapprove_hours\b", file.read_text(encoding="utf-8"))}
    assert named == {file for file in holding if not file.endswith("examples.py")}


# ── The tour


@contextmanager
def running(environment: dict[str, str], log: Path) -> Iterator[None]:
    """The service as `make run` starts it once everything is set up."""
    with log.open("wb") as output:
        service = subprocess.Popen([ROOT / "scripts/run.sh"], env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not answers(environment["STUNDENPOOL_PORT"]):
            assert service.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.1)
        yield
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(timeout=START_SECONDS_MAX)


def answers(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What the tour of the README says on a service of its own, and the API guide after it."""
    folder = tmp_path_factory.mktemp("tour")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STUNDENPOOL_")} | {
        "STUNDENPOOL_DATABASE_URL": f"sqlite:///{folder}/pool.db",
        "STUNDENPOOL_KEYSTORE": str(folder / "keys"),
        "STUNDENPOOL_PORT": str(free_port()),
    }
    tour, guide = blocks(ROOT / "README.md", "sh"), blocks(DOCS / "api.md", "sh")
    script = "\n".join([*tour, "echo GUIDE", *guide]).replace("127.0.0.1:8000", f"127.0.0.1:{environment['STUNDENPOOL_PORT']}")
    with running(environment, folder / "service.log"):
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr
    tour_said, guide_said = done.stdout.split("GUIDE\n")
    return tour_said, guide_said


def test_the_five_minute_tour_runs(said: tuple[str, str]) -> None:
    """Copied as they stand, the commands of the README lead to a logged session and to the balances that it shows."""
    lines = said[0].splitlines()
    assert missing(ROOT / "README.md", lines) == [], said[0]
    sessions = [line for line in lines if '"state":"logged"' in line and line.startswith('{"id"')]
    assert len(sessions) == 2
    assert sessions[0] == sessions[1]
    assert sum('"line":"' in line for line in lines) == 6  # pool, case, request, approval, reservation, session
    assert "verfügbar" in said[0]


def test_the_guide_to_the_api_runs(said: tuple[str, str]) -> None:
    """Going on where the tour ends, the commands of the API guide are answered as it shows."""
    lines = said[1].splitlines()
    assert missing(DOCS / "api.md", lines) == [], said[1]
    position, version = (line.lower() for line in lines if re.match("position|etag", line, re.IGNORECASE))
    assert re.fullmatch(r"position: \d+", position)
    assert version == 'etag: "3"'


def missing(page: Path, lines: list[str]) -> list[str]:
    """The answers that a page shows and nobody gave; an ellipsis stands for anything."""
    shown = [line for language in ("json", "text") for block in blocks(page, language) for line in block.splitlines()]
    patterns = {line: re.compile(re.escape(line).replace("…", ".*")) for line in shown}
    return [line for line, pattern in patterns.items() if not any(pattern.search(answer) for answer in lines)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_of_prose_are_short(page: Path) -> None:
    """Prose is wrapped; tables, code and generated lists are as wide as they are."""
    text = re.sub(
        r"<!-- begin .*?<!-- end \w+ -->|^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    assert [line for line in text.splitlines() if len(line) > PROSE_CHARACTERS_MAX and not line.startswith("|")] == []
