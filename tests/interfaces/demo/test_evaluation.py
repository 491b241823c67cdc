"""The evaluation of the demonstration."""

from pathlib import Path

from application.projections.pools import list_pools
from tests.application.test_evaluation_of_imports import evaluated
from tests.interfaces.demo.test_story import told


def test_the_figures_tell_the_story(store_url: str, tmp_path: Path) -> None:
    """As an independent recount of its raw log says: demand, decisions, waiting, use and outcomes, in every month and district."""
    with told(store_url, tmp_path) as store:
        with store.reading() as reader:
            [pool], _ = list_pools(reader, limit=2)
        figures = {each.figure: each for each in evaluated(store, pool.id).figures}

    assert [name for name, figure in figures.items() if not figure.value] == []
    assert figures["requests"].groups["month"][0].group == "2021-11"
    assert len(figures["requests"].groups["district"]) > 1
