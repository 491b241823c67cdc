"""Imports of what stood in spreadsheets: rows become steps, and steps are decided like any command.

A row of requests holds two steps, the request and its decision; a row of sessions one. Steps are applied in the order of their
effective times, ties by line. Imported history keeps its own instants and people, and the rules hold for it as they stood at
the step's own time. Ids in a file become ids in the log, so a step that is already there is recognised and adds nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, NoReturn, Protocol, get_args
from uuid import UUID, uuid5

from application import written
from application.commands import case_id
from application.log import Reader, read_event
from application.projections import audit_trail
from application.projections import bookings as booking_rows
from application.receipts import Answer
from application.turn import Abandoned, Turn
from application.written import Row, Table
from domain import booking as bookings
from domain import case as cases
from domain import pool as pools
from domain.booking import Booking, SessionFacts
from domain.case import Case
from domain.pool import ImportRecorded, Pool, RefusedStep
from domain.quantities import Actor, Concern, Kind, ServiceArea, berlin_time
from domain.refusals import DuplicateId, ForeignCase, Malformed, NotFound, Refusal, UnknownRequest

FileKind = Literal["requests", "sessions"]
StepName = Literal["request", "decision", "session"]
Decision = Literal["approved", "declined", "withdrawn"]

REQUIRED: Mapping[FileKind, tuple[str, ...]] = {
    "requests": (
        "request_id",
        "case_ref",
        "provider",
        "district",
        "requested_at",
        "requested_by",
        "requested_minutes",
        "decision",
        "decided_at",
        "decided_by",
        "granted_minutes",
    ),
    "sessions": ("session_id", "request_id", "worker", "starts_at", "minutes", "kind"),
}
DEFAULT_REASON = "laut Import"
STEPS_A_TURN = 250  # keeps the lock short where steps may be recorded one by one


class Decider(Protocol):
    """Who decides the steps: the engine, or whoever tells a story."""

    def execute(self, actor: Actor, decide: Callable[[Turn], Answer]) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Step:
    """What one row asks for at one instant. ``apply`` says whether it was recorded, or already there; it may refuse."""

    line: int
    name: StepName
    id: str
    at: datetime
    by: str
    apply: Callable[[Turn], bool]


@dataclass(frozen=True, slots=True)
class Reject:
    """A refused step, with the code and the sentence of its refusal."""

    line: int
    step: StepName
    code: str
    message: str
    id: str


@dataclass(frozen=True, slots=True)
class Report:
    """Counts are steps: ``read`` = ``recorded`` + ``already_there`` + refused ones."""

    read: int
    recorded: int
    already_there: int
    rejects: tuple[Reject, ...]


class MissingColumns(Exception):
    """The file lacks columns that every row needs."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        super().__init__(f"Es fehlen die Spalten {', '.join(columns)}.")


