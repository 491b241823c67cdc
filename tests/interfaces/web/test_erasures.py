"""Officers see whose data are to be erased, and decide it, on the pages."""

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from domain.personal_data import CLASSES
from domain.quantities import berlin_day
from interfaces.http.erasing import CarryingOut
from interfaces.web import erasures
from interfaces.web.erasures import COMMANDS
from interfaces.web.pages import CALENDAR, ERASURE, PAGES
from tests.interfaces.http.office import Office, running_office
from tests.interfaces.web.visitor import Read, Visitor, read

CLOSED = ("open_pool", "open_case", "close_case")
START = datetime(2024, 3, 5, tzinfo=UTC)
TEXT = "Kim Beispiel"  # stands in the personal fields of the examples
ALL = dict.fromkeys(CLASSES, "true")


def form_of(page: Read, deed: str) -> dict[str, str]:
    """What the form of a deed sends unasked."""
    forms: list[dict[str, str]] = []
    for tag, attributes in page.elements:
        if tag == "form":
            forms.append({})
        elif tag == "input" and attributes.get("type") == "hidden" and forms:
            forms[-1][str(attributes["name"])] = str(attributes["value"])
    return next(each for each in forms if each.get("deed") == deed)


def offered(page: Read) -> list[str]:
    return [str(attributes["value"]) for _, attributes in page.elements if attributes.get("name") == "deed"]


def grounds(page: Read) -> list[str]:
    return [str(attributes["value"]) for _, attributes in page.elements if attributes.get("type") == "radio"]


def does(visitor: Visitor, case: str, deed: str, **said: str) -> httpx.Response:
    """Opens the page, fills in the form of a deed, and sends it."""
    return visitor.sends(ERASURE, **form_of(read(visitor.opens(ERASURE, case=case)), deed), **said)


def refuses(answer: httpx.Response, sentence: str) -> Read:
    assert answer.status_code == 422, answer.text
    page = read(answer)
    assert f"Das wurde nicht angenommen {sentence}" in page.text
    return page


def officers(office: Office) -> tuple[Visitor, Visitor]:
    return Visitor(office).signs_in_as("officer"), Visitor(office).signs_in_as("second_officer")


def stands(office: Office, case: str) -> dict[str, object]:
    found: dict[str, object] = office.get("officer", f"/cases/{case}/erasure").json()
    return found


# ── the calendar


