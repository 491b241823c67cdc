"""What the pages show to whom, and what they never do."""

import re
from typing import Any, NoReturn
from uuid import UUID

import pytest
from eventsourcing.persistence import OperationalError

from application.log import read_event
from domain.quantities import berlin_time, hours
from interfaces.web import findings, pages, story
from interfaces.web.messages import GERMAN
from interfaces.web.pages import STATIC
from tests.interfaces.http.office import PEOPLE, Office
from tests.interfaces.http.test_refusals import LOGGED
from tests.interfaces.web.visitor import Read, Visitor, read

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}{facts}'
TEXT = "Kim Beispiel"  # stands in the personal fields of the examples
TEMPLATES = STATIC.parent / "templates"


def first_page(office: Office, who: str, **query: str) -> Any:
    return Visitor(office).signs_in_as(who).opens("/", pool=office.pool, **query)


def request_as(office: Office, who: str, reference: str, **facts: Any) -> None:
    """A case with this reference, and a request for it that waits."""
    case = {
        "pool": office.pool,
        "reference": reference,
        "district": "stadtraum-02",
        "service_area": "13",
        "concern": "housing",
        **facts,
    }
    opened = office.post(who, "/cases", case)
    assert opened.status_code == 201, opened.text
    assert office.post(who, "/bookings", {"case": opened.json()["id"], "minutes": 120, "purpose": TEXT}).status_code == 201


# ── what is there


def test_the_figures_are_those_of_the_api(office: Office) -> None:
    """Hours in German, every one of them."""
    office.given(*LOGGED)
    balance = office.get("officer", f"/pools/{office.pool}/balance").json()
    text = read(first_page(office, "officer")).text
    for figure in ("budget", "available", "reserved", "consumed", "released"):
        assert hours(balance[figure]) in text, figure


def test_a_request_that_waits_stands_there_until_it_is_decided(office: Office) -> None:
    """Reference, provider, district, hours, day and state."""
    office.given_pool()
    request_as(office, "lead", "F-wartet")
    text = read(first_page(office, "officer")).text
    assert "1 Antrag über 2,00 Std." in text
    assert re.search(r"F-wartet traeger-a stadtraum-02 2,00 Std\. \d\d\.\d\d\.\d{4} heute neu", text)
    [waiting] = office.get("officer", f"/pools/{office.pool}/worklist").json()["items"]
    assert office.post("officer", f"/bookings/{waiting['booking']}/approval", {}).status_code == 200
    assert "Es wartet kein Antrag." in read(first_page(office, "officer")).text


def test_only_the_oldest_of_many_are_listed(office: Office) -> None:
    """All are counted."""
    office.given_pool()
    for number in range(12):
        request_as(office, "lead", f"F-{number:02d}")
    text = read(first_page(office, "officer")).text
    assert "12 Anträge über zusammen 24,00 Std. – die 10 ältesten:" in text
    assert "F-09" in text
    assert "F-10 traeger-a stadtraum-02" not in text


def test_the_latest_of_the_trail_opens_no_text(office: Office) -> None:
    """Whoever reads the page reads nothing personal, so nothing is recorded about it."""
    office.given(*LOGGED)

    def reads() -> int:
        with office.service.store.reading() as reader:
            return int(reader.fetch("SELECT COUNT(*) FROM personal_reads")[0][0])

    before = reads()
    for who in ("officer", "auditor"):
        text = read(first_page(office, who)).text
        assert "Zuletzt im Prüfpfad" in text
        assert "erfasste einen Termin" in text
        assert TEXT not in text
    assert reads() == before


def test_several_pools_are_to_be_chosen_from(office: Office) -> None:
    """The one that is named; without a name, one that is open and runs."""
    office.given_pool(name="Erster Pool")
    first = office.pool
    office.given_pool(name="Zweiter Pool")
    visitor = Visitor(office).signs_in_as("planner")
    assert '<h1 class="kern-heading-large">Erster Pool</h1>' in visitor.opens("/", pool=first).text
    page = read(visitor.opens("/", pool=office.pool))
    chosen = [attributes["value"] for tag, attributes in page.elements if tag == "option" and "selected" in attributes]
    assert chosen == [office.pool]
    assert visitor.opens("/").status_code == 200


