"""What the page of the evaluation shows: the figures of the API, section by section; on request told apart by one grouping."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from uuid import UUID

from application.projections.evaluation import evaluation
from application.projections.figures import SECTIONS
from application.projections.trail_lines import CONCERNS
from application.views import FigureGroup, FigureView, GroupBy, GroupingView, PoolView
from interfaces.http.operations import Asking
from interfaces.http.parameters import Parameters
from interfaces.web.choice import choose
from interfaces.web.formats import month

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class EvaluationShown(Parameters, frozen=True):
    """A pool, and what its figures are told apart by."""

    pool: UUID | None = None
    by: GroupBy | None = None
    known_at: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A figure, and what it comes to in each group in which something counts."""

    figure: FigureView
    groups: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class EvaluationPage:
    """``groups`` are those of the grouping that is shown; without one there are none."""

    choice: Sequence[PoolView]
    pool: PoolView
    known_at: datetime | date | None
    groupings: Sequence[GroupingView]
    shown: GroupingView | None
    groups: Sequence[str]
    sections: Sequence[Section]
    position: int


def evaluation_page(asking: Asking, wanted: EvaluationShown, known_at: datetime | date | None) -> EvaluationPage | None:
    """``None`` where there is no pool. Raises ``NotFound``."""
    choice = choose(asking, wanted.pool)
    if choice is None:
        return None
    found = evaluation(asking.reader, choice.pool.id)
    rows = [Row(figure, {group.group: group.value for group in _groups(figure, wanted.by)}) for figure in found.figures]
    return EvaluationPage(
        choice=choice.pools,
        pool=choice.pool,
        known_at=known_at,
        groupings=found.groupings,
        shown=next((each for each in found.groupings if each.by == wanted.by), None),
        groups=sorted({group for row in rows for group in row.groups}),
        sections=[Section(SECTIONS[of], list(some)) for of, some in groupby(rows, key=lambda row: row.figure.section)],
        position=found.position,
    )


def _groups(figure: FigureView, by: GroupBy | None) -> Sequence[FigureGroup]:
    return figure.groups.get(by, ()) if by is not None else ()


def group_name(by: str, key: str) -> str:
    """A group as people call it; of what is none, since anybody may ask for it, the key."""
    match by:
        case "month" if _MONTH.fullmatch(key):
            return month(key)
        case "concern":
            return CONCERNS.get(key, key)
        case "service_area":
            return f"§ {key}"
        case _:
            return key
