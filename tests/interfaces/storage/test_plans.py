"""How SQLite looks for things: by an index, however many they are. PostgreSQL's plans hang on what it knows of its tables."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from application import receipts
from application.log import Question, Store
from application.proof import tree
from application.proof.merkle import Subtree
from interfaces.storage import open_store
from interfaces.storage.turns import TurnRecorder
from tests.schema import make_schema


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/store.db"
    make_schema(url)
    with closing(open_store(url, create=False)) as store:
        yield store


@pytest.fixture
def postgresql_url(fresh_url: Callable[[str], str]) -> str:
    url = fresh_url("postgresql")
    make_schema(url)
    return url


@pytest.mark.parametrize("number", [1, 2, 40])
def test_no_question_of_a_turn_or_a_proof_reads_a_whole_table(store: Store, number: int) -> None:
    """given several keys or places / then each is looked up, and the log may be as long as it likes."""
    asked = [
        receipts.asked([(f"subject-{each}", "organisation", "key") for each in range(number)]),
        tree.asked([Subtree(8, 256 * each) for each in range(1, number + 1)]),
    ]
    for question in asked:
        assert "SCAN receipts" not in plan(store, question)
        assert "SCAN tree" not in plan(store, question)
        assert "SEARCH" in plan(store, question)


def test_refusals_are_found_by_an_index_of_their_own(store: Store) -> None:
    """As long as its condition is that of the query: few receipts are refusals, and they are read for every list of findings."""
    assert "SEARCH receipts USING INDEX receipts_refused" in plan(store, Question(receipts.REFUSALS.replace("?", "7")))


def test_postgresql_knows_that_index_as_well(postgresql_url: str) -> None:
    """Whatever it would choose for a small table, it may use it."""
    with closing(open_store(postgresql_url, create=False)) as store, store.turn() as turn:
        turn.execute("SET LOCAL enable_seqscan = off", [()])
        rows = turn.fetch(f"EXPLAIN {receipts.REFUSALS.replace('?', '7')}")
    assert "receipts_refused" in "".join(row[0] for row in rows)


def plan(store: Store, question: Question) -> str:
    """What SQLite says it would do."""
    dialect = cast(TurnRecorder, store).dialect
    sql, parameters = dialect.any_of(question.sql, question.keys) if question.keys else (question.sql, ())
    with store.reading() as reader:
        return "\n".join(row[3] for row in reader.fetch(f"EXPLAIN QUERY PLAN {sql}", parameters))
