"""Balances in both times: what happened until ``as_of``, as far as it was known at ``known_at``.

Every movement of minutes is a row that is never changed. Beside them stand the totals of every day, so that a question
without ``known_at`` needs no movements but those of the last day. ``known_at`` looks up running totals: those of the pool at each
instant at which it changed, and those of a day at each of its movements. So a pool's balance costs one look-up, and in both times
one for each day, however many movements there are. Groups have no running totals: for providers and districts, what was recorded
later is taken away; and cases and bookings would have nearly as many totals as they have movements.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from copy import copy
from datetime import date, datetime, time
from itertools import accumulate
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

from application.log import Reader, Recorded
from application.projections.cases import CASES
from application.projections.tables import POSITION_MAX, ROWS_A_PAGE, Live, Moment, Projection, Row, Rows, Table, micros, moment
from application.views import Balance, ForecastView, Group
from domain.booking import HoursRequested, SessionCorrected, SessionLogged, SessionReversed
from domain.forecast import forecast
from domain.pool import BudgetChanged, HoursReleased, HoursReserved, PoolOpened
from domain.quantities import BERLIN, berlin_day, start_of_day

POSITIONS_A_QUERY = 500

MovementKind = Literal["budget", "granted", "released", "consumed"]
By = Literal["district", "provider", "case", "month", "booking"]


class Movement(Row):
    """Signed minutes of one kind. ``effective`` and ``recorded`` are microseconds UTC; the day is Europe/Berlin. ``pool_day`` is
    the number of the ``PoolDay`` that it adds to, and ``day_minutes`` what that comes to with it.
    """

    position: int
    seq: int
    pool: str
    booking: str | None
    case_id: str | None
    provider: str | None
    district: str | None
    kind: str
    minutes: int
    effective: int
    day: str
    recorded: int
    pool_day: int
    day_minutes: int


class PoolDay(Row):
    """All movements of one kind and day in a pool. Its number follows from where the first one stands in the log."""

    pool: str
    day: str
    kind: str
    number: int
    minutes: int


class Standing(Row):
    """All movements of a pool until ``recorded``, in microseconds UTC; ``position`` is that of the last one."""

    pool: str
    recorded: int
    position: int
    budget: int
    granted: int
    released: int
    consumed: int


class ProviderDay(Row):
    """All movements of one kind and day that a provider has in a district."""

    pool: str
    provider: str
    district: str
    day: str
    kind: str
    minutes: int


class Account(Row):
    """What the movements of a booking's sessions are booked on."""

    booking: str
    pool: str
    case_id: str
    provider: str
    district: str


MOVEMENTS = Table(
    "movements",
    Movement,
    ("position", "seq"),
    (("pool", "position"), ("pool_day", "position", "seq"), ("provider",)),
)
POOL_DAYS = Table("pool_days", PoolDay, ("pool", "day", "kind"))
STANDINGS = Table("standings", Standing, ("pool",))
PAST_STANDINGS = Table("past_standings", Standing, ("pool", "recorded"))  # each until the pool's next movement at another instant
PROVIDER_DAYS = Table("provider_days", ProviderDay, ("pool", "provider", "district", "day", "kind"))
ACCOUNTS = Table("accounts", Account, ("booking",))

# ── Fold


def _opened(event: Recorded, data: PoolOpened, rows: Rows) -> None:
    rows.put(STANDINGS, Standing(str(event.stream), micros(event.recorded_at), event.position, 0, 0, 0, 0))
    _budget(event, rows, data.budget_minutes, start_of_day(data.period.start))


def _budget_changed(event: Recorded, data: BudgetChanged, rows: Rows) -> None:
    effective = start_of_day(data.effective_on) if data.effective_on else event.recorded_at
    _budget(event, rows, data.change_minutes, effective)


def _requested(event: Recorded, data: HoursRequested, rows: Rows) -> None:
    rows.put(ACCOUNTS, Account(str(event.stream), str(data.pool), str(data.case), data.provider, data.district))


