"""Errands under idempotency keys: cases, requests, approvals and sessions, run by many threads and then held against the log.

Whatever happens to the process or to its database, an errand that was answered is in the log exactly once, one that was not
is there once or not at all, and never a half of it.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from application import commands, rebuild
from application.catalogue import BY_CLASS
from application.log import Recorded
from application.projections import balances
from application.receipts import Answer
from domain.booking import HoursApproved, HoursRequested, SessionLogged
from domain.pool import HoursReserved, PoolOpened
from tests.office import LEAD, OFFICER, WORKER, Office

Verb = Literal["open", "request", "approve", "log"]

GRANTED = 60  # minutes: room for two of the three sessions that are tried
SESSION = 30
SERVICE = datetime(2022, 3, 1, 9, tzinfo=UTC)
FACTS: dict[Verb, list[str]] = {
    "open": ["case-opened"],
    "request": ["hours-requested"],
    "approve": ["hours-approved", "hours-reserved"],
    "log": ["session-logged"],
}


class Errand(msgspec.Struct, frozen=True):
    """One command with its key; ``about`` is the pool of a case, the case of a request, else the booking."""

    key: str
    verb: Verb
    about: UUID


class Report(msgspec.Struct, frozen=True):
    """What an errand was answered."""

    errand: Errand
    outcome: str
    body: bytes
    position: int
    version: int | None

    @classmethod
    def of(cls, errand: Errand, answer: Answer) -> "Report":
        return cls(errand, answer.outcome, answer.body, answer.position, answer.version)

    @property
    def id(self) -> UUID:
        """Of what was made."""
        return UUID(msgspec.json.decode(self.body)["id"])


def open_place(office: Office) -> UUID:
    """A pool with room for all errands."""
    return office.open_pool("2020-01-01", "2099-12-31", 60_000_000)


def perform(office: Office, errand: Errand) -> Report:
    """Runs an errand, for the first time or once more; raises what the engine raises."""
    if errand.verb == "open":
        facts: Any = {"provider": "traeger-a", "district": "nord", "service_area": "11", "concern": "work", "name": "Kim Beispiel"}
        answer = office.keyed(errand.key, LEAD, commands.open_case, pool=errand.about, **facts)
    elif errand.verb == "request":
        answer = office.keyed(
            errand.key, WORKER, commands.request_hours, case=errand.about, minutes=GRANTED, purpose="Begleitung zum Amt"
        )
    elif errand.verb == "approve":
        answer = office.keyed(errand.key, OFFICER, commands.approve_hours, errand.about)
    else:
        answer = office.keyed(
            errand.key, WORKER, commands.log_session, errand.about, starts_at=SERVICE, minutes=SESSION, kind="direct", note="Termin"
        )
    return Report.of(errand, answer)


def run_errands(prefix: str, pool: UUID, run: Callable[[Errand], Report]) -> None:
    """Opens cases, requests, approves and logs until ``run`` raises. The third session is one too many."""
    for number in itertools.count():
        key = f"{prefix}-{number}"
        case = run(Errand(f"{key}-open", "open", pool)).id
        booking = run(Errand(f"{key}-request", "request", case)).id
        run(Errand(f"{key}-approve", "approve", booking))
        for session in range(3):
            run(Errand(f"{key}-log-{session}", "log", booking))


def hold_against_log(
    log: Sequence[Recorded], asked: Mapping[str, Errand], reports: Mapping[str, Report], *, all_answered: bool
) -> None:
    """Compares what was asked and answered with what was recorded."""
    assert [event.position for event in log] == list(range(1, len(log) + 1)), "positions have no gaps"
    assert all(one.recorded_at <= next.recorded_at for one, next in itertools.pairwise(log)), "time never runs backwards"
    decisions: dict[str, list[Recorded]] = defaultdict(list)
    for event in log:
        decisions[event.command].append(event)
    for key, facts in decisions.items():
        if key in asked:
            _whole(facts, FACTS[asked[key].verb], asked[key])
    for report in reports.values():
        facts = decisions.get(report.errand.key, [])
        if report.outcome == "over_grant":
            assert not facts, f"{report} was refused, but is recorded"
        else:
            assert facts, f"{report} was answered, but is not recorded"
            assert facts[-1].position == report.position, f"{report} was answered at another position than it stands at"
    if all_answered:
        assert asked.keys() == reports.keys(), "every errand was answered in the end"


def _whole(facts: Sequence[Recorded], types: list[str], errand: Errand) -> None:
    """One decision, once and whole, side by side."""
    assert [event.type for event in facts] == types, f"{errand} is recorded as {facts}"
    assert [event.position for event in facts] == list(range(facts[0].position, facts[0].position + len(types)))
    if errand.verb == "approve":
        approved, reserved = facts
        assert isinstance(approved.data, HoursApproved)
        assert isinstance(reserved.data, HoursReserved)
        assert (approved.stream, approved.data.minutes) == (reserved.data.booking, reserved.data.minutes)
        assert reserved.cause == approved.position


def hold_together(office: Office) -> None:
    """Balances are those of a recount of the log, projections those of a rebuild, and every text can be opened."""
    granted: Counter[tuple[UUID, UUID]] = Counter()
    consumed: Counter[tuple[UUID, UUID]] = Counter()
    budgets: dict[UUID, int] = {}
    place: dict[UUID, tuple[UUID, UUID]] = {}
    for event in office.log():
        for name in BY_CLASS[type(event.data)].personal:
            sealed = getattr(event.data, name)
            assert sealed is None or office.keyring.open(sealed, position=event.position, stream=event.stream, field=name)
        match event.data:
            case PoolOpened(budget_minutes=minutes):
                budgets[event.stream] = minutes
            case HoursRequested(pool=pool, case=case):
                place[event.stream] = pool, case
            case HoursReserved(booking=booking, minutes=minutes):
                granted[place[booking]] += minutes
            case SessionLogged(minutes=minutes):
                consumed[place[event.stream]] += minutes
            case _:
                pass
    with office.store.reading() as reader:
        for pool, budget in budgets.items():
            found = balances.balance(reader, pool, by="case")
            taken = sum(minutes for (of, _), minutes in granted.items() if of == pool)
            used = sum(minutes for (of, _), minutes in consumed.items() if of == pool)
            assert (found.budget, found.reserved, found.consumed) == (budget, taken - used, used)
            assert found.available == budget - taken
            groups = {group.key: (group.granted, group.consumed) for group in found.groups or ()}
            assert groups == {str(case): (granted[of, case], consumed[of, case]) for of, case in granted if of == pool}
    assert rebuild.check(office.store, [], lambda done, total: None) == []


def repeat_all(office: Office, reports: Mapping[str, Report]) -> None:
    """Asks everything once more: each answer is the one given before, byte for byte, and nothing is added."""
    before = office.log()[-1].position
    with ThreadPoolExecutor(64) as threads:
        again = list(threads.map(lambda report: perform(office, report.errand), reports.values()))
    assert again == list(reports.values())
    assert office.log()[-1].position == before
