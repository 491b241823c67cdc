"""What is decided again, beside what is stored."""

from collections.abc import Iterator
from dataclasses import fields
from difflib import SequenceMatcher
from itertools import zip_longest
from uuid import UUID

import msgspec

from application.catalogue import BY_CLASS
from application.log import Recorded
from application.proof.decisions import Decision
from application.proof.deviations import ABSENT, Deviation, said
from domain.booking import Event, Facts


def the_same(facts: Facts, decision: Decision) -> bool:
    return facts == [(event.stream, event.data) for event in decision]


def envelopes(decision: Decision) -> Iterator[Deviation]:
    first = decision[0]
    for event in decision:
        cause = None if event is first else first.position
        if event.cause != cause:
            yield deviation_at(event, "cause", said(cause), said(event.cause))
        if event.actor != first.actor:
            yield deviation_at(event, "actor", said(first.actor), said(event.actor))
        if event.recorded_at != first.recorded_at:
            yield deviation_at(event, "recorded_at", said(first.recorded_at), said(event.recorded_at))


def differences(facts: Facts, decision: Decision, missing: Facts) -> Iterator[Deviation]:
    """What is another than expected. What is missing is named at the position where it should stand, and added to ``missing``."""
    expected = [(stream, type(data)) for stream, data in facts]
    found = [(event.stream, type(event.data)) for event in decision]
    for same, start, end, at, until in SequenceMatcher(None, expected, found, autojunk=False).get_opcodes():
        if same == "equal":
            for (_, data), event in zip(facts[start:end], decision[at:until], strict=True):
                yield from _fields(data, event)
            continue
        for fact, event in zip_longest(facts[start:end], decision[at:until]):
            if event is None:
                yield Deviation(decision[0].position + until, str(fact[0]), "event", _named(fact), ABSENT)
            else:
                yield deviation_at(event, "event", _named(fact) if fact else ABSENT, event.type)
        missing += facts[start:end]


def instead(decision: Decision, fact: tuple[UUID, Event]) -> Recorded:
    """A fact that is missing, as if it stood at the end of its decision."""
    stream, data = fact
    return msgspec.structs.replace(decision[-1], stream=stream, version=0, data=data)


def _named(fact: tuple[UUID, Event]) -> str:
    return f"{BY_CLASS[type(fact[1])].name} im Strom {fact[0]}"


def _fields(expected: Event, event: Recorded) -> Iterator[Deviation]:
    """Of personal texts it is known only whether there is one."""
    entry = BY_CLASS[type(expected)]
    for each in fields(expected):
        wanted, stands = getattr(expected, each.name), getattr(event.data, each.name)
        if each.name in entry.personal:
            wanted, stands = wanted is not None, stands is not None
        if wanted != stands:
            yield deviation_at(event, each.name, said(wanted), said(stands))


def deviation_at(event: Recorded, field: str, expected: str, found: str) -> Deviation:
    return Deviation(event.position, str(event.stream), field, expected, found)
