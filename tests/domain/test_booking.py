"""Requests, approvals, sessions and what is given back (rules 1 to 4, 6, 7 and 9 to 18)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import pytest

from domain.booking import (
    ApprovalProposed,
    HoursApproved,
    HoursRequested,
    SessionFacts,
    SessionLogged,
    approve_hours,
    confirm_session,
    correct_session,
    decline_request,
    log_session,
    reduce_grant,
    request_hours,
    reverse_session,
    settle_booking,
    withdraw_request,
)
from domain.pool import change_budget
from domain.quantities import Period
from domain.refusals import (
    AlreadyDecided,
    CaseIsClosed,
    DuplicateId,
    InFuture,
    IsSettled,
    Malformed,
    MonthIsClosed,
    NotApproved,
    NotAUnit,
    NotFound,
    OutsidePeriod,
    OverBudget,
    OverCaseCap,
    OverDistrictQuota,
    OverGrant,
    OverProviderQuota,
    OverRequest,
    OwnRequest,
    ReasonMissing,
    SameOfficer,
    SessionIsReversed,
    TooLong,
)
from tests.domain.facts import (
    BOOKING,
    BOOKING_2,
    CASE,
    CASE_2,
    DISTRICT,
    LEAD,
    NOW,
    OFFICER,
    OFFICER_2,
    POOL,
    PROVIDER,
    PROVIDER_2,
    REASON,
    SERVED_AT,
    SESSION,
    SESSION_2,
    WORKER,
    approved,
    berlin,
    case_closed,
    case_opened,
    confirmed,
    corrected,
    declined,
    exhausted,
    hours_requested,
    logged,
    month_closed,
    month_reopened,
    pool_opened,
    proposed,
    reduced,
    released,
    replenished,
    reserved,
    reversed_,
    rules_changed,
    session,
    settled,
    waitlisted,
    withdrawn,
)
from tests.specification import Given, given


def requested(minutes: int, **pool: Any) -> Given:
    """One open request."""
    return given(pool_opened(**pool), case_opened(), hours_requested(minutes))


def granted(minutes: int, **pool: Any) -> Given:
    """One approved request."""
    return Given((*requested(minutes, **pool).facts, *approved(minutes)))


def also(before: Given, *facts: Any) -> Given:
    """The same, and these facts."""
    return Given((*before.facts, *facts))


def with_second_request(minutes: int, before: Given, case: Any = CASE, **of: Any) -> Given:
    """The same, and one more open request."""
    return also(before, hours_requested(minutes, BOOKING_2, case, **of))


class TestRule1NeverCommitMoreThanTheBudget:
    def test_exactly_the_budget(self) -> None:
        """Rule 1, the boundary: the last minute can be granted, and exhausts the pool."""
        requested(600, budget=600).when(approve_hours).then(*approved(600), exhausted())

    def test_one_unit_more(self) -> None:
        """Rule 1."""
        requested(615, budget=600).when(approve_hours).refuses(OverBudget)

    def test_what_is_committed_already_counts(self) -> None:
        """Rule 1: 540 of 600 are granted, so 60 fit and 75 do not."""
        before = granted(540, budget=600)
        with_second_request(60, before).when(approve_hours, on=BOOKING_2).then(*approved(60, BOOKING_2), exhausted())
        with_second_request(75, before).when(approve_hours, on=BOOKING_2).refuses(OverBudget)

    def test_what_was_released_can_be_granted_again(self) -> None:
        """Committed is granted − released."""
        before = also(granted(600, budget=600), exhausted(), reduced(540), released(60, "reduction"), replenished())
        with_second_request(60, before).when(approve_hours, on=BOOKING_2).then(*approved(60, BOOKING_2), exhausted())
        with_second_request(75, before).when(approve_hours, on=BOOKING_2).refuses(OverBudget)

    def test_what_was_consumed_stays_committed(self) -> None:
        """Settling releases what was not used, and nothing that was."""
        before = also(granted(600, budget=600), exhausted(), logged(540), settled(), released(60, "settlement"), replenished())
        with_second_request(75, before).when(approve_hours, on=BOOKING_2).refuses(OverBudget)

    def test_one_unit_left_is_not_exhausted(self) -> None:
        """Exhausted is less than one unit."""
        requested(585, budget=600).when(approve_hours).then(*approved(585))
        requested(585, budget=599).when(approve_hours).then(*approved(585), exhausted())

    def test_a_refused_approval_leaves_the_request_open(self) -> None:
        """Rule 19: an approval beyond the budget lists nothing; after a raise the same request is granted."""
        short = requested(600, budget=585)
        short.when(approve_hours).refuses(OverBudget)
        assert short.states.bookings[BOOKING].state == "requested"
        raised = short.when(change_budget, change_minutes=15)
        also(short, *raised.outcome).when(approve_hours).then(*approved(600), exhausted())  # type: ignore[misc]


class TestRule2TheCaseCap:
    def test_exactly_the_cap(self) -> None:
        """Rule 2, the boundary, over all bookings of the case."""
        before = granted(60, case_cap_minutes=120)
        with_second_request(60, before).when(approve_hours, on=BOOKING_2).then(*approved(60, BOOKING_2))

    def test_one_unit_more(self) -> None:
        """Rule 2."""
        before = granted(60, case_cap_minutes=120)
        with_second_request(75, before).when(approve_hours, on=BOOKING_2).refuses(OverCaseCap)

    def test_another_case_has_its_own_cap(self) -> None:
        """Rule 2."""
        before = also(granted(120, case_cap_minutes=120), case_opened(CASE_2))
        with_second_request(120, before, CASE_2).when(approve_hours, on=BOOKING_2).then(*approved(120, BOOKING_2, CASE_2))

    def test_what_was_released_does_not_count(self) -> None:
        """Rule 2 is about what is committed."""
        before = also(granted(120, case_cap_minutes=120), settled(), released(120, "settlement"))
        with_second_request(120, before).when(approve_hours, on=BOOKING_2).then(*approved(120, BOOKING_2))

    def test_a_cap_that_is_not_stated_does_not_apply(self) -> None:
        """The budget alone limits."""
        requested(6000).when(approve_hours).then(*approved(6000), exhausted())

    def test_a_cap_of_nothing_grants_nothing(self) -> None:
        """Zero is a cap."""
        requested(15, case_cap_minutes=0).when(approve_hours).refuses(OverCaseCap)


class TestRule3TheQuotas:
    @pytest.mark.parametrize(
        ("rules", "refusal"),
        [
            ({"district_quotas": {DISTRICT: 120}}, OverDistrictQuota),
            ({"provider_quotas": {PROVIDER: 120}}, OverProviderQuota),
        ],
    )
    def test_a_quota_exactly_and_one_unit_more(self, rules: dict[str, Any], refusal: Any) -> None:
        """Rule 3, the boundary, over all cases of the district or the provider."""
        before = also(granted(60, **rules), case_opened(CASE_2))
        with_second_request(60, before, CASE_2).when(approve_hours, on=BOOKING_2).then(*approved(60, BOOKING_2, CASE_2))
        with_second_request(75, before, CASE_2).when(approve_hours, on=BOOKING_2).refuses(refusal)

    @pytest.mark.parametrize("rules", [{"district_quotas": {"elsewhere": 0}}, {"provider_quotas": {"someone else": 0}}], ids=str)
    def test_others_quotas_do_not_apply(self, rules: dict[str, Any]) -> None:
        """Rule 3: a district or a provider without a quota has none."""
        requested(60, **rules).when(approve_hours).then(*approved(60))

    def test_a_booking_counts_where_it_was_requested(self) -> None:
        """A case that moved to another provider leaves its old bookings in the old provider's quota."""
        before = also(granted(60, provider_quotas={PROVIDER: 60, PROVIDER_2: 60}), case_opened(CASE_2, PROVIDER_2))
        second = with_second_request(60, before, CASE_2, provider=PROVIDER_2)
        second.when(approve_hours, on=BOOKING_2).then(*approved(60, BOOKING_2, CASE_2, provider=PROVIDER_2))


