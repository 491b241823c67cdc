"""The evaluation: every figure is what a recount of the raw log says, and means what its definition says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.log import Reader
from application.projections.bookings import BOOKINGS
from application.projections.evaluation import EVALUATION, evaluation, names_of
from application.projections.figures import FIGURES, GROUPINGS, MONTHS, SECTIONS, UNITS, MonthOf, mean, percent, quantile
from application.rebuild import check
from application.views import Evaluation, GroupBy, Section, Unit
from domain import closing
from domain.case import CaseAmended
from domain.quantities import Outcome
from tests.application.evaluation_recount import recount
from tests.application.projections.driver import Log, opened_log
from tests.application.projections.histories import POOL, History, steps
from tests.conftest import STORE_KINDS
from tests.domain.facts import (
    BOOKING,
    BOOKING_2,
    BOOKING_3,
    CASE,
    CASE_2,
    PROVIDER_2,
    REQUESTED_AT,
    SESSION,
    SESSION_2,
    SESSION_3,
    approved,
    berlin,
    case_closed,
    case_opened,
    case_transferred,
    confirmed,
    corrected,
    declined,
    hours_requested,
    logged,
    pool_closed,
    pool_opened,
    proposed,
    reversed_,
    session,
    waitlisted,
    withdrawn,
)
from tests.domain.facts import POOL as FACTS_POOL

EXAMPLES = {"sqlite": 30, "postgres": 5}
NO_POOL = UUID(int=99)


def values(found: Evaluation) -> dict[tuple[str, str, str], int | None]:
    """Every value by figure, grouping and group."""
    whole: dict[tuple[str, str, str], int | None] = {(each.figure, "", ""): each.value for each in found.figures}
    for each in found.figures:
        for by, groups in each.groups.items():
            assert [group.group for group in groups] == sorted({group.group for group in groups})
            whole |= {(each.figure, by, group.group): group.value for group in groups}
    return whole


def nothing() -> dict[tuple[str, str, str], int | None]:
    """What an evaluation says where nothing happened."""
    undefined = ("_mean", "_quartile_1", "_median", "_quartile_3", "_p90", "_share")
    return {(figure.id, "", ""): None if figure.id.endswith(undefined) else 0 for figure in FIGURES}


def states(reader: Reader) -> list[bytes]:
    return [row.state for row in reader.notifications(0, 1_000_000)]


def agrees(log: Log, pool: UUID) -> None:
    assert values(log.ask(evaluation, pool)) == nothing() | recount(log.ask(states), str(pool))


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_figures_agree_with_a_recount(kind: str, fresh_url: Callable[[str], str]) -> None:
    """given any history, closed at its end or not / when evaluated / then figures are as the raw events say, live as rebuilt."""

    @settings(max_examples=EXAMPLES[kind], deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps, st.booleans())
    def hold(steps: list[tuple[int, int, bool]], ends: bool) -> None:
        history = History()
        decisions = history.play(steps)
        if ends:
            known = history.states.bookings.values()
            last = closing.close_pool(history.states.pool, known, reason="Ende", by="officer-1", at=history.now)
            decisions.append((last, history.now))
        with opened_log(fresh_url(kind)) as log:
            log.append_all(decisions)
            agrees(log, POOL)
            assert check(log.store, ["evaluation"], lambda done, total: None) == []

    hold()


def test_a_pool_that_nobody_opened_has_nothing(store_url: str) -> None:
    """given another pool / when one that does not exist is evaluated / then counts are zero, durations and shares undefined."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), *approved(60), logged(15)])
        assert values(log.ask(evaluation, NO_POOL)) == nothing()
        assert log.ask(evaluation, NO_POOL).position == 6


# ── Definitions


def test_every_definition_is_delivered() -> None:
    """Sections, units, months and groupings are described exactly as far as they occur, each figure and its id once."""
    assert len({figure.id for figure in FIGURES}) == len({figure.label for figure in FIGURES}) == len(FIGURES)
    assert len({figure.definition for figure in FIGURES}) > 0.9 * len(FIGURES)  # some are counted by two months
    assert {figure.section for figure in FIGURES} == set(SECTIONS) == set(get_args(Section))
    assert {figure.unit for figure in FIGURES} == set(UNITS) == set(get_args(Unit))
    assert {figure.month for figure in FIGURES} == set(MONTHS) == set(get_args(MonthOf))
    assert [grouping.by for grouping in GROUPINGS] == list(get_args(GroupBy))
    for described in (*FIGURES, *GROUPINGS):
        assert described.label
        assert described.definition.endswith(".")
        assert len(set(described.events)) == len(described.events)


