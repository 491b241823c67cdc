"""The library as it comes, in the way that costs it least: one event a save, no projection beside it, its own settings."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import singledispatchmethod
from random import Random
from time import perf_counter
from typing import Any, cast
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import ConnectionUnavailableError, InfrastructureFactory, IntegrityError, Tracking, TrackingRecorder
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.sqlite import SQLiteTrackingRecorder
from eventsourcing.utils import Environment
from psycopg.sql import SQL

from benchmarks.measuring import Ask, Measured
from benchmarks.office import NOTE, SESSION_MINUTES
from benchmarks.places import Database

APPROVED_MINUTES = 600
CACHE = {"AGGREGATE_CACHE_MAXSIZE": "1000"}  # fast-forwards by default
RUNNER_SECONDS_MAX = 60.0
PAGE_EVENTS = 100


class Session(Aggregate):
    """What was rendered: an aggregate of its own, so that saving it never conflicts and loads nothing first."""

    def __init__(self, booking: UUID, starts_at: datetime, minutes: int, kind: str, worker: str, note: str) -> None:
        self.booking = booking
        self.starts_at = starts_at
        self.minutes = minutes
        self.kind = kind
        self.worker = worker
        self.note = note


class HotPool(Aggregate):
    """A pool that every approval takes from, and that knows whether there is enough."""

    def __init__(self, budget_minutes: int) -> None:
        self.budget_minutes = budget_minutes
        self.committed_minutes = 0

    @event("Reserved")
    def reserve(self, booking: UUID, minutes: int) -> None:
        if self.committed_minutes + minutes > self.budget_minutes:
            raise ValueError("not enough is left")
        self.committed_minutes += minutes


class Office(Application[UUID]):
    """An application without anything of its own."""


def session(random: Random, booking: UUID) -> Session:
    """A session with as many words as one of ours."""
    return Session(booking, datetime.now(UTC), SESSION_MINUTES, "direct", f"kraft-{random.randrange(40):02}", NOTE)


def session_askers(office: Office, callers: int) -> list[Ask]:
    """Callers that save one new session after another."""

    def asker(random: Random) -> Ask:
        return _persistently(lambda: office.save(session(random, uuid4())))

    return [asker(Random(number)) for number in range(callers)]


def open_hot_pool(office: Office, approvals: int) -> UUID:
    """A pool that has seen that many approvals."""
    pool = HotPool(budget_minutes=1_000_000_000)
    for _ in range(approvals):
        pool.reserve(uuid4(), APPROVED_MINUTES)
    office.save(pool)
    return pool.id


def approval_askers(office: Office, pool: UUID, callers: int) -> list[Ask]:
    """Callers that approve, and try again whenever another one was faster."""

    def approve() -> None:
        found: HotPool = office.repository.get(pool)
        found.reserve(uuid4(), APPROVED_MINUTES)
        office.save(found)

    return [_persistently(approve)] * callers


def _persistently(attempt: Callable[[], object]) -> Ask:
    """Until it is done: another caller may be faster, and many at once run out of the library's connections."""

    def ask() -> None:
        while True:
            with suppress(IntegrityError, ConnectionUnavailableError):
                attempt()
                return

    return ask


# ── Projections: one row brought up to date for each event, in the transaction that tracks it


_TABLE = "CREATE TABLE IF NOT EXISTS booked (booking {} PRIMARY KEY, minutes BIGINT NOT NULL)"
_ADD = "INSERT INTO booked VALUES (?, ?) ON CONFLICT (booking) DO UPDATE SET minutes = booked.minutes + excluded.minutes"


class View(TrackingRecorder):
    """Minutes by booking."""

    def add(self, booking: UUID, minutes: int, tracking: Tracking) -> None:
        raise NotImplementedError

    def minutes_of(self, booking: UUID) -> int:
        raise NotImplementedError


class PostgresView(PostgresTrackingRecorder, View):
    def __init__(self, datastore: Any, **options: Any) -> None:
        super().__init__(datastore, **options)
        self.sql_create_statements.append(SQL(_TABLE).format(SQL("UUID")))

    def add(self, booking: UUID, minutes: int, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(_ADD.replace("?", "%s"), (booking, minutes), prepare=True)

    def minutes_of(self, booking: UUID) -> int:
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT minutes FROM booked WHERE booking = %s", (booking,), prepare=True)
            found: dict[str, int] | None = cursor.fetchone()
        return found["minutes"] if found else 0


class SQLiteView(SQLiteTrackingRecorder, View):
    def __init__(self, datastore: Any, **options: Any) -> None:
        super().__init__(datastore, **options)
        self.create_table_statements.append(_TABLE.format("TEXT"))

    def add(self, booking: UUID, minutes: int, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(_ADD, (booking.hex, minutes))

    def minutes_of(self, booking: UUID) -> int:
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT minutes FROM booked WHERE booking = ?", (booking.hex,))
            found = cursor.fetchone()
        return int(found["minutes"]) if found else 0


class Booked(Projection[View]):
    """How many minutes were rendered on each booking. Notes when it saw its first event, for its start is nobody's rate."""

    began = 0.0
    seen = 0

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        raise NotImplementedError

    @process_event.register
    def _(self, domain_event: Session.Created, tracking: Tracking) -> None:
        if not self.seen:
            self.began = perf_counter()
        self.seen += 1
        self.view.add(*_what_was_booked(domain_event), tracking)


def _what_was_booked(created: Any) -> tuple[UUID, int]:
    """The library makes the classes of its events at run time, where no type checker sees their fields."""
    return created.booking, created.minutes


@contextmanager
def opened_view(environment: Mapping[str, str]) -> Iterator[View]:
    """The table that the projection keeps, as the library's runner opens it."""
    view_class = PostgresView if environment["PERSISTENCE_MODULE"] == "eventsourcing.postgres" else SQLiteView
    with closing(InfrastructureFactory[Any].construct(Environment(Booked.name, dict(environment)))) as factory:
        yield factory.tracking_recorder(view_class)


def projection_round(database: Database, events: int, bookings: int = 50) -> Callable[[], Measured]:
    """Events a second of the library's projection runner, over events that it has not seen yet."""
    known = [uuid4() for _ in range(bookings)]

    def measure() -> Measured:
        with Office(database.stock) as office:
            random = Random(events)
            last = office.save(*[session(random, random.choice(known)) for _ in range(events)])[-1].notification.id
        follow = _follow_by_runner if database.kind == "postgres" else _follow_by_reading
        return follow(database, last)

    return measure


def _follow_by_runner(database: Database, last: int) -> Measured:
    with ProjectionRunner(application_class=Office, projection_class=Booked, view_class=PostgresView, env=database.stock) as runner:
        runner.wait(last, RUNNER_SECONDS_MAX)
        booked = cast(Booked, runner.projection)
        return Measured(booked.seen / (perf_counter() - booked.began))


def _follow_by_reading(database: Database, last: int) -> Measured:
    """What the runner does, by hand: the library's recorder for SQLite offers no subscription."""
    with opened_view(database.stock) as view, Office(database.stock) as office:
        booked = Booked(view)
        position = view.max_tracking_id(office.name) or 0
        while position < last:
            for notification in office.recorder.select_notifications(position + 1, PAGE_EVENTS):
                booked.process_event(office.mapper.to_domain_event(notification), Tracking(office.name, notification.id))
                position = notification.id
        return Measured(booked.seen / (perf_counter() - booked.began))
