"""The waiting list of each pool, in its recorded order: priority first, then the time of the request."""

from uuid import UUID

from application.log import Reader, Recorded
from application.projections.tables import Live, Projection, Row, Rows, Table, instant, matching, micros
from application.views import WaitingView
from domain.booking import HoursApproved, HoursRequested, RequestDeclined, RequestWaitlisted, RequestWithdrawn
from domain.pool import PlaceOffered
from domain.waiting_list import Entry


class WaitingRow(Row):
    """A request; ``listed`` while it waits. ``requested_at`` is microseconds UTC."""

    booking: str
    pool: str
    case_id: str
    provider: str
    district: str
    minutes: int
    priority: int | None
    requested_at: int
    listed: int
    offered: int


WAITING_TABLE = Table("waiting_list", WaitingRow, ("booking",), (("pool", "listed"),))

# ── Fold: every open request has its row, for a waitlisting does not say again whose it is; decided ones leave


def _requested(event: Recorded, data: HoursRequested, rows: Rows) -> None:
    requested = (str(event.stream), str(data.pool), str(data.case), data.provider, data.district, data.minutes)
    rows.put(WAITING_TABLE, WaitingRow(*requested, None, micros(data.requested_at), 0, 0))


def _waitlisted(event: Recorded, data: RequestWaitlisted, rows: Rows) -> None:
    request = rows.change(WAITING_TABLE, str(event.stream))
    request.listed, request.priority = 1, data.priority


def _offered(event: Recorded, data: PlaceOffered, rows: Rows) -> None:
    rows.change(WAITING_TABLE, str(data.booking)).offered = 1


def _decided(event: Recorded, data: HoursApproved | RequestDeclined | RequestWithdrawn, rows: Rows) -> None:
    rows.delete(WAITING_TABLE, str(event.stream))


WAITING_LIST = Projection(
    name="waiting_list",
    version=2,
    tables=(WAITING_TABLE,),
    folds={
        HoursRequested: _requested,
        RequestWaitlisted: _waitlisted,
        PlaceOffered: _offered,
        HoursApproved: _decided,
        RequestDeclined: _decided,
        RequestWithdrawn: _decided,
    },
)

# ── Readers


def entries(reader: Reader, pool: UUID) -> list[Entry]:
    """The list as decisions know it, the head first."""
    found = Live(reader, WAITING_LIST).rows(WAITING_TABLE, "pool = ? AND listed = 1", (str(pool),))
    listed = [Entry(UUID(row.booking), row.minutes, row.priority, instant(row.requested_at), bool(row.offered)) for row in found]
    return sorted(listed, key=lambda entry: entry.rank)


def waiting_list(reader: Reader, pool: UUID, provider: str | None) -> list[WaitingView]:
    """The list in its order. A provider sees its own requests only, and their places among these: no other can be counted."""
    condition, params = matching(pool=pool, provider=provider)
    found = Live(reader, WAITING_LIST).fetch(
        "SELECT place, booking, case_id, provider, district, minutes, priority, requested_at, offered FROM ("
        "SELECT *, ROW_NUMBER() OVER (ORDER BY priority IS NULL, priority, requested_at, booking) AS place "
        f"FROM {{waiting_list}} WHERE {condition} AND listed = 1) AS listed ORDER BY place",
        params,
    )
    return [
        WaitingView(place, UUID(booking), UUID(case), owner, district, minutes, priority, instant(requested_at), bool(offered))
        for place, booking, case, owner, district, minutes, priority, requested_at, offered in found
    ]
