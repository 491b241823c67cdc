"""One request for hours, played from the form to the report on a store of its own: what `docs/tour.md` shows of it.

People call the service over HTTP, and its clock stands where the story needs it. Ids are random, so what is shown has others in
their place, which stay the same; all else is what was really sent, answered and stored.
"""

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill
from typing import Any
from uuid import UUID

import anyio
import httpx

from application.engine import Engine
from application.erasure import Erasing
from application.findings import Findings
from application.log import Reader
from application.past import Pasts
from application.privacy import Keyring
from application.projections.audit_trail import TRAIL_TABLE
from application.projections.balances import MOVEMENTS, POOL_DAYS
from application.projections.bookings import BOOKINGS_TABLE, SESSIONS_TABLE
from application.projections.tables import Table, instant
from application.projections.worklist import WORK_TABLE
from application.reads import ReadLog
from application.rebuild import check
from application.states import States
from domain import booking as bookings
from domain.erasure import Periods
from domain.findings.thresholds import Thresholds
from interfaces.http.app import create_app
from interfaces.http.operations import PREFIX
from interfaces.http.problems import problem_bytes
from interfaces.identity.tokens import create_token
from interfaces.service import Service
from interfaces.settings import Settings
from interfaces.storage import open_store
from interfaces.storage.keystore import open_keystore
from interfaces.storage.ledger import ErasureLedger
from interfaces.storage.migrate import migrate
from interfaces.storage.temporary import TemporaryTables

Said = dict[str, Any]

PEOPLE = {
    "worker": ("worker", "worker-1", "traeger-a"),
    "officer": ("officer", "officer-1", None),
    "auditor": ("auditor", "auditor-1", None),
}
POOL_OPENING: Said = {
    "name": "Modellprojekt",
    "period": {"start": "2021-11-01", "end": "2022-05-31"},
    "budget_minutes": 6000,
    "rules": {"unit_minutes": 15, "case_cap_minutes": 2400, "late_entry_days": 14},
}
CASE_OPENING: Said = {
    "reference": "F-2022-017",
    "district": "stadtraum-01",
    "service_area": "13",
    "concern": "housing",
    "personal": {"name": "Kim Beispiel"},
}
REQUEST: Said = {"minutes": 240, "purpose": "Wohnungssuche"}
APPROVAL: Said = {"review_on": "2022-04-30"}
SESSION: Said = {"starts_at": "2022-02-07T14:00:00+01:00", "minutes": 90, "kind": "direct", "worker": "worker-1"}
CORRECTION: Said = {"minutes": 60, "reason": "Die Wartezeit war keine Kontaktzeit"}

# What the tour shows: ids, of each table some columns, of the evaluation some figures.
SHOWN_IDS = {
    "pool": "7a9c1d52-3f0e-4b6a-9c1d-5e2f8a7b6c10",
    "case": "4c81f7e0-95d3-5a2b-8f64-b1d07c3e9a25",
    "booking": "b3e08f46-1c7d-4f2a-8e35-0d9a6b4c2f71",
    "session": "e5d2a7c9-8b14-4a60-b7f3-6c1e9d05a382",
}
SHOWN_ROWS: tuple[tuple[Table[Any], str, str], ...] = (
    (BOOKINGS_TABLE, "booking version state requested granted consumed released purpose", ""),
    (SESSIONS_TABLE, "session starts_at minutes state", ""),
    (WORK_TABLE, "booking state minutes", ""),
    (MOVEMENTS, "position seq kind minutes effective recorded", ""),
    (POOL_DAYS, "day kind minutes", ""),
    (TRAIL_TABLE, "position type actor", ""),
)
SHOWN_FIGURES = ("requested_minutes", "granted_minutes", "consumed_minutes", "to_decision_median")

