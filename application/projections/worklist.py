"""The worklist: requests that wait for a decision, and who has agreed to them first."""

from datetime import date
from typing import NamedTuple, cast
from uuid import UUID

from application.log import Reader, Recorded
from application.projections.tables import Live, Projection, Row, Rows, Table, instant, iso, matching, micros, page
from application.views import WorkItem
from domain.booking import (
    ApprovalProposed,
    BookingState,
    HoursApproved,
    HoursRequested,
    RequestDeclined,
    RequestWaitlisted,
    RequestWithdrawn,
)


class WorkRow(Row):
    """An open request; ``position`` is where it was requested, ``requested_at`` microseconds UTC."""

    booking: str
    position: int
    pool: str
    case_id: str
    provider: str
    district: str
    state: str
    minutes: int
    requested_at: int
    proposed_by: str | None
    review_on: str | None


class Waiting(NamedTuple):
    """Open requests, and the minutes that they ask for."""

    requests: int
    minutes: int


WORK_TABLE = Table("worklist", WorkRow, ("booking",), (("position",), ("pool", "position"), ("provider", "position")))

# ── Fold: a request comes on the list, changes its state on it and leaves it once it is decided


def _requested(event: Recorded, data: HoursRequested, rows: Rows) -> None:
    requested = WorkRow(
        booking=str(event.stream),
        position=event.position,
        pool=str(data.pool),
        case_id=str(data.case),
        provider=data.provider,
        district=data.district,
        state="requested",
        minutes=data.minutes,
        requested_at=micros(data.requested_at),
        proposed_by=None,
        review_on=None,
    )
    rows.put(WORK_TABLE, requested)


def _waitlisted(event: Recorded, data: RequestWaitlisted, rows: Rows) -> None:
    request = rows.change(WORK_TABLE, str(event.stream))
    request.state, request.proposed_by, request.review_on = "waitlisted", None, None


def _proposed(event: Recorded, data: ApprovalProposed, rows: Rows) -> None:
    request = rows.change(WORK_TABLE, str(event.stream))
    request.state, request.proposed_by, request.review_on = "awaiting_second", data.proposed_by, iso(data.review_on)


def _decided(event: Recorded, data: HoursApproved | RequestDeclined | RequestWithdrawn, rows: Rows) -> None:
    rows.delete(WORK_TABLE, str(event.stream))


WORKLIST = Projection(
    name="worklist",
    version=2,
    tables=(WORK_TABLE,),
    folds={
        HoursRequested: _requested,
        RequestWaitlisted: _waitlisted,
        ApprovalProposed: _proposed,
        HoursApproved: _decided,
        RequestDeclined: _decided,
        RequestWithdrawn: _decided,
    },
)

# ── Readers


def worklist(
    reader: Reader,
    *,
    pool: UUID | None = None,
    state: BookingState | None = None,
    provider: str | None = None,
    after: str | None = None,
    limit: int,
) -> tuple[list[WorkItem], str | None]:
    """Open requests in the order in which they were recorded, and where the next page begins."""
    condition, params = matching(pool=pool, state=state, provider=provider)
    found, following = page(Live(reader, WORKLIST), WORK_TABLE, condition, params, after, limit)
    return [_item(row) for row in found], following


def waiting(reader: Reader, pool: UUID, provider: str | None) -> Waiting:
    """How many requests of a pool wait, and for how much; of ``provider`` only, where it is stated."""
    condition, params = matching(pool=pool, provider=provider)
    statement = f"SELECT COUNT(*), CAST(COALESCE(SUM(minutes), 0) AS BIGINT) FROM {{worklist}} WHERE {condition}"
    [(requests, minutes)] = Live(reader, WORKLIST).fetch(statement, params)
    return Waiting(requests, minutes)


def _item(row: WorkRow) -> WorkItem:
    return WorkItem(
        booking=UUID(row.booking),
        pool=UUID(row.pool),
        case=UUID(row.case_id),
        provider=row.provider,
        district=row.district,
        state=cast("BookingState", row.state),
        minutes=row.minutes,
        requested_at=instant(row.requested_at),
        proposed_by=row.proposed_by,
        review_on=date.fromisoformat(row.review_on) if row.review_on else None,
    )
