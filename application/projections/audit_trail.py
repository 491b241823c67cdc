"""The audit trail: an index of the log, so that it is no second copy of it. Lines are written when somebody reads."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, get_args
from uuid import UUID

from application.log import Reader, Recorded, read_event, rows_at
from application.projections.cases import CASES
from application.projections.pools import POOLS
from application.projections.tables import ROWS_A_PAGE, Fold, Live, Projection, Row, Rows, Table, Value, matching, place_after
from application.projections.texts import Opener, Opening
from application.projections.trail_lines import About, deed, trail_line
from application.views import TrailEntry
from domain.booking import BookingEvent, Event, HoursRequested
from domain.case import CaseEvent, CaseOpened
from domain.handling import FindingEvent, FindingOpened
from domain.pool import HoursReleased, HoursReserved, PlaceOffered, PoolEvent, PoolOpened
from domain.quantities import Actor
from domain.registry import ProviderEvent, ProviderRegistered, provider_id

ASKED_MAX = 500  # values in one statement


class TrailRow(Row):
    """What an event is about, and who may see it beside the office."""

    position: int
    type: str
    subject: str
    provider: str | None
    actor: str


class Note(NamedTuple):
    """An event in few words: nobody's reasons, and nothing personal."""

    position: int
    recorded_at: datetime
    actor: Actor
    deed: str
    reference: str | None
    provider: str | None


class Subject(Row):
    """A pool, case, booking, finding or provider; what it belongs to, and whose a booking is: its events do not all say it."""

    subject: str
    pool: str | None
    case_id: str | None
    booking: str | None
    owner: str | None


TRAIL_TABLE = Table("audit_trail", TrailRow, ("position",), (("subject", "position"), ("provider", "position")))
SUBJECTS_TABLE = Table("trail_subjects", Subject, ("subject",), (("case_id",),))

# ── Fold


def _pool_opened(event: Recorded, data: PoolOpened, rows: Rows) -> None:
    pool = str(event.stream)
    rows.put(SUBJECTS_TABLE, Subject(pool, pool, None, None, None))
    _line(event, rows, pool, None)


def _case_opened(event: Recorded, data: CaseOpened, rows: Rows) -> None:
    case = str(event.stream)
    rows.put(SUBJECTS_TABLE, Subject(case, str(data.pool), case, None, None))
    _line(event, rows, case, data.provider)


def _requested(event: Recorded, data: HoursRequested, rows: Rows) -> None:
    booking = str(event.stream)
    rows.put(SUBJECTS_TABLE, Subject(booking, str(data.pool), str(data.case), booking, data.provider))
    _line(event, rows, booking, data.provider)


def _of_its_stream(event: Recorded, data: Any, rows: Rows) -> None:
    """An event of a case, a booking or a provider, which says whose it is today."""
    _line(event, rows, str(event.stream), data.provider)


def _of_a_booking(event: Recorded, data: HoursReserved | HoursReleased | PlaceOffered, rows: Rows) -> None:
    """The pool's side of what happened to a booking."""
    subject = rows.the(SUBJECTS_TABLE, str(data.booking))
    _line(event, rows, subject.subject, subject.owner)


def _finding_opened(event: Recorded, data: FindingOpened, rows: Rows) -> None:
    """To be opened again changes nothing of what it is about. Findings are shown to leads alone, so no line is a provider's."""
    finding, matter = str(event.stream), data.matter
    if rows.get(SUBJECTS_TABLE, finding) is None:
        pool, case, booking = (None if id is None else str(id) for id in (matter.pool, matter.case, matter.booking))
        rows.put(SUBJECTS_TABLE, Subject(finding, pool, case, booking, None))
    _of_the_office(event, data, rows)


def _provider_registered(event: Recorded, data: ProviderRegistered, rows: Rows) -> None:
    """A provider belongs to no pool; it takes part in any of them."""
    if rows.get(SUBJECTS_TABLE, str(event.stream)) is None:
        rows.put(SUBJECTS_TABLE, Subject(str(event.stream), None, None, None, None))
    _of_its_stream(event, data, rows)


def _of_the_office(event: Recorded, data: object, rows: Rows) -> None:
    _line(event, rows, str(event.stream), None)


def _line(event: Recorded, rows: Rows, subject: str, provider: str | None) -> None:
    rows.add(TRAIL_TABLE, TrailRow(event.position, event.type, subject, provider, event.actor.subject))


_FOLDS: dict[type[Event], Fold] = {
    **dict.fromkeys((*get_args(PoolEvent), *get_args(FindingEvent)), _of_the_office),
    **dict.fromkeys((HoursReserved, HoursReleased, PlaceOffered), _of_a_booking),
    **dict.fromkeys((*get_args(CaseEvent), *get_args(BookingEvent), *get_args(ProviderEvent)), _of_its_stream),
    PoolOpened: _pool_opened,
    CaseOpened: _case_opened,
    HoursRequested: _requested,
    FindingOpened: _finding_opened,
    ProviderRegistered: _provider_registered,
}

