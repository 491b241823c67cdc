"""The registry as it is read: on a day, as it was known then, and by whom."""

from datetime import date, timedelta

import pytest

from application.projections.audit_trail import events, trail
from application.projections.providers import list_providers, versioned_provider
from application.rebuild import rebuild
from domain.refusals import NotFound
from domain.registry import Registration, provider_id
from tests.application.projections.driver import opened_log
from tests.domain.facts import (
    FIRST_DAY,
    OFFER,
    POOL,
    PROVIDER,
    PROVIDER_2,
    REGISTERED,
    WORKER,
    offer_registered,
    pool_opened,
    provider_registered,
    registration_ended,
    worker_registered,
)

A_DAY = timedelta(days=1)
LAST_DAY = date(2022, 4, 30)


def test_a_day_has_what_was_valid_on_it(store_url: str) -> None:
    """given a name, an offer and a worker with last days / when asked for a day / then both ends are part of them."""
    renamed = provider_registered(name="Jugendhilfe gGmbH", first=LAST_DAY + A_DAY)
    with opened_log(store_url) as log:
        log.append([provider_registered(last=LAST_DAY), renamed, offer_registered(last=LAST_DAY), worker_registered()])
        log.append([registration_ended("worker", WORKER, LAST_DAY)])
        old, new = Registration("Jugendhilfe e. V.", FIRST_DAY, LAST_DAY), Registration("Jugendhilfe gGmbH", LAST_DAY + A_DAY, None)
        offer, worker = Registration(OFFER, FIRST_DAY, LAST_DAY), Registration(WORKER, FIRST_DAY, LAST_DAY)
        for day, expected in (
            (None, ((old, new), (offer,), (worker,))),
            (FIRST_DAY - A_DAY, ((), (), ())),
            (FIRST_DAY, ((old,), (offer,), (worker,))),
            (LAST_DAY, ((old,), (offer,), (worker,))),
            (LAST_DAY + A_DAY, ((new,), (), ())),
        ):
            found = log.ask(versioned_provider, REGISTERED, as_of=day)
            assert (found.view.names, found.view.offers, found.view.workers) == expected
            assert (found.view.provider, found.version, found.position) == (PROVIDER, 5, 5)
            listed, _ = log.ask(list_providers, as_of=day, limit=9)
            assert [(each.id, each.provider, each.name) for each in listed] == [
                (REGISTERED, PROVIDER, name.name) for name in expected[0]
            ]


def test_what_never_was_valid_is_gone(store_url: str) -> None:
    """given registrations that were taken back / when read / then there are none, and the provider is still known."""
    before = FIRST_DAY - A_DAY
    with opened_log(store_url) as log:
        log.append([provider_registered(), worker_registered(), registration_ended("worker", WORKER, before)])
        log.append([registration_ended("provider", "Jugendhilfe e. V.", before)])
        found = log.ask(versioned_provider, REGISTERED)
        assert (found.view.names, found.view.workers, found.version) == ((), (), 4)
        assert log.ask(list_providers, limit=9) == ([], None)


def test_it_is_folded_the_same_once_more(store_url: str) -> None:
    """given registrations of every kind, ended and taken back / when the log is folded anew / then the rows are the same."""
    with opened_log(store_url) as log:
        log.append([provider_registered(last=LAST_DAY), offer_registered(), worker_registered(last=LAST_DAY)])
        log.append([registration_ended("offer", OFFER, FIRST_DAY - A_DAY), registration_ended("worker", WORKER, FIRST_DAY)])
        rows = log.rows()
        assert (len(rows["providers"]), len(rows["registrations"])) == (1, 2)
        rebuild(log.store, ["providers", "audit_trail"], lambda done, total: None)
        assert log.rows() == rows


def test_a_provider_sees_itself_alone(store_url: str) -> None:
    """given two providers / when one of them reads / then the other is not there, in lists, events and by its id."""
    with opened_log(store_url) as log:
        log.append([provider_registered(), provider_registered(PROVIDER_2), worker_registered()])
        assert [each.provider for each in log.ask(list_providers, provider=PROVIDER_2, limit=9)[0]] == [PROVIDER_2]
        assert [each.position for each in log.ask(events, provider=PROVIDER, after=0, limit=9)] == [1, 3]
        with pytest.raises(NotFound):
            log.ask(versioned_provider, REGISTERED, provider=PROVIDER_2)
        with pytest.raises(NotFound):
            log.ask(versioned_provider, provider_id("nobody"))


def test_a_list_goes_on_where_it_ended(store_url: str) -> None:
    """given three providers / when read in pages of two / then each comes once, as they were registered."""
    with opened_log(store_url) as log:
        log.append([provider_registered(each) for each in ("c", "a", "b")])
        first, after = log.ask(list_providers, limit=2)
        rest, end = log.ask(list_providers, after=after, limit=2)
        assert ([each.provider for each in (*first, *rest)], end) == (["c", "a", "b"], None)


def test_it_is_about_no_pool(store_url: str) -> None:
    """given a pool and a provider / when the trail of the pool is read / then the registry is not in it, but in that of all."""
    with opened_log(store_url) as log:
        log.append([pool_opened(), provider_registered(), worker_registered()])
        assert [each.position for each in log.ask(trail, pool=POOL, provider=None, limit=9)[0]] == [1]
        assert [each.pool for each in log.ask(trail, provider=None, limit=9)[0]] == [POOL, None, None]
