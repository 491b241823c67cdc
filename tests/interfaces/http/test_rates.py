"""Whoever asks too often is told to wait, and nobody else notices."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.quantities import Actor
from interfaces.http import rates
from interfaces.http.problems import Rejected
from interfaces.http.rates import Rate, Rates, counted_as
from interfaces.identity.people import actor_of
from tests.interfaces.http.office import PEOPLE, Office, running_office

KIM = Actor("kim", "worker", "traeger-a")


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_a_minute_s_worth_may_come_at_once_and_the_rest_evenly() -> None:
    """Sixty a minute: sixty now, one more each second, and after a minute of rest all sixty again."""
    clock = Hand()
    rate = Rate(60, clock)
    assert [rate.take("a") for _ in range(60)] == [0.0] * 60
    assert rate.take("a") == pytest.approx(1.0)
    assert rate.take("b") == 0.0, "another one's is another one's"
    clock.at += 0.5
    assert rate.take("a") == pytest.approx(0.5)
    clock.at += 0.5
    assert rate.take("a") == 0.0
    assert rate.take("a") == pytest.approx(1.0)
    clock.at += 3600
    assert [rate.take("a") for _ in range(61)] == [0.0] * 60 + [pytest.approx(1.0)]


def test_being_refused_costs_nothing() -> None:
    """Whoever goes on asking is not shut out for longer."""
    clock = Hand()
    rate = Rate(60, clock)
    for _ in range(1000):
        rate.take("a")
    clock.at += 1
    assert rate.take("a") == 0.0


def test_those_who_have_not_asked_of_late_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and whoever has used up what they may is remembered."""
    monkeypatch.setattr(rates, "KNOWN_MAX", 100)
    clock = Hand()
    rate = Rate(60, clock)
    for _ in range(60):
        rate.take("busy")
    for number in range(1000):
        clock.at += 0.02
        rate.take(number)
        assert len(rate._used) <= 101
    assert rate.take("busy") == 0.0
    for _ in range(60):
        rate.take("busy")
    assert rate.take("busy") > 0


def test_all_tokens_of_a_person_count_together() -> None:
    """And the same name at another organisation is another person."""
    limits = Rates(per_account=60, per_address=1000, clock=Hand())
    for _ in range(60):
        limits.admit_account(KIM, "192.0.2.1")
    with pytest.raises(Rejected) as refused:
        limits.admit_account(Actor("kim", "lead", "traeger-a"), "192.0.2.2")
    assert refused.value.problem.status == 429
    assert refused.value.headers == {"retry-after": "1"}
    limits.admit_account(Actor("kim", "worker", "traeger-b"), "192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("office", "office", True),
        ("office", "192.0.2.1", False),
    ],
)
def test_an_address_counts_once(one: str, other: str, same: bool) -> None:
    """Of IPv6 everybody has a network of 64 bits."""
    assert (counted_as({"client": (one, 1)}) == counted_as({"client": (other, 2)})) is same


@pytest.mark.parametrize("client", [None, ("127.0.0.1", 1), ("127.8.8.8", 1), ("::1", 1), ("::ffff:127.0.0.1", 1)])
def test_the_machine_itself_is_not_counted(client: Any) -> None:
    """Programs on it are the office's own, and a proxy there names whom it asks for."""
    limits = Rates(per_account=60, per_address=60, clock=Hand())
    for _ in range(200):
        limits.admit_address(counted_as({"client": client}))
        limits.admit_account(KIM, counted_as({"client": client}))


class Elsewhere:
    """Somebody who calls the service from another machine."""

    def __init__(self, office: Office, address: str) -> None:
        transport = httpx.ASGITransport(office.app, client=(address, 1))
        self._office = office
        self._client = httpx.AsyncClient(transport=transport, base_url="http://office")

    def signs_in_as(self, who: str) -> None:
        sessions = self._office.app.state.api.sessions
        cookie = self._office.portal.call(partial(sessions.start, actor_of(*PEOPLE[who]), how="password"))
        self._client.headers["Cookie"] = f"stundenpool={cookie}"

    def get(self, path: str, who: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._office.tokens[who]}"} if who else {}
        return self._office.portal.call(partial(self._client.get, path, headers=headers))


@pytest.fixture
def strict_office(tmp_path: Path) -> Iterator[Office]:
    """A service that takes little, and for which no time passes."""
    with running_office(f"sqlite:///{tmp_path}/store.db", tmp_path, account_rate=60, address_rate=80) as running:
        running.app.state.api.rates._accounts._clock = running.app.state.api.rates._addresses._clock = Hand()
        yield running


def test_an_account_is_told_to_wait(strict_office: Office) -> None:
    """With a problem and ``Retry-After``; a colleague at the same address goes on."""
    here = Elsewhere(strict_office, "192.0.2.1")
    statuses = [here.get("/api/v1/pools", "officer").status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    refused = here.get("/api/v1/pools", "officer")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert here.get("/api/v1/pools", "auditor").status_code == 200
    assert strict_office.get("officer", "/pools").status_code == 200, "the machine itself is not counted"


def test_pages_count_for_the_account_too(strict_office: Office) -> None:
    """Whoever is signed in has no more than with a token, and both together are one's own."""
    here = Elsewhere(strict_office, "192.0.2.1")
    assert [here.get("/api/v1/pools", "officer").status_code for _ in range(59)] == [200] * 59
    here.signs_in_as("officer")
    assert here.get("/anmeldung").status_code == 303
    refused = here.get("/")
    assert refused.status_code == 429
    assert refused.headers["content-type"].startswith("text/html")
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def test_an_address_is_told_to_wait_wherever_it_asks(strict_office: Office) -> None:
    """Also with tokens that are none, and for pages; another address goes on."""
    here = Elsewhere(strict_office, "192.0.2.1")
    paths = ["/api/v1/pools", "/anmeldung", "/healthz", "/missing"]
    statuses = [here.get(path).status_code for path in paths * 21]
    assert statuses[:80] == [401, 200, 200, 404] * 20
    assert set(statuses[80:]) == {429}
    assert Elsewhere(strict_office, "192.0.2.2").get("/healthz").status_code == 200