def test_the_calendar_names_whose_data_are_due_on_a_day(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found from the first page; each with its days and how it stands, a page at a time, and no text of anybody."""
    case, year = office.given(*CLOSED).case, berlin_day(office.service.clock()).year
    officer, _ = officers(office)
    [link] = read(officer.opens("/", pool=office.pool)).links(CALENDAR)
    assert f"{ERASURE}?case={case}" not in officer.opens(link).text
    assert officer.opens(CALENDAR, on=f"31.12.{year + 10}").text.count(case) == 0
    monkeypatch.setattr(erasures, "PERSONS_SHOWN", 1)
    office.given(*CLOSED)
    pages = [read(officer.opens(CALENDAR, on=f"01.01.{year + 11}"))]
    while further := [link for link in pages[-1].links(CALENDAR) if "after=" in link]:
        pages.append(read(officer.opens(further[0])))
    listed = [link for page in pages for link in page.links(f"{ERASURE}?")]
    assert len(listed) == len(set(listed)) == len(pages) >= 2
    assert {f"{ERASURE}?case={case}", f"{ERASURE}?case={office.case}"} <= set(listed)
    whole = " ".join(page.text for page in pages)
    assert f"traeger-a {berlin_day(office.service.clock()):%d.%m.%Y} 01.01.{year + 11} –" in whole
    assert TEXT not in whole


def test_a_page_that_begins_behind_somebody_erased_begins_anew(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody is passed over."""
    monkeypatch.setattr(erasures, "PERSONS_SHOWN", 1)
    case = office.given(*CLOSED).case
    officer, _ = officers(office)
    on = f"01.01.{berlin_day(office.service.clock()).year + 11}"
    first = read(officer.opens(CALENDAR, on=on)).links(f"{ERASURE}?")
    assert read(officer.opens(CALENDAR, on=on, after=str(uuid4()))).links(f"{ERASURE}?") == first
    assert read(officer.opens(CALENDAR, on=on, after=case)).links(f"{ERASURE}?") != [f"{ERASURE}?case={case}"]


def test_the_calendar_lists_what_is_in_hand(office: Office) -> None:
    """What was requested and by whom, what is held, what is not destroyed yet; and a case by its reference."""
    case = office.given(*CLOSED).case
    officer, second = officers(office)

    def listed(**wanted: str) -> str:
        text = read(officer.opens(CALENDAR, **wanted)).text
        found = re.search(r"Stand (F-2024-017.*)Position", text)
        return found[1] if found and case in officer.opens(CALENDAR, **wanted).text else ""

    assert listed(state="requested") == listed(state="held") == listed(state="unconfirmed") == ""
    assert listed(reference="F-2024-017") != ""
    assert "Hier steht kein Fall." in read(officer.opens(CALENDAR, reference="F-nirgends")).text
    assert does(officer, case, "hold", reason="Klage").status_code == 303
    assert "Löschsperre" in listed(state="held")
    assert does(officer, case, "lift", reason="erledigt").status_code == 303
    assert does(officer, case, "request", ground="order", reason="unzulässig", **ALL).status_code == 303
    assert "beantragt von sb-1" in listed(state="requested")
    assert does(second, case, "agree").status_code == 303
    assert " gelöscht wird vernichtet" in listed(state="unconfirmed")
    assert listed(state="requested") == listed(state="held") == ""
    CarryingOut(office.service).look()
    assert listed(state="unconfirmed") == ""


@pytest.mark.parametrize("query", [{"on": "morgen"}, {"on": "31.02.2033"}, {"state": "x"}, {"after": "x"}, {"reference": "\0"}])
def test_a_malformed_question_is_422_as_a_page(office: Office, query: dict[str, str]) -> None:
    officer, _ = officers(office)
    answer = officer.opens(CALENDAR, **query)
    assert answer.status_code == 422
    assert "Angaben nicht gültig" in read(answer).text


# ── one case


def test_two_officers_erase_on_the_page(office: Office) -> None:
    """The first requests, the second is told that it is final; then the page says how far the destruction is. Sent twice, once
    decided."""
    case = office.given(*CLOSED).case
    officer, second = officers(office)
    office.get("lead", f"/cases/{case}")  # reads the texts
    office.get("officer", f"/cases/{case}/subject")  # takes them in order to hand them on
    page = read(officer.opens(ERASURE, case=case))
    assert (offered(page), grounds(page)) == (["request", "hold"], ["request", "order"])
    assert TEXT not in page.text
    asking = {**form_of(page, "request"), "ground": "order", "reason": "unzulässig", **ALL}
    for _ in range(2):
        answer = officer.sends(ERASURE, **asking)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{ERASURE}?case={case}")

    page = read(officer.opens(ERASURE, case=case))
    assert "von sb-1 (begründete Anordnung)" in page.text
    assert "Zustimmen muss eine andere Person." in page.text
    assert offered(page) == ["withdraw", "hold"]

    page = read(second.opens(ERASURE, case=case))
    assert offered(page) == ["agree", "withdraw", "hold"]
    assert (
        "Wenn Sie zustimmen, wird endgültig gelöscht: Stammdaten, Fallakte, Leistungsnachweise und Bescheide. "
        "Das lässt sich nicht rückgängig machen." in page.text
    )
    agreeing = form_of(page, "agree")
    for _ in range(2):
        assert second.sends(ERASURE, **agreeing).status_code == 303

    page = read(officer.opens(ERASURE, case=case))
    assert "Ihre Schlüssel werden gerade vernichtet" in page.text
    assert "Gelesen hatten Texte dieses Falls: Jugendamt, traeger-a." in page.text
    assert "Auskunft über die Schnittstelle, durch sb-1 (Jugendamt)" in page.text
    CarryingOut(office.service).look()
    page = read(officer.opens(ERASURE, case=case))
    assert "Die Schlüssel sind vernichtet" in page.text
    assert page.text.count("gelöscht, Schlüssel vernichtet") == len(CLASSES)
    assert offered(page) == []
    types = [event["type"] for event in office.get("officer", f"/cases/{case}/subject").json()["events"]]
    assert [each for each in types if "eras" in each] == ["erasure-requested", "personal-data-erased", "erasure-confirmed"]


def test_a_request_is_taken_back_and_a_hold_set_and_lifted(office: Office) -> None:
    """Only what is possible is offered; while it is held, nobody can agree."""
    case = office.given(*CLOSED).case
    officer, second = officers(office)
    for deed in ("request", "hold"):
        empty = does(officer, case, deed, **({"ground": "request", "identity": "true"} if deed == "request" else {}))
        refuses(empty, "Bitte eine Begründung angeben.")
    assert does(officer, case, "request", ground="request", reason="Antrag", identity="true").status_code == 303
    page = read(second.opens(ERASURE, case=case))
    assert offered(page) == ["withdraw", "hold"], "nothing of it is due"
    assert "zustimmen lässt sich erst ab dem genannten Tag" in page.text
    assert does(second, case, "hold", reason="Klage").status_code == 303
    page = read(second.opens(ERASURE, case=case))
    assert offered(page) == ["withdraw", "lift"]
    assert "Solange die Löschsperre gilt, kann niemand zustimmen." in page.text
    assert does(second, case, "withdraw", reason="zurückgezogen").status_code == 303
    assert does(second, case, "lift", reason="erledigt").status_code == 303
    assert offered(read(second.opens(ERASURE, case=case))) == ["request", "hold"]
    assert (stands(office, case)["requested"], stands(office, case)["held"]) == ([], False)


def test_a_case_that_goes_on_is_erased_by_order_alone(office: Office) -> None:
    """Its periods have not begun."""
    case = office.given("open_pool", "open_case").case
    officer, _ = officers(office)
    page = read(officer.opens(ERASURE, case=case))
    assert "Fall läuft noch" in page.text
    assert grounds(page) == ["order"]
    form = {**form_of(page, "request"), "ground": "request", "reason": "Antrag", **ALL}
    refuses(officer.sends(ERASURE, **form), "Der Fall „F-2024-017“ ist noch offen")


def test_what_has_changed_meanwhile_is_not_decided(office: Office) -> None:
    """given two officers with the same form / when both send it / then the second has not agreed to what it did not see.

    Nor does anybody agree to another request than the one that was shown.
    """
    case = office.given(*CLOSED).case
    officer, second = officers(office)
    forms = [form_of(read(each.opens(ERASURE, case=case)), "request") for each in (officer, second)]
    said = {"ground": "order", "reason": "unzulässig <b>doch</b>", **ALL}
    assert officer.sends(ERASURE, **forms[0], **said).status_code == 303
    refuses(second.sends(ERASURE, **forms[1], **said), "Die Angaben wurden inzwischen geändert.")
    agreeing = form_of(read(second.opens(ERASURE, case=case)), "agree")
    assert does(officer, case, "withdraw", reason="zu viel").status_code == 303
    assert does(officer, case, "request", **{**said, "identity": ""}).status_code == 303
    refuses(second.sends(ERASURE, **agreeing), "Die Angaben wurden inzwischen geändert.")
    assert stands(office, case)["erased"] == []


def test_what_the_rules_forbid_is_refused_with_their_sentence(office: Office) -> None:
    """However the form was come by: nobody agrees alone, to what is held, or to nothing; and what was written is kept."""
    case = office.given(*CLOSED).case
    officer, second = officers(office)
    page = refuses(does(officer, case, "request", reason="Eingabe <b>bleibt</b>"), "Bitte geben Sie einen Grund an")
    assert "Eingabe <b>bleibt</b>" in page.text
    assert [attributes["name"] for _, attributes in page.elements if "checked" in attributes] == []
    refuses(does(officer, case, "request", ground="order", reason="x"), "Bitte geben Sie einen Grund an")
    refuses(
        officer.sends(ERASURE, **{**form_of(page, "request"), "ground": "retention"}, **ALL),
        "Das Personenbezogene des Falls „F-2024-017“ ist aufzubewahren",
    )
    assert does(officer, case, "request", ground="order", reason="unzulässig", **ALL).status_code == 303
    agreeing = form_of(read(second.opens(ERASURE, case=case)), "agree")
    refuses(officer.sends(ERASURE, **agreeing), "Über eine Löschung müssen zwei verschiedene Personen entscheiden")
    assert does(officer, case, "hold", reason="Klage").status_code == 303
    held = form_of(read(second.opens(ERASURE, case=case)), "lift")
    refuses(
        second.sends(ERASURE, **{**agreeing, "key": str(uuid4()), "version": held["version"]}),
        "Für den Fall „F-2024-017“ gilt eine Löschsperre.",
    )
    refuses(second.sends(ERASURE, **{**held, "deed": "hold"}, reason="Klage"), "Darüber ist schon entschieden.")
    for wrong in ({"deed": "erase"}, {"version": "x"}, {"key": ""}, {"ground": "x"}):
        assert second.sends(ERASURE, **{**agreeing, **wrong}).status_code == 422
    assert second.sends(ERASURE, **{**agreeing, "key": str(uuid4()), "case": str(uuid4())}).status_code == 404
    assert second.opens(ERASURE, case=str(uuid4())).status_code == 404
    assert second.sends(ERASURE, "https://elsewhere.example", **agreeing).status_code == 403
    assert stands(office, case)["erased"] == []


def test_only_what_is_due_is_erased_and_the_rest_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """given periods of different length, years later / when a request is agreed to / then the page says what stays, and it does."""
    now = START
    monkeypatch.setattr("interfaces.service.clock_of", lambda _: lambda: now)
    periods = tmp_path / "periods.toml"
    periods.write_text("identity_years = 5\n")
    with running_office(f"sqlite:///{tmp_path}/store.db", tmp_path, retention=str(periods)) as office:
        case = office.given(*CLOSED).case
        now = START.replace(year=START.year + 6)
        officer, second = officers(office)
        due = read(officer.opens(CALENDAR))
        assert f"{ERASURE}?case={case}" in due.links(ERASURE)
        assert "Stammdaten: 01.01.2030 Fallakte: 01.01.2035 Nachweise: 01.01.2035" in due.text
        page = read(officer.opens(ERASURE, case=case))
        assert "Stammdaten 01.01.2030 zu löschen Fallakte 01.01.2035 wird aufbewahrt" in page.text
        assert grounds(page) == ["retention", "request", "order"]
        assert does(officer, case, "request", ground="request", reason="Antrag", **ALL).status_code == 303
        text = read(second.opens(ERASURE, case=case)).text
        assert "wird endgültig gelöscht: Stammdaten." in text
        assert "Noch aufzubewahren und deshalb weiter beantragt: Fallakte, Leistungsnachweise und Bescheide." in text
        assert does(second, case, "agree").status_code == 303
        assert (stands(office, case)["erased"], stands(office, case)["requested"]) == (["identity"], ["file", "voucher"])


@pytest.mark.parametrize("who", ["worker", "lead", "planner", "auditor", "admin"])
def test_only_officers_see_and_decide_it(office: Office, who: str) -> None:
    """As over the API, whose policies the pages have."""
    case = office.given(*CLOSED).case
    visitor = Visitor(office).signs_in_as(who)
    form = form_of(read(officers(office)[0].opens(ERASURE, case=case)), "hold")
    assert visitor.opens(CALENDAR).status_code == 403
    assert visitor.opens(ERASURE, case=case).status_code == 403
    assert visitor.sends(ERASURE, **form, reason="Klage").status_code == 403
    assert read(visitor.opens("/")).links(CALENDAR) == []
    [page] = [page for page in PAGES if page.path == ERASURE]
    assert {command.policy for command in COMMANDS.values()} == {page.policy}
