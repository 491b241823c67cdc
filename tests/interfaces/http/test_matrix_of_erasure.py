"""Every route that takes a case or a booking, in every state of erasure: requested, held, due, erased, and destroyed.

Who may is as in ``test_matrix``; here stands what is answered then, and that nobody is told a text that is restricted or erased.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from application.engine import utc_now
from tests.interfaces.http import test_matrix as matrix
from tests.interfaces.http.office import Office
from tests.interfaces.http.test_matrix import MAY, METHODS, ROLES, Cell, Swept, asked, code_of, kind_of
from tests.interfaces.http.town import DISTRICTS, PROVIDERS, SESSION_AT, WORDS, Thing, Town

YEARS = timedelta(days=11 * 366)  # what was closed before is due then, and what is closed afterwards is not
SAID = {owner: f"geheim-{owner}" for owner in PROVIDERS}  # in every text about a provider's persons, and nowhere else

# What is done to a case, one deed after the other.
Deed = tuple[str, str, Mapping[str, str]]
REQUEST: Deed = ("second_officer", "erasure", {"ground": "order", "reason": "unzulässig"})
AGREE: Deed = ("officer", "erasure", {})
HOLD: Deed = ("officer", "hold", {"reason": "Klage"})
DEEDS: Mapping[str, Sequence[Deed]] = {
    "due": (),
    "ended": (),
    "requested": (REQUEST,),
    "held": (HOLD,),
    "requested and held": (REQUEST, HOLD),
    "erased": (REQUEST, AGREE),
    "destroyed": (REQUEST, AGREE),
    "running, requested": (REQUEST,),
    "running, destroyed": (REQUEST, AGREE),
}
ENDED = [state for state in DEEDS if not state.startswith("running")]
REQUESTED = [state for state, deeds in DEEDS.items() if REQUEST in deeds and AGREE not in deeds]
HELD = [state for state, deeds in DEEDS.items() if HOLD in deeds]
ERASED = [state for state, deeds in DEEDS.items() if AGREE in deeds]

GONE = dict.fromkeys(ERASED, "data_erased")
ANSWERED: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("POST", "/cases/{case}/amendment"): {"*": "200", **GONE},
    ("POST", "/cases/{case}/transfer"): {"*": "200", **GONE, **dict.fromkeys(ENDED, "case_closed")},
    ("POST", "/cases/{case}/closure"): {"*": "200", **dict.fromkeys(ENDED, "already_closed")},
    ("POST", "/cases/{case}/erasure"): {"*": "202", **dict.fromkeys(REQUESTED, "200"), "requested and held": "on_hold", **GONE},
    ("POST", "/cases/{case}/erasure/withdrawal"): {"*": "already_decided", **dict.fromkeys(REQUESTED, "200")},
    ("POST", "/cases/{case}/hold"): {"*": "200", **dict.fromkeys(HELD, "already_decided"), **GONE},
    ("POST", "/cases/{case}/hold/lifting"): {"*": "already_decided", **dict.fromkeys(HELD, "200")},
    ("POST", "/bookings"): {"*": "201", **dict.fromkeys(ENDED, "case_closed")},
    ("POST", "/audit/findings"): {"*": "201", **GONE},
}
# Of those about bookings and sessions: what a case that has ended refuses first, and what says something about the person, for
# which there is no place any more once the person is erased.
GOING_ON = ("approval", "refusal", "waitlisting", "sessions")
TELLING = ("approval", "refusal", "reduction", "correction", "reversal", "confirmation")
TURNED_AWAY = ("method_not_allowed", "unauthorized", "forbidden", "not_found")
ROUTES = [route for route in MAY if kind_of(route) in ("case", "booking", "session")]


class Clock:
    def __init__(self) -> None:
        self.passed = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.passed


class Erasures(Town):
    """For two providers alike a case in each of these states, with bookings and a session, which are what they became by it."""

    def __init__(self, office: Office, clock: Clock) -> None:
        self._clock = clock
        super().__init__(office)

    def _settle(self) -> None:
        self._clock.passed = timedelta()
        period = {"start": "2024-01-01", "end": "2049-12-31"}
        body = {"name": "Stundenpool", "period": period, "budget_minutes": 60_000, "rules": {}}
        pool = self._post("officer", "/pools", body, 201)["id"]
        for state in DEEDS:
            for owner in PROVIDERS:
                self._settle_case(owner, pool, state)
            if state == "due":
                self._clock.passed = YEARS
        self._do("destroyed", "running, destroyed")
        self.office.service.erasing.carry_out(self.office.service.engine)
        self._do(*(state for state in DEEDS if "destroyed" not in state))

    def _settle_case(self, owner: str, pool: str, state: str) -> None:
        case, who = self._case(owner, pool), PROVIDERS[owner][0]
        self._add("case", owner, state, pool=pool, case=case)
        requested, logged = (self._asked(owner, case) for _ in range(2))
        self._post("officer", f"/bookings/{logged}/approval", {"reason": SAID[owner], "overtaking_reason": SAID[owner]})
        session = {"starts_at": SESSION_AT, "minutes": 60, "kind": "direct", "worker": WORDS[owner], "note": SAID[owner]}
        session_id = self._post(who, f"/bookings/{logged}/sessions", session, 201)["id"]
        if state in ENDED:
            self._post(who, f"/cases/{case}/closure", {"outcome": "moved", "note": SAID[owner]})
        for booking in (requested, logged):
            stands = self.office.get("officer", f"/bookings/{booking}").json()["state"]
            self._add("booking", owner, f"{state}: {stands}", pool=pool, case=case, booking=booking)
        self._add("session", owner, f"{state}: {stands}", pool=pool, case=case, booking=logged, session=session_id)

    def _case(self, owner: str, pool: str) -> str:
        personal = {"name": SAID[owner], "birth_year": 2008, "contact": SAID[owner], "notes": SAID[owner]}
        body = {"pool": pool, "district": DISTRICTS[owner], "service_area": "13", "concern": "housing", "personal": personal}
        case: str = self._post(PROVIDERS[owner][0], "/cases", body, 201)["id"]
        return case

    def _asked(self, owner: str, case: str) -> str:
        body = {"case": case, "minutes": 120, "purpose": SAID[owner]}
        booking: str = self._post(PROVIDERS[owner][0], "/bookings", body, 201)["id"]
        return booking

    def _do(self, *states: str) -> None:
        for case in self.of("case"):
            if case.state in states:
                for who, deed, body in DEEDS[case.state]:
                    answer = self.office.post(who, f"/cases/{case.ids['case']}/{deed}", body)
                    assert answer.status_code in (200, 202), answer.text


def state_of(thing: Thing) -> str:
    """That of the case."""
    return thing.state.partition(":")[0]


def expected(route: tuple[str, str], role: str, thing: Thing) -> str:
    """What ``test_matrix`` expects of a booking or session that stands so, but for an end of the case and an erasure."""
    if kind_of(route) == "case":
        answer = matrix.expected(route, role, thing)
        answered = ANSWERED.get(route, {})
        return answer if answer in TURNED_AWAY else answered.get(thing.state, answered.get("*", "200"))
    answer = matrix.expected(route, role, Thing(thing.kind, thing.owner, thing.state.rpartition(" ")[2]))
    deed, state = route[1].rpartition("/")[2], state_of(thing)
    if deed in GOING_ON and state in ENDED and answer not in TURNED_AWAY:
        return "case_closed"
    return "data_erased" if deed in TELLING and state in ERASED and answer == "200" else answer


def cells(town: Town, *, all_of_them: bool) -> Iterator[Cell]:
    """Each route by its own method and whoever may, with what is their own; who may not is refused in every state alike. Or all."""
    for path in dict.fromkeys(path for _, path in ROUTES):
        own = [each for each in ROUTES if each[1] == path]
        for method in METHODS if all_of_them else [method for method, _ in own]:
            route = ("GET" if method == "HEAD" else method, path)
            for thing in town.of(kind_of(route if route in MAY else own[0]) or ""):
                for role in ROLES:
                    if all_of_them or (role in MAY[route] and (thing.owner == "a" or role in "WL")):
                        yield Cell(method, path, role, thing, expected(route, role, thing))


@pytest.fixture(scope="module", autouse=True)
def clock() -> Iterator[Clock]:
    """Set before the service is opened, which asks once what to live by."""
    clock = Clock()
    with patch("application.demonstration.utc_now", clock):
        yield clock


@pytest.fixture(scope="module")
def town(clock: Clock, shared_office: Office) -> Town:
    return Erasures(shared_office, clock)


def swept(town: Town, *, all_of_them: bool) -> list[Swept]:
    async def ask() -> list[Swept]:
        return [Swept(cell, await asked(town, cell)) for cell in cells(town, all_of_them=all_of_them)]

    answers: list[Swept] = town.office.portal.call(ask)
    return answers


@pytest.mark.parametrize("all_of_them", [False, pytest.param(True, marks=pytest.mark.chaos)])
def test_every_route_in_every_state_of_erasure(town: Town, all_of_them: bool) -> None:
    """given cases in all of them / when anybody asks for anything about them / then the answer is that of the table."""
    answers = swept(town, all_of_them=all_of_them)
    told = [(cell, code_of(cell, reply)) for cell, reply in answers]
    assert len(told) > (10_000 if all_of_them else 700)
    assert [f"{cell}: {code} instead of {cell.expected}" for cell, code in told if code != cell.expected] == []
    by_state: dict[str, set[str]] = {state: set() for state in DEEDS}
    for cell, reply in answers:
        assert cell.thing is not None
        told_texts = [said for said in SAID.values() if said in f"{reply.headers} {reply.body.decode()}"]
        if told_texts:
            assert told_texts == [SAID[cell.thing.owner or ""]], cell
            by_state[state_of(cell.thing)].add(f"{cell.role} {cell.path}")
    everything = {f"{role} {path}" for path in ("/cases/{case}", "/bookings/{booking}/texts") for role in "WLOA"}
    person = {"O /cases/{case}/subject"}
    assert by_state == {
        state: set() if state in ERASED else person if state in REQUESTED else everything | person for state in DEEDS
    }


def test_the_calendar_alone_erases_what_is_due(town: Town) -> None:
    """given cases in every state / when what is due by the calendar is to be erased / then that alone is, and all else is kept."""
    answers: dict[str, set[str]] = {}

    async def ask(thing: Thing) -> str:
        body: Any = {"ground": "retention"}
        path = f"/api/v1/cases/{thing.ids['case']}/erasure"
        return (await town.call("officer", "POST", path, body=body)).code

    for thing in town.of("case"):
        answers.setdefault(thing.state, set()).add(town.office.portal.call(ask, thing))
    due = {
        "due": "202",
        **dict.fromkeys(("ended", "requested"), "not_due"),
        **dict.fromkeys(HELD, "on_hold"),
        **dict.fromkeys(("running, requested", "running, destroyed"), "case_open"),
        **dict.fromkeys(("erased", "destroyed"), "data_erased"),
    }
    assert answers == {state: {due[state]} for state in DEEDS}
