"""Commands that are decided in one turn, whatever the speed of the machine."""

from collections.abc import Sequence
from concurrent.futures import Future
from threading import Event

from application.receipts import Answer
from application.turn import Abandoned, Turn, Work
from tests.office import OFFICER, Office

WAIT_SECONDS_MAX = 60


def in_one_turn(office: Office, works: Sequence[Work]) -> "list[Future[Answer]]":
    """Submits commands while the engine is busy with a turn that leaves no trace, so that the next turn takes all of them."""
    busy, arrived = Event(), Event()

    def wait(turn: Turn) -> Answer:
        busy.set()
        arrived.wait(WAIT_SECONDS_MAX)
        raise Abandoned

    waiting = office.engine.submit(Work(OFFICER, wait))
    busy.wait(WAIT_SECONDS_MAX)
    answers = [office.engine.submit(work) for work in works]
    arrived.set()
    assert isinstance(waiting.exception(WAIT_SECONDS_MAX), Abandoned)
    return answers
