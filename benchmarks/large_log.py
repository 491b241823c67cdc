"""Logs of millions of events, faster than by commands: the cases of a told log again and again, with ids of their own.

Many cases are open at a time, and whose decision comes next is chance: what a fold needs has mostly rested for a while. Each
could have been made so: it is decided again by a verification, which finds nothing.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count, cycle, islice
from random import Random
from uuid import UUID

import msgspec
from eventsourcing.persistence import Notification

from application.commands import case_id
from application.log import Store
from domain.quantities import Actor

TURN_EVENTS = 5_000
BETWEEN_DECISIONS = timedelta(milliseconds=100)  # so that ten million end within the period of the pool

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


class _Opened(msgspec.Struct):
    """What the id of a case follows from."""

    provider: str
    reference: str


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(_Envelope).decode


def write_large_log(store: Store, told: Sequence[Notification], events: int, open_cases: int) -> None:
    """Appends that many events to an empty log, and what is left of the last decision; the first of ``told`` opens the pool, with
    which all begins."""
    rows = _rows(told, events, open_cases)
    while appended := list(islice(rows, TURN_EVENTS)):
        with store.turn() as turn:
            turn.append(appended)


def _rows(told: Sequence[Notification], events: int, open_cases: int) -> Iterator[Notification]:
    random, references = Random(1), count(1)
    opened, cases = _decode(told[0].state), cycle(_cases(told[1:]))
    now, pool, pool_versions = opened.recorded_at, opened.stream, count(1)
    position = 1
    yield _row(opened, position, position, now, next(pool_versions))
    under_way = [_Copy(next(cases), pool, next(references), random) for _ in range(open_cases)]
    while position < events:
        place = random.randrange(open_cases)
        decision = under_way[place].next_decision()
        if not decision:
            under_way[place] = _Copy(next(cases), pool, next(references), random)
            continue
        now += BETWEEN_DECISIONS
        first = position + 1
        for event in decision:
            position += 1
            yield _row(event, position, first, now, next(pool_versions) if event.stream == pool else event.version)


def _cases(told: Sequence[Notification]) -> list[list[list[_Envelope]]]:
    """The decisions of each case, which stand together, from its opening on."""
    cases: list[list[list[_Envelope]]] = []
    for row in told:
        event = _decode(row.state)
        if event.type == "case-opened":
            cases.append([])
        if event.cause is None:
            cases[-1].append([])
        cases[-1][-1].append(event)
    return cases[:-1]  # the last one may not be whole


class _Copy:
    """The events of a case with another reference and other ids, but for the pool's."""

    def __init__(self, decisions: Sequence[Sequence[_Envelope]], pool: UUID, number: int, random: Random) -> None:
        self._decisions = iter(decisions)
        opened = msgspec.json.decode(decisions[0][0].data, type=_Opened)
        self._told, self._reference = opened.reference.encode(), f"F-{number:08}"
        case = case_id(pool, opened.provider, self._reference)
        self._ids = {str(each).encode(): str(own).encode() for each, own in ((pool, pool), (decisions[0][0].stream, case))}
        self._random = random

    def next_decision(self) -> list[_Envelope]:
        """Nothing once all were given."""
        return [self._copied(event) for event in next(self._decisions, ())]

    def _copied(self, event: _Envelope) -> _Envelope:
        stream = UUID(self._id(str(event.stream).encode()).decode())
        data = _ID.sub(lambda found: self._id(found[0]), bytes(event.data)).replace(self._told, self._reference.encode())
        return msgspec.structs.replace(event, stream=stream, data=msgspec.Raw(data))

    def _id(self, known: bytes) -> bytes:
        if known not in self._ids:
            self._ids[known] = str(UUID(int=self._random.getrandbits(128), version=4)).encode()
        return self._ids[known]


def _row(event: _Envelope, position: int, first: int, recorded_at: datetime, version: int) -> Notification:
    """``first`` is where the decision begins; what it says of its instant is that of recording."""
    data = msgspec.Raw(bytes(event.data).replace(_encode(event.recorded_at), _encode(recorded_at)))
    cause = None if position == first else first
    stored = msgspec.structs.replace(event, position=position, recorded_at=recorded_at, version=version, cause=cause, data=data)
    return Notification(event.stream, version, event.type, _encode(stored), position)
