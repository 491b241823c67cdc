"""Every decision is decided again: what nobody can have decided so is found, also where the tree was made anew.

An attack rewrites the log as somebody would who owns database and key: positions, versions, causes, tree and receipts fit again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from eventsourcing.persistence import Notification

from application import commands, sampling
from application.catalogue import BY_CLASS
from application.findings import Findings
from application.proof import before
from application.proof.redecision import DECIDED_AGAIN, FOLLOWING
from application.proof.tree import Tree
from application.receipts import Answer
from domain.erasure import Periods
from domain.findings.thresholds import Thresholds
from domain.quantities import Actor, Rules
from interfaces.storage.turns import TurnRecorder, TurnTransaction
from tests.application.proof.verifying import deviations
from tests.application.test_imports import requests, sessions, take
from tests.conftest import STORE_KINDS, new_url
from tests.office import AUDITOR, LEAD, OFFICER, OTHER_LEAD, SECOND_OFFICER, WORKER, Office, body, running_office
from tests.tampering import tampering

NOON = datetime(2022, 1, 10, 12, tzinfo=UTC)
SERVED_AT = NOON - timedelta(days=3)
REASON = "nach Rücksprache"
WORKER_AS_OFFICER = Actor(WORKER.subject, "officer", "jugendamt")
encode = msgspec.json.Encoder(order="sorted").encode

Events = list[dict[str, Any]]
Found = list[tuple[int | None, str]]


class Undone(Exception):
    """Leaves a turn without a trace."""


def test_every_kind_of_event_is_decided_again() -> None:
    """given the catalogue / then each kind begins a decision that is taken again, or only follows, or is decided by nobody yet."""
    assert set(DECIDED_AGAIN) | FOLLOWING == set(BY_CLASS)
    assert len(DECIDED_AGAIN) + len(FOLLOWING) == len(BY_CLASS)


# ── A log in which everything happens


class Story:
    """Says what happens in the office, and remembers at which position it did."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.at: dict[str, int] = {}

    def do(self, name: str, actor: Actor, command: Callable[..., Answer], /, *args: Any, **facts: Any) -> UUID:
        """The id of what is spoken of; ``name`` is where it begins in the log."""
        self.at[name] = len(self.office.log()) + 1
        answer = self.office.keyed(name, actor, command, *args, **facts)
        assert answer.outcome in ("created", "done", "accepted"), (name, answer)
        return UUID(body(answer)["id"])

    def case(self, name: str, pool: UUID, provider: str = "traeger-a") -> UUID:
        facts = {"provider": provider, "district": "nord", "service_area": "13", "concern": "housing", "name": "Kim"}
        return self.do(f"case {name}", OFFICER, commands.open_case, pool=pool, **facts)

    def request(self, name: str, case: UUID, minutes: int) -> UUID:
        return self.do(f"request {name}", WORKER, commands.request_hours, case=case, minutes=minutes, purpose=REASON)

    def approve(self, name: str, booking: UUID, actor: Actor = OFFICER, **facts: Any) -> None:
        self.do(f"approve {name}", actor, commands.approve_hours, booking, **facts)

    def log(self, name: str, booking: UUID, minutes: int = 30, **facts: Any) -> UUID:
        facts = {"starts_at": SERVED_AT, "kind": "direct", "worker": "kraft-a", "note": REASON} | facts
        return self.do(f"log {name}", WORKER, commands.log_session, booking, minutes=minutes, **facts)

    def tell(self) -> None:
        pool = self.office.open_pool("2021-11-01", "2022-05-31", 540, four_eyes_minutes=240, late_entry_days=7)
        a, b = self.case("a", pool), self.case("b", pool)
        first, second = self.request("first", a, 240), self.request("second", a, 300)
        self.approve("first", first, reason="")
        self.do("propose", OFFICER, commands.approve_hours, second, reason=REASON, review_on=date(2022, 3, 1))
        self.approve("second", second, SECOND_OFFICER)
        early, late = self.request("early", b, 60), self.request("late", b, 60)
        for each, name in ((early, "early"), (late, "late")):
            self.do(f"list {name}", OFFICER, commands.waitlist_request, each)
        session = self.log("one", first)
        self.log("two", first, starts_at=SERVED_AT - timedelta(days=20))
        self.do("correct", WORKER, commands.correct_session, first, session, minutes=45, reason=REASON)
        self.do("confirm", WORKER, commands.confirm_session, first, session, by="Mutter", method="signature")
        self.do("settle", LEAD, commands.settle_booking, first)  # which gives enough back for those who wait
        self.approve("early", early)
        self.approve("late", late)
        self.do("reverse", LEAD, commands.reverse_session, first, session, reason=REASON)
        self.do("reduce", LEAD, commands.reduce_grant, second, to_minutes=60, reason=REASON)
        self.do("close month", OFFICER, commands.close_month, pool, "2021-12")
        self.do("reopen month", OFFICER, commands.reopen_month, pool, "2021-12", reason=REASON)
        self.do("budget", OFFICER, commands.change_budget, pool, change_minutes=600, resolution="JHA 1")
        self.do("rules", OFFICER, commands.change_rules, pool, rules=Rules(session_max_minutes=60), reason=REASON)
        declined, withdrawn = self.request("declined", a, 60), self.request("withdrawn", a, 60)
        self.do("decline", OFFICER, commands.decline_request, declined, reason=REASON)
        self.do("withdraw", LEAD, commands.withdraw_request, withdrawn)
        self.do("amend", LEAD, commands.amend_case, a, district="süd", reason="")
        self.request("open", a, 60)
        self.do("transfer", OFFICER, commands.transfer_case, a, provider="traeger-b", reason=REASON)
        self.do("close case", OFFICER, commands.close_case, b, outcome="moved")
        self.at["import"] = len(self.office.log()) + 1
        take(self.office, pool, "requests", requests({"request_id": "r-1"}, {"request_id": "r-2", "case_ref": "fall-2"}))
        self.at["import sessions"] = len(self.office.log()) + 1
        take(self.office, pool, "sessions", sessions({"session_id": "s-1"}, {"session_id": "s-2", "minutes": "500"}))
        self.at["note"] = len(self.office.log())
        self.handle_findings(pool, first)
        self.register()
        self.erase(b)
        self.request("last", self.case("last", pool), 60)
        self.do("close pool", OFFICER, commands.close_pool, pool)

    def erase(self, case: UUID) -> None:
        wanted = {"periods": Periods()}
        self.do("hold", OFFICER, commands.set_hold, case, reason=REASON)
        self.do("lift hold", OFFICER, commands.lift_hold, case, reason=REASON)
        self.do("request erasure", OFFICER, commands.erase, case, classes=("identity",), ground="request", reason=REASON, **wanted)
        self.do("withdraw erasure", SECOND_OFFICER, commands.withdraw_erasure, case, reason=REASON)
        self.do("request again", OFFICER, commands.erase, case, classes=("identity", "file"), reason=REASON, **wanted)
        self.do("erase", SECOND_OFFICER, commands.erase, case, **wanted)
        self.do("confirm erasure", commands.OFFICE_PROCESS, commands.confirm_erasure, case, classes=("identity", "file"))
        self.do("erase again", commands.OFFICE_PROCESS, commands.erase_again, case, classes=("voucher",))

    def register(self) -> None:
        first, last = date(2022, 3, 1), date(2022, 4, 30)
        known = {"provider": "traeger-a", "name": "Jugendhilfe e. V."}
        provider = self.do("provider", OFFICER, commands.register_provider, **known, valid_from=first, valid_until=last)
        self.do("offer", OFFICER, commands.register_offer, provider, offer="club", valid_from=first)
        self.do("worker", LEAD, commands.register_worker, provider, worker="kraft-a", valid_from=first)
        self.do("end worker", LEAD, commands.end_worker, provider, worker="kraft-a", valid_until=last)
        self.do("end offer", OFFICER, commands.end_offer, provider, offer="club", valid_until=first)
        self.do("end provider", OFFICER, commands.end_provider, provider, valid_until=first)
        self.do("provider again", OFFICER, commands.register_provider, **known, valid_from=last)

    def handle_findings(self, pool: UUID, booking: UUID) -> None:
        with self.office.store.reading() as reader:
            found = Findings(Thresholds()).report(reader, pool=pool, progress=lambda done, total: None).findings[0]
            seen = Findings(Thresholds()).holding(reader, found.id)
            nothing = dict.fromkeys(("share_percent", "provider", "first_day", "last_day", "seed"))
            sample = sampling.draw(reader, pool, size=1, **nothing)
        opened = self.do("open finding", AUDITOR, commands.open_finding, found.id, found=seen)
        raised = self.do("raise finding", AUDITOR, commands.raise_finding, pool=pool, booking=booking, note=REASON)
        self.do("explain finding", LEAD, commands.explain_finding, raised, explanation=REASON)
        self.do("confirm finding", AUDITOR, commands.confirm_finding, raised)
        self.do("close finding", AUDITOR, commands.close_finding, opened, reason=REASON)
        self.do("open again", AUDITOR, commands.open_finding, opened, found=seen)
        self.do("sample", AUDITOR, commands.draw_sample, pool=pool, sample=sample)


