"""The register: sorts events into files as they come, and says at any time what the rules find in them.

Feeding an event changes files and notes which; only these are looked into again when somebody asks. So findings that are asked
for event by event are those of the whole log read at once. What is remembered is what may still change: when a pool is closed,
its files are looked into for the last time and forgotten.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from domain.booking import (
    BookingSettled,
    Event,
    GrantReduced,
    HoursApproved,
    HoursRequested,
    RequestDeclined,
    SessionConfirmed,
    SessionCorrected,
    SessionLogged,
    SessionReversed,
)
from domain.case import CaseAmended, CaseClosed, CaseOpened, CaseTransferred
from domain.findings import of_refusals
from domain.findings.files import (
    Approval,
    BookingFile,
    CaseFile,
    Change,
    File,
    Person,
    PoolFile,
    ProviderFile,
    ProviderMonth,
    ReadCase,
    ReaderDay,
    Refused,
    RefusedAttempt,
    RefusedPerson,
    SessionFile,
    WorkerDay,
)
from domain.findings.finding import Finding, Rule
from domain.findings.rules import RULES
from domain.findings.thresholds import Thresholds
from domain.pool import ImportRecorded, PoolClosed, PoolOpened, RulesChanged
from domain.quantities import Actor, Role, berlin_day, berlin_month, berlin_time, last_day_of_month
from domain.registry import (
    OfferRegistered,
    Provider,
    ProviderRegistered,
    Registrable,
    Registration,
    RegistrationEnded,
    WorkerRegistered,
    end_registration,
    provider_id,
)


class Entry(Protocol):
    """An event with its envelope, as it stands in the log."""

    @property
    def position(self) -> int: ...

    @property
    def stream(self) -> UUID | str: ...

    @property
    def recorded_at(self) -> datetime: ...

    @property
    def actor(self) -> Actor: ...

    @property
    def command(self) -> str: ...

    @property
    def data(self) -> Event: ...


class Attempt(NamedTuple):
    """A refusal that is on record: who, on whose behalf, under which key and code, and the log's last position then.

    ``about`` is the id of a pool, case or booking, where it is known.
    """

    subject: str
    organisation: str
    key: str
    code: str
    position: int
    about: str | None = None


class Reading(NamedTuple):
    """Texts of a case were read: when, by whom, and the log's last position then."""

    at: datetime
    subject: str
    role: Role
    organisation: str
    case: str
    position: int


