"""The files (Akten) that rules look into: what is known of a case, a booking, a day of a worker, a provider, a pool.

A file holds what may still change; ids are texts. Sessions stand in their booking and, for the rules over many bookings, in the
days of their worker and the month of their provider. A reversed session stands nowhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from domain.quantities import Kind, Role, Rules, berlin_day
from domain.registry import Provider

Person = tuple[str, str]  # subject and organisation

_MOMENT = timedelta(microseconds=1)  # what ends at midnight does not reach over it


@dataclass(eq=False, slots=True)
class PoolFile:
    """A pool with everything that belongs to it. A closed one takes nothing any more, so what is found in it is final."""

    id: str
    rules: Rules
    cases: list["CaseFile"] = field(default_factory=list)
    providers: dict[str, "ProviderFile"] = field(default_factory=dict)
    months: dict[tuple[str, str], "ProviderMonth"] = field(default_factory=dict)  # by provider and month
    imports: list["Refused"] = field(default_factory=list)
    refused: list["RefusedPerson"] = field(default_factory=list)
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """What an import was refused under one code; the file's lines."""

    position: int
    code: str
    lines: tuple[int, ...]


@dataclass(eq=False, slots=True)
class CaseFile:
    """A case; ``reference`` is pseudonymous. ``closed`` is the event that closed it, ``outcome_stated`` whether it says how.

    ``offer`` is unknown where the case was transferred: that of the provider before it is none of the next one's.
    """

    id: str
    pool: PoolFile
    reference: str
    provider: str
    offer: str | None
    bookings: list["BookingFile"] = field(default_factory=list)
    closed: int | None = None
    closed_at: datetime | None = None
    outcome_stated: bool = True
    dealt: set["Person"] = field(default_factory=set)  # who has recorded something in it
    readings: dict[tuple["Person", date], int] = field(default_factory=dict)  # who read on which day, and the last position then

    @property
    def name(self) -> str:
        return f"Fall „{self.reference}“ (Träger {self.provider})"

    def sessions(self) -> "Iterator[SessionFile]":
        for booking in self.bookings:
            yield from booking.sessions.values()


@dataclass(eq=False, slots=True)
class BookingFile:
    """A request and what became of it. ``stands`` is what was granted less what a reduction took away.

    ``offer`` is the one under which it was requested, ``registered`` what the registry says of the provider.
    """

    id: str
    case: CaseFile
    provider: str
    registered: Provider
    offer: str | None
    requested: int
    requested_by: str
    requested_on: date
    requested_position: int
    approval: "Approval | None" = None
    stands: int = 0
    reduced: int | None = None
    settled: int | None = None
    sessions: dict[str, "SessionFile"] = field(default_factory=dict)
    changes: list["Change"] = field(default_factory=list)

    @property
    def pool(self) -> PoolFile:
        return self.case.pool

    @property
    def name(self) -> str:
        """How people call it: the case's reference and the beginning of the request's id."""
        return f"Antrag {self.id[:8]} (Fall „{self.case.reference}“, Träger {self.provider})"


@dataclass(frozen=True, slots=True)
class Approval:
    position: int
    at: datetime
    by: str
    minutes: int
    reviewed: bool  # whether it says when it is looked at again


@dataclass(eq=False, slots=True)
class SessionFile:
    """A session that stands. ``entered`` is the day of its entry, unknown for imported history.

    ``late_after`` is the pool's rule about late entry then, in days. ``starts_at`` is UTC, so that it can be reckoned with;
    ``day`` is the one in Berlin.
    """

    id: str
    booking: BookingFile
    starts_at: datetime
    minutes: int
    kind: Kind
    worker: str | None
    positions: tuple[int, ...]
    note_empty: bool
    entered: date | None
    late_after: int | None
    confirmed: bool = False
    ends_at: datetime = field(init=False)
    day: date = field(init=False)
    days: tuple[date, ...] = field(init=False)  # the day on which it begins and, where it reaches over midnight, the next one

    def __post_init__(self) -> None:
        self.move(self.starts_at, self.minutes)

    def move(self, starts_at: datetime, minutes: int) -> None:
        """Puts it where it is served."""
        self.starts_at, self.minutes = starts_at, minutes
        self.ends_at = starts_at + timedelta(minutes=minutes)
        self.day = berlin_day(starts_at)
        over_midnight = berlin_day(self.ends_at - _MOMENT) > self.day
        self.days = (self.day, self.day + timedelta(days=1)) if over_midnight else (self.day,)

    @property
    def month(self) -> str:
        return self.day.isoformat()[:7]

    @property
    def case(self) -> CaseFile:
        return self.booking.case


@dataclass(frozen=True, slots=True)
class Change:
    """A correction or reversal: of what stood since ``positions``, served on ``day``, so many days after the end of its month."""

    position: int
    positions: tuple[int, ...]
    reversal: bool
    day: date
    after_confirmation: bool
    days_after_month: int


@dataclass(eq=False, slots=True)
class WorkerDay:
    """A worker's sessions that begin on a day, or reach over midnight into it. Of somebody unknown, those of one booking."""

    worker: str | None
    key: str
    day: date
    sessions: dict[str, SessionFile] = field(default_factory=dict)

    def beginning(self) -> list[SessionFile]:
        """The sessions that begin on the day, in the order of their starts."""
        return sorted((each for each in self.sessions.values() if each.day == self.day), key=lambda each: each.starts_at)


@dataclass(eq=False, slots=True)
class ProviderFile:
    """What was decided about a provider's requests in a pool; ``declined`` says whether any was."""

    pool: PoolFile
    provider: str
    approved: list[tuple[BookingFile, Approval]] = field(default_factory=list)
    declined: bool = False


@dataclass(eq=False, slots=True)
class ProviderMonth:
    """A provider's sessions of one month of service, as ``2022-03``; ``registered`` is what the registry says of the provider."""

    pool: PoolFile
    provider: str
    month: str
    registered: Provider
    sessions: dict[str, SessionFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefusedAttempt:
    """The position of the log at that moment, and whose case or request it was about, where it was about one."""

    position: int
    about: CaseFile | BookingFile | None


@dataclass(eq=False, slots=True)
class RefusedPerson:
    """What a person in an organisation was refused under one code in a pool, by receipt; ``None`` is no pool that is known."""

    subject: str
    organisation: str
    code: str
    pool: PoolFile | None
    attempts: dict[str, RefusedAttempt] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class ReadCase:
    """A case that was read; ``file`` is known where its pool was open then. Positions are those of the log at the moment."""

    file: CaseFile | None
    positions: set[int] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class ReaderDay:
    """Whose texts somebody read on a day, by case; of each hour of the day, the positions of the log then."""

    person: Person
    role: Role
    day: date
    cases: dict[str, ReadCase] = field(default_factory=dict)
    hours: dict[int, set[int]] = field(default_factory=dict)


File = PoolFile | CaseFile | BookingFile | WorkerDay | ProviderFile | ProviderMonth | RefusedPerson | ReaderDay