FIRST_INSTANT = datetime(2021, 10, 31, 23, tzinfo=UTC)  # 1 November 2021, 0:00 by the clock in Germany (winter)
LAST_INSTANT = datetime(2022, 5, 31, 21, 59, 59, 999_999, tzinfo=UTC)  # 31 May 2022, just before midnight (summer)
A_MOMENT = timedelta(microseconds=1)


class TestRule4ThePeriod:
    @pytest.mark.parametrize("at", [FIRST_INSTANT, LAST_INSTANT])
    def test_requests_from_the_first_to_the_last_instant(self, at: datetime) -> None:
        """Rule 4: both days are in, by the calendar of Europe/Berlin, which UTC is behind."""
        given(pool_opened(), case_opened()).when(request_hours, booking=BOOKING, minutes=60, at=at, by=WORKER).then(
            hours_requested(60, at=at)
        )

    @pytest.mark.parametrize("at", [FIRST_INSTANT - A_MOMENT, LAST_INSTANT + A_MOMENT])
    def test_no_request_a_moment_earlier_or_later(self, at: datetime) -> None:
        """Rule 4."""
        given(pool_opened(), case_opened()).when(request_hours, booking=BOOKING, minutes=60, at=at).refuses(OutsidePeriod)

    @pytest.mark.parametrize("at", [FIRST_INSTANT, LAST_INSTANT])
    def test_approvals_from_the_first_to_the_last_instant(self, at: datetime) -> None:
        """Rule 4."""
        requested(60).when(approve_hours, at=at).then(*approved(60, at=at))

    @pytest.mark.parametrize("at", [FIRST_INSTANT - A_MOMENT, LAST_INSTANT + A_MOMENT])
    def test_no_approval_or_proposal_a_moment_earlier_or_later(self, at: datetime) -> None:
        """Rule 4: a first agreement is an approval on its way."""
        requested(60).when(approve_hours, at=at).refuses(OutsidePeriod)
        requested(60, four_eyes_minutes=30).when(approve_hours, at=at).refuses(OutsidePeriod)

    @pytest.mark.parametrize("starts_at", [FIRST_INSTANT, LAST_INSTANT])
    def test_sessions_from_the_first_to_the_last_instant(self, starts_at: datetime) -> None:
        """Rule 4: the date of service lies inside; when it is entered does not matter."""
        granted(60).when(log_session, starts_at=starts_at, minutes=60, now=berlin(2023, 1, 1)).then(logged(60, starts_at=starts_at))

    @pytest.mark.parametrize("starts_at", [FIRST_INSTANT - A_MOMENT, LAST_INSTANT + A_MOMENT])
    def test_no_session_a_moment_earlier_or_later(self, starts_at: datetime) -> None:
        """Rule 4, for a new session and for one that is moved."""
        now = berlin(2023, 1, 1)
        granted(60).when(log_session, starts_at=starts_at, minutes=60, now=now).refuses(OutsidePeriod)
        moved = also(granted(60), logged(60))
        moved.when(correct_session, starts_at=starts_at, reason=REASON, now=now).refuses(OutsidePeriod)

    def test_after_the_period_what_happened_in_it_is_still_put_right(self) -> None:
        """Rule 4: late entry, correction, reversal, reduction, settlement, refusal and withdrawal stay possible."""
        later = berlin(2022, 6, 20)
        before = granted(60)
        logged_late = before.when(log_session, minutes=30, now=later).then(logged(30))
        shorter = logged_late.when(correct_session, minutes=15, reason=REASON, now=later)
        corrected_late = shorter.then(corrected(session(30), session(15)))
        corrected_late.when(reverse_session, reason=REASON, now=later).then(reversed_(session(15)))
        before.when(settle_booking).then(settled(), released(60, "settlement"))
        requested(60).when(decline_request, reason=REASON).then(declined())
        requested(60).when(withdraw_request).then(withdrawn())