@pytest.fixture(scope="module", params=STORE_KINDS)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("log")
    url = new_url(request, request.param, folder / "store.db")
    seconds = count()
    with running_office(url, folder / "keys", lambda: NOON + timedelta(seconds=next(seconds))) as office:
        story = Story(office)
        story.tell()
        yield story


class Scene:
    """The log within a turn that leaves no trace, as a list of what its rows say."""

    def __init__(self, story: Story, turn: TurnTransaction, recorder: TurnRecorder) -> None:
        self.at = story.at
        self.turn = turn
        self._dialect = recorder.dialect
        self.events: Events = [msgspec.json.decode(row.state) for row in turn.notifications(0, 10_000)]

    def decision(self, name: str) -> Events:
        """The events of a decision, to be changed."""
        first = self.at[name]
        return [each for each in self.events if each["position"] == first or each["cause"] == first]

    def positions(self, name: str) -> list[int]:
        return [each["position"] for each in self.decision(name)]

    def move(self, name: str, before: str) -> None:
        """Has a decision taken earlier or later, by the clock of the one that it comes before."""
        moved, other = self.decision(name), self.decision(before)[0]
        self.events = [each for each in self.events if each not in moved]
        at = self.events.index(other)
        self.events[at:at] = moved
        was = moved[0]["recorded_at"]
        for each in moved:
            each["recorded_at"] = other["recorded_at"]
            each["data"] = {key: other["recorded_at"] if value == was else value for key, value in each["data"].items()}

    def found(self) -> Found:
        """What is found once everything fits again."""
        self._store()
        return [(each.position, each.field) for each in deviations(self.turn)]

    def refused(self) -> list[str]:
        """The same, but for decisions that cannot be: the code of the refusal that there would have been."""
        self._store()
        found = [each for each in deviations(self.turn) if each.field == "decision"]
        return [f"{each.position} {each.expected.split()[2]}" for each in found]

    def _store(self) -> None:
        moved = {each["position"]: position for position, each in enumerate(self.events, start=1)}
        versions: dict[str, int] = {}
        rows = []
        for each in self.events:
            version = versions[each["stream"]] = versions.get(each["stream"], 0) + 1
            each.update(position=moved[each["position"]], version=version, cause=moved.get(each["cause"]))
            rows.append(Notification(UUID(each["stream"]), version, each["type"], encode(each), each["position"]))
        self.turn.fetch("DELETE FROM stored_events")
        self.turn.execute(*self._dialect.insertion(rows))
        self.turn.fetch("DELETE FROM tree")
        Tree().catch_up(self.turn, len(rows))
        self._receipts(rows)

    def _receipts(self, rows: Sequence[Notification]) -> None:
        """Each names the last event of its command, and the version that what it speaks of has then."""
        for key in self.at:
            own = [each for each in self.events if each["command"] == key]
            if own:
                main = next((each for each in own if each["type"] in ("pool-closed", "case-closed", "case-transferred")), own[0])
                version = max(each["version"] for each in own if each["stream"] == main["stream"])
                values = (own[-1]["actor"]["subject"], own[-1]["actor"]["organisation"], own[-1]["position"], version, key)
                self.turn.execute(
                    "UPDATE receipts SET subject = ?, organisation = ?, position = ?, version = ? WHERE idempotency_key = ?",
                    [values],
                )
            else:
                self.turn.execute("DELETE FROM receipts WHERE idempotency_key = ?", [(key,)])


