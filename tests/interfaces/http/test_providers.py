"""The registry over HTTP: who registers, who reads, and that nobody has to be registered."""

from typing import Any
from uuid import uuid4

import pytest

from domain.registry import provider_id
from interfaces.http.examples import PATH_IDS
from tests.interfaces.http.office import Office
from tests.interfaces.http.test_refusals import LOGGED

OWN = f"/providers/{PATH_IDS['provider']}"  # of traeger-a
DAYS = {"valid_from": "2024-01-01", "valid_until": "2024-12-31"}


def registered(office: Office, provider: str, **facts: Any) -> str:
    """Where it is, whether or not another test has registered it."""
    body = {"provider": provider, "name": f"Verein {provider}", "valid_from": "2024-01-01"} | facts
    assert office.post("officer", "/providers", body).status_code in (201, 409)
    return f"/providers/{provider_id(provider)}"


def test_an_officer_registers_a_provider_and_all_of_the_office_read_it(office: Office) -> None:
    """given a provider / when it is registered / then its id follows from its name, and registering it again is refused."""
    provider = f"traeger-{uuid4()}"
    body = {"provider": provider, "name": "Verein für Jugendhilfe", "valid_from": "2024-01-01"}
    made = office.post("officer", "/providers", body)
    assert (made.status_code, made.headers["location"]) == (201, f"/api/v1/providers/{provider_id(provider)}")
    assert (made.json()["names"], made.headers["etag"]) == (
        [{"name": "Verein für Jugendhilfe", "valid_from": "2024-01-01", "valid_until": None}],
        '"1"',
    )
    again = office.post("officer", "/providers", body | {"name": "Anderer Verein"})
    assert (again.status_code, again.json()["code"]) == (409, "duplicate_id")
    for who in ("officer", "auditor"):
        assert office.get(who, f"/providers/{provider_id(provider)}").json() == made.json()
    for who in ("officer", "auditor", "planner"):
        assert provider in {each["provider"] for each in office.get(who, "/providers", limit=500).json()["items"]}


def test_a_lead_registers_the_own_workers(office: Office) -> None:
    """given two providers / when a lead registers and ends a worker / then it is of the own provider, or not there."""
    worker = f"kraft-{uuid4()}"
    own, foreign = registered(office, "traeger-a"), registered(office, "traeger-b")
    made = office.post("lead", f"{own}/workers", {"worker": worker, **DAYS})
    assert (made.status_code, {"name": worker, **DAYS} in made.json()["workers"]) == (200, True)
    for path in (f"{foreign}/workers", f"/providers/{uuid4()}/workers"):
        assert office.post("lead", path, {"worker": worker, **DAYS}).json()["code"] == "not_found"
        assert office.post("lead", f"{path}/ending", {"worker": worker, "valid_until": "2024-06-30"}).json()["code"] == "not_found"
    ended = office.post("lead", f"{own}/workers/ending", {"worker": worker, "valid_until": "2024-06-30"})
    assert {"name": worker, "valid_from": "2024-01-01", "valid_until": "2024-06-30"} in ended.json()["workers"]
    later = office.get("worker", own, as_of="2024-07-01").json()["workers"]
    assert worker not in {each["name"] for each in later}
    assert worker in {each["name"] for each in office.get("worker", own, as_of="2024-06-30").json()["workers"]}
    assert office.get("worker", foreign).status_code == 404
    assert {each["provider"] for each in office.get("lead", "/providers").json()["items"]} == {"traeger-a"}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"worker": "Erika Mustermann", **DAYS}, "worker"),
        ({"worker": "kraft-1", "valid_from": "2024-02-01", "valid_until": "2024-01-31"}, "valid_until"),
        ({"worker": "kraft-1"}, "valid_from"),
    ],
    ids=["a name", "an end before the beginning", "no beginning"],
)
def test_what_is_malformed_is_named(office: Office, body: dict[str, str], place: str) -> None:
    """given a registered provider / when a worker is registered badly / then the answer says what is wrong."""
    answer = office.post("officer", f"{registered(office, 'traeger-a')}/workers", body)
    assert (answer.status_code, [each["place"] for each in answer.json()["errors"]]) == (422, [place])


def test_what_was_known_then_is_told(office: Office) -> None:
    """given a worker that was ended later / when asked what was known before / then it was still open."""
    own, worker = registered(office, "traeger-a"), f"kraft-{uuid4()}"
    office.post("officer", f"{own}/workers", {"worker": worker, "valid_from": "2024-01-01"})
    with office.service.store.reading() as reader:
        position = reader.head().id  # type: ignore[union-attr]
    before = office.get("officer", "/events", after=position - 1).json()["items"][0]["time"]
    office.post("officer", f"{own}/workers/ending", {"worker": worker, "valid_until": "2024-06-30"})
    then, now = (office.get("officer", own, **asked).json()["workers"] for asked in ({"known_at": before}, {}))
    assert [{each["name"]: each["valid_until"] for each in found}[worker] for found in (then, now)] == [None, "2024-06-30"]


def test_nobody_has_to_be_registered(office: Office) -> None:
    """given a provider whose only registered worker has left / when others request and log / then all is taken as ever."""
    own = registered(office, "traeger-a")
    office.post(
        "officer", f"{own}/workers", {"worker": f"kraft-{uuid4()}", "valid_from": "2020-01-01", "valid_until": "2020-01-01"}
    )
    office.given(*LOGGED)
    assert office.get("lead", f"/bookings/{office.booking}").json()["consumed_minutes"] == 90
