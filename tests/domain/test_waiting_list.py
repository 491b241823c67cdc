"""The waiting list: who gets on it, in which order, and who is offered a place (rules 19 and 20)."""

from typing import Any
from uuid import UUID

import pytest

from domain.booking import (
    approve_hours,
    correct_session,
    decline_request,
    reduce_grant,
    reverse_session,
    settle_booking,
    waitlist_request,
    withdraw_request,
)
from domain.pool import change_budget
from domain.refusals import AlreadyDecided, OutOfTurn, OverBudget, ReasonMissing
from tests.domain.facts import (
    BOOKING,
    BOOKING_2,
    BOOKING_3,
    OFFICER_2,
    REASON,
    SESSION,
    Fact,
    approved,
    berlin,
    budget_changed,
    case_opened,
    corrected,
    declined,
    exhausted,
    hours_requested,
    logged,
    place_offered,
    pool_opened,
    proposed,
    reduced,
    released,
    replenished,
    reversed_,
    session,
    settled,
    waitlisted,
    withdrawn,
)
from tests.specification import Given, given

FIRST, SECOND, THIRD = berlin(2022, 2, 1), berlin(2022, 2, 2), berlin(2022, 2, 3)
OVERTAKING = "drohende Räumung"


def asked(minutes: int, booking: UUID, at: Any = FIRST) -> Fact:
    """A request of that time."""
    return hours_requested(minutes, booking, at=at)


def waits(minutes: int, booking: UUID, at: Any = FIRST, priority: int | None = None) -> tuple[Fact, Fact]:
    """A request of that time that stands on the list."""
    reason = None if priority is None else REASON
    return asked(minutes, booking, at), waitlisted(minutes, booking, priority, at, reason)


def full_pool(*waiting: Fact, **rules: Any) -> Given:
    """All 600 minutes are granted to BOOKING, and these wait."""
    return given(pool_opened(600, **rules), case_opened(), asked(600, BOOKING), *approved(600), exhausted(), *waiting)


class TestRule19OnlyAWaitlistingLists:
    def test_a_request_is_listed(self) -> None:
        """Rule 19: with its minutes and its time, which order the list."""
        full_pool(asked(60, BOOKING_2)).when(waitlist_request, on=BOOKING_2).then(waitlisted(60, BOOKING_2))

    def test_a_refused_approval_does_not_list(self) -> None:
        """Rule 19: over_budget leaves the request ``requested``."""
        full = full_pool(asked(60, BOOKING_2))
        full.when(approve_hours, on=BOOKING_2).refuses(OverBudget)
        assert full.states.bookings[BOOKING_2].state == "requested"
        assert not full.states.waiting.entries

    def test_a_priority_has_a_reason(self) -> None:
        """Rule 19."""
        full = full_pool(asked(60, BOOKING_2))
        full.when(waitlist_request, on=BOOKING_2, priority=1).refuses(ReasonMissing)
        full.when(waitlist_request, on=BOOKING_2, priority=1, reason="").refuses(ReasonMissing)
        full.when(waitlist_request, on=BOOKING_2, priority=1, reason=REASON).then(waitlisted(60, BOOKING_2, 1, reason=REASON))

    def test_another_priority_is_another_decision(self) -> None:
        """Rule 19: the same again decides nothing; a priority can be given, changed and taken back."""
        listed = full_pool(*waits(60, BOOKING_2))
        listed.when(waitlist_request, on=BOOKING_2).refuses(AlreadyDecided)
        first = listed.when(waitlist_request, on=BOOKING_2, priority=1, reason=REASON)
        again = first.then(waitlisted(60, BOOKING_2, 1, reason=REASON))
        again.when(waitlist_request, on=BOOKING_2, priority=1, reason=REASON).refuses(AlreadyDecided)
        again.when(waitlist_request, on=BOOKING_2).then(waitlisted(60, BOOKING_2))

    def test_a_decided_request_is_not_listed(self) -> None:
        """Rule 19 lists requests."""
        full_pool().when(waitlist_request).refuses(AlreadyDecided)

    @pytest.mark.parametrize("end", [declined(BOOKING_2), withdrawn(BOOKING_2), approved(60, BOOKING_2)[0]], ids=range(3))
    def test_who_is_approved_declined_or_withdrawn_leaves_the_list(self, end: Fact) -> None:
        """Rule 19: whatever ends the request ends the waiting."""
        assert not full_pool(*waits(60, BOOKING_2), end).states.waiting.entries

    def test_a_proposal_leaves_the_request_on_the_list(self) -> None:
        """The first of two officers reserves nothing, so the second may still say no."""
        before = given(pool_opened(600), case_opened(), *waits(60, BOOKING), proposed(60))
        assert list(before.states.waiting.entries) == [BOOKING]

    def test_listing_takes_a_proposal_back(self) -> None:
        """To wait is a decision of its own."""
        before = given(pool_opened(600), case_opened(), asked(660, BOOKING), proposed(660))
        assert before.when(waitlist_request).then(waitlisted(660)).states.bookings[BOOKING].proposal is None