def test_the_projection_takes_the_events_of_the_definitions_and_no_others() -> None:
    """An event that no definition names would be kept in vain, and one that is not kept could not count: sessions are bookings'."""
    named = {event for described in (*FIGURES, *GROUPINGS) for event in described.events}
    sessions = {event for event in named if event.__name__.startswith("Session")}
    assert named - sessions == EVALUATION.folds.keys()
    assert sessions <= BOOKINGS.folds.keys()


def test_every_figure_counts_something(store_url: str) -> None:
    """given a pool in which everything happens / when evaluated / then each figure counts in every grouping, as recounted."""
    with opened_log(store_url) as log:
        log.append(everything())
        found = log.ask(evaluation, FACTS_POOL)
        assert [each.figure for each in found.figures] == [figure.id for figure in FIGURES]
        for view, figure in zip(found.figures, FIGURES, strict=True):
            assert view.value, view.figure
            assert all(view.groups[grouping.by] for grouping in GROUPINGS), view.figure
            assert view.events == names_of(figure.events)
        agrees(log, FACTS_POOL)


def everything() -> list[Any]:
    """Facts that move every figure."""
    cases = [CASE, *(UUID(int=100 + number) for number in range(5))]
    bookings = in_full, in_part, no, back, *waiting = [BOOKING, *(UUID(int=200 + number) for number in range(5))]
    to_reverse = UUID(int=300)
    facts: list[Any] = [pool_opened(6000), *(case_opened(case) for case in cases)]
    facts += [hours_requested(120, booking, case) for booking, case in zip(bookings, cases, strict=True)]
    facts += [waitlisted(120, in_full), proposed(120), *approved(120, in_full), *approved(60, in_part, cases[1])]
    facts += [declined(no), withdrawn(back), *(waitlisted(120, booking) for booking in waiting)]
    facts += [logged(15, SESSION), logged(15, to_reverse)]
    for number, kind in enumerate(("indirect", "travel", "absence"), start=301):
        stream, data = logged(15, UUID(int=number), late=kind == "travel")
        facts.append((stream, replace(data, kind=kind)))
    facts += [corrected(session(15), session(30)), confirmed()]
    facts.append((BOOKING, replace(reversed_(session(15))[1], session=to_reverse)))
    for case, outcome in zip(cases, get_args(Outcome), strict=False):
        facts.append((case, replace(case_closed()[1], outcome=outcome)))
    return facts


# ── What the definitions mean


def figures_of(log: Log) -> dict[str, Any]:
    return {each.figure: each for each in log.ask(evaluation, FACTS_POOL).figures}


def test_a_request_that_waits_until_the_pool_is_closed_is_unmet(store_url: str) -> None:
    """given a waiting request, one withdrawn before and one never decided / when the pool is closed / then two are unmet need."""
    asked = [hours_requested(60, booking) for booking in (BOOKING, BOOKING_2, BOOKING_3)]
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), *asked, waitlisted(60, BOOKING), waitlisted(60, BOOKING_2)])
        found = figures_of(log)
        assert (found["unmet_waiting_requests"].value, found["undecided"].value) == (2, 3)
        log.append([withdrawn(BOOKING_2)])
        assert figures_of(log)["unmet_waiting_minutes"].value == 60
        log.append([withdrawn(), withdrawn(BOOKING_3), pool_closed()])
        found = figures_of(log)
        assert (found["unmet_waiting_requests"].value, found["unmet_minutes"].value) == (2, 120)
        assert (found["undecided"].value, found["withdrawn"].value) == (0, 3)


def test_the_first_decision_may_be_a_waitlisting(store_url: str) -> None:
    """given a request listed after a day and approved after three / when evaluated / then 1, 3 and 2 days have gone by."""
    listed = REQUESTED_AT + timedelta(days=1, seconds=59)
    decided = REQUESTED_AT + timedelta(days=3)
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60)])
        log.append([waitlisted(60)], listed)
        log.append(approved(60, at=decided))
        found = figures_of(log)
        assert [found[f"{each}_median"].value for each in ("to_first_decision", "to_decision", "waiting")] == [
            24 * 60,
            3 * 24 * 60,
            2 * 24 * 60 - 1,
        ]


