"""Any history of an office, on both stores: two processes take turns at random and agree with a model of plain dictionaries."""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from application import commands
from application.log import Reader, Recorded, read_event
from application.projections import balances, bookings, cases, pools, waiting_list, worklist
from application.rebuild import check
from application.receipts import Answer, RequestKey
from application.turn import Turn, Work
from domain.quantities import Actor, Period, Rules
from tests.application.model import FORGOTTEN, OPEN, Model, consumed
from tests.application.one_turn import in_one_turn
from tests.application.proof.verifying import deviations
from tests.office import LEAD, OFFICER, OTHER_LEAD, SECOND_OFFICER, WORKER, Office, body
from tests.postgres import Cluster
from tests.schema import make_schema

BERLIN = ZoneInfo("Europe/Berlin")
DISTRICTS, PROVIDERS = ("nord", "süd"), ("traeger-a", "traeger-b")
WORKER_AS_OFFICER = Actor(WORKER.subject, "officer", "jugendamt")  # who requests in one role must not approve in another
OTHER_WORKER = Actor("kraft-b", "worker", "traeger-b")
OFFICERS = (OFFICER, SECOND_OFFICER, WORKER_AS_OFFICER)
PEOPLE = (*OFFICERS, LEAD, WORKER, OTHER_LEAD, OTHER_WORKER)
MONTHS = ("2021-11", "2021-12", "2022-01", "2022-02", "2022-06")
ODD_TIMES = (
    datetime(2022, 3, 27, 1, 30, tzinfo=UTC),
    datetime(2021, 10, 31, 22, 45, tzinfo=UTC),
    datetime(2021, 11, 30, 23, tzinfo=UTC),
)
NOBODY = UUID(int=7)
HISTORIES = {"sqlite": 10, "postgresql": 5}  # beyond ten, hypothesis mostly varies those it had, which cuts them short
STEPS = 150

SEEDS = st.integers(0, 2**32 - 1)

MINUTES = (15, 30, 45, 60, 60, 60, 90, 120, 120, 180, 240, 20, 0, -15)
REASONS = ("nach Rücksprache", "nach Rücksprache", "auf Bitte der Familie", "", None)
# How often somebody asks for what, where there is something to ask it for.
VERBS = {
    "open_pool": 3,
    "change_budget": 4,
    "change_rules": 3,
    "close_month": 2,
    "reopen_month": 2,
    "close_pool": 2,
    "open_case": 4,
    "amend_case": 2,
    "transfer_case": 2,
    "close_case": 1,
    "request_hours": 20,
    "approve_hours": 20,
    "decline_request": 2,
    "withdraw_request": 2,
    "waitlist_request": 7,
    "reduce_grant": 3,
    "settle_booking": 4,
    "log_session": 22,
    "correct_session": 10,
    "reverse_session": 6,
    "confirm_session": 3,
}


@dataclass
class Call:
    """What somebody asks for. ``fingerprint`` tells it from another request under the same key."""

    actor: Actor
    verb: str
    args: tuple[Any, ...]
    facts: dict[str, Any]
    key: str | None = None
    expected: int | None = None

    @property
    def fingerprint(self) -> bytes:
        return repr((self.verb, self.args, sorted(self.facts.items()))).encode()

    def work(self) -> Work:
        command = getattr(commands, self.verb)

        def decide(turn: Turn) -> Answer:
            answer: Answer = command(turn, *self.args, **self.facts)
            return answer

        return Work(self.actor, decide, RequestKey(self.key, self.fingerprint) if self.key else None, self.expected)


