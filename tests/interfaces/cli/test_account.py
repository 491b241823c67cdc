"""Accounts and tokens on the command line, and what a restore does to those who are in."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import anyio
import pytest

from application.privacy import Keyring
from domain.quantities import Actor
from interfaces.cli.stores import opened_store, reading
from interfaces.identity import blocks, passwords, sessions
from interfaces.identity.passwords import Cost
from interfaces.identity.sessions import Sessions
from interfaces.identity.signing_in import NotTaken, SigningIn
from interfaces.identity.tokens import hashed
from interfaces.settings import read_settings
from interfaces.storage.keystore import open_keystore
from tests.interfaces.cli.conftest import Run

FIRST_PASSWORD = "([a-z2-9]{5}-){3}[a-z2-9]{5}\n"


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", Cost(memory_kib=8, iterations=1, lanes=1))


@contextmanager
def door() -> Iterator[SigningIn]:
    settings = read_settings()
    with opened_store(settings) as store, closing(open_keystore(settings.keystore)) as keys:
        yield SigningIn(Sessions(store, anyio.CapacityLimiter(1)), Keyring(keys))


def gets_in(name: str, password: str) -> bool:
    """As far as the next step."""
    with door() as signing_in:
        try:
            signing_in.with_password(name, password, "")
        except NotTaken:
            return False
    return True


def trail() -> list[tuple[str, str | None]]:
    with reading() as reader:
        return [(what, by) for what, by in reader.fetch("SELECT what, done_by FROM access_trail ORDER BY number") if by]


@pytest.mark.usefixtures("installation")
def test_an_account_is_made_with_a_first_password_alone_on_stdout(run: Run) -> None:
    """It opens the first step; whoever looks at the list sees who still has to come."""
    done = run("account", "create", "--name", "Kim.Beispiel", "--role", "lead", "--provider", "traeger-a", "--subject", "l-017")
    assert done.exit_code == 0, done.stderr
    assert re.fullmatch(FIRST_PASSWORD, done.stdout)
    assert gets_in("kim.beispiel", done.stdout.strip())
    listed = run("account", "list").stdout
    assert "kim.beispiel  verzeichnet als l-017, lead, traeger-a, aktiv, hat noch kein eigenes Passwort" in listed
    assert done.stdout.strip() not in listed
    [account] = json.loads(run("account", "list", "--json").stdout)
    assert account["name"] == "kim.beispiel"
    assert "$argon2" not in json.dumps(account)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--name kim --role lead", "brauchen einen Träger"),
        ("--name kim --role officer --provider traeger-a", "brauchen einen Träger"),
        ("--name sb-1 --role officer", "gibt es schon"),
        ("--name SB-1 --role officer", "gibt es schon"),
    ],
)
@pytest.mark.usefixtures("sqlite_installation")
def test_an_account_that_cannot_be_is_refused(run: Run, words: str, why: str) -> None:
    """With a sentence, and nothing on stdout."""
    run("account", "create", "--name", "sb-1", "--role", "officer")
    done = run("account", "create", *words.split())
    assert done.exit_code == 1
    assert done.stdout == ""
    assert why in done.stderr


@pytest.mark.usefixtures("installation")
def test_an_account_is_locked_unlocked_reset_changed_and_disabled(run: Run) -> None:
    """Each is recorded with who did it; what is disabled stays so."""
    first = run("account", "create", "--name", "kim", "--role", "officer").stdout.strip()
    assert run("account", "lock", "kim").exit_code == 0
    assert not gets_in("kim", first)
    assert run("account", "lock", "kim").exit_code == 1
    assert run("account", "unlock", "kim").exit_code == 0
    assert gets_in("kim", first)
    reset = run("account", "reset-password", "kim")
    assert re.fullmatch(FIRST_PASSWORD, reset.stdout)
    assert not gets_in("kim", first)
    assert gets_in("kim", reset.stdout.strip())
    assert run("account", "reset-second-factor", "kim").exit_code == 0
    assert run("account", "change", "kim", "--role", "lead", "--provider", "traeger-a").exit_code == 0
    assert "lead, traeger-a" in run("account", "list").stdout
    run("token", "create", "--role", "lead", "--provider", "traeger-a", "--subject", "kim")
    disabled = run("account", "disable", "kim")
    assert "Widerrufene Zugangstoken: 1" in disabled.stderr
    assert not gets_in("kim", reset.stdout.strip())
    assert run("account", "unlock", "kim").exit_code == 1
    assert run("account", "lock", "niemand").exit_code == 1
    done = [what for what, _ in trail()]
    assert done == [
        "account_created", "account_locked", "account_unlocked", "password_reset", "second_factor_reset", "account_changed",
        "token_created", "account_disabled",
    ]  # fmt: skip


@pytest.mark.usefixtures("installation")
def test_a_person_is_signed_out_whoever_knows_them(run: Run) -> None:
    """Also without an account here, as whoever came from the issuer; a namesake elsewhere stays."""
    now = datetime.now(UTC)
    with opened_store(read_settings()) as store, store.turn() as turn:
        people = [Actor("robin", "lead", "traeger-a"), Actor("robin", "lead", "traeger-a"), Actor("robin", "officer", "jugendamt")]
        cookies = [sessions.begin(turn, now, each, how="oidc", address="") for each in people]
    done = run("account", "sign-out", "robin", "--provider", "traeger-a")
    assert "Beendete Sitzungen: 2" in done.stderr
    with reading() as reader:
        assert [sessions.current(reader, now, cookie) is not None for cookie in cookies] == [False, False, True]
    assert [what for what, _ in trail()] == ["session_ended"]
    again = run("account", "sign-out", "robin", "--provider", "traeger-a")
    assert (again.exit_code, "niemand angemeldet" in again.stderr) == (1, True)


@pytest.mark.usefixtures("installation")
def test_a_person_is_blocked_whoever_knows_them(run: Run) -> None:
    """With sessions and tokens, until it is taken back; a namesake elsewhere stays."""
    lead, officer = Actor("robin", "lead", "traeger-a"), Actor("robin", "officer", "jugendamt")
    now = datetime.now(UTC)
    with opened_store(read_settings()) as store, store.turn() as turn:
        cookies = [sessions.begin(turn, now, each, how="oidc", address="") for each in (lead, officer)]
    done = run("account", "block", "robin", "--provider", "traeger-a")
    assert "Beendete Sitzungen: 1" in done.stderr
    with reading() as reader:
        assert [sessions.current(reader, now, cookie) is not None for cookie in cookies] == [False, True]
        assert [blocks.is_blocked(reader, each) for each in (lead, officer)] == [True, False]
    again = run("account", "block", "robin", "--provider", "traeger-a")
    assert (again.exit_code, "schon gesperrt" in again.stderr) == (1, True)
    assert run("account", "unblock", "robin", "--provider", "traeger-a").exit_code == 0
    with reading() as reader:
        assert not blocks.is_blocked(reader, lead)
    assert run("account", "unblock", "robin", "--provider", "traeger-a").exit_code == 1
    assert [what for what, _ in trail()] == ["subject_blocked", "subject_unblocked"]


@pytest.mark.usefixtures("installation")
def test_tokens_are_listed_and_revoked(run: Run) -> None:
    """By an id that opens nothing."""
    token = run("token", "create", "--role", "officer", "--subject", "sb-1", "--scope", "read").stdout.strip()
    listed = run("token", "list").stdout
    id = UUID(bytes=hashed(token)[:16])
    assert f"{id}  sb-1 (officer)\n    Umfang read, ausgestellt" in listed
    assert token not in listed
    assert run("token", "revoke", str(id)).exit_code == 0
    assert "widerrufen" in run("token", "list").stdout
    assert json.loads(run("token", "list", "--json").stdout)[0]["revoked_at"]
    assert run("token", "revoke", str(uuid4())).exit_code == 1
    assert run("token", "revoke", "x").exit_code == 2


@pytest.mark.usefixtures("installation")
def test_a_restore_brings_back_accounts_and_nobody_who_is_in(
    run: Run, monkeypatch: pytest.MonkeyPatch, fresh_url: Callable[[str], str]
) -> None:
    """Whoever was signed in has to do so again; what was locked or revoked since has to be as well, and the command says so."""
    first = run("account", "create", "--name", "kim", "--role", "officer").stdout.strip()
    run("token", "create", "--role", "officer", "--subject", "sb-1")
    with opened_store(read_settings()) as store, store.turn() as turn:
        kim = Actor("kim", "officer", "jugendamt")
        cookie = sessions.begin(turn, datetime.now(UTC), kim, how="password", address="")
    assert run("db", "backup", "copy").exit_code == 0
    kind = "sqlite" if read_settings().database_url.startswith("sqlite") else "postgres"
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", fresh_url(kind))
    done = run("db", "restore", "copy")
    assert done.exit_code == 0, done.stderr
    assert "Alle Sitzungen sind beendet" in done.stderr
    assert "noch einmal" in done.stderr
    with reading() as reader:
        assert sessions.current(reader, datetime.now(UTC), cookie) is None
    assert "sb-1" in run("token", "list").stdout
    assert gets_in("kim", first)
    assert trail()[-1][0] == "restored"
