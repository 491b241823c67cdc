"""The pages of a story, and of two instants compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import msgspec

from application.compare import Comparison, Manner, compare
from application.projections import cases, pools
from application.story import Story, story
from application.views import PoolView
from interfaces.http.operations import Asking
from interfaces.http.parameters import Cursor, Parameters, StoryOf

SCENES_SHOWN = 100
CHANGES_SHOWN = 100
MANNERS: Mapping[Manner, str] = {"late": "nachgetragen", "corrected": "korrigiert", "reversed": "storniert"}


@dataclass(frozen=True, slots=True)
class StoryShown:
    """A story from some place on; ``name`` is how people call what it is of, and its pool the one to go back to."""

    story: Story
    name: str
    pool: UUID | None
    query: Mapping[str, str]
    position: int


def story_of(asking: Asking, wanted: StoryOf) -> StoryShown:
    """A page of it, texts left sealed. Raises ``NotFound`` and ``Malformed``."""
    of, id = wanted.hero()
    found = story(asking.reader, of, id, after=wanted.after, limit=SCENES_SHOWN)
    head = asking.reader.head()
    name = id
    match of:
        case "case":
            name = cases.references(asking.reader, [UUID(id)])[UUID(id)]
        case "pool":
            name = pools.pool(asking.reader, UUID(id)).name
        case "booking":
            name = id[:8]
        case "worker":
            pass
    return StoryShown(found, name, found.scenes[0].line.pool if found.scenes else None, {of: id}, head.id if head else 0)


class ComparisonShown(Parameters, frozen=True):
    """A pool, and the two instants as people write them; without both there is only the form."""

    pool: UUID
    from_: str = msgspec.field(name="from", default="")
    to: str = ""
    after: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    wanted: ComparisonShown
    pool: PoolView
    first: datetime | date | None
    second: datetime | date | None
    found: Comparison | None
    position: int


def compared(asking: Asking, wanted: ComparisonShown, first: datetime | date | None, second: datetime | date | None) -> Compared:
    """What is known of the time until the first instant, then and at the second. Raises ``NotFound`` and ``Malformed``."""
    pool, head, found = pools.pool(asking.reader, wanted.pool), asking.reader.head(), None
    if first is not None and second is not None:
        found = compare(asking.reader, wanted.pool, first, second, after=wanted.after, limit=CHANGES_SHOWN)
    return Compared(wanted, pool, first, second, found, head.id if head else 0)