def _reserved(event: Recorded, data: HoursReserved, rows: Rows) -> None:
    _move(event, rows, data.booking, "granted", data.minutes, data.decided_at)


def _released(event: Recorded, data: HoursReleased, rows: Rows) -> None:
    _move(event, rows, data.booking, "released", data.minutes, data.released_at)


def _logged(event: Recorded, data: SessionLogged, rows: Rows) -> None:
    _move(event, rows, event.stream, "consumed", data.minutes, data.starts_at)


def _corrected(event: Recorded, data: SessionCorrected, rows: Rows) -> None:
    """Moves all of the session even where only its kind changed: the sum is the same, and the rule has no exception."""
    _move(event, rows, event.stream, "consumed", -data.before.minutes, data.before.starts_at)
    _move(event, rows, event.stream, "consumed", data.now.minutes, data.now.starts_at, seq=1)


def _reversed(event: Recorded, data: SessionReversed, rows: Rows) -> None:
    _move(event, rows, event.stream, "consumed", -data.before.minutes, data.before.starts_at)


def _budget(event: Recorded, rows: Rows, minutes: int, effective: datetime) -> None:
    _book(event, rows, 0, str(event.stream), None, "budget", minutes, moment(effective))


def _move(event: Recorded, rows: Rows, booking: UUID, kind: MovementKind, minutes: int, effective: datetime, seq: int = 0) -> None:
    account = rows.the(ACCOUNTS, str(booking))
    at = moment(effective)
    _book(event, rows, seq, account.pool, account, kind, minutes, at)
    rows.add_up(PROVIDER_DAYS, (account.pool, account.provider, account.district, at.day, kind), minutes)


def _book(
    event: Recorded, rows: Rows, seq: int, pool: str, account: Account | None, kind: MovementKind, minutes: int, at: Moment
) -> None:
    recorded = micros(event.recorded_at)
    total = _pool_day(event, rows, seq, (pool, at.day, kind))
    total.minutes += minutes
    booking, case_id, provider, district = (
        (account.booking, account.case_id, account.provider, account.district) if account else (None,) * 4
    )
    booked = Movement(
        event.position,
        seq,
        pool,
        booking,
        case_id,
        provider,
        district,
        kind,
        minutes,
        at.micros,
        at.day,
        recorded,
        total.number,
        total.minutes,
    )
    rows.add(MOVEMENTS, booked)
    _stand(event.position, recorded, rows, pool, kind, minutes)


def _pool_day(event: Recorded, rows: Rows, seq: int, key: tuple[str, str, str]) -> PoolDay:
    if rows.get(POOL_DAYS, key) is None:
        rows.put(POOL_DAYS, PoolDay(*key, 2 * event.position + seq, 0))  # an event moves minutes twice at most
    return rows.change(POOL_DAYS, key)


def _stand(position: int, recorded: int, rows: Rows, pool: str, kind: MovementKind, minutes: int) -> None:
    standing = rows.change(STANDINGS, pool)
    if standing.recorded != recorded:
        rows.add(PAST_STANDINGS, copy(standing))
        standing.recorded = recorded
    standing.position = position
    setattr(standing, kind, getattr(standing, kind) + minutes)


BALANCES = Projection(
    name="balances",
    version=5,
    tables=(MOVEMENTS, POOL_DAYS, STANDINGS, PAST_STANDINGS, PROVIDER_DAYS, ACCOUNTS),
    folds={
        PoolOpened: _opened,
        BudgetChanged: _budget_changed,
        HoursRequested: _requested,
        HoursReserved: _reserved,
        HoursReleased: _released,
        SessionLogged: _logged,
        SessionCorrected: _corrected,
        SessionReversed: _reversed,
    },
)

# ── Readers


