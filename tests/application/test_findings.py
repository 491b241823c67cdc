"""Findings over a log: the same however it is read, at any position what a recount by other means finds there."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import application.findings
from application import commands, sampling
from application.findings import FindingItem, Findings
from application.log import EventMapper, Recorded, StoredRow, StoreUnavailable, forms_of, read_events
from application.projections.balances import balance
from application.projections.evaluation import evaluation
from application.receipts import Answer
from application.turn import Turn
from domain.booking import (
    BookingSettled,
    Facts,
    HoursApproved,
    HoursRequested,
    SessionConfirmed,
    SessionCorrected,
    SessionFacts,
    SessionLogged,
    SessionReversed,
)
from domain.case import CaseOpened
from domain.findings.finding import Finding
from domain.findings.register import Register
from domain.findings.thresholds import Thresholds
from domain.pool import PoolOpened
from domain.quantities import Actor, Kind, Period, Rules, berlin_time
from domain.refusals import Malformed, NotFound, OutsidePeriod, Refusal
from domain.registry import (
    Provider,
    end_offer,
    end_provider,
    end_worker,
    evolve,
    provider_id,
    register_offer,
    register_provider,
    register_worker,
)
from interfaces.spreadsheets import read_table
from tests.application.findings_recount import recount
from tests.application.projections.driver import sealed
from tests.application.projections.histories import CASES, POOL, History, steps
from tests.application.test_imports import SHARED, municipal, take
from tests.office import AUDITOR, LEAD, OFFICER, WORKER, Office, body, running_office

MAPPER = EventMapper(transcoder=None)  # type: ignore[arg-type]


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    with running_office(store_url, tmp_path / "keys") as office:
        yield office


def rows_of(decisions: list[tuple[Facts, datetime]]) -> list[list[StoredRow]]:
    """The log of a history, decision by decision."""
    made, versions, position = [], Counter[UUID](), 0
    for facts, at in decisions:
        rows = []
        for stream, data in facts:
            position += 1
            versions[stream] += 1
            actor = Actor("officer-1", "officer", "jugendamt")
            event = Recorded(position, stream, versions[stream], at, actor, "command", None, sealed(data))
            row = MAPPER.to_stored_event(event)
            rows.append((str(stream), versions[stream], row.topic, row.state, position))
        made.append(rows)
    return made


def counted(findings: Any) -> Counter[tuple[str, tuple[int, ...]]]:
    return Counter((finding.rule, finding.positions) for finding in findings)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(steps)
def test_at_every_position_it_is_what_a_recount_finds(steps: list[tuple[int, int, bool]]) -> None:
    """Asked after each decision, one register finds what the rules find, by other means, in the log up to there."""
    register, log = Register(Thresholds(), forms_of), []
    for rows in rows_of(History().play(steps)):
        log += [state for _, _, _, state, _ in rows]
        register.feed(read_events(rows))
        assert counted(register.findings()) == recount(log)


one_step = st.tuples(st.integers(0, 7), st.integers(0, 2), st.integers(0, 2), st.integers(0, 45), st.integers(1, 10))
crowded = st.lists(one_step, min_size=20, max_size=80)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(crowded)
def test_where_sessions_crowd_it_is_what_a_recount_finds(steps: list[tuple[int, int, int, int, int]]) -> None:
    """The same for three workers in three cases who get in each other's way, around midnight and the change of clocks as well, and
    are registered, or no longer, before or after."""
    register, log = Register(Thresholds(), forms_of), []
    for rows in rows_of(_crowd(steps)):
        log += [state for _, _, _, state, _ in rows]
        register.feed(read_events(rows))
        assert counted(register.findings()) == recount(log)


def _crowd(steps: list[tuple[int, int, int, int, int]]) -> list[tuple[Facts, datetime]]:
    """Approved requests of three cases; then each step logs, corrects, reverses or confirms a session, settles a request, or
    registers something of a provider.

    The slots lie six hours apart from the day before the clocks change on; a correction moves a session to another slot, worker
    and length.
    """
    start = datetime(2022, 3, 26, 16, tzinfo=UTC)
    rules = Rules(unit_minutes=15)
    decisions: list[tuple[Facts, datetime]] = [
        ([(POOL, PoolOpened("Stundenpool", Period(date(2021, 11, 1), date(2022, 5, 31)), 60_000, rules))], start)
    ]
    for number, case in enumerate(CASES[:3]):
        booking = uuid5(case, "booking")
        provider = f"traeger-{number // 2}"
        opened = CaseOpened(POOL, f"F-{number}", provider, f"club-{number}", "nord", "11", "school", start, None, None, None, None)
        asked = HoursRequested(POOL, case, provider, "nord", 6000, start, "kraft-1", None)
        approved = HoursApproved(provider, 6000, start, "amt-1", None, None, None, False, None, False)
        decisions.append(([(case, opened), (booking, asked), (booking, approved)], start))
    standing: dict[UUID, tuple[UUID, str, SessionFacts]] = {}
    registry: dict[UUID, Provider] = {}
    for number, (what, worker, where, slot, quarters) in enumerate(steps):
        case, provider = CASES[where], f"traeger-{where // 2}"
        booking, now = uuid5(case, "booking"), start + timedelta(days=10, hours=number * 6)
        kind: Kind = "direct" if quarters % 3 else "travel"
        says = SessionFacts(berlin_time(start + timedelta(hours=6 * slot)), quarters * 45, kind, f"kraft-{worker}")
        chosen = list(standing)[slot % len(standing)] if standing else None
        if what == 7:
            decisions += [(_registered(registry, provider, f"kraft-{worker}", f"club-{where}", slot, quarters), now)]
            continue
        if what < 3 or chosen is None:
            session = uuid5(case, f"session-{number}")
            standing[session] = booking, provider, says
            data: Any = SessionLogged(session, provider, says.starts_at, says.minutes, kind, says.worker, False, None, bool(worker))
        elif what == 6 and not quarters % 5:
            data = BookingSettled(provider, now)
        else:
            booking, provider, before = standing[chosen]
            if what == 3:
                data, standing[chosen] = (
                    SessionCorrected(chosen, provider, says, before, None, None, True),
                    (booking, provider, says),
                )
            elif what == 4:
                data = SessionReversed(chosen, provider, before, None, True)
                del standing[chosen]
            else:
                data = SessionConfirmed(chosen, provider, None, "signature")
        decisions.append(([(booking, data)], now))
    return decisions


def _registered(registry: dict[UUID, Provider], provider: str, worker: str, offer: str, slot: int, quarters: int) -> Facts:
    """The provider first; then its worker, its offer, or the end of one of the three. What the registry refuses does not happen."""
    stream, first = provider_id(provider), date(2022, 3, 20) + timedelta(days=slot // 4)
    known = registry.get(stream)
    until = first + timedelta(days=quarters - 4) if quarters % 2 else None
    try:
        if known is None:
            events = register_provider(None, provider=provider, name=provider, valid_from=first)
        elif quarters < 5:
            events = register_worker(known, worker=worker, valid_from=first, valid_until=until)
        elif quarters < 7:
            events = register_offer(known, offer=offer, valid_from=first, valid_until=until)
        elif quarters < 9:
            events = end_worker(known, worker=worker, valid_until=first)
        else:
            events = end_offer(known, offer=offer, valid_until=first) if quarters < 10 else end_provider(known, valid_until=first)
    except Refusal:
        return []
    for event in events:
        registry[stream] = evolve(registry.get(stream), stream, event)
    return [(stream, event) for event in events]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(steps)
def test_asked_on_the_way_or_only_at_the_end(steps: list[tuple[int, int, bool]]) -> None:
    """To have been asked before changes no finding, not even its words."""
    asked, silent = Register(Thresholds(), forms_of), Register(Thresholds(), forms_of)
    for rows in rows_of(History().play(steps)):
        asked.feed(read_events(rows))
        silent.feed(read_events(rows))
        list(asked.findings())
    assert ordered(asked) == ordered(silent)


def ordered(register: Register) -> list[Finding]:
    return sorted(register.findings(), key=lambda finding: (finding.position, finding.id))


def everything(office: Office, findings: Findings, **filters: Any) -> list[FindingItem]:
    """All pages, three findings each."""
    found: list[FindingItem] = []
    after = None
    while True:
        with office.store.reading() as reader:
            page = findings.page(reader, **{"pool": None, "rule": None} | filters, after=after, limit=3)
        found += page.items
        after = page.next
        if after is None:
            return found


def booked(office: Office, pool: UUID, reference: str, minutes: int = 240) -> UUID:
    """An approved request of a new case."""
    facts: dict[str, Any] = {"provider": "traeger-a", "district": "nord", "service_area": "11", "concern": "school"}
    opened = office.do(LEAD, commands.open_case, pool=pool, reference=reference, **facts)
    case = UUID(body(opened)["id"])
    booking = UUID(body(office.do(WORKER, commands.request_hours, case=case, minutes=minutes, purpose="Amt"))["id"])
    office.do(OFFICER, commands.approve_hours, booking)
    return booking


def test_what_came_since_is_taken_in(office: Office) -> None:
    """Asked again and again, in pages, it is what a register that was never asked before finds; a correction ends a finding."""
    pool = office.open_pool("2021-11-01", "2199-12-31", 6000)
    findings = Findings(Thresholds())
    first, second = booked(office, pool, "F-1"), booked(office, pool, "F-2")
    assert {each.rule for each in everything(office, findings)} == {"no-review-date"}

    served = logged(office, first, "2024-03-05T10:00+01:00"), logged(office, second, "2024-03-05T10:15+01:00")
    [overlap] = everything(office, findings, rule="overlap-worker")
    events = {event.position: event.data for event in office.log()}
    assert [getattr(events[position], "session", None) for position in overlap.positions] == list(served)
    assert counted(everything(office, findings)) == recount_of(office)

    office.do(WORKER, commands.correct_session, second, served[1], starts_at=at("2024-03-05T12:00+01:00"), reason="falsch")
    assert everything(office, findings, rule="overlap-worker") == []
    assert everything(office, findings) == everything(office, Findings(Thresholds()))


def test_attempts_are_found_in_receipts(office: Office) -> None:
    """Who is refused under a key leaves a receipt, found although the log has not grown, with what it was about."""
    pool = office.open_pool("2021-11-01", "2199-12-31", 6000)
    findings = Findings(Thresholds())
    booking = booked(office, pool, "F-1")
    assert everything(office, findings, rule="refused-outside") == []
    early = {"starts_at": at("2021-10-31T10:00+01:00"), "minutes": 60, "kind": "direct", "note": "Amt"}
    assert office.keyed("k-1", WORKER, commands.log_session, booking, **early).outcome == "outside_period"
    office.keyed("k-2", WORKER, commands.log_session, booking, **early)
    office.do(WORKER, commands.log_session, booking, **early)  # without a key nothing of it is kept

    [attempts] = everything(office, findings, rule="refused-outside", pool=pool)
    assert attempts.sentence.startswith("kraft-a (traeger-a): 2 Versuche außerhalb des Zeitraums")
    assert attempts.positions == (len(office.log()),)
    assert (attempts.pool, attempts.booking, attempts.provider) == (pool, booking, "traeger-a")
    assert f"Antrag {str(booking)[:8]} (Fall „F-1“, Träger traeger-a)" in attempts.sentence
    assert everything(office, findings) == everything(office, Findings(Thresholds()))
    assert counted(everything(office, findings)) == recount_of(office)

    other = office.open_pool("2021-11-01", "2199-12-31", 6000)
    assert everything(office, findings, rule="refused-outside", pool=other) == []
    office.keyed("k-3", WORKER, outside)  # like a receipt from before, it does not say what it was about
    [old] = everything(office, findings, rule="refused-outside", pool=other)
    assert (old.pool, old.booking) == (None, None)


def outside(turn: Turn) -> Answer:
    raise OutsidePeriod(day="31.10.2021", start="01.11.2021", end="31.12.2199")


def test_attempts_are_taken_in_where_they_happened(office: Office) -> None:
    """A pool that is closed later still has them, whether somebody asked in between or not."""
    pool = office.open_pool("2021-11-01", "2199-12-31", 6000)
    asked = Findings(Thresholds())
    early = {"starts_at": at("2021-10-31T10:00+01:00"), "minutes": 60, "kind": "direct", "note": "Amt"}
    for number in range(3):
        booking = booked(office, pool, f"F-{number}")
        office.keyed(f"k-{number}", WORKER, commands.log_session, booking, **early)
        if number != 1:
            everything(office, asked)
    office.do(OFFICER, commands.close_pool, pool, reason="Ende")
    office.open_pool("2021-11-01", "2199-12-31", 6000)

    found = everything(office, Findings(Thresholds()))
    assert found == everything(office, asked)
    [attempts] = [each for each in found if each.rule == "refused-outside"]
    assert (attempts.pool, len(attempts.positions)) == (pool, 3)


def test_a_log_that_was_shortened_is_read_anew(office: Office) -> None:
    """What a register has taken in from a log that is not this one does not last."""
    pool = office.open_pool("2021-11-01", "2199-12-31", 6000)
    booked(office, pool, "F-1")
    findings = Findings(Thresholds())
    findings._register.feed(read_events(rows_of(History().play([]))[0]))
    with office.store.reading() as reader:
        last = reader.stored_rows(2, 1)[0]
    findings._position, findings._last = 3, (*last[:3], b"something else", last[4])

    assert everything(office, findings) == everything(office, Findings(Thresholds()))


def test_nobody_waits_long_for_another(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a thread reads a long log for the first time, the others are told to come back instead of being kept."""
    monkeypatch.setattr(application.findings, "WAIT_SECONDS_MAX", 0.01)
    findings = Findings(Thresholds())
    with findings._alone(), ThreadPoolExecutor(1) as other, pytest.raises(StoreUnavailable):
        other.submit(everything, office, findings).result()
    assert everything(office, findings) == []


