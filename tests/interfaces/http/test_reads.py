"""Reading personal texts over HTTP: for a purpose, on record before the answer leaves; and who may look that up."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from application import reads
from application.log import Reader
from application.projections import retention
from application.projections.retention import Person
from interfaces.http.replies import Reply
from tests.interfaces.http.office import PEOPLE, Office, running_office
from tests.interfaces.http.test_refusals import LOGGED, OPEN
from tests.interfaces.web.visitor import Visitor

TEXT = "Kim Beispiel"


def entries(office: Office, **wanted: Any) -> list[dict[str, Any]]:
    """The reads that an auditor finds, the latest first."""
    answer = office.get("auditor", "/audit/reads", **wanted)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_a_read_is_on_record_with_its_circumstances(office: Office) -> None:
    """given a case / when an officer reads it / then auditors find who, what for, which texts, from where, by which request."""
    office.given(*OPEN)
    answer = office.call("officer", "GET", f"/cases/{office.case}", headers={"X-Request-Id": "anfrage-1"})
    assert TEXT in answer.text
    [entry] = entries(office, case=office.case)
    assert (entry["subject"], entry["role"], entry["organisation"]) == ("sb-1", "officer", "jugendamt")
    assert (entry["purpose"], entry["request"], entry["address"]) == ("casework", "anfrage-1", "127.0.0.1")
    assert entry["texts"] == {"birth_year": 1, "contact": 1, "name": 1, "notes": 1}
    assert entry["path"] == f"GET /api/v1/cases/{office.case}"


def test_whoever_reads_for_something_else_than_usual_says_so(office: Office) -> None:
    """given a case / when its master data are read / then for a purpose that there is, whether the case is there or not; left out,
    it is what the role usually reads for."""
    office.given(*LOGGED)
    for path in (f"/cases/{office.case}", f"/cases/{office.session}", f"/bookings/{office.booking}/texts"):
        answer = office.call("auditor", "GET", path, headers={"X-Purpose": "curiosity"})
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
        assert "X-Purpose" in answer.text
    assert entries(office, case=office.case) == []
    assert office.get("auditor", f"/cases/{office.case}").status_code == 200
    assert office.call("officer", "GET", f"/cases/{office.case}", headers={"X-Purpose": "disclosure"}).status_code == 200
    assert office.get("lead", f"/cases/{office.case}").status_code == 200
    assert office.get("auditor", "/audit/trail", case=office.case).status_code == 200
    assert {(entry["role"], entry["purpose"]) for entry in entries(office, case=office.case)} == {
        ("auditor", "audit"),
        ("officer", "disclosure"),
        ("lead", "casework"),
    }


def test_a_page_asks_for_all_its_persons_at_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """given reasons in two cases / when a page of the trail shows both / then one question says whose data are restricted or
    erased."""
    office.given("open_pool")
    cases, facts = set(), {"pool": office.pool, "district": "nord", "service_area": "11", "concern": "other"}
    for _ in range(2):
        cases.add(case := office.when("lead", "/cases", facts).answers(201)["id"])
        office.when("lead", f"/cases/{case}/amendment", {"district": "süd", "reason": "Umzug"}).answers(200)
    asked, persons = list[set[str]](), retention.persons

    def counted(reader: Reader, of: Collection[UUID]) -> list[Person]:
        asked.append(set(map(str, of)))
        return persons(reader, of)

    monkeypatch.setattr(retention, "persons", counted)
    monkeypatch.delattr(retention, "person")
    assert office.get("auditor", "/audit/trail", pool=office.pool).text.count("Umzug") == 2
    assert asked == [cases]


def test_a_read_that_cannot_be_recorded_is_not_answered(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a store that does not take the record / when texts are read in any of the ways / then none leaves, none is recorded."""
    office.given(*LOGGED)
    monkeypatch.setattr(reads, "INSERT", reads.INSERT.replace("personal_reads", "nowhere"))
    for path in (f"/cases/{office.case}", f"/bookings/{office.booking}/texts", f"/audit/trail?case={office.case}"):
        answer = office.get("officer", path)
        assert answer.status_code in (500, 503), path
        assert TEXT not in answer.text
        assert "Wohnungssuche" not in answer.text
    assert entries(office, case=office.case) == []