# ── who sees what


def test_a_provider_sees_its_own_and_the_sums_of_the_pool(office: Office) -> None:
    """Neither requests nor districts of others."""
    office.given(*LOGGED)
    request_as(office, "other_lead", "F-fremd", district="stadtraum-fremd")
    [foreign] = office.get("officer", f"/pools/{office.pool}/worklist").json()["items"]
    assert office.post("officer", f"/bookings/{foreign['booking']}/approval", {}).status_code == 200
    request_as(office, "other_lead", "F-fremd-2", district="stadtraum-fremd")
    request_as(office, "worker", "F-eigen")
    mine, theirs = (read(first_page(office, who)).text for who in ("worker", "other_lead"))
    assert "F-eigen" in mine
    assert "Davon Ihr Träger: traeger-a" in mine
    assert "F-eigen" not in theirs
    for told in ("F-fremd", "stadtraum-fremd", "traeger-b"):
        assert told not in mine
        assert told in theirs
    balance = office.get("worker", f"/pools/{office.pool}/balance").json()
    for text in (mine, theirs):
        assert hours(balance["available"]) in text
        assert "Prüfpfad" not in text


def test_planning_sees_figures_and_no_case(office: Office) -> None:
    """No reference, no person, no list that names either, and nothing that leads there."""
    office.given(*LOGGED)
    request_as(office, "lead", "F-geheim")
    page = read(first_page(office, "planner"))
    assert "Nach Stadtraum" in page.text
    for told in ("F-geheim", "F-2024", TEXT, "Wartet auf", "Prüfpfad", "leitung-1"):
        assert told not in page.text
    assert page.links("/nachweis") == []
    assert Visitor(office).signs_in_as("planner").opens("/nachweis", figure=f"pool/{office.pool}/consumed").status_code == 403


def test_administration_sees_no_pool_at_all(office: Office) -> None:
    """A page that says so."""
    office.given(*LOGGED)
    text = read(first_page(office, "admin")).text
    assert "Keine Einsicht in Stundenpools" in text
    assert "Std." not in text
    assert "Modellprojekt" not in text


# ── where figures come from


@pytest.mark.parametrize("who", ["officer", "auditor", "worker", "other_lead"])
def test_every_figure_leads_to_entries_that_add_up_to_it(office: Office, who: str) -> None:
    """The sum of what is listed, and of what is not the reader's, is the figure."""
    office.given(*LOGGED)
    request_as(office, "other_lead", "F-fremd")
    page = read(first_page(office, who))
    links = page.links("/nachweis")
    assert len(links) >= 12
    visitor = Visitor(office).signs_in_as(who)
    for link in links:
        answer = visitor.opens(link)
        assert answer.status_code == 200, link
        shown = [_minutes(text) for text in re.findall(r"-?[\d.]+,\d\d Std\.", read(answer).text)]
        figure, *lines, total = shown
        assert figure == total == sum(lines), link


def _minutes(text: str) -> int:
    return round(float(text.removesuffix(" Std.").replace(".", "").replace(",", ".")) * 60)


