"""The parts of the verifier, against what others say."""

import ast
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.quantities import hours
from interfaces.package import pruefer
from tests.interfaces.package.packages import VERIFIER, Verdict, verified

LINES_MAX = 500
RFC_8032 = (  # 7.1: public key, message, signature
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)


def test_it_can_be_read_by_one_person() -> None:
    """No more than 500 lines, in the Python of 2020, that need nothing but its standard library."""
    source = VERIFIER.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LINES_MAX
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    known = {
        "base64",
        "collections",
        "datetime",
        "hashlib",
        "json",
        "pathlib",
        "re",
        "struct",
        "sys",
        "typing",
        "zipfile",
        "__future__",
    }
    assert imported == known


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_signatures_of_the_standard_are_valid(key: str, message: str, signature: str) -> None:
    """And not for any other message."""
    assert pruefer.is_signed(bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature))
    assert not pruefer.is_signed(bytes.fromhex(key), bytes.fromhex(message) + b"x", bytes.fromhex(signature))


def test_signatures_are_judged_as_another_library_does() -> None:
    """given signatures with one bit changed anywhere, or an order too many / then both say the same."""
    chance = random.Random(3)
    for _ in range(12):
        secret = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        key, text = secret.public_key().public_bytes_raw(), chance.randbytes(chance.randrange(100))
        signature = secret.sign(text)
        scalar = int.from_bytes(signature[32:], "little") + pruefer.L
        for key_, signature_ in (
            (key, signature),
            (key, flipped(signature, chance)),
            (flipped(key, chance), signature),
            (key, signature[:32] + scalar.to_bytes(32, "little")),
            (key, signature[:-1]),
        ):
            assert pruefer.is_signed(key_, text, signature_) == others_say(key_, text, signature_)


def test_a_key_that_signs_everything_is_none() -> None:
    """given the neutral point as a key, under which R = S·B is valid for any text / then nothing is signed by it."""
    base = pruefer.point((4 * pow(5, -1, pruefer.P) % pruefer.P).to_bytes(32, "little"))
    assert base is not None
    x, y = base[:2]
    encoded = (y | (x & 1) << 255).to_bytes(32, "little")
    assert not pruefer.is_signed((1).to_bytes(32, "little"), b"anything", encoded + (1).to_bytes(32, "little"))


def flipped(value: bytes, chance: random.Random) -> bytes:
    bit = chance.randrange(8 * len(value))
    return (int.from_bytes(value, "little") ^ 1 << bit).to_bytes(len(value), "little")


def others_say(key: bytes, text: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def test_months_begin_when_they_do_in_berlin() -> None:
    """given each hour around the ends of months and of summer time from 1996 to 2060 / then as the database of time zones says."""
    berlin = ZoneInfo("Europe/Berlin")
    for year in range(1996, 2061):
        for month in range(1, 13):
            start = datetime(year, month, 1, tzinfo=UTC) - timedelta(hours=4)
            for instant in (start + timedelta(hours=hour) for hour in range(6)):
                assert pruefer.berlin_month(instant.isoformat()) == f"{instant.astimezone(berlin):%Y-%m}"


def test_minutes_are_shown_as_everywhere() -> None:
    """As hours in German form."""
    for minutes in (0, 1, 15, 59, 735, -735, 100, 6_000):
        assert pruefer.hours(minutes) == f"{hours(minutes).replace('.', '', hours(minutes).count('.') - 1)} ({minutes} Min.)"


@pytest.mark.parametrize("words", [[], ["x.zip"], ["--key"], ["--unbekannt"], ["--checkpoint", "x"], ["--key", "kein-schluessel"]])
def test_wrong_use_is_explained(tmp_path: Path, words: list[str]) -> None:
    """given no package, or what is none of it / then how it is used, and what was wrong."""
    found: Verdict = verified(tmp_path, words=words)
    assert found.status == 2
    assert "python3 pruefer.py paket.zip --key" in found.protocol
    assert "Fehler: " in found.protocol
