"""Where the parts of a chart stand."""

from itertools import pairwise

import pytest

from interfaces.web.charts import PLOT_HEIGHT, Column, bar, columns

PARTS = {"consumed": 15 * 60, "reserved": 5 * 60, "available": 20 * 60}


def place(percent: str) -> float:
    return float(percent.removesuffix("%"))


def test_a_bar_is_as_long_as_its_whole() -> None:
    """Consumed, reserved, available, one after the other."""
    segments = bar(PARTS, 40 * 60)
    assert [(each.kind, place(each.start), place(each.size)) for each in segments] == [
        ("consumed", 0, 37.5),
        ("reserved", 37.5, 12.5),
        ("available", 50, 50),
    ]


@pytest.mark.parametrize("whole", [0, -60])
def test_of_nothing_there_are_no_parts(whole: int) -> None:
    """A budget may be cut to nothing."""
    assert bar(PARTS, whole) == ()


def test_what_is_less_than_nothing_takes_no_room() -> None:
    """Reserved is negative where sessions come before their approval."""
    assert [each.kind for each in bar({"consumed": 60, "reserved": -30}, 120)] == ["consumed"]
    [column] = columns([("Nov", "2021", {"consumed": 60, "reserved": -30, "available": 0})]).columns
    assert [block.kind for block in column.blocks] == ["consumed"]


@pytest.mark.parametrize(
    ("highest", "lines"),
    [
        (0, [0, 1]),
        (60, [0, 1]),
        (40 * 60, [0, 10, 20, 30, 40]),
        (900 * 60, [0, 500, 1000]),
        (1140 * 60, [0, 500, 1000, 1500]),
        (10**9, [0, 5_000_000, 10_000_000, 15_000_000, 20_000_000]),
    ],
)
def test_the_grid_has_round_lines(highest: int, lines: list[int]) -> None:
    """At most five, and the highest column fits below the last."""
    chart = columns([("Nov", "2021", {"consumed": highest, "reserved": 0, "available": 0})])
    assert [line.hours for line in chart.lines] == lines
    assert all(float(block.y) >= 0 for column in chart.columns for block in column.blocks)


def test_a_column_stands_on_the_axis_and_has_no_gaps() -> None:
    """From the bottom: consumed, reserved, available."""
    [column] = columns([("Nov", "2021", PARTS)]).columns
    assert [block.kind for block in column.blocks] == ["consumed", "reserved", "available"]
    below = float(PLOT_HEIGHT)
    for block in column.blocks:
        assert float(block.y) + float(block.height) == pytest.approx(below)
        below = float(block.y)
    assert below == 0


def test_columns_share_the_width() -> None:
    """Side by side; of many, every second name is left out on a small screen."""

    def of(count: int) -> tuple[Column, ...]:
        return columns([("Nov", "2021", PARTS)] * count).columns

    for count in (1, 7, 12):
        ends = [(place(each.x), place(each.x) + place(each.width)) for each in of(count)]
        assert all(end < start for (_, end), (start, _) in pairwise(ends))
        assert ends[0][0] > 0
        assert ends[-1][1] < 100
    assert not any(each.spare for each in of(7))
    assert [each.spare for each in of(12)] == [False, True] * 6


def test_without_a_column_there_is_an_axis() -> None:
    """A pool that has not begun."""
    assert columns([]).columns == ()