def balance(
    reader: Reader,
    pool: UUID,
    as_of: datetime | date | None = None,
    known_at: datetime | date | None = None,
    by: By | None = None,
    provider: str | None = None,
) -> Balance:
    """The balance of a pool in both times, inclusive; a date means through its end in Europe/Berlin, ``None`` no limit.

    The pool's own sums are the same for everybody who may ask; groups are those of ``provider`` alone, where one is stated.
    Groups in which nothing was granted, consumed or released are left out. A month's ``reserved`` is what stood at its end
    and may be negative.
    """
    question = _question(Live(reader, BALANCES), str(pool), as_of, known_at)
    whole = question.whole()
    budget, sums = whole.get("budget", 0), _group("", whole)
    available = budget - sums.reserved - sums.consumed
    groups = None if by is None else _groups(by, question.groups(by, provider))
    return Balance(budget, sums.granted, sums.reserved, sums.consumed, sums.released, available, groups)


class Entry(NamedTuple):
    """A movement as somebody looks it up: where it stands in the log, and whose it is."""

    position: int
    seq: int
    kind: MovementKind
    minutes: int
    day: date
    case: UUID | None
    reference: str | None
    booking: UUID | None
    provider: str | None
    district: str | None


class Place(NamedTuple):
    """Where a movement stands: several may be of one event."""

    position: int
    seq: int


def movements(
    reader: Reader,
    pool: UUID,
    kinds: Collection[MovementKind],
    as_of: datetime | date | None = None,
    known_at: datetime | date | None = None,
    within: tuple[By, str] | None = None,
    *,
    through: bool = False,
    provider: str | None = None,
    unknown_at: datetime | date | None = None,
    before: Place | None = None,
    limit: int | None,
) -> list[Entry]:
    """The movements that sums of these kinds are made of, the last recorded first; of one group where ``within`` names it, and
    with those of the groups before it where ``through``. Of a provider's and nobody's only, where one is stated; and only what was
    not known yet at ``unknown_at``.
    """
    live = Live(reader, BALANCES, CASES)
    question = _question(live, str(pool), as_of, known_at)
    marks = ", ".join("?" for _ in kinds)
    stated: list[Condition] = [("pool = ?", str(pool)), (f"kind IN ({marks})", *kinds), *question.effective(), *question.known()]
    if within is not None:
        by, key = within
        stated.append((f"{_COLUMNS.get(by, by)} {'<=' if through else '='} ?", key))
    if provider is not None:
        stated.append(("(provider = ? OR provider IS NULL)", provider))
    if unknown_at is not None:
        stated.append(("position > ?", _question(live, str(pool), None, unknown_at).standing.position))
    if before is not None:
        stated.append(("position <= ? AND (position < ? OR seq < ?)", before.position, *before))
    found = live.fetch(
        "SELECT m.position, m.seq, m.kind, m.minutes, m.day, m.case_id, c.reference, m.booking, m.provider, m.district "
        f"FROM (SELECT * FROM {{movements}} WHERE {' AND '.join(condition for condition, *_ in stated)} "
        "ORDER BY position DESC, seq DESC LIMIT ?) AS m "
        "LEFT JOIN {cases} AS c ON c.case_id = m.case_id ORDER BY m.position DESC, m.seq DESC",
        [*(value for _, *values in stated for value in values), POSITION_MAX if limit is None else limit],
    )
    return [_entry(*row) for row in found]


def moved_at(reader: Reader, positions: Sequence[int]) -> list[tuple[int, MovementKind, int, date]]:
    """Position, kind, minutes and day of the movements that the events at these ascending positions have made, in order."""
    live, found = Live(reader, BALANCES), list[tuple[Any, ...]]()
    for start in range(0, len(positions), POSITIONS_A_QUERY):
        some = positions[start : start + POSITIONS_A_QUERY]
        marks = ", ".join("?" for _ in some)
        found += live.fetch(
            f"SELECT position, kind, minutes, day FROM {{movements}} WHERE position IN ({marks}) ORDER BY position, seq", some
        )
    return [(position, kind, minutes, date.fromisoformat(day)) for position, kind, minutes, day in found]


