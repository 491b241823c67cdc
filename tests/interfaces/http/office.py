"""A running service with its HTTP application, and people who call it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from interfaces.http.app import OPERATIONS, create_app
from interfaces.http.examples import BOOKING, CASE, FINDING, PATH_IDS, POOL, SESSION, TOKEN, WEBHOOK
from interfaces.http.operations import PREFIX, Change, Command, Operation, Query
from interfaces.identity.tokens import create_token, hashed
from interfaces.service import Service, open_service
from interfaces.settings import Settings
from interfaces.storage import open_store
from tests.schema import make_schema

PEOPLE = {
    "worker": ("worker", "kraft-1", "traeger-a"),
    "lead": ("lead", "leitung-1", "traeger-a"),
    "other_lead": ("lead", "leitung-2", "traeger-b"),
    "officer": ("officer", "sb-1", None),
    "second_officer": ("officer", "sb-2", None),
    "requesting_officer": ("officer", "leitung-1", None),
    "planner": ("planner", "plan-1", None),
    "auditor": ("auditor", "rpa-1", None),
    "admin": ("admin", "admin-1", None),
}
BY_NAME: Mapping[str, Operation] = {operation.name: operation for operation in OPERATIONS}
_EXAMPLE_IDS = {
    "open_pool": POOL,
    "open_case": CASE,
    "request_hours": BOOKING,
    "log_session": SESSION,
    "register_webhook": WEBHOOK,
    "raise_finding": FINDING,
}


class Office:
    """Calls the application as one of ``PEOPLE``; keeps the ids that its last creations were given."""

    def __init__(self, service: Service, portal: BlockingPortal, tokens: Mapping[str, str]) -> None:
        self.service = service
        self.portal = portal
        self.app = create_app(service)
        self.serve_with(self.app)
        self.tokens = tokens
        self.ids: dict[str, str] = {}  # by the id of the example
        self.keys = ""  # what all idempotency keys of a test begin with

    def serve_with(self, app: Any) -> None:
        """From here on this is called, which may stand before the application."""
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://office")

    def request(self, method: str, url: str, **sent: Any) -> httpx.Response:
        """Any request at all."""
        return self.portal.call(partial(self._client.request, method, url, **sent))

    def call(self, who: str | None, method: str, path: str, **sent: Any) -> httpx.Response:
        headers = dict(sent.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        return self.request(method, f"{PREFIX}{path}", headers=headers, **sent)

    def get(self, who: str | None, path: str, **parameters: Any) -> httpx.Response:
        return self.call(who, "GET", path, params=parameters)

    def post(self, who: str | None, path: str, body: Any = None, key: str | None = None, **headers: str) -> httpx.Response:
        if key is not None:
            headers["Idempotency-Key"] = self.keys + key
        return self.call(who, "POST", path, json=body or {}, headers=headers)

    def example(self, name: str) -> httpx.Response:
        """Does what the example of an operation does, on what the last examples made."""
        operation = BY_NAME[name]
        who = next(person for person, (role, _, _) in PEOPLE.items() if role in operation.policy)
        path = self.real(operation.path.format_map(PATH_IDS))
        body = self.real(dict(operation.example)) if isinstance(operation, Command | Change) else None
        parameters = self.real(dict(operation.example)) if isinstance(operation, Query) else {}
        answer = self.call(who, operation.method, path, json=body) if body is not None else self.get(who, path, **parameters)
        if name in _EXAMPLE_IDS:
            assert answer.status_code == 201, answer.text
            self.ids[_EXAMPLE_IDS[name]] = answer.json()["id"]
        if name == "list_findings":
            self.ids[FINDING] = answer.json()["items"][0]["id"]
        if name == "list_tokens":  # one that nobody uses
            spare = create_token(self.service.store, role="planner", subject="plan-2")
            self.ids[TOKEN] = str(UUID(bytes=hashed(spare)[:16]))
        return answer

    def given(self, *names: str) -> "Office":
        """Fresh things, as these examples make them."""
        for name in names:
            answer = self.example(name)
            registered = answer.status_code == 409 and answer.json()["code"] == "duplicate_id"  # once for all tests
            assert answer.status_code in (200, 201, 202) or registered, (name, answer.text)
        return self

    def given_pool(self, rules: Mapping[str, Any] | None = None, **facts: Any) -> "Office":
        """A fresh pool like that of the example, but for these facts and rules, and a case in it."""
        body = {**cast(Command, BY_NAME["open_pool"]).example, **facts}
        body["rules"] = {**body["rules"], **(rules or {})}
        answer = self.post("officer", "/pools", body)
        assert answer.status_code == 201, answer.text
        self.ids[POOL] = answer.json()["id"]
        return self.given("open_case")

    def when(self, who: str | None, path: str, body: Any = None, key: str | None = None, **headers: str) -> "Then":
        """Posts; ``{pool}``, ``{case}``, ``{booking}`` and ``{session}`` in the path are the ones at hand."""
        path = self.real(path.format_map(PATH_IDS))
        return Then(self.post(who, path, self.real(body), key, **headers))

    def real(self, value: Any) -> Any:
        """A value of an example with the ids that were really given."""
        if isinstance(value, dict):
            return {name: self.real(part) for name, part in value.items()}
        if isinstance(value, str):
            for made_up, real in self.ids.items():
                value = value.replace(made_up, real)
        return value

    @property
    def pool(self) -> str:
        return self.ids[POOL]

    @property
    def case(self) -> str:
        return self.ids[CASE]

    @property
    def booking(self) -> str:
        return self.ids[BOOKING]

    @property
    def session(self) -> str:
        return self.ids[SESSION]


class Then:
    """What an answer must be."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer

    def answers(self, status: int, **shown: Any) -> Any:
        """An answer of this status in which these fields stand; returns its body."""
        assert self.answer.status_code == status, self.answer.text
        body = self.answer.json()
        assert {name: body[name] for name in shown} == shown
        return body

    def refuses(self, code: str, status: int = 409) -> Any:
        """A problem of this code and status, complete; returns it."""
        assert self.answer.status_code == status, self.answer.text
        assert self.answer.headers["Content-Type"] == "application/problem+json"
        problem = self.answer.json()
        assert problem["code"] == code, problem
        assert problem["status"] == status
        assert problem["type"].endswith(code)
        assert problem["title"]
        assert problem["detail"]
        return problem


@contextmanager
def running_office(url: str, folder: Path, **chosen: Any) -> Iterator[Office]:
    """A service on this store, which is set up where it is new, with these other settings; tokens are made anew."""
    settings = Settings(**{"database_url": url, "keystore": str(folder / "keys"), **chosen})
    make_schema(url)
    store = open_store(url, create=False)
    tokens = {
        person: create_token(store, role=role, subject=subject, provider=provider)
        for person, (role, subject, provider) in PEOPLE.items()
    }
    store.close()
    with ExitStack() as stack:
        service = stack.enter_context(open_service(settings))
        portal = stack.enter_context(start_blocking_portal())
        office = Office(service, portal, tokens)
        stack.enter_context(portal.wrap_async_context_manager(office.app.state.following.running()))
        yield office
