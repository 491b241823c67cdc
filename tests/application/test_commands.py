"""Given what was commanded before, when a command is given, then these events stand in the log, in this order."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from application import commands
from application.log import Recorded
from application.receipts import Answer
from domain.booking import HoursApproved, HoursRequested, RequestWithdrawn, SessionCorrected, SessionLogged
from domain.case import CaseOpened
from domain.erasure import Periods
from domain.pool import HoursReleased, MonthReopened, PlaceOffered, PoolOpened
from domain.quantities import Actor, Period, Rules, Sealed
from tests.office import LEAD, OFFICER, OTHER_LEAD, SECOND_OFFICER, WORKER, Office, body, running_office

NOW = datetime(2022, 1, 10, 12, tzinfo=UTC)
SERVED_AT = NOW - timedelta(days=3)
PERIOD = Period(date(2021, 11, 1), date(2022, 5, 31))
REASON = "nach Rücksprache"


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    seconds = count()  # so that one request is earlier than the next
    with running_office(store_url, tmp_path / "keys", lambda: NOW + timedelta(seconds=next(seconds))) as office:
        yield office


class Scene:
    """What is given: a pool with a case, and short words for what people do in it."""

    def __init__(self, office: Office, budget: int = 600, **rules: Any) -> None:
        self.office = office
        self.pool = office.open_pool("2021-11-01", "2022-05-31", budget, **rules)
        self.case = self.opened_case()

    def opened_case(self, provider: str = "traeger-a") -> UUID:
        facts: dict[str, Any] = {"district": "nord", "service_area": "13", "concern": "housing"}
        return self.id_of(OFFICER, commands.open_case, pool=self.pool, provider=provider, **facts)

    def requested(self, minutes: int = 60, case: UUID | None = None) -> UUID:
        return self.id_of(WORKER, commands.request_hours, case=case or self.case, minutes=minutes)

    def waitlisted(self, minutes: int = 60, case: UUID | None = None) -> UUID:
        booking = self.requested(minutes, case)
        self.office.do(OFFICER, commands.waitlist_request, booking)
        return booking

    def approved(self, minutes: int = 60, case: UUID | None = None) -> UUID:
        booking = self.requested(minutes, case)
        self.office.do(OFFICER, commands.approve_hours, booking)
        return booking

    def logged(self, booking: UUID, minutes: int = 30) -> UUID:
        return self.id_of(WORKER, commands.log_session, booking, starts_at=SERVED_AT, minutes=minutes, kind="direct")

    def settled(self, minutes: int = 60, used: int = 30) -> tuple[UUID, UUID]:
        booking = self.approved(minutes)
        session = self.logged(booking, used)
        self.office.do(LEAD, commands.settle_booking, booking)
        return booking, session

    def id_of(self, actor: Actor, command: Callable[..., Answer], *args: Any, **facts: Any) -> UUID:
        answer = self.office.do(actor, command, *args, **facts)
        assert answer.outcome == "created", answer
        return UUID(body(answer)["id"])

    def when(self, actor: Actor, command: Callable[..., Answer], *args: Any, **facts: Any) -> "Then":
        before = len(self.office.log())
        answer = self.office.do(actor, command, *args, **facts)
        return Then(answer, self.office.log()[before:])


class Then:
    """What followed."""

    def __init__(self, answer: Answer, events: list[Recorded]) -> None:
        self.answer = answer
        self.at = events[0].recorded_at if events else None
        self.data: list[Any] = [event.data for event in events]
        self.said = [(event.type, event.stream) for event in events]

    def then(self, *events: tuple[str, UUID], outcome: str = "done") -> list[Any]:
        """Exactly these types of events in these streams, and this answer; returns what the events say."""
        assert self.said == list(events)
        assert (self.answer.outcome, body(self.answer).get("code")) == (outcome, None)
        return self.data

    def refuses(self, code: str) -> None:
        assert (self.answer.outcome, body(self.answer)["code"], self.said) == (code, code, [])


@pytest.fixture
def scene(office: Office) -> Scene:
    return Scene(office)


# ── pools


@pytest.mark.parametrize(("budget", "more"), [(600, []), (14, ["pool-exhausted"])])
def test_open_pool(scene: Scene, budget: int, more: list[str]) -> None:
    """A pool that holds less than a unit is exhausted from the start."""
    then = scene.when(OFFICER, commands.open_pool, name="Pool", period=PERIOD, budget_minutes=budget, rules=Rules())

    pool = UUID(body(then.answer)["id"])
    opened, *_ = then.then(("pool-opened", pool), *((type, pool) for type in more), outcome="created")
    assert opened == PoolOpened("Pool", PERIOD, budget, Rules())


def test_change_budget_offers_the_place(office: Office) -> None:
    """More minutes replenish the pool and offer the place to the head of the waiting list."""
    scene = Scene(office, budget=60)
    scene.approved(60)
    head, _ = scene.waitlisted(120), scene.waitlisted(60)

    then = scene.when(OFFICER, commands.change_budget, scene.pool, change_minutes=120, resolution="V0815/22")

    *_, offered = then.then(("budget-changed", scene.pool), ("pool-replenished", scene.pool), ("place-offered", scene.pool))
    assert offered == PlaceOffered(head)


def test_change_budget_below_what_is_committed(scene: Scene) -> None:
    """What is granted cannot be cut away."""
    scene.approved(60)
    scene.when(OFFICER, commands.change_budget, scene.pool, change_minutes=-555, resolution="V0815/22").refuses("below_committed")


def test_change_rules(office: Office) -> None:
    """A larger unit can exhaust a pool."""
    scene = Scene(office, budget=45)

    then = scene.when(OFFICER, commands.change_rules, scene.pool, rules=Rules(unit_minutes=60))

    then.then(("rules-changed", scene.pool), ("pool-exhausted", scene.pool))


def test_close_and_reopen_month(scene: Scene) -> None:
    """A month is closed with or without a reason, and opened again with one, which is sealed."""
    scene.when(OFFICER, commands.close_month, scene.pool, "2022-01").then(("month-closed", scene.pool))
    scene.when(OFFICER, commands.close_month, scene.pool, "2022-01").refuses("already_closed")
    scene.when(OFFICER, commands.reopen_month, scene.pool, "2022-01").refuses("reason_missing")

    [reopened] = scene.when(OFFICER, commands.reopen_month, scene.pool, "2022-01", reason=REASON).then(
        ("month-reopened", scene.pool)
    )

    assert isinstance(reopened, MonthReopened)
    assert isinstance(reopened.reason, Sealed)


def test_close_pool(office: Office) -> None:
    """Everything is settled or withdrawn in the order of the requests, and the pool says so at the end."""
    scene = Scene(office, budget=60)
    approved, open_request = scene.approved(60), scene.requested(30)
    scene.logged(approved, 15)

    then = scene.when(OFFICER, commands.close_pool, scene.pool, reason=REASON)

    then.then(
        ("booking-settled", approved),
        ("hours-released", scene.pool),
        ("request-withdrawn", open_request),
        ("pool-replenished", scene.pool),
        ("pool-closed", scene.pool),
    )
    assert body(then.answer)["balance"] == {
        "budget": 60,
        "granted": 60,
        "reserved": 0,
        "consumed": 15,
        "released": 45,
        "available": 45,
    }
    scene.when(OFFICER, commands.close_pool, scene.pool).refuses("pool_closed")


# ── cases


def test_open_case(scene: Scene) -> None:
    """A reference stands for one case of its provider in a pool; what is personal is sealed."""
    facts: dict[str, Any] = {"district": "nord", "service_area": "13", "concern": "housing", "name": "Kim Muster"}
    opening = (LEAD, commands.open_case)
    case = commands.case_id(scene.pool, "traeger-a", "F-9")

    then = scene.when(*opening, pool=scene.pool, provider="traeger-a", reference="F-9", **facts)

    [opened] = then.then(("case-opened", case), outcome="created")

    assert isinstance(opened, CaseOpened)
    assert isinstance(opened.name, Sealed)
    assert opened.opened_at == then.at
    scene.when(*opening, pool=scene.pool, provider="traeger-a", reference="F-9", **facts).refuses("duplicate_id")
    scene.when(*opening, pool=scene.pool, provider="traeger-b", reference="F-9", **facts).then(
        ("case-opened", commands.case_id(scene.pool, "traeger-b", "F-9")), outcome="created"
    )
    scene.when(*opening, pool=scene.case, provider="traeger-a", reference="F-10", **facts).refuses("not_found")


def test_a_case_without_a_reference_gets_one(scene: Scene) -> None:
    """Each its own."""
    scene.opened_case()
    references = [event.data.reference for event in scene.office.log() if isinstance(event.data, CaseOpened)]
    assert len(set(references)) == 2
    assert all(reference.startswith("F-") for reference in references)


def test_amend_case(scene: Scene) -> None:
    """What is not stated stays."""
    then = scene.when(LEAD, commands.amend_case, scene.case, district="süd", reason=REASON)

    then.then(("case-amended", scene.case))
    assert (body(then.answer)["district"], body(then.answer)["concern"]) == ("süd", "housing")


def test_transfer_case(scene: Scene) -> None:
    """The old provider's bookings are wound up first, and the new one sees the case from then on."""
    approved, open_request = scene.approved(60), scene.requested(30)

    then = scene.when(OFFICER, commands.transfer_case, scene.case, provider="traeger-b", reason=REASON)

    then.then(
        ("booking-settled", approved),
        ("hours-released", scene.pool),
        ("request-withdrawn", open_request),
        ("case-transferred", scene.case),
    )
    scene.when(LEAD, commands.request_hours, case=scene.case, minutes=60).refuses("not_found")
    requested = scene.when(OTHER_LEAD, commands.request_hours, case=scene.case, minutes=60)
    assert requested.answer.outcome == "created"