def _entry(position: int, seq: int, kind: MovementKind, minutes: int, day: str, case: str | None, *whose: Any) -> Entry:
    reference, booking, provider, district = whose
    ids = [None if each is None else UUID(each) for each in (case, booking)]
    return Entry(position, seq, kind, minutes, date.fromisoformat(day), ids[0], reference, ids[1], provider, district)


def movements_of_pool(reader: Reader, pool: UUID) -> Iterator[Movement]:
    """All movements of a pool in the order of the log, no more than a page of them in memory."""
    live = Live(reader, BALANCES)
    after = (0, 0)
    while rows := live.rows(
        MOVEMENTS,
        "pool = ? AND (position, seq) > (?, ?) ORDER BY position, seq LIMIT ?",
        (str(pool), *after, ROWS_A_PAGE),
    ):
        yield from rows
        after = rows[-1].position, rows[-1].seq


def forecast_of(reader: Reader, pool: UUID, today: date) -> ForecastView:
    """When the pool runs out, from what was committed in its whole weeks before ``today``, the first one included."""
    live = Live(reader, BALANCES)
    days = live.fetch(
        "SELECT day, SUM(CASE kind WHEN 'granted' THEN minutes ELSE -minutes END) FROM {pool_days} "
        "WHERE pool = ? AND kind IN ('granted', 'released') AND day < ? GROUP BY day ORDER BY day",
        (str(pool), today.isoformat()),
    )
    available = balance(reader, pool).available
    found = forecast(available, _whole_weeks([(date.fromisoformat(day), int(minutes)) for day, minutes in days], today), today)
    return ForecastView(available, found.weeks, found.minutes_a_week, found.runs_out_on, found.earliest, found.latest)


