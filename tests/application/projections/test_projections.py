"""Every projection: kept in the turn as it would be rebuilt, read as the domain knows it, and by providers only their own."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import cycle
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application import rebuild as rebuilding
from application.catalogue import CATALOGUE
from application.projections import PROJECTIONS, loading, tables
from application.projections.audit_trail import events, trail
from application.projections.balances import balance
from application.projections.bookings import (
    BOOKINGS_TABLE,
    booking_ids_of_case,
    booking_ids_of_pool,
    booking_texts,
    bookings_of_sessions,
    list_bookings,
    versioned_booking,
)
from application.projections.cases import case_texts, list_cases, versioned_case
from application.projections.pools import list_pools, pool, versioned_pool
from application.projections.projector import Projector
from application.projections.tables import LIVE, POSITION_MAX, ProjectionOutdated, Rows
from application.projections.waiting_list import entries, waiting_list
from application.projections.worklist import worklist
from application.rebuild import check
from application.views import BookingView, CaseView
from domain.booking import (
    OPEN_STATES,
    ApprovalProposed,
    BookingEvent,
    BookingSettled,
    GrantReduced,
    HoursRequested,
    SessionConfirmed,
    SessionCorrected,
    SessionLogged,
    SessionReversed,
)
from domain.case import CaseClosed, CaseEvent, CaseOpened
from domain.handling import FindingEvent
from domain.personal_data import PersonalDataEvent
from domain.pool import BudgetChanged, HoursReleased, HoursReserved, PlaceOffered, PoolClosed, PoolEvent, PoolOpened
from domain.refusals import Malformed, NotFound
from domain.registry import ProviderEvent
from tests.application.projections.driver import Log, Opener, opened_log
from tests.application.projections.histories import POOL, PROVIDERS, History, steps
from tests.conftest import STORE_KINDS
from tests.domain.facts import (
    BOOKING,
    BOOKING_2,
    BOOKING_3,
    CASE,
    CASE_2,
    OFFICER_2,
    PROVIDER_2,
    SESSION,
    SESSION_2,
    approved,
    berlin,
    case_opened,
    hours_requested,
    logged,
    pool_opened,
    proposed,
    waitlisted,
)
from tests.domain.facts import PROVIDER as OWN

EXAMPLES = {"sqlite": 30, "postgres": 5}


def whole(log: Log, reader: Callable[..., Any], **wanted: Any) -> list[Any]:
    """All pages of a list, three items each."""
    found, after = [], None
    while True:
        items, after = log.ask(reader, **wanted, after=after, limit=3)
        found += items
        if after is None:
            return found


def with_histories(kind: str, fresh_url: Callable[[str], str], holds: Callable[[Log, History], None]) -> None:
    @settings(max_examples=EXAMPLES[kind], deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps)
    def hold(steps: list[tuple[int, int, bool]]) -> None:
        history = History()
        with opened_log(fresh_url(kind)) as log:
            log.append_all(history.play(steps))
            holds(log, history)

    hold()


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_live_rows_are_what_a_rebuild_makes(kind: str, fresh_url: Callable[[str], str]) -> None:
    """given any history / when all projections are built anew / then not one row differs."""

    def holds(log: Log, history: History) -> None:
        assert check(log.store, [], lambda done, total: None) == []

    with_histories(kind, fresh_url, holds)


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_rows_that_memory_does_not_hold_are_found_again(
    kind: str, fresh_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """given room for a few rows and sums only / when all projections are built anew / then not one row differs."""
    monkeypatch.setattr(rebuilding, "BATCH_EVENTS", 5)
    monkeypatch.setattr(loading, "ROWS_HELD_MAX", 4)
    monkeypatch.setattr(loading, "SUMS_HELD_MAX", 2)

    def holds(log: Log, history: History) -> None:
        assert check(log.store, [], lambda done, total: None) == []

    with_histories(kind, fresh_url, holds)


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_readers_say_what_decisions_know(kind: str, fresh_url: Callable[[str], str]) -> None:
    """given any history / when pools, cases, bookings and lists are read / then they are as the domain's own states."""

    def holds(log: Log, history: History) -> None:
        states = history.states
        known = list(states.bookings.values())
        assert whole(log, list_bookings, pool=POOL) == [BookingView.of(booking) for booking in known]
        assert log.ask(booking_ids_of_pool, POOL) == [booking.id for booking in known]
        assert whole(log, list_cases, pool=POOL) == [CaseView.of(case) for case in states.cases.values()]
        assert log.ask(entries, POOL) == states.waiting.in_order()
        assert [place.booking for place in log.ask(waiting_list, POOL, None)] == [
            each.booking for each in states.waiting.in_order()
        ]
        working = {each.booking: each.state for each in whole(log, worklist, pool=POOL)}
        assert working == {each.id: each.state for each in known if each.state in OPEN_STATES}
        found = log.ask(pool, POOL)
        assert (found.rules, found.period, found.closed) == (states.pool.rules, states.pool.period, states.pool.closed)
        assert (found.exhausted, set(found.closed_months)) == (states.pool.exhausted, states.pool.closed_months)
        assert found.balance.available == states.pool.available
        assert found.balance == log.ask(balance, POOL)
        assert log.ask(events, provider=None, after=0, limit=10_000) == log.recorded

    with_histories(kind, fresh_url, holds)


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_a_provider_sees_its_own_and_nothing_else(kind: str, fresh_url: Callable[[str], str]) -> None:
    """given two providers in one pool / when one of them reads / then it gets what the office gets, less the other's rows."""

    def holds(log: Log, history: History) -> None:
        for own in PROVIDERS:
            for reader in (list_bookings, list_cases, worklist, trail):
                mine = [each for each in whole(log, reader, pool=POOL, provider=None) if each.provider == own]
                assert whole(log, reader, pool=POOL, provider=own) == mine
            mine = [each for each in log.ask(waiting_list, POOL, None) if each.provider == own]
            assert log.ask(waiting_list, POOL, own) == mine
            about = {each.position for each in whole(log, trail, provider=own)}
            assert [each.position for each in log.ask(events, provider=own, after=0, limit=10_000)] == sorted(about)
            named = {getattr(event.data, "provider", own) for event in log.recorded if event.position in about}
            assert named <= {own}
            for case in history.states.cases.values():
                if case.provider != own:
                    for reader in (versioned_case, case_texts):
                        with pytest.raises(NotFound):
                            log.ask(reader, case.id, own)
            for booking in history.states.bookings.values():
                if booking.provider != own:
                    for reader in (versioned_booking, booking_texts):
                        with pytest.raises(NotFound):
                            log.ask(reader, booking.id, own)

    with_histories(kind, fresh_url, holds)


