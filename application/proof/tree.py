"""The tree over the log as it is stored: what a turn adds to it, and what proofs are put together from.

Only hashes of complete subtrees are stored, because those never change: the leaves of up to a block of 256 events in one row, and
a row for each complete subtree from a block upwards. So a turn adds a row, two more for every 256 events, and a proof reads two
blocks of leaves and one row for each level above, however long the log is.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from eventsourcing.persistence import Notification

from application.log import Found, Progress, Question, Reader, Store, StoreUnavailable, Transaction, leaf_hash
from application.proof import merkle
from application.proof.merkle import Frontier, Range, Subtree

INSERT = "INSERT INTO tree (level, last, hashes) VALUES (?, ?, ?)"

HASH_BYTES = 32
BLOCK_LEVEL = 8
BLOCK = 1 << BLOCK_LEVEL
GROWN_ROWS = 10_000  # of the log, in one turn, where the tree is built over a log that is there already


class LogDiffers(StoreUnavailable):
    """The log is not the one that its tree was made of: it lost its end, or something else. Nothing may be decided on it."""


class Row(NamedTuple):
    """A row of the table."""

    level: int
    last: int
    hashes: bytes


class Tree:
    """The tree as far as one process knows it. What was added runs ahead of the commit: after a failed turn it is read again."""

    def __init__(self) -> None:
        self._frontier = Frontier()

    @property
    def size(self) -> int:
        """How many events it has."""
        return self._frontier.size

    def root(self) -> bytes:
        """The hash of all of it."""
        return self._frontier.root()

    def catch_up(self, transaction: Transaction, size: int) -> None:
        """Reads the tree of a log of this size again, and adds what was appended without it. Raises ``LogDiffers``."""
        self.read(transaction, size)
        self.grow(transaction, size)

    def follow(self, transaction: Transaction, rows: Sequence[Notification]) -> None:
        """Adds what others appended, who as a rule have stored it in the tree as well. Raises ``LogDiffers``."""
        self.grown(rows)
        if stored_size(transaction) != self.size:
            self.catch_up(transaction, self.size)

    def read(self, reader: Reader, size: int) -> None:
        """Reads where the stored tree ends; raises ``LogDiffers`` where the log, which is of this size, ends before it."""
        stored = stored_size(reader)
        if stored > size:
            raise LogDiffers(f"the log ends at position {size}, but its tree at {stored}")
        self._frontier = _frontier(reader, stored)

    def grow(self, transaction: Transaction, size: int) -> None:
        """Adds events of the log until the tree has this size."""
        while self.size < size:
            rows = transaction.notifications(self.size, min(size - self.size, GROWN_ROWS))
            if not rows:
                raise LogDiffers(f"behind position {self.size} the log has no event up to {size}")
            transaction.execute(INSERT, self.grown(rows))

    def grown(self, rows: Sequence[Notification]) -> list[Row]:
        """Adds these rows of the log, which follow on; gives what is to be inserted for them."""
        frontier, leaves, made = self._frontier, list[bytes](), list[Row]()
        for position, row in enumerate(rows, frontier.size + 1):
            if row.id != position:
                raise LogDiffers(f"position {row.id} of the log follows position {position - 1}")
            leaves.append(leaf_hash(row))
        taken = 0
        while taken < len(leaves):
            run = leaves[taken : taken + BLOCK - frontier.size % BLOCK]
            taken += len(run)
            completed = added(frontier, run)
            made.append(Row(0, frontier.size, b"".join(run)))
            made += [Row(level, frontier.size, each) for level, each in enumerate(completed, BLOCK_LEVEL)]
        return made


def added(frontier: Frontier, leaves: Sequence[bytes]) -> Sequence[bytes]:
    """Appends leaves of one block; the hashes of the subtrees that they complete, from a block upwards."""
    if len(leaves) == BLOCK:
        return frontier.add_subtree(leaves)
    completed: list[bytes] = []
    for leaf in leaves:
        completed = frontier.add(leaf)
    return completed[BLOCK_LEVEL:]


def whole(transaction: Transaction) -> Tree:
    """The tree of the whole log, to which is added what was appended without it. Raises ``LogDiffers``."""
    head, tree = transaction.head(), Tree()
    tree.catch_up(transaction, head.id if head else 0)
    return tree


def complete(store: Store, progress: Progress) -> bool:
    """Brings the tree to the end of the log, in turns that leave room for those of a running service; says whether it had to."""
    tree, built = Tree(), False
    while True:
        with store.turn() as transaction:
            head = transaction.head()
            size = head.id if head else 0
            tree.read(transaction, size)
            if tree.size == size:
                return built
            tree.grow(transaction, min(size, tree.size + GROWN_ROWS))
        built = True
        progress(tree.size, size)


# ── Reading


def stored_size(reader: Reader) -> int:
    """How many events the stored tree has."""
    [(last,)] = reader.fetch("SELECT COALESCE(MAX(last), 0) FROM tree WHERE level = 0")
    return int(last)


def root(reader: Reader, size: int) -> bytes:
    """The root that the tree had at this size; raises ``LogDiffers`` where it is not stored."""
    [found] = hashes(reader, [Range(0, size)])
    return found


def hashes(reader: Reader, ranges: Sequence[Range]) -> list[bytes]:
    """The hash of each range; raises ``LogDiffers`` where it is not stored."""
    known = _stored(reader, {tree for each in ranges for tree in each.subtrees()})
    return [merkle.joined([known[tree] for tree in each.subtrees()]) for each in ranges]


def known(reader: Reader, after: int, size: int) -> tuple[dict[int, bytes], dict[Subtree, bytes]]:
    """What is stored of the positions behind ``after``, of which there are ``size``, both whole blocks: leaves by their positions,
    and the subtrees from a block upwards that end there. Whatever is missing or damaged is just not among them."""
    ends = range(after + BLOCK, after + size + 1, BLOCK)
    complete = [Subtree(level, end) for end in ends for level in range(BLOCK_LEVEL, (end & -end).bit_length())]
    rows, runs = reader.ask(
        asked(complete),
        Question(f"SELECT last, hashes FROM tree WHERE level = 0 AND last > {after} AND last <= {after + size} ORDER BY last"),
    )
    leaves: dict[int, bytes] = {}
    for last, found in runs:
        run = bytes(found)
        hashes = [run[start : start + HASH_BYTES] for start in range(0, len(run), HASH_BYTES)]
        leaves.update(enumerate(hashes, last - len(hashes) + 1))
    return leaves, {Subtree(level, last): bytes(found) for level, last, found in rows}


def _frontier(reader: Reader, size: int) -> Frontier:
    trees = list(Range(0, size).subtrees())
    known = _stored(reader, trees)
    return Frontier(size, [known[tree] for tree in trees])


def _stored(reader: Reader, trees: Collection[Subtree]) -> dict[Subtree, bytes]:
    large = [tree for tree in trees if tree.level >= BLOCK_LEVEL]
    blocks = sorted({_block(tree) for tree in trees if tree.level < BLOCK_LEVEL})
    rows, *leaves = reader.ask(asked(large), *(_asking_leaves(block) for block in blocks))
    known = {Subtree(level, last): bytes(found) for level, last, found in rows}
    leaves_of = {block: _leaves(block, found) for block, found in zip(blocks, leaves, strict=True)}
    for tree in trees:
        if tree.level < BLOCK_LEVEL:
            block = _block(tree)
            start, end = tree.end - (1 << tree.level) - block, tree.end - block
            if len(leaves_of[block]) < end:
                raise LogDiffers(f"the tree lacks leaves before position {tree.end}")
            known[tree] = merkle.root(leaves_of[block][start:end])
        elif tree not in known:
            raise LogDiffers(f"the tree lacks the hash of {1 << tree.level} leaves up to position {tree.end}")
    return known


def _block(tree: Subtree) -> int:
    """The position before the block that the subtree lies in."""
    return (tree.end - 1) // BLOCK * BLOCK


def asked(large: Collection[Subtree]) -> Question:
    """What the hashes of subtrees from a block upwards are asked with."""
    places = ", ".join(f"({level}, {last})" for level, last in large) or "(0, 0)"  # where nothing stands
    # As a table, since SQLite would look for several VALUES alone in every row.
    return Question(f"SELECT level, last, hashes FROM tree WHERE (level, last) IN (SELECT * FROM (VALUES {places}) AS places)")


def _asking_leaves(block: int) -> Question:
    return Question(f"SELECT last, hashes FROM tree WHERE level = 0 AND last > {block} AND last <= {block + BLOCK} ORDER BY last")


def _leaves(block: int, rows: Found) -> list[bytes]:
    """The leaves behind a position, which no row may lack or have twice."""
    leaves: list[bytes] = []
    for last, found in rows:
        leaves += (bytes(found[start : start + HASH_BYTES]) for start in range(0, len(found), HASH_BYTES))
        if last != block + len(leaves):
            raise LogDiffers(f"the tree lacks leaves before position {last}")
    return leaves