def _whole_weeks(days: Sequence[tuple[date, int]], today: date) -> list[int]:
    """Sums of the seven-day stretches that end yesterday, oldest first, from the one in which the first minutes moved."""
    if not days:
        return []
    weeks = [0] * ((today - days[0][0]).days // 7)
    for day, minutes in days:
        back = ((today - day).days - 1) // 7
        if back < len(weeks):
            weeks[-1 - back] += minutes
    return weeks


Sums = dict[str, dict[str, int]]  # minutes by key and kind
Condition = tuple[Any, ...]  # SQL, and the values of its placeholders
_COLUMNS: dict[By, str] = {"case": "case_id", "month": "substr(day, 1, 7)"}  # of the others, the names are the same
_DAY_MINUTES = (
    "(SELECT day_minutes FROM {movements} WHERE pool_day = number AND position <= ? ORDER BY position DESC, seq DESC LIMIT 1)"
)


def _question(live: Live, pool: str, as_of: datetime | date | None, known_at: datetime | date | None) -> "_Question":
    [now] = live.rows(STANDINGS, "pool = ?", [pool]) or [_nothing(pool)]
    if known_at is None:
        return _Question(live, pool, as_of, now, True)
    until = micros(known_at if isinstance(known_at, datetime) else datetime.combine(known_at, time.max, BERLIN))
    if now.recorded <= until:
        return _Question(live, pool, as_of, now, True)
    past = live.rows(PAST_STANDINGS, "pool = ? AND recorded <= ? ORDER BY recorded DESC LIMIT 1", [pool, until])
    return _Question(live, pool, as_of, past[0] if past else _nothing(pool), False)


def _nothing(pool: str) -> Standing:
    return Standing(pool, 0, 0, 0, 0, 0, 0)


class _Question(NamedTuple):
    """One pool in both times: what its ``standing`` knew of, until ``as_of``."""

    live: Live
    pool: str
    as_of: datetime | date | None
    standing: Standing
    latest: bool  # nothing is known since

    def whole(self) -> dict[str, int]:
        if self.as_of is None:
            return {kind: getattr(self.standing, kind) for kind in get_args(MovementKind)}
        return self._pool_days("pool").get(self.pool, {})

    def groups(self, by: By, provider: str | None) -> Sums:
        """All groups; of one provider's movements only, where it is stated."""
        column = _COLUMNS.get(by, by)
        own: list[Condition] = [] if provider is None else [("provider = ?", provider)]
        if by in ("case", "booking"):
            return self._movements(column, [*own, *self.effective(), *self.known()])
        if by == "month" and provider is None:
            return self._pool_days(column)
        return self._provider_days(column, own)

    def _pool_days(self, column: str) -> Sums:
        """From the totals of whole days as they were known, and the movements of a day that counts in part."""
        minutes = ("SUM(minutes)",) if self.latest else (f"COALESCE(SUM({_DAY_MINUTES}), 0)", self.standing.position)
        whole_days = self._select(column, "pool_days", self._whole_days(), minutes)
        return _summed([whole_days, self._part_of_a_day(column, self.known())])

    def _provider_days(self, column: str, own: Sequence[Condition]) -> Sums:
        """From the totals of whole days and the movements of a day that counts in part, less what was recorded later."""
        parts = [self._select(column, "provider_days", [*own, *self._whole_days()]), self._part_of_a_day(column, own)]
        if not self.latest:
            later = self._movements(column, [*own, *self.effective(), ("position > ?", self.standing.position)])
            parts.append({key: {kind: -minutes for kind, minutes in sums.items()} for key, sums in later.items()})
        return _summed(parts)

    def _part_of_a_day(self, column: str, conditions: Sequence[Condition]) -> Sums:
        if not isinstance(self.as_of, datetime):
            return {}
        numbers = "SELECT number FROM {pool_days} WHERE pool = ? AND day = ?"
        that_day = (f"pool_day IN ({numbers})", self.pool, berlin_day(self.as_of).isoformat())
        return self._movements(column, [*conditions, that_day, *self.effective()])

    def _movements(self, column: str, conditions: Iterable[Condition]) -> Sums:
        return self._select(column, "movements", conditions)

    def _select(self, column: str, table: str, conditions: Iterable[Condition], minutes: Condition = ("SUM(minutes)",)) -> Sums:
        stated: list[Condition] = [("pool = ?", self.pool), *conditions]
        where = " AND ".join([*(condition for condition, *_ in stated), f"{column} IS NOT NULL"])
        statement = f"SELECT {column}, kind, {minutes[0]} FROM {{{table}}} WHERE {where} GROUP BY 1, 2"
        sums: Sums = {}
        for key, kind, summed in self.live.fetch(statement, [value for _, *values in [minutes, *stated] for value in values]):
            sums.setdefault(key, {})[kind] = summed
        return sums

    def _whole_days(self) -> list[Condition]:
        if isinstance(self.as_of, datetime):
            return [("day < ?", berlin_day(self.as_of).isoformat())]
        return self.effective()

    def effective(self) -> list[Condition]:
        if self.as_of is None:
            return []
        if isinstance(self.as_of, datetime):
            return [("effective <= ?", micros(self.as_of))]
        return [("day <= ?", self.as_of.isoformat())]

    def known(self) -> list[Condition]:
        return [] if self.latest else [("position <= ?", self.standing.position)]


def _summed(parts: Iterable[Sums]) -> Sums:
    total: Sums = {}
    for part in parts:
        for key, kinds in part.items():
            into = total.setdefault(key, {})
            for kind, minutes in kinds.items():
                into[kind] = into.get(kind, 0) + minutes
    return total


def _group(key: str, sums: dict[str, int]) -> Group:
    granted, released, consumed = (sums.get(kind, 0) for kind in ("granted", "released", "consumed"))
    return Group(key, granted, granted - released - consumed, consumed, released)


def _groups(by: By, found: Sums) -> tuple[Group, ...]:
    groups = [_group(key, sums) for key, sums in sorted(found.items())]
    if by == "month":
        standing = accumulate(group.reserved for group in groups)
        groups = [Group(m.key, m.granted, reserved, m.consumed, m.released) for m, reserved in zip(groups, standing, strict=True)]
    return tuple(group for group in groups if group.granted or group.consumed or group.released)
