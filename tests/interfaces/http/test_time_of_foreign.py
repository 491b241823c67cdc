"""What is another provider's takes as long to refuse as what nobody made: measured, so not for every run."""

import random
import time
from statistics import median
from uuid import uuid4

import pytest

from tests.interfaces.http.office import Office
from tests.interfaces.http.test_matrix import MAY, Cell, asked, kind_of
from tests.interfaces.http.town import Thing, Town

SAMPLES = 400
SHARE_MAX = 0.05  # a held state once saved a command 6 % of its time on SQLite, and 20 % on PostgreSQL
ATTEMPTS = 4  # a difference shows each time, what else the machine does not

ROUTES = [route for route, roles in MAY.items() if set(roles) & set("WL") and kind_of(route) not in (None, "pool")]


@pytest.fixture(scope="module")
def town(shared_office: Office) -> Town:
    return Town(shared_office)


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_foreign_and_missing_take_the_same_time(town: Town, route: tuple[str, str]) -> None:
    """given samples that take turns / then the median of their differences is noise."""
    shares = []
    for _ in range(ATTEMPTS):
        shares.append(town.office.portal.call(share_of_difference, town, route))
        if abs(shares[-1]) <= SHARE_MAX:
            return
    pytest.fail(f"differences of {', '.join(f'{share:.1%}' for share in shares)}")


async def share_of_difference(town: Town, route: tuple[str, str]) -> float:
    """How much longer something foreign takes, in parts of what something missing takes."""
    kind = kind_of(route)
    assert kind is not None, "the routes are about something"
    role = "W" if "W" in MAY[route] else "L"
    foreign = next(thing for thing in town.of(kind) if thing.owner == "b" and thing.state in ("open", "approved", "requested"))
    differences, usual = [], []
    for _ in range(SAMPLES):
        missing = Thing(kind, None, "missing", {name: str(uuid4()) for name in foreign.ids})
        seconds = {}
        for thing in random.sample([foreign, missing], 2):
            began = time.perf_counter()
            reply = await asked(town, Cell(*route, role, thing, "not_found"))
            seconds[thing.state] = time.perf_counter() - began
            assert reply.status == 404
        differences.append(seconds[foreign.state] - seconds["missing"])
        usual.append(seconds["missing"])
    return median(differences) / median(usual)
