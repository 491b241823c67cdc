"""Delivering from one process: what is posted to whom, in which order, and what happens where a receiver does not take it."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from email.utils import formatdate
from typing import Any

import pytest

from interfaces.webhooks import delivering as delivering_module
from interfaces.webhooks import sending
from tests.interfaces.http.office import Office
from tests.interfaces.http.test_following import head, wait_until
from tests.interfaces.http.test_refusals import LOGGED
from tests.interfaces.webhooks.conftest import Register
from tests.interfaces.webhooks.receiver import Answer, Post, Receiver
from tests.tampering import tampering

Delivering = Callable[[], AbstractContextManager[None]]


def shown(office: Office, webhook: dict[str, Any]) -> dict[str, Any]:
    answer = office.get("admin", f"/webhooks/{webhook['id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def wait_for(office: Office, webhook: dict[str, Any], **standing: Any) -> dict[str, Any]:
    """What is shown of a webhook, as soon as it shows this."""
    wait_until(lambda: standing.items() <= shown(office, webhook).items())
    return shown(office, webhook)


@pytest.mark.usefixtures("delivered")
class TestWhatIsPosted:
    def test_every_event_in_the_order_of_the_log(self, office: Office, receiver: Receiver, register: Register) -> None:
        """given a webhook / when much is recorded / then each event comes once, as /events lists it, and is signed."""
        start = head(office)
        webhook = register(receiver.url)
        for _ in range(4):
            office.given(*LOGGED)
        last = head(office)
        receiver.until(lambda: len(receiver.posts) == last - start)
        listed = office.get("auditor", "/events", after=start, limit=500).json()["items"]
        assert [json.loads(post.body) for post in receiver.posts] == listed
        assert receiver.at_work_max == 1
        for post in receiver.posts:
            post.demand_signature(webhook["secret"])
            assert (post.path, post.headers["content-type"]) == ("/annahme", "application/cloudevents+json")
        assert len({post.message for post in receiver.posts}) == len(listed)
        wait_for(office, webhook, position=last, behind=0, state="active", attempts=0, last_error=None)

    def test_from_a_position(self, office: Office, receiver: Receiver, register: Register) -> None:
        """given a log / when a webhook begins behind a position in it / then it gets all from there, and nothing before."""
        office.given(*LOGGED)
        last = head(office)
        register(receiver.url, after=last - 5)
        receiver.until(lambda: len(receiver.posts) == 5)
        assert receiver.positions == list(range(last - 4, last + 1))

    def test_only_some_types(self, office: Office, receiver: Receiver, register: Register) -> None:
        """given a webhook for two types / when all kinds of things are recorded / then these come, the rest is passed."""
        webhook = register(receiver.url, types=["session-logged", "hours-approved"])
        for _ in range(3):
            office.given(*LOGGED)
        receiver.until(lambda: len(receiver.posts) == 6)
        assert [json.loads(post.body)["type"] for post in receiver.posts] == ["hours-approved", "session-logged"] * 3
        wait_for(office, webhook, position=head(office), behind=0)

    def test_only_one_pool(self, office: Office, receiver: Receiver, register: Register) -> None:
        """given a webhook for a pool / when something happens in two / then it gets what belongs to its own, cases included."""
        office.given("open_pool")
        webhook = register(receiver.url, pool=office.pool)
        office.given("open_case", "request_hours")
        mine = (office.case, office.booking)
        office.given("open_pool", "open_case", "request_hours")
        wait_for(office, webhook, position=head(office))
        assert tuple(json.loads(post.body)["subject"] for post in receiver.posts) == mine

    def test_personal_texts_are_absent(self, office: Office, receiver: Receiver, register: Register) -> None:
        """given a case with a name / when it is posted / then as in the list: the field is there, and null."""
        register(receiver.url)
        office.given("open_pool")
        body = {"pool": office.pool, "district": "n", "service_area": "13", "concern": "housing", "personal": {"name": "KANARIE"}}
        assert office.post("lead", "/cases", body).status_code == 201
        receiver.until(lambda: len(receiver.posts) == 2)
        assert b"KANARIE" not in receiver.posts[1].body
        assert json.loads(receiver.posts[1].body)["data"]["name"] is None

    def test_what_is_removed_gets_nothing_more(self, office: Office, receiver: Receiver, register: Register) -> None:
        """given a webhook / when it is removed / then what is recorded afterwards is not posted to it."""
        webhook = register(receiver.url)
        office.given("open_pool")
        receiver.until(lambda: receiver.posts)
        assert office.call("admin", "DELETE", f"/webhooks/{webhook['id']}").status_code == 200
        wait_until(lambda: not office.app.state.webhooks.behind())
        office.given("open_pool")
        time.sleep(0.5)
        assert len(receiver.posts) == 1


@pytest.mark.usefixtures("delivered", "hasty")
class TestWhereAReceiverFails:
    def test_the_same_event_until_it_is_taken(self, office: Office, receiver: Receiver, register: Register) -> None:
        """given a receiver that refuses in many ways / when something is recorded / then the first comes until it is taken."""
        webhook = register(receiver.url)
        receiver.answers(Answer(500), Answer(404), Answer(401), Answer(503), Answer(304))
        office.given(*LOGGED)
        receiver.until(lambda: len(receiver.posts) == 11)
        first = receiver.positions[0]
        assert receiver.positions == [first] * 5 + list(range(first, first + 6))
        assert len({post.message for post in receiver.posts[:6]}) == 1
        for post in receiver.posts:
            post.demand_signature(webhook["secret"])
        wait_for(office, webhook, state="active", failing_since=None, attempts=0, next_attempt=None)

    def test_pauses_grow(self, office: Office, receiver: Receiver, register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
        """given a receiver that fails / then what is shown says since when, how often, why, and when it is tried again."""
        monkeypatch.setattr("interfaces.webhooks.standing.PAUSE_SECONDS", 30)
        monkeypatch.setattr("interfaces.webhooks.standing.PAUSE_SECONDS_MAX", 3_600)
        webhook = register(receiver.url)
        receiver.answers(Answer(500))
        office.given("open_pool")
        found = wait_for(office, webhook, state="failing", attempts=1, last_error="HTTP 500", paused=None, behind=1)
        assert found["failing_since"] < found["next_attempt"]
        time.sleep(0.5)
        assert len(receiver.posts) == 1

    def test_a_redirect_is_not_followed(
        self, office: Office, receiver: Receiver, another_receiver: Receiver, register: Register
    ) -> None:
        """given a receiver that redirects / then nobody goes there, and it counts as a failure."""
        webhook = register(receiver.url)
        receiver.plan = lambda post: Answer(307, {"Location": another_receiver.url})
        office.given("open_pool")
        receiver.until(lambda: len(receiver.posts) > 1)
        wait_for(office, webhook, state="failing", last_error="HTTP 307")
        assert not another_receiver.posts

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("as_date", [False, True])
    def test_retry_after_is_honoured(
        self, office: Office, receiver: Receiver, register: Register, status: int, as_date: bool
    ) -> None:
        """given a receiver that asks for time / then it gets as much, whether stated in seconds or as an instant."""

        def asking(post: Post) -> Answer:
            stated = formatdate(time.time() + 2, usegmt=True) if as_date else "1"  # an instant says whole seconds
            return Answer(status, {"Retry-After": stated}) if len(receiver.posts) == 1 else Answer()

        register(receiver.url)
        receiver.plan = asking
        office.given("open_pool")
        receiver.until(lambda: len(receiver.posts) == 2)
        first, second = receiver.posts
        assert second.at - first.at > 0.95

    def test_410_pauses_until_somebody_resumes(self, office: Office, receiver: Receiver, register: Register) -> None:
        """given a receiver that says 410 / then it is paused at once; resumed, it goes on with the same event."""
        webhook = register(receiver.url)
        receiver.answers(Answer(410))
        office.given(*LOGGED)
        wait_for(office, webhook, state="paused", paused="gone", last_error="HTTP 410", next_attempt=None, behind=6)
        time.sleep(0.5)
        assert len(receiver.posts) == 1
        answer = office.post("admin", f"/webhooks/{webhook['id']}/resumption")
        assert (answer.status_code, answer.json()["state"]) == (200, "active")
        receiver.until(lambda: len(receiver.posts) == 7)
        first = receiver.positions[0]
        assert receiver.positions == [first, *range(first, first + 6)]

    def test_time_has_a_limit(
        self, office: Office, receiver: Receiver, register: Register, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """given a receiver that does not answer in time / then the attempt counts as failed, and the event comes again."""
        monkeypatch.setattr(sending, "ATTEMPT_SECONDS_MAX", 0.3)
        webhook = register(receiver.url)
        receiver.plan = lambda post: Answer(seconds=1)
        office.given("open_pool")
        wait_for(office, webhook, state="failing", last_error="timeout")
        receiver.plan = lambda post: Answer()
        wait_for(office, webhook, state="active", behind=0)
        assert len({post.message for post in receiver.posts}) == 1

    def test_an_endless_answer_is_not_read(self, office: Office, receiver: Receiver, register: Register) -> None:
        """given an answer without an end / then its status counts, and no more of it is read than fits the connection's buffers."""
        webhook = register(receiver.url)
        receiver.plan = lambda post: Answer(200, endless=True)
        office.given(*LOGGED)
        wait_for(office, webhook, behind=0)
        assert len(receiver.posts) == 6
        assert receiver.sent < 6 * 16 * 1024 * 1024

    @pytest.mark.parametrize(
        ("url", "kind"),
        [
            ("http://127.0.0.1:1/", "unreachable"),
            ("https://127.0.0.1:{port}/", "tls"),
            ("https://gibt-es-nicht.invalid/", "unreachable"),
        ],
    )
    def test_nobody_there(self, office: Office, receiver: Receiver, register: Register, url: str, kind: str) -> None:
        """given an address where nobody listens, speaks TLS or has a name / then what is shown says which."""
        webhook = register(url.format(port=receiver.url.split(":")[2].split("/")[0]))
        office.given("open_pool")
        wait_for(office, webhook, state="failing", last_error=kind)

    def test_a_slow_one_holds_up_nobody(
        self, office: Office, receiver: Receiver, another_receiver: Receiver, register: Register
    ) -> None:
        """given a receiver that takes its time / when another one is quick / then that one has everything at once."""
        receiver.plan = lambda post: Answer(seconds=3)
        register(receiver.url)
        register(another_receiver.url)
        office.given(*LOGGED)
        another_receiver.until(lambda: len(another_receiver.posts) == 6, seconds=2.5)
        assert len(receiver.posts) == 1


