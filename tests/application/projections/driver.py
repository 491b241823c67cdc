"""A log for tests of projections: facts go in as they would from a turn, and readers ask beside it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from application.catalogue import BY_CLASS
from application.log import EventMapper, Reader, Recorded, Store
from application.projections import PROJECTIONS
from application.projections.projector import Projector
from application.projections.tables import LIVE
from domain.quantities import Actor, Sealed
from interfaces.storage import open_store
from tests.schema import make_schema

OFFICER = Actor("officer-1", "officer", "jugendamt")
T = TypeVar("T")


class Log:
    """A store whose every append is projected. Instants of recording advance by a second unless they are stated."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.recorded: list[Recorded] = []
        self.projector = Projector(PROJECTIONS)
        self._versions: dict[UUID, int] = {}
        self._mapper = EventMapper(transcoder=None)  # type: ignore[arg-type]

    def append(self, facts: Iterable[Any], at: datetime | None = None, by: Actor = OFFICER) -> list[Recorded]:
        """Records facts in one turn, their personal texts sealed."""
        return self.append_all([(facts, at)], by)

    def append_all(
        self,
        decisions: Iterable[tuple[Iterable[Any], datetime | None]],
        by: Actor = OFFICER,
        *,
        others: Sequence[Recorded] | None = (),
    ) -> list[Recorded]:
        """Records many decisions in one turn, although each has its own instant: tests do not wait for the disk."""
        events: list[Recorded] = []
        for facts, at in decisions:
            last = ([*self.recorded[-1:], *events[-1:]] or [None])[-1]
            now = last.recorded_at if last else datetime(2021, 10, 31, 23, tzinfo=UTC)
            recorded_at = max(now, at) if at else now + timedelta(seconds=1)
            first = len(self.recorded) + len(events) + 1
            events += [self._event(first, number, *fact, recorded_at, by) for number, fact in enumerate(facts)]
        with self.store.turn() as tx:
            tx.append([self._mapper.to_stored_event(event) for event in events])
            self.projector.begin(tx, *tx.ask(LIVE), others)
            self.projector.project(tx, events)
        self.recorded += events
        return events

    def ask(self, reader: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What a reader answers in a snapshot of its own."""
        with self.store.reading() as snapshot:
            return reader(snapshot, *args, **kwargs)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """All live rows, by table."""
        return self.ask(live_rows)

    def _event(self, first: int, number: int, stream: UUID, data: Any, recorded_at: datetime, by: Actor) -> Recorded:
        position = first + number
        self._versions[stream] = version = self._versions.get(stream, 0) + 1
        return Recorded(position, stream, version, recorded_at, by, f"command-{first}", first if number else None, sealed(data))


def live_rows(reader: Reader) -> dict[str, list[tuple[Any, ...]]]:
    slots = dict(reader.fetch("SELECT name, slot FROM projections"))
    return {
        table.name: sorted(reader.fetch(f"SELECT {table.column_list} FROM {table.in_slot(slots[each.name])}"), key=repr)
        for each in PROJECTIONS
        for table in each.tables
    }


def sealed(data: Any) -> Any:
    """A fact whose texts are sealed for somebody who holds no key, so that they stay recognisable."""
    personal = BY_CLASS[type(data)].personal
    texts = {each.name: getattr(data, each.name) for each in fields(data) if each.name in personal}
    return replace(data, **{name: Sealed("key", b"nonce", text.encode()) for name, text in texts.items() if isinstance(text, str)})


class Opener:
    """Opens what ``sealed`` has sealed."""

    def open(self, sealed: Sealed, *, position: int, stream: UUID, field: str) -> str:
        return sealed.ciphertext.decode()


@contextmanager
def opened_log(url: str) -> Iterator[Log]:
    """A log in a new database of this URL."""
    make_schema(url)
    store = open_store(url, create=False)
    try:
        yield Log(store)
    finally:
        store.close()
