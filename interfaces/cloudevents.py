"""An event as everybody outside sees it: a CloudEvent 1.0 in JSON, the same in lists, streams, lines and webhooks."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from application.catalogue import BY_CLASS
from application.log import Recorded
from domain.quantities import Role

MEDIA_TYPE = "application/cloudevents+json"


class EventView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A CloudEvent 1.0 with the position in the log; ``subject`` is the stream. Personal fields of ``data`` are ``null``."""

    specversion: Literal["1.0"]
    id: str
    source: Literal["/api/v1/events"]
    type: str
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"]
    position: int
    streamversion: int
    schemaversion: int
    actorsubject: str
    actorrole: Role
    actororganisation: str
    data: dict[str, Any]
    cause: int | None = None  # an attribute of a CloudEvent is never null: it is left out


def event_view(event: Recorded) -> EventView:
    """An event as everybody may see it whom it concerns at all."""
    kind = BY_CLASS[type(event.data)]
    return EventView(
        specversion="1.0",
        id=str(event.position),
        source="/api/v1/events",
        type=kind.name,
        subject=str(event.stream),
        time=event.recorded_at,
        datacontenttype="application/json",
        position=event.position,
        streamversion=event.version,
        schemaversion=kind.schema,
        actorsubject=event.actor.subject,
        actorrole=event.actor.role,
        actororganisation=event.actor.organisation,
        data={
            name: None if name in kind.personal else getattr(event.data, name) for name in sorted(kind.clear | kind.personal.keys())
        },
        cause=event.cause,
    )


def encoded(event: Recorded) -> bytes:
    """The same as JSON, which has no line break in it."""
    return msgspec.json.encode(event_view(event))
