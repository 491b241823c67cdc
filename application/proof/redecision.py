"""Would it have been decided so? Every decision of the log is decided again, on the states before it, by the functions that decide
live, and compared with what is stored.

What was asked for follows from the events of the decision. Their actor and ``recorded_at`` are the person and the clock; steps of
an import bring their own. Sealed texts are handed through unread, so nothing here needs a key, and an erasure changes nothing.
Whatever is found, the states go on with what is stored and with what is missing from it, so that one altered event is not found
again in all that follow.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from operator import attrgetter
from typing import Any, assert_never, cast
from uuid import UUID

import msgspec

from application.commands import OFFICE_PROCESS, case_id, imported_case_id
from application.demonstration import begin_demonstration
from application.imports import FILE_DIGITS, imported_step
from application.log import Reader, Recorded
from application.privacy import says_nothing
from application.proof.before import IMPOSSIBLE, AnyState, Before, Held
from application.proof.comparing import deviation_at, differences, envelopes, instead, the_same
from application.proof.decisions import Decision, main_event
from application.proof.deviations import Deviation
from application.turn import Abandoned, own_alone
from domain import booking as bookings
from domain import case as cases
from domain import closing, erasure, registry
from domain import handling as handlings
from domain import pool as pools
from domain.booking import (
    ApprovalProposed,
    Booking,
    BookingSettled,
    Event,
    Facts,
    GrantReduced,
    HoursApproved,
    HoursRequested,
    RequestDeclined,
    RequestWaitlisted,
    RequestWithdrawn,
    SessionConfirmed,
    SessionCorrected,
    SessionLogged,
    SessionReversed,
)
from domain.case import Case, CaseAmended, CaseClosed, CaseOpened, CaseTransferred
from domain.closing import SumsDiffer
from domain.handling import FindingClosed, FindingConfirmed, FindingExplained, FindingOpened, Handling
from domain.personal_data import (
    CLASSES,
    ErasureConfirmed,
    ErasureRequested,
    ErasureWithdrawn,
    LegalHoldLifted,
    LegalHoldSet,
    PersonalClass,
    PersonalDataErased,
)
from domain.pool import (
    BudgetChanged,
    DemonstrationStarted,
    HoursReleased,
    HoursReserved,
    ImportRecorded,
    MonthClosed,
    MonthReopened,
    PlaceOffered,
    PoolClosed,
    PoolExhausted,
    PoolOpened,
    PoolReplenished,
    RulesChanged,
    SampleDrawn,
)
from domain.quantities import Personal, Sealed, berlin_day
from domain.refusals import NotFound, Refusal
from domain.registry import OfferRegistered, Provider, ProviderRegistered, RegistrationEnded, WorkerRegistered, provider_id


class Asked(msgspec.Struct, frozen=True):
    """A decision with what is known of how it came about."""

    decision: Decision
    main: Recorded
    at: datetime
    by: str
    file: str | None  # of which this is a step, where it was imported

    @property
    def stream(self) -> UUID:
        return self.main.stream


class Redecision:
    """Decides one decision after the other again. ``decisions`` says how many."""

    def __init__(self, reader: Reader) -> None:
        self.decisions = 0
        self._before = Before(reader)

    def deviations(self, decision: Decision, keyed: bool) -> list[Deviation]:
        """``keyed`` says that the command is a key that a caller chose, whatever it looks like."""
        self.decisions += 1
        found: list[Deviation] = []
        if len(decision) > 1 or decision[0].cause is not None:
            found += envelopes(decision)
        asked, missing = _asked(decision, keyed), Facts()
        found += self._decided_again(asked, missing)
        self.go_on(decision)
        if missing:
            self.go_on(instead(decision, fact) for fact in missing)
        if asked.file is not None:
            self._before.count_step(asked.stream, asked.file)
        return found

    def go_on(self, events: Iterable[Recorded]) -> None:
        """Takes events as they are."""
        for event in events:
            try:
                self._before.fold(event)
            except (Refusal, *IMPOSSIBLE):
                continue  # what cannot follow cannot have been decided either, and is named already

    def _decided_again(self, asked: Asked, missing: Facts) -> Iterable[Deviation]:
        """Adds to ``missing`` the facts that should stand there."""
        main, decide = asked.main, DECIDED_AGAIN.get(type(asked.main.data))
        if decide is None:
            return [deviation_at(main, "decision", "eine Entscheidung, aus der es folgt", main.type)]
        try:
            facts = decide(self._before, asked, main.data)
        except Refusal as refusal:
            return [deviation_at(main, "decision", f"die Ablehnung {refusal.code} ({refusal.message})", main.type)]
        except (Abandoned, SumsDiffer) as problem:
            return [deviation_at(main, "decision", f"keine Entscheidung ({problem})", main.type)]
        except IMPOSSIBLE as problem:
            return [deviation_at(main, "decision", f"keine Entscheidung ({type(problem).__name__})", main.type)]
        return () if the_same(facts, asked.decision) else differences(facts, asked.decision, missing)


def _asked(decision: Decision, keyed: bool) -> Asked:
    main = main_event(decision)
    imported = None if keyed else _IMPORTED.get(type(main.data))
    if imported is not None and (step := imported_step(main.command)) and step[1] == imported[0]:
        at, by = imported[1](main.data)
        return Asked(decision, main, at, by, step[0])
    return Asked(decision, main, main.recorded_at, main.actor.subject, None)


# Which events a step of an import records, and where they say at what instant and by whom.
_IMPORTED: Mapping[type[Event], tuple[str, Callable[[Any], tuple[datetime, str]]]] = {
    HoursRequested: ("request", attrgetter("requested_at", "requested_by")),
    ApprovalProposed: ("decision", attrgetter("proposed_at", "proposed_by")),
    HoursApproved: ("decision", attrgetter("decided_at", "decided_by")),
    RequestDeclined: ("decision", attrgetter("decided_at", "decided_by")),
    RequestWithdrawn: ("decision", attrgetter("withdrawn_at", "withdrawn_by")),
    SessionLogged: ("session", attrgetter("starts_at", "worker")),
}


def _text(sealed: Personal) -> Personal:
    """A sealed text as decisions take it: all they want to know is whether it says anything."""
    return "" if isinstance(sealed, Sealed) and says_nothing(sealed) else sealed


def _existing(before: Before, event: Recorded) -> Held | None:
    """What has the id of something that is about to begin."""
    return before.find(event.stream) if event.version > 1 else None


def _on_own(asked: Asked, state: AnyState) -> AnyState:
    """What a provider's people act on is their own; imports are judged by who may import."""
    if asked.file is None:
        own_alone(asked.main.actor, state)
    return state


