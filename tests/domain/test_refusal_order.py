"""When several rules are broken, the first in ``ORDER`` is reported: every decision, every pair of its refusals.

A decision starts from a ``World`` in which it is accepted. A breaker changes that world so that one rule is broken; two of
them together break two. Which refusals a decision can give is read from its source, so a policy without a breaker fails here.
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest

from domain import booking, case, closing, erasure, handling, pool, refusals, registry, waiting_list
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
from domain.case import amend_case, open_case
from domain.closing import close_case, close_pool, transfer_case
from domain.erasure import confirm_erasure, erase, erase_again, lift_hold, set_hold, withdraw_erasure
from domain.handling import Matter, close_finding, confirm_finding, explain_finding, open_finding, raise_finding
from domain.personal_data import (
    CLASSES,
    ErasureConfirmed,
    ErasureRequested,
    LegalHoldLifted,
    LegalHoldSet,
    PersonalDataErased,
)
from domain.pool import change_budget, change_rules, close_month, open_pool, record_import, reopen_month
from domain.quantities import Period, Rules
from domain.refusals import (
    ORDER,
    AlreadyClosed,
    AlreadyDecided,
    BelowCommitted,
    CaseIsClosed,
    CaseIsOpen,
    DataErased,
    DuplicateId,
    ForeignCase,
    InFuture,
    IsSettled,
    KeyReused,
    Malformed,
    MonthIsClosed,
    NotApproved,
    NotAUnit,
    NotDue,
    NotFound,
    OnHold,
    OutOfTurn,
    OutsidePeriod,
    OverBudget,
    OverCaseCap,
    OverDistrictQuota,
    OverGrant,
    OverProviderQuota,
    OverRequest,
    OwnRequest,
    PoolIsClosed,
    ReasonMissing,
    Refusal,
    SameOfficer,
    SessionIsReversed,
    TooLong,
    UnknownRequest,
    VersionDiffers,
)
from domain.registry import end_offer, end_provider, end_worker, register_offer, register_provider, register_worker
from tests.domain.facts import (
    BOOKING,
    BOOKING_2,
    CASE,
    DISTRICT,
    FIRST_DAY,
    NOW,
    OFFER,
    OFFICER,
    OFFICER_2,
    PERIOD,
    POOL,
    PROVIDER,
    PROVIDER_2,
    REASON,
    SERVED_AT,
    SESSION,
    SESSION_2,
    WORKER,
    Fact,
    approved,
    berlin,
    budget_changed,
    case_closed,
    case_opened,
    declined,
    finding_closed,
    finding_confirmed,
    finding_opened,
    found,
    hours_requested,
    logged,
    month_closed,
    offer_registered,
    pool_closed,
    pool_opened,
    proposed,
    provider_registered,
    registration_ended,
    reversed_,
    rules_changed,
    session,
    settled,
    waitlisted,
    worker_registered,
)
from tests.specification import Given

Decision = Callable[..., Any]


@dataclass
class World:
    """What stands, and what is asked. Each breaker sets places of its own here."""

    decision: Decision
    command: dict[str, Any]
    exists: bool = True
    rules: dict[str, Any] = field(default_factory=dict)
    budget: int = 6000
    period: Period = PERIOD
    months: set[str] = field(default_factory=set)
    requested: int = 120
    requested_by: str = WORKER
    proposal: int | None = None
    listed: bool = False
    decided: str | None = None
    sessions: bool = False
    more: dict[str, Fact] = field(default_factory=dict)

    def facts(self) -> Iterator[Fact]:
        """Everything that stands, under today's budget and rules."""
        if self.exists:
            yield pool_opened(6000, self.period)
            yield case_opened()
            yield hours_requested(self.requested, by=self.requested_by)
            if self.proposal:
                yield proposed(self.proposal)
            yield from approved(120) if self.decided == "approved" else []
            yield from [declined()] if self.decided == "declined" else []
            if self.sessions:
                yield logged(60)
            if self.listed:
                yield hours_requested(15, BOOKING_2)
                yield waitlisted(15, BOOKING_2)
            yield budget_changed(self.budget - 6000)
            yield rules_changed(**self.rules)
            yield from map(month_closed, sorted(self.months))
            yield from self.more.values()