class TestRule6FourEyes:
    LIMIT: ClassVar[dict[str, Any]] = {"four_eyes_minutes": 120}

    def test_exactly_the_limit_needs_one_officer(self) -> None:
        """Rule 6: strictly greater."""
        requested(120, **self.LIMIT).when(approve_hours).then(*approved(120))

    def test_one_unit_more_is_proposed_and_reserves_nothing(self) -> None:
        """Rule 6."""
        waits = requested(135, **self.LIMIT).when(approve_hours).then(proposed(135))
        assert waits.states.bookings[BOOKING].state == "awaiting_second"
        assert waits.states.pool.committed == 0

    def test_a_second_officer_confirms_the_proposed_minutes(self) -> None:
        """Rule 6: without minutes the proposed ones are meant, and the approval names both officers."""
        waits = also(requested(200 - 200 % 15, **self.LIMIT), proposed(135, reason=REASON))
        confirmation = approved(135, by=OFFICER_2, first=OFFICER)
        approval = confirmation[0][1]
        assert isinstance(approval, HoursApproved)
        decided = waits.when(approve_hours, by=OFFICER_2)
        given_in_the_proposal = HoursApproved(PROVIDER, 135, NOW, OFFICER_2, OFFICER, None, None, True, None, False)
        decided.then((BOOKING, given_in_the_proposal), confirmation[1])
        waits.when(approve_hours, by=OFFICER_2, minutes=135).then((BOOKING, given_in_the_proposal), confirmation[1])

    def test_the_same_officer_does_not_confirm(self) -> None:
        """Rule 6: two different ones."""
        waits = also(requested(135, **self.LIMIT), proposed(135))
        waits.when(approve_hours).refuses(SameOfficer)
        waits.when(approve_hours, minutes=135).refuses(SameOfficer)

    @pytest.mark.parametrize("by", [OFFICER, OFFICER_2])
    def test_other_minutes_are_a_new_proposal(self, by: str) -> None:
        """Rule 6: whoever names them, the other officer then confirms those."""
        waits = also(requested(300, **self.LIMIT), proposed(300))
        again = waits.when(approve_hours, minutes=150, by=by, reason=REASON).then(proposed(150, by=by, reason=REASON))
        again.when(approve_hours, by=by).refuses(SameOfficer)
        other = OFFICER_2 if by == OFFICER else OFFICER
        approval = HoursApproved(PROVIDER, 150, NOW, other, by, None, None, True, None, False)
        again.when(approve_hours, by=other).then((BOOKING, approval), reserved(150))

    def test_other_minutes_up_to_the_limit_are_granted_at_once(self) -> None:
        """Rule 6: they need no second officer, whoever proposed more before."""
        waits = also(requested(300, **self.LIMIT), proposed(300))
        waits.when(approve_hours, minutes=120, reason=REASON).then(*approved(120, reason=REASON))

    def test_budget_and_caps_are_judged_at_the_confirmation(self) -> None:
        """Rule 6: it is judged then; a proposal promises nothing."""
        before = requested(300, budget=285, case_cap_minutes=285, **self.LIMIT)
        waits = before.when(approve_hours).then(proposed(300))
        waits.when(approve_hours, by=OFFICER_2).refuses(OverBudget)

    def test_a_proposal_is_judged_on_everything_else(self) -> None:
        """Rules 10, 11 and 16 hold for the first officer too."""
        before = requested(300, **self.LIMIT)
        before.when(approve_hours, by=WORKER).refuses(OwnRequest)
        before.when(approve_hours, minutes=150).refuses(ReasonMissing)
        before.when(approve_hours, minutes=151, reason=REASON).refuses(NotAUnit)
        before.when(approve_hours, minutes=315).refuses(OverRequest)

    def test_without_a_limit_one_officer_decides(self) -> None:
        """Rule 6 does not apply where the pool does not state it, also to what was proposed before."""
        waits = also(requested(300, **self.LIMIT), proposed(300), rules_changed())
        waits.when(approve_hours).then(*approved(300))

    def test_a_review_date_of_the_proposal_stands_unless_the_second_names_one(self) -> None:
        """Both officers agree to one approval."""
        first, second = date(2022, 4, 1), date(2022, 5, 1)
        proposal = ApprovalProposed(PROVIDER, 135, NOW, OFFICER, first, None, False, None, False)
        waits = requested(135, **self.LIMIT).when(approve_hours, review_on=first).then((BOOKING, proposal))
        for named, stands in ((None, first), (second, second)):
            approval = HoursApproved(PROVIDER, 135, NOW, OFFICER_2, OFFICER, stands, None, False, None, False)
            waits.when(approve_hours, by=OFFICER_2, review_on=named).then((BOOKING, approval), reserved(135))