def test_a_withdrawal_is_no_decision(store_url: str) -> None:
    """given a request that was taken back / when evaluated / then it has no time until a decision, and is no unmet need."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), waitlisted(60), withdrawn()])
        found = figures_of(log)
        assert (found["to_first_decision_requests"].value, found["to_decision_requests"].value) == (1, 0)
        assert found["waiting_median"].value is None
        assert found["unmet_requests"].value == 0


def test_sessions_count_as_they_stand(store_url: str) -> None:
    """given a session moved to another month and kind, and one reversed / when evaluated / then only what stands counts."""
    march, april = session(60, berlin(2022, 3, 15)), replace(session(30, berlin(2022, 4, 1, 0, 0)), kind="travel")
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(120), *approved(120)])
        log.append([logged(60, SESSION, march.starts_at), logged(60, SESSION_2), logged(15, SESSION_3)])
        log.append([corrected(march, april), (BOOKING, replace(reversed_(session(60))[1], session=SESSION_2))])
        found = figures_of(log)
        assert (found["sessions"].value, found["consumed_minutes"].value, found["sessions_reversed"].value) == (2, 45, 1)
        months = {group.group: group.value for group in found["consumed_minutes"].groups["month"]}
        assert months == {"2022-03": 15, "2022-04": 30}
        assert (found["consumed_travel_minutes"].value, found["used_share"].value) == (30, 38)  # 37,5 %
        assert found["confirmed_share"].value == 0


def test_a_transferred_case_counts_once_and_with_both_providers(store_url: str) -> None:
    """given a case with requests of two providers / when evaluated / then each has one, the pool one, the newer keeps it."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), case_transferred()])
        log.append([hours_requested(60, BOOKING_2, provider=PROVIDER_2)])
        found = figures_of(log)
        assert found["cases_requesting"].value == 1
        assert [group.value for group in found["cases_requesting"].groups["provider"]] == [1, 1]
        assert [group.group for group in found["cases_open"].groups["provider"]] == [PROVIDER_2]


def test_master_data_put_right_count_as_put_right(store_url: str) -> None:
    """given a concern put right after the request / when evaluated / then the request counts under the new concern."""
    amended = CaseAmended("provider-1", None, "district-9", None, "work", None, None, None, None, None, False)
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), case_opened(CASE_2), hours_requested(60), (CASE, amended)])
        found = figures_of(log)
        assert [group.group for group in found["requests"].groups["concern"]] == ["work"]
        assert [group.group for group in found["requests"].groups["district"]] == ["district-1"]
        assert [group.group for group in found["cases_open"].groups["district"]] == ["district-1", "district-9"]


def test_months_are_those_of_berlin(store_url: str) -> None:
    """given a request at 23:30 UTC on the last of a month / when evaluated / then it belongs to the next month."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60, at=datetime(2022, 1, 31, 23, 30, tzinfo=UTC))])
        assert [group.group for group in figures_of(log)["requests"].groups["month"]] == ["2022-02"]


@pytest.mark.parametrize(
    ("amounts", "middle", "nine_tenths", "average"),
    [([], None, None, None), ([7], 7, 7, 7), ([1, 2], 1, 2, 2), ([4, 1, 3, 2], 2, 4, 3), (list(range(1, 11)), 5, 9, 6)],
)
def test_durations_are_ones_that_occurred(
    amounts: list[int], middle: int | None, nine_tenths: int | None, average: int | None
) -> None:
    """The median of an even number is the smaller of the two in the middle; half a minute of a mean counts up."""
    assert (quantile(amounts, 50), quantile(amounts, 90), mean(amounts)) == (middle, nine_tenths, average)


def test_a_share_is_that_of_all_parts_in_all_wholes() -> None:
    """Not a mean of shares: a small grant weighs little."""
    assert percent([(1, 1), (0, 99)]) == 1
    assert percent([(0, 0)]) is None
    assert percent([(1, 200)]) == 1