Breaker = Callable[[World], None]


def told(**command: Any) -> Breaker:
    """Broken by what is asked."""
    return lambda world: world.command.update(command)


def standing(**places: Any) -> Breaker:
    """Broken by what stands."""
    return lambda world: world.__dict__.update(places)


def ruled(**rules: Any) -> Breaker:
    """Broken by the pool's rules."""
    return lambda world: world.rules.update(rules)


def further(name: str, fact: Fact) -> Breaker:
    """Broken by one more fact."""
    return lambda world: world.more.update({name: fact})


def both(*breakers: Breaker) -> Breaker:
    """Broken only by all of these together."""

    def apply(world: World) -> None:
        for each in breakers:
            each(world)

    return apply


POOL_CLOSED = further("pool", pool_closed())
CASE_CLOSED = further("case", case_closed())
SETTLED = further("settled", settled())
OPENED = {"opened": finding_opened()}
KNOWN = {"provider": provider_registered()}
REQUESTED = (CASE, ErasureRequested(PROVIDER, CLASSES, "request", OFFICER_2, REASON, True))
HELD = (CASE, LegalHoldSet(PROVIDER, REASON, True))
ERASED = further("erased", (CASE, PersonalDataErased(PROVIDER, CLASSES, "request", OFFICER_2)))
NEW_YEAR = date(2030, 1, 1)
TWO_KEPT_APART = Period(date(2022, 3, 16), date(2022, 5, 31))  # the session of 15 March lies before it, in a month that touches it

ENTER: dict[str, Any] = {"session": SESSION_2, "minutes": 60, "starts_at": SERVED_AT, "now": NOW}
LONGER: dict[str, Any] = {"minutes": 75, "reason": REASON}

