"""A person signs in at the issuer: what is asked, what is believed of the answers, and what a browser is told."""

import base64
import hashlib
import re
import time
from dataclasses import replace
from html import unescape
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from application.engine import utc_now
from interfaces.identity import accounts, oidc
from interfaces.web import session
from tests.interfaces.http.office import Office, running_office
from tests.interfaces.identity.openid.bad_tokens import STRANGER
from tests.interfaces.identity.openid.conftest import on_both_stores
from tests.interfaces.identity.openid.issuer import AUDIENCE, CLIENT, DISCOVERY, HOME, RSA, Answer, MadeUpIssuer
from tests.interfaces.web.visitor import Visitor, read

FAILED = "Die Anmeldung ist nicht gelungen"


class Person(Visitor):
    """Somebody who signs in at the issuer, as far as it goes without one that asks for a password."""

    def __init__(self, office: Office, issuer: MadeUpIssuer) -> None:
        super().__init__(office)
        self._issuer = issuer
        self.asked: dict[str, str] = {}

    def begins(self) -> "Person":
        answer = self.opens("/anmeldung/oidc")
        assert answer.status_code == 303, answer.text
        self.asked = {name: value for name, [value] in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
        return self

    def proves(self) -> "Person":
        """Goes there once more, from the page of the account."""
        answer = self.opens("/konto/bestaetigen")
        assert answer.status_code == 303, answer.text
        self.asked = {name: value for name, [value] in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
        return self

    def given(self, access_token: str = "opaque", **changed: Any) -> "Person":
        """The issuer will answer the code with an ID token that has these claims instead."""
        claims = {"aud": CLIENT, "nonce": self.asked["nonce"], **changed}
        token = self._issuer.token(
            typ=claims.pop("typ", "JWT"), kid=claims.pop("kid", "rsa"), key=claims.pop("key", None), **claims
        )
        self._issuer.answers["/token"] = Answer({"id_token": token, "access_token": access_token, "token_type": "Bearer"})
        return self

    def comes_back(self, **changed: str) -> httpx.Response:
        said = {"code": "c-1", "state": self.asked["state"], "iss": self._issuer.url, **changed}
        return self.opens("/anmeldung/oidc/zurueck", **{name: value for name, value in said.items() if value})


@pytest.fixture
def person(office: Office, known_issuer: MadeUpIssuer) -> Person:
    known_issuer.publish()
    known_issuer.forms.clear()
    return Person(office, known_issuer)


def test_the_sign_in_page_offers_it(person: Person) -> None:
    """With a link: a form could not lead to another site."""
    page = read(person.opens("/anmeldung"))
    assert "/anmeldung/oidc" in page.all("href")
    assert "Mit dem Dienstkonto anmelden" in page.text


@on_both_stores
def test_a_person_signs_in_and_out(person: Person, known_issuer: MadeUpIssuer) -> None:
    """With state, nonce and challenge on the way there, the verifier behind the scenes, and a session in the end."""
    person.begins()
    assert person.asked["response_type"] == "code"
    assert person.asked["redirect_uri"] == f"{HOME}/anmeldung/oidc/zurueck"
    assert person.asked["code_challenge_method"] == "S256"
    answer = person.given(roles=["lead"], provider="traeger-a").comes_back()
    assert answer.status_code == 200
    assert re.search(r'http-equiv="refresh" content="0; url=/"', answer.text)
    [form] = known_issuer.forms
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert challenge == person.asked["code_challenge"]
    assert form["client_id"] == CLIENT
    assert "fach-1" in read(person.opens("/")).text
    assert "Leitung, traeger-a" in read(person.opens("/")).text

    kept = person.cookies[session.COOKIE]
    answer = person.sends("/abmelden")
    assert answer.status_code == 200
    [farewell] = re.findall(r'content="0; url=([^"]+)"', answer.text)
    assert unescape(farewell).startswith(f"{known_issuer.url}/end?client_id={CLIENT}&post_logout_redirect_uri=http")
    assert not person.is_signed_in
    person.cookies.set(session.COOKIE, kept)
    assert person.opens("/").headers["Location"] == "/anmeldung"


def test_the_cookies_are_for_this_alone(person: Person) -> None:
    """No script reads them; what is under way comes along from the issuer's page."""
    cookie = person.opens("/anmeldung/oidc").headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=lax", "Max-Age=600", "Path=/"} <= set(cookie.split("; "))
    answer = person.begins().given().comes_back()
    kept = answer.headers.get_list("Set-Cookie")
    assert all("HttpOnly" in each for each in kept)
    assert [each.split("=")[0] for each in kept] == [session.COOKIE, session.SIGNING_IN]


def test_where_it_is_encrypted_no_other_host_sets_them(office: Office, issuer: MadeUpIssuer) -> None:
    """One without the prefix may be a neighbour's, who would have somebody signed in as somebody else."""
    issuer.publish()
    person = elsewhere(office, issuer, oidc_redirect_url="https://office.example")
    cookie = person.opens("/anmeldung/oidc").headers["Set-Cookie"]
    assert cookie.startswith(f"__Host-{session.SIGNING_IN}=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    assert "domain" not in cookie.lower()
    begun = person.begins().given().cookies[f"__Host-{session.SIGNING_IN}"]
    for name, status in ((session.SIGNING_IN, 400), (f"__Host-{session.SIGNING_IN}", 200)):
        person.cookies.clear()
        person.cookies.set(name, begun)
        assert person.comes_back().status_code == status


@pytest.mark.parametrize(("site", "begins"), [("cross-site", False), ("same-site", False), ("same-origin", True), ("none", True)])
def test_no_other_site_begins_a_sign_in(person: Person, site: str, begins: bool) -> None:
    """The issuer might let somebody in without asking; so whoever comes from elsewhere sees the sign-in page first."""
    answer = person.opens_from(site, "/anmeldung/oidc")
    assert answer.status_code == 303
    assert (answer.headers["Location"] != "/anmeldung", "Set-Cookie" in answer.headers) == (begins, begins)


def test_whoever_is_signed_in_begins_no_other_sign_in(person: Person) -> None:
    """They are led to where they were going."""
    person.begins().given().comes_back()
    answer = person.opens("/anmeldung/oidc")
    assert (answer.headers["Location"], "Set-Cookie" in answer.headers) == ("/anmeldung", False)
    assert person.opens("/anmeldung").headers["Location"] == "/"


def test_nothing_of_a_sign_in_is_twice_the_same(person: Person) -> None:
    """Not the state, not the nonce, not the challenge."""
    first, second = dict(person.begins().asked), dict(person.begins().asked)
    assert not {first[name] for name in ("state", "nonce", "code_challenge")} & set(second.values())


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "other"},
        {"state": ""},
        {"state": "ä"},
        {"iss": "https://other.example"},
        {"iss": ""},
        {"code": ""},
        {"code": "x" * 3000},
        {"error": "access_denied"},
    ],
    ids=str,
)
def test_an_answer_that_is_not_to_us_signs_nobody_in(person: Person, known_issuer: MadeUpIssuer, changed: dict[str, str]) -> None:
    """Another state, another issuer (RFC 9207), no code: the issuer is not even asked for tokens."""
    answer = person.begins().given().comes_back(**changed)
    assert (answer.status_code, person.is_signed_in, known_issuer.forms) == (400, False, [])
    assert FAILED in answer.text


