"""The past: what is folded again from the log is what stood there then, for every reader; and how much of it there can be."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application import past
from application.explain import OfEvaluation, explain
from application.findings import Findings, FindingsReport
from application.log import Reader
from application.past import Past, Pasts
from application.projections.audit_trail import trail
from application.projections.balances import balance
from application.projections.bookings import booking_texts
from application.projections.evaluation import evaluation
from domain.booking import BookingEvent
from domain.findings.thresholds import Thresholds
from domain.quantities import BERLIN
from domain.refusals import Malformed, NotFound
from interfaces.storage import temporary
from interfaces.storage.temporary import TemporaryTables
from tests.application.projections.driver import Log, live_rows, opened_log
from tests.application.projections.histories import POOL, START, History, steps
from tests.conftest import STORE_KINDS
from tests.domain.facts import BOOKING, SERVED_AT, approved, case_opened, hours_requested, logged, pool_opened
from tests.domain.facts import POOL as FACTS_POOL

EXAMPLES = {"sqlite": 5, "postgres": 1}


def pasts() -> Pasts:
    return Pasts(TemporaryTables)


def asked(log: Log, known: Past, reader: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a reader answers of the past."""
    return log.ask(lambda snapshot: reader(known.over(snapshot), *args, **kwargs))


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_the_past_is_what_stood_there(kind: str, fresh_url: Callable[[str], str]) -> None:
    """given any history / when any instant of it is asked for / then every row is that of the log that ended there, and answers are
    the same."""

    @settings(max_examples=EXAMPLES[kind], deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps, st.integers(-60, 150 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)))
    def hold(steps: list[tuple[int, int, bool]], instant: datetime) -> None:
        decisions = History().play(steps)
        with opened_log(fresh_url(kind)) as log, opened_log(fresh_url(kind)) as then:
            log.append_all(decisions)
            then.append_all([(facts, at) for facts, at in decisions if at <= instant])
            known = log.ask(pasts().at, instant)
            assert known.position == len(then.recorded)
            assert asked(log, known, live_rows) == then.rows()
            assert asked(log, known, lambda reader: reader.head()) == then.ask(lambda reader: reader.head())
            assert asked(log, known, trail, provider=None, limit=500) == then.ask(trail, provider=None, limit=500)
            assert asked(log, known, evaluation, POOL) == then.ask(evaluation, POOL)
            assert asked(log, known, found) == then.ask(found)
            assert asked(log, known, balance, POOL, by="case") == log.ask(balance, POOL, None, instant, "case")
            for event in then.recorded[-5:]:
                if isinstance(event.data, get_args(BookingEvent)):
                    assert asked(log, known, booking_texts, event.stream, None) == then.ask(booking_texts, event.stream, None)
                assert asked(log, known, lambda reader, of: reader.stream(of), event.stream) == then.ask(
                    lambda reader, of: reader.stream(of), event.stream
                )

    hold()


def found(reader: Reader) -> FindingsReport:
    return Findings(Thresholds()).report(reader, pool=None, progress=lambda done, total: None)


def story(log: Log) -> None:
    """A request of one day, of which a session is logged the day after."""
    log.append([pool_opened(600), case_opened(), hours_requested(240), *approved(240)], at=SERVED_AT)
    log.append([logged(60)], at=SERVED_AT + timedelta(days=1))


def test_a_day_counts_to_its_end(store_url: str) -> None:
    """given a day / when it is asked for / then what was recorded in its last microsecond is known, and no more."""
    with opened_log(store_url) as log:
        midnight = datetime(2022, 3, 1, tzinfo=BERLIN)
        log.append([pool_opened(600)], at=midnight - timedelta(microseconds=1))
        log.append([case_opened()], at=midnight)
        assert log.ask(pasts().at, date(2022, 2, 28)).position == 1
        assert log.ask(pasts().at, date(2022, 2, 27)).position == 0
        assert log.ask(pasts().at, date(2022, 3, 1)) == Past(
            datetime(2022, 3, 2, tzinfo=BERLIN) - timedelta(microseconds=1), 2, None
        )