# Each decision: how it is accepted, and for every refusal that it gives what breaks that rule alone.
DECISIONS: dict[Decision, tuple[Callable[[], World], dict[type[Refusal], Breaker]]] = {
    open_pool: (
        lambda: World(open_pool, {"name": "", "period": PERIOD, "budget_minutes": 60, "rules": Rules()}, exists=False),
        {Malformed: told(budget_minutes=0), DuplicateId: standing(exists=True)},
    ),
    change_budget: (
        lambda: World(change_budget, {"change_minutes": -15}),
        {Malformed: told(change_minutes=0), PoolIsClosed: POOL_CLOSED, BelowCommitted: standing(budget=0)},
    ),
    change_rules: (
        lambda: World(change_rules, {"rules": Rules()}),
        {Malformed: told(rules=Rules(unit_minutes=0)), PoolIsClosed: POOL_CLOSED},
    ),
    close_month: (
        lambda: World(close_month, {"month": "2022-03"}),
        {
            PoolIsClosed: POOL_CLOSED,
            OutsidePeriod: told(month="2023-03"),
            AlreadyClosed: standing(months={"2022-03"}),
        },
    ),
    reopen_month: (
        lambda: World(reopen_month, {"month": "2022-03", "reason": REASON}, months={"2022-03"}),
        {
            PoolIsClosed: POOL_CLOSED,
            OutsidePeriod: told(month="2023-03"),
            AlreadyDecided: standing(months=set()),
            ReasonMissing: told(reason=None),
        },
    ),
    record_import: (
        lambda: World(record_import, {"kind": "requests", "file_sha256": "", "read": 0, "already_there": 0, "refused": []}),
        {PoolIsClosed: POOL_CLOSED},
    ),
    open_case: (
        lambda: World(
            open_case,
            {"reference": "F-2", "provider": PROVIDER, "offer": None, "district": "", "service_area": "11", "concern": "other"},
        ),
        {DuplicateId: told(reference="F-C1"), PoolIsClosed: POOL_CLOSED},
    ),
    amend_case: (lambda: World(amend_case, {}), {PoolIsClosed: POOL_CLOSED}),
    request_hours: (
        lambda: World(request_hours, {"booking": BOOKING_2, "minutes": 60, "at": NOW}),
        {
            Malformed: told(minutes=-50),
            DuplicateId: told(booking=BOOKING),
            PoolIsClosed: POOL_CLOSED,
            CaseIsClosed: CASE_CLOSED,
            OutsidePeriod: told(at=berlin(2022, 6, 1)),
            NotAUnit: ruled(unit_minutes=45),
        },
    ),
    approve_hours: (
        lambda: World(approve_hours, {"by": OFFICER, "at": NOW, "minutes": 120}),
        {
            Malformed: told(minutes=-50),
            PoolIsClosed: POOL_CLOSED,
            CaseIsClosed: CASE_CLOSED,
            OutsidePeriod: told(at=berlin(2022, 6, 1)),
            OwnRequest: standing(requested_by=OFFICER),
            SameOfficer: both(standing(proposal=120), ruled(four_eyes_minutes=105)),
            AlreadyDecided: standing(decided="declined"),
            ReasonMissing: standing(requested=135),
            NotAUnit: ruled(unit_minutes=45),
            OverRequest: standing(requested=105),
            OverBudget: standing(budget=105),
            OverCaseCap: ruled(case_cap_minutes=105),
            OverDistrictQuota: ruled(district_quotas={DISTRICT: 105}),
            OverProviderQuota: ruled(provider_quotas={PROVIDER: 105}),
            OutOfTurn: standing(listed=True),
        },
    ),
    decline_request: (
        lambda: World(decline_request, {"reason": REASON}),
        {
            PoolIsClosed: POOL_CLOSED,
            CaseIsClosed: CASE_CLOSED,
            AlreadyDecided: standing(decided="declined"),
            ReasonMissing: told(reason=None),
        },
    ),
    withdraw_request: (
        lambda: World(withdraw_request, {}),
        {PoolIsClosed: POOL_CLOSED, AlreadyDecided: standing(decided="declined")},
    ),
    waitlist_request: (
        lambda: World(waitlist_request, {"priority": 1, "reason": REASON}),
        {
            PoolIsClosed: POOL_CLOSED,
            CaseIsClosed: CASE_CLOSED,
            AlreadyDecided: standing(decided="declined"),
            ReasonMissing: told(reason=None),
        },
    ),
    log_session: (
        lambda: World(log_session, dict(ENTER), decided="approved", sessions=True),
        {
            Malformed: told(minutes=-50),
            DuplicateId: told(session=SESSION),
            PoolIsClosed: POOL_CLOSED,
            CaseIsClosed: CASE_CLOSED,
            OutsidePeriod: standing(period=TWO_KEPT_APART),
            MonthIsClosed: standing(months={"2022-03"}),
            InFuture: told(now=berlin(2022, 3, 1)),
            NotApproved: standing(decided=None, sessions=False),
            IsSettled: SETTLED,
            NotAUnit: ruled(unit_minutes=45),
            TooLong: ruled(session_max_minutes=45),
            OverGrant: further("session", logged(15, UUID(int=7))),
        },
    ),
    correct_session: (
        lambda: World(
            correct_session, {"session": SESSION, "starts_at": SERVED_AT, "now": NOW, **LONGER}, decided="approved", sessions=True
        ),
        {
            Malformed: told(minutes=-50),
            NotFound: told(session=SESSION_2),
            PoolIsClosed: POOL_CLOSED,
            OutsidePeriod: standing(period=TWO_KEPT_APART),
            MonthIsClosed: standing(months={"2022-03"}),
            InFuture: told(now=berlin(2022, 3, 1)),
            IsSettled: SETTLED,
            SessionIsReversed: further("reversed", reversed_(session(60))),
            ReasonMissing: told(reason=None),
            NotAUnit: ruled(unit_minutes=45),
            TooLong: ruled(session_max_minutes=45),
            OverGrant: further("session", logged(60, UUID(int=7))),
        },
    ),
    reverse_session: (
        lambda: World(reverse_session, {"session": SESSION, "reason": REASON}, decided="approved", sessions=True),
        {
            NotFound: told(session=SESSION_2),
            PoolIsClosed: POOL_CLOSED,
            MonthIsClosed: standing(months={"2022-03"}),
            SessionIsReversed: further("reversed", reversed_(session(60))),
            ReasonMissing: told(reason=None),
        },
    ),
    confirm_session: (
        lambda: World(confirm_session, {"session": SESSION, "by": "Mutter"}, decided="approved", sessions=True),
        {
            NotFound: told(session=SESSION_2),
            PoolIsClosed: POOL_CLOSED,
            SessionIsReversed: further("reversed", reversed_(session(60))),
        },
    ),
    reduce_grant: (
        lambda: World(reduce_grant, {"to_minutes": 75, "reason": REASON}, decided="approved", sessions=True),
        {
            Malformed: told(to_minutes=-50),
            PoolIsClosed: POOL_CLOSED,
            NotApproved: standing(decided=None, sessions=False),
            IsSettled: SETTLED,
            ReasonMissing: told(reason=None),
            NotAUnit: ruled(unit_minutes=45),
            OverGrant: further("session", logged(60, UUID(int=7))),
        },
    ),
    settle_booking: (
        lambda: World(settle_booking, {}, decided="approved"),
        {PoolIsClosed: POOL_CLOSED, NotApproved: standing(decided=None), IsSettled: SETTLED},
    ),
    close_case: (lambda: World(close_case, {}), {PoolIsClosed: POOL_CLOSED, AlreadyClosed: CASE_CLOSED}),
    transfer_case: (
        lambda: World(transfer_case, {"provider": PROVIDER_2}),
        {Malformed: told(provider=PROVIDER), PoolIsClosed: POOL_CLOSED, CaseIsClosed: CASE_CLOSED},
    ),
    close_pool: (lambda: World(close_pool, {}), {PoolIsClosed: POOL_CLOSED}),
    open_finding: (
        lambda: World(open_finding, {"matter": Matter.of(found()), "note": None}),
        {AlreadyDecided: further("opened", finding_opened())},
    ),
    raise_finding: (
        lambda: World(
            raise_finding, {**dict.fromkeys(("case", "booking", "worker", "provider")), "pool": POOL, "note": "Dienstplan"}
        ),
        {ReasonMissing: told(note=None)},
    ),
    explain_finding: (
        lambda: World(explain_finding, {"explanation": "vergessen"}, more=dict(OPENED)),
        {
            AlreadyDecided: further("handled", finding_confirmed()),
            AlreadyClosed: further("handled", finding_closed()),
            ReasonMissing: told(explanation=None),
        },
    ),
    confirm_finding: (
        lambda: World(confirm_finding, {}, more=dict(OPENED)),
        {AlreadyDecided: further("handled", finding_confirmed()), AlreadyClosed: further("handled", finding_closed())},
    ),
    erase: (
        lambda: World(
            erase,
            {
                "ended": True,
                "classes": None,
                "ground": "request",
                "reason": REASON,
                "by": OFFICER,
                "calendar": dict.fromkeys(CLASSES, NEW_YEAR),
                "today": NEW_YEAR,
            },
            more={"requested": REQUESTED},
        ),
        {
            SameOfficer: told(by=OFFICER_2),
            ReasonMissing: told(reason=None, classes=("identity",)),
            CaseIsOpen: told(ended=False),
            DataErased: ERASED,
            OnHold: further("hold", HELD),
            NotDue: told(today=date(2029, 12, 31)),
        },
    ),
    withdraw_erasure: (
        lambda: World(withdraw_erasure, {"reason": REASON}, more={"requested": REQUESTED}),
        {AlreadyDecided: further("requested", HELD), ReasonMissing: told(reason=None)},
    ),
    set_hold: (
        lambda: World(set_hold, {"reason": REASON}),
        {AlreadyDecided: further("hold", HELD), ReasonMissing: told(reason=None), DataErased: ERASED},
    ),
    lift_hold: (
        lambda: World(lift_hold, {"reason": REASON}, more={"hold": HELD}),
        {
            AlreadyDecided: further("lifted", (CASE, LegalHoldLifted(PROVIDER, REASON, True))),
            ReasonMissing: told(reason=None),
        },
    ),
    erase_again: (lambda: World(erase_again, {"classes": CLASSES}), {AlreadyDecided: ERASED}),
    confirm_erasure: (
        lambda: World(
            confirm_erasure, {"classes": CLASSES}, more={"erased": (CASE, PersonalDataErased(PROVIDER, CLASSES, "order", None))}
        ),
        {
            Malformed: told(classes=()),
            AlreadyDecided: further("confirmed", (CASE, ErasureConfirmed(PROVIDER, CLASSES))),
        },
    ),
    register_provider: (
        lambda: World(register_provider, {"provider": PROVIDER, "name": "Träger", "valid_from": FIRST_DAY, "valid_until": None}),
        {Malformed: told(valid_until=date(2022, 2, 1)), DuplicateId: further("known", provider_registered())},
    ),
    register_offer: (
        lambda: World(register_offer, {"offer": OFFER, "valid_from": FIRST_DAY, "valid_until": None}, more=dict(KNOWN)),
        {Malformed: told(valid_until=date(2022, 2, 1)), DuplicateId: further("registered", offer_registered())},
    ),
    register_worker: (
        lambda: World(register_worker, {"worker": WORKER, "valid_from": FIRST_DAY, "valid_until": None}, more=dict(KNOWN)),
        {Malformed: told(valid_until=date(2022, 2, 1)), DuplicateId: further("registered", worker_registered())},
    ),
    end_provider: (
        lambda: World(end_provider, {"valid_until": FIRST_DAY}, more=dict(KNOWN)),
        {
            NotFound: further("ended", registration_ended("provider", "Jugendhilfe e. V.", date(2022, 2, 1))),
            AlreadyClosed: further("ended", registration_ended("provider", "Jugendhilfe e. V.", FIRST_DAY)),
        },
    ),
    end_offer: (
        lambda: World(end_offer, {"offer": OFFER, "valid_until": FIRST_DAY}, more=KNOWN | {"offer": offer_registered()}),
        {NotFound: told(offer="club-2"), AlreadyClosed: further("ended", registration_ended("offer", OFFER, FIRST_DAY))},
    ),
    end_worker: (
        lambda: World(end_worker, {"worker": WORKER, "valid_until": FIRST_DAY}, more=KNOWN | {"worker": worker_registered()}),
        {NotFound: told(worker="worker-2"), AlreadyClosed: further("ended", registration_ended("worker", WORKER, FIRST_DAY))},
    ),
    close_finding: (
        lambda: World(close_finding, {"reason": REASON}, more=dict(OPENED)),
        {AlreadyClosed: further("handled", finding_closed()), ReasonMissing: told(reason=None)},
    ),
}

