"""The way in, step by step, and who does not get in."""

from datetime import timedelta
from pathlib import Path

import pytest

from application.privacy import Keyring
from domain.quantities import Actor
from interfaces.identity import accounts, passwords, sessions, tokens
from interfaces.identity.accounts import AccountRefused
from interfaces.identity.breached import Breached
from interfaces.identity.passwords import Cost
from interfaces.identity.sessions import PROVED, Blocked
from interfaces.identity.signing_in import NotHere, NotTaken, SigningIn
from interfaces.storage.keystore import open_keystore
from tests.interfaces.identity.door import HERE, PASSWORD, THERE, Door, listed

KIM = Actor("kim", "officer", "jugendamt")


def not_taken(why: str) -> object:
    return pytest.raises(NotTaken, match=f"^{why}$")


def test_the_first_time_a_person_chooses_a_password_and_sets_up_a_second_factor(door: Door) -> None:
    """Only then are they signed in; each step has another id, and the one before is worth nothing."""
    first = door.password(password=door.account())
    assert door.actor(first) is None
    second = door.signing_in.with_new_password(first, PASSWORD, PASSWORD)
    assert door.actor(second) is None
    third, codes = door.sets_up_factor("kim", second)
    assert door.actor(third) == KIM
    assert len(set(codes)) == 10
    assert [door.actor(cookie) for cookie in (first, second)] == [None, None]
    assert door.trail() == ["account_created", "password_changed", "second_factor_set_up", "signed_in"]


def test_from_then_on_it_takes_password_and_code(door: Door) -> None:
    """A name is the same in letters of either size."""
    door.settled()
    cookie = door.password(name=" KIM ")
    assert door.actor(cookie) is None
    cookie = door.signing_in.with_code(cookie, f" {door.code()[:3]} {door.code()[3:]}", HERE)
    assert door.actor(cookie) == KIM


@pytest.mark.parametrize("steps", [-2, 2])
def test_a_code_of_another_time_is_wrong(door: Door, steps: int) -> None:
    """A step of half a minute around now is taken, and no other."""
    door.settled()
    cookie = door.password()
    with not_taken("wrong_code"):
        door.signing_in.with_code(cookie, door.code(seconds=30 * steps), HERE)
    assert door.actor(door.signing_in.with_code(cookie, door.code(seconds=30), HERE)) == KIM


def test_a_code_is_good_once(door: Door) -> None:
    """Whoever has looked over a shoulder comes too late, even with the password."""
    door.settled()
    code = door.code()
    door.signing_in.with_code(door.password(), code, HERE)
    with not_taken("wrong_code"):
        door.signing_in.with_code(door.password(), code, HERE)
    with not_taken("wrong_code"):
        door.signing_in.with_code(door.password(), door.code(seconds=-30), HERE)


def test_a_recovery_code_stands_in_once(door: Door) -> None:
    """However it is typed; the others stay good."""
    codes = door.settled()
    assert door.actor(door.signing_in.with_code(door.password(), codes[0].upper().replace("-", " "), HERE)) == KIM
    with not_taken("wrong_code"):
        door.signing_in.with_code(door.password(), codes[0], HERE)
    assert door.actor(door.signing_in.with_code(door.password(), codes[1], HERE)) == KIM
    assert "recovery_code_used" in door.trail()


def test_somebody_elses_recovery_code_is_wrong(door: Door) -> None:
    """It belongs to its account."""
    codes = door.settled()
    door.settled("robin")
    with not_taken("wrong_code"):
        door.signing_in.with_code(door.password("robin"), codes[0], HERE)


@pytest.mark.parametrize(
    ("name", "password"),
    [("kim", "falsch"), ("kim", ""), ("niemand", PASSWORD), ("", ""), ("x" * 500, PASSWORD), ("kim", "ä" * 4000), ("\0", "\0")],
)
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(door: Door, name: str, password: str) -> None:
    """And the same work is done for both, so that time does not tell them apart either."""
    door.settled()
    with not_taken("wrong"):
        door.password(name, password)


def test_as_many_passwords_are_computed_for_an_unknown_name(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """One each: that is what takes the time."""
    door.settled()
    with not_taken("wrong"):
        door.password("niemand")  # makes what nothing matches
    compared: list[str] = []
    matches = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda *args: compared.append(args[3][:20]) or matches(*args))
    for name in ("kim", "niemand"):
        with not_taken("wrong"):
            door.password(name, "falsch")
    assert len(compared) == 2
    assert compared[0] == compared[1]


