"""The rules once more, on plain dictionaries: what the application must answer, written without any of its decisions.

Nothing here is counted up: sums are taken anew from bookings and movements whenever somebody asks.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.quantities import Actor, Period, Rules

BERLIN = ZoneInfo("Europe/Berlin")
OPEN = ("requested", "awaiting_second", "waitlisted")
STATUTE = tuple(
    """malformed key_reused not_found unknown_request foreign_case version_differs duplicate_id pool_closed case_closed
    outside_period month_closed in_future own_request same_officer not_approved settled already_decided session_reversed
    already_closed reason_missing not_a_unit too_long over_request over_budget below_committed over_case_cap
    over_district_quota over_provider_quota over_grant out_of_turn case_open data_erased
    on_hold not_due""".split()  # noqa: SIM905  # as the statute lists them
)
# Such a refusal is forgotten: its idempotency key stays free.
FORGOTTEN = ("malformed", "key_reused", "not_found", "version_differs")

Thing = dict[str, Any]


class No(Exception):
    """The code of a refusal."""


def refuse(**broken: Any) -> None:
    """Of several broken rules the first of the statute is reported, in whatever order they are named."""
    for code in STATUTE:
        if broken.get(code):
            raise No(code)


def day_of(instant: datetime) -> date:
    return instant.astimezone(BERLIN).date()


def month_of(instant: datetime) -> str:
    return day_of(instant).isoformat()[:7]


def written(instant: datetime) -> str:
    """An instant as answers write it."""
    return instant.isoformat().replace("+00:00", "Z")


class Model:
    """An office with its pools, cases, bookings and movements of minutes.

    ``expected`` is what the caller believes to be the version of the resource, ``versions`` what they are.
    """

    def __init__(self) -> None:
        self.pools: dict[UUID, Thing] = {}
        self.cases: dict[UUID, Thing] = {}
        self.references: set[tuple[UUID, str, str]] = set()  # for whom cases were opened under them
        self.bookings: dict[UUID, Thing] = {}
        self.movements: list[Thing] = []
        self.versions: dict[UUID, int] = {}
        self.actor: Actor
        self.at: datetime
        self.expected: int | None
        self.new: UUID

    def answer(
        self,
        verb: str,
        actor: Actor,
        args: Iterable[Any],
        facts: Thing,
        *,
        at: datetime,
        expected: int | None,
        new: UUID,
    ) -> tuple[str, Thing | None]:
        """The outcome of a command and what is then seen; ``new`` is the id that the application gave to what it created."""
        self.actor, self.at, self.expected, self.new = actor, at, expected, new
        try:
            outcome, view = getattr(self, verb)(*args, **facts)
        except No as refusal:
            return str(refusal), None
        for pool in self.pools.values():
            self._offer_place(pool)
        return outcome, view()

    # ── pools

    def open_pool(self, *, name: str, period: Period, budget_minutes: int, rules: Rules) -> Any:
        refuse(malformed=budget_minutes < 1 or _unsound(rules) or period.end < period.start)
        self.pools[self.new] = {
            "id": self.new,
            "name": name,
            "start": period.start,
            "end": period.end,
            "rules": rules,
            "closed": False,
            "months": set(),
        }
        self._move("budget", budget_minutes, _start_of(period.start), pool=self.new)
        return "created", self._pool_view(self.new)

    def change_budget(self, pool: UUID, *, change_minutes: int, resolution: str, effective_on: date | None = None) -> Any:
        known = self._addressed(self.pools, pool)
        refuse(
            malformed=change_minutes == 0,
            pool_closed=known["closed"],
            below_committed=self.available(pool) + change_minutes < 0,
        )
        self._move("budget", change_minutes, _start_of(effective_on) if effective_on else self.at, pool=pool)
        return "done", self._pool_view(pool)

    def change_rules(self, pool: UUID, *, rules: Rules, reason: str | None = None) -> Any:
        known = self._addressed(self.pools, pool)
        refuse(malformed=_unsound(rules), pool_closed=known["closed"])
        known["rules"] = rules
        return "done", self._pool_view(pool)

    def close_month(self, pool: UUID, month: str, *, reason: str | None = None) -> Any:
        known = self._addressed(self.pools, pool)
        refuse(
            pool_closed=known["closed"],
            outside_period=not _touches(known, month),
            already_closed=month in known["months"],
        )
        known["months"].add(month)
        return "done", self._pool_view(pool)

    def reopen_month(self, pool: UUID, month: str, *, reason: str | None = None) -> Any:
        known = self._addressed(self.pools, pool)
        refuse(
            pool_closed=known["closed"],
            outside_period=not _touches(known, month),
            already_decided=month not in known["months"],
            reason_missing=not reason,
        )
        known["months"].remove(month)
        return "done", self._pool_view(pool)

    def close_pool(self, pool: UUID, *, reason: str | None = None) -> Any:
        known = self._addressed(self.pools, pool)
        refuse(pool_closed=known["closed"])
        self._wind_up(booking for booking in self.bookings.values() if booking["pool"] == pool)
        known["closed"] = True
        return "done", self._pool_view(pool)

    # ── cases

    def open_case(
        self,
        *,
        pool: UUID,
        provider: str,
        reference: str,
        district: str,
        service_area: str,
        concern: str,
        offer: str | None = None,
        **personal: str | None,
    ) -> Any:
        refuse(not_found=pool not in self.pools)
        refuse(
            duplicate_id=(pool, provider, reference) in self.references,
            pool_closed=self.pools[pool]["closed"],
        )
        self.references.add((pool, provider, reference))
        self.cases[self.new] = {
            "id": self.new,
            "pool": pool,
            "reference": reference,
            "provider": provider,
            "offer": offer,
            "district": district,
            "service_area": service_area,
            "concern": concern,
            "opened_at": self.at,
            "outcome": None,
        }
        return "created", self._case_view(self.new)

    def amend_case(self, case: UUID, *, reason: str | None = None, **changes: str | None) -> Any:
        known = self._addressed(self.cases, case)
        refuse(pool_closed=self._pool_closed(known))
        for field in ("offer", "district", "service_area", "concern"):
            known[field] = changes.get(field) or known[field]
        return "done", self._case_view(case)

    def transfer_case(self, case: UUID, *, provider: str, reason: str | None = None) -> Any:
        known = self._addressed(self.cases, case)
        refuse(malformed=provider == known["provider"], pool_closed=self._pool_closed(known), case_closed=known["outcome"])
        self._wind_up(self.bookings_of(case))
        known["provider"] = provider
        return "done", self._case_view(case)

    def close_case(self, case: UUID, *, outcome: str, note: str | None = None) -> Any:
        known = self._addressed(self.cases, case)
        refuse(pool_closed=self._pool_closed(known), already_closed=known["outcome"])
        self._wind_up(self.bookings_of(case))
        known["outcome"] = outcome
        return "done", self._case_view(case)

    # ── bookings

    def request_hours(self, *, case: UUID, minutes: int, purpose: str | None = None) -> Any:
        known = self._addressed(self.cases, case)
        pool = self.pools[known["pool"]]
        refuse(
            malformed=minutes < 1,
            pool_closed=pool["closed"],
            case_closed=known["outcome"],
            outside_period=not _inside(pool, self.at),
            not_a_unit=minutes % pool["rules"].unit_minutes,
        )
        self.bookings[self.new] = {
            "id": self.new,
            "pool": known["pool"],
            "case": case,
            "provider": known["provider"],
            "district": known["district"],
            "state": "requested",
            "requested": minutes,
            "granted": 0,
            "released": 0,
            "at": self.at,
            "by": self.actor.subject,
            "proposal": None,
            "listed": None,
            "review_on": None,
            "sessions": {},
        }
        return "created", self._booking_view(self.new)

    def approve_hours(
        self,
        booking: UUID,
        *,
        minutes: int | None = None,
        reason: str | None = None,
        review_on: date | None = None,
        overtaking_reason: str | None = None,
    ) -> Any:
        known = self._addressed(self.bookings, booking)
        pool, proposal = self.pools[known["pool"]], known["proposal"]
        rules: Rules = pool["rules"]
        if minutes is None:
            minutes = proposal["minutes"] if proposal else known["requested"]
        needs_two = rules.four_eyes_minutes is not None and minutes > rules.four_eyes_minutes
        first = proposal if needs_two and proposal and proposal["minutes"] == minutes else None
        refuse(
            malformed=minutes < 1,
            pool_closed=pool["closed"],
            case_closed=self._case_closed(known),
            outside_period=not _inside(pool, self.at),
            own_request=self.actor.subject == known["by"],
            same_officer=first and first["by"] == self.actor.subject,
            already_decided=known["state"] not in OPEN,
            reason_missing=minutes < known["requested"] and not (reason or (first and first["reason"])),
            not_a_unit=minutes % rules.unit_minutes,
            over_request=minutes > known["requested"],
        )
        if needs_two and not first:
            known["state"], known["review_on"] = "awaiting_second", review_on
            known["proposal"] = {"minutes": minutes, "by": self.actor.subject, "reason": reason, "overtaking": overtaking_reason}
            return "accepted", self._booking_view(booking)
        available = self.available(pool["id"])
        refuse(
            over_budget=minutes > available,
            over_case_cap=_exceeds(rules.case_cap_minutes, self.committed(case=known["case"]) + minutes),
            over_district_quota=_exceeds(
                rules.district_quotas.get(known["district"]),
                self.committed(pool=pool["id"], district=known["district"]) + minutes,
            ),
            over_provider_quota=_exceeds(
                rules.provider_quotas.get(known["provider"]),
                self.committed(pool=pool["id"], provider=known["provider"]) + minutes,
            ),
            out_of_turn=not (overtaking_reason or (first and first["overtaking"])) and self._overtakes(known, available),
        )
        known.update(state="approved", granted=minutes, proposal=None, listed=None)
        self._move("granted", minutes, self.at, known)
        return "done", self._booking_view(booking)

    def decline_request(self, booking: UUID, *, reason: str | None) -> Any:
        known = self._addressed(self.bookings, booking)
        refuse(
            pool_closed=self._pool_closed(known),
            case_closed=self._case_closed(known),
            already_decided=known["state"] not in OPEN,
            reason_missing=not reason,
        )
        known.update(state="declined", proposal=None, listed=None)
        return "done", self._booking_view(booking)

    def withdraw_request(self, booking: UUID, *, reason: str | None = None) -> Any:
        known = self._addressed(self.bookings, booking)
        refuse(pool_closed=self._pool_closed(known), already_decided=known["state"] not in OPEN)
        known.update(state="withdrawn", proposal=None, listed=None)
        return "done", self._booking_view(booking)

    def waitlist_request(self, booking: UUID, *, priority: int | None = None, reason: str | None = None) -> Any:
        known = self._addressed(self.bookings, booking)
        listed = known["listed"]
        nothing_new = known["state"] == "waitlisted" and listed["priority"] == priority
        refuse(
            pool_closed=self._pool_closed(known),
            case_closed=self._case_closed(known),
            already_decided=known["state"] not in OPEN or nothing_new,
            reason_missing=priority is not None and not reason,
        )
        known["listed"] = {"priority": priority, "offered": bool(listed and listed["offered"])}
        known.update(state="waitlisted", proposal=None)
        return "done", self._booking_view(booking)

    def reduce_grant(self, booking: UUID, *, to_minutes: int, reason: str | None) -> Any:
        known = self._addressed(self.bookings, booking)
        refuse(
            malformed=to_minutes < 0,
            pool_closed=self._pool_closed(known),
            not_approved=known["state"] not in ("approved", "settled"),
            settled=known["state"] == "settled",
            reason_missing=not reason,
            not_a_unit=to_minutes % self.pools[known["pool"]]["rules"].unit_minutes,
            over_grant=not consumed(known) <= to_minutes < known["granted"] - known["released"],
        )
        self._release(known, known["granted"] - known["released"] - to_minutes)
        return "done", self._booking_view(booking)

    def settle_booking(self, booking: UUID) -> Any:
        known = self._addressed(self.bookings, booking)
        refuse(
            pool_closed=self._pool_closed(known),
            not_approved=known["state"] not in ("approved", "settled"),
            settled=known["state"] == "settled",
        )
        self._wind_up([known])
        return "done", self._booking_view(booking)

    # ── sessions

    def log_session(
        self, booking: UUID, *, starts_at: datetime, minutes: int, kind: str, worker: str | None = None, note: str | None = None
    ) -> Any:
        known = self._addressed(self.bookings, booking)
        pool = self.pools[known["pool"]]
        refuse(
            malformed=minutes < 1,
            pool_closed=pool["closed"],
            case_closed=self._case_closed(known),
            outside_period=not _inside(pool, starts_at),
            month_closed=month_of(starts_at) in pool["months"],
            in_future=starts_at > self.at,
            not_approved=known["state"] not in ("approved", "settled"),
            settled=known["state"] == "settled",
            not_a_unit=minutes % pool["rules"].unit_minutes,
            too_long=_exceeds(pool["rules"].session_max_minutes, minutes),
            over_grant=consumed(known) + minutes > known["granted"] - known["released"],
        )
        session = {"id": self.new, "at": starts_at, "minutes": minutes, "kind": kind, "worker": worker}
        known["sessions"][self.new] = session | {"state": "logged", "confirmed": False}
        self._move("consumed", minutes, starts_at, known)
        return "created", lambda: _session_view(known["sessions"][self.new])

    def correct_session(
        self,
        booking: UUID,
        session: UUID,
        *,
        starts_at: datetime | None = None,
        minutes: int | None = None,
        kind: str | None = None,
        worker: str | None = None,
        note: str | None = None,
        reason: str | None,
    ) -> Any:
        known = self._addressed(self.bookings, booking)
        pool = self.pools[known["pool"]]
        refuse(malformed=minutes is not None and minutes < 1, not_found=session not in known["sessions"])
        before = known["sessions"][session]
        after = {
            "at": starts_at or before["at"],
            "minutes": minutes or before["minutes"],
            "kind": kind or before["kind"],
            "worker": worker or before["worker"],
        }
        longer = after["minutes"] - before["minutes"]
        refuse(
            pool_closed=pool["closed"],
            outside_period=not _inside(pool, after["at"]),
            month_closed={month_of(before["at"]), month_of(after["at"])} & pool["months"],
            in_future=after["at"] > self.at,
            settled=known["state"] == "settled" and longer > 0,
            session_reversed=before["state"] == "reversed",
            reason_missing=not reason,
            not_a_unit=after["minutes"] % pool["rules"].unit_minutes,
            too_long=_exceeds(pool["rules"].session_max_minutes, after["minutes"]),
            over_grant=consumed(known) + longer > known["granted"] - known["released"],
        )
        self._move("consumed", -before["minutes"], before["at"], known)
        self._move("consumed", after["minutes"], after["at"], known)
        before.update(after, state="corrected")
        if known["state"] == "settled":
            self._release(known, -longer)
        return "done", lambda: _session_view(before)

    def reverse_session(self, booking: UUID, session: UUID, *, reason: str | None) -> Any:
        known = self._addressed(self.bookings, booking)
        refuse(not_found=session not in known["sessions"])
        before = known["sessions"][session]
        refuse(
            pool_closed=self._pool_closed(known),
            month_closed=month_of(before["at"]) in self.pools[known["pool"]]["months"],
            session_reversed=before["state"] == "reversed",
            reason_missing=not reason,
        )
        self._move("consumed", -before["minutes"], before["at"], known)
        before["state"] = "reversed"
        if known["state"] == "settled":
            self._release(known, before["minutes"])
        return "done", lambda: _session_view(before)

    def confirm_session(self, booking: UUID, session: UUID, *, by: str, method: str) -> Any:
        known = self._addressed(self.bookings, booking)
        refuse(not_found=session not in known["sessions"])
        confirmed = known["sessions"][session]
        refuse(pool_closed=self._pool_closed(known), session_reversed=confirmed["state"] == "reversed")
        confirmed["confirmed"] = True
        return "done", lambda: _session_view(confirmed)

    # ── questions

    def bookings_of(self, case: UUID) -> list[Thing]:
        return [booking for booking in self.bookings.values() if booking["case"] == case]

    def committed(self, **where: Any) -> int:
        """Granted and not given back, of the bookings that these fields have these values in."""
        return sum(b["granted"] - b["released"] for b in self.bookings.values() if all(b[k] == v for k, v in where.items()))

    def available(self, pool: UUID) -> int:
        budget = sum(m["minutes"] for m in self.movements if (m["kind"], m["pool"]) == ("budget", pool))
        return budget - self.committed(pool=pool)

    def waiting(self, pool: UUID) -> list[Thing]:
        """The listed requests of a pool, the head first."""
        listed = [booking for booking in self.bookings.values() if booking["pool"] == pool and booking["listed"]]
        return sorted(listed, key=_rank)

    def balance(self, pool: UUID, as_of: datetime | date | None = None, known_at: datetime | date | None = None) -> dict[str, int]:
        sums = _sums(self._moved(pool, as_of, known_at))
        return sums | {"available": sums["budget"] - sums["reserved"] - sums["consumed"]}

    def groups(
        self,
        pool: UUID,
        by: str,
        as_of: datetime | date | None = None,
        known_at: datetime | date | None = None,
        provider: str | None = None,
    ) -> list[Thing]:
        """The groups of a balance that have minutes; a month's ``reserved`` is what stood at its end."""
        moved = [m for m in self._moved(pool, as_of, known_at) if m["kind"] != "budget" and provider in (None, m["provider"])]
        field = "effective" if by == "month" else by
        named = [((month_of(m[field]) if by == "month" else str(m[field])), m) for m in moved]
        groups, standing = [], 0
        for key in sorted({key for key, _ in named}):
            sums = _sums(m for k, m in named if k == key)
            del sums["budget"]
            standing += sums["reserved"]
            if sums["granted"] or sums["released"] or sums["consumed"]:
                groups.append({"key": key} | sums | ({"reserved": standing} if by == "month" else {}))
        return groups

    # ── what several commands do

    def _addressed(self, things: dict[UUID, Thing], id: UUID) -> Thing:
        """What a request is about: a provider sees only its own, and what cannot be seen has no version either."""
        known = things.get(id)
        foreign = known and self.actor.role in ("worker", "lead") and known.get("provider", self.actor.organisation)
        refuse(not_found=known is None or (foreign and foreign != self.actor.organisation))
        refuse(version_differs=self.expected not in (None, self.versions.get(id)))
        assert known is not None
        return known

    def _pool_closed(self, known: Thing) -> bool:
        return bool(self.pools[known["pool"]]["closed"])

    def _case_closed(self, booking: Thing) -> bool:
        return self.cases[booking["case"]]["outcome"] is not None

    def _overtakes(self, booking: Thing, available: int) -> bool:
        """Whether a request that ranks before this one fits what is available."""
        ahead = [
            b for b in self.waiting(booking["pool"]) if b is not booking and not (booking["listed"] and _rank(booking) < _rank(b))
        ]
        return any(b["requested"] <= available for b in ahead)

    def _offer_place(self, pool: Thing) -> None:
        """As soon as the head of the list fits, the place is offered to it."""
        waiting = self.waiting(pool["id"])
        if waiting and waiting[0]["requested"] <= self.available(pool["id"]):
            waiting[0]["listed"]["offered"] = True

    def _wind_up(self, bookings: Iterable[Thing]) -> None:
        for booking in bookings:
            if booking["state"] in OPEN:
                booking.update(state="withdrawn", proposal=None, listed=None)
            elif booking["state"] == "approved":
                booking["state"] = "settled"
                self._release(booking, booking["granted"] - booking["released"] - consumed(booking))

    def _release(self, booking: Thing, minutes: int) -> None:
        booking["released"] += minutes
        if minutes:
            self._move("released", minutes, self.at, booking)

    def _move(self, kind: str, minutes: int, effective: datetime, booking: Thing | None = None, pool: UUID | None = None) -> None:
        whose = {field: booking[field] if booking else None for field in ("case", "provider", "district")}
        whose["booking"] = booking["id"] if booking else None
        moved = {"pool": booking["pool"] if booking else pool, "kind": kind, "minutes": minutes}
        self.movements.append(moved | whose | {"effective": effective, "recorded": self.at})

    def _moved(self, pool: UUID, as_of: datetime | date | None, known_at: datetime | date | None) -> list[Thing]:
        return [
            m for m in self.movements if m["pool"] == pool and _until(m["effective"], as_of) and _until(m["recorded"], known_at)
        ]

    # ── what is seen; asked when everything has happened

    def _pool_view(self, pool: UUID) -> Callable[[], Thing]:
        return lambda: self.pool_view(pool)

    def pool_view(self, pool: UUID) -> Thing:
        known = self.pools[pool]
        rules = {name: getattr(known["rules"], name) for name in Rules.__dataclass_fields__}
        return {
            "id": str(pool),
            "name": known["name"],
            "period": {"start": known["start"].isoformat(), "end": known["end"].isoformat()},
            "rules": rules,
            "closed": known["closed"],
            "exhausted": self.available(pool) < known["rules"].unit_minutes,
            "demonstration": False,
            "closed_months": sorted(known["months"]),
            "balance": self.balance(pool),
        }

    def _case_view(self, case: UUID) -> Callable[[], Thing]:
        return lambda: self.case_view(case)

    def case_view(self, case: UUID) -> Thing:
        known = self.cases[case]
        ids = {"id": str(case), "pool": str(known["pool"]), "opened_at": written(known["opened_at"])}
        return known | ids | {"closed": known["outcome"] is not None, "restricted": False, "erased": False}

    def _booking_view(self, booking: UUID) -> Callable[[], Thing]:
        return lambda: self.booking_view(booking)

    def booking_view(self, booking: UUID) -> Thing:
        known = self.bookings[booking]
        return {
            "id": str(booking),
            "pool": str(known["pool"]),
            "case": str(known["case"]),
            "provider": known["provider"],
            "district": known["district"],
            "state": known["state"],
            "requested_minutes": known["requested"],
            "granted_minutes": known["granted"],
            "consumed_minutes": consumed(known),
            "released_minutes": known["released"],
            "proposed_minutes": known["proposal"] and known["proposal"]["minutes"],
            "requested_at": written(known["at"]),
            "requested_by": known["by"],
            "sessions": [_session_view(session) for session in known["sessions"].values()],
        }

    def waiting_view(self, pool: UUID) -> list[Thing]:
        return [
            {
                "place": place,
                "booking": str(booking["id"]),
                "case": str(booking["case"]),
                "provider": booking["provider"],
                "district": booking["district"],
                "minutes": booking["requested"],
                "priority": booking["listed"]["priority"],
                "requested_at": written(booking["at"]),
                "offered": booking["listed"]["offered"],
            }
            for place, booking in enumerate(self.waiting(pool), start=1)
        ]

    def worklist_view(self) -> list[Thing]:
        """The requests that wait for a decision, in the order in which they came."""
        return [
            {
                "booking": str(booking["id"]),
                "pool": str(booking["pool"]),
                "case": str(booking["case"]),
                "provider": booking["provider"],
                "district": booking["district"],
                "state": booking["state"],
                "minutes": booking["requested"],
                "requested_at": written(booking["at"]),
                "proposed_by": booking["proposal"] and booking["proposal"]["by"],
                "review_on": booking["review_on"].isoformat() if booking["proposal"] and booking["review_on"] else None,
            }
            for booking in self.bookings.values()
            if booking["state"] in OPEN
        ]