def test_close_case(office: Office) -> None:
    """What its bookings give back is offered to those who wait, in the same decision."""
    scene = Scene(office, budget=60)
    approved = scene.approved(60)
    waiting = scene.waitlisted(60, scene.opened_case())

    then = scene.when(LEAD, commands.close_case, scene.case, outcome="goal_reached")

    *_, offered, _ = then.then(
        ("booking-settled", approved),
        ("hours-released", scene.pool),
        ("pool-replenished", scene.pool),
        ("place-offered", scene.pool),
        ("case-closed", scene.case),
    )
    assert offered == PlaceOffered(waiting)
    scene.when(LEAD, commands.close_case, scene.case, outcome="moved").refuses("already_closed")


# ── requests and decisions


def test_request_hours(scene: Scene) -> None:
    """At the instant of the turn, by whoever asks."""
    then = scene.when(WORKER, commands.request_hours, case=scene.case, minutes=60, purpose="Wohnungssuche")

    [requested] = then.then(("hours-requested", UUID(body(then.answer)["id"])), outcome="created")
    assert isinstance(requested, HoursRequested)
    assert isinstance(requested.purpose, Sealed)
    assert (requested.requested_at, requested.requested_by, requested.provider) == (then.at, "kraft-a", "traeger-a")


def test_approve_hours_takes_the_last_minutes(scene: Scene) -> None:
    """Booking and pool in one decision, and that the pool is exhausted."""
    booking = scene.requested(600)

    then = scene.when(OFFICER, commands.approve_hours, booking, review_on=date(2022, 3, 1))

    then.then(("hours-approved", booking), ("hours-reserved", scene.pool), ("pool-exhausted", scene.pool))
    assert body(then.answer)["granted_minutes"] == 600


