"""A log with two pools: one in which every kind of event happens once, and one with a long history."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from application.log import Reader, Recorded
from domain.booking import HoursRequested
from domain.case import CaseOpened
from domain.handling import Matter
from domain.registry import ProviderRegistered
from tests.application.long_history import write_history
from tests.application.projections.driver import Log
from tests.application.projections.histories import POOL as LONG_POOL
from tests.application.projections.test_audit_trail import every_event
from tests.domain.facts import POOL as SHORT_POOL

POOLS = (SHORT_POOL, LONG_POOL)
PERSONAL = ("Erika", "Mustermann", "Fußball", "Begleitung zum Amt", "Wohnungsverlust", "Vermieter", "Mutter", "Schulabbruch")
STEPS = 600  # in which sessions are corrected and reversed as well


def tell(log: Log) -> None:
    log.append(every_event(), datetime(2021, 12, 3, 13, 30, 0, 250, tzinfo=UTC))
    write_history(log, STEPS)


def events_of(log: Log, pool: UUID) -> list[Recorded]:
    """The events of a pool, its cases, its bookings and its findings, and what is registered of its providers."""
    streams = {pool}
    for event in log.recorded:
        begins = getattr(event.data, "matter", event.data)
        if isinstance(begins, CaseOpened | HoursRequested | Matter) and begins.pool == pool:
            streams.add(event.stream)
    own = [event.data for event in log.recorded if event.stream in streams]
    named = {getattr(data, field, None) for data in own for field in ("provider", "from_provider")}
    streams |= {
        event.stream for event in log.recorded if isinstance(event.data, ProviderRegistered) and event.data.provider in named
    }
    return [event for event in log.recorded if event.stream in streams]


def untold(done: int, total: int) -> None:
    """Nobody asks how far it is."""


class Watched:
    """A reader that remembers the largest answer to a question."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.rows_max = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        asked = getattr(self._reader, name)

        def ask(*args: Any, **kwargs: Any) -> Any:
            found = asked(*args, **kwargs)
            if name in ("fetch", "notifications"):
                self.rows_max = max(self.rows_max, len(found))
            return found

        return ask
