"""Two instants compared over HTTP."""

import pytest

from tests.interfaces.http.office import Office
from tests.interfaces.http.test_refusals import LOGGED


def test_late_entries_are_named(office: Office) -> None:
    """given a session of the past / when its day is compared with today / then it was recorded since, and is named; for auditors
    and officers alone."""
    office.given(*LOGGED)
    day = "2024-03-31"
    answer = office.get("auditor", "/audit/compare", pool=office.pool, **{"from": day, "to": "2049-12-31"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    consumed = next(each for each in found["figures"] if each["figure"] == "consumed")
    assert (consumed["then"], consumed["difference"]) == (0, consumed["now"])
    assert {"session-logged", "pool-opened"} <= {each["type"] for each in found["changes"]}
    assert {each["manner"] for each in found["changes"]} == {"late"}
    assert sum(each["minutes"].get("consumed", 0) for each in found["changes"]) == consumed["now"] > 0
    for person in ("worker", "planner", "admin"):
        assert office.get(person, "/audit/compare", pool=office.pool, **{"from": day, "to": day}).status_code == 403


@pytest.mark.parametrize(
    ("stated", "place"),
    [
        ({"from": "2024-03-31"}, "to"),
        ({"from": "gestern", "to": "2024-03-31"}, "from"),
        ({"from": "2024-03-31", "to": "2024-03-30"}, "to"),
        ({"from": "2024-03-31", "to": "2024-04-30", "after": "x"}, "after"),
    ],
)
def test_what_cannot_be_meant_is_refused(office: Office, stated: dict[str, str], place: str) -> None:
    """With the place of what is wrong."""
    office.given_pool()
    answer = office.get("auditor", "/audit/compare", pool=office.pool, **stated)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"] == place
