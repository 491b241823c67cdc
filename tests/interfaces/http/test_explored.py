"""Whatever the published description allows, and much that it does not: no 5xx, no breach of it, nothing in the log without a 2xx.

All checks of Schemathesis are on. Each role explores alone; together, they reach what only several people do, such as a session on
approved hours. `make chaos` has them try everything, also what they may not.
"""

from collections import Counter
from collections.abc import Iterator
from typing import get_args

import pytest

from domain.quantities import Role
from tests.conftest import STORE_KINDS, new_url
from tests.interfaces.http.explored import PHASES, Explored, Served, served

ROLES = get_args(Role)
TOGETHER = ("worker", "officer", "lead", "auditor", "planner", "admin")
CALLS_MIN = 20_000
GROWTH_BYTES_MAX = 32 * 1024 * 1024


@pytest.fixture(scope="module", params=STORE_KINDS)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A small office on each kind of store, served by a process of its own."""
    folder = tmp_path_factory.mktemp("served")
    url = new_url(request, request.param, folder / "store.db")
    with served(url, folder) as running:
        yield running


def without_fault(explored: Explored) -> int:
    """How many calls were made."""
    assert not explored.faults, "\n\n".join(explored.faults[:10])
    return sum(explored.calls.values())


@pytest.mark.parametrize("role", ROLES)
def test_each_role_explores_what_it_may(service: Served, role: str) -> None:
    """Examples, random calls and chains of calls."""
    explored = service.explore([role], ("examples", "fuzzing", "stateful"), examples=2, allowed_only=True)
    assert without_fault(explored) > 20
    assert any(status < 300 for _, status in explored.calls)


def test_together_they_reach_what_only_several_can(service: Served) -> None:
    """Each operation by one who may call it."""
    explored = service.explore(TOGETHER, ("examples", "fuzzing", "stateful"), examples=2)
    assert without_fault(explored) > 100
    assert {("POST", 200), ("POST", 201), ("POST", 409), ("GET", 200)} <= explored.calls.keys()


def test_they_try_the_limits_of_values(service: Served) -> None:
    """The boundaries of a schema, and beyond: of a sixth of the operations on each store, another one on each."""
    first = 0 if service.office.service.settings.database_url.startswith("sqlite") else 3
    explored = service.explore(TOGETHER, ("coverage",), examples=1, operations=slice(first, None, 6))
    assert without_fault(explored) > 100


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_many_calls_leave_memory_flat(service: Served) -> None:
    """At least 20,000 calls, in which every role tries everything."""
    calls = without_fault(service.explore(TOGETHER, PHASES, examples=10))  # fills what is kept for good
    resident = service.resident_bytes()
    statuses: Counter[tuple[str, int]] = Counter()
    for role in ROLES:
        explored = service.explore([role], PHASES, examples=10)
        calls += without_fault(explored)
        statuses += explored.calls
    assert calls >= CALLS_MIN, statuses
    growth = service.resident_bytes() - resident
    print(f"{calls} calls, {growth} bytes more")
    assert growth < GROWTH_BYTES_MAX
