"""The evaluation over HTTP: what it says, to whom, and that the table says the same as the JSON."""

import csv
import io
import re
from typing import Any

import pytest

from application.projections.figures import FIGURES
from interfaces.http.examples import CASE
from tests.interfaces.http.office import Office
from tests.interfaces.http.test_refusals import LOGGED


def figures(office: Office) -> dict[str, Any]:
    answer = office.get("planner", "/reports/evaluation", pool=office.pool)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["Position"]) == answer.json()["position"]
    return {each["figure"]: each for each in answer.json()["figures"]}


def lines(office: Office) -> list[dict[str, str]]:
    answer = office.get("planner", "/reports/evaluation.csv", pool=office.pool)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Position"]
    assert answer.text.splitlines(keepends=True)[0] == "figure,label,group_by,group,value,unit\r\n"
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def test_every_figure_comes_with_its_definition(office: Office) -> None:
    """In the order in which it is to be read, and as it stands right after the write."""
    office.given(*LOGGED)
    found = figures(office)
    assert list(found) == [figure.id for figure in FIGURES]
    assert (found["requests"]["value"], found["sessions"]["value"]) == (1, 1)
    assert found["consumed_minutes"]["groups"]["district"] == [
        {"group": "stadtraum-01", "value": found["consumed_minutes"]["value"]}
    ]
    assert found["waiting_median"]["value"] is None
    for figure in found.values():
        assert figure["definition"].endswith(".")
        assert figure["events"]


def test_the_table_says_what_the_json_says(office: Office) -> None:
    """Line by line, in the same order; what is null is empty."""
    office.given(*LOGGED)
    said = []
    for figure in figures(office).values():
        said.append((figure["figure"], figure["label"], "", "", figure["value"], figure["unit"]))
        for by, groups in figure["groups"].items():
            said += [(figure["figure"], figure["label"], by, each["group"], each["value"], figure["unit"]) for each in groups]
    assert [tuple(line.values()) for line in lines(office)] == [
        tuple("" if cell is None else str(cell) for cell in line) for line in said
    ]


@pytest.mark.parametrize("district", ["=1+1", "+49", "-5", "@SUM(A1)", 'Altstadt, "Süd"'])
def test_a_table_holds_no_formulas(office: Office, district: str) -> None:
    """A district is a free text of the provider's: a spreadsheet shall neither calculate it nor break on it."""
    case = {"pool": office.given("open_pool").pool, "district": district, "service_area": "11", "concern": "other"}
    office.ids[CASE] = office.when("lead", "/cases", case).answers(201)["id"]
    [shown] = [line["group"] for line in lines(office) if line["figure"] == "cases_open" and line["group_by"] == "district"]
    assert shown == (district if district[0] == "A" else f"'{district}")
    assert [each["group"] for each in figures(office)["cases_open"]["groups"]["district"]] == [district]


def test_no_figure_is_about_one_person_by_name(office: Office) -> None:
    """Neither ids nor references nor people stand in an evaluation, but for the id of its pool."""
    office.given(*LOGGED)
    for path in ("/reports/evaluation", "/reports/evaluation.csv"):
        text = office.get("planner", path, pool=office.pool).text
        ids = set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", text))
        assert ids <= {office.pool}
        assert not any(person in text for person in ("Kim", "kraft-1", "leitung-1", "sb-1", "F-2024-017"))


@pytest.mark.parametrize("path", ["/reports/evaluation", "/reports/evaluation.csv"])
def test_an_evaluation_is_of_one_pool_that_exists(office: Office, path: str) -> None:
    """Without a pool it is malformed, of a missing one not found, of two malformed; providers do not see it."""
    pool = office.given("open_pool").pool
    assert office.get("officer", path).json()["errors"][0]["place"] == "pool"
    assert office.get("officer", path, pool="x").status_code == 422
    assert office.get("officer", path, pool=pool.replace(pool[0], "0" if pool[0] != "0" else "1")).status_code == 404
    assert office.get("officer", path, pool=pool, by="month").status_code == 422
    assert office.call("officer", "GET", f"{path}?pool={pool}&pool={pool}").status_code == 422
    for who, status in (("officer", 200), ("planner", 200), ("auditor", 200), ("lead", 403), ("worker", 403), ("admin", 403)):
        assert office.get(who, path, pool=pool).status_code == status