def _session_view(session: Thing) -> Thing:
    return {
        "id": str(session["id"]),
        "starts_at": session["at"].astimezone(BERLIN).isoformat(),
        "minutes": session["minutes"],
        "kind": session["kind"],
        "worker": session["worker"],
        "state": session["state"],
        "confirmed": session["confirmed"],
    }


def consumed(booking: Thing) -> int:
    return sum(session["minutes"] for session in booking["sessions"].values() if session["state"] != "reversed")


def _rank(booking: Thing) -> tuple[int, datetime, UUID]:
    return booking["listed"]["priority"] or 1_000_000, booking["at"], booking["id"]


def _sums(movements: Iterable[Thing]) -> dict[str, int]:
    sums = {"budget": 0, "granted": 0, "released": 0, "consumed": 0}
    for movement in movements:
        sums[movement["kind"]] += movement["minutes"]
    return sums | {"reserved": sums["granted"] - sums["released"] - sums["consumed"]}


def _until(instant: datetime, limit: datetime | date | None) -> bool:
    if limit is None:
        return True
    return instant <= limit if isinstance(limit, datetime) else day_of(instant) <= limit


def _inside(pool: Thing, instant: datetime) -> bool:
    return bool(pool["start"] <= day_of(instant) <= pool["end"])


def _touches(pool: Thing, month: str) -> bool:
    days = (pool["end"] - pool["start"]).days
    return month in {(pool["start"] + timedelta(days=n)).isoformat()[:7] for n in range(days + 1)}


def _exceeds(limit: int | None, minutes: int) -> bool:
    return limit is not None and minutes > limit


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, BERLIN)


def _unsound(rules: Rules) -> bool:
    single = (rules.case_cap_minutes, rules.four_eyes_minutes, rules.session_max_minutes, rules.late_entry_days)
    limits = [*single, *rules.district_quotas.values(), *rules.provider_quotas.values()]
    return rules.unit_minutes < 1 or any(limit is not None and limit < 0 for limit in limits)
