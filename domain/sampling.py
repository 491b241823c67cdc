"""Samples for spot checks (Stichproben): drawn at random, and drawn again by anybody with the same result.

Method 1: every session of the population is given the SHA-256 of seed, colon and id, the id as 36 characters in lower case; the
sample are the sessions with the smallest. Who does not choose the seed cannot choose the sample.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

METHOD = 1
SIZE_MAX = 1_000  # more than anybody checks by hand; all of them stand in the event


@dataclass(frozen=True, slots=True)
class Population:
    """What a sample is drawn from: the sessions of a pool that stood at ``position`` of the log, by provider and day of service.

    ``None`` is no limit, both days are inclusive. ``size`` and ``sha256`` (of all ids in ascending order, each with a line break)
    say whether somebody who draws again has the same sessions before them.
    """

    position: int
    provider: str | None
    first_day: date | None
    last_day: date | None
    size: int
    sha256: str


def drawn(seed: str, population: Iterable[UUID], size: int) -> tuple[UUID, ...]:
    """The sample by method 1, in the order in which it is drawn."""
    return tuple(sorted(population, key=lambda session: (_drawing(seed, session), session))[:size])


def _drawing(seed: str, session: UUID) -> bytes:
    return hashlib.sha256(f"{seed}:{session}".encode()).digest()


def digest(population: Iterable[UUID]) -> str:
    """What tells one population from another."""
    return hashlib.sha256("".join(f"{session}\n" for session in sorted(population)).encode()).hexdigest()
