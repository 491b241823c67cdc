"""Cases: master data, clear, and the personal texts of the person, sealed."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

import msgspec

from application.log import Reader, Recorded
from application.projections.tables import Live, Projection, Rows, Table, Unhandled, matching, page
from application.projections.texts import SealedText, held, kept
from application.views import CaseView, Versioned
from domain.case import CaseAmended, CaseClosed, CaseOpened, CaseTransferred, PersonalDataErased
from domain.quantities import Concern, Outcome, ServiceArea
from domain.refusals import NotFound


class CaseRow(NamedTuple):
    """``position`` is where the case was opened, ``last_position`` where it changed last."""

    case_id: str
    position: int
    version: int
    last_position: int
    pool: str
    reference: str
    provider: str
    offer: str | None
    district: str
    service_area: str
    concern: str
    opened_at: str
    outcome: str | None
    erased: int
    name: bytes | None
    birth_year: bytes | None
    contact: bytes | None
    notes: bytes | None
    closing_note: bytes | None


CASES_TABLE = Table("cases", CaseRow, ("case_id",), (("position",), ("pool", "position"), ("provider", "position")))

# ── Fold


def fold(event: Recorded, rows: Rows) -> None:
    """The case after an event. An erasure also drops the sealed texts, although nobody could open them any more."""
    data = event.data
    if isinstance(data, CaseOpened):
        rows.put(CASES_TABLE, _opened(event, data))
        return
    case = rows.the(CASES_TABLE, str(event.stream))._replace(version=event.version, last_position=event.position)
    match data:
        case CaseAmended():
            case = _amended(event, data, case)
        case CaseTransferred():
            case = case._replace(provider=data.provider)
        case CaseClosed():
            case = case._replace(outcome=data.outcome, closing_note=kept(event, "note"))
        case PersonalDataErased():
            case = case._replace(erased=1, name=None, birth_year=None, contact=None, notes=None, closing_note=None)
        case _:
            raise Unhandled(event)
    rows.put(CASES_TABLE, case)


def _opened(event: Recorded, data: CaseOpened) -> CaseRow:
    return CaseRow(
        case_id=str(event.stream),
        position=event.position,
        version=event.version,
        last_position=event.position,
        pool=str(data.pool),
        reference=data.reference,
        provider=data.provider,
        offer=data.offer,
        district=data.district,
        service_area=data.service_area,
        concern=data.concern,
        opened_at=data.opened_at.isoformat(),
        outcome=None,
        erased=0,
        name=kept(event, "name"),
        birth_year=kept(event, "birth_year"),
        contact=kept(event, "contact"),
        notes=kept(event, "notes"),
        closing_note=None,
    )


def _amended(event: Recorded, data: CaseAmended, case: CaseRow) -> CaseRow:
    return case._replace(
        offer=data.offer or case.offer,
        district=data.district or case.district,
        service_area=data.service_area or case.service_area,
        concern=data.concern or case.concern,
        name=kept(event, "name") or case.name,
        birth_year=kept(event, "birth_year") or case.birth_year,
        contact=kept(event, "contact") or case.contact,
        notes=kept(event, "notes") or case.notes,
    )


CASES = Projection(
    name="cases",
    version=1,
    tables=(CASES_TABLE,),
    handles=frozenset({CaseOpened, CaseAmended, CaseTransferred, CaseClosed, PersonalDataErased}),
    fold=fold,
)

# ── Readers


class CaseTexts(msgspec.Struct, frozen=True):
    """What is personal about a case; still sealed."""

    name: SealedText | None
    birth_year: SealedText | None
    contact: SealedText | None
    notes: SealedText | None
    closing_note: SealedText | None


def versioned_case(reader: Reader, id: UUID, provider: str | None) -> Versioned[CaseView]:
    """A case; of ``provider`` only, where it is stated. Raises ``NotFound``."""
    row = _the(reader, id, provider)
    return Versioned(_view(row), row.version, row.last_position)


def case_texts(reader: Reader, id: UUID, provider: str | None) -> CaseTexts:
    """The personal texts of a case; of ``provider`` only, where it is stated. Raises ``NotFound``."""
    row = _the(reader, id, provider)
    return CaseTexts(*(held(text) for text in (row.name, row.birth_year, row.contact, row.notes, row.closing_note)))


def list_cases(
    reader: Reader,
    *,
    pool: UUID | None = None,
    provider: str | None = None,
    district: str | None = None,
    after: str | None = None,
    limit: int,
) -> tuple[list[CaseView], str | None]:
    """Cases in the order of their opening, and where the next page begins."""
    condition, params = matching(pool=pool, provider=provider, district=district)
    found, following = page(Live(reader, CASES), CASES_TABLE, condition, params, after, limit)
    return [_view(row) for row in found], following


def references(reader: Reader, cases: Iterable[UUID]) -> dict[UUID, str]:
    """The pseudonymous references of these cases, of which there are no more than a page holds."""
    asked = [str(case) for case in cases]
    if not asked:
        return {}
    marks = ", ".join("?" for _ in asked)
    found = Live(reader, CASES).fetch(f"SELECT case_id, reference FROM {{cases}} WHERE case_id IN ({marks})", asked)
    return {UUID(case): reference for case, reference in found}


def _the(reader: Reader, id: UUID, provider: str | None) -> CaseRow:
    condition, params = matching(case_id=str(id), provider=provider)
    found = Live(reader, CASES).rows(CASES_TABLE, condition, params)
    if not found:
        raise NotFound()
    return found[0]


def _view(row: CaseRow) -> CaseView:
    return CaseView(
        id=UUID(row.case_id),
        pool=UUID(row.pool),
        reference=row.reference,
        provider=row.provider,
        offer=row.offer,
        district=row.district,
        service_area=cast("ServiceArea", row.service_area),
        concern=cast("Concern", row.concern),
        opened_at=datetime.fromisoformat(row.opened_at),
        outcome=cast("Outcome | None", row.outcome),
        closed=row.outcome is not None,
        erased=bool(row.erased),
    )