LINE_CHARACTERS_MAX = 110
INSTANT_MIN = 10**15  # microseconds; nothing else that is counted here comes near it
ID = re.compile(r"([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Clock:
    """Shows what it was last set to."""

    now = datetime.min.replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Call:
    """A request and its answer."""

    method: str
    path: str
    key: str | None
    body: Said | None
    status: int
    answer: Any


@dataclass(frozen=True)
class Standing:
    """At one moment: the log, the states that decisions are given by place, and rows of projections by table and key."""

    events: list[Said]
    states: dict[str, Said]
    rows: dict[tuple[str, ...], Said]


@dataclass(frozen=True)
class Stop:
    """A stop of the tour: what was asked, and what stood before and after."""

    calls: list[Call]
    before: Standing
    after: Standing

    @property
    def events(self) -> list[Said]:
        """What this stop brought into the log."""
        return self.after.events[len(self.before.events) :]


# ── Playing


@cache
def walked() -> Mapping[str, Stop]:
    """The story, played once. At its end all projections are built anew, and not one row differs."""
    clock = Clock()
    with TemporaryDirectory() as folder, service_at(Path(folder), clock) as service:
        stops = anyio.run(Walk(service, clock).stops)
        assert check(service.store, [], lambda done, total: None) == []
    return stops


@contextmanager
def service_at(folder: Path, clock: Clock) -> Iterator[Service]:
    """A service on a new store in this folder, which lives by this clock."""
    settings = Settings(database_url=f"sqlite:///{folder}/tour.db", keystore=f"{folder}/keys")
    with ExitStack() as stack:
        store = stack.enter_context(closing(open_store(settings.database_url, create=True)))
        migrate(store, lambda done, total: None)
        keys = stack.enter_context(closing(open_keystore(settings.keystore)))
        keyring = Keyring(keys)
        engine = stack.enter_context(closing(Engine(store, keyring, problem_bytes, clock)))
        erasing = Erasing(store, keys, keyring, ErasureLedger(settings.ledger_file))
        read_log, findings, pasts = ReadLog(store, keyring), Findings(Thresholds()), Pasts(TemporaryTables)
        yield Service(settings, store, keys, keyring, engine, clock, read_log, findings, pasts, erasing, Periods())


class Walk:
    """The people of the story, and the service that they call."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self._service = service
        self._clock = clock
        self._ids: dict[str, str] = {}
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(service)), base_url="http://127.0.0.1:8000")
        self._tokens = {
            who: create_token(service.store, role=role, subject=subject, provider=provider)
            for who, (role, subject, provider) in PEOPLE.items()
        }

    async def stops(self) -> dict[str, Stop]:
        """The story, stop by stop."""
        await self._post("officer", "/pools", "pool-1", POOL_OPENING, at="2022-01-24T08:00", opens="pool")
        pool = self._ids["pool"]
        await self._post("worker", "/cases", "fall-1", CASE_OPENING | {"pool": pool}, at="2022-01-31T13:00", opens="case")
        request = {"case": self._ids["case"], **REQUEST}
        made = {"request": await self._post("worker", "/bookings", "antrag-1", request, at="2022-02-01T09:30", opens="booking")}
        booking = f"/bookings/{self._ids['booking']}"
        sessions, too_long = f"{booking}/sessions", SESSION | {"minutes": 900}
        made["decision"] = await self._post("officer", f"{booking}/approval", "bewilligung-1", APPROVAL, at="2022-02-03T10:15")
        made["refusal"] = await self._post("worker", sessions, "termin-1", too_long, at="2022-02-08T07:40")
        made["session"] = await self._post("worker", sessions, "termin-2", SESSION, at="2022-02-08T07:45", opens="session")
        correction = f"{sessions}/{self._ids['session']}/correction"
        made["correction"] = await self._post("worker", correction, "korrektur-1", CORRECTION, at="2022-03-02T14:00")
        made["settlement"] = await self._post("officer", f"{booking}/settlement", "abrechnung-1", {}, at="2022-04-04T12:00")
        balance = f"/pools/{pool}/balance"
        until = f"{balance}?as_of=2022-02-28"
        made["balance"] = await self._get("officer", balance, until, f"{until}&known_at=2022-02-28")
        made["report"] = await self._get("officer", f"/reports/evaluation?pool={pool}")
        made["trail"] = await self._get("auditor", f"/audit/trail?booking={self._ids['booking']}")
        return {name: self._as_shown(stop) for name, stop in made.items()}

    async def _post(self, who: str, path: str, key: str, body: Said, *, at: str, opens: str | None = None) -> Stop:
        """A command at this instant, in UTC; keeps the id of what it opens."""
        self._clock.now = datetime.fromisoformat(f"{at}+00:00")
        before = self._standing()
        call = await self._call(who, "POST", path, key, body)
        if opens is not None:
            self._ids[opens] = call.answer["id"]
        return Stop([call], before, self._standing())

    async def _get(self, who: str, *paths: str) -> Stop:
        self._clock.now += timedelta(hours=1)
        standing = self._standing()
        return Stop([await self._call(who, "GET", path) for path in paths], standing, standing)

    async def _call(self, who: str, method: str, path: str, key: str | None = None, body: Said | None = None) -> Call:
        headers = {"Authorization": f"Bearer {self._tokens[who]}"} | ({"Idempotency-Key": key} if key else {})
        answer = await self._client.request(method, f"{PREFIX}{path}", headers=headers, json=body)
        return Call(method, f"{PREFIX}{path}", key, body, answer.status_code, answer.json())

    def _standing(self) -> Standing:
        with self._service.store.reading() as reader:
            events = [json.loads(row.state) for row in reader.notifications(0, 1_000)]
            states = {name: self._state(reader, name) for name in ("Pool", "Booking")}
            return Standing(events, states, rows_of(reader))

    def _state(self, reader: Reader, name: str) -> Said:
        """As a decision is given it: all events of the stream, folded."""
        id = self._ids.get(name.lower())
        return flat(States().get(reader, UUID(id))[0]) if id else {}

    def _as_shown(self, stop: Stop) -> Stop:
        names = {self._ids[kind]: shown for kind, shown in SHOWN_IDS.items()}
        in_lines = {f"Antrag {given[:8]}": f"Antrag {shown[:8]}" for given, shown in names.items()}
        renamed: Stop = with_names(stop, names | in_lines)
        return renamed


def rows_of(reader: Reader) -> dict[tuple[str, ...], Said]:
    """The live rows that are shown, in the order of their keys."""
    slots = {name: slot for names, slot in reader.fetch("SELECT tables, slot FROM projections") for name in names.split()}
    found: dict[tuple[str, ...], Said] = {}
    for table, columns, condition in SHOWN_ROWS:
        names = columns.split()
        statement = f"SELECT {', '.join([*table.key, *names])} FROM {table.in_slot(slots[table.name])}{condition}"
        for values in reader.fetch(f"{statement} ORDER BY {', '.join(table.key)}"):
            key, shown = values[: len(table.key)], values[len(table.key) :]
            found[table.name, *map(str, key)] = dict(zip(names, shown, strict=True))
    return found


def flat(value: Any, place: str = "") -> Said:
    """All values of a state by their places, such as ``sessions[…].facts.minutes``."""
    if is_dataclass(value):
        parts = {f"{place}.{field.name}".strip("."): getattr(value, field.name) for field in fields(value)}
    elif isinstance(value, dict):
        parts = {f"{place}[{key}]": each for key, each in value.items()}
    else:
        return {place: value}
    return {name: found for part, each in parts.items() for name, found in flat(each, part).items()}


def with_names(value: Any, names: Mapping[str, str]) -> Any:
    """The same with other ids, wherever they stand in it."""
    match value:
        case str():
            for given, shown in names.items():
                value = value.replace(given, shown)
            return value
        case UUID():
            return UUID(with_names(str(value), names))
        case dict():
            return {with_names(key, names): with_names(each, names) for key, each in value.items()}
        case list() | tuple():
            return type(value)(with_names(each, names) for each in value)
        case Stop() | Standing() | Call():
            return type(value)(*(with_names(getattr(value, field.name), names) for field in fields(value)))
        case _:
            return value


# ── Showing


def calls_section(stop: str) -> str:
    """What was sent and what was answered."""
    return "\n\n".join(_call(call) for call in walked()[stop].calls)


def _call(call: Call) -> str:
    key = [f"Idempotency-Key: {call.key}"] if call.key else []
    body = ["", json_text(call.body)] if call.body is not None else []
    return fenced("http", "\n".join([f"{call.method} {call.path}", *key, *body, "", f"→ {call.status}", json_text(call.answer)]))


def log_section(stop: str) -> str:
    """The events of a stop as they stand in the column ``state``; what nobody can read in a sealed text is left out."""
    return "\n\n".join(fenced("json", json_text(_readable(event))) for event in walked()[stop].events)


def after_section(stop: str) -> str:
    """What differs in states and rows."""
    before, after = walked()[stop].before, walked()[stop].after
    states = [
        f"| `{name}` | `{_shown(place)}` | {_shown(before.states[name].get(place))} | {_shown(after.states[name].get(place))} |"
        for name in after.states
        for place in {**before.states[name], **after.states[name]}
        if before.states[name].get(place) != after.states[name].get(place)
    ]
    rows = [
        f"| `{key[0]}` | {_change(before.rows.get(key), after.rows.get(key))} |"
        for table, _, _ in SHOWN_ROWS
        for key in {**before.rows, **after.rows}
        if key[0] == table.name and before.rows.get(key) != after.rows.get(key)
    ]
    state_head = ["| state | field | before | after |", "| --- | --- | --- | --- |"]
    row_head = ["| table | what happens to its row |", "| --- | --- |"]
    return "\n".join([*state_head, *states, "", *row_head, *rows])


def _change(before: Said | None, after: Said | None) -> str:
    match before, after:
        case None, dict():
            return f"new: {', '.join(f'{column} {_shown(value)}' for column, value in after.items())}"
        case dict(), None:
            return f"gone: {', '.join(f'{column} {_shown(value)}' for column, value in before.items())}"
        case dict(), dict():
            differing = [column for column in after if before[column] != after[column]]
            return f"changed: {', '.join(f'{each} {_shown(before[each])} → {_shown(after[each])}' for each in differing)}"
        case _:
            raise ValueError("a row that is neither before nor after")


def _shown(value: Any) -> str:
    """A value as a table shows it: ids shortened, instants readable, sealed texts left out."""
    match value:
        case None:
            return "–"
        case int() if value >= INSTANT_MIN:
            return f"{instant(value):%Y-%m-%dT%H:%M:%SZ}"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return ID.sub(r"\1…", str(value))


def policies_section() -> str:
    """The policies of an approval, in the order in which its source asks them, each with what it says of itself."""
    decision = ast.parse(inspect.getsource(bookings.approve_hours)).body[0]
    asked = [node.value for node in ast.walk(decision) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    named = [call.func.id for call in asked if isinstance(call.func, ast.Name)]
    rows = [f"| `{name}` | {(inspect.getdoc(getattr(bookings, name)) or '').splitlines()[0]} |" for name in named]
    return "\n".join(["| policy | what it says |", "| --- | --- |", *rows])


def report_section() -> str:
    """Some figures of the evaluation, each with its months."""
    [call] = walked()["report"].calls
    figures = {figure["figure"]: figure for figure in call.answer["figures"]}
    head = [f"`{call.method} {call.path}`", "", "| figure | unit | value | by month |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *(_figure(figures[name]) for name in SHOWN_FIGURES)])


def _figure(figure: Said) -> str:
    months = ", ".join(f"{group['group']}: {group['value']}" for group in figure["groups"]["month"])
    return f"| `{figure['figure']}` | `{figure['unit']}` | {figure['value']} | {months} |"


def trail_section() -> str:
    """The lines of the audit trail."""
    [call] = walked()["trail"].calls
    lines = [fill(entry["line"], LINE_CHARACTERS_MAX, subsequent_indent="  ") for entry in call.answer["items"]]
    return f"`{call.method} {call.path}`\n\n{fenced('text', chr(10).join(lines))}"


def _readable(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    sealed = value.keys() == {"key", "nonce", "ciphertext"}
    return {name: "…" if sealed and name != "key" else _readable(each) for name, each in value.items()}


def json_text(value: Any, indent: str = "") -> str:
    """JSON for reading: what fits on a line stands on one."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= LINE_CHARACTERS_MAX or not isinstance(value, dict | list):
        return line
    inner = f"{indent}  "
    if isinstance(value, list):
        parts = [inner + json_text(each, inner) for each in value]
        return "[\n" + ",\n".join(parts) + f"\n{indent}]"
    parts = [f"{inner}{json.dumps(name)}: {json_text(each, inner)}" for name, each in value.items()]
    return "{\n" + ",\n".join(parts) + f"\n{indent}}}"


def fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _sections() -> dict[str, Callable[[], str]]:
    made: dict[str, Callable[[], str]] = {}
    for stop in ("request", "decision", "session", "correction", "settlement"):
        made |= {f"{stop}_call": partial(calls_section, stop), f"{stop}_log": partial(log_section, stop)}
        made[f"{stop}_after"] = partial(after_section, stop)
    made |= {f"{stop}_call": partial(calls_section, stop) for stop in ("refusal", "balance")}
    return made | {"policies": policies_section, "report": report_section, "trail": trail_section}


SECTIONS: Mapping[str, Callable[[], str]] = _sections()
