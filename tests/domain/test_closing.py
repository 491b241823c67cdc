"""Closing and transferring a case, closing a pool: everything in one append (rules 21 and 22)."""

from dataclasses import replace
from typing import Any

import pytest

from domain.booking import log_session, reverse_session
from domain.case import CaseClosed
from domain.closing import SumsDiffer, close_case, close_pool, transfer_case
from domain.pool import PoolClosed
from domain.refusals import AlreadyClosed, CaseIsClosed, IsSettled, Malformed, PoolIsClosed
from tests.domain.facts import (
    BOOKING,
    BOOKING_2,
    BOOKING_3,
    CASE,
    CASE_2,
    POOL,
    PROVIDER,
    PROVIDER_2,
    REASON,
    SESSION_2,
    approved,
    berlin,
    case_closed,
    case_opened,
    case_transferred,
    declined,
    exhausted,
    hours_requested,
    logged,
    place_offered,
    pool_closed,
    pool_opened,
    proposed,
    released,
    replenished,
    reversed_,
    session,
    settled,
    waitlisted,
    withdrawn,
)
from tests.specification import Given, given

LATER = berlin(2022, 2, 2)


def busy_case(budget: int = 6000) -> Given:
    """A case with an approved booking of which half is used, an open request, and a declined one."""
    return given(
        pool_opened(budget),
        case_opened(),
        hours_requested(60),
        *approved(60),
        *([exhausted()] if budget == 60 else []),
        logged(30),
        hours_requested(45, BOOKING_2),
        hours_requested(45, BOOKING_3),
        declined(BOOKING_3),
    )


class TestRule21ClosingACase:
    def test_settles_withdraws_and_releases_in_one_append(self) -> None:
        """Rule 21: approved bookings are settled, open requests withdrawn, what is left goes back."""
        after = busy_case().when(close_case).then(settled(), released(30, "settlement"), withdrawn(BOOKING_2), case_closed())
        states = after.states
        assert [states.bookings[each].state for each in (BOOKING, BOOKING_2, BOOKING_3)] == ["settled", "withdrawn", "declined"]
        assert states.pool.committed == 30

    @pytest.mark.parametrize("waiting", [waitlisted(45, BOOKING_2), None])
    def test_withdraws_open_requests_in_every_form(self, waiting: object) -> None:
        """Rule 21: listed ones and those that wait for a second officer too."""
        more = waitlisted(45) if waiting else proposed(45)
        before = given(pool_opened(), case_opened(), hours_requested(45), more)
        after = before.when(close_case).then(withdrawn(), case_closed())
        assert not after.states.waiting.entries

    def test_an_empty_case_is_just_closed(self) -> None:
        """With its outcome and a note; an empty note is marked."""
        event = CaseClosed(PROVIDER, "moved", "nach Halle", False)
        given(pool_opened(), case_opened()).when(close_case, outcome="moved", note="nach Halle").then((CASE, event))

    def test_the_threshold_and_the_waiting_list_follow_once(self) -> None:
        """Rules 20 and 21: judged on everything that the closing gives back and ends."""
        others = case_opened(CASE_2), hours_requested(30, BOOKING_3, CASE_2, LATER), waitlisted(30, BOOKING_3, at=LATER)
        before = Given((*busy_case(budget=60).facts[:-2], waitlisted(45, BOOKING_2), *others))
        before.when(close_case).then(
            settled(), released(30, "settlement"), withdrawn(BOOKING_2), replenished(), place_offered(BOOKING_3), case_closed()
        )

    def test_other_cases_go_on(self) -> None:
        """Rule 21 is about the bookings of this case."""
        before = given(pool_opened(), case_opened(), case_opened(CASE_2), hours_requested(60, BOOKING_2, CASE_2))
        before.when(close_case, on=CASE).then(case_closed())

    def test_a_closed_case_is_not_closed_again(self) -> None:
        """Rule 21."""
        given(pool_opened(), case_opened(), case_closed()).when(close_case).refuses(AlreadyClosed)

    def test_afterwards_nothing_new_but_reversals(self) -> None:
        """Rules 15 and 21: its bookings are settled, so a reversal releases."""
        after = Given((*busy_case().facts, settled(), released(30, "settlement"), withdrawn(BOOKING_2), case_closed()))
        after.when(log_session, session=SESSION_2, minutes=15).refuses(CaseIsClosed)
        after.when(reverse_session, reason=REASON).then(reversed_(session(30)), released(30, "reversal"))


