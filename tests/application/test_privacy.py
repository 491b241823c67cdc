"""Sealing: what goes in comes out, at its own place and with its own key only."""

import hashlib
import hmac
import os
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations, product
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as Encryptor
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from application import privacy
from application.privacy import (
    Cipher,
    KeyErased,
    KeyMissing,
    Keyring,
    KeyStoreDamaged,
    SealBroken,
    associated_data,
    keys_of,
    owner_of,
)
from domain.quantities import Sealed

STREAM = UUID("6f0c1d5e-8a41-4d0b-9f57-0a1b2c3d4e5f")
CASE = f"case:{STREAM}"
TEXT = "Zieht um, Anhörung am 3. Mai – Mutter bestätigt 🗝"


class KeysInMemory:
    """A key store that counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.gone: set[str] = set()
        self.calls: Counter[str] = Counter()

    def read(self, names: Collection[str]) -> dict[str, bytes]:
        self.calls["read"] += 1
        if self.erased(names):
            raise KeyErased(str(self.erased(names)))
        return {name: self.keys[name] for name in names if name in self.keys}

    def create(self, names: Collection[str]) -> dict[str, bytes]:
        self.calls["create"] += 1
        if self.erased(names):
            raise KeyErased(str(self.erased(names)))
        return {name: self.keys.setdefault(name, os.urandom(32)) for name in names}

    def erase(self, names: Collection[str]) -> None:
        self.gone.update(names)
        for name in names:
            self.keys.pop(name, None)

    def erased(self, names: Collection[str]) -> set[str]:
        return self.gone & set(names)

    def secret(self, purpose: str) -> bytes:
        self.calls["secret"] += 1
        return self.keys.setdefault(f"secret:{purpose}", os.urandom(32))

    def close(self) -> None:
        pass


class DamagedKeys(KeysInMemory):
    def read(self, names: Collection[str]) -> dict[str, bytes]:
        raise KeyStoreDamaged("the disk is gone")

    create = read


@pytest.fixture
def store() -> KeysInMemory:
    return KeysInMemory()


@pytest.fixture
def keyring(store: KeysInMemory) -> Keyring:
    keyring = Keyring(store)
    keyring.ensure([CASE, "office"])
    return keyring


def sealed_note(keyring: Keyring, text: str = TEXT) -> Sealed:
    return keyring.seal(text, key=CASE, position=7, stream=STREAM, field="note")


def opened_note(keyring: Keyring, sealed: Sealed) -> str:
    return keyring.open(sealed, position=7, stream=STREAM, field="note")


LAW = Keyring(KeysInMemory())
LAW.ensure([CASE])


@given(
    text=st.text() | st.sampled_from(["", "Überprüfung", "👩‍👧 ja", "\x00", "a" * 70_000]),
    position=st.integers(min_value=-(2**63), max_value=2**63 - 1),
    stream=st.uuids(),
    field=st.text(),
)
def test_opening_undoes_sealing(text: str, position: int, stream: UUID, field: str) -> None:
    """Any text, the empty one too, opens as it was sealed."""
    sealed = LAW.seal(text, key=CASE, position=position, stream=stream, field=field)

    assert LAW.open(sealed, position=position, stream=stream, field=field) == text


def test_another_keyring_opens(keyring: Keyring, store: KeysInMemory) -> None:
    """What one process sealed opens in another one with the same key store."""
    assert opened_note(Keyring(store), sealed_note(keyring)) == TEXT


def test_sealed_form_hides_the_text(keyring: Keyring) -> None:
    """The sealed form holds the key's name, a nonce of 96 bits with a commitment of 256, and the text's bytes plus a tag of 16."""
    sealed = sealed_note(keyring)

    assert (sealed.key, len(sealed.nonce), len(sealed.ciphertext)) == (CASE, 12 + 32, len(TEXT.encode()) + 16)
    assert not any(word.encode() in sealed.ciphertext for word in TEXT.split() if len(word) > 2)


def test_lone_surrogates_are_no_text(keyring: Keyring) -> None:
    """A text that has no UTF-8 form is refused before anything is sealed."""
    with pytest.raises(UnicodeEncodeError):
        sealed_note(keyring, "\ud800")


PLACES = {
    "position": [1, 2, 256, 2**32, 2**63 - 1, -1],
    "stream": [UUID(int=number) for number in (0, 1, 2, 2**64, 2**127, 2**128 - 1)],
    "field": ["note", "notes", "not", "", "reason", "e note"],
    "key": ["office", "office2", "offic", f"case:{UUID(int=1)}", f"case:{UUID(int=2)}", "case:"],
}


@pytest.mark.parametrize("part", PLACES)
def test_seal_holds_at_its_own_place_only(part: str) -> None:
    """A text sealed for one position, stream, field or key opens at that one and at none of the others."""
    keyring = Keyring(KeysInMemory())
    keyring.ensure(PLACES["key"])
    home = {"position": 7, "stream": STREAM, "field": "purpose", "key": "office"}

    for sealed_at, opened_at in product(PLACES[part], repeat=2):
        sealed = keyring.seal(TEXT, **home | {part: sealed_at})
        place = home | {part: opened_at}
        moved = replace(sealed, key=place.pop("key"))
        if sealed_at == opened_at:
            assert keyring.open(moved, **place) == TEXT
        else:
            with pytest.raises(SealBroken):
                keyring.open(moved, **place)


def test_seal_is_bound_to_the_name_of_its_key(store: KeysInMemory) -> None:
    """Even where two names have the same key, a text opens under its own name only."""
    keyring = Keyring(store)
    store.keys = dict.fromkeys(["one", "two"], os.urandom(32))
    sealed = keyring.seal(TEXT, key="one", position=7, stream=STREAM, field="note")

    with pytest.raises(SealBroken):
        opened_note(keyring, replace(sealed, key="two"))


def test_every_flipped_bit_breaks_the_seal(keyring: Keyring) -> None:
    """One changed bit in nonce, text or tag is noticed."""
    sealed = sealed_note(keyring)

    for part in ("nonce", "ciphertext"):
        original = getattr(sealed, part)
        for bit in range(len(original) * 8):
            flipped = bytearray(original)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(SealBroken):
                opened_note(keyring, replace(sealed, **{part: bytes(flipped)}))


@pytest.mark.parametrize("length", [0, 1, 7, 8, 11, 12, 13, 43, 44, 45, 200])
def test_nonce_of_wrong_length_breaks_the_seal(keyring: Keyring, length: int) -> None:
    """A nonce of any other length is damage like any other, not a crash."""
    with pytest.raises(SealBroken):
        opened_note(keyring, replace(sealed_note(keyring), nonce=bytes(length)))


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17])
def test_cut_text_breaks_the_seal(keyring: Keyring, length: int) -> None:
    """A ciphertext that lost its end is damage like any other, not a crash."""
    sealed = sealed_note(keyring)

    with pytest.raises(SealBroken):
        opened_note(keyring, replace(sealed, ciphertext=sealed.ciphertext[:length]))


def test_broken_seal_names_its_place(keyring: Keyring) -> None:
    """The message says which field of which event is broken, and nothing of the text."""
    with pytest.raises(SealBroken) as broken:
        keyring.open(sealed_note(keyring), position=8, stream=STREAM, field="note")

    assert all(part in str(broken.value) for part in ("note", "8", str(STREAM), CASE))
    assert "Anhörung" not in str(broken.value)


def test_no_nonce_twice(keyring: Keyring) -> None:
    """Ten thousand seals of the same text have ten thousand nonces and ciphertexts."""
    seals = [sealed_note(keyring) for _ in range(10_000)]

    assert len({sealed.nonce for sealed in seals}) == len({sealed.ciphertext for sealed in seals}) == 10_000


def test_lost_key_is_missing(keyring: Keyring, store: KeysInMemory) -> None:
    """When a key is nowhere, a process that has not cached it opens nothing sealed under it and says so by name."""
    sealed = sealed_note(keyring)
    del store.keys[CASE]

    with pytest.raises(KeyMissing, match=CASE):
        opened_note(Keyring(store), sealed)


def test_erased_key_opens_and_seals_nothing(keyring: Keyring, store: KeysInMemory) -> None:
    """Whoever forgot it with its erasure, or never knew it, is told that it was erased; other people's texts still open."""
    sealed, other = sealed_note(keyring), keyring.seal("", key="office", position=7, stream=STREAM, field="note")
    store.erase([CASE])
    keyring.forget([CASE])

    for ring in (keyring, Keyring(store)):
        with pytest.raises(KeyErased, match=CASE):
            opened_note(ring, sealed)
        with pytest.raises(KeyErased, match=CASE):
            ring.ensure([CASE, "case:2"])
        assert opened_note(ring, other) == ""


