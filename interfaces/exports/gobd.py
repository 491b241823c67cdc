"""A pool as tables for audit software, after GoBD (access Z3): a folder with ``index.xml``, CSV files and a page to read first.

All tables come from one snapshot of the log, and every row says at which position of the log it stands. Nothing personal is in
them: of every reason and note they say whether there is one.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from application.findings import Findings
from application.log import Progress, Reader, Recorded
from application.projections import pools
from application.projections.audit_trail import positions, taking_part, traced
from application.projections.balances import By, balance, movements_of_pool
from application.projections.bookings import bookings_of_pool, sessions_of_booking
from application.projections.cases import cases_of_pool
from application.projections.providers import registrations_of
from application.projections.tables import instant
from application.views import PoolView, TrailEntry, Versioned
from domain.booking import (
    ApprovalProposed,
    BookingSettled,
    GrantReduced,
    HoursApproved,
    RequestDeclined,
    RequestWaitlisted,
    RequestWithdrawn,
    SessionConfirmed,
    SessionCorrected,
    SessionFacts,
    SessionReversed,
)
from domain.pool import BudgetChanged, PoolOpened
from domain.quantities import berlin_day, berlin_time
from interfaces.exports.gdpdu import DTD, Rows, Table, Value, describe, printable, templates
from interfaces.exports.gobd_tables import (
    AUDIT_TRAIL,
    BALANCES,
    BOOKINGS,
    BUDGET,
    CASES,
    CONFIRMATIONS,
    CORRECTIONS,
    DECISIONS,
    EVIDENCE,
    FINDINGS,
    MOVEMENTS,
    POOLS,
    PROVIDERS,
    QUOTAS,
    REGISTRATIONS,
    SESSIONS,
    TABLES,
)
from interfaces.findings_csv import handling_of

README = "LIESMICH.txt"


def write_gobd(
    reader: Reader, pool: UUID, folder: Path, findings: Findings, origin: str, dtd: bytes | None, progress: Progress
) -> dict[str, int]:
    """Writes all tables of a pool into a folder; returns how many rows each file has. Raises ``NotFound``."""
    found = pools.versioned_pool(reader, pool)
    with ExitStack() as stack:
        tables = {table.file: stack.enter_context(Rows(folder, table)) for table in TABLES}
        writing = _Writing(reader, found, tables)
        writing.findings(findings, progress)  # first, as it has to remember all sessions that may still change
        writing.pool()
        writing.providers()
        writing.cases()
        writing.bookings_and_sessions()
        writing.movements_and_balances()
        writing.events(progress)
    head = reader.head()
    assert head is not None, "there is a pool"
    name = found.view.name
    comment = f"Stundenpool „{name}“ ({pool}), Protokoll {origin}, Stand: Position {head.id}"
    describe(folder, TABLES, supplier="Jugendamt", medium=f"Stundenpool {name}", comment=comment)
    if dtd is not None:
        (folder / DTD).write_bytes(dtd)
    counts = {file: rows.count for file, rows in tables.items()}
    _explain(folder, comment, counts, dtd is not None)
    return counts


def _explain(folder: Path, comment: str, counts: Mapping[str, int], with_dtd: bool) -> None:
    text = templates.get_template(README).render(
        comment=printable(comment), tables=TABLES, counts=counts, dtd=DTD, with_dtd=with_dtd
    )
    (folder / README).write_text(text, encoding="utf-8", newline="\r\n")


class _Writing:
    """Fills the tables of one pool."""

    def __init__(self, reader: Reader, pool: Versioned[PoolView], tables: Mapping[str, Rows]) -> None:
        self._reader = reader
        self._pool = pool
        self._id = pool.view.id
        self._tables = tables

    def _add(self, table: Table, *values: Value) -> None:
        self._tables[table.file].add(*values)

    def findings(self, findings: Findings, progress: Progress) -> None:
        report = findings.report(self._reader, pool=self._id, progress=progress)
        titles = {rule.rule: rule.title for rule in report.rules}
        for found in report.findings:
            self._add(
                FINDINGS,
                str(found.id),
                found.position,
                found.rule,
                titles.get(found.rule or ""),
                found.family,
                found.version,
                found.source,
                _id(found.pool),
                _id(found.case),
                _id(found.booking),
                found.worker,
                found.provider,
                found.sentence,
                handling_of(found),
            )
            for position in found.positions:
                self._add(EVIDENCE, str(found.id), position)

    def pool(self) -> None:
        view, rules = self._pool.view, self._pool.view.rules
        [opened] = positions(self._reader, pool=self._id, type="pool-opened")
        self._add(
            POOLS,
            str(self._id),
            opened,
            self._pool.position,
            view.name,
            view.period.start,
            view.period.end,
            rules.unit_minutes,
            rules.case_cap_minutes,
            rules.four_eyes_minutes,
            rules.session_max_minutes,
            rules.late_entry_days,
            " ".join(view.closed_months),
            view.exhausted,
            view.closed,
            view.demonstration,
        )
        stated_at = [opened, *positions(self._reader, pool=self._id, type="rules-changed")][-1]
        for level, quotas in (("district", rules.district_quotas), ("provider", rules.provider_quotas)):
            for key, minutes in sorted(quotas.items()):
                self._add(QUOTAS, str(self._id), level, key, stated_at, minutes)

    def providers(self) -> None:
        for provider, pools_named in taking_part(self._reader).items():
            if str(self._id) not in pools_named:
                continue
            registered = registrations_of(self._reader, provider)
            self._add(PROVIDERS, provider, pools_named[str(self._id)], any(each.kind == "provider" for each in registered))
            for each in registered:
                last = None if each.valid_until is None else date.fromisoformat(each.valid_until)
                days = (date.fromisoformat(each.valid_from), last)
                self._add(REGISTRATIONS, provider, each.kind, each.name, *days, each.position)

    def cases(self) -> None:
        for case in cases_of_pool(self._reader, self._id):
            self._add(
                CASES,
                case.case_id,
                case.pool,
                case.position,
                case.last_position,
                case.reference,
                case.provider,
                case.offer,
                case.district,
                case.service_area,
                case.concern,
                *_at(datetime.fromisoformat(case.opened_at)),
                case.outcome,
                case.erased,
            )

    def bookings_and_sessions(self) -> None:
        for booking in bookings_of_pool(self._reader, self._id):
            self._add(
                BOOKINGS,
                booking.booking,
                booking.pool,
                booking.case_id,
                booking.position,
                booking.last_position,
                booking.provider,
                booking.district,
                booking.state,
                booking.requested,
                booking.proposed,
                booking.granted,
                booking.consumed,
                booking.released,
                *_at(datetime.fromisoformat(booking.requested_at)),
                booking.requested_by,
                booking.purpose is not None,
            )
            for session in sessions_of_booking(self._reader, UUID(booking.booking)):
                self._add(
                    SESSIONS,
                    session.session,
                    session.booking,
                    booking.case_id,
                    session.position,
                    session.provider,
                    *_at(datetime.fromisoformat(session.starts_at)),
                    session.minutes,
                    session.kind,
                    session.worker,
                    session.state,
                    bool(session.confirmed),
                    bool(session.late),
                    session.note is not None,
                )

    def movements_and_balances(self) -> None:
        last: dict[tuple[str, str], int] = {}
        for moved in movements_of_pool(self._reader, self._id):
            self._add(
                MOVEMENTS,
                moved.position,
                moved.seq,
                moved.pool,
                moved.booking,
                moved.case_id,
                moved.provider,
                moved.district,
                moved.kind,
                moved.minutes,
                *_at(instant(moved.effective)),
            )
            last["pool", moved.pool] = last["month", moved.day[:7]] = moved.position
            if moved.provider is not None and moved.district is not None:
                last["provider", moved.provider] = last["district", moved.district] = moved.position
        for level, key, sums in _balances(self._reader, self._id):
            self._add(BALANCES, str(self._id), level, key, last[level, key], *sums)

    def events(self, progress: Progress) -> None:
        head = self._reader.head()
        total = head.id if head else 0
        for event, entry in traced(self._reader, self._id):
            self._event(event, entry)
            progress(event.position, total)

    def _event(self, event: Recorded, entry: TrailEntry) -> None:
        """What the event tells, and its line in the audit trail."""
        about = (_id(entry.booking), _id(entry.case))
        recorded = _at(event.recorded_at)
        match event.data:
            case PoolOpened() as data:
                self._add(BUDGET, event.position, str(self._id), data.budget_minutes, None, data.period.start, *recorded)
            case BudgetChanged() as data:
                effective = data.effective_on or berlin_day(event.recorded_at)
                self._add(BUDGET, event.position, str(self._id), data.change_minutes, data.resolution, effective, *recorded)
            case SessionCorrected() as data:
                self._correction(event, about, _facts(data.before), _facts(data.now), data)
            case SessionReversed() as data:
                self._correction(event, about, _facts(data.before), (None,) * 5, data)
            case SessionConfirmed() as data:
                stated = (data.provider, data.method, data.by is not None)
                self._add(CONFIRMATIONS, event.position, str(data.session), *about, *stated, *recorded, event.actor.subject)
            case _:
                decided = _decision(event)
                if decided is not None:
                    self._add(DECISIONS, event.position, *about, entry.provider, event.type, *decided)
        self._add(
            AUDIT_TRAIL,
            event.position,
            *recorded,
            event.type,
            str(event.stream),
            event.version,
            _id(entry.pool),
            _id(entry.case),
            _id(entry.booking),
            entry.provider,
            event.actor.subject,
            event.actor.role,
            event.actor.organisation,
            event.cause,
            entry.line,
        )

    def _correction(
        self,
        event: Recorded,
        about: Sequence[str | None],
        before: Sequence[Value],
        now: Sequence[Value],
        data: SessionCorrected | SessionReversed,
    ) -> None:
        self._add(
            CORRECTIONS,
            event.position,
            str(data.session),
            *about,
            data.provider,
            event.type,
            *before,
            *now,
            *_at(event.recorded_at),
            event.actor.subject,
            data.reason_given,
        )


def _balances(reader: Reader, pool: UUID) -> Iterator[tuple[str, str, Sequence[int | None]]]:
    """Level, key, and sums in the order of the columns."""
    whole = balance(reader, pool)
    sums = (whole.budget, whole.granted, whole.reserved, whole.consumed, whole.released, whole.available)
    yield "pool", str(pool), sums
    levels: tuple[By, ...] = ("provider", "district", "month")
    for level in levels:
        for group in balance(reader, pool, by=level).groups or ():
            yield level, group.key, (None, group.granted, group.reserved, group.consumed, group.released, None)


def _decision(event: Recorded) -> Sequence[Value] | None:
    """Minutes, when, by whom, proposed by whom, to be looked at again when, priority, and whether there are reasons."""
    at, by = event.recorded_at, event.actor.subject
    match event.data:
        case RequestWaitlisted() as data:
            return data.minutes, *_at(at), data.listed_by, None, None, data.priority, data.reason_given, False
        case ApprovalProposed() as data:
            said = (data.reason_given, data.overtaking_reason_given)
            return data.minutes, *_at(data.proposed_at), data.proposed_by, None, data.review_on, None, *said
        case HoursApproved() as data:
            said = (data.reason_given, data.overtaking_reason_given)
            return data.minutes, *_at(data.decided_at), data.decided_by, data.proposed_by, data.review_on, None, *said
        case RequestDeclined() as data:
            return None, *_at(data.decided_at), data.decided_by, None, None, None, data.reason_given, False
        case RequestWithdrawn() as data:
            return None, *_at(data.withdrawn_at), data.withdrawn_by, None, None, None, data.reason_given, False
        case GrantReduced() as data:
            return data.to_minutes, *_at(at), by, None, None, None, data.reason_given, False
        case BookingSettled() as data:
            return None, *_at(data.settled_at), by, None, None, None, False, False
        case _:
            return None


def _facts(facts: SessionFacts) -> Sequence[Value]:
    return *_at(facts.starts_at), facts.minutes, facts.kind, facts.worker


def _at(instant: datetime) -> tuple[date, str]:
    """Day and time of day in Berlin; with the offset, which tells the two hours apart that the end of summer time doubles."""
    local = berlin_time(instant)
    return local.date(), local.timetz().isoformat()


def _id(id: UUID | None) -> str | None:
    return None if id is None else str(id)