# Pairs that no state and no command can break together, and why.
NEGATIVE = "minutes below 1 exceed nothing"
NO_SESSION = "of a session that does not exist nothing is known"
NEVER_GRANTED = "only what was approved can be settled"
CLOSED = "what is closed is no longer confirmed"
PROPOSED = "a proposal was judged by this rule itself, against the same request"
IMPOSSIBLE: dict[tuple[Decision, type[Refusal], type[Refusal]], str] = {
    (change_budget, Malformed, BelowCommitted): "a change by nothing cuts nothing",
    (close_month, OutsidePeriod, AlreadyClosed): "a month beyond the period is never closed",
    (approve_hours, Malformed, SameOfficer): "minutes below 1 need no second officer",
    (approve_hours, Malformed, OverRequest): NEGATIVE,
    (approve_hours, Malformed, OverBudget): NEGATIVE,
    (approve_hours, Malformed, OverCaseCap): NEGATIVE,
    (approve_hours, Malformed, OverDistrictQuota): NEGATIVE,
    (approve_hours, Malformed, OverProviderQuota): NEGATIVE,
    (approve_hours, OwnRequest, SameOfficer): PROPOSED,
    (approve_hours, SameOfficer, AlreadyDecided): "a decision ends the proposal",
    (approve_hours, SameOfficer, ReasonMissing): PROPOSED,
    (approve_hours, SameOfficer, OverRequest): PROPOSED,
    (approve_hours, ReasonMissing, OverRequest): "minutes are not less and more than requested",
    (log_session, Malformed, TooLong): NEGATIVE,
    (log_session, Malformed, OverGrant): NEGATIVE,
    (log_session, DuplicateId, NotApproved): "a session stands on an approved booking only",
    (log_session, NotApproved, IsSettled): NEVER_GRANTED,
    (correct_session, Malformed, IsSettled): NEGATIVE,
    (correct_session, Malformed, TooLong): NEGATIVE,
    (correct_session, Malformed, OverGrant): NEGATIVE,
    (correct_session, NotFound, IsSettled): NO_SESSION,
    (correct_session, NotFound, SessionIsReversed): NO_SESSION,
    (correct_session, NotFound, OverGrant): NO_SESSION,
    (reverse_session, NotFound, MonthIsClosed): NO_SESSION,
    (reverse_session, NotFound, SessionIsReversed): NO_SESSION,
    (confirm_session, NotFound, SessionIsReversed): NO_SESSION,
    (reduce_grant, NotApproved, IsSettled): NEVER_GRANTED,
    (settle_booking, NotApproved, IsSettled): NEVER_GRANTED,
    (explain_finding, AlreadyDecided, AlreadyClosed): CLOSED,
    (confirm_finding, AlreadyDecided, AlreadyClosed): CLOSED,
    (erase, SameOfficer, ReasonMissing): "who agrees to a request gives no reason",
    (erase, SameOfficer, DataErased): "an erasure ends the request",
    (end_provider, NotFound, AlreadyClosed): "what is not registered has no end",
}

