"""Findings that were opened: what they are about, and how far they are handled."""

from typing import cast
from uuid import UUID

from application.log import Reader, Recorded
from application.projections.tables import Live, Projection, Row, Rows, Table, matching, page
from application.views import FindingView, Versioned
from domain.handling import FindingClosed, FindingConfirmed, FindingExplained, FindingOpened, HandlingState
from domain.refusals import NotFound


class FindingRow(Row):
    """``position`` is where it was opened first, ``last_position`` where it changed last; ``positions`` are parted by blanks."""

    finding: str
    position: int
    version: int
    last_position: int
    state: str
    explanations: int
    rule: str | None
    rule_version: int | None
    sentence: str | None
    positions: str
    pool: str | None
    case_id: str | None
    booking: str | None
    worker: str | None
    provider: str | None


FINDINGS_TABLE = Table("findings", FindingRow, ("finding",), (("position",), ("provider", "position")))

# ── Fold


def _opened(event: Recorded, data: FindingOpened, rows: Rows) -> None:
    """What is opened again is as it was seen last."""
    finding, matter = str(event.stream), data.matter
    before = rows.get(FINDINGS_TABLE, finding)
    row = FindingRow(
        finding=finding,
        position=before.position if before else event.position,
        version=event.version,
        last_position=event.position,
        state="open",
        explanations=before.explanations if before else 0,
        rule=matter.rule,
        rule_version=matter.rule_version,
        sentence=matter.sentence,
        positions=" ".join(map(str, matter.positions)),
        pool=_text(matter.pool),
        case_id=_text(matter.case),
        booking=_text(matter.booking),
        worker=matter.worker,
        provider=matter.provider,
    )
    rows.put(FINDINGS_TABLE, row)


def _text(id: UUID | None) -> str | None:
    return None if id is None else str(id)


def _moved(event: Recorded, rows: Rows, state: HandlingState) -> FindingRow:
    row = rows.change(FINDINGS_TABLE, str(event.stream))
    row.version, row.last_position, row.state = event.version, event.position, state
    return row


def _explained(event: Recorded, data: FindingExplained, rows: Rows) -> None:
    _moved(event, rows, "explained").explanations += 1


def _confirmed(event: Recorded, data: FindingConfirmed, rows: Rows) -> None:
    _moved(event, rows, "confirmed")


def _closed(event: Recorded, data: FindingClosed, rows: Rows) -> None:
    _moved(event, rows, "closed")


FINDINGS = Projection(
    name="findings",
    version=1,
    tables=(FINDINGS_TABLE,),
    folds={FindingOpened: _opened, FindingExplained: _explained, FindingConfirmed: _confirmed, FindingClosed: _closed},
)

# ── Readers


def versioned_finding(reader: Reader, id: UUID, provider: str | None) -> Versioned[FindingView]:
    """A finding that was opened; of ``provider`` only, where it is stated. Raises ``NotFound``."""
    condition, params = matching(finding=id, provider=provider)
    found = Live(reader, FINDINGS).rows(FINDINGS_TABLE, condition, params)
    if not found:
        raise NotFound()
    return Versioned(_view(found[0]), found[0].version, found[0].last_position)


def list_opened(
    reader: Reader,
    *,
    pool: UUID | None = None,
    state: HandlingState | None = None,
    provider: str | None = None,
    after: str | None = None,
    limit: int,
) -> tuple[list[FindingView], str | None]:
    """Findings in the order in which they were opened first, and where the next page begins."""
    condition, params = matching(pool=pool, state=state, provider=provider)
    found, following = page(Live(reader, FINDINGS), FINDINGS_TABLE, condition, params, after, limit)
    return [_view(row) for row in found], following


def all_opened(reader: Reader) -> dict[UUID, tuple[int, FindingView]]:
    """Every one, with the position at which it was opened first."""
    rows = Live(reader, FINDINGS).rows(FINDINGS_TABLE, "1 = 1")
    return {UUID(row.finding): (row.position, _view(row)) for row in rows}


def _view(row: FindingRow) -> FindingView:
    return FindingView(
        id=UUID(row.finding),
        state=cast("HandlingState", row.state),
        explanations=row.explanations,
        rule=row.rule,
        rule_version=row.rule_version,
        sentence=row.sentence,
        positions=tuple(map(int, row.positions.split())),
        pool=_id(row.pool),
        case=_id(row.case_id),
        booking=_id(row.booking),
        worker=row.worker,
        provider=row.provider,
    )


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
