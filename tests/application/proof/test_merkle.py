"""The tree of RFC 9162, beside the definitions of the RFC written down naively, and under mutilated proofs."""

import random
from collections.abc import Sequence
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.proof import merkle
from application.proof.merkle import Frontier, Range

LEAVES = [sha256(b"\x00" + str(number).encode()).digest() for number in range(1_000)]

# The leaves and the roots of their first 1 to 8 with which implementations of certificate transparency are tested.
KNOWN_LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
KNOWN_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


# ── The RFC's own definitions, over leaves start to end


@cache
def mth(start: int, end: int) -> bytes:
    """The Merkle tree hash (2.1.1)."""
    if end == start:
        return sha256(b"").digest()
    if end == start + 1:
        return LEAVES[start]
    middle = start + power_below(end - start)
    return sha256(b"\x01" + mth(start, middle) + mth(middle, end)).digest()


def power_below(number: int) -> int:
    """The largest power of two smaller than the number."""
    power = 1
    while power * 2 < number:
        power *= 2
    return power


def path(leaf: int, start: int, end: int) -> list[bytes]:
    """The inclusion proof (2.1.3.1)."""
    if end - start == 1:
        return []
    middle = start + power_below(end - start)
    if leaf < middle:
        return [*path(leaf, start, middle), mth(middle, end)]
    return [*path(leaf, middle, end), mth(start, middle)]


def subproof(first: int, start: int, end: int, complete: bool) -> list[bytes]:
    """The consistency proof (2.1.4.1)."""
    if first == end:
        return [] if complete else [mth(start, end)]
    middle = start + power_below(end - start)
    if first <= middle:
        return [*subproof(first, start, middle, complete), mth(middle, end)]
    return [*subproof(first, middle, end, False), mth(start, middle)]


def hashes(ranges: Sequence[Range]) -> list[bytes]:
    """What the program makes of the ranges of a proof: each hash joined from its complete subtrees."""
    return [merkle.joined([mth(tree.end - (1 << tree.level), tree.end) for tree in each.subtrees()]) for each in ranges]


# ── The laws


def test_known_roots() -> None:
    """given the leaves that implementations of RFC 6962 are tested with / then each beginning of them has the known root."""
    leaves = [sha256(b"\x00" + bytes.fromhex(leaf)).digest() for leaf in KNOWN_LEAVES]
    assert merkle.root([]) == sha256(b"").digest()
    assert [merkle.root(leaves[:size]).hex() for size in range(1, 9)] == list(KNOWN_ROOTS)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("sizes", [range(1, 257), pytest.param(range(257, 1_001), marks=pytest.mark.chaos)])
def test_roots_and_proofs_are_those_of_the_rfc(sizes: range) -> None:
    """given every tree of so many leaves / then its root, every proof of inclusion and every proof of consistency is the RFC's,
    and is accepted."""
    frontier = Frontier()
    for leaf in LEAVES[: sizes.start - 1]:
        frontier.add(leaf)
    for size in sizes:
        frontier.add(LEAVES[size - 1])
        top = mth(0, size)
        assert frontier.root() == top
        for leaf in range(size):
            proof = hashes(merkle.inclusion(leaf, size))
            assert proof == path(leaf, 0, size)
            assert merkle.includes(top, size, leaf, LEAVES[leaf], proof)
        for first in range(1, size + 1):
            proof = hashes(merkle.consistency(first, size))
            assert proof == subproof(first, 0, size, True)
            assert merkle.extends(mth(0, first), first, top, size, proof)