@pytest.fixture
def scene(story: Story) -> Iterator[Scene]:
    with suppress(Undone), tampering(story.office.store) as turn:
        yield Scene(story, cast(TurnTransaction, turn), cast(TurnRecorder, story.office.store))
        raise Undone


def test_what_was_decided_is_decided_so_again(story: Story, scene: Scene) -> None:
    """given a log in which everything happens / then nothing deviates, also when it is stored again as an attack would."""
    kinds = {each["type"] for each in scene.events}
    assert kinds == {entry.name for entry in BY_CLASS.values()} - {"demonstration-started"}
    assert deviations(scene.turn) == []
    assert scene.found() == []


def test_what_is_not_held_is_read_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """given room for one case or booking only / then the same is found, and not found, as with room for all."""
    monkeypatch.setattr(before, "HELD_MAX", 1)
    assert deviations(scene.turn) == []
    scene.decision("settle")[1]["data"]["minutes"] -= 15
    assert (scene.positions("settle")[1], "minutes") in scene.found()


# ── Facts that do not follow


def altered(name: str, event: int, **data: Any) -> Callable[[Scene], Found]:
    """One field of an event of a decision is another; gives where that is to be found."""

    def attack(scene: Scene) -> Found:
        stored = scene.decision(name)[event]
        stored["data"] |= data
        return [(stored["position"], field) for field in data]

    return attack


