"""The table of attacks in docs/verfahrensdokumentation.md is true: each is found by what it says, and by nothing else.

An attack is made and looked at within a turn that leaves no trace, so that all of them find the same log.
"""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from application.proof import checkpoints
from application.proof.verification import Deviation
from interfaces.cli.audit import _FIELDS
from interfaces.storage.turns import TurnRecorder, TurnTransaction
from tests.application.proof.attacks import ATTACKS, NOON, OFFICE, Scene, write_log
from tests.conftest import STORE_KINDS, new_url
from tests.office import Office, running_office
from tests.tampering import tampering

PAGE = Path(__file__).parents[3] / "docs" / "verfahrensdokumentation.md"
NOTHING = "nicht erkannt"
MEANS = {"Datenbank": None, "Datenbank und Schlüssel": OFFICE}
# Attacks of each kind, verified without the checkpoint outside, and as many others with it.
EACH, EACH_AT_LENGTH = {"sqlite": 9, "postgres": 1}, {"sqlite": 72, "postgres": 4}
EITHER_WAY = pytest.mark.parametrize("outside", [False, True], ids=["alone", "with-outside"])

Fields = frozenset[str]  # in which something deviates, as `audit verify` calls them


class Undone(Exception):
    """Leaves a turn without a trace."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    key: str
    means: str
    alone: str
    with_outside: str


def table() -> list[Row]:
    lines = re.findall(
        r"^\| `([\w-]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return [Row(*line) for line in lines]


@dataclass(frozen=True)
class Attacked:
    """A log in one kind of store, and the checkpoint of it that is kept outside."""

    kind: str
    office: Office
    outside: str


@pytest.fixture(scope="module", params=STORE_KINDS)
def attacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = tmp_path_factory.mktemp("log")
    url = new_url(request, request.param, folder / "store.db")
    with running_office(url, folder / "keys", lambda: NOON) as office:
        yield Attacked(request.param, office, write_log(office))


@contextmanager
def undone(office: Office) -> Iterator[TurnTransaction]:
    """A turn in which everything can be altered, and is not."""
    with suppress(Undone), tampering(office.store) as turn:
        yield cast(TurnTransaction, turn)
        raise Undone


def test_every_attack_has_its_line() -> None:
    """The table names the attacks that are made, in their order, and they are enough."""
    assert [row.key for row in table()] == list(ATTACKS)
    assert 2 * len(ATTACKS) * EACH["sqlite"] >= 500
    assert 2 * len(ATTACKS) * EACH_AT_LENGTH["sqlite"] >= 2_000


def test_the_log_is_sound(attacked: Attacked) -> None:
    """given the log as it was written / then nothing deviates, and a part of it stands behind the last checkpoint."""
    with undone(attacked.office) as turn:
        scene = Scene(turn, cast(TurnRecorder, attacked.office.store), None, random.Random())
        assert scene.deviations(attacked.outside) == []
        assert checkpoints.issued(turn)[-1].note == attacked.outside
        assert 256 < scene.size < len(scene.rows)


@EITHER_WAY
@pytest.mark.parametrize("row", table(), ids=lambda row: row.key)
def test_an_attack_is_found_by_what_the_table_says(attacked: Attacked, row: Row, outside: bool) -> None:
    """given attacks of a kind / when verified, without or with the checkpoint outside / then each is found by whatever the table
    says without exception, and by nothing that it does not mention; and is named where the log begins to be another."""
    said = row.with_outside if outside else row.alone
    always, sometimes = read(said)
    found = found_by(attacked, row, outside, EACH[attacked.kind])
    assert all(always <= each <= always | sometimes for each in found), f"{said}, but found by: {written(found)}"


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@EITHER_WAY
@pytest.mark.parametrize("row", table(), ids=lambda row: row.key)
def test_the_table_says_no_more_and_no_less_than_there_is(attacked: Attacked, row: Row, outside: bool) -> None:
    """given many attacks of a kind / then each field that the table calls an exception is one, and every other is none."""
    found = found_by(attacked, row, outside, EACH_AT_LENGTH[attacked.kind])
    if attacked.kind == "sqlite":
        assert written(found) == (row.with_outside if outside else row.alone)


def found_by(attacked: Attacked, row: Row, outside: bool, number: int) -> list[Fields]:
    """What is found of each attack."""
    found = []
    with undone(attacked.office) as turn:
        for each in range(number):
            turn.fetch("SAVEPOINT before")
            chance = random.Random(f"{row.key} {each}")
            scene = Scene(turn, cast(TurnRecorder, attacked.office.store), MEANS[row.means], chance)
            ATTACKS[row.key](scene)
            deviations = scene.deviations(*([attacked.outside] if outside else []))
            assert_located(scene, deviations)
            found.append(fields_of(deviations))
            turn.fetch("ROLLBACK TO SAVEPOINT before")
    return found


def fields_of(deviations: list[Deviation]) -> Fields:
    return frozenset(_FIELDS.get(each.field, "Feld") for each in deviations)


def written(found_by: list[Fields]) -> str:
    """As the table says it: what finds all of them, and what finds some besides."""
    always = frozenset.intersection(*found_by)
    sometimes = frozenset.union(*found_by) - always
    return "; mitunter ".join([", ".join(sorted(always)) or NOTHING, *([", ".join(sorted(sometimes))] if sometimes else [])])


def read(said: str) -> tuple[Fields, Fields]:
    always, _, sometimes = said.partition("; mitunter ")
    return frozenset(always.split(", ")) - {NOTHING}, frozenset(filter(None, sometimes.split(", ")))


def assert_located(scene: Scene, found: list[Deviation]) -> None:
    """The first event or gap that is named is the first that changed."""
    named = [each.position for each in found if each.field in ("leaf", "position") and each.position is not None]
    if named and scene.first_changed is not None:
        assert min(named) == scene.first_changed
