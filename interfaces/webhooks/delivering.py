"""Delivers the log to all webhooks, from any number of processes: one of them sees to a webhook at a time, in the order of the log.

Whoever delivers holds a webhook, which the table says, until an instant that they put off as long as they go on. A process that
vanishes holds it until then. No attempt begins that could outlast it, and a position is written only by who holds the webhook, over
the position that they know. All that a process has to write goes into one small transaction, four times a second at most, so a
position lags behind the receiver by as much: after a kill the receiver is sent that stretch once more.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID, uuid4

import anyio
import anyio.to_thread
from eventsourcing.persistence import Notification, PersistenceError

from application.log import Appends, DamagedEvent, Reader, Store, leaf_hash, read_event
from application.privacy import Keyring, KeyStoreDamaged
from application.projections.audit_trail import AUDIT_TRAIL
from application.projections.tables import Live
from interfaces.cloudevents import encoded
from interfaces.webhooks import subscriptions
from interfaces.webhooks.sending import ATTEMPT_SECONDS_MAX, Sender
from interfaces.webhooks.signing import secret_of
from interfaces.webhooks.standing import Failure, delivered, failed, passed
from interfaces.webhooks.subscriptions import Webhook

log = logging.getLogger("stundenpool.webhooks")

WRITE_SECONDS = 0.25  # between two writes of a process
LOOK_SECONDS = 1.0  # between two looks at the table, where nothing is appended meanwhile
LOOK_SECONDS_MIN = 0.05
RETRY_SECONDS = 3.0  # after a look that failed
HOLD_SECONDS = 20.0
RENEW_SECONDS = 15.0  # what is left of these when they are put off; more than an attempt takes
LINGER_SECONDS = 1.0  # with nothing to deliver, before a webhook is let go
STOP_SECONDS_MAX = 3.0  # for attempts under way, when the process is to end
READ_EVENTS = 100

# An event costs about as much as a small request. All webhooks together must leave the event loop to those who wait for answers.
EVENTS_PER_SECOND_MAX = 200

T = TypeVar("T")


class Parcel(NamedTuple):
    """An event as it is sent. ``message`` is the same whenever this event is sent, and belongs to no other one."""

    position: int
    message: str
    body: bytes


class Sitting:
    """A webhook while this process holds it. ``written`` is what the table says of where it stands."""

    def __init__(self, webhook: Webhook, held_until: datetime) -> None:
        self.webhook = webhook
        self.standing = self.written = webhook.standing
        self.held_until = held_until
        self.ended = False
        self._woken = asyncio.Event()
        self.task: asyncio.Task[None]

    def wake(self) -> None:
        self._woken.set()

    async def news(self, seconds: float) -> bool:
        """Waits until somebody wakes it, at most so long; says whether anybody did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        woken = self._woken.is_set()
        self._woken.clear()
        return woken


