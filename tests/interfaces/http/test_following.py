"""Following the log: what a stream tells whom, where it begins and when it ends."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest
from eventsourcing.persistence import Notification

from interfaces.http import following
from interfaces.http.following import Following
from interfaces.identity import tokens
from interfaces.identity.tokens import create_token, hashed
from tests.interfaces.http.follower import HEARTBEAT, Follower
from tests.interfaces.http.office import Office
from tests.interfaces.http.test_refusals import LOGGED, OPEN
from tests.office import AUDITOR

Follow = Callable[..., Follower]

OF_LOGGED = ["pool-opened", "case-opened", "hours-requested", "hours-approved", "hours-reserved", "session-logged"]


@pytest.fixture
def follow(office: Office) -> Iterator[Follow]:
    """Lets somebody follow until the end of the test."""
    followers: list[Follower] = []

    def follow(who: str, headers: dict[str, str] | None = None, **parameters: object) -> Follower:
        followers.append(Follower(office, who, headers, **parameters))
        return followers[-1]

    yield follow
    for follower in followers:
        follower.take(True)
        follower.go()
    for follower in followers:
        follower.done.result(timeout=10)
    assert measured(office, "stundenpool_streams") == 0


def head(office: Office) -> int:
    return int(office.get("auditor", "/events").headers["Position"])


def measured(office: Office, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", office.request("GET", "/metrics").text, re.MULTILINE)
    assert found
    return float(found[1])


def wait_until(reached: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestWhereItBegins:
    def test_it_begins_now(self, office: Office, follow: Follow) -> None:
        """Given a log, when somebody follows without saying from where, then they hear that they do, and what comes from now on."""
        office.given(*LOGGED)
        position = head(office)
        follower = follow("auditor")
        assert (follower.status, follower.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert (follower.headers["position"], follower.headers["cache-control"]) == (str(position), "no-store")
        assert follower.block() == HEARTBEAT
        office.given(*LOGGED)
        assert [event.event for _ in OF_LOGGED if (event := follower.next())] == OF_LOGGED

    def test_all_of_it_from_the_beginning(self, office: Office, follow: Follow) -> None:
        """`after=0` tells everything, each event as the list shows it, with its position as id and its type as event."""
        office.given(*LOGGED)
        follower = follow("auditor", after=0)
        listed = office.get("auditor", "/events", limit=500).json()["items"]
        for item in listed:
            assert follower.next() == (item["id"], item["type"], item)

    def test_it_goes_on_where_it_was_left(self, office: Office, follow: Follow) -> None:
        """`Last-Event-ID` counts more than the query, which a client that comes back repeats as it was."""
        office.given(*LOGGED)
        last = head(office) - 3
        assert follow("auditor", after=last).positions(3) == [last + 1, last + 2, last + 3]
        assert follow("auditor", {"Last-Event-ID": str(last)}, after=0).positions(3) == [last + 1, last + 2, last + 3]

    @pytest.mark.parametrize("stated", ["x", "-1", "1.5", "9" * 30, "null"])
    def test_a_last_event_that_is_none_is_malformed(self, office: Office, follow: Follow, stated: str) -> None:
        """With the name of the header as its place."""
        refused = follow("auditor", {"Last-Event-ID": stated})
        assert refused.status == 422
        assert refused.problem()["errors"][0]["place"] == "Last-Event-ID"

    def test_behind_the_end_there_is_nothing_to_follow(self, office: Office, follow: Follow) -> None:
        """After a restore the log may be shorter: whoever has seen more must not miss what is recorded in its place."""
        office.given("open_pool")
        assert follow("auditor", after=head(office)).status == 200
        for stated, place in (({"after": head(office) + 1}, "after"), ({}, "Last-Event-ID")):
            refused = follow("auditor", {} if stated else {"Last-Event-ID": str(head(office) + 1)}, **stated)
            assert refused.status == 422
            assert refused.problem()["errors"][0]["place"] == place

    def test_from_the_database_to_the_newest_without_a_gap(
        self, office: Office, follow: Follow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Given hardly any shared events, when some follow from the beginning while more is written, then all see all in order."""
        monkeypatch.setattr(following, "RECENT_EVENTS", 4)
        monkeypatch.setattr(following, "TOLD_EVENTS", 3)
        monkeypatch.setattr(following, "READ_EVENTS", 5)
        start = head(office)
        first = follow("auditor")
        followers = []
        for _ in range(4):
            office.given(*LOGGED)
            followers.append(follow("officer", after=start))
        whole = list(range(start + 1, head(office) + 1))
        for follower in (first, *followers):
            assert follower.positions(len(whole)) == whole


