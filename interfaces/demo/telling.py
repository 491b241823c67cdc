"""How the story is told: an agenda of lives, a clock and ids of its own, and what everybody in it can do.

A life is a generator: what it yields is the instant at which it goes on, and between two instants it gives commands like anybody
else. What a rule refuses does not happen, and where people would see that coming they look first.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from application.demonstration import Narrator
from application.receipts import Answer
from application.turn import Turn
from domain.pool import Pool
from domain.quantities import Actor, berlin_day
from interfaces.demo.city import OFFICERS, Provider
from interfaces.demo.days import at_desk, working_days_after
from interfaces.demo.setting import OPENED

T = TypeVar("T")
Life = Generator[datetime, None, None]


@dataclass(slots=True)
class Accompanied:
    """A case as those who accompany it know it. ``entered`` is when the last of its sessions is entered."""

    id: UUID
    provider: Provider
    worker: Actor
    district: str
    concern: Any
    flat: bool
    entered: datetime = OPENED
    busy: list[tuple[datetime, datetime]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Grant:
    """Minutes that were approved."""

    booking: UUID
    minutes: int


class Telling:
    """What is told so far; ``now`` is the instant that is being told. It gives its narrator clock and ids."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.now = OPENED
        self.pool = UUID(int=0)
        self.random = Random(seed)  # noqa: S311 – a story has no secrets, and is to be told again
        self.ids = Random(f"ids/{seed}")  # noqa: S311
        self.narrator: Narrator
        self._agenda: list[tuple[datetime, int, Life]] = []
        self._numbers = count()
        self.busy: dict[str, list[tuple[datetime, datetime]]] = {}
        self.cases: list[Accompanied] = []
        self.bookings: dict[UUID, dict[str, Any]] = {}  # as they were last answered

    def clock(self) -> datetime:
        return self.now.astimezone(UTC)

    def new_id(self) -> UUID:
        return UUID(int=self.ids.getrandbits(128), version=4)

    def until(self, instant: datetime) -> None:
        """Tells all that happens before an instant."""
        while self._agenda and self._agenda[0][0] < instant:
            self.now, _, life = heappop(self._agenda)
            self.begin(life)

    def begin(self, life: Life) -> None:
        """Tells a life, or the rest of it, up to the next instant for which it waits."""
        following = next(life, None)
        if following is not None:
            heappush(self._agenda, (max(following.astimezone(UTC), self.now), next(self._numbers), life))

    def do(self, actor: Actor, command: Callable[..., Answer], *args: Any, **facts: Any) -> Any:
        """What the command answered, or the code of its refusal as text."""
        answer = self.narrator.execute(actor, lambda turn: command(turn, *args, **facts))
        if answer.outcome not in ("created", "done", "accepted"):
            return answer.outcome
        view = msgspec.json.decode(answer.body)
        if "granted_minutes" in view:
            self.bookings[UUID(view["id"])] = view
        return view

    def look(self, read: Callable[[Turn], T]) -> T:
        """Something that people see before they decide."""
        seen: list[T] = []

        def look(turn: Turn) -> Answer:
            seen.append(read(turn))
            return Answer("done", b"", turn.position)

        self.narrator.execute(OFFICERS[0], look)
        return seen[0]

    def state(self) -> Pool:
        return self.look(lambda turn: turn.pool(self.pool))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def weighted(self, weights: dict[T, int]) -> T:
        return self.random.choices(list(weights), list(weights.values()))[0]

    def said(self, texts: Sequence[str]) -> str:
        return self.random.choice(texts)

    @property
    def today(self) -> date:
        return berlin_day(self.now)

    def working_days_on(self, days: int) -> datetime:
        """Some instant at the desk, that many working days from now; never in the past."""
        found = at_desk(self.random, working_days_after(self.today, days))
        return found if found > self.now else self.now + timedelta(minutes=self.random.randint(3, 40))

    def while_exhausted(self) -> Life:
        """Nobody settles anything while the pool is exhausted: the office asked for it until the committee has decided."""
        while self.state().exhausted:
            yield self.working_days_on(self.random.randint(1, 3))
