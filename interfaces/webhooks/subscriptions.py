"""The table ``webhooks``: who wants which events where, how far that is, and which process sees to it.

It stands beside the log like the tokens: what systems an office connects is no fact about its hours.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
from msgspec.structs import asdict

from application.catalogue import BY_NAME
from application.log import Loading, Reader, Transaction
from application.privacy import Keyring
from application.projections import pools
from application.projections.tables import instant, micros
from domain.refusals import Malformed, NotFound
from interfaces.webhooks import signing
from interfaces.webhooks.standing import Paused, Standing, released, resumed

WEBHOOKS_MAX = 100
URL_CHARACTERS_MAX = 2_000

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = rf"({_LABEL}\.){{0,10}}[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"

# TLS to anybody, plain HTTP to this machine alone. No user and password, which would stand in the database and in answers.
URL_PATTERN = (
    rf"^(https://({_NAME}|{_OCTET}(\.{_OCTET}){{3}})|http://(localhost|127(\.{_OCTET}){{3}}|\[::1\]))"
    rf"(:({_PORT}))?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?$"
)
_URL = re.compile(URL_PATTERN)


@dataclass(frozen=True, slots=True)
class Webhook:
    """``types`` and ``pool`` are all that is wanted; ``None`` is everything. ``holder`` delivers until ``held_until``."""

    id: UUID
    url: str
    types: tuple[str, ...] | None
    pool: UUID | None
    created: datetime
    created_by: str
    standing: Standing
    holder: str | None = None
    held_until: datetime | None = None


class WebhookView(msgspec.Struct, frozen=True):
    """Up to ``position`` everything was taken or not wanted; ``behind`` counts all events of the log that stand behind it."""

    id: UUID
    url: str
    types: tuple[str, ...] | None
    pool: UUID | None
    created_at: datetime
    created_by: str
    state: Literal["active", "failing", "paused"]
    paused: Paused | None
    position: int
    behind: int
    failing_since: datetime | None
    attempts: int
    last_error: str | None
    next_attempt: datetime | None


class RegisteredWebhook(WebhookView, frozen=True):
    """The same with the secret that its deliveries are signed with; nothing else ever shows it."""

    secret: str


def view_of(webhook: Webhook, head: int) -> WebhookView:
    """As it is shown; ``head`` is the log's last position."""
    standing = webhook.standing
    return WebhookView(
        id=webhook.id,
        url=webhook.url,
        types=webhook.types,
        pool=webhook.pool,
        created_at=webhook.created,
        created_by=webhook.created_by,
        state="paused" if standing.paused else "failing" if standing.attempts else "active",
        paused=standing.paused,
        position=standing.position,
        behind=max(0, head - standing.position),
        failing_since=standing.failing_since,
        attempts=standing.attempts,
        last_error=standing.last_error,
        next_attempt=standing.next_attempt,
    )


# ── for people


def register(
    tx: Transaction,
    by: str,
    *,
    url: str,
    types: Collection[str] | None = None,
    pool: UUID | None = None,
    after: int | None = None,
) -> WebhookView:
    """A new webhook, which once released begins behind the position ``after``, or now.

    Raises ``Malformed``, and ``NotFound`` for the pool.
    """
    if len(url) > URL_CHARACTERS_MAX or not _URL.fullmatch(url):
        problem = "keine Adresse https://…, oder http://… auf diesem Rechner; ohne Anmeldung, ohne # und ohne Leerzeichen"
        raise Malformed(place="url", problem=problem)
    if types is not None and not BY_NAME.keys() >= set(types):
        raise Malformed(place="types", problem="enthält einen Typ, den es nicht gibt")
    if pool is not None:
        pools.must_exist(tx, pool)
    head = _head(tx)
    if after is not None and after > head:
        raise Malformed(place="after", problem=f"das Protokoll endet bei {head}")
    [(known,)] = tx.fetch("SELECT COUNT(*) FROM webhooks")
    if known >= WEBHOOKS_MAX:
        raise Malformed(place="Anfrage", problem=f"mehr als {WEBHOOKS_MAX} Webhooks sind nicht vorgesehen")
    standing = Standing(head if after is None else after, paused="unreleased")
    wanted = None if types is None else tuple(sorted(set(types)))
    webhook = Webhook(uuid4(), url, wanted, pool, instant(micros(datetime.now(UTC))), by, standing)
    tx.execute(_INSERT, [_row(webhook)])
    return view_of(webhook, head)


def with_secret(keyring: Keyring, view: WebhookView) -> RegisteredWebhook:
    """What whoever registers it is told, and nobody afterwards. Raises ``KeyStoreDamaged``."""
    return RegisteredWebhook(**asdict(view), secret=signing.written(signing.secret_of(keyring, view.id)))


def remove(tx: Transaction, id: UUID) -> WebhookView:
    """Where it stood in the end. Raises ``NotFound``."""
    found = get(tx, id)
    tx.execute("DELETE FROM webhooks WHERE id = ?", [(str(id),)])
    return found


