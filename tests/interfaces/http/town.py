"""An office in which everything stands in every state, for two providers alike, and whose commands leave no trace.

What belongs to somebody carries a word of theirs, so that whoever reads it says so.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

import msgspec

from application.receipts import Answer
from application.turn import Abandoned, Turn, Work
from interfaces.http.operations import PREFIX
from interfaces.identity.people import actor_of
from interfaces.identity.tokens import create_token
from tests.interfaces.http.office import PEOPLE, Office

PROVIDERS = {"a": ("lead", "traeger-a"), "b": ("other_lead", "traeger-b")}
WORDS = {owner: f"kanari-{owner}" for owner in PROVIDERS}  # in every reference, offer, worker and text of a provider
DISTRICTS = {owner: f"bezirk-{owner}" for owner in PROVIDERS}
BOOKING_STATES = ("requested", "awaiting_second", "waitlisted", "approved", "declined", "withdrawn", "settled")
FINDING_STATES = ("open", "explained", "confirmed", "closed")
QUOTAS = {"traeger-a": 60_000, "traeger-b": 61_000}

SESSION_AT = "2024-03-05T14:30:00+01:00"
LATER = "2024-03-06T10:00:00+01:00"


@dataclass(frozen=True)
class Thing:
    """Something with the ids that a path or a body needs to name it; ``owner`` is ``None`` where it is everybody's."""

    kind: str
    owner: str | None
    state: str
    ids: Mapping[str, str] = field(default_factory=dict)


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """What a table of expected answers calls it: the code of a problem, else the status."""
        return str(msgspec.json.decode(self.body)["code"]) if self.status >= 400 and self.body else str(self.status)

    def told(self) -> "Reply":
        """The same without what is the request's alone."""
        return Reply(self.status, {name: value for name, value in self.headers.items() if name != "x-request-id"}, self.body)


