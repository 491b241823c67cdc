"""What becomes of each person's data: when the case ended, what is requested, held, erased and confirmed.

So it answers which data are due, whose texts are restricted, and whose keys are still to be destroyed.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import NamedTuple, cast
from uuid import UUID

from application.log import Reader, Recorded
from application.projections.cases import CASES, IDS_A_QUERY
from application.projections.tables import Live, Projection, Row, Rows, Table
from domain.case import CaseClosed, CaseOpened
from domain.erasure import Periods, due_from
from domain.personal_data import (
    CLASSES,
    ErasureConfirmed,
    ErasureRequested,
    ErasureWithdrawn,
    Ground,
    LegalHoldLifted,
    LegalHoldSet,
    PersonalClass,
    PersonalData,
    PersonalDataErased,
    together,
    without,
)
from domain.pool import PoolClosed
from domain.quantities import berlin_day
from domain.refusals import NotFound


class PersonRow(Row):
    """``ended_on`` is the day on which the case was closed; ``erased_at`` the position of the last erasure.

    Classes are parted by blanks.
    """

    case_id: str
    pool: str
    ended_on: str | None
    requested: str
    ground: str | None
    requested_by: str | None
    held: int
    erased: str
    unconfirmed: str
    erased_at: int


class EndedPool(Row):
    """A pool that was closed, and with it every case in it that nobody had closed."""

    pool: str
    ended_on: str


PERSONS_TABLE = Table("personal_data", PersonRow, ("case_id",), (("ended_on",), ("pool",), ("unconfirmed",), ("erased_at",)))
POOLS_ENDED_TABLE = Table("retention_pools", EndedPool, ("pool",))

# ── Fold


def _opened(event: Recorded, data: CaseOpened, rows: Rows) -> None:
    person = PersonRow(
        case_id=str(event.stream),
        pool=str(data.pool),
        ended_on=None,
        requested="",
        ground=None,
        requested_by=None,
        held=0,
        erased="",
        unconfirmed="",
        erased_at=0,
    )
    rows.put(PERSONS_TABLE, person)


def _person(event: Recorded, rows: Rows) -> PersonRow:
    return rows.change(PERSONS_TABLE, str(event.stream))


def _closed(event: Recorded, data: CaseClosed, rows: Rows) -> None:
    _person(event, rows).ended_on = berlin_day(event.recorded_at).isoformat()


def _pool_closed(event: Recorded, data: PoolClosed, rows: Rows) -> None:
    rows.put(POOLS_ENDED_TABLE, EndedPool(str(event.stream), berlin_day(event.recorded_at).isoformat()))


def _requested(event: Recorded, data: ErasureRequested, rows: Rows) -> None:
    person = _person(event, rows)
    person.requested, person.ground, person.requested_by = " ".join(data.classes), data.ground, data.requested_by


def _withdrawn(event: Recorded, data: ErasureWithdrawn, rows: Rows) -> None:
    _forget_request(_person(event, rows))


def _forget_request(person: PersonRow) -> None:
    person.requested, person.ground, person.requested_by = "", None, None


def _held(event: Recorded, data: LegalHoldSet, rows: Rows) -> None:
    _person(event, rows).held = 1


def _released(event: Recorded, data: LegalHoldLifted, rows: Rows) -> None:
    _person(event, rows).held = 0


def _erased(event: Recorded, data: PersonalDataErased, rows: Rows) -> None:
    person = _person(event, rows)
    person.erased = " ".join(together(_classes(person.erased), data.classes))
    person.unconfirmed = " ".join(together(_classes(person.unconfirmed), data.classes))
    person.requested = " ".join(without(_classes(person.requested), data.classes))
    person.erased_at = event.position
    if not person.requested:
        _forget_request(person)


def _confirmed(event: Recorded, data: ErasureConfirmed, rows: Rows) -> None:
    person = _person(event, rows)
    person.unconfirmed = " ".join(without(_classes(person.unconfirmed), data.classes))


def _classes(joined: str) -> tuple[PersonalClass, ...]:
    return cast("tuple[PersonalClass, ...]", tuple(joined.split()))


RETENTION = Projection(
    name="retention",
    version=1,
    tables=(PERSONS_TABLE, POOLS_ENDED_TABLE),
    folds={
        CaseOpened: _opened,
        CaseClosed: _closed,
        PoolClosed: _pool_closed,
        ErasureRequested: _requested,
        ErasureWithdrawn: _withdrawn,
        LegalHoldSet: _held,
        LegalHoldLifted: _released,
        PersonalDataErased: _erased,
        ErasureConfirmed: _confirmed,
    },
)

# ── Readers


class Person(NamedTuple):
    """A person's data as they stand. ``ended_on`` is ``None`` as long as the case goes on."""

    case: UUID
    reference: str
    provider: str
    ended_on: date | None
    data: PersonalData
    erased_at: int

    def due(self, on: date, periods: Periods) -> tuple[PersonalClass, ...]:
        """The classes whose period is over on a day, and that are not erased."""
        if self.ended_on is None:
            return ()
        calendar = due_from(self.ended_on, periods)
        return tuple(kept for kept in CLASSES if calendar[kept] <= on and kept not in self.data.erased)


