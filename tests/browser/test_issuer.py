"""People and systems of a real OpenID Connect issuer: its own pages in a real browser, its own tokens, its own keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from interfaces.identity import issuer as fetching
from interfaces.identity.tokens import create_token
from interfaces.service import open_service
from interfaces.settings import Settings
from interfaces.web import session
from tests.browser.conftest import address, loopback, served
from tests.browser.issuer import RealIssuer, running_issuer
from tests.office import make_schema

SECRET = "ge:heim/+%"
SYSTEM = ("abrechnung", "abrechnungsgeheimnis")


@dataclass(frozen=True)
class Joined:
    """A service and its issuer, each at its address; to a browser, these are different sites."""

    url: str
    issuer: RealIssuer
    own_token: str

    def system_token(self, scope: str = "stundenpool") -> str:
        answer = httpx.post(f"{self.issuer.url}/token", auth=SYSTEM, data={"grant_type": "client_credentials", "scope": scope})
        return str(answer.json()["access_token"])

    def lists_pools(self, token: str) -> httpx.Response:
        return httpx.get(f"{self.url}/api/v1/pools", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Joined]:
    """A service and an issuer for all tests that leave them as they are."""
    with joined_in(tmp_path_factory.mktemp("joined")) as running:
        yield running


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Joined]:
    """A service and an issuer of one's own."""
    with joined_in(tmp_path) as running:
        yield running


@contextmanager
def joined_in(folder: Path) -> Iterator[Joined]:
    url = f"sqlite:///{folder}/store.db"
    make_schema(url)
    with loopback() as listening, running_issuer(address(listening)) as issuer:
        settings = Settings(
            database_url=url,
            keystore=str(folder / "keys"),
            oidc_issuer=issuer.url,
            oidc_client_id="stundenpool",
            oidc_client_secret=SECRET,
            oidc_redirect_url=address(listening),
            oidc_audience="stundenpool-api",
            oidc_roles="stundenpool-sachbearbeitung=officer, stundenpool-leitung=lead",
        )
        with open_service(settings) as service, served(service, listening):
            yield Joined(address(listening), issuer, create_token(service.store, role="officer", subject="sb-1"))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window that reaches nothing but this machine: the issuer's pages would fetch fonts from elsewhere."""
    context = browser.new_context(locale="de-DE")
    context.route("**/*", _only_here)
    yield context.new_page()
    context.close()


def _only_here(route: Route) -> None:
    if route.request.url.startswith(("http://127.0.0.1:", "http://localhost:", "data:")):
        route.continue_()
    else:
        route.abort()


