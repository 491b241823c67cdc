"""In every serving process: each day on which the log grows gets a checkpoint, and all of them reach those who keep them; and who
got in is forgotten when its period is over.

Which day has one already the store says, under the lock of the log: so of any number of processes one issues it.
"""

import logging
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from application.privacy import KeyStoreDamaged
from application.proof import checkpoints
from domain.quantities import berlin_time
from interfaces.handover.failing import NotHandedOver
from interfaces.handover.handing_over import HandingOver
from interfaces.identity import trail
from interfaces.looking import Looking
from interfaces.service import Service

log = logging.getLogger("stundenpool.checkpoints")

LOOK_SECONDS = 60.0  # between two looks, and up to twice that


class Told(NamedTuple):
    """How it stood at the last look: checkpoints that are not where they should be, and kept ones that the log contradicts."""

    unwitnessed: int = 0
    unstamped: int = 0
    contradicted: int = 0


class Daily(Looking):
    """Looks every minute or two."""

    def __init__(self, service: Service) -> None:
        super().__init__(log, "the work of the day is not done", seconds=LOOK_SECONDS, spread=1)
        self.told = Told()
        self._service = service
        self._handing_over = HandingOver(service.settings)
        self._compared: date | None = None

    def _failures(self) -> Iterator[str]:
        """Issues the checkpoint of the day where it is missing, hands over what was not, compares what others keep, and removes
        what is kept no longer."""
        yield from self._issue()
        yield from self._hand_over()
        yield from self._compare()
        self._remove()

    def _issue(self) -> Iterator[str]:
        service, now = self._service, self._service.clock()
        with service.store.reading() as reader:
            if not checkpoints.is_due(reader, now):
                return
        try:
            signer = service.checkpoint_keys.signer()
        except KeyStoreDamaged:
            yield "no checkpoint is issued: the key cannot be used"
            return
        with service.store.turn() as turn:
            checkpoints.issue_daily(turn, signer, now)

    def _remove(self) -> None:
        service, now = self._service, self._service.clock()
        since = trail.kept_since(now, service.settings.access_trail_months)
        with service.store.reading() as reader:
            over = trail.count_before(reader, since)
        if over:
            with service.store.turn() as turn:
                trail.remove_before(turn, since, now)

    def _hand_over(self) -> Iterator[str]:
        outcome = self._handing_over.hand_over(self._service.store)
        self.told = self.told._replace(unwitnessed=outcome.unwitnessed, unstamped=outcome.unstamped)
        for failure in outcome.failures:
            yield f"checkpoints are not handed over: {failure.reason}"

    def _compare(self) -> Iterator[str]:
        """After the start, and then once a day."""
        witness, today = self._handing_over.witness, berlin_time(self._service.clock()).date()
        if witness is None or self._compared == today:
            return
        try:
            notes, keys = witness.notes(), self._service.checkpoint_keys.known()
        except (NotHandedOver, KeyStoreDamaged) as failure:
            yield f"checkpoints of the witness cannot be compared: {type(failure).__name__}"
            return
        with self._service.store.reading() as reader:
            against = [name for name, note in notes.items() if checkpoints.contradiction(reader, keys, note)]
        self._compared = today
        self.told = self.told._replace(contradicted=len(against))
        for name in against:
            log.error("the log contradicts a checkpoint of the witness: %s", name)