class TestRule19TheOrder:
    def order(self, *facts: Fact) -> list[UUID]:
        return [entry.booking for entry in full_pool(*facts).states.waiting.in_order()]

    def test_by_time_of_request(self) -> None:
        """Rule 19: not by time of listing."""
        assert self.order(*waits(60, BOOKING_2, SECOND), *waits(60, BOOKING_3, FIRST)) == [BOOKING_3, BOOKING_2]

    def test_by_priority_before_time(self) -> None:
        """Rule 19: 1 before 2 before none."""
        one, two = waits(60, BOOKING_3, THIRD, priority=1), waits(60, BOOKING_2, SECOND, priority=2)
        none = UUID(int=9)
        assert self.order(*waits(60, none, FIRST), *two, *one) == [BOOKING_3, BOOKING_2, none]

    def test_a_tie_is_broken_the_same_way_every_time(self) -> None:
        """Two requests of one instant stand in the order of their ids."""
        assert self.order(*waits(60, BOOKING_3), *waits(60, BOOKING_2)) == [BOOKING_2, BOOKING_3]


class TestRule20ThePlaceIsOfferedWhenTheHeadFirstFits:
    def test_after_a_settlement(self) -> None:
        """Rule 20: in the decision that makes it fit, exactly the requested minutes."""
        full_pool(logged(540), *waits(60, BOOKING_2)).when(settle_booking).then(
            settled(), released(60, "settlement"), replenished(), place_offered(BOOKING_2)
        )

    def test_not_while_a_unit_is_lacking(self) -> None:
        """Rule 20: fits means requested minutes ≤ available."""
        full_pool(logged(540), *waits(75, BOOKING_2)).when(settle_booking).then(
            settled(), released(60, "settlement"), replenished()
        )

    def test_after_a_reduction(self) -> None:
        """Rule 20."""
        full_pool(*waits(60, BOOKING_2)).when(reduce_grant, to_minutes=540, reason=REASON).then(
            reduced(540), released(60, "reduction"), replenished(), place_offered(BOOKING_2)
        )

    def test_after_a_reversal_or_correction_of_a_settled_booking(self) -> None:
        """Rule 20."""
        before = full_pool(logged(600), settled(), *waits(60, BOOKING_2))
        before.when(reverse_session, session=SESSION, reason=REASON).then(
            reversed_(session(600)), released(600, "reversal"), replenished(), place_offered(BOOKING_2)
        )
        before.when(correct_session, minutes=540, reason=REASON).then(
            corrected(session(600), session(540)), released(60, "correction"), replenished(), place_offered(BOOKING_2)
        )

    def test_after_a_raise_of_the_budget(self) -> None:
        """Rule 20."""
        full_pool(*waits(60, BOOKING_2)).when(change_budget, change_minutes=60).then(
            budget_changed(60), replenished(), place_offered(BOOKING_2)
        )

    def test_at_the_listing_where_it_fits_already(self) -> None:
        """Rule 20: who is listed as the head and fits is offered the place at once."""
        given(pool_opened(600), case_opened(), asked(60, BOOKING)).when(waitlist_request).then(
            waitlisted(60), place_offered(BOOKING)
        )

    @pytest.mark.parametrize(
        ("decision", "command", "end"),
        [(decline_request, {"reason": REASON}, declined(BOOKING_2)), (withdraw_request, {}, withdrawn(BOOKING_2))],
    )
    def test_when_the_head_leaves_and_the_next_one_fits(self, decision: Any, command: dict[str, Any], end: Fact) -> None:
        """Rule 20: a large request no longer stands in the way of a small one."""
        before = given(pool_opened(600), case_opened(), *waits(660, BOOKING_2), *waits(60, BOOKING_3, SECOND))
        before.when(decision, on=BOOKING_2, **command).then(end, place_offered(BOOKING_3))

    def test_when_the_head_is_approved_and_the_next_one_fits_what_is_left(self) -> None:
        """Rule 20."""
        before = given(pool_opened(600), case_opened(), *waits(540, BOOKING), place_offered(BOOKING), *waits(60, BOOKING_2, SECOND))
        before.when(approve_hours).then(*approved(540), place_offered(BOOKING_2))

    def test_not_when_the_next_one_does_not_fit_what_is_left(self) -> None:
        """Rule 20: what counts is available after the approval."""
        before = given(pool_opened(600), case_opened(), *waits(540, BOOKING), place_offered(BOOKING), *waits(75, BOOKING_2, SECOND))
        before.when(approve_hours).then(*approved(540))

    def test_only_the_head_is_offered_a_place(self) -> None:
        """Rule 20: a smaller request behind it waits, although it would fit."""
        before = full_pool(*waits(600, BOOKING_2), *waits(60, BOOKING_3, SECOND))
        before.when(change_budget, change_minutes=60).then(budget_changed(60), replenished())

    def test_once_only(self) -> None:
        """Rule 20: first fits. A further raise, or a budget that shrinks and grows again, offers nothing twice."""
        offered = full_pool(*waits(60, BOOKING_2)).when(change_budget, change_minutes=60)
        before = offered.then(budget_changed(60), replenished(), place_offered(BOOKING_2))
        less = before.when(change_budget, change_minutes=-60).then(budget_changed(-60), exhausted())
        less.when(change_budget, change_minutes=120).then(budget_changed(120), replenished())

    def test_another_priority_makes_another_head(self) -> None:
        """Rule 20: whoever comes to the head by a priority and fits is offered the place; the old head was already."""
        before = given(pool_opened(600), case_opened(), *waits(60, BOOKING), place_offered(BOOKING), *waits(120, BOOKING_2, SECOND))
        first = before.when(waitlist_request, on=BOOKING_2, priority=1, reason=REASON)
        now = first.then(waitlisted(120, BOOKING_2, 1, SECOND, REASON), place_offered(BOOKING_2))
        now.when(waitlist_request, on=BOOKING_2).then(waitlisted(120, BOOKING_2, at=SECOND))


