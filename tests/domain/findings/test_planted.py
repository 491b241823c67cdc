"""Irregularities planted in a pool that is otherwise in order: each is found, and nothing else is."""

from collections.abc import Iterable
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from domain.findings.register import Attempt
from domain.findings.rules import RULES
from domain.pool import ImportRecorded, RefusedStep
from domain.quantities import Kind
from tests.domain.facts import berlin
from tests.domain.findings.story import (
    POOL,
    TUESDAY,
    Told,
    approved,
    case,
    case_closed,
    confirmed,
    corrected,
    declined,
    facts,
    found,
    granted,
    named,
    offer_registered,
    pool,
    provider_registered,
    reading,
    reduced,
    requested,
    reversed_,
    served,
    settled,
    worker_registered,
)

KINDS: tuple[Kind, ...] = (*("direct",) * 9, "indirect", "travel", "absence")
LENGTHS = (60, 75, 90, 105, 120, 75)
HOURS = (8, 11, 14, 17)  # no session is longer than two hours, so none meets the next, and each is followed by a break
FIRST = date(2022, 3, 7)  # a Monday


def in_order(seed: int) -> list[Told]:
    """A pool of some weeks with three providers in which everything is as it should be."""
    random = Random(seed)
    told = [pool()]
    for provider in ("traeger-x", "traeger-y", "traeger-z"):
        told.append(provider_registered(provider=provider))
        slots = {worker: _slots(random) for worker in (f"{provider}-{number}" for number in range(3))}
        told += [worker_registered(worker, provider=provider) for worker in slots]
        for number in range(8):
            told += _case(random, f"{provider}/{number}", provider, slots)
    told += [requested("abgelehnt", "traeger-x/0", provider="traeger-x"), declined("abgelehnt")]
    return told


def _slots(random: Random) -> list[Any]:
    """Times at which a worker has nothing else to do, in a random order."""
    days = [FIRST + timedelta(days=n) for n in range(40)]
    slots = [berlin(day.year, day.month, day.day, hour) for day in days if day.weekday() < 5 for hour in HOURS]
    random.shuffle(slots)
    return slots


def _case(random: Random, name: str, provider: str, slots: dict[str, list[Any]]) -> Iterable[Told]:
    worker = random.choice(sorted(slots))
    asks, grants = random.choice(sorted(slots)), random.choice(("amt-1", "amt-2", "amt-3"))
    starts = sorted(slots[worker].pop() for _ in range(8))
    kinds = [random.choice(KINDS) for _ in starts]
    minutes = [random.choice(LENGTHS) if kind == "direct" else 45 for kind in kinds]
    yield case(name, provider)
    yield requested(name, name, minutes=sum(minutes) + 240, by=asks, provider=provider)
    yield approved(name, sum(minutes) + random.choice((0, 120, 240)), by=grants, provider=provider)
    for number, (start, length, kind) in enumerate(zip(starts, minutes, kinds, strict=True)):
        session = f"{name}/{number}"
        yield served(session, length, start, name, kind=kind, worker=worker, provider=provider, days_later=random.randrange(6))
        if kind == "direct":
            yield confirmed(session, name)
    yield settled(name)


GRANTED = granted()
TWICE = [*GRANTED, *granted("antrag-2", "fall-2")]
LATER = TUESDAY + timedelta(hours=2)
OWN, OUTSIDE = (Attempt("kraft-1", "traeger-a", "k", code, 1) for code in ("own_request", "outside_period"))


def imported(code: str) -> Told:
    return Told(POOL, ImportRecorded("requests", "ab" * 32, 9, 8, 0, (RefusedStep(3, "request", code, "r-1"),)))


def many(number: int, minutes: int, kind: Kind = "direct", hour: int = 10) -> list[Told]:
    """Sessions on working days of one month."""
    days = [berlin(2022, 3, day, hour) for day in range(1, 32) if berlin(2022, 3, day).weekday() < 5]
    return [served(f"{kind}-{n}", minutes, days[n], kind=kind) for n in range(number)]


def cases_opened(number: int) -> list[Told]:
    """By the lead of their provider."""
    return [case(f"f-{n}") for n in range(number)]


