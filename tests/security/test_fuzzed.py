"""Whatever somebody sends or keeps: what reads it takes it or refuses it in its own words, and never fails.

Samples that are right are damaged at random, as seeds say: twenty thousand each time, a million by `make chaos`.
"""

import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import anyio
import msgspec
import pytest

from application.import_steps import decision_step, request_step, session_step
from application.projections.tables import place_after
from application.proof import merkle
from application.proof.notes import Checkpoint, NoteRefused, Signer, opened, read_checkpoint, read_signer, read_verifier, signed
from domain.refusals import Malformed, NotFound
from interfaces.http.app import OPERATIONS
from interfaces.http.judging import judged, parsed, single_values
from interfaces.http.operations import Change, Command, Query
from interfaces.http.parameters import known_at_of
from interfaces.http.problems import Rejected
from interfaces.http.resources import _expected, _last_event, path_ids
from interfaces.identity.tokens import Tokens
from interfaces.spreadsheets import UnreadableFile, read_table

DATA = Path(__file__).parents[1] / "data"
POOL = UUID(int=1)
SIGNER = Signer("stundenpool.example", bytes(range(32)))
VERIFIER = SIGNER.verifier
CHECKPOINT = Checkpoint("stundenpool.example", 4711, sha256(b"root").digest()).text()
LEAVES = [sha256(bytes([leaf])).digest() for leaf in range(13)]

Read = Callable[[bytes], object]

# What stands in texts of all kinds where it means something.
WORDS = [
    *(b"\x00", b"\r\n", b"\n\n", b'"', b"'", b";", b",", b"=", b"&", b"%", b"%00", b"%ff", b"+", b"-", b"/", b"\\"),
    *(b"{", b"}", b"[", b"]"),
    *(b"\xff", b"\xc3\xa4", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\xef\xbb\xbf", "—".encode(), b" ", b"\t", b"null", b"true", b"NaN"),
    *(b"1e999", b"-1", b"0", b"9" * 19, b"9" * 400, b"0x10", "٣".encode(), b"2024-02-30", b"9999-12-31T23:59:59+23:59"),
    *(b"Bearer ", b"=" * 5),
]


def damaged(samples: list[bytes], chance: random.Random) -> bytes:
    """One of the samples, with one to four pieces taken out, doubled, replaced or put in."""
    made = bytearray(chance.choice(samples))
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(made))
        end = min(len(made), at + chance.choice((0, 1, 1, 2, 8, 64)))
        match chance.randrange(6):
            case 0:
                del made[at:end]
            case 1:
                made[at:at] = made[at:end] * chance.choice((1, 2, 50))
            case 2:
                made[at:end] = chance.choice(WORDS)
            case 3:
                made[at:end] = chance.randbytes(end - at)
            case 4:
                other = chance.choice(samples)
                start = chance.randint(0, len(other))
                made[at:end] = other[start : start + 40]
            case 5:
                del made[at : len(made) if chance.random() < 0.2 else at + 1]
    return bytes(made)


# ── What reads, and what it is given


def files(folder: Path) -> tuple[list[bytes], Read]:
    """A file to import, with every step that its rows ask for."""
    samples = [b"\n".join((DATA / name).read_bytes().splitlines()[:4]) for name in ("requests.csv", "sessions.csv")]
    path = folder / "import.csv"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        with suppress(UnreadableFile):
            for row in read_table(path).rows[:2]:
                for step in (
                    lambda pool, row: request_step(pool, row, {}),
                    decision_step,
                    lambda pool, row: session_step(pool, row, {}),
                ):
                    with suppress(Malformed):
                        step(POOL, row)

    return samples, read


def bodies(_: Path) -> tuple[list[bytes], Read]:
    """The body of a call, as every command takes it."""
    kinds = [operation for operation in OPERATIONS if isinstance(operation, Command | Change)]
    number = iter(range(10**9))

    def read(content: bytes) -> None:
        with suppress(Malformed):
            judged(parsed(content).value, kinds[next(number) % len(kinds)].body).arguments()

    return [msgspec.json.encode(dict(operation.example)) for operation in kinds], read


def queries(_: Path) -> tuple[list[bytes], Read]:
    """Filters, cursors and instants of a query."""
    kinds = [operation for operation in OPERATIONS if isinstance(operation, Query)]
    more = {"after": "17", "limit": "20", "known_at": "2024-03-31T12:00:00+02:00"}
    number = iter(range(10**9))

    def read(content: bytes) -> None:
        with suppress(Malformed):
            stated = single_values(parse_qsl(content.decode("latin-1"), keep_blank_values=True))
            wanted = judged(stated, kinds[next(number) % len(kinds)].parameters, strict=False)
            known_at_of(wanted)

    return [urlencode({**operation.example, **more}).encode() for operation in kinds], read


