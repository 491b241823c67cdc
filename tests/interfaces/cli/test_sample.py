"""``stundenpool audit sample``: drawn, listed, and drawn again."""

import json

import pytest

from tests.interfaces.cli.conftest import Run, filled_pool


@pytest.fixture
def pool(sqlite_installation: object, run: Run) -> str:
    return filled_pool(run)


def test_a_sample_is_drawn_and_checked(run: Run, pool: str) -> None:
    """People read seed, population and sessions; the log alone gives the same again."""
    done = run("audit", "sample", "draw", "--pool", pool, "--size", 2, "--seed", "17. Mai", "--subject", "rpa-1", "--json")
    assert done.exit_code == 0, done.stderr
    sample = json.loads(done.stdout)
    listed = run("audit", "sample", "list", "--pool", pool).stdout.splitlines()
    assert listed[:3] == [
        f"Stichprobe {sample['id']}",
        "Startwert „17. Mai“, Verfahren 1",
        f"2 von 3 Terminen, Stand des Protokolls: Position {sample['population']['position']}",
    ]
    assert [line.strip() for line in listed[3:]] == sample["sessions"]
    assert run("audit", "sample", "check", sample["id"], "--pool", pool).stdout == "In Ordnung: dieselben 2 Termine aus 3.\n"


def test_a_part_of_the_sessions(run: Run, pool: str) -> None:
    """By provider and day of service."""
    words = ("--pool", pool, "--share", 50, "--provider", "traeger-a", "--from", "2022-02-01", "--to", "2022-02-28")
    done = run("audit", "sample", "draw", *words)
    assert done.exit_code == 0, done.stderr
    assert "1 von 2 Terminen (Träger traeger-a, ab 01.02.2022, bis 28.02.2022)" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "genau eines von size und share_percent"),
        (("--size", "1", "--from", "1.2."), "first_day"),
        (("--size", "1", "--provider", "niemand"), "kein Termin"),
    ],
)
def test_what_cannot_be_drawn(run: Run, pool: str, words: tuple[str, ...], said: str) -> None:
    """One sentence, and nothing on record."""
    done = run("audit", "sample", "draw", "--pool", pool, *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert run("audit", "sample", "list", "--pool", pool).stdout == "Keine.\n"


def test_another_sample_is_not_there(run: Run, pool: str) -> None:
    """A mistyped id is no check."""
    assert run("audit", "sample", "check", "00000000-0000-4000-8000-000000000000", "--pool", pool).exit_code == 1