def test_a_locked_account_says_no_more_than_a_wrong_password(door: Door) -> None:
    """Its sessions end at once; unlocked, it is as before. The trail tells them apart."""
    door.settled()
    cookie = door.signs_in()
    with door.store.turn() as turn:
        accounts.lock(turn, door.clock(), "admin-1", "kim")
    assert door.actor(cookie) is None
    with not_taken("wrong"):
        door.password()
    assert door.trail()[-2:] == ["account_locked", "not_active"]
    with door.store.turn() as turn:
        accounts.unlock(turn, door.clock(), "admin-1", "kim")
    assert door.actor(cookie) is None
    assert door.actor(door.signs_in()) == KIM


def test_a_disabled_account_stays_disabled(door: Door) -> None:
    """Its sessions end, the person's tokens are revoked, and its name is never given to anybody else."""
    door.settled()
    cookie = door.signs_in()
    tokens.create_token(door.store, role="officer", subject="kim")
    with door.store.turn() as turn:
        assert accounts.disable(turn, door.clock(), "admin-1", "KIM") == 1
    assert door.actor(cookie) is None
    with not_taken("wrong"):
        door.password()
    for change in (accounts.unlock, accounts.lock, accounts.disable, accounts.reset_second_factor):
        with pytest.raises(AccountRefused, match="abgeschaltet"), door.store.turn() as turn:
            change(turn, door.clock(), "admin-1", "kim")
    with pytest.raises(AccountRefused, match="gibt es schon"):
        door.account("Kim")


def test_another_role_ends_what_was_signed_in_as_the_old_one(door: Door) -> None:
    """Whoever signs in again is what they have become."""
    door.settled()
    cookie = door.signs_in()
    with door.store.turn() as turn:
        accounts.change_role(turn, door.clock(), "admin-1", "kim", role="lead", provider="traeger-a")
    assert door.actor(cookie) is None
    assert door.actor(door.signs_in()) == Actor("kim", "lead", "traeger-a")


def test_a_session_is_not_believed_once_its_account_says_otherwise(door: Door) -> None:
    """Whatever became of the session's row."""
    door.settled()
    for change in ("state = 'locked'", "role = 'auditor'", "organisation = 'traeger-a'"):
        cookie = door.signs_in()
        with door.store.turn() as turn:
            turn.execute(f"UPDATE accounts SET {change}", [()])
        assert door.actor(cookie) is None
        with door.store.turn() as turn:
            turn.execute("UPDATE accounts SET state = 'active', role = 'officer', organisation = 'jugendamt'", [()])


def test_a_reset_password_is_chosen_anew_behind_the_second_factor(door: Door) -> None:
    """An administrator who gives it out does not get in with it."""
    door.settled()
    with door.store.turn() as turn:
        first = accounts.reset_password(turn, door.keyring, door.clock(), "admin-1", "kim")
    with not_taken("wrong"):
        door.password()
    cookie = door.password(password=first)
    with pytest.raises(NotHere):
        door.signing_in.with_new_password(cookie, "ein ganz neues Passwort", "ein ganz neues Passwort")
    cookie = door.signing_in.with_code(cookie, door.code(), HERE)
    assert door.actor(cookie) is None
    cookie = door.signing_in.with_new_password(cookie, "ein ganz neues Passwort", "ein ganz neues Passwort")
    assert door.actor(cookie) == KIM


def test_a_reset_second_factor_is_set_up_anew(door: Door) -> None:
    """The old app and the old recovery codes are worth nothing."""
    codes = door.settled()
    with door.store.turn() as turn:
        accounts.reset_second_factor(turn, door.clock(), "admin-1", "kim")
    cookie = door.password()
    for code in (codes[0], door.code()):
        with pytest.raises(NotHere):
            door.signing_in.with_code(cookie, code, HERE)
    cookie, fresh = door.sets_up_factor("kim", cookie)
    assert door.actor(cookie) == KIM
    door.clock.passes(minutes=1)
    with not_taken("wrong_code"):
        door.signing_in.with_code(door.password(), codes[0], HERE)
    assert door.actor(door.signing_in.with_code(door.password(), fresh[0], HERE)) == KIM


def test_a_first_password_is_good_for_a_week(door: Door) -> None:
    """After that another one is to be given out."""
    first = door.account()
    door.clock.passes(days=7)
    with not_taken("wrong"):
        door.password(password=first)
    assert door.trail()[-1] == "first_password_expired"


