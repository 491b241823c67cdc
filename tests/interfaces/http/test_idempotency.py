"""The same key answers the same for good; an ``If-Match`` that no longer holds refuses."""

from pathlib import Path

from tests.interfaces.http.office import Office, running_office
from tests.interfaces.http.test_refusals import APPROVAL, OPEN, REQUEST, REQUESTED, SESSION, SESSIONS


def test_a_repeated_request_gets_the_same_bytes_and_happens_once(office: Office) -> None:
    """Body, status, position, version and place are those of the first answer."""
    office.given(*OPEN)
    first = office.when("lead", "/bookings", REQUEST, key="antrag-1").answer
    office.given("request_hours")
    again = office.when("lead", "/bookings", REQUEST, key="antrag-1").answer
    assert (again.status_code, again.content) == (201, first.content)
    for header in ("Position", "ETag", "Location"):
        assert again.headers[header] == first.headers[header]
    assert len(office.get("lead", "/bookings", pool=office.pool).json()["items"]) == 2


def test_the_order_of_names_and_spaces_is_no_other_body(office: Office) -> None:
    """What counts is the JSON value."""
    office.given(*OPEN)
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    bodies = [f'{{"case":"{office.case}","minutes":600}}', f'{{ "minutes" : 600,\n"case":"{office.case}" }}']
    first, second = (office.call("lead", "POST", "/bookings", content=body, headers=headers) for body in bodies)
    assert first.status_code == 201
    assert first.content == second.content


def test_a_key_belongs_to_one_body_and_one_path(office: Office) -> None:
    """Another request under it is refused, even where its values are wrong."""
    office.given(*REQUESTED)
    office.when("officer", APPROVAL, {"minutes": 600}, key="k").answers(200)
    office.when("officer", APPROVAL, {"minutes": 300}, key="k").refuses("key_reused", 422)
    office.when("officer", APPROVAL, {"minutes": "viele"}, key="k").refuses("key_reused", 422)
    office.when("officer", "/bookings/{booking}/settlement", {"minutes": 600}, key="k").refuses("key_reused", 422)
    office.when("officer", "/pools/{pool}/closure", {}, key="k").refuses("key_reused", 422)


def test_a_key_belongs_to_one_person(office: Office) -> None:
    """Others may use the same."""
    office.given(*OPEN)
    office.when("lead", "/bookings", REQUEST, key="k").answers(201)
    office.when("worker", "/bookings", {**REQUEST, "minutes": 60}, key="k").answers(201, requested_minutes=60)


def test_a_refused_rule_stays_refused(office: Office) -> None:
    """409 answers are kept, whatever has become possible since."""
    office.given_pool(budget_minutes=300).given("request_hours")
    first = office.when("officer", APPROVAL, {}, key="k")
    first.refuses("over_budget")
    office.when("officer", "/pools/{pool}/budget", {"change_minutes": 6000, "resolution": "V2"}).answers(200)
    assert office.when("officer", APPROVAL, {}, key="k").answer.content == first.answer.content
    office.when("officer", APPROVAL, {}, key="k2").answers(200)


def test_a_malformed_or_missing_request_leaves_its_key_free(office: Office) -> None:
    """422, 404, 412 and 403 say nothing about the rules: the mended request may use the key."""
    office.given(*REQUESTED)
    office.when("officer", APPROVAL, {"minutes": 0}, key="k").refuses("malformed", 422)
    office.when("lead", APPROVAL, {}, key="k").refuses("forbidden", 403)
    office.when("officer", APPROVAL.format(booking="00000000-0000-4000-8000-000000000000"), {}, key="k").refuses("not_found", 404)
    office.when("officer", APPROVAL, {}, key="k", **{"If-Match": '"9"'}).refuses("version_differs", 412)
    office.when("officer", APPROVAL, {}, key="k").answers(200)


def test_keys_outlive_the_process(store_url: str, tmp_path: Path) -> None:
    """After a restart the same key still gets the same bytes."""
    with running_office(store_url, tmp_path) as office:
        office.given(*OPEN)
        first = office.when("lead", "/bookings", REQUEST, key="k").answer
        ids = office.ids
    with running_office(store_url, tmp_path) as office:
        office.ids = ids
        assert office.when("lead", "/bookings", REQUEST, key="k").answer.content == first.content
        office.when("lead", "/bookings", {**REQUEST, "minutes": 60}, key="k").refuses("key_reused", 422)


def test_a_key_has_up_to_255_printable_ascii_characters(office: Office) -> None:
    """Anything else is malformed, with its place."""
    office.given(*OPEN)
    office.when("lead", "/bookings", REQUEST, **{"Idempotency-Key": office.keys.ljust(255, "k")}).answers(201)
    for key in ("k" * 256, "k\tk", ""):
        problem = office.when("lead", "/bookings", REQUEST, **{"Idempotency-Key": key}).refuses("malformed", 422)
        assert problem["errors"][0]["place"] == "Idempotency-Key"


def test_if_match_takes_the_etag_of_an_answer(office: Office) -> None:
    """A version that still holds is accepted, an older one refused, a star takes any."""
    office.given(*REQUESTED)
    etag = office.get("officer", f"/bookings/{office.booking}").headers["ETag"]
    answer = office.when("officer", APPROVAL, {}, **{"If-Match": etag})
    answer.answers(200)
    office.when("lead", SESSIONS, SESSION, **{"If-Match": etag}).refuses("version_differs", 412)
    office.when("lead", SESSIONS, SESSION, **{"If-Match": answer.answer.headers["ETag"]}).answers(201)
    office.when("lead", SESSIONS, SESSION, **{"If-Match": "*"}).answers(201)
    problem = office.when("lead", SESSIONS, SESSION, **{"If-Match": "gestern"}).refuses("malformed", 422)
    assert problem["errors"][0]["place"] == "If-Match"
