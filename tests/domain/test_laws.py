"""Laws that hold after every history: hypothesis plays random ones against a ledger of plain dictionaries.

The ledger knows nothing of events. It says of each command whether the rules allow it, and keeps the minutes by itself.
"""

from copy import deepcopy
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.booking import (
    approve_hours,
    confirm_session,
    correct_session,
    decline_request,
    log_session,
    reduce_grant,
    request_hours,
    reverse_session,
    settle_booking,
    waitlist_request,
    withdraw_request,
)
from domain.case import open_case
from domain.closing import close_case, close_pool, transfer_case
from domain.pool import PlaceOffered, change_budget, change_rules, close_month, open_pool, reopen_month
from domain.quantities import Period, Rules
from domain.refusals import Refusal
from tests.domain.facts import NOW, POOL, REASON, Fact, berlin
from tests.specification import States

UNIT = 15
PROVIDERS, DISTRICTS, PEOPLE = ("provider-1", "provider-2"), ("district-1", "district-2"), ("person-1", "person-2", "person-3")
DAYS = [berlin(2022, 1, 31, 23, 45), berlin(2022, 2, 1), berlin(2022, 2, 28, 12), berlin(2022, 3, 15), NOW + timedelta(days=1)]
OPEN, GRANTED = ("requested", "awaiting_second", "waitlisted"), ("approved", "settled")

units = st.integers(1, 12).map(lambda number: number * UNIT)
odd_minutes = st.one_of(units, units, units, st.integers(-1, 40))
index = st.integers(0, 50)