def test_approve_hours_in_part(scene: Scene) -> None:
    """A part-grant has a reason."""
    booking = scene.requested(120)
    scene.when(OFFICER, commands.approve_hours, booking, minutes=60).refuses("reason_missing")

    then = scene.when(OFFICER, commands.approve_hours, booking, minutes=60, reason=REASON)

    then.then(("hours-approved", booking), ("hours-reserved", scene.pool))
    assert body(then.answer)["granted_minutes"] == 60


def test_approve_hours_by_two(office: Office) -> None:
    """The first officer proposes and reserves nothing; the second one confirms what was proposed, on the same reason."""
    scene = Scene(office, four_eyes_minutes=60)
    booking = scene.requested(120)
    proposing = scene.when(OFFICER, commands.approve_hours, booking, minutes=90, reason=REASON)
    proposing.then(("approval-proposed", booking), outcome="accepted")
    assert body(proposing.answer)["proposed_minutes"] == 90
    scene.when(OFFICER, commands.approve_hours, booking).refuses("same_officer")

    [approved, _] = scene.when(SECOND_OFFICER, commands.approve_hours, booking).then(
        ("hours-approved", booking), ("hours-reserved", scene.pool)
    )

    assert isinstance(approved, HoursApproved)
    assert (approved.minutes, approved.proposed_by, approved.decided_by) == (90, "o1", "o2")


