"""The object-centric log: valid by the standard's schema, and with exactly what an independent count of the log says."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest

from application.catalogue import CATALOGUE
from application.log import Recorded
from application.projections import audit_trail, tables
from application.projections.bookings import list_bookings
from application.projections.cases import list_cases
from application.projections.pools import list_pools
from application.projections.pools import pool as read_pool
from domain.booking import HoursRequested
from domain.case import CaseOpened
from domain.handling import FindingOpened
from domain.registry import ProviderEvent
from interfaces.exports.ocel import write_ocel
from tests.application.projections.driver import Log, opened_log
from tests.domain.facts import OFFER, PROVIDER, WORKER
from tests.interfaces.demo.test_story import log_of, told
from tests.interfaces.exports.story import LONG_POOL, PERSONAL, POOLS, SHORT_POOL, events_of, tell, untold

SCHEMA = Path(__file__).with_name("ocel20-schema-json.json")  # as published: ocel-standard.org/2.0/ocel20-schema-json.json
PM4PY = Path(__file__).parents[3] / ".cache" / "pm4py"


@pytest.fixture
def log(store_url: str) -> Iterator[Log]:
    with opened_log(store_url) as log:
        tell(log)
        yield log


def exported(log: Log, pool: UUID, file: Path) -> dict[str, Any]:
    """The log of a pool, written and read."""
    with log.store.reading() as reader:
        counts = write_ocel(reader, pool, file, untold)
    found: dict[str, Any] = json.loads(file.read_bytes())
    assert counts == {"Ereignisse": len(found["events"]), "Objekte": len(found["objects"])}
    return found


# ── An independent count: from stored events as plain values


def plain(event: Recorded) -> dict[str, Any]:
    return {name: getattr(event.data, name) for name in event.data.__slots__}


def about(events: list[Recorded]) -> dict[str, set[tuple[str, str]]]:
    """For each event what it is about, in which part."""
    cases = {event.stream for event in events if isinstance(event.data, CaseOpened)}
    requests = {event.stream: event.data for event in events if isinstance(event.data, HoursRequested)}
    matters = {event.stream: event.data.matter for event in events if isinstance(event.data, FindingOpened)}
    registered = {event.stream for event in events if isinstance(event.data, ProviderEvent)}
    [pool] = {event.stream for event in events} - cases - set(requests) - set(matters) - registered
    found = {}
    for event in events:
        data = plain(event)
        booking = event.stream if event.stream in requests else data.get("booking")
        case = event.stream if event.stream in cases else requests[booking].case if booking else None
        provider = data.get("provider") or (requests[booking].provider if booking else None)
        if event.stream in matters:
            matter = matters[event.stream]
            booking, case, provider = matter.booking, matter.case, None
        of_pool = None if event.stream in registered else pool
        parts = {"pool": of_pool, "booking": booking, "case": case, "provider": provider and f"provider:{provider}"}
        parts |= _of_registry(event, data)
        if "from_provider" in data:
            parts["transferred from"] = f"provider:{data['from_provider']}"
        workers = {
            "rendered by": None if event.stream in registered else _worker(data.get("now") or data),
            "rendered before by": _worker(data.get("before")),
            "recorded by": event.actor.subject if event.actor.role == "worker" else None,
        }
        once = {worker: part for part, worker in reversed(workers.items()) if worker}  # the first part of somebody counts
        parts |= {part: f"worker:{worker}" for worker, part in once.items()}
        found[str(event.position)] = {(part, str(id)) for part, id in parts.items() if id}
    return found


def _of_registry(event: Recorded, data: dict[str, Any]) -> dict[str, str]:
    """The offer of a case, or what is registered or ended."""
    if event.type in ("case-opened", "case-amended"):
        return {"offer": f"offer:{data['provider']}/{data['offer']}"} if data["offer"] else {}
    if not isinstance(event.data, ProviderEvent):
        return {}
    part, kind = ("ended", data["of"]) if "of" in data else ("registered", event.type.removesuffix("-registered"))
    name = data["name"] if "of" in data else data.get(kind)
    ids = {"offer": f"offer:{data['provider']}/{name}", "worker": f"worker:{name}"}
    return {part: ids[kind]} if kind in ids else {}


def _worker(facts: Any) -> Any:
    return facts.get("worker") if isinstance(facts, dict) else getattr(facts, "worker", None)


# ── Tests


@pytest.mark.parametrize("pool", POOLS, ids=["every event", "long history"])
def test_it_is_valid(log: Log, pool: UUID, tmp_path: Path) -> None:
    """By the published schema, formats included; and ids are unique, every relation leads to an object, every type is declared."""
    found = exported(log, pool, tmp_path / "out.json")
    schema = json.loads(SCHEMA.read_bytes())
    jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(found)

    objects = {each["id"]: each for each in found["objects"]}
    assert len(objects) == len(found["objects"])
    assert len({each["id"] for each in found["events"]}) == len(found["events"])
    for each in (*found["events"], *found["objects"]):
        related = [(relation["objectId"], relation["qualifier"]) for relation in each["relationships"]]
        assert len({id for id, _ in related}) == len(related)
        assert {id for id, _ in related} <= objects.keys()
    for types, items in (("eventTypes", "events"), ("objectTypes", "objects")):
        declared = {each["name"]: {of["name"]: of["type"] for of in each["attributes"]} for each in found[types]}
        assert len(declared) == len(found[types])
        for each in found[items]:
            for attribute in each["attributes"]:
                assert _is(attribute["value"], declared[each["type"]][attribute["name"]]), attribute


def _is(value: str, type: str) -> bool:
    match type:
        case "integer":
            return str(int(value)) == value
        case "boolean":
            return value in ("true", "false")
        case "time":
            return datetime.fromisoformat(value).tzinfo is not None
        case _:
            return type == "string"


@pytest.mark.parametrize("pool", POOLS, ids=["every event", "long history"])
def test_it_has_every_event_with_all_that_it_is_about(log: Log, pool: UUID, tmp_path: Path) -> None:
    """Type, time and every relation with its qualifier, and nothing of the other pool."""
    found = exported(log, pool, tmp_path / "out.json")
    events = events_of(log, pool)
    assert [(each["id"], each["type"], datetime.fromisoformat(each["time"])) for each in found["events"]] == [
        (str(each.position), each.type, each.recorded_at) for each in events
    ]
    said = {
        each["id"]: {(relation["qualifier"], relation["objectId"]) for relation in each["relationships"]}
        for each in found["events"]
    }
    expected = about(events)
    assert said == expected
    assert {each["id"] for each in found["objects"]} == {id for parts in expected.values() for _, id in parts}


def test_objects_end_as_they_stand(log: Log, tmp_path: Path) -> None:
    """The last value of every attribute is what the projections say, and values are in the order of time."""
    found = exported(log, LONG_POOL, tmp_path / "out.json")
    last = {each["id"]: {of["name"]: of["value"] for of in each["attributes"]} for each in found["objects"]}
    for each in found["objects"]:
        times = [datetime.fromisoformat(of["time"]) for of in each["attributes"]]
        assert times == sorted(times)
    view = log.ask(read_pool, LONG_POOL)
    assert last[str(LONG_POOL)]["budget_minutes"] == str(view.balance.budget)
    cases, _ = log.ask(list_cases, pool=LONG_POOL, limit=1000)
    for case in cases:
        assert last[str(case.id)]["provider"] == case.provider
        assert last[str(case.id)].get("outcome") == case.outcome
    bookings, _ = log.ask(list_bookings, pool=LONG_POOL, limit=1000)
    assert len(bookings) > 10
    for booking in bookings:
        minutes = ("requested_minutes", "granted_minutes", "consumed_minutes", "released_minutes")
        assert last[str(booking.id)]["state"] == booking.state
        assert [last[str(booking.id)][name] for name in minutes] == [str(getattr(booking, name)) for name in minutes]


def test_what_is_registered_stands_with_its_provider(log: Log, tmp_path: Path) -> None:
    """given a provider with an offer and a worker / then it has its name, both belong to it, and events tell since when."""
    found = exported(log, SHORT_POOL, tmp_path / "out.json")
    objects = {each["id"]: each for each in found["objects"]}
    own = f"provider:{PROVIDER}"
    assert [(of["name"], of["value"]) for of in objects[own]["attributes"]] == [("name", "Jugendhilfe e. V.")]
    for id in (f"offer:{PROVIDER}/{OFFER}", f"worker:{WORKER}"):
        assert objects[id]["relationships"] == [{"objectId": own, "qualifier": "registered for"}]
    [event] = [each for each in found["events"] if each["type"] == "worker-registered"]
    assert {"name": "valid_from", "value": "2022-02-28T23:00:00Z"} in event["attributes"]


def test_nothing_personal_leaves(log: Log, tmp_path: Path) -> None:
    """No personal field is an attribute, and no text of one stands anywhere."""
    found = exported(log, SHORT_POOL, tmp_path / "out.json")
    declared = {each["name"]: {of["name"] for of in each["attributes"]} for each in found["eventTypes"]}
    assert not [entry.name for entry in CATALOGUE if entry.personal.keys() & declared[entry.name]]
    content = (tmp_path / "out.json").read_text(encoding="utf-8")
    assert not [text for text in (*PERSONAL, "nonce", "ciphertext") if text in content]


def test_pages_lose_nothing(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in pages of three, the file is the same to the byte."""
    exported(log, LONG_POOL, tmp_path / "at once.json")
    for module in (tables, audit_trail):
        monkeypatch.setattr(module, "ROWS_A_PAGE", 3)
    exported(log, LONG_POOL, tmp_path / "in pages.json")
    assert (tmp_path / "at once.json").read_bytes() == (tmp_path / "in pages.json").read_bytes()


