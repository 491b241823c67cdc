"""Samples of a pool's sessions: drawn from what stands now, and drawn again from the log as it was then.

The two ways share nothing but the method, so that what was drawn is checked and not merely repeated.
"""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec

from application.log import Progress, Reader, Recorded, read_events
from application.projections import audit_trail, pools
from application.projections.bookings import standing_sessions
from domain import sampling
from domain.pool import SampleDrawn
from domain.quantities import berlin_day
from domain.refusals import Malformed
from domain.sampling import METHOD, SIZE_MAX, Population

BATCH_EVENTS = 2_000
SEED_BYTES = 16


class SampleView(msgspec.Struct, frozen=True):
    """A sample; ``sessions`` in the order in which they were drawn."""

    id: UUID
    pool: UUID
    method: int
    seed: str
    population: Population
    sessions: tuple[UUID, ...]

    @classmethod
    def of(cls, pool: UUID, data: SampleDrawn) -> "SampleView":
        return cls(data.sample, pool, data.method, data.seed, data.population, data.sessions)


def draw(
    reader: Reader,
    pool: UUID,
    *,
    size: int | None,
    share_percent: int | None,
    provider: str | None,
    first_day: date | None,
    last_day: date | None,
    seed: str | None,
) -> SampleDrawn:
    """A sample of so many sessions, or of that share, rounded up; without a seed, by one that nobody foresees.

    Raises ``NotFound`` for the pool, and ``Malformed``.
    """
    pools.must_exist(reader, pool)
    if (size is None) == (share_percent is None):
        raise Malformed(place="size", problem="genau eines von size und share_percent ist nötig")
    head = reader.head()
    assert head is not None, "there is a pool"
    standing = standing_sessions(reader, pool, provider)
    sessions = [session for session, starts_at in standing if _within(berlin_day(starts_at), first_day, last_day)]
    if not sessions:
        raise Malformed(place="pool", problem="in dieser Auswahl steht kein Termin")
    wanted = size or -(-len(sessions) * (share_percent or 0) // 100)
    if wanted > SIZE_MAX:
        raise Malformed(place="share_percent", problem=f"das wären {wanted} Termine; höchstens {SIZE_MAX} sind möglich")
    population = Population(head.id, provider, first_day, last_day, len(sessions), sampling.digest(sessions))
    seed = seed or secrets.token_hex(SEED_BYTES)
    return SampleDrawn(uuid4(), METHOD, seed, population, sampling.drawn(seed, sessions, wanted))


def _within(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


def list_samples(reader: Reader, pool: UUID) -> list[SampleView]:
    """All samples of a pool, in the order in which they were drawn. Raises ``NotFound``."""
    pools.must_exist(reader, pool)
    drawn = audit_trail.events_at(reader, audit_trail.positions(reader, pool=pool, type="sample-drawn"))
    return [SampleView.of(pool, cast(SampleDrawn, event.data)) for event in drawn]


def drawn_again(reader: Reader, sample: SampleView, progress: Progress) -> SampleView:
    """What the seed of a sample draws from the log as it stood then; ``progress`` is told the events read, and all to be read."""
    limits = sample.population
    sessions = _standing_at(reader, sample.pool, limits, progress)
    population = replace(limits, size=len(sessions), sha256=sampling.digest(sessions))
    chosen = sampling.drawn(sample.seed, sessions, len(sample.sessions))
    return SampleView(sample.id, sample.pool, METHOD, sample.seed, population, chosen)


def _standing_at(reader: Reader, pool: UUID, limits: Population, progress: Progress) -> list[UUID]:
    """The population, from nothing but the events up to its position."""
    bookings: set[str] = set()
    standing: dict[str, datetime] = {}
    for event in _events(reader, limits.position, progress):
        data, stream = cast(Any, event.data), str(event.stream)
        match event.type:
            case "hours-requested" if str(data.pool) == str(pool) and limits.provider in (None, data.provider):
                bookings.add(stream)
            case "session-logged" if stream in bookings:
                standing[str(data.session)] = data.starts_at
            case "session-corrected" if stream in bookings:
                standing[str(data.session)] = data.now.starts_at
            case "session-reversed" if stream in bookings:
                del standing[str(data.session)]
    return [UUID(session) for session, start in standing.items() if _within(berlin_day(start), limits.first_day, limits.last_day)]


def _events(reader: Reader, last: int, progress: Progress) -> Iterator[Recorded]:
    done = 0
    while done < last:
        rows = reader.stored_rows(done, min(BATCH_EVENTS, last - done))
        yield from read_events(rows)
        done = rows[-1][-1]
        progress(done, last)