class Undone(Abandoned):
    """Takes the answer out of a turn that leaves no trace."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Town:
    """Everything in every state. Settled once; afterwards nothing changes any more, whatever is asked for."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.things: list[Thing] = []
        self._settle()
        sessions = office.app.state.api.sessions
        self.cookies = {
            who: office.portal.call(partial(sessions.start, actor_of(*PEOPLE[who]), how="password")) for who in office.tokens
        }
        self._freeze()

    def of(self, kind: str) -> list[Thing]:
        return [thing for thing in self.things if thing.kind == kind]

    async def call(
        self,
        who: str | None,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        cookie: str | None = None,
    ) -> Reply:
        """A request, without a client in between; with a ``cookie`` of that name as a browser sends it that is signed in.

        A stream is left as soon as it has told something.
        """
        headers = [(b"content-type", b"application/json")] if body is not None else []
        if who is not None and cookie is not None:
            headers.append((b"cookie", f"{cookie}={self.cookies[who]}".encode()))
        elif who is not None:
            headers.append((b"authorization", f"Bearer {self.office.tokens[who]}".encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(query or {}).encode(),
            "root_path": "",
            "scheme": "http",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("office", 80),
        }
        enough = asyncio.Event()
        sent = [{"type": "http.request", "body": b"" if body is None else msgspec.json.encode(body), "more_body": False}]
        got: list[Any] = []

        async def receive() -> Any:
            if sent and not enough.is_set():
                return sent.pop()
            await enough.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            got.append(message)
            if message.get("body") or (message["type"] == "http.response.body" and not message.get("more_body")):
                enough.set()

        await self.office.app(scope, receive, send)
        self.office.app.state.api.position = self.head  # what was undone was answered with its own
        start, *rest = got
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], told, b"".join(part.get("body", b"") for part in rest))

    # ── settling

    def _post(self, who: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.office.post(who, path, body)
        assert answer.status_code == status, (path, answer.text)
        return answer.json()

    def _settle(self) -> None:
        for owner in PROVIDERS:
            self._provider(owner)
        for state in ("open", "exhausted", "closed"):
            self._settle_pool(state)
        create_token(self.office.service.store, role="planner", subject="plan-2")
        self._add("token", None, "good", token=self.office.get("admin", "/tokens").json()["items"][0]["id"])
        webhook = self._post("admin", "/webhooks", {"url": "https://fachverfahren.example/"}, 201)["id"]
        self.things.append(Thing("webhook", None, "unreleased", {"webhook": webhook}))

    def _settle_pool(self, state: str) -> None:
        body = {
            "name": f"Stundenpool {state}",
            "period": {"start": "2024-01-01", "end": "2049-12-31"},
            "budget_minutes": 60_000,
            "rules": {"four_eyes_minutes": 600, "provider_quotas": QUOTAS},
        }
        pool = self._post("officer", "/pools", body, 201)["id"]
        for owner in PROVIDERS:
            case = self._case(owner, pool)
            if state == "open":
                self._settle_cases(owner, pool, case)
            else:
                self._add("case", owner, f"pool_{state}", pool=pool, case=case)
                approved = self._booking(owner, pool, case, "approved")
                self._add("booking", owner, f"pool_{state}", pool=pool, **self._booking(owner, pool, case, "requested"))
                self._add("session", owner, f"pool_{state}", pool=pool, **approved)
        self._post("officer", f"/pools/{pool}/months/2024-02/closure", {"reason": "fertig"})
        if state == "exhausted":
            available = self.office.get("officer", f"/pools/{pool}").json()["balance"]["available"]
            self._post("officer", f"/pools/{pool}/budget", {"change_minutes": -available, "resolution": "V1"})
        if state == "closed":
            self._post("officer", f"/pools/{pool}/closure", {})
        self._add("pool", None, state, pool=pool)

    def _settle_cases(self, owner: str, pool: str, case: str) -> None:
        self._add("case", owner, "open", pool=pool, case=case)
        for state in BOOKING_STATES:
            booking = self._booking(owner, pool, case, state)
            self._add("booking", owner, state, pool=pool, **booking)
            if "session" in booking:
                self._add("session", owner, state, pool=pool, **booking)
        reversed_one = self._booking(owner, pool, case, "approved")
        self._post(
            PROVIDERS[owner][0], "/bookings/{booking}/sessions/{session}/reversal".format_map(reversed_one), {"reason": "doppelt"}
        )
        self._add("session", owner, "reversed", pool=pool, **reversed_one)
        closed = self._case(owner, pool)
        self._post(PROVIDERS[owner][0], f"/cases/{closed}/closure", {"outcome": "moved", "note": WORDS[owner]})
        self._add("case", owner, "closed", pool=pool, case=closed)
        for state in FINDING_STATES:
            self._finding(owner, pool, case, state)

    def _add(self, kind: str, owner: str | None, state: str, **ids: str) -> None:
        self.things.append(Thing(kind, owner, state, ids))

    def _case(self, owner: str, pool: str) -> str:
        who, word = PROVIDERS[owner][0], WORDS[owner]
        body = {
            "pool": pool,
            "reference": f"{word}-{uuid4().hex[:8]}",
            "offer": word,
            "district": DISTRICTS[owner],
            "service_area": "13",
            "concern": "housing",
            "personal": {"name": word, "birth_year": 2008, "contact": word, "notes": word},
        }
        case: str = self._post(who, "/cases", body, 201)["id"]
        return case

    def _booking(self, owner: str, pool: str, case: str, state: str) -> dict[str, str]:
        """A booking in this state; once it was approved, with a session."""
        who, word = PROVIDERS[owner][0], WORDS[owner]
        minutes = 615 if state == "awaiting_second" else 120
        booking = self._post(who, "/bookings", {"case": case, "minutes": minutes, "purpose": word}, 201)["id"]
        ids = {"case": case, "booking": booking}
        path = f"/bookings/{booking}"
        match state:
            case "awaiting_second":
                self._post("second_officer", f"{path}/approval", {"overtaking_reason": word}, 202)
            case "waitlisted":
                self._post("officer", f"{path}/waitlisting", {"reason": word})
            case "declined":
                self._post("officer", f"{path}/refusal", {"reason": word})
            case "withdrawn":
                self._post(who, f"{path}/withdrawal", {"reason": word})
            case "approved" | "settled":
                self._post("officer", f"{path}/approval", {"reason": word, "overtaking_reason": word})
                session = {"starts_at": SESSION_AT, "minutes": 60, "kind": "direct", "worker": word, "note": word}
                ids["session"] = self._post(who, f"{path}/sessions", session, 201)["id"]
        if state == "settled":
            self._post(who, f"{path}/settlement")
        return ids

    def _finding(self, owner: str, pool: str, case: str, state: str) -> None:
        word = WORDS[owner]
        finding = self._post("auditor", "/audit/findings", {"pool": pool, "case": case, "worker": word, "note": word}, 201)["id"]
        path = f"/audit/findings/{finding}"
        if state != "open":
            self._post(PROVIDERS[owner][0], f"{path}/explanation", {"explanation": word})
        if state == "confirmed":
            self._post("auditor", f"{path}/confirmation", {"reason": word})
        if state == "closed":
            self._post("auditor", f"{path}/closing", {"reason": word})
        self._add("finding", owner, state, pool=pool, finding=finding)

    def _provider(self, owner: str) -> None:
        """Its name is no secret of its own: planners read it."""
        provider = {"provider": PROVIDERS[owner][1], "name": f"Verein {PROVIDERS[owner][1]}", "valid_from": "2024-01-01"}
        ids = {"provider": self._post("officer", "/providers", provider, 201)["id"]}
        path = f"/providers/{ids['provider']}"
        for what in ("offer", "worker"):
            self._post("officer", f"{path}/{what}s", {what: WORDS[owner], "valid_from": "2024-01-01"})
        self._add("provider", owner, "open", **ids)

    def _freeze(self) -> None:
        """From here on what is decided is answered, and forgotten."""
        api = self.office.app.state.api
        self.head, decisions = api.position, api.decisions
        submitted = decisions.of

        async def undone(work: Work) -> Answer:
            def decide(turn: Turn) -> Answer:
                raise Undone(work.decide(turn))

            try:
                answer: Answer = await submitted(Work(work.actor, decide, None, work.expected, work.about))
            except Undone as found:
                answer = found.answer
            return answer

        decisions.of = undone


def path_of(template: str, ids: Mapping[str, str]) -> str:
    """The path of a resource, in which the month is one that is open."""
    return PREFIX + template.format_map({"month": "2024-04", **ids})