# Refusals that are not the domain's to give: they are about who asks, and about what stands outside one pool.
ELSEWHERE = {KeyReused, UnknownRequest, ForeignCase, VersionDiffers}

PAIRS = [
    (decision, *sorted(pair, key=ORDER.index))
    for decision, (_, breakers) in DECISIONS.items()
    for pair in combinations(breakers, 2)
]
POSSIBLE = [pair for pair in PAIRS if pair not in IMPOSSIBLE]
SINGLES = [(decision, refusal) for decision, (_, breakers) in DECISIONS.items() for refusal in breakers]


def broken(decision: Decision, *rules: type[Refusal]) -> World:
    """The decision's world with these rules broken."""
    start, breakers = DECISIONS[decision]
    world = start()
    for rule in rules:
        breakers[rule](world)
    return world


def outcome(world: World) -> Any:
    """What the decision says in that world: facts, or a refusal."""
    given = Given(tuple(world.facts()))
    if world.decision is request_hours or not world.exists:
        return given.when(world.decision, on=POOL, **world.command).outcome
    return given.when(world.decision, **world.command).outcome


def name(value: Any) -> str:
    """The code of a refusal, the name of a decision."""
    return str(getattr(value, "code", None) or value.__name__)


@pytest.mark.parametrize("decision", DECISIONS, ids=name)
def test_nothing_broken_is_accepted(decision: Decision) -> None:
    """The world that the breakers break is a good one."""
    assert isinstance(outcome(broken(decision)), list)


