"""An invented pool in the middle of its period, for pages to show: from a seed, so that it is always the same."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from application import commands
from application.demonstration import open_demonstration
from domain.quantities import Actor, Kind, Period, Rules, berlin_day
from domain.refusals import Refusal
from tests.office import OFFICER, SECOND_OFFICER, Office, body

START = datetime(2021, 11, 1, 8, 0, tzinfo=UTC)
END = datetime(2022, 3, 9, 9, 30, tzinfo=UTC)
BUDGET = 900 * 60
TOP_UP = 240 * 60

DISTRICTS = ("Altstadt", "Neustadt", "Pieschen", "Klotzsche", "Blasewitz", "Leuben", "Prohlis", "Cotta")
PROVIDERS = ("traeger-a", "traeger-b", "Elternselbsthilfegemeinschaftsverband", "Jugendhilfe Elbtal gGmbH")
KINDS: tuple[Kind, ...] = ("direct", "direct", "direct", "indirect", "travel")


@dataclass
class Clock:
    """A clock that a story sets."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


def tell(office: Office, clock: Clock) -> UUID:
    """Some months of a pool; gives its id."""
    clock.now = START
    chance = random.Random(2021)
    rules = Rules(
        case_cap_minutes=60 * 60, four_eyes_minutes=24 * 60, district_quotas={"Prohlis": 400 * 60}, session_max_minutes=480
    )
    pool = UUID(
        body(
            office.do(
                OFFICER,
                open_demonstration,
                name="Flexibler Stundenpool für temporäre Einzelbegleitungen",
                period=Period(date(2021, 11, 1), date(2022, 5, 31)),
                budget_minutes=BUDGET,
                rules=rules,
                seed=2021,
                clock=START,
            )
        )["id"]
    )
    granted: list[tuple[UUID, Actor]] = []
    number = 0
    while clock.now < END:
        clock.now += timedelta(days=1, minutes=chance.randrange(-90, 90))
        if berlin_day(clock.now) == date(2022, 2, 10):
            office.do(OFFICER, commands.change_budget, pool, change_minutes=TOP_UP, resolution="V1402/22")
        if clock.now.weekday() > 4:
            continue
        for _ in range(chance.choice((0, 0, 1, 1))):
            number += 1
            granted += _request(office, clock, chance, pool, number)
        for booking, worker in chance.sample(granted, min(len(granted), 5)):
            _render(office, clock, chance, booking, worker)
    return pool


def _request(office: Office, clock: Clock, chance: random.Random, pool: UUID, number: int) -> list[tuple[UUID, Actor]]:
    provider = chance.choices(PROVIDERS, (5, 3, 2, 2))[0]
    worker = Actor(f"kraft-{chance.randrange(1, 4)}", "worker", provider)
    case = office.do(
        worker,
        commands.open_case,
        pool=pool,
        provider=provider,
        reference=f"F-{number:03d}",
        district=chance.choices(DISTRICTS, (2, 3, 4, 1, 2, 1, 6, 4))[0],
        service_area="13",
        concern="housing",
        name=f"Kim Beispiel {number}",
    )
    minutes = 60 * chance.choice((8, 10, 12, 16, 20, 24, 30))
    booking = UUID(
        body(office.do(worker, commands.request_hours, case=UUID(body(case)["id"]), minutes=minutes, purpose="Begleitung"))["id"]
    )
    clock.now += timedelta(minutes=chance.randrange(20, 200))
    waits = clock.now > END - timedelta(days=16) and chance.random() < 0.75
    if waits and minutes <= 24 * 60:
        if chance.random() < 0.3:
            office.do(OFFICER, commands.waitlist_request, booking)
        return []
    if chance.random() < 0.08:
        office.do(OFFICER, commands.decline_request, booking, reason="Anspruch besteht anderweitig")
        return []
    approved = _approved(lambda by: office.do(by, commands.approve_hours, booking).outcome)
    if approved in ("accepted", "done") and not (approved == "accepted" and waits):
        if approved == "accepted":
            office.do(SECOND_OFFICER, commands.approve_hours, booking)
        return [(booking, worker)]
    return []


def _approved(approve: Callable[[Actor], str]) -> str:
    try:
        return approve(OFFICER)
    except Refusal as refusal:
        return refusal.code


def _render(office: Office, clock: Clock, chance: random.Random, booking: UUID, worker: Actor) -> None:
    """A session of yesterday, as long as the hours last."""
    starts_at = (clock.now - timedelta(days=1)).replace(hour=chance.randrange(8, 15), minute=chance.choice((0, 15, 30, 45)))
    minutes = 15 * chance.randrange(3, 11)
    facts = {"starts_at": starts_at, "minutes": minutes, "kind": chance.choice(KINDS), "worker": worker.subject}
    logged = office.do(worker, commands.log_session, booking, **facts)
    if logged.outcome == "over_grant" and chance.random() < 0.5:
        office.do(Actor("leitung", "lead", worker.organisation), commands.settle_booking, booking)