class History(RuleBasedStateMachine):
    """One pool of 600 minutes with every rule, its cases and bookings, and a ledger beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: list[Fact] = []
        self.states = States()
        self.number = 0
        self.pool_rules: dict[str, Any] = {
            "case_cap_minutes": 300,
            "district_quotas": {"district-1": 360},
            "provider_quotas": {"provider-2": 240},
            "four_eyes_minutes": 120,
            "session_max_minutes": 120,
            "late_entry_days": 14,
        }
        self.budget = 600
        self.closed = False
        self.months: set[str] = set()
        self.cases: dict[UUID, dict[str, Any]] = {}
        self.bookings: dict[UUID, dict[str, Any]] = {}
        period = Period(date(2022, 2, 1), date(2022, 5, 31))
        self.play(set(), open_pool, POOL, name="", period=period, budget_minutes=600, rules=Rules(**self.pool_rules))

    # ── playing

    def play(self, broken: set[str], decision: Any, on: UUID | None, **command: Any) -> bool:
        """Decides; holds the answer against the rules that the ledger finds broken. True where it was accepted."""
        if self.closed:
            broken = {"pool_closed"} | (broken & {"malformed"})
        before = deepcopy(self.states)
        facts: list[Fact] = []
        refused: str | None = None
        try:
            facts = self.states.decide(decision, on, **command)
        except Refusal as refusal:
            refused = refusal.code
        assert self.states == before, "a decision leaves the states alone, and a refusal adds nothing"
        assert refused in broken if broken else refused is None, (
            f"{decision.__name__}: {refused or 'accepted'}, the ledger says {broken or 'accepted'}"
        )
        self.facts += facts
        self.states.fold(*facts)
        return not refused

    def new(self) -> UUID:
        self.number += 1
        return UUID(int=self.number)

    def pick(self, many: dict[UUID, Any], number: int) -> UUID:
        return list(many)[number % len(many)]

    # ── what the ledger knows

    def committed(self, **of: Any) -> int:
        those = (each for each in self.bookings.values() if all(each[key] == value for key, value in of.items()))
        return sum(int(each["granted"] - each["back"]) for each in those)

    def free(self) -> int:
        return self.budget - self.committed()

    def used(self, booking: dict[str, Any]) -> int:
        return sum(int(each["minutes"]) for each in booking["sessions"].values() if not each["reversed"])

    def left(self, booking: dict[str, Any]) -> int:
        return int(booking["granted"] - booking["back"]) - self.used(booking)

    def rank(self, key: UUID) -> tuple[Any, ...]:
        booking = self.bookings[key]
        return (booking["priority"] is None, booking["priority"] or 0, booking["at"], key)

    def overtakes(self, key: UUID) -> bool:
        """Whether somebody ahead of it on the list fits."""
        listed = [each for each, booking in self.bookings.items() if booking["listed"] and each != key]
        ahead = [each for each in listed if not self.bookings[key]["listed"] or self.rank(each) < self.rank(key)]
        return any(self.bookings[each]["requested"] <= self.free() for each in ahead)

    def end(self, booking: dict[str, Any], state: str) -> None:
        booking.update(state=state, listed=False, proposal=None)

    def wind_up(self, bookings: Any) -> None:
        for booking in bookings:
            if booking["state"] in OPEN:
                self.end(booking, "withdrawn")
            elif booking["state"] == "approved":
                booking.update(state="settled", back=booking["back"] + self.left(booking))

    # ── cases

    @rule(provider=st.sampled_from(PROVIDERS), district=st.sampled_from(DISTRICTS))
    def a_case_is_opened(self, provider: str, district: str) -> None:
        case = self.new()
        data: Any = {"offer": None, "service_area": "11", "concern": "other", "district": district, "provider": provider}
        if self.play(set(), open_case, case, reference=str(case), **data):
            self.cases[case] = {"provider": provider, "district": district, "closed": False}

    @precondition(lambda self: self.cases)
    @rule(number=index)
    def a_case_is_closed(self, number: int) -> None:
        key = self.pick(self.cases, number)
        if self.play({"already_closed"} if self.cases[key]["closed"] else set(), close_case, key):
            self.wind_up(each for each in self.bookings.values() if each["case"] == key)
            self.cases[key]["closed"] = True

    @precondition(lambda self: self.cases)
    @rule(number=index, provider=st.sampled_from(PROVIDERS))
    def a_case_is_transferred(self, number: int, provider: str) -> None:
        key = self.pick(self.cases, number)
        case = self.cases[key]
        broken = {"malformed"} if case["provider"] == provider else {"case_closed"} if case["closed"] else set()
        if self.play(broken, transfer_case, key, provider=provider):
            self.wind_up(each for each in self.bookings.values() if each["case"] == key)
            case["provider"] = provider

    # ── requests

    @precondition(lambda self: self.cases)
    @rule(number=index, minutes=odd_minutes, by=st.sampled_from(PEOPLE))
    def hours_are_requested(self, number: int, minutes: int, by: str) -> None:
        key, booking = self.pick(self.cases, number), self.new()
        case = self.cases[key]
        broken = {"malformed"} if minutes < 1 else {"not_a_unit"} if minutes % UNIT else set()
        if case["closed"]:
            broken |= {"case_closed"}
        at = NOW + timedelta(seconds=number)
        if self.play(broken, request_hours, key, booking=booking, minutes=minutes, by=by, at=at):
            of_case = {
                "case": key,
                "provider": case["provider"],
                "district": case["district"],
                "requested": minutes,
                "by": by,
                "at": at,
            }
            empty = {"granted": 0, "back": 0, "sessions": {}, "listed": False, "priority": None, "proposal": None}
            self.bookings[booking] = of_case | empty | {"state": "requested"}

    @precondition(lambda self: self.bookings)
    @rule(number=index, asked=st.none() | odd_minutes, by=st.sampled_from(PEOPLE), overtaking=st.booleans(), reason=st.booleans())
    def hours_are_approved(self, number: int, asked: int | None, by: str, overtaking: bool, reason: bool) -> None:
        key = self.pick(self.bookings, number)
        booking = self.bookings[key]
        proposal = booking["proposal"]
        minutes = asked if asked is not None else proposal["minutes"] if proposal else booking["requested"]
        over_limit = self.pool_rules["four_eyes_minutes"] is not None and minutes > self.pool_rules["four_eyes_minutes"]
        confirms = over_limit and proposal is not None and proposal["minutes"] == minutes
        reasons = {
            "reason": reason or (confirms and proposal["reason"]),
            "overtaking": overtaking or (confirms and proposal["overtaking"]),
        }
        broken = {
            "malformed": minutes < 1,
            "case_closed": self.cases[booking["case"]]["closed"],
            "own_request": by == booking["by"],
            "same_officer": confirms and proposal["by"] == by,
            "already_decided": booking["state"] not in OPEN,
            "reason_missing": minutes < booking["requested"] and not reasons["reason"],
            "not_a_unit": minutes % UNIT != 0,
            "over_request": minutes > booking["requested"],
        }
        if confirms or not over_limit:
            quotas, caps = self.pool_rules["district_quotas"], self.pool_rules["provider_quotas"]
            provider, district, case = booking["provider"], booking["district"], booking["case"]
            broken |= {
                "over_budget": minutes > self.free(),
                "over_case_cap": self.committed(case=case) + minutes > (self.pool_rules["case_cap_minutes"] or 10**9),
                "over_district_quota": self.committed(district=district) + minutes > quotas.get(district, 10**9),
                "over_provider_quota": self.committed(provider=provider) + minutes > caps.get(provider, 10**9),
                "out_of_turn": not reasons["overtaking"] and self.overtakes(key),
            }
        stated = {"reason": REASON if reason else None, "overtaking_reason": REASON if overtaking else None}
        if not self.play(
            {code for code, is_broken in broken.items() if is_broken}, approve_hours, key, minutes=asked, by=by, **stated
        ):
            return
        if confirms or not over_limit:
            self.end(booking, "approved")
            booking["granted"] = minutes
        else:
            booking.update(
                state="awaiting_second", proposal={"minutes": minutes, "by": by, "reason": reason, "overtaking": overtaking}
            )

    @precondition(lambda self: self.bookings)
    @rule(number=index, decision=st.sampled_from([decline_request, withdraw_request]))
    def a_request_is_declined_or_withdrawn(self, number: int, decision: Any) -> None:
        key = self.pick(self.bookings, number)
        booking = self.bookings[key]
        broken = set() if booking["state"] in OPEN else {"already_decided", "case_closed"}
        if self.play(broken, decision, key, reason=REASON):
            self.end(booking, "declined" if decision is decline_request else "withdrawn")

    @precondition(lambda self: self.bookings)
    @rule(number=index, priority=st.none() | st.integers(1, 3))
    def a_request_is_listed(self, number: int, priority: int | None) -> None:
        key = self.pick(self.bookings, number)
        booking = self.bookings[key]
        again = booking["state"] == "waitlisted" and booking["priority"] == priority
        broken = {"already_decided", "case_closed"} if booking["state"] not in OPEN or again else set()
        if self.play(broken, waitlist_request, key, priority=priority, reason=REASON):
            booking.update(state="waitlisted", listed=True, priority=priority, proposal=None)

    # ── sessions

    def broken_by_time(self, *starts: datetime) -> set[str]:
        outside = {"outside_period"} if starts[-1].astimezone(DAYS[0].tzinfo).date() < date(2022, 2, 1) else set()
        future = {"in_future"} if starts[-1] > NOW else set()
        return outside | future | {"month_closed" for start in starts if f"{start:%Y-%m}" in self.months}

    @precondition(lambda self: self.bookings)
    @rule(number=index, minutes=odd_minutes, day=st.sampled_from(DAYS))
    def a_session_is_logged(self, number: int, minutes: int, day: datetime) -> None:
        key, session = self.pick(self.bookings, number), self.new()
        booking = self.bookings[key]
        broken = self.broken_by_time(day) | {
            code
            for code, is_broken in {
                "malformed": minutes < 1,
                "case_closed": self.cases[booking["case"]]["closed"],
                "not_approved": booking["state"] not in GRANTED,
                "settled": booking["state"] == "settled",
                "not_a_unit": minutes % UNIT != 0,
                "too_long": minutes > self.pool_rules["session_max_minutes"],
                "over_grant": minutes > self.left(booking),
            }.items()
            if is_broken
        }
        if self.play(broken, log_session, key, session=session, minutes=minutes, starts_at=day):
            booking["sessions"][session] = {"minutes": minutes, "day": day, "reversed": False}

    def sessions(self) -> list[tuple[UUID, UUID]]:
        return [(key, session) for key, booking in self.bookings.items() for session in booking["sessions"]]

    @precondition(lambda self: self.sessions())
    @rule(number=index, minutes=odd_minutes, day=st.none() | st.sampled_from(DAYS))
    def a_session_is_corrected(self, number: int, minutes: int, day: datetime | None) -> None:
        key, of = self.sessions()[number % len(self.sessions())]
        booking, session = self.bookings[key], self.bookings[key]["sessions"][of]
        longer, settled = minutes - session["minutes"], booking["state"] == "settled"
        broken = self.broken_by_time(session["day"], day or session["day"]) | {
            code
            for code, is_broken in {
                "malformed": minutes < 1,
                "settled": settled and longer > 0,
                "session_reversed": session["reversed"],
                "not_a_unit": minutes % UNIT != 0,
                "too_long": minutes > self.pool_rules["session_max_minutes"],
                "over_grant": longer > self.left(booking),
            }.items()
            if is_broken
        }
        if self.play(broken, correct_session, key, session=of, minutes=minutes, starts_at=day, reason=REASON):
            session.update(minutes=minutes, day=day or session["day"])
            booking["back"] -= longer if settled else 0

    @precondition(lambda self: self.sessions())
    @rule(number=index)
    def a_session_is_reversed(self, number: int) -> None:
        key, of = self.sessions()[number % len(self.sessions())]
        booking, session = self.bookings[key], self.bookings[key]["sessions"][of]
        broken = {"month_closed"} & self.broken_by_time(session["day"]) | ({"session_reversed"} if session["reversed"] else set())
        if self.play(broken, reverse_session, key, session=of, reason=REASON):
            session["reversed"] = True
            booking["back"] += session["minutes"] if booking["state"] == "settled" else 0

    @precondition(lambda self: self.sessions())
    @rule(number=index)
    def a_session_is_confirmed(self, number: int) -> None:
        key, of = self.sessions()[number % len(self.sessions())]
        reversed_ = self.bookings[key]["sessions"][of]["reversed"]
        self.play({"session_reversed"} if reversed_ else set(), confirm_session, key, session=of, by="Mutter")

    # ── what goes back

    @precondition(lambda self: self.bookings)
    @rule(number=index, to_minutes=st.just(0) | odd_minutes)
    def a_grant_is_reduced(self, number: int, to_minutes: int) -> None:
        key = self.pick(self.bookings, number)
        booking = self.bookings[key]
        standing = booking["granted"] - booking["back"]
        broken = {
            "malformed": to_minutes < 0,
            "not_approved": booking["state"] not in GRANTED,
            "settled": booking["state"] == "settled",
            "not_a_unit": to_minutes % UNIT != 0,
            "over_grant": not self.used(booking) <= to_minutes < standing,
        }
        if self.play(
            {code for code, is_broken in broken.items() if is_broken}, reduce_grant, key, to_minutes=to_minutes, reason=REASON
        ):
            booking["back"] = booking["granted"] - to_minutes

    @precondition(lambda self: self.bookings)
    @rule(number=index)
    def a_booking_is_settled(self, number: int) -> None:
        key = self.pick(self.bookings, number)
        booking = self.bookings[key]
        broken = {"approved": set(), "settled": {"settled"}}.get(booking["state"], {"not_approved"})
        if self.play(broken, settle_booking, key):
            self.wind_up([booking])

    # ── the pool

    @rule(change=st.integers(-300, 300))
    def the_budget_is_changed(self, change: int) -> None:
        broken = {"malformed"} if change == 0 else {"below_committed"} if self.free() + change < 0 else set()
        if self.play(broken, change_budget, POOL, change_minutes=change):
            self.budget += change

    @rule(cap=st.sampled_from([None, 120, 300]), limit=st.sampled_from([None, 60, 120]), longest=st.sampled_from([60, 120]))
    def the_rules_are_changed(self, cap: int | None, limit: int | None, longest: int) -> None:
        rules = self.pool_rules | {"case_cap_minutes": cap, "four_eyes_minutes": limit, "session_max_minutes": longest}
        if self.play(set(), change_rules, POOL, rules=Rules(**rules)):
            self.pool_rules = rules

    @rule(month=st.sampled_from(["2022-01", "2022-02", "2022-03"]))
    def a_month_is_closed_or_reopened(self, month: str) -> None:
        outside = {"outside_period"} if month == "2022-01" else set()
        if month in self.months:
            if self.play(outside, reopen_month, POOL, month=month, reason=REASON):
                self.months.remove(month)
        elif self.play(outside, close_month, POOL, month=month):
            self.months.add(month)

    @precondition(lambda self: len(self.facts) > 40 and not self.closed)
    @rule()
    def the_pool_is_closed(self) -> None:
        assert self.play(set(), close_pool, None)
        self.wind_up(self.bookings.values())
        self.closed = True
        assert self.committed() == sum(self.used(each) for each in self.bookings.values()), "reserved is 0"

    # ── laws

    @invariant()
    def never_an_hour_is_promised_twice(self) -> None:
        """Committed never exceeds the budget, and the pool counts as the ledger does, in all and in parts."""
        pool = self.states.pool
        assert (pool.budget, pool.committed, pool.available) == (self.budget, self.committed(), self.free())
        assert 0 <= self.committed() <= self.budget
        for part, key in ((pool.by_case, "case"), (pool.by_district, "district"), (pool.by_provider, "provider")):
            assert all(minutes == self.committed(**{key: name}) for name, minutes in part.items())

    @invariant()
    def every_booking_has_what_the_ledger_says(self) -> None:
        """Reserved = granted − released − consumed is never negative."""
        for key, booking in self.bookings.items():
            state = self.states.bookings[key]
            says = (booking["state"], booking["granted"], booking["back"], self.used(booking))
            assert (state.state, state.granted, state.released, state.consumed) == says
            assert state.unused == self.left(booking) >= 0
            assert state.unused == 0 or state.state == "approved", "only an approved booking holds minutes back"

    @invariant()
    def exhausted_is_less_than_one_unit(self) -> None:
        """The flag is what the events said."""
        assert self.states.pool.exhausted == (self.free() < UNIT)

    @invariant()
    def the_list_is_as_it_was_said(self) -> None:
        """Who waits, in which order; a place is offered once, and the head that fits was offered it."""
        listed = sorted((key for key, booking in self.bookings.items() if booking["listed"]), key=self.rank)
        in_order = self.states.waiting.in_order()
        assert [entry.booking for entry in in_order] == listed
        offers = [event.booking for _, event in self.facts if isinstance(event, PlaceOffered)]
        assert len(offers) == len(set(offers))
        if in_order and in_order[0].minutes <= self.free():
            assert in_order[0].offered

    def teardown(self) -> None:
        """Replayed from nothing, the facts give the same states."""
        assert States().fold(*self.facts) == self.states


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
