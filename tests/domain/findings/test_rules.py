"""Every rule: what it finds, what is not quite it, and what is left after it was put right."""

from datetime import date, timedelta
from typing import Any, get_args

import pytest

from domain.booking import Event
from domain.case import CaseClosed
from domain.findings import register
from domain.findings.register import Attempt, Register
from domain.findings.rules import FAMILIES, RULES
from domain.findings.thresholds import Thresholds
from domain.pool import ImportRecorded, RefusedStep
from domain.quantities import Actor
from tests.domain.facts import berlin
from tests.domain.findings.story import (
    POOL,
    POOL_2,
    PROVIDER,
    TUESDAY,
    WORKER,
    Told,
    amended,
    approved,
    case,
    case_closed,
    confirmed,
    corrected,
    declined,
    ended,
    facts,
    found,
    granted,
    named,
    offer_registered,
    pool,
    pool_closed,
    provider_registered,
    reading,
    reduced,
    requested,
    reversed_,
    rules,
    served,
    settled,
    transferred,
    worker_registered,
)

OFFICER = Actor("sachbearbeitung", "officer", "jugendamt")
LATER = TUESDAY + timedelta(hours=2)
OFFICE = [pool(), *granted()]
TWO_CASES = [pool(), *granted(), *granted("antrag-2", "fall-2")]