def test_nobody_else_enters_between_the_steps(door: Door) -> None:
    """A step that is not this session's, or no session's any more, leads nowhere."""
    first = door.account()
    cookie = door.password(password=first)
    for step in (
        lambda: door.signing_in.with_code(cookie, "123456", HERE),
        lambda: door.signing_in.proposal(cookie),
        lambda: door.signing_in.with_new_factor(cookie, "123456"),
        lambda: door.signing_in.proving(cookie, first, "123456", HERE),
        lambda: door.signing_in.renewing(cookie, "password"),
        lambda: door.signing_in.with_new_password("falsch", PASSWORD, PASSWORD),
    ):
        with pytest.raises(NotHere):
            step()
    door.clock.passes(minutes=15)
    with pytest.raises(NotHere):
        door.signing_in.with_new_password(cookie, PASSWORD, PASSWORD)


@pytest.mark.parametrize(
    ("password", "again", "why"),
    [
        (PASSWORD, PASSWORD + " ", "differs"),
        ("elf Zeichen", "elf Zeichen", "short"),
        ("x y" * 100, "x y" * 100, "long"),
        ("Passwort2026!!", "Passwort2026!!", "common"),
        ("robinist die beste", "robinist die beste", "known"),
    ],
)
def test_a_password_that_would_be_guessed_is_not_taken(door: Door, password: str, again: str, why: str) -> None:
    """The step can be taken again."""
    cookie = door.password("robin", door.account("robin"))
    with not_taken(why):
        door.signing_in.with_new_password(cookie, password, again)
    door.signing_in.with_new_password(cookie, PASSWORD, PASSWORD)


def test_the_first_password_is_no_password_of_ones_own(door: Door) -> None:
    """An administrator knows it."""
    first = door.account()
    with not_taken("same"):
        door.signing_in.with_new_password(door.password(password=first), first, first)


def test_whoever_is_signed_in_renews_with_the_password_of_now(door: Door) -> None:
    """All other sessions end with it, also those that another system has begun."""
    door.settled()
    elsewhere, cookie = door.signs_in(address=THERE), door.signs_in()
    with not_taken("wrong_proof"):
        door.signing_in.proving(cookie, "falsch", door.code(), HERE)
    with not_taken("not_proved"):
        door.signing_in.renewing(cookie, "password")
    assert door.actor(cookie) == KIM
    cookie = door.signing_in.renewing(door.proves(cookie), "password")
    assert door.actor(cookie) is None
    cookie = door.signing_in.with_new_password(cookie, "noch ein anderes Passwort", "noch ein anderes Passwort")
    assert door.actor(cookie) == KIM
    assert door.actor(elsewhere) is None
    with not_taken("wrong"):
        door.password()


def test_a_proof_is_good_for_minutes(door: Door) -> None:
    """With a new id, on record, and for this session alone; the codes of both factors are used up by it."""
    codes = door.settled()
    other, cookie = door.signs_in(address=THERE), door.signs_in()
    code = door.code()
    proved = door.signing_in.proving(cookie, PASSWORD, code, HERE)
    assert door.actor(cookie) is None
    assert door.trail()[-1] == "proved_again"
    for again in (code, "000000", ""):
        with not_taken("wrong_proof"):
            door.signing_in.proving(proved, PASSWORD, again, HERE)
    with not_taken("not_proved"):
        door.signing_in.renewing(other, "password")
    door.clock.now += PROVED
    with not_taken("not_proved"):
        door.signing_in.renewing(proved, "password")
    proved = door.signing_in.proving(proved, PASSWORD, codes[0], HERE)
    assert door.trail()[-2:] == ["recovery_code_used", "proved_again"]
    door.clock.now += PROVED - timedelta(seconds=1)
    assert door.current(door.signing_in.renewing(proved, "password")) is not None


def test_a_password_that_became_known_is_not_taken(door: Door, tmp_path: Path) -> None:
    """Nor is any while nobody can tell."""
    path = listed(tmp_path / "pwned.txt", "Wolke sieben im Flur", *(f"kennwort {number}" for number in range(40)))
    door.signing_in = SigningIn(door.sessions, door.keyring, Breached(str(path)))
    cookie = door.password(password=door.account())
    with not_taken("breached"):
        door.signing_in.with_new_password(cookie, "Wolke sieben im Flur", "Wolke sieben im Flur")
    path.write_bytes(path.read_bytes().replace(b":", b";"))
    with not_taken("not_looked_up"):
        door.signing_in.with_new_password(cookie, PASSWORD, PASSWORD)
    path.unlink()
    with not_taken("not_looked_up"):
        door.signing_in.with_new_password(cookie, PASSWORD, PASSWORD)
    listed(path, "Wolke sieben im Flur")
    assert door.signing_in.with_new_password(cookie, PASSWORD, PASSWORD)


