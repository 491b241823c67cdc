"""Random histories of one pool: whatever the domain lets happen, in an order that people might."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from uuid import UUID, uuid5

from hypothesis import strategies as st

from domain import booking as bookings
from domain import case as cases
from domain import closing
from domain import pool as pools
from domain.booking import Facts
from domain.quantities import Concern, Kind, Outcome, Period, Rules
from domain.refusals import Refusal
from tests.specification import States

START = datetime(2021, 11, 1, 12, tzinfo=UTC)
POOL = UUID(int=1)
CASES = [uuid5(POOL, f"case-{number}") for number in range(4)]
PROVIDERS, DISTRICTS = ("traeger-a", "traeger-b"), ("nord", "süd")
KINDS: tuple[Kind, ...] = get_args(Kind)
CONCERNS: tuple[Concern, ...] = get_args(Concern)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

steps = st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 3 * 24 * 60), st.booleans()), min_size=10, max_size=100)


class History:
    """Applies steps to a pool: each is a number that chooses, the minutes until it is recorded, and whether it is recorded late."""

    def __init__(self) -> None:
        self.states = States()
        self.now = START
        self._number = 0

    def begin(self) -> Facts:
        rules = Rules(unit_minutes=15, four_eyes_minutes=600, late_entry_days=10)
        period = Period(date(2021, 11, 1), date(2022, 5, 31))
        opened = pools.open_pool(None, name="Stundenpool", period=period, budget_minutes=3000, rules=rules)
        facts: Facts = [(POOL, event) for event in opened]
        for number, case in enumerate(CASES):
            facts.append((case, self._case(number)))
        self.states.fold(*facts)
        return facts

    def play(self, steps: Iterable[tuple[int, int, bool]]) -> list[tuple[Facts, datetime]]:
        """All decisions of a history, each with the instant of its recording."""
        decisions = [(self.begin(), START)]
        for step in steps:
            facts = self.step(*step)
            decisions.append((facts, self.now))
        return [(facts, at) for facts, at in decisions if facts]

    def step(self, choice: int, minutes: int, late: bool) -> Facts:
        """What follows from one step, if anything."""
        self.now += timedelta(minutes=minutes)
        self._number += 1
        command = COMMANDS[choice % len(COMMANDS)]
        try:
            facts = command(self, choice // len(COMMANDS), self.now - timedelta(days=2) if late else self.now)
        except Refusal:
            return []
        self.states.fold(*facts)
        return facts

    def new_id(self, kind: str) -> UUID:
        return uuid5(POOL, f"{kind}-{self._number}")

    def booking(self, choice: int, *likely: str) -> bookings.Booking:
        """One of the latest bookings, mostly one in a state in which there is something to do."""
        known = list(self.states.bookings.values())
        if choice % 8:
            known = [booking for booking in known if booking.state in likely] or known
        if not known:
            raise bookings.NotFound()
        return known[-1 - choice % min(len(known), 5)]

    def session(self, choice: int) -> tuple[bookings.Booking, bookings.Session]:
        known = [(each, session) for each in self.states.bookings.values() for session in each.sessions.values()]
        if not known:
            raise bookings.NotFound()
        return known[choice % len(known)]

    def case_of(self, booking: bookings.Booking) -> cases.Case:
        return self.states.cases[booking.case]

    def _case(self, number: int) -> cases.CaseOpened:
        provider, district = PROVIDERS[number % 2], DISTRICTS[number // 2]
        personal = ("Erika", "2006", None, "mag Fußball")
        concern = CONCERNS[number % 3]
        return cases.CaseOpened(POOL, f"F-{number}", provider, None, district, "11", concern, START, *personal)


def _request(history: History, choice: int, at: datetime) -> Facts:
    case = history.states.cases[CASES[choice % len(CASES)]]
    minutes = 15 * (1 + choice // 4 % 60)
    booking = history.new_id("booking")
    return bookings.request_hours(history.states.pool, case, None, booking=booking, minutes=minutes, purpose="Amt", by="w", at=at)


def _approve(history: History, choice: int, at: datetime) -> Facts:
    booking = history.booking(choice, "requested", "awaiting_second", "waitlisted")
    reduced = choice // 100 % 3 == 0
    minutes = max(15, booking.requested // 30 * 15) if reduced else None
    reasons: dict[str, Any] = {"reason": "Teil", "overtaking_reason": "dringend"}
    by = f"officer-{choice // 7 % 2}"
    state = history.states
    return bookings.approve_hours(
        state.pool, history.case_of(booking), booking, state.waiting, minutes=minutes, by=by, at=at, **reasons
    )


def _waitlist(history: History, choice: int, at: datetime) -> Facts:
    booking, state = history.booking(choice, "requested"), history.states
    priority = choice // 50 % 3 or None
    return bookings.waitlist_request(
        state.pool, history.case_of(booking), booking, state.waiting, priority=priority, reason="Not", by="officer-1"
    )


def _decline(history: History, choice: int, at: datetime) -> Facts:
    booking, state = history.booking(choice, "requested", "waitlisted"), history.states
    if choice // 50 % 2:
        return bookings.withdraw_request(state.pool, booking, state.waiting, reason=None, by="lead", at=at)
    case = history.case_of(booking)
    return bookings.decline_request(state.pool, case, booking, state.waiting, reason="Nein", by="officer-1", at=at)


def _log(history: History, choice: int, at: datetime) -> Facts:
    booking = history.booking(choice, "approved")
    return bookings.log_session(
        history.states.pool,
        history.case_of(booking),
        booking,
        session=history.new_id("session"),
        starts_at=_start(history, choice),
        minutes=15 * (1 + choice // 11 % 8),
        kind=KINDS[choice % len(KINDS)],
        worker="w",
        note="Gespräch" if choice % 2 else None,
        now=history.now,
    )


def _correct(history: History, choice: int, at: datetime) -> Facts:
    booking, session = history.session(choice)
    moved = {} if choice // 3 % 3 == 0 else {"starts_at": _start(history, choice)}
    minutes = None if choice // 3 % 3 == 1 else 15 * (1 + choice // 11 % 8)
    return bookings.correct_session(
        history.states.pool,
        booking,
        history.states.waiting,
        session=session.id,
        minutes=minutes,
        reason="falsch",
        now=history.now,
        **moved,
    )


def _reverse(history: History, choice: int, at: datetime) -> Facts:
    booking, session = history.session(choice)
    state = history.states
    if choice // 50 % 2:
        return bookings.confirm_session(state.pool, booking, session=session.id, by="Mutter", method="signature")
    return bookings.reverse_session(state.pool, booking, state.waiting, session=session.id, reason="doppelt", now=history.now)


def _reduce(history: History, choice: int, at: datetime) -> Facts:
    booking, state = history.booking(choice, "approved"), history.states
    if choice // 50 % 2:
        return bookings.settle_booking(state.pool, booking, state.waiting, at=at)
    return bookings.reduce_grant(state.pool, booking, state.waiting, to_minutes=booking.consumed, reason="Rückgabe", at=at)


def _budget(history: History, choice: int, at: datetime) -> Facts:
    change = 15 * (choice % 80 - 40) or 15
    effective = None if choice // 80 % 2 else date(2021, 12, 1) + timedelta(days=choice % 100)
    events = pools.change_budget(
        history.states.pool, history.states.waiting, change_minutes=change, resolution="V1/22", effective_on=effective
    )
    return [(POOL, event) for event in events]


def _wind_up(history: History, choice: int, at: datetime) -> Facts:
    case, state = history.states.cases[CASES[choice % len(CASES)]], history.states
    of_case = [booking for booking in state.bookings.values() if booking.case == case.id]
    kind = choice // 8 % 8
    if kind == 0:
        outcome = OUTCOMES[choice // 64 % len(OUTCOMES)]
        return closing.close_case(state.pool, case, of_case, state.waiting, outcome=outcome, note="Ende", by="lead", at=at)
    if kind < 3:
        provider = PROVIDERS[1 - PROVIDERS.index(case.provider)]
        return closing.transfer_case(state.pool, case, of_case, state.waiting, provider=provider, reason="Umzug", by="o", at=at)
    if kind < 5:
        concern = CONCERNS[choice // 128 % 3]
        amended = cases.amend_case(state.pool, case, district=DISTRICTS[choice // 64 % 2], concern=concern, name="Max")
        return [(case.id, event) for event in amended]
    month = f"2021-{11 + choice % 2}"
    close = pools.close_month if month not in state.pool.closed_months else pools.reopen_month
    return [(POOL, event) for event in close(state.pool, month=month, reason="Prüfung")]


def _start(history: History, choice: int) -> datetime:
    """Some instant before now; often midnight in Berlin, where days begin."""
    days = choice // 5 % 20
    start = history.now - timedelta(days=days)
    return start.replace(hour=23, minute=0, second=0) - timedelta(days=1) if choice % 3 == 0 else start


Command = Callable[[History, int, datetime], Facts]
COMMANDS: list[Command] = [
    *(_request, _approve, _log, _log, _log, _approve, _request, _log, _correct, _correct),
    *(_log, _approve, _reverse, _reduce, _waitlist, _waitlist, _decline, _budget, _wind_up),
]
