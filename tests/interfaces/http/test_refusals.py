"""Every rule that can be broken over HTTP answers with its code; given, when, then."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.refusals import ORDER
from interfaces.http.problems import TITLES
from tests.interfaces.http.office import Office, Then

CASE = {"pool": "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b01", "district": "stadtraum-01", "service_area": "11", "concern": "other"}
REQUEST = {"case": "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b02", "minutes": 600}
SESSION = {"starts_at": "2024-03-05T14:30:00+01:00", "minutes": 90, "kind": "direct"}
OPEN = ("open_pool", "open_case")
REQUESTED = (*OPEN, "request_hours")
APPROVED = (*REQUESTED, "approve_hours")
LOGGED = (*APPROVED, "log_session")
APPROVAL = "/bookings/{booking}/approval"
SESSIONS = "/bookings/{booking}/sessions"


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


def _two_waiting(office: Office) -> Then:
    """The listed request fits, and a later one is to be approved."""
    office.given(*REQUESTED, "waitlist_request", "request_hours")
    return office.when("officer", APPROVAL)


def _same_officer(office: Office) -> Then:
    office.given_pool(rules={"four_eyes_minutes": 60}).given("request_hours")
    office.when("officer", APPROVAL).answers(202, state="awaiting_second", proposed_minutes=600, granted_minutes=0)
    return office.when("officer", APPROVAL)


ERASURE = "/cases/{case}/erasure"
BROKEN: dict[str, Callable[[Office], Then]] = {
    "malformed": lambda office: office.given(*OPEN).when("lead", "/bookings", {"minutes": 5}),
    "key_reused": lambda office: [
        office.given(*OPEN).when("lead", "/bookings", {**REQUEST, "minutes": minutes}, key="k") for minutes in (60, 75)
    ][-1],
    "not_found": lambda office: office.when("officer", f"/bookings/{uuid4()}/approval"),
    "version_differs": lambda office: office.given(*APPROVED).when("lead", "/bookings/{booking}/settlement", **{"If-Match": '"1"'}),
    "duplicate_id": lambda office: office.given(*OPEN).when("lead", "/cases", {**CASE, "reference": "F-2024-017"}),
    "pool_closed": lambda office: office.given("open_pool", "close_pool").when("lead", "/cases", CASE),
    "case_closed": lambda office: office.given(*OPEN, "close_case").when("lead", "/bookings", REQUEST),
    "outside_period": lambda office: office.given_pool(period={"start": "2020-01-01", "end": "2020-12-31"}).when(
        "lead", "/bookings", REQUEST
    ),
    "month_closed": lambda office: office.given(*APPROVED, "close_month").when("lead", SESSIONS, SESSION),
    "in_future": lambda office: office.given(*APPROVED).when("lead", SESSIONS, {**SESSION, "starts_at": tomorrow()}),
    "own_request": lambda office: [
        office.given(*OPEN),
        office.ids.update({"5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b03": office.when("lead", "/bookings", REQUEST).answers(201)["id"]}),
        office.when("requesting_officer", APPROVAL),
    ][-1],
    "same_officer": _same_officer,
    "not_approved": lambda office: office.given(*REQUESTED).when("lead", SESSIONS, SESSION),
    "settled": lambda office: office.given(*APPROVED, "settle_booking").when("lead", SESSIONS, SESSION),
    "already_decided": lambda office: office.given(*APPROVED).when("officer", APPROVAL),
    "session_reversed": lambda office: office.given(*LOGGED, "reverse_session").when(
        "lead", SESSIONS + "/{session}/reversal", {"reason": "noch einmal"}
    ),
    "already_closed": lambda office: office.given(*OPEN, "close_case").when("lead", "/cases/{case}/closure", {"outcome": "moved"}),
    "reason_missing": lambda office: office.given(*REQUESTED).when("officer", "/bookings/{booking}/refusal", {"reason": "  "}),
    "not_a_unit": lambda office: office.given(*OPEN).when("lead", "/bookings", {**REQUEST, "minutes": 50}),
    "too_long": lambda office: (
        office.given_pool(rules={"session_max_minutes": 60}).given("request_hours", "approve_hours").when("lead", SESSIONS, SESSION)
    ),
    "over_request": lambda office: office.given(*REQUESTED).when("officer", APPROVAL, {"minutes": 615}),
    "over_budget": lambda office: office.given_pool(budget_minutes=300).given("request_hours").when("officer", APPROVAL),
    "below_committed": lambda office: office.given(*APPROVED).when(
        "officer", "/pools/{pool}/budget", {"change_minutes": -59940, "resolution": "V1"}
    ),
    "over_case_cap": lambda office: (
        office.given_pool(rules={"case_cap_minutes": 300}).given("request_hours").when("officer", APPROVAL)
    ),
    "over_district_quota": lambda office: (
        office.given_pool(rules={"district_quotas": {"stadtraum-01": 300}}).given("request_hours").when("officer", APPROVAL)
    ),
    "over_provider_quota": lambda office: (
        office.given_pool(rules={"provider_quotas": {"traeger-a": 300}}).given("request_hours").when("officer", APPROVAL)
    ),
    "over_grant": lambda office: (
        office.given(*APPROVED).when("lead", SESSIONS, {**SESSION, "minutes": 480}).answers(201)
        and office.when("lead", SESSIONS, {**SESSION, "minutes": 15})
    ),
    "out_of_turn": _two_waiting,
    "case_open": lambda office: office.given(*OPEN).when("officer", ERASURE, {"ground": "request", "reason": "Antrag"}),
    "data_erased": lambda office: [
        office.given(*OPEN),
        office.when("officer", ERASURE, {"reason": "unzulässig"}).answers(202, restricted=True, erased=False),
        office.when("second_officer", ERASURE).answers(200, restricted=False, erased=True),
        office.when("lead", "/cases/{case}/amendment", {"personal": {"name": "Kim"}}),
    ][-1],
    "on_hold": lambda office: [
        office.given(*OPEN, "close_case", "set_hold", "erase"),
        office.when("second_officer", ERASURE),
    ][-1],
    "not_due": lambda office: office.given(*OPEN, "close_case").when("officer", ERASURE, {"ground": "retention"}),
}
STATUS = {"malformed": 422, "key_reused": 422, "not_found": 404, "version_differs": 412}


def test_every_refusal_but_those_of_imports_is_tried_here() -> None:
    """A new reason to say no needs its line above, and its title."""
    codes = {refusal.code for refusal in ORDER}
    assert codes - BROKEN.keys() == {"unknown_request", "foreign_case"}
    assert codes == TITLES.keys()


@pytest.mark.parametrize("code", BROKEN)
def test_a_broken_rule_answers_its_problem(office: Office, code: str) -> None:
    """The code, the status, a title and a German sentence."""
    BROKEN[code](office).refuses(code, STATUS.get(code, 409))


def test_a_second_officer_confirms_by_the_same_call(office: Office) -> None:
    """202 from the first, 200 from the second."""
    office.given_pool(rules={"four_eyes_minutes": 60}).given("request_hours")
    office.when("officer", APPROVAL).answers(202, state="awaiting_second")
    office.when("second_officer", APPROVAL).answers(200, state="approved", granted_minutes=600)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/bookings/{booking}/withdrawal", {}),
        ("/bookings/{booking}/settlement", {}),
        (SESSIONS, SESSION),
        (SESSIONS + "/{session}/reversal", {"reason": "x"}),
        ("/cases/{case}/closure", {"outcome": "moved"}),
        ("/bookings", REQUEST),
    ],
)
def test_foreign_and_missing_are_the_same_bytes(office: Office, path: str, body: Any) -> None:
    """Whether it is another provider's or nobody's cannot be told, neither by reading nor by writing."""
    office.given(*LOGGED)
    foreign = office.when("other_lead", path, body)
    for name in office.ids:
        office.ids[name] = str(uuid4())
    missing = office.when("other_lead", path, body)
    foreign.refuses("not_found", 404)
    assert foreign.answer.content == missing.answer.content


@pytest.mark.parametrize("path", ["/bookings/{}", "/cases/{}", "/bookings/{}/texts"])
def test_reading_foreign_and_missing_is_the_same(office: Office, path: str) -> None:
    """Status, bytes and headers, but for the request's own id; a malformed id is as little there."""
    office.given(*LOGGED)
    own = office.case if "cases" in path else office.booking
    assert office.get("lead", path.format(own)).status_code == 200
    answers = [office.get("other_lead", path.format(id)) for id in (own, uuid4(), "keine-kennung", own.upper()[:-1])]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers.pop("X-Request-Id") for answer in answers}) == len(answers)
    assert len({str(sorted(answer.headers.items())) for answer in answers}) == 1
