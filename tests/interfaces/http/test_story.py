"""Stories over HTTP: for whom, of what, and that opened reasons are noted."""

import pytest

from tests.interfaces.http.office import Office
from tests.interfaces.http.test_refusals import LOGGED


def test_a_story_is_told_to_the_office_alone(office: Office) -> None:
    """given a session / when its booking's story is asked for / then it ends with the session; providers and planning get none."""
    office.given(*LOGGED)
    for who in ("auditor", "officer"):
        found = office.get(who, "/audit/story", booking=office.booking).json()
        assert found["scenes"][0]["line"]["type"] == "hours-requested"
        assert found["scenes"][-1]["line"]["type"] == "session-logged"
        assert found["scenes"][-1]["total"]["consumed"] == found["scenes"][-1]["minutes"]["consumed"] > 0
    for who in ("worker", "lead", "planner", "admin"):
        assert office.get(who, "/audit/story", booking=office.booking).status_code == 403


def test_every_hero_has_a_story(office: Office) -> None:
    """Cases, bookings, workers and pools; what is not there is not found."""
    office.given(*LOGGED)
    for hero, id in (("case", office.case), ("booking", office.booking), ("worker", "kraft-1"), ("pool", office.pool)):
        answer = office.get("auditor", "/audit/story", limit=1, **{hero: id})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["of"], answer.json()["id"], len(answer.json()["scenes"])) == (hero, id, 1)
        other = office.session if hero != "worker" else "niemand"
        assert office.get("auditor", "/audit/story", **{hero: other}).status_code == 404


def test_reasons_that_are_opened_are_noted(office: Office) -> None:
    """given a request with a purpose / when its story is read / then the purpose stands in it, and who read it is kept."""
    office.given(*LOGGED)
    with office.service.store.reading() as reader:
        [(before,)] = reader.fetch("SELECT COUNT(*) FROM personal_reads")
    told = office.get("auditor", "/audit/story", booking=office.booking).text
    with office.service.store.reading() as reader:
        [(after,)] = reader.fetch("SELECT COUNT(*) FROM personal_reads")
        paths = {path for (path,) in reader.fetch("SELECT path FROM personal_reads WHERE subject = 'rpa-1'")}
    assert "(vertraulich)" not in told
    assert after > before
    assert "GET /api/v1/audit/story" in paths


@pytest.mark.parametrize("stated", [{}, {"case": "{id}", "pool": "{id}"}, {"case": "x"}, {"worker": "\0"}])
def test_what_cannot_be_meant_is_refused(office: Office, stated: dict[str, str]) -> None:
    """A story is of one, and of one only."""
    office.given_pool()
    asked = {name: value.replace("{id}", office.pool) for name, value in stated.items()}
    assert office.get("auditor", "/audit/story", **asked).status_code == 422