_PERSONS = (
    "SELECT d.case_id, c.reference, c.provider, COALESCE(d.ended_on, p.ended_on), d.requested, d.ground, d.requested_by, d.held, "
    "d.erased, d.unconfirmed, d.erased_at FROM {personal_data} AS d JOIN {cases} AS c ON c.case_id = d.case_id "
    "LEFT JOIN {retention_pools} AS p ON p.pool = d.pool WHERE "
)


def person(reader: Reader, case: UUID) -> Person:
    """The data of the person in a case. Raises ``NotFound``."""
    found = _persons(reader, "d.case_id = ?", (str(case),))
    if not found:
        raise NotFound()
    return found[0]


def persons(reader: Reader, cases: Collection[UUID]) -> list[Person]:
    """The data of the persons in some cases, in no order."""
    found, asked = list[Person](), [str(case) for case in cases]
    for start in range(0, len(asked), IDS_A_QUERY):
        some = asked[start : start + IDS_A_QUERY]
        found += _persons(reader, f"d.case_id IN ({', '.join('?' for _ in some)})", some)
    return found


def exists(reader: Reader, case: UUID) -> bool:
    """Whether there is a case of that id."""
    return bool(Live(reader, RETENTION).fetch("SELECT 1 FROM {personal_data} WHERE case_id = ?", (str(case),)))


def due(reader: Reader, on: date, periods: Periods) -> list[Person]:
    """Persons with data that are due on a day, held or not, the case that ended first before the others."""
    condition = "COALESCE(d.ended_on, p.ended_on) <= ? AND d.erased <> ? ORDER BY COALESCE(d.ended_on, p.ended_on), c.position"
    last = date(on.year - min(map(periods.of, CLASSES)) - 1, 12, 31)
    return [each for each in _persons(reader, condition, (last.isoformat(), " ".join(CLASSES))) if each.due(on, periods)]


def of_reference(reader: Reader, reference: str) -> list[Person]:
    """Persons whose case is called so, of which each pool has at most one."""
    return _persons(reader, "c.reference = ? ORDER BY c.position", (reference,))


def requested(reader: Reader) -> list[Person]:
    """Persons of whom something is erased as soon as a second person agrees."""
    return _persons(reader, "d.requested <> '' ORDER BY c.position", ())


def held(reader: Reader) -> list[Person]:
    """Persons of whom nothing is erased until a hold is lifted."""
    return _persons(reader, "d.held <> 0 ORDER BY c.position", ())


def unconfirmed(reader: Reader) -> list[Person]:
    """Persons whose data are erased in the log, while their keys may still be there."""
    return _persons(reader, "d.unconfirmed <> '' ORDER BY d.erased_at", ())


def erased_after(reader: Reader, position: int) -> list[Person]:
    """Persons of whom something was erased behind a position, in that order."""
    return _persons(reader, "d.erased_at > ? ORDER BY d.erased_at", (position,))


def all_erased(reader: Reader) -> Iterator[tuple[UUID, tuple[PersonalClass, ...]]]:
    """Every person of whom something is erased, and what."""
    for case, erased in Live(reader, RETENTION).fetch("SELECT case_id, erased FROM {personal_data} WHERE erased <> ''"):
        yield UUID(case), _classes(erased)


def _persons(reader: Reader, condition: str, params: Sequence[str | int]) -> list[Person]:
    return [
        Person(
            UUID(case),
            reference,
            provider,
            date.fromisoformat(ended_on) if ended_on else None,
            PersonalData(
                _classes(requested),
                cast("Ground | None", ground),
                requested_by,
                bool(held),
                _classes(erased),
                without(_classes(erased), _classes(unconfirmed)),
            ),
            erased_at,
        )
        for case, reference, provider, ended_on, requested, ground, requested_by, held, erased, unconfirmed, erased_at in Live(
            reader, RETENTION, CASES
        ).fetch(_PERSONS + condition, params)
    ]
