"""The pool: its budget, its rules, its months, and when it is exhausted (rules 1, 5, 7 and 8)."""

from datetime import date
from typing import Any

import pytest

from domain.pool import (
    BudgetChanged,
    ImportRecorded,
    MonthClosed,
    PoolExhausted,
    PoolOpened,
    RefusedStep,
    RulesChanged,
    change_budget,
    change_rules,
    close_month,
    open_pool,
    record_import,
    reopen_month,
)
from domain.quantities import Period, Rules, hours, last_day_of_month
from domain.refusals import (
    AlreadyClosed,
    AlreadyDecided,
    BelowCommitted,
    DuplicateId,
    Malformed,
    OutsidePeriod,
    PoolIsClosed,
    ReasonMissing,
)
from tests.domain.facts import (
    PERIOD,
    POOL,
    REASON,
    approved,
    budget_changed,
    case_opened,
    exhausted,
    hours_requested,
    month_closed,
    month_reopened,
    pool_closed,
    pool_opened,
    replenished,
    rules_changed,
)
from tests.specification import Given, given

OPEN: dict[str, Any] = {"name": "Stundenpool", "period": PERIOD, "budget_minutes": 6000, "rules": Rules()}


def committed(minutes: int, budget: int, **rules: Any) -> Given:
    """A pool with so much of its budget committed."""
    threshold = [exhausted()] if budget - minutes < 15 else []
    return given(pool_opened(budget, **rules), case_opened(), hours_requested(minutes), *approved(minutes), *threshold)


class TestOpening:
    def test_a_pool_opens_with_budget_period_and_rules(self) -> None:
        """What the committee resolved is one fact."""
        given().when(open_pool, on=POOL, **OPEN).then((POOL, PoolOpened("Stundenpool", PERIOD, 6000, Rules())))

    def test_the_unit_is_fifteen_minutes_unless_stated(self) -> None:
        """A rule that a pool does not state does not apply; only the unit has a default."""
        assert Rules() == Rules(15, None, {}, {}, None, None, None)

    def test_a_pool_that_opens_below_one_unit_is_exhausted_at_once(self) -> None:
        """Exhausted is any pool with less than one unit available."""
        given().when(open_pool, on=POOL, **OPEN | {"budget_minutes": 14}).then(pool_opened(14), (POOL, PoolExhausted()))
        given().when(open_pool, on=POOL, **OPEN | {"budget_minutes": 15}).then(pool_opened(15))

    def test_a_pool_of_one_day_is_a_pool(self) -> None:
        """First and last day are both inclusive."""
        day = Period(date(2022, 1, 1), date(2022, 1, 1))
        given().when(open_pool, on=POOL, **OPEN | {"period": day}).then(pool_opened(period=day))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"budget_minutes": 0},
            {"budget_minutes": -15},
            {"period": Period(date(2022, 5, 31), date(2022, 5, 30))},
            {"rules": Rules(unit_minutes=0)},
            {"rules": Rules(case_cap_minutes=-1)},
            {"rules": Rules(four_eyes_minutes=-1)},
            {"rules": Rules(session_max_minutes=-1)},
            {"rules": Rules(late_entry_days=-1)},
            {"rules": Rules(district_quotas={"Gohlis": -1})},
            {"rules": Rules(provider_quotas={"provider-1": -1})},
        ],
        ids=str,
    )
    def test_impossible_figures_are_malformed(self, wrong: dict[str, Any]) -> None:
        """Minutes below 1, negative limits and a period that ends before it starts are malformed."""
        given().when(open_pool, on=POOL, **OPEN | wrong).refuses(Malformed)

    def test_a_limit_of_nothing_is_a_limit(self) -> None:
        """Zero is a cap, not the lack of one."""
        given().when(open_pool, on=POOL, **OPEN | {"rules": Rules(case_cap_minutes=0)}).then(pool_opened(case_cap_minutes=0))

    def test_a_pool_is_opened_once(self) -> None:
        """An id stands for one pool."""
        given(pool_opened()).when(open_pool, **OPEN).refuses(DuplicateId)


