"""The benchmarks run, so that they cannot rot: with next to nothing to do, and without a look at how long it took."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import large, report
from benchmarks.audience import Follower
from benchmarks.measuring import Figure, Measured, measured_in_turn, percentile
from benchmarks.places import KINDS, Places
from benchmarks.sizes import SMOKE
from tests.postgres import Cluster


@pytest.fixture
def places(postgres: Cluster, tmp_path: Path) -> Places:
    return Places(tmp_path, postgres)


@pytest.mark.parametrize("name", benchmarks.NAMES)
def test_every_benchmark_measures_all_sides_on_both_stores(name: str, places: Places) -> None:
    """Something was done on each side in each round."""
    figures = list(benchmarks.run(places, SMOKE, (name,)))
    assert {figure.store for figure in figures} == set(KINDS)
    for figure in figures:
        assert min(figure.values) > 0, figure
    assert report.table(figures).count("\n") > len(KINDS)


def test_the_large_logs_are_measured_on_both_stores(places: Places) -> None:
    """With next to nothing in them."""
    figures, failed = measured_in_turn(large.parts(places, SMOKE, 300, told_events=150, open_cases=3))
    assert not failed
    assert {figure.store for figure in figures} == set(KINDS)
    assert min(value for figure in figures for value in figure.values) > 0
    assert "300 events" in report.table(figures)
    marks = [*report.growth_marks(SMOKE), *report.large_marks(SMOKE, 300)]
    assert [outcome.mark for outcome in report.outcomes(figures, marks)] == marks


@pytest.mark.parametrize(
    ("pieces", "wrong"),
    [
        (["5 6", "7", "8 9"], 0),
        (["5 6", "8"], 1),  # one is missing between two pieces,
        (["5 7 8"], 1),  # and within one
        (["5 6", "6 7"], 1),  # one is doubled
        (["5", "7", "6", "8"], 3),  # two are out of order
    ],
)
def test_who_follows_counts_what_is_out_of_place(pieces: list[str], wrong: int) -> None:
    """Wherever the network cuts the stream."""

    async def followed(cut: int) -> tuple[int, int]:
        follower = Follower("token", sampled=True)
        for piece in pieces:
            told = b"".join(
                b'id: %s\nevent: session-logged\ndata: {"time":"2022-01-03T09:00:00.000000Z"}\n\n' % number
                for number in piece.encode().split()
            )
            follower.data_received(told[:cut])
            follower.data_received(told[cut:])
        assert len(follower.lags) == follower.events
        return follower.events, follower.wrong

    for cut in (0, 3, 40):
        assert asyncio.run(followed(cut)) == (sum(len(piece.split()) for piece in pieces), wrong)


def test_what_fails_is_named_and_costs_no_other_its_figures() -> None:
    """Twenty minutes are not lost to the last of them; what it had measured before it failed is not kept."""
    good = Figure("b", "s", "c", "ours", "/s", (Measured(1),))

    def failing() -> Iterator[Figure]:
        yield replace(good, benchmark="half")
        raise ValueError("as a benchmark may")

    assert measured_in_turn([("first", iter([good])), ("second", failing()), ("third", iter([good]))]) == ([good, good], ["second"])


def test_a_ratio_compares_neighbours() -> None:
    """Each round is compared with the same round of the other side; more is better a second, less is better in milliseconds."""
    fast = Figure("b", "s", "c", "ours", "/s", (Measured(10), Measured(30), Measured(40)))
    slow = Figure("b", "s", "c", "stock", "/s", (Measured(5), Measured(10), Measured(10)))
    assert fast.times_better_than(slow) == (3.0, 2.0, 4.0)
    assert fast.spread == (10.0, 40.0)
    short = Figure("b", "s", "c", "ours", "ms", (Measured(2),))
    assert short.times_better_than(Figure("b", "s", "c", "stock", "ms", (Measured(8),))) == (4.0, 4.0, 4.0)


def test_a_percentile_is_the_value_that_so_many_do_not_exceed() -> None:
    """The median of an even number is the lower one of both in the middle."""
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 50) == 50
    assert percentile(values, 99) == 99
    assert percentile([7.0], 99) == 7


def test_marks_name_benchmarks_that_there_are() -> None:
    """Each mark finds what it compares, in its store; ten times another side is enough for some of them."""
    figures = [
        Figure(mark.benchmark, mark.store, mark.case, side, "/s", (Measured(value, value, 20.0),))
        for mark in report.marks(SMOKE)
        for side, value in (("ours", 10.0), (mark.beside, 1.0))
        if side
    ]
    reached = report.outcomes(figures, report.marks(SMOKE))
    assert [outcome.mark for outcome in reached] == report.marks(SMOKE)
    for outcome in reached:
        mark = outcome.mark
        if mark.beside:
            assert (outcome.reached, outcome.met) == (10, mark.wanted <= 10)
        else:
            assert outcome.reached == (20 if mark.of_p99 else 10)
            assert outcome.met == (mark.wanted >= outcome.reached)
    assert report.marks_table(reached).count(" yes ") == sum(outcome.met for outcome in reached)
