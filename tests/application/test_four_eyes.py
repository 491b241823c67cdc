"""Whoever races whom, and from whichever process: who requested never approves, and a large grant has two officers."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from application import commands
from application.receipts import Answer
from application.turn import Turn, Work
from domain.booking import ApprovalProposed, HoursApproved
from domain.quantities import Actor
from tests.office import LEAD, OFFICER, SECOND_OFFICER, Office, body, running_office

FOUR_EYES = 600
REQUESTER_AS_OFFICER = Actor(LEAD.subject, "officer", "jugendamt")  # one subject in two roles
RACES_AT_ONCE = 25
CASE = {"district": "nord", "service_area": "13", "concern": "housing"}


@pytest.fixture
def processes(store_url: str, tmp_path: Path) -> Iterator[tuple[Office, Office]]:
    """Two processes on one store."""
    with running_office(store_url, tmp_path / "keys") as first:
        second = Office(store_url, tmp_path / "keys")
        try:
            yield first, second
        finally:
            second.close()


def contenders(booking: UUID, requested: int, random: Random) -> list[Work]:
    """The requester, and two officers who propose at once, both twice and not always the same minutes."""
    works = []
    for officer in (REQUESTER_AS_OFFICER, REQUESTER_AS_OFFICER, OFFICER, OFFICER, SECOND_OFFICER, SECOND_OFFICER):
        minutes = random.choice([None, requested, requested - 15])

        def decide(turn: Turn, minutes: int | None = minutes) -> Answer:
            return commands.approve_hours(turn, booking, minutes=minutes, reason="geprüft")

        works.append(Work(officer, decide))
    random.shuffle(works)
    return works


@pytest.mark.parametrize("races", [75, pytest.param(1_000, marks=[pytest.mark.chaos, pytest.mark.timeout(1200)])])
def test_four_eyes_are_never_bypassed(processes: tuple[Office, Office], races: int) -> None:
    """given many requests / when their requester and two officers race to approve each / then every grant has who it needs."""
    first, _ = processes
    random = Random(races)
    pool = first.open_pool("2020-01-01", "2049-12-31", 10_000_000, four_eyes_minutes=FOUR_EYES)
    case = UUID(body(first.do(LEAD, commands.open_case, pool=pool, provider="traeger-a", **CASE))["id"])
    answers: Counter[str] = Counter()
    for _ in range(0, races, RACES_AT_ONCE):
        submitted = []
        for _ in range(RACES_AT_ONCE):
            requested = random.choice([FOUR_EYES, FOUR_EYES + 15, FOUR_EYES + 30])
            booking = UUID(body(first.do(LEAD, commands.request_hours, case=case, minutes=requested))["id"])
            submitted += contenders(booking, requested, random)
        futures = [random.choice(processes).engine.submit(work) for work in submitted]
        answers.update(future.result().outcome for future in futures)

    proposed: dict[UUID, ApprovalProposed] = {}
    approved = Counter[bool]()
    for event in first.log():
        match event.data:
            case ApprovalProposed() as proposal:
                proposed[event.stream] = proposal
                assert proposal.proposed_by == event.actor.subject != LEAD.subject
            case HoursApproved() as grant:
                two = grant.minutes > FOUR_EYES
                approved[two] += 1
                assert grant.decided_by == event.actor.subject != LEAD.subject
                if two:
                    before = proposed[event.stream]
                    assert (before.minutes, before.proposed_by) == (grant.minutes, grant.proposed_by)
                    assert grant.proposed_by not in (None, grant.decided_by)
    assert min(approved[True], approved[False]) > races // 10
    assert answers["own_request"] > races // 2
    assert min(answers["same_officer"], answers["already_decided"], answers["accepted"]) > races // 10


def test_one_subject_stays_one_in_every_role(processes: tuple[Office, Office]) -> None:
    """given a proposal / when its officer, or the requester as one, confirms it from another process / then neither counts."""
    first, second = processes
    pool = first.open_pool("2020-01-01", "2049-12-31", 10_000, four_eyes_minutes=FOUR_EYES)
    case = UUID(body(first.do(LEAD, commands.open_case, pool=pool, provider="traeger-a", **CASE))["id"])
    booking = UUID(body(first.do(LEAD, commands.request_hours, case=case, minutes=FOUR_EYES + 15))["id"])

    def outcome(process: Office, actor: Actor) -> str:
        return process.do(actor, commands.approve_hours, booking, reason="geprüft").outcome

    assert [outcome(second, REQUESTER_AS_OFFICER), outcome(first, OFFICER)] == ["own_request", "accepted"]
    assert [outcome(second, OFFICER), outcome(second, REQUESTER_AS_OFFICER)] == ["same_officer", "own_request"]
    assert outcome(second, SECOND_OFFICER) == "done"