class TestRule5TheBudgetIsNotCutBelowWhatIsCommitted:
    def test_a_cut_down_to_exactly_what_is_committed(self) -> None:
        """Rule 5, the boundary: nothing is left, which exhausts the pool."""
        committed(60, budget=600).when(change_budget, change_minutes=-540).then(budget_changed(-540), exhausted())

    def test_a_cut_one_minute_further(self) -> None:
        """Rule 5: what was promised stays covered."""
        committed(60, budget=600).when(change_budget, change_minutes=-541).refuses(BelowCommitted)

    def test_a_raise_by_a_resolution_with_its_effective_day(self) -> None:
        """A change carries the committee's resolution and the day from which it counts."""
        given(pool_opened()).when(change_budget, change_minutes=1, resolution="V1234/22", effective_on=date(2022, 4, 1)).then(
            (POOL, BudgetChanged(1, "V1234/22", date(2022, 4, 1)))
        )

    def test_a_change_by_nothing_is_malformed(self) -> None:
        """Up or down: a change of zero is neither."""
        given(pool_opened()).when(change_budget, change_minutes=0).refuses(Malformed)


class TestExhaustion:
    def test_a_cut_exhausts_below_one_unit_only(self) -> None:
        """Exhausted is less than one unit: 15 of 15 minutes left are not, 14 are."""
        committed(60, budget=600).when(change_budget, change_minutes=-525).then(budget_changed(-525))
        committed(60, budget=600).when(change_budget, change_minutes=-526).then(budget_changed(-526), exhausted())

    def test_a_raise_replenishes_from_one_unit_on(self) -> None:
        """Replenished as soon as one unit is there again, not with one minute less."""
        committed(60, budget=60).when(change_budget, change_minutes=14).then(budget_changed(14))
        committed(60, budget=60).when(change_budget, change_minutes=15).then(budget_changed(15), replenished())

    def test_a_further_raise_or_cut_says_nothing_twice(self) -> None:
        """The threshold is a fact only when it is crossed."""
        given(pool_opened(600)).when(change_budget, change_minutes=60).then(budget_changed(60))
        committed(60, budget=70).when(change_budget, change_minutes=-10).then(budget_changed(-10))

    def test_a_larger_unit_exhausts_and_a_smaller_one_replenishes(self) -> None:
        """A change of rules can take a pool across the threshold."""
        pool = given(pool_opened(budget=20))
        larger = pool.when(change_rules, rules=Rules(unit_minutes=30)).then(rules_changed(unit_minutes=30), exhausted())
        larger.when(change_rules, rules=Rules(unit_minutes=5)).then(rules_changed(unit_minutes=5), replenished())

    def test_quotas_and_caps_do_not_count(self) -> None:
        """A pool with minutes left is not exhausted, even where nobody may have them."""
        rules = Rules(case_cap_minutes=0, district_quotas={"district-1": 0}, provider_quotas={"provider-1": 0})
        given(pool_opened()).when(change_rules, rules=rules, reason=REASON).then((POOL, RulesChanged(rules, REASON, True)))


class TestRules:
    def test_new_rules_replace_all_old_ones(self) -> None:
        """A rule that the new ones do not state no longer applies."""
        changed = given(pool_opened(case_cap_minutes=60)).when(change_rules, rules=Rules()).then(rules_changed())
        assert changed.states.pool.rules == Rules()

    def test_impossible_rules_are_malformed(self) -> None:
        """The same figures are impossible as at the opening."""
        given(pool_opened()).when(change_rules, rules=Rules(unit_minutes=0)).refuses(Malformed)


