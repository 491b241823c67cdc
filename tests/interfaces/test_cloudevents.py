"""What leaves the service is a CloudEvent after version 1.0 of the specification, whatever the event."""

import json
import re
from datetime import datetime
from typing import Any

import pytest

from application.catalogue import CATALOGUE, EventType
from interfaces.cloudevents import encoded
from tests.application.golden_events import recorded

REQUIRED = {"specversion", "id", "source", "type"}
OPTIONAL = {"subject", "time", "datacontenttype"}
EXTENSIONS = {
    "position": int,
    "streamversion": int,
    "schemaversion": int,
    "actorsubject": str,
    "actorrole": str,
    "actororganisation": str,
    "cause": int,
}


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_every_event_is_a_complete_cloud_event(entry: EventType) -> None:
    """Attributes by the rules of their names and types, none of them null or empty; the data is an object beside them."""
    event = recorded(entry.name, entry.schema)
    text = encoded(event)
    assert b"\n" not in text
    shown: dict[str, Any] = json.loads(text)
    data = shown.pop("data")
    assert REQUIRED | OPTIONAL <= shown.keys() <= REQUIRED | OPTIONAL | EXTENSIONS.keys()
    assert EXTENSIONS.keys() - shown.keys() <= ({"cause"} if event.cause is None else set())
    for name, value in shown.items():
        assert re.fullmatch("[a-z0-9]{1,20}", name)
        assert type(value) is EXTENSIONS.get(name, str)
        assert value != ""
        assert isinstance(value, int) or value.isprintable()
    assert (shown["specversion"], shown["type"], shown["id"]) == ("1.0", entry.name, str(event.position))
    assert datetime.fromisoformat(shown["time"]) == event.recorded_at
    assert data.keys() == entry.clear | entry.personal.keys()
    assert all(data[name] is None for name in entry.personal)