def test_a_key_read_while_it_is_forgotten_is_not_kept(keyring: Keyring, store: KeysInMemory) -> None:
    """A thread that reads a key from the store while another erases it does not bring it back into memory."""
    sealed = sealed_note(keyring)

    class ErasedMeanwhile(KeysInMemory):
        def read(self, names: Collection[str]) -> dict[str, bytes]:
            found = store.read(names)
            store.erase(names)
            late.forget(names)
            return found

    late = Keyring(ErasedMeanwhile())
    opened_note(late, sealed)
    with pytest.raises(KeyErased):
        opened_note(late, sealed)


def test_a_person_has_a_key_for_each_class() -> None:
    """The one from before there were classes belongs to all of them together, so that no class takes the texts of another along."""
    assert keys_of(STREAM, ["identity", "voucher"]) == [f"{CASE}:identity", f"{CASE}:voucher"]
    assert keys_of(STREAM) == [f"{CASE}:identity", f"{CASE}:file", f"{CASE}:voucher", f"{CASE}:procedure", CASE]
    assert {owner_of(key) for key in keys_of(STREAM)} == {CASE}
    assert owner_of("office") == "office"


def test_sealing_makes_no_keys(store: KeysInMemory) -> None:
    """Sealing under a name that was never ensured is refused instead of making a key that may not be durable."""
    with pytest.raises(KeyMissing, match=CASE):
        sealed_note(Keyring(store))

    assert store.keys == {}


