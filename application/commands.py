"""One short function per command: read the states, decide, record, answer.

Each takes the turn it is decided in; the verb is the same from the route to the decision. All raise the refusals of their
decision, ``NotFound`` for what does not exist or is another provider's, and ``VersionDiffers`` for an outdated ``If-Match``.
"""

from datetime import date, datetime
from uuid import UUID, uuid5

from application.projections import pools as pool_rows
from application.projections import retention
from application.receipts import Answer
from application.sampling import SampleView
from application.turn import Turn
from application.views import BookingView, CaseView, FindingView, ProviderFile, SessionView
from domain import booking as bookings
from domain import case as cases
from domain import closing, erasure, registry
from domain import handling as handlings
from domain import pool as pools
from domain.booking import Booking, Facts
from domain.case import Case
from domain.erasure import Periods, due_from
from domain.findings.finding import Finding
from domain.handling import FindingEvent, Handling, Matter
from domain.personal_data import Ground, PersonalClass
from domain.pool import PoolEvent, SampleDrawn
from domain.quantities import (
    OFFICE,
    Actor,
    Concern,
    Kind,
    Outcome,
    Period,
    Personal,
    Rules,
    ServiceArea,
    berlin_day,
    berlin_time,
)
from domain.refusals import Malformed, NotFound
from domain.registry import Provider, ProviderEvent, provider_id

OFFICE_PROCESS = Actor("stundenpool", "admin", OFFICE)  # carries out what two persons decided

# ── pools


def open_pool(turn: Turn, *, name: str, period: Period, budget_minutes: int, rules: Rules) -> Answer:
    """Opens a pool."""
    pool = turn.new_stream()
    events = pools.open_pool(None, name=name, period=period, budget_minutes=budget_minutes, rules=rules)
    turn.record([(pool, event) for event in events])
    return turn.answer("created", pool_rows.pool(turn.reader(), pool), pool)


def change_budget(turn: Turn, pool: UUID, *, change_minutes: int, resolution: str, effective_on: date | None = None) -> Answer:
    """Raises or cuts a budget by a resolution of the committee."""
    state = turn.addressed(turn.pool(pool))
    waiting = turn.waiting_list(pool)
    return _pool_answer(
        turn,
        pool,
        pools.change_budget(state, waiting, change_minutes=change_minutes, resolution=resolution, effective_on=effective_on),
    )


def change_rules(turn: Turn, pool: UUID, *, rules: Rules, reason: Personal = None) -> Answer:
    """Replaces the rules of a pool."""
    return _pool_answer(turn, pool, pools.change_rules(turn.addressed(turn.pool(pool)), rules=rules, reason=reason))


def close_month(turn: Turn, pool: UUID, month: str, *, reason: Personal = None) -> Answer:
    """Closes a month of service, as ``2022-03``."""
    return _pool_answer(turn, pool, pools.close_month(turn.addressed(turn.pool(pool)), month=month, reason=reason))


def reopen_month(turn: Turn, pool: UUID, month: str, *, reason: Personal = None) -> Answer:
    """Opens a closed month again."""
    return _pool_answer(turn, pool, pools.reopen_month(turn.addressed(turn.pool(pool)), month=month, reason=reason))


def close_pool(turn: Turn, pool: UUID, *, reason: Personal = None) -> Answer:
    """Closes a pool with everything in it."""
    state = turn.addressed(turn.pool(pool))
    turn.record(closing.close_pool(state, turn.bookings_of_pool(pool), reason=reason, by=turn.by, at=turn.at))
    return turn.answer("done", pool_rows.pool(turn.reader(), pool), pool)


def _pool_answer(turn: Turn, pool: UUID, events: list[PoolEvent]) -> Answer:
    turn.record([(pool, event) for event in events])
    return turn.answer("done", pool_rows.pool(turn.reader(), pool), pool)


# ── cases


def imported_case_id(pool: UUID, reference: str) -> UUID:
    """In files a reference stands for one case of its pool, so the case's id follows from it."""
    return uuid5(pool, f"case/{reference}")


def case_id(pool: UUID, provider: str, reference: str) -> UUID:
    """What a provider opens itself has a reference of its own, whatever others call theirs: the id tells nothing of these."""
    return uuid5(uuid5(pool, f"provider/{provider}"), f"case/{reference}")