class TestRule7AClosedMonthTakesNoSession:
    MARCH, APRIL = session(30, berlin(2022, 3, 31, 23, 59)), session(30, berlin(2022, 4, 1, 0))
    LATER = berlin(2022, 5, 2)

    def test_months_end_by_the_clock_in_germany(self) -> None:
        """Rule 7: in UTC both instants lie in March."""
        assert self.APRIL.starts_at.astimezone(UTC).month == 3
        closed = also(granted(60), month_closed("2022-03"))
        closed.when(log_session, starts_at=self.MARCH.starts_at, minutes=30, now=self.LATER).refuses(MonthIsClosed)
        closed.when(log_session, starts_at=self.APRIL.starts_at, minutes=30, now=self.LATER).then(
            logged(30, starts_at=self.APRIL.starts_at)
        )

    def test_no_correction_and_no_reversal(self) -> None:
        """Rule 7."""
        closed = also(granted(60), logged(30), month_closed("2022-03"))
        closed.when(correct_session, minutes=15, reason=REASON).refuses(MonthIsClosed)
        closed.when(reverse_session, reason=REASON).refuses(MonthIsClosed)

    def test_a_confirmation_changes_nothing_and_is_accepted(self) -> None:
        """Rule 7 names new sessions, corrections and reversals."""
        also(granted(60), logged(30), month_closed("2022-03")).when(confirm_session, by="Mutter").then(confirmed())

    def test_a_reopened_month_takes_them_again(self) -> None:
        """Rule 7."""
        reopened = also(granted(60), month_closed("2022-03"), month_reopened("2022-03"))
        reopened.when(log_session, minutes=30).then(logged(30))

    @pytest.mark.parametrize(
        ("closed", "refused"),
        [((), False), (("2022-03",), True), (("2022-04",), True), (("2022-03", "2022-04"), True), (("2022-02",), False)],
        ids=str,
    )
    def test_moving_a_session_needs_both_months_open(self, closed: tuple[str, ...], refused: bool) -> None:
        """Rule 7: the one it leaves and the one it enters."""
        before = also(granted(60), logged(30, starts_at=self.MARCH.starts_at), *map(month_closed, closed))
        moved = before.when(correct_session, starts_at=self.APRIL.starts_at, reason=REASON, now=self.LATER)
        if refused:
            moved.refuses(MonthIsClosed)
        else:
            moved.then(corrected(self.MARCH, self.APRIL))


class TestRule9OnlyTheProviderOfAnOpenCaseRequests:
    def test_a_request_is_the_provider_s_and_the_district_s_of_its_case(self) -> None:
        """Rule 9: it is taken from the case, so no other provider can be named."""
        before = given(pool_opened(), case_opened(provider=PROVIDER_2, district="Gohlis"))
        event = HoursRequested(POOL, CASE, PROVIDER_2, "Gohlis", 60, NOW, LEAD, "zum Amt")
        before.when(request_hours, booking=BOOKING, minutes=60, by=LEAD, purpose="zum Amt").then((BOOKING, event))

    def test_no_request_for_a_closed_case(self) -> None:
        """Rule 9."""
        given(pool_opened(), case_opened(), case_closed()).when(request_hours, booking=BOOKING, minutes=60).refuses(CaseIsClosed)

    def test_an_id_stands_for_one_request(self) -> None:
        """A second request under it is refused."""
        requested(60).when(request_hours, booking=BOOKING, minutes=60).refuses(DuplicateId)


class TestRule10WhoRequestedNeverApproves:
    @pytest.mark.parametrize("requester", [WORKER, LEAD, OFFICER])
    def test_whatever_the_role(self, requester: str) -> None:
        """Rule 10 is about the person: also an officer who requested does not approve, nor propose."""
        for rules in ({}, {"four_eyes_minutes": 30}):
            before = given(pool_opened(**rules), case_opened(), hours_requested(60, by=requester))  # type: ignore[arg-type]
            before.when(approve_hours, by=requester).refuses(OwnRequest)
            assert not isinstance(before.when(approve_hours, by=OFFICER_2).outcome, OwnRequest)

    def test_not_as_the_second_officer_either(self) -> None:
        """Rule 10 holds for the confirmation."""
        waits = also(requested(60, four_eyes_minutes=30), proposed(60))
        waits.when(approve_hours, by=WORKER).refuses(OwnRequest)

    def test_who_requested_may_withdraw(self) -> None:
        """Rule 10 is about approving."""
        requested(60).when(withdraw_request, by=WORKER, reason=REASON).then(withdrawn(reason=REASON, by=WORKER))


class TestRule11GrantedIsAtMostRequestedAndLessHasAReason:
    def test_the_requested_minutes_need_no_reason(self) -> None:
        """Rule 11; without minutes the requested ones are meant."""
        requested(60).when(approve_hours).then(*approved(60))
        requested(60).when(approve_hours, minutes=60).then(*approved(60))

    def test_one_unit_more_than_requested(self) -> None:
        """Rule 11."""
        requested(60).when(approve_hours, minutes=75).refuses(OverRequest)

    def test_a_part_has_a_reason(self) -> None:
        """Rule 11."""
        requested(60).when(approve_hours, minutes=45, reason=REASON).then(*approved(45, reason=REASON))

    @pytest.mark.parametrize("reason", [None, ""])
    def test_no_part_without_one(self, reason: str | None) -> None:
        """Rule 11: an empty reason is none."""
        requested(60).when(approve_hours, minutes=45, reason=reason).refuses(ReasonMissing)

    def test_a_refusal_has_a_reason(self) -> None:
        """Rule 11."""
        requested(60).when(decline_request, reason=REASON).then(declined())
        requested(60).when(decline_request).refuses(ReasonMissing)

    def test_a_reduction_has_a_reason(self) -> None:
        """Rule 11."""
        granted(60).when(reduce_grant, to_minutes=45).refuses(ReasonMissing)


