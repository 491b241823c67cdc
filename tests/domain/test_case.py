"""The case: one accompanied person or family under a pseudonymous reference."""

from typing import Any

import pytest

from domain.case import CaseAmended, CaseOpened, amend_case, open_case
from domain.personal_data import CLASSES, PersonalDataErased
from domain.refusals import DuplicateId, PoolIsClosed
from tests.domain.facts import (
    CASE,
    CASE_2,
    DISTRICT,
    NOW,
    POOL,
    PROVIDER,
    REASON,
    case_closed,
    case_opened,
    case_transferred,
    pool_closed,
    pool_opened,
)
from tests.specification import given

OPEN: dict[str, Any] = {
    "reference": "F-1",
    "provider": PROVIDER,
    "offer": "Jugendclub",
    "district": DISTRICT,
    "service_area": "13a",
    "concern": "housing",
}


class TestOpening:
    def test_a_case_opens_with_its_master_data(self) -> None:
        """Personal fields are kept apart from those that decisions read."""
        event = CaseOpened(POOL, "F-1", PROVIDER, "Jugendclub", DISTRICT, "13a", "housing", NOW, "Ada", "2006", "0341", "Notiz")
        personal: dict[str, Any] = {"name": "Ada", "birth_year": "2006", "contact": "0341", "notes": "Notiz"}
        given(pool_opened()).when(open_case, on=CASE, **OPEN, **personal).then((CASE, event))

    def test_a_reference_stands_for_one_case(self) -> None:
        """Also after the case was closed."""
        before = given(pool_opened(), case_opened(), case_closed())
        before.when(open_case, **OPEN | {"reference": "F-C1"}).refuses(DuplicateId)

    def test_another_reference_is_another_case(self) -> None:
        """Beside the first one."""
        event = CaseOpened(POOL, "F-1", PROVIDER, "Jugendclub", DISTRICT, "13a", "housing", NOW, None, None, None, None)
        given(pool_opened(), case_opened()).when(open_case, on=CASE_2, **OPEN).then((CASE_2, event))

    def test_not_in_a_closed_pool(self) -> None:
        """Rule 8."""
        given(pool_opened(), pool_closed()).when(open_case, **OPEN).refuses(PoolIsClosed)


class TestAmendment:
    def test_what_is_not_stated_stays(self) -> None:
        """Only the district is put right."""
        event = CaseAmended(PROVIDER, None, "Gohlis", None, None, None, None, None, None, REASON, True)
        after = given(pool_opened(), case_opened()).when(amend_case, district="Gohlis", reason=REASON).then((CASE, event))
        case = after.states.cases[CASE]
        assert (case.district, case.service_area, case.concern) == ("Gohlis", "11", "housing")

    def test_everything_stated_is_put_right(self) -> None:
        """Offer, district, service area and concern are what decisions and figures read."""
        event = CaseAmended(PROVIDER, "Treff", "Gohlis", "16", "school", "Ada", "2006", "0341", "Notiz", None, False)
        stated: Any = {"offer": "Treff", "district": "Gohlis", "service_area": "16", "concern": "school"}
        personal: dict[str, Any] = {"name": "Ada", "birth_year": "2006", "contact": "0341", "notes": "Notiz"}
        after = given(pool_opened(), case_opened()).when(amend_case, **stated, **personal).then((CASE, event))
        case = after.states.cases[CASE]
        assert {name: getattr(case, name) for name in stated} == stated

    def test_also_after_the_case_was_closed(self) -> None:
        """A wrong figure can be found later."""
        event = CaseAmended(PROVIDER, None, None, None, "work", None, None, None, None, None, False)
        given(pool_opened(), case_opened(), case_closed()).when(amend_case, concern="work").then((CASE, event))

    def test_not_in_a_closed_pool(self) -> None:
        """Rule 8."""
        given(pool_opened(), case_opened(), pool_closed()).when(amend_case, concern="work").refuses(PoolIsClosed)


class TestFolding:
    def test_a_case_starts_with_its_opening(self) -> None:
        """A log that begins otherwise is a fault, not a refusal."""
        with pytest.raises(AssertionError, match="the first event of a case opens it"):
            given(case_closed()).states  # noqa: B018

    def test_transfer_closing_and_erasure_are_remembered(self) -> None:
        """Whose the case is, whether it is closed, and whether its person is still known."""
        erased = (CASE, PersonalDataErased("provider-2", CLASSES, "order", None))
        case = given(
            case_opened(),
            case_transferred("provider-2"),
            case_closed(),
            erased,
        )
        state = case.states.cases[CASE]
        assert (state.provider, state.closed, state.outcome, state.erased) == ("provider-2", True, "goal_reached", True)