def test_approve_hours_out_of_turn(office: Office) -> None:
    """Whoever does not wait overtakes a request that fits only for a reason."""
    scene = Scene(office, budget=120)
    scene.waitlisted(60)
    booking = scene.requested(90)
    scene.when(OFFICER, commands.approve_hours, booking).refuses("out_of_turn")

    overtaking = scene.when(OFFICER, commands.approve_hours, booking, overtaking_reason="drohende Obdachlosigkeit")

    overtaking.then(("hours-approved", booking), ("hours-reserved", scene.pool))


def test_who_requested_never_approves(scene: Scene) -> None:
    """Not in another role either."""
    booking = scene.requested()
    scene.when(Actor(WORKER.subject, "officer", "jugendamt"), commands.approve_hours, booking).refuses("own_request")


def test_decline_and_withdraw_make_room_for_the_next(scene: Scene) -> None:
    """Once the head has left the list, the place is offered to the next that fits."""
    first, second = scene.waitlisted(660), scene.waitlisted(630)
    third = scene.waitlisted(600)
    scene.when(OFFICER, commands.decline_request, first, reason=None).refuses("reason_missing")

    scene.when(OFFICER, commands.decline_request, first, reason=REASON).then(("request-declined", first))
    _, offered = scene.when(LEAD, commands.withdraw_request, second).then(
        ("request-withdrawn", second), ("place-offered", scene.pool)
    )

    assert offered == PlaceOffered(third)


def test_waitlist_request(scene: Scene) -> None:
    """A fitting head gets its offer at once and only once; another priority needs a reason."""
    booking = scene.requested()

    scene.when(OFFICER, commands.waitlist_request, booking).then(("request-waitlisted", booking), ("place-offered", scene.pool))
    scene.when(OFFICER, commands.waitlist_request, booking).refuses("already_decided")
    scene.when(OFFICER, commands.waitlist_request, booking, priority=1).refuses("reason_missing")
    scene.when(OFFICER, commands.waitlist_request, booking, priority=1, reason=REASON).then(("request-waitlisted", booking))


def test_reduce_grant(scene: Scene) -> None:
    """At most to what is used; the rest goes back at once."""
    booking = scene.approved(60)
    scene.logged(booking, 30)
    scene.when(LEAD, commands.reduce_grant, booking, to_minutes=15, reason=REASON).refuses("over_grant")

    _, released = scene.when(LEAD, commands.reduce_grant, booking, to_minutes=30, reason=REASON).then(
        ("grant-reduced", booking), ("hours-released", scene.pool)
    )

    assert (released.minutes, released.because) == (30, "reduction")


def test_settle_booking(scene: Scene) -> None:
    """What was not used goes back; where all was used, nothing does."""
    partly, fully = scene.approved(60), scene.approved(30)
    scene.logged(fully, 30)

    scene.when(LEAD, commands.settle_booking, partly).then(("booking-settled", partly), ("hours-released", scene.pool))
    scene.when(OFFICER, commands.settle_booking, fully).then(("booking-settled", fully))
    scene.when(OFFICER, commands.settle_booking, fully).refuses("settled")


# ── sessions


def test_log_session(scene: Scene) -> None:
    """A session writes its booking alone; its start is kept in local time."""
    booking = scene.approved()

    then = scene.when(WORKER, commands.log_session, booking, starts_at=SERVED_AT, minutes=30, kind="travel", note="Bus")

    [logged] = then.then(("session-logged", booking), outcome="created")
    assert isinstance(logged, SessionLogged)
    assert isinstance(logged.note, Sealed)
    assert (str(logged.session), logged.starts_at.isoformat()) == (body(then.answer)["id"], "2022-01-07T13:00:00+01:00")
    scene.when(WORKER, commands.log_session, booking, starts_at=SERVED_AT, minutes=45, kind="direct").refuses("over_grant")


