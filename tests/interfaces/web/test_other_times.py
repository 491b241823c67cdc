"""Stories, explanations and the evaluation as pages: what they say, as of other times, and what they can be checked against."""

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from uuid import uuid4

import pytest

from application.log import read_event
from domain.quantities import berlin_time, hours
from interfaces.storage.postgres import PostgresTurnRecorder
from interfaces.web import formats, trace
from tests.interfaces.http.office import Office
from tests.interfaces.http.test_refusals import LOGGED
from tests.interfaces.web.visitor import Visitor, read
from tests.tampering import tampering


def known_now(office: Office) -> str:
    """The instant of the last event."""
    with office.service.store.reading() as reader:
        head = reader.head()
    assert head is not None
    return berlin_time(read_event(head).recorded_at).isoformat()


# ── the menu


@pytest.mark.parametrize(
    ("who", "titles"),
    [
        ("worker", []),
        ("lead", ["Überblick", "Feststellungen"]),
        ("officer", ["Überblick", "Auswertung", "Vergleich", "Feststellungen", "Geschichte", "Löschkalender"]),
        ("planner", ["Überblick", "Auswertung"]),
        ("auditor", ["Überblick", "Auswertung", "Vergleich", "Feststellungen", "Geschichte", "Einsichten"]),
        ("admin", []),
    ],
)
def test_the_menu_leads_to_what_one_may_open(office: Office, who: str, titles: list[str]) -> None:
    """Each page opens, says in the menu that it is shown, and keeps to the pool."""
    office.given(*LOGGED)
    visitor = Visitor(office).signs_in_as(who)
    first = visitor.opens("/", pool=office.pool).text
    menu = re.findall(r'<a class="menu__page" href="([^"]*)"(?: aria-current="page")?>([^<]*)</a>', first)
    assert [title for _, title in menu] == titles
    for address, title in menu:
        answer = visitor.opens(address)
        assert answer.status_code == 200, address
        assert re.findall(r'aria-current="page">([^<]*)<', answer.text) == [title]
        assert title in ("Geschichte", "Einsichten", "Löschkalender") or f"pool={office.pool}" in address


# ── the evaluation


def test_the_evaluation_is_that_of_the_api(office: Office) -> None:
    """Every figure with its definition, and by group; each leads to what it is made of, for those who may see that."""
    office.given(*LOGGED)
    found = office.get("auditor", "/reports/evaluation", pool=office.pool).json()
    auditor, planner = (Visitor(office).signs_in_as(who) for who in ("auditor", "planner"))
    page = read(auditor.opens("/auswertung", pool=office.pool))
    for figure in found["figures"]:
        shown = " ".join(formats.amount(figure["value"], figure["unit"]).split())
        assert f"{figure['label']} {figure['definition']} {shown}" in page.text
    links = page.links("/nachweis")
    assert len(links) == sum(figure["value"] is not None for figure in found["figures"])
    assert {auditor.opens(link).status_code for link in links} == {200}
    answer = planner.opens("/auswertung", pool=office.pool, by="concern")
    assert "Wohnen" in read(answer).text
    assert read(answer).links("/nachweis") == []
    assert planner.opens("/auswertung", by="person").status_code == 422
    for link in read(auditor.opens("/auswertung", pool=office.pool, by="month")).links("/nachweis"):
        assert auditor.opens(link).status_code == 200


def test_the_evaluation_is_shown_as_it_was_known(office: Office) -> None:
    """given a request since / when the page is asked for as known before / then it is not counted, neither behind a figure."""
    office.given("open_pool", "open_case", "request_hours")
    moment = known_now(office)
    office.given("request_hours")
    auditor = Visitor(office).signs_in_as("auditor")
    page = read(auditor.opens("/auswertung", pool=office.pool, known_at=moment))
    assert "Stand: wie am" in page.text
    [link] = [link for link in page.links("/nachweis") if "%2Frequests%3F" in link]
    assert "1 Anträge" in read(auditor.opens(link)).text
    [link] = [
        link for link in read(auditor.opens("/auswertung", pool=office.pool)).links("/nachweis") if link.endswith("%2Frequests")
    ]
    assert "2 Anträge" in read(auditor.opens(link)).text
    assert auditor.opens("/auswertung", pool=office.pool, known_at="gestern").status_code == 422


# ── explanations