def test_an_issuer_that_never_names_itself_may_leave_it_out(office: Office, issuer: MadeUpIssuer) -> None:
    """One that names another is refused all the same."""
    issuer.publish(authorization_response_iss_parameter_supported=False)
    person = elsewhere(office, issuer)
    assert person.begins().given().comes_back(iss="https://other.example").status_code == 400
    assert person.begins().given().comes_back(iss="").status_code == 200


def elsewhere(office: Office, issuer: MadeUpIssuer, **chosen: str) -> Person:
    """Somebody who visits the office, where it knows another issuer."""
    settings = replace(office.service.settings, oidc_issuer=issuer.url, **chosen)
    other = SimpleNamespace(service=replace(office.service, settings=settings), portal=office.portal)
    return Person(cast(Office, other), issuer)


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "other"},
        {"nonce": None},
        {"nonce": 1},
        {"aud": "other"},
        {"aud": AUDIENCE},
        {"aud": [CLIENT, "other"]},
        {"azp": "other"},
        {"iss": "https://other.example"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"typ": "at+jwt"},
        {"at_hash": "other"},
        {"at_hash": 1},
        {"kid": "ec", "key": RSA},
        {"kid": "unknown", "key": RSA},
    ],
    ids="-".join,
)
def test_an_id_token_that_is_not_for_this_signs_nobody_in(person: Person, changed: dict[str, Any]) -> None:
    """Of another sign-in, for somebody else, of another time, of another kind, for another access token."""
    answer = person.begins().given(**changed).comes_back()
    assert (answer.status_code, person.is_signed_in) == (400, False)
    assert FAILED in answer.text


