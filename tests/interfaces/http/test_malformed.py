"""Whatever is sent, the answer is a 4xx with a place, never a 5xx, and never what was sent."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.http.examples import PATH_IDS
from interfaces.http.operations import PREFIX
from tests.interfaces.http.office import BY_NAME, PEOPLE, Office
from tests.interfaces.http.test_operations import POSTS
from tests.interfaces.http.test_refusals import APPROVAL, APPROVED, OPEN, REQUESTED, SESSION, SESSIONS

ODD: list[Any] = [
    None, True, "", " ", "NaN", "x" * 5000, "a\x00b", "zeile\n", 0, -1, 1.5, 10**18, 10**400, [], [[]], {}, {"a": 1}, "9" * 5000,
    "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00", "9999-12-31", "2024-02-30", "2024-03-05T14:30:00", "gestern",
]  # fmt: skip

SYNTAX = [
    (b"{", "Zeile 1, Zeichen 2"),
    (b"nichts", "Zeile 1, Zeichen 1"),
    (b'{"minutes": 1 2}', "Zeile 1, Zeichen 15"),
    (b'\xff{"a":1}', "Byte 1"),
    (b'{"reason": "\xc3"}', "Byte 13"),
    (b'{"reason": "\\ud800"}', "reason"),
    (b'{"reason": [{"a": "\\ud800"}]}', "reason"),
    (b'{"\\udfff": 1}', "Anfrage"),
    (b'{"minutes": NaN}', "minutes"),
    (b'{"minutes": -Infinity}', "minutes"),
    (b'{"minutes": 99999999999999999999}', "minutes"),
    (b'{"minutes": -9999999999999999999}', "minutes"),
    (b'{"minutes": 1e999}', "minutes"),
    (b'{"minutes": ' + b"9" * 5000 + b"}", "minutes"),
    (b'{"minutes": 60, "minutes": 75}', "minutes"),
    (b'{"Frau Muster": 60, "Frau Muster": 75}', "JSON"),
    (b"[" * 500_000, "Zeile 1, Zeichen 33"),
    (b'{"a":' * 100_000, "Zeile 1, Zeichen 161"),
    (b'[\n"' + b"[" * 99 + b'",' + b"[" * 32, "Zeile 2, Zeichen 134"),
    (b'["\\"", ' + b"[" * 40, "Zeile 1, Zeichen 39"),
    (b'["' + b"[" * 40, "Zeile 1, Zeichen 2"),
    (b"[" * 32 + b"]" * 32, "Anfrage"),
    (b"[" + b"[], " * 250_000 + b"[]]", "Anfrage"),
    (b'{"reason": "' + b"[{" * 100 + b'", "review_on": ' + b"[" * 31 + b"]" * 31 + b"}", "review_on"),
    (b"[]", "Anfrage"),
    (b"null", "Anfrage"),
    (b'"text"', "Anfrage"),
    (b"\x00", "Zeile 1, Zeichen 1"),
    ('{"reason": "für"}'.encode("utf-16"), "Byte 1"),
]

PLACES: list[tuple[str, str, Any, str, str]] = [
    ("lead", SESSIONS, {**SESSION, "minutes": "60"}, "minutes", "eine ganze Zahl ist nötig"),
    ("lead", SESSIONS, {**SESSION, "minutes": 0}, "minutes", "mindestens 1 nötig"),
    ("lead", SESSIONS, {**SESSION, "minutes": 10_000_001}, "minutes", "höchstens 10000000"),
    ("lead", SESSIONS, {**SESSION, "kind": "zaubern"}, "kind", "keiner der vorgesehenen Werte"),
    ("lead", SESSIONS, {**SESSION, "worker": " kraft"}, "worker", "enthält Zeichen, die hier nicht vorgesehen sind"),
    ("lead", SESSIONS, {**SESSION, "worker": "kraft\n"}, "worker", "enthält Zeichen, die hier nicht vorgesehen sind"),
    ("lead", SESSIONS, {**SESSION, "note": "x" * 4001}, "note", "höchstens 4000 Zeichen"),
    ("lead", SESSIONS, {"minutes": 15, "kind": "direct"}, "starts_at", "fehlt"),
    ("lead", SESSIONS, {**SESSION, "extra": 1}, "Anfrage", "„extra“ ist nicht vorgesehen"),
    ("lead", SESSIONS, {**SESSION, "Frau Muster": 1}, "Anfrage", "eine Angabe ist nicht vorgesehen"),
    (
        "lead",
        SESSIONS,
        {**SESSION, "starts_at": "2024-03-05T14:30:00"},
        "starts_at",
        "ein Zeitpunkt braucht seine Zeitzone, etwa 2022-03-01T14:30:00+01:00",
    ),
    (
        "lead",
        SESSIONS,
        {**SESSION, "starts_at": "0001-01-01T00:00:00+14:00"},
        "starts_at",
        "liegt nicht in den Jahren 1900 bis 2199",
    ),
    ("officer", APPROVAL, {"review_on": "2024-02-30"}, "review_on", "kein Datum wie 2022-03-01"),
    ("officer", "/bookings/{booking}/reduction", {"to_minutes": -1}, "to_minutes", "mindestens 0 nötig"),
    ("officer", "/pools/{pool}/budget", {"change_minutes": 0, "resolution": "V1"}, "change_minutes", "nicht 0"),
    ("officer", "/pools/{pool}/rules", {"rules": {"unit_minutes": 0}}, "rules.unit_minutes", "mindestens 1 nötig"),
    (
        "officer",
        "/pools/{pool}/rules",
        {"rules": {"district_quotas": {"nord": -1}}},
        "rules.district_quotas[...]",
        "mindestens 0 nötig",
    ),
    ("officer", "/pools/{pool}/months/2024-13/closure", {}, "month", "kein Monat wie 2024-03"),
    ("lead", "/cases/{case}/amendment", {"personal": {"birth_year": 5}}, "personal.birth_year", "mindestens 1900 nötig"),
    (
        "lead",
        "/cases/{case}/amendment",
        {"personal": {"birth_year": "MMVI"}},
        "personal.birth_year",
        "enthält Zeichen, die hier nicht vorgesehen sind",
    ),
]


@pytest.mark.parametrize(("body", "place"), SYNTAX, ids=range(len(SYNTAX)))
def test_broken_json_says_where(office: Office, body: bytes, place: str) -> None:
    """Syntax, encoding, doubled names, numbers that are none, and nesting without end."""
    office.given(*REQUESTED)
    headers = {"Content-Type": "application/json"}
    answer = office.call("officer", "POST", f"/bookings/{office.booking}/approval", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "malformed"
    assert answer.json()["errors"][0]["place"] == place


@pytest.mark.parametrize(("who", "path", "body", "place", "message"), PLACES, ids=range(len(PLACES)))
def test_a_wrong_value_says_where_and_why(office: Office, who: str, path: str, body: Any, place: str, message: str) -> None:
    """In German, without repeating the value."""
    problem = office.given(*APPROVED).when(who, path, body).refuses("malformed", 422)
    assert problem["errors"] == [{"place": place, "message": message}]
    assert place in problem["detail"]


def test_nothing_that_was_sent_comes_back(office: Office) -> None:
    """A person's name in a wrong place does not end up in an answer or in a log of answers."""
    office.given(*OPEN)
    for body in (
        {"outcome": "Kim Beispiel"},
        {"outcome": "moved", "Kim Beispiel": 1},
        {"outcome": "moved", "note": ["Kim Beispiel"]},
        "Kim Beispiel",
        {"Kim Beispiel": {"Kim Beispiel": "Kim Beispiel"}},
    ):
        answer = office.when("lead", "/cases/{case}/closure", body).answer
        assert answer.status_code == 422
        assert "Beispiel" not in answer.text