def test_a_provider_finds_nothing_of_others_behind_a_figure(office: Office) -> None:
    """Others stand there as one sum; another provider's figures are not there, and those of a district are one's own."""
    office.given(*LOGGED)
    visitor = Visitor(office).signs_in_as("other_lead")
    text = read(visitor.opens("/nachweis", figure=f"pool/{office.pool}/consumed")).text
    assert "Andere Träger und frühere Einträge" in text
    for told in ("F-2024-017", "traeger-a", "stadtraum-01"):
        assert told not in text
    assert visitor.opens("/nachweis", figure=f"pool/{office.pool}/consumed?by=provider:traeger-a").status_code == 404
    district = read(visitor.opens("/nachweis", figure=f"pool/{office.pool}/consumed?by=district:stadtraum-01")).text
    assert "0,00 Std. geleistet" in district


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("requests", "1 Anträge"),
        ("requested_minutes?by=concern:housing", "10,00 Std. Beantragte Zeit · Anlass Wohnen"),
        ("used_share", "Anteil"),
        ("to_decision_median?by=provider:traeger-a", "Quantil"),
        ("sessions?known_at=2199-12-31", "1 Termine · wie am 31.12.2199 bekannt"),
        ("closed_moved", "Fälle"),
    ],
)
def test_a_figure_of_the_evaluation_is_traced_for_the_office(office: Office, figure: str, said: str) -> None:
    """As a sum, a share, a mean or a quantile; a provider finds none of it."""
    office.given(*LOGGED)
    name = f"evaluation/{office.pool}/{figure}"
    answer = Visitor(office).signs_in_as("auditor").opens("/nachweis", figure=name)
    assert answer.status_code == 200
    text = read(answer).text
    assert said in text
    assert f"Name dieser Zahl {name}" in text
    assert Visitor(office).signs_in_as("lead").opens("/nachweis", figure=name).status_code in (403, 404)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"figure": "consumed"},
        {"figure": "pool/{pool}/alles"},
        {"figure": "pool/{pool}/consumed?as_of=gestern"},
        {"figure": "pool/{pool}/consumed?as_of=9999-99-99"},
        {"figure": "pool/{pool}/consumed?by=district:\0"},
        {"figure": "pool/{pool}/consumed?by=district:%00"},
        {"figure": "pool/' OR 1=1/consumed"},
        {"figure": "pool/{pool}/consumed", "wer": "ich"},
    ],
)
def test_a_malformed_question_is_422_as_a_page(office: Office, query: dict[str, str]) -> None:
    """Never an error of ours."""
    office.given_pool()
    answer = (
        Visitor(office)
        .signs_in_as("officer")
        .opens("/nachweis", **{name: value.replace("{pool}", office.pool) for name, value in query.items()})
    )
    assert answer.status_code == 422
    assert "Angaben nicht gültig" in read(answer).text


# ── other times


def test_the_page_is_shown_as_it_was(office: Office) -> None:
    """given a pool that has changed / when its page is asked for as known before / then it says so, with the figures of then, each
    of which leads to entries that add up to it."""
    office.given("open_pool", "open_case", "request_hours")
    before = office.get("auditor", f"/pools/{office.pool}").json()["balance"]["budget"]
    with office.service.store.reading() as reader:
        head = reader.head()
        assert head is not None
        moment = berlin_time(read_event(head).recorded_at).isoformat()
    office.given("approve_hours", "log_session", "change_budget")
    page = read(first_page(office, "auditor", known_at=moment))
    assert "Stand: wie am" in page.text
    assert f"von {hours(before)} Kontingent" in page.text
    assert "0,00 Std. in erfassten Terminen" in page.text
    visitor = Visitor(office).signs_in_as("auditor")
    links = page.links("/nachweis")
    assert len(links) >= 6
    for link in links:
        text = read(visitor.opens(link)).text
        figure, *lines, total = [_minutes(found) for found in re.findall(r"-?[\d.]+,\d\d Std\.", text)]
        assert figure == total == sum(lines), link
        assert "bekannt" in text
    past = read(first_page(office, "auditor", as_of="31.12.2023"))
    assert "Stand: was bis 31.12.2023 geschehen ist." in past.text
    assert "0,00 Std. verfügbar von 0,00 Std. Kontingent" in past.text


def test_other_times_are_for_auditors_and_officers(office: Office) -> None:
    """Others have no form for it, and are refused; what is no time is said to be none."""
    office.given(*LOGGED)
    for who in ("worker", "lead", "planner"):
        assert 'name="known_at"' not in first_page(office, who).text
        for name in ("as_of", "known_at"):
            assert first_page(office, who, **{name: "31.03.2024"}).status_code == 403
    answer = first_page(office, "officer", known_at="gestern")
    assert answer.status_code == 422
    assert "bekannt am" in read(answer).text
    assert first_page(office, "officer", known_at="01.01.2001").status_code == 404


# ── what never happens