def test_an_id_token_may_say_more(person: Person) -> None:
    """A right hash of the access token, who asked for it, the audience in a list."""
    digest = hashlib.sha256(b"opaque").digest()[:16]
    at_hash = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert person.begins().given(at_hash=at_hash, azp=CLIENT, aud=[CLIENT]).comes_back().status_code == 200


def test_an_answer_counts_in_its_own_browser(person: Person, office: Office, known_issuer: MadeUpIssuer) -> None:
    """Whoever is sent somebody else's answer is not signed in with it, whether a sign-in of their own is under way or not."""
    person.begins().given()
    other = Person(office, known_issuer)
    other.asked = person.asked
    assert other.comes_back().status_code == 400
    other.begins()
    other.asked = person.asked
    assert other.comes_back().status_code == 400
    assert known_issuer.forms == []


def test_a_sign_in_does_not_stay_open(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten minutes it has to begin anew."""
    person.begins().given()
    monkeypatch.setattr(oidc, "SIGN_IN_SECONDS_MAX", -1)
    assert person.comes_back().status_code == 400
    monkeypatch.undo()
    assert person.comes_back().status_code == 200


def test_nobody_gives_a_sign_in_more_time(person: Person) -> None:
    """When it began stands in the cookie, and whoever changes that changes what was asked for."""
    person.begins().given()
    begun = person.cookies[session.SIGNING_IN]
    person.cookies.clear()
    person.cookies.set(session.SIGNING_IN, f"{int(begun[:10]) - 1}{begun[10:]}")
    assert person.comes_back().status_code == 400
    person.cookies.set(session.SIGNING_IN, begun)
    assert person.comes_back().status_code == 200


def test_an_answer_counts_once(person: Person, known_issuer: MadeUpIssuer) -> None:
    """The cookie goes with it, and a code that comes again is not taken by the issuer."""
    assert person.begins().given().comes_back().status_code == 200
    known_issuer.answers["/token"] = Answer({"error": "invalid_grant"}, 400)
    assert person.comes_back().status_code == 400
    assert len(known_issuer.forms) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"roles": ["superuser"]}, "keine Rolle"),
        ({"roles": None}, "keine Rolle"),
        ({"roles": ["officer", "auditor"]}, "mehr als eine"),
        ({"roles": ["worker"]}, "Träger"),
        ({"provider": "traeger-a"}, "Träger"),
        ({"sub": "x" * 300}, "reichen nicht aus"),
    ],
)
def test_an_account_without_a_place_is_told_so(person: Person, changed: dict[str, Any], said: str) -> None:
    """In German, and it is not signed in."""
    answer = person.begins().given(**changed).comes_back()
    assert (answer.status_code, person.is_signed_in) == (403, False)
    assert said in answer.text
    assert "Angemeldet, aber ohne Zugang" in answer.text


@pytest.mark.parametrize("answer", [Answer({}, 500), Answer(b"<html>"), Answer({"access_token": "x"}), Answer(b"", 302)])
def test_an_issuer_that_gives_no_tokens_signs_nobody_in(person: Person, known_issuer: MadeUpIssuer, answer: Answer) -> None:
    """It may be away, or say something else; no page falls over it."""
    person.begins().given()
    known_issuer.answers["/token"] = answer
    assert person.comes_back().status_code in (400, 503)
    assert not person.is_signed_in


def test_a_secret_is_stated_as_the_issuer_takes_it(office: Office, issuer: MadeUpIssuer) -> None:
    """In a header, whatever characters it has; or in the form, where the issuer takes it there alone."""
    secret = "ge:heim/+%"
    person = elsewhere(office, issuer, oidc_client_secret=secret)
    assert person.begins().given().comes_back().status_code == 200
    stated = base64.b64decode(issuer.forms[-1]["authorization"].removeprefix("Basic ")).decode()
    assert stated == f"{CLIENT}:ge%3Aheim%2F%2B%25"
    assert "client_secret" not in issuer.forms[-1]
    issuer.publish(token_endpoint_auth_methods_supported=["client_secret_post"])
    person = elsewhere(office, issuer, oidc_client_secret=secret)
    assert person.begins().given().comes_back().status_code == 200
    assert (issuer.forms[-1]["client_secret"], issuer.forms[-1]["authorization"]) == (secret, "")


@on_both_stores
def test_whoever_came_from_there_proves_it_there(person: Person, office: Office, known_issuer: MadeUpIssuer) -> None:
    """Asked anew, whatever the issuer remembers; then they end what they like, with another id, for some minutes."""
    person.begins().given(roles=["lead"], provider="traeger-a").comes_back()
    other = Person(office, known_issuer)
    other.begins().given(roles=["lead"], provider="traeger-a").comes_back()
    assert "Mit dem Dienstkonto bestätigen" in read(person.opens("/konto")).text
    assert person.sends("/konto/beenden", session="others").status_code == 422
    before = person.cookie
    person.proves()
    assert (person.asked["prompt"], person.asked["max_age"]) == ("login", "0")
    answer = person.given(roles=["lead"], provider="traeger-a", auth_time=int(time.time())).comes_back()
    assert (answer.status_code, 'content="0; url=/konto"' in answer.text) == (200, True)
    assert person.cookie != before
    assert person.sends("/konto/beenden", session="others").status_code == 303
    assert person.opens("/konto").status_code == 200
    assert other.opens("/konto").status_code == 303


@pytest.mark.parametrize(
    "changed",
    [
        {"auth_time": None},
        {"auth_time": "now"},
        {"auth_time": 1},
        {"auth_time": int(time.time()) - 3600},
        {"sub": "fach-2"},
        {"roles": ["auditor"]},
        {"nonce": "other"},
    ],
    ids="-".join,
)
def test_an_answer_that_proves_nothing_changes_nothing(person: Person, changed: dict[str, Any]) -> None:
    """Of another time, or somebody else: the session is the one that it was."""
    person.begins().given().comes_back()
    before = person.cookie
    answer = person.proves().given(**{"auth_time": int(time.time()), **changed}).comes_back()
    assert answer.status_code == 400
    assert person.cookie == before
    assert person.sends("/konto/beenden", session="others").status_code == 422


def test_a_proof_counts_for_the_session_that_it_was_begun_in(person: Person) -> None:
    """Once that is over, it is nobody's; a sign-in is no proof, and no other site begins one."""
    person.begins().given(auth_time=int(time.time())).comes_back()
    assert person.sends("/konto/beenden", session="others").status_code == 422
    assert person.opens_from("cross-site", "/konto/bestaetigen").headers["Location"] == "/konto"
    person.proves().given(auth_time=int(time.time()))
    person.sends("/abmelden")
    assert person.comes_back().status_code == 400
    assert not person.is_signed_in


class TestSignedOutThere:
    """The issuer says behind the browser's back that somebody is signed out."""

    def test_a_session_ends(self, person: Person, office: Office, known_issuer: MadeUpIssuer) -> None:
        """That one alone, or all of a person; and nothing that has begun since, however often the same is said."""
        other = Person(office, known_issuer)
        person.begins().given(sid="session-1").comes_back()
        other.begins().given(sid="session-2").comes_back()
        assert ends(office, known_issuer.logout_token(sid="unknown")) == 200
        assert [each.opens("/konto").status_code for each in (person, other)] == [200, 200]
        assert ends(office, known_issuer.logout_token(sid="session-1")) == 200
        assert [each.opens("/konto").status_code for each in (person, other)] == [303, 200]
        assert ends(office, known_issuer.logout_token(sid=None, sub="fach-2")) == 200
        assert other.opens("/konto").status_code == 200
        assert ends(office, known_issuer.logout_token(sid=None, iat=int(time.time()) - 120)) == 200
        assert other.opens("/konto").status_code == 200
        assert ends(office, known_issuer.logout_token(sid=None)) == 200
        assert other.opens("/konto").status_code == 303

    @on_both_stores
    def test_it_is_on_record(self, person: Person, office: Office, known_issuer: MadeUpIssuer) -> None:
        """As ended by the issuer. A session without an id of its own ends with its person's."""
        person.begins().given().comes_back()
        assert ends(office, known_issuer.logout_token(sid="session-9", sub="fach-1")) == 200
        assert person.opens("/konto").status_code == 303
        entry = office.get("admin", "/access-trail", limit=1).json()["items"][0]
        assert (entry["what"], entry["subject"], entry["by"]) == ("session_ended", "fach-1", "oidc")

    @pytest.mark.parametrize(
        "changed",
        [
            {"typ": "JWT"},
            {"typ": "at+jwt"},
            {"aud": AUDIENCE},
            {"aud": [CLIENT, "other"]},
            {"iss": "https://other.example"},
            {"exp": 1},
            {"exp": None},
            {"iat": int(time.time()) - 3600, "exp": int(time.time()) + 3600},
            {"nonce": "n"},
            {"events": None},
            {"events": {}},
            {"events": {"http://schemas.openid.net/event/other": {}}},
            {"events": "http://schemas.openid.net/event/backchannel-logout"},
            {"sub": None, "sid": None},
            {"sub": 1},
            {"sid": ["session-1"]},
            {"key": STRANGER},
        ],
        ids="-".join,
    )
    def test_nobody_else_ends_one(
        self, person: Person, office: Office, known_issuer: MadeUpIssuer, changed: dict[str, Any]
    ) -> None:
        """Neither a stranger nor what the issuer has signed for something else."""
        person.begins().given(sid="session-1").comes_back()
        assert ends(office, known_issuer.logout_token(**changed)) == 400
        assert ends(office, known_issuer.token()) == 400
        assert ends(office, "") == 400
        assert person.opens("/konto").status_code == 200


def ends(office: Office, token: str) -> int:
    """As the issuer's own system sends it, which has neither cookies nor an origin."""
    return office.request("POST", "/anmeldung/oidc/abmeldung", data={"logout_token": token}).status_code


def test_whoever_is_blocked_here_does_not_get_in(person: Person, office: Office) -> None:
    """Although the issuer knows them; they are told whom to ask."""
    with office.service.store.turn() as turn:
        accounts.block(turn, utc_now(), "admin-1", "fach-1", None)
    try:
        answer = person.begins().given().comes_back()
        assert (answer.status_code, person.is_signed_in) == (403, False)
        assert "Ihre Kennung ist im Stundenpool gesperrt" in answer.text
    finally:
        with office.service.store.turn() as turn:
            accounts.unblock(turn, utc_now(), "admin-1", "fach-1", None)


def test_without_an_issuer_there_is_nothing_of_it(tmp_path_factory: pytest.TempPathFactory, issuer: MadeUpIssuer) -> None:
    """No button, no pages, and a token of the issuer is as unknown as any."""
    folder = tmp_path_factory.mktemp("alone")
    with running_office(f"sqlite:///{folder}/store.db", folder) as office:
        visitor = Visitor(office)
        assert "Dienstkonto" not in visitor.opens("/anmeldung").text
        assert visitor.opens("/anmeldung/oidc").status_code == 404
        assert visitor.opens("/anmeldung/oidc/zurueck").status_code == 404
        answer = office.request("GET", "/api/v1/pools", headers={"Authorization": f"Bearer {issuer.token()}"})
        assert answer.status_code == 401
    assert issuer.asked == []


def test_while_the_issuer_is_away_the_page_says_so(office: Office, issuer: MadeUpIssuer) -> None:
    """And when to come back; signing out works without it."""
    issuer.answers.pop(DISCOVERY)
    answer = elsewhere(office, issuer).opens("/anmeldung/oidc")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "Vorübergehend nicht erreichbar" in answer.text
