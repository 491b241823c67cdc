"""A pool as an object-centric event log after OCEL 2.0, in JSON: what process mining reads.

Every event of the pool is in it, and what is registered of the providers that take part, with what it is about: pool, case,
booking, providers, offers and workers, each in a stated part. Its time is that of its recording. Objects tell what they were and
since when. All values are texts, as the standard's schema wants them; what they are of is declared with their types. Nothing
personal is in it.

``https://www.ocel-standard.org/2.0/ocel20_specification.pdf``
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import UnionType
from typing import IO, Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from application.catalogue import BY_CLASS, CATALOGUE
from application.log import Progress, Reader, Recorded, read_event
from application.projections.audit_trail import traced
from application.projections.bookings import bookings_of_pool
from application.projections.cases import cases_of_pool
from application.views import TrailEntry
from domain import booking as bookings
from domain import case as cases
from domain import pool as pools
from domain import registry
from domain.booking import Booking, SessionCorrected, SessionLogged, SessionReversed
from domain.case import Case, CaseAmended, CaseOpened, CaseTransferred
from domain.pool import Pool
from domain.quantities import start_of_day
from domain.registry import OfferRegistered, Provider, ProviderEvent, RegistrationEnded, WorkerRegistered

Type = Literal["string", "integer", "boolean", "time"]

# ── The standard's shapes


class Attribute(msgspec.Struct, frozen=True):
    name: str
    value: str


class TimedAttribute(msgspec.Struct, frozen=True):
    """What an attribute of an object is from that time on."""

    name: str
    value: str
    time: datetime


class Relationship(msgspec.Struct, frozen=True, rename="camel"):
    object_id: str
    qualifier: str


class OcelEvent(msgspec.Struct, frozen=True):
    id: str
    type: str
    time: datetime
    attributes: list[Attribute]
    relationships: list[Relationship]


class OcelObject(msgspec.Struct, frozen=True):
    id: str
    type: str
    attributes: list[TimedAttribute]
    relationships: list[Relationship]


class AttributeType(msgspec.Struct, frozen=True):
    name: str
    type: Type


class DeclaredType(msgspec.Struct, frozen=True):
    name: str
    attributes: list[AttributeType]


# ── Types

_OF_EVERY_EVENT: dict[str, Type] = {"position": "integer", "actor": "string", "role": "string", "organisation": "string"}
_RELATED = frozenset({"pool", "case", "booking", "provider", "from_provider", "worker"})  # objects, and so no attributes
_OBJECTS: dict[str, dict[str, Type]] = {
    "pool": {
        "name": "string",
        "period_start": "time",
        "period_end": "time",
        "budget_minutes": "integer",
        "exhausted": "boolean",
        "closed": "boolean",
    },
    "case": {
        "reference": "string",
        "provider": "string",
        "offer": "string",
        "district": "string",
        "service_area": "string",
        "concern": "string",
        "outcome": "string",
    },
    "booking": {
        "state": "string",
        "district": "string",
        "requested_minutes": "integer",
        "granted_minutes": "integer",
        "consumed_minutes": "integer",
        "released_minutes": "integer",
    },
    "provider": {"name": "string"},
    "offer": {},
    "worker": {},
}


def _type_of(hint: Any) -> Type:
    if get_origin(hint) in (Union, UnionType):
        [hint] = [each for each in get_args(hint) if each is not type(None)]
    if hint is bool:
        return "boolean"
    if hint is int:
        return "integer"
    return "time" if hint in (datetime, date) else "string"


def _attributes_of(cls: Any, wanted: Iterable[str], prefix: str = "") -> Iterator[tuple[str, Type]]:
    """The clear fields of an event, those of its parts included, that are no objects."""
    hints = get_type_hints(cls)
    for name in wanted:
        if is_dataclass(hints[name]):
            yield from _attributes_of(hints[name], (each.name for each in fields(hints[name])), f"{prefix}{name}_")
        elif name not in _RELATED:
            yield prefix + name, _type_of(hints[name])


_EVENTS: dict[str, dict[str, Type]] = {
    entry.name: {**_OF_EVERY_EVENT, **dict(_attributes_of(entry.cls, sorted(entry.clear)))} for entry in CATALOGUE
}


def _declared(types: Mapping[str, Mapping[str, Type]]) -> list[DeclaredType]:
    return [
        DeclaredType(name, [AttributeType(attribute, kind) for attribute, kind in attributes.items()])
        for name, attributes in types.items()
    ]


# ── Writing


def write_ocel(reader: Reader, pool: UUID, file: Path, progress: Progress) -> dict[str, int]:
    """Writes the log of a pool; returns how many events and objects it has."""
    objects = _Objects(reader, pool)
    with file.open("wb") as out:
        out.write(b'{"eventTypes":' + msgspec.json.encode(_declared(_EVENTS)))
        out.write(b',"objectTypes":' + msgspec.json.encode(_declared(_OBJECTS)))
        out.write(b',"events":')
        events = _write_all(out, _events(reader, pool, objects, progress))
        out.write(b',"objects":')
        found = _write_all(out, objects.all())
        out.write(b"}\n")
    return {"Ereignisse": events, "Objekte": found}


def _write_all(out: IO[bytes], items: Iterable[msgspec.Struct]) -> int:
    """An array with one line for each item; returns how many there are."""
    count = 0
    for item in items:
        out.write((b",\n" if count else b"[\n") + msgspec.json.encode(item))
        count += 1
    out.write(b"\n]" if count else b"[]")
    return count


def _events(reader: Reader, pool: UUID, objects: "_Objects", progress: Progress) -> Iterator[OcelEvent]:
    head = reader.head()
    total = head.id if head else 0
    for event, entry in traced(reader, pool):
        related = _related(event, entry)
        objects.take(event, related)
        yield OcelEvent(str(event.position), event.type, event.recorded_at, _attributes(event), related)
        progress(event.position, total)


def _attributes(event: Recorded) -> list[Attribute]:
    envelope = (event.position, event.actor.subject, event.actor.role, event.actor.organisation)
    values = dict(zip(_OF_EVERY_EVENT, envelope, strict=True))
    values.update(_values(event.data, BY_CLASS[type(event.data)].clear))
    return [Attribute(name, _text(values[name])) for name in _EVENTS[event.type] if values[name] is not None]


def _values(data: Any, wanted: Iterable[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name in wanted:
        value = getattr(data, name)
        if is_dataclass(value):
            yield from _values(value, (each.name for each in fields(value)), f"{prefix}{name}_")
        else:
            yield prefix + name, value


def _text(value: Any) -> str:
    """Instants in UTC; a day as its first instant; lists and quotas, for which the standard has no type, as JSON."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return _text_of_instant(value)
        case date():
            return _text_of_instant(start_of_day(value))
        case str() | int() | UUID():
            return str(value)
        case _:
            return msgspec.json.encode(value, order="sorted").decode()