class TestWhoSeesWhat:
    def test_a_provider_sees_what_concerns_it(self, office: Office, follow: Follow) -> None:
        """As in the list, also of what it catches up with; what others do does not even wake it."""
        start = head(office)
        early = [follow(who, after=start) for who in ("auditor", "lead", "other_lead")]
        office.given(*LOGGED)
        late = [follow(who, after=start) for who in ("auditor", "lead", "other_lead")]
        for everything, own, foreign in (early, late):
            assert [event.event for _ in OF_LOGGED if (event := everything.next())] == OF_LOGGED
            assert [event.event for _ in OF_LOGGED[1:] if (event := own.next())] == OF_LOGGED[1:]
            assert foreign.block() == HEARTBEAT
            assert foreign.hears_nothing()

    def test_no_personal_text_is_told(self, office: Office, follow: Follow) -> None:
        """Whoever follows."""
        follower = follow("officer")
        office.given(*LOGGED)
        told = "".join(str(follower.next()) for _ in OF_LOGGED)
        for personal in ("Kim", "Wohnungssuche", "Besichtigung"):
            assert personal not in told

    @pytest.mark.parametrize("who", ["planner", "admin"])
    def test_others_may_not_follow(self, office: Office, follow: Follow, who: str) -> None:
        """The same roles as for the list."""
        assert follow(who).status == 403
        assert office.call(None, "GET", "/events/stream").status_code == 401