def test_correct_session(scene: Scene) -> None:
    """As it is from now on and as it was; what is not stated stays."""
    booking = scene.approved()
    session = scene.logged(booking, 30)

    then = scene.when(WORKER, commands.correct_session, booking, session, minutes=45, reason=REASON)

    [corrected] = then.then(("session-corrected", booking))
    assert isinstance(corrected, SessionCorrected)
    assert (corrected.before.minutes, corrected.now.minutes, corrected.now.kind) == (30, 45, "direct")
    assert body(then.answer)["state"] == "corrected"


def test_correct_and_reverse_after_settlement(scene: Scene) -> None:
    """What is no longer consumed goes back to the pool."""
    booking, session = scene.settled(60, used=60)
    scene.when(LEAD, commands.correct_session, booking, session, minutes=75, reason=REASON).refuses("settled")

    _, first = scene.when(LEAD, commands.correct_session, booking, session, minutes=45, reason=REASON).then(
        ("session-corrected", booking), ("hours-released", scene.pool)
    )
    _, second = scene.when(LEAD, commands.reverse_session, booking, session, reason=REASON).then(
        ("session-reversed", booking), ("hours-released", scene.pool)
    )

    assert isinstance(first, HoursReleased)
    assert [(first.minutes, first.because), (second.minutes, second.because)] == [(15, "correction"), (45, "reversal")]
    assert scene.when(OFFICER, commands.close_pool, scene.pool).answer.outcome == "done"  # the sums still prove right


def test_confirm_session(scene: Scene) -> None:
    """It can be confirmed again; who did is personal."""
    booking = scene.approved()
    session = scene.logged(booking)
    confirming = (WORKER, commands.confirm_session, booking, session)

    [confirmed] = scene.when(*confirming, by="Mutter", method="signature").then(("session-confirmed", booking))
    scene.when(*confirming, by="Vater", method="call").then(("session-confirmed", booking))
    scene.office.do(LEAD, commands.reverse_session, booking, session, reason=REASON)

    assert isinstance(confirmed.by, Sealed)
    scene.when(*confirming, by="Mutter", method="signature").refuses("session_reversed")


# ── what is not there, and what is not one's own

Saying = tuple[Callable[..., Answer], dict[str, Any]]

ABOUT_A_POOL: list[Saying] = [
    (commands.change_budget, {"change_minutes": 60, "resolution": "V0815/22"}),
    (commands.change_rules, {"rules": Rules()}),
    (commands.close_month, {"month": "2022-01"}),
    (commands.reopen_month, {"month": "2022-01"}),
    (commands.close_pool, {}),
]
ABOUT_A_CASE: list[Saying] = [
    (commands.request_hours, {"minutes": 60}),
    (commands.amend_case, {"district": "süd"}),
    (commands.transfer_case, {"provider": "traeger-b"}),
    (commands.close_case, {"outcome": "moved"}),
    (commands.erase, {"periods": Periods(), "reason": REASON}),
    (commands.withdraw_erasure, {"reason": REASON}),
    (commands.set_hold, {"reason": REASON}),
    (commands.lift_hold, {"reason": REASON}),
]
BY_THE_PROCESS = {commands.erase_again, commands.confirm_erasure}
ABOUT_A_BOOKING: list[Saying] = [
    (commands.approve_hours, {}),
    (commands.decline_request, {"reason": REASON}),
    (commands.withdraw_request, {}),
    (commands.waitlist_request, {}),
    (commands.reduce_grant, {"to_minutes": 0, "reason": REASON}),
    (commands.settle_booking, {}),
    (commands.log_session, {"starts_at": SERVED_AT, "minutes": 15, "kind": "direct"}),
]
ABOUT_A_SESSION: list[Saying] = [
    (commands.correct_session, {"minutes": 15, "reason": REASON}),
    (commands.reverse_session, {"reason": REASON}),
    (commands.confirm_session, {"by": "Mutter", "method": "signature"}),
]