def sign_in(page: Page, joined: Joined, account: str) -> None:
    """From our page, which has no barriers, all the way through the issuer's."""
    page.goto(f"{joined.url}/")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.get_by_role("link", name="Mit dem Dienstkonto anmelden").click()
    page.get_by_placeholder("Enter any login").fill(account)
    page.get_by_placeholder("and password").fill("geheim")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{joined.url}/**")


def test_a_person_signs_in_and_out(page: Page, joined: Joined) -> None:
    """In the role and for the provider that the issuer states; afterwards neither here nor there is anybody signed in."""
    sign_in(page, joined, "leitung")
    expect(page.locator(".top__person")).to_have_text("leitung Leitung, traeger-a")
    assert page.url == f"{joined.url}/"
    kept = {cookie["name"]: cookie for cookie in page.context.cookies(joined.url)}
    assert (kept[session.COOKIE]["httpOnly"], kept[session.COOKIE]["sameSite"]) == (True, "Strict")
    assert session.SIGNING_IN not in kept

    page.get_by_role("button", name="Abmelden").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_url(f"{joined.url}/anmeldung")
    page.get_by_role("link", name="Mit dem Dienstkonto anmelden").click()
    page.get_by_placeholder("and password").wait_for()


def test_whoever_is_signed_out_there_is_signed_out_here(page: Page, own: Joined) -> None:
    """The issuer says so behind the browser's back."""
    sign_in(page, own, "leitung")
    page.wait_for_url(f"{own.url}/")
    page.goto(f"{own.issuer.url}/session/end")
    page.get_by_role("button", name="Yes, sign me out").click()
    page.get_by_text("Sign-out Success").wait_for()
    page.goto(f"{own.url}/konto")
    assert page.url == f"{own.url}/anmeldung"


def test_a_person_proves_it_at_the_issuer(page: Page, joined: Joined) -> None:
    """Which asks for the password once more, although it knows them; from then on there is something to press."""
    sign_in(page, joined, "leitung")
    page.wait_for_url(f"{joined.url}/")
    page.goto(f"{joined.url}/konto")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.get_by_role("link", name="Mit dem Dienstkonto bestätigen").click()
    page.get_by_placeholder("Enter any login").fill("leitung")
    page.get_by_placeholder("and password").fill("geheim")
    page.get_by_role("button", name="Sign-in").click()
    page.wait_for_url(f"{joined.url}/konto")
    expect(page.get_by_text("Sie haben bestätigt, dass Sie es sind")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_person_without_a_place_is_told_so(page: Page, joined: Joined) -> None:
    """The issuer knows the account, and none of its roles is one of ours."""
    sign_in(page, joined, "niemand")
    expect(page.get_by_role("heading", level=1)).to_have_text("Angemeldet, aber ohne Zugang")
    page.goto(f"{joined.url}/")
    assert page.url == f"{joined.url}/anmeldung"


def test_whoever_declines_is_not_signed_in(page: Page, joined: Joined) -> None:
    """The issuer sends them back with an error."""
    page.goto(f"{joined.url}/anmeldung/oidc")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Die Anmeldung ist nicht gelungen")


def test_an_answer_is_taken_once(page: Page, joined: Joined) -> None:
    """Even with the cookie of the sign-in the issuer takes its code no second time."""
    answers: list[str] = []
    page.on("request", lambda request: answers.append(request.url) if "/zurueck" in request.url else None)
    page.goto(f"{joined.url}/anmeldung/oidc")
    kept = {cookie["name"]: cookie["value"] for cookie in page.context.cookies(f"{joined.url}/anmeldung/oidc/zurueck")}
    page.get_by_placeholder("Enter any login").fill("sachbearbeitung")
    page.get_by_placeholder("and password").fill("geheim")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{joined.url}/")
    [answer] = answers
    again = httpx.get(answer, headers={"Cookie": f"{session.SIGNING_IN}={kept[session.SIGNING_IN]}"})
    assert (again.status_code, session.COOKIE in again.cookies) == (400, False)


def test_a_system_shows_what_it_was_given(own: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
    """By client credentials; before and after the issuer rotates its keys, and not while it is away for good."""
    monkeypatch.setattr(fetching, "PAUSE_SECONDS", 0)
    old = own.system_token()
    assert own.lists_pools(old).status_code == 200
    assert own.lists_pools(own.system_token("stundenpool:read")).status_code == 200
    assert own.lists_pools(own.system_token("stundenpool:events")).status_code == 403
    own.issuer.rotate()
    new = own.system_token()
    assert own.lists_pools(new).status_code == 200
    assert own.lists_pools(old).status_code == 401
    own.issuer.stop()
    assert own.lists_pools(new).status_code == 200, "its key is known"
    monkeypatch.setattr(fetching, "KNOWN_SECONDS_MAX", -1)
    answer = own.lists_pools(new)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert own.lists_pools(own.own_token).status_code == 200


def test_while_the_issuer_is_away_people_are_told(page: Page, own: Joined) -> None:
    """The button leads to a page that says so; the other ways to sign in are still there."""
    own.issuer.stop()
    page.goto(f"{own.url}/anmeldung")
    page.get_by_role("link", name="Mit dem Dienstkonto anmelden").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Vorübergehend nicht erreichbar")