@pytest.mark.parametrize("pool", ["nichts", "' OR 1=1 --", "\0", "ÿ", str(UUID(int=7)), "1" * 5000])
def test_a_pool_that_is_not_there_is_404_as_a_page(office: Office, pool: str) -> None:
    """Whatever was asked for, and nothing of it repeated."""
    office.given_pool()
    answer = Visitor(office).signs_in_as("officer").opens("/", pool=pool)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert pool not in answer.text.replace("\0", "")[:20]
    assert "Nicht gefunden" in read(answer).text


def test_auditors_read_findings(office: Office) -> None:
    """From the first page on: rule, sentence, source, events and how far each is handled; also what no rule finds."""
    office.given(*LOGGED, "raise_finding")
    office.when("lead", "/audit/findings/{finding}/explanation", {"explanation": "vergessen"}).answers(200)
    visitor = Visitor(office).signs_in_as("auditor")
    [link] = read(visitor.opens("/", pool=office.pool)).links("/feststellungen?")
    whole = read(visitor.opens(link)).text
    assert "Spät erfasst" in whole
    assert "Rechnungshof Rheinland-Pfalz 2024" in whole
    assert "nicht eröffnet" in whole
    explained = read(visitor.opens("/feststellungen", pool=office.pool, state="explained")).text
    assert "von einer Person festgestellt Der Wortlaut ist verschlossen" in explained
    assert "Stellungnahme liegt vor 1 Stellungnahme" in explained
    assert "Spät erfasst" not in explained
    assert "Dienstplan" not in explained
    assert "Hier steht keine Feststellung." in read(visitor.opens("/feststellungen", pool=office.pool, state="closed")).text


