"""The pages in a real browser: no barriers, no errors, nothing from elsewhere, nothing cut off; on every screen, light and dark."""

import base64
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Browser, Page, Request

from tests.browser.conftest import Site

WIDTHS = (360, 768, 1280)
OF_COLOURS = ("color-contrast", "link-in-text-block")  # what alone a dark screen may break that a light one keeps

CUT_OFF = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


class Window:
    """A browser window of one person, that notices what must not happen."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self._site = site
        self.wrong: list[str] = []
        page.on("console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", self._look_at)

    def _look_at(self, request: Request) -> None:
        if not request.url.startswith((f"{self._site.url}/", "data:")):
            self.wrong.append(f"a request to {request.url}")

    def signs_in_as(self, who: str) -> "Window":
        self.page.goto(f"{self._site.url}/")
        self.page.get_by_label("Zugangstoken").fill(self._site.tokens[who])
        self.page.get_by_role("button", name="Mit Token anmelden").click()
        self.page.get_by_role("button", name="Abmelden").wait_for()
        return self

    def is_without_barriers(self) -> None:
        """axe finds nothing, nothing is cut off, on any screen; and nothing went wrong on the way here."""
        self.page.wait_for_load_state()  # a heading may be there before the styles are
        before = self.page.viewport_size
        assert before is not None
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self._follows({})
            assert not self.page.evaluate(CUT_OFF), f"the page is wider than {width} pixels"
            self.page.emulate_media(color_scheme="dark")
            self._follows({"runOnly": OF_COLOURS})
            self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(before)
        assert self.wrong == []

    def _follows(self, rules: dict[str, object]) -> None:
        """All rules, unless ``rules`` names some alone."""
        found = Axe().run(self.page, options={"resultTypes": ["violations"], **rules})
        assert found.violations_count == 0, f"{self.page.viewport_size}: {found.generate_report()}"


def opened(browser: Browser, site: Site, width: int) -> Iterator[Window]:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="light", locale="de-DE")
    yield Window(context.new_page(), site)
    context.close()


@pytest.fixture
def window(browser: Browser, site: Site) -> Iterator[Window]:
    """A fresh window on a phone, where the way to a page is the narrowest."""
    yield from opened(browser, site, WIDTHS[0])


@pytest.fixture
def desk(browser: Browser, site: Site) -> Iterator[Window]:
    """A fresh window on an ordinary screen."""
    yield from opened(browser, site, WIDTHS[-1])


def test_signing_in_has_no_barriers(window: Window, site: Site) -> None:
    """Neither the form, nor the form with its message."""
    window.page.goto(f"{site.url}/anmeldung")
    window.is_without_barriers()
    window.page.get_by_label("Zugangstoken").fill("falsch")
    window.page.get_by_role("button", name="Mit Token anmelden").click()
    window.page.get_by_role("alert").wait_for()
    assert window.wrong.pop().startswith("Failed to load resource: the server responded with a status of 422")
    window.is_without_barriers()


@pytest.mark.parametrize("who", ["officer", "worker", "admin"])
def test_the_first_page_has_no_barriers(window: Window, who: str) -> None:
    """For those who see all of it, their own, or nothing; with the table behind the chart as well."""
    window.signs_in_as(who)
    window.is_without_barriers()
    for summary in window.page.get_by_text("Werte als Tabelle").all():
        summary.click()
        window.page.get_by_role("table", name="Stand des Pools am Ende jedes Monats").wait_for()
        window.is_without_barriers()


def test_where_a_figure_comes_from_has_no_barriers(window: Window) -> None:
    """From the figure to its entries and the hashes of these, and back."""
    window.signs_in_as("officer")
    window.page.locator("#glance ~ dl a").last.click()  # the figure with the fewest entries
    window.page.get_by_role("heading", name="Woher diese Zahl kommt").wait_for()
    window.is_without_barriers()
    window.page.locator("summary").click()
    window.page.get_by_role("table", name="Hashwerte der Einträge").wait_for()
    window.is_without_barriers()
    window.page.get_by_role("link", name="Flexibler Stundenpool").click()
    window.page.get_by_role("heading", name="Auf einen Blick").wait_for()


def test_another_time_has_no_barriers(window: Window) -> None:
    """The form, the page as it was, a figure of that time, and the way back to today."""
    window.signs_in_as("officer")
    window.page.get_by_label("geschehen bis").fill("28.02.2022")
    window.page.get_by_label("bekannt am").fill("03.03.2022")
    window.page.locator(".times").get_by_role("button", name="Anzeigen").click()
    window.page.get_by_role("status").get_by_text("wie am 03.03.2022 bekannt").wait_for()
    window.is_without_barriers()
    window.page.locator("#glance ~ dl a").last.click()
    window.page.get_by_role("heading", name="Woher diese Zahl kommt").wait_for()
    window.is_without_barriers()
    window.page.go_back()
    window.page.get_by_role("link", name="Heutigen Stand zeigen").click()
    window.page.get_by_role("heading", name="Auf einen Blick").wait_for()
    assert window.page.get_by_role("status").count() == 0


def test_findings_have_no_barriers(window: Window) -> None:
    """From the first page to the findings of its pool."""
    window.signs_in_as("officer")
    window.page.get_by_role("link", name="Feststellungen").click()
    window.page.get_by_role("heading", name="Feststellungen").wait_for()
    window.is_without_barriers()


def test_a_finding_has_no_barriers(window: Window) -> None:
    """The list with its form, one finding with its events and forms, and the story of its case."""
    window.signs_in_as("auditor")
    window.page.get_by_role("link", name="Feststellungen").click()
    window.page.get_by_role("heading", name="Eigene Feststellung eröffnen").wait_for()
    window.is_without_barriers()
    window.page.locator("tbody th a").first.click()
    window.page.get_by_role("heading", name="Worauf sie beruht").wait_for()
    window.is_without_barriers()
    window.page.get_by_role("link", name="Geschichte des Falls").first.click()
    window.page.get_by_role("heading", name="Geschichte des Falls").wait_for()
    window.is_without_barriers()


def test_two_instants_compared_have_no_barriers(window: Window) -> None:
    """The form alone, and what it asks for."""
    window.signs_in_as("auditor")
    window.page.get_by_role("link", name="Vergleich").click()
    window.page.get_by_role("heading", name="Zwei Zeitpunkte vergleichen").wait_for()
    window.is_without_barriers()
    window.page.get_by_label("erster Zeitpunkt").fill("28.02.2022")
    window.page.get_by_label("zweiter Zeitpunkt").fill("31.05.2022")
    window.page.get_by_role("button", name="Vergleichen").click()
    window.page.get_by_role("heading", name="Dazwischen verzeichnet").wait_for()
    window.is_without_barriers()


def test_the_evaluation_has_no_barriers(window: Window) -> None:
    """All figures with their definitions, and told apart by group."""
    window.signs_in_as("officer")
    window.page.get_by_role("link", name="Auswertung").click()
    window.page.get_by_role("heading", name="Ungedeckter Bedarf").wait_for()
    window.is_without_barriers()
    window.page.get_by_role("link", name="Stadtraum").click()
    window.page.get_by_text("Prohlis").first.wait_for()
    window.is_without_barriers()


def test_a_story_has_no_barriers(window: Window) -> None:
    """The forms to choose one, a story, and the same as it was known before."""
    window.signs_in_as("auditor")
    window.page.get_by_role("link", name="Geschichte", exact=True).click()
    window.page.get_by_role("heading", name="Geschichten").wait_for()
    window.is_without_barriers()
    window.page.get_by_label("Fallzeichen").fill("F-001")
    window.page.locator("form", has=window.page.get_by_label("Fallzeichen")).get_by_role("button").click()
    window.page.get_by_role("heading", name="Geschichte des Falls „F-001“").wait_for()
    window.is_without_barriers()
    window.page.get_by_label("bekannt am").fill("28.02.2022")
    window.page.locator(".times").get_by_role("button", name="Anzeigen").click()
    window.page.get_by_role("status").get_by_text("wie am 28.02.2022 bekannt").wait_for()
    window.is_without_barriers()


def test_readings_have_no_barriers(window: Window, site: Site) -> None:
    """From the first page to who read whose texts, and to what one person read."""
    read = httpx.get(f"{site.url}/api/v1/audit/trail", headers={"Authorization": f"Bearer {site.tokens['officer']}"})
    assert read.status_code == 200
    window.signs_in_as("auditor")
    window.page.get_by_role("link", name="Einsichten").click()
    window.page.get_by_role("heading", name="Einsichten").wait_for()
    window.is_without_barriers()
    window.page.get_by_role("link", name="officer-1").first.click()
    window.page.get_by_text("Nur officer-1.").wait_for()
    window.is_without_barriers()


def test_erasures_have_no_barriers(window: Window) -> None:
    """From the first page to the calendar, to one case, what is refused there, and what is decided."""
    page = window.signs_in_as("officer").page
    page.get_by_role("link", name="Löschkalender").click()
    page.get_by_role("heading", name="Löschkalender").wait_for()
    window.is_without_barriers()
    page.get_by_label("Fallzeichen").fill("F-001")
    page.get_by_role("button", name="Suchen").click()
    page.get_by_role("link", name="F-001").click()
    request = page.get_by_role("region", name="Löschung beantragen")
    request.get_by_label("Anordnung").check()
    request.get_by_label("Begründung").fill("Die Speicherung war unzulässig.")
    for kept in ("Stammdaten", "Fallakte", "Leistungsnachweise"):
        request.get_by_label(kept).uncheck()
    request.get_by_role("button").click()
    page.get_by_role("alert").wait_for()
    assert "422" in window.wrong.pop()
    window.is_without_barriers()
    request.get_by_label("Stammdaten").check()
    request.get_by_role("button").click()
    page.get_by_text("Zustimmen muss eine andere Person.").wait_for()
    window.is_without_barriers()
    withdrawal = page.get_by_role("region", name="Antrag zurücknehmen")
    withdrawal.get_by_label("Begründung").fill("Versehen")
    withdrawal.get_by_role("button").click()
    page.get_by_role("heading", name="Löschung beantragen").wait_for()


def test_the_page_is_used_by_keyboard(desk: Window) -> None:
    """The first key press offers to skip to the content; what has the focus shows it."""
    desk.signs_in_as("officer")
    desk.page.keyboard.press("Tab")
    skip = desk.page.get_by_role("link", name="Zum Inhalt springen")
    assert skip.evaluate("link => link === document.activeElement && link.getBoundingClientRect().top >= 0")
    desk.page.keyboard.press("Enter")
    assert desk.page.evaluate("document.activeElement.id") == "content"
    desk.page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth"
    assert desk.page.evaluate(outline) == "solid4px"


def test_the_page_has_landmarks_and_its_fonts(desk: Window) -> None:
    """One header, one main part, one footer; the typeface of the design system has arrived."""
    desk.signs_in_as("officer")
    for landmark in ("banner", "main", "contentinfo"):
        assert desk.page.get_by_role(landmark).count() == 1  # type: ignore[arg-type]
    assert desk.page.evaluate("document.fonts.ready.then(() => document.fonts.check('600 16px \"Fira Sans\"'))")
    assert desk.wrong == []


def test_on_paper_there_is_the_table_and_no_button(desk: Window) -> None:
    """What a chart shows is printed as numbers too; what can only be clicked is not. Dark screens print dark on white."""
    desk.signs_in_as("officer")
    desk.page.emulate_media(media="print", color_scheme="dark")
    assert desk.page.evaluate("getComputedStyle(document.body).backgroundColor") in ("rgb(255, 255, 255)", "oklch(1 0 0)")
    assert desk.page.get_by_role("button", name="Abmelden").count() == 0
    table = desk.page.get_by_role("table", name="Stand des Pools am Ende jedes Monats", include_hidden=True)
    assert table.evaluate("table => table.getBoundingClientRect().height") > 100


def test_signing_out_ends_it(desk: Window, site: Site) -> None:
    """The way back leads to the form."""
    desk.signs_in_as("worker")
    desk.page.get_by_role("button", name="Abmelden").click()
    desk.page.get_by_label("Zugangstoken").wait_for()
    desk.page.goto(f"{site.url}/")
    assert desk.page.url == f"{site.url}/anmeldung"
    assert desk.wrong == []


PIXELS = """image => {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    return [canvas.width, canvas.height, ...data.filter((_, index) => index % 4 == 0)];
}"""


class Phone:
    """The app of a person: it reads the picture on the page, and shows codes of the time that it is."""

    def scans(self, window: Window) -> None:
        width, height, *reds = window.page.get_by_role("img", name="QR-Code").evaluate(PIXELS)
        [found] = zxingcpp.read_barcodes(memoryview(bytes(reds)).cast("B", shape=[height, width]))
        [secret] = parse_qs(urlsplit(found.text).query)["secret"]
        self._totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)

    def code(self, ahead: int = 0) -> str:
        return self._totp.generate(int(time.time()) + 30 * ahead).decode()


def test_a_person_signs_in_with_a_second_factor(desk: Window, site: Site) -> None:
    """From the first password to signing out, wrong codes, a recovery code and a new password on the way; without a barrier."""
    page, phone = desk.page, Phone()
    name, first = site.new_account()

    def says(label: str, text: str, button: str) -> None:
        page.get_by_label(label, exact=True).fill(text)
        page.get_by_role("button", name=button, exact=True).click()

    def is_turned_down() -> None:
        page.get_by_role("alert").wait_for()
        assert "422" in desk.wrong.pop()
        desk.is_without_barriers()

    def goes_to_the_code() -> None:
        page.goto(f"{site.url}/anmeldung")
        page.get_by_label("Anmeldename").fill(name)
        says("Passwort", "Apfel Wolke Treppe", "Anmelden")
        page.get_by_role("heading", name="Zweiter Faktor").wait_for()

    page.goto(f"{site.url}/anmeldung")
    page.get_by_label("Anmeldename").fill(name)
    says("Passwort", "falsch", "Anmelden")
    is_turned_down()
    page.get_by_label("Anmeldename").fill(name)
    says("Passwort", first, "Anmelden")

    page.get_by_role("heading", name="Neues Passwort wählen").wait_for()
    desk.is_without_barriers()
    page.get_by_label("Neues Passwort wiederholen").fill("anders")
    says("Neues Passwort", "Apfel Wolke Treppe", "Passwort speichern")
    is_turned_down()
    page.get_by_label("Neues Passwort wiederholen").fill("Apfel Wolke Treppe")
    says("Neues Passwort", "Apfel Wolke Treppe", "Passwort speichern")

    page.get_by_role("heading", name="Zweiten Faktor einrichten").wait_for()
    desk.is_without_barriers()
    phone.scans(desk)
    says("Code aus der App", "000000", "Einrichten")
    is_turned_down()
    code = phone.code()
    says("Code aus der App", code, "Einrichten")
    page.get_by_role("heading", name="Wiederherstellungscodes").wait_for()
    desk.is_without_barriers()
    recovery = page.locator(".recovery-codes code").all_inner_texts()
    page.get_by_role("link", name="Weiter").click()
    page.get_by_role("heading", name="Auf einen Blick").wait_for()
    before = cookie(page)

    page.get_by_role("button", name="Abmelden").click()
    goes_to_the_code()
    desk.is_without_barriers()
    says("Code", code, "Bestätigen")  # it is used up
    is_turned_down()
    says("Code", recovery[0], "Bestätigen")
    page.get_by_role("heading", name="Auf einen Blick").wait_for()
    assert cookie(page) != before

    page.get_by_role("link", name=name).click()
    page.get_by_text("Sie haben noch 9 Wiederherstellungscodes").wait_for()
    desk.is_without_barriers()
    page.get_by_label("Jetziges Passwort").fill("falsch")
    says("Code", recovery[1], "Bestätigen")
    is_turned_down()
    page.get_by_label("Jetziges Passwort").fill("Apfel Wolke Treppe")
    says("Code", recovery[1], "Bestätigen")
    page.get_by_role("button", name="Passwort ändern").wait_for()
    desk.is_without_barriers()
    page.get_by_role("button", name="Abmelden").click()
    goes_to_the_code()
    says("Code", phone.code(ahead=1), "Bestätigen")
    page.get_by_role("heading", name="Auf einen Blick").wait_for()
    assert desk.wrong == []


def cookie(page: Page) -> str:
    """What the browser keeps, and no script reads."""
    [kept] = page.context.cookies()
    assert (kept["name"], kept["httpOnly"], kept["sameSite"], kept["expires"]) == ("stundenpool", True, "Strict", -1)
    assert page.evaluate("document.cookie") == ""
    return kept["value"]