class Deliverer:
    """All deliveries of one process. Belongs to one event loop, on which everything happens but reading and writing."""

    def __init__(self, store: Store, keyring: Keyring, patience: timedelta) -> None:
        self._store = store
        self._keyring = keyring
        self._patience = patience
        self._name = uuid4().hex
        self._known: Sequence[Webhook] = ()
        self._head = 0
        self._sittings: dict[UUID, Sitting] = {}
        self._appends: Appends | None = None
        self._closing = asyncio.Event()
        self._attending = anyio.CapacityLimiter(1)
        self._reading = anyio.CapacityLimiter(2)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Delivers as long as the block lasts, then lets attempts under way end, and writes how far they have come."""
        self._closing.clear()
        async with Sender() as sender:
            attending = asyncio.create_task(self._attend(sender))
            try:
                yield
            finally:
                self._closing.set()
                await attending

    def behind(self) -> dict[str, int]:
        """By webhook, how many events of the log stand behind its position, as this process saw it last."""
        return {str(webhook.id): max(0, self._head - webhook.standing.position) for webhook in self._known}

    # ── attending to the table

    async def _attend(self, sender: Sender) -> None:
        while not self._closing.is_set():
            try:
                await self._look(sender)
                await self._rest()
            except Exception as error:
                log.warning("webhooks are not attended to: %s", type(error).__name__)
                self._close_appends()
                await self._pause(RETRY_SECONDS)
        await self._end()

    async def _look(self, sender: Sender) -> None:
        """Sees what there is to do, writes what was done, and begins with what this process may do."""
        self._known, self._head = await self._in_thread(self._seen)
        ids = {webhook.id for webhook in self._known}
        for sitting in list(self._sittings.values()):
            if sitting.webhook.id not in ids:
                self._dismiss(sitting)
            elif self._head > sitting.standing.position:
                sitting.wake()
        now = datetime.now(UTC)
        due = [
            webhook
            for webhook in self._known
            if webhook.id not in self._sittings and subscriptions.is_due(webhook, self._head, self._name, now)
        ]
        for webhook in await self._write(due, now):
            sitting = self._sittings[webhook.id] = Sitting(webhook, now + timedelta(seconds=HOLD_SECONDS))
            sitting.task = asyncio.create_task(self._sit(sitting, sender))

    def _seen(self) -> tuple[list[Webhook], int]:
        with self._store.reading() as reader:
            return subscriptions.look(reader)

    async def _write(self, due: Sequence[Webhook], now: datetime) -> list[Webhook]:
        """Writes whatever has changed, in one transaction; returns those of the due ones that are this process's now."""
        renewing = now + timedelta(seconds=RENEW_SECONDS)
        changed = [
            (sitting, sitting.standing, sitting.ended)
            for sitting in self._sittings.values()
            if sitting.ended or sitting.standing != sitting.written or sitting.held_until < renewing
        ]
        if not due and not changed:
            return []
        until = now + timedelta(seconds=HOLD_SECONDS)

        def write() -> tuple[list[Webhook], set[UUID]]:
            with self._store.loading() as tx:  # beside the turns where the database can do that; nothing of it must be durable
                kept = {
                    sitting.webhook.id
                    for sitting, standing, ended in changed
                    if subscriptions.advance(
                        tx, sitting.webhook.id, self._name, sitting.written, standing, None if ended else until
                    )
                }
                return [webhook for webhook in due if subscriptions.claim(tx, webhook, self._name, until, now)], kept

        claimed, kept = await self._in_thread(write)
        for sitting, standing, ended in changed:
            if sitting.webhook.id not in kept or ended:
                self._dismiss(sitting)
            else:
                sitting.written, sitting.held_until = standing, until
        return claimed

    def _dismiss(self, sitting: Sitting) -> None:
        """It has ended, was removed, or is somebody else's by now."""
        sitting.task.cancel()
        del self._sittings[sitting.webhook.id]

    async def _rest(self) -> None:
        """Until there may be something to do."""
        if self._sittings:
            await self._pause(WRITE_SECONDS)
        elif self._known:
            await self._pause(LOOK_SECONDS_MIN)
            if self._appends is None:
                self._appends = await self._in_thread(self._store.appends)
            appends = self._appends
            await self._in_thread(lambda: appends.wait(LOOK_SECONDS))
        else:
            await self._pause(LOOK_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    async def _end(self) -> None:
        for sitting in self._sittings.values():
            sitting.wake()
        tasks = [sitting.task for sitting in self._sittings.values()]
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=STOP_SECONDS_MAX)
            for task in unfinished:
                task.cancel()
            if unfinished:
                await asyncio.wait(unfinished)
        try:
            await self._write((), datetime.now(UTC))
        except PersistenceError as error:
            log.warning("positions of webhooks are not written: %s", type(error).__name__)
        self._close_appends()

    def _close_appends(self) -> None:
        appends, self._appends = self._appends, None
        if appends is not None:
            appends.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work, limiter=self._attending)

    # ── delivering to one of them

    async def _sit(self, sitting: Sitting, sender: Sender) -> None:
        """Delivers what stands behind the webhook's position until there is nothing more, or an attempt fails."""
        try:
            secret = await self._read(lambda: secret_of(self._keyring, sitting.webhook.id))
            while not self._closing.is_set():
                parcels, through = await self._read(lambda: self._parcels(sitting.webhook, sitting.standing.position))
                for parcel in parcels:
                    if self._closing.is_set() or not await self._deliver(sitting, sender, secret, parcel):
                        return
                if through:
                    sitting.standing = passed(sitting.standing, through)
                elif not await sitting.news(LINGER_SECONDS):
                    return
        except PersistenceError as error:
            log.warning("the log cannot be read for webhooks: %s", type(error).__name__)
        except KeyStoreDamaged:
            self._fail(sitting, Failure("key_store"))
        except DamagedEvent:
            self._fail(sitting, Failure("damaged_event"))
        except Exception as error:
            log.error("unexpected: %s", type(error).__name__)
            self._fail(sitting, Failure("unexpected"))
        finally:
            sitting.ended = True

    async def _read(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work, limiter=self._reading)

    def _parcels(self, webhook: Webhook, after: int) -> tuple[list[Parcel], int]:
        """What comes next of what is wanted, and up to which position that is all of it; 0 where nothing stands there."""
        with self._store.reading() as reader:
            rows = reader.notifications(after, READ_EVENTS)
            wanted = _wanted(reader, webhook, rows)
        parcels: list[Parcel] = []
        for row in wanted:
            try:
                parcels.append(Parcel(row.id, _message(row), encoded(read_event(row))))
            except DamagedEvent:
                if not parcels:
                    raise
                return parcels, parcels[-1].position  # what stands before it is delivered first
        return parcels, rows[-1].id if rows else 0

    async def _deliver(self, sitting: Sitting, sender: Sender, secret: bytes, parcel: Parcel) -> bool:
        """Whether the receiver has taken it."""
        if datetime.now(UTC) + timedelta(seconds=ATTEMPT_SECONDS_MAX) > sitting.held_until:
            return False
        began = time.monotonic()
        failure = await sender.attempt(sitting.webhook.url, secret, parcel.message, parcel.body)
        if failure is not None:
            self._fail(sitting, failure)
            return False
        sitting.standing = delivered(sitting.standing, parcel.position)
        await asyncio.sleep(len(self._sittings) / EVENTS_PER_SECOND_MAX - (time.monotonic() - began))
        return True

    def _fail(self, sitting: Sitting, failure: Failure) -> None:
        before, after = sitting.standing, failed(sitting.standing, failure, datetime.now(UTC), self._patience, random.random())  # noqa: S311
        sitting.standing = after
        if after.paused or not before.attempts:
            log.warning("webhook %s %s: %s", sitting.webhook.id, "paused" if after.paused else "fails", failure.error)


def _wanted(reader: Reader, webhook: Webhook, rows: Sequence[Notification]) -> list[Notification]:
    """Those of these successive events that the webhook is for."""
    if webhook.pool is not None and rows:
        statement = (
            "SELECT t.position FROM {audit_trail} AS t JOIN {trail_subjects} AS s ON s.subject = t.subject "
            "WHERE t.position BETWEEN ? AND ? AND s.pool = ?"
        )
        found = Live(reader, AUDIT_TRAIL).fetch(statement, (rows[0].id, rows[-1].id, str(webhook.pool)))
        of_pool = {position for (position,) in found}
        rows = [row for row in rows if row.id in of_pool]
    return [row for row in rows if webhook.types is None or row.topic in webhook.types]


def _message(row: Notification) -> str:
    """Position and hash: after a restore another event may stand at the position, and must not look like a repetition."""
    return f"evt_{row.id}_{leaf_hash(row).hex()[:16]}"
