"""The registry: from when until when providers, offers and workers are registered, and under which names."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given as whatever
from hypothesis import strategies as st

from domain.refusals import AlreadyClosed, DuplicateId, Malformed, NotFound, Refusal
from domain.registry import (
    Provider,
    Registration,
    end_offer,
    end_provider,
    end_worker,
    evolve,
    provider_id,
    register_offer,
    register_provider,
    register_worker,
)
from tests.domain.facts import (
    FIRST_DAY,
    OFFER,
    PROVIDER,
    PROVIDER_2,
    REGISTERED,
    WORKER,
    offer_registered,
    provider_registered,
    registration_ended,
    worker_registered,
)
from tests.specification import given

A_DAY = timedelta(days=1)
LAST_DAY = date(2022, 4, 30)
KNOWN = given(provider_registered())
STAFFED = given(provider_registered(), offer_registered(), worker_registered())


class TestRegistering:
    def test_a_provider_is_registered_under_what_events_call_it(self) -> None:
        """Its stream follows from that, so nobody registers it twice; two of them do not meet."""
        named = {"provider": PROVIDER, "name": "Jugendhilfe e. V.", "valid_from": FIRST_DAY}
        known = given().when(register_provider, **named).then(provider_registered())
        known.when(register_provider, **named).refuses(DuplicateId)
        assert provider_id(PROVIDER) == REGISTERED != provider_id(PROVIDER_2)

    def test_another_name_takes_over_where_the_last_one_ended(self) -> None:
        """A day has one name; which one it was on a day stays on record."""
        renamed = {"provider": PROVIDER, "name": "Jugendhilfe gGmbH"}
        ended = given(provider_registered(last=LAST_DAY))
        ended.when(register_provider, **renamed, valid_from=LAST_DAY).refuses(DuplicateId)
        then = ended.when(register_provider, **renamed, valid_from=LAST_DAY + A_DAY)
        names = then.then(provider_registered(name="Jugendhilfe gGmbH", first=LAST_DAY + A_DAY)).states.providers[REGISTERED].names
        assert [(each.name, each.valid_until) for each in names] == [("Jugendhilfe e. V.", LAST_DAY), ("Jugendhilfe gGmbH", None)]

    def test_offers_and_workers_are_registered_of_their_provider(self) -> None:
        """With a last day or without one; what is called the same is registered once on a day."""
        KNOWN.when(register_offer, offer=OFFER, valid_from=FIRST_DAY, valid_until=LAST_DAY).then(offer_registered(last=LAST_DAY))
        KNOWN.when(register_worker, worker=WORKER, valid_from=FIRST_DAY).then(worker_registered())
        STAFFED.when(register_offer, offer=OFFER, valid_from=LAST_DAY).refuses(DuplicateId)
        STAFFED.when(register_worker, worker=WORKER, valid_from=LAST_DAY).refuses(DuplicateId)
        STAFFED.when(register_offer, offer=WORKER, valid_from=LAST_DAY).then(offer_registered(WORKER, LAST_DAY))

    def test_earlier_days_are_registered_later(self) -> None:
        """Up to the day before those that are registered."""
        before = {"worker": WORKER, "valid_from": FIRST_DAY - 9 * A_DAY}
        STAFFED.when(register_worker, **before, valid_until=FIRST_DAY).refuses(DuplicateId)
        STAFFED.when(register_worker, **before).refuses(DuplicateId)
        earlier = worker_registered(first=FIRST_DAY - 9 * A_DAY, last=FIRST_DAY - A_DAY)
        STAFFED.when(register_worker, **before, valid_until=FIRST_DAY - A_DAY).then(earlier)

    def test_the_last_day_is_not_before_the_first(self) -> None:
        """The same day is; nobody registers what never was."""
        for known, decision, named in (
            (given(), register_provider, {"provider": PROVIDER, "name": "Jugendhilfe e. V."}),
            (KNOWN, register_offer, {"offer": OFFER}),
            (KNOWN, register_worker, {"worker": WORKER}),
        ):
            known.when(decision, **named, valid_from=FIRST_DAY, valid_until=FIRST_DAY - A_DAY).refuses(Malformed)
            assert isinstance(known.when(decision, **named, valid_from=FIRST_DAY, valid_until=FIRST_DAY).outcome, list)

    @pytest.mark.parametrize("name", ["Erika Mustermann", "Mustermann,Erika", "e.mustermann@traeger.example", "Erika\u00a0M."])
    def test_a_worker_is_registered_under_a_pseudonym(self, name: str) -> None:
        """What betrays itself as a name or an address is refused."""
        KNOWN.when(register_worker, worker=name, valid_from=FIRST_DAY).refuses(Malformed)


class TestEnding:
    @pytest.mark.parametrize(
        ("decision", "named", "ended"),
        [
            (end_provider, {}, ("provider", "Jugendhilfe e. V.")),
            (end_offer, {"offer": OFFER}, ("offer", OFFER)),
            (end_worker, {"worker": WORKER}, ("worker", WORKER)),
        ],
        ids=["provider", "offer", "worker"],
    )
    def test_an_end_is_only_ever_moved_to_an_earlier_day(self, decision: Any, named: dict[str, str], ended: Any) -> None:
        """Whoever stays longer than was said is registered anew from the next day on."""
        closed = STAFFED.when(decision, **named, valid_until=LAST_DAY).then(registration_ended(*ended, LAST_DAY))
        closed.when(decision, **named, valid_until=LAST_DAY).refuses(AlreadyClosed)
        closed.when(decision, **named, valid_until=LAST_DAY + A_DAY).refuses(AlreadyClosed)
        closed.when(decision, **named, valid_until=FIRST_DAY).then(registration_ended(*ended, FIRST_DAY))

    def test_the_others_keep_their_days(self) -> None:
        """A provider that ended still has had its workers, each for its own time."""
        provider = given(*STAFFED.facts, registration_ended("provider", "Jugendhilfe e. V.", LAST_DAY)).states.providers[REGISTERED]
        assert provider.names == [Registration("Jugendhilfe e. V.", FIRST_DAY, LAST_DAY)]
        assert provider.workers == [Registration(WORKER, FIRST_DAY, None)]

    def test_a_mistake_is_taken_back_by_an_end_before_its_beginning(self) -> None:
        """It was never valid then, and its days are free."""
        mistaken = registration_ended("worker", WORKER, FIRST_DAY - A_DAY)
        freed = STAFFED.when(end_worker, worker=WORKER, valid_until=FIRST_DAY - A_DAY).then(mistaken)
        assert freed.states.providers[REGISTERED].workers == []
        freed.when(end_worker, worker=WORKER, valid_until=FIRST_DAY).refuses(NotFound)
        freed.when(register_worker, worker=WORKER, valid_from=FIRST_DAY).then(worker_registered())

    def test_the_last_of_several_registrations_is_ended(self) -> None:
        """The one that began last, in whatever order they were made."""
        back = given(
            provider_registered(), worker_registered(first=LAST_DAY), worker_registered(first=FIRST_DAY, last=FIRST_DAY + A_DAY)
        )
        ended = registration_ended("worker", WORKER, LAST_DAY + A_DAY, LAST_DAY)
        back.when(end_worker, worker=WORKER, valid_until=LAST_DAY + A_DAY).then(ended)

    def test_what_is_not_registered_is_not_ended(self) -> None:
        """Nor is a worker an offer."""
        KNOWN.when(end_offer, offer=OFFER, valid_until=LAST_DAY).refuses(NotFound)
        KNOWN.when(end_worker, worker=WORKER, valid_until=LAST_DAY).refuses(NotFound)
        STAFFED.when(end_offer, offer=WORKER, valid_until=LAST_DAY).refuses(NotFound)
        never = registration_ended("provider", "Jugendhilfe e. V.", FIRST_DAY - A_DAY)
        given(provider_registered(), never).when(end_provider, valid_until=LAST_DAY).refuses(NotFound)


DAYS = [FIRST_DAY + number * A_DAY for number in range(9)]
NAMES = st.sampled_from(["kraft-a", "kraft-b"])
ASKED = st.one_of(
    st.tuples(st.just(register_worker), NAMES, st.sampled_from(DAYS), st.none() | st.sampled_from(DAYS)),
    st.tuples(st.just(end_worker), NAMES, st.none(), st.sampled_from(DAYS)),
)


def days_of(provider: Provider) -> list[tuple[str, date]]:
    """Every day on which a worker is registered, as often as it is."""
    return [
        (each.name, day)
        for each in provider.workers
        for day in [*DAYS, LAST_DAY]
        if each.valid_from <= day and (each.valid_until is None or day <= each.valid_until)
    ]


def decided(decision: Any, provider: Provider, **asked: Any) -> list[Any]:
    """What is decided; nothing where it is refused."""
    try:
        events: list[Any] = decision(provider, **asked)
    except Refusal:
        return []
    return events


@whatever(st.lists(ASKED, max_size=12))
def test_whatever_is_asked_each_day_counts_once(asked: list[Any]) -> None:
    """given any registrations and ends / then exactly what is free is registered, and an end takes nothing but what comes after."""
    provider = KNOWN.states.providers[REGISTERED]
    for decision, worker, first, last in asked:
        before = set(days_of(provider))
        days = {"valid_from": first, "valid_until": last} if decision is register_worker else {"valid_until": last}
        events = decided(decision, provider, worker=worker, **days)
        for event in events:
            evolve(provider, REGISTERED, event)
        after = days_of(provider)
        assert len(after) == len(set(after))
        if decision is register_worker:
            wanted = set(days_of(Provider(REGISTERED, PROVIDER, workers=[Registration(worker, first, last)])))
            assert bool(events) == (bool(wanted) and not wanted & before)
            assert set(after) == (before | wanted if events else before)
        else:
            taken = before - set(after)
            assert set(after) <= before
            assert bool(taken) == bool(events)
            assert all(name == worker and day > last for name, day in taken)