class TestRule7MonthsAreClosedAndReopenedWithAReason:
    def test_a_month_is_closed(self) -> None:
        """Rule 7: closing needs no reason and keeps one that was given."""
        given(pool_opened()).when(close_month, month="2022-03").then(month_closed("2022-03"))
        given(pool_opened()).when(close_month, month="2022-03", reason=REASON).then((POOL, MonthClosed("2022-03", REASON, True)))

    def test_a_closed_month_is_not_closed_again(self) -> None:
        """Rule 7."""
        given(pool_opened(), month_closed("2022-03")).when(close_month, month="2022-03").refuses(AlreadyClosed)

    def test_a_month_is_reopened_with_a_reason(self) -> None:
        """Rule 7, and then it can be closed again."""
        closed = given(pool_opened(), month_closed("2022-03"))
        reopened = closed.when(reopen_month, month="2022-03", reason=REASON).then(month_reopened("2022-03"))
        reopened.when(close_month, month="2022-03").then(month_closed("2022-03"))

    @pytest.mark.parametrize("reason", [None, ""])
    def test_a_month_is_not_reopened_without_a_reason(self, reason: str | None) -> None:
        """Rule 7: an empty reason is none."""
        given(pool_opened(), month_closed("2022-03")).when(reopen_month, month="2022-03", reason=reason).refuses(ReasonMissing)

    def test_an_open_month_is_not_reopened(self) -> None:
        """It is open already."""
        given(pool_opened()).when(reopen_month, month="2022-03", reason=REASON).refuses(AlreadyDecided)

    @pytest.mark.parametrize("month", ["2021-11", "2022-05"])
    def test_the_months_that_touch_the_period(self, month: str) -> None:
        """Also the first and the last one, of which the period may have a part only."""
        part = Period(date(2021, 11, 30), date(2022, 5, 1))
        given(pool_opened(period=part)).when(close_month, month=month).then(month_closed(month))

    @pytest.mark.parametrize("month", ["2021-10", "2022-06"])
    def test_no_month_beyond_the_period(self, month: str) -> None:
        """There is nothing to close in it."""
        given(pool_opened()).when(close_month, month=month).refuses(OutsidePeriod)
        given(pool_opened()).when(reopen_month, month=month, reason=REASON).refuses(OutsidePeriod)


class TestImports:
    def test_an_import_is_recorded_with_its_refused_steps(self) -> None:
        """What was neither there already nor refused was recorded."""
        step = RefusedStep(7, "decision", "over_budget", "A-7")
        given(pool_opened()).when(
            record_import, kind="requests", file_sha256="ab" * 32, read=10, already_there=3, refused=[step]
        ).then((POOL, ImportRecorded("requests", "ab" * 32, 10, 6, 3, (step,))))


class TestRule8AClosedPoolTakesNothing:
    @pytest.mark.parametrize(
        ("decision", "command"),
        [
            (change_budget, {"change_minutes": 15}),
            (change_rules, {"rules": Rules()}),
            (close_month, {"month": "2022-03"}),
            (reopen_month, {"month": "2022-03", "reason": REASON}),
            (record_import, {"kind": "requests", "file_sha256": "", "read": 0, "already_there": 0, "refused": []}),
        ],
        ids=lambda value: getattr(value, "__name__", ""),
    )
    def test_no_change_of_a_closed_pool(self, decision: Any, command: dict[str, Any]) -> None:
        """Rule 8. The decisions about its cases and bookings stand in ``test_refusal_order``."""
        given(pool_opened(), pool_closed()).when(decision, **command).refuses(PoolIsClosed)


class TestFolding:
    def test_a_pool_starts_with_its_opening(self) -> None:
        """A log that begins otherwise is a fault, not a refusal."""
        with pytest.raises(AssertionError, match="the first event of a pool opens it"):
            given(month_closed("2022-03")).states  # noqa: B018

    def test_what_a_pool_has_left(self) -> None:
        """Available is budget − granted + released."""
        assert committed(60, budget=600).states.pool.available == 540


class TestQuantities:
    @pytest.mark.parametrize(
        ("minutes", "shown"),
        [
            (735, "12,25 Std."),
            (0, "0,00 Std."),
            (5, "0,08 Std."),
            (-90, "-1,50 Std."),
            (60_000, "1.000,00 Std."),
            (59_999, "999,98 Std."),
            (60_000_000, "1.000.000,00 Std."),
        ],
    )
    def test_hours_as_people_write_them(self, minutes: int, shown: str) -> None:
        """German form: decimal comma, two digits, thousands grouped by dots."""
        assert hours(minutes) == shown

    @pytest.mark.parametrize(("month", "day"), [("2022-02", 28), ("2024-02", 29), ("2022-12", 31), ("2021-11", 30)])
    def test_the_last_day_of_a_month(self, month: str, day: int) -> None:
        """Also in leap years and in December."""
        assert last_day_of_month(month) == date.fromisoformat(f"{month}-{day}")
