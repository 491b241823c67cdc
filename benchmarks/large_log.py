"""Logs of millions of events, faster than by commands: the cases of a told log again and again, with ids of their own.

Many cases are open at a time, and whose event comes next is chance: what a fold needs has mostly rested for a while.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count, cycle
from random import Random
from uuid import UUID

import msgspec
from eventsourcing.persistence import Notification

from application.log import Store
from domain.quantities import Actor

TURN_EVENTS = 5_000
BETWEEN_EVENTS = timedelta(seconds=1)

_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class _Envelope(msgspec.Struct):
    """An event in its stored form, of which the payload is left as it is."""

    position: int
    stream: UUID
    version: int
    type: str
    schema: int
    recorded_at: datetime
    actor: Actor
    command: str
    cause: int | None
    data: msgspec.Raw


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(_Envelope).decode


def write_large_log(store: Store, told: Sequence[Notification], events: int, open_cases: int) -> None:
    """Appends that many events to an empty log; the first of ``told`` opens the pool, with which all begins."""
    rows = _rows(told, open_cases)
    for start in range(0, events, TURN_EVENTS):
        with store.turn() as turn:
            turn.append([next(rows) for _ in range(min(TURN_EVENTS, events - start))])


def _rows(told: Sequence[Notification], open_cases: int) -> Iterator[Notification]:
    random, positions = Random(1), count(1)
    opened, cases = _decode(told[0].state), cycle(_cases(told[1:]))
    now, pool, pool_versions = opened.recorded_at, opened.stream, count(1)
    yield _row(opened, next(positions), now, next(pool_versions))
    under_way = [_Copy(next(cases), pool, random) for _ in range(open_cases)]
    while True:
        place = random.randrange(open_cases)
        event = next(under_way[place], None)
        if event is None:
            under_way[place] = _Copy(next(cases), pool, random)
            continue
        now += BETWEEN_EVENTS
        yield _row(event, next(positions), now, next(pool_versions) if event.stream == pool else event.version)


def _cases(told: Sequence[Notification]) -> list[list[_Envelope]]:
    """The events of each case, which stand together, from its opening on."""
    cases: list[list[_Envelope]] = []
    for row in told:
        event = _decode(row.state)
        if event.type == "case-opened":
            cases.append([])
        cases[-1].append(event)
    return cases[:-1]  # the last one may not be whole


class _Copy(Iterator[_Envelope]):
    """The events of a case with other ids, but for the pool's."""

    def __init__(self, events: Sequence[_Envelope], pool: UUID, random: Random) -> None:
        self._events = iter(events)
        self._ids = {str(pool).encode(): str(pool).encode()}
        self._random = random

    def __next__(self) -> _Envelope:
        event = next(self._events)
        stream = UUID(self._id(str(event.stream).encode()).decode())
        data = _ID.sub(lambda found: self._id(found[0]), bytes(event.data))
        return msgspec.structs.replace(event, stream=stream, data=msgspec.Raw(data))

    def _id(self, known: bytes) -> bytes:
        if known not in self._ids:
            self._ids[known] = str(UUID(int=self._random.getrandbits(128), version=4)).encode()
        return self._ids[known]


def _row(event: _Envelope, position: int, recorded_at: datetime, version: int) -> Notification:
    cause = None if event.cause is None else position - 1
    stored = msgspec.structs.replace(event, position=position, recorded_at=recorded_at, version=version, cause=cause)
    return Notification(event.stream, version, event.type, _encode(stored), position)