def test_findings_are_turned_page_by_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until there are no more; a page that ends nowhere is refused."""
    monkeypatch.setattr(findings, "FINDINGS_SHOWN", 1)
    office.given(*LOGGED)
    visitor = Visitor(office).signs_in_as("officer")
    page, pages = read(visitor.opens("/feststellungen", pool=office.pool)), 1
    while further := [link for link in page.links("/feststellungen") if "after=" in link]:
        page, pages = read(visitor.opens(further[0])), pages + 1
    assert pages >= 2
    assert visitor.opens("/feststellungen", pool=office.pool, after="x").status_code == 422
    for person in ("worker", "planner", "admin"):
        assert Visitor(office).signs_in_as(person).opens("/feststellungen", pool=office.pool).status_code == 403
    assert Visitor(office).opens("/feststellungen").status_code == 303


def form_of(page: Read, submit: str) -> dict[str, str]:
    """The hidden fields of the form that sends this deed, or of the only one."""
    forms: list[dict[str, str]] = []
    for tag, attributes in page.elements:
        if tag == "form":
            forms.append({})
        elif tag == "input" and attributes.get("type") == "hidden" and forms:
            forms[-1][str(attributes["name"])] = str(attributes["value"])
    return next(each for each in forms if each.get("deed") == submit and "key" in each)


def test_a_finding_is_handled_on_the_pages(office: Office) -> None:
    """Opened and closed by auditors, explained by the provider; a button that is pressed twice does it once."""
    office.given(*LOGGED)
    auditor, lead = (Visitor(office).signs_in_as(who) for who in ("auditor", "lead"))
    [late] = office.get("auditor", "/audit/findings", pool=office.pool, rule="late-entry").json()["items"]
    link = f"/feststellung?finding={late['id']}"
    assert link in read(auditor.opens("/feststellungen", pool=office.pool)).links("/feststellung?")
    page = read(auditor.opens(link))
    assert "nicht eröffnet" in page.text
    assert "Worauf sie beruht" in page.text
    opening = {**form_of(page, "open"), "text": "Bitte erläutern."}
    assert lead.opens(link).status_code == 404
    for _ in range(2):
        answer = auditor.sends("/feststellung", **opening)
        assert (answer.status_code, answer.headers["Location"]) == (303, link)

    [own] = read(lead.opens("/", pool=office.pool)).links("/feststellungen?")
    [mine] = read(lead.opens(own)).links("/feststellung?")
    assert mine == link
    page = read(lead.opens(mine))
    assert "Feststellung bestätigen" not in page.text
    assert "Bitte erläutern." not in page.text
    assert "Bitte erläutern." in read(lead.opens(f"{mine}&texts=true")).text
    empty = lead.sends("/feststellung", **form_of(page, "explain"))
    assert empty.status_code == 422
    assert "Das wurde nicht angenommen" in read(empty).text
    assert lead.sends("/feststellung", **form_of(read(empty), "explain"), text="Vertretung\r\nam Montag").status_code == 303

    page = read(auditor.opens(link))
    assert "Stellungnahme liegt vor" in page.text
    assert auditor.sends("/feststellung", **form_of(page, "confirm")).status_code == 303
    page = read(auditor.opens(link))
    refused = auditor.sends("/feststellung", **{**form_of(page, "close"), "deed": "confirm"}, text="<b>doch</b>")
    assert refused.status_code == 422
    assert "schon entschieden" in read(refused).text
    assert auditor.sends("/feststellung", **form_of(read(refused), "close"), text="berichtigt").status_code == 303
    finding = link.partition("=")[2]
    steps = office.get("auditor", f"/audit/findings/{finding}").json()["steps"]
    assert [(step["type"], step["text"]) for step in steps] == [
        ("finding-opened", "Bitte erläutern."),
        ("finding-explained", "Vertretung\nam Montag"),
        ("finding-confirmed", None),
        ("finding-closed", "berichtigt"),
    ]
    with office.service.store.reading() as reader:
        reads = reader.fetch("SELECT subject, path FROM personal_reads WHERE path LIKE '%/feststellung'")
    assert reads == [("leitung-1", "GET /feststellung")]


def test_an_auditor_raises_a_finding_on_the_page(office: Office) -> None:
    """With a note at least; and nobody does it for another."""
    office.given_pool()
    auditor = Visitor(office).signs_in_as("auditor")
    page = read(auditor.opens("/feststellungen", pool=office.pool))
    form = {name: str(value["value"]) for name, value in by_name(page, "hidden").items()}
    again = auditor.sends("/feststellungen", **form)
    assert again.status_code == 422
    form = {name: str(value["value"]) for name, value in by_name(read(again), "hidden").items()}
    assert auditor.sends("/feststellungen", "https://elsewhere.example", **form, note="x").status_code == 403
    for who in ("officer", "lead"):
        assert Visitor(office).signs_in_as(who).sends("/feststellungen", **form, note="x").status_code == 403
    assert auditor.sends("/feststellungen", **form, note="Ein Aushang fehlt.", provider="traeger-a").status_code == 303
    [raised] = office.get("lead", "/audit/findings/opened", pool=office.pool).json()["items"]
    assert (raised["state"], raised["provider"], raised["rule"]) == ("open", "traeger-a", None)
    assert auditor.sends("/feststellungen", **{**form, "key": "x"}, note="x").status_code == 422
    assert auditor.sends("/feststellungen", **form, note="x" * 70_000).status_code == 413


def by_name(page: Read, kind: str) -> dict[str, dict[str, str | None]]:
    inputs = [attributes for tag, attributes in page.elements if tag == "input" and attributes.get("type") == kind]
    return {str(attributes["name"]): attributes for attributes in inputs if attributes["name"] in ("key", "pool")}


def test_findings_are_shown_as_they_were_known(office: Office) -> None:
    """With a banner, and the way back to today."""
    office.given(*LOGGED)
    auditor = Visitor(office).signs_in_as("auditor")
    text = read(auditor.opens("/feststellungen", pool=office.pool, known_at="31.12.2199")).text
    assert "wie am 31.12.2199 bekannt" in text
    assert "Spät erfasst" in text
    assert auditor.opens("/feststellungen", pool=office.pool, known_at="31.02.2024").status_code == 422
    assert Visitor(office).signs_in_as("lead").opens("/feststellungen", pool=office.pool, known_at="1.1.2199").status_code == 403


def test_the_story_is_told_line_by_line(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the figure to the case, from there to its request; with what each event changes, and no text opened."""
    office.given(*LOGGED)
    auditor = Visitor(office).signs_in_as("auditor")
    [link, *_] = read(auditor.opens("/nachweis", figure=f"pool/{office.pool}/consumed")).links("/geschichte?")
    page = read(auditor.opens(link))
    assert "Geschichte des Falls „F-2024-" in page.text
    assert "Stunden beantragt" in page.text
    assert "geleistet +" in page.text
    assert TEXT not in page.text
    [booking, *_] = page.links("/geschichte?booking")
    assert "Termin erfasst" in read(auditor.opens(booking)).text
    assert "Geschichte der Fachkraft „kraft-1“" in read(auditor.opens("/geschichte", worker="kraft-1")).text
    monkeypatch.setattr(story, "SCENES_SHOWN", 2)
    page, told = read(auditor.opens("/geschichte", case=office.case)), 1
    while further := [each for each in page.links("/geschichte") if "after=" in each]:
        page, told = read(auditor.opens(further[0])), told + 1
    assert told >= 2
    assert auditor.opens("/geschichte", case=office.case, pool=office.pool).status_code == 422
    assert auditor.opens("/geschichte", worker="niemand").status_code == 404
    for who in ("worker", "lead", "planner", "admin"):
        visitor = Visitor(office).signs_in_as(who)
        assert visitor.opens("/geschichte", pool=office.pool).status_code == 403
        assert visitor.opens("/vergleich", pool=office.pool).status_code == 403


