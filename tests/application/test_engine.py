"""The engine: turns, answers that are kept, and what a failing neighbour, another process or a shortened log do to them."""

import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import DataError

from application import arrivals, commands, engine, snapshots, states
from application.arrivals import Overloaded
from application.log import Store
from application.projections import balances
from application.rebuild import check, rebuild
from application.receipts import Answer, RequestKey
from application.turn import Abandoned, Turn, Work
from domain.booking import HoursApproved
from domain.pool import PoolExhausted
from domain.quantities import Actor
from domain.refusals import KeyReused
from interfaces.storage.turns import TurnRecorder
from tests.application.one_turn import in_one_turn
from tests.office import LEAD, OFFICER, OTHER_LEAD, SECOND_OFFICER, WORKER, Office, body
from tests.schema import make_schema
from tests.tampering import tampering

NOON = datetime(2022, 1, 10, 12, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def process(store_url: str, tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Office]]:
    """A function that starts one more process on the same store."""
    make_schema(store_url)
    running: list[Office] = []

    def process() -> Office:
        running.append(Office(store_url, tmp_path / "keys", clock))
        return running[-1]

    yield process
    for office in running:
        office.close()


@pytest.fixture
def office(process: Callable[[], Office]) -> Office:
    return process()


@pytest.fixture
def pool(office: Office) -> UUID:
    return office.open_pool("2021-11-01", "2022-05-31", 600)


@pytest.fixture
def case(office: Office, pool: UUID) -> UUID:
    return opened_case(office, pool)


def opened_case(office: Office, pool: UUID, provider: Actor = LEAD) -> UUID:
    facts = {"pool": pool, "provider": provider.organisation, "district": "nord", "service_area": "13", "concern": "housing"}
    return UUID(body(office.do(provider, commands.open_case, **facts))["id"])


def requested(office: Office, case: UUID, minutes: int = 60) -> UUID:
    return UUID(body(office.do(WORKER, commands.request_hours, case=case, minutes=minutes))["id"])


def request_work(case: UUID, minutes: int = 60, key: str | None = None, actor: Actor = WORKER, expected: int | None = None) -> Work:
    """A request for hours on its way; its fingerprint is the number of minutes."""
    known = RequestKey(key, str(minutes).encode()) if key else None
    return Work(actor, lambda turn: commands.request_hours(turn, case=case, minutes=minutes), known, expected)


def said(office: Office, work: Work) -> Answer:
    return office.engine.submit(work).result()


def types(office: Office) -> list[str]:
    return [event.type for event in office.log()]


# ── keys