def test_damaged_store_is_no_erasure(keyring: Keyring) -> None:
    """A key store that cannot be read is never taken for a missing key."""
    sealed = sealed_note(keyring)

    with pytest.raises(KeyStoreDamaged):
        opened_note(Keyring(DamagedKeys()), sealed)
    with pytest.raises(KeyStoreDamaged):
        Keyring(DamagedKeys()).ensure([CASE])


def test_outcomes_are_distinct() -> None:
    """No handler of one outcome catches another one by accident."""
    assert not any(issubclass(one, other) for one, other in permutations((KeyMissing, KeyErased, SealBroken, KeyStoreDamaged), 2))


def test_cached_keys_need_no_store(keyring: Keyring, store: KeysInMemory) -> None:
    """Ensuring, sealing and opening with keys that were used before never asks the store."""
    store.calls.clear()
    for _ in range(3):
        keyring.ensure([CASE, "office"])
        opened_note(keyring, sealed_note(keyring))

    assert not store.calls


def test_new_keys_are_asked_for_together(keyring: Keyring, store: KeysInMemory) -> None:
    """One call to the store makes all the missing keys of a turn, and only these."""
    store.calls.clear()
    keyring.ensure([CASE, "case:1", "case:2", "case:3"])

    assert store.calls == {"create": 1}


