"""Erasing a person's data: two persons, periods, holds."""

from datetime import date
from typing import Any

import pytest

from domain.erasure import Periods, due_from, erase, lift_hold, set_hold, takes_texts
from domain.personal_data import (
    CLASSES,
    ErasureRequested,
    ErasureWithdrawn,
    Ground,
    LegalHoldLifted,
    LegalHoldSet,
    PersonalClass,
    PersonalDataErased,
)
from domain.refusals import CaseIsOpen, DataErased, NotDue, OnHold, ReasonMissing, SameOfficer
from tests.domain.facts import CASE, OFFICER, OFFICER_2, PROVIDER, REASON, Fact, case_closed, case_opened, pool_opened
from tests.specification import Given, given

CALENDAR = {"identity": date(2030, 1, 1), "file": date(2030, 1, 1), "voucher": date(2035, 1, 1)}
EARLY: dict[str, Any] = {"ended": True, "classes": None, "ground": None, "calendar": CALENDAR, "today": date(2029, 12, 31)}
LATE: dict[str, Any] = EARLY | {"today": date(2030, 1, 1)}


def ended(*more: Fact) -> Given:
    return given(pool_opened(), case_opened(), case_closed(), *more)


def requested(classes: tuple[PersonalClass, ...] = CLASSES, ground: Ground = "request", by: str = OFFICER) -> Fact:
    given_reason = None if ground == "retention" else REASON
    return CASE, ErasureRequested(PROVIDER, classes, ground, by, given_reason, bool(given_reason))


def erased(classes: tuple[PersonalClass, ...] = CLASSES, ground: Ground = "request", by: str | None = OFFICER) -> Fact:
    return CASE, PersonalDataErased(PROVIDER, classes, ground, by)


HELD: Fact = (CASE, LegalHoldSet(PROVIDER, REASON, True))


class TestTwoPersons:
    def test_the_first_requests_and_the_second_erases(self) -> None:
        """By the same call."""
        call = EARLY | {"reason": REASON}
        ended().when(erase, by=OFFICER, **call).then(requested(ground="order"))
        ended(requested(ground="order")).when(erase, by=OFFICER_2, **call).then(erased(ground="order"))

    def test_nobody_agrees_to_their_own_request(self) -> None:
        """However often they say it."""
        ended(requested(ground="order")).when(erase, by=OFFICER, **EARLY, reason=REASON).refuses(SameOfficer)

    def test_other_classes_are_another_request(self) -> None:
        """Which the first person may agree to."""
        call = EARLY | {"classes": ("file",), "ground": "order", "reason": REASON}
        ended(requested(ground="order")).when(erase, by=OFFICER_2, **call).then(requested(("file",), "order", OFFICER_2))

    def test_a_request_that_was_withdrawn_is_agreed_to_by_nobody(self) -> None:
        """The next call requests anew."""
        withdrawn: Fact = (CASE, ErasureWithdrawn(PROVIDER, REASON, True))
        again = ended(requested(ground="order"), withdrawn).when(erase, by=OFFICER_2, **EARLY, reason=REASON)
        again.then(requested(ground="order", by=OFFICER_2))

    def test_a_reason_is_needed_but_for_the_calendar(self) -> None:
        """It says itself why."""
        ended().when(erase, by=OFFICER, **EARLY).refuses(ReasonMissing)
        due = LATE | {"ground": "retention"}
        ended().when(erase, by=OFFICER, **due).then(requested(("identity", "file"), "retention"))


class TestPeriods:
    def test_they_run_from_the_end_of_the_year_in_which_the_case_ended(self) -> None:
        """On New Year's Day and on New Year's Eve alike."""
        periods = Periods(identity_years=1, file_years=2, voucher_years=10)
        calendar = {"identity": date(2024, 1, 1), "file": date(2025, 1, 1), "voucher": date(2033, 1, 1)}
        assert due_from(date(2022, 1, 1), periods) == due_from(date(2022, 12, 31), periods) == calendar

    def test_what_a_person_asks_for_is_erased_as_far_as_nothing_must_be_kept(self) -> None:
        """The rest stays restricted, and is erased on its day."""
        asked = ended(requested())
        asked.when(erase, by=OFFICER_2, **EARLY).refuses(NotDue)
        asked.when(erase, by=OFFICER_2, **LATE).then(erased(("identity", "file")))
        partly = ended(requested(), erased(("identity", "file")))
        case = partly.states.cases[CASE]
        assert (case.restricted, case.erased, case.data.requested) == (True, False, ("voucher",))
        partly.when(erase, by=OFFICER_2, **EARLY | {"today": date(2035, 1, 1)}).then(erased(("voucher",)))

    def test_an_order_overrules_them(self) -> None:
        """And does not wait for the end of the case: what must not be stored is not stored on."""
        open_case = given(pool_opened(), case_opened(), requested(ground="order"))
        open_case.when(erase, by=OFFICER_2, **EARLY | {"ended": False, "calendar": {}}).then(erased(ground="order"))

    def test_an_open_case_has_none_yet(self) -> None:
        """The person's data are needed."""
        before = given(pool_opened(), case_opened())
        before.when(erase, by=OFFICER, **EARLY | {"ended": False, "ground": "request"}, reason=REASON).refuses(CaseIsOpen)


class TestHolds:
    def test_a_hold_keeps_everything(self) -> None:
        """Also from an order, until it is lifted."""
        ended(requested(ground="order"), HELD).when(erase, by=OFFICER_2, **LATE).refuses(OnHold)
        lifted: Fact = (CASE, LegalHoldLifted(PROVIDER, REASON, True))
        ended(requested(ground="order"), HELD).when(lift_hold, reason=REASON).then(lifted)
        ended(requested(ground="order"), HELD, lifted).when(erase, by=OFFICER_2, **LATE).then(erased(ground="order"))

    def test_there_is_nothing_to_hold_any_more(self) -> None:
        """Once everything is erased."""
        ended(requested(), erased()).when(set_hold, reason=REASON).refuses(DataErased)


class TestTexts:
    def test_none_is_added_to_what_is_erased(self) -> None:
        """Others are, and why something is kept or erased can be said until nothing is left."""
        partly = ended(requested(), erased(("identity",))).states.cases[CASE]
        takes_texts(partly, {"file", "procedure"})
        with pytest.raises(DataErased):
            takes_texts(partly, {"file", "identity"})
        nothing = ended(requested(), erased()).states.cases[CASE]
        with pytest.raises(DataErased):
            takes_texts(nothing, {"procedure"})
