"""Findings over HTTP: who may see them, page by page, and by which thresholds they hold."""

import pytest

from interfaces.http.examples import PATH_IDS
from tests.interfaces.http.office import Office
from tests.interfaces.http.test_refusals import LOGGED


def test_auditors_and_officers_see_findings(office: Office) -> None:
    """As the log stands right after the write, with the thresholds; nobody else does."""
    office.given(*LOGGED)
    answer = office.get("auditor", "/audit/findings", pool=office.pool)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert int(answer.headers["Position"]) == found["position"]
    assert found["thresholds"]["direct_share_percent"] == 60
    assert [each["position"] for each in found["items"]] == sorted(each["position"] for each in found["items"])
    assert all(each["positions"][-1] == each["position"] <= found["position"] for each in found["items"])
    assert office.get("officer", "/audit/findings", pool=office.pool).json() == found
    for person in ("worker", "lead", "planner", "admin"):
        assert office.get(person, "/audit/findings").status_code == 403


def test_findings_come_in_pages(office: Office) -> None:
    """A page after the other gives what one page gives."""
    for _ in range(3):
        office.given(*LOGGED)
    whole = office.get("auditor", "/audit/findings").json()
    assert whole["next"] is None
    assert len(whole["items"]) > 2
    items, after = [], None
    while True:
        part = office.get("auditor", "/audit/findings", limit=2, **({"after": after} if after else {})).json()
        items += part["items"]
        after = part["next"]
        if after is None:
            break
    assert items == whole["items"]


@pytest.mark.parametrize(
    "parameters", [{"rule": "overlap-workers"}, {"rule": "x" * 50}, {"after": "17"}, {"limit": 0}, {"pool": "x"}]
)
def test_what_cannot_be_meant_is_refused(office: Office, parameters: dict[str, str]) -> None:
    """A mistyped filter would look as if nothing was found."""
    answer = office.get("auditor", "/audit/findings", **parameters)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"] in parameters


EXPLANATION = {"explanation": "Der Dienstplan war getauscht."}
FINDING = "/audit/findings/{finding}"


def test_a_finding_is_handled(office: Office) -> None:
    """Opened by an auditor, explained by the provider concerned, confirmed and closed; the list says how far it is."""
    office.given("open_pool", "open_case", "request_hours", "approve_hours", "log_session", "list_findings")
    office.when("auditor", f"{FINDING}/opening", {"note": "Bitte erläutern."}).answers(200, state="open", provider="traeger-a")
    office.when("auditor", f"{FINDING}/opening").refuses("already_decided")
    office.when("lead", f"{FINDING}/explanation", EXPLANATION).answers(200, state="explained", explanations=1)
    office.when("officer", f"{FINDING}/explanation", {"explanation": " "}).refuses("reason_missing")
    office.when("officer", f"{FINDING}/explanation", EXPLANATION).answers(200, explanations=2)
    [item] = office.get("auditor", "/audit/findings", pool=office.pool, state="explained").json()["items"]
    assert (item["rule"], item["holds"], item["explanations"]) == ("late-entry", True, 2)
    office.when("auditor", f"{FINDING}/confirmation").answers(200, state="confirmed")
    office.when("lead", f"{FINDING}/explanation", EXPLANATION).refuses("already_decided")
    office.when("auditor", f"{FINDING}/closing").refuses("reason_missing")
    office.when("auditor", f"{FINDING}/closing", {"reason": "nachgeholt"}).answers(200, state="closed")
    office.when("auditor", f"{FINDING}/closing", {"reason": "nachgeholt"}).refuses("already_closed")
    office.when("auditor", f"{FINDING}/opening").answers(200, state="open", explanations=2)


def test_what_was_said_to_a_finding_is_read_by_whom_it_concerns(office: Office) -> None:
    """The auditor, the office, and the lead of the provider; whose texts were read by whom is recorded."""
    office.given("open_pool", "open_case", "raise_finding")
    office.when("lead", f"{FINDING}/explanation", EXPLANATION).answers(200)
    path = office.real(FINDING.format_map(PATH_IDS))
    for person in ("auditor", "officer", "lead"):
        found = office.get(person, path)
        assert found.status_code == 200, found.text
        steps = [(step["type"], step["actor"]["role"], step["text"]) for step in found.json()["steps"]]
        assert steps == [
            ("finding-opened", "auditor", "Die Termine passen nicht zum Dienstplan."),
            ("finding-explained", "lead", EXPLANATION["explanation"]),
        ]
        assert found.headers["ETag"] == '"2"'
    with office.service.store.reading() as reader:
        reads = reader.fetch("SELECT DISTINCT subject, about FROM personal_reads WHERE path = ?", (f"GET /api/v1{path}",))
    assert sorted(reads) == [(subject, f"case:{office.case}") for subject in ("leitung-1", "rpa-1", "sb-1")]


