"""Proofs as others take them, to be checked against checkpoints without this program."""

from collections.abc import Sequence
from itertools import chain, islice

import msgspec
from msgspec import field

from application.log import Reader, leaf_bytes, rows_at
from application.proof import merkle, tree
from application.proof.merkle import Range
from domain.refusals import Malformed


class InclusionProof(msgspec.Struct, frozen=True):
    """That an event stands at its position in the log of that size. The leaf is what was stored, with sealed texts.

    Its hash is SHA-256 over a zero byte and the leaf; it is leaf ``position`` - 1 in RFC 9162, which says how the path leads from
    there to the root. Bytes are base64.
    """

    position: int
    size: int
    leaf: bytes
    path: list[bytes]
    root: bytes


class ConsistencyProof(msgspec.Struct, frozen=True):
    """That the log of the size ``to`` begins with the one of the size ``from``. Bytes are base64."""

    from_: int = field(name="from")
    to: int
    from_root: bytes
    path: list[bytes]
    to_root: bytes


def inclusion(reader: Reader, position: int, size: int | None = None) -> InclusionProof:
    """The proof for an event, in the log of that size or as it is. Raises ``Malformed`` and ``LogDiffers``."""
    size = _existing(reader, size, "size")
    if not 1 <= position <= size:
        raise Malformed(place="position", problem=f"muss zwischen 1 und {size} liegen")
    [proof] = inclusions(reader, [position], size)
    return proof


def inclusions(reader: Reader, positions: Sequence[int], size: int) -> list[InclusionProof]:
    """The proofs for events of the log at these ascending positions, in the log of that size; raises ``LogDiffers``."""
    rows = {row.id: row for row in rows_at(reader, positions)}
    for position in positions:
        if position not in rows:
            raise tree.LogDiffers(f"position {position} is missing")
    beside = [merkle.inclusion(position - 1, size) for position in positions]
    root, *hashes = tree.hashes(reader, [Range(0, size), *chain.from_iterable(beside)])
    paths = iter(hashes)
    return [
        InclusionProof(position, size, leaf_bytes(rows[position]), list(islice(paths, len(ranges))), root)
        for position, ranges in zip(positions, beside, strict=True)
    ]


def consistency(reader: Reader, first: int, second: int | None = None) -> ConsistencyProof:
    """The proof for two sizes of the log, the second one as it is unless stated. Raises ``Malformed`` and ``LogDiffers``."""
    second = _existing(reader, second, "to")
    if not 1 <= first <= second:
        raise Malformed(place="from", problem=f"muss zwischen 1 und {second} liegen")
    first_root, second_root, *path = tree.hashes(reader, [Range(0, first), Range(0, second), *merkle.consistency(first, second)])
    return ConsistencyProof(first, second, first_root, path, second_root)


def _existing(reader: Reader, size: int | None, place: str) -> int:
    there = tree.stored_size(reader)
    if there == 0:
        raise Malformed(place=place, problem="das Protokoll ist noch leer")
    if size is not None and not 1 <= size <= there:
        raise Malformed(place=place, problem=f"muss zwischen 1 und {there} liegen")
    return there if size is None else size