# ── Another program

_COUNT = """
import json, sys
import pm4py
log = pm4py.read_ocel2_json(sys.argv[1])
print(json.dumps({
    "events": len(log.events),
    "objects": log.objects["ocel:type"].value_counts().to_dict(),
    "relations": log.relations["ocel:qualifier"].value_counts().to_dict(),
    "types": log.events["ocel:activity"].value_counts().to_dict(),
    "minutes": int(log.events.loc[log.events["ocel:activity"] == "hours-approved", "minutes"].sum()),
}))
"""


@pytest.mark.chaos
def test_process_mining_opens_it(tmp_path: Path) -> None:
    """PM4Py counts what the log of the demonstration has, by type and by qualifier, and knows minutes as numbers."""
    if not PM4PY.is_dir():
        pytest.fail("There is no PM4Py on this machine: `scripts/setup.sh pm4py` gets it.", pytrace=False)
    file = tmp_path / "demonstration.json"
    with told(f"sqlite:///{tmp_path}/story.db", tmp_path) as store, store.reading() as reader:
        [pool], _ = list_pools(reader, limit=2)
        write_ocel(reader, pool.id, file, untold)
        events = log_of(store)
    done = subprocess.run(
        [sys.executable, "-c", _COUNT, str(file)], env={"PYTHONPATH": str(PM4PY)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout.splitlines()[-1])

    parts = [part for parts in about(events).values() for part in parts]
    ids = {id for _, id in parts}
    named = Counter(id.partition(":")[0] for id in ids if ":" in id)
    streams = Counter(event.type for event in events)
    assert counted["events"] == len(events)
    assert counted["types"] == streams
    assert counted["relations"] == Counter(part for part, _ in parts)
    assert counted["objects"] == {**named, "pool": 1, "case": streams["case-opened"], "booking": streams["hours-requested"]}
    assert counted["minutes"] == sum(plain(event)["minutes"] for event in events if event.type == "hours-approved")