# What says nothing to the question of a projection. Whoever adds an event decides here or in its folds.
_SESSIONS = {SessionLogged, SessionCorrected, SessionReversed, SessionConfirmed}
_GRANTS = {GrantReduced, BookingSettled}
_CASES = set(get_args(CaseEvent))
_PERSONAL_DATA = set(get_args(PersonalDataEvent))
_POOLS = set(get_args(PoolEvent))
_BOOKINGS = set(get_args(BookingEvent))
_FINDINGS = set(get_args(FindingEvent))
_PROVIDERS = set(get_args(ProviderEvent))
IGNORED: dict[str, set[Any]] = {
    "pools": _CASES | _BOOKINGS | _FINDINGS | _PROVIDERS,
    "cases": _POOLS | _BOOKINGS | _FINDINGS | _PROVIDERS,
    "retention": _FINDINGS
    | _PROVIDERS
    | _BOOKINGS
    | (_POOLS - {PoolClosed})
    | (_CASES - {CaseOpened, CaseClosed} - _PERSONAL_DATA),
    "bookings": _CASES | _POOLS | _FINDINGS | _PROVIDERS,
    "waiting_list": _CASES | _FINDINGS | _PROVIDERS | (_POOLS - {PlaceOffered}) | _SESSIONS | _GRANTS | {ApprovalProposed},
    "worklist": _FINDINGS | _PROVIDERS | _CASES | _POOLS | _SESSIONS | _GRANTS,
    "balances": _CASES
    | _FINDINGS
    | _PROVIDERS
    | (_POOLS - {PoolOpened, BudgetChanged, HoursReserved, HoursReleased})
    | (_BOOKINGS - {HoursRequested, SessionLogged, SessionCorrected, SessionReversed}),
    "findings": _CASES | _POOLS | _BOOKINGS | _PROVIDERS,
    "providers": _CASES | _POOLS | _BOOKINGS | _FINDINGS,
    "evaluation": _FINDINGS | _PROVIDERS | (_POOLS - {PoolClosed}) | _PERSONAL_DATA | _SESSIONS | _GRANTS,
    "audit_trail": set(),
}


@pytest.mark.parametrize("name", IGNORED)
def test_every_event_is_folded_or_ignored_on_purpose(name: str) -> None:
    """An event that nobody thought of would be missing from a projection in silence."""
    [folded] = [set(projection.folds) for projection in PROJECTIONS if projection.name == name]
    assert folded | IGNORED[name] == {entry.cls for entry in CATALOGUE}
    assert not folded & IGNORED[name]


