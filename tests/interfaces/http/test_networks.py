"""Where administrators may come from, if an office says so."""

from collections.abc import Iterator

import httpx
import pytest

from interfaces.http.app import create_app
from interfaces.networks import lies_in, read_networks
from tests.interfaces.http.office import Office, running_office
from tests.interfaces.web.visitor import Visitor

NETWORKS = "192.0.2.0/24, 2001:db8:1::/48, 198.51.100.7"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Where somebody comes from is judged without the store."""
    folder = tmp_path_factory.mktemp("office")
    with running_office(f"sqlite:///{folder}/store.db", folder, admin_networks=NETWORKS) as running:
        yield running


def asked(office: Office, who: str, address: str, path: str = "/tokens") -> httpx.Response:
    """From this address; the server has it from the connection, or from a proxy that it trusts."""

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(office.service), client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://office") as client:
            return await client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {office.tokens[who]}"})

    return office.portal.call(call)


@pytest.mark.parametrize("address", ["192.0.2.200", "2001:db8:1:7::1", "198.51.100.7", "::ffff:192.0.2.1"])
def test_an_administrator_comes_from_a_stated_network(office: Office, address: str) -> None:
    """Of either kind, or a single address."""
    assert asked(office, "admin", address).status_code == 200


@pytest.mark.parametrize("address", ["192.0.3.1", "127.0.0.1", "2001:db8:2::1", "198.51.100.8", "", "unix", "192.0.2.1, 10.0.0.1"])
def test_from_elsewhere_they_may_nothing(office: Office, address: str) -> None:
    """Not even from the machine itself, unless it is stated; all others come from where they like."""
    answer = asked(office, "admin", address)
    assert (answer.status_code, answer.json()["code"]) == (403, "elsewhere")
    assert asked(office, "admin", address, "/pools").json()["code"] == "elsewhere"
    assert asked(office, "officer", address, "/pools").status_code == 200
    assert asked(office, "officer", address).json()["code"] == "forbidden"


def test_pages_heed_it_as_well(office: Office) -> None:
    """Whoever is signed in is told so, and can sign out."""
    admin = Visitor(office).signs_in_as("admin")  # from the machine itself
    assert (admin.opens("/").status_code, admin.opens("/konto").status_code) == (403, 403)
    assert "Die Administration geht nur von bestimmten Netzen aus" in admin.opens("/").text
    assert Visitor(office).signs_in_as("officer").opens("/konto").status_code == 200
    assert admin.sends("/abmelden").status_code == 303


@pytest.mark.parametrize("written", ["10.0.0.1/8", "10.0.0.0/33", "office", "10.0.0.0/8,", "::1/129", " "])
def test_what_is_no_network_is_told(written: str) -> None:
    """Where the settings are read."""
    with pytest.raises(ValueError, match="Netze oder Adressen"):
        read_networks(written)


def test_no_network_is_none() -> None:
    assert read_networks("") == ()
    assert not lies_in("192.0.2.1", ())
