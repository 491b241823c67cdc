"""When the issuer is asked, what is believed of its answers, and what becomes of callers while it is away."""

import time
from collections.abc import Iterator

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from joserfc.jwk import ECKey

from interfaces.http.problems import Rejected
from interfaces.identity import issuer as fetching
from interfaces.identity.issuer import FRESH_SECONDS, KNOWN_SECONDS_MAX, PAUSE_SECONDS
from interfaces.identity.oidc import OpenId
from interfaces.settings import Settings
from tests.interfaces.http.office import Office
from tests.interfaces.identity.openid.conftest import on_both_stores
from tests.interfaces.identity.openid.issuer import AUDIENCE, DISCOVERY, Answer, MadeUpIssuer


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Systems:
    """A service that takes the tokens of an issuer."""

    def __init__(self, issuer: MadeUpIssuer, portal: BlockingPortal) -> None:
        self._openid = OpenId(Settings(oidc_issuer=issuer.url, oidc_audience=AUDIENCE))
        self._portal = portal

    def answer(self, token: str) -> int:
        """200, or the status of the refusal."""
        try:
            self._portal.call(self._openid.caller, token)
        except Rejected as rejected:
            return rejected.problem.status
        return 200

    def answers(self, tokens: list[str]) -> set[int]:
        """To all of them at the same time."""
        futures = [self._portal.start_task_soon(self._openid.caller, token) for token in tokens]
        return {401 if isinstance(future.exception(), Rejected) else 200 for future in futures}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(fetching, "time", clock)
    return clock


@pytest.fixture
def systems(issuer: MadeUpIssuer) -> Iterator[Systems]:
    with start_blocking_portal() as portal:
        yield Systems(issuer, portal)


def test_a_rotated_key_is_asked_for_once(issuer: MadeUpIssuer, systems: Systems, clock: Clock) -> None:
    """A new key is believed at its first token; the one that it replaced is believed no more."""
    old = issuer.token()
    assert systems.answer(old) == 200
    issuer.keys = {"new": ECKey.generate_key("P-256")}
    issuer.publish()
    clock.now += PAUSE_SECONDS
    assert [systems.answer(issuer.token("new")) for _ in range(3)] == [200, 200, 200]
    assert systems.answer(old) == 401
    assert issuer.asked_for("/keys") == 2


def test_a_withdrawn_key_ends_within_minutes(issuer: MadeUpIssuer, systems: Systems, clock: Clock) -> None:
    """Although nobody shows a new one."""
    token = issuer.token()
    assert systems.answer(token) == 200
    del issuer.keys["rsa"]
    issuer.publish()
    clock.now += FRESH_SECONDS + 1
    assert systems.answer(token) == 401


def test_nobody_makes_us_ask_at_will(issuer: MadeUpIssuer, systems: Systems, clock: Clock) -> None:
    """However many unknown keys are named, in turn or all at once: one question in ten seconds."""
    tokens = [issuer.token(f"key-{number}", key=issuer.keys["rsa"]) for number in range(50)]
    assert systems.answers(tokens) == {401}
    assert issuer.asked_for("/keys") == 1
    clock.now += PAUSE_SECONDS
    assert {systems.answer(token) for token in tokens} == {401}
    assert issuer.asked_for("/keys") == issuer.asked_for(DISCOVERY) == 2


def test_what_cannot_be_ours_asks_nobody(issuer: MadeUpIssuer, systems: Systems) -> None:
    """Another algorithm, or no token at all."""
    assert {systems.answer(token) for token in ("a.b.c", "..", f"{issuer.token()}.")} == {401}
    assert issuer.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer({}, 500),
        Answer({}, 404),
        Answer(b"<html>"),
        Answer(b"[" * 100_000),
        Answer({"keys": 1}),
        Answer({"keys": [], "filler": "x" * 300_000}),
        Answer(b"", 302, {"Location": "/elsewhere"}),
    ],
    ids=["500", "404", "html", "nested", "wrong", "huge", "redirect"],
)
@pytest.mark.parametrize("path", [DISCOVERY, "/keys"])
def test_an_issuer_that_talks_nonsense_is_away(issuer: MadeUpIssuer, systems: Systems, path: str, answer: Answer) -> None:
    """503 with a time to come back; nothing is accepted, and no redirect is followed."""
    issuer.answers[path] = answer
    assert systems.answer(issuer.token()) == 503
    assert issuer.asked_for("/elsewhere") == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("issuer", "https://other.example"),
        ("jwks_uri", "http://keys.example/keys"),
        ("jwks_uri", "file:///etc/passwd"),
        ("jwks_uri", ""),
        ("token_endpoint", "http://token.example/token"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("end_session_endpoint", "http://[broken"),
    ],
)
def test_addresses_are_protected(issuer: MadeUpIssuer, systems: Systems, name: str, said: str) -> None:
    """An issuer with another name, or with one address that is not encrypted, is not believed."""
    issuer.publish(**{name: said})
    assert systems.answer(issuer.token()) == 503
    assert issuer.asked_for("/keys") == 0


def test_an_issuer_that_does_not_end_its_answer_is_away(
    issuer: MadeUpIssuer, systems: Systems, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for it waits for a limited time."""
    monkeypatch.setattr(fetching, "ATTEMPT_SECONDS_MAX", 0.2)
    issuer.answers["/keys"] = Answer(b"{", headers={"Content-Length": "1000"})
    started = time.monotonic()
    assert systems.answer(issuer.token()) == 503
    assert time.monotonic() - started < 5


def test_while_the_issuer_is_away_known_keys_do(issuer: MadeUpIssuer, systems: Systems, clock: Clock) -> None:
    """For an hour; then nobody can tell any more. What names a key that it might have by now cannot be judged at all."""
    assert systems.answer(issuer.token()) == 200
    good = issuer.answers.pop("/keys")
    clock.now += FRESH_SECONDS + 1
    assert systems.answer(issuer.token()) == 200
    assert systems.answer(issuer.token("new", key=issuer.keys["rsa"])) == 503
    assert systems.answer(issuer.token(aud="other")) == 401
    clock.now += KNOWN_SECONDS_MAX
    assert systems.answer(issuer.token()) == 503
    issuer.answers["/keys"] = good
    assert systems.answer(issuer.token()) == 503  # it was asked just now
    clock.now += PAUSE_SECONDS
    assert systems.answer(issuer.token()) == 200


@on_both_stores
def test_tokens_of_ours_do_not_need_the_issuer(office: Office, known_issuer: MadeUpIssuer) -> None:
    """While it is away they work as ever, and the others hear when to come back."""
    known_issuer.answers.clear()
    assert office.get("officer", "/pools").status_code == 200
    answer: httpx.Response = office.request("GET", "/api/v1/pools", headers={"Authorization": f"Bearer {known_issuer.token()}"})
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (503, "10", "unavailable")
    assert office.get("officer", "/pools").status_code == 200