def removed(name: str, event: int) -> Callable[[Scene], Found]:
    """An event of a decision is gone; it is missed where it stood."""

    def attack(scene: Scene) -> Found:
        stored, *others = scene.decision(name)[event:]
        scene.events.remove(stored)
        if stored["cause"] is None:
            for each in others:
                each["cause"] = None if each is others[0] else others[0]["position"]
        return [(stored["position"], "event")]

    return attack


def another_envelope(name: str, event: int, **values: Any) -> Callable[[Scene], Found]:
    def attack(scene: Scene) -> Found:
        stored = scene.decision(name)[event]
        stored.update(values)
        return [(stored["position"], field) for field in values]

    return attack


def erase(scene: Scene) -> Found:
    """An erasure that nobody asked for, by a person."""
    opened = scene.decision("case a")[0]
    data = {"provider": "traeger-a", "reason_given": False}
    scene.events.append(opened | {"position": 0, "type": "personal-data-erased", "command": str(UUID(int=1)), "data": data})
    scene.events[-1]["recorded_at"] = scene.events[-2]["recorded_at"]
    return [(len(scene.events), "decision")]


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(altered("approve first", 1, minutes=225), id="fewer minutes are reserved than granted"),
        pytest.param(altered("approve first", 1, district="süd"), id="they burden another district"),
        pytest.param(altered("approve first", 0, decided_by="o2"), id="somebody else decided than acted"),
        pytest.param(altered("approve first", 0, reason_given=True), id="a reason where none was given"),
        pytest.param(altered("erase", 0, requested_by="o3"), id="an erasure that somebody else asked for"),
        pytest.param(altered("approve second", 0, proposed_by="o3"), id="another first officer"),
        pytest.param(altered("approve second", 0, review_on=None), id="no review, though one was proposed"),
        pytest.param(altered("log two", 0, late=False), id="late, but not marked"),
        pytest.param(altered("list early", 0, minutes=30), id="listed for other minutes than requested"),
        pytest.param(altered("settle", 1, minutes=150), id="less is given back than is left"),
        pytest.param(altered("settle", 1, because="reduction"), id="given back for another cause"),
        pytest.param(altered("request first", 0, district="süd"), id="requested for another district than the case has"),
        pytest.param(altered("close case", -1, note_empty=False), id="a note where there is none"),
        pytest.param(altered("note", 0, recorded=7), id="more taken in than stands there"),
        pytest.param(removed("approve first", 1), id="approved, but not reserved"),
        pytest.param(removed("approve second", -1), id="exhausted, but not said so"),
        pytest.param(removed("settle", -1), id="a place that was not offered"),
        pytest.param(removed("transfer", 0), id="a case transferred, but its bookings not wound up"),
        pytest.param(
            another_envelope("approve first", 1, actor=msgspec.to_builtins(SECOND_OFFICER)), id="two people in a decision"
        ),
        pytest.param(another_envelope("approve first", 1, recorded_at="2022-01-10T12:00:59Z"), id="two instants in a decision"),
        pytest.param(altered("sample", 0, sessions=[str(UUID(int=7))]), id="a session in the sample that was not drawn"),
        pytest.param(altered("end worker", 0, valid_from="2022-03-02"), id="another registration ended than there was"),
        pytest.param(erase, id="an erasure that nobody asked for"),
    ],
)
def test_a_fact_that_does_not_follow_is_named(scene: Scene, attack: Callable[[Scene], Found]) -> None:
    """given one fact that the rules did not make / then it is the first deviation, at its position, stream and field."""
    expected = attack(scene)
    assert [each for each in scene.found() if each[1] != "receipt"][: len(expected)] == expected


