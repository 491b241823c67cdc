"""The evaluation of a pool: demand, decisions, times, use, unmet need and outcomes, each figure with its definition.

The rows keep what a request and a case say today, as few columns as the figures need; the reader counts them and the sessions of
the bookings. Instants
are the effective ones of the payloads, microseconds UTC; what has none of its own – a waitlisting, the closing of a case – counts
with the instant of its recording.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

from application.catalogue import BY_CLASS
from application.log import Reader, Recorded
from application.projections.bookings import BOOKINGS
from application.projections.cases import CASES as CASE_LIST
from application.projections.figures import (
    FIGURES,
    GROUPINGS,
    MONTHS,
    AnyFigure,
    CaseFile,
    Decision,
    MonthOf,
    Request,
    Sessions,
    Where,
)
from application.projections.tables import Live, Projection, Row, Rows, Table, instant, micros
from application.views import Evaluation, FigureGroup, FigureView, GroupBy, GroupingView
from domain.booking import (
    ApprovalProposed,
    Event,
    HoursApproved,
    HoursRequested,
    RequestDeclined,
    RequestWaitlisted,
    RequestWithdrawn,
    SessionState,
)
from domain.case import CaseAmended, CaseClosed, CaseOpened, CaseTransferred
from domain.pool import PoolClosed
from domain.quantities import Outcome, berlin_month

MINUTE = 60_000_000  # microseconds


class EvaluatedRequest(Row):
    """A request; ``answered_at`` is when something was first decided about it, ``ended`` the position of the last decision."""

    booking: str
    pool: str
    case_id: str
    provider: str
    district: str
    requested: int
    granted: int
    decision: str | None
    requested_at: int
    listed_at: int | None
    proposed_at: int | None
    answered_at: int | None
    decided_at: int | None
    ended: int | None


class EvaluatedCase(Row):
    """A case as it stands."""

    case_id: str
    pool: str
    provider: str
    district: str
    service_area: str
    concern: str
    opened_at: int
    outcome: str | None
    closed_at: int | None


class EndedPool(Row):
    """A closed pool; ``since`` is the position at which the decision that closed it begins."""

    pool: str
    since: int


REQUESTS = Table("evaluated_requests", EvaluatedRequest, ("booking",), (("pool",),))
CASES = Table("evaluated_cases", EvaluatedCase, ("case_id",), (("pool",),))
ENDED_POOLS = Table("ended_pools", EndedPool, ("pool",))

# ── Fold


def _requested(event: Recorded, data: HoursRequested, rows: Rows) -> None:
    requested = EvaluatedRequest(
        booking=str(event.stream),
        pool=str(data.pool),
        case_id=str(data.case),
        provider=data.provider,
        district=data.district,
        requested=data.minutes,
        granted=0,
        decision=None,
        requested_at=micros(data.requested_at),
        listed_at=None,
        proposed_at=None,
        answered_at=None,
        decided_at=None,
        ended=None,
    )
    rows.put(REQUESTS, requested)


def _waitlisted(event: Recorded, data: RequestWaitlisted, rows: Rows) -> None:
    request, listed = rows.change(REQUESTS, str(event.stream)), micros(event.recorded_at)
    request.answered_at = _first(request.answered_at, listed)
    request.listed_at = _first(request.listed_at, listed)


def _proposed(event: Recorded, data: ApprovalProposed, rows: Rows) -> None:
    request, proposed = rows.change(REQUESTS, str(event.stream)), micros(data.proposed_at)
    request.answered_at = _first(request.answered_at, proposed)
    request.proposed_at = _first(request.proposed_at, proposed)


def _approved(event: Recorded, data: HoursApproved, rows: Rows) -> None:
    request = _decided(event, rows, "approved", data.decided_at)
    request.answered_at = _first(request.answered_at, micros(data.decided_at))
    request.granted = data.minutes


def _declined(event: Recorded, data: RequestDeclined, rows: Rows) -> None:
    request = _decided(event, rows, "declined", data.decided_at)
    request.answered_at = _first(request.answered_at, micros(data.decided_at))


def _withdrawn(event: Recorded, data: RequestWithdrawn, rows: Rows) -> None:
    _decided(event, rows, "withdrawn", data.withdrawn_at)


def _decided(event: Recorded, rows: Rows, decision: Decision, at: datetime) -> EvaluatedRequest:
    request = rows.change(REQUESTS, str(event.stream))
    request.decision, request.granted, request.decided_at, request.ended = decision, 0, micros(at), event.position
    return request


def _first(before: int | None, now: int) -> int:
    return now if before is None else before


def _opened(event: Recorded, data: CaseOpened, rows: Rows) -> None:
    opened = EvaluatedCase(
        case_id=str(event.stream),
        pool=str(data.pool),
        provider=data.provider,
        district=data.district,
        service_area=data.service_area,
        concern=data.concern,
        opened_at=micros(data.opened_at),
        outcome=None,
        closed_at=None,
    )
    rows.put(CASES, opened)


def _amended(event: Recorded, data: CaseAmended, rows: Rows) -> None:
    case = rows.change(CASES, str(event.stream))
    case.district = data.district or case.district
    case.service_area = data.service_area or case.service_area
    case.concern = data.concern or case.concern


def _transferred(event: Recorded, data: CaseTransferred, rows: Rows) -> None:
    rows.change(CASES, str(event.stream)).provider = data.provider


def _case_closed(event: Recorded, data: CaseClosed, rows: Rows) -> None:
    case = rows.change(CASES, str(event.stream))
    case.outcome, case.closed_at = data.outcome, micros(event.recorded_at)


def _pool_closed(event: Recorded, data: PoolClosed, rows: Rows) -> None:
    rows.put(ENDED_POOLS, EndedPool(str(event.stream), event.cause or event.position))


EVALUATION = Projection(
    name="evaluation",
    version=2,
    tables=(REQUESTS, CASES, ENDED_POOLS),
    folds={
        HoursRequested: _requested,
        RequestWaitlisted: _waitlisted,
        ApprovalProposed: _proposed,
        HoursApproved: _approved,
        RequestDeclined: _declined,
        RequestWithdrawn: _withdrawn,
        CaseOpened: _opened,
        CaseAmended: _amended,
        CaseTransferred: _transferred,
        CaseClosed: _case_closed,
        PoolClosed: _pool_closed,
    },
)

# ── Reader


def evaluation(reader: Reader, pool: UUID) -> Evaluation:
    """All figures of a pool as the log stands; a pool that nobody opened has nothing but zeros."""
    live = Live(reader, EVALUATION, BOOKINGS)
    head = reader.head()
    files = _files(live, pool)
    sessions = _sessions(live, pool, files.where)
    counted: dict[type, Sequence[Any]] = {
        Request: _requests(files, sessions, _closing(live, pool)),
        Sessions: [each for _, each in sessions],
        CaseFile: [_case_file(case, files.places[case.case_id]) for case in files.cases],
    }
    return Evaluation(
        pool=pool,
        position=head.id if head else 0,
        groupings=tuple(GroupingView(each.by, each.label, each.definition) for each in GROUPINGS),
        figures=tuple(_figure(figure, counted[figure.of]) for figure in FIGURES),
    )


class Subject(NamedTuple):
    """What counts, whose it is, and at which position of the log it begins."""

    position: int
    case: str
    booking: str | None
    session: str | None
    counts: Request | Sessions | CaseFile


def subjects(reader: Reader, pool: UUID, of: type) -> list[Subject]:
    """All requests, sessions or cases of a pool, each alone, in the order of the log."""
    live = Live(reader, EVALUATION, BOOKINGS, CASE_LIST)
    files = _files(live, pool)
    if of is CaseFile:
        begins = dict(live.fetch("SELECT case_id, position FROM {cases} WHERE pool = ?", (str(pool),)))
        found = [
            Subject(begins[case.case_id], case.case_id, None, None, _case_file(case, files.places[case.case_id]))
            for case in files.cases
        ]
    elif of is Request:
        begins = dict(live.fetch("SELECT booking, position FROM {bookings} WHERE pool = ?", (str(pool),)))
        counted = _requests(files, _sessions(live, pool, files.where), _closing(live, pool))
        found = [
            Subject(begins[row.booking], row.case_id, row.booking, None, request)
            for row, request in zip(files.requests, counted, strict=True)
        ]
    else:
        found = _each_session(live, pool, files)
    return sorted(found, key=lambda subject: subject.position)


class _Files(NamedTuple):
    """The rows of a pool, and the groups of its cases and of its requests."""

    cases: Sequence[EvaluatedCase]
    requests: Sequence[EvaluatedRequest]
    places: Mapping[str, Where]
    where: Mapping[str, Where]


def _files(live: Live, pool: UUID) -> _Files:
    cases = live.rows(CASES, "pool = ?", (str(pool),))
    places = {case.case_id: Where(case.district, case.service_area, case.concern, case.provider) for case in cases}
    requests = live.rows(REQUESTS, "pool = ?", (str(pool),))
    where = {row.booking: places[row.case_id]._replace(district=row.district, provider=row.provider) for row in requests}
    return _Files(cases, requests, places, where)


def _closing(live: Live, pool: UUID) -> int | None:
    """The position from which on a pool's requests were ended by its closing."""
    found = live.rows(ENDED_POOLS, "pool = ?", (str(pool),))
    return found[0].since if found else None