class TestARequestIsDecidedOnce:
    @pytest.mark.parametrize(
        "decided",
        [approved(60), (declined(),), (withdrawn(),), (*approved(60), settled(), released(60, "settlement"))],
        ids=range(4),
    )
    def test_nothing_is_decided_again(self, decided: tuple[Any, ...]) -> None:
        """Approved, declined, withdrawn and settled are final for the request."""
        before = also(requested(60), *decided)
        before.when(approve_hours, by=OFFICER_2).refuses(AlreadyDecided)
        before.when(decline_request, reason=REASON).refuses(AlreadyDecided)
        before.when(withdraw_request).refuses(AlreadyDecided)

    def test_open_in_every_form(self) -> None:
        """Requested, listed, and waiting for a second officer."""
        for more in ((), (waitlisted(60),), (proposed(60),)):
            before = also(requested(60), *more)
            before.when(approve_hours, by=OFFICER_2).then(*approved(60, by=OFFICER_2))
            before.when(decline_request, reason=REASON).then(declined())
            before.when(withdraw_request).then(withdrawn())

    def test_a_proposal_ends_with_the_request(self) -> None:
        """Nothing is left to confirm."""
        for end in (declined(), withdrawn(), waitlisted(60)):
            assert also(requested(60, four_eyes_minutes=30), proposed(60), end).states.bookings[BOOKING].proposal is None


class TestRule12SessionsNeverExceedTheGrant:
    def test_many_sessions_up_to_exactly_the_grant(self) -> None:
        """Rule 12, the boundary."""
        half = also(granted(60), logged(30))
        half.when(log_session, session=SESSION_2, minutes=30).then(logged(30, SESSION_2))
        half.when(log_session, session=SESSION_2, minutes=45).refuses(OverGrant)

    def test_the_grant_counts_not_the_request(self) -> None:
        """Rule 12: of 60 requested 30 were granted."""
        part = also(requested(60), *approved(30, reason=REASON))
        part.when(log_session, minutes=30).then(logged(30))
        part.when(log_session, minutes=45).refuses(OverGrant)

    def test_a_reversed_session_makes_room(self) -> None:
        """Rule 12: only sessions that stand count."""
        before = also(granted(60), logged(60), reversed_(session(60)))
        before.when(log_session, session=SESSION_2, minutes=60).then(logged(60, SESSION_2))

    def test_a_correction_upwards_within_the_grant_and_beyond(self) -> None:
        """Rule 12: what the session had before does not count twice."""
        before = also(granted(60), logged(30))
        before.when(correct_session, minutes=60, reason=REASON).then(corrected(session(30), session(60)))
        before.when(correct_session, minutes=75, reason=REASON).refuses(OverGrant)

    def test_a_reduced_grant_holds_less(self) -> None:
        """Rules 12 and 18."""
        before = also(granted(60), reduced(30), released(30, "reduction"))
        before.when(log_session, minutes=30).then(logged(30))
        before.when(log_session, minutes=45).refuses(OverGrant)


class TestRule13NotInTheFuture:
    def test_a_session_that_begins_now(self) -> None:
        """Rule 13, the boundary."""
        granted(60).when(log_session, starts_at=NOW, minutes=60).then(logged(60, starts_at=NOW))

    def test_a_session_that_begins_a_moment_later(self) -> None:
        """Rule 13, for a new one and for one that is moved."""
        granted(60).when(log_session, starts_at=NOW + A_MOMENT, minutes=60).refuses(InFuture)
        also(granted(60), logged(60)).when(correct_session, starts_at=NOW + A_MOMENT, reason=REASON).refuses(InFuture)

    def test_the_doubled_hour_of_autumn_is_told_apart(self) -> None:
        """Rule 13: 2:30 comes twice on 31 October 2021; instants are compared, not clocks."""
        pool = pool_opened(period=Period(date(2021, 10, 1), date(2022, 5, 31)))
        first, second = berlin(2021, 10, 31, 2, 30), berlin(2021, 10, 31, 2, 30, fold=1)
        before = given(pool, case_opened(), hours_requested(60), *approved(60))
        now = first.astimezone(UTC) + timedelta(minutes=30)
        before.when(log_session, starts_at=first, minutes=60, now=now).then(logged(60, starts_at=first))
        before.when(log_session, starts_at=second.astimezone(UTC), minutes=60, now=now).refuses(InFuture)

    def test_the_refusal_tells_the_time_in_germany(self) -> None:
        """Whoever reads it has no clock in UTC."""
        refused = granted(60).when(log_session, starts_at=datetime(2022, 4, 1, 8, tzinfo=UTC), minutes=60).outcome
        assert isinstance(refused, InFuture)
        assert "01.04.2022, 10:00 Uhr" in refused.message

    def test_identical_sessions_are_accepted(self) -> None:
        """Rule 13: they become a finding."""
        also(granted(60), logged(30)).when(log_session, session=SESSION_2, minutes=30).then(logged(30, SESSION_2))

    def test_but_not_under_one_id(self) -> None:
        """An id stands for one session."""
        also(granted(60), logged(30)).when(log_session, minutes=30).refuses(DuplicateId)


