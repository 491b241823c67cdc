"""The setting of the story: the pool, its rules and days, and how often what happens."""

from datetime import UTC, date, datetime
from typing import Any

from domain.quantities import Kind, Outcome, Period

SEED = 2022
NAME = "Flexibler Stundenpool für temporäre Einzelbegleitungen"
PERIOD = Period(date(2021, 11, 1), date(2022, 5, 31))
OPENED = datetime(2021, 11, 5, 8, 12, 31, tzinfo=UTC)
CLOCK = datetime(2022, 5, 10, 7, 30, tzinfo=UTC)  # 09:30 in Berlin, a Tuesday

BUDGET_MINUTES = 2_600 * 60
TOP_UP_MINUTES = 1_300 * 60
TOP_UP_RESOLUTION = "V1234/22"
COMMITTEE_DAYS = tuple(date.fromisoformat(f"2022-{day}") for day in ("02-03", "02-17", "03-03", "03-17", "03-31", "04-14", "04-28"))
UNIT_MINUTES, FOUR_EYES_MINUTES = 15, 20 * 60
RULES: dict[str, Any] = {
    "unit_minutes": UNIT_MINUTES,
    "four_eyes_minutes": FOUR_EYES_MINUTES,
    "session_max_minutes": 8 * 60,
    "late_entry_days": 14,
    "district_quotas": {"Hafenquartier": 800 * 60, "Mühlgrund": 560 * 60},
    "provider_quotas": {"Wegwarte": 800 * 60},
}
AUDITED = datetime(2022, 4, 25, 7, 15, 44, tzinfo=UTC)
SAMPLE_SEED = "Würfel vom 25. April 2022: 4 1 6 6 2"
CASE_CAP_MINUTES, CASE_CAP_LATER_MINUTES = 40 * 60, 60 * 60
CAP_RAISED = datetime(2022, 2, 1, 9, 5, 12, tzinfo=UTC)
OFFER_ENDED = datetime(2022, 5, 4, 8, 20, 31, tzinfo=UTC)

# New cases on an ordinary day of a month: the offer has to get known first.
CASES_A_DAY = {"2021-11": 2.2, "2021-12": 2.9, "2022-01": 3.5, "2022-02": 3.3, "2022-03": 2.7, "2022-04": 2.4, "2022-05": 2.0}
REQUESTED_HOURS = {5: 8, 8: 10, 10: 22, 12: 14, 15: 18, 20: 14, 25: 6, 30: 4, 36: 3, 40: 1}
KINDS: dict[Kind, int] = {"direct": 66, "indirect": 27, "absence": 7}
OUTCOMES: dict[Outcome, int] = {"goal_reached": 56, "passed_on": 17, "moved": 7, "broken_off": 14, "other": 6}
