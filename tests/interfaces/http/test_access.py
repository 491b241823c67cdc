"""Tokens and the trail of access over HTTP."""

from uuid import uuid4

import pytest

from interfaces.http.examples import TOKEN
from interfaces.identity.tokens import Scope, create_token
from tests.interfaces.http.office import Office


@pytest.mark.parametrize(("scope", "statuses"), [("full", [200, 200, 422]), ("read", [200, 200, 403]), ("events", [200, 403, 403])])
def test_a_token_does_no_more_than_its_scope(office: Office, scope: Scope, statuses: list[int]) -> None:
    """Whatever its role may; the answer says which of both is in the way."""
    token = create_token(office.service.store, role="officer", subject="sb-7", scope=scope)
    headers = {"Authorization": f"Bearer {token}"}
    calls = [("GET", "/events"), ("GET", "/pools"), ("POST", "/pools")]
    answers = [office.call(None, method, path, headers=headers) for method, path in calls]
    assert [answer.status_code for answer in answers] == statuses
    assert {answer.json()["code"] for answer in answers if answer.status_code == 403} <= {"out_of_scope"}


def test_administrators_list_and_revoke_tokens(office: Office) -> None:
    """Nobody else does. What nobody has is not there."""
    office.given("list_tokens")
    id = office.ids[TOKEN]
    assert office.call("officer", "DELETE", f"/tokens/{id}", json={}).status_code == 403
    revoked = office.call("admin", "DELETE", f"/tokens/{id}", json={})
    assert revoked.json()["revoked_at"] is not None
    assert revoked.json() in office.get("admin", "/tokens").json()["items"]
    assert office.call("admin", "DELETE", f"/tokens/{uuid4()}", json={}).status_code == 404


def test_the_trail_of_access_is_read_page_by_page(office: Office) -> None:
    """The latest first, by auditors and administrators."""
    for number in range(3):
        create_token(office.service.store, role="officer", subject=f"sb-{number}", by="root")
    first = office.get("auditor", "/access-trail", limit=2).json()
    second = office.get("admin", "/access-trail", limit=2, after=first["next"]).json()
    assert [item["subject"] for item in first["items"] + second["items"]][:3] == ["sb-2", "sb-1", "sb-0"]
    assert first["items"][0]["by"] == "root"
    assert office.get("officer", "/access-trail").status_code == 403