PLANTED: dict[str, list[Any]] = {
    "overlap-worker": [*TWICE, served(minutes=60), served("t-2", 45, booking="antrag-2")],
    "overlap-case": [*GRANTED, served(minutes=60), served("t-2", 45, worker="kraft-2")],
    "direct-share": [*GRANTED, *many(10, 75), *many(10, 60, "indirect", 14)],
    "same-month-total": [
        *granted(at=berlin(2021, 11, 2)),
        *(served(f"t-{month}{half}", 150, berlin(2022, month, 14 + half, 10)) for month in (1, 2, 3) for half in (0, 1)),
    ],
    "month-in-one-session": [*GRANTED, served(minutes=480)],
    "before-approval": [*GRANTED, served(starts_at=berlin(2022, 2, 28, 9))],
    "after-closing": [
        *(*GRANTED, reduced(75), served(), confirmed(), settled(), case_closed(at=LATER)),
        corrected(facts(), facts(starts_at=LATER + timedelta(days=1)), note="verlegt"),
    ],
    "import-outside": [imported("outside_period")],
    "refused-outside": [OUTSIDE],
    "no-start-time": [*GRANTED, served(starts_at=berlin(2022, 3, 15, 0))],
    "empty-note": [*GRANTED, served(note=False)],
    "unconfirmed": [*GRANTED, reduced(75), served(), settled()],
    "late-entry": [*GRANTED, served(days_later=31)],
    "travel-share": [*GRANTED, *many(10, 75), *many(10, 45, "travel", 14)],
    "deciding-pair": [
        each for n in range(10) for each in (case(f"f-{n}"), requested(f"a-{n}", f"f-{n}"), approved(f"a-{n}", 3000))
    ],
    "import-own-request": [imported("own_request")],
    "own-request-attempt": [OWN],
    "always-in-full": [
        *[case()],
        *(each for n in range(20) for each in (requested(f"a-{n}", by=f"k-{n}"), approved(f"a-{n}"))),
    ],
    "no-break": [*GRANTED, served(minutes=375)],
    "long-day": [*GRANTED, *(served(f"t-{hour}", 210, berlin(2022, 3, 15, hour)) for hour in (7, 12, 17))],
    "night-or-sunday": [*GRANTED, served(starts_at=berlin(2022, 3, 13, 10))],
    "changed-after-confirmation": [*GRANTED, served(), confirmed(), reversed_()],
    "changed-after-month": [*GRANTED, served(), reversed_(at=berlin(2022, 4, 30))],
    "duplicate": [*GRANTED, served(), served("t-2")],
    "round-durations": [*GRANTED, *many(20, 60)],
    "closed-without-outcome": [case(), case_closed(outcome="other")],
    "no-review-date": granted(review=False),
    "read-many-cases": [
        *cases_opened(51),
        *(reading(f"f-{n}", "leitung-a", role="lead", organisation="traeger-a") for n in range(51)),
    ],
    "read-unrelated": [*cases_opened(10), *(reading(f"f-{n}") for n in range(10))],
    "read-after-closing": [case(), case_closed(at=TUESDAY), reading(at=TUESDAY + timedelta(days=181))],
    "read-at-odd-hours": [case(), reading(at=berlin(2022, 3, 15, 22))],
    "read-by-many": [case(), *(reading(by=f"amt-{n}", at=TUESDAY + timedelta(days=n % 7 // 2)) for n in range(11))],
    "unregistered-worker": [provider_registered(), worker_registered("kraft-2"), *GRANTED, served()],
    "unregistered-request": [
        *(provider_registered(), offer_registered("club-1"), case(offer="club-2")),
        *(requested(), approved()),
    ],
    "little-used": [*GRANTED, served(kind="indirect"), settled()],
}
ALSO = {"month-in-one-session": {"no-break"}, "after-closing": {"changed-after-confirmation"}}  # what cannot be had without it


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_found_where_everything_is_in_order(seed: int) -> None:
    """Some 700 events of three providers catch no rule's eye."""
    assert found(*in_order(seed)) == []


@pytest.mark.parametrize("rule", [rule.code for rule in RULES])
def test_what_is_planted_is_found(rule: str) -> None:
    """One irregularity among what is in order is found once, and nothing beside it."""
    planted = PLANTED[rule]
    seen = found(*in_order(7), *planted)
    assert sorted(finding.rule for finding in seen) == sorted({rule} | ALSO.get(rule, set()))
    assert all(finding.sentence.endswith(".") and ".." not in finding.sentence for finding in seen)
    cases = {named(f"traeger-{letter}/{number}") for letter in "xyz" for number in range(8)}
    assert not any(finding.case in cases for finding in seen)