def test_a_figure_is_shown_as_of_other_times(office: Office) -> None:
    """given a figure / when its form is sent with two times / then it is explained as of these, and keeps its name."""
    office.given(*LOGGED)
    auditor = Visitor(office).signs_in_as("auditor")
    name = f"pool/{office.pool}/consumed"
    page = read(auditor.opens("/nachweis", figure=name, as_of="31.12.2023", known_at="31.12.2199"))
    assert "0,00 Std. geleistet · bis 31.12.2023 · wie am 31.12.2199 bekannt" in page.text
    assert f"{name}?as_of=2023-12-31&known_at=2199-12-31" in page.text
    assert auditor.opens("/nachweis", figure=name, as_of="gestern").status_code == 422


@pytest.mark.parametrize("group", ["concern:x", "month:x", "month:2024-13", "month:2024-03", "service_area:x", "district:x"])
def test_a_group_that_is_none_has_nothing(office: Office, group: str) -> None:
    """Anybody may ask for it: the page says so, whatever its name."""
    office.given("open_pool")
    auditor = Visitor(office).signs_in_as("auditor")
    assert auditor.opens("/nachweis", figure=f"evaluation/{office.pool}/requests?by={group}").status_code == 200


def test_what_makes_a_figure_is_turned_page_by_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """given more parts than a page has / when all pages are read / then every part stands once, and each page adds up."""
    office.given(*LOGGED, "correct_session", "log_session")
    auditor = Visitor(office).signs_in_as("auditor")
    whole = read(auditor.opens("/nachweis", figure=f"pool/{office.pool}/consumed"))
    monkeypatch.setattr(trace, "PARTS_SHOWN", 1)
    page, entries = read(auditor.opens("/nachweis", figure=f"pool/{office.pool}/consumed")), []
    while True:
        assert "Einträge auf anderen Seiten" in page.text
        entries += re.findall(r"Nr\. [\d.]+", page.text.partition("Zusammen")[0])
        further = [link for link in page.links("/nachweis") if "after=" in link]
        if not further:
            break
        page = read(auditor.opens(further[0]))
    assert entries == re.findall(r"Nr\. [\d.]+", whole.text.partition("Zusammen")[0])
    assert len(entries) > 2


def test_a_figure_names_what_it_can_be_checked_against(office: Office) -> None:
    """given a checkpoint / when a figure is explained / then its root and the hash of each event stand there, and who holds both
    can follow the proofs; what came later is said to be newer. Providers see none of it."""
    office.given("open_pool", "open_case", "request_hours", "approve_hours")
    checkpoint = office.get("auditor", "/audit/checkpoint").text.splitlines()
    office.given("log_session")
    figure = f"pool/{office.pool}/reserved"
    page = read(Visitor(office).signs_in_as("auditor").opens("/nachweis", figure=figure))
    assert "soeben nachgerechnet" in page.text
    assert f"Wurzel {checkpoint[2]}" in page.text
    proofs = office.get("auditor", "/audit/explain", figure=figure).json()["proofs"]
    assert len(proofs) == 2
    for proof in proofs:
        leaf = b64encode(sha256(b"\0" + b64decode(proof["leaf"])).digest()).decode()
        said = "enthalten" if proof["position"] <= int(checkpoint[1]) else "jünger"
        position = formats.number(proof["position"])
        assert re.search(rf"Nr\. {re.escape(position)} [\w ]+ [\d., :]+ Uhr {re.escape(leaf)} {said}", page.text)
    for who in ("worker", "lead"):
        own = read(Visitor(office).signs_in_as(who).opens("/nachweis", figure=figure)).text
        assert "Wurzel" not in own
        assert "Hashwert" not in own


def test_an_event_that_was_changed_does_not_fit(office: Office) -> None:
    """given a checkpoint / when an event behind a figure is changed in the database / then the page says that it does not fit."""
    office.given("open_pool", "open_case", "request_hours", "approve_hours")
    assert office.get("auditor", "/audit/checkpoint").status_code == 200
    figure = f"pool/{office.pool}/granted"
    auditor = Visitor(office).signs_in_as("auditor")
    [part] = office.get("auditor", "/audit/explain", figure=figure).json()["parts"]
    with office.service.store.reading() as reader:
        [row] = reader.notifications(part["events"][0]["position"] - 1, 1)
    other = row.state.replace(b'"kraft-1"', b'"kraft-9"').replace(b'"sb-1"', b'"sb-9"')
    assert other != row.state
    position = "notification_id" if isinstance(office.service.store, PostgresTurnRecorder) else "rowid"
    for state, said in ((other, "Das Protokoll passt nicht zum Prüfpunkt"), (row.state, "soeben nachgerechnet")):
        with tampering(office.service.store) as tx:
            tx.execute(f"UPDATE stored_events SET state = ? WHERE {position} = ?", [(state, row.id)])
        assert said in read(auditor.opens("/nachweis", figure=figure)).text