@pytest.mark.parametrize(("decision", "refusal"), SINGLES, ids=[f"{name(d)}: {name(r)}" for d, r in SINGLES])
def test_one_broken_rule_is_reported(decision: Decision, refusal: type[Refusal]) -> None:
    """Each breaker breaks its rule and no other."""
    assert type(outcome(broken(decision, refusal))) is refusal


@pytest.mark.parametrize(
    ("decision", "first", "second"), POSSIBLE, ids=[f"{name(d)}: {name(a)} before {name(b)}" for d, a, b in POSSIBLE]
)
def test_of_two_broken_rules_the_first_in_order_is_reported(
    decision: Decision, first: type[Refusal], second: type[Refusal]
) -> None:
    """Whichever is broken first; the two breakers do not undo each other."""
    world = broken(decision, first, second)
    assert world == broken(decision, second, first), "these breakers share a place: list the pair as impossible, or part them"
    assert type(outcome(world)) is first


def test_impossible_pairs_are_pairs() -> None:
    """Nothing stale is excused."""
    assert set(IMPOSSIBLE) <= set(PAIRS)


def test_every_refusal_has_its_place_in_the_order() -> None:
    """And its code is its own."""
    defined = {each for each in vars(refusals).values() if isinstance(each, type) and issubclass(each, Refusal)} - {Refusal}
    assert set(ORDER) == defined
    assert len(ORDER) == len({each.code for each in ORDER}) == len(defined)