class History(RuleBasedStateMachine):
    """Two processes on one store, and the model that both must agree with."""

    def __init__(self, url: str, keys: Path) -> None:
        super().__init__()
        self.url, self.keys = url, keys
        self.now = datetime(2021, 12, 1, 9, tzinfo=UTC)
        self.offices = [Office(url, keys, self.clock) for _ in range(2)]
        self.model = Model()
        self.log: list[Recorded] = []
        self.kept: dict[tuple[str, str, str], tuple[Call, Answer]] = {}
        self.numbers = count(1)
        self.random = Random(0)
        self.agreed = True
        self.seeds: Counter[int] = Counter()
        self.quiet: Counter[str] = Counter()  # how many requests ago something else happened last

    def clock(self) -> datetime:
        return self.now

    # ── what happens; each step is a seed, so that hypothesis looks for the steps and not for every single word in them

    @initialize(seed=SEEDS)
    def opening(self, seed: int) -> None:
        self.begin("opening", seed)
        self.say(self.call("open_pool", OFFICER))
        for _ in range(2):
            self.say(self.call("open_case", OFFICER))

    @rule(seed=SEEDS)
    def somebody_asks(self, seed: int) -> None:
        self.begin("asking", seed)
        self.quiet.update(("many", "again", "restart", "time"))
        self.say(self.call(self.verb()))

    @precondition(lambda self: self.model.bookings and self.quiet["many"] > 6)
    @rule(seed=SEEDS)
    def many_ask_at_once(self, seed: int) -> None:
        """Several commands in one turn are decided one after the other, in the order of their arrival; some are said twice."""
        self.begin("many", seed)
        calls = [self.call(self.verb()) for _ in range(self.random.randint(2, 6))]
        for call in calls:
            call.expected = None  # it would speak of the version before the others
        calls.insert(self.random.randint(1, len(calls)), self.random.choice(calls))
        answers = in_one_turn(self.office(), [call.work() for call in calls])
        self.agree([(call, future.result()) for call, future in zip(calls, answers, strict=True)])

    @precondition(lambda self: self.kept and self.quiet["again"] > 4)
    @rule(seed=SEEDS)
    def somebody_asks_again(self, seed: int) -> None:
        """The same key with the same request is answered as before, whichever process is asked, and so is a recall."""
        self.begin("again", seed)
        call, answer = self.random.choice(list(self.kept.values()))
        office = self.office()
        assert office.engine.recall(call.actor, RequestKey(str(call.key), call.fingerprint)) == answer
        self.say(call, office)

    @precondition(lambda self: self.quiet["restart"] > 10)
    @rule(seed=SEEDS)
    def process_restarts(self, seed: int) -> None:
        self.begin("restart", seed)
        number = self.random.randrange(len(self.offices))
        self.offices[number].close()
        self.offices[number] = Office(self.url, self.keys, self.clock)

    @precondition(lambda self: self.quiet["time"] > 2)
    @rule(seed=SEEDS)
    def time_passes(self, seed: int) -> None:
        """Now and then somebody sets the clock back."""
        self.begin("time", seed)
        hours = self.random.choice([self.random.randint(1, 72), self.random.randint(24, 500), self.random.randint(-48, -1)])
        self.now += timedelta(hours=hours, microseconds=self.random.randrange(1_000_000))
        if self.perhaps(0.3):
            self.now = self.now.replace(hour=23)  # tomorrow, for everybody in Berlin

    def begin(self, what: str, seed: int) -> None:
        """Hypothesis likes to repeat a value; the second time it stands for something else, or most steps would be the same."""
        self.seeds[seed] += 1
        self.random = Random(f"{seed}/{self.seeds[seed]}")
        self.quiet[what] = 0

    # ── what is asked for

    def verb(self) -> str:
        """Mostly one that there is something to be said with."""
        model, everything = self.model, self.model.bookings.values()
        waits = [booking for booking in everything if booking["state"] in OPEN]
        granted = [booking for booking in everything if booking["state"] == "approved"]
        logged = [booking for booking in everything if booking["sessions"]]
        possible = {
            "open_pool": len(model.pools) < 4,
            "close_pool": len(everything) > 8,
            "reopen_month": any(pool["months"] for pool in model.pools.values()),
            "open_case": len(model.cases) < 3 * len(model.pools),
            "request_hours": len(waits) < 5,
            **dict.fromkeys(["approve_hours", "decline_request", "withdraw_request", "waitlist_request"], waits),
            **dict.fromkeys(["reduce_grant", "settle_booking", "log_session"], granted),
            **dict.fromkeys(["correct_session", "reverse_session", "confirm_session"], logged),
        }
        weights = [weight if possible.get(verb, True) else 0.1 for verb, weight in VERBS.items()]
        return self.random.choices(list(VERBS), weights)[0]

    def call(self, verb: str, actor: Actor | None = None) -> Call:
        """A request of this verb, mostly a sensible one, now and then under a key, used before or not, or with a version."""
        somebody, args, facts = getattr(self, f"ask_{verb}")()
        call = Call(actor or somebody, verb, args, facts)
        if self.perhaps(0.4):
            used = [key for subject, _, key in self.kept if subject == call.actor.subject]
            call.key = self.random.choice(used) if used and self.perhaps(0.2) else f"key-{next(self.numbers)}"
        addressed = args[0] if args else facts.get("case")
        if addressed is not None and self.perhaps(0.1):
            call.expected = self.model.versions.get(addressed, 0) + self.random.choice([0, 0, 1, -1])
        return call

    def ask_open_pool(self) -> Any:
        facts = {
            "name": "Stundenpool",
            "period": Period(date(2021, 11, 1), date(2022, self.random.choice([2, 5]), 15)),
            "budget_minutes": self.random.choice([300, 600, 480, 10]),
            "rules": self.rule_set(),
        }
        return self.officer(), (), facts

    def ask_open_case(self) -> Any:
        facts = {
            "pool": self.pool(),
            "provider": self.random.choice(PROVIDERS),
            "reference": "F-0" if self.perhaps(0.1) else f"F-{len(self.model.cases)}",
            "district": self.random.choice(DISTRICTS),
            "service_area": self.random.choice(["11", "13a"]),
            "concern": "housing",
            "offer": self.random.choice([None, "Jugendhaus"]),
            "name": self.random.choice([None, "Kim Muster"]),
        }
        return self.random.choice(PEOPLE), (), facts

    def ask_amend_case(self) -> Any:
        case = self.case()
        changes = {"district": self.random.choice([None, *DISTRICTS]), "concern": self.random.choice([None, "school"])}
        return self.keeper(case), (case,), changes | {"reason": self.reason()}

    def ask_transfer_case(self) -> Any:
        facts = {"provider": self.random.choice(PROVIDERS), "reason": self.reason()}
        return self.officer(), (self.case(),), facts

    def ask_close_case(self) -> Any:
        case = self.case()
        return self.keeper(case), (case,), {"outcome": self.random.choice(["goal_reached", "moved"]), "note": self.reason()}

    def ask_change_budget(self) -> Any:
        facts = {
            "change_minutes": self.random.choice([60, 120, -60, -120, -300, 0]),
            "resolution": "V0815/22",
            "effective_on": self.random.choice([None, date(2021, 10, 25) + timedelta(days=self.random.randrange(220))]),
        }
        return self.random.choice(PEOPLE), (self.pool(),), facts

    def ask_change_rules(self) -> Any:
        rules = self.random.choice(
            [self.rule_set(), self.rule_set(), self.rule_set(), Rules(unit_minutes=0), Rules(case_cap_minutes=-1)]
        )
        return self.officer(), (self.pool(),), {"rules": rules, "reason": self.reason()}

    def ask_close_month(self) -> Any:
        month = self.random.choice([*MONTHS, f"{self.now:%Y-%m}"])
        return self.officer(), (self.pool(), month), {"reason": self.reason()}

    def ask_reopen_month(self) -> Any:
        pool = self.pool()
        closed = sorted(self.model.pools[pool]["months"]) if pool in self.model.pools else []
        return self.officer(), (pool, self.random.choice(closed or MONTHS)), {"reason": self.reason()}

    def ask_close_pool(self) -> Any:
        return self.officer(), (self.pool(),), {"reason": self.reason()}

    def ask_request_hours(self) -> Any:
        case = self.case()
        left = self.model.available(self.model.cases[case]["pool"]) if case in self.model.cases else 0
        return self.keeper(case), (), {"case": case, "minutes": self.minutes(left), "purpose": self.reason()}

    def ask_approve_hours(self) -> Any:
        booking = self.some(self.model.bookings, lambda booking: booking["state"] in OPEN)
        facts = {
            "minutes": self.random.choice(MINUTES) if self.perhaps(0.3) else None,
            "reason": self.reason(),
            "review_on": self.random.choice([None, date(2022, 3, 1)]),
            "overtaking_reason": "drohende Obdachlosigkeit" if self.perhaps(0.2) else None,
        }
        return self.random.choice([OFFICER, SECOND_OFFICER, self.random.choice(PEOPLE)]), (booking,), facts

    def ask_decline_request(self) -> Any:
        return (
            self.officer(),
            (self.some(self.model.bookings, lambda booking: booking["state"] in OPEN),),
            {"reason": self.reason()},
        )

    def ask_withdraw_request(self) -> Any:
        booking = self.some(self.model.bookings, lambda booking: booking["state"] in OPEN)
        return self.keeper(booking), (booking,), {"reason": self.reason()}

    def ask_waitlist_request(self) -> Any:
        booking = self.some(self.model.bookings, lambda booking: booking["state"] in OPEN)
        return self.officer(), (booking,), {"priority": self.random.choice([None, None, 1, 2]), "reason": self.reason()}

    def ask_reduce_grant(self) -> Any:
        booking = self.some(self.model.bookings, lambda booking: booking["state"] == "approved")
        return self.keeper(booking), (booking,), {"to_minutes": self.minutes(self.used(booking)), "reason": self.reason()}

    def ask_settle_booking(self) -> Any:
        booking = self.some(self.model.bookings, lambda booking: booking["state"] == "approved")
        return self.keeper(booking), (booking,), {}

    def ask_log_session(self) -> Any:
        booking = self.some(self.model.bookings, lambda booking: booking["state"] == "approved")
        facts = {
            "starts_at": self.time_of_service(),
            "minutes": self.minutes(self.granted(booking) - self.used(booking)),
            "kind": self.random.choice(["direct", "indirect", "travel", "absence"]),
            "worker": self.random.choice([None, "kraft-a"]),
            "note": self.reason(),
        }
        return self.keeper(booking), (booking,), facts

    def ask_correct_session(self) -> Any:
        booking, session = self.session()
        facts = {
            "starts_at": self.random.choice([None, self.time_of_service()]),
            "minutes": self.random.choice([None, self.random.choice(MINUTES)]),
            "kind": self.random.choice([None, "indirect"]),
            "worker": self.random.choice([None, "kraft-c"]),
            "reason": self.reason(),
        }
        return self.keeper(booking), (booking, session), facts

    def ask_reverse_session(self) -> Any:
        booking, session = self.session()
        return self.keeper(booking), (booking, session), {"reason": self.reason()}

    def ask_confirm_session(self) -> Any:
        booking, session = self.session()
        return self.keeper(booking), (booking, session), {"by": self.random.choice(["Mutter", ""]), "method": "signature"}

    # ── by whom, about what, when

    def perhaps(self, probability: float) -> bool:
        return self.random.random() < probability

    def office(self) -> Office:
        return self.random.choice(self.offices)

    def officer(self) -> Actor:
        return self.random.choice(OFFICERS)

    def keeper(self, id: UUID) -> Actor:
        """Mostly somebody of the provider, now and then anybody."""
        thing = self.model.cases.get(id) or self.model.bookings.get(id)
        own = [person for person in PEOPLE if thing and person.organisation == thing["provider"]]
        return self.random.choice(own if own and self.perhaps(0.85) else PEOPLE)

    def some(self, things: dict[UUID, Any], suitable: Callable[[Any], bool] = bool) -> UUID:
        """Mostly a suitable one, sometimes another, seldom one that is not there or is something else."""
        if not things or self.perhaps(0.03):
            return self.random.choice([NOBODY, *list(self.model.cases)[:1], *list(self.model.pools)[:1]])
        best = [id for id, thing in things.items() if suitable(thing)]
        return self.random.choice(best if best and self.perhaps(0.9) else list(things))

    def pool(self) -> UUID:
        return self.some(self.model.pools, lambda pool: not pool["closed"])

    def case(self) -> UUID:
        return self.some(self.model.cases, lambda case: not (case["outcome"] or self.model.pools[case["pool"]]["closed"]))

    def session(self) -> tuple[UUID, UUID]:
        """Mostly one that stands."""
        booking = self.some(self.model.bookings, lambda booking: bool(booking["sessions"]))
        known = self.model.bookings.get(booking, {"sessions": {}})["sessions"]
        return booking, self.some(known, lambda session: session["state"] != "reversed")

    def minutes(self, limit: int) -> int:
        """Often around a limit."""
        return self.random.choice([limit, limit + 15, limit - 15, *self.random.choices(MINUTES, k=3)])

    def granted(self, booking: UUID) -> int:
        known = self.model.bookings.get(booking)
        return known["granted"] - known["released"] if known else 0

    def used(self, booking: UUID) -> int:
        known = self.model.bookings.get(booking)
        return consumed(known) if known else 0

    def rule_set(self) -> Rules:
        quotas = (None, None, 120, 240, 360)
        return Rules(
            unit_minutes=self.random.choice([15, 15, 15, 5, 30]),
            case_cap_minutes=self.random.choice([None, None, 180, 300]),
            district_quotas={name: quota for name in DISTRICTS if (quota := self.random.choice(quotas))},
            provider_quotas={name: quota for name in PROVIDERS if (quota := self.random.choice(quotas))},
            four_eyes_minutes=self.random.choice([None, None, 60, 120]),
            session_max_minutes=self.random.choice([None, None, 120]),
            late_entry_days=self.random.choice([None, 7]),
        )

    def reason(self) -> str | None:
        return self.random.choice(REASONS)

    def time_of_service(self) -> datetime:
        """Mostly in the last days, seldom to come; also after a change of the clocks, and around midnight at the end of a month."""
        near = self.now.replace(microsecond=0) - timedelta(minutes=15 * self.random.randint(-8, 4 * 24 * 20))
        return self.random.choice([near, near, near, near, self.random.choice(ODD_TIMES)]).astimezone(BERLIN)

    # ── what must be true of it

    def say(self, call: Call, office: Office | None = None) -> None:
        answer = (office or self.office()).engine.submit(call.work()).result()
        self.agree([(call, answer)])

    def agree(self, said: list[tuple[Call, Answer]]) -> None:
        """The model answers alike, and in the log stands what was answered and nothing else."""
        self.agreed = False
        events = self.appended()
        for call, answer in said:
            note(f"{call} -> {answer.outcome}")
            identity = call.actor.subject, call.actor.organisation, str(call.key)
            first, first_answer = self.kept.get(identity, (None, None)) if call.key else (None, None)
            if first is not None:
                assert answer == first_answer if first.fingerprint == call.fingerprint else answer.outcome == "key_reused"
                continue
            self.agree_on(call, answer, events)
            if call.key and answer.outcome not in FORGOTTEN:
                self.kept[identity] = call, answer
        assert not events, "an event that no answer speaks of"
        self.ask()
        self.agreed = True

    def agree_on(self, call: Call, answer: Answer, events: list[Recorded]) -> None:
        """Takes the events of a command from those that were appended."""
        at = max(self.now, self.log[-1].recorded_at) if self.log else self.now
        created = answer.outcome == "created"
        new = UUID(body(answer)["id"]) if created else NOBODY
        expected, view = self.model.answer(call.verb, call.actor, call.args, call.facts, at=at, expected=call.expected, new=new)
        assert answer.outcome == expected
        own = [event for event in events if event.position <= answer.position]
        del events[: len(own)]
        for event in own:
            assert (event.position, event.recorded_at, event.actor) == (len(self.log) + 1, at, call.actor)
            assert event.version == self.model.versions.get(event.stream, 0) + 1
            assert event.command == (call.key or own[0].command)
            assert event.cause == (None if event is own[0] else own[0].position)
            self.model.versions[event.stream] = event.version
            self.log.append(event)
        assert answer.position == len(self.log)
        if view is None:
            assert (own, answer.version, body(answer)["code"]) == ([], None, expected)
        else:
            addressed = call.args[0] if call.args else new
            assert own
            assert (body(answer), answer.version) == (view, self.model.versions[addressed])

    def appended(self) -> list[Recorded]:
        """What came to the log since the last look, as any process sees it."""
        with self.office().store.reading() as reader:
            return [read_event(row) for row in reader.notifications(len(self.log), 1_000)]

    def ask(self) -> None:
        """Any process answers like the model: balances in both times, and something else now and then."""
        with self.office().store.reading() as reader:
            if self.model.pools:
                self.ask_for_sums(reader, self.random.choice(list(self.model.pools)))
            if self.perhaps(0.5):
                self.ask_for_lists(reader)
            if self.model.bookings and self.perhaps(0.5):
                self.ask_for_one(reader, self.random.choice(list(self.model.bookings)))

    def ask_for_sums(self, reader: Reader, pool: UUID) -> None:
        view = pools.versioned_pool(reader, pool)
        assert (seen(view.view), view.version) == (self.model.pool_view(pool), self.model.versions[pool])
        as_of, known_at = self.some_day(), self.some_instant()
        for question in [(as_of, known_at), self.random.choice([(as_of, None), (None, known_at)])]:
            assert seen(balances.balance(reader, pool, *question)) == self.model.balance(pool, *question), question
        if self.perhaps(0.4):
            by = self.random.choice(["district", "provider", "case", "month", "booking"])
            question = self.random.choice([(None, None), (as_of, None), (as_of, known_at)])
            provider = self.random.choice([None, *PROVIDERS])
            groups = seen(balances.balance(reader, pool, *question, by, provider))["groups"]
            assert groups == self.model.groups(pool, by, *question, provider), (by, question, provider)

    def ask_for_lists(self, reader: Reader) -> None:
        provider = self.random.choice([None, *PROVIDERS])
        for pool in self.model.pools:
            listed = seen(waiting_list.waiting_list(reader, pool, provider))
            waiting = [entry for entry in self.model.waiting_view(pool) if provider in (None, entry["provider"])]
            assert listed == [entry | {"place": place} for place, entry in enumerate(waiting, start=1)]
        items, _ = worklist.worklist(reader, provider=provider, limit=1_000)
        assert seen(items) == [item for item in self.model.worklist_view() if provider in (None, item["provider"])]

    def ask_for_one(self, reader: Reader, booking: UUID) -> None:
        known = self.model.bookings[booking]
        found = bookings.versioned_booking(reader, booking, self.random.choice([None, known["provider"]]))
        assert (seen(found.view), found.version) == (self.model.booking_view(booking), self.model.versions[booking])
        case = cases.versioned_case(reader, known["case"], None)
        assert (seen(case.view), case.version) == (self.model.case_view(known["case"]), self.model.versions[known["case"]])

    def some_day(self) -> date | datetime:
        """Of effect: a day, or an instant in it; often one at which something happened, or the one before."""
        happened = self.random.choice(self.model.movements)["effective"]
        other = datetime(2021, 11, 1, tzinfo=UTC) + timedelta(hours=self.random.randrange(24 * 220))
        before = [happened - timedelta(microseconds=1), happened - timedelta(days=1)]
        instant: datetime = self.random.choice([happened, happened, *before, other])
        return self.random.choice([instant, instant.astimezone(BERLIN).date()])

    def some_instant(self) -> date | datetime:
        """Of knowledge: any earlier one, often one at which something was recorded."""
        recorded = self.random.choice(self.log).recorded_at
        instant = self.random.choice([recorded, recorded - timedelta(microseconds=1), recorded + timedelta(hours=5)])
        return self.random.choice([instant, instant.astimezone(BERLIN).date()])

    # ── at the end

    def teardown(self) -> None:
        try:
            if self.agreed:
                self.end()
        finally:
            for office in self.offices:
                office.close()

    def end(self) -> None:
        """Every pool can be closed, the log has no gap, would be decided so again, and rebuilt from it all is as it was live."""
        for pool in self.model.pools:
            self.say(Call(OFFICER, "close_pool", (pool,), {}))
        with self.office().store.reading() as reader:
            assert [read_event(row) for row in reader.notifications(0, 100_000)] == self.log
            assert deviations(reader) == []
        assert check(self.office().store, [], lambda done, total: None) == []