class _Undone(Abandoned):
    """Takes the report out of a turn that leaves no trace."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report


def import_file(
    engine: Decider,
    actor: Actor,
    pool: UUID,
    kind: FileKind,
    table: Table,
    *,
    good_steps_alone: bool,
    dry_run: bool,
    progress: Callable[[int, int], None],
) -> Report:
    """Takes a file into the log, whole or not at all, or with ``good_steps_alone`` without its refused steps.

    ``progress`` is told how many of how many steps are decided. Raises ``MissingColumns``, ``NotFound`` for the pool, and what
    the engine raises.
    """
    missing = [column for column in REQUIRED[kind] if column not in table.columns]
    if missing:
        raise MissingColumns(missing)
    run = _Run(pool, kind, table)
    try:
        if dry_run or not good_steps_alone:
            return run.in_one_turn(engine, actor, dry_run, progress)
        return run.in_many_turns(engine, actor, progress)
    except _Undone as undone:
        return undone.report


class _Run:
    """One import on its way."""

    def __init__(self, pool: UUID, kind: FileKind, table: Table) -> None:
        self.pool = pool
        self.kind = kind
        self.file_sha256 = table.sha256
        self.session_places: dict[UUID, UUID] = {}  # which booking a session stands in
        steps, self.malformed = self._read(table.rows)
        self.steps = sorted(steps, key=lambda step: (step.at, step.line, step.name == "decision"))

    @property
    def read(self) -> int:
        return len(self.steps) + len(self.malformed)

    def in_one_turn(self, engine: Decider, actor: Actor, dry_run: bool, progress: Callable[[int, int], None]) -> Report:
        def decide(turn: Turn) -> Answer:
            report = self._report([self._apply(turn, self.steps, lambda done: progress(done, self.read))])
            if dry_run or report.rejects:
                raise _Undone(report)
            reports.append(report)
            return self._note(turn, report)

        reports: list[Report] = []
        _done(engine.execute(actor, decide))
        return reports[-1]  # a turn that failed is decided again

    def in_many_turns(self, engine: Decider, actor: Actor, progress: Callable[[int, int], None]) -> Report:
        applied: list[_Applied] = []
        for start in range(0, len(self.steps), STEPS_A_TURN):
            applied.append(self._turn_of(engine, actor, self.steps[start : start + STEPS_A_TURN]))
            progress(min(start + STEPS_A_TURN, len(self.steps)) + len(self.malformed), self.read)
        report = self._report(applied)
        _done(engine.execute(actor, lambda turn: self._note(turn, report)))
        return report

    def _turn_of(self, engine: Decider, actor: Actor, steps: Sequence[Step]) -> "_Applied":
        def decide(turn: Turn) -> Answer:
            applied.append(self._apply(turn, steps, lambda done: None))
            return Answer("done", b"", turn.position)

        applied: list[_Applied] = []
        _done(engine.execute(actor, decide))
        return applied[-1]

    def _apply(self, turn: Turn, steps: Sequence[Step], progress: Callable[[int], None]) -> "_Applied":
        recorded = 0
        rejects: list[Reject] = []
        turn.pool(self.pool)
        if self.kind == "sessions":
            sessions = [session_id(self.pool, step.id) for step in steps]
            self.session_places |= booking_rows.bookings_of_sessions(turn.reader(), sessions)
        for done, step in enumerate(steps, start=1):
            command = f"import:{self.file_sha256[:16]}:{step.line}:{step.name}"
            try:
                with turn.imported(at=step.at, by=step.by, command=command):
                    recorded += step.apply(turn)
            except Refusal as refusal:
                rejects.append(Reject(step.line, step.name, refusal.code, refusal.message, step.id))
            progress(done)
        return _Applied(recorded, rejects)

    def _report(self, applied: Sequence["_Applied"]) -> Report:
        rejects = [*self.malformed, *(reject for part in applied for reject in part.rejects)]
        recorded = sum(part.recorded for part in applied)
        rejects.sort(key=lambda reject: (reject.line, reject.step == "decision"))
        return Report(self.read, recorded, self.read - recorded - len(rejects), tuple(rejects))

    def _note(self, turn: Turn, report: Report) -> Answer:
        """Notes the import in the pool, but not once more when the same file brought nothing new."""
        pool = turn.pool(self.pool)
        if pool.closed or (not report.recorded and self._noted_before(turn.reader())):
            return Answer("done", b"", turn.position)
        refused = [RefusedStep(reject.line, reject.step, reject.code, reject.id) for reject in report.rejects]
        events = pools.record_import(
            pool,
            kind=self.kind,
            file_sha256=self.file_sha256,
            read=report.read,
            already_there=report.already_there,
            refused=refused,
        )
        turn.record([(pool.id, event) for event in events])
        return Answer("done", b"", turn.position)

    def _noted_before(self, reader: Reader) -> bool:
        for position in audit_trail.positions(reader, pool=self.pool, type="import-recorded"):
            [row] = reader.notifications(position - 1, 1)
            event = read_event(row).data
            if isinstance(event, ImportRecorded) and event.file_sha256 == self.file_sha256 and event.kind == self.kind:
                return True
        return False

    def _read(self, rows: Iterable[Row]) -> tuple[list[Step], list[Reject]]:
        """The steps of all rows, and those that cannot even be read."""
        steps: list[Step] = []
        malformed: list[Reject] = []
        for row in rows:
            for name, make in self._steps_of(row):
                try:
                    steps.append(make(self.pool, row))
                except Malformed as refusal:
                    id = str(row.cells["session_id" if self.kind == "sessions" else "request_id"] or "")
                    malformed.append(Reject(row.line, name, refusal.code, refusal.message, id))
        return steps, malformed

    def _steps_of(self, row: Row) -> list[tuple[StepName, Callable[[UUID, Row], Step]]]:
        if self.kind == "sessions":
            return [("session", partial(_session_step, places=self.session_places))]
        if row.cells["decision"] is None:
            return [("request", _request_step)]
        return [("request", _request_step), ("decision", _decision_step)]


@dataclass(frozen=True, slots=True)
class _Applied:
    recorded: int
    rejects: list[Reject]


# ── From rows to steps


def _request_step(pool: UUID, row: Row) -> Step:
    request_id, reference = _name(row, "request_id"), _name(row, "case_ref")
    provider, district = _name(row, "provider"), _name(row, "district")
    at, by = _instant(row, "requested_at"), _name(row, "requested_by")
    minutes = _minutes(row, "requested_minutes")
    service_area = _code(row, "service_area", get_args(ServiceArea), "11")
    concern = _code(row, "concern", get_args(Concern), "other")
    purpose = _text(row, "purpose")

    def apply(turn: Turn) -> bool:
        booking = booking_id(pool, request_id)
        existing = _booking_or_none(turn, booking)
        if existing is not None:
            stands = (existing.case, existing.provider, existing.district, existing.requested)
            if (*stands, existing.requested_at, existing.requested_by) == (
                case_id(pool, reference),
                provider,
                district,
                minutes,
                at,
                by,
            ):
                return False
        state = turn.pool(pool)
        case, opened = _case(turn, state, reference, provider, district, service_area, concern, at)
        if existing is not None:
            raise DuplicateId(id=request_id)
        facts = bookings.request_hours(state, case, None, booking=booking, minutes=minutes, purpose=purpose, by=by, at=at)
        turn.record([*((case.id, event) for event in opened), *facts])
        return True

    return Step(row.line, "request", request_id, at, by, apply)


def _case(
    turn: Turn,
    pool: Pool,
    reference: str,
    provider: str,
    district: str,
    service_area: ServiceArea,
    concern: Concern,
    at: datetime,
) -> tuple[Case, list[cases.CaseEvent]]:
    """The case of a request: the one of that reference, or a new one that is opened with the request."""
    case = case_id(pool.id, reference)
    existing = turn.find(case)
    if isinstance(existing, Case):
        if existing.provider != provider:
            raise ForeignCase(reference=reference)
        if existing.district != district:
            raise DuplicateId(id=reference)
        return existing, []
    [opened] = cases.open_case(
        pool,
        None,
        reference=reference,
        provider=provider,
        offer=None,
        district=district,
        service_area=service_area,
        concern=concern,
        at=at,
    )
    return cases.evolve(None, case, opened), [opened]


def _decision_step(pool: UUID, row: Row) -> Step:
    request_id = _name(row, "request_id")
    decision: Decision = _code(row, "decision", get_args(Decision))
    at, by = _instant(row, "decided_at"), _name(row, "decided_by")
    granted = _minutes(row, "granted_minutes") if decision == "approved" else None
    reason = _text(row, "reason") or DEFAULT_REASON

    def apply(turn: Turn) -> bool:
        booking = _booking_or_none(turn, booking_id(pool, request_id))
        if booking is None:
            raise UnknownRequest(request=request_id)
        if _decided_so(booking, decision, granted, at, by):
            return False
        if booking.decided_at is not None:
            raise DuplicateId(id=request_id)
        state, case, waiting = turn.pool(pool), turn.case(booking.case), turn.waiting_list(pool)
        if decision == "approved":
            facts = bookings.approve_hours(state, case, booking, waiting, minutes=granted, by=by, at=at, reason=reason)
        elif decision == "declined":
            facts = bookings.decline_request(state, case, booking, waiting, reason=reason, by=by, at=at)
        else:
            facts = bookings.withdraw_request(state, booking, waiting, reason=reason, by=by, at=at)
        turn.record(facts)
        return True

    return Step(row.line, "decision", request_id, at, by, apply)


def _decided_so(booking: Booking, decision: Decision, granted: int | None, at: datetime, by: str) -> bool:
    """Whether this decision is what stands in the log, be it the first of two officers' agreements."""
    if booking.proposal is not None:
        return decision == "approved" and (booking.proposal.minutes, booking.proposal.by) == (granted, by)
    state = "approved" if booking.state == "settled" else booking.state
    return (state, booking.decided_at, booking.decided_by) == (decision, at, by) and granted in (None, booking.granted)