# ── Pools


def _open_pool(before: Before, asked: Asked, event: PoolOpened) -> Facts:
    opened = pools.open_pool(
        before.find_pool(asked.stream),
        name=event.name,
        period=event.period,
        budget_minutes=event.budget_minutes,
        rules=event.rules,
    )
    return [(asked.stream, each) for each in opened]


def _begin_demonstration(before: Before, asked: Asked, event: DemonstrationStarted) -> Facts:
    first = asked.decision[0]
    opened = cast(PoolOpened, first.data)
    begun = begin_demonstration(
        first.position - 1,
        name=opened.name,
        period=opened.period,
        budget_minutes=opened.budget_minutes,
        rules=opened.rules,
        seed=event.seed,
        clock=event.clock,
    )
    return [(asked.stream, each) for each in begun]


def _change_budget(before: Before, asked: Asked, event: BudgetChanged) -> Facts:
    pool = before.pool(asked.stream)
    return bookings.in_pool(
        pool,
        pools.change_budget(
            pool,
            before.waiting_list(pool.id),
            change_minutes=event.change_minutes,
            resolution=event.resolution,
            effective_on=event.effective_on,
        ),
    )


def _change_rules(before: Before, asked: Asked, event: RulesChanged) -> Facts:
    pool = before.pool(asked.stream)
    return bookings.in_pool(pool, pools.change_rules(pool, rules=event.rules, reason=_text(event.reason)))


def _close_month(before: Before, asked: Asked, event: MonthClosed) -> Facts:
    pool = before.pool(asked.stream)
    return bookings.in_pool(pool, pools.close_month(pool, month=event.month, reason=_text(event.reason)))


def _reopen_month(before: Before, asked: Asked, event: MonthReopened) -> Facts:
    pool = before.pool(asked.stream)
    return bookings.in_pool(pool, pools.reopen_month(pool, month=event.month, reason=_text(event.reason)))


def _record_import(before: Before, asked: Asked, event: ImportRecorded) -> Facts:
    """No more is noted than steps of that file stand in the log; of an import that was interrupted, some stand there unnoted."""
    pool = before.pool(asked.stream)
    file = pool.id, event.file_sha256[:FILE_DIGITS]
    recorded = min(event.recorded, before.steps[file])
    before.steps[file] -= recorded
    return bookings.in_pool(
        pool,
        pools.record_import(
            pool,
            kind=event.kind,
            file_sha256=event.file_sha256,
            read=recorded + event.already_there + len(event.refused),
            already_there=event.already_there,
            refused=event.refused,
        ),
    )


