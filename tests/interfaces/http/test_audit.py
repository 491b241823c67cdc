"""Checkpoints and proofs over HTTP: what they say, to whom, and what is not proved."""

import base64
from hashlib import sha256
from typing import Any

import pytest

from application.proof import merkle, notes
from interfaces.http.problems import MEDIA_TYPE
from tests.interfaces.http.office import Office


def checkpoint(office: Office, who: str = "auditor") -> notes.Checkpoint:
    """The checkpoint as it is now, which the key of the service has signed."""
    answer = office.get(who, "/audit/checkpoint")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    text, _ = notes.opened(answer.text, [office.service.checkpoint_keys.signer().verifier])
    stated = notes.read_checkpoint(text)
    assert stated.size == int(answer.headers["Position"])
    return stated


def proof(office: Office, kind: str, **parameters: Any) -> dict[str, Any]:
    answer = office.get("auditor", f"/audit/proofs/{kind}", **parameters)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def decoded(said: Any) -> Any:
    return [base64.b64decode(each) for each in said] if isinstance(said, list) else base64.b64decode(said)


def test_an_event_is_proved_against_a_checkpoint(office: Office) -> None:
    """given a checkpoint / when the log has grown / then an event is still proved in the log of that size."""
    office.given("open_pool", "open_case")
    stated = checkpoint(office)
    office.given("request_hours")
    said = proof(office, "inclusion", position=stated.size - 1, size=stated.size)
    leaf = sha256(b"\0" + decoded(said["leaf"])).digest()
    assert decoded(said["root"]) == stated.root
    assert merkle.includes(stated.root, stated.size, stated.size - 2, leaf, decoded(said["path"]))


def test_growth_is_proved_between_two_checkpoints(office: Office) -> None:
    """given checkpoints from before and after a write / then the proof links them, whoever asked for them."""
    office.given("open_pool")
    before = checkpoint(office, "officer")
    assert checkpoint(office, "admin") == before
    office.given("open_case")
    after = checkpoint(office)
    said = proof(office, "consistency", **{"from": before.size})
    assert merkle.extends(before.root, before.size, after.root, after.size, decoded(said["path"]))
    assert (decoded(said["from_root"]), decoded(said["to_root"]), said["to"]) == (before.root, after.root, after.size)


@pytest.mark.parametrize(
    ("path", "parameters", "place"),
    [
        ("inclusion", {}, "position"),
        ("inclusion", {"position": 0}, "position"),
        ("inclusion", {"position": "x"}, "position"),
        ("inclusion", {"position": 10**9}, "position"),
        ("inclusion", {"position": 2, "size": 1}, "position"),
        ("inclusion", {"position": 1, "size": 10**9}, "size"),
        ("inclusion", {"position": 1, "size": 2**63}, "size"),
        ("inclusion", {"position": 1, "to": 1}, "Anfrage"),
        ("consistency", {}, "from"),
        ("consistency", {"from": 0}, "from"),
        ("consistency", {"from": 2, "to": 1}, "from"),
        ("consistency", {"from": 1, "to": 10**9}, "to"),
        ("consistency", {"from_": 1}, "Anfrage"),
        ("consistency", {"from": 1, "to": "null"}, "to"),
    ],
)
def test_what_cannot_be_proved_is_refused_with_its_place(office: Office, path: str, parameters: dict[str, Any], place: str) -> None:
    """given positions and sizes that the log does not have, or words that nobody knows / then the answer is 422, and says which."""
    office.given("open_pool")
    answer = office.get("auditor", f"/audit/proofs/{path}", **parameters)
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, MEDIA_TYPE)
    assert [error["place"] for error in answer.json()["errors"]] == [place]


@pytest.mark.parametrize("who", ["worker", "lead", "planner"])
def test_nobody_else_is_told(office: Office, who: str) -> None:
    """given people who do not audit / then they get nothing, and the administrator no event."""
    for path in ("checkpoint", "proofs/inclusion?position=1", "proofs/consistency?from=1"):
        assert office.get(who, f"/audit/{path}").status_code == 403
    assert office.get("admin", "/audit/proofs/inclusion", position=1).status_code == 403
