"""Any view as it was known then: to whom, of what, and that texts of the past are read like any other."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.interfaces.http.office import Office
from tests.interfaces.http.test_refusals import LOGGED

VIEWS = (
    "/pools",
    "/pools/{pool}",
    "/pools/{pool}/forecast",
    "/pools/{pool}/waiting-list",
    "/pools/{pool}/worklist",
    "/cases",
    "/cases/{case}",
    "/bookings",
    "/bookings/{booking}",
    "/bookings/{booking}/texts",
    "/reports/evaluation?pool={pool}",
    "/reports/evaluation.csv?pool={pool}",
    "/audit/trail?pool={pool}",
    "/audit/story?case={case}",
)


def now(office: Office) -> str:
    """The instant of the last event."""
    with office.service.store.reading() as reader:
        head = reader.head()
    assert head is not None
    events = office.get("auditor", "/events", after=head.id - 1).json()["items"]
    return str(events[-1]["time"])


def view(office: Office, path: str, who: str = "officer", **parameters: str) -> Any:
    ids = {"pool": office.pool, "case": office.case, "booking": office.booking}
    path, _, query = path.format_map(ids).partition("?")
    stated = dict([query.split("=")]) if query else {}
    return office.get(who, path, **stated, **parameters)


def test_every_view_is_as_it_was(office: Office) -> None:
    """given all views of a moment / when much has happened since / then each, asked as known then, is what it was."""
    office.given("open_pool", "open_case", "request_hours", "waitlist_request")
    moment = now(office)
    before = {path: view(office, path) for path in VIEWS}
    office.given("approve_hours", "log_session", "amend_case", "change_budget")
    for path, answer in before.items():
        again = view(office, path, known_at=moment)
        assert again.status_code == 200, (path, again.text)
        assert again.content == answer.content, path
        assert again.headers["Position"] == answer.headers["Position"]
        assert again.headers.get("ETag") == answer.headers.get("ETag")
        assert "forecast" in path or view(office, path).content != answer.content, path


def test_the_past_is_the_office_s_alone(office: Office) -> None:
    """given a provider / when its people ask for the past / then they may not: a case of today may have been another's."""
    office.given(*LOGGED)
    for path in VIEWS[:-4]:
        for who in ("worker", "lead"):
            answer = view(office, path, who, known_at="2024-03-31")
            assert answer.status_code == 403, path
    assert view(office, "/pools/{pool}", "planner", known_at=now(office)).status_code == 200
    assert view(office, "/pools/{pool}/balance", "worker", known_at="2024-03-31").status_code == 200


def test_texts_of_the_past_are_read_like_any_other(office: Office) -> None:
    """given a contact that was put right / when the case is read as it was / then the old one is there, and who read it is kept."""
    office.given("open_pool", "open_case")
    moment = now(office)
    before = office.get("officer", f"/cases/{office.case}").json()["personal"]["contact"]
    office.given("amend_case")
    with office.service.store.reading() as reader:
        [(noted,)] = reader.fetch("SELECT COUNT(*) FROM personal_reads")
    read = office.get("officer", f"/cases/{office.case}", known_at=moment).json()["personal"]["contact"]
    after = office.get("officer", f"/cases/{office.case}").json()["personal"]["contact"]
    with office.service.store.reading() as reader:
        [(noted_after,)] = reader.fetch("SELECT COUNT(*) FROM personal_reads")
        [(at,)] = reader.fetch("SELECT MIN(at) FROM personal_reads")
    assert read == before != after
    assert noted_after == noted + 2
    assert at > datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1_000_000


def test_before_the_pool_there_is_none(office: Office) -> None:
    """given a pool / when it is asked for as of a day before it / then it is not found."""
    office.given("open_pool", "open_case", "request_hours")
    assert view(office, "/pools/{pool}", known_at="2001-01-01").status_code == 404
    assert view(office, "/cases", known_at="2001-01-01").json() == {"items": [], "next": None}


def test_a_figure_of_the_evaluation_is_explained_as_it_was(office: Office) -> None:
    """given a figure of the past / when it is explained / then by the events of that time, proven in the log of today."""
    office.given("open_pool", "open_case", "request_hours")
    moment = now(office)
    office.given("request_hours")
    figure = f"evaluation/{office.pool}/requests"
    then = office.get("auditor", "/audit/explain", figure=f"{figure}?known_at={moment}").json()
    today = office.get("auditor", "/audit/explain", figure=figure).json()
    assert (then["value"], today["value"]) == (1, 2)
    assert then["parts"] == today["parts"][1:]
    assert (then["size"], then["root"]) == (today["size"], today["root"])


@pytest.mark.parametrize("known_at", ["gestern", "2024-13-01", "2024-03-31T12:00:00"])
def test_what_is_no_instant_is_refused(office: Office, known_at: str) -> None:
    """With its place."""
    office.given("open_pool", "open_case", "request_hours")
    for path in VIEWS:
        answer = view(office, path, known_at=known_at)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["place"] == "known_at"