def _text_of_instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _related(event: Recorded, entry: TrailEntry) -> list[Relationship]:
    """What an event is about, each object in one part: programs drop a second relation of an event to the same object."""
    parts: dict[str, str] = {}
    for id, qualifier in _parts(event, entry):
        parts.setdefault(id, qualifier)
    return [Relationship(id, qualifier) for id, qualifier in parts.items()]


def _parts(event: Recorded, entry: TrailEntry) -> Iterator[tuple[str, str]]:
    """Objects with their part, the more telling one first."""
    if entry.pool is not None:
        yield str(entry.pool), "pool"
    if entry.case is not None:
        yield str(entry.case), "case"
    if entry.booking is not None:
        yield str(entry.booking), "booking"
    if entry.provider is not None:
        yield _provider(entry.provider), "provider"
    match event.data:
        case CaseOpened() | CaseAmended() as data if data.offer is not None:
            yield _offer(data.provider, data.offer), "offer"
        case OfferRegistered() as data:
            yield _offer(data.provider, data.offer), "registered"
        case WorkerRegistered() as data:
            yield _worker(data.worker), "registered"
        case RegistrationEnded(of="offer") as data:
            yield _offer(data.provider, data.name), "ended"
        case RegistrationEnded(of="worker") as data:
            yield _worker(data.name), "ended"
        case CaseTransferred() as data:
            yield _provider(data.from_provider), "transferred from"
        case SessionLogged() as data:
            yield from _rendered(data.worker, "rendered by")
        case SessionCorrected() as data:
            yield from _rendered(data.now.worker, "rendered by")
            yield from _rendered(data.before.worker, "rendered before by")
        case SessionReversed() as data:
            yield from _rendered(data.before.worker, "rendered before by")
        case _:
            pass
    if event.actor.role == "worker":
        yield _worker(event.actor.subject), "recorded by"