def open_case(
    turn: Turn,
    *,
    pool: UUID,
    provider: str,
    reference: str | None = None,
    offer: str | None = None,
    district: str,
    service_area: ServiceArea,
    concern: Concern,
    name: Personal = None,
    birth_year: Personal = None,
    contact: Personal = None,
    notes: Personal = None,
) -> Answer:
    """Opens a case of a provider; without a reference it gets a random one, such as ``F-3FA85F64``."""
    reference = reference or f"F-{turn.new_id().hex[:8].upper()}"
    case = case_id(pool, provider, reference)
    events = cases.open_case(
        turn.pool(pool),
        _case_or_none(turn, case) or _imported_case(turn, pool, provider, reference),
        reference=reference,
        provider=provider,
        offer=offer,
        district=district,
        service_area=service_area,
        concern=concern,
        at=turn.at,
        name=name,
        birth_year=birth_year,
        contact=contact,
        notes=notes,
    )
    turn.record([(case, event) for event in events])
    return turn.answer("created", CaseView.of(turn.case(case)), case)


def amend_case(
    turn: Turn,
    case: UUID,
    *,
    offer: str | None = None,
    district: str | None = None,
    service_area: ServiceArea | None = None,
    concern: Concern | None = None,
    name: Personal = None,
    birth_year: Personal = None,
    contact: Personal = None,
    notes: Personal = None,
    reason: Personal = None,
) -> Answer:
    """Puts master data right."""
    state = turn.addressed(turn.case(case))
    events = cases.amend_case(
        turn.pool(state.pool),
        state,
        offer=offer,
        district=district,
        service_area=service_area,
        concern=concern,
        name=name,
        birth_year=birth_year,
        contact=contact,
        notes=notes,
        reason=reason,
    )
    return _case_answer(turn, state, [(case, event) for event in events])


def transfer_case(turn: Turn, case: UUID, *, provider: str, reason: Personal = None) -> Answer:
    """Hands a case to another provider."""
    state = turn.addressed(turn.case(case))
    facts = closing.transfer_case(
        turn.pool(state.pool),
        state,
        turn.bookings_of_case(case),
        turn.waiting_list(state.pool),
        provider=provider,
        reason=reason,
        by=turn.by,
        at=turn.at,
    )
    return _case_answer(turn, state, facts)


def close_case(turn: Turn, case: UUID, *, outcome: Outcome, note: Personal = None) -> Answer:
    """Closes a case with its outcome; its bookings are settled or withdrawn."""
    state = turn.addressed(turn.case(case))
    facts = closing.close_case(
        turn.pool(state.pool),
        state,
        turn.bookings_of_case(case),
        turn.waiting_list(state.pool),
        outcome=outcome,
        note=note,
        by=turn.by,
        at=turn.at,
    )
    return _case_answer(turn, state, facts)


def erase(
    turn: Turn,
    case: UUID,
    *,
    periods: Periods,
    classes: tuple[PersonalClass, ...] | None = None,
    ground: Ground | None = None,
    reason: Personal = None,
) -> Answer:
    """Requests that a person's data be erased, or agrees to it as the second person."""
    state = turn.addressed(turn.case(case))
    ended_on = retention.person(turn.reader(), case).ended_on
    events = erasure.erase(
        state,
        ended=ended_on is not None,
        classes=classes,
        ground=ground,
        reason=reason,
        by=turn.by,
        calendar=due_from(ended_on, periods) if ended_on else {},
        today=berlin_day(turn.at),
    )
    before = state.data.erased
    turn.record([(case, event) for event in events])
    return turn.answer("accepted" if state.data.erased == before else "done", CaseView.of(state), case)


def withdraw_erasure(turn: Turn, case: UUID, *, reason: Personal = None) -> Answer:
    """Takes a request for erasure back."""
    state = turn.addressed(turn.case(case))
    return _case_answer(turn, state, [(case, event) for event in erasure.withdraw_erasure(state, reason=reason)])


def set_hold(turn: Turn, case: UUID, *, reason: Personal = None) -> Answer:
    """Keeps a person's data whatever the calendar says."""
    state = turn.addressed(turn.case(case))
    return _case_answer(turn, state, [(case, event) for event in erasure.set_hold(state, reason=reason)])