@pytest.mark.parametrize(
    "attack",
    [
        altered("approve first", 0, reason_given=True),
        altered("log two", 0, late=False),
        altered("settle", 1, because="reduction"),
        altered("list early", 0, listed_by="o7"),
        removed("approve first", 1),
        removed("approve second", -1),
        removed("settle", 2),
        removed("settle", 3),
    ],
)
def test_one_altered_fact_is_one_deviation(scene: Scene, attack: Callable[[Scene], Found]) -> None:
    """given one fact that is another, or missing / then nothing else deviates, since all go on as if it were not."""
    expected = attack(scene)
    assert scene.found() == expected


# ── Decisions that are against the rules


def decided_by(scene: Scene, name: str, actor: Actor) -> None:
    for each in scene.decision(name):
        each["actor"] = msgspec.to_builtins(actor)
        for field in {"decided_by", "proposed_by", "listed_by"} & each["data"].keys():
            if not (field == "proposed_by" and each["type"] == "hours-approved"):
                each["data"][field] = actor.subject


def own_request(scene: Scene) -> str:
    decided_by(scene, "approve first", WORKER_AS_OFFICER)
    return "approve first own_request"


def same_officer(scene: Scene) -> str:
    decided_by(scene, "approve second", OFFICER)
    return "approve second same_officer"


def foreign_case(scene: Scene) -> str:
    decided_by(scene, "log one", OTHER_LEAD)
    return "log one not_found"


def over_budget(scene: Scene) -> str:
    scene.events[0]["data"]["budget_minutes"] = 225
    return "approve first over_budget"


def more_than_requested(scene: Scene) -> str:
    for each in scene.decision("approve first"):
        if "minutes" in each["data"]:
            each["data"]["minutes"] = 255
    return "approve first over_request"


def after_settlement(scene: Scene) -> str:
    scene.move("log two", before="approve early")
    return "log two settled"


def out_of_turn(scene: Scene) -> str:
    scene.move("approve late", before="approve early")
    return "approve late out_of_turn"


def in_closed_month(scene: Scene) -> str:
    scene.decision("close month")[0]["data"]["month"] = "2022-01"
    scene.move("close month", before="log one")
    return "log one month_closed"


def too_long(scene: Scene) -> str:
    scene.events[0]["data"]["rules"]["session_max_minutes"] = 15
    return "log one too_long"


def in_future(scene: Scene) -> str:
    scene.decision("log one")[0]["data"]["starts_at"] = "2022-01-30T10:00:00+01:00"
    return "log one in_future"


def without_reason(scene: Scene) -> str:
    scene.decision("reduce")[0]["data"] |= {"reason": None, "reason_given": False}
    return "reduce reason_missing"