def test_every_field_refuses_what_it_is_not(office: Office) -> None:
    """Odd values in every field of every command: accepted or refused, never an error of ours."""
    office.given(*APPROVED, "log_session", "register_webhook")
    for operation in POSTS:
        who = next(person for person, (role, _, _) in PEOPLE.items() if role in operation.policy)
        path = office.real(operation.path.format_map(PATH_IDS))
        for name in operation.body.__struct_fields__:
            for odd in ODD:
                answer = office.post(who, path, {**office.real(dict(operation.example)), name: odd})
                assert answer.status_code < 500, (operation.name, name, odd, answer.text)


QUERIES = [
    "limit=0", "limit=501", "limit=1.5", "limit=viele", "after=x", "after=-1", "after=99999999999999999999", "after=%00",
    "pool=x", "unbekannt=1", "limit=1&limit=2", "after=1.5", "after=%ff", "state=zaubern", "actor=%0a", "as_of=gestern",
    "known_at=2024-03-31T10:00:00", "by=person", "as_of=0001-01-01", "as_of=9999-12-31", "known_at=9999-12-31T23:59:59Z",
    "as_of=2024-02-30", "provider=%20%09x", "pool=null", "state=NULL", "by=null", "after=null",
]  # fmt: skip


def test_every_query_refuses_what_it_does_not_know(office: Office) -> None:
    """A broken cursor, limit, filter or instant is malformed; what a query does not know is not silently left out."""
    office.given(*APPROVED)
    for name in ("list_pools", "get_balance", "list_cases", "list_bookings", "get_worklist", "list_events", "get_trail"):
        path = office.real(BY_NAME[name].path.format_map(PATH_IDS))
        for query in QUERIES:
            answer = office.call("auditor", "GET", f"{path}?{query}")
            assert answer.status_code == 422, (name, query, answer.text)
            assert answer.json()["code"] == "malformed"
            assert answer.json()["errors"][0]["place"]


