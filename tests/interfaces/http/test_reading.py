"""What queries answer, to whom, and what is kept of it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from application.catalogue import BY_NAME as EVENTS_BY_NAME
from interfaces.http.examples import CASE
from tests.interfaces.http.office import Office
from tests.interfaces.http.test_refusals import APPROVAL, APPROVED, LOGGED, OPEN, REQUEST, REQUESTED, SESSION, SESSIONS


def test_a_creation_says_where_it_is_and_a_read_shows_the_same(office: Office) -> None:
    """`Location` leads to the resource, in the version and at the position that the answer named."""
    office.given(*OPEN)
    created = office.when("lead", "/bookings", REQUEST).answer
    assert created.headers["Location"] == f"/api/v1/bookings/{created.json()['id']}"
    read = office.call("lead", "GET", f"/bookings/{created.json()['id']}")
    assert read.json() == created.json()
    assert read.headers["ETag"] == created.headers["ETag"]
    assert int(read.headers["Position"]) == int(created.headers["Position"])
    assert read.headers["Cache-Control"] == "no-store"


def test_every_write_is_read_at_once(office: Office) -> None:
    """Positions never go back, and what was answered is seen by the next read."""
    office.given(*APPROVED)
    for number in range(1, 6):
        written = office.when("lead", SESSIONS, {**SESSION, "minutes": 15}).answer
        read = office.get("officer", f"/bookings/{office.booking}")
        assert int(read.headers["Position"]) >= int(written.headers["Position"])
        assert len(read.json()["sessions"]) == number
        assert office.get("planner", f"/pools/{office.pool}/balance").json()["consumed"] == 15 * number


def test_lists_are_read_page_by_page(office: Office) -> None:
    """Each thing once, in the order of its making, also while more is added; the last page says so."""
    office.given(*OPEN)
    made = [office.when("lead", "/bookings", {**REQUEST, "minutes": 15}).answers(201)["id"] for _ in range(7)]
    seen: list[str] = []
    after = None
    while True:
        page = office.get("officer", "/bookings", pool=office.pool, limit=3, **({"after": after} if after else {})).json()
        seen += [booking["id"] for booking in page["items"]]
        after = page["next"]
        if after is None:
            break
        if len(made) == 7:
            made.append(office.when("lead", "/bookings", {**REQUEST, "minutes": 15}).answers(201)["id"])
    assert seen == made


def test_lists_are_narrowed_by_what_is_stated(office: Office) -> None:
    """State, case, provider and district."""
    office.given(*APPROVED, "request_hours")
    ask = {"pool": office.pool}
    assert [item["state"] for item in office.get("officer", "/bookings", **ask).json()["items"]] == ["approved", "requested"]
    assert len(office.get("officer", "/bookings", **ask, state="approved").json()["items"]) == 1
    assert len(office.get("officer", "/bookings", case=office.case).json()["items"]) == 2
    assert office.get("officer", "/bookings", **ask, provider="traeger-b").json()["items"] == []
    assert office.get("officer", "/bookings", **ask, district="stadtraum-09").json()["items"] == []
    assert len(office.get("officer", "/cases", **ask).json()["items"]) == 1


def test_a_provider_sees_its_own_only(office: Office) -> None:
    """In lists, events and groups; asking for another provider's finds nothing."""
    office.given(*LOGGED)
    for path in ("/cases", "/bookings"):
        assert office.get("other_lead", path, pool=office.pool).json()["items"] == []
        assert office.get("other_lead", path, pool=office.pool, provider="traeger-a").json()["items"] == []
        assert len(office.get("lead", path, pool=office.pool).json()["items"]) == 1
        assert office.get("lead", path, pool=office.pool, provider="traeger-b").json()["items"] == []
    balance = office.get("other_lead", f"/pools/{office.pool}/balance", by="case").json()
    assert balance["consumed"] == 90
    assert balance["groups"] == []
    own = office.get("lead", f"/pools/{office.pool}/balance", by="case").json()["groups"]
    assert [group["key"] for group in own] == [office.case]


def test_the_planner_sees_figures_without_cases(office: Office) -> None:
    """Groups of districts, but not of cases."""
    office.given(*LOGGED)
    path = f"/pools/{office.pool}/balance"
    groups = office.get("planner", path, by="district").json()["groups"]
    assert groups == [{"key": "stadtraum-01", "granted": 480, "reserved": 390, "consumed": 90, "released": 0}]
    assert office.get("planner", path, by="case").status_code == 403
    assert office.get("planner", "/cases").status_code == 403


