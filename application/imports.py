"""Imports of what stood in spreadsheets: rows become steps, and steps are decided like any command.

A row of requests holds two steps, the request and its decision; a row of sessions one. Steps are applied in the order of their
effective times, ties by line. Imported history keeps its own instants and people, and the rules hold for it as they stood at
the step's own time. Ids in a file become ids in the log, so a step that is already there is recognised and adds nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol
from uuid import UUID

from application.import_steps import Step, StepName, decision_step, identifier, request_step, session_id, session_step
from application.log import Progress, Reader, read_event
from application.projections import audit_trail
from application.projections import bookings as booking_rows
from application.projections import cases as case_rows
from application.receipts import Answer
from application.turn import Abandoned, Turn
from application.written import Row, Table
from domain import pool as pools
from domain.pool import ImportRecorded, RefusedStep
from domain.quantities import Actor
from domain.refusals import Malformed, NotFound, Refusal

FileKind = Literal["requests", "sessions"]

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
_BEYOND = "sie hat mehr Zellen als Spalten einen Namen haben; fehlen Anführungszeichen um einen Wert mit Trennzeichen?"
FILE_DIGITS = 16  # of a file's hash, in the commands of its steps
_COMMAND = re.compile(rf"import:(?P<file>[0-9a-f]{{{FILE_DIGITS}}}):[0-9]+:(?P<step>request|decision|session)")
STEPS_A_TURN = 250  # keeps the lock short where steps may be recorded one by one


class Decider(Protocol):
    """Who decides the steps: the engine, or whoever tells a story."""

    def execute(self, actor: Actor, decide: Callable[[Turn], Answer]) -> Answer: ...


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


def command_of(file_sha256: str, step: Step) -> str:
    """The command that the events of a step carry."""
    return f"import:{file_sha256[:FILE_DIGITS]}:{step.line}:{step.name}"


def imported_step(command: str) -> tuple[str, str] | None:
    """The first digits of the file and the name of the step that a command of ``command_of`` speaks of; others are none."""
    found = _COMMAND.fullmatch(command)
    return (found["file"], found["step"]) if found else None


def import_file(
    engine: Decider,
    actor: Actor,
    pool: UUID,
    kind: FileKind,
    table: Table,
    *,
    good_steps_alone: bool,
    dry_run: bool,
    progress: Progress,
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
        self.cases_called: dict[str, list[UUID]] = {}  # which cases had the reference when it began
        self._looked = False
        steps, self.malformed = self._read(table.rows)
        self.steps = sorted(steps, key=lambda step: (step.at, step.line, step.name == "decision"))

    @property
    def read(self) -> int:
        return len(self.steps) + len(self.malformed)

    def in_one_turn(self, engine: Decider, actor: Actor, dry_run: bool, progress: Progress) -> Report:
        def decide(turn: Turn) -> Answer:
            report = self._report([self._apply(turn, self.steps, lambda done: progress(done, self.read))])
            if dry_run or report.rejects:
                raise _Undone(report)
            reports.append(report)
            return self._note(turn, report)

        reports: list[Report] = []
        _done(engine.execute(actor, decide))
        return reports[-1]  # a turn that failed is decided again

    def in_many_turns(self, engine: Decider, actor: Actor, progress: Progress) -> Report:
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
        elif not self._looked:
            self._looked = True
            for case in case_rows.cases_of_pool(turn.reader(), self.pool):
                self.cases_called.setdefault(case.reference, []).append(UUID(case.case_id))
        for done, step in enumerate(steps, start=1):
            try:
                with turn.imported(at=step.at, by=step.by, command=command_of(self.file_sha256, step)):
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
                    if row.beyond:
                        raise Malformed(place="Zeile", problem=_BEYOND)
                    steps.append(make(self.pool, row))
                except Malformed as refusal:
                    id = "" if row.beyond else identifier(row, "session_id" if self.kind == "sessions" else "request_id")
                    malformed.append(Reject(row.line, name, refusal.code, refusal.message, id))
        return steps, malformed

    def _steps_of(self, row: Row) -> list[tuple[StepName, Callable[[UUID, Row], Step]]]:
        if self.kind == "sessions":
            return [("session", partial(session_step, places=self.session_places))]
        request = partial(request_step, cases_called=self.cases_called)
        if row.cells["decision"] is None:
            return [("request", request)]
        return [("request", request), ("decision", decision_step)]


@dataclass(frozen=True, slots=True)
class _Applied:
    recorded: int
    rejects: list[Reject]


def _done(answer: Answer) -> None:
    if answer.outcome != "done":
        raise NotFound()  # the one refusal that is not about a single step: there is no such pool