class TestRule14CorrectionsAndReversals:
    def test_a_correction_keeps_the_id_and_what_was_before(self) -> None:
        """Rule 14: what is not stated stays."""
        before = also(granted(60), logged(30))
        now = SessionFacts(SERVED_AT, 30, "travel", WORKER)
        after = before.when(correct_session, kind="travel", reason=REASON, note="Fahrt").then(
            corrected(session(30), now, note="Fahrt")
        )
        assert after.states.bookings[BOOKING].sessions[SESSION].facts == now
        assert after.states.bookings[BOOKING].sessions[SESSION].state == "corrected"

    def test_everything_can_be_corrected(self) -> None:
        """Start, minutes, kind and worker."""
        now = SessionFacts(berlin(2022, 3, 1), 45, "absence", "worker-2")
        stated: dict[str, Any] = {"starts_at": now.starts_at, "minutes": 45, "kind": "absence", "worker": "worker-2"}
        also(granted(60), logged(30)).when(correct_session, **stated, reason=REASON).then(corrected(session(30), now))

    def test_a_correction_of_a_correction_keeps_the_corrected_facts(self) -> None:
        """Rule 14: what was before is what stood last."""
        before = also(granted(60), logged(30), corrected(session(30), session(45)))
        before.when(correct_session, minutes=15, reason=REASON).then(corrected(session(45), session(15)))

    def test_a_correction_that_changes_nothing_is_accepted(self) -> None:
        """No rule forbids it, and the reason may be what matters."""
        also(granted(60), logged(30)).when(correct_session, reason=REASON).then(corrected(session(30), session(30)))

    def test_a_reversal_keeps_the_id_and_what_was_before(self) -> None:
        """Rule 14."""
        after = also(granted(60), logged(30)).when(reverse_session, reason=REASON).then(reversed_(session(30)))
        assert after.states.bookings[BOOKING].sessions[SESSION].state == "reversed"
        assert after.states.bookings[BOOKING].consumed == 0

    @pytest.mark.parametrize("reason", [None, ""])
    @pytest.mark.parametrize("decision", [correct_session, reverse_session])
    def test_neither_without_a_reason(self, decision: Any, reason: str | None) -> None:
        """Rule 14."""
        also(granted(60), logged(30)).when(decision, reason=reason).refuses(ReasonMissing)

    @pytest.mark.parametrize(
        ("decision", "command"),
        [(correct_session, {"reason": REASON}), (reverse_session, {"reason": REASON}), (confirm_session, {"by": "Mutter"})],
    )
    def test_a_reversed_session_stays_reversed(self, decision: Any, command: dict[str, Any]) -> None:
        """Nothing more happens to it."""
        also(granted(60), logged(30), reversed_(session(30))).when(decision, **command).refuses(SessionIsReversed)

    @pytest.mark.parametrize(
        ("decision", "command"),
        [(correct_session, {"reason": REASON}), (reverse_session, {"reason": REASON}), (confirm_session, {"by": "Mutter"})],
    )
    def test_only_a_session_of_the_booking(self, decision: Any, command: dict[str, Any]) -> None:
        """Another id is not found."""
        also(granted(60), logged(30)).when(decision, session=SESSION_2, **command).refuses(NotFound)


class TestConfirmation:
    def test_a_session_is_confirmed_and_can_be_again(self) -> None:
        """By the client, and by somebody of the family."""
        once = also(granted(60), logged(30)).when(confirm_session, by="Mutter").then(confirmed())
        assert once.states.bookings[BOOKING].sessions[SESSION].confirmed
        once.when(confirm_session, by="Tante").then(confirmed("Tante"))

    def test_also_after_a_correction_and_after_settlement(self) -> None:
        """A confirmation changes no minutes."""
        also(granted(60), logged(30), corrected(session(30), session(15))).when(confirm_session, by="Mutter").then(confirmed())
        settled_ = also(granted(60), logged(30), settled(), released(30, "settlement"))
        settled_.when(confirm_session, by="Mutter").then(confirmed())


class TestRule15WhenSessionsAreTaken:
    @pytest.mark.parametrize("more", [(), (waitlisted(60),), (proposed(60),), (declined(),), (withdrawn(),)], ids=range(5))
    def test_nothing_on_a_request_that_is_not_approved(self, more: tuple[Any, ...]) -> None:
        """Rule 15: no session, no reduction, no settlement."""
        before = also(requested(60), *more)
        before.when(log_session, minutes=30).refuses(NotApproved)
        before.when(reduce_grant, to_minutes=30, reason=REASON).refuses(NotApproved)
        before.when(settle_booking).refuses(NotApproved)

    SETTLED: Any = (logged(30), settled(), released(30, "settlement"))

    def test_no_new_session_after_settlement(self) -> None:
        """Rule 15."""
        also(granted(60), *self.SETTLED).when(log_session, session=SESSION_2, minutes=15).refuses(IsSettled)

    def test_no_longer_session_after_settlement(self) -> None:
        """Rule 15."""
        also(granted(60), *self.SETTLED).when(correct_session, minutes=45, reason=REASON).refuses(IsSettled)

    def test_a_shorter_one_releases_the_difference(self) -> None:
        """Rule 15."""
        after = (
            also(granted(60), *self.SETTLED)
            .when(correct_session, minutes=15, reason=REASON)
            .then(corrected(session(30), session(15)), released(15, "correction"))
        )
        assert after.states.pool.committed == after.states.bookings[BOOKING].consumed == 15
        assert after.states.bookings[BOOKING].unused == 0

    def test_other_facts_of_the_same_length_are_put_right(self) -> None:
        """Rule 15: neither new nor longer, so nothing is released."""
        moved = session(30, berlin(2022, 3, 14), "travel", "worker-2")
        also(granted(60), *self.SETTLED).when(
            correct_session, starts_at=moved.starts_at, kind="travel", worker="worker-2", reason=REASON
        ).then(corrected(session(30), moved))

    def test_a_reversal_releases_everything(self) -> None:
        """Rule 15."""
        after = also(granted(60), *self.SETTLED).when(reverse_session, reason=REASON)
        assert after.then(reversed_(session(30)), released(30, "reversal")).states.pool.committed == 0

    def test_what_is_released_can_replenish_the_pool(self) -> None:
        """Replenished by whichever decision lifts it."""
        before = also(granted(60, budget=60), exhausted(), logged(60), settled())
        before.when(correct_session, minutes=45, reason=REASON).then(
            corrected(session(60), session(45)), released(15, "correction"), replenished()
        )
        before.when(reverse_session, reason=REASON).then(reversed_(session(60)), released(60, "reversal"), replenished())

    def test_before_settlement_nothing_is_released(self) -> None:
        """Rule 15: the grant waits for further sessions."""
        also(granted(60), logged(60)).when(correct_session, minutes=15, reason=REASON).then(corrected(session(60), session(15)))
        also(granted(60), logged(60)).when(reverse_session, reason=REASON).then(reversed_(session(60)))

    def test_a_booking_is_settled_once(self) -> None:
        """And not reduced afterwards."""
        also(granted(60), *self.SETTLED).when(settle_booking).refuses(IsSettled)
        also(granted(60), *self.SETTLED).when(reduce_grant, to_minutes=15, reason=REASON).refuses(IsSettled)