def headers(_: Path) -> tuple[list[bytes], Read]:
    """Cursors and versions in headers and paths."""

    def read(content: bytes) -> None:
        text = content.decode("latin-1")
        for judge in (place_after, _last_event, _expected):
            with suppress(Malformed):
                judge(text)
        for name in ("pool", "month"):
            with suppress(Malformed, NotFound):
                path_ids({name: text})

    return [b"17", b"999999999999999999", b'"7"', b"*", b"2024-03", str(POOL).encode()], read


def tokens(_: Path) -> tuple[list[bytes], Read]:
    """A header ``Authorization``: nobody gets in."""

    class Nobody(Tokens):
        def __init__(self) -> None:
            super().__init__(None, None)  # type: ignore[arg-type]

        def _found(self, digest: bytes) -> None:
            assert len(digest) == 32

    known = Nobody()

    def read(content: bytes) -> None:
        with suppress(Rejected):
            raise AssertionError(settled(known.caller(content.decode("latin-1"))))

    return [b"Bearer " + b"x" * 43, b"bearer abc", b"Basic dXNlcjpwYXNz", b"Bearer eyJhbGciOiJub25lIn0.e30."], read


def notes(_: Path) -> tuple[list[bytes], Read]:
    """A signed checkpoint: what was altered in its text is not believed."""
    note = signed(CHECKPOINT, [SIGNER])

    def read(content: bytes) -> None:
        with suppress(NoteRefused):
            text, found = opened(content.decode("utf-8", "replace"), [VERIFIER])
            assert (text, found) == (CHECKPOINT, [VERIFIER])
        with suppress(NoteRefused):
            assert read_checkpoint(content.decode("utf-8", "replace")).size >= 0

    return [note.encode(), CHECKPOINT.encode()], read


def keys(_: Path) -> tuple[list[bytes], Read]:
    """Keys as they are written down."""

    def read(content: bytes) -> None:
        for judge in (read_signer, read_verifier):
            with suppress(NoteRefused):
                judge(content.decode("utf-8", "replace"))

    return [SIGNER.skey().encode(), VERIFIER.vkey().encode()], read


def proofs(_: Path) -> tuple[list[bytes], Read]:
    """Proofs of inclusion and of growth: nothing but the true one is believed."""
    root, before = merkle.root(LEAVES), merkle.root(LEAVES[:6])
    inside = [merkle.root(LEAVES[part.start : part.end]) for part in merkle.inclusion(4, len(LEAVES))]
    grown = [merkle.root(LEAVES[part.start : part.end]) for part in merkle.consistency(6, len(LEAVES))]
    samples = [b"".join(inside), b"".join(grown)]
    assert merkle.includes(root, len(LEAVES), 4, LEAVES[4], inside)
    assert merkle.extends(before, 6, root, len(LEAVES), grown)

    def read(content: bytes) -> None:
        path = [content[at : at + 32] for at in range(0, len(content), 32)]
        size = len(content) % 40
        assert merkle.includes(root, len(LEAVES), 4, LEAVES[4], path) is (path == inside)
        assert merkle.extends(before, 6, root, len(LEAVES), path) is (path == grown)
        assert not merkle.includes(root, size, size % 7, content[:32], path)

    return samples, read


PARSERS = {parser.__name__: parser for parser in (files, bodies, queries, headers, tokens, notes, keys, proofs)}


def settled(waiting: Coroutine[Any, Any, object]) -> object:
    """What something comes to that never really waits."""
    try:
        waiting.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    async def run(call: Callable[..., object], *arguments: object, limiter: object) -> object:
        return call(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(anyio.to_thread, "run_sync", run)
        yield


def fuzz(parser: str, folder: Path, count: int) -> None:
    samples, read = PARSERS[parser](folder)
    for sample in samples:
        read(sample)
    for number in range(count):
        seed = f"{parser} {number}"
        content = damaged(samples, random.Random(seed))
        try:
            read(content)
        except Exception as error:
            pytest.fail(f"{seed}: {type(error).__name__} {error} of {content!r}")


@pytest.mark.parametrize("parser", PARSERS)
def test_nothing_fails_on_damaged_input(parser: str, tmp_path: Path) -> None:
    """Whatever reads takes or refuses."""
    fuzz(parser, tmp_path, 2_500)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("parser", PARSERS)
def test_nothing_fails_on_a_million_damaged_inputs(parser: str, tmp_path: Path) -> None:
    """The same, for longer."""
    fuzz(parser, tmp_path, 125_000)
