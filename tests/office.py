"""A running application for tests: a store with its keys and an engine, and the people who use it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from application import commands
from application.engine import Engine, utc_now
from application.log import Recorded, Store, read_event
from application.privacy import Keyring
from application.receipts import Answer, RequestKey
from application.turn import Turn, Work
from domain.quantities import Actor, Period, Rules
from domain.refusals import Refusal
from interfaces.storage import open_store
from interfaces.storage.keystore import open_keystore
from tests.schema import make_schema

OFFICER = Actor("o1", "officer", "jugendamt")
SECOND_OFFICER = Actor("o2", "officer", "jugendamt")
LEAD = Actor("leitung-a", "lead", "traeger-a")
WORKER = Actor("kraft-a", "worker", "traeger-a")
AUDITOR = Actor("rpa-1", "auditor", "jugendamt")
OTHER_LEAD = Actor("leitung-b", "lead", "traeger-b")


def problem(refusal: Refusal) -> bytes:
    """A refusal as tests read it."""
    return msgspec.json.encode({"code": refusal.code, "detail": refusal.message})


class Office:
    """One process of the application."""

    def __init__(self, url: str, keys: Path, clock: Callable[[], datetime] = utc_now) -> None:
        self.store: Store = open_store(url, create=False)
        self.keystore = open_keystore(str(keys))
        self.keyring = Keyring(self.keystore)
        self.engine = Engine(self.store, self.keyring, problem, clock)

    def do(self, actor: Actor, command: Callable[..., Answer], *args: Any, **facts: Any) -> Answer:
        """Runs a command without a key."""
        return self.engine.execute(actor, lambda turn: command(turn, *args, **facts))

    def keyed(self, key: str, actor: Actor, command: Callable[..., Answer], *args: Any, **facts: Any) -> Answer:
        """Runs a command under an idempotency key, about what its first argument names."""
        fingerprint = self.keyring.fingerprint(repr((command.__name__, args, sorted(facts.items()))).encode())

        def decide(turn: Turn) -> Answer:
            return command(turn, *args, **facts)

        return self.engine.submit(Work(actor, decide, RequestKey(key, fingerprint), about=next(iter(args), None))).result()

    def open_pool(self, start: str, end: str, budget_minutes: int, **rules: Any) -> UUID:
        """The id of a new pool."""
        period = Period(date.fromisoformat(start), date.fromisoformat(end))
        answer = self.do(
            OFFICER, commands.open_pool, name="Prüfpool", period=period, budget_minutes=budget_minutes, rules=Rules(**rules)
        )
        return UUID(body(answer)["id"])

    def log(self) -> list[Recorded]:
        """Everything that was recorded."""
        with self.store.reading() as reader:
            return [read_event(row) for row in reader.notifications(0, 1_000_000)]

    def close(self) -> None:
        self.engine.close()
        self.keystore.close()
        self.store.close()


def body(answer: Answer) -> dict[str, Any]:
    """What an answer says."""
    said: dict[str, Any] = msgspec.json.decode(answer.body)
    return said


@contextmanager
def running_office(url: str, keys: Path, clock: Callable[[], datetime] = utc_now) -> Iterator[Office]:
    """An application on a new store; its schema is made first."""
    make_schema(url)
    office = Office(url, keys, clock)
    try:
        yield office
    finally:
        office.close()
