"""The queue in front of the turns: whose command is next, and who is turned away."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application import arrivals
from application.arrivals import Arrivals, Overloaded
from application.receipts import Answer
from application.turn import Work
from domain.quantities import Actor


def work(number: int = 0) -> Work:
    return Work(Actor("fk-1", "worker", "traeger-a"), lambda turn: Answer("done", b"", number))


def arrived(*lanes: str) -> tuple[Arrivals, list[Work]]:
    """One command for each of these lanes, in this order."""
    queue, works = Arrivals(), [work(number) for number in range(len(lanes))]
    for each, lane in zip(works, lanes, strict=True):
        queue.put(each, lane)
    return queue, works


def taken(queue: Arrivals, works: list[Work], most: int = 1_000) -> list[int]:
    return [works.index(each) for each in queue.further(most)]


def test_pools_are_served_in_rotation() -> None:
    """A pool with many commands does not keep another one waiting; each keeps its own order."""
    queue, works = arrived("a", "a", "a", "a", "b", "b", "c")

    assert taken(queue, works) == [0, 4, 6, 1, 5, 2, 3]


def test_a_turn_that_took_a_part_leaves_the_rotation_where_it_stood() -> None:
    """Who was served last goes behind the others in the next turn as well."""
    queue, works = arrived("a", "a", "b", "b")

    assert taken(queue, works, 1) == [0]
    assert taken(queue, works) == [2, 1, 3]


def test_where_too_many_wait_the_longest_lane_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its latest command is turned away, not the newcomer of another pool; what was taken before is decided."""
    monkeypatch.setattr(arrivals, "WAITING_MAX", 3)

    queue, works = arrived("a", "a", "a", "b")

    assert isinstance(works[2].done.exception(), Overloaded)
    assert taken(queue, works) == [0, 3, 1]


def test_whoever_fills_the_queue_is_turned_away_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    """And gets in again as soon as there is room."""
    monkeypatch.setattr(arrivals, "WAITING_MAX", 2)
    queue, works = arrived("a", "a", "a")

    assert isinstance(works[2].done.exception(), Overloaded)
    assert taken(queue, works) == [0, 1]
    queue.put(later := work(), "a")
    assert queue.further(1) == [later]


def test_who_does_not_wait_any_longer_is_not_decided() -> None:
    """Neither as the first of a turn nor as one of the others."""
    queue, works = arrived("a", "b", "a", "b")
    works[0].done.cancel()
    works[2].done.cancel()

    assert queue.first() is works[1]
    assert taken(queue, works) == [3]


def test_waiting_ends_with_a_command_or_with_the_queue() -> None:
    """What waits when it is closed is still given out; after that there is nothing, and nothing comes in."""
    queue = Arrivals()
    with ThreadPoolExecutor(1) as engine:
        waiting = engine.submit(queue.first)
        queue.put(first := work(), "a")
        assert waiting.result(20) is first
        queue.put(second := work(), "a")
        queue.close()
        assert engine.submit(queue.first).result(20) is second
        assert engine.submit(queue.first).result(20) is None
    with pytest.raises(RuntimeError):
        queue.put(work(), "a")


@given(st.lists(st.sampled_from("abc"), max_size=60), st.integers(1, 12), st.integers(1, 7))
def test_every_command_is_given_out_once_or_turned_away(lanes: list[str], bound: int, most: int) -> None:
    """In the order of its lane, never more than may wait, and nobody is turned away while another lane is longer."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(arrivals, "WAITING_MAX", bound)
        queue, works = arrived(*lanes)
    given_out = []
    while some := taken(queue, works, most):
        assert len(some) <= most
        given_out += some
    turned_away = [number for number, each in enumerate(works) if each.done.done()]

    assert sorted([*given_out, *turned_away]) == list(range(len(lanes)))
    assert len(given_out) == min(len(lanes), bound)
    of_lane = defaultdict(list)
    for number in given_out:
        of_lane[lanes[number]].append(number)
    assert all(numbers == sorted(numbers) for numbers in of_lane.values())
    shortest_refused = min((len(of_lane[lanes[number]]) for number in turned_away), default=bound)
    assert shortest_refused + 1 >= max(map(len, of_lane.values()), default=0)