def test_another_provider_s_findings_are_not_there(office: Office) -> None:
    """Not in the list, not by their id, and not to be explained; nor what concerns no provider."""
    office.given("open_pool", "open_case", "raise_finding")
    path = office.real(FINDING.format_map(PATH_IDS))
    shown = {item["id"] for item in office.get("lead", "/audit/findings/opened", pool=office.pool).json()["items"]}
    assert shown == {path.rpartition("/")[2]}
    assert office.get("other_lead", "/audit/findings/opened", pool=office.pool).json() == {"items": [], "next": None}
    assert office.get("other_lead", path).status_code == 404
    office.when("other_lead", f"{FINDING}/explanation", EXPLANATION).refuses("not_found", 404)

    body = {"pool": office.pool, "note": "Aushang fehlt."}
    of_nobody = office.when("auditor", "/audit/findings", body).answers(201, provider=None)
    assert office.get("lead", f"/audit/findings/{of_nobody['id']}").status_code == 404
    office.when("lead", f"/audit/findings/{of_nobody['id']}/explanation", EXPLANATION).refuses("not_found", 404)
    assert office.get("worker", "/events", limit=500).status_code == 200
    types = {event["type"] for event in office.get("worker", "/events", limit=500).json()["items"]}
    assert not {name for name in types if "finding" in name}


def test_only_what_holds_can_be_opened(office: Office) -> None:
    """And a known key is answered as before, also when it holds no longer."""
    office.given("open_pool", "open_case", "request_hours", "approve_hours", "log_session")
    [late] = office.get("auditor", "/audit/findings", pool=office.pool, rule="late-entry").json()["items"]
    path = f"/audit/findings/{late['id']}/opening"
    opened = office.when("auditor", path, key="k-1").answers(200, state="open")
    office.when("lead", "/bookings/{booking}/sessions/{session}/reversal", {"reason": "doppelt"}).answers(200)
    assert office.when("auditor", path, key="k-1").answers(200) == opened
    office.when("auditor", path, key="k-2").refuses("not_found", 404)
    [kept] = office.get("auditor", "/audit/findings", pool=office.pool, state="open").json()["items"]
    assert (kept["id"], kept["holds"], kept["sentence"]) == (late["id"], False, late["sentence"])


def test_findings_are_told_as_they_were_known(office: Office) -> None:
    """What was recorded or refused later is not among them, nor how it was handled; and the past is the office's alone."""
    path = "/audit/findings"

    def now() -> str:
        """When the last event was recorded."""
        last = int(office.get("auditor", "/audit/trail", limit=1).headers["Position"])
        [event] = office.get("officer", "/events", after=last - 1).json()["items"]
        return str(event["time"])

    def rules(**query: str) -> dict[str, str | None]:
        found = office.get("auditor", path, pool=office.pool, **query)
        assert found.status_code == 200, found.text
        return {
            item["rule"]: item["state"]
            for item in found.json()["items"]
            if office.pool == item["pool"] or office.booking == item["booking"]
        }

    office.given("open_pool", "open_case", "request_hours", "approve_hours")
    before = now()
    outside = {"starts_at": "2001-03-05T14:30:00+01:00", "minutes": 90, "kind": "direct"}
    office.given("log_session", "list_findings")
    logged = now()
    office.when("worker", "/bookings/{booking}/sessions", outside, key="late").refuses("outside_period", 409)
    office.given("open_finding")
    assert rules() == rules(known_at="2199-01-01")
    assert "open" in rules().values()
    assert "refused-outside" in rules()
    assert rules(known_at=before) == {}
    assert set(rules(known_at=logged).values()) == {None}
    assert office.get("auditor", f"{path}/opened", pool=office.pool, known_at=logged).json()["items"] == []
    assert office.get("lead", f"{path}/opened", known_at=logged).status_code == 403


@pytest.mark.parametrize("also", [{"provider": "traeger-a"}, {"case": "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b02"}])
def test_a_raised_finding_is_about_one_thing(office: Office, also: dict[str, str]) -> None:
    """A request says itself whose case it is; what is in another pool is not there."""
    office.given("open_pool", "open_case", "request_hours")
    stated = {"pool": office.pool, "booking": office.booking, "note": "?"}
    office.when("auditor", "/audit/findings", stated).answers(201, provider="traeger-a", case=office.case, booking=office.booking)
    office.when("auditor", "/audit/findings", stated | also).refuses("malformed", 422)
    office.given("open_pool")
    office.when("auditor", "/audit/findings", stated | {"pool": office.pool}).refuses("not_found", 404)


def test_a_sample_is_drawn_once_for_a_key(office: Office) -> None:
    """Sent again it is the same; every further one is on record as well."""
    office.given("open_pool", "open_case", "request_hours", "approve_hours", "log_session")
    body = {"pool": office.pool, "share_percent": 10}
    drawn = office.when("auditor", "/audit/samples", body, key="s-1").answers(201, sessions=[office.session])
    assert office.when("auditor", "/audit/samples", body, key="s-1").answers(201) == drawn
    office.when("officer", "/audit/samples", body).refuses("forbidden", 403)
    office.when("auditor", "/audit/samples", body | {"size": 1}).refuses("malformed", 422)
    office.when("auditor", "/audit/samples", body | {"pool": office.case}).refuses("not_found", 404)
    assert office.get("officer", "/audit/samples", pool=office.pool).json() == {"items": [drawn], "next": None}