def _session_step(pool: UUID, row: Row, places: dict[UUID, UUID]) -> Step:
    id, request_id = _name(row, "session_id"), _name(row, "request_id")
    worker = _name(row, "worker")
    at, minutes = _instant(row, "starts_at"), _minutes(row, "minutes")
    kind: Kind = _code(row, "kind", get_args(Kind))
    note = _text(row, "note")
    facts = SessionFacts(berlin_time(at), minutes, kind, worker)
    session = session_id(pool, id)

    def apply(turn: Turn) -> bool:
        booking = _booking_or_none(turn, booking_id(pool, request_id))
        if booking is None:
            raise UnknownRequest(request=request_id)
        existing = booking.sessions.get(session)
        # what was corrected or reversed since is still the session of that row
        if existing is not None and (existing.facts == facts or existing.state != "logged"):
            return False
        if existing is not None or places.get(session, booking.id) != booking.id:
            raise DuplicateId(id=id)
        turn.record(
            bookings.log_session(
                turn.pool(pool),
                turn.case(booking.case),
                booking,
                session=session,
                starts_at=facts.starts_at,
                minutes=minutes,
                kind=kind,
                worker=worker,
                note=note,
                now=at,
            )
        )
        places[session] = booking.id
        return True

    return Step(row.line, "session", id, at, worker, apply)