class Register:
    """All files, and what is found in them. ``forms`` gives the classes in which an event of a class may come."""

    def __init__(self, thresholds: Thresholds, forms: Callable[[type[Event]], Iterable[type]] = lambda event: (event,)) -> None:
        self.thresholds = thresholds
        self._handlers = {form: handler for event, handler in _HANDLERS.items() for form in forms(event)}
        self._pools: dict[str, PoolFile] = {}
        self._cases: dict[str, CaseFile] = {}
        self._bookings: dict[str, BookingFile] = {}
        self._days: dict[tuple[str, Any], WorkerDay] = {}
        self._refused: dict[tuple[str, str, str, PoolFile | None], RefusedPerson] = {}
        self._readers: dict[tuple[Person, Role, Any], ReaderDay] = {}
        self._providers: dict[str, Provider] = {}  # what the registry says of each; nothing where nobody registered it
        self._registered_since: set[str] = set()  # of which providers something was registered since somebody asked
        self._changed: dict[File, None] = {}  # in the order in which they changed
        self._found: dict[File, tuple[Finding, ...]] = {}
        self._final: list[Finding] = []

    def feed(self, entries: Iterable[Entry]) -> None:
        """Takes the next events of the log in."""
        for entry in entries:
            data = entry.data
            handler = self._handlers.get(type(data))
            if handler is not None:
                handler(self, entry, data)
            self._dealt(entry)

    def attempted(self, attempt: Attempt) -> bool:
        """Takes in a refusal that no event tells of, and says whether it is new; others than ``of_refusals.CODES`` tell nothing.

        It comes after the events that stood in the log by then, and before all others.
        """
        about = self._bookings.get(attempt.about or "") or self._cases.get(attempt.about or "")
        pool = about.pool if about is not None else self._pools.get(attempt.about or "")
        person = attempt.subject, attempt.organisation, attempt.code
        place = (*person, pool)
        file = self._refused.get(place)
        if file is None:
            file = self._refused[place] = RefusedPerson(*person, pool)
            if pool is not None:
                pool.refused.append(file)
        if attempt.key in file.attempts:
            return False
        file.attempts[attempt.key] = RefusedAttempt(attempt.position, about)
        self._changed[file] = None
        return True

    def read(self, reading: Reading) -> None:
        """Takes in that somebody read; each reading once. Its place among the events is that of a refusal."""
        local = berlin_time(reading.at)
        person, day = (reading.subject, reading.organisation), local.date()
        place = (person, reading.role, day)
        file = self._readers.get(place)
        if file is None:
            file = self._readers[place] = ReaderDay(*place)
        case = self._cases.get(reading.case)
        file.cases.setdefault(reading.case, ReadCase(case)).positions.add(reading.position)
        file.hours.setdefault(local.hour, set()).add(reading.position)
        self._changed[file] = None
        if case is not None:
            case.readings[person, day] = reading.position
            self._changed[case] = None

    def findings(self) -> Iterator[Finding]:
        """What holds now, in no particular order."""
        self._look()
        yield from self._final
        for found in self._found.values():
            yield from found

    def _look(self) -> None:
        if self._registered_since:
            self._changed.update(dict.fromkeys(self._about_registered()))
            self._registered_since.clear()
        for file in self._changed:
            found = tuple(finding for rule in _RULES_OF[type(file)] for finding in rule.found(file, self.thresholds))
            if found:
                self._found[file] = found
            else:
                self._found.pop(file, None)
        self._changed.clear()

    def _about_registered(self) -> Iterator[File]:
        """Whatever is judged by what was registered. It is rare to register something, so no file knows what it concerns."""
        for booking in self._bookings.values():
            if booking.provider in self._registered_since:
                yield booking
        for pool in self._pools.values():
            yield from (month for month in pool.months.values() if month.provider in self._registered_since)

    def _dealt(self, entry: Entry) -> None:
        """Whoever records something in a case has to do with it, also where they have read it before."""
        stream, person = str(entry.stream), (entry.actor.subject, entry.actor.organisation)
        booking = self._bookings.get(stream)
        case = booking.case if booking is not None else self._cases.get(stream)
        if case is not None and person not in case.dealt:
            case.dealt.add(person)
            days = [day for reader, day in case.readings if reader == person]
            read = (self._readers.get((person, entry.actor.role, day)) for day in days)
            self._changed.update(dict.fromkeys(file for file in read if file is not None))

    # ── Pools

    def _pool_opened(self, entry: Entry, data: PoolOpened) -> None:
        pool = str(entry.stream)
        self._pools[pool] = PoolFile(pool, data.rules)

    def _rules_changed(self, entry: Entry, data: RulesChanged) -> None:
        pool = self._pools[str(entry.stream)]
        pool.rules = data.rules
        self._changed.update(dict.fromkeys(pool.months.values()))

    def _import_recorded(self, entry: Entry, data: ImportRecorded) -> None:
        pool = self._pools[str(entry.stream)]
        lines: dict[str, list[int]] = {}
        for step in data.refused:
            if step.code in of_refusals.CODES:
                lines.setdefault(step.code, []).append(step.line)
        if lines:
            pool.imports += [Refused(entry.position, code, tuple(of_code)) for code, of_code in lines.items()]
            self._changed[pool] = None

    def _pool_closed(self, entry: Entry, data: PoolClosed) -> None:
        """A day of a worker who was also busy in an open pool is kept, but nothing that its sessions lead to beyond their case."""
        self._look()
        pool = self._pools.pop(str(entry.stream))
        pool.closed = True
        forgotten: dict[File, None] = dict.fromkeys(
            [pool, *pool.cases, *pool.providers.values(), *pool.months.values(), *pool.refused]
        )
        for refused in pool.refused:
            del self._refused[refused.subject, refused.organisation, refused.code, pool]
        for case in pool.cases:
            del self._cases[case.id]
            for booking in case.bookings:
                del self._bookings[booking.id]
                forgotten[booking] = None
                forgotten.update(dict.fromkeys(self._forget_days(booking)))
                booking.sessions.clear()
            case.bookings.clear()
        for of_pool in (pool.cases, pool.providers, pool.months, pool.refused):
            of_pool.clear()
        for file in forgotten:
            self._final += self._found.pop(file, ())

    def _forget_days(self, booking: BookingFile) -> Iterator[WorkerDay]:
        for session in booking.sessions.values():
            for place in _places(session):
                day = self._days.get(place)
                if day is not None and all(each.booking.pool.closed for each in day.sessions.values()):
                    yield self._days.pop(place)

    # ── Cases

    def _case_opened(self, entry: Entry, data: CaseOpened) -> None:
        pool, case = self._pools[str(data.pool)], str(entry.stream)
        self._cases[case] = file = CaseFile(case, pool, data.reference, data.provider, data.offer)
        pool.cases.append(file)

    def _case_amended(self, entry: Entry, data: CaseAmended) -> None:
        """For the requests that follow: those before keep the offer under which they were made."""
        case = self._cases[str(entry.stream)]
        case.offer = data.offer or case.offer

    def _case_transferred(self, entry: Entry, data: CaseTransferred) -> None:
        case = self._cases[str(entry.stream)]
        case.provider, case.offer = data.provider, None

    def _case_closed(self, entry: Entry, data: CaseClosed) -> None:
        case = self._cases[str(entry.stream)]
        case.closed, case.closed_at = entry.position, entry.recorded_at
        case.outcome_stated = data.outcome != "other" or not data.note_empty
        self._changed[case] = None

    # ── Bookings

    def _requested(self, entry: Entry, data: HoursRequested) -> None:
        case, booking = self._cases[str(data.case)], str(entry.stream)
        self._bookings[booking] = file = BookingFile(
            id=booking,
            case=case,
            provider=data.provider,
            registered=self._registered(data.provider),
            offer=case.offer,
            requested=data.minutes,
            requested_by=data.requested_by,
            requested_on=berlin_day(data.requested_at),
            requested_position=entry.position,
        )
        case.bookings.append(file)
        self._changed[file] = None

    def _approved(self, entry: Entry, data: HoursApproved) -> None:
        booking = self._bookings[str(entry.stream)]
        booking.approval = Approval(entry.position, data.decided_at, data.decided_by, data.minutes, data.review_on is not None)
        booking.stands = data.minutes
        provider = self._provider(booking)
        provider.approved.append((booking, booking.approval))
        self._changed.update({booking: None, provider: None})

    def _declined(self, entry: Entry, data: RequestDeclined) -> None:
        provider = self._provider(self._bookings[str(entry.stream)])
        provider.declined = True
        self._changed[provider] = None

    def _provider(self, booking: BookingFile) -> ProviderFile:
        return booking.pool.providers.setdefault(booking.provider, ProviderFile(booking.pool, booking.provider))

    def _reduced(self, entry: Entry, data: GrantReduced) -> None:
        booking = self._bookings[str(entry.stream)]
        booking.stands, booking.reduced = data.to_minutes, entry.position

    def _settled(self, entry: Entry, data: BookingSettled) -> None:
        booking = self._bookings[str(entry.stream)]
        booking.settled = entry.position
        self._changed[booking] = None

    # ── Sessions

    def _logged(self, entry: Entry, data: SessionLogged) -> None:
        booking = self._bookings[str(entry.stream)]
        session = SessionFile(
            id=str(data.session),
            booking=booking,
            starts_at=data.starts_at.astimezone(UTC),
            minutes=data.minutes,
            kind=data.kind,
            worker=data.worker or _who_entered(entry),
            positions=(entry.position,),
            note_empty=data.note_empty,
            entered=None if _imported(entry) else berlin_day(entry.recorded_at),
            late_after=booking.pool.rules.late_entry_days,
        )
        booking.sessions[session.id] = session
        self._place(session)

    def _corrected(self, entry: Entry, data: SessionCorrected) -> None:
        """A note of ``None`` leaves the note."""
        booking = self._bookings[str(entry.stream)]
        session = booking.sessions[str(data.session)]
        if data.now != data.before:
            booking.changes.append(_change(entry, session, reversal=False))
        self._displace(session)
        session.move(data.now.starts_at.astimezone(UTC), data.now.minutes)
        session.kind, session.worker = data.now.kind, data.now.worker or session.worker
        session.note_empty = session.note_empty and data.note is None
        session.positions = (*session.positions, entry.position)
        self._place(session)

    def _reversed(self, entry: Entry, data: SessionReversed) -> None:
        booking = self._bookings[str(entry.stream)]
        session = booking.sessions.pop(str(data.session))
        booking.changes.append(_change(entry, session, reversal=True))
        self._displace(session)

    def _confirmed(self, entry: Entry, data: SessionConfirmed) -> None:
        booking = self._bookings[str(entry.stream)]
        booking.sessions[str(data.session)].confirmed = True
        self._changed[booking] = None

    def _place(self, session: SessionFile) -> None:
        """Puts a session into the files over many bookings."""
        for place in _places(session):
            day = self._days.get(place)
            if day is None:
                day = self._days[place] = WorkerDay(session.worker, *place)
            day.sessions[session.id] = session
            self._changed[day] = None
        booking = session.booking
        place_of_month = booking.provider, session.month
        month = booking.pool.months.get(place_of_month)
        if month is None:
            month = ProviderMonth(booking.pool, *place_of_month, booking.registered)
            booking.pool.months[place_of_month] = month
        month.sessions[session.id] = session
        self._changed.update({booking: None, booking.case: None, month: None})

    def _displace(self, session: SessionFile) -> None:
        """Takes it out of where it stood."""
        for place in _places(session):
            day = self._days[place]
            del day.sessions[session.id]
            if not day.sessions:
                del self._days[place]
            self._changed[day] = None
        booking = session.booking
        month = booking.pool.months[booking.provider, session.month]
        del month.sessions[session.id]
        self._changed.update({booking: None, booking.case: None, month: None})

    # ── The registry

    def _provider_registered(self, entry: Entry, data: ProviderRegistered) -> None:
        self._register(data, "provider", data.name)

    def _offer_registered(self, entry: Entry, data: OfferRegistered) -> None:
        self._register(data, "offer", data.offer)

    def _worker_registered(self, entry: Entry, data: WorkerRegistered) -> None:
        self._register(data, "worker", data.worker)

    def _register(self, data: ProviderRegistered | OfferRegistered | WorkerRegistered, of: Registrable, name: str) -> None:
        registrations = self._registered(data.provider).registered(of)
        registrations.append(Registration(name, data.valid_from, data.valid_until))
        self._registered_since.add(data.provider)

    def _registration_ended(self, entry: Entry, data: RegistrationEnded) -> None:
        end_registration(self._registered(data.provider).registered(data.of), data)
        self._registered_since.add(data.provider)

    def _registered(self, provider: str) -> Provider:
        """What the registry says of a provider, which changes in place as its events come."""
        if provider not in self._providers:
            self._providers[provider] = Provider(provider_id(provider), provider)
        return self._providers[provider]


