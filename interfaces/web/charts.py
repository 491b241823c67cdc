"""Where the parts of a chart stand. Across, everything is a share of the width, so that letters keep their size on every screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PLOT_HEIGHT = 200  # pixels, from the axis to the highest value
STEPS_MAX = 4  # lines of the grid above the axis
LABELS_MAX = 7  # as many names of months as a phone has room for

# What the budget is made of, from the axis upwards and from left to right.
KINDS = ("consumed", "reserved", "available")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar; ``start`` and ``size`` are percentages of the width."""

    kind: str
    start: str
    size: str


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a column, in pixels from the top of the plot."""

    kind: str
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its name below; ``spare`` names are left out on a small screen."""

    x: str
    width: str
    middle: str
    label: str
    year: str
    spare: bool
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the grid, in pixels from the top of the plot, and what it stands for in hours."""

    y: str
    hours: int


@dataclass(frozen=True, slots=True)
class Columns:
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


def bar(parts: Mapping[str, int], whole: int) -> tuple[Segment, ...]:
    """Parts of a whole side by side; what is not there, or less than nothing, takes no room."""
    segments, start = [], 0.0
    for kind in KINDS:
        size = 100 * max(parts.get(kind, 0), 0) / whole if whole > 0 else 0.0
        if size > 0:
            segments.append(Segment(kind, _percent(start), _percent(size)))
        start += size
    return tuple(segments)


def columns(stacks: Sequence[tuple[str, str, Mapping[str, int]]]) -> Columns:
    """Columns of minutes with the names and years below them."""
    highest = max((sum(max(minutes, 0) for minutes in parts.values()) for _, _, parts in stacks), default=0)
    step = _step(highest)
    top = step * max(1, -(-highest // step))
    room = 100 / max(len(stacks), 1)
    placed = [_column(place, room, stack, top, spare=len(stacks) > LABELS_MAX) for place, stack in enumerate(stacks)]
    lines = [Line(_pixels(PLOT_HEIGHT * (1 - value / top)), value // 60) for value in range(0, top + 1, step)]
    return Columns(tuple(placed), tuple(lines))


def _column(place: int, room: float, stack: tuple[str, str, Mapping[str, int]], top: int, *, spare: bool) -> Column:
    label, year, parts = stack
    blocks, height = [], 0.0
    for kind in KINDS:
        size = PLOT_HEIGHT * max(parts[kind], 0) / top
        height += size
        if size > 0:
            blocks.append(Block(kind, _pixels(PLOT_HEIGHT - height), _pixels(size)))
    x = place * room
    return Column(
        x=_percent(x + room * 0.2),
        width=_percent(room * 0.6),
        middle=_percent(x + room / 2),
        label=label,
        year=year,
        spare=spare and place % 2 == 1,
        blocks=tuple(blocks),
    )


def _step(highest: int) -> int:
    """Minutes between two lines: one, two or five times a power of ten, in hours."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            step = factor * power * 60
            if step * STEPS_MAX >= highest:
                return step
        power *= 10


def _percent(share: float) -> str:
    return f"{share:.3f}%"


def _pixels(length: float) -> str:
    return f"{length:.1f}"