def _rendered(worker: str | None, qualifier: str) -> Iterator[tuple[str, str]]:
    if worker is not None:
        yield _worker(worker), qualifier


def _provider(provider: str) -> str:
    """Ids are one space for objects of all types; those of pools, cases and bookings are unique anyway."""
    return f"provider:{provider}"


def _offer(provider: str, offer: str) -> str:
    """Offers of several providers may be called the same."""
    return f"offer:{provider}/{offer}"


def _worker(worker: str) -> str:
    return f"worker:{worker}"


# ── Objects

S = TypeVar("S")


class _History(Generic[S]):
    """What an object was, and since when, from its events as they come."""

    def __init__(self, evolve: Callable[[S | None, UUID, Any], S], seen: Callable[[S], dict[str, Any]]) -> None:
        self._evolve = evolve
        self._seen = seen
        self._said: dict[str, Any] = {}
        self.state: S | None = None
        self.attributes: list[TimedAttribute] = []

    def take(self, event: Recorded) -> None:
        self.state = self._evolve(self.state, event.stream, event.data)
        for name, value in self._seen(self.state).items():
            if value is not None and value != self._said.get(name):
                self._said[name] = value
                self.attributes.append(TimedAttribute(name, _text(value), event.recorded_at))


class _Objects:
    """Remembers the pool and whom its events name; cases and bookings are read one by one from their own streams."""

    def __init__(self, reader: Reader, pool: UUID) -> None:
        self._reader = reader
        self._id = pool
        self._pool = _History(pools.evolve, _pool)
        self._named: dict[str, str] = {}  # type by id, in the order of appearance
        self._providers: dict[str, _History[Provider]] = {}  # what is registered, by id
        self._registered_for: dict[str, dict[str, None]] = {}  # the providers of offers and workers, by id

    def take(self, event: Recorded, related: Iterable[Relationship]) -> None:
        if event.stream == self._id:
            self._pool.take(event)
        if isinstance(event.data, ProviderEvent):
            provider = _provider(event.data.provider)
            self._providers.setdefault(provider, _History(registry.evolve, _registered)).take(event)
            for each in related:
                if each.qualifier == "registered":
                    self._registered_for.setdefault(each.object_id, {})[provider] = None
        for each in related:
            kind, colon, _ = each.object_id.partition(":")
            if colon:
                self._named[each.object_id] = kind

    def all(self) -> Iterator[OcelObject]:
        yield OcelObject(str(self._id), "pool", self._pool.attributes, [])
        for id, kind in self._named.items():
            registered = self._providers.get(id)
            belongs = [Relationship(provider, "registered for") for provider in self._registered_for.get(id, ())]
            yield OcelObject(id, kind, registered.attributes if registered else [], belongs)
        for case in cases_of_pool(self._reader, self._id):
            belongs = [Relationship(case.pool, "pool"), Relationship(_provider(case.provider), "accompanied by")]
            yield OcelObject(case.case_id, "case", self._read(case.case_id, _History(cases.evolve, _case)), belongs)
        for booking in bookings_of_pool(self._reader, self._id):
            belongs = [
                Relationship(booking.pool, "pool"),
                Relationship(booking.case_id, "case"),
                Relationship(_provider(booking.provider), "requested by"),
            ]
            yield OcelObject(booking.booking, "booking", self._read(booking.booking, _History(bookings.evolve, _booking)), belongs)

    def _read(self, stream: str, history: _History[Any]) -> list[TimedAttribute]:
        for row in self._reader.stream(UUID(stream)):
            history.take(read_event(row))
        return history.attributes


def _pool(pool: Pool) -> dict[str, Any]:
    return {
        "name": pool.name,
        "period_start": pool.period.start,
        "period_end": pool.period.end,
        "budget_minutes": pool.budget,
        "exhausted": pool.exhausted,
        "closed": pool.closed,
    }


def _registered(provider: Provider) -> dict[str, Any]:
    """What people call it today: the name that was registered last."""
    return {"name": provider.names[-1].name if provider.names else None}


def _case(case: Case) -> dict[str, Any]:
    return {name: getattr(case, name) for name in _OBJECTS["case"]}


def _booking(booking: Booking) -> dict[str, Any]:
    return {
        "state": booking.state,
        "district": booking.district,
        "requested_minutes": booking.requested,
        "granted_minutes": booking.granted,
        "consumed_minutes": booking.consumed,
        "released_minutes": booking.released,
    }