def lift_hold(turn: Turn, case: UUID, *, reason: Personal = None) -> Answer:
    """Lets the calendar decide again."""
    state = turn.addressed(turn.case(case))
    return _case_answer(turn, state, [(case, event) for event in erasure.lift_hold(state, reason=reason)])


def erase_again(turn: Turn, case: UUID, *, classes: tuple[PersonalClass, ...]) -> Answer:
    """Takes an erasure over from the ledger."""
    state = turn.case(case)
    return _case_answer(turn, state, [(case, event) for event in erasure.erase_again(state, classes=classes)])


def confirm_erasure(turn: Turn, case: UUID, *, classes: tuple[PersonalClass, ...]) -> Answer:
    """Holds that keys are destroyed."""
    state = turn.case(case)
    return _case_answer(turn, state, [(case, event) for event in erasure.confirm_erasure(state, classes=classes)])


def _case_or_none(turn: Turn, case: UUID) -> Case | None:
    state = turn.find(case)
    return state if isinstance(state, Case) else None


def _imported_case(turn: Turn, pool: UUID, provider: str, reference: str) -> Case | None:
    """The case that a file calls so, where it is this provider's."""
    case = _case_or_none(turn, imported_case_id(pool, reference))
    if case is not None and case.provider != provider:
        turn.look_in_vain(case.id)
        return None
    return case


def _case_answer(turn: Turn, case: Case, facts: Facts) -> Answer:
    turn.record(facts)
    return turn.answer("done", CaseView.of(case), case.id)


# ── bookings


def request_hours(turn: Turn, *, case: UUID, minutes: int, purpose: Personal = None) -> Answer:
    """Requests minutes for a case."""
    state = turn.addressed(turn.case(case))
    booking = turn.new_stream()
    facts = bookings.request_hours(
        turn.pool(state.pool), state, None, booking=booking, minutes=minutes, purpose=purpose, by=turn.by, at=turn.at
    )
    turn.record(facts)
    return turn.answer("created", BookingView.of(turn.booking(booking)), booking)


def approve_hours(
    turn: Turn,
    booking: UUID,
    *,
    minutes: int | None = None,
    reason: Personal = None,
    review_on: date | None = None,
    overtaking_reason: Personal = None,
) -> Answer:
    """Grants a request; ``accepted`` where a second officer must still confirm."""
    state = turn.addressed(turn.booking(booking))
    turn.record(
        bookings.approve_hours(
            turn.pool(state.pool),
            turn.case(state.case),
            state,
            turn.waiting_list(state.pool),
            minutes=minutes,
            by=turn.by,
            at=turn.at,
            reason=reason,
            review_on=review_on,
            overtaking_reason=overtaking_reason,
        )
    )
    awaits_second = state.state == "awaiting_second"
    return turn.answer("accepted" if awaits_second else "done", BookingView.of(state), booking)


def decline_request(turn: Turn, booking: UUID, *, reason: Personal) -> Answer:
    """Says no to a request."""
    state = turn.addressed(turn.booking(booking))
    pool, case, waiting = turn.pool(state.pool), turn.case(state.case), turn.waiting_list(state.pool)
    return _booking_answer(turn, state, bookings.decline_request(pool, case, state, waiting, reason=reason, by=turn.by, at=turn.at))


def withdraw_request(turn: Turn, booking: UUID, *, reason: Personal = None) -> Answer:
    """Takes a request back."""
    state = turn.addressed(turn.booking(booking))
    pool, waiting = turn.pool(state.pool), turn.waiting_list(state.pool)
    return _booking_answer(turn, state, bookings.withdraw_request(pool, state, waiting, reason=reason, by=turn.by, at=turn.at))


def waitlist_request(turn: Turn, booking: UUID, *, priority: int | None = None, reason: Personal = None) -> Answer:
    """Puts a request on the waiting list."""
    state = turn.addressed(turn.booking(booking))
    pool, case, waiting = turn.pool(state.pool), turn.case(state.case), turn.waiting_list(state.pool)
    return _booking_answer(
        turn,
        state,
        bookings.waitlist_request(pool, case, state, waiting, priority=priority, reason=reason, by=turn.by),
    )


