"""The file of the keys that sign checkpoints: made once, replaced as a whole, and refused when it is not as it was left."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from application.privacy import KeyStoreDamaged
from interfaces.storage.checkpoint_keys import FILE, CheckpointKeys


@pytest.fixture
def keys(tmp_path: Path) -> CheckpointKeys:
    return CheckpointKeys(tmp_path / "keys", "log")


def test_all_who_begin_at_once_sign_with_the_same_key(keys: CheckpointKeys, tmp_path: Path) -> None:
    """given many threads that need the first key / then one is made, and nothing is left beside it."""
    with ThreadPoolExecutor(8) as pool:
        signers = list(pool.map(lambda _: keys.signer(), range(16)))
    assert len(set(signers)) == 1
    assert [file.name for file in (tmp_path / "keys").iterdir()] == [FILE]


def test_nothing_is_made_by_looking(keys: CheckpointKeys, tmp_path: Path) -> None:
    """given no key yet / when asked which are known / then none is, and none is made."""
    assert keys.known() == []
    assert not (tmp_path / "keys").exists()


def test_each_key_has_its_time(keys: CheckpointKeys) -> None:
    """given two changes of keys / then each is known from its size to that of the next, and the last one signs."""
    first = keys.signer()
    assert keys.replace(10)[0] == first
    before, last = keys.replace(20)
    assert keys.signer() == last
    assert [(key.verifier, key.since, key.until) for key in keys.known()] == [
        (first.verifier, 0, 10),
        (before.verifier, 10, 20),
        (last.verifier, 20, None),
    ]


@pytest.mark.parametrize("damage", ["", "{1}", "{0}\n{0} {0}", "5 {0}\n4 {0}"])
def test_a_file_that_is_not_as_it_was_left_is_refused(keys: CheckpointKeys, tmp_path: Path, damage: str) -> None:
    """given lines that are missing, torn or out of order / then nothing is signed, and no other key is made."""
    secret = keys.signer().skey()
    file = tmp_path / "keys" / FILE
    file.write_text(damage.format(secret, secret[:-3]), encoding="utf-8")
    for using in (keys.signer, keys.known, lambda: keys.replace(3)):
        with pytest.raises(KeyStoreDamaged):
            using()
    assert file.read_text(encoding="utf-8") == damage.format(secret, secret[:-3])