def test_a_whole_number_may_be_written_as_a_fraction(office: Office) -> None:
    """In JSON 60.0 is 60, also under an idempotency key; 60.5 is none, nor is what a float cannot hold exactly."""
    office.given(*REQUESTED)
    path, headers = f"/bookings/{office.booking}/approval", {"Content-Type": "application/json", "Idempotency-Key": office.keys}
    for minutes in ("60.5", "1e400", "9007199254740993.0"):
        answer = office.call("officer", "POST", path, content=f'{{"reason": "x", "minutes": {minutes}}}'.encode(), headers=headers)
        assert answer.json()["errors"] == [{"place": "minutes", "message": "eine ganze Zahl ist nötig"}]
    answers = [
        office.call("officer", "POST", path, content=f'{{"reason": "x", "minutes": {minutes}}}'.encode(), headers=headers).text
        for minutes in ("60.0", "6e1", "60")
    ]
    assert answers == [answers[0]] * 3
    assert '"granted_minutes":60' in answers[0]


def test_a_parameter_without_a_value_counts_as_left_out(office: Office) -> None:
    """As forms send it."""
    office.given(*APPROVED)
    answer = office.call("auditor", "GET", f"/pools/{office.pool}/balance?as_of=&known_at=&by=")
    assert answer.status_code == 200
    assert answer.json()["granted"] == 480


def test_what_is_no_json_is_refused_as_such(office: Office) -> None:
    """A form, or text."""
    office.given(*OPEN)
    for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        headers = {"Content-Type": media_type}
        answer = office.call("lead", "POST", f"/cases/{office.case}/closure", content=b'{"outcome":"moved"}', headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["place"] == "Content-Type"


def test_no_body_is_an_empty_object(office: Office) -> None:
    """Where every field may be left out, nothing needs to be sent; elsewhere the field is named."""
    office.given(*REQUESTED)
    answer = office.call("officer", "POST", f"/bookings/{office.booking}/approval")
    assert answer.status_code == 200, answer.text
    answer = office.call("lead", "POST", "/bookings")
    assert answer.json()["errors"][0]["place"] == "case"


def test_a_large_body_is_refused(office: Office) -> None:
    """More than 1 MiB: 413, whether its length was stated or not."""
    office.given(*OPEN)
    headers = {"Content-Type": "application/json"}
    answer = office.call("lead", "POST", "/bookings", content=b" " * (1024 * 1024 + 1), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"
    assert office.call("lead", "POST", "/bookings", content=b" " * 1024 * 1024, headers=headers).status_code == 422


def test_other_methods_and_paths_are_problems_as_well(office: Office) -> None:
    """405 says what goes, 404 says nothing."""
    answer = office.call("lead", "DELETE", "/pools")
    assert answer.status_code == 405
    assert {method.strip() for method in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "POST"}
    for path in (f"{PREFIX}/nichts", f"{PREFIX}/pools/", "/nichts", f"{PREFIX}"):
        answer = office.request("GET", path)
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
    assert office.request("POST", "/healthz").status_code == 405


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60), name=st.sampled_from(sorted(BY_NAME)))
def test_any_bytes_get_an_answer(office: Office, body: bytes, name: str) -> None:
    """Not one of them is an error of ours."""
    operation = BY_NAME[name]
    who = next(person for person, (role, _, _) in PEOPLE.items() if role in operation.policy)
    answer = office.call(
        who, "POST", operation.path.format_map(PATH_IDS), content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code < 500
