"""Every command once, with everything that it needs to succeed and every text that it may carry."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from application import commands, sampling
from application.findings import Findings
from application.receipts import Answer
from domain.erasure import Periods
from domain.findings.finding import Finding
from domain.findings.thresholds import Thresholds
from domain.personal_data import CLASSES
from domain.quantities import Actor, Period, Rules
from tests.office import AUDITOR, LEAD, OFFICER, SECOND_OFFICER, WORKER, Office, body

MONTH = "2022-02"
SERVICE = datetime(2022, 3, 1, 9, tzinfo=UTC)
FOUR_EYES = 600  # minutes
PERIODS = Periods()

Command = Callable[..., Answer]


@dataclass(frozen=True)
class Call:
    """A command on its way: by whom, and with what."""

    actor: Actor
    command: Command
    args: tuple[Any, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def do(self, office: Office) -> Answer:
        return office.do(self.actor, self.command, *self.args, **self.facts)

    def keyed(self, office: Office, key: str) -> Answer:
        return office.keyed(key, self.actor, self.command, *self.args, **self.facts)


class Stage:
    """Prepares what scenes play with; ``text`` gives the texts that people write."""

    def __init__(self, office: Office, text: Callable[[], str] = lambda: "wie besprochen") -> None:
        self.office = office
        self.text = text

    def done(self, actor: Actor, command: Command, *args: Any, **facts: Any) -> dict[str, Any]:
        answer = self.office.do(actor, command, *args, **facts)
        assert answer.outcome in ("created", "done", "accepted"), answer
        return body(answer)

    def pool(self) -> UUID:
        return self.office.open_pool("2020-01-01", "2099-12-31", 6000, four_eyes_minutes=FOUR_EYES)

    def case_facts(self) -> dict[str, Any]:
        master_data = {"district": "nord", "service_area": "11", "concern": "work", "offer": "Jugendklub"}
        return master_data | {name: self.text() for name in ("name", "birth_year", "contact", "notes")}

    def case(self, pool: UUID | None = None) -> UUID:
        facts = self.case_facts()
        return UUID(self.done(LEAD, commands.open_case, pool=pool or self.pool(), provider="traeger-a", **facts)["id"])

    def closed(self) -> UUID:
        case = self.case()
        self.done(LEAD, commands.close_case, case, outcome="moved", note=self.text())
        return case

    def request(self, case: UUID | None = None, minutes: int = 120) -> UUID:
        asked = self.done(WORKER, commands.request_hours, case=case or self.case(), minutes=minutes, purpose=self.text())
        return UUID(asked["id"])

    def approved(self, case: UUID | None = None) -> UUID:
        booking = self.request(case)
        self.done(OFFICER, commands.approve_hours, booking)
        return booking

    def logged(self) -> tuple[UUID, UUID]:
        booking = self.approved()
        return booking, UUID(self.done(WORKER, commands.log_session, booking, **self.session_facts())["id"])

    def found(self) -> Finding:
        """What a rule says of a session."""
        booking, _ = self.logged()
        with self.office.store.reading() as reader:
            findings = Findings(Thresholds())
            about = (each for each in findings.report(reader, pool=None, progress=lambda done, total: None).findings)
            return findings.holding(reader, next(each.id for each in about if each.booking == booking))

    def finding(self) -> UUID:
        """One that was opened."""
        found = self.found()
        self.done(AUDITOR, commands.open_finding, found.id, found=found, note=self.text())
        return found.id

    def provider(self) -> UUID:
        call = register_provider(self)
        return UUID(self.done(call.actor, call.command, **call.facts)["id"])

    def session_facts(self) -> dict[str, Any]:
        return {"starts_at": SERVICE, "minutes": 60, "kind": "direct", "worker": "kraft-a", "note": self.text()}


# ── pools


def open_pool(stage: Stage) -> Call:
    period = Period(SERVICE.date(), SERVICE.date())
    facts = {"name": "Modellprojekt", "period": period, "budget_minutes": 1, "rules": Rules()}  # exhausted from the start
    return Call(OFFICER, commands.open_pool, facts=facts)


def change_budget(stage: Stage) -> Call:
    return Call(OFFICER, commands.change_budget, (stage.pool(),), {"change_minutes": -6000, "resolution": "V0815/22"})


def change_rules(stage: Stage) -> Call:
    return Call(OFFICER, commands.change_rules, (stage.pool(),), {"rules": Rules(unit_minutes=5), "reason": stage.text()})


def close_month(stage: Stage) -> Call:
    return Call(OFFICER, commands.close_month, (stage.pool(), MONTH), {"reason": stage.text()})


def reopen_month(stage: Stage) -> Call:
    pool = stage.pool()
    stage.done(OFFICER, commands.close_month, pool, MONTH, reason=stage.text())
    return Call(OFFICER, commands.reopen_month, (pool, MONTH), {"reason": stage.text()})


def close_pool(stage: Stage) -> Call:
    pool = stage.pool()
    case = stage.case(pool)
    stage.approved(case)
    stage.request(case)
    return Call(OFFICER, commands.close_pool, (pool,), {"reason": stage.text()})


# ── cases


def open_case(stage: Stage) -> Call:
    return Call(LEAD, commands.open_case, facts={"pool": stage.pool(), "provider": "traeger-a", **stage.case_facts()})


def amend_case(stage: Stage) -> Call:
    return Call(LEAD, commands.amend_case, (stage.case(),), {**stage.case_facts(), "reason": stage.text()})


def transfer_case(stage: Stage) -> Call:
    case = stage.case()
    stage.approved(case)
    return Call(OFFICER, commands.transfer_case, (case,), {"provider": "traeger-b", "reason": stage.text()})


def close_case(stage: Stage) -> Call:
    case = stage.case()
    stage.approved(case)
    stage.request(case)
    return Call(LEAD, commands.close_case, (case,), {"outcome": "goal_reached", "note": stage.text()})


def erase(stage: Stage) -> Call:
    return Call(OFFICER, commands.erase, (stage.closed(),), {"periods": PERIODS, "reason": stage.text()})


def agree_to_erasure(stage: Stage) -> Call:
    case = stage.closed()
    stage.done(OFFICER, commands.erase, case, periods=PERIODS, reason=stage.text())
    return Call(SECOND_OFFICER, commands.erase, (case,), {"periods": PERIODS})


def confirm_erasure(stage: Stage) -> Call:
    case = stage.closed()
    stage.done(OFFICER, commands.erase, case, periods=PERIODS, classes=("file",), reason=stage.text())
    stage.done(SECOND_OFFICER, commands.erase, case, periods=PERIODS)
    return Call(commands.OFFICE_PROCESS, commands.confirm_erasure, (case,), {"classes": ("file",)})


def erase_again(stage: Stage) -> Call:
    return Call(commands.OFFICE_PROCESS, commands.erase_again, (stage.closed(),), {"classes": CLASSES})


def withdraw_erasure(stage: Stage) -> Call:
    case = stage.closed()
    stage.done(OFFICER, commands.erase, case, periods=PERIODS, reason=stage.text())
    return Call(SECOND_OFFICER, commands.withdraw_erasure, (case,), {"reason": stage.text()})


def set_hold(stage: Stage) -> Call:
    return Call(OFFICER, commands.set_hold, (stage.closed(),), {"reason": stage.text()})


def lift_hold(stage: Stage) -> Call:
    case = stage.closed()
    stage.done(OFFICER, commands.set_hold, case, reason=stage.text())
    return Call(OFFICER, commands.lift_hold, (case,), {"reason": stage.text()})


# ── bookings


def request_hours(stage: Stage) -> Call:
    return Call(WORKER, commands.request_hours, facts={"case": stage.case(), "minutes": 60, "purpose": stage.text()})


def approve_hours(stage: Stage) -> Call:
    facts = {"minutes": 60, "reason": stage.text(), "overtaking_reason": stage.text()}
    return Call(OFFICER, commands.approve_hours, (stage.request(),), facts)


def propose_approval(stage: Stage) -> Call:
    facts = {"reason": stage.text(), "overtaking_reason": stage.text()}
    return Call(OFFICER, commands.approve_hours, (stage.request(minutes=FOUR_EYES + 60),), facts)


def confirm_approval(stage: Stage) -> Call:
    booking = stage.request(minutes=6000)  # the last minutes of the pool
    stage.done(OFFICER, commands.approve_hours, booking)
    return Call(SECOND_OFFICER, commands.approve_hours, (booking,))


def decline_request(stage: Stage) -> Call:
    return Call(OFFICER, commands.decline_request, (stage.request(),), {"reason": stage.text()})


def withdraw_request(stage: Stage) -> Call:
    return Call(LEAD, commands.withdraw_request, (stage.request(),), {"reason": stage.text()})


def waitlist_request(stage: Stage) -> Call:
    return Call(OFFICER, commands.waitlist_request, (stage.request(),), {"priority": 1, "reason": stage.text()})


def reduce_grant(stage: Stage) -> Call:
    return Call(OFFICER, commands.reduce_grant, (stage.approved(),), {"to_minutes": 60, "reason": stage.text()})


def settle_booking(stage: Stage) -> Call:
    booking, _ = stage.logged()
    return Call(LEAD, commands.settle_booking, (booking,))


def log_session(stage: Stage) -> Call:
    return Call(WORKER, commands.log_session, (stage.approved(),), stage.session_facts())


def correct_session(stage: Stage) -> Call:
    facts = {"minutes": 45, "note": stage.text(), "reason": stage.text()}
    return Call(WORKER, commands.correct_session, stage.logged(), facts)


def reverse_session(stage: Stage) -> Call:
    booking, session = stage.logged()
    stage.done(LEAD, commands.settle_booking, booking)
    return Call(WORKER, commands.reverse_session, (booking, session), {"reason": stage.text()})


def confirm_session(stage: Stage) -> Call:
    return Call(WORKER, commands.confirm_session, stage.logged(), {"by": stage.text(), "method": "signature"})


# ── findings and samples


def open_finding(stage: Stage) -> Call:
    found = stage.found()
    return Call(AUDITOR, commands.open_finding, (found.id,), {"found": found, "note": stage.text()})


def raise_finding(stage: Stage) -> Call:
    return Call(AUDITOR, commands.raise_finding, facts={"pool": stage.pool(), "note": stage.text()})


def explain_finding(stage: Stage) -> Call:
    return Call(LEAD, commands.explain_finding, (stage.finding(),), {"explanation": stage.text()})


def confirm_finding(stage: Stage) -> Call:
    return Call(AUDITOR, commands.confirm_finding, (stage.finding(),), {"reason": stage.text()})


def close_finding(stage: Stage) -> Call:
    return Call(AUDITOR, commands.close_finding, (stage.finding(),), {"reason": stage.text()})


def draw_sample(stage: Stage) -> Call:
    pool, of_all = stage.pool(), dict.fromkeys(("share_percent", "provider", "first_day", "last_day", "seed"))
    booking = stage.approved(stage.case(pool))
    stage.done(WORKER, commands.log_session, booking, **stage.session_facts())
    with stage.office.store.reading() as reader:
        sample = sampling.draw(reader, pool, size=1, **of_all)
    return Call(AUDITOR, commands.draw_sample, facts={"pool": pool, "sample": sample})


# ── the registry


def register_provider(stage: Stage) -> Call:
    facts = {"provider": f"traeger-{uuid4()}", "name": "Jugendhilfe e. V.", "valid_from": SERVICE.date()}
    return Call(OFFICER, commands.register_provider, facts=facts)


def register_offer(stage: Stage) -> Call:
    return Call(OFFICER, commands.register_offer, (stage.provider(),), {"offer": "Jugendklub", "valid_from": SERVICE.date()})


def register_worker(stage: Stage) -> Call:
    return Call(OFFICER, commands.register_worker, (stage.provider(),), {"worker": "kraft-a", "valid_from": SERVICE.date()})


def end_provider(stage: Stage) -> Call:
    return Call(OFFICER, commands.end_provider, (stage.provider(),), {"valid_until": SERVICE.date()})


def end_offer(stage: Stage) -> Call:
    provider = stage.provider()
    stage.done(OFFICER, commands.register_offer, provider, offer="Jugendklub", valid_from=SERVICE.date())
    return Call(OFFICER, commands.end_offer, (provider,), {"offer": "Jugendklub", "valid_until": SERVICE.date()})


def end_worker(stage: Stage) -> Call:
    provider = stage.provider()
    stage.done(OFFICER, commands.register_worker, provider, worker="kraft-a", valid_from=SERVICE.date())
    return Call(OFFICER, commands.end_worker, (provider,), {"worker": "kraft-a", "valid_until": SERVICE.date()})


SCENES: tuple[Callable[[Stage], Call], ...] = (
    open_pool,
    change_budget,
    change_rules,
    close_month,
    reopen_month,
    close_pool,
    open_case,
    amend_case,
    transfer_case,
    close_case,
    erase,
    agree_to_erasure,
    confirm_erasure,
    erase_again,
    withdraw_erasure,
    set_hold,
    lift_hold,
    request_hours,
    approve_hours,
    propose_approval,
    confirm_approval,
    decline_request,
    withdraw_request,
    waitlist_request,
    reduce_grant,
    settle_booking,
    log_session,
    correct_session,
    reverse_session,
    confirm_session,
    open_finding,
    raise_finding,
    explain_finding,
    confirm_finding,
    close_finding,
    draw_sample,
    register_provider,
    register_offer,
    register_worker,
    end_provider,
    end_offer,
    end_worker,
)


def all_commands() -> set[str]:
    """The names of everything in ``application.commands`` that decides."""
    return {
        name
        for name, command in inspect.getmembers(commands, inspect.isfunction)
        if command.__module__ == commands.__name__ and not name.startswith("_") and "turn" in inspect.signature(command).parameters
    }