class TestRule16UnitsAndLengths:
    @pytest.mark.parametrize(("unit", "minutes"), [(15, 15), (15, 45), (5, 5), (5, 50), (1, 1)])
    def test_multiples_of_the_unit(self, unit: int, minutes: int) -> None:
        """Rule 16, for requests, grants and sessions alike."""
        pool = pool_opened(unit_minutes=unit)
        before = given(pool, case_opened()).when(request_hours, booking=BOOKING, minutes=minutes, by=WORKER)
        asked = before.then(hours_requested(minutes, at=NOW))
        asked.when(approve_hours).then(*approved(minutes)).when(log_session, minutes=minutes).then(logged(minutes))

    @pytest.mark.parametrize(("unit", "minutes"), [(15, 14), (15, 16), (15, 50), (5, 4), (5, 51)])
    def test_no_other_minutes(self, unit: int, minutes: int) -> None:
        """Rule 16, also for corrections and reductions."""
        rules: dict[str, Any] = {"unit_minutes": unit}
        given(pool_opened(**rules), case_opened()).when(request_hours, booking=BOOKING, minutes=minutes).refuses(NotAUnit)
        requested(60, **rules).when(approve_hours, minutes=minutes, reason=REASON).refuses(NotAUnit)
        granted(60, **rules).when(log_session, minutes=minutes).refuses(NotAUnit)
        also(granted(60, **rules), logged(30)).when(correct_session, minutes=minutes, reason=REASON).refuses(NotAUnit)
        granted(60, **rules).when(reduce_grant, to_minutes=minutes, reason=REASON).refuses(NotAUnit)

    @pytest.mark.parametrize("minutes", [0, -1, -15])
    def test_minutes_below_one_are_malformed(self, minutes: int) -> None:
        """Rule 16: positive."""
        given(pool_opened(), case_opened()).when(request_hours, booking=BOOKING, minutes=minutes).refuses(Malformed)
        requested(60).when(approve_hours, minutes=minutes).refuses(Malformed)
        granted(60).when(log_session, minutes=minutes).refuses(Malformed)
        also(granted(60), logged(30)).when(correct_session, minutes=minutes, reason=REASON).refuses(Malformed)

    def test_a_session_of_exactly_the_maximum_and_one_unit_more(self) -> None:
        """Rule 16, for a new session and a corrected one."""
        before = granted(240, session_max_minutes=120)
        before.when(log_session, minutes=120).then(logged(120))
        before.when(log_session, minutes=135).refuses(TooLong)
        also(before, logged(60)).when(correct_session, minutes=120, reason=REASON).then(corrected(session(60), session(120)))
        also(before, logged(60)).when(correct_session, minutes=135, reason=REASON).refuses(TooLong)

    def test_a_maximum_that_is_not_stated_does_not_apply(self) -> None:
        """Only the grant limits."""
        granted(6000).when(log_session, minutes=6000).then(logged(6000))


class TestRule17LateEntry:
    @pytest.mark.parametrize(
        ("entered", "late"),
        [
            (berlin(2022, 3, 15, 10), False),
            (berlin(2022, 3, 29, 23, 59), False),  # 14 days after the service, and one more
            (berlin(2022, 3, 30, 0), True),
        ],
    )
    def test_late_is_more_than_the_agreed_days(self, entered: datetime, late: bool) -> None:
        """Rule 17: exactly n days are in time, by the calendar in Germany and over the change to summer time."""
        granted(60, late_entry_days=14).when(log_session, minutes=60, now=entered).then(logged(60, late=late))
        granted(60, late_entry_days=14).when(log_session, minutes=60, now=entered.astimezone(UTC)).then(logged(60, late=late))

    def test_without_agreed_days_nothing_is_late(self) -> None:
        """Rule 17 does not apply where it is not stated."""
        granted(60).when(log_session, minutes=60, now=berlin(2029, 1, 1)).then(logged(60))

    def test_with_no_days_the_next_day_is_late(self) -> None:
        """Zero is a number of days."""
        granted(60, late_entry_days=0).when(log_session, minutes=60, now=berlin(2022, 3, 15, 23)).then(logged(60))
        granted(60, late_entry_days=0).when(log_session, minutes=60, now=berlin(2022, 3, 16, 0)).then(logged(60, late=True))

    def test_an_empty_note_is_marked(self) -> None:
        """Findings read the mark, not the sealed text."""
        event = SessionLogged(SESSION, PROVIDER, SERVED_AT, 60, "direct", None, False, "beim Vermieter", False)
        granted(60).when(log_session, minutes=60, worker=None, note="beim Vermieter").then((BOOKING, event))


