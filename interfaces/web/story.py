"""The pages of a story, and of two instants compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import get_args
from uuid import UUID

import msgspec

from application.compare import Comparison, Manner, compare
from application.log import Reader
from application.projections import cases, pools
from application.story import Hero, Story, story
from application.views import CaseView, PoolView
from interfaces.http.bodies import Name
from interfaces.http.operations import Asking
from interfaces.http.parameters import Cursor, Parameters, StoryOf
from interfaces.web.choice import POOLS_MAX, choose

SCENES_SHOWN = 100
CHANGES_SHOWN = 100
MANNERS: Mapping[Manner, str] = {"late": "nachgetragen", "corrected": "korrigiert", "reversed": "storniert"}


class StoryShown(Parameters, frozen=True):
    """Whose story it is, a case also by its reference; where nobody is named there are only the forms to choose."""

    pool: UUID | None = None
    case: UUID | None = None
    booking: UUID | None = None
    worker: Name | None = None
    reference: Name | None = None
    known_at: str | None = None
    after: Cursor | None = None

    def hero(self) -> tuple[Hero, str] | None:
        """Raises ``Malformed`` where several are named."""
        stated = {of: id for of in get_args(Hero) if (id := getattr(self, of)) is not None}
        return StoryOf(**stated).hero() if stated else None


@dataclass(frozen=True, slots=True)
class Told:
    """A story from some place on; ``name`` is how people call what it is of, and its pool the one to go back to."""

    story: Story
    name: str
    pool: UUID | None
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StoryPage:
    """The story that was asked for; else what can be: pools, and the cases of a reference, of which each pool may have one."""

    wanted: StoryShown
    known_at: datetime | date | None
    told: Told | None
    pools: Sequence[PoolView]
    cases: Sequence[CaseView]
    position: int


def story_of(asking: Asking, wanted: StoryShown, known_at: datetime | date | None) -> StoryPage:
    """A page of it, texts left sealed. Raises ``NotFound`` and ``Malformed``."""
    reader, hero, head = asking.reader, wanted.hero(), asking.reader.head()
    found = [] if wanted.reference is None else cases.cases_of_reference(reader, wanted.reference)
    if hero is None and len(found) == 1:
        hero = "case", str(found[0])
    return StoryPage(
        wanted=wanted,
        known_at=known_at,
        told=None if hero is None else _told(reader, *hero, wanted.after),
        pools=pools.list_pools(reader, limit=POOLS_MAX)[0],
        cases=[cases.versioned_case(reader, case, None).view for case in found],
        position=head.id if head else 0,
    )


def _told(reader: Reader, of: Hero, id: str, after: str | None) -> Told:
    found = story(reader, of, id, after=after, limit=SCENES_SHOWN)
    name = id
    match of:
        case "case":
            name = cases.references(reader, [UUID(id)])[UUID(id)]
        case "pool":
            name = pools.pool(reader, UUID(id)).name
        case "booking":
            name = id[:8]
        case "worker":
            pass
    return Told(found, name, found.scenes[0].line.pool if found.scenes else None, {of: id})


# ── Two instants


class ComparisonShown(Parameters, frozen=True):
    """A pool, and the two instants as people write them; without both there is only the form."""

    pool: UUID | None = None
    from_: str = msgspec.field(name="from", default="")
    to: str = ""
    after: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    wanted: ComparisonShown
    choice: Sequence[PoolView]
    pool: PoolView
    first: datetime | date | None
    second: datetime | date | None
    found: Comparison | None
    position: int


def compared(
    asking: Asking, wanted: ComparisonShown, first: datetime | date | None, second: datetime | date | None
) -> Compared | None:
    """What is known of the time until the first instant, then and at the second; ``None`` where there is no pool.

    Raises ``NotFound`` and ``Malformed``.
    """
    choice, head, found = choose(asking, wanted.pool), asking.reader.head(), None
    if choice is None:
        return None
    if first is not None and second is not None:
        found = compare(asking.reader, choice.pool.id, first, second, after=wanted.after, limit=CHANGES_SHOWN)
    return Compared(wanted, choice.pools, choice.pool, first, second, found, head.id if head else 0)