def _sessions(live: Live, pool: UUID, where: Mapping[str, Where]) -> list[tuple[str, Sessions]]:
    """The sessions of each request, counted together where the figures do not tell them apart."""
    found = live.fetch(
        "SELECT s.booking, s.month, s.kind, s.state, COUNT(*), SUM(s.minutes), SUM(s.confirmed), SUM(s.late) "
        "FROM {sessions} s JOIN {evaluated_requests} r ON r.booking = s.booking "
        "WHERE r.pool = ? GROUP BY s.booking, s.month, s.kind, s.state",
        (str(pool),),
    )
    return [
        (booking, Sessions(where[booking], {"rendered": month}, kind, cast("SessionState", state), *sums))
        for booking, month, kind, state, *sums in found
    ]


def _each_session(live: Live, pool: UUID, files: _Files) -> list[Subject]:
    found = live.fetch(
        "SELECT s.position, r.case_id, s.booking, s.session, s.month, s.kind, s.state, 1, s.minutes, s.confirmed, s.late "
        "FROM {sessions} s JOIN {evaluated_requests} r ON r.booking = s.booking WHERE r.pool = ?",
        (str(pool),),
    )
    return [
        Subject(position, case, booking, session, Sessions(files.where[booking], {"rendered": month}, *stands))
        for position, case, booking, session, month, *stands in found
    ]