def test_what_breaks_off_after_the_record_stays_on_record(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """given an answer that does not leave / when somebody has read / then the record is there: it may have left in part."""
    office.given(*OPEN)

    async def breaks_off(*_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(Reply, "send", breaks_off)
        with pytest.raises((AssertionError, ConnectionError, asyncio.CancelledError)):
            office.get("officer", f"/cases/{office.case}")
    [entry] = entries(office, case=office.case)
    assert entry["subject"] == "sb-1"


def test_the_read_log_is_for_auditors(office: Office) -> None:
    """given everybody / when they ask for it / then auditors alone get it, and their asking is no read."""
    office.given(*OPEN)
    office.get("officer", f"/cases/{office.case}")
    for who in PEOPLE:
        role = PEOPLE[who][0]
        assert office.get(who, "/audit/reads").status_code == (200 if role == "auditor" else 403), who
        page = Visitor(office).signs_in_as(who).opens("/einsichten")
        assert page.status_code == (200 if role == "auditor" else 403), who
    assert len(entries(office, case=office.case)) == 1


def test_the_read_log_is_narrowed_and_read_page_by_page(office: Office) -> None:
    """given some reads / then a case, a person and a day narrow them, and `next` leads on."""
    office.given(*OPEN)
    for _ in range(3):
        office.get("officer", f"/cases/{office.case}")
    office.get("lead", f"/cases/{office.case}")
    first = office.get("auditor", "/audit/reads", case=office.case, limit=3).json()
    second = office.get("auditor", "/audit/reads", case=office.case, limit=3, after=first["next"]).json()
    numbers = [entry["number"] for entry in (*first["items"], *second["items"])]
    assert (len(numbers), sorted(numbers, reverse=True), second["next"]) == (4, numbers, None)
    assert len(entries(office, case=office.case, subject="leitung-1")) == 1
    assert len(entries(office, case=office.case, since="2024-01-01")) == 4
    assert entries(office, case=office.case, since="2199-01-01") == []
    for wrong in ({"since": "gestern"}, {"case": "x"}, {"after": "1"}, {"limit": 0}):
        assert office.get("auditor", "/audit/reads", **wrong).status_code == 422, wrong


def test_the_page_shows_reads_and_no_text(office: Office) -> None:
    """given a read / when an auditor opens the page / then person, purpose and the case's reference stand there, and no text."""
    office.given(*OPEN)
    office.get("officer", f"/cases/{office.case}")
    text = Visitor(office).signs_in_as("auditor").opens("/einsichten", case=office.case).text
    reference = office.get("auditor", f"/cases/{office.case}").json()["reference"]
    for shown in ("sb-1", "Fallbearbeitung", f"Nur Fall „{reference}“.", f">Fall „{reference}“<", "127.0.0.1"):
        assert shown in text
    assert TEXT not in text


def test_what_is_found_about_readers_is_the_auditors_until_they_open_it(store_url: str, tmp_path: Path) -> None:
    """given two who read one case, where one is usual / then auditors find it, and officers once it was opened."""
    thresholds = tmp_path / "findings.toml"
    thresholds.write_text("readers_max = 1\n")
    with running_office(store_url, tmp_path, findings=str(thresholds)) as office:
        office.given(*OPEN)
        for who in ("officer", "lead"):
            office.get(who, f"/cases/{office.case}")

        def found(who: str) -> list[str]:
            items = office.get(who, "/audit/findings", rule="read-by-many").json()["items"]
            return [each["id"] for each in items if each["case"] == office.case]

        [id] = found("auditor")
        assert found("officer") == []
        assert Visitor(office).signs_in_as("officer").opens("/feststellung", finding=id).status_code == 404
        office.when("auditor", f"/audit/findings/{id}/opening", {}).answers(200)
        assert found("officer") == [id]
        assert Visitor(office).signs_in_as("officer").opens("/feststellung", finding=id).status_code == 200
