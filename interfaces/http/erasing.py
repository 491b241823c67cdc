"""In every serving process: keys of who is erased are dropped from memory, and destroyed where nobody has done it yet."""

import logging
from collections.abc import Iterable

from interfaces.looking import Looking
from interfaces.service import Service

log = logging.getLogger("stundenpool.erasing")

LOOK_SECONDS = 1.0  # no longer than this a key of somebody who was erased stays in memory


class CarryingOut(Looking):
    """Looks every second."""

    def __init__(self, service: Service) -> None:
        super().__init__(log, "an erasure is not carried out", seconds=LOOK_SECONDS)
        self._service = service

    def _failures(self) -> Iterable[str]:
        self._service.erasing.carry_out(self._service.engine)
        return ()