AUDIT_TRAIL = Projection(name="audit_trail", version=5, tables=(TRAIL_TABLE, SUBJECTS_TABLE), folds=_FOLDS)

# ── Readers

_ABOUT = (  # every line with all that it is about
    "t.position, t.type, t.provider, t.actor, s.pool, s.case_id, s.booking "
    "FROM {audit_trail} AS t JOIN {trail_subjects} AS s ON s.subject = t.subject"
)


def trail(
    reader: Reader,
    *,
    pool: UUID | None = None,
    case: UUID | None = None,
    booking: UUID | None = None,
    actor: str | None = None,
    type: str | None = None,
    provider: str | None,
    after: str | None = None,
    limit: int,
    opening: Opening | None = None,
) -> tuple[list[TrailEntry], str | None]:
    """Events as lines, in the order of the log, and where the next page begins.

    Reasons stand in them only with an ``opening``: that is a read of personal data, which is the caller's to record.
    """
    condition, params = matching(
        pool=pool,
        case_id=case,
        booking=booking,
        actor=actor,
        type=type,
        provider=provider,
    )
    found, following = _page(reader, condition, params, after, limit, opening)
    return [entry for _, entry in found], following


def traced(reader: Reader, pool: UUID) -> Iterator[tuple[Recorded, TrailEntry]]:
    """Every event of a pool, and what is registered of the providers that take part in it, with its line, in the order of the log;
    no more than a page of them in memory, and no reasons."""
    registered = [str(provider_id(provider)) for provider, pools in taking_part(reader).items() if str(pool) in pools]
    condition = f"(pool = ? OR t.subject IN ({_marks(registered)}))" if registered else "pool = ?"
    after: str | None = None
    while True:
        found, after = _page(reader, condition, [str(pool), *registered], after, ROWS_A_PAGE, None)
        yield from found
        if after is None:
            return


def _page(
    reader: Reader, condition: str, params: Sequence[Value], after: str | None, limit: int, opening: Opening | None
) -> tuple[list[tuple[Recorded, TrailEntry]], str | None]:
    found = _lines(reader, f"{condition} AND position > ? ORDER BY position LIMIT ?", [*params, place_after(after), limit + 1])
    shown = found[:limit]
    return _entries(reader, shown, opening), str(shown[-1].position) if len(found) > limit else None


def lines_at(reader: Reader, positions: Sequence[int], opening: Opening | None) -> list[TrailEntry]:
    """The lines of the events at these ascending positions."""
    found: list[_Line] = []
    for start in range(0, len(positions), ASKED_MAX):
        some = positions[start : start + ASKED_MAX]
        found += _lines(reader, f"position IN ({_marks(some)}) ORDER BY position", some)
    return [entry for _, entry in _entries(reader, found, opening)]


class _Line(NamedTuple):
    position: int
    pool: str | None
    case_id: str | None
    about: About


def _lines(reader: Reader, condition: str, params: Sequence[Any]) -> list[_Line]:
    found = Live(reader, AUDIT_TRAIL, CASES, POOLS).fetch(
        "SELECT t.position, t.pool, t.case_id, p.name, c.reference, t.booking, t.provider "
        f"FROM (SELECT {_ABOUT} WHERE {condition}) AS t "
        "LEFT JOIN {pools} AS p ON p.pool = t.pool LEFT JOIN {cases} AS c ON c.case_id = t.case_id ORDER BY t.position",
        params,
    )
    return [_Line(position, pool, case_id, About(*about)) for position, pool, case_id, *about in found]


def _entries(reader: Reader, lines: Sequence[_Line], opening: Opening | None) -> list[tuple[Recorded, TrailEntry]]:
    opener = None if opening is None else opening({UUID(line.case_id) for line in lines if line.case_id})
    recorded = events_at(reader, [line.position for line in lines])
    return [
        (event, _entry(event, line.about, line.pool, line.case_id, opener)) for event, line in zip(recorded, lines, strict=True)
    ]


def taking_part(reader: Reader, until: int | None = None) -> dict[str, dict[str | None, int]]:
    """Of every provider that is named up to a position, the pools that this is about, and where it is named first; what is
    registered of it is about no pool."""
    stated, params = ("", []) if until is None else (" AND t.position <= ?", [until])
    found = Live(reader, AUDIT_TRAIL).fetch(
        "SELECT t.provider, s.pool, MIN(t.position) FROM {audit_trail} AS t JOIN {trail_subjects} AS s ON s.subject = t.subject "
        f"WHERE t.provider IS NOT NULL{stated} GROUP BY t.provider, s.pool",
        params,
    )
    named: dict[str, dict[str | None, int]] = {}
    for provider, pool, position in found:
        named.setdefault(provider, {})[pool] = position
    return dict(sorted(named.items()))


