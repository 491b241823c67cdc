"""What a finding is, and what a rule says of itself."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from domain.findings.thresholds import Thresholds

_IDS = UUID("5d2f7c0e-9a54-4f0b-8d53-6a6b3f1c7e21")  # of all findings; never changes
NAMED_MAX = 5  # so many days or lines are named in a sentence, the positions name all


@dataclass(frozen=True, slots=True)
class Finding:
    """Something an auditor should look at. ``position`` is the last of the events that it rests on.

    ``id`` stays the same while the same thing is found. What it does not concern, or cannot be told, is ``None``.
    """

    id: UUID
    rule: str
    family: int
    version: int
    source: str
    position: int
    positions: tuple[int, ...]
    pool: UUID | None
    case: UUID | None
    booking: UUID | None
    worker: str | None
    provider: str | None
    sentence: str


class Sighting(NamedTuple):
    """What a rule saw in a file. ``subject`` says what it is about, so that it is recognised again; ids are texts."""

    subject: str
    positions: Iterable[int]
    sentence: str
    pool: str | None = None
    case: str | None = None
    booking: str | None = None
    worker: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule over one kind of file. Its ``code`` is stable; ``version`` grows when it finds something else than before.

    ``definition`` says when it finds something, ``caution`` what that does not mean; ``thresholds`` are those that it uses.
    """

    code: str
    family: int
    version: int
    title: str
    definition: str
    caution: str
    source: str
    thresholds: tuple[str, ...] = ()
    of: type[Any]
    look: Callable[[Any, Thresholds], Iterable[Sighting]]

    def found(self, file: object, thresholds: Thresholds) -> Iterator[Finding]:
        """What this rule finds in a file."""
        for seen in self.look(file, thresholds):
            positions = tuple(sorted(set(seen.positions)))
            yield Finding(
                id=uuid5(_IDS, f"{self.code}/{seen.subject}"),
                rule=self.code,
                family=self.family,
                version=self.version,
                source=self.source,
                position=positions[-1],
                positions=positions,
                pool=_id(seen.pool),
                case=_id(seen.case),
                booking=_id(seen.booking),
                worker=seen.worker,
                provider=seen.provider,
                sentence=seen.sentence,
            )


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


# ── Words of sentences


def german(day: date) -> str:
    """03.12.2021"""
    return f"{day:%d.%m.%Y}"


def days_named(days: Iterable[date]) -> str:
    """03.12.2021, 04.12.2021 und 2 weitere Tage – each day once, in order."""
    return named([german(day) for day in sorted(set(days))], "weiterer Tag", "weitere Tage")


def named(words: list[str], one_more: str, more: str) -> str:
    """The first words of a list, and how many more there are."""
    rest = len(words) - NAMED_MAX
    if rest > 0:
        return f"{', '.join(words[:NAMED_MAX])} und {rest} {one_more if rest == 1 else more}"
    return " und ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def counted(number: int, one: str, many: str) -> str:
    """1 Termin, 1.234 Termine"""
    return f"{number:,} {one if number == 1 else many}".replace(",", ".")