def test_a_balance_is_asked_for_in_both_times(office: Office) -> None:
    """A day or an instant; a plus that nobody escaped is understood."""
    office.given(*APPROVED)
    before = datetime.now(UTC).isoformat()
    office.given("log_session")
    path = f"/pools/{office.pool}/balance"
    assert office.get("auditor", path, as_of="2024-03-04").json()["consumed"] == 0
    assert office.get("auditor", path, as_of="2024-03-05").json()["consumed"] == 90
    assert office.get("auditor", path, as_of="2024-03-05T14:29:59+01:00").json()["consumed"] == 0
    assert office.get("auditor", path, known_at=before).json()["consumed"] == 0
    assert office.call("auditor", "GET", f"{path}?known_at={before}").json()["consumed"] == 0
    assert office.get("auditor", path, by="month").json()["groups"][0]["key"] == "2024-03"
    assert office.get("auditor", "/pools/5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b01/balance").status_code == 404


def test_the_waiting_list_shows_everybody_their_own_place(office: Office) -> None:
    """The office sees all, a provider its own with its real place."""
    office.given(*REQUESTED)
    first = office.booking
    office.given("waitlist_request")
    other = {"pool": office.pool, "district": "nord", "service_area": "11", "concern": "other"}
    office.ids[CASE] = office.when("other_lead", "/cases", other).answers(201)["id"]
    second = office.when("other_lead", "/bookings", REQUEST).answers(201)["id"]
    office.when("officer", f"/bookings/{second}/waitlisting", {}).answers(200)
    path = f"/pools/{office.pool}/waiting-list"
    assert [(item["place"], item["booking"]) for item in office.get("officer", path).json()["items"]] == [(1, first), (2, second)]
    assert [(item["place"], item["booking"]) for item in office.get("other_lead", path).json()["items"]] == [(2, second)]
    states = [item["state"] for item in office.get("officer", f"/pools/{office.pool}/worklist").json()["items"]]
    assert states == ["waitlisted", "waitlisted"]


class TestPersonalTexts:
    """They stand in no answer to a command, are opened one by one, and every opening is kept."""

    def test_no_command_answers_with_one(self, office: Office) -> None:
        """So that erasure reaches nothing in receipts."""
        office.given("open_pool")
        for name in ("open_case", "amend_case", "request_hours", "approve_hours", "log_session", "correct_session"):
            text = office.example(name).text
            for personal in ("Kim", "0000 ", "dienstags", "2008", "Wohnungssuche", "vier Wochen", "Besichtigung", "dreher"):
                assert personal not in text

    def test_a_case_is_opened_for_those_who_may_see_it(self, office: Office) -> None:
        """Worker, lead, officer and auditor, who says what for; the read is recorded with who, when, where and whose."""
        office.given(*OPEN)
        for who in ("worker", "lead", "officer", "auditor"):
            purpose = {"X-Purpose": "audit"} if who == "auditor" else {}
            answer = office.call(who, "GET", f"/cases/{office.case}", headers=purpose)
            assert answer.json()["personal"] == {
                "name": "Kim Beispiel",
                "birth_year": "2008",
                "contact": "0000 000000",
                "notes": "kommt dienstags",
                "closing_note": None,
            }
            assert answer.headers["ETag"] == '"1"'
        assert self.reads(office, f"GET /api/v1/cases/{office.case}") == [
            ("auditor", "jugendamt", f"case:{office.case}"),
            ("lead", "traeger-a", f"case:{office.case}"),
            ("officer", "jugendamt", f"case:{office.case}"),
            ("worker", "traeger-a", f"case:{office.case}"),
        ]

    def test_a_refused_read_is_no_read(self, office: Office) -> None:
        """Nothing was opened, so nothing is kept."""
        office.given(*OPEN)
        assert office.get("other_lead", f"/cases/{office.case}").status_code == 404
        assert self.reads(office, f"GET /api/v1/cases/{office.case}") == []

    def test_a_case_without_texts_leaves_no_trace_of_reading(self, office: Office) -> None:
        """There was nothing personal to read."""
        office.given("open_pool")
        case = office.when(
            "lead", "/cases", {"pool": office.pool, "district": "nord", "service_area": "11", "concern": "other"}
        ).answers(201)
        assert set(office.get("officer", f"/cases/{case['id']}").json()["personal"].values()) == {None}
        assert self.reads(office, f"GET /api/v1/cases/{case['id']}") == []

    def test_purpose_and_notes_are_opened_with_their_booking(self, office: Office) -> None:
        """Who decides has to know what for."""
        office.given(*LOGGED)
        texts = office.get("officer", f"/bookings/{office.booking}/texts").json()
        assert texts["purpose"] == "Begleitung bei der Wohnungssuche"
        assert texts["notes"] == [{"session": office.session, "note": "Besichtigung einer Wohnung"}]
        assert len(self.reads(office, f"GET /api/v1/bookings/{office.booking}/texts")) == 1

    def test_the_trail_opens_reasons_for_the_office_and_keeps_whose(self, office: Office) -> None:
        """Lines in German, narrowed to what is asked for."""
        office.given(*REQUESTED, "decline_request", "close_month")
        items = office.get("auditor", "/audit/trail", booking=office.booking).json()["items"]
        assert [item["type"] for item in items] == ["hours-requested", "request-declined"]
        assert "Hilfe zur Erziehung" in items[1]["line"]
        assert {item["type"] for item in office.get("officer", "/audit/trail", pool=office.pool, actor="sb-1").json()["items"]} == {
            "pool-opened",
            "request-declined",
            "month-closed",
        }
        abouts = {about for _, _, about in self.reads(office, "GET /api/v1/audit/trail")}
        assert {f"case:{office.case}", "office"} <= abouts

    @staticmethod
    def reads(office: Office, path: str) -> list[tuple[str, str, str]]:
        """Role, organisation and whose, of all recorded reads of a path."""
        with office.service.store.reading() as reader:
            return reader.fetch("SELECT role, organisation, about FROM personal_reads WHERE path = ? ORDER BY role", (path,))