def test_cache_is_bounded(keyring: Keyring, store: KeysInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache forgets the keys used longest ago, which then come from the store again."""
    monkeypatch.setattr(privacy, "CIPHERS_CACHED_MAX", 10)
    sealed = sealed_note(keyring)
    for number in range(30):
        keyring.ensure([f"case:{number}"])
        keyring.seal(TEXT, key="office", position=7, stream=STREAM, field="note")
    assert store.calls["read"] == 0, "the office's key is used all the time"

    assert opened_note(keyring, sealed) == TEXT
    assert store.calls["read"] == 1


def test_a_turn_may_need_more_keys_than_the_cache_holds(store: KeysInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys ensured together all seal, even those that the cache has already forgotten."""
    monkeypatch.setattr(privacy, "CIPHERS_CACHED_MAX", 3)
    keyring = Keyring(store)
    names = [f"case:{number}" for number in range(10)]
    keyring.ensure(names)
    seals = [keyring.seal(name, key=name, position=7, stream=STREAM, field="note") for name in names]

    assert [opened_note(keyring, sealed) for sealed in seals] == names


def test_threads_share_a_keyring(store: KeysInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that seal and open at once, with a cache that forgets all the time, all get their own text back."""
    monkeypatch.setattr(privacy, "CIPHERS_CACHED_MAX", 3)
    keyring = Keyring(store)

    def round_trip(number: int) -> bool:
        name = f"case:{number % 7}"
        keyring.ensure([name])
        return opened_note(keyring, keyring.seal(name, key=name, position=7, stream=STREAM, field="note")) == name

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(round_trip, range(2_000)))


def test_fingerprint_is_an_hmac(keyring: Keyring, store: KeysInMemory) -> None:
    """A fingerprint is the HMAC-SHA-256 of the body under a secret that is fetched once."""
    prints = [keyring.fingerprint(body) for body in (b"", b'{"minutes":90}', b'{"minutes":90}')]
    secret = store.keys["secret:request-fingerprints"]

    assert prints == [hmac.new(secret, body, hashlib.sha256).digest() for body in (b"", *[b'{"minutes":90}'] * 2)]
    assert store.calls["secret"] == 1


def colliding(keys: list[bytes], nonce: bytes, place: bytes) -> bytes:
    """A ciphertext of two blocks with a tag that GCM accepts under both keys: its second block solves for equal tags.

    A tag is the sum, over a field of 2^128 elements, of all blocks times powers of a number that follows from the key.
    """
    blocks = [place[at : at + 16].ljust(16, b"\x00") for at in range(0, len(place), 16)]
    lengths = (8 * len(place)).to_bytes(8, "big") + (8 * 32).to_bytes(8, "big")
    filler = bytes(16)
    raw = [Encryptor(algorithms.AES(key), modes.ECB()).encryptor() for key in keys]
    points = [number(cipher.update(bytes(16))) for cipher in raw]
    masks = [number(cipher.update(nonce + b"\x00\x00\x00\x01")) for cipher in raw]

    def tag(point: int, mask: int, second: bytes) -> int:
        total = 0
        for block in (*blocks, filler, second, lengths):
            total = product_of(total ^ number(block), point)
        return total ^ mask

    missing = tag(points[0], masks[0], bytes(16)) ^ tag(points[1], masks[1], bytes(16))
    factor = product_of(points[0], points[0]) ^ product_of(points[1], points[1])
    second = product_of(missing, inverse(factor)).to_bytes(16, "big")
    return filler + second + tag(points[0], masks[0], second).to_bytes(16, "big")


def number(block: bytes) -> int:
    return int.from_bytes(block, "big")


def product_of(one: int, other: int) -> int:
    """In the field of GCM, whose lowest coefficient is the highest bit."""
    product = 0
    for bit in range(127, -1, -1):
        if other >> bit & 1:
            product ^= one
        one = one >> 1 ^ (0xE1 << 120 if one & 1 else 0)
    return product


def inverse(element: int) -> int:
    """Its power 2^128 - 2."""
    result, square = 1 << 127, element
    for _ in range(127):
        square = product_of(square, square)
        result = product_of(result, square)
    return result


def test_associated_data_is_fixed_for_good() -> None:
    """These bytes are storage: if this test fails, no text sealed so far opens any more."""
    place = associated_data(position=258, stream=STREAM, field="begründung", key="office")

    assert place.hex(" ", -4) == (
        "00000008 00000000 00000102"
        " 00000010 6f0c1d5e 8a414d0b 9f570a1b 2c3d4e5f"
        " 0000000b 62656772 c3bc6e64 756e6700 0000066f 66666963 65"
    )


@pytest.mark.parametrize(
    ("commitment", "ciphertext"),
    [
        ("", "0fc16073a097a769ad03f2efd09b1eef5aa1c0e5946a4081cd810a17d8c085"),
        (
            "4f97134fbc8d355f65293978ed52f00f14d23aeac8f81ffe48a044fd05d598ce",
            "7d0df268c5cbd4e29b5a7b2ab3789c5981cc1e33d2eb8940a2947c33aae96c",
        ),
    ],
    ids=["first day", "with a commitment"],
)
def test_a_stored_seal_opens_for_good(commitment: str, ciphertext: str) -> None:
    """A text sealed on the first day opens with its key, and so does one from the day of the first commitments."""
    store = KeysInMemory()
    store.keys["office"] = bytes(range(32))
    stored = Sealed("office", bytes(range(12)) + bytes.fromhex(commitment), bytes.fromhex(ciphertext))

    assert opened_note(Keyring(store), stored) == "Höherer Bedarf"


def test_without_commitment_only_under_old_names(store: KeysInMemory) -> None:
    """The key of a retention class never sealed a text without a commitment, so none can be passed off as older."""
    key = os.urandom(32)
    store.keys = dict.fromkeys([CASE, f"{CASE}:file"], key)
    nonce = bytes(12)
    for name in store.keys:
        place = associated_data(position=7, stream=STREAM, field="note", key=name)
        older = Sealed(name, nonce, AESGCM(key).encrypt(nonce, b"von damals", place))
        if name == CASE:
            assert opened_note(Keyring(store), older) == "von damals"
        else:
            with pytest.raises(SealBroken, match="another key"):
                opened_note(Keyring(store), older)


def test_a_cut_commitment_breaks_the_seal(keyring: Keyring) -> None:
    """A text with a commitment does not pass as one from before."""
    sealed = sealed_note(keyring)

    with pytest.raises(SealBroken):
        opened_note(keyring, replace(sealed, nonce=sealed.nonce[:12]))


def test_no_text_opens_under_two_keys() -> None:
    """A ciphertext made to say two things under two keys, as GCM allows, opens under the one alone that it commits to."""
    place = associated_data(position=7, stream=STREAM, field="note", key="office")
    keys = bytes(32), bytes([1] * 32)
    ciphers = [Cipher.of(key) for key in keys]
    nonce = bytes(12)
    ciphertext = colliding([privacy._derived(key, b"stundenpool seal") for key in keys], nonce, place)
    texts = [cipher.committed.decrypt(nonce, ciphertext, place) for cipher in ciphers]
    assert texts[0] != texts[1], "it does open under both where nobody looks at the commitment"

    for key, cipher in zip(keys, reversed(ciphers), strict=True):
        store = KeysInMemory()
        store.keys["office"] = key
        with pytest.raises(SealBroken, match="another key"):
            opened_note(Keyring(store), Sealed("office", nonce + cipher.commitment, ciphertext))


def test_moved_texts_never_open() -> None:
    """Of a hundred texts, none opens in the row, field or under the person of another, in all pairs."""
    cases = [UUID(int=number) for number in range(5)]
    people = [key for case in cases for key in keys_of(case)]
    keyring = Keyring(KeysInMemory())
    keyring.ensure(people)
    places = [
        {"position": number, "stream": cases[number % 5], "field": field}
        for number, field in enumerate(["note", "reason", "name", "purpose"] * 25)
    ]
    seals = [keyring.seal(str(number), key=people[number % 20], **place) for number, place in enumerate(places)]

    for (one, sealed), (other, place) in product(enumerate(seals), enumerate(places)):
        if one == other:
            assert keyring.open(sealed, **place) == str(one)
            continue
        for key in {sealed.key, seals[other].key}:
            with pytest.raises(SealBroken):
                keyring.open(replace(sealed, key=key), **place)
        if seals[other].key != sealed.key:
            with pytest.raises(SealBroken):
                keyring.open(replace(sealed, key=seals[other].key), **places[one])


PLACE_PARTS = st.tuples(st.integers(0, 300), st.integers(0, 3), st.text("ab\x00", max_size=3), st.text("ab\x00", max_size=3))


@given(one=PLACE_PARTS, other=PLACE_PARTS)
def test_no_two_places_share_their_bytes(one: tuple[int, int, str, str], other: tuple[int, int, str, str]) -> None:
    """Different places have different associated data, however their parts are cut."""

    def encoded(place: tuple[int, int, str, str]) -> bytes:
        position, stream, field, key = place
        return associated_data(position=position, stream=UUID(int=stream), field=field, key=key)

    assert (encoded(one) == encoded(other)) == (one == other)