def months(*minutes: int) -> list[Told]:
    """Two sessions for each month from December on, with these sums."""
    made = []
    for number, total in enumerate(minutes):
        month = berlin(2021 + (11 + number) // 12, (11 + number) % 12 + 1, 14, 10)
        made.append(served(f"{number}-a", 60, month))
        made.append(served(f"{number}-b", total - 60, month + timedelta(days=1)))
    return made


EARLY = [pool(), *granted(at=berlin(2021, 11, 2))]


def test_an_ordinary_session_is_no_finding() -> None:
    """A session with a note, in time, on a Tuesday, confirmed and settled."""
    assert rules(*OFFICE, served(minutes=3000 // 15), reduced(200), confirmed(), settled()) == set()


def test_one_worker_in_two_cases() -> None:
    """Family 1: at the same time, by a quarter of an hour; one after the other is none."""
    first = served(minutes=60)
    assert rules(*TWO_CASES, first, served("t-2", 60, TUESDAY + timedelta(minutes=45), "antrag-2")) == {"overlap-worker"}
    assert rules(*TWO_CASES, first, served("t-2", 60, TUESDAY + timedelta(minutes=60), "antrag-2")) == set()
    assert rules(*TWO_CASES, first, served("t-2", 60, booking="antrag-2", worker="kraft-2")) == set()
    assert rules(*OFFICE, first, served("t-2", 45)) == set()  # the same case

    [finding] = found(*TWO_CASES, first, served("t-2", 90, TUESDAY + timedelta(minutes=45), "antrag-2"))
    assert (finding.worker, finding.case, finding.booking, finding.provider) == ("kraft-1", None, None, PROVIDER)
    assert finding.positions == (8, 9)
    assert finding.sentence == (
        "Fachkraft kraft-1 hat am 15.03.2022 2 Termine in verschiedenen Fällen, die sich überschneiden "
        "(0,25 Std. mehrfach belegt): Fälle „fall-1“ und „fall-2“."
    )


def test_who_is_not_named_entered_it() -> None:
    """A worker who names nobody means himself; where a lead enters it, nobody knows whose session it is."""
    me = Actor("kraft-1", "worker", PROVIDER)
    other = served("t-2", 60, booking="antrag-2")
    assert "overlap-worker" in rules(*TWO_CASES, served(minutes=75, worker=None, actor=me), other)
    assert "overlap-worker" not in rules(*TWO_CASES, served(minutes=75, worker=None), other)


def test_an_overlap_that_was_put_right() -> None:
    """A correction or reversal that ends an overlap ends its finding; one that makes it, makes it, and rests on the correction."""
    twice = [*TWO_CASES, served(minutes=60), served("t-2", 45, booking="antrag-2")]
    moved = corrected(facts(60), facts(60, LATER))
    assert rules(*twice, moved) == set()
    assert rules(*twice, reversed_("t-2", "antrag-2", facts(45))) == set()
    back = corrected(facts(60, LATER), facts(60))
    [finding] = found(*twice, moved, back)
    assert finding.positions == (8, 9, 10, 11)
    assert rules(*twice, corrected(facts(60), facts(60, worker="kraft-2"))) == set()


def test_an_overlap_after_midnight_and_in_the_doubled_hour() -> None:
    """A session that reaches into the next day overlaps there; the hour that the clock has twice is two hours."""
    late = served(minutes=180, starts_at=berlin(2022, 3, 15, 22))
    assert {"overlap-worker"} <= rules(*TWO_CASES, late, served("t-2", 45, berlin(2022, 3, 16, 0, 15), "antrag-2"))
    doubled = berlin(2021, 10, 31, 2)
    again = doubled.replace(fold=1)
    [first, second] = served(minutes=60, starts_at=doubled), served("t-2", 60, again, "antrag-2")
    assert "overlap-worker" not in rules(*TWO_CASES, first, second)


def test_overlaps_of_two_pools() -> None:
    """Billed to two pools; once one of them is closed what was found stays, and its sessions are forgotten."""
    both = [pool(), pool(POOL_2), *granted(), *granted("antrag-2", "fall-2", pool=POOL_2), served(minutes=60)]
    twice = [*both, served("t-2", 45, booking="antrag-2")]
    [finding] = found(*twice)
    assert finding.pool is None
    assert [each.rule for each in found(*twice, settled(), settled("antrag-2"), pool_closed())].count("overlap-worker") == 1
    closed = [*twice, settled(), settled("antrag-2"), pool_closed(), pool_closed(POOL_2)]
    assert [each.rule for each in found(*closed)].count("overlap-worker") == 1


def test_two_workers_in_one_case() -> None:
    """Family 2: two people at a case at the same time; the same one is none, nor one after the other."""
    second = served("t-2", 60, TUESDAY + timedelta(minutes=45), worker="kraft-2")
    assert rules(*OFFICE, served(minutes=60), second) == {"overlap-case"}
    assert rules(*OFFICE, served(minutes=45), second) == set()
    assert rules(*OFFICE, served(minutes=60), second, corrected(facts(60), facts(45))) == set()
    assert rules(*OFFICE, served(minutes=60, worker=None), second) == set()


def test_too_little_contact() -> None:
    """Family 3: less than 60 percent of a month; 60 percent are enough, and so little of anything says nothing."""

    def month(direct: int, indirect: int) -> list[Told]:
        days = [served(f"d-{n}", direct // 10, TUESDAY + timedelta(days=n)) for n in range(-7, 3) if n != -2]
        days += [served("d-x", direct // 10, TUESDAY + timedelta(hours=8))]
        return [*days, *(served(f"i-{n}", indirect // 4, LATER + timedelta(days=n), kind="indirect") for n in range(4))]

    assert rules(*OFFICE, *month(750, 520)) == {"direct-share"}
    assert rules(*OFFICE, *month(750, 500)) == set()
    assert rules(*OFFICE, *month(500, 600)) == set()
    put_right = corrected(facts(130, LATER, "indirect"), facts(130, LATER), "i-0")
    assert rules(*OFFICE, *month(750, 520), put_right) == set()


def test_much_travel() -> None:
    """Family 8: more than a quarter of a month."""

    def month(travel: int) -> list[Told]:
        days = [served(f"d-{n}", 315, TUESDAY + timedelta(days=n)) for n in range(3)]
        return [*days, served("f", travel, TUESDAY + timedelta(days=3), kind="travel")]

    assert rules(*OFFICE, *month(330)) == {"travel-share"}
    assert rules(*OFFICE, *month(315)) == set()
    before = facts(330, TUESDAY + timedelta(days=3), "travel")
    assert rules(*OFFICE, *month(330), reversed_("f", before=before)) == set()


def test_the_same_sum_every_month() -> None:
    """Family 4: three months on end; two, or three with a gap, or small sums are none."""
    assert rules(*EARLY, *months(300, 300, 300)) == {"same-month-total"}
    assert rules(*EARLY, *months(300, 300, 315)) == set()
    assert rules(*EARLY, *months(300, 300, 315, 300)) == set()
    assert rules(*EARLY, *months(240, 240, 240)) == set()
    [finding] = found(*EARLY, *months(300, 300, 300, 300))
    assert "4 Monate in Folge, 12/2021 bis 03/2022" in finding.sentence
    shorter = corrected(facts(60, berlin(2022, 1, 14, 10)), facts(45, berlin(2022, 1, 14, 10)), "1-a")
    assert rules(*EARLY, *months(300, 300, 300), shorter, after_month_end_days=100) == set()


def test_a_month_in_one_session() -> None:
    """Family 4: a single long session; a second one in the month ends it."""
    alone = served(minutes=480)
    assert rules(*OFFICE, alone, break_after_minutes=600) == {"month-in-one-session"}
    assert rules(*OFFICE, served(minutes=465), break_after_minutes=600) == set()
    assert rules(*OFFICE, alone, served("t-2", 15, TUESDAY + timedelta(days=1)), break_after_minutes=600) == set()
    assert rules(*OFFICE, alone, corrected(facts(480), facts(360))) == set()


def test_before_the_approval() -> None:
    """Family 5: it begins before the approval was given; at that instant is early enough."""
    assert rules(*OFFICE, served(starts_at=berlin(2022, 3, 1, 8, 59))) == {"before-approval"}
    assert rules(*OFFICE, served(starts_at=berlin(2022, 3, 1, 9))) == set()
    [finding] = found(*OFFICE, served(starts_at=berlin(2022, 3, 1, 8, 30)))
    assert finding.positions == (4, 5)
    assert finding.booking == named("antrag-1")
    assert finding.sentence.endswith("1 Termin mit 1,25 Std. vor der Bewilligung vom 01.03.2022, 09:00 Uhr: 01.03.2022.")
    early = served(starts_at=berlin(2022, 3, 1, 8))
    assert rules(*OFFICE, early, corrected(facts(starts_at=berlin(2022, 3, 1, 8)), facts())) == set()


def test_after_the_case_was_closed() -> None:
    """Family 5: a correction moves a session behind the closing, and another one back."""
    closed = [*OFFICE, served(), settled(), confirmed(), case_closed(at=LATER)]
    moved = corrected(facts(), facts(starts_at=LATER + timedelta(days=1)), at=LATER + timedelta(days=2))
    assert "after-closing" in rules(*closed, moved)
    assert "after-closing" not in rules(*closed)
    assert "after-closing" not in rules(*closed, moved, corrected(facts(starts_at=LATER + timedelta(days=1)), facts()))


def imported(*codes: str) -> Told:
    steps = tuple(RefusedStep(line, "decision", code, f"r-{line}") for line, code in enumerate(codes, start=2))
    return Told(POOL, ImportRecorded("requests", "ab" * 32, 20, 20 - len(codes), 0, steps))


def test_refused_in_an_import() -> None:
    """Families 5 and 9: steps outside what is allowed, and decisions on one's own request; other refusals are no finding."""
    assert rules(*OFFICE, imported("outside_period", "over_budget")) == {"import-outside"}
    assert rules(*OFFICE, imported("over_budget", "malformed")) == set()
    [finding] = found(*OFFICE, imported(*["own_request"] * 7))
    assert finding.rule == "import-own-request"
    assert finding.positions == (5,)
    assert "7 Schritte" in finding.sentence
    assert finding.sentence.endswith("abgewiesen in den Zeilen 2, 3, 4, 5, 6 und 2 weiteren.")


def test_refused_attempts() -> None:
    """Families 5 and 9: what old receipts tell; they do not tell which request was meant, and the finding says so."""

    def attempt(code: str, key: str = "k", position: int = 4) -> Attempt:
        return Attempt("leitung-a", "traeger-a", key, code, position)

    [own] = found(*OFFICE, attempt("own_request"), attempt("own_request"), attempt("own_request", "l", 9))
    assert (own.rule, own.positions, own.pool, own.booking) == ("own-request-attempt", (4, 9), None, None)
    assert "2 Versuche" in own.sentence
    assert "Welcher Antrag gemeint war, hält die Quittung nicht fest." in own.sentence
    assert rules(*OFFICE, attempt("outside_period"), attempt("case_closed")) == {"refused-outside"}


def test_refused_attempts_name_what_they_were_about() -> None:
    """Families 5 and 9: one finding for each person, reason and pool, with every request once."""

    def attempt(about: str, key: str, position: int = 4) -> Attempt:
        return Attempt("leitung-a", "traeger-a", key, "own_request", position, str(named(about)))

    [one] = found(*OFFICE, attempt("antrag-1", "k"), attempt("antrag-1", "l", 9))
    assert (one.pool, one.case, one.booking, one.provider) == (POOL, named("fall-1"), named("antrag-1"), PROVIDER)
    assert one.sentence.endswith(f"abgewiesen: Antrag {str(named('antrag-1'))[:8]} (Fall „fall-1“, Träger {PROVIDER}).")

    [two] = [
        each
        for each in found(*OFFICE, *granted("antrag-2", "fall-2"), attempt("antrag-1", "k"), attempt("fall-2", "l"))
        if each.rule == "own-request-attempt"
    ]
    assert (two.pool, two.case, two.booking, two.provider) == (POOL, None, None, PROVIDER)
    assert "Antrag" in two.sentence
    assert two.sentence.endswith(f"Fall „fall-2“ (Träger {PROVIDER}).")


def test_refused_attempts_stay_when_their_pool_is_closed() -> None:
    """Like everything that was found in it."""
    outside = Attempt("kraft-1", PROVIDER, "k", "outside_period", 4, str(named("antrag-1")))
    [before] = found(*OFFICE, outside)
    assert before in found(*OFFICE, outside, settled(), case_closed(), pool_closed())


def test_without_a_time() -> None:
    """Family 6: midnight sharp is what a date without a time becomes, and no night work."""
    assert rules(*OFFICE, served(starts_at=berlin(2022, 3, 15, 0))) == {"no-start-time"}
    assert "no-start-time" not in rules(*OFFICE, served(starts_at=berlin(2022, 3, 15, 0, 1)))
    assert (
        rules(*OFFICE, served(starts_at=berlin(2022, 3, 15, 0)), corrected(facts(starts_at=berlin(2022, 3, 15, 0)), facts()))
        == set()
    )


def test_without_a_note() -> None:
    """Family 6: an empty note; a correction brings one."""
    assert rules(*OFFICE, served(note=False)) == {"empty-note"}
    assert rules(*OFFICE, served(note=False), corrected(facts(), facts(), note="Gespräch beim Amt")) == set()
    assert rules(*OFFICE, served(note=False), corrected(facts(), facts())) == {"empty-note"}


def test_without_confirmation() -> None:
    """Family 6: contact that is settled and not confirmed; a telephone call need not be, and a confirmation may still come."""
    used = [*OFFICE, reduced(75)]
    assert rules(*used, served(), settled()) == {"unconfirmed"}
    assert rules(*used, served()) == set()
    assert rules(*used, served(kind="indirect"), settled()) == set()
    assert rules(*used, served(), settled(), confirmed()) == set()


def test_entered_late() -> None:
    """Family 7: more days than the pool says, else than the threshold; imported history has no day of entry."""
    own = [pool(late_entry_days=5), *granted()]
    assert rules(*own, served(days_later=6)) == {"late-entry"}
    assert rules(*own, served(days_later=5)) == set()
    assert rules(*OFFICE, served(days_later=31)) == {"late-entry"}
    assert rules(*OFFICE, served(days_later=30)) == set()
    assert rules(*OFFICE, served(days_later=300, actor=OFFICER, command="import:abc:2:session")) == set()
    assert rules(*OFFICE, served(days_later=300, command="import:abc:2:session")) == {"late-entry"}  # a key of a provider's own
    assert rules(*own, served(days_later=6), corrected(facts(), facts(starts_at=TUESDAY + timedelta(days=1)))) == set()


def test_one_pair_decides() -> None:
    """Family 9: one asks and one grants in more than 60 percent of ten cases or more."""

    def cases(of_pair: int, others: int) -> list[Told]:
        made = [pool()]
        for number in range(of_pair + others):
            asks, grants = ("kraft-1", "amt-1") if number < of_pair else (f"kraft-{number}", "amt-2")
            name, booking = f"fall-{number}", f"antrag-{number}"
            made += [case(name), requested(booking, name, by=asks), approved(booking, 3000, grants)]
        return made

    assert rules(*cases(7, 4)) == {"deciding-pair"}
    assert rules(*cases(6, 4)) == set()
    assert rules(*cases(9, 0)) == set()
    [finding] = found(*cases(7, 4))
    assert "In 7 von 11 Fällen" in finding.sentence
    assert len(finding.positions) == 14


def test_always_in_full() -> None:
    """Family 10: twenty decisions, and everything was granted; one that was cut or declined ends it."""

    def decisions(number: int, *last: Any) -> list[Told]:
        made = [pool(), case()]
        for each in range(number):
            made += [requested(f"antrag-{each}", by=f"kraft-{each}"), approved(f"antrag-{each}")]
        return [*made, *last]

    assert rules(*decisions(20)) == {"always-in-full"}
    assert rules(*decisions(19)) == set()
    assert rules(*decisions(20, requested("mehr"), declined("mehr"))) == set()
    assert rules(*decisions(20, requested("mehr"), approved("mehr", 3000))) == set()


def test_without_a_break() -> None:
    """Family 11: more than six hours on end, in one session or in several; a quarter of an hour is a break."""
    assert rules(*OFFICE, served(minutes=375)) == {"no-break"}
    assert rules(*OFFICE, served(minutes=360)) == set()
    after = TUESDAY + timedelta(minutes=240)
    assert rules(*OFFICE, served(minutes=240), served("t-2", 135, after + timedelta(minutes=14))) == {"no-break"}
    assert rules(*OFFICE, served(minutes=240), served("t-2", 135, after + timedelta(minutes=15))) == set()
    assert rules(*OFFICE, served(minutes=375), corrected(facts(375), facts(360))) == set()


def test_a_long_day() -> None:
    """Family 11: more than ten hours of one worker."""
    morning, noon, evening = (served(f"t-{n}", 210, berlin(2022, 3, 15, hour)) for n, hour in enumerate((7, 12, 17)))
    assert rules(*OFFICE, morning, noon, evening) == {"long-day"}
    shorter = corrected(facts(210, berlin(2022, 3, 15, 17)), facts(180, berlin(2022, 3, 15, 17)), "t-2")
    assert rules(*OFFICE, morning, noon, evening, shorter) == set()


def test_at_night_and_on_sundays() -> None:
    """Family 11: between ten and six, or on a Sunday."""
    assert rules(*OFFICE, served(minutes=75, starts_at=berlin(2022, 3, 15, 21))) == {"night-or-sunday"}
    assert rules(*OFFICE, served(minutes=60, starts_at=berlin(2022, 3, 15, 21))) == set()
    assert rules(*OFFICE, served(starts_at=berlin(2022, 3, 15, 5, 59))) == {"night-or-sunday"}
    assert rules(*OFFICE, served(starts_at=berlin(2022, 3, 15, 6))) == set()
    sunday = berlin(2022, 3, 13, 10)
    assert rules(*OFFICE, served(starts_at=sunday)) == {"night-or-sunday"}
    assert rules(*OFFICE, served(starts_at=sunday), corrected(facts(starts_at=sunday), facts())) == set()


def test_changed_after_confirmation() -> None:
    """Family 12: what was confirmed is changed or taken back; a note alone changes nothing. It stays found."""
    changed = corrected(facts(), facts(60))
    assert rules(*OFFICE, served(), confirmed(), changed) == {"changed-after-confirmation"}
    assert rules(*OFFICE, served(), confirmed(), reversed_()) == {"changed-after-confirmation"}
    assert rules(*OFFICE, served(), confirmed(), corrected(facts(), facts(), note="mehr")) == set()
    assert rules(*OFFICE, served(), changed, confirmed()) == set()
    assert rules(*OFFICE, served(), confirmed(), changed, corrected(facts(60), facts())) == {"changed-after-confirmation"}


def test_changed_after_the_month() -> None:
    """Family 12: more than ten days after the month of service."""
    assert rules(*OFFICE, served(), reversed_(at=berlin(2022, 4, 11))) == {"changed-after-month"}
    assert rules(*OFFICE, served(), reversed_(at=berlin(2022, 4, 10))) == set()
    assert rules(*OFFICE, served(), corrected(facts(), facts(60), at=berlin(2022, 4, 11))) == {"changed-after-month"}


def test_duplicates() -> None:
    """Family 13: the same worker, start and minutes; another length is none."""
    assert rules(*OFFICE, served(), served("t-2")) == {"duplicate"}
    assert rules(*OFFICE, served(), served("t-2", 60)) == set()
    assert rules(*OFFICE, served(), served("t-2"), reversed_("t-2")) == set()


def test_round_durations() -> None:
    """Family 13: more than 80 percent full hours in a month, unless the pool knows nothing else."""

    def month(full: int, other: int, unit: int = 15) -> list[Told]:
        lengths = [60] * full + [45] * other
        sessions = [
            served(f"t-{n}", minutes, berlin(2022, 3, 2 + n // 2 % 3 + n // 6 * 7, 9 + n % 2 * 3))
            for n, minutes in enumerate(lengths)
        ]
        return [pool(unit=unit), *granted(), *sessions]

    assert rules(*month(17, 3)) == {"round-durations"}
    assert rules(*month(16, 4)) == set()
    assert rules(*month(19, 0)) == set()
    assert rules(*month(20, 0, unit=60)) == set()
    first, longer = facts(60, berlin(2022, 3, 2, 9)), facts(75, berlin(2022, 3, 2, 9))
    assert rules(*month(17, 3), corrected(first, longer, "t-0")) == set()


def test_without_an_outcome() -> None:
    """Family 14: other, and no note; a note says how it ended."""
    assert rules(*OFFICE, case_closed(outcome="other")) == {"closed-without-outcome"}
    assert rules(*OFFICE, case_closed(outcome="other", note=True)) == set()
    assert rules(*OFFICE, case_closed(outcome="broken_off")) == set()


def test_without_a_review_date() -> None:
    """Family 14: an approval that nobody looks at again."""
    assert rules(pool(), *granted(review=False)) == {"no-review-date"}


def test_hardly_used() -> None:
    """Family 15: less than a third when it is settled; hours that were given back before were not blocked."""
    phone = served(kind="indirect")
    assert rules(*OFFICE, reduced(240), phone, settled()) == {"little-used"}
    assert rules(*OFFICE, reduced(225), phone, settled()) == set()
    assert rules(*OFFICE, reduced(240), phone) == set()
    assert "little-used" in rules(*OFFICE, reduced(225), phone, settled(), reversed_(before=facts(kind="indirect")))


def test_thresholds_are_those_stated() -> None:
    """An office that agreed to less contact has fewer findings."""
    sessions = [served(f"t-{n}", 300, TUESDAY + timedelta(days=n), kind="direct" if n % 2 else "indirect") for n in range(4)]
    assert rules(*OFFICE, *sessions) == {"direct-share"}
    assert rules(*OFFICE, *sessions, direct_share_percent=50) == set()


def test_a_closed_pool_is_forgotten() -> None:
    """What was found in a closed pool stays; nothing of it is remembered but that."""
    register_ = Register(Thresholds())
    positions = iter(range(1, 100))
    for told in [*OFFICE, served(note=False), reduced(75), settled(), confirmed(), case_closed(), pool_closed()]:
        register_.feed([Told(told.stream, told.data, told.recorded_at or TUESDAY, position=next(positions))])
    assert [finding.rule for finding in register_.findings()] == ["empty-note"]
    assert not any((register_._pools, register_._cases, register_._bookings, register_._days, register_._found, register_._changed))


def test_every_event_is_heard_or_known_to_say_nothing() -> None:
    """A new kind of event is looked at by the rules, or somebody says that it has nothing for them."""
    heard = {event.__name__ for event in register._HANDLERS}
    says_nothing = {
        *("DemonstrationStarted", "BudgetChanged", "HoursReserved", "HoursReleased", "PoolExhausted", "PoolReplenished"),
        *("PlaceOffered", "MonthClosed", "MonthReopened", "PersonalDataErased", "RequestWaitlisted"),
        *("ApprovalProposed", "RequestWithdrawn", "SampleDrawn"),
        *("ErasureRequested", "ErasureWithdrawn", "LegalHoldSet", "LegalHoldLifted", "ErasureConfirmed"),
        *("FindingOpened", "FindingExplained", "FindingConfirmed", "FindingClosed"),
    }
    assert heard | says_nothing == {event.__name__ for event in get_args(Event)}
    assert not heard & says_nothing


def test_all_seventeen_families_have_rules() -> None:
    """Codes are unique, families are those of the list, and thresholds are named by the rules that use them."""
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert {rule.family for rule in RULES} == set(FAMILIES) == set(range(1, 18))
    named_ = {name for rule in RULES for name in rule.thresholds}
    assert named_ == set(Thresholds.__dataclass_fields__)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_definitions_name_their_thresholds(rule: Any) -> None:
    """Every threshold of a rule stands in its definition."""
    assert all(f"`{name}`" in rule.definition for name in rule.thresholds)


# ── reading


TEN = [pool(), *(case(f"f-{n}") for n in range(10))]


def test_whoever_deals_with_a_case_may_read_it_before_or_after() -> None:
    """given ten cases read by somebody / when they record something in one of them / then nothing is unrelated any more."""
    read = [reading(f"f-{n}", "amt-1") for n in range(10)]
    assert rules(*TEN, *read) == {"read-unrelated"}
    officer = Actor("amt-1", "officer", "jugendamt")
    closed = Told(named("f-3"), CaseClosed(PROVIDER, "moved", None, False), TUESDAY, officer)
    assert rules(*TEN, closed, *read) == rules(*TEN, *read, closed) == set()
    assert rules(*TEN, *read, Told(closed.stream, closed.data, TUESDAY, Actor("amt-1", "officer", "traeger-b"))) == {
        "read-unrelated"
    }


def test_an_audit_reads_what_it_has_to() -> None:
    """given an auditor / when they read many cases, unrelated and closed ones / then nothing is found, but for the hour."""
    closed = [pool(), *(told for n in range(60) for told in (case(f"f-{n}"), case_closed(f"f-{n}", at=TUESDAY)))]
    late = TUESDAY + timedelta(days=300)
    assert rules(*closed, *(reading(f"f-{n}", at=late, role="auditor") for n in range(60))) == set()
    assert rules(*closed, reading("f-0", at=berlin(2022, 3, 19, 10), role="auditor")) == {"read-at-odd-hours"}


def test_the_closing_of_a_case_or_pool_counts_from_its_day() -> None:
    """given a case / when it is read on the last usual day, a day later, or after its pool was closed / then only the last two
    are found, and they name the case where it is known."""
    closed = [pool(), case(), case_closed(at=TUESDAY)]
    assert rules(*closed, reading(at=TUESDAY + timedelta(days=14)), read_after_closing_days=14) == set()
    [late] = found(*closed, reading(at=TUESDAY + timedelta(days=15)), read_after_closing_days=14)
    assert (late.rule, late.case, late.pool) == ("read-after-closing", named("fall-1"), POOL)
    [gone] = found(pool(), case(), pool_closed(), reading())
    assert (gone.rule, gone.case) == ("read-after-closing", None)


def test_readers_are_counted_within_some_days() -> None:
    """given eleven people who read a case / when they do so within a week / then they are found, but not within two."""
    apart = [reading(by=f"amt-{n}", at=TUESDAY + timedelta(days=14 * (n // 6))) for n in range(11)]
    assert rules(pool(), case(), *apart) == set()
    assert rules(pool(), case(), *apart, readers_days=15) == {"read-by-many"}
    assert rules(pool(), case(), *(reading(at=TUESDAY) for _ in range(11))) == set()  # one person, again and again


@pytest.mark.parametrize(("hour", "odd"), [(5, True), (6, False), (21, False), (22, True)])
def test_odd_hours_begin_and_end_by_the_clock(hour: int, odd: bool) -> None:
    """given thresholds of the night / when somebody reads in an hour / then it is found from the first on and until the last."""
    assert rules(pool(), case(), reading(at=berlin(2022, 3, 15, hour, 59))) == ({"read-at-odd-hours"} if odd else set())


# ── what is registered

REGISTERED = [*OFFICE, provider_registered()]
THE_DAY = date(2022, 3, 15)  # that Tuesday
A_DAY = timedelta(days=1)


def test_nothing_is_found_of_a_provider_that_registers_none() -> None:
    """given no registration, or none of a worker or offer / when somebody accompanies and requests / then nothing is found."""
    request = [pool(), case(offer="club"), requested()]
    assert rules(*OFFICE, served()) == rules(*REGISTERED, served()) == set()
    assert rules(*request) == rules(*request, provider_registered()) == set()


@pytest.mark.parametrize(
    ("first", "last", "late"),
    [(THE_DAY, THE_DAY, False), (date(2022, 3, 1), THE_DAY - A_DAY, True), (THE_DAY + A_DAY, None, True), (THE_DAY, None, False)],
)
def test_a_worker_is_registered_on_the_day_of_the_session(first: date, last: date | None, late: bool) -> None:
    """given a colleague who is registered all the time / when a worker is from one day until another / then both days count."""
    told = [*REGISTERED, worker_registered("kraft-2"), worker_registered(first=first, last=last), served()]
    assert rules(*told) == ({"unregistered-worker"} if late else set())


def test_an_unregistered_worker_is_one_thing_a_month() -> None:
    """given sessions of a worker whose registration ended / when they are found / then by month, with their positions."""
    [finding] = found(*REGISTERED, worker_registered(last=THE_DAY - A_DAY), served(), served("t-2", 60, TUESDAY + 2 * A_DAY))
    assert (finding.worker, finding.provider, finding.case, finding.positions) == (WORKER, PROVIDER, None, (7, 8))
    assert finding.sentence == (
        "Fachkraft kraft-1 hat für den Träger traeger-a 2 Termine mit 2,25 Std. an Tagen, an denen sie nicht eingetragen war: "
        "15.03.2022 und 17.03.2022."
    )


def test_sessions_before_the_first_registration_are_none_of_it() -> None:
    """given workers registered from a day on / when somebody else served the day before / then the provider had none then."""
    assert rules(*REGISTERED, worker_registered("kraft-2", THE_DAY + A_DAY), served()) == set()
    taken_back = [worker_registered("kraft-2"), ended("worker", "kraft-2", date(2022, 2, 28))]
    assert rules(*REGISTERED, *taken_back, served()) == set()


def test_a_registration_afterwards_ends_the_finding() -> None:
    """given an unregistered worker / when they are registered for the time that is past / then nothing is found any more, but for
    another provider's, and not in a pool that was closed before."""
    unknown = [*REGISTERED, worker_registered("kraft-2"), served()]
    assert rules(*unknown, worker_registered()) == set()
    assert rules(*unknown, worker_registered(provider="traeger-b")) == {"unregistered-worker"}
    assert rules(*unknown, pool_closed(), worker_registered()) == {"unregistered-worker"}
    assert rules(*REGISTERED, worker_registered(), served(), ended("worker", WORKER, THE_DAY - A_DAY)) == {"unregistered-worker"}


def test_nobody_in_particular_is_not_unregistered() -> None:
    """given a session that names nobody / when workers are registered / then nobody knows whether it was one of them."""
    assert rules(*REGISTERED, worker_registered(), served(worker=None)) == set()


def test_a_request_of_a_provider_or_offer_that_takes_no_part() -> None:
    """given what was registered until the day before / when hours are requested / then that is found, the provider first."""
    before = date(2022, 2, 1), date(2022, 2, 28)
    request = [pool(), case(offer="club-1"), requested()]
    [provider] = found(*request, provider_registered(*before), offer_registered("club-1", *before))
    assert (provider.rule, provider.positions) == ("unregistered-request", (3,))
    assert provider.sentence.endswith("Am 01.03.2022, als beantragt wurde, war der Träger nicht eingetragen.")
    [offer] = found(*request, provider_registered(), offer_registered("club-1", *before))
    assert offer.sentence.endswith("Am 01.03.2022, als beantragt wurde, war das Angebot „club-1“ nicht eingetragen.")
    assert rules(*request, provider_registered(), offer_registered("club-1")) == set()


def test_an_offer_is_that_of_the_day() -> None:
    """given a case / when its offer is put right or it is transferred / then requests before keep what they were made under, and of
    the next provider's offer nobody knows."""
    told = [pool(), case(offer="klub"), requested(), provider_registered(), offer_registered("club")]
    assert rules(*told, amended("club")) == {"unregistered-request"}
    assert rules(*told[:2], amended("club"), *told[2:]) == set()
    known = [provider_registered(provider="traeger-b"), *told[3:]]
    assert rules(*told[:2], transferred("traeger-b"), *known, requested(provider="traeger-b")) == set()
