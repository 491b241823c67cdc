"""A running issuer, and an office that knows it."""

from collections.abc import Iterator

import pytest

from tests.conftest import STORE_KINDS, new_url
from tests.interfaces.http.office import Office, running_office
from tests.interfaces.identity.openid.issuer import AUDIENCE, CLIENT, HOME, MadeUpIssuer, running_issuer

on_both_stores = pytest.mark.parametrize("office", STORE_KINDS, indirect=True)


@pytest.fixture
def issuer() -> Iterator[MadeUpIssuer]:
    """An issuer of one's own."""
    with running_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def known_issuer() -> Iterator[MadeUpIssuer]:
    """The issuer that the office of a module knows."""
    with running_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def office(
    request: pytest.FixtureRequest, known_issuer: MadeUpIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """An office where people and systems may come from the issuer; on SQLite, unless a test asks for ``on_both_stores``."""
    folder = tmp_path_factory.mktemp("office")
    url = new_url(request, getattr(request, "param", "sqlite"), folder / "store.db")
    chosen = {"oidc_issuer": known_issuer.url, "oidc_audience": AUDIENCE, "oidc_client_id": CLIENT, "oidc_redirect_url": HOME}
    with running_office(url, folder, **chosen) as running:
        yield running