def test_nothing_is_read_once_all_is_reckoned(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reckoning takes long where the log is long, and a database ends a snapshot in which nobody asks for a minute."""
    reckon = Register.findings

    def ended(*_: object) -> None:
        raise AssertionError("the snapshot has ended")

    with office.store.reading() as reader:

        def reckoned(register: Register) -> Iterator[Finding]:
            for name in ("fetch", "ask", "look", "stored_rows"):
                monkeypatch.setattr(reader, name, ended)
            return reckon(register)

        monkeypatch.setattr(Register, "findings", reckoned)
        assert not Findings(Thresholds()).report(reader, pool=None, progress=lambda done, total: None).findings


def test_what_fails_half_way_is_begun_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of which some were taken in and some were not leave nothing behind."""
    pool = office.open_pool("2021-11-01", "2199-12-31", 6000)
    booked(office, pool, "F-1")
    findings, feed = Findings(Thresholds()), Register.feed

    def fails_half_way(register: Register, events: list[Recorded]) -> None:
        feed(register, events[:-1])
        raise ZeroDivisionError

    monkeypatch.setattr(Register, "feed", fails_half_way)
    with pytest.raises(ZeroDivisionError):
        everything(office, findings)
    monkeypatch.undo()
    assert everything(office, findings) == everything(office, Findings(Thresholds()))


def test_findings_of_a_pool(office: Office) -> None:
    """A pool shows its own."""
    one, other = (office.open_pool("2021-11-01", "2199-12-31", 6000) for _ in range(2))
    booked(office, one, "F-1")
    findings = Findings(Thresholds())

    assert [each.pool for each in everything(office, findings, pool=one)] == [one]
    assert everything(office, findings, pool=other) == []


def test_a_rule_that_there_is_not(office: Office) -> None:
    """A mistyped rule must not look as if nothing was found."""
    with pytest.raises(Malformed):
        everything(office, Findings(Thresholds()), rule="overlap-workers")


def test_the_report_counts_by_rule(office: Office) -> None:
    """Every rule stands in the report, with how often it found something and by which thresholds."""
    pool = office.open_pool("2021-11-01", "2199-12-31", 6000)
    booked(office, pool, "F-1")
    with office.store.reading() as reader:
        report = Findings(Thresholds(pair_cases_min=3)).report(reader, pool=None, progress=lambda done, total: None)

    assert {each.rule: each.findings for each in report.rules if each.findings} == {"no-review-date": 1}
    assert report.thresholds.pair_cases_min == 3
    assert report.position == len(office.log())


@municipal
def test_the_municipal_files(office: Office) -> None:
    """717 requests and 3,291 sessions: every rule finds what a recount finds, and those that apply find something."""
    pool = office.open_pool("2010-10-01", "2012-01-31", 900_000, unit_minutes=5, late_entry_days=10)
    for kind in ("requests", "sessions"):
        take(office, pool, kind, read_table(SHARED / f"municipal-{kind}.csv"))

    found = counted(everything_at_once(office))

    assert found == recount_of(office)
    applying = {"overlap-worker", "before-approval", "import-own-request", "import-outside", "empty-note", "no-review-date"}
    assert applying <= {rule for rule, _ in found}
    assert "late-entry" not in {rule for rule, _ in found}  # nobody knows when imported history was entered


def test_what_was_opened_stays(office: Office) -> None:
    """It says how far it is handled, also when a correction ends it; opened again it is as it is seen by then."""
    pool = office.open_pool("2021-11-01", "2199-12-31", 6000)
    findings = Findings(Thresholds())
    first, second = booked(office, pool, "F-1"), booked(office, pool, "F-2")
    served = logged(office, first, "2024-03-05T10:00+01:00"), logged(office, second, "2024-03-05T10:15+01:00")
    [seen] = everything(office, findings, rule="overlap-worker")
    assert (seen.holds, seen.state, seen.explanations) == (True, None, 0)

    opened(office, findings, seen.id)
    assert office.do(LEAD, commands.explain_finding, seen.id, explanation="Tippfehler").outcome == "done"
    office.do(WORKER, commands.correct_session, second, served[1], starts_at=at("2024-03-05T12:00+01:00"), reason="falsch")
    [kept] = everything(office, findings, rule="overlap-worker")
    assert (kept.holds, kept.state, kept.explanations) == (False, "explained", 1)
    assert (kept.sentence, kept.positions, kept.source, kept.family) == (seen.sentence, seen.positions, seen.source, seen.family)
    assert everything(office, findings, state="explained") == [kept]
    with office.store.reading() as reader, pytest.raises(NotFound):
        findings.holding(reader, seen.id)

    assert office.do(AUDITOR, commands.close_finding, seen.id, reason="berichtigt").outcome == "done"
    office.do(WORKER, commands.correct_session, first, served[0], starts_at=at("2024-03-05T12:30+01:00"), reason="falsch")
    opened(office, findings, seen.id)
    [again] = everything(office, findings, rule="overlap-worker")
    assert (again.holds, again.state, again.id) == (True, "open", seen.id)
    assert everything(office, findings) == everything(office, Findings(Thresholds()))


def test_what_a_person_raised_stands_among_them(office: Office) -> None:
    """Without rule and sentence, at the position at which it was opened."""
    pool = office.open_pool("2021-11-01", "2199-12-31", 6000)
    raised = office.do(AUDITOR, commands.raise_finding, pool=pool, provider="traeger-a", note="Dienstplan")
    booked(office, pool, "F-1")
    first, second = everything(office, Findings(Thresholds()))
    assert (str(first.id), first.rule, first.sentence, first.position) == (body(raised)["id"], None, None, 2)
    assert second.rule == "no-review-date"


def test_handling_findings_and_drawing_samples_moves_no_minute(office: Office) -> None:
    """Balances and figures are what they were before."""
    pool = office.open_pool("2021-11-01", "2199-12-31", 6000)
    booking = booked(office, pool, "F-1")
    logged(office, booking, "2024-03-05T10:00+01:00")

    def sums() -> tuple[Any, ...]:
        with office.store.reading() as reader:
            figures = evaluation(reader, pool).figures
            return figures, *(balance(reader, pool, None, None, by) for by in ("case", "district", "month", "provider"))

    before, findings = sums(), Findings(Thresholds())
    seen, *_ = everything(office, findings)
    opened(office, findings, seen.id)
    office.do(LEAD, commands.explain_finding, seen.id, explanation="vergessen")
    office.do(AUDITOR, commands.confirm_finding, seen.id)
    office.do(AUDITOR, commands.close_finding, seen.id, reason="erledigt")
    with office.store.reading() as reader:
        limits = dict.fromkeys(("share_percent", "provider", "first_day", "last_day", "seed"))
        drawn = sampling.draw(reader, pool, size=1, **limits)
    office.do(AUDITOR, commands.draw_sample, pool=pool, sample=drawn)
    assert sums() == before
    assert len(office.log()) == 11


def opened(office: Office, findings: Findings, finding: UUID) -> None:
    with office.store.reading() as reader:
        found = findings.holding(reader, finding)
    assert office.do(AUDITOR, commands.open_finding, finding, found=found, note=None).outcome == "done"


def everything_at_once(office: Office) -> list[FindingItem]:
    with office.store.reading() as reader:
        return list(Findings(Thresholds()).report(reader, pool=None, progress=lambda done, total: None).findings)


def recount_of(office: Office) -> Counter[tuple[str, tuple[int, ...]]]:
    with office.store.reading() as reader:
        receipts = reader.fetch("SELECT subject, organisation, outcome, position FROM receipts")
        return recount((row.state for row in reader.notifications(0, 1_000_000)), receipts)


def logged(office: Office, booking: UUID, starts_at: str) -> UUID:
    """A session of an hour."""
    answer = office.do(WORKER, commands.log_session, booking, starts_at=at(starts_at), minutes=60, kind="direct", note="Amt")
    return UUID(body(answer)["id"])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
