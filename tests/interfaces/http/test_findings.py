"""Findings over HTTP: who may see them, page by page, and by which thresholds they hold."""

import pytest

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