def test_a_person_gets_all_keys_when_the_case_is_opened(office: Office, case: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a case without a text yet / when texts of other classes follow / then no turn waits for the key store to make a key."""

    def none_is_made(names: Collection[str]) -> dict[str, bytes]:
        raise AssertionError(names)

    monkeypatch.setattr(office.keystore, "create", none_is_made)
    office.do(LEAD, commands.amend_case, case, name="Kim Beispiel", reason="nachgereicht")
    booking = UUID(body(office.do(WORKER, commands.request_hours, case=case, minutes=60, purpose="Wohnungssuche"))["id"])
    office.do(OFFICER, commands.approve_hours, booking)
    service = {"starts_at": NOON, "minutes": 60, "kind": "direct", "worker": WORKER.subject, "note": "Termin"}
    assert office.do(WORKER, commands.log_session, booking, **service).outcome == "created"


# ── neighbours


def test_a_refused_command_never_hurts_its_neighbours(office: Office, case: UUID) -> None:
    """A refusal in the middle of a turn is an answer; what stands around it is recorded without a gap."""
    before = len(office.log())

    answers = [future.result() for future in in_one_turn(office, [request_work(case, minutes) for minutes in (60, 7, 0, 45)])]

    assert [answer.outcome for answer in answers] == ["created", "not_a_unit", "malformed", "created"]
    assert [answer.position - before for answer in answers] == [1, 1, 1, 2]
    assert [event.position for event in office.log()] == list(range(1, before + 3))


def test_an_unexpected_failure_stays_with_its_own_caller(office: Office, case: UUID, caplog: pytest.LogCaptureFixture) -> None:
    """The others are decided again without it, also without what it had already recorded; the log of errors quotes nobody."""

    def fail(turn: Turn) -> Answer:
        commands.request_hours(turn, case=case, minutes=240)
        raise RuntimeError("Kim Muster")

    before = len(office.log())
    works = [request_work(case), Work(WORKER, fail), request_work(case), Work(WORKER, fail), request_work(case)]

    first, failed, second, failed_too, third = in_one_turn(office, works)

    assert [future.result().position for future in (first, second, third)] == [before + 1, before + 2, before + 3]
    assert isinstance(failed.exception(), RuntimeError)
    assert isinstance(failed_too.exception(), RuntimeError)
    assert len(office.log()) == before + 3
    assert "RuntimeError" in caplog.text
    assert "Muster" not in caplog.text


def test_what_is_abandoned_leaves_no_trace(office: Office, pool: UUID, case: UUID, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the log, not in the projections, not in the states of later turns; and it is no error."""

    def try_out(turn: Turn) -> Answer:
        commands.change_budget(turn, pool, change_minutes=-540, resolution="nur zur Probe")
        raise Abandoned

    before = office.log()

    tried, other = in_one_turn(office, [Work(OFFICER, try_out), request_work(case, 120)])

    assert isinstance(tried.exception(), Abandoned)
    booking = UUID(body(other.result())["id"])
    assert office.log()[:-1] == before
    granted = office.do(OFFICER, commands.approve_hours, booking)
    assert (granted.outcome, body(granted)["granted_minutes"]) == ("done", 120)
    assert caplog.records == []


@pytest.mark.parametrize("position", [0, 2, 4])
def test_what_no_column_can_hold_fails_alone(office: Office, case: UUID, position: int, caplog: pytest.LogCaptureFixture) -> None:
    """The store's refusal of a whole turn is halved until the culprit stands alone."""
    works = [request_work(case) for _ in range(4)]
    works.insert(position, request_work(case, 15 * 2**70))
    before = len(office.log())

    futures = in_one_turn(office, works)

    assert isinstance(futures.pop(position).exception(), DataError)
    assert [future.result().outcome for future in futures] == ["created"] * 4
    assert len(office.log()) == before + 4
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


def test_a_text_that_the_store_does_not_take_fails_alone(office: Office, store_url: str, pool: UUID, case: UUID) -> None:
    """PostgreSQL knows no zero byte in a text, SQLite does."""
    facts: dict[str, Any] = {"provider": "traeger-a", "district": "n\0rd", "service_area": "13", "concern": "housing"}

    zero, other = in_one_turn(office, [Work(LEAD, lambda turn: commands.open_case(turn, pool=pool, **facts)), request_work(case)])

    assert other.result().outcome == "created"
    assert isinstance(zero.exception(), DataError) == store_url.startswith("postgresql")


def test_who_no_longer_waits_is_not_decided_for(office: Office, case: UUID) -> None:
    """A cancelled command is left out of the turn."""
    before = len(office.log())
    first, second = request_work(case), request_work(case)
    second.done.cancel()

    in_one_turn(office, [first, second])
    first.done.result()

    assert len(office.log()) == before + 1


def test_whoever_closes_answers_first(office: Office, case: UUID) -> None:
    """What had arrived before is decided."""
    futures = [office.engine.submit(request_work(case)) for _ in range(20)]

    office.engine.close()

    assert {future.result().outcome for future in futures} == {"created"}


def test_a_turn_sees_what_it_decided_itself(office: Office, pool: UUID) -> None:
    """Later commands of a turn are judged on the earlier ones, and their answers show them."""

    def change(minutes: int) -> Work:
        return Work(OFFICER, lambda turn: commands.change_budget(turn, pool, change_minutes=minutes, resolution="V0815/22"))

    futures = in_one_turn(office, [change(-600), change(-1), change(30)])

    answers = [future.result() for future in futures]
    assert [answer.outcome for answer in answers] == ["done", "below_committed", "done"]
    assert [body(answers[n])["balance"]["budget"] for n in (0, 2)] == [0, 30]
    assert types(office)[-4:] == ["budget-changed", "pool-exhausted", "budget-changed", "pool-replenished"]


# ── many at once


def test_32_threads_never_approve_more_than_there_is(process: Callable[[], Office]) -> None:
    """A pool with room for a third: never one minute over, none lost, none answered twice, whichever process is asked."""
    threads, requests = 32, 96
    offices = [process(), process()]
    pool = offices[0].open_pool("2021-11-01", "2022-05-31", 60 * requests // 3)
    case = opened_case(offices[0], pool)
    futures = in_one_turn(offices[0], [request_work(case) for _ in range(requests)])
    bookings = [UUID(body(future.result())["id"]) for future in futures]

    def approve(number: int) -> list[Answer]:
        """Every thread has three requests to decide, and says everything twice, the second time to the other process."""
        return [
            offices[(number + again) % 2].keyed(f"key-{booking}", OFFICER, commands.approve_hours, booking)
            for booking in bookings[number::threads]
            for again in range(2)
        ]

    with ThreadPoolExecutor(threads) as pool_of_threads:
        answers = [answer for some in pool_of_threads.map(approve, range(threads)) for answer in some]

    assert answers[::2] == answers[1::2]
    assert Counter(answer.outcome for answer in answers[::2]) == {"done": 32, "over_budget": 64}
    log = offices[0].log()
    approved = Counter(event.stream for event in log if isinstance(event.data, HoursApproved))
    done = {UUID(body(answer)["id"]) for answer in answers if answer.outcome == "done"}
    assert approved == Counter(done)
    assert sum(isinstance(event.data, PoolExhausted) for event in log) == 1
    assert [event.position for event in log] == list(range(1, len(log) + 1))
    for office in offices:
        with office.store.reading() as reader:
            balance = balances.balance(reader, pool)
        assert (balance.granted, balance.available) == (60 * 32, 0)


# ── several processes


def test_two_processes_see_each_other_at_once(process: Callable[[], Office]) -> None:
    """Each step needs the one before it, which the other process took."""
    one, other = process(), process()
    pool = one.open_pool("2021-11-01", "2022-05-31", 120)
    case = opened_case(other, pool)
    first, second = requested(one, case), requested(other, case, 120)
    assert other.do(OFFICER, commands.approve_hours, first).outcome == "done"
    assert one.do(OFFICER, commands.approve_hours, second).outcome == "over_budget"
    assert one.do(OFFICER, commands.waitlist_request, second).outcome == "done"
    assert other.do(OFFICER, commands.reduce_grant, first, to_minutes=0, reason="doch nicht nötig").outcome == "done"
    assert types(one)[-2:] == ["hours-released", "place-offered"]
    assert one.do(OFFICER, commands.approve_hours, second).outcome == "done"
    assert other.do(LEAD, commands.withdraw_request, second).outcome == "already_decided"
    for office in (one, other):  # both have written the released minutes of this day before
        assert (
            office.do(OFFICER, commands.reduce_grant, second, to_minutes=60 if office is one else 0, reason="Rest").outcome
            == "done"
        )
    assert check(one.store, [], lambda done, total: None) == []


def test_a_process_catches_up_with_more_than_it_reads_at_once(
    process: Callable[[], Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much others appended, it is folded before anything is decided."""
    monkeypatch.setattr(engine, "CATCH_UP_ROWS", 3)
    one, other = process(), process()
    pool = one.open_pool("2021-11-01", "2022-05-31", 600)
    case = opened_case(one, pool)
    kept = requested(other, case)  # from here on the other process holds all three states
    for _ in range(9):
        one.do(OFFICER, commands.approve_hours, requested(one, case))

    assert other.do(OFFICER, commands.approve_hours, kept).outcome == "done"
    assert other.do(OFFICER, commands.approve_hours, requested(other, case)).outcome == "over_budget"


def test_recorded_at_never_runs_backwards(process: Callable[[], Office], clock: Clock) -> None:
    """Not when a clock is set back, and not when another process has a slower one; one turn is one instant."""
    one, other = process(), process()
    pool = one.open_pool("2021-11-01", "2022-05-31", 600)
    case = opened_case(one, pool)
    clock.now = NOON - timedelta(hours=3)
    requested(one, case)
    requested(other, case)
    clock.now = NOON + timedelta(microseconds=1)
    requested(other, case)

    instants = [event.recorded_at for event in one.log()]

    assert instants == [NOON, NOON, NOON, NOON, NOON + timedelta(microseconds=1)]


# ── a log that was shortened beneath a running process


def cut_off(store: Store, after: int) -> None:
    """Takes the end of the log away, as nobody should, with its tree and what was projected from it."""
    position = cast(TurnRecorder, store).dialect.position
    with tampering(store) as transaction:
        transaction.execute(f"DELETE FROM stored_events WHERE {position} > ?", [(after,)])
        transaction.execute("DELETE FROM tree WHERE last > ?", [(after,)])
    rebuild(store, [], lambda done, total: None)


def test_a_log_that_lost_its_end_is_noticed(process: Callable[[], Office]) -> None:
    """States that ran ahead are read again; the log goes on where it ends now."""
    office = process()
    pool = office.open_pool("2021-11-01", "2022-05-31", 60)
    booking = requested(office, opened_case(office, pool))
    kept = len(office.log())
    office.do(OFFICER, commands.approve_hours, booking)
    with_approval = len(office.log())
    cut_off(office.store, kept)

    again = office.do(SECOND_OFFICER, commands.approve_hours, booking)

    assert (again.outcome, again.position, again.version) == ("done", with_approval, 2)
    assert [event.actor.subject for event in office.log()[kept:]] == ["o2"] * (with_approval - kept)


def test_a_log_that_went_on_differently_is_noticed(process: Callable[[], Office]) -> None:
    """Also where it is as long as before, or longer: what counts is the row that was the last one."""
    office, other = process(), process()
    pool = office.open_pool("2021-11-01", "2022-05-31", 60)
    case = opened_case(office, pool)
    booking, second = requested(office, case), requested(office, case)
    kept = len(office.log())
    office.do(OFFICER, commands.approve_hours, booking)
    cut_off(other.store, kept)
    other.do(OFFICER, commands.approve_hours, second)
    other.do(OFFICER, commands.waitlist_request, booking)

    assert office.do(OFFICER, commands.approve_hours, booking).outcome == "over_budget"
    assert office.do(OFFICER, commands.approve_hours, second).outcome == "already_decided"


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_an_older_copy_restored_beneath_a_running_process_is_noticed(process: Callable[[], Office], store_url: str) -> None:
    """A file of SQLite can be put back to an earlier day while the service runs."""
    office = process()
    pool = office.open_pool("2021-11-01", "2022-05-31", 60)
    booking = requested(office, opened_case(office, pool))
    with closing(sqlite3.connect(store_url.removeprefix("sqlite:///"))) as live, closing(sqlite3.connect(":memory:")) as copy:
        live.backup(copy)
        office.do(OFFICER, commands.approve_hours, booking)
        copy.backup(live)

    assert office.do(LEAD, commands.withdraw_request, booking).outcome == "done"
    assert types(office)[-2:] == ["hours-requested", "request-withdrawn"]
    assert check(office.store, [], lambda done, total: None) == []


# ── many at once


def test_a_pool_with_many_commands_does_not_keep_others_waiting(
    process: Callable[[], Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where more wait than a turn takes, pools share it, by whichever of their cases and bookings the commands are about."""
    office = process()
    busy, quiet = (opened_case(office, office.open_pool("2021-11-01", "2022-05-31", 600)) for _ in range(2))
    booking = requested(office, quiet)
    before = len(office.log())
    monkeypatch.setattr(engine, "TURN_COMMANDS_MAX", 4)
    works = [request_work(busy) for _ in range(7)]
    for work in works:
        work.about = busy
    late = [request_work(quiet), Work(LEAD, lambda turn: commands.withdraw_request(turn, booking))]
    late[0].about, late[1].about = quiet, booking

    answers = [future.result() for future in in_one_turn(office, [*works, *late])]

    assert {answer.outcome for answer in answers} == {"created", "done"}
    assert max(answer.position for answer in answers[7:]) <= before + 4
    assert [answer.position for answer in answers[:7]] == sorted(answer.position for answer in answers[:7])


def test_too_many_are_turned_away_and_may_come_again(process: Callable[[], Office], monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, without a receipt: the same request under the same key is decided when there is room."""
    office = process()
    case = opened_case(office, office.open_pool("2021-11-01", "2022-05-31", 600))
    before = len(office.log())
    monkeypatch.setattr(arrivals, "WAITING_MAX", 2)

    first, second, third = in_one_turn(office, [request_work(case, 60, key) for key in ("k1", "k2", "k3")])

    assert isinstance(third.exception(), Overloaded)
    assert [first.result().outcome, second.result().outcome] == ["created", "created"]
    assert len(office.log()) == before + 2
    assert said(office, request_work(case, 60, "k3")).outcome == "created"


def test_turns_are_told_with_their_commands_and_their_time(office: Office, case: UUID) -> None:
    """Each committed turn once."""
    told: list[tuple[int, float]] = []
    office.engine.watch(lambda commands, seconds: told.append((commands, seconds)))

    for future in in_one_turn(office, [request_work(case) for _ in range(3)]):
        future.result()
    said(office, request_work(case))

    assert [commands for commands, _ in told] == [3, 1]
    assert all(0 < seconds < 60 for _, seconds in told)


def test_after_its_end_an_engine_takes_no_command(store_url: str, tmp_path: Path) -> None:
    """Rather than letting somebody wait for good."""
    make_schema(store_url)
    office = Office(store_url, tmp_path / "keys")
    office.close()

    with pytest.raises(RuntimeError):
        said(office, request_work(uuid4()))


# ── answers are kept


@pytest.mark.parametrize(
    ("minutes", "outcome"),
    [(60, "created"), (50, "not_a_unit"), (0, "malformed")],
)
def test_what_a_key_was_answered(office: Office, case: UUID, minutes: int, outcome: str) -> None:
    """Done or refused by a rule, the answer stays; malformed, the key is free for the request that was meant."""
    first = said(office, request_work(case, minutes, "k"))
    before = office.log()

    again, other = said(office, request_work(case, minutes, "k")), said(office, request_work(case, 45, "k"))

    assert first == again
    assert first.outcome == outcome
    assert other.outcome == ("created" if outcome == "malformed" else "key_reused")
    assert len(office.log()) - len(before) == (outcome == "malformed")


def test_the_key_of_what_was_not_found_stays_free(office: Office, pool: UUID) -> None:
    """The case may come to be, and then the same request is decided."""
    case = commands.case_id(pool, "traeger-a", "F-1")
    assert said(office, request_work(case, 60, "k")).outcome == "not_found"
    facts: dict[str, Any] = {"provider": "traeger-a", "district": "nord", "service_area": "13", "concern": "housing"}
    office.do(LEAD, commands.open_case, pool=pool, reference="F-1", **facts)

    assert said(office, request_work(case, 60, "k")).outcome == "created"


def test_the_key_of_a_version_that_differs_stays_free(office: Office, case: UUID) -> None:
    """Whoever reloads may say it again."""
    assert said(office, request_work(case, 60, "k", expected=7)).outcome == "version_differs"

    assert said(office, request_work(case, 60, "k", expected=1)).outcome == "created"


def test_a_kept_refusal_stays_when_the_reason_is_gone(office: Office, pool: UUID, case: UUID) -> None:
    """The same key gets the same answer for good; a new one is judged anew."""
    booking = requested(office, case, 660)
    refused = office.keyed("k", OFFICER, commands.approve_hours, booking)
    office.do(OFFICER, commands.change_budget, pool, change_minutes=60, resolution="V0815/22")

    assert office.keyed("k", OFFICER, commands.approve_hours, booking) == refused
    assert office.keyed("k2", OFFICER, commands.approve_hours, booking).outcome == "done"


def test_answers_outlive_their_process(process: Callable[[], Office]) -> None:
    """Another process, and one that was started later, answer byte for byte as the first."""
    one, other = process(), process()
    case = opened_case(one, one.open_pool("2021-11-01", "2022-05-31", 600))
    works = [(60, "k1"), (50, "k2")]
    first = [said(one, request_work(case, *work)) for work in works]
    log = one.log()

    later = process()

    for office in (other, later):
        assert [said(office, request_work(case, *work)) for work in works] == first
        assert said(office, request_work(case, 45, "k1")).outcome == "key_reused"
    assert one.log() == log


def test_a_key_belongs_to_a_subject_in_an_organisation(office: Office, case: UUID) -> None:
    """Somebody else, or the same subject elsewhere, has keys of their own; the role makes no difference."""
    moved = Actor(WORKER.subject, "officer", "jugendamt")
    promoted = Actor(WORKER.subject, "lead", WORKER.organisation)
    actors = [WORKER, LEAD, moved, promoted]

    answers = [said(office, request_work(case, 60, "k", actor)) for actor in actors]

    assert [answer.outcome for answer in answers] == ["created"] * 4
    assert len({answer.body for answer in answers}) == 3
    assert answers[0] == answers[3]


def test_a_key_twice_in_one_turn_is_decided_once(office: Office, case: UUID) -> None:
    """The second gets the answer of the first; another request under that key is refused at once."""
    before = len(office.log())
    works = [request_work(case, 60, "k"), request_work(case, 60, "k"), request_work(case, 45, "k"), request_work(case, 0, "l")]

    first, second, other, malformed = [future.result() for future in in_one_turn(office, [*works])]

    assert first == second
    assert (first.outcome, other.outcome, malformed.outcome) == ("created", "key_reused", "malformed")
    assert len(office.log()) == before + 1


def test_a_recall_tells_what_was_answered(process: Callable[[], Office]) -> None:
    """Without deciding anything: nothing for a new key, the answer for the same request, a refusal for another one."""
    one, other = process(), process()
    case = opened_case(one, one.open_pool("2021-11-01", "2022-05-31", 600))
    answer = said(one, request_work(case, 60, "k"))
    said(one, request_work(case, 0, "free"))

    for office in (one, other):
        assert office.engine.recall(WORKER, RequestKey("k", b"60")) == answer
        assert office.engine.recall(WORKER, RequestKey("free", b"0")) is None
        assert office.engine.recall(LEAD, RequestKey("k", b"60")) is None
        with pytest.raises(KeyReused):
            office.engine.recall(WORKER, RequestKey("k", b"45"))


# ── versions


def test_if_match_is_judged_on_the_version_of_the_moment(office: Office, case: UUID) -> None:
    """Two who saw the same version and change it in the same turn: the second is told that it differs."""
    booking = requested(office, case)

    def waitlist(priority: int, expected: int) -> Work:
        listing = {"priority": priority, "reason": "drohende Obdachlosigkeit"}
        return Work(OFFICER, lambda turn: commands.waitlist_request(turn, booking, **listing), expected=expected)

    answers = [future.result() for future in in_one_turn(office, [waitlist(1, 1), waitlist(2, 1), waitlist(3, 2)])]

    assert [(answer.outcome, answer.version) for answer in answers] == [("done", 2), ("version_differs", None), ("done", 3)]


def test_what_is_not_there_has_no_version(office: Office, case: UUID) -> None:
    """A missing and a foreign object are not found, whatever version somebody expects."""
    assert said(office, request_work(uuid4(), expected=1)).outcome == "not_found"
    assert said(office, request_work(case, expected=7, actor=OTHER_LEAD)).outcome == "not_found"


# ── the envelope


def test_the_envelope_says_who_under_which_key_and_why(office: Office, case: UUID) -> None:
    """All events of a decision carry its key; those that follow name the first as their cause."""
    booking = requested(office, case, 600)
    before = len(office.log())
    office.keyed("bewilligung-1", OFFICER, commands.approve_hours, booking)
    office.do(LEAD, commands.settle_booking, booking)

    events = office.log()[before:]

    assert [event.type for event in events] == [
        "hours-approved",
        "hours-reserved",
        "pool-exhausted",
        "booking-settled",
        "hours-released",
        "pool-replenished",
    ]
    assert [event.actor for event in events] == [OFFICER] * 3 + [LEAD] * 3
    assert [event.command for event in events[:3]] == ["bewilligung-1"] * 3
    assert len({UUID(event.command) for event in events[3:]}) == 1
    first, fourth = before + 1, before + 4
    assert [event.cause for event in events] == [None, first, first, None, fourth, fourth]


# ── memory


@pytest.mark.parametrize("every", [1, 2, 1_000])
def test_states_that_were_dropped_change_no_answer(
    process: Callable[[], Office], monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """What is not held is read again, from a snapshot where there is one: with room for a single state all comes out the same."""

    def day_at_the_office(office: Office) -> list[tuple[str, int, int | None]]:
        pool = office.open_pool("2021-11-01", "2022-05-31", 240)
        answers = []
        for minutes in (120, 60, 90):
            booking = requested(office, opened_case(office, pool), minutes)
            answers.append(office.do(OFFICER, commands.waitlist_request, booking))
            answers.append(office.do(OFFICER, commands.approve_hours, booking))
            session = {"starts_at": NOON - timedelta(days=3), "minutes": 30, "kind": "direct"}
            answers.append(office.do(WORKER, commands.log_session, booking, **session))
            answers.append(office.do(LEAD, commands.settle_booking, booking))
        answers.append(office.do(OFFICER, commands.close_pool, pool))
        first = answers[0].position
        return [(answer.outcome, answer.position - first, answer.version) for answer in answers]

    office = process()
    usual = day_at_the_office(office)
    monkeypatch.setattr(states, "STATES_MAX", 1)
    monkeypatch.setattr(snapshots, "EVERY", every)

    assert day_at_the_office(office) == usual


def test_what_is_foreign_is_looked_for_like_what_is_missing(
    office: Office, pool: UUID, case: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """given a case of another provider, held or not / when it is named, or an id that is none / then one look is taken."""
    looked: list[UUID] = []
    of_stream = snapshots.of_stream

    def noted(reader: Any, stream: UUID) -> Any:
        looked.append(stream)
        return of_stream(reader, stream)

    def looks(stream: UUID) -> int:
        looked.clear()
        answer = said(office, Work(OTHER_LEAD, lambda turn: commands.close_case(turn, stream, outcome="moved")))
        assert answer.outcome == "not_found"
        return len(looked)

    with monkeypatch.context() as patched:
        patched.setattr(states, "STATES_MAX", 0)
        said(office, request_work(case))
    monkeypatch.setattr(snapshots, "of_stream", noted)
    assert [looks(case), looks(case), looks(uuid4()), looks(pool), looks(pool)] == [1, 1, 1, 1, 1]