def _places(session: SessionFile) -> list[tuple[str, Any]]:
    """The days of a worker in which a session stands. Of somebody unknown, those of one booking stand together."""
    key = f"worker/{session.worker}" if session.worker is not None else f"booking/{session.booking.id}"
    return [(key, day) for day in session.days]


def _who_entered(entry: Entry) -> str | None:
    """Workers enter their own sessions, and need not name themselves."""
    return entry.actor.subject if entry.actor.role == "worker" else None


def _imported(entry: Entry) -> bool:
    """Whether the event is history out of a file. Providers name their commands themselves, so the name alone says nothing."""
    return entry.actor.role == "officer" and entry.command.startswith("import:")


def _change(entry: Entry, session: SessionFile, *, reversal: bool) -> Change:
    """What a correction or reversal does to a session, as it stood until then."""
    days = (berlin_day(entry.recorded_at) - last_day_of_month(berlin_month(session.starts_at))).days
    return Change(entry.position, session.positions, reversal, session.day, session.confirmed, days)


_HANDLERS: Mapping[type[Event], Callable[[Register, Entry, Any], None]] = {
    PoolOpened: Register._pool_opened,
    RulesChanged: Register._rules_changed,
    ImportRecorded: Register._import_recorded,
    PoolClosed: Register._pool_closed,
    CaseOpened: Register._case_opened,
    CaseAmended: Register._case_amended,
    CaseTransferred: Register._case_transferred,
    CaseClosed: Register._case_closed,
    HoursRequested: Register._requested,
    HoursApproved: Register._approved,
    RequestDeclined: Register._declined,
    GrantReduced: Register._reduced,
    BookingSettled: Register._settled,
    SessionLogged: Register._logged,
    SessionCorrected: Register._corrected,
    SessionReversed: Register._reversed,
    SessionConfirmed: Register._confirmed,
    ProviderRegistered: Register._provider_registered,
    OfferRegistered: Register._offer_registered,
    WorkerRegistered: Register._worker_registered,
    RegistrationEnded: Register._registration_ended,
}

_RULES_OF: Mapping[type[Any], list[Rule]] = {of: [rule for rule in RULES if rule.of is of] for of in {rule.of for rule in RULES}}