def _close_pool(before: Before, asked: Asked, event: PoolClosed) -> Facts:
    pool = before.pool(asked.stream)
    return closing.close_pool(pool, before.bookings_of_pool(pool.id), reason=_text(event.reason), by=asked.by, at=asked.at)


# ── Cases


def _open_case(before: Before, asked: Asked, event: CaseOpened) -> Facts:
    case, stands = case_id(event.pool, event.provider, event.reference), asked.decision[0].stream
    if stands != case and stands == imported_case_id(event.pool, event.reference):
        case = stands
    opened = cases.open_case(
        before.pool(event.pool),
        cast("Case | None", _existing(before, asked.decision[0])),
        reference=event.reference,
        provider=event.provider,
        offer=event.offer,
        district=event.district,
        service_area=event.service_area,
        concern=event.concern,
        at=asked.at,
        name=event.name,
        birth_year=event.birth_year,
        contact=event.contact,
        notes=event.notes,
    )
    return [(case, each) for each in opened]


def _amend_case(before: Before, asked: Asked, event: CaseAmended) -> Facts:
    case = _on_own(asked, before.case(asked.stream))
    amended = cases.amend_case(
        before.pool(case.pool),
        case,
        offer=event.offer,
        district=event.district,
        service_area=event.service_area,
        concern=event.concern,
        name=event.name,
        birth_year=event.birth_year,
        contact=event.contact,
        notes=event.notes,
        reason=_text(event.reason),
    )
    return [(case.id, each) for each in amended]


def _transfer_case(before: Before, asked: Asked, event: CaseTransferred) -> Facts:
    case = _on_own(asked, before.case(asked.stream))
    return closing.transfer_case(
        before.pool(case.pool),
        case,
        before.bookings_of_case(case.id),
        before.waiting_list(case.pool),
        provider=event.provider,
        reason=_text(event.reason),
        by=asked.by,
        at=asked.at,
    )


def _close_case(before: Before, asked: Asked, event: CaseClosed) -> Facts:
    case = _on_own(asked, before.case(asked.stream))
    return closing.close_case(
        before.pool(case.pool),
        case,
        before.bookings_of_case(case.id),
        before.waiting_list(case.pool),
        outcome=event.outcome,
        note=_text(event.note),
        by=asked.by,
        at=asked.at,
    )


def _request_erasure(before: Before, asked: Asked, event: ErasureRequested) -> Facts:
    return _erase(before, asked, event.classes, event.classes, event)


def _erase_data(before: Before, asked: Asked, event: PersonalDataErased) -> Facts:
    """Without somebody who asked for it, it comes from the ledger, which the log does not hold, and by no person."""
    case = before.case(asked.stream)
    if event.requested_by is None:
        _by_the_office_process(asked)
        return [(case.id, each) for each in erasure.erase_again(case, classes=event.classes)]
    return _erase(before, asked, case.data.requested, event.classes, event)


def _erase(
    before: Before,
    asked: Asked,
    classes: tuple[PersonalClass, ...],
    due: tuple[PersonalClass, ...],
    event: ErasureRequested | PersonalDataErased,
) -> Facts:
    """How long an office kept what, the log does not say: what it took as due is due."""
    case = before.case(asked.stream)
    erased = erasure.erase(
        case,
        ended=case.closed or before.pool(case.pool).closed,
        classes=classes,
        ground=event.ground,
        reason=_text(event.reason) if isinstance(event, ErasureRequested) else None,
        by=asked.by,
        calendar={kept: date.min if kept in due else date.max for kept in CLASSES},
        today=berlin_day(asked.at),
    )
    return [(case.id, each) for each in erased]


def _withdraw_erasure(before: Before, asked: Asked, event: ErasureWithdrawn) -> Facts:
    case = before.case(asked.stream)
    return [(case.id, each) for each in erasure.withdraw_erasure(case, reason=_text(event.reason))]


def _set_hold(before: Before, asked: Asked, event: LegalHoldSet) -> Facts:
    case = before.case(asked.stream)
    return [(case.id, each) for each in erasure.set_hold(case, reason=_text(event.reason))]


def _lift_hold(before: Before, asked: Asked, event: LegalHoldLifted) -> Facts:
    case = before.case(asked.stream)
    return [(case.id, each) for each in erasure.lift_hold(case, reason=_text(event.reason))]


def _by_the_office_process(asked: Asked) -> None:
    if asked.main.actor != OFFICE_PROCESS:
        raise NotFound()