def test_two_instants_are_compared(office: Office) -> None:
    """What was recorded in between about the time before, and the figures with their difference; each leads to its entries."""
    office.given(*LOGGED)
    auditor = Visitor(office).signs_in_as("auditor")
    [link] = read(auditor.opens("/", pool=office.pool)).links("/vergleich")
    assert "Dazwischen" not in read(auditor.opens(link)).text.partition("Unterschied")[0]
    page = read(auditor.opens(link, **{"pool": office.pool, "from": "31.12.2024", "to": "31.12.2199"}))
    api = office.get("auditor", "/audit/compare", pool=office.pool, **{"from": "2024-12-31", "to": "2199-12-31"}).json()
    for figure in api["figures"]:
        assert hours(figure["now"]) in page.text, figure
    assert len(api["changes"]) > 0
    assert page.text.count("nachgetragen") == sum(change["manner"] == "late" for change in api["changes"])
    for each in page.links("/nachweis"):
        assert auditor.opens(each).status_code == 200
    assert auditor.opens("/vergleich", pool=office.pool, **{"from": "31.12.2024", "to": "1.1.2024"}).status_code == 422


def test_hostile_names_are_text(office: Office) -> None:
    """Names of pools, cases, districts and providers are shown as they were written, and mean nothing."""
    office.given_pool(name=HOSTILE, rules={"district_quotas": {HOSTILE: 6000}})
    request_as(office, "lead", HOSTILE, district=HOSTILE)
    answer = first_page(office, "officer")
    page = read(answer)
    assert page.text.count(HOSTILE) >= 4
    assert "script" not in {tag for tag, _ in page.elements}
    assert [attributes["src"] for tag, attributes in page.elements if tag == "img"] == ["/assets/icon.svg"]
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    for link in page.links("/nachweis"):
        assert Visitor(office).signs_in_as("officer").opens(link).status_code == 200


