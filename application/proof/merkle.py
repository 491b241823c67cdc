"""The tree of RFC 9162 (as in RFC 6962): what a root, a proof of inclusion and a proof of consistency are. Pure.

Leaves are numbered from 0. Every hash of a tree is that of a *range* of leaves, and a range is split into complete subtrees: those
whose leaves are a power of two, at a multiple of it. A complete subtree never changes again, so only those are worth keeping.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from hashlib import sha256
from typing import NamedTuple, Protocol

Proof = Sequence[bytes]


class Digest(Protocol):
    """A hash that was taken."""

    def digest(self) -> bytes: ...


Hashing = Callable[[bytes], Digest]  # of hashlib; SHA-256 for all that is stored


class Subtree(NamedTuple):
    """The complete subtree of ``2 ** level`` leaves whose last one is leaf ``end - 1``."""

    level: int
    end: int


class Range(NamedTuple):
    """Leaves from ``start`` to before ``end``."""

    start: int
    end: int

    def subtrees(self) -> Iterator[Subtree]:
        """The complete subtrees that it consists of, from the left. ``start`` is one at which all of them may begin."""
        start = self.start
        while start < self.end:
            level = (self.end - start).bit_length() - 1
            start += 1 << level
            yield Subtree(level, start)


def parent(left: bytes, right: bytes, hashing: Hashing = sha256) -> bytes:
    """The hash of two neighbours."""
    return hashing(b"\x01" + left + right).digest()


def joined(subtrees: Sequence[bytes], hashing: Hashing = sha256) -> bytes:
    """The hash of a range, from those of its complete subtrees."""
    return reduce(lambda right, left: parent(left, right, hashing), reversed(subtrees)) if subtrees else hashing(b"").digest()


def root(leaves: Sequence[bytes], hashing: Hashing = sha256) -> bytes:
    """The root of a tree with the leaves of these hashes: level by level, where one that is left over goes up as it is."""
    while len(leaves) > 1:
        left_over = leaves[-1:] if len(leaves) % 2 else ()
        leaves = [hashing(b"\x01" + left + right).digest() for left, right in zip(leaves[::2], leaves[1::2], strict=False)]
        leaves += left_over
    return leaves[0] if leaves else hashing(b"").digest()


class Frontier:
    """A tree as far as it has to be known to be continued: its complete subtrees, the largest first."""

    def __init__(self, size: int = 0, subtrees: Iterable[bytes] = (), hashing: Hashing = sha256) -> None:
        self.size = size
        self._subtrees = list(subtrees)
        self._hashing = hashing
        assert len(self._subtrees) == size.bit_count()

    def add(self, leaf: bytes) -> list[bytes]:
        """Appends the hash of a leaf; gives those of the subtrees that it completes, from level 0, the leaf itself, upwards."""
        return self._append(leaf, 1)

    def _append(self, subtree: bytes, leaves: int) -> list[bytes]:
        """The hash of a complete subtree of so many leaves, and what it completes."""
        subtrees, completed, hashing = self._subtrees, [subtree], self._hashing
        self.size += leaves
        size = self.size // leaves
        while not size & 1:
            subtree = hashing(b"\x01" + subtrees.pop() + subtree).digest()
            completed.append(subtree)
            size >>= 1
        subtrees.append(subtree)
        return completed

    def add_subtree(self, leaves: Sequence[bytes]) -> list[bytes]:
        """Appends the leaves of a complete subtree, as many as a power of two, at a multiple of it; gives what ``add`` gives for
        the last of them, from the level of that subtree upwards."""
        count = len(leaves)
        assert count.bit_count() == 1
        assert self.size % count == 0
        return self._append(root(leaves, self._hashing), count)

    def root(self) -> bytes:
        """The root of the tree as it is."""
        return joined(self._subtrees, self._hashing)


# ── What a proof consists of (RFC 9162, 2.1.3.1 and 2.1.4.1)


def inclusion(leaf: int, size: int) -> list[Range]:
    """The ranges whose hashes prove that a leaf is in the tree of this size, in the order of the proof."""
    assert 0 <= leaf < size
    return _beside(leaf, Range(0, size))


def _beside(leaf: int, tree: Range) -> list[Range]:
    """The other half on each level, from the leaf upwards."""
    found = []
    while tree.end - tree.start > 1:
        left, right = _halves(tree)
        beside, tree = (right, left) if leaf < left.end else (left, right)
        found.append(beside)
    return found[::-1]


def consistency(first: int, second: int) -> list[Range]:
    """The ranges whose hashes prove that a tree of the first size is the beginning of one of the second."""
    assert 0 < first <= second
    found = []
    tree = Range(0, second)
    while tree.end != first:
        left, right = _halves(tree)
        beside, tree = (right, left) if first <= left.end else (left, right)
        found.append(beside)
    if tree.start > 0:  # otherwise it is the first tree itself, whose root is known
        found.append(tree)
    return found[::-1]


def _halves(tree: Range) -> tuple[Range, Range]:
    """The largest complete subtree that is smaller than the range, and the rest."""
    middle = tree.start + (1 << ((tree.end - tree.start - 1).bit_length() - 1))
    return Range(tree.start, middle), Range(middle, tree.end)


# ── Verification (RFC 9162, 2.1.3.2 and 2.1.4.2)


def includes(root: bytes, size: int, leaf: int, leaf_hash: bytes, proof: Proof) -> bool:
    """Whether the proof shows that the tree of this root and size has this hash as that leaf."""
    if not 0 <= leaf < size:
        return False
    at, last, found = leaf, size - 1, leaf_hash
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = parent(other, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = parent(found, other)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def extends(first_root: bytes, first: int, second_root: bytes, second: int, proof: Proof) -> bool:
    """Whether the proof shows that the second tree begins with the first."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    found_first = found_second = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            found_first, found_second = parent(other, found_first), parent(other, found_second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found_second = parent(found_second, other)
        at, last = at >> 1, last >> 1
    return last == 0 and found_first == first_root and found_second == second_root
