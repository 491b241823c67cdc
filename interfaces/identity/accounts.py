"""Accounts of people, and what an administrator does to them. An administrator gives out first passwords and sees no other one.

A disabled account stays for good, so that nobody else is ever given its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID, uuid4

import msgspec

from application.log import Reader, Transaction
from application.privacy import Keyring
from application.projections.tables import instant, micros
from domain.quantities import Actor, Role
from interfaces.identity import passwords, second_factor, sessions, tokens, trail
from interfaces.identity.people import OFFICE, actor_of, is_name
from interfaces.identity.trail import What

FIRST_PASSWORD = timedelta(days=7)  # in which it has to be used

AccountState = Literal["active", "locked", "disabled"]


class AccountRefused(Exception):
    """Nothing was changed. The sentence is German."""


@dataclass(frozen=True, slots=True)
class Account:
    """``first_until`` says of a password that was given out until when; ``factor`` is none until a second factor is set up."""

    id: UUID
    name: str
    actor: Actor
    state: AccountState
    password: str
    first_until: datetime | None
    factor: bytes | None
    factor_step: int


class AccountView(msgspec.Struct, frozen=True):
    """An account as it is listed."""

    name: str
    subject: str
    role: Role
    provider: str | None
    state: AccountState
    password_chosen: bool
    second_factor: bool
    created_at: datetime
    created_by: str


# ── what an administrator does


def create(
    tx: Transaction,
    keyring: Keyring,
    now: datetime,
    by: str,
    *,
    name: str,
    role: str,
    subject: str | None = None,
    provider: str | None = None,
) -> str:
    """A new account; returns its first password, which is kept nowhere. Raises ``AccountRefused``."""
    try:
        actor = actor_of(role, subject or name, provider)
    except ValueError as wrong:
        raise AccountRefused(str(wrong)) from wrong
    if not is_name(name):
        raise AccountRefused("Namen haben 1 bis 200 druckbare Zeichen und keinen Leerraum am Rand.")
    if find(tx, name) is not None:
        raise AccountRefused(f"Ein Konto „{folded(name)}“ gibt es schon; auch das eines abgeschalteten wird nicht neu vergeben.")
    id, password = uuid4(), passwords.first_password()
    who = (actor.subject, actor.role, actor.organisation)
    secret = passwords.hashed(keyring, id, password)
    tx.execute(_INSERT, [(str(id), folded(name), *who, "active", secret, micros(now + FIRST_PASSWORD), 0, micros(now), by)])
    trail.note(tx, now, "account_created", actor.subject, by=by)
    return password


def lock(tx: Transaction, now: datetime, by: str, name: str) -> None:
    """Nobody gets in with it until it is unlocked; its sessions end. Raises ``AccountRefused``."""
    _turn(tx, now, by, name, "active", "locked", "account_locked")


def unlock(tx: Transaction, now: datetime, by: str, name: str) -> None:
    """Raises ``AccountRefused``."""
    _turn(tx, now, by, name, "locked", "active", "account_unlocked")


def disable(tx: Transaction, now: datetime, by: str, name: str) -> int:
    """For good; its sessions end, its person's tokens are revoked. Says how many tokens those were. Raises ``AccountRefused``."""
    account = _standing(tx, name)
    _turn(tx, now, by, name, account.state, "disabled", "account_disabled")
    return tokens.revoke_all(tx, now, of=account.actor)


def change_role(tx: Transaction, now: datetime, by: str, name: str, *, role: str, provider: str | None) -> int:
    """Another role for the same person: whoever is signed in has to do so again, and tokens of the old role are revoked; says how
    many those were. Raises ``AccountRefused``."""
    account = _standing(tx, name)
    try:
        actor = actor_of(role, account.actor.subject, provider)
    except ValueError as wrong:
        raise AccountRefused(str(wrong)) from wrong
    tx.execute("UPDATE accounts SET role = ?, organisation = ? WHERE id = ?", [(actor.role, actor.organisation, str(account.id))])
    _end(tx, now, by, account, "account_changed")
    return tokens.revoke_all(tx, now, of=account.actor)


def reset_password(tx: Transaction, keyring: Keyring, now: datetime, by: str, name: str) -> str:
    """A new first password; sessions end, the second factor stays. Raises ``AccountRefused``."""
    account, password = _standing(tx, name), passwords.first_password()
    keep_password(tx, account, passwords.hashed(keyring, account.id, password), now + FIRST_PASSWORD)
    _end(tx, now, by, account, "password_reset")
    return password


def reset_second_factor(tx: Transaction, now: datetime, by: str, name: str) -> None:
    """Another one is set up at the next sign-in; sessions end. Raises ``AccountRefused``."""
    account = _standing(tx, name)
    keep_factor(tx, account, None, 0, [])
    _end(tx, now, by, account, "second_factor_reset")


def sign_out(tx: Transaction, now: datetime, by: str, subject: str, provider: str | None) -> int:
    """Ends the sessions of a person, also of one who signs in at the issuer and has no account here; says how many those were.
    Raises ``AccountRefused``."""
    ended = sessions.end_all_of(tx, subject, provider or OFFICE)
    if ended == 0:
        raise AccountRefused(f"Unter der Kennung „{subject}“ ist hier niemand angemeldet.")
    trail.note(tx, now, "session_ended", subject, by=by)
    return ended