def latest(reader: Reader, *, pool: UUID, limit: int) -> list[Note]:
    """What was recorded last about a pool, the newest first. No text is opened for it."""
    found = Live(reader, AUDIT_TRAIL, CASES).fetch(
        "SELECT t.position, t.provider, c.reference "
        f"FROM (SELECT {_ABOUT} WHERE pool = ? ORDER BY position DESC LIMIT ?) AS t "
        "LEFT JOIN {cases} AS c ON c.case_id = t.case_id ORDER BY t.position DESC",
        (str(pool), limit),
    )
    recorded = {event.position: event for event in events_at(reader, sorted(row[0] for row in found))}
    return [_note(recorded[position], reference, provider) for position, provider, reference in found]


def _note(event: Recorded, reference: str | None, provider: str | None) -> Note:
    return Note(event.position, event.recorded_at, event.actor, deed(event), reference, provider)


def events(reader: Reader, *, provider: str | None, after: int, limit: int) -> list[Recorded]:
    """The log behind a position, as the caller may see it: all of it, or what is about the provider."""
    if provider is None:
        return [read_event(row) for row in reader.notifications(after, limit)]
    found = Live(reader, AUDIT_TRAIL).rows(
        TRAIL_TABLE, "provider = ? AND position > ? ORDER BY position LIMIT ?", (provider, after, limit)
    )
    return events_at(reader, [row.position for row in found])


def positions(reader: Reader, *, pool: UUID, type: str) -> list[int]:
    """Where the events of one kind stand in the stream of a pool, in the order of the log."""
    found = Live(reader, AUDIT_TRAIL).fetch(
        "SELECT position FROM {audit_trail} WHERE subject = ? AND type = ? ORDER BY position", (str(pool), type)
    )
    return [position for (position,) in found]


def subjects_of_case(reader: Reader, case: UUID) -> list[str]:
    """The case itself and its bookings, in no order; none where nobody opened it."""
    found = Live(reader, AUDIT_TRAIL).fetch("SELECT subject FROM {trail_subjects} WHERE case_id = ?", (str(case),))
    return [subject for (subject,) in found]


def positions_by(reader: Reader, actor: str) -> list[int]:
    """Where the events stand that somebody has made."""
    found = Live(reader, AUDIT_TRAIL).fetch("SELECT position FROM {audit_trail} WHERE actor = ?", (actor,))
    return [position for (position,) in found]


def positions_of(reader: Reader, type: str) -> list[int]:
    """Where the events of one type stand, in the order of the log."""
    found = Live(reader, AUDIT_TRAIL).fetch("SELECT position FROM {audit_trail} WHERE type = ? ORDER BY position", (type,))
    return [position for (position,) in found]


def places_about(reader: Reader, subjects: Sequence[str], types: Sequence[str]) -> list[tuple[str, int, str]]:
    """Subject, position and type of the events of these types that are about any of these pools, cases and bookings; without types,
    of all events."""
    live, found = Live(reader, AUDIT_TRAIL), list[tuple[Any, ...]]()
    what = f" AND type IN ({_marks(types)})" if types else ""
    for start in range(0, len(subjects), ASKED_MAX):
        some = subjects[start : start + ASKED_MAX]
        found += live.fetch(
            f"SELECT subject, position, type FROM {{audit_trail}} WHERE subject IN ({_marks(some)}){what}", [*some, *types]
        )
    return [(subject, position, type) for subject, position, type in found]


def types_at(reader: Reader, positions: Sequence[int]) -> dict[int, str]:
    """The types of the events at these positions."""
    live, found = Live(reader, AUDIT_TRAIL), list[tuple[Any, ...]]()
    for start in range(0, len(positions), ASKED_MAX):
        some = positions[start : start + ASKED_MAX]
        found += live.fetch(f"SELECT position, type FROM {{audit_trail}} WHERE position IN ({_marks(some)})", some)
    return dict(found)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)


def events_at(reader: Reader, positions: Sequence[int]) -> list[Recorded]:
    """The events at these ascending positions."""
    return [read_event(row) for row in rows_at(reader, positions)]


def _entry(event: Recorded, about: About, pool: str | None, case_id: str | None, opener: Opener | None) -> TrailEntry:
    return TrailEntry(
        position=event.position,
        recorded_at=event.recorded_at,
        type=event.type,
        actor=event.actor,
        pool=UUID(pool) if pool else None,
        case=UUID(case_id) if case_id else None,
        booking=UUID(about.booking) if about.booking else None,
        provider=about.provider,
        line=trail_line(event, about, opener),
    )
