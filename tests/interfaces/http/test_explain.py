"""Explanations over HTTP: who may see them, page by page, with proofs against a checkpoint."""

import base64
from hashlib import sha256
from typing import Any

import pytest

from application.proof import merkle
from tests.interfaces.http.office import Office
from tests.interfaces.http.test_audit import checkpoint
from tests.interfaces.http.test_refusals import LOGGED


def explained(office: Office, figure: str, **parameters: Any) -> dict[str, Any]:
    answer = office.get("auditor", "/audit/explain", figure=figure, **parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_figure_is_proven_against_a_checkpoint(office: Office) -> None:
    """given a checkpoint / when what is available is explained / then each event behind it is proven in that log."""
    office.given(*LOGGED)
    stated = checkpoint(office)
    found = explained(office, f"pool/{office.pool}/available")
    balance = office.get("auditor", f"/pools/{office.pool}/balance").json()
    assert found["value"] == balance["available"] == sum(part["amount"] for part in found["parts"])
    assert (found["size"], base64.b64decode(found["root"])) == (stated.size, stated.root)
    for proof in found["proofs"]:
        leaf, path = base64.b64decode(proof["leaf"]), [base64.b64decode(each) for each in proof["path"]]
        assert merkle.includes(stated.root, stated.size, proof["position"] - 1, sha256(b"\0" + leaf).digest(), path)


def test_parts_come_in_pages(office: Office) -> None:
    """given several requests / when they are asked for one by one / then the pages give what one page gives."""
    office.given(*LOGGED, "request_hours", "request_hours")
    figure = f"evaluation/{office.pool}/requested_minutes"
    whole = explained(office, figure)
    parts, after = [], None
    while True:
        page = explained(office, figure, limit=1, **({"after": after} if after else {}))
        assert len(page["parts"]) == 1
        parts += page["parts"]
        after = page["next"]
        if after is None:
            break
    assert parts == whole["parts"]
    assert sum(part["amount"] for part in parts) == whole["value"]


def test_auditors_and_officers_ask_and_nobody_else(office: Office) -> None:
    """As elsewhere under /audit; a pool that is not there is not found."""
    office.given(*LOGGED)
    figure = f"pool/{office.pool}/budget"
    assert office.get("officer", "/audit/explain", figure=figure).json() == explained(office, figure)
    for person in ("worker", "lead", "planner", "admin"):
        assert office.get(person, "/audit/explain", figure=figure).status_code == 403
    assert office.get("auditor", "/audit/explain", figure=figure.replace(office.pool, office.case)).status_code == 404


@pytest.mark.parametrize(
    "parameters",
    [{"figure": "budget"}, {"figure": "pool/{pool}/hours"}, {"figure": "pool/{pool}/budget", "after": "x"}, {"figure": "x" * 1001}],
)
def test_what_cannot_be_meant_is_refused(office: Office, parameters: dict[str, str]) -> None:
    """With the place of what is wrong."""
    office.given_pool()
    asked = {name: value.replace("{pool}", office.pool) for name, value in parameters.items()}
    answer = office.get("auditor", "/audit/explain", **asked)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"] in parameters
