"""Registry (Verzeichnis): providers, their offers and their workers, and from which day until which. Events, state, evolve,
policies, decisions.

It says who is behind the names that stand in other events, and when they were valid. No decision about hours asks it: what an
unregistered provider or worker does counts like everything else, and is a finding at most. A worker is registered under the
pseudonym that stands in sessions, never under a name.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal, assert_never
from uuid import UUID, uuid5

from domain.refusals import AlreadyClosed, DuplicateId, Malformed, NotFound

Registrable = Literal["provider", "offer", "worker"]
_IDS = UUID("8c0f3a52-1d64-4b7e-9a25-6f1e0b7d4c93")  # of all providers; never changes

# ── Events ── days are inclusive and those of Europe/Berlin; without ``valid_until`` it is open until it is ended.


@dataclass(frozen=True, slots=True)
class ProviderRegistered:
    """``provider`` is what it is called in all events, ``name`` what people call the organisation."""

    provider: str
    name: str
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class OfferRegistered:
    provider: str
    offer: str
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class WorkerRegistered:
    provider: str
    worker: str
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class RegistrationEnded:
    """The registration under ``name`` that began on ``valid_from`` has this last day; one before the first: it never was valid."""

    provider: str
    of: Registrable
    name: str
    valid_from: date
    valid_until: date


ProviderEvent = ProviderRegistered | OfferRegistered | WorkerRegistered | RegistrationEnded

# ── State


@dataclass(frozen=True, slots=True)
class Registration:
    """A name and the days on which it is valid, both inclusive."""

    name: str
    valid_from: date
    valid_until: date | None

    def holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)

    def meets(self, other: "Registration") -> bool:
        """Whether there is a day on which both are valid."""
        first, second = sorted((self, other), key=lambda each: each.valid_from)
        return first.valid_until is None or first.valid_until >= second.valid_from


@dataclass(slots=True)
class Provider:
    """What decisions need to know of a provider: all registrations, in the order in which they were made."""

    id: UUID
    provider: str
    names: list[Registration] = field(default_factory=list)
    offers: list[Registration] = field(default_factory=list)
    workers: list[Registration] = field(default_factory=list)

    def registered(self, of: Registrable) -> list[Registration]:
        match of:
            case "provider":
                return self.names
            case "offer":
                return self.offers
            case "worker":
                return self.workers
            case _:
                assert_never(of)


def provider_id(provider: str) -> UUID:
    """The stream of a provider follows from what it is called in events, so that it is registered once."""
    return uuid5(_IDS, provider)


def evolve(provider: Provider | None, stream: UUID, event: ProviderEvent) -> Provider:
    """The state after a fact; folds in place."""
    if provider is None:
        assert isinstance(event, ProviderRegistered), f"the first event of a provider registers it, not {event}"
        provider = Provider(stream, event.provider)
    match event:
        case ProviderRegistered():
            provider.names.append(Registration(event.name, event.valid_from, event.valid_until))
        case OfferRegistered():
            provider.offers.append(Registration(event.offer, event.valid_from, event.valid_until))
        case WorkerRegistered():
            provider.workers.append(Registration(event.worker, event.valid_from, event.valid_until))
        case RegistrationEnded():
            end_registration(provider.registered(event.of), event)
        case _:
            assert_never(event)
    return provider


def end_registration(registrations: list[Registration], event: RegistrationEnded) -> None:
    """Moves its end, or removes it where it never was."""
    begun = [(each.name, each.valid_from) for each in registrations]
    place = begun.index((event.name, event.valid_from))
    if event.valid_until < event.valid_from:
        del registrations[place]
    else:
        registrations[place] = replace(registrations[place], valid_until=event.valid_until)


# ── Policies


def days_in_order(valid_from: date, valid_until: date | None) -> None:
    """What is registered is valid for a day at least."""
    if valid_until is not None and valid_until < valid_from:
        raise Malformed(place="valid_until", problem="liegt vor dem Beginn")


def pseudonymous(worker: str) -> None:
    """A person's full name or address betrays itself by its signs. A single surname cannot be told from a pseudonym."""
    if any(sign.isspace() or sign in ",@" for sign in worker):
        raise Malformed(place="worker", problem="ein Kürzel ohne Leerzeichen, Komma und @, kein Name und keine Adresse")


def registered_once(registrations: list[Registration], wanted: Registration) -> None:
    """One name is valid but once on a day."""
    if any(wanted.meets(each) for each in registrations):
        raise DuplicateId(id=wanted.name)


# ── Decisions


def register_provider(
    existing: Provider | None, *, provider: str, name: str, valid_from: date, valid_until: date | None = None
) -> list[ProviderEvent]:
    """Registers a provider; again, perhaps under another name, for days on which it is not registered yet."""
    days_in_order(valid_from, valid_until)
    if existing is not None:
        registered_once(existing.names, Registration(name, valid_from, valid_until))
    return [ProviderRegistered(provider, name, valid_from, valid_until)]


def register_offer(provider: Provider, *, offer: str, valid_from: date, valid_until: date | None = None) -> list[ProviderEvent]:
    """Registers an offer of a provider, for days on which it is not registered yet."""
    days_in_order(valid_from, valid_until)
    registered_once(_called(provider.offers, offer), Registration(offer, valid_from, valid_until))
    return [OfferRegistered(provider.provider, offer, valid_from, valid_until)]


def register_worker(provider: Provider, *, worker: str, valid_from: date, valid_until: date | None = None) -> list[ProviderEvent]:
    """Registers a worker of a provider under a pseudonym, for days on which it is not registered yet."""
    days_in_order(valid_from, valid_until)
    pseudonymous(worker)
    registered_once(_called(provider.workers, worker), Registration(worker, valid_from, valid_until))
    return [WorkerRegistered(provider.provider, worker, valid_from, valid_until)]


def end_provider(provider: Provider, *, valid_until: date) -> list[ProviderEvent]:
    """Ends the provider's last registration. Its offers and workers keep their days."""
    return _ended(provider, "provider", provider.names, valid_until)


def end_offer(provider: Provider, *, offer: str, valid_until: date) -> list[ProviderEvent]:
    """Ends the last registration of an offer."""
    return _ended(provider, "offer", _called(provider.offers, offer), valid_until)


def end_worker(provider: Provider, *, worker: str, valid_until: date) -> list[ProviderEvent]:
    """Ends the last registration of a worker."""
    return _ended(provider, "worker", _called(provider.workers, worker), valid_until)


def _called(registrations: list[Registration], name: str) -> list[Registration]:
    return [each for each in registrations if each.name == name]


def _ended(provider: Provider, of: Registrable, registrations: list[Registration], valid_until: date) -> list[ProviderEvent]:
    """An end is only ever moved to an earlier day."""
    if not registrations:
        raise NotFound()
    last = max(registrations, key=lambda each: each.valid_from)
    if last.valid_until is not None and last.valid_until <= valid_until:
        raise AlreadyClosed(what="Die Eintragung")
    return [RegistrationEnded(provider.provider, of, last.name, last.valid_from, valid_until)]
