"""The story of the demonstration: what it promises, that the rules hold in it, and that a seed tells it again."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest

from application import commands
from application.catalogue import BY_NAME
from application.demonstration import LogNotEmpty, Narrator, clock_of, demonstration, open_demonstration, running_from
from application.engine import utc_now
from application.log import Recorded, Store, read_event
from application.privacy import Keyring
from application.projections.balances import balance
from application.projections.bookings import booking_ids_of_pool
from application.proof import tree
from application.rebuild import check
from domain.booking import BookingState
from domain.pool import DemonstrationStarted
from domain.quantities import BERLIN, Kind, Outcome, Rules, Sealed, berlin_day, berlin_month
from interfaces.demo.loading import load
from interfaces.demo.setting import CLOCK, PERIOD, SAMPLE_SEED, SEED, TOP_UP_RESOLUTION, UNIT_MINUTES
from interfaces.storage import open_store
from interfaces.storage.keystore import open_keystore
from tests.application.proof.verifying import deviations
from tests.office import OFFICER, Office, problem, running_office
from tests.schema import make_schema

# The pool is still open, and nobody's data are due yet.
NOT_TOLD = {"pool-closed", "personal-data-erased", *(name for name in BY_NAME if name.startswith(("erasure-", "legal-hold-")))}


@contextmanager
def told(url: str, folder: Path, seed: int = SEED) -> Iterator[Store]:
    """A store with the story in it."""
    make_schema(url)
    with closing(open_store(url, create=False)) as store, closing(open_keystore(str(folder / "keys"))) as keys:
        load(store, Keyring(keys), seed)
        yield store


def log_of(store: Store) -> list[Recorded]:
    with store.reading() as reader:
        return [read_event(row) for row in reader.notifications(0, 1_000_000)]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> list[Recorded]:
    """The story of the default seed."""
    folder = tmp_path_factory.mktemp("story")
    with told(f"sqlite:///{folder}/story.db", folder) as store, store.reading() as reader:
        found = log_of(store)
        assert tree.stored_size(reader) == len(found), "whoever looks at the demonstration first finds its proof complete"
        assert deviations(reader) == [], "and that all of it was decided by its rules"
        return found


def all_of(log: list[Recorded], type: str) -> list[Recorded]:
    return [event for event in log if event.type == type]


def states(log: list[Recorded]) -> Counter[BookingState]:
    """How many requests stand in which state."""
    after: dict[str, BookingState] = {
        "hours-requested": "requested",
        "request-waitlisted": "waitlisted",
        "approval-proposed": "awaiting_second",
        "hours-approved": "approved",
        "request-declined": "declined",
        "request-withdrawn": "withdrawn",
        "booking-settled": "settled",
    }
    return Counter({event.stream: after[event.type] for event in log if event.type in after}.values())


class TestPromises:
    def test_every_kind_of_event_happens(self, log: list[Recorded]) -> None:
        """But for those that nobody can see in a pool that runs."""
        assert {event.type for event in log} == set(BY_NAME) - NOT_TOLD

    def test_the_pool_is_exhausted_once_and_the_committee_tops_it_up(self, log: list[Recorded]) -> None:
        """By its resolution, and nothing else lifts it."""
        [exhausted], [topped_up], [replenished] = (
            all_of(log, type) for type in ("pool-exhausted", "budget-changed", "pool-replenished")
        )
        assert exhausted.position < topped_up.position == replenished.position - 1
        assert topped_up.data.resolution == TOP_UP_RESOLUTION  # type: ignore[union-attr]

    def test_there_is_enough_to_look_at(self, log: list[Recorded]) -> None:
        """Some hundred cases, a few thousand sessions, requests in every state, every kind and every outcome."""
        assert 200 < len(all_of(log, "case-opened")) < 500
        assert 2000 < len(all_of(log, "session-logged")) < 5000
        assert set(states(log)) == set(get_args(BookingState))
        assert {event.data.kind for event in all_of(log, "session-logged")} == set(get_args(Kind))  # type: ignore[union-attr]
        assert {event.data.outcome for event in all_of(log, "case-closed")} == set(get_args(Outcome))  # type: ignore[union-attr]

    def test_there_is_something_for_an_auditor_to_find(self, log: list[Recorded]) -> None:
        """Overlaps, nights, services before their approval, late entries – of each a few, and not many."""
        sessions = all_of(log, "session-logged")
        approved = {event.stream: event.data.decided_at for event in all_of(log, "hours-approved")}  # type: ignore[union-attr]
        by_worker: dict[str, list[Any]] = defaultdict(list)
        for event in sessions:
            by_worker[event.data.worker].append(event.data)  # type: ignore[union-attr,index]
        overlaps = nights = 0
        for theirs in by_worker.values():
            theirs.sort(key=lambda session: session.starts_at)
            ends = [session.starts_at + timedelta(minutes=session.minutes) for session in theirs]
            overlaps += sum(end > after.starts_at for end, after in zip(ends, theirs[1:], strict=False))
            nights += sum(not 6 <= session.starts_at.hour < 22 for session in theirs)
        early = sum(event.data.starts_at < approved[event.stream] for event in sessions)  # type: ignore[union-attr]
        late = sum(event.data.late for event in sessions)  # type: ignore[union-attr]
        for found in (overlaps, nights, early, late):
            assert 0 < found < len(sessions) / 20

    def test_an_auditor_has_begun(self, log: list[Recorded]) -> None:
        """A sample with its seed; some findings are confirmed or closed, some wait for the provider or for the auditor."""
        [sample] = all_of(log, "sample-drawn")
        data: Any = sample.data
        assert (data.seed, len(data.sessions)) == (SAMPLE_SEED, 25)
        courses: dict[Any, list[str]] = defaultdict(list)
        for event in log:
            if event.type.startswith("finding-"):
                courses[event.stream].append(event.type.removeprefix("finding-"))
        assert sorted(courses.values()) == sorted(
            [
                ["opened"],
                ["opened", "explained"],
                ["opened", "explained", "closed"],
                ["opened", "explained", "confirmed"],
                ["opened", "explained", "confirmed", "closed"],
            ]
        )

    def test_people_work_when_people_work(self, log: list[Recorded]) -> None:
        """Few services at weekends and between the years, hardly anybody at a desk then, and a ramp-up in the first months."""
        days = [berlin_day(event.data.starts_at) for event in all_of(log, "session-logged")]  # type: ignore[union-attr]
        assert sum(day.weekday() >= 5 for day in days) < len(days) * 0.1
        assert sum(f"{day:%m-%d}" > "12-23" or f"{day:%m-%d}" < "01-03" for day in days) < len(days) * 0.02
        decided = [event.recorded_at.astimezone(BERLIN) for event in all_of(log, "hours-approved")]
        assert all(at.weekday() < 5 and 6 < at.hour < 18 for at in decided)
        months = Counter(f"{day:%Y-%m}" for day in days)
        assert months["2021-11"] < months["2021-12"] < months["2022-01"] < months["2022-03"]

    def test_it_is_recorded_inside_the_story(self, log: list[Recorded]) -> None:
        """From the opening to the instant at which the clock starts, never backwards."""
        instants = [event.recorded_at for event in log]
        assert instants == sorted(instants)
        assert berlin_day(instants[0]) in PERIOD
        assert instants[-1] < CLOCK
        assert CLOCK - instants[-1] < timedelta(hours=1)


class TestRules:
    """Judged on the raw events, with nothing of the domain."""

    def test_what_is_committed_stays_within_budget_and_caps(self, log: list[Recorded]) -> None:
        """At every event."""
        budget = committed = 0
        rules = Rules()
        by: Counter[Any] = Counter()
        for event in log:
            data: Any = event.data
            match event.type:
                case "pool-opened":
                    budget, rules = data.budget_minutes, data.rules
                case "rules-changed":
                    rules = data.rules
                case "budget-changed":
                    budget += data.change_minutes
                case "hours-reserved" | "hours-released":
                    change = data.minutes if event.type == "hours-reserved" else -data.minutes
                    committed += change
                    by.update(dict.fromkeys((data.case, data.district, data.provider), change))
                    assert committed <= budget
                    assert by[data.case] <= (rules.case_cap_minutes or 0)
                    assert by[data.district] <= rules.district_quotas.get(data.district, budget)
                    assert by[data.provider] <= rules.provider_quotas.get(data.provider, budget)
                case "pool-exhausted":
                    assert budget - committed < UNIT_MINUTES
                case "pool-replenished":
                    assert budget - committed >= UNIT_MINUTES

    def test_decisions_are_made_by_those_who_may(self, log: list[Recorded]) -> None:
        """Nobody decides an own request; a large grant has two officers; what is granted is at most what was requested."""
        [opened] = all_of(log, "pool-opened")
        requested: dict[UUID, Any] = {event.stream: event.data for event in all_of(log, "hours-requested")}
        large = 0
        for event in all_of(log, "hours-approved"):
            data: Any = event.data
            assert data.decided_by != requested[event.stream].requested_by
            assert data.minutes <= requested[event.stream].minutes
            assert data.reason_given or data.minutes == requested[event.stream].minutes
            if data.minutes > opened.data.rules.four_eyes_minutes:  # type: ignore[union-attr]
                large += 1
                assert data.proposed_by not in (None, data.decided_by)
        assert large > 5

    def test_sessions_stay_within_their_grants_months_and_days(self, log: list[Recorded]) -> None:
        """At every event; nothing is in the future, nothing goes into a closed month."""
        left: Counter[UUID] = Counter()
        closed: set[str] = set()
        for event in log:
            data: Any = event.data
            match event.type:
                case "hours-approved":
                    left[event.stream] += data.minutes
                case "hours-released":
                    left[data.booking] -= data.minutes
                case "month-closed":
                    closed.add(data.month)
                case "month-reopened":
                    closed.remove(data.month)
                case "session-logged":
                    left[event.stream] -= data.minutes
                    assert data.starts_at <= event.recorded_at
                    assert berlin_day(data.starts_at) in PERIOD
                    assert berlin_month(data.starts_at) not in closed
                case "session-corrected":
                    left[event.stream] += data.before.minutes - data.now.minutes
                    assert berlin_month(data.now.starts_at) not in closed
                case "session-reversed":
                    left[event.stream] += data.before.minutes
                    assert berlin_month(data.before.starts_at) not in closed
            assert left[event.stream] >= 0 or event.cause is not None or event.type == "session-reversed"


def test_it_is_told_on_both_stores(store_url: str, tmp_path: Path) -> None:
    """Projections equal a rebuild, the balance a recount, no key is missing, and the pool could be closed with its proof."""
    with told(store_url, tmp_path) as store:
        assert check(store, [], lambda done, total: None) == []
        log = log_of(store)
        pool = log[0].stream
        sums: Counter[str] = Counter()
        for event in log:
            data: Any = event.data
            minutes = {
                "pool-opened": lambda data: {"budget": data.budget_minutes},
                "budget-changed": lambda data: {"budget": data.change_minutes},
                "hours-reserved": lambda data: {"granted": data.minutes},
                "hours-released": lambda data: {"released": data.minutes},
                "session-logged": lambda data: {"consumed": data.minutes},
                "session-corrected": lambda data: {"consumed": data.now.minutes - data.before.minutes},
                "session-reversed": lambda data: {"consumed": -data.before.minutes},
            }.get(event.type, lambda data: {})
            sums.update(minutes(data))
        with store.reading() as reader:
            shown = balance(reader, pool)
            bookings = booking_ids_of_pool(reader, pool)
        assert {name: getattr(shown, name) for name in sums} == sums
        assert len(bookings) == len(all_of(log, "hours-requested"))
    with closing(Office(store_url, tmp_path / "keys", running_from(CLOCK))) as office:
        for event in log:
            for sealed, name in ((getattr(event.data, each.name), each.name) for each in fields(event.data)):
                if isinstance(sealed, Sealed):
                    assert office.keyring.open(sealed, position=event.position, stream=event.stream, field=name)
        assert office.do(OFFICER, commands.close_pool, pool, reason="Ende").outcome == "done"


def test_a_seed_tells_the_same_story_again(log: list[Recorded], tmp_path: Path) -> None:
    """Event by event, ids and instants included; only what keys make of texts differs."""
    with told(f"sqlite:///{tmp_path}/again.db", tmp_path) as store:
        again = log_of(store)
    assert list(map(without_seals, again)) == list(map(without_seals, log))


def without_seals(event: Recorded) -> Recorded:
    sealed = {each.name: "…" for each in fields(event.data) if isinstance(getattr(event.data, each.name), Sealed)}
    return event.saying(replace(event.data, **sealed)) if sealed else event


STARTED: Any = {"name": "Probe", "period": PERIOD, "budget_minutes": 6000, "rules": Rules(), "seed": 1, "clock": CLOCK}


class TestClock:
    def start(self, office: Office, at: datetime) -> None:
        """A demonstration in which nothing happens after the opening."""
        with office.store.turn() as transaction:
            narrator = Narrator(transaction, office.keyring, problem, lambda: at, utc_ids())
            narrator.execute(OFFICER, lambda turn: open_demonstration(turn, **STARTED))

    def test_an_ordinary_log_lives_by_the_clock_of_the_machine(self, store_url: str, tmp_path: Path) -> None:
        """Be it empty or not."""
        with running_office(store_url, tmp_path / "keys") as office, office.store.reading() as reader:
            assert clock_of(reader) is utc_now
            office.open_pool("2022-01-01", "2022-12-31", 6000)
        with closing(open_store(store_url, create=False)) as store, store.reading() as reader:
            assert clock_of(reader) is utc_now
            assert demonstration(reader) is None

    def test_a_demonstration_s_clock_runs_from_where_the_log_says(self, store_url: str, tmp_path: Path) -> None:
        """And goes on from the last event after a restart."""
        later = CLOCK + timedelta(days=3)
        with running_office(store_url, tmp_path / "keys", lambda: later) as office:
            self.start(office, CLOCK - timedelta(days=90))
            with office.store.reading() as reader:
                assert demonstration(reader) == DemonstrationStarted(1, CLOCK)
                clock = clock_of(reader)
            first, second = clock(), clock()
            assert CLOCK <= first < second < CLOCK + timedelta(minutes=1)
            office.open_pool("2022-01-01", "2022-12-31", 6000)
            with office.store.reading() as reader:
                assert later <= clock_of(reader)() < later + timedelta(minutes=1)

    def test_a_demonstration_begins_its_log(self, store_url: str, tmp_path: Path) -> None:
        """given a log with a pool / when a demonstration is started or loaded / then it is refused and nothing is added."""
        with running_office(store_url, tmp_path / "keys") as office:
            office.open_pool("2022-01-01", "2022-12-31", 6000)
            before = office.log()
            with pytest.raises(LogNotEmpty):
                office.do(OFFICER, open_demonstration, **STARTED)
            with pytest.raises(Exception) as failed:  # noqa: PT011 – what it is caused by matters
                load(office.store, office.keyring, SEED)
            assert isinstance(failed.value.__cause__, LogNotEmpty)
            assert office.log() == before


def utc_ids() -> Any:
    numbers = iter(range(1, 100))
    return lambda: UUID(int=next(numbers), version=4)