def block(tx: Transaction, now: datetime, by: str, subject: str, provider: str | None) -> int:
    """A person gets in by no way at all, also not by the issuer or with a token, until it is taken back; says how many sessions
    ended with it. Raises ``AccountRefused``."""
    adding = "INSERT INTO blocked (subject, organisation, at, done_by) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING at"
    if not tx.fetch(adding, (subject, provider or OFFICE, micros(now), by)):
        raise AccountRefused(f"Die Kennung „{subject}“ ist schon gesperrt.")
    trail.note(tx, now, "subject_blocked", subject, by=by)
    return sessions.end_all_of(tx, subject, provider or OFFICE)


def unblock(tx: Transaction, now: datetime, by: str, subject: str, provider: str | None) -> None:
    """Raises ``AccountRefused``."""
    removing = "DELETE FROM blocked WHERE subject = ? AND organisation = ? RETURNING at"
    if not tx.fetch(removing, (subject, provider or OFFICE)):
        raise AccountRefused(f"Die Kennung „{subject}“ ist nicht gesperrt.")
    trail.note(tx, now, "subject_unblocked", subject, by=by)


# ── what signing in reads and writes


def find(reader: Reader, name: str) -> Account | None:
    """By the name that somebody typed."""
    return _one(reader, "name", folded(name))


def get(reader: Reader, id: UUID) -> Account:
    found = _one(reader, "id", str(id))
    assert found is not None, "accounts are never removed"
    return found


def keep_password(tx: Transaction, account: Account, secret: str, first_until: datetime | None = None) -> None:
    """A password in the form that it is kept in."""
    until = None if first_until is None else micros(first_until)
    tx.execute("UPDATE accounts SET password = ?, first_until = ? WHERE id = ?", [(secret, until, str(account.id))])


def keep_factor(tx: Transaction, account: Account, factor: bytes | None, step: int, recovery: Sequence[bytes]) -> None:
    """A second factor with the step of the code that proved it, and hashes of what stands in for it; nothing of before is left."""
    tx.execute("UPDATE accounts SET factor = ?, factor_step = ? WHERE id = ?", [(factor, step, str(account.id))])
    tx.execute("DELETE FROM recovery_codes WHERE account = ?", [(str(account.id),)])
    tx.execute("INSERT INTO recovery_codes (account, hash) VALUES (?, ?)", [(str(account.id), hash) for hash in recovery])


def use_code(tx: Transaction, keyring: Keyring, account: Account, code: str, now: datetime) -> Literal["app", "recovery"] | None:
    """Takes a code of the second factor, or one that stands in for it; neither is taken again. Says which it was."""
    if account.factor is None:
        return None
    step = second_factor.step_of(second_factor.secret_of(keyring, account.id, account.factor), code, now, account.factor_step)
    if step is not None:
        tx.execute("UPDATE accounts SET factor_step = ? WHERE id = ?", [(step, str(account.id))])
        return "app"
    hash = second_factor.hashed_recovery_code(keyring, account.id, code)
    used = tx.fetch("DELETE FROM recovery_codes WHERE account = ? AND hash = ? RETURNING hash", (str(account.id), hash))
    return "recovery" if used else None


def recovery_codes_left(reader: Reader, id: UUID) -> int:
    [(left,)] = reader.fetch("SELECT COUNT(*) FROM recovery_codes WHERE account = ?", (str(id),))
    return int(left)


def views(reader: Reader) -> list[AccountView]:
    """All of them, by name."""
    rows = reader.fetch(
        "SELECT name, subject, role, organisation, state, first_until, factor, created, created_by FROM accounts ORDER BY name"
    )
    return [
        AccountView(
            name,
            subject,
            role,
            None if organisation == OFFICE else organisation,
            _STATES[state],
            first_until is None,
            factor is not None,
            instant(created),
            by,
        )
        for name, subject, role, organisation, state, first_until, factor, created, by in rows
    ]


def folded(name: str) -> str:
    """A name the same however it is typed."""
    return passwords.normal(name.strip()).casefold()


# ── rows

_COLUMNS = "id, name, subject, role, organisation, state, password, first_until, factor, factor_step"
_INSERT = (
    "INSERT INTO accounts (id, name, subject, role, organisation, state, password, first_until, factor_step, created, created_by) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_STATES: Mapping[str, AccountState] = {state: state for state in get_args(AccountState)}


def _one(reader: Reader, column: str, value: str) -> Account | None:
    rows = reader.fetch(f"SELECT {_COLUMNS} FROM accounts WHERE {column} = ?", (value,))
    return _account(rows[0]) if rows else None


def _account(row: Sequence[Any]) -> Account:
    id, name, subject, role, organisation, state, password, first_until, factor, step = row
    until = None if first_until is None else instant(first_until)
    return Account(UUID(id), name, Actor(subject, role, organisation), _STATES[state], password, until, factor, step)


def _standing(tx: Transaction, name: str) -> Account:
    """An account that is not disabled."""
    account = find(tx, name)
    if account is None:
        raise AccountRefused(f"Ein Konto „{name}“ gibt es nicht.")
    if account.state == "disabled":
        raise AccountRefused(f"Das Konto „{name}“ ist abgeschaltet, und das bleibt es.")
    return account


def _turn(tx: Transaction, now: datetime, by: str, name: str, before: AccountState, after: AccountState, what: What) -> None:
    account = _standing(tx, name)
    if account.state != before:
        raise AccountRefused(f"Das Konto „{name}“ ist {'gesperrt' if account.state == 'locked' else 'nicht gesperrt'}.")
    tx.execute("UPDATE accounts SET state = ? WHERE id = ?", [(after, str(account.id))])
    _end(tx, now, by, account, what)


def _end(tx: Transaction, now: datetime, by: str, account: Account, what: What) -> None:
    sessions.end_all_of(tx, account.actor.subject, account.actor.organisation)
    trail.note(tx, now, what, account.actor.subject, by=by)