# ── stories


def test_a_story_is_chosen(office: Office) -> None:
    """By the reference of a case, by a worker's name, a request's id or a pool; several cases of one reference are listed."""
    reference, auditor = f"F-{uuid4().hex[:8]}", Visitor(office).signs_in_as("auditor")
    cases = []
    for lead in ("lead", "other_lead"):
        office.given_pool()
        case = {"pool": office.pool, "reference": reference, "district": "stadtraum-01", "service_area": "13", "concern": "housing"}
        cases.append(office.post(lead, "/cases", case).json()["id"])
        found = read(auditor.opens("/geschichte", reference=reference))
        if len(cases) == 1:
            assert f"Geschichte des Falls „{reference}“" in found.text
        else:
            assert found.links("/geschichte?case=") == [f"/geschichte?case={case}" for case in cases]
            assert "Fall bei traeger-b, eröffnet am" in found.text
    assert f"/geschichte?pool={office.pool}" in read(auditor.opens("/geschichte")).links("/geschichte?")
    assert "Hier steht kein Fall." in read(auditor.opens("/geschichte", reference="gibt es nicht")).text
    office.given(*LOGGED)
    told = read(auditor.opens("/geschichte", booking=office.booking)).text
    assert "Geschichte des Antrags" in told
    assert "wirksam am" in told


def test_a_story_is_told_as_it_was_known(office: Office) -> None:
    """given a session since / when the story is asked for as known before / then it ends there, and its links stay in that time."""
    office.given("open_pool", "open_case", "request_hours", "approve_hours")
    moment = known_now(office)
    office.given("log_session")
    auditor = Visitor(office).signs_in_as("auditor")
    today = read(auditor.opens("/geschichte", case=office.case))
    then = read(auditor.opens("/geschichte", case=office.case, known_at=moment))
    assert "Termin erfasst" in today.text
    assert "Termin erfasst" not in then.text
    assert "Stand: wie am" in then.text
    links = then.links("/geschichte?")
    assert links
    assert all("known_at=" in link for link in links if link != f"/geschichte?case={office.case}")
    assert all(auditor.opens(link).status_code == 200 for link in links)
    assert auditor.opens("/geschichte", case=office.case, known_at="01.01.2001").status_code == 404


# ── findings


def test_a_finding_is_shown_as_it_was_known(office: Office) -> None:
    """given a finding that was opened / when it is shown as known before / then it was not, and nothing can be done to it there."""
    office.given(*LOGGED)
    moment = known_now(office)
    [late] = office.get("auditor", "/audit/findings", pool=office.pool, rule="late-entry").json()["items"]
    office.when("auditor", f"/audit/findings/{late['id']}/opening", {"note": "Bitte erläutern."}).answers(200)
    auditor = Visitor(office).signs_in_as("auditor")
    then = read(auditor.opens("/feststellung", finding=late["id"], known_at=moment))
    assert "nicht eröffnet" in then.text
    assert "Stand: wie am" in then.text
    assert not [attributes for tag, attributes in then.elements if tag == "form" and attributes["method"] == "post"][1:]
    assert "nicht eröffnet" not in read(auditor.opens("/feststellung", finding=late["id"])).text
    assert Visitor(office).signs_in_as("lead").opens("/feststellung", finding=late["id"], known_at=moment).status_code == 403


def test_two_instants_have_their_sums(office: Office) -> None:
    """given what was recorded late / when two instants are compared / then each change says on which day it counts."""
    office.given(*LOGGED)
    auditor = Visitor(office).signs_in_as("auditor")
    page = read(auditor.opens("/vergleich", pool=office.pool, **{"from": "31.12.2024", "to": "31.12.2199"}))
    changes = office.get("auditor", "/audit/compare", pool=office.pool, **{"from": "2024-12-31", "to": "2199-12-31"}).json()[
        "changes"
    ]
    for change in changes:
        days = " und ".join(f"{day[8:]}.{day[5:7]}.{day[:4]}" for day in change["days"])
        for minutes in change["minutes"].values():
            assert f"wirksam am {days}:" in page.text
            assert hours(minutes) in page.text
