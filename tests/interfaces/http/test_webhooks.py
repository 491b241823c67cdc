"""Registering webhooks: by whom, what is refused, what is shown, and that the secret is shown once."""

import base64
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.privacy import KeyStoreDamaged
from interfaces.webhooks import subscriptions
from interfaces.webhooks.subscriptions import URL_PATTERN
from tests.interfaces.http.office import Office, Then

URL = "https://fachverfahren.example/stundenpool"

REFUSED_URLS = [
    "", " ", "fachverfahren.example", "ftp://fachverfahren.example/", "http://fachverfahren.example/", "http://10.0.0.1/",
    "http://127.0.0.1.example/", "http://localhost.example/", "http://127.0.0.1@fachverfahren.example/", "https://u:p@a.example/",
    "https://u@a.example/", "https:///pfad", "https://a.example/#teil", "https://a.example/ b", "https://a.example/\n", "https://ä.example/",
    "https://a.example:0/", "https://a.example:65536/", "https://a.example:/", "https://256.1.1.1/", "https://1.2.3/", "https://-a.example/",
    "https://a..example/", "https://[::1]/", "http://[::2]/", "http://0.0.0.0/", "http://128.0.0.1/", "HTTPS://a.example/",
    "https://a.example/" + "x" * 2_000,
]  # fmt: skip

TAKEN_URLS = [
    "https://a.example", "https://a.example/", "https://amt:8443/x?y=z&a=%20", "https://10.1.2.3/x", "http://127.0.0.1:8080/x",
    "http://127.255.0.1/", "http://localhost:1/", "http://[::1]:9/x", "https://xn--mnchen-3ya.example/", "https://a.example?x",
]  # fmt: skip


def registered(office: Office, **wanted: Any) -> dict[str, Any]:
    answer = office.post("admin", "/webhooks", {"url": URL, **wanted})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(autouse=True)
def none_before(office: Office) -> None:
    """No webhook of another test."""
    for webhook in office.get("admin", "/webhooks").json()["items"]:
        office.call("admin", "DELETE", f"/webhooks/{webhook['id']}")


def test_a_new_one_begins_now_and_shows_its_secret_once(office: Office) -> None:
    """given a log / when a webhook is registered / then it stands at the log's end; 32 bytes of secret are in that answer alone."""
    office.given("open_pool")
    answer = office.post("admin", "/webhooks", {"url": URL})
    made = answer.json()
    assert answer.headers["Location"] == f"/api/v1/webhooks/{made['id']}"
    assert made["position"] == int(answer.headers["Position"]) > 0
    assert (made["behind"], made["state"], made["types"], made["pool"], made["created_by"]) == (0, "paused", None, None, "admin-1")
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert office.get("admin", f"/webhooks/{made['id']}").json() == made
    assert office.get("admin", "/webhooks").json() == {"items": [made], "next": None}
    assert registered(office)["secret"] != secret


def test_the_backlog_grows_with_the_log(office: Office) -> None:
    """given a webhook that nobody delivers to / when something is recorded / then it is behind by that."""
    office.given("open_pool")
    made = registered(office, after=0, types=["pool-opened"], pool=office.pool)
    assert (made["position"], made["types"], made["pool"]) == (0, ["pool-opened"], office.pool)
    before = made["behind"]
    office.given("open_case", "request_hours")
    assert office.get("admin", f"/webhooks/{made['id']}").json()["behind"] == before + 2


def test_a_repeated_registration_is_answered_the_same(office: Office) -> None:
    """given an answer that was lost / when it is asked for under its key again / then it is the same, secret included, for good."""
    first = office.post("admin", "/webhooks", {"url": URL}, key="anmeldung")
    again = office.post("admin", "/webhooks", {"url": URL}, key="anmeldung")
    assert (again.status_code, again.content, again.headers["Location"]) == (201, first.content, first.headers["Location"])
    assert len(office.get("admin", "/webhooks").json()["items"]) == 1
    Then(office.post("admin", "/webhooks", {"url": URL + "/2"}, key="anmeldung")).refuses("key_reused", 422)
    office.call("admin", "DELETE", f"/webhooks/{first.json()['id']}")
    assert office.post("admin", "/webhooks", {"url": URL}, key="anmeldung").content == first.content
    assert not office.get("admin", "/webhooks").json()["items"]


def test_no_receipt_keeps_the_secret(office: Office) -> None:
    """given a registration under a key / then its receipt has the answer without the secret."""
    made = office.post("admin", "/webhooks", {"url": URL}, key="beleg").json()
    with office.service.store.reading() as reader:
        kept = reader.fetch("SELECT body FROM receipts")
    bodies = [bytes(body) for (body,) in kept]
    assert any(made["id"].encode() in body for body in bodies)
    assert not any(made["secret"].removeprefix("whsec_").encode() in body for body in bodies)


