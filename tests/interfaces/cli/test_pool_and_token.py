"""Opening a pool from a description, and tokens."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from interfaces.cli.stores import opened_store, reading
from interfaces.identity.tokens import hashed
from interfaces.settings import read_settings
from tests.interfaces.cli.conftest import POOL, Run, opened_pool

DAY_MICROSECONDS = 24 * 60 * 60 * 1_000_000


@pytest.mark.usefixtures("installation")
def test_opening_a_pool_prints_its_id_and_nothing_else(run: Run) -> None:
    """So that a script can go on with it; the log names the officer who did it."""
    Path("pool.toml").write_text(POOL, encoding="utf-8")
    done = run("pool", "open", "pool.toml", "--subject", "amt-7")
    assert done.exit_code == 0
    assert done.stdout == f"{UUID(done.stdout.strip())}\n"
    assert done.stderr == ""
    with opened_store(read_settings()) as store, store.reading() as reader:
        head = reader.head()
    assert head is not None
    assert b'"actor":{"organisation":"jugendamt","role":"officer","subject":"amt-7"}' in head.state


@pytest.mark.parametrize(
    ("written", "place"),
    [
        (POOL.replace("budget_minutes = 6000", 'budget_minutes = "viel"'), "budget_minutes: eine ganze Zahl"),
        (POOL.replace("budget_minutes = 6000", ""), "budget_minutes: fehlt"),
        (POOL.replace("2022-12-31", "2021-12-31"), "period.end"),
        (POOL.replace("start = 2022-01-01", "start = 2022-01-01T10:00:00"), "period.start"),
        (POOL.replace("unit_minutes = 15", "unit_minutes = 0"), "rules.unit_minutes"),
        (POOL + "farbe = 1", "rules"),
        ('farbe = "blau"\n' + POOL, "nicht vorgesehen"),
        (POOL.replace("[period]", "[period"), "Zeile 5"),
        (POOL + '"', "am Ende"),
    ],
)
@pytest.mark.usefixtures("sqlite_installation")
def test_a_description_that_is_wrong_is_refused_at_its_place(run: Run, written: str, place: str) -> None:
    """The same values are judged as over HTTP, and unknown names are mistakes."""
    Path("pool.toml").write_text(written, encoding="utf-8")
    done = run("pool", "open", "pool.toml")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert place in done.stderr


@pytest.mark.usefixtures("sqlite_installation")
def test_a_description_that_is_no_text_is_refused(run: Run) -> None:
    """With the first byte that is none."""
    Path("pool.toml").write_bytes(b'name = "\xff"')
    done = run("pool", "open", "pool.toml")
    assert done.exit_code == 1
    assert "Byte 9" in done.stderr


@pytest.mark.parametrize(
    ("words", "row"),
    [
        ("--role officer --subject o1", ("o1", "officer", "jugendamt", 365)),
        ("--role lead --subject l1 --provider traeger-a --days 2", ("l1", "lead", "traeger-a", 2)),
    ],
)
@pytest.mark.usefixtures("installation")
def test_a_token_is_printed_alone_and_kept_as_its_hash(run: Run, words: str, row: tuple[str, str, str, int]) -> None:
    """For the role, the person, the provider and the days that were asked for."""
    done = run("token", "create", *words.split())
    assert done.exit_code == 0
    assert done.stderr == ""
    token = done.stdout.removesuffix("\n")
    assert token.split() == [token]
    with reading() as reader:
        [(*who, created, expires)] = reader.fetch(
            "SELECT subject, role, organisation, created, expires FROM tokens WHERE hash = ?", (hashed(token),)
        )
    assert (*who, (expires - created) // DAY_MICROSECONDS) == row
    assert abs(created / 1e6 - datetime.now(UTC).timestamp()) < 60


@pytest.mark.usefixtures("sqlite_installation")
def test_two_pools_from_one_description_are_two(run: Run) -> None:
    """A description is no identity."""
    assert opened_pool(run) != opened_pool(run)
