"""The audit trail: one understandable German line for every event."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from application.catalogue import CATALOGUE
from application.privacy import KeyErased, KeyMissing, SealBroken
from application.projections.audit_trail import events, events_at, positions, trail
from domain.booking import HoursApproved
from domain.case import CaseAmended, CaseTransferred
from domain.handling import FindingOpened, Matter
from domain.personal_data import (
    CLASSES,
    ErasureConfirmed,
    ErasureRequested,
    ErasureWithdrawn,
    LegalHoldLifted,
    LegalHoldSet,
    PersonalDataErased,
)
from domain.pool import BudgetChanged, DemonstrationStarted, ImportRecorded, RefusedStep, SampleDrawn
from domain.quantities import Actor
from domain.sampling import Population
from tests.application.projections.driver import Log, Opener, opened_log
from tests.domain.facts import (
    BOOKING,
    BOOKING_2,
    CASE,
    CASE_2,
    NOW,
    OFFER,
    OFFICER_2,
    POOL,
    PROVIDER,
    PROVIDER_2,
    SESSION,
    WORKER,
    approved,
    berlin,
    budget_changed,
    case_closed,
    case_opened,
    confirmed,
    corrected,
    declined,
    exhausted,
    finding_closed,
    finding_confirmed,
    finding_explained,
    finding_opened,
    hours_requested,
    logged,
    month_closed,
    month_reopened,
    offer_registered,
    place_offered,
    pool_closed,
    pool_opened,
    proposed,
    provider_registered,
    reduced,
    registration_ended,
    released,
    replenished,
    reversed_,
    rules_changed,
    session,
    settled,
    waitlisted,
    withdrawn,
    worker_registered,
)

GOLDEN = Path(__file__).parent / "trail.txt"
LEAD = Actor("lead-1", "lead", PROVIDER)
FINDING_2 = UUID("00000000-0000-4000-8000-0000000000f2")
RAISED = Matter(None, None, None, (), POOL, None, None, "kraft-1", None)


def every_event() -> list[Any]:
    stream, opened = case_opened()
    _, requested = hours_requested(735)
    _, note = logged(45)
    refused = (RefusedStep(3, "request", "over_budget", "A-7"), RefusedStep(9, "decision", "own_request", "A-9"))
    return [
        pool_opened(
            72_000, case_cap_minutes=3000, district_quotas={"nord": 6000}, provider_quotas={PROVIDER: 9000}, four_eyes_minutes=600
        ),
        (POOL, DemonstrationStarted(7, datetime(2022, 5, 10, 7, 30, tzinfo=UTC))),
        (stream, replace(opened, name="Erika Mustermann", notes="spielt Fußball")),
        (BOOKING, replace(requested, purpose="Begleitung zum Amt")),
        (POOL, BudgetChanged(-6000, "V0815/22", date(2022, 2, 1))),
        budget_changed(6000),
        (POOL, replace(rules_changed(session_max_minutes=480, late_entry_days=14)[1], reason="Erfahrung", reason_given=True)),
        waitlisted(735, priority=1, reason="Schulabbruch droht"),
        place_offered(BOOKING),
        proposed(735, OFFICER_2, overtaking="Wohnungsverlust"),
        *approved(735, first=OFFICER_2, reason="nach Gespräch\nmit der Leitung", overtaking="Wohnungsverlust"),
        exhausted(),
        (BOOKING, replace(note, note="Gespräch mit dem Vermieter", note_empty=False, late=True)),
        confirmed("Mutter"),
        corrected(session(45), session(30, berlin(2022, 3, 15, 14, 30), "travel", None)),
        reversed_(session(30, berlin(2022, 3, 15, 14, 30))),
        reduced(300),
        released(435, "reduction"),
        replenished(),
        settled(),
        hours_requested(60, BOOKING_2),
        declined(BOOKING_2, "kein Bedarf"),
        withdrawn(BOOKING_2),
        month_closed("2022-03"),
        month_reopened("2022-03"),
        (POOL, ImportRecorded("requests", "ab" * 32, 12, 9, 1, refused)),
        (CASE, CaseAmended(PROVIDER, None, "süd", "13a", None, "Erika Muster", None, None, None, None, False)),
        (CASE, CaseTransferred(PROVIDER, PROVIDER_2, "Umzug", True)),
        case_closed(),
        (CASE, LegalHoldSet(PROVIDER, "Klage", True)),
        (CASE, LegalHoldLifted(PROVIDER, "Klage", True)),
        (CASE, ErasureRequested(PROVIDER, ("identity",), "request", "officer-1", "Klage", True)),
        (CASE, ErasureWithdrawn(PROVIDER, "Klage", True)),
        (CASE, ErasureRequested(PROVIDER, CLASSES, "retention", "officer-1", None, False)),
        (CASE, PersonalDataErased(PROVIDER, CLASSES, "retention", "officer-1")),
        (CASE, ErasureConfirmed(PROVIDER, CLASSES)),
        (CASE, PersonalDataErased(PROVIDER, CLASSES, "order", None)),
        finding_opened(note="bitte erläutern"),
        finding_explained(),
        finding_confirmed("nicht belegt"),
        finding_closed(),
        (FINDING_2, FindingOpened(replace(RAISED, pool=None), None, True)),
        (POOL, SampleDrawn(SESSION, 1, "17. Mai", Population(30, PROVIDER, date(2022, 3, 1), None, 40, "ab" * 32), (SESSION,))),
        pool_closed(),
        provider_registered(),
        offer_registered(last=date(2022, 5, 31)),
        worker_registered(),
        registration_ended("worker", WORKER, date(2022, 4, 30)),
        registration_ended("offer", OFFER, date(2022, 2, 28)),
        registration_ended("provider", "Jugendhilfe e. V.", date(2022, 5, 31)),
    ]


def lines(log: Log, **wanted: Any) -> list[str]:
    entries, _ = log.ask(trail, provider=None, limit=1000, **wanted)
    return [entry.line for entry in entries]


def test_every_kind_of_event_has_its_line(store_url: str) -> None:
    """given one event of every kind / when the trail is read / then its lines are those of the golden file."""
    facts = every_event()
    assert {type(event) for _, event in facts} == {entry.cls for entry in CATALOGUE}
    with opened_log(store_url) as log:
        log.append(facts, datetime(2021, 12, 3, 13, 30, tzinfo=UTC))
        found = lines(log, opening=lambda cases: Opener())
        assert len(found) == len(facts)
        assert "\n".join(found) + "\n" == GOLDEN.read_text()


def test_reasons_are_read_out_only_with_an_opener(store_url: str) -> None:
    """given reasons / when the trail is read without an opener / then it says that there are some, but not which."""
    with opened_log(store_url) as log:
        log.append(every_event())
        told = "\n".join(lines(log))
        for text in (
            "Begleitung zum Amt",
            "nach Gespräch",
            "Wohnungsverlust",
            "Umzug",
            "Mutter",
            "Erika",
            "Vermieter",
            "erläutern",
        ):
            assert text not in told
        assert "Zweck: (vertraulich)." in told


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (KeyErased(), "(gelöscht)"),
        (KeyMissing(), "(unlesbar, der Schlüssel fehlt)"),
        (SealBroken(), "(unlesbar, das Siegel ist verletzt)"),
    ],
)
def test_a_reason_that_does_not_open_hides_no_line(failure: Exception, said: str, store_url: str) -> None:
    """given a key that was erased or is not there, or a broken seal / when the trail is read / then the line says so."""

    class Closed:
        def open(self, sealed: Any, **place: Any) -> str:
            raise failure

    with opened_log(store_url) as log:
        log.append([pool_opened(), case_opened(), hours_requested(60), declined()])
        assert f"Grund: {said}." in lines(log, opening=lambda cases: Closed())[-1]


def test_history_says_when_and_by_whom_it_was_decided(store_url: str) -> None:
    """given an approval of 2010, imported in 2022 / when its line is read / then both instants and people stand in it."""
    booking, approval = approved(60, at=berlin(2010, 10, 5, 9, 15), by="dez-3")[0]
    with opened_log(store_url) as log:
        log.append([pool_opened(), case_opened(), hours_requested(60)])
        log.append([(booking, approval)], NOW)
        assert isinstance(approval, HoursApproved)
        imported, decided = lines(log)[-1].split(" bewilligte ")
        assert imported == "16.03.2022, 10:00 Uhr – officer-1 (Sachbearbeitung, Jugendamt)"
        assert decided.startswith("1,00 Std. am 05.10.2010, 09:15 Uhr durch dez-3 [")


def test_the_trail_is_filtered(store_url: str) -> None:
    """given events of two cases and people / when filtered / then only what is asked for comes, in pages and in order."""
    with opened_log(store_url) as log:
        log.append([pool_opened(), case_opened(), case_opened(CASE_2, PROVIDER_2)])
        log.append([hours_requested(60), hours_requested(30, BOOKING_2, CASE_2, provider=PROVIDER_2)], by=LEAD)
        log.append([*approved(60), place_offered(BOOKING_2)])

        def found(**wanted: Any) -> list[int]:
            entries, _ = log.ask(trail, **{"provider": None, "limit": 100, **wanted})
            return [entry.position for entry in entries]

        assert found() == [1, 2, 3, 4, 5, 6, 7, 8]
        assert found(pool=POOL, case=CASE) == [2, 4, 6, 7]
        assert found(booking=BOOKING_2) == [5, 8]
        assert found(actor="lead-1") == [4, 5]
        assert found(type="hours-requested", case=CASE_2) == [5]
        assert found(provider=PROVIDER_2) == [3, 5, 8]
        assert found(pool=BOOKING) == []
        entries, following = log.ask(trail, provider=None, after="5", limit=2)
        assert ([entry.position for entry in entries], following) == ([6, 7], "7")
        assert (entries[0].case, entries[0].booking, entries[0].actor.subject) == (CASE, BOOKING, "officer-1")
        assert log.ask(positions, pool=POOL, type="pool-opened") == [1]
        assert log.ask(positions, pool=POOL, type="case-opened") == []


def test_events_are_those_of_the_log(store_url: str) -> None:
    """given positions with gaps small and large / when their events are read / then they come in order, and no others."""
    with opened_log(store_url) as log:
        log.append([pool_opened(), case_opened(), *(hours_requested(15, BOOKING) for _ in range(120))])
        wanted = [1, 2, 5, 40, 80, 121, 122]
        assert log.ask(events_at, wanted) == [log.recorded[position - 1] for position in wanted]
        assert log.ask(events, provider=None, after=120, limit=10) == log.recorded[120:]
        assert log.ask(events, provider=PROVIDER, after=1, limit=2) == log.recorded[1:3]
        assert log.ask(events, provider="nobody", after=0, limit=2) == []


def test_a_line_names_hours_dates_and_times_as_people_write_them(store_url: str) -> None:
    """given a session on a winter's afternoon / when its line is read / then hours, date and time are German, in Berlin."""
    with opened_log(store_url) as log:
        log.append([pool_opened(), case_opened(), hours_requested(735), *approved(735)])
        log.append([logged(735, starts_at=datetime(2021, 12, 3, 13, 30, tzinfo=UTC))])
        assert "03.12.2021, 14:30 Uhr, 12,25 Std. Kontaktzeit" in lines(log)[-1]