class TestWhenItEnds:
    @pytest.mark.parametrize(
        "change", ["DELETE FROM tokens WHERE hash = ?", "UPDATE tokens SET expires = 1 WHERE hash = ?",
                   "UPDATE tokens SET role = 'planner' WHERE hash = ?"]
    )  # fmt: skip
    def test_with_the_token(self, office: Office, follow: Follow, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
        """Given a stream, when its token is revoked, expires or gets another role, then it ends with the next look at it."""
        monkeypatch.setattr(tokens, "KNOWN_SECONDS", 0.0)
        monkeypatch.setattr(following, "CHECK_SECONDS", 0.05)
        token = create_token(office.service.store, role="auditor", subject="rpa-9")
        follower = follow("auditor", {"Authorization": f"Bearer {token}"})
        assert follower.block() == HEARTBEAT
        with office.service.store.turn() as turn:
            turn.execute(change, [(hashed(token),)])
        assert follower.next() is None

    def test_with_the_process(self, office: Office, follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
        """Given streams, when the process is about to end, then they end at once, and no other begins."""
        monkeypatch.setattr(office.app.state.following, "_closed", False)  # as it is again after the test
        followers = [follow("auditor"), follow("lead", after=0)]
        office.portal.call(office.app.state.following.close)
        for follower in followers:
            while follower.next():
                pass
        refused = follow("auditor")
        assert (refused.status, refused.problem()["code"]) == (503, "unavailable")

    def test_with_the_process_as_it_begins(self, office: Office) -> None:
        """Given a process that ends while a connection is being opened for its reader, then it waits, and closes the connection."""
        asked, there, closed = Event(), Event(), Event()

        class Slow:
            reading = office.service.store.reading

            def appends(self) -> Any:
                asked.set()
                assert there.wait(10)
                return SimpleNamespace(wait=time.sleep, close=closed.set)

        async def begin_and_end() -> None:
            streams = Following(cast(Any, Slow()), office.app.state.following._bearers)
            async with streams.running():
                await streams.open(AUDITOR, "", None, "")
                await anyio.to_thread.run_sync(asked.wait)
                asyncio.get_running_loop().call_later(0.1, there.set)

        office.portal.call(begin_and_end)
        assert closed.is_set()

    def test_with_the_client(self, office: Office, follow: Follow) -> None:
        """Nothing of a stream is left when its client has gone away."""
        follower = follow("auditor")
        assert measured(office, "stundenpool_streams") == 1
        follower.go()
        wait_until(lambda: measured(office, "stundenpool_streams") == 0)

    def test_with_the_log_that_was_cut_off(self, office: Office, follow: Follow) -> None:
        """Given a restore under a running process, streams end: other events will stand where the lost ones stood."""
        office.given("open_pool")
        followers = [follow("auditor"), follow("lead")]
        with office.service.store.reading() as reader:
            known = reader.head()
        assert known is not None
        streams = office.app.state.following
        wait_until(lambda: streams._last == known)  # it may still be reading on for those who have just left
        streams._last = Notification(known.originator_id, known.originator_version, known.topic, b"another", known.id)
        for follower in followers:
            assert follower.next() is None
        office.given("open_pool")
        assert follow("auditor", after=head(office) - 1).positions(1) == [head(office)]


class TestHeartbeats:
    def test_silence_is_broken(self, office: Office, follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
        """A comment each time that nothing was told for so long, also to those who are told nothing of what happens."""
        monkeypatch.setattr(following, "HEARTBEAT_SECONDS", 0.05)
        quiet, foreign = follow("auditor"), follow("other_lead")
        began = time.monotonic()
        assert [quiet.block() for _ in range(4)] == [HEARTBEAT] * 4
        assert time.monotonic() - began > 0.1
        office.given(*OPEN)
        assert [foreign.block() for _ in range(10)] == [HEARTBEAT] * 10

    def test_whoever_is_told_something_needs_none(self, office: Office, follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between events that come one after the other there is no comment."""
        monkeypatch.setattr(following, "HEARTBEAT_SECONDS", 60)
        follower = follow("auditor", after=head(office))
        assert follower.block() == HEARTBEAT
        for _ in range(3):
            office.given("open_pool")
            assert (follower.block() or "").startswith("id: ")


class TestManyAndSlow:
    def test_only_so_many_follow(self, office: Office, follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
        """One too many is asked to come back; a place that is left is free."""
        monkeypatch.setattr(following, "STREAMS_MAX", 2)
        first, _ = follow("auditor"), follow("lead")
        refused = follow("officer")
        assert (refused.status, refused.problem()["code"]) == (503, "too_many_streams")
        assert int(refused.headers["retry-after"]) > 0
        first.go()
        wait_until(lambda: measured(office, "stundenpool_streams") == 1)
        assert follow("officer").status == 200

    def test_a_slow_client_keeps_nothing_and_misses_nothing(
        self, office: Office, follow: Follow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Given a client that takes nothing, when more comes than is shared, then one piece waits for it, the rest in the log."""
        monkeypatch.setattr(following, "RECENT_EVENTS", 4)
        monkeypatch.setattr(following, "TOLD_EVENTS", 3)
        start = head(office)
        slow, quick = follow("auditor"), follow("auditor")
        assert slow.block() == HEARTBEAT
        slow.take(False)
        for _ in range(4):
            office.given(*LOGGED)
        whole = list(range(start + 1, head(office) + 1))
        assert quick.positions(len(whole)) == whole
        assert slow.hears_nothing()
        assert measured(office, "stundenpool_slowest_stream_behind") >= len(whole) - 3
        assert measured(office, "stundenpool_follower_behind") == 0
        assert len(office.app.state.following._recent) == 4
        slow.take(True)
        assert slow.positions(len(whole)) == whole
        wait_until(lambda: measured(office, "stundenpool_slowest_stream_behind") == 0)


def test_a_head_request_ends(office: Office) -> None:
    """It says what a stream would be."""
    answer = office.call("auditor", "HEAD", "/events/stream")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
