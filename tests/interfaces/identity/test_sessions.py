"""Browsers that are signed in: how long, under which id, and what ends them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.quantities import Actor
from interfaces.identity import restored, sessions, tokens
from interfaces.identity.sessions import GRACE, IDLE, LASTING, ROTATED, SEEN
from tests.interfaces.identity.door import Door

KIM, ROBIN = Actor("kim", "officer", "jugendamt"), Actor("robin", "worker", "traeger-a")
SECOND = timedelta(seconds=1)


def test_a_session_is_that_of_its_cookie(door: Door) -> None:
    """And of no other; nothing else is anybody's."""
    kim, robin = door.starts(KIM), door.starts(ROBIN)
    assert (door.actor(kim), door.actor(robin)) == (KIM, ROBIN)
    for cookie in ("", "x", kim[:-1], kim + robin, "ä", "\0"):
        assert door.actor(cookie) is None


def test_ids_are_chance(door: Door) -> None:
    """256 bits each; none is given out twice."""
    cookies = {door.starts(KIM) for _ in range(50)}
    assert len(cookies) == 50
    assert min(map(len, cookies)) * 6 >= 256
    assert sessions.ID_BYTES == 32


def test_it_ends_half_an_hour_after_the_browser_was_last_there(door: Door) -> None:
    """A minute less at worst, as being there is written down once a minute."""
    cookie = door.starts(KIM)
    for _ in range(3):
        door.clock.now += IDLE - SEEN
        _, renewed = door.looks(cookie)
        cookie = renewed or cookie
    door.clock.now += IDLE - SECOND
    session, renewed = door.looks(cookie)
    assert session is not None
    door.clock.now += IDLE
    assert door.actor(renewed or cookie) is None


def test_it_ends_after_ten_hours_in_any_case(door: Door) -> None:
    """However busy."""
    cookie, begun = door.starts(KIM), door.clock.now
    while door.clock.now + timedelta(minutes=20) < begun + LASTING:
        door.clock.passes(minutes=20)
        session, renewed = door.looks(cookie)
        assert session is not None
        cookie = renewed or cookie
    door.clock.now = begun + LASTING
    assert door.actor(cookie) is None


def test_its_id_changes_from_time_to_time(door: Door) -> None:
    """The one before is taken for half a minute more, for requests that were under way, and gives no other one out."""
    first = door.starts(KIM)
    assert door.looks(first)[1] is None
    door.clock.now += ROTATED
    _, second = door.looks(first)
    assert second is not None
    assert door.looks(first)[1] is None
    assert door.actor(second) == KIM
    door.clock.now += GRACE - SECOND
    assert door.actor(first) == KIM
    assert door.actor(second) == KIM


def test_an_id_that_was_given_up_betrays_whoever_shows_it(door: Door) -> None:
    """Somebody else has it, or had the session first: it ends for both."""
    first = door.starts(KIM)
    door.clock.now += ROTATED
    _, second = door.looks(first)
    assert second is not None
    assert door.actor(second) == KIM
    door.clock.now += GRACE
    assert door.actor(first) is None
    assert door.actor(second) is None
    assert door.trail()[-1] == "session_taken_twice"


def test_an_answer_that_got_lost_signs_nobody_out(door: Door) -> None:
    """A browser that never saw the new id is given another one, whenever it comes back."""
    first = door.starts(KIM)
    door.clock.now += ROTATED
    _, lost = door.looks(first)
    door.clock.now += timedelta(minutes=5)
    session, second = door.looks(first)
    assert session is not None
    assert second not in (None, lost)
    assert door.actor(lost or "") is None
    assert door.actor(second or "") == KIM


def test_signing_out_ends_it_on_the_server(door: Door) -> None:
    """A copy of the cookie is worth nothing any more."""
    cookie = door.starts(KIM)
    door.portal.call(door.sessions.end, cookie)
    door.portal.call(door.sessions.end, cookie)
    assert door.actor(cookie) is None
    assert door.trail() == ["signed_in", "signed_out"]


