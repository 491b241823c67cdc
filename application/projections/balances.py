"""Balances in both times: what happened until ``as_of``, as far as it was known at ``known_at``.

Every movement of minutes is a row that is never changed. Beside them stand the totals of every day, so that a question
without ``known_at`` needs no movements but those of the last day; ``known_at`` takes away what was recorded later. Cases and
bookings have no totals: they would have nearly as many as they have movements.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, time
from itertools import accumulate
from typing import Literal, NamedTuple
from uuid import UUID

from application.log import Reader, Recorded
from application.projections.cases import CASES
from application.projections.tables import Live, Projection, Row, Rows, Table, Value, day_of, matching, micros
from application.views import Balance, ForecastView, Group
from domain.booking import HoursRequested, SessionCorrected, SessionLogged, SessionReversed
from domain.forecast import forecast
from domain.pool import BudgetChanged, HoursReleased, HoursReserved, PoolOpened
from domain.quantities import BERLIN, berlin_day, start_of_day

MovementKind = Literal["budget", "granted", "released", "consumed"]
By = Literal["district", "provider", "case", "month", "booking"]


class Movement(Row):
    """Signed minutes of one kind. ``effective`` and ``recorded`` are microseconds UTC; the day is Europe/Berlin."""

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


class PoolDay(Row):
    """All movements of one kind and day in a pool."""

    pool: str
    day: str
    kind: str
    minutes: int


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
    (("pool", "recorded"), ("day",), ("provider",)),  # few days and providers, so that nothing is gained by the pool before them
)
POOL_DAYS = Table("pool_days", PoolDay, ("pool", "day", "kind"))
PROVIDER_DAYS = Table("provider_days", ProviderDay, ("pool", "provider", "district", "day", "kind"))
ACCOUNTS = Table("accounts", Account, ("booking",))

# ── Fold


def _opened(event: Recorded, data: PoolOpened, rows: Rows) -> None:
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
    pool, at = str(event.stream), micros(effective)
    day, recorded = day_of(at), micros(event.recorded_at)
    rows.add(MOVEMENTS, Movement(event.position, 0, pool, None, None, None, None, "budget", minutes, at, day, recorded))
    rows.add_up(POOL_DAYS, (pool, day, "budget"), minutes)


def _move(event: Recorded, rows: Rows, booking: UUID, kind: MovementKind, minutes: int, effective: datetime, seq: int = 0) -> None:
    account = rows.the(ACCOUNTS, str(booking))
    pool, provider, district = account.pool, account.provider, account.district
    at = micros(effective)
    day = day_of(at)
    booked = Movement(
        event.position,
        seq,
        pool,
        account.booking,
        account.case_id,
        provider,
        district,
        kind,
        minutes,
        at,
        day,
        micros(event.recorded_at),
    )
    rows.add(MOVEMENTS, booked)
    rows.add_up(POOL_DAYS, (pool, day, kind), minutes)
    rows.add_up(PROVIDER_DAYS, (pool, provider, district, day, kind), minutes)


BALANCES = Projection(
    name="balances",
    version=4,
    tables=(MOVEMENTS, POOL_DAYS, PROVIDER_DAYS, ACCOUNTS),
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
    question = _Question(Live(reader, BALANCES), str(pool), as_of, known_at)
    whole = question.whole()
    budget, sums = whole.get("budget", 0), _group("", whole)
    available = budget - sums.reserved - sums.consumed
    groups = None if by is None else _groups(by, question.groups(by, provider))
    return Balance(budget, sums.granted, sums.reserved, sums.consumed, sums.released, available, groups)


class Entry(NamedTuple):
    """A movement as somebody looks it up: where it stands in the log, and whose it is."""

    position: int
    kind: MovementKind
    minutes: int
    day: date
    reference: str | None
    provider: str | None
    district: str | None


def movements(
    reader: Reader,
    pool: UUID,
    kinds: Collection[MovementKind],
    *,
    as_of: date | None = None,
    provider: str | None = None,
    district: str | None = None,
    limit: int,
) -> list[Entry]:
    """The movements that sums of these kinds are made of, the last recorded first."""
    condition, params = matching(pool=pool, provider=provider, district=district)
    if as_of is not None:
        condition, params = f"{condition} AND day <= ?", [*params, as_of.isoformat()]
    found = Live(reader, BALANCES, CASES).fetch(
        "SELECT m.position, m.kind, m.minutes, m.day, c.reference, m.provider, m.district "
        f"FROM (SELECT * FROM {{movements}} WHERE {condition} AND kind IN ({', '.join('?' for _ in kinds)}) "
        "ORDER BY position DESC, seq DESC LIMIT ?) AS m "
        "LEFT JOIN {cases} AS c ON c.case_id = m.case_id ORDER BY m.position DESC, m.seq DESC",
        (*params, *kinds, limit),
    )
    return [Entry(position, kind, minutes, date.fromisoformat(day), *whose) for position, kind, minutes, day, *whose in found]


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
Condition = tuple[str, Value]
_COLUMNS: dict[By, str] = {"case": "case_id", "month": "substr(day, 1, 7)"}  # of the others, the names are the same


class _Question(NamedTuple):
    """One pool in both times. Conditions are pairs of SQL and the value of its placeholder."""

    live: Live
    pool: str
    as_of: datetime | date | None
    known_at: datetime | date | None

    def whole(self) -> dict[str, int]:
        return self._totals("pool_days", "pool", []).get(self.pool, {})

    def groups(self, by: By, provider: str | None) -> Sums:
        """All groups; of one provider's movements only, where it is stated."""
        column = _COLUMNS.get(by, by)
        own: list[Condition] = [] if provider is None else [("provider = ?", provider)]
        if by in ("case", "booking"):
            return self._movements(column, [*own, *self._effective(), *self._known()])
        return self._totals("pool_days" if by == "month" and provider is None else "provider_days", column, own)

    def _totals(self, table: str, column: str, own: Sequence[Condition]) -> Sums:
        """From the totals of whole days, the movements of a day that counts in part, less what was recorded later."""
        whole_days = self._effective()
        parts: list[Sums] = []
        if isinstance(self.as_of, datetime):
            that_day = berlin_day(self.as_of).isoformat()
            whole_days = [("day < ?", that_day)]
            parts.append(self._movements(column, [*own, ("day = ?", that_day), *self._effective()]))
        if self.known_at is not None:
            later = self._movements(column, [*own, *self._effective(), *self._known(later=True)])
            parts.append({key: {kind: -minutes for kind, minutes in sums.items()} for key, sums in later.items()})
        return _summed([self._select(column, table, [*own, *whole_days]), *parts])

    def _movements(self, column: str, conditions: Iterable[Condition]) -> Sums:
        return self._select(column, "movements", conditions)

    def _select(self, column: str, table: str, conditions: Iterable[Condition]) -> Sums:
        stated: list[Condition] = [("pool = ?", self.pool), *conditions]
        where = " AND ".join([*(condition for condition, _ in stated), f"{column} IS NOT NULL"])
        statement = f"SELECT {column}, kind, SUM(minutes) FROM {{{table}}} WHERE {where} GROUP BY 1, 2"
        sums: Sums = {}
        for key, kind, minutes in self.live.fetch(statement, [value for _, value in stated]):
            sums.setdefault(key, {})[kind] = minutes
        return sums

    def _effective(self) -> list[Condition]:
        if self.as_of is None:
            return []
        if isinstance(self.as_of, datetime):
            return [("effective <= ?", micros(self.as_of))]
        return [("day <= ?", self.as_of.isoformat())]

    def _known(self, later: bool = False) -> list[Condition]:
        """``recorded`` never runs backwards, so it bounds positions as well."""
        if self.known_at is None:
            return []
        until = self.known_at if isinstance(self.known_at, datetime) else datetime.combine(self.known_at, time.max, BERLIN)
        return [("recorded > ?" if later else "recorded <= ?", micros(until))]


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
