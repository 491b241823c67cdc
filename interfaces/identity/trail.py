"""What happened at the door, in a table that only grows: who tried to get in, from where, and who changed what about whom.

It names people who work here, so its oldest entries are removed, a month of them at a time, when a period is over.
Of an attempt under a name that is no account's the name is not kept: it may be a password in the wrong field.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal, get_args

import msgspec

from application.log import Reader, Transaction
from application.projections.tables import instant, micros
from domain.quantities import berlin_day, start_of_day

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
    "proved_again",
    "password_changed",
    "second_factor_set_up",
    "account_created",
    "account_changed",
    "account_locked",
    "account_unlocked",
    "account_disabled",
    "password_reset",
    "second_factor_reset",
    "subject_blocked",
    "subject_unblocked",
    "token_created",
    "token_revoked",
    "restored",
    "entries_removed",
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


def kept_since(now: datetime, months: int) -> datetime:
    """From which instant on entries are kept: the beginning of the month that was so many months ago."""
    today = berlin_day(now)
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return start_of_day(date(year, month + 1, 1))


def count_before(reader: Reader, since: datetime) -> int:
    """How many entries are older."""
    [(count,)] = reader.fetch("SELECT COUNT(*) FROM access_trail WHERE at < ?", (micros(since),))
    return int(count)


def remove_before(tx: Transaction, since: datetime, now: datetime, by: str | None = None) -> None:
    """Removes entries that are older, if there are any, and notes that. The database refuses it for those of twelve weeks."""
    if not count_before(tx, since):
        return
    note(tx, now, "entries_removed", None, by=by)
    tx.fetch("DELETE FROM access_trail WHERE at < ?", (micros(since),))


_INSERT = "INSERT INTO access_trail (number, at, what, subject, address, done_by) VALUES (?, ?, ?, ?, ?, ?)"
_KNOWN: Mapping[str, What] = {what: what for what in get_args(What)}