def test_everywhere_else_is_everywhere_but_here(door: Door) -> None:
    """Of this person, and of nobody else who happens to be called the same elsewhere."""
    here, there, robin = door.starts(KIM), door.starts(KIM), door.starts(ROBIN)
    namesake = door.starts(Actor("kim", "worker", "traeger-a"))
    own = door.current(here)
    assert own is not None
    with door.store.turn() as turn:
        assert len(sessions.open_of(turn, door.clock(), KIM)) == 2
        assert sessions.end_all_of(turn, KIM.subject, KIM.organisation, but=own.id) == 1
    assert [door.actor(cookie) is not None for cookie in (here, there, robin, namesake)] == [True, False, True, True]


def test_what_is_over_is_removed(door: Door) -> None:
    """With the next sign-in."""
    door.starts(KIM)
    door.clock.now += LASTING + SECOND
    door.starts(KIM)
    with door.store.reading() as reader:
        assert reader.fetch("SELECT COUNT(*) FROM sessions") == [(1,)]


def test_a_restored_backup_signs_nobody_in(door: Door) -> None:
    """Whoever was signed in when it was made has perhaps signed out since; tokens are good as they were."""
    door.settled()
    cookie = door.signs_in()
    tokens.create_token(door.store, role="officer", subject="kim")
    with door.store.turn() as turn:
        restored.end_sessions(turn, door.clock(), "root")
    assert door.actor(cookie) is None
    with door.store.reading() as reader:
        assert [token.revoked_at for token in tokens.views(reader)] == [None]
    assert door.actor(door.signs_in()) == KIM


class Model:
    """Browsers as they should be: which cookie is good until when."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.browsers: list[str] = []
        self.until = [door.clock()]
        self.seen = [door.clock()]

    def signs_in(self, _: int) -> None:
        self.browsers.append(self.door.starts(KIM))
        self.until.append(self.door.clock() + LASTING)
        self.seen.append(self.door.clock())

    def visits(self, number: int) -> None:
        """Shows the latest cookie that it was given."""
        if not self.browsers:
            return
        which = number % len(self.browsers)
        now, seen = self.door.clock(), self.seen[which + 1]
        session, renewed = self.door.looks(self.browsers[which])
        if now >= self.until[which + 1] or now >= seen + IDLE:
            assert session is None
            self.until[which + 1] = now  # what is over stays over
        elif now < seen + IDLE - SEEN:
            assert session is not None
        if session is not None:
            self.seen[which + 1] = now
            self.browsers[which] = renewed or self.browsers[which]
        else:
            self.until[which + 1] = now

    def signs_out(self, number: int) -> None:
        if self.browsers:
            which = number % len(self.browsers)
            self.door.portal.call(self.door.sessions.end, self.browsers[which])
            self.until[which + 1] = self.door.clock()

    def waits(self, number: int) -> None:
        self.door.clock.passes(minutes=number)


STEPS: list[Callable[[Model, int], None]] = [Model.signs_in, Model.visits, Model.visits, Model.signs_out, Model.waits, Model.waits]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(range(len(STEPS))), st.integers(0, 45)), min_size=10, max_size=40))
def test_whatever_browsers_do(door: Door, steps: list[tuple[int, int]]) -> None:
    """Nobody who has signed out, was away too long or signed in too long ago is let in; everybody else is."""
    model = Model(door.emptied())
    for step, number in steps:
        STEPS[step](model, number)


@pytest.mark.parametrize("how", ["hash", "previous"])
def test_no_cookie_stands_in_the_database(door: Door, how: str) -> None:
    """Only its hash does, of either id."""
    cookie = door.starts(KIM)
    door.clock.now += ROTATED
    _, renewed = door.looks(cookie)
    with door.store.reading() as reader:
        [(kept,)] = reader.fetch(f"SELECT {how} FROM sessions")
    assert kept == sessions.hashed(cookie if how == "previous" else renewed or "")
