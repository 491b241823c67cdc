"""The primary is lost under load: the service goes on by itself, and what was acknowledged is in the log exactly once."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from uuid import UUID

import httpx
import pytest
from eventsourcing.persistence import PersistenceError

from application.log import StoreUnavailable
from interfaces.storage import open_store
from tests.cluster.callers import ANSWER_SECONDS_MAX, Caller, Crowd
from tests.cluster.machines import SERVICES, Machines, running_machines
from tests.faults.errands import Report, hold_against_log, hold_together
from tests.office import Office

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

CALLERS = 8
LOAD_SECONDS = 5  # before the loss, and after everybody is answered again
SILENCE_SECONDS_MAX = 60

PEOPLE = {"lead": ("leitung-a", "traeger-a"), "worker": ("kraft-a", "traeger-a"), "officer": ("o1", None)}


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    with running_machines() as machines:
        yield machines


@pytest.fixture(scope="module")
def tokens(machines: Machines) -> dict[str, str]:
    return {
        role: machines.stundenpool(
            "token", "create", "--role", role, "--subject", subject, *(["--provider", provider] if provider else [])
        ).strip()
        for role, (subject, provider) in PEOPLE.items()
    }


def test_a_server_that_is_no_primary_counts_as_away(machines: Machines) -> None:
    """Patroni names the new primary a moment before it has left recovery: a command is to be tried again, then answered 503."""
    standby = next(machine for machine, said in machines.standing().items() if said == "running, replica")
    with closing(Office(machines.url(standby), machines.keys)) as office, pytest.raises(StoreUnavailable):
        office.open_pool("2020-01-01", "2099-12-31", 600)


@pytest.mark.parametrize(("loss", "remedy"), [("kill", "start"), ("cut", "mend")])
def test_the_primary_is_lost_under_load(loss: str, remedy: str, machines: Machines, tokens: dict[str, str]) -> None:
    """Killed, or cut off from the other two and still reached by the services; and it comes back as a standby."""
    machines.await_("two standbys", machines.whole)
    [lost] = machines.primaries()
    with Crowd(list(SERVICES.values()), tokens, _open_pool(tokens), loss, CALLERS) as crowd:
        time.sleep(LOAD_SECONDS)
        machines.do(loss, lost)
        lost_at = time.monotonic()
        machines.await_("another primary", lambda: bool(set(machines.primaries()) - {lost}))
        promoted_at = time.monotonic()
        machines.await_("answers", lambda: max(crowd.answered) > promoted_at)
        time.sleep(LOAD_SECONDS)
        machines.do(remedy, lost)
        machines.await_(f"{lost} as a standby", machines.whole)
        time.sleep(LOAD_SECONDS)
    print(f"{loss}: another primary after {promoted_at - lost_at:.1f} s, {crowd}")
    assert lost not in machines.primaries()
    _hold_against_what_was_answered(machines, tokens, crowd)
    machines.await_("the same log everywhere", lambda: len({_head(machines.url(machine)) for machine in machines.standing()}) == 1)


def test_a_machine_of_the_service_is_lost_under_load(machines: Machines, tokens: dict[str, str]) -> None:
    """Its turn is rolled back and its lock freed; the other one goes on at once, and so does the lost one when it is back."""
    with Crowd(list(SERVICES.values()), tokens, _open_pool(tokens), "app", CALLERS) as crowd:
        time.sleep(LOAD_SECONDS)
        machines.do("kill", "app1")
        time.sleep(LOAD_SECONDS)
    print(f"app1: {crowd}")
    machines.do("start", "app1")
    machines.await_("app1", lambda: machines.ready("app1"))
    _hold_against_what_was_answered(machines, tokens, crowd)


def _hold_against_what_was_answered(machines: Machines, tokens: dict[str, str], crowd: Crowd) -> None:
    """Everything was answered in the end and is recorded exactly once, by log, receipts, repetition, recount and rebuild."""
    assert crowd.unanswered, "the loss came when nothing was under way"
    assert crowd.longest_silence() < SILENCE_SECONDS_MAX
    [primary] = machines.primaries()
    with closing(Office(machines.url(primary), machines.keys)) as office:
        log = office.log()
        hold_against_log(log, crowd.asked, crowd.reports, all_answered=True)
        assert _receipts(office, crowd) == {key: report.body for key, report in crowd.reports.items()}
        assert _repeated(crowd, tokens) == list(crowd.reports.values())
        assert office.log() == log, "a repetition added something"
        hold_together(office)
    machines.stundenpool("rebuild", "--check")
    machines.stundenpool("db", "check")


def _open_pool(tokens: dict[str, str]) -> UUID:
    body = {"name": "Prüfpool", "budget_minutes": 60_000_000, "rules": {}, "period": {"start": "2020-01-01", "end": "2099-12-31"}}
    headers = {"Authorization": f"Bearer {tokens['officer']}"}
    answer = httpx.post(f"{SERVICES['app1']}/api/v1/pools", json=body, headers=headers, timeout=ANSWER_SECONDS_MAX)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])


def _receipts(office: Office, crowd: Crowd) -> dict[str, bytes]:
    """What the database keeps for the keys of the crowd."""
    with office.store.reading() as reader:
        return {key: body for key, body in reader.fetch("SELECT idempotency_key, body FROM receipts") if key in crowd.asked}


def _repeated(crowd: Crowd, tokens: dict[str, str]) -> list[Report]:
    """The answers to everything that was asked, asked once more."""
    caller = Caller(list(SERVICES.values()), tokens)
    with closing(caller), ThreadPoolExecutor(CALLERS) as threads:
        return list(threads.map(lambda report: caller.perform(report.errand), crowd.reports.values()))


def _head(url: str) -> int | None:
    """The last position there; ``None`` while the server is being brought back."""
    with suppress(PersistenceError), closing(open_store(url, create=False)) as store, store.reading() as reader:
        head = reader.head()
        return head.id if head else 0
    return None
