"""What a token of the issuer may be used for, and what is believed of it once the issuer thinks otherwise."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from application.engine import utc_now
from interfaces.http.app import create_app
from interfaces.identity import accounts, blocks, oidc
from tests.interfaces.http.office import Office, running_office
from tests.interfaces.identity.openid.conftest import on_both_stores
from tests.interfaces.identity.openid.issuer import AUDIENCE, CLIENT, HOME, Answer, MadeUpIssuer

ROUTES = (("GET", "/pools"), ("GET", "/events"), ("POST", "/pools"))


@pytest.fixture(autouse=True)
def published(known_issuer: MadeUpIssuer) -> None:
    known_issuer.publish(introspection_endpoint=f"{known_issuer.url}/introspect")
    known_issuer.forms.clear()


def status(office: Office, token: str, method: str = "GET", path: str = "/pools") -> int:
    return office.request(method, f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.parametrize(
    ("scope", "statuses"),
    [
        ("stundenpool", [200, 200, 422]),
        ("openid stundenpool profile", [200, 200, 422]),
        ("stundenpool:read", [200, 200, 403]),
        ("stundenpool:events", [403, 200, 403]),
        ("stundenpool:events stundenpool:read", [200, 200, 403]),
        ("", [403, 403, 403]),
        (None, [403, 403, 403]),
        ("openid profile", [403, 403, 403]),
        ("stundenpool:write", [403, 403, 403]),
        ("Stundenpool", [403, 403, 403]),
        ("stundenpool-2", [403, 403, 403]),
    ],
)
def test_a_token_is_good_for_its_scope(office: Office, known_issuer: MadeUpIssuer, scope: str | None, statuses: list[int]) -> None:
    """Within what its role may, as with tokens of ours; one that was given for something else is good for nothing."""
    token = known_issuer.token(scope=scope)
    assert [status(office, token, method, path) for method, path in ROUTES] == statuses


def test_a_refusal_says_that_it_is_the_token(office: Office, known_issuer: MadeUpIssuer) -> None:
    """What the role may not, no scope allows."""
    for token, path, code in (
        (known_issuer.token(scope="stundenpool:events"), "/pools", "out_of_scope"),
        (known_issuer.token(scope="stundenpool"), "/tokens", "forbidden"),
    ):
        answer = office.request("GET", f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["code"]) == (403, code)


@on_both_stores
def test_whoever_is_blocked_is_refused(office: Office, known_issuer: MadeUpIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the tokens of the issuer and with those of ours, by processes that knew them as well."""
    monkeypatch.setattr(blocks, "KNOWN_SECONDS", -1)
    token = known_issuer.token(sub="sb-2")
    assert status(office, token) == 200
    with office.service.store.turn() as turn:
        accounts.block(turn, utc_now(), "admin-1", "sb-2", None)
    try:
        fresh = Office(office.service, office.portal, office.tokens)
        assert status(office, token) == 401
        shown = (token, office.tokens["second_officer"], office.tokens["officer"])
        assert [status(fresh, each) for each in shown] == [401, 401, 200]
    finally:
        with office.service.store.turn() as turn:
            accounts.unblock(turn, utc_now(), "admin-1", "sb-2", None)
    assert status(office, token) == 200


@pytest.fixture(scope="module")
def asking(known_issuer: MadeUpIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office that asks the issuer about each token."""
    folder: Path = tmp_path_factory.mktemp("asking")
    chosen = {"oidc_issuer": known_issuer.url, "oidc_audience": AUDIENCE, "oidc_client_id": CLIENT, "oidc_redirect_url": HOME}
    chosen |= {"oidc_client_secret": "geheim", "oidc_introspection": "on"}
    with running_office(f"sqlite:///{folder}/store.db", folder, **chosen) as running:
        yield running


class TestIntrospection:
    """Where the settings want it, the issuer is asked whether a token still counts."""

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch, asking: Office) -> None:
        """It is asked each time; the first test says what it is otherwise."""
        monkeypatch.setattr(oidc, "ASKED_SECONDS", -1)
        asking.app = create_app(asking.service)
        asking.serve_with(asking.app)

    def test_a_withdrawn_token_is_refused(
        self, asking: Office, known_issuer: MadeUpIssuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At once, or some seconds later by who has just asked; the issuer is told who asks, and what about."""
        token = known_issuer.token()
        known_issuer.answers["/introspect"] = Answer({"active": True})
        assert status(asking, token) == 200
        [form] = known_issuer.forms
        assert (form["token"], form["authorization"].startswith("Basic ")) == (token, True)
        known_issuer.answers["/introspect"] = Answer({"active": False})
        assert status(asking, token) == 401
        known_issuer.answers["/introspect"] = Answer({"active": True})
        monkeypatch.setattr(oidc, "ASKED_SECONDS", 5.0)
        assert status(asking, token) == 200
        known_issuer.answers["/introspect"] = Answer({"active": False})
        assert status(asking, token) == 200
        assert status(asking, known_issuer.token(jti="another")) == 401

    def test_what_the_issuer_says_now_counts(self, asking: Office, known_issuer: MadeUpIssuer) -> None:
        """Another role, or less of a scope, than it has signed."""
        token = known_issuer.token()
        for said, statuses in (
            ({}, [200, 422]),
            ({"roles": ["auditor"]}, [200, 403]),
            ({"scope": "stundenpool:read"}, [200, 403]),
            ({"scope": ""}, [403, 403]),
            ({"roles": []}, [401, 401]),
        ):
            known_issuer.answers["/introspect"] = Answer({"active": True, **said})
            assert [status(asking, token, *route) for route in (("GET", "/pools"), ("POST", "/pools"))] == statuses, said

    @pytest.mark.parametrize(
        "answer", [Answer({}), Answer({"active": "true"}), Answer(b"<html>"), Answer({"active": True}, 500), Answer([], 200)]
    )
    def test_where_it_gives_no_answer_nobody_can_tell(self, asking: Office, known_issuer: MadeUpIssuer, answer: Answer) -> None:
        """503, never a guess; tokens of ours do not wait for it."""
        known_issuer.answers["/introspect"] = answer
        assert status(asking, known_issuer.token()) == 503
        assert status(asking, asking.tokens["officer"]) == 200

    def test_what_it_has_not_signed_it_is_not_asked_about(self, asking: Office, known_issuer: MadeUpIssuer) -> None:
        """So strangers cannot make us ask."""
        known_issuer.answers["/introspect"] = Answer({"active": True})
        assert status(asking, known_issuer.token(aud="other")) == 401
        assert known_issuer.forms == []

    def test_an_issuer_that_cannot_be_asked_is_told(self, asking: Office, known_issuer: MadeUpIssuer) -> None:
        """It names no address for it: its tokens are not taken, however good they look."""
        known_issuer.publish()
        fresh = Office(asking.service, asking.portal, asking.tokens)
        assert status(fresh, known_issuer.token()) == 503