class TestRule21TransferringACase:
    def test_settles_the_old_provider_s_bookings_which_keep_their_provider(self) -> None:
        """Rule 21."""
        after = busy_case().when(transfer_case, provider=PROVIDER_2, reason=REASON)
        states = after.then(
            settled(), released(30, "settlement"), withdrawn(BOOKING_2), case_transferred(PROVIDER_2, REASON)
        ).states
        assert states.cases[CASE].provider == PROVIDER_2
        assert {booking.provider for booking in states.bookings.values()} == {PROVIDER}
        assert states.pool.by_provider == {PROVIDER: 30}

    def test_the_case_stays_open_but_old_bookings_take_nothing_new(self) -> None:
        """Rule 21: the new provider requests for itself."""
        after = given(pool_opened(), case_opened(), hours_requested(60), *approved(60), settled(), case_transferred())
        after.when(log_session, minutes=15).refuses(IsSettled)

    def test_not_to_its_own_provider(self) -> None:
        """That is no transfer."""
        given(pool_opened(), case_opened()).when(transfer_case, provider=PROVIDER).refuses(Malformed)

    def test_not_a_closed_case(self) -> None:
        """A closed case stays where it is."""
        given(pool_opened(), case_opened(), case_closed()).when(transfer_case, provider=PROVIDER_2).refuses(CaseIsClosed)


class TestRule22ClosingAPool:
    def test_settles_everything_in_one_append(self) -> None:
        """Rule 22: in the end nothing is reserved."""
        after = busy_case().when(close_pool).then(settled(), released(30, "settlement"), withdrawn(BOOKING_2), pool_closed())
        pool, bookings = after.states.pool, after.states.bookings.values()
        granted, consumed, back = (sum(getattr(each, name) for each in bookings) for name in ("granted", "consumed", "released"))
        assert pool.closed
        assert pool.committed - consumed == 0
        assert granted == consumed + back
        assert pool.budget == consumed + pool.available

    def test_over_all_cases_and_providers(self) -> None:
        """Rule 22: everything in the pool."""
        second = case_opened(CASE_2), hours_requested(45, BOOKING_2, CASE_2), *approved(45, BOOKING_2, CASE_2)
        before = given(pool_opened(), case_opened(), hours_requested(60), *approved(60), *second)
        before.when(close_pool).then(
            settled(),
            released(60, "settlement"),
            settled(BOOKING_2),
            released(45, "settlement", BOOKING_2, CASE_2),
            pool_closed(),
        )

    def test_a_pool_without_bookings(self) -> None:
        """Rule 22 holds for nothing, too; the reason is kept."""
        given(pool_opened()).when(close_pool, reason="Ende").then((POOL, PoolClosed("Ende", True)))

    def test_nobody_is_offered_a_place_in_the_end(self) -> None:
        """What is given back replenishes the pool, but the list is withdrawn with it."""
        before = given(
            pool_opened(60), case_opened(), hours_requested(60), *approved(60), exhausted(), hours_requested(60, BOOKING_2),
            waitlisted(60, BOOKING_2),
        )  # fmt: skip
        before.when(close_pool).then(settled(), released(60, "settlement"), withdrawn(BOOKING_2), replenished(), pool_closed())

    def test_a_closed_pool_takes_no_closing(self) -> None:
        """Rule 8."""
        given(pool_opened(), pool_closed()).when(close_pool).refuses(PoolIsClosed)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"granted": 75},  # granted is not consumed + released
            {"granted": 45, "consumed": 15},  # something stays reserved
            {"consumed": 45, "released": 15},  # more is consumed than the pool has committed
        ],
        ids=str,
    )
    def test_sums_that_differ_stop_the_closing(self, wrong: dict[str, Any]) -> None:
        """Rule 22 proves; a log that does not add up is no expected "no"."""
        states = Given((*busy_case().facts, settled(), released(30, "settlement"))).states
        states.bookings[BOOKING] = replace(states.bookings[BOOKING], **wrong)
        with pytest.raises(SumsDiffer, match="reserved"):
            states.decide(close_pool)
