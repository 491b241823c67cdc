"""The waiting list of each pool, in its recorded order: priority first, then the time of the request."""

from typing import NamedTuple
from uuid import UUID

from application.log import Reader, Recorded
from application.projections.tables import Live, Projection, Rows, Table, Unhandled, instant, matching, micros
from application.views import WaitingView
from domain.booking import HoursApproved, HoursRequested, RequestDeclined, RequestWaitlisted, RequestWithdrawn
from domain.pool import PlaceOffered
from domain.waiting_list import Entry


class WaitingRow(NamedTuple):
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

# ── Fold


def fold(event: Recorded, rows: Rows) -> None:
    """Every open request has its row, for a waitlisting does not say again whose it is; decided ones leave."""
    data = event.data
    match data:
        case HoursRequested():
            requested = (str(event.stream), str(data.pool), str(data.case), data.provider, data.district, data.minutes)
            rows.put(WAITING_TABLE, WaitingRow(*requested, None, micros(data.requested_at), 0, 0))
        case RequestWaitlisted():
            request = rows.the(WAITING_TABLE, str(event.stream))
            rows.put(WAITING_TABLE, request._replace(listed=1, priority=data.priority))
        case PlaceOffered():
            rows.put(WAITING_TABLE, rows.the(WAITING_TABLE, str(data.booking))._replace(offered=1))
        case HoursApproved() | RequestDeclined() | RequestWithdrawn():
            rows.delete(WAITING_TABLE, str(event.stream))
        case _:
            raise Unhandled(event)


WAITING_LIST = Projection(
    name="waiting_list",
    version=1,
    tables=(WAITING_TABLE,),
    handles=frozenset({HoursRequested, RequestWaitlisted, PlaceOffered, HoursApproved, RequestDeclined, RequestWithdrawn}),
    fold=fold,
)

# ── Readers


def entries(reader: Reader, pool: UUID) -> list[Entry]:
    """The list as decisions know it, the head first."""
    found = Live(reader, WAITING_LIST).rows(WAITING_TABLE, "pool = ? AND listed = 1", (str(pool),))
    listed = [Entry(UUID(row.booking), row.minutes, row.priority, instant(row.requested_at), bool(row.offered)) for row in found]
    return sorted(listed, key=lambda entry: entry.rank)


def waiting_list(reader: Reader, pool: UUID, provider: str | None) -> list[WaitingView]:
    """The list in its order. A provider sees its own requests only, with the places that they really have."""
    condition, params = matching(provider=provider)
    found = Live(reader, WAITING_LIST).fetch(
        "SELECT place, booking, case_id, provider, district, minutes, priority, requested_at, offered FROM ("
        "SELECT *, ROW_NUMBER() OVER (ORDER BY priority IS NULL, priority, requested_at, booking) AS place "
        f"FROM {{waiting_list}} WHERE pool = ? AND listed = 1) AS listed WHERE {condition} ORDER BY place",
        (str(pool), *params),
    )
    return [
        WaitingView(place, UUID(booking), UUID(case), owner, district, minutes, priority, instant(requested_at), bool(offered))
        for place, booking, case, owner, district, minutes, priority, requested_at, offered in found
    ]
