"""The evaluation of imported histories counts by their own times, whenever they were imported."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from application.log import Store
from application.projections.evaluation import evaluation
from application.rebuild import check
from application.views import Evaluation
from interfaces.spreadsheets import read_table
from tests.application.evaluation_recount import recount
from tests.application.test_imports import DATA, SHARED, municipal, pool_of_a_winter, take
from tests.office import Office, running_office


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    with running_office(store_url, tmp_path / "keys") as office:
        yield office


def evaluated(store: Store, pool: UUID) -> Evaluation:
    """The evaluation, once it is seen to be as recounted from the raw log, and live as rebuilt."""
    with store.reading() as reader:
        found = evaluation(reader, pool)
        recounted = recount([row.state for row in reader.notifications(0, 1_000_000)], str(pool))
    said = {(each.figure, "", ""): each.value for each in found.figures}
    for each in found.figures:
        said |= {(each.figure, by, group.group): group.value for by, groups in each.groups.items() for group in groups}
    assert recounted.items() <= said.items()
    assert not any(said[place] for place in said.keys() - recounted.keys())
    assert check(store, ["evaluation"], lambda done, total: None) == []
    return found


def test_the_files_of_the_documentation(office: Office) -> None:
    """Requests of November are demand of November."""
    pool = pool_of_a_winter(office)
    for kind in ("requests", "sessions"):
        take(office, pool, kind, read_table(DATA / f"{kind}.csv"))

    figures = {each.figure: each for each in evaluated(office.store, pool).figures}

    assert figures["requests"].groups["month"][0].group == "2021-11"
    assert figures["consumed_minutes"].groups["month"][0].group == "2021-11"
    assert len(figures["requests"].groups["service_area"]) > 1


@municipal
@pytest.mark.parametrize("budget", [900_000, 150_000])
def test_the_municipal_files(office: Office, budget: int) -> None:
    """717 requests and 3,291 sessions, with a budget that suffices and one that does not."""
    pool = office.open_pool("2010-10-01", "2012-01-31", budget, unit_minutes=5)
    for kind in ("requests", "sessions"):
        take(office, pool, kind, read_table(SHARED / f"municipal-{kind}.csv"))

    values = {each.figure: each.value for each in evaluated(office.store, pool).figures}

    decided = ("approved_in_full", "approved_in_part", "declined", "withdrawn", "undecided")
    assert values["requests"] == sum(values[figure] or 0 for figure in decided)
    assert values["to_decision_median"] is not None
    assert (values["waitlisted"], values["sessions_reversed"], values["cases_closed"]) == (0, 0, 0)