class TestRule20OutOfTurn:
    def fitting(self, *more: Fact, priority: int | None = None, budget: int = 600) -> Given:
        """BOOKING_2 waits with 60 minutes and fits."""
        return given(pool_opened(budget), case_opened(), *waits(60, BOOKING_2, SECOND, priority), place_offered(BOOKING_2), *more)

    def test_another_one_is_not_approved_while_a_listed_one_fits(self) -> None:
        """Rule 20: also one that was requested earlier, as long as it is not listed."""
        for at in (FIRST, THIRD):
            self.fitting(asked(15, BOOKING, at)).when(approve_hours, on=BOOKING).refuses(OutOfTurn)

    def test_an_overtaking_reason_lifts_it(self) -> None:
        """Rule 20: the reason is kept; an empty one is none."""
        before = self.fitting(asked(15, BOOKING))
        before.when(approve_hours, on=BOOKING, overtaking_reason=OVERTAKING).then(*approved(15, overtaking=OVERTAKING))
        before.when(approve_hours, on=BOOKING, overtaking_reason="").refuses(OutOfTurn)

    def test_the_head_itself_is_in_turn(self) -> None:
        """Rule 20."""
        self.fitting().when(approve_hours, on=BOOKING_2).then(*approved(60, BOOKING_2))

    def test_nobody_waits_for_one_that_does_not_fit(self) -> None:
        """Rule 20, the boundary: 60 of 60 fit, 60 of 59 do not."""
        self.fitting(asked(15, BOOKING), budget=60).when(approve_hours, on=BOOKING).refuses(OutOfTurn)
        unfitting = given(pool_opened(59), case_opened(), *waits(60, BOOKING_2), asked(15, BOOKING))
        unfitting.when(approve_hours, on=BOOKING).then(*approved(15))

    def test_only_those_ranked_ahead_count(self) -> None:
        """Rule 20: the earlier of two listed ones passes, the later one does not."""
        both = self.fitting(*waits(60, BOOKING, FIRST), *waits(60, BOOKING_3, THIRD))
        both.when(approve_hours, on=BOOKING).then(*approved(60))
        both.when(approve_hours, on=BOOKING_3).refuses(OutOfTurn)

    def test_a_priority_puts_ahead(self) -> None:
        """Rule 20: the later one with a priority passes the earlier one without."""
        both = self.fitting(*waits(60, BOOKING, FIRST), priority=1)
        both.when(approve_hours, on=BOOKING).refuses(OutOfTurn)
        both.when(approve_hours, on=BOOKING_2).then(*approved(60, BOOKING_2), place_offered(BOOKING))

    def test_one_in_the_middle_that_fits_is_ahead_too(self) -> None:
        """Rule 20: while *a* listed request fits, not only while the head does."""
        before = given(pool_opened(600), case_opened(), *waits(660, BOOKING, FIRST), *waits(60, BOOKING_2, SECOND))
        asked_last = Given((*before.facts, asked(15, BOOKING_3, THIRD)))
        asked_last.when(approve_hours, on=BOOKING_3).refuses(OutOfTurn)

    def test_a_first_agreement_is_not_judged_by_it_but_its_reason_counts(self) -> None:
        """Rules 6 and 20: judged at the confirmation, which rests on the overtaking reason of the proposal."""
        before = given(
            pool_opened(600, four_eyes_minutes=60),
            case_opened(),
            asked(120, BOOKING),
            *waits(60, BOOKING_2, SECOND),
            place_offered(BOOKING_2),
        )
        without = before.when(approve_hours).then(proposed(120))
        without.when(approve_hours, by=OFFICER_2).refuses(OutOfTurn)
        with_reason = before.when(approve_hours, overtaking_reason=OVERTAKING).then(proposed(120, overtaking=OVERTAKING))
        assert len(with_reason.when(approve_hours, by=OFFICER_2).outcome) == 2  # type: ignore[arg-type]