def test_before_the_beginning_there_is_nothing(store_url: str) -> None:
    """given a log / when a time before it is asked for / then nothing is there, not even the pool."""
    with opened_log(store_url) as log:
        assert log.ask(pasts().at, date(2020, 1, 1)).tables is None
        story(log)
        known = log.ask(pasts().at, date(2020, 1, 1))
        assert asked(log, known, trail, provider=None, limit=5) == ([], None)
        with pytest.raises(NotFound):
            asked(log, known, explain, OfEvaluation(FACTS_POOL, "requests"), limit=5)


def test_a_past_is_kept_while_the_log_stands(store_url: str) -> None:
    """given a past that was asked for / when it is asked for again / then it is not folded again, as long as it is kept."""
    with opened_log(store_url) as log:
        story(log)
        kept = pasts()
        first = log.ask(kept.at, SERVED_AT)
        assert first.tables is not None
        assert log.ask(kept.at, SERVED_AT.date()).tables is first.tables
        for days in (400, 401, 402):  # two others at most are kept
            log.append([logged(15, session=UUID(int=days))], at=SERVED_AT + timedelta(days=days))
            log.ask(kept.at, SERVED_AT + timedelta(days=days - 1))
        again = log.ask(kept.at, SERVED_AT)
        assert again.tables is not first.tables
        assert asked(log, again, live_rows) == asked(log, first, live_rows)


def test_another_log_is_folded_anew(store_url: str, fresh_url: Callable[[str], str]) -> None:
    """given a past of one log / when another stands in its place / then what is shown is the other's."""
    kept = pasts()
    with opened_log(store_url) as log, opened_log(fresh_url("sqlite")) as other:
        story(log)
        other.append([pool_opened(9000), case_opened(), hours_requested(120), *approved(120)], at=SERVED_AT)
        other.append([logged(60)], at=SERVED_AT + timedelta(days=1))
        assert asked(log, log.ask(kept.at, SERVED_AT), balance, FACTS_POOL).budget == 600
        assert asked(other, other.ask(kept.at, SERVED_AT), balance, FACTS_POOL).budget == 9000


def test_more_than_can_be_folded_is_refused(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a limit / when more had been recorded / then a sentence says so, and what is known until today needs no folding;
    whoever can wait is told how far it is."""
    monkeypatch.setattr(past, "EVENTS_MAX", 3)
    with opened_log(store_url) as log:
        story(log)
        with pytest.raises(Malformed) as refused:
            log.ask(pasts().at, SERVED_AT)
        assert "bis dahin waren" in str(refused.value.message)
        assert log.ask(pasts().at, SERVED_AT + timedelta(days=2)).tables is None
        told: list[tuple[int, int]] = []
        known = log.ask(past.past, SERVED_AT, TemporaryTables, lambda *far: told.append(far))
        assert asked(log, known, balance, FACTS_POOL).granted == 240
        assert told == [(known.position, known.position)]


def test_many_batches_come_to_the_same(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a log of many batches / when it is folded / then rows that were written in between are found again, also in the file
    that takes what is too much for memory."""
    monkeypatch.setattr(temporary, "MEMORY_KIB", 16)
    monkeypatch.setattr(past, "BATCH_EVENTS", 3)
    monkeypatch.setattr(past, "FLUSH_BATCHES", 2)
    with opened_log(store_url) as log:
        decisions = History().play([(n * 7919, 60, False) for n in range(80)])
        log.append_all(decisions)
        live = log.rows()
        log.append([(BOOKING, hours_requested(60)[1])], at=log.recorded[-1].recorded_at + timedelta(days=1))
        known = log.ask(pasts().at, log.recorded[-2].recorded_at)
        assert asked(log, known, live_rows) == live


def test_readers_of_the_past_are_readers(store_url: str) -> None:
    """given the past / when the log is read on behind its end / then there is nothing."""
    with opened_log(store_url) as log:
        story(log)
        known = log.ask(pasts().at, SERVED_AT)

        def read(reader: Reader) -> tuple[Any, ...]:
            end = known.position
            return reader.notifications(end, 5), reader.stored_rows(end - 1, 5), reader.look(end - 2, 9)[0]

        nothing, last, two = asked(log, known, read)
        assert (nothing, len(last), len(two)) == ([], 1, 2)
