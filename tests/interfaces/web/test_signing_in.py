"""Who gets in, and what a browser is told to keep."""

import base64
import re
from datetime import timedelta
from io import BytesIO
from urllib.parse import unquote
from uuid import uuid4

import pytest
import segno

from interfaces.identity import accounts, passwords, second_factor, sessions
from interfaces.identity.limits import NAME_AND_ADDRESS
from interfaces.identity.passwords import Cost
from interfaces.identity.sessions import PROVED
from interfaces.identity.tokens import create_token, views
from tests.interfaces.http.office import Office
from tests.interfaces.identity.door import PASSWORD, Clock
from tests.interfaces.web.visitor import HOST, Visitor, read

WRONG = "Anmeldename und Passwort passen nicht zusammen"
STEPS = ("/anmeldung/code", "/anmeldung/passwort", "/anmeldung/zweiter-faktor")


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the tests of the steps themselves."""
    monkeypatch.setattr(passwords, "COST", Cost(memory_kib=8, iterations=1, lanes=1))


@pytest.fixture(autouse=True)
def unhurried(office: Office) -> None:
    """All these visitors come from one address, whose failures would add up."""
    with office.service.store.turn() as turn:
        turn.execute("DELETE FROM failures", [()])


class Person:
    """Somebody with an account of their own, an app for codes and a browser, on a day of their own."""

    def __init__(self, office: Office, scheme: str = "http") -> None:
        self.name = f"kim-{uuid4().hex[:8]}"
        self.office = office
        self.clock = Clock()
        self.scheme = scheme
        self.browser = self.another_browser()
        self.recovery: list[str] = []
        with office.service.store.turn() as turn:
            self.first = accounts.create(
                turn, office.service.keyring, self.clock(), "admin-1", name=self.name, role="lead", provider="traeger-a"
            )

    def another_browser(self) -> Visitor:
        visitor = Visitor(self.office, self.scheme)
        visitor.sessions.clock = self.clock
        return visitor

    def sets_up(self) -> "Person":
        """The first time, page by page."""
        self.browser.sends("/anmeldung", name=self.name, password=self.first)
        assert self.is_led_to("/anmeldung/passwort")
        self.browser.sends("/anmeldung/passwort", password=PASSWORD, again=PASSWORD)
        assert self.is_led_to("/anmeldung/zweiter-faktor")
        self.scans()
        answer = self.browser.sends("/anmeldung/zweiter-faktor", code=self.code())
        assert answer.status_code == 200
        self.recovery = re.findall(r">((?:[a-z2-9]{4}-){5}[a-z2-9]{4})<", answer.text)
        assert len(self.recovery) == 10
        assert self.is_led_to("/")
        self.clock.passes(minutes=1)
        return self

    def scans(self) -> None:
        text = read(self.browser.opens("/anmeldung/zweiter-faktor")).text
        [secret] = re.findall("((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})", text)
        self._secret = secret

    def code(self) -> str:
        return second_factor._totp(_decoded(self._secret)).generate(int(self.clock().timestamp())).decode()

    def signs_in(self, browser: Visitor | None = None) -> Visitor:
        browser = browser or self.browser
        browser.sends("/anmeldung", name=self.name, password=PASSWORD)
        assert self.is_led_to("/anmeldung/code", browser)
        browser.sends("/anmeldung/code", code=self.code())
        assert self.is_led_to("/", browser)
        self.clock.passes(seconds=30)
        return browser

    def proves(self, browser: Visitor | None = None) -> "Person":
        """That it is them, before they change something."""
        answer = (browser or self.browser).sends("/konto/bestaetigen", password=PASSWORD, code=self.code())
        assert (answer.status_code, answer.headers["Location"]) == (303, "/konto")
        self.clock.passes(seconds=30)
        return self

    def is_led_to(self, path: str, browser: Visitor | None = None) -> bool:
        """Whether this is the next step."""
        return (browser or self.browser).opens("/anmeldung").headers["Location"] == path


@pytest.fixture
def person(office: Office) -> Person:
    return Person(office)


@pytest.mark.parametrize("path", ["/", "/nachweis", "/konto"])
def test_whoever_is_not_signed_in_is_sent_to_the_sign_in(office: Office, path: str) -> None:
    """303, so that a form that was sent is not sent again."""
    answer = Visitor(office).opens(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/anmeldung")


@pytest.mark.parametrize("path", STEPS)
def test_no_step_is_there_for_whoever_is_not_at_it(office: Office, person: Person, path: str) -> None:
    """Neither before the first step, nor after the last, nor beside the one that is next."""
    for visitor in (Visitor(office), Visitor(office).signs_in_as("lead")):
        for answer in (visitor.opens(path), visitor.sends(path, code="123456", password=PASSWORD, again=PASSWORD)):
            assert (answer.status_code, answer.headers["Location"]) == (303, "/anmeldung")
    person.browser.sends("/anmeldung", name=person.name, password=person.first)
    here = person.browser.opens(path)
    assert here.status_code == (200 if path == "/anmeldung/passwort" else 303)
    assert person.browser.opens("/").headers["Location"] == "/anmeldung"


def test_an_account_opens_the_first_page(person: Person) -> None:
    """After all steps, and from then on with password and code."""
    person.sets_up()
    assert person.name in read(person.browser.opens("/")).text
    person.browser.sends("/abmelden")
    assert person.signs_in().opens("/").status_code == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_cookie_is_for_this_host_and_no_script(office: Office, scheme: str) -> None:
    """HttpOnly and SameSite=Strict, gone with the browser; Secure and for this very host alone where it is encrypted."""
    person = Person(office, scheme)
    answer = person.browser.sends("/anmeldung", name=person.name, password=person.first)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-stundenpool=" if scheme == "https" else "stundenpool=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert "domain" not in cookie.lower()
    assert ("Secure" in cookie) == (scheme == "https")
    assert "expires" not in cookie.lower()
    assert "max-age" not in cookie.lower()


def test_an_encrypted_page_takes_no_cookie_of_another_name(office: Office) -> None:
    """One without the prefix may have been set by a neighbouring host."""
    visitor = Visitor(office, "https").signs_in_as("officer")
    cookie = visitor.cookie
    assert visitor.opens("/").status_code == 200
    other = Visitor(office, "https")
    other.keeps("stundenpool", cookie or "")
    assert other.opens("/").status_code == 303


@pytest.mark.parametrize(
    "body",
    [
        b"name=kim&password=falsch",
        b"name=&password=",
        b"",
        b"name=kim&password=" + b"x" * 5000,
        b"name=%00%0d%0aSet-Cookie:%20a=b&password=%00",
        "name=ÄÖÜ&password=ß".encode(),
    ],
)
def test_anything_else_is_told_and_keeps_nobody(office: Office, body: bytes) -> None:
    """The same form with a message, whatever was sent; no cookie, and nothing of it repeated."""
    visitor = Person(office).browser
    answer = visitor.sends_raw("/anmeldung", body)
    page = read(answer)
    assert answer.status_code == 422
    assert WRONG in page.text
    assert visitor.cookie is None
    assert "falsch" not in answer.text
    assert ("input", "true") in [(tag, attributes.get("aria-invalid")) for tag, attributes in page.elements]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"name=kim&password=" + b"x" * 65_536, 413),
        (b"name=falsch&name=b&password=c", 422),
        (b"&".join(b"x=%d" % n for n in range(100)), 422),
        (b"name=\xff\xfe&password=x", 422),
        (b"name=%FF%ED%A0%80&password=x", 422),
    ],
)
def test_what_is_no_form_of_these_pages_is_refused(office: Office, body: bytes, status: int) -> None:
    """Without a cookie, and nothing of it repeated."""
    visitor = Person(office).browser
    answer = visitor.sends_raw("/anmeldung", body)
    assert answer.status_code == status
    assert WRONG not in read(answer).text
    assert visitor.cookie is None
    assert "falsch" not in answer.text


def test_whoever_has_failed_too_often_is_told_when_to_come_back(person: Person) -> None:
    """To a person in words, to a program by the status."""
    for _ in range(NAME_AND_ADDRESS.free):
        assert person.browser.sends("/anmeldung", name=person.name, password="falsch").status_code == 422
    answer = person.browser.sends("/anmeldung", name=person.name, password=person.first)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert "geht es erst in 2 Sekunden weiter" in read(answer).text
    assert person.browser.cookie is None


def test_passwords_are_covered_and_may_come_from_a_manager(person: Person) -> None:
    """Each field says which password it takes, and nothing on the page keeps anybody from pasting one."""
    pages = [person.browser.opens("/anmeldung")]
    person.browser.sends("/anmeldung", name=person.name, password=person.first)
    pages.append(person.browser.opens("/anmeldung/passwort"))
    person.browser.sends("/anmeldung/passwort", password=PASSWORD, again=PASSWORD)
    person.scans()
    person.browser.sends("/anmeldung/zweiter-faktor", code=person.code())
    pages.append(person.browser.opens("/konto"))
    inputs = [attributes for page in pages for tag, attributes in read(page).elements if tag == "input"]
    fields = [each for each in inputs if each["name"] in ("password", "again")]
    assert [each["autocomplete"] for each in fields] == ["current-password", "new-password", "new-password", "current-password"]
    assert {each["type"] for each in fields} == {"password"}
    assert not [name for page in pages for _, attributes in read(page).elements for name in attributes if name.startswith("on")]


def test_a_wrong_code_is_told(person: Person) -> None:
    """The step stays the same."""
    person.sets_up().browser.sends("/abmelden")
    person.browser.sends("/anmeldung", name=person.name, password=PASSWORD)
    answer = person.browser.sends("/anmeldung/code", code="000000")
    assert answer.status_code == 422
    assert "Dieser Code gilt nicht" in read(answer).text
    assert person.browser.opens("/").status_code == 303
    person.browser.sends("/anmeldung/code", code=person.recovery[3])
    assert person.browser.opens("/").status_code == 200


def test_the_picture_holds_what_the_text_says(person: Person) -> None:
    """As apps read it."""
    person.browser.sends("/anmeldung", name=person.name, password=person.first)
    person.browser.sends("/anmeldung/passwort", password=PASSWORD, again=PASSWORD)
    page = read(person.browser.opens("/anmeldung/zweiter-faktor"))
    [source] = [source for source in page.all("src") if source.startswith("data:image/svg+xml")]
    person.scans()
    address = second_factor.address_of(_decoded(person._secret), person.name)
    expected = BytesIO()
    segno.make(address, error="m").save(expected, kind="svg", scale=5, border=4, light="white", xmldecl=False, nl=False)
    assert unquote(source).partition("<path")[2][:400] == expected.getvalue().decode().replace('"', "'").partition("<path")[2][:400]
    assert address.startswith(f"otpauth://totp/Stundenpool:{person.name}?")


def _decoded(text: str) -> bytes:
    return base64.b32decode(text.replace(" ", ""))


def test_signing_in_anew_ends_the_session_that_the_browser_had(person: Person) -> None:
    """A copy of its cookie is worth nothing any more."""
    person.sets_up()
    copy = person.another_browser()
    copy.keeps(copy.cookie_name, person.browser.cookie or "")
    assert copy.opens("/").status_code == 200
    person.browser.sends("/anmeldung", name=person.name, password=PASSWORD)
    assert copy.opens("/").status_code == 303
    assert person.is_led_to("/anmeldung/code")


def test_a_session_changes_its_id_while_somebody_works(person: Person) -> None:
    """With the page that they look at; the form that they send with the old one is taken."""
    person.sets_up()
    before = person.browser.cookie
    person.clock.now += sessions.ROTATED
    answer = person.browser.opens("/konto")
    assert answer.status_code == 200
    assert "Set-Cookie" in answer.headers
    assert person.browser.cookie not in (None, before)
    assert "Set-Cookie" not in person.browser.opens("/konto").headers


def test_signing_out_ends_the_session(office: Office) -> None:
    """By a form only: a link could be followed by accident. A copy of the cookie is worth nothing."""
    visitor = Visitor(office).signs_in_as("officer")
    cookie = visitor.cookie or ""
    assert visitor.opens("/abmelden").status_code == 405
    assert visitor.opens("/").status_code == 200
    answer = visitor.sends("/abmelden")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/anmeldung")
    assert visitor.cookie is None
    copy = Visitor(office)
    copy.keeps("stundenpool", cookie)
    assert copy.opens("/").status_code == 303


@pytest.mark.parametrize(
    "path", ["/anmeldung", *STEPS, "/anmeldung/token", "/abmelden", "/konto/bestaetigen", "/konto/beenden", "/konto/erneuern"]
)
@pytest.mark.parametrize(
    "origin", [None, "null", "https://elsewhere.example", f"http://{HOST}:81", f"http://{HOST}.elsewhere.example", "http://["]
)
def test_a_form_from_elsewhere_is_refused(shared_office: Office, path: str, origin: str | None) -> None:
    """Neither signs anybody in nor out, nor changes anything."""
    stranger, member = Visitor(shared_office), Visitor(shared_office).signs_in_as("lead")
    for visitor in (stranger, member):
        before = visitor.cookie
        answer = visitor.sends(path, origin, token=shared_office.tokens["officer"], session="others")
        assert answer.status_code == 403
        assert "Das Formular kam nicht von dieser Seite" in read(answer).text
        assert visitor.cookie == before
        assert "Set-Cookie" not in answer.headers
    assert member.opens("/konto").status_code == 200


def test_no_token_is_pasted_into_a_form(office: Office) -> None:
    """It belongs to a program; only a demonstration takes one."""
    visitor = Visitor(office)
    assert "Zugangstoken" not in visitor.opens("/anmeldung").text
    answer = visitor.sends("/anmeldung/token", token=office.tokens["officer"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/anmeldung")
    assert visitor.cookie is None


def test_the_api_takes_no_cookie(office: Office) -> None:
    """What a browser sends along by itself opens no call, so nobody can be made to call."""
    visitor = Visitor(office).signs_in_as("officer")
    assert visitor.opens("/api/v1/pools").status_code == 401


class TestOwnAccount:
    def test_it_shows_where_one_is_signed_in(self, person: Person) -> None:
        """Each browser, with this one marked; and no other person's."""
        person.sets_up()
        person.signs_in(person.another_browser())
        text = read(person.browser.opens("/konto")).text
        assert text.count("mit Passwort und zweitem Faktor") == 2
        assert text.count("Diese Sitzung") == 1
        assert "Sie haben noch 10 Wiederherstellungscodes" in text

    def test_others_can_be_ended_one_by_one_or_together(self, person: Person) -> None:
        """At once."""
        person.sets_up()
        others = [person.signs_in(person.another_browser()) for _ in range(3)]
        assert "Beenden" not in person.browser.opens("/konto").text
        person.proves()
        ids = re.findall('name="session" value="([0-9a-f-]{36})"', person.browser.opens("/konto").text)
        assert len(ids) == 3
        person.browser.sends("/konto/beenden", session=ids[0])
        assert [other.opens("/").status_code for other in others].count(303) == 1
        person.browser.sends("/konto/beenden", session="others")
        assert [other.opens("/").status_code for other in others] == [303] * 3
        assert person.browser.opens("/").status_code == 200

    def test_nobody_ends_what_is_anothers(self, office: Office, person: Person) -> None:
        """Neither a session nor a token; the answer does not say whether there is one."""
        person.sets_up()
        stranger = Person(office).sets_up().proves().browser
        with office.service.store.reading() as reader:
            own = [each.id for each in views(reader) if each.subject == "leitung-1"]
            [(session,)] = reader.fetch("SELECT id FROM sessions WHERE subject = ?", (person.name,))
        answers = [stranger.sends("/konto/beenden", session=session), stranger.sends("/konto/beenden", token=str(own[0]))]
        answers.append(stranger.sends("/konto/beenden", session=str(uuid4())))
        assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {(303, "/konto")}
        assert person.browser.opens("/").status_code == 200
        assert office.get("lead", "/pools").status_code == 200

    def test_ones_own_token_can_be_revoked(self, office: Office, person: Person) -> None:
        """It goes from the list."""
        person.sets_up().proves()
        create_token(office.service.store, role="lead", subject=person.name, provider="traeger-a", scope="read", days=3650)
        page = person.browser.opens("/konto").text
        [id] = re.findall('name="token" value="([0-9a-f-]{36})"', page)
        assert "Nur zum Lesen" in page
        person.browser.sends("/konto/beenden", token=id)
        assert "Auf Ihre Kennung ist kein Zugangstoken ausgestellt" in read(person.browser.opens("/konto")).text

    def test_a_password_is_changed_with_the_one_of_now(self, person: Person) -> None:
        """A browser that was left alone is not enough, and neither is one of both factors."""
        person.sets_up()
        for password, code in (("falsch", person.code()), (PASSWORD, "000000"), ("", person.code())):
            wrong = person.browser.sends("/konto/bestaetigen", password=password, code=code)
            assert wrong.status_code == 422
            assert "Passwort oder Code stimmen nicht" in read(wrong).text
        assert person.browser.sends("/konto/erneuern", step="password").status_code == 422
        person.clock.passes(minutes=1)  # after so many failures
        before = person.browser.cookie
        person.proves()
        assert person.browser.cookie != before
        person.browser.sends("/konto/erneuern", step="password")
        assert person.is_led_to("/anmeldung/passwort")
        person.browser.sends("/anmeldung/passwort", password="ein ganz anderer Satz", again="ein ganz anderer Satz")
        assert person.is_led_to("/")

    @pytest.mark.parametrize("passes", [None, PROVED])
    def test_nothing_changes_without_a_proof(self, office: Office, person: Person, passes: timedelta | None) -> None:
        """Nor once it is some minutes old: the page says what is to be done, and everything is as it was."""
        person.sets_up()
        other = person.signs_in(person.another_browser())
        create_token(office.service.store, role="lead", subject=person.name, provider="traeger-a", days=3650)
        if passes is not None:
            person.proves().clock.now += passes
        with office.service.store.reading() as reader:
            [token] = [each.id for each in views(reader) if each.subject == person.name]
        for path, form in (
            ("/konto/beenden", {"session": "others"}),
            ("/konto/beenden", {"token": str(token)}),
            ("/konto/erneuern", {"step": "password"}),
            ("/konto/erneuern", {"step": "factor"}),
        ):
            answer = person.browser.sends(path, **form)
            assert answer.status_code == 422
            assert "Bestätigen Sie bitte zuerst noch einmal, dass Sie es sind" in read(answer).text
        assert other.opens("/konto").status_code == 200
        assert "Für alles, was Ihre Rolle darf" in other.opens("/konto").text
        assert person.is_led_to("/")

    def test_a_code_proves_once(self, person: Person) -> None:
        """Neither twice, nor after it was used to sign in; a recovery code stands in for it."""
        person.sets_up()
        person.clock.passes(minutes=1)
        code = person.code()
        other = person.another_browser()
        other.sends("/anmeldung", name=person.name, password=PASSWORD)
        other.sends("/anmeldung/code", code=code)
        assert person.browser.sends("/konto/bestaetigen", password=PASSWORD, code=code).status_code == 422
        assert person.browser.sends("/konto/bestaetigen", password=PASSWORD, code=person.recovery[0]).status_code == 303
        assert person.browser.sends("/konto/bestaetigen", password=PASSWORD, code=person.recovery[0]).status_code == 422

    def test_whoever_fails_to_prove_it_too_often_waits(self, person: Person) -> None:
        """As at the sign-in: an open browser is no place to guess."""
        person.sets_up()
        for _ in range(NAME_AND_ADDRESS.free):
            assert person.browser.sends("/konto/bestaetigen", password="falsch", code="000000").status_code == 422
        assert person.browser.sends("/konto/bestaetigen", password=PASSWORD, code=person.code()).status_code == 429

    def test_it_says_from_which_browser(self, person: Person) -> None:
        """As people tell them apart; what it said besides is not kept."""
        person.sets_up()
        phone = person.another_browser()
        phone.says_it_is("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0")
        person.signs_in(phone)
        text = read(person.browser.opens("/konto")).text
        assert "Firefox auf Android" in text
        assert "Unbekannter Browser" in text
        assert "Gecko" not in text

    def test_whoever_was_let_in_otherwise_has_no_password_here(self, office: Office) -> None:
        """Another system knows it, or nobody."""
        visitor = Visitor(office).signs_in_as("auditor")
        assert "Jetziges Passwort" not in visitor.opens("/konto").text
        assert visitor.sends("/konto/erneuern", password="x", step="factor").status_code == 303
        assert visitor.opens("/").status_code == 200