class TestEvents:
    """The log from outside."""

    def test_events_are_cloudevents_without_personal_fields(self, office: Office) -> None:
        """In the order of the log, under their stable names; sealed fields are null for everybody."""
        start = int(office.get("auditor", "/events").headers["Position"])
        office.given(*LOGGED)
        items = office.get("auditor", "/events", after=start).json()["items"]
        assert [item["position"] for item in items] == list(range(start + 1, start + 1 + len(items)))
        assert [item["type"] for item in items] == [
            "pool-opened", "case-opened", "hours-requested", "hours-approved", "hours-reserved", "session-logged",
        ]  # fmt: skip
        for item in items:
            assert item["specversion"] == "1.0"
            assert (item["id"], item["source"]) == (str(item["position"]), "/api/v1/events")
            assert datetime.fromisoformat(item["time"]).tzinfo
            assert all(name.isalnum() and name.islower() for name in item)
            kind = EVENTS_BY_NAME[item["type"]]
            assert item["data"].keys() == kind.clear | kind.personal
            assert all(item["data"][name] is None for name in kind.personal)
        assert items[1]["subject"] == office.case
        assert items[4]["cause"] == items[3]["position"]

    def test_events_are_read_page_by_page(self, office: Office) -> None:
        """`next` is where the following page begins."""
        start = int(office.get("auditor", "/events").headers["Position"])
        office.given(*LOGGED)
        first = office.get("auditor", "/events", after=start, limit=2).json()
        assert first["next"] == str(start + 2)
        rest = office.get("auditor", "/events", after=first["next"]).json()
        assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 4, None)

    def test_a_provider_sees_what_concerns_it(self, office: Office) -> None:
        """Its own cases and bookings, with what the pool did for them."""
        start = int(office.get("auditor", "/events").headers["Position"])
        office.given(*LOGGED)
        assert office.get("other_lead", "/events", after=start).json()["items"] == []
        seen = [item["type"] for item in office.get("lead", "/events", after=start).json()["items"]]
        assert seen == ["case-opened", "hours-requested", "hours-approved", "hours-reserved", "session-logged"]

    @pytest.mark.parametrize("who", ["planner", "admin"])
    def test_others_see_none(self, office: Office, who: str) -> None:
        """Planning works without persons, administration without cases."""
        assert office.get(who, "/events").status_code == 403


def test_a_head_request_is_a_get_without_a_body(office: Office) -> None:
    """For clients that only want the version."""
    office.given(*OPEN)
    answer = office.call("lead", "HEAD", f"/pools/{office.pool}")
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"1"'


def test_ids_are_uuids(office: Office) -> None:
    """Whatever was created."""
    office.given(*LOGGED)
    office.when("officer", APPROVAL).refuses("already_decided")
    assert all(UUID(made) for made in office.ids.values())
