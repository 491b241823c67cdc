"""Holding a webhook: one process at a time, and whoever has lost it turns nothing back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from eventsourcing.persistence import PersistenceError

from application.log import Store
from interfaces.storage import open_store
from interfaces.storage.migrate import migrate
from interfaces.webhooks import subscriptions
from interfaces.webhooks.standing import Standing
from interfaces.webhooks.subscriptions import Webhook
from tests.interfaces.storage.test_migrate import quietly
from tests.postgres import Cluster
from tests.schema import make_schema

NOW = datetime(2024, 3, 5, 14, 30, tzinfo=UTC)
UNTIL = NOW + timedelta(seconds=20)
LATER = UNTIL + timedelta(seconds=1)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    make_schema(store_url)
    store = open_store(store_url, create=False)
    yield store
    store.close()


def registered(store: Store) -> Webhook:
    with store.turn() as turn:
        subscriptions.release(turn, subscriptions.register(turn, "admin-1", url="https://a.example/").id)
    return seen(store)


def seen(store: Store) -> Webhook:
    with store.reading() as reader:
        [[webhook], _] = subscriptions.look(reader)
    return webhook


def claim(store: Store, webhook: Webhook, holder: str, now: datetime = NOW) -> bool:
    with store.loading() as tx:
        return subscriptions.claim(tx, webhook, holder, now + timedelta(seconds=20), now)


def advance(store: Store, webhook: Webhook, holder: str, before: int, after: int, until: datetime | None = UNTIL) -> bool:
    with store.loading() as tx:
        return subscriptions.advance(tx, webhook.id, holder, Standing(before), Standing(after), until)


def test_one_holds_it_until_the_time_is_over(store: Store) -> None:
    """given a webhook that somebody holds / when another one claims it / then in vain, until the time is over."""
    webhook = registered(store)
    assert claim(store, webhook, "a")
    assert not claim(store, seen(store), "b")
    assert not subscriptions.is_due(seen(store), 7, "b", NOW)
    assert subscriptions.is_due(seen(store), 7, "b", LATER)
    assert claim(store, seen(store), "b", LATER)


def test_who_has_lost_it_turns_nothing_back(store: Store) -> None:
    """given two of whom the first was away for too long / when it writes how far it has come / then nothing changes."""
    webhook = registered(store)
    assert claim(store, webhook, "a")
    assert advance(store, webhook, "a", 0, 3)
    assert claim(store, seen(store), "b", LATER)
    assert advance(store, webhook, "b", 3, 9)
    before = seen(store)
    assert not advance(store, webhook, "a", 3, 5)
    assert not advance(store, webhook, "a", 3, 5, until=None)
    assert seen(store) == before
    assert before.standing == Standing(9)


def test_a_claim_rests_on_what_was_seen(store: Store) -> None:
    """given somebody who was faster and has let go again / when one claims on what was seen before / then in vain."""
    webhook = registered(store)
    assert claim(store, webhook, "a")
    assert advance(store, webhook, "a", 0, 3, until=None)
    assert not claim(store, webhook, "b")
    assert claim(store, seen(store), "b")


def test_the_role_of_the_service_may_do_all_of_it(postgres: Cluster) -> None:
    """given the role that serves / then it registers, holds, advances, resumes and removes, but makes no table of it."""
    database, role = postgres.fresh_database(), "stundenpool-webhooks"
    postgres.run(f'CREATE ROLE "{role}" LOGIN')
    owner = open_store(postgres.url(database), create=True)
    migrate(owner, quietly, role)
    owner.close()
    service = open_store(postgres.url(database, user=role), create=False)
    try:
        webhook = registered(service)
        assert claim(service, webhook, "a")
        assert advance(service, webhook, "a", 0, 3, until=None)
        with service.turn() as turn:
            assert subscriptions.resume(turn, webhook.id).position == 3
            subscriptions.remove(turn, webhook.id)
        with pytest.raises(PersistenceError, match=r"denied|owner"), service.turn() as turn:
            turn.fetch("TRUNCATE webhooks")
    finally:
        service.close()