def reduce_grant(turn: Turn, booking: UUID, *, to_minutes: int, reason: Personal) -> Answer:
    """Reduces a grant; the rest goes back to the pool."""
    state = turn.addressed(turn.booking(booking))
    pool, waiting = turn.pool(state.pool), turn.waiting_list(state.pool)
    return _booking_answer(
        turn, state, bookings.reduce_grant(pool, state, waiting, to_minutes=to_minutes, reason=reason, at=turn.at)
    )


def settle_booking(turn: Turn, booking: UUID) -> Answer:
    """Accounts for a booking; what was not used goes back to the pool."""
    state = turn.addressed(turn.booking(booking))
    pool, waiting = turn.pool(state.pool), turn.waiting_list(state.pool)
    return _booking_answer(turn, state, bookings.settle_booking(pool, state, waiting, at=turn.at))


def log_session(
    turn: Turn,
    booking: UUID,
    *,
    starts_at: datetime,
    minutes: int,
    kind: Kind,
    worker: str | None = None,
    note: Personal = None,
) -> Answer:
    """Records minutes rendered."""
    state = turn.addressed(turn.booking(booking))
    session = turn.new_id()
    facts = bookings.log_session(
        turn.pool(state.pool),
        turn.case(state.case),
        state,
        session=session,
        starts_at=berlin_time(starts_at),
        minutes=minutes,
        kind=kind,
        worker=worker,
        note=note,
        now=turn.at,
    )
    return _session_answer(turn, state, session, facts, created=True)


def correct_session(
    turn: Turn,
    booking: UUID,
    session: UUID,
    *,
    starts_at: datetime | None = None,
    minutes: int | None = None,
    kind: Kind | None = None,
    worker: str | None = None,
    note: Personal = None,
    reason: Personal,
) -> Answer:
    """Puts a session right; what is not stated stays."""
    state = turn.addressed(turn.booking(booking))
    facts = bookings.correct_session(
        turn.pool(state.pool),
        state,
        turn.waiting_list(state.pool),
        session=session,
        starts_at=berlin_time(starts_at) if starts_at else None,
        minutes=minutes,
        kind=kind,
        worker=worker,
        note=note,
        reason=reason,
        now=turn.at,
    )
    return _session_answer(turn, state, session, facts)


def reverse_session(turn: Turn, booking: UUID, session: UUID, *, reason: Personal) -> Answer:
    """Takes a session out of the sums."""
    state = turn.addressed(turn.booking(booking))
    pool, waiting = turn.pool(state.pool), turn.waiting_list(state.pool)
    facts = bookings.reverse_session(pool, state, waiting, session=session, reason=reason, now=turn.at)
    return _session_answer(turn, state, session, facts)


def confirm_session(turn: Turn, booking: UUID, session: UUID, *, by: Personal, method: str) -> Answer:
    """Records that the client or the family confirms a session."""
    state = turn.addressed(turn.booking(booking))
    facts = bookings.confirm_session(turn.pool(state.pool), state, session=session, by=by, method=method)
    return _session_answer(turn, state, session, facts)


def _booking_answer(turn: Turn, booking: Booking, facts: Facts) -> Answer:
    turn.record(facts)
    return turn.answer("done", BookingView.of(booking), booking.id)


def _session_answer(turn: Turn, booking: Booking, session: UUID, facts: Facts, created: bool = False) -> Answer:
    turn.record(facts)
    view = SessionView.of(booking.sessions[session])
    return turn.answer("created" if created else "done", view, booking.id)


# ── findings and samples


def open_finding(turn: Turn, finding: UUID, *, found: Finding, note: Personal = None) -> Answer:
    """Opens what a rule found, as it was found."""
    existing = turn.find(finding)
    assert existing is None or isinstance(existing, Handling), "the ids of findings are no other stream's"
    if existing is not None:
        turn.addressed(existing)
    return _finding_answer(turn, finding, handlings.open_finding(existing, matter=Matter.of(found), note=note))