def resume(tx: Transaction, id: UUID) -> WebhookView:
    """Goes on at once, paused or not. Raises ``NotFound``."""
    return _set(tx, id, resumed(_one(tx, id).standing))


def release(tx: Transaction, id: UUID) -> WebhookView:
    """From here on it is delivered. Raises ``NotFound``."""
    return _set(tx, id, released(_one(tx, id).standing))


def _set(tx: Transaction, id: UUID, standing: Standing) -> WebhookView:
    tx.fetch(f"UPDATE webhooks SET {_STANDING} WHERE id = ?", (*_standing_row(standing), str(id)))
    return get(tx, id)


def get(reader: Reader, id: UUID) -> WebhookView:
    """Raises ``NotFound``."""
    return view_of(_one(reader, id), _head(reader))


def views(reader: Reader) -> list[WebhookView]:
    """All of them, the oldest first."""
    found, head = look(reader)
    return [view_of(webhook, head) for webhook in found]


# ── for those who deliver


def look(reader: Reader) -> tuple[list[Webhook], int]:
    """All webhooks, the oldest first, and the log's last position."""
    return [_webhook(row) for row in reader.fetch(f"SELECT {_COLUMNS} FROM webhooks ORDER BY created, id")], _head(reader)


def is_due(webhook: Webhook, head: int, holder: str, now: datetime) -> bool:
    """Whether this process should deliver: there is something behind, nobody else sees to it, and no pause is to be kept."""
    standing = webhook.standing
    free = webhook.held_until is None or webhook.held_until <= now or webhook.holder == holder
    return free and head > standing.position and not standing.paused and (standing.next_attempt or now) <= now


def claim(tx: Loading, webhook: Webhook, holder: str, until: datetime, now: datetime) -> bool:
    """Takes a webhook over as it was seen; fails where another process has been faster."""
    seen = webhook.standing
    found = tx.fetch(
        "UPDATE webhooks SET holder = ?, held_until = ? WHERE id = ? AND position = ? AND attempts = ? AND paused IS NULL "
        "AND (held_until IS NULL OR held_until <= ? OR holder = ?) RETURNING id",
        (holder, micros(until), str(webhook.id), seen.position, seen.attempts, micros(now), holder),
    )
    return bool(found)


def advance(tx: Loading, id: UUID, holder: str, before: Standing, after: Standing, until: datetime | None) -> bool:
    """Writes how far a holder has come, who holds on until an instant or lets go; fails where it holds the webhook no longer."""
    held_by, held_until = (None, None) if until is None else (holder, micros(until))
    found = tx.fetch(
        f"UPDATE webhooks SET {_STANDING}, holder = ?, held_until = ? WHERE id = ? AND holder = ? AND position = ? RETURNING id",
        (*_standing_row(after), held_by, held_until, str(id), holder, before.position),
    )
    return bool(found)


# ── rows

_STANDING_COLUMNS = ("position", "failing_since", "attempts", "last_error", "next_attempt", "paused")
_COLUMNS = f"id, url, types, pool, created, created_by, {', '.join(_STANDING_COLUMNS)}, holder, held_until"
_STANDING = ", ".join(f"{column} = ?" for column in _STANDING_COLUMNS)
_INSERT = f"INSERT INTO webhooks ({_COLUMNS}) VALUES ({', '.join('?' * (len(_STANDING_COLUMNS) + 8))})"


def _row(webhook: Webhook) -> tuple[Any, ...]:
    types = None if webhook.types is None else " ".join(webhook.types)
    pool = None if webhook.pool is None else str(webhook.pool)
    who = (webhook.url, types, pool, micros(webhook.created), webhook.created_by)
    return (str(webhook.id), *who, *_standing_row(webhook.standing), webhook.holder, _micros(webhook.held_until))


def _standing_row(standing: Standing) -> tuple[Any, ...]:
    since, due = _micros(standing.failing_since), _micros(standing.next_attempt)
    return standing.position, since, standing.attempts, standing.last_error, due, standing.paused


def _webhook(row: Sequence[Any]) -> Webhook:
    id, url, types, pool, created, by, position, since, attempts, error, due, paused, holder, until = row
    return Webhook(
        UUID(id),
        url,
        None if types is None else tuple(types.split()),
        None if pool is None else UUID(pool),
        instant(created),
        by,
        Standing(position, _instant(since), attempts, error, _instant(due), paused),
        holder,
        _instant(until),
    )


def _one(reader: Reader, id: UUID) -> Webhook:
    rows = reader.fetch(f"SELECT {_COLUMNS} FROM webhooks WHERE id = ?", (str(id),))
    if not rows:
        raise NotFound()
    return _webhook(rows[0])


def _head(reader: Reader) -> int:
    head = reader.head()
    return head.id if head else 0


def _micros(value: datetime | None) -> int | None:
    return None if value is None else micros(value)


def _instant(value: int | None) -> datetime | None:
    return None if value is None else instant(value)