def _confirm_erasure(before: Before, asked: Asked, event: ErasureConfirmed) -> Facts:
    _by_the_office_process(asked)
    case = before.case(asked.stream)
    return [(case.id, each) for each in erasure.confirm_erasure(case, classes=event.classes)]


# ── Bookings


def _request_hours(before: Before, asked: Asked, event: HoursRequested) -> Facts:
    """An import opens the case with its first request."""
    first, opened = asked.decision[0], Facts()
    if asked.file is not None and isinstance(first.data, CaseOpened):
        opened = _open_case(before, asked, first.data)
        case = cases.evolve(None, first.stream, first.data)
    else:
        case = _on_own(asked, before.case(event.case))
    requested = bookings.request_hours(
        before.pool(case.pool),
        case,
        cast("Booking | None", _existing(before, asked.main)),
        booking=asked.stream,
        minutes=event.minutes,
        purpose=event.purpose,
        by=asked.by,
        at=asked.at,
    )
    return [*opened, *requested]


def _approve_hours(before: Before, asked: Asked, event: HoursApproved | ApprovalProposed) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.approve_hours(
        before.pool(booking.pool),
        before.case(booking.case),
        booking,
        before.waiting_list(booking.pool),
        minutes=event.minutes,
        by=asked.by,
        at=asked.at,
        reason=_text(event.reason),
        review_on=event.review_on,
        overtaking_reason=_text(event.overtaking_reason),
    )


def _decline_request(before: Before, asked: Asked, event: RequestDeclined) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.decline_request(
        before.pool(booking.pool),
        before.case(booking.case),
        booking,
        before.waiting_list(booking.pool),
        reason=_text(event.reason),
        by=asked.by,
        at=asked.at,
    )


def _withdraw_request(before: Before, asked: Asked, event: RequestWithdrawn) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.withdraw_request(
        before.pool(booking.pool),
        booking,
        before.waiting_list(booking.pool),
        reason=_text(event.reason),
        by=asked.by,
        at=asked.at,
    )


def _waitlist_request(before: Before, asked: Asked, event: RequestWaitlisted) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.waitlist_request(
        before.pool(booking.pool),
        before.case(booking.case),
        booking,
        before.waiting_list(booking.pool),
        priority=event.priority,
        reason=_text(event.reason),
        by=asked.by,
    )


def _log_session(before: Before, asked: Asked, event: SessionLogged) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.log_session(
        before.pool(booking.pool),
        before.case(booking.case),
        booking,
        session=event.session,
        starts_at=event.starts_at,
        minutes=event.minutes,
        kind=event.kind,
        worker=event.worker,
        note=_text(event.note),
        now=asked.at,
    )


def _correct_session(before: Before, asked: Asked, event: SessionCorrected) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.correct_session(
        before.pool(booking.pool),
        booking,
        before.waiting_list(booking.pool),
        session=event.session,
        starts_at=event.now.starts_at,
        minutes=event.now.minutes,
        kind=event.now.kind,
        worker=event.now.worker,
        note=event.note,
        reason=_text(event.reason),
        now=asked.at,
    )


def _reverse_session(before: Before, asked: Asked, event: SessionReversed) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.reverse_session(
        before.pool(booking.pool),
        booking,
        before.waiting_list(booking.pool),
        session=event.session,
        reason=_text(event.reason),
        now=asked.at,
    )


def _confirm_session(before: Before, asked: Asked, event: SessionConfirmed) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.confirm_session(before.pool(booking.pool), booking, session=event.session, by=event.by, method=event.method)


def _reduce_grant(before: Before, asked: Asked, event: GrantReduced) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.reduce_grant(
        before.pool(booking.pool),
        booking,
        before.waiting_list(booking.pool),
        to_minutes=event.to_minutes,
        reason=_text(event.reason),
        at=asked.at,
    )


def _settle_booking(before: Before, asked: Asked, event: BookingSettled) -> Facts:
    booking = _on_own(asked, before.booking(asked.stream))
    return bookings.settle_booking(before.pool(booking.pool), booking, before.waiting_list(booking.pool), at=asked.at)


# ── Findings and samples


def _open_finding(before: Before, asked: Asked, event: FindingOpened) -> Facts:
    """What a rule found is not looked for again: under which thresholds it did, the log does not say."""
    matter = event.matter
    if matter.rule is None:
        if matter.pool is None:
            raise NotFound()
        opened = handlings.raise_finding(
            pool=before.pool(matter.pool).id,
            case=matter.case,
            booking=matter.booking,
            worker=matter.worker,
            provider=matter.provider,
            note=_text(event.note),
        )
    else:
        opened = handlings.open_finding(
            cast("Handling | None", _existing(before, asked.main)), matter=matter, note=_text(event.note)
        )
    return [(asked.stream, each) for each in opened]