def seen(view: Any) -> Any:
    """A view as somebody outside reads it."""
    return msgspec.json.decode(msgspec.json.encode(view))


@pytest.fixture
def empty_store(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> Callable[[], str]:
    """A function that gives the URL of a store with nothing in it but its schema; copying one is quicker than making it."""
    make_schema(store_url)
    template, numbers = store_url.rsplit("/", 1)[-1], count(1)

    def empty_store() -> str:
        if store_url.startswith("sqlite"):
            copied = shutil.copy(tmp_path / template, tmp_path / f"{next(numbers)}-{template}")
            return f"sqlite:///{copied}"
        cluster: Cluster = request.getfixturevalue("postgres")
        name = f"{template}_{next(numbers)}"
        cluster.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return cluster.url(name)

    return empty_store


def any_history(empty_store: Callable[[], str], directory: Path, profile: settings) -> None:
    numbers = count(1)
    run_state_machine_as_test(lambda: History(empty_store(), directory / f"keys-{next(numbers)}"), settings=profile)


pytestmark = [
    # The pool of connections to PostgreSQL draws its pauses from the global generator, in a thread of its own.
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
    pytest.mark.timeout(900),  # seconds: a history that fails is made shorter before it is shown
]
COMMON = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


def test_any_history_agrees_with_the_model(empty_store: Callable[[], str], store_url: str, tmp_path: Path) -> None:
    """The slower store is told the first half of the same histories."""
    histories = HISTORIES[urlsplit(store_url).scheme]
    any_history(empty_store, tmp_path, settings(COMMON, stateful_step_count=STEPS, max_examples=histories))


@pytest.mark.chaos
@pytest.mark.parametrize("further", range(8))
def test_further_histories_agree_with_the_model(further: int, empty_store: Callable[[], str], tmp_path: Path) -> None:
    """Others in every run; a failing one prints what reproduces it."""
    any_history(empty_store, tmp_path, settings(COMMON, stateful_step_count=2 * STEPS, max_examples=10))
