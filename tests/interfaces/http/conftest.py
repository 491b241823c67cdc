"""A running office on each kind of store."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.conftest import STORE_KINDS, new_url
from tests.interfaces.http.office import Office, running_office


@pytest.fixture(scope="module", params=STORE_KINDS)
def shared_office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A service on a store of its own for all tests of a module, which make fresh pools, cases and bookings in it."""
    folder = tmp_path_factory.mktemp("office")
    url = new_url(request, request.param, folder / "store.db")
    with running_office(url, folder) as running:
        yield running


@pytest.fixture
def office(shared_office: Office) -> Office:
    """The shared service with nothing at hand, and with idempotency keys of one's own."""
    shared_office.ids = {}
    shared_office.keys = uuid4().hex
    return shared_office