def test_a_resource_says_its_version(store_url: str) -> None:
    """given a booking with three events / when it is read / then it says version 3 and the position of the third."""
    with opened_log(store_url) as log:
        log.append([pool_opened(), case_opened(), hours_requested(60), *approved(60), logged(15)])
        found = log.ask(versioned_booking, BOOKING, OWN)
        assert (found.version, found.position) == (3, 6)
        assert (log.ask(versioned_case, CASE, None).version, log.ask(versioned_pool, log.recorded[0].stream).version) == (1, 2)


def test_a_booking_lists_its_sessions_as_they_were_logged(store_url: str) -> None:
    """given sessions logged against their order in time / when the booking is read / then they stand as logged, offset and all."""
    early, late = berlin(2022, 3, 1, 9), berlin(2022, 3, 2, 9)
    with opened_log(store_url) as log:
        log.append([pool_opened(), case_opened(), hours_requested(60), *approved(60)])
        log.append([logged(15, SESSION, late), logged(30, SESSION_2, early)])
        sessions = log.ask(versioned_booking, BOOKING, None).view.sessions
        assert [session.id for session in sessions] == [SESSION, SESSION_2]
        assert sessions[0].starts_at.isoformat() == "2022-03-02T09:00:00+01:00"
        assert log.ask(bookings_of_sessions, [SESSION, SESSION_2, CASE]) == {SESSION: BOOKING, SESSION_2: BOOKING}


def test_a_list_goes_on_where_it_ended(store_url: str) -> None:
    """given three bookings / when read in pages of two / then each comes once, also when one was added in between."""
    facts = [pool_opened(), case_opened(), case_opened(CASE_2, PROVIDER_2)]
    with opened_log(store_url) as log:
        log.append([*facts, hours_requested(15, BOOKING), hours_requested(15, BOOKING_2)])
        first, after = log.ask(list_bookings, limit=1)
        log.append([hours_requested(15, BOOKING_3, CASE_2, provider=PROVIDER_2)])
        rest, end = log.ask(list_bookings, after=after, limit=2)
        assert [each.id for each in (*first, *rest)] == [BOOKING, BOOKING_2, BOOKING_3]
        assert end is None
        assert log.ask(booking_ids_of_case, CASE) == [BOOKING, BOOKING_2]
        assert [each.id for each in log.ask(list_bookings, case=CASE_2, limit=9)[0]] == [BOOKING_3]
        assert log.ask(list_pools, limit=1)[1] is None


@pytest.mark.parametrize("after", ["x", "-1", "1.0", "²", "", str(POSITION_MAX + 1), "9" * 5000])
def test_a_place_that_no_list_named_is_malformed(after: str, fresh_url: Callable[[str], str]) -> None:
    """given a list / when asked to go on after something that it never named / then that is malformed."""
    with opened_log(fresh_url("sqlite")) as log, pytest.raises(Malformed):
        log.ask(list_bookings, after=after, limit=1)


def test_a_place_on_the_waiting_list_counts_no_others(store_url: str) -> None:
    """given a foreign request ahead of one's own / when the provider looks / then its own stands at place 1."""
    facts = [pool_opened(), case_opened(), case_opened(CASE_2, PROVIDER_2)]
    with opened_log(store_url) as log:
        log.append([*facts, hours_requested(15, BOOKING), hours_requested(15, BOOKING_2, CASE_2, provider=PROVIDER_2)])
        log.append([waitlisted(15, BOOKING), waitlisted(15, BOOKING_2, priority=1)])
        [own] = log.ask(waiting_list, log.recorded[0].stream, OWN)
        assert (own.place, own.booking) == (1, BOOKING)
        assert [entry.booking for entry in log.ask(waiting_list, log.recorded[0].stream, None)] == [BOOKING_2, BOOKING]


def test_the_worklist_says_who_agreed_first(store_url: str) -> None:
    """given a proposal / when the worklist is read / then it names the first officer until the second decides."""
    with opened_log(store_url) as log:
        log.append([pool_opened(), case_opened(), hours_requested(60), proposed(60, OFFICER_2)])
        [item] = log.ask(worklist, limit=9)[0]
        assert (item.state, item.proposed_by) == ("awaiting_second", OFFICER_2)
        log.append(approved(60))
        assert log.ask(worklist, limit=9)[0] == []


def test_texts_stay_sealed_until_somebody_opens_them(store_url: str) -> None:
    """given a case with a name / when its row is read / then the name is sealed and opens with its place in the log."""
    stream, opened = case_opened()
    with opened_log(store_url) as log:
        log.append([pool_opened(), (stream, replace(opened, name="Erika Mustermann"))])
        name = log.ask(case_texts, CASE, OWN).name
        assert name is not None
        assert (name.position, name.stream, name.field) == (2, CASE, "name")
        assert name.open(Opener()) == "Erika Mustermann"