def test_every_page_keeps_to_this_host_and_to_the_policy(office: Office) -> None:
    """No script, no inline style, no address elsewhere; nothing is kept by caches; in German."""
    office.given(*LOGGED)
    visitors = {who: Visitor(office).signs_in_as(who) for who in PEOPLE}
    answers = [visitor.opens("/") for visitor in visitors.values()]
    answers += [
        Visitor(office).opens("/"),
        Visitor(office).opens("/anmeldung"),
        Visitor(office).sends("/anmeldung", name="x", password="y"),
        Visitor(office).sends("/anmeldung", "https://elsewhere.example"),
        visitors["officer"].opens("/", pool="x"),
        visitors["officer"].opens("/nachweis", figure=f"pool/{office.pool}/reserved"),
        visitors["planner"].opens("/nachweis"),
        visitors["auditor"].opens("/feststellungen", pool=office.pool),
        visitors["lead"].opens("/feststellungen", pool=office.pool),
        visitors["auditor"].opens("/geschichte", pool=office.pool),
        visitors["auditor"].opens("/geschichte"),
        visitors["planner"].opens("/auswertung", by="concern"),
        visitors["auditor"].opens("/vergleich", pool=office.pool, **{"from": "01.01.2024", "to": "31.12.2025"}),
        visitors["auditor"].sends("/feststellungen", pool=office.pool),
        visitors["officer"].opens("/abmelden"),
        visitors["admin"].opens("/konto"),
    ]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert policy == (
            "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        page = read(answer)
        assert {"script", "style", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in page.elements)
        assert page.all("style") == []
        for address in [*page.all("href"), *page.all("src"), *page.all("action")]:
            assert re.match(r"[/#](?!/)", address), address
        assert answer.status_code == 303 or page.elements[0] == ("html", {"lang": "de"})


def test_what_pages_are_made_of_comes_from_here(office: Office) -> None:
    """Style sheets, fonts and their licences; nothing beside them, and nothing in them leads elsewhere."""
    visitor = Visitor(office)
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert {"LICENSE.md", "OFL.txt", "NOTICE"} <= {path.name for path in files}
    for path in files:
        answer = visitor.opens(f"/assets/{path.relative_to(STATIC)}")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-cache"
        if path.suffix == ".css":
            for address in re.findall(r"url\(\s*['\"]?([^'\")]+)", answer.text):
                assert address.startswith("data:") or (path.parent / address).is_file(), address
            assert "@import" not in answer.text
    for path in ("/assets/../pages.py", "/assets/%2e%2e/pages.py", "/assets/", "/assets/kern"):
        assert visitor.opens(path).status_code == 404


def test_the_access_log_knows_pages_by_their_path(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """Without the query, which may name somebody."""
    office.given_pool()
    with caplog.at_level("INFO", "stundenpool"):
        Visitor(office).signs_in_as("officer").opens("/nachweis", figure=f"pool/{office.pool}/consumed?by=district:geheim")
    assert "GET /nachweis 200" in caplog.text
    assert "geheim" not in caplog.text


# ── texts


def test_every_text_is_used_and_every_used_one_is_there() -> None:
    """Texts stand in one place; those whose key is put together are found by its beginning."""
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for path in [*TEMPLATES.iterdir(), *TEMPLATES.parent.glob("*.py")]
        if path.name != "messages.py"
    )
    named = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)*)"', sources)) | set(re.findall(r"'([a-z_]+(?:\.[a-z_]+)*)'", sources))
    beginnings = tuple(re.findall(r'"([a-z_]+(?:\.[a-z_]+)*\.)" ~', sources))
    endings = tuple(re.findall(r'~ "(\.[a-z_]+)"', sources))
    for key in GERMAN:
        stem = re.sub(r"\.(one|other)$", "", key)
        assert key in named or stem in named or key.startswith(beginnings) or key.endswith(endings), key
    for key in re.findall(r'\bt\("([a-z_.]+)"[,)]', sources):
        assert key in GERMAN, key


def test_texts_have_their_umlauts() -> None:
    """No ae, oe or ue where German has a letter of its own."""
    for text in GERMAN.values():
        assert not re.search(r"(?i)traeger|fuer|ueber|antraege|pruef|waehl|zurueck|verfueg", text), text


def test_no_page_claims_to_be_a_federal_one() -> None:
    """The design system's header with the eagle is not used."""
    for path in TEMPLATES.iterdir():
        assert "kopfzeile" not in path.read_text(encoding="utf-8").lower()


# ── when parts are away


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(OperationalError, 503, "Vorübergehend nicht erreichbar"), (RuntimeError, 500, "Unerwarteter Fehler")],
)
def test_a_failure_is_a_page_too(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: type[Exception], status: int, said: str
) -> None:
    """Without the text of what was raised."""
    office.given_pool()
    visitor = Visitor(office).signs_in_as("officer")

    def fails(*_: Any, **__: Any) -> NoReturn:
        raise error(TEXT)

    monkeypatch.setattr(pages, "overview", fails)
    answer = visitor.opens("/")
    assert answer.status_code == status
    assert said in read(answer).text
    assert TEXT not in answer.text
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert "Content-Security-Policy" in answer.headers