@given(st.integers(1, 2**40), st.data())
def test_a_proof_is_short_however_large_the_tree(size: int, data: st.DataObject) -> None:
    """given any tree / then its proofs have one hash a level, plus one, and each is joined from as many subtrees at most."""
    leaf = data.draw(st.integers(0, size - 1))
    levels = (size - 1).bit_length()
    for ranges in (merkle.inclusion(leaf, size), merkle.consistency(leaf + 1, size)):
        assert len(ranges) <= levels + 1
        for each in ranges:
            trees = list(each.subtrees())
            assert len(trees) <= levels
            assert [tree.end - (1 << tree.level) for tree in trees] == [each.start, *(tree.end for tree in trees[:-1])]
            assert all(tree.end % (1 << tree.level) == 0 for tree in trees)


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_frontier_goes_on_where_another_stopped(first: int, further: int) -> None:
    """given the complete subtrees of a tree / when continued / then it is the same tree, and says which subtrees are completed."""
    frontier = Frontier(first, [mth(tree.end - (1 << tree.level), tree.end) for tree in Range(0, first).subtrees()])
    for leaf in LEAVES[first : first + further]:
        completed = frontier.add(leaf)
        assert completed == [mth(frontier.size - (1 << level), frontier.size) for level in range(len(completed))]
        assert frontier.size % (1 << len(completed)) != 0
    assert frontier.root() == mth(0, first + further)


@given(st.integers(1, 300), st.data())
def test_inclusion_in_a_beginning_follows(size: int, data: st.DataObject) -> None:
    """given a leaf in the first of two consistent trees / then it is in the second as well, as the same leaf."""
    first = data.draw(st.integers(1, size))
    leaf = data.draw(st.integers(0, first - 1))
    for of in (first, size):
        assert merkle.includes(mth(0, of), of, leaf, LEAVES[leaf], hashes(merkle.inclusion(leaf, of)))


# ── Forgeries


@pytest.mark.parametrize("attempts", [10_000, pytest.param(100_000, marks=pytest.mark.chaos)])
def test_no_mutilated_proof_is_accepted(attempts: int) -> None:
    """given proofs with a bit, a hash, the leaf's number or an order changed / then none is accepted.

    The sizes stay: a root does not say of how many leaves it is, which is why a checkpoint states both under one signature.
    """
    chance = random.Random(attempts)
    made = 0
    while made < attempts:
        second = chance.randint(1, 300)
        first = chance.randint(1, second)
        leaf = first - 1
        if chance.random() < 0.5:
            stated = (mth(0, second), leaf, LEAVES[leaf], tuple(path(leaf, 0, second)))
            forged = mutilated(stated, chance)
            accepted = merkle.includes(forged[0], second, *forged[1:])
        else:
            stated = (mth(0, first), mth(0, second), tuple(subproof(first, 0, second, True)))
            forged = mutilated(stated, chance)
            accepted = merkle.extends(forged[0], first, forged[1], second, forged[2])
        if forged == stated:
            continue
        made += 1
        assert not accepted, (stated, forged)


def mutilated(stated: tuple, chance: random.Random) -> tuple:
    """The same statement with one thing changed."""
    changed = list(stated)
    place = chance.randrange(len(changed))
    value = changed[place]
    match value:
        case int():
            changed[place] = chance.choice([0, -value, value + 1, value - 1, value * 2, value ^ (1 << chance.randrange(9))])
        case bytes():
            changed[place] = with_a_bit_changed(value, chance)
        case tuple():
            changed[place] = tuple(mutilated_path(list(value), chance))
    return tuple(changed)


def mutilated_path(hashes: list[bytes], chance: random.Random) -> list[bytes]:
    another = chance.choice([LEAVES[chance.randrange(300)], sha256().digest(), b"", *hashes])
    at = chance.randrange(len(hashes) + 1)
    if not hashes or chance.random() < 0.25:
        hashes.insert(at, another)
        return hashes
    at = chance.randrange(len(hashes))
    match chance.randrange(5):
        case 0:
            del hashes[at]
        case 1:
            hashes[at] = with_a_bit_changed(hashes[at], chance)
        case 2:
            hashes[at] = another
        case 3:
            hashes.reverse()
        case 4:
            hashes[at] = hashes[at][:-1]
    return hashes


def with_a_bit_changed(value: bytes, chance: random.Random) -> bytes:
    bit = chance.randrange(len(value) * 8) if value else 0
    return bytes(byte ^ (1 << bit % 8) if number == bit // 8 else byte for number, byte in enumerate(value))