def test_whoever_is_blocked_gets_in_by_no_way(door: Door) -> None:
    """Neither with an account nor by another system; what was open ends, and what comes after the block is taken back does not."""
    door.settled()
    cookie, elsewhere, half = door.signs_in(), door.starts(KIM), door.password()
    with door.store.turn() as turn:
        assert accounts.block(turn, door.clock(), "admin-1", "kim", None) == 4  # with that of the first time
    assert [door.actor(each) for each in (cookie, elsewhere)] == [None, None]
    with pytest.raises(NotHere):
        door.signing_in.with_code(half, door.code(), HERE)
    with not_taken("wrong"):
        door.password()
    with pytest.raises(Blocked):
        door.starts(KIM)
    assert door.trail()[-3:] == ["subject_blocked", "not_active", "not_active"]
    with door.store.turn() as turn, pytest.raises(AccountRefused):
        accounts.block(turn, door.clock(), "admin-1", "kim", None)
    with door.store.turn() as turn:
        accounts.unblock(turn, door.clock(), "admin-1", "kim", None)
    assert door.actor(door.signs_in()) == KIM
    with door.store.turn() as turn, pytest.raises(AccountRefused):
        accounts.unblock(turn, door.clock(), "admin-1", "kim", None)


def test_a_second_factor_is_replaced_by_its_owner(door: Door) -> None:
    """Until the new one is proved, the old one counts."""
    codes = door.settled()
    cookie = door.signing_in.renewing(door.proves(door.signs_in()), "factor")
    old = door.secrets["kim"]
    door.signing_in.proposal(cookie)
    with not_taken("wrong_code"):
        door.signing_in.with_new_factor(cookie, "000000")
    door.secrets["kim"] = old
    assert door.actor(door.signs_in()) == KIM
    cookie, _ = door.sets_up_factor("kim", cookie)
    assert door.actor(cookie) == KIM
    door.clock.passes(minutes=1)
    with not_taken("wrong_code"):
        door.signing_in.with_code(door.password(), codes[0], HERE)


def test_a_password_is_kept_anew_where_parameters_have_changed(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the next sign-in, when it is known; it stays the same password."""
    door.settled()
    monkeypatch.setattr(passwords, "COST", Cost(memory_kib=16, iterations=2, lanes=1))
    door.password()
    with door.store.reading() as reader:
        [(kept,)] = reader.fetch("SELECT password FROM accounts")
    assert kept.startswith("$argon2id$v=19$m=16,t=2,p=1$")
    door.password()


def test_what_the_tables_hold_lets_nobody_in(door: Door) -> None:
    """No password, no code, no secret and no cookie stands in them."""
    first = door.account("robin")
    codes = door.settled()
    cookie = door.signs_in()
    known = [first.encode(), PASSWORD.encode(), door.secrets["kim"], cookie.encode(), door.secrets["kim"].hex().encode()]
    known += [code.replace("-", "").encode() for code in codes]
    with door.store.reading() as reader:
        rows = [row for table in ("accounts", "recovery_codes", "sessions", "failures", "access_trail") for row in
                reader.fetch(f"SELECT * FROM {table}")]  # fmt: skip
    kept = b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)
    assert len(kept) > 500
    for secret in known:
        assert secret not in kept


def test_another_key_store_opens_nothing(door: Door, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A copy of the database alone is not enough to try passwords out."""
    codes = door.settled()
    with door.store.turn() as turn:
        account = accounts.find(turn, "kim")
        assert account is not None
        other = Keyring(open_keystore(str(tmp_path_factory.mktemp("other") / "keys")))
        assert not passwords.matches(other, account.id, PASSWORD, account.password)
        assert accounts.use_code(turn, other, account, codes[0], door.clock()) is None
        assert accounts.use_code(turn, other, account, door.code(), door.clock()) is None
        assert accounts.use_code(turn, door.keyring, account, door.code(), door.clock()) == "app"
        assert sessions.open_of(turn, door.clock(), KIM)
