"""The tree beside the log: extended by every turn, whoever takes it, and never over another log than its own."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
from eventsourcing.persistence import Notification, OperationalError

from application import commands
from application.log import Store, leaf_hash
from application.proof import merkle, tree
from application.proof.merkle import Range
from application.proof.tree import BLOCK, LogDiffers, Tree
from application.receipts import Answer
from application.turn import Work
from domain.quantities import Period, Rules
from interfaces.storage import open_store
from interfaces.storage.migrate import migrate
from interfaces.storage.turns import TurnRecorder
from tests.application.one_turn import in_one_turn
from tests.office import OFFICER, Office
from tests.schema import make_schema
from tests.tampering import tampering


def quietly(done: int, total: int) -> None:
    """Nobody watches."""


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    make_schema(store_url)
    store = open_store(store_url, create=False)
    yield store
    store.close()


@pytest.fixture
def process(store_url: str, tmp_path: Path) -> Iterator[Callable[[], Office]]:
    """A function that starts one more process on the same store."""
    make_schema(store_url)
    running: list[Office] = []

    def process() -> Office:
        running.append(Office(store_url, tmp_path / "keys"))
        return running[-1]

    yield process
    for office in running:
        office.close()


def appended(store: Store, number: int) -> list[bytes]:
    """Appends rows to the log and nothing to the tree; the hashes of their leaves."""
    with store.turn() as transaction:
        head = transaction.head()
        rows = [
            Notification(uuid4(), 1, "pool-opened", b"{}", position)
            for position in range((head.id if head else 0) + 1, (head.id if head else 0) + 1 + number)
        ]
        transaction.append(rows)
    return [leaf_hash(row) for row in rows]


def leaves(store: Store) -> list[bytes]:
    """The leaves of the log as it stands."""
    with store.reading() as reader:
        return [leaf_hash(row) for row in reader.notifications(0, 1_000_000)]


def opening(name: str = "Pool") -> Work:
    period, rules = Period(date(2022, 1, 1), date(2022, 12, 31)), Rules()
    return Work(OFFICER, lambda turn: commands.open_pool(turn, name=name, period=period, budget_minutes=600, rules=rules))


def opened(office: Office) -> Answer:
    return office.engine.submit(opening()).result()


def shortened(store: Store, *statements: str) -> None:
    """Takes rows away behind everybody's back."""
    with tampering(store) as transaction:
        for statement in statements:
            transaction.fetch(statement.replace("position", cast(TurnRecorder, store).dialect.position))


def assert_whole(store: Store) -> None:
    """The stored tree is that of the log, at its end and wherever else it was."""
    expected = leaves(store)
    with store.reading() as reader:
        assert tree.stored_size(reader) == len(expected)
        for size in {0, 1, len(expected) // 2, len(expected)}:
            assert tree.root(reader, size) == merkle.root(expected[:size])


def test_any_part_of_the_tree_is_found_again(store: Store) -> None:
    """given a tree grown in turns of any length / then the hash of whatever a proof consists of is that of its leaves."""
    chance = random.Random(6962)
    growing, expected = Tree(), list[bytes]()
    while len(expected) < 5 * BLOCK:
        with store.turn() as transaction:
            rows = [
                Notification(uuid4(), 1, "pool-opened", b"{}", len(expected) + number)
                for number in range(1, 1 + chance.choice([1, 2, 40, BLOCK - 1, BLOCK, BLOCK + 1, 600]))
            ]
            transaction.append(rows)
            transaction.execute(tree.INSERT, growing.grown(rows))
        expected += map(leaf_hash, rows)
    with store.reading() as reader:
        for _ in range(100):
            size = chance.randint(1, len(expected))
            leaf = chance.randrange(size)
            ranges = [*merkle.inclusion(leaf, size), *merkle.consistency(leaf + 1, size)]
            assert tree.hashes(reader, ranges) == [merkle.root(expected[each.start : each.end]) for each in ranges]


@pytest.mark.parametrize("known", [0, 1, BLOCK, 2 * BLOCK + 3])
def test_a_log_that_was_there_before_gets_its_tree(store: Store, known: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a log whose tree ends before it / when migrated / then the tree is completed, also in several turns, and once."""
    monkeypatch.setattr(tree, "GROWN_ROWS", 100)
    appended(store, known)
    assert tree.complete(store, quietly) == (known > 0)
    appended(store, 3 * BLOCK)
    assert migrate(store, quietly) == ["Baum des Protokolls aufgebaut"]
    assert migrate(store, quietly) == []
    assert_whole(store)


def test_every_turn_extends_the_tree(process: Callable[[], Office]) -> None:
    """given two processes that take turns, one of them for many commands / then the tree is the log's, whoever appended."""
    office, other = process(), process()
    for _ in range(3):
        opened(office)
        opened(other)
    for answer in in_one_turn(office, [opening() for _ in range(BLOCK)]):
        answer.result()
    opened(other)
    assert_whole(office.store)


def test_a_failed_turn_leaves_the_tree_as_it_was(process: Callable[[], Office], monkeypatch: pytest.MonkeyPatch) -> None:
    """given a turn that fails after its tree has grown / when it is taken again / then the tree continues behind the last event."""
    office = process()
    opened(office)
    grown, failures = Tree.grown, iter([OperationalError("lost"), None])

    def failing(growing: Tree, rows: Sequence[Notification]) -> list[tree.Row]:
        made = grown(growing, rows)
        if (failure := next(failures, None)) is not None:
            raise failure
        return made

    monkeypatch.setattr(Tree, "grown", failing)
    assert opened(office).position == 2
    assert_whole(office.store)


def test_what_was_appended_without_the_tree_is_added(process: Callable[[], Office]) -> None:
    """given events of a program that knew no tree yet / when the next turn is taken / then it adds them."""
    office, older = process(), process()
    opened(office)
    opened(older)
    opened(older)
    shortened(older.store, "DELETE FROM tree WHERE last > 1")
    opened(office)
    assert_whole(office.store)


@pytest.mark.parametrize("running", [True, False])
def test_nothing_is_decided_on_a_log_that_lost_its_end(process: Callable[[], Office], running: bool) -> None:
    """given a log that was cut / when a command comes / then it is turned away, and what is left stays as it is."""
    office = process()
    for _ in range(3):
        opened(office)
    shortened(office.store, "DELETE FROM stored_events WHERE position > 2")
    with pytest.raises(LogDiffers, match="ends at position 2, but its tree at 3"):
        opened(office if running else process())
    assert len(leaves(office.store)) == 2


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM tree WHERE level = 0", "DELETE FROM tree WHERE level = 8", "UPDATE tree SET last = last + 1"],
)
def test_a_tree_with_a_hole_is_noticed(store: Store, statement: str) -> None:
    """given a stored tree that lacks something / when it is needed / then that is said, and nothing is made up."""
    appended(store, BLOCK)
    tree.complete(store, quietly)
    appended(store, 100)
    tree.complete(store, quietly)
    shortened(store, statement)
    with store.reading() as reader, pytest.raises(LogDiffers):
        tree.hashes(reader, [Range(0, 300), Range(255, 256)])
