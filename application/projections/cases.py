"""Cases: master data, clear, and the personal texts of the person, sealed."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import cast
from uuid import UUID

import msgspec

from application.log import Reader, Recorded
from application.projections.tables import Live, Projection, Row, Rows, Table, matching, page, pages, stated
from application.projections.texts import SealedText, place, texts_at
from application.views import CaseView, Versioned
from domain.case import CaseAmended, CaseClosed, CaseOpened, CaseTransferred
from domain.personal_data import (
    CLASSES,
    ErasureConfirmed,
    ErasureRequested,
    ErasureWithdrawn,
    LegalHoldLifted,
    LegalHoldSet,
    PersonalClass,
    PersonalDataErased,
    together,
    without,
)
from domain.quantities import Concern, Outcome, ServiceArea
from domain.refusals import NotFound

IDS_A_QUERY = 500


class CaseRow(Row):
    """``position`` is where the case was opened, ``last_position`` where it changed last; of texts it says where they stand.

    Classes of personal data that are requested to be erased, or are erased, are parted by blanks.
    """

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
    restricted_classes: str
    erased_classes: str
    name: int | None
    birth_year: int | None
    contact: int | None
    notes: int | None
    closing_note: int | None

    @property
    def erased(self) -> bool:
        """Nothing personal is left."""
        return self.erased_classes == " ".join(CLASSES)


CASES_TABLE = Table("cases", CaseRow, ("case_id",), (("position",), ("pool", "position"), ("provider", "position")))

# ── Fold


def _opened(event: Recorded, data: CaseOpened, rows: Rows) -> None:
    opened = CaseRow(
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
        opened_at=stated(data.opened_at),
        outcome=None,
        restricted_classes="",
        erased_classes="",
        name=place(event, "name"),
        birth_year=place(event, "birth_year"),
        contact=place(event, "contact"),
        notes=place(event, "notes"),
        closing_note=None,
    )
    rows.put(CASES_TABLE, opened)


def _counted(event: Recorded, rows: Rows) -> CaseRow:
    case = rows.change(CASES_TABLE, str(event.stream))
    case.version, case.last_position = event.version, event.position
    return case


def _amended(event: Recorded, data: CaseAmended, rows: Rows) -> None:
    case = _counted(event, rows)
    case.offer = data.offer or case.offer
    case.district = data.district or case.district
    case.service_area = data.service_area or case.service_area
    case.concern = data.concern or case.concern
    case.name = place(event, "name") or case.name
    case.birth_year = place(event, "birth_year") or case.birth_year
    case.contact = place(event, "contact") or case.contact
    case.notes = place(event, "notes") or case.notes


def _transferred(event: Recorded, data: CaseTransferred, rows: Rows) -> None:
    _counted(event, rows).provider = data.provider


def _closed(event: Recorded, data: CaseClosed, rows: Rows) -> None:
    case = _counted(event, rows)
    case.outcome, case.closing_note = data.outcome, place(event, "note")


def _restricted(event: Recorded, data: ErasureRequested, rows: Rows) -> None:
    _counted(event, rows).restricted_classes = " ".join(data.classes)


def _unrestricted(event: Recorded, data: ErasureWithdrawn, rows: Rows) -> None:
    _counted(event, rows).restricted_classes = ""


def _erased(event: Recorded, data: PersonalDataErased, rows: Rows) -> None:
    """Forgets where the texts stand as well, although nobody could open them any more."""
    case = _counted(event, rows)
    case.erased_classes = _joined(together(_classes(case.erased_classes), data.classes))
    case.restricted_classes = _joined(without(_classes(case.restricted_classes), data.classes))
    if "identity" in data.classes:
        case.name = case.birth_year = case.contact = None
    if "file" in data.classes:
        case.notes = case.closing_note = None


def _joined(classes: tuple[PersonalClass, ...]) -> str:
    return " ".join(classes)


def _classes(joined: str) -> tuple[PersonalClass, ...]:
    return cast("tuple[PersonalClass, ...]", tuple(joined.split()))


def _known(event: Recorded, data: LegalHoldSet | LegalHoldLifted | ErasureConfirmed, rows: Rows) -> None:
    _counted(event, rows)


CASES = Projection(
    name="cases",
    version=4,
    tables=(CASES_TABLE,),
    folds={
        CaseOpened: _opened,
        CaseAmended: _amended,
        CaseTransferred: _transferred,
        CaseClosed: _closed,
        ErasureRequested: _restricted,
        ErasureWithdrawn: _unrestricted,
        LegalHoldSet: _known,
        LegalHoldLifted: _known,
        PersonalDataErased: _erased,
        ErasureConfirmed: _known,
    },
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
    own = (("name", row.name), ("birth_year", row.birth_year), ("contact", row.contact), ("notes", row.notes))
    return CaseTexts(*texts_at(reader, *own, ("note", row.closing_note)))


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


def cases_of_pool(reader: Reader, pool: UUID) -> Iterator[CaseRow]:
    """All cases of a pool in the order of their opening, with where they stand in the log."""
    for rows in pages(Live(reader, CASES), CASES_TABLE, "pool = ?", (str(pool),)):
        yield from rows


def cases_of_reference(reader: Reader, reference: str) -> list[UUID]:
    """The cases of that pseudonymous reference, of which each pool has at most one."""
    return [UUID(id) for (id,) in Live(reader, CASES).fetch("SELECT case_id FROM {cases} WHERE reference = ?", (reference,))]


def references(reader: Reader, cases: Iterable[UUID]) -> dict[UUID, str]:
    """The pseudonymous references of these cases."""
    live, asked, found = Live(reader, CASES), [str(case) for case in cases], dict[UUID, str]()
    for start in range(0, len(asked), IDS_A_QUERY):
        some = asked[start : start + IDS_A_QUERY]
        marks = ", ".join("?" for _ in some)
        rows = live.fetch(f"SELECT case_id, reference FROM {{cases}} WHERE case_id IN ({marks})", some)
        found.update({UUID(case): reference for case, reference in rows})
    return found


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
        restricted=bool(row.restricted_classes),
        erased=row.erased,
    )