def twice(scene: Scene) -> str:
    scene.decision("log two")[0]["data"]["session"] = scene.decision("log one")[0]["data"]["session"]
    return "log two duplicate_id"


def explained_by_others(scene: Scene) -> str:
    decided_by(scene, "explain finding", OTHER_LEAD)
    return "explain finding not_found"


def explained_too_late(scene: Scene) -> str:
    scene.move("confirm finding", before="explain finding")
    return "explain finding already_decided"


def registered_by_others(scene: Scene) -> str:
    decided_by(scene, "worker", OTHER_LEAD)
    return "worker not_found"


def registered_twice(scene: Scene) -> str:
    scene.decision("provider again")[0]["data"]["valid_from"] = "2022-03-01"
    return "provider again duplicate_id"


def of_nobody(scene: Scene) -> str:
    scene.decision("request first")[0]["data"]["case"] = str(UUID(int=9))
    return "request first not_found"


def no_import(scene: Scene) -> str:
    """A session of old that says it was not imported."""
    for each in scene.events:
        if each["position"] == scene.at["import sessions"]:
            each["command"] = str(UUID(int=5))
            each["data"]["starts_at"] = "2021-10-10T14:00:00+02:00"
    return "import sessions outside_period"


@pytest.mark.parametrize(
    "attack",
    [
        own_request,
        same_officer,
        foreign_case,
        over_budget,
        more_than_requested,
        after_settlement,
        out_of_turn,
        in_closed_month,
        too_long,
        in_future,
        without_reason,
        twice,
        explained_by_others,
        explained_too_late,
        registered_by_others,
        registered_twice,
        of_nobody,
        no_import,
    ],
)
def test_a_decision_against_the_rules_is_named_with_its_refusal(scene: Scene, attack: Callable[[Scene], str]) -> None:
    """given a decision that the rules of its time refuse / then it is the first that cannot be, with the code of that rule."""
    name, code = attack(scene).rsplit(" ", 1)
    wanted = scene.decision(name)[0]
    refused = scene.refused()
    assert refused[0] == f"{wanted['position']} {code}"


# ── What follows from no rule


def test_another_history_that_could_have_been_is_not_found(scene: Scene) -> None:
    """given texts that changed places and another officer who might have decided / then only a checkpoint kept outside tells."""
    one, two = scene.decision("log one")[0]["data"], scene.decision("log two")[0]["data"]
    one["note"], two["note"] = two["note"], one["note"]
    decided_by(scene, "approve first", SECOND_OFFICER)
    assert scene.found() == []


# ── Receipts


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE receipts SET position = position - 1 WHERE idempotency_key = 'settle'", "settle"),
        ("UPDATE receipts SET version = version + 1 WHERE idempotency_key = 'settle'", "settle"),
        ("UPDATE receipts SET outcome = 'over_budget' WHERE idempotency_key = 'settle'", "settle"),
        ("DELETE FROM receipts WHERE idempotency_key = 'settle'", "settle"),
        ("UPDATE receipts SET outcome = 'not_found' WHERE idempotency_key = 'refused'", None),
        ("UPDATE receipts SET outcome = 'done', version = 1 WHERE idempotency_key = 'refused'", "close pool"),
        ("UPDATE receipts SET position = 4711 WHERE idempotency_key = 'refused'", "close pool"),
    ],
)
def test_receipts_and_events_belong_together(story: Story, scene: Scene, statement: str, named: str | None) -> None:
    """given a receipt that says something else than the log, or none, or one of nothing / then that is named."""
    scene.turn.execute(
        "INSERT INTO receipts (subject, organisation, idempotency_key, request, outcome, body, position, version) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [("o1", "jugendamt", "refused", b"", "over_budget", b"{}", len(scene.events), None)],
    )
    assert deviations(scene.turn) == []
    scene.turn.fetch(statement)
    found = deviations(scene.turn)
    assert {each.field for each in found} == {"receipt"}
    positions = scene.positions(named) if named else [None]
    assert found[0].position in (positions[0], len(scene.events) if named == "close pool" else positions[0])