def _explain_finding(before: Before, asked: Asked, event: FindingExplained) -> Facts:
    handling = _on_own(asked, before.handling(asked.stream))
    return [(handling.id, each) for each in handlings.explain_finding(handling, explanation=_text(event.explanation))]


def _confirm_finding(before: Before, asked: Asked, event: FindingConfirmed) -> Facts:
    handling = before.handling(asked.stream)
    return [(handling.id, each) for each in handlings.confirm_finding(handling, reason=_text(event.reason))]


def _close_finding(before: Before, asked: Asked, event: FindingClosed) -> Facts:
    handling = before.handling(asked.stream)
    return [(handling.id, each) for each in handlings.close_finding(handling, reason=_text(event.reason))]


def _draw_sample(before: Before, asked: Asked, event: SampleDrawn) -> Facts:
    again = before.sample(before.pool(asked.stream).id, event)
    return [(asked.stream, SampleDrawn(again.id, again.method, again.seed, again.population, again.sessions))]


# ── The registry


def _register_provider(before: Before, asked: Asked, event: ProviderRegistered) -> Facts:
    registered = registry.register_provider(
        cast("Provider | None", _existing(before, asked.main)),
        provider=event.provider,
        name=event.name,
        valid_from=event.valid_from,
        valid_until=event.valid_until,
    )
    return [(provider_id(event.provider), each) for each in registered]


def _register_offer(before: Before, asked: Asked, event: OfferRegistered) -> Facts:
    provider = _on_own(asked, before.provider(asked.stream))
    registered = registry.register_offer(provider, offer=event.offer, valid_from=event.valid_from, valid_until=event.valid_until)
    return [(provider.id, each) for each in registered]


def _register_worker(before: Before, asked: Asked, event: WorkerRegistered) -> Facts:
    provider = _on_own(asked, before.provider(asked.stream))
    registered = registry.register_worker(provider, worker=event.worker, valid_from=event.valid_from, valid_until=event.valid_until)
    return [(provider.id, each) for each in registered]


def _end_registration(before: Before, asked: Asked, event: RegistrationEnded) -> Facts:
    provider = _on_own(asked, before.provider(asked.stream))
    match event.of:
        case "provider":
            ended = registry.end_provider(provider, valid_until=event.valid_until)
        case "offer":
            ended = registry.end_offer(provider, offer=event.name, valid_until=event.valid_until)
        case "worker":
            ended = registry.end_worker(provider, worker=event.name, valid_until=event.valid_until)
        case _:
            assert_never(event.of)
    return [(provider.id, each) for each in ended]


# By the main event of a decision.
DECIDED_AGAIN: Mapping[type[Event], Callable[[Before, Asked, Any], Facts]] = {
    PoolOpened: _open_pool,
    DemonstrationStarted: _begin_demonstration,
    BudgetChanged: _change_budget,
    RulesChanged: _change_rules,
    MonthClosed: _close_month,
    MonthReopened: _reopen_month,
    ImportRecorded: _record_import,
    PoolClosed: _close_pool,
    CaseOpened: _open_case,
    CaseAmended: _amend_case,
    CaseTransferred: _transfer_case,
    CaseClosed: _close_case,
    ErasureRequested: _request_erasure,
    ErasureWithdrawn: _withdraw_erasure,
    LegalHoldSet: _set_hold,
    LegalHoldLifted: _lift_hold,
    PersonalDataErased: _erase_data,
    ErasureConfirmed: _confirm_erasure,
    HoursRequested: _request_hours,
    RequestWaitlisted: _waitlist_request,
    ApprovalProposed: _approve_hours,
    HoursApproved: _approve_hours,
    RequestDeclined: _decline_request,
    RequestWithdrawn: _withdraw_request,
    SessionLogged: _log_session,
    SessionCorrected: _correct_session,
    SessionReversed: _reverse_session,
    SessionConfirmed: _confirm_session,
    GrantReduced: _reduce_grant,
    BookingSettled: _settle_booking,
    FindingOpened: _open_finding,
    FindingExplained: _explain_finding,
    FindingConfirmed: _confirm_finding,
    FindingClosed: _close_finding,
    SampleDrawn: _draw_sample,
    ProviderRegistered: _register_provider,
    OfferRegistered: _register_offer,
    WorkerRegistered: _register_worker,
    RegistrationEnded: _end_registration,
}
# These only ever follow from another event of their decision.
FOLLOWING: frozenset[type[Event]] = frozenset({HoursReserved, HoursReleased, PoolExhausted, PoolReplenished, PlaceOffered})