def test_what_is_removed_is_gone(office: Office) -> None:
    """given a webhook / when it is removed / then the answer says where it stood, and there is none any more."""
    made = registered(office)
    answer = office.call("admin", "DELETE", f"/webhooks/{made['id']}")
    assert (answer.status_code, answer.json()["position"]) == (200, made["position"])
    for who, method, path in (
        ("admin", "GET", ""),
        ("admin", "DELETE", ""),
        ("admin", "POST", "/resumption"),
        ("officer", "POST", "/release"),
    ):
        Then(office.call(who, method, f"/webhooks/{made['id']}{path}")).refuses("not_found", 404)


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_an_address_that_is_refused(office: Office, url: str) -> None:
    """Anything but TLS to a host, or plain HTTP to this machine."""
    problem = Then(office.post("admin", "/webhooks", {"url": url})).refuses("malformed", 422)
    assert problem["errors"][0]["place"] == "url"


@pytest.mark.parametrize("url", TAKEN_URLS)
def test_an_address_that_is_taken(office: Office, url: str) -> None:
    """As it was written, and one that the client can call."""
    assert registered(office, url=url)["url"] == url
    assert httpx.URL(url).host


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_regex(re.compile(URL_PATTERN), fullmatch=True))
def test_every_address_that_fits_can_be_called_and_stays_where_it_says(url: str) -> None:
    """What the client makes of it is the same host, and without TLS always this machine."""
    called = httpx.Request("POST", url).url
    assert not called.userinfo
    assert called.scheme == "https" or called.host == "localhost" or re.match(r"127\.|::1$", called.host)


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        ({}, "url", "fehlt"),
        ({"url": URL, "types": []}, "types", "mindestens 1 nötig"),
        ({"url": URL, "types": ["gibt-es-nicht"]}, "types", "enthält einen Typ, den es nicht gibt"),
        ({"url": URL, "types": "hours-approved"}, "types", "eine Liste ist nötig"),
        ({"url": URL, "types": [1]}, "types[0]", "ein Text ist nötig"),
        ({"url": URL, "types": ["pool-opened"] * 101}, "types", "höchstens 100 Einträge"),
        ({"url": URL, "pool": "x"}, "pool", "keine Kennung (UUID)"),
        ({"url": URL, "after": -1}, "after", "mindestens 0 nötig"),
        ({"url": URL, "secret": "whsec_x"}, "Anfrage", "„secret“ ist nicht vorgesehen"),
    ],
)
def test_a_wrong_value_says_where_and_why(office: Office, body: dict[str, Any], place: str, message: str) -> None:
    """And nothing is registered."""
    problem = Then(office.post("admin", "/webhooks", body)).refuses("malformed", 422)
    assert problem["errors"] == [{"place": place, "message": message}]
    assert not office.get("admin", "/webhooks").json()["items"]


def test_what_does_not_exist_is_refused(office: Office) -> None:
    """A pool that nobody opened, and a position that the log has not reached: what stands there later would be missed."""
    Then(office.post("admin", "/webhooks", {"url": URL, "pool": str(uuid4())})).refuses("not_found", 404)
    last = int(office.get("admin", "/webhooks").headers["Position"])
    problem = Then(office.post("admin", "/webhooks", {"url": URL, "after": last + 1})).refuses("malformed", 422)
    assert problem["errors"] == [{"place": "after", "message": f"das Protokoll endet bei {last}"}]
    assert registered(office, after=last)["position"] == last


def test_there_is_a_limit(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """given as many webhooks as a process can see to / when another one is registered / then it is refused."""
    monkeypatch.setattr(subscriptions, "WEBHOOKS_MAX", 2)
    registered(office)
    registered(office)
    Then(office.post("admin", "/webhooks", {"url": URL})).refuses("malformed", 422)


def test_what_an_administrator_registers_an_officer_releases(office: Office) -> None:
    """given a webhook / when its administrator resumes it / then it waits still; an officer releases it, and sees what for."""
    made = registered(office)
    assert (made["state"], made["paused"]) == ("paused", "unreleased")
    path = f"/webhooks/{made['id']}"
    assert office.post("admin", f"{path}/release").status_code == 403
    assert office.post("admin", f"{path}/resumption").json()["paused"] == "unreleased"
    assert office.get("officer", path).json()["url"] == URL
    released = office.post("officer", f"{path}/release")
    assert (released.status_code, released.json()["state"], released.json()["paused"]) == (200, "active", None)
    assert office.post("officer", f"{path}/release").json() == released.json()


def test_nobody_but_an_admin(office: Office) -> None:
    """Neither sees them nor changes them, but for officers, who see them."""
    made = registered(office)
    for who in ("worker", "lead", "officer", "planner", "auditor"):
        for method, path in (("GET", ""), ("POST", ""), ("GET", "/{}"), ("DELETE", "/{}"), ("POST", "/{}/resumption")):
            if (who, method) != ("officer", "GET"):
                answer = office.call(who, method, f"/webhooks{path.format(made['id'])}")
                assert answer.status_code == 403
                assert URL not in answer.text


def test_without_its_secret_nothing_is_registered(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a key store that is away / when a webhook is registered / then it is 503, and there is none."""

    def away(purpose: str, of: bytes) -> bytes:
        raise KeyStoreDamaged("away")

    monkeypatch.setattr(office.service.keyring, "derived", away)
    answer = office.post("admin", "/webhooks", {"url": URL}, key="ohne")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert not office.get("admin", "/webhooks").json()["items"]
    monkeypatch.undo()
    assert office.post("admin", "/webhooks", {"url": URL}, key="ohne").status_code == 201