class TestRule18AGrantIsReducedToWhatIsUsed:
    def test_exactly_to_what_is_used(self) -> None:
        """Rule 18, the boundary: the rest is released at once."""
        after = also(granted(60), logged(45)).when(reduce_grant, to_minutes=45, reason=REASON)
        booking = after.then(reduced(45), released(15, "reduction")).states.bookings[BOOKING]
        assert (booking.granted, booking.released, booking.consumed, booking.unused) == (60, 15, 45, 0)

    def test_not_below_what_is_used(self) -> None:
        """Rule 18: rendered is rendered."""
        also(granted(60), logged(45)).when(reduce_grant, to_minutes=30, reason=REASON).refuses(OverGrant)

    def test_not_to_what_is_granted_or_more(self) -> None:
        """Rule 18: that would not reduce anything."""
        granted(60).when(reduce_grant, to_minutes=60, reason=REASON).refuses(OverGrant)
        granted(60).when(reduce_grant, to_minutes=75, reason=REASON).refuses(OverGrant)

    def test_to_nothing_where_nothing_is_used(self) -> None:
        """Rule 18: a revocation."""
        granted(60).when(reduce_grant, to_minutes=0, reason=REASON).then(reduced(0), released(60, "reduction"))
        granted(60).when(reduce_grant, to_minutes=-15, reason=REASON).refuses(Malformed)

    def test_again_and_then_settled(self) -> None:
        """Rule 18: each step releases what it takes away."""
        once = granted(60).when(reduce_grant, to_minutes=45, reason=REASON).then(reduced(45), released(15, "reduction"))
        once.when(reduce_grant, to_minutes=45, reason=REASON).refuses(OverGrant)
        twice = once.when(reduce_grant, to_minutes=15, reason=REASON).then(reduced(15), released(30, "reduction"))
        assert twice.when(settle_booking).then(settled(), released(15, "settlement")).states.pool.committed == 0

    def test_it_can_replenish_the_pool(self) -> None:
        """Replenished by whichever decision lifts it."""
        before = also(granted(60, budget=60), exhausted())
        before.when(reduce_grant, to_minutes=45, reason=REASON).then(reduced(45), released(15, "reduction"), replenished())


class TestSettlement:
    def test_what_was_not_used_goes_back(self) -> None:
        """The rest is released with the settlement."""
        also(granted(60), logged(45)).when(settle_booking).then(settled(), released(15, "settlement"))

    def test_a_used_up_grant_releases_nothing(self) -> None:
        """No release of zero minutes."""
        also(granted(60), logged(60)).when(settle_booking).then(settled())

    def test_it_can_replenish_the_pool(self) -> None:
        """Replenished by whichever decision lifts it, from one unit on."""
        before = also(granted(60, budget=60), exhausted(), logged(45))
        before.when(settle_booking).then(settled(), released(15, "settlement"), replenished())


class TestSentences:
    """A refusal tells a social worker how much there is, in hours as people write them."""

    @pytest.mark.parametrize(
        ("before", "decision", "command", "sentence"),
        [
            (granted(60), log_session, {"minutes": 75}, "Die Bewilligung umfasst 1,00 Std.; damit wären es 1,25 Std."),
            (
                also(granted(90), reduced(60), released(30, "reduction"), logged(45)),
                log_session,
                {"session": SESSION_2, "minutes": 30},
                "Die Bewilligung umfasst 1,00 Std.; damit wären es 1,25 Std.",
            ),
            (
                also(granted(60), logged(45)),
                reduce_grant,
                {"to_minutes": 30, "reason": REASON},
                "Die Bewilligung umfasst 0,50 Std.; damit wären es 0,75 Std.",
            ),
            (
                also(granted(90), reduced(60), released(30, "reduction")),
                reduce_grant,
                {"to_minutes": 75, "reason": REASON},
                "Die Bewilligung umfasst 1,00 Std.; damit wären es 1,25 Std.",
            ),
            (
                also(requested(135, four_eyes_minutes=120), proposed(135)),
                approve_hours,
                {},
                "Über 2,00 Std. müssen zwei verschiedene Personen entscheiden; die erste Zustimmung stammt bereits von Ihnen.",
            ),
            (requested(75, budget=60), approve_hours, {}, "Im Pool sind nur noch 1,00 Std. frei."),
            (requested(60), approve_hours, {"minutes": 75}, "Beantragt sind nur 1,00 Std.; mehr kann nicht bewilligt werden."),
            (
                with_second_request(75, granted(60, case_cap_minutes=120)),
                approve_hours,
                {"on": BOOKING_2},
                "Für einen Fall sind höchstens 2,00 Std. möglich; frei sind noch 1,00 Std.",
            ),
            (
                with_second_request(75, granted(60, district_quotas={DISTRICT: 120})),
                approve_hours,
                {"on": BOOKING_2},
                "Das Kontingent des Stadtraums „district-1“ (2,00 Std.) reicht nicht; frei sind noch 1,00 Std.",
            ),
            (
                with_second_request(75, granted(60, provider_quotas={PROVIDER: 120})),
                approve_hours,
                {"on": BOOKING_2},
                "Das Kontingent des Trägers „provider-1“ (2,00 Std.) reicht nicht; frei sind noch 1,00 Std.",
            ),
            (granted(60, session_max_minutes=30), log_session, {"minutes": 45}, "Ein Termin darf höchstens 0,50 Std. dauern."),
            (granted(60), log_session, {"minutes": 50}, "50 Minuten sind kein Vielfaches von 15 Minuten."),
            (also(granted(60), month_closed("2022-03")), log_session, {"minutes": 15}, "Der Monat 03/2022 ist abgeschlossen."),
            (requested(60), approve_hours, {"at": berlin(2022, 6, 1)}, "Der 01.06.2022 liegt nicht im Zeitraum des Pools"),
        ],
    )
    def test_it_names_the_figures(self, before: Given, decision: Any, command: dict[str, Any], sentence: str) -> None:
        """What is there, and what it would come to."""
        assert str(before.when(decision, **command).outcome).startswith(sentence)