class TestWhatItLeavesBehind:
    def test_it_stops_within_its_time_and_goes_on_without_repeating(
        self, office: Office, receiver: Receiver, register: Register, delivering: Delivering
    ) -> None:
        """given an attempt under way / when the process ends / then its answer is waited for and written."""
        receiver.plan = lambda post: Answer(seconds=0.5)
        webhook = register(receiver.url)
        with delivering():
            office.given(*LOGGED)
            receiver.until(lambda: receiver.posts)
            began = time.monotonic()
        assert time.monotonic() - began < delivering_module.STOP_SECONDS_MAX
        assert shown(office, webhook)["behind"] == 5
        receiver.plan = lambda post: Answer()
        with delivering():
            receiver.until(lambda: len(receiver.posts) == 6)
            wait_for(office, webhook, behind=0)
        assert len(set(receiver.positions)) == 6

    def test_a_receiver_that_never_answers_does_not_keep_it(
        self, office: Office, receiver: Receiver, register: Register, delivering: Delivering, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """given a receiver that is silent / when the process ends / then the attempt is given up, and made again later."""
        monkeypatch.setattr(delivering_module, "STOP_SECONDS_MAX", 0.2)
        receiver.plan = lambda post: Answer(seconds=2)
        webhook = register(receiver.url)
        with delivering():
            office.given("open_pool")
            receiver.until(lambda: receiver.posts)
            began = time.monotonic()
        assert time.monotonic() - began < 1.8
        assert shown(office, webhook) | {"behind": 1, "attempts": 0} == shown(office, webhook)
        receiver.plan = lambda post: Answer()
        with delivering():
            wait_for(office, webhook, behind=0)
        assert len(receiver.posts) == 2
        assert len({post.message for post in receiver.posts}) == 1

    def test_a_quiet_log_costs_no_write(
        self, office: Office, receiver: Receiver, register: Register, monkeypatch: pytest.MonkeyPatch, delivering: Delivering
    ) -> None:
        """given a webhook that has everything / then nothing is written while nothing is recorded; a burst costs few."""
        written = 0
        write = office.service.store.loading

        def counted() -> Any:
            nonlocal written
            written += 1
            return write()

        monkeypatch.setattr(office.service.store, "loading", counted)
        webhook = register(receiver.url)
        with delivering():
            time.sleep(0.5)
            assert written == 0
            began = time.monotonic()
            for _ in range(10):
                office.given(*LOGGED)
            receiver.until(lambda: len(receiver.posts) == 60)
            wait_for(office, webhook, behind=0)
            seconds = time.monotonic() - began
            assert written <= 2 + seconds / delivering_module.WRITE_SECONDS
            wait_until(lambda: not office.app.state.webhooks._sittings)
            before = written
            time.sleep(1.5)
            assert written == before

    @pytest.mark.usefixtures("delivered")
    def test_the_backlog_is_measured(self, office: Office, receiver: Receiver, register: Register) -> None:
        """given a webhook that is paused / then /metrics says by its id how many events it has before it."""
        webhook = register(receiver.url)
        receiver.answers(Answer(410))
        office.given(*LOGGED)
        line = f'stundenpool_webhook_behind{{webhook="{webhook["id"]}"}} 6.0'
        wait_until(lambda: line in office.request("GET", "/metrics").text)

    @pytest.mark.usefixtures("delivered")
    def test_a_damaged_event_stops_it_there(self, office: Office, receiver: Receiver, register: Register) -> None:
        """given an event that somebody has altered / then what stands before it is delivered, it is named, and nothing skipped."""
        register_after = head(office)
        office.given(*LOGGED)
        with tampering(office.service.store) as turn:
            [(whole,)] = turn.fetch(f"SELECT state FROM stored_events WHERE {_position(office)} = ?", (register_after + 3,))
            _alter(turn, office, register_after + 3, bytes(whole).replace(b'"minutes":', b'"Minuten":'))
        webhook = register(receiver.url, after=register_after)
        wait_for(office, webhook, state="failing", last_error="damaged_event", position=register_after + 2)
        assert receiver.positions == [register_after + 1, register_after + 2]
        with tampering(office.service.store) as turn:
            _alter(turn, office, register_after + 3, bytes(whole))
        office.post("admin", f"/webhooks/{webhook['id']}/resumption")
        receiver.until(lambda: len(receiver.posts) == 6)
        assert receiver.positions == list(range(register_after + 1, register_after + 7))


def _position(office: Office) -> str:
    return "rowid" if office.service.settings.database_url.startswith("sqlite") else "notification_id"


def _alter(turn: Any, office: Office, position: int, state: bytes) -> None:
    turn.fetch(f"UPDATE stored_events SET state = ? WHERE {_position(office)} = ?", (state, position))
