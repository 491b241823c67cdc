"""How long somebody has to wait after failures, and who does not have to."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from interfaces.identity.limits import ADDRESS, CODE, NAME, NAME_AND_ADDRESS
from interfaces.identity.signing_in import NotTaken
from interfaces.networks import network
from tests.interfaces.identity.door import HERE, PASSWORD, THERE, Door


def fails(door: Door, name: str = "kim", address: str = HERE) -> str:
    with pytest.raises(NotTaken) as refused:
        door.password(name, "falsch", address)
    return refused.value.why


def wait(door: Door, name: str = "kim", address: str = HERE) -> timedelta:
    """How long the next attempt is not judged."""
    with pytest.raises(NotTaken, match="too_soon") as refused:
        door.password(name, "falsch", address)
    assert refused.value.wait is not None
    return refused.value.wait


@pytest.mark.parametrize("name", ["kim", "niemand"])
def test_after_some_failures_each_doubles_the_wait(door: Door, name: str) -> None:
    """Under a name that is no account's just the same."""
    door.settled()
    waits = []
    for _ in range(NAME_AND_ADDRESS.free):
        assert fails(door, name) == "wrong"
    for _ in range(12):
        waits.append(wait(door, name).total_seconds())
        door.clock.passes(seconds=waits[-1])
        assert fails(door, name) == "wrong"
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_the_right_password_waits_as_well_and_then_everything_is_forgotten(door: Door) -> None:
    """Or a guesser would learn it while waiting. An attempt that comes too soon does not count."""
    door.settled()
    for _ in range(NAME_AND_ADDRESS.free + 3):
        while fails(door) == "too_soon":
            door.clock.passes(seconds=1)
    for _ in range(50):
        with pytest.raises(NotTaken, match="too_soon"):
            door.password()
    door.clock.passes(seconds=8)
    door.signs_in()
    for _ in range(NAME_AND_ADDRESS.free):
        assert fails(door) == "wrong"


def test_a_stranger_elsewhere_keeps_nobody_out(door: Door) -> None:
    """However often they fail, the person comes in from where they are."""
    door.settled()
    for _ in range(NAME.free - 10):
        fails(door, address=THERE)
        door.clock.passes(seconds=901)
    assert fails(door, address=THERE) == "wrong"
    door.signs_in()


def test_many_strangers_together_cost_the_person_a_minute_at_most(door: Door) -> None:
    """One guess a minute is all that they get, from however many addresses."""
    door.settled()
    for number in range(NAME.free + 20):
        fails(door, address=f"10.0.{number}.1")
        door.clock.passes(seconds=60)
    assert fails(door, address="10.1.1.1") == "wrong"
    assert wait(door, address=HERE) == timedelta(seconds=60)
    door.clock.passes(seconds=60)
    door.signs_in()


def test_an_address_that_tries_many_names_is_slowed_down(door: Door) -> None:
    """A good account of its own does not excuse it; neighbours in a network of IPv6 are the same subscriber."""
    door.settled()
    for number in range(ADDRESS.free):
        assert fails(door, f"name-{number}", f"2001:db8:1:2::{number:x}") == "wrong"
        if number % 10 == 0:
            door.signs_in(address="2001:db8:1:2::ffff")
            door.clock.passes(seconds=60)
    assert fails(door, "noch-einer", "2001:db8:1:2::1") == "too_soon"
    assert fails(door, "noch-einer", "2001:db8:1:3::1") == "wrong"


def test_it_holds_across_processes(door: Door) -> None:
    """The counts stand in the database."""
    door.settled()
    others = [door.another_process() for _ in range(NAME_AND_ADDRESS.free)]
    assert [fails(other) for other in others] == ["wrong"] * len(others)
    assert fails(door) == "too_soon"


def test_many_at_once_get_no_further_than_one_after_the_other(door: Door) -> None:
    """An attempt counts before it is judged."""
    door.settled()
    with ThreadPoolExecutor(12) as pool:
        said = list(pool.map(lambda _: fails(door), range(24)))
    assert said.count("wrong") == NAME_AND_ADDRESS.free
    assert said.count("too_soon") == 24 - NAME_AND_ADDRESS.free


def test_a_day_later_failures_are_forgotten(door: Door) -> None:
    """And so are their rows."""
    for number in range(NAME_AND_ADDRESS.free + 1):
        fails(door, "niemand")
        fails(door, f"name-{number}", THERE)
    door.clock.passes(days=1, seconds=1)
    assert fails(door, "niemand") == "wrong"
    with door.store.reading() as reader:
        assert reader.fetch("SELECT COUNT(*), MAX(times) FROM failures") == [(3, 1)]


def test_codes_are_limited_on_their_own(door: Door) -> None:
    """Whoever gets there knows the password; a new sign-in is no way around, and another address neither."""
    door.settled()
    for _ in range(CODE.free):
        with pytest.raises(NotTaken, match="wrong_code"):
            door.signing_in.with_code(door.password(), "000000", HERE)
    cookie = door.password(address=THERE)
    with pytest.raises(NotTaken, match="too_soon"):
        door.signing_in.with_code(cookie, door.code(), THERE)
    door.clock.passes(seconds=1)
    door.signing_in.with_code(cookie, door.code(), THERE)


def test_whoever_is_signed_in_is_slowed_down_as_well(door: Door) -> None:
    """A browser that was left alone is no way to find out a password; the trail has each attempt."""
    door.settled()
    cookie = door.signs_in()
    for _ in range(NAME_AND_ADDRESS.free):
        with pytest.raises(NotTaken, match="wrong_proof"):
            door.signing_in.proving(cookie, "falsch", door.code(), HERE)
    with pytest.raises(NotTaken, match="too_soon"):
        door.signing_in.proving(cookie, PASSWORD, door.code(), HERE)
    assert door.trail()[-NAME_AND_ADDRESS.free - 1 :] == ["wrong_password"] * NAME_AND_ADDRESS.free + ["too_soon"]


def test_the_trail_tells_of_every_attempt(door: Door) -> None:
    """From where, and about whom where that is an account; never what was typed."""
    door.settled()
    fails(door, "kim", THERE)
    fails(door, "mein-geheimes-passwort", THERE)
    with door.store.reading() as reader:
        rows = reader.fetch("SELECT what, subject, address FROM access_trail ORDER BY number DESC LIMIT 2")
        everything = repr(reader.fetch("SELECT * FROM access_trail") + reader.fetch("SELECT * FROM failures"))
    assert rows == [("unknown_name", None, THERE), ("wrong_password", "kim", THERE)]
    assert "geheim" not in everything
    assert "falsch" not in everything


def test_what_is_no_address_is_counted_as_it_is() -> None:
    """A socket has none."""
    assert network("") == ""
    assert network("192.0.2.7") == "192.0.2.7"
    assert network("2001:db8::17") == "2001:db8::/64"
