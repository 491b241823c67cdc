"""The signature: that of the specification, and what the guide tells receivers to do accepts it and nothing else."""

import base64
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from application.privacy import Keyring
from interfaces.storage.keystore import open_keystore
from interfaces.webhooks import signing

GUIDE = Path(__file__).parents[3] / "docs" / "api.md"
SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
BODY = b'{"test": 2432232314}'


@pytest.fixture
def is_ours() -> Callable[..., bool]:
    """The function that the guide shows."""
    [shown] = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(shown, names)
    found: Callable[..., bool] = names["is_ours"]
    return found


def test_it_is_that_of_the_specification() -> None:
    """The example that other implementations are tested with as well."""
    assert signing.headers(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_guide_accepts_it_and_nothing_else(is_ours: Callable[..., bool]) -> None:
    """given a signed delivery / when anything in it is changed, or it comes late / then it is none of ours."""
    secret = signing.written(SECRET)
    headers = signing.headers(SECRET, "evt_7_0123456789abcdef", int(time.time()), BODY)
    assert is_ours(secret, headers, BODY)
    assert not is_ours(secret, headers, BODY + b" ")
    assert not is_ours(signing.written(SECRET[::-1]), headers, BODY)
    assert not is_ours(secret, headers | {"webhook-id": "evt_8_0123456789abcdef"}, BODY)
    assert not is_ours(secret, headers | {"webhook-timestamp": str(int(time.time()) + 1)}, BODY)
    assert not is_ours(secret, signing.headers(SECRET, "evt_7_0123456789abcdef", int(time.time()) - 600, BODY), BODY)


def test_a_secret_follows_from_id_and_key_store_alone(tmp_path: Path) -> None:
    """given a webhook / then its secret is the same in every process, and another one for others and under other keys."""
    webhook = uuid4()
    here, elsewhere = (open_keystore(str(tmp_path / name)) for name in ("a", "b"))
    secret = signing.secret_of(Keyring(here), webhook)
    assert len(secret) == 32
    assert signing.secret_of(Keyring(open_keystore(str(tmp_path / "a"))), webhook) == secret
    assert signing.secret_of(Keyring(here), uuid4()) != secret
    assert signing.secret_of(Keyring(elsewhere), webhook) != secret