def test_another_version_of_a_projection_refuses_to_work(store_url: str) -> None:
    """given rows of another version / when a turn begins or a reader asks / then both refuse and name the projection."""
    with opened_log(store_url) as log:
        log.append([pool_opened()])
        with log.store.turn() as tx:
            tx.execute("UPDATE projections SET version = ? WHERE name = ?", [(99, "bookings")])
        with pytest.raises(ProjectionOutdated, match="bookings"):
            log.append([case_opened()])
        with pytest.raises(ProjectionOutdated, match="bookings"):
            log.ask(list_bookings, limit=1)


def test_a_failed_turn_leaves_nothing_in_memory(store_url: str) -> None:
    """given a turn that failed after projecting / when the next one starts over / then it is counted once."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), *approved(60)])
        with suppress(RuntimeError), log.store.turn() as tx:
            log.projector.begin(tx, *tx.ask(LIVE), others=())
            log.projector.project(tx, [msgspec.structs.replace(log.recorded[4], position=6)])
            raise RuntimeError
        log.append_all([([logged(15)], None)], others=None)
        assert log.ask(pool, log.recorded[0].stream).balance.granted == 60
        assert check(log.store, [], lambda done, total: None) == []


@pytest.mark.parametrize("held", [10, 200_000])
@pytest.mark.parametrize("kind", STORE_KINDS)
def test_processes_that_alternate_write_what_one_would(
    kind: str, held: int, fresh_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they decide, however many rows they can hold, and however long one of them has not had its turn."""
    monkeypatch.setattr(tables, "ROWS_HELD_MAX", held)

    @settings(max_examples=EXAMPLES[kind], deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps, st.lists(st.tuples(st.integers(0, 2), st.integers(1, 12)), min_size=3, max_size=9))
    def hold(steps: list[tuple[int, int, bool]], turns: list[tuple[int, int]]) -> None:
        projectors, known = [Projector(PROJECTIONS) for _ in range(3)], [0] * 3
        decisions = History().play(steps)
        with opened_log(fresh_url(kind)) as log:
            for process, number in cycle(turns):
                if not decisions:
                    break
                log.projector, decided, decisions = projectors[process], decisions[:number], decisions[number:]
                log.append_all(decided, others=log.recorded[known[process] :])
                known[process] = len(log.recorded)
            assert check(log.store, [], lambda done, total: None) == []

    hold()


def test_a_turn_of_somebody_else_is_taken_over_without_reading(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a process that holds the rows / when another has logged a session / then it logs the next one on these rows."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), *approved(60)])
        one, known = log.projector, len(log.recorded)
        log.append([logged(15)])
        known = len(log.recorded)
        log.projector = Projector(PROJECTIONS)
        log.append_all([([logged(15, SESSION_2)], None)], others=None)
        log.projector = one
        monkeypatch.setattr(Rows, "stored", lambda *_: pytest.fail("a row was read"))
        log.append_all([([logged(15, BOOKING_3)], None)], others=log.recorded[known:])
        assert log.ask(versioned_booking, BOOKING, None).view.consumed_minutes == 45


def test_rows_are_found_together_for_those_events_that_ask_for_them(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a process that holds nothing / when two sessions and a request come / then two bookings are looked for, at once."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60, BOOKING), hours_requested(60, BOOKING_2)])
        log.append([*approved(60, BOOKING), *approved(60, BOOKING_2)])
        log.projector, asked, stored = Projector(PROJECTIONS), [], Rows.stored
        monkeypatch.setattr(Rows, "stored", lambda rows, table, keys: (asked.append((table, keys)), stored(rows, table, keys))[1])
        log.append([hours_requested(60, BOOKING_3), logged(15, SESSION, booking=BOOKING), logged(15, SESSION_2, booking=BOOKING_2)])
        assert [keys for table, keys in asked if table is BOOKINGS_TABLE] == [[(str(BOOKING),), (str(BOOKING_2),)]]


def test_a_turn_of_somebody_else_is_read_before_going_on(store_url: str) -> None:
    """given two processes that take turns / when each says that the other has written / then no row is lost."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), *approved(60)])
        one, other = log.projector, Projector(PROJECTIONS)
        for projector, session in ((other, SESSION), (one, SESSION_2), (other, BOOKING_3)):
            log.projector = projector
            log.append_all([([logged(15, session)], None)], others=None)
        assert log.ask(versioned_booking, BOOKING, None).view.consumed_minutes == 45
        assert check(log.store, [], lambda done, total: None) == []
