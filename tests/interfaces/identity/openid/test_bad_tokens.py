"""No bad token opens any route, and from the outside they all look the same."""

import time
from collections.abc import Sequence

import pytest
from anyio.from_thread import start_blocking_portal
from starlette.types import ASGIApp, Message

from interfaces.http.app import PAGES
from interfaces.http.examples import PATH_IDS
from interfaces.http.operations import PREFIX
from interfaces.http.problems import rejection, unauthorized
from interfaces.identity.oidc import OpenId
from interfaces.identity.tokens import create_token, hashed
from interfaces.settings import Settings
from interfaces.web import session
from interfaces.web.pages import SIGN_IN
from tests.interfaces.http.office import Office
from tests.interfaces.identity.openid import bad_tokens
from tests.interfaces.identity.openid.bad_tokens import KINDS
from tests.interfaces.identity.openid.conftest import on_both_stores
from tests.interfaces.identity.openid.issuer import AUDIENCE, MadeUpIssuer

EXPECTED = rejection(unauthorized()).body


@pytest.fixture(scope="module")
def published(known_issuer: MadeUpIssuer) -> MadeUpIssuer:
    """The issuer with keys that must not be taken for good ones."""
    bad_tokens.publish(known_issuer)
    return known_issuer


def ours_that_ended(office: Office) -> dict[str, str]:
    """Tokens of ours that were good once, or almost are."""
    good = office.tokens["officer"]
    over, revoked = (create_token(office.service.store, role="admin", subject="a", days=days) for days in (-1, 1))
    with office.service.store.turn() as turn:
        turn.execute("DELETE FROM tokens WHERE hash = ?", [(hashed(revoked),)])
    return {
        "ours, altered": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "ours, in capitals": good.upper(),
        "ours, with a dot": f"{good}.",
        "ours, as parts of a JWT": f"{good}.{good}.{good}",
        "ours, expired": over,
        "ours, revoked": revoked,
    }


def routes(office: Office) -> Sequence[tuple[str, str]]:
    """Every operation that is published, as method and path."""
    return [
        (operation.method, f"{PREFIX}{operation.path.format_map(PATH_IDS)}")
        for resource in office.app.resources
        for operation in resource.operations
    ]


async def asked(app: ASGIApp, method: str, path: str, name: bytes, value: str) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body of an answer; thousands of them, so no client stands in between."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"office"), (name, value.encode())],
        "server": ("office", 80),
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])


@on_both_stores
def test_every_kind_is_refused_on_every_route(office: Office, published: MadeUpIssuer) -> None:
    """401 with the same body, on each of them; and the issuer is asked for nothing but its keys.

    What a token of the issuer is worth is decided without the store, so PostgreSQL is asked only about ours.
    """
    tokens = ours_that_ended(office)
    if office.service.settings.database_url.startswith("sqlite:"):
        tokens |= {name: make(published) for name, make in KINDS.items()}
    assert office.request("GET", f"{PREFIX}/pools", headers={"Authorization": f"Bearer {published.token()}"}).status_code == 200

    async def ask() -> list[str]:
        wrong = []
        for method, path in routes(office):
            for name, token in tokens.items():
                status, headers, body = await asked(office.app, method, path, b"authorization", f"Bearer {token}")
                if (status, body) != (401, EXPECTED) or b"www-authenticate" not in headers:
                    wrong.append(f"{method} {path} with {name}: {status}")
        return wrong

    assert office.portal.call(ask) == []
    assert set(published.asked) == {"/.well-known/openid-configuration", "/keys"}


def test_no_token_of_the_issuer_opens_a_page(office: Office, published: MadeUpIssuer) -> None:
    """Nor does a good one: it is a system's. Whoever shows it is sent to the sign-in."""
    tokens = {name: make(published) for name, make in KINDS.items()} | ours_that_ended(office) | {"good": published.token()}
    pages = [page for page in PAGES if page.policy is not None and "GET" in page.answers]

    async def ask() -> list[str]:
        wrong = []
        for page in pages:
            for name, token in tokens.items():
                status, headers, _ = await asked(office.app, "GET", page.path, b"cookie", f"{session.COOKIE}={token}")
                if (status, headers.get(b"location")) != (303, SIGN_IN.encode()):
                    wrong.append(f"{page.path} with {name}: {status}")
        return wrong

    assert len(pages) >= 3
    assert office.portal.call(ask) == []


@pytest.mark.parametrize("scheme", ["Basic", "DPoP", "bearer:", "", "Bearer Bearer"])
def test_a_good_token_counts_as_a_bearer_only(office: Office, published: MadeUpIssuer, scheme: str) -> None:
    """Under another scheme it is none."""
    stated = {"Authorization": f"{scheme} {published.token()}"}
    assert office.request("GET", f"{PREFIX}/pools", headers=stated).status_code == 401


@pytest.mark.parametrize("kid", ["rsa", "ec"])
@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_a_good_token_is_taken(office: Office, published: MadeUpIssuer, kid: str, typ: str) -> None:
    """With an RSA key or an EC key, for one audience or several, a little before and after its time."""
    now = int(time.time())
    for changed in ({}, {"aud": ["other", AUDIENCE]}, {"exp": now - 20}, {"nbf": now + 20}, {"roles": "officer"}):
        stated = {"Authorization": f"Bearer {published.token(kid, typ=typ, **changed)}"}
        assert office.request("GET", f"{PREFIX}/pools", headers=stated).status_code == 200, changed


def test_a_system_acts_as_who_it_is(office: Office, published: MadeUpIssuer) -> None:
    """Its provider is the one of its token, and what it does stands in the log under its name."""
    token = published.token(sub="abrechnung", roles=["lead"], provider="traeger-a")
    actor = office.portal.call(office.app.state.api.bearers.caller, f"Bearer {token}").actor
    assert (actor.subject, actor.role, actor.organisation) == ("abrechnung", "lead", "traeger-a")


def test_without_an_audience_no_token_of_the_issuer_is_taken(published: MadeUpIssuer) -> None:
    """People may sign in all the same; nobody is asked for keys."""
    settings = Settings(oidc_issuer=published.url, oidc_client_id="c", oidc_redirect_url="http://localhost")
    with start_blocking_portal() as portal, pytest.raises(type(unauthorized())):
        portal.call(OpenId(settings).caller, published.token(aud=""))