def _requests(files: _Files, sessions: Iterable[tuple[str, Sessions]], closing: int | None) -> list[Request]:
    consumed: dict[str, int] = {}
    for booking, each in sessions:
        if each.stand:
            consumed[booking] = consumed.get(booking, 0) + each.minutes
    return [_request(row, files.where[row.booking], consumed.get(row.booking, 0), closing) for row in files.requests]


def _request(row: EvaluatedRequest, where: Where, consumed: int, closing: int | None) -> Request:
    decided_at = row.decided_at if row.decision in ("approved", "declined") else None
    waiting = row.decision is None and row.listed_at is not None
    ended_with_pool = row.decision == "withdrawn" and closing is not None and row.ended is not None and row.ended >= closing
    return Request(
        where=where,
        months=_months(
            requested=row.requested_at,
            answered=row.answered_at,
            decided=row.decided_at,
            listed=row.listed_at,
            proposed=row.proposed_at,
        ),
        case=row.case_id,
        requested=row.requested,
        granted=row.granted,
        consumed=consumed,
        decision=cast("Decision | None", row.decision),
        to_first_decision=_minutes(row.requested_at, row.answered_at),
        to_decision=_minutes(row.requested_at, decided_at),
        waited=_minutes(row.listed_at, decided_at),
        unanswered=waiting or ended_with_pool,
    )


def _case_file(row: EvaluatedCase, where: Where) -> CaseFile:
    return CaseFile(where, _months(opened=row.opened_at, closed=row.closed_at), cast("Outcome | None", row.outcome))


def _months(**instants: int | None) -> Mapping[MonthOf, str]:
    return {cast("MonthOf", name): berlin_month(instant(at)) for name, at in instants.items() if at is not None}


def _minutes(since: int | None, until: int | None) -> int | None:
    """Whole minutes between two instants; one that has only begun does not count."""
    return None if since is None or until is None else (until - since) // MINUTE


def _figure(figure: AnyFigure, counted: Iterable[Any]) -> FigureView:
    """The figure over everything, and over each group in which something counts."""
    everything: list[Any] = []
    groups: dict[GroupBy, dict[str, list[Any]]] = {grouping.by: {} for grouping in GROUPINGS}
    for each in counted:
        amount = figure.take(each)
        if amount is not None:
            everything.append(amount)
            for by, key in groups_of(figure, each).items():
                groups[by].setdefault(key, []).append(amount)
    return FigureView(
        figure=figure.id,
        section=figure.section,
        label=figure.label,
        unit=figure.unit,
        definition=figure.definition,
        events=names_of(figure.events),
        month=MONTHS[figure.month],
        value=figure.sum_up(everything),
        groups={
            by: tuple(FigureGroup(key, figure.sum_up(amounts)) for key, amounts in sorted(found.items()))
            for by, found in groups.items()
        },
    )


def groups_of(figure: AnyFigure, counts: Any) -> dict[GroupBy, str]:
    """The group of each grouping in which something counts that does count for the figure."""
    return {each.by: key for each, key in zip(GROUPINGS, (counts.months[figure.month], *counts.where), strict=True)}


def names_of(events: Iterable[type[Event]]) -> tuple[str, ...]:
    """The stable names of events."""
    return tuple(BY_CLASS[event].name for event in events)