def test_the_order_is_the_statute_s() -> None:
    """Word by word; ``version_differs`` stands where the identity of what is addressed is judged."""
    statute = """
        malformed key_reused not_found unknown_request foreign_case version_differs duplicate_id pool_closed case_closed
        outside_period month_closed in_future own_request same_officer not_approved settled already_decided session_reversed
        already_closed reason_missing not_a_unit too_long over_request over_budget below_committed over_case_cap
        over_district_quota over_provider_quota over_grant out_of_turn case_open
        data_erased on_hold not_due
    """
    assert [each.code for each in ORDER] == statute.split()


def test_every_refusal_is_given_somewhere() -> None:
    """By a decision of the domain, or by who asks it."""
    assert {refusal for _, refusal in SINGLES} | ELSEWHERE == set(ORDER)


# ── What the source says


FUNCTIONS: dict[str, ast.FunctionDef] = {
    node.name: node
    for module in (waiting_list, pool, case, booking, closing, handling, erasure, registry)
    for node in ast.parse(inspect.getsource(module)).body
    if isinstance(node, ast.FunctionDef) and node.name != "evolve"
}


def raised_by(function: str, seen: set[str]) -> set[str]:
    """The names of all refusals that a function of the domain can raise, itself or through others."""
    if function in seen or function not in FUNCTIONS:
        return set()
    seen.add(function)
    found: set[str] = set()
    for node in ast.walk(FUNCTIONS[function]):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            found.add(node.exc.func.id)
        if isinstance(node, ast.Call):
            found |= raised_by(node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""), seen)
    return found & set(vars(refusals))


@pytest.mark.parametrize("decision", DECISIONS, ids=name)
def test_every_refusal_of_a_decision_is_broken_here(decision: Decision) -> None:
    """Which ones it can raise is read from the source, so that no pair is missing."""
    assert raised_by(decision.__name__, set()) == {each.__name__ for each in DECISIONS[decision][1]}


def test_every_decision_is_here() -> None:
    """A decision answers with facts, and can refuse."""
    public = {each for each in FUNCTIONS.values() if not each.name.startswith("_") and each.args.kwonlyargs and each.returns}
    deciding = {
        each.name
        for each in public
        if ast.unparse(each.returns) in ("Facts", "list[PoolEvent]", "list[CaseEvent]", "list[FindingEvent]", "list[ProviderEvent]")
    }  # type: ignore[arg-type]
    assert {name(decision) for decision in DECISIONS} == {each for each in deciding if raised_by(each, set())}