def booking_id(pool: UUID, request_id: str) -> UUID:
    """The id in the log of a request of a file."""
    return uuid5(pool, f"request/{request_id}")


def session_id(pool: UUID, session_id: str) -> UUID:
    """The id in the log of a session of a file."""
    return uuid5(pool, f"session/{session_id}")


def _booking_or_none(turn: Turn, booking: UUID) -> Booking | None:
    state = turn.find(booking)
    return state if isinstance(state, Booking) else None


def _done(answer: Answer) -> None:
    if answer.outcome != "done":
        raise NotFound()  # the one refusal that is not about a single step: there is no such pool


# ── Reading cells


def _name(row: Row, column: str) -> str:
    """An identifier or a name; required."""
    return _text_of(row, column, 200, several_lines=False) or _missing(column)


def _text(row: Row, column: str) -> str | None:
    return _text_of(row, column, 4000, several_lines=True)


def _text_of(row: Row, column: str, characters_max: int, *, several_lines: bool) -> str | None:
    try:
        return written.text(row.cells.get(column), characters_max, several_lines=several_lines)
    except written.Malformed as problem:
        raise Malformed(place=column, problem=str(problem)) from None


def _instant(row: Row, column: str) -> datetime:
    try:
        return written.instant(row.cells.get(column))
    except written.Malformed as problem:
        raise Malformed(place=column, problem=str(problem)) from None


def _minutes(row: Row, column: str) -> int:
    """Whole minutes, at least 1."""
    try:
        minutes = written.minutes(row.cells.get(column))
    except written.Malformed as problem:
        raise Malformed(place=column, problem=str(problem)) from None
    pools.positive(minutes, column)
    return minutes


def _code(row: Row, column: str, known: tuple[str, ...], default: str | None = None) -> Any:
    """One of the known codes."""
    code = _text_of(row, column, 200, several_lines=False) or default or _missing(column)
    if code not in known:
        raise Malformed(place=column, problem=f"erlaubt sind {', '.join(known)}")
    return code


def _missing(column: str) -> NoReturn:
    raise Malformed(place=column, problem="fehlt")