def raise_finding(
    turn: Turn,
    *,
    pool: UUID,
    case: UUID | None = None,
    booking: UUID | None = None,
    provider: str | None = None,
    worker: str | None = None,
    note: Personal = None,
) -> Answer:
    """Opens what a person found in a pool. A case or a booking says itself whose it is."""
    if sum(each is not None for each in (case, booking, provider)) > 1:
        raise Malformed(place="case", problem="höchstens eines von Fall, Antrag und Träger ist zu nennen")
    places = [turn.pool(pool).id]
    if booking is not None:
        of_booking = turn.booking(booking)
        case, provider = of_booking.case, of_booking.provider
        places.append(of_booking.pool)
    elif case is not None:
        of_case = turn.case(case)
        provider = of_case.provider
        places.append(of_case.pool)
    if len(set(places)) > 1:
        raise NotFound()
    events = handlings.raise_finding(pool=pool, case=case, booking=booking, worker=worker, provider=provider, note=note)
    return _finding_answer(turn, turn.new_stream(), events, created=True)


def explain_finding(turn: Turn, finding: UUID, *, explanation: Personal = None) -> Answer:
    """Takes what a provider or the office says to a finding."""
    state = turn.addressed(turn.handling(finding))
    return _finding_answer(turn, finding, handlings.explain_finding(state, explanation=explanation))


def confirm_finding(turn: Turn, finding: UUID, *, reason: Personal = None) -> Answer:
    """Holds that a finding is right."""
    return _finding_answer(turn, finding, handlings.confirm_finding(turn.addressed(turn.handling(finding)), reason=reason))


def close_finding(turn: Turn, finding: UUID, *, reason: Personal = None) -> Answer:
    """Ends the handling of a finding."""
    return _finding_answer(turn, finding, handlings.close_finding(turn.addressed(turn.handling(finding)), reason=reason))


def _finding_answer(turn: Turn, finding: UUID, events: list[FindingEvent], created: bool = False) -> Answer:
    turn.record([(finding, event) for event in events])
    return turn.answer("created" if created else "done", FindingView.of(turn.handling(finding)), finding)


def draw_sample(turn: Turn, *, pool: UUID, sample: SampleDrawn) -> Answer:
    """Records a sample. It takes nothing of the pool, so a closed one can be sampled as well."""
    turn.record([(turn.pool(pool).id, sample)])
    return turn.answer("created", SampleView.of(pool, sample), pool)


# ── the registry


def register_provider(turn: Turn, *, provider: str, name: str, valid_from: date, valid_until: date | None = None) -> Answer:
    """Registers a provider, for the first time or for further days."""
    existing = turn.find(provider_id(provider))
    assert existing is None or isinstance(existing, Provider), "the ids of providers are no other stream's"
    events = registry.register_provider(existing, provider=provider, name=name, valid_from=valid_from, valid_until=valid_until)
    return _provider_answer(turn, provider_id(provider), events, created=True)


def register_offer(turn: Turn, provider: UUID, *, offer: str, valid_from: date, valid_until: date | None = None) -> Answer:
    """Registers an offer of a provider."""
    state = turn.addressed(turn.provider(provider))
    events = registry.register_offer(state, offer=offer, valid_from=valid_from, valid_until=valid_until)
    return _provider_answer(turn, provider, events)


def register_worker(turn: Turn, provider: UUID, *, worker: str, valid_from: date, valid_until: date | None = None) -> Answer:
    """Registers a worker of a provider."""
    state = turn.addressed(turn.provider(provider))
    events = registry.register_worker(state, worker=worker, valid_from=valid_from, valid_until=valid_until)
    return _provider_answer(turn, provider, events)


def end_provider(turn: Turn, provider: UUID, *, valid_until: date) -> Answer:
    """Says until when a provider is registered."""
    state = turn.addressed(turn.provider(provider))
    return _provider_answer(turn, provider, registry.end_provider(state, valid_until=valid_until))


def end_offer(turn: Turn, provider: UUID, *, offer: str, valid_until: date) -> Answer:
    """Says until when an offer is registered."""
    state = turn.addressed(turn.provider(provider))
    return _provider_answer(turn, provider, registry.end_offer(state, offer=offer, valid_until=valid_until))


def end_worker(turn: Turn, provider: UUID, *, worker: str, valid_until: date) -> Answer:
    """Says until when a worker is registered."""
    state = turn.addressed(turn.provider(provider))
    return _provider_answer(turn, provider, registry.end_worker(state, worker=worker, valid_until=valid_until))


def _provider_answer(turn: Turn, provider: UUID, events: list[ProviderEvent], created: bool = False) -> Answer:
    turn.record([(provider, event) for event in events])
    return turn.answer("created" if created else "done", ProviderFile.of(turn.provider(provider)), provider)
