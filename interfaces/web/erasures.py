"""What the pages of erasure show: the same as the API, a page at a time; and what can be done now with one person's data.

No text is opened for any of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from application.log import Reader
from application.projections import cases, retention
from application.projections.retention import Person
from application.reads import Disclosure, disclosures_of, summary_for
from domain.personal_data import CLASSES, Ground, PersonalClass, without
from domain.quantities import berlin_day
from interfaces.http.bodies import Name
from interfaces.http.erasures import OPERATIONS, RetentionView, viewed
from interfaces.http.operations import Asking, Command
from interfaces.http.parameters import Parameters
from interfaces.web.forms import Form

PERSONS_SHOWN = 50

# ── The calendar

State = Literal["requested", "held", "unconfirmed"]

_IN: Mapping[State, Callable[[Reader], list[Person]]] = {
    "requested": retention.requested,
    "held": retention.held,
    "unconfirmed": retention.unconfirmed,
}


class CalendarShown(Parameters, frozen=True):
    """Whose data are due, on request on another day; or those in a state, or of a reference, due or not."""

    on: str | None = None
    state: State | None = None
    reference: Name | None = None
    after: UUID | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """A page of persons; ``next`` is what the following one is asked for with."""

    wanted: CalendarShown
    on: date
    persons: Sequence[RetentionView]
    count: int
    next: Mapping[str, str] | None
    position: int


def calendar(asking: Asking, wanted: CalendarShown, on: datetime | date | None) -> Calendar:
    """The persons who are wanted; where the one that a page begins behind is not among them any more, from the first on."""
    day = berlin_day(asking.now) if on is None else berlin_day(on) if isinstance(on, datetime) else on
    found = _wanted(asking, wanted, day)
    start = next((number for number, person in enumerate(found, 1) if person.case == wanted.after), 0)
    shown = found[start : start + PERSONS_SHOWN]
    stated = {
        "on": wanted.on,
        "state": wanted.state,
        "reference": wanted.reference,
        "after": str(shown[-1].case) if shown else None,
    }
    head = asking.reader.head()
    return Calendar(
        wanted=wanted,
        on=day,
        persons=[viewed(asking, person) for person in shown],
        count=len(found),
        next={name: value for name, value in stated.items() if value} if start + len(shown) < len(found) else None,
        position=head.id if head else 0,
    )


def _wanted(asking: Asking, wanted: CalendarShown, day: date) -> list[Person]:
    if wanted.reference is not None:
        return retention.of_reference(asking.reader, wanted.reference)
    if wanted.state is not None:
        return _IN[wanted.state](asking.reader)
    return retention.due(asking.reader, day, asking.periods)


# ── One person

Deed = Literal["request", "agree", "withdraw", "hold", "lift"]

_COMMANDS = {operation.name: operation for operation in OPERATIONS if isinstance(operation, Command)}
COMMANDS: Mapping[Deed, Command] = {
    "request": _COMMANDS["erase"],
    "agree": _COMMANDS["erase"],
    "withdraw": _COMMANDS["withdraw_erasure"],
    "hold": _COMMANDS["set_hold"],
    "lift": _COMMANDS["lift_hold"],
}
_NAMING = ("request", "agree")  # they say which classes they mean, and on what ground


class ErasureShown(Parameters, frozen=True):
    case: UUID


class ErasureForm(Form, frozen=True):
    """What somebody decides about a person's data; ``version`` is that of the case when the form was shown.

    Otherwise a request could turn into an agreement, because another person has requested the same in between.
    """

    case: UUID
    version: int
    deed: Deed
    ground: Ground | None = None
    reason: str = ""
    identity: bool = False
    file: bool = False
    voucher: bool = False

    @property
    def classes(self) -> list[PersonalClass]:
        return [kept for kept in CLASSES if getattr(self, kept)]

    @property
    def complete(self) -> bool:
        """Whether it says what is to be erased, and why: the API would take all for it, by order."""
        return self.deed not in _NAMING or (self.ground is not None and bool(self.classes))

    @property
    def command(self) -> Command:
        """The one of the API."""
        return COMMANDS[self.deed]

    def body(self) -> Mapping[str, Any]:
        """What the API would be sent. Whoever agrees says the same as whoever requested, and gives no reason."""
        of = {"ground": self.ground, "classes": self.classes} if self.deed in _NAMING else {}
        return of if self.deed == "agree" else {**of, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Erasure:
    """How it stands with a person's data, and what the reader can do about it.

    ``due`` is what may be erased today; ``erasing`` what the second person would erase by agreeing, ``waiting`` what would still
    have to be kept; ``readers`` are the organisations that read what is erased, ``disclosures`` what left the house of it.
    """

    stands: RetentionView
    left: tuple[PersonalClass, ...]
    due: tuple[PersonalClass, ...]
    erasing: tuple[PersonalClass, ...]
    waiting: tuple[PersonalClass, ...]
    grounds: Sequence[Ground]
    deeds: Sequence[Deed]
    readers: Sequence[str]
    disclosures: Sequence[Disclosure]
    version: int
    position: int


def erasure(asking: Asking, case: UUID) -> Erasure:
    """One person's data. Raises ``NotFound``."""
    reader, head = asking.reader, asking.reader.head()
    person = retention.person(reader, case)
    stands = viewed(asking, person)
    due = person.due(berlin_day(asking.now), asking.periods)
    erasing = stands.requested if stands.ground == "order" else _both(stands.requested, due)
    return Erasure(
        stands=stands,
        left=without(CLASSES, stands.erased),
        due=due,
        erasing=erasing,
        waiting=without(stands.requested, erasing),
        grounds=_grounds(stands, due),
        deeds=_deeds(stands, erasing, asking.actor.subject),
        readers=sorted({read.organisation for read in summary_for(reader, case)}) if stands.erased else (),
        disclosures=disclosures_of(reader, case) if stands.requested or stands.erased else (),
        version=cases.versioned_case(reader, case, None).version,
        position=head.id if head else 0,
    )


# What can come next; the decisions say so too, and are asked.


def _grounds(stands: RetentionView, due: tuple[PersonalClass, ...]) -> Sequence[Ground]:
    ended: tuple[Ground, ...] = ("request",) if stands.ended_on else ()
    over: tuple[Ground, ...] = ("retention",) if due and not stands.held else ()
    return (*over, *ended, "order")


def _deeds(stands: RetentionView, erasing: tuple[PersonalClass, ...], subject: str) -> Sequence[Deed]:
    left = without(CLASSES, stands.erased)
    possible: Mapping[Deed, bool] = {
        "agree": bool(erasing) and not stands.held and stands.requested_by != subject,
        "request": bool(left) and not stands.requested,
        "withdraw": bool(stands.requested),
        "lift": stands.held,
        "hold": bool(left) and not stands.held,
    }
    return [deed for deed, can in possible.items() if can]


def _both(some: tuple[PersonalClass, ...], others: tuple[PersonalClass, ...]) -> tuple[PersonalClass, ...]:
    return tuple(each for each in some if each in others)
