"""What happened at the door, in a table that only grows: who tried to get in, from where, and who changed what about whom.

Of an attempt under a name that is no account's the name is not kept: it may be a password in the wrong field.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, get_args

import msgspec

from application.log import Reader, Transaction
from application.projections.tables import instant, micros

What = Literal[
    "signed_in",
    "signed_out",
    "unknown_name",
    "wrong_password",
    "wrong_code",
    "not_active",
    "first_password_expired",
    "too_soon",
    "recovery_code_used",
    "session_taken_twice",
    "session_ended",
    "password_changed",
    "second_factor_set_up",
    "account_created",
    "account_changed",
    "account_locked",
    "account_unlocked",
    "account_disabled",
    "password_reset",
    "second_factor_reset",
    "token_created",
    "token_revoked",
    "restored",
]


class AccessView(msgspec.Struct, frozen=True):
    """``subject`` is whom it is about, as far as that is known; ``by`` is who did it, where that is another person."""

    number: int
    at: datetime
    what: What
    subject: str | None
    address: str | None
    by: str | None


def note(
    tx: Transaction, now: datetime, what: What, subject: str | None, *, address: str | None = None, by: str | None = None
) -> None:
    """Goes in with what it tells of, or not at all."""
    [(last,)] = tx.fetch("SELECT COALESCE(MAX(number), 0) FROM access_trail")
    tx.execute(_INSERT, [(last + 1, micros(now), what, subject, address, by)])


def views(reader: Reader, *, before: int | None, limit: int) -> list[AccessView]:
    """The latest first, those before a number."""
    condition, params = ("WHERE number < ?", (before,)) if before is not None else ("", ())
    rows = reader.fetch(
        f"SELECT number, at, what, subject, address, done_by FROM access_trail {condition} ORDER BY number DESC LIMIT {limit:d}",
        params,
    )
    return [AccessView(number, instant(at), _KNOWN[what], *who) for number, at, what, *who in rows]


_INSERT = "INSERT INTO access_trail (number, at, what, subject, address, done_by) VALUES (?, ?, ?, ?, ?, ?)"
_KNOWN: Mapping[str, What] = {what: what for what in get_args(What)}
