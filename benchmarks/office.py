"""Our side: an office with approved bookings to log sessions on, and logs of any length, told by real commands."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from random import Random
from uuid import UUID, uuid4

import msgspec

from application import commands
from application.engine import Engine
from application.receipts import Answer, RequestKey
from application.turn import Turn, Work
from benchmarks.measuring import Ask
from domain.quantities import BERLIN, Actor, Period, Rules
from interfaces.service import Service

OFFICER = Actor("sb-1", "officer", "jugendamt")
PROVIDERS = tuple(f"traeger-{number:02}" for number in range(1, 9))
DISTRICTS = tuple(f"stadtraum-{number:02}" for number in range(1, 18))
DAYS = 100  # before today, on which sessions are
BUDGET_MINUTES = 1_000_000_000
GRANT_MINUTES = 900_000
SESSION_MINUTES = 90
NOTE = "Gemeinsam zum Termin im Jobcenter gegangen, Unterlagen vollständig abgegeben, nächste Schritte vereinbart."
CASES_A_TURN = 20
SESSIONS_A_CASE = 12
SESSIONS_A_TURN = 200
SHORT_SESSION_MINUTES = 15
REQUESTS_AT_A_TIME = 2_000


@dataclass(frozen=True, slots=True)
class Place:
    """A booking on which its provider logs sessions."""

    booking: UUID
    worker: Actor


class Entry(msgspec.Struct):
    """The body of a session, as it comes over HTTP."""

    starts_at: datetime
    minutes: int
    kind: str
    worker: str
    note: str


def an_entry(random: Random) -> Entry:
    """A session on some day of the last months."""
    day = today() - timedelta(days=random.randrange(1, DAYS))
    starts_at = datetime.combine(day, time(random.randrange(8, 19), random.choice((0, 15, 30, 45))), BERLIN)
    return Entry(starts_at.astimezone(UTC), SESSION_MINUTES, "direct", f"kraft-{random.randrange(40):02}", NOTE)


def today() -> date:
    return datetime.now(BERLIN).date()


def open_pool(service: Service) -> UUID:
    """A pool that is larger than any benchmark, open for months around today."""
    period = Period(today() - timedelta(days=2 * DAYS), today() + timedelta(days=DAYS))
    return _id(
        _done(
            service.engine,
            OFFICER,
            lambda turn: commands.open_pool(turn, name="Messung", period=period, budget_minutes=BUDGET_MINUTES, rules=Rules()),
        )
    )


def approved_bookings(service: Service, pool: UUID, number: int) -> list[Place]:
    """That many bookings with hours to use, each of a case of its own."""
    places: list[Place] = []

    def tell(turn: Turn, first: int) -> None:
        for case in range(first, min(first + CASES_A_TURN, number)):
            place = _requested(turn, pool, case)
            with _as(turn, OFFICER):
                commands.approve_hours(turn, place.booking)
            places.append(place)

    _tell(service.engine, tell, range(0, number, CASES_A_TURN))
    return places


def log_sessions(service: Service, place: Place, number: int) -> None:
    """That many short sessions on one booking."""
    random = Random(2)

    def tell(turn: Turn, first: int) -> None:
        with _as(turn, place.worker):
            for _ in range(min(SESSIONS_A_TURN, number - first)):
                entry = an_entry(random)
                commands.log_session(
                    turn,
                    place.booking,
                    starts_at=entry.starts_at,
                    minutes=SHORT_SESSION_MINUTES,
                    kind="direct",
                    worker=entry.worker,
                    note=entry.note,
                )

    _tell(service.engine, tell, range(0, number, SESSIONS_A_TURN))


def requests(service: Service, pool: UUID, number: int) -> list[UUID]:
    """That many requests that wait for a decision."""
    found: list[UUID] = []

    def tell(turn: Turn, first: int) -> None:
        found.extend(_requested(turn, pool, case, SESSION_MINUTES).booking for case in range(first, first + per_turn))

    per_turn = min(200, number)
    start = uuid4().int % 1_000_000_000  # references of earlier calls are taken
    _tell(service.engine, tell, range(start, start + number, per_turn))
    return found[:number]


def write_log(service: Service, events: int) -> UUID:
    """A pool whose log has at least that many events, as an office of a city would write them."""
    pool = open_pool(service)
    random = Random(1)

    def tell(turn: Turn, first: int) -> None:
        for case in range(first, first + CASES_A_TURN):
            _told_case(turn, pool, case, random)

    head, told = 0, count(0, CASES_A_TURN)
    while head < events:
        head = _tell(service.engine, tell, [next(told)])
    return pool


def session_askers(service: Service, places: list[Place], callers: int) -> list[Ask]:
    """Callers that log one session after another, with all that a request brings: a key, its fingerprint, a note to seal."""
    return [_session_asker(service, places, Random(number)) for number in range(callers)]


def _session_asker(service: Service, places: list[Place], random: Random) -> Ask:
    run, numbers = uuid4().hex, count()

    def ask() -> None:
        place, entry = random.choice(places), an_entry(random)
        key = RequestKey(f"{run}-{next(numbers)}", service.keyring.fingerprint(msgspec.json.encode(entry)))

        def decide(turn: Turn) -> Answer:
            return commands.log_session(
                turn,
                place.booking,
                starts_at=entry.starts_at,
                minutes=entry.minutes,
                kind="direct",
                worker=entry.worker,
                note=entry.note,
            )

        _demand(service.engine.submit(Work(place.worker, decide, key)).result(), "created")

    return ask


def approval_askers(service: Service, waiting: list[UUID], callers: int) -> list[Ask]:
    """Callers that together approve what waits."""
    supply = iter(waiting)  # taking the next of a list's iterator is one step: no caller gets another's

    def ask() -> None:
        booking = next(supply)
        key = RequestKey(f"approve-{booking}", service.keyring.fingerprint(booking.bytes))
        _demand(service.engine.submit(Work(OFFICER, lambda turn: commands.approve_hours(turn, booking), key)).result(), "done")

    return [ask] * callers


# ── telling many commands a turn


def _tell(engine: Engine, tell: Callable[[Turn, int], None], starts: "range | list[int]") -> int:
    """Tells each part in a turn; the position that the log then has."""
    position = 0
    for start in starts:

        def decide(turn: Turn, start: int = start) -> Answer:
            tell(turn, start)
            return Answer("done", b"", turn.position)

        position = _done(engine, OFFICER, decide).position
    return position


def _requested(turn: Turn, pool: UUID, case: int, minutes: int = GRANT_MINUTES) -> Place:
    provider = PROVIDERS[case % len(PROVIDERS)]
    with _as(turn, Actor(f"leitung-{provider}", "lead", provider)):
        opened = commands.open_case(
            turn,
            pool=pool,
            provider=provider,
            reference=f"F-{case:07}",
            district=DISTRICTS[case % len(DISTRICTS)],
            service_area="13",
            concern="housing",
            name="Kim Beispiel",
        )
        asked = commands.request_hours(turn, case=_id(opened), minutes=minutes, purpose="Begleitung bei der Wohnungssuche")
    return Place(_id(asked), Actor(f"kraft-{provider}", "worker", provider))


def _told_case(turn: Turn, pool: UUID, case: int, random: Random) -> None:
    """A case from its opening to its settlement, about two dozen events."""
    minutes = SESSION_MINUTES * SESSIONS_A_CASE
    place = _requested(turn, pool, case, minutes)
    with _as(turn, OFFICER):
        commands.approve_hours(turn, place.booking)
    with _as(turn, place.worker):
        for _ in range(SESSIONS_A_CASE - random.randrange(3)):
            entry = an_entry(random)
            logged = commands.log_session(
                turn,
                place.booking,
                starts_at=entry.starts_at,
                minutes=entry.minutes,
                kind="direct",
                worker=entry.worker,
                note=entry.note,
            )
            if random.random() < 0.5:
                commands.confirm_session(turn, place.booking, _id(logged), by="Mutter", method="Unterschrift")
            if random.random() < 0.1:
                commands.correct_session(turn, place.booking, _id(logged), minutes=60, reason="Zahlendreher")
    if random.random() < 0.7:
        with _as(turn, OFFICER):
            commands.settle_booking(turn, place.booking)


class _as:  # noqa: N801 – reads as a word of the sentence it stands in
    """Inside, commands are those of another person; a benchmark tells the story of many in one turn."""

    def __init__(self, turn: Turn, actor: Actor) -> None:
        self._turn, self._actor, self._before = turn, actor, (turn.actor, turn.by)

    def __enter__(self) -> None:
        self._turn.actor, self._turn.by = self._actor, self._actor.subject

    def __exit__(self, *_: object) -> None:
        self._turn.actor, self._turn.by = self._before


def _done(engine: Engine, actor: Actor, decide: Callable[[Turn], Answer]) -> Answer:
    answer = engine.execute(actor, decide)
    if answer.outcome not in ("created", "done"):
        raise RuntimeError(f"refused: {answer.outcome} {answer.body!r}")
    return answer


def _demand(answer: Answer, outcome: str) -> None:
    if answer.outcome != outcome:
        raise RuntimeError(f"answered {answer.outcome} in place of {outcome}: {answer.body!r}")


class _Identified(msgspec.Struct):
    id: UUID


_identified = msgspec.json.Decoder(_Identified)


def _id(answer: Answer) -> UUID:
    return _identified.decode(answer.body).id