# Who may say what of a finding, and that others find none, is in ``tests/interfaces/http/test_findings.py``.
ABOUT_A_FINDING = [
    commands.open_finding,
    commands.raise_finding,
    commands.explain_finding,
    commands.confirm_finding,
    commands.close_finding,
]
# The same of the registry in ``tests/interfaces/http/test_providers.py``.
ABOUT_A_PROVIDER = [
    commands.register_provider,
    commands.register_offer,
    commands.register_worker,
    commands.end_provider,
    commands.end_offer,
    commands.end_worker,
]


def test_every_command_stands_in_these_lists() -> None:
    """A new one is to be added here."""
    listed = {command for command, _ in ABOUT_A_POOL + ABOUT_A_CASE + ABOUT_A_BOOKING + ABOUT_A_SESSION}
    public = {value for name, value in vars(commands).items() if getattr(value, "__module__", "") == commands.__name__}
    ids = {commands.case_id, commands.imported_case_id}
    commanding = {value for value in public if not value.__name__.startswith("_")} - ids
    assert commanding - listed == {
        commands.open_pool,
        commands.open_case,
        commands.draw_sample,
        *ABOUT_A_FINDING,
        *ABOUT_A_PROVIDER,
        *BY_THE_PROCESS,
    }


def addressed(scene: Scene) -> list[tuple[Callable[..., Answer], tuple[UUID, ...], dict[str, Any]]]:
    """Every command that addresses a provider's own, said about one of ``traeger-a``."""
    booking = scene.approved()
    session = scene.logged(booking)
    about_case = [(command, (scene.case,), facts) for command, facts in ABOUT_A_CASE]
    about_booking = [(command, (booking,), facts) for command, facts in ABOUT_A_BOOKING]
    return [*about_case, *about_booking, *((command, (booking, session), facts) for command, facts in ABOUT_A_SESSION)]


def say(scene: Scene, actor: Actor, command: Callable[..., Answer], ids: tuple[UUID, ...], facts: dict[str, Any]) -> Then:
    if command is commands.request_hours:
        return scene.when(actor, command, case=ids[0], **facts)
    return scene.when(actor, command, *ids, **facts)


def test_what_is_anothers_is_as_missing_for_a_provider(scene: Scene) -> None:
    """Not a byte tells a foreign object from none."""
    for command, ids, facts in addressed(scene):
        foreign = say(scene, OTHER_LEAD, command, ids, facts)
        missing = say(scene, OTHER_LEAD, command, tuple(uuid4() for _ in ids), facts)
        foreign.refuses("not_found")
        missing.refuses("not_found")
        assert foreign.answer == missing.answer


def test_what_is_something_else_is_not_there(scene: Scene) -> None:
    """The id of a booking is none of a pool or a case, and the other way round."""
    booking = scene.requested()
    for id, sayings in [
        (scene.case, ABOUT_A_POOL),
        (booking, ABOUT_A_POOL + ABOUT_A_CASE),
        (scene.pool, ABOUT_A_CASE + ABOUT_A_BOOKING),
        (scene.case, ABOUT_A_BOOKING),
    ]:
        for command, facts in sayings:
            say(scene, OFFICER, command, (id,), facts).refuses("not_found")


def test_a_session_is_looked_for_in_its_own_booking(scene: Scene) -> None:
    """The id of another booking's session says nothing here."""
    session, other = scene.logged(scene.approved()), scene.approved()
    for command, facts in ABOUT_A_SESSION:
        scene.when(WORKER, command, other, session, **facts).refuses("not_found")


def test_withdrawn_by_a_closing_names_who_closed(scene: Scene) -> None:
    """A request that ends with its case was withdrawn by whoever closed the case."""
    scene.requested()

    then = scene.when(OFFICER, commands.close_case, scene.case, outcome="moved")

    withdrawn, _ = then.data
    assert isinstance(withdrawn, RequestWithdrawn)
    assert (withdrawn.withdrawn_by, withdrawn.withdrawn_at, withdrawn.reason_given) == ("o1", then.at, False)
