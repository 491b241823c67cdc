"""A door on each kind of store, at which passwords cost next to nothing."""

from collections.abc import Iterator

import pytest

from interfaces.identity import passwords
from interfaces.identity.passwords import Cost
from tests.conftest import STORE_KINDS, new_url
from tests.interfaces.identity.door import Clock, Door, open_door

CHEAP = Cost(memory_kib=8, iterations=1, lanes=1)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they cost otherwise is said in test_passwords.py."""
    monkeypatch.setattr(passwords, "COST", CHEAP)


@pytest.fixture(scope="module", params=STORE_KINDS)
def shared_door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A store for all tests of a module."""
    folder = tmp_path_factory.mktemp("door")
    url = new_url(request, request.param, folder / "store.db")
    with open_door(url, folder / "keys", Clock()) as door:
        yield door


@pytest.fixture
def door(shared_door: Door) -> Door:
    """Before which nobody has been; of the trail, which nobody empties, it looks at what is new."""
    return shared_door.emptied()
