"""What a provider's people see: their own, and of a pool what everybody sees. What others have they cannot even count."""

from uuid import UUID, uuid5

import httpx
import pytest

from tests.interfaces.http.office import Office
from tests.interfaces.web.visitor import Visitor

OPEN = ("open_pool", "open_case")
REQUESTED = (*OPEN, "request_hours")
APPROVED = (*REQUESTED, "approve_hours")

CASE = {"district": "stadtraum-01", "service_area": "13", "concern": "housing"}


def request_of_another(office: Office) -> str:
    """A request of another provider in the same pool."""
    case = office.post("other_lead", "/cases", {**CASE, "pool": office.pool}).json()["id"]
    answer = office.post("other_lead", "/bookings", {"case": case, "minutes": 60})
    assert answer.status_code == 201, answer.text
    booking: str = answer.json()["id"]
    return booking


def page(office: Office, who: str, path: str) -> httpx.Response:
    return Visitor(office).signs_in_as(who).opens(path)


def test_of_the_quotas_of_providers_each_sees_its_own(office: Office) -> None:
    """given quotas of two providers / when a pool is read / then its people see neither the name nor the quota of the other."""
    quotas = {"traeger-a": 600, "traeger-b": 1200}
    office.given_pool(rules={"provider_quotas": quotas})
    for who, seen in (("lead", {"traeger-a": 600}), ("other_lead", {"traeger-b": 1200}), ("planner", quotas), ("auditor", quotas)):
        assert office.get(who, f"/pools/{office.pool}").json()["rules"]["provider_quotas"] == seen
        listed = office.get(who, "/pools", limit=500).json()["items"]
        assert [pool["rules"]["provider_quotas"] for pool in listed if pool["id"] == office.pool] == [seen]


def test_decisions_over_a_pool_cannot_be_counted(office: Office) -> None:
    """A pool's version counts what was decided for all providers, so theirs are told none."""
    office.given(*APPROVED)
    assert office.get("officer", f"/pools/{office.pool}").headers["ETag"] == '"2"'
    for who in ("worker", "lead"):
        assert "ETag" not in office.get(who, f"/pools/{office.pool}").headers


def test_places_on_the_waiting_list_are_counted_among_ones_own(office: Office) -> None:
    """given one's own request that waits / when one of another provider gets in before it / then nothing shows."""
    office.given("open_pool")
    before = request_of_another(office)
    office.given("open_case", "request_hours", "waitlist_request")
    alone = office.get("lead", f"/pools/{office.pool}/waiting-list").json()
    assert office.post("officer", f"/bookings/{before}/waitlisting", {"priority": 1, "reason": "eilt"}).status_code == 200
    assert office.get("lead", f"/pools/{office.pool}/waiting-list").json() == alone
    whole = office.get("officer", f"/pools/{office.pool}/waiting-list").json()["items"]
    assert [(entry["place"], entry["booking"]) for entry in whole] == [(1, before), (2, office.booking)]


@pytest.mark.parametrize("time", ["as_of", "known_at"])
def test_sums_of_a_pool_are_told_by_days(office: Office, time: str) -> None:
    """Asked for one instant after the other they would tell every session and every grant of others apart."""
    office.given(*APPROVED)
    path, instant = f"/pools/{office.pool}/balance", "2024-03-05T14:30:00+01:00"
    for who in ("worker", "lead"):
        assert office.get(who, path, **{time: "2024-03-05"}).status_code == 200
        assert office.get(who, path, **{time: instant}).status_code == 403
        for stated, status in (("2024-03-05", 200), ("2024-03-05T14:30:00", 403)):
            shown = page(office, who, f"/nachweis?figure=pool/{office.pool}/granted%3F{time}={stated}")
            assert shown.status_code == status, shown.text
    for who in ("officer", "planner", "auditor"):
        assert office.get(who, path, **{time: instant}).status_code == 200


def test_a_reference_of_another_provider_is_as_free_as_any(office: Office) -> None:
    """given a case of another provider / when one's own gets its reference / then nothing tells so, nor does the id."""
    office.given("open_pool")
    for who in ("other_lead", "lead"):
        body = {**CASE, "pool": office.pool, "reference": "F-1"}
        first, again = office.post(who, "/cases", body), office.post(who, "/cases", body)
        assert first.status_code == 201, first.text
        assert again.json()["code"] == "duplicate_id"
        assert UUID(first.json()["id"]) != uuid5(UUID(office.pool), "case/F-1")
