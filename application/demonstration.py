"""A demonstration: a pool that is made up from a seed, in a log of its own, which lives by a clock of its own.

The log itself says so, in its second event. Whatever process opens that log goes on by the clock stated there; in any other log
there is no other clock than the machine's, and no setting that gives one.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from application.engine import Clock, utc_now
from application.log import Reader, Transaction, read_event
from application.privacy import Keyring
from application.projections import PROJECTIONS
from application.projections import pools as pool_rows
from application.projections.projector import Projector
from application.projections.tables import LIVE
from application.receipts import Answer
from application.states import States
from application.turn import Abandoned, Turn, Work
from domain import pool as pools
from domain.pool import DemonstrationStarted, PoolEvent
from domain.quantities import Actor, Period, Rules
from domain.refusals import Refusal

_PLACE = 2  # right behind the pool, which opens the log


class LogNotEmpty(Abandoned):
    """A demonstration begins a log; in a log with events there may be a real pool."""

    def __init__(self) -> None:
        super().__init__("Das Ereignisprotokoll ist nicht leer. Eine Demonstration braucht eine Datenbank für sich allein.")


def open_demonstration(
    turn: Turn, *, name: str, period: Period, budget_minutes: int, rules: Rules, seed: int, clock: datetime
) -> Answer:
    """Opens a pool as the beginning of an empty log and says that it is a demonstration; raises ``LogNotEmpty``."""
    pool = turn.new_id()
    events = begin_demonstration(
        turn.position, name=name, period=period, budget_minutes=budget_minutes, rules=rules, seed=seed, clock=clock
    )
    turn.record([(pool, event) for event in events])
    return turn.answer("created", pool_rows.pool(turn.reader(), pool), pool)


def begin_demonstration(
    log_position: int, *, name: str, period: Period, budget_minutes: int, rules: Rules, seed: int, clock: datetime
) -> list[PoolEvent]:
    """What opens the pool of a demonstration; raises ``LogNotEmpty``."""
    if log_position:
        raise LogNotEmpty()
    opened, *following = pools.open_pool(None, name=name, period=period, budget_minutes=budget_minutes, rules=rules)
    return [opened, DemonstrationStarted(seed, clock), *following]


class Narrator:
    """Decides commands one after the other, each at an instant and with ids that the story gives, within one transaction.

    So a story is in the log as a whole or not at all, and costs one commit.
    """

    def __init__(
        self,
        transaction: Transaction,
        keyring: Keyring,
        problem: Callable[[Refusal], bytes],
        clock: Clock,
        new_id: Callable[[], UUID],
    ) -> None:
        self._transaction = transaction
        self._keyring = keyring
        self._problem = problem
        self._clock = clock
        self._new_id = new_id
        self._states = States()
        self._projector = Projector(PROJECTIONS)
        [live] = transaction.ask(LIVE)
        self._projector.begin(transaction, live, others=None)
        head = transaction.head()
        self._position = head.id if head else 0

    def execute(self, actor: Actor, decide: Callable[[Turn], Answer]) -> Answer:
        """The answer to a command. Raises ``Culprit`` for anything but a refusal: the transaction has to be left with it."""
        turn = Turn(
            self._transaction,
            self._states,
            self._projector,
            self._keyring,
            position=self._position,
            recorded_at=self._clock(),
            new_id=self._new_id,
        )
        answer = turn.decide(Work(actor, decide), self._problem)
        turn.reader()  # writes what was decided
        self._position = turn.position
        return answer


def demonstration(reader: Reader) -> DemonstrationStarted | None:
    """What this log says about being a demonstration."""
    beginning = reader.notifications(_PLACE - 1, 1)
    event = read_event(beginning[0]).data if beginning else None
    return event if isinstance(event, DemonstrationStarted) else None


def clock_of(reader: Reader) -> Clock:
    """The clock that a log lives by: the machine's, or that of its demonstration, which goes on where the log ends."""
    started = demonstration(reader)
    head = reader.head()
    if started is None or head is None:
        return utc_now
    return running_from(max(started.clock, read_event(head).recorded_at))


def running_from(start: datetime) -> Clock:
    """A clock that shows this instant now and runs as fast as any other."""
    began = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)
