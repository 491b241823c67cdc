"""What happens in the city of the demonstration, from a seed: lives that go side by side, each told as it would go by itself.

A life is a generator: what it yields is the instant at which it goes on, and between two instants it gives commands like anybody
else. What a rule refuses does not happen, and where people would see that coming they look first. The same seed tells the same
story, with the same ids, wherever and whenever it is told.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from application import commands
from application.demonstration import Narrator, open_demonstration
from application.findings import Findings
from application.imports import import_file
from application.privacy import Keyring, keys_of
from application.receipts import Answer
from application.sampling import draw
from application.turn import Turn
from application.written import Row, Table
from domain.booking import OPEN_STATES
from domain.findings.thresholds import Thresholds
from domain.pool import Pool, SampleDrawn
from domain.quantities import Actor, Kind, Outcome, Period, Rules, berlin_day, berlin_month
from domain.registry import provider_id
from domain.waiting_list import Entry
from interfaces.demo import city
from interfaces.demo.city import AUDITOR, OFFICERS, PROVIDERS, Provider
from interfaces.demo.days import (
    at_desk,
    is_working_day,
    last_working_day,
    pace,
    start_of,
    with_people,
    working_days_after,
)

SEED = 2022
NAME = "Flexibler Stundenpool für temporäre Einzelbegleitungen"
PERIOD = Period(date(2021, 11, 1), date(2022, 5, 31))
OPENED = datetime(2021, 11, 5, 8, 12, 31, tzinfo=UTC)
CLOCK = datetime(2022, 5, 10, 7, 30, tzinfo=UTC)  # 09:30 in Berlin, a Tuesday

BUDGET_MINUTES = 2_600 * 60
TOP_UP_MINUTES = 1_300 * 60
TOP_UP_RESOLUTION = "V1234/22"
COMMITTEE_DAYS = tuple(date.fromisoformat(f"2022-{day}") for day in ("02-03", "02-17", "03-03", "03-17", "03-31", "04-14", "04-28"))
UNIT_MINUTES, FOUR_EYES_MINUTES = 15, 20 * 60
RULES: dict[str, Any] = {
    "unit_minutes": UNIT_MINUTES,
    "four_eyes_minutes": FOUR_EYES_MINUTES,
    "session_max_minutes": 8 * 60,
    "late_entry_days": 14,
    "district_quotas": {"Hafenquartier": 800 * 60, "Mühlgrund": 560 * 60},
    "provider_quotas": {"Wegwarte": 800 * 60},
}
AUDITED = datetime(2022, 4, 25, 7, 15, 44, tzinfo=UTC)
SAMPLE_SEED = "Würfel vom 25. April 2022: 4 1 6 6 2"
CASE_CAP_MINUTES, CASE_CAP_LATER_MINUTES = 40 * 60, 60 * 60
CAP_RAISED = datetime(2022, 2, 1, 9, 5, 12, tzinfo=UTC)
OFFER_ENDED = datetime(2022, 5, 4, 8, 20, 31, tzinfo=UTC)

# New cases on an ordinary day of a month: the offer has to get known first.
CASES_A_DAY = {"2021-11": 2.2, "2021-12": 2.9, "2022-01": 3.5, "2022-02": 3.3, "2022-03": 2.7, "2022-04": 2.4, "2022-05": 2.0}
REQUESTED_HOURS = {5: 8, 8: 10, 10: 22, 12: 14, 15: 18, 20: 14, 25: 6, 30: 4, 36: 3, 40: 1}
KINDS: dict[Kind, int] = {"direct": 66, "indirect": 27, "absence": 7}
OUTCOMES: dict[Outcome, int] = {"goal_reached": 56, "passed_on": 17, "moved": 7, "broken_off": 14, "other": 6}

Life = Generator[datetime, None, None]
T = TypeVar("T")


@dataclass(slots=True)
class Accompanied:
    """A case as those who accompany it know it. ``entered`` is when the last of its sessions is entered."""

    id: UUID
    provider: Provider
    worker: Actor
    district: str
    concern: Any
    flat: bool
    entered: datetime = OPENED
    busy: list[tuple[datetime, datetime]] = field(default_factory=list)


class Story:
    """Tells itself to a narrator, to whom it gives clock and ids; ``now`` is the instant that is being told."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.now = OPENED
        self.pool = UUID(int=0)
        self._random = Random(seed)  # noqa: S311 – a story has no secrets, and is to be told again
        self._ids = Random(f"ids/{seed}")  # noqa: S311
        self._narrator: Narrator
        self._agenda: list[tuple[datetime, int, Life]] = []
        self._numbers = count()
        self._busy: dict[str, list[tuple[datetime, datetime]]] = {}
        self._cases: list[Accompanied] = []
        self._arriving = list(self._drawn_arrivals())
        self._bookings: dict[UUID, dict[str, Any]] = {}  # as they were last answered
        self._found = Findings(Thresholds())

    def clock(self) -> datetime:
        return self.now.astimezone(UTC)

    def new_id(self) -> UUID:
        return UUID(int=self._ids.getrandbits(128), version=4)

    def tell(self, narrator: Narrator, keyring: Keyring) -> None:
        """Gives every command from the opening of the pool up to the instant from which the clock runs on."""
        self._narrator = narrator
        self._open_pool()
        self._register_providers()
        # One by one, the keys of so many people would take longer than everything else.
        arriving = (commands.case_id(self.pool, provider.id, reference) for _, provider, reference in self._arriving)
        keyring.ensure({key for case in arriving for key in keys_of(case)})
        for life in (self._office(), self._arrivals(), self._import(), self._audit(), self._last_morning()):
            self._begin(life)
        while self._agenda and self._agenda[0][0] < CLOCK:
            self.now, _, life = heappop(self._agenda)
            self._go_on(life)

    # ── lives, and what they can do

    def _begin(self, life: Life) -> None:
        self._go_on(life)

    def _go_on(self, life: Life) -> None:
        following = next(life, None)
        if following is not None:
            heappush(self._agenda, (max(following.astimezone(UTC), self.now), next(self._numbers), life))

    def _do(self, actor: Actor, command: Callable[..., Answer], *args: Any, **facts: Any) -> Any:
        """What the command answered, or the code of its refusal as text."""
        answer = self._narrator.execute(actor, lambda turn: command(turn, *args, **facts))
        if answer.outcome not in ("created", "done", "accepted"):
            return answer.outcome
        view = msgspec.json.decode(answer.body)
        if "granted_minutes" in view:
            self._bookings[UUID(view["id"])] = view
        return view

    def _look(self, read: Callable[[Turn], T]) -> T:
        """Something that people see before they decide."""
        seen: list[T] = []

        def look(turn: Turn) -> Answer:
            seen.append(read(turn))
            return Answer("done", b"", turn.position)

        self._narrator.execute(OFFICERS[0], look)
        return seen[0]

    def _state(self) -> Pool:
        return self._look(lambda turn: turn.pool(self.pool))

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _weighted(self, weights: dict[T, int]) -> T:
        return self._random.choices(list(weights), list(weights.values()))[0]

    def _said(self, texts: Sequence[str]) -> str:
        return self._random.choice(texts)

    @property
    def _today(self) -> date:
        return berlin_day(self.now)

    def _working_days_on(self, days: int) -> datetime:
        """Some instant at the desk, that many working days from now; never in the past."""
        found = at_desk(self._random, working_days_after(self._today, days))
        return found if found > self.now else self.now + timedelta(minutes=self._random.randint(3, 40))

    def _while_exhausted(self) -> Life:
        """Nobody settles anything while the pool is exhausted: the office asked for it until the committee has decided."""
        while self._state().exhausted:
            yield self._working_days_on(self._random.randint(1, 3))

    # ── the office

    def _open_pool(self) -> None:
        rules = Rules(**RULES, case_cap_minutes=CASE_CAP_MINUTES)
        opened = self._do(
            OFFICERS[0],
            open_demonstration,
            name=NAME,
            period=PERIOD,
            budget_minutes=BUDGET_MINUTES,
            rules=rules,
            seed=self.seed,
            clock=CLOCK,
        )
        self.pool = UUID(opened["id"])

    def _register_providers(self) -> None:
        """Who takes part, with offers and workers, from the first day on."""
        since = PERIOD.start
        for provider in PROVIDERS:
            registered = self._do(
                OFFICERS[0], commands.register_provider, provider=provider.id, name=f"{provider.id} e. V.", valid_from=since
            )
            id = UUID(registered["id"])
            for offer in provider.offers:
                self._do(OFFICERS[0], commands.register_offer, id, offer=offer, valid_from=since)
            for number in range(1, provider.workers + 1):
                worker = provider.worker(number).subject
                self._do(OFFICERS[0], commands.register_worker, id, worker=worker, valid_from=since)

    def _office(self) -> Life:
        for month in ("2021-11", "2021-12", "2022-01", "2022-02", "2022-03"):
            self._begin(self._month_end(month))
        self._begin(self._exhaustion())
        yield CAP_RAISED
        raised = Rules(**RULES, case_cap_minutes=CASE_CAP_LATER_MINUTES)
        self._do(OFFICERS[0], commands.change_rules, self.pool, rules=raised, reason="Erfahrungen der ersten drei Monate")
        yield OFFER_ENDED
        last = PROVIDERS[-1]
        self._do(OFFICERS[0], commands.end_offer, provider_id(last.id), offer=last.offers[-1], valid_until=PERIOD.end)

    def _month_end(self, month: str) -> Life:
        """A month is closed when its sheets are in, about the middle of the next one; January once more."""
        following = date.fromisoformat(f"{month}-28") + timedelta(days=14 + self._random.randint(0, 4))
        yield at_desk(self._random, working_days_after(following, 0))
        self._do(OFFICERS[1], commands.close_month, self.pool, month, reason="Nachweise liegen vor.")
        if month == "2022-01":
            yield self._working_days_on(4)
            reason = "Nachweise eines erkrankten Mitarbeiters fehlten."
            self._do(OFFICERS[1], commands.reopen_month, self.pool, month, reason=reason)
            self._begin(self._forgotten_sheet(month))
            yield self._working_days_on(3)
            self._do(OFFICERS[1], commands.close_month, self.pool, month, reason="Nachgereichte Termine sind erfasst.")

    def _forgotten_sheet(self, month: str) -> Life:
        """Sessions of a month that was closed already, entered while it is open again."""
        yield self._working_days_on(1)
        cases = [case for case in self._cases if any(berlin_month(start) == month for start, _ in case.busy)]
        for case in self._random.sample(cases, min(6, len(cases))):
            for booking in self._look(lambda turn, case=case: turn.bookings_of_case(case.id)):  # type: ignore[misc]
                if booking.state != "approved" or booking.unused < 120:
                    continue
                day = date.fromisoformat(f"{month}-{self._random.randint(10, 28):02}")
                starts_at = self._free(case, working_days_after(day, 0), 60)
                if starts_at is not None and starts_at > booking.decided_at:
                    self._log(case, booking.id, starts_at, 60, "direct")
                    yield self.now + timedelta(minutes=self._random.randint(2, 6))

    def _exhaustion(self) -> Life:
        """Waits for the day on which the last minute is granted; the committee's next session brings more."""
        while not self._state().exhausted:
            yield start_of(working_days_after(self._today, 1)) + timedelta(hours=17)
        session = next((day for day in COMMITTEE_DAYS if (day - self._today).days >= 6), None)
        if session is None:
            return
        yield at_desk(self._random, working_days_after(session, 1))
        self._do(
            OFFICERS[0],
            commands.change_budget,
            self.pool,
            change_minutes=TOP_UP_MINUTES,
            resolution=TOP_UP_RESOLUTION,
            effective_on=session,
        )
        yield from self._waiting_list_served()

    def _waiting_list_served(self) -> Life:
        """Every morning after the top-up: whoever is first on the list and fits, as long as something stays for emergencies."""
        overtaken = False
        while self._today < berlin_day(CLOCK):
            for _ in range(5):
                yield self.now + timedelta(minutes=self._random.randint(5, 25))
                waiting = self._look(lambda turn: turn.waiting_list(self.pool).in_order())
                if not overtaken and len(waiting) > 6:
                    overtaken = True
                    self._grant_listed(waiting[4], overtaking_reason=city.OVERTAKING_REASON)
                    continue
                available = self._state().available
                fitting = next((entry for entry in waiting if entry.minutes <= available), None)
                if fitting is None or available - fitting.minutes < UNIT_MINUTES:
                    break
                self._grant_listed(fitting)
            yield at_desk(self._random, working_days_after(self._today, 1))

    def _grant_listed(self, entry: Entry, **reasons: str) -> None:
        """Two officers sit together over the list, so that a large request needs no second day."""
        first, second = self._random.sample(OFFICERS, 2)
        for officer in (first, second):
            answer = self._do(officer, commands.approve_hours, entry.booking, review_on=self._review_day(), **reasons)
            if isinstance(answer, str):
                self._turn_away(officer, entry.booking, answer)
                return
            if answer["state"] == "approved":
                return

    def _last_morning(self) -> Life:
        """Right before the clock runs on hours come back, and a large request is proposed: there is something to decide."""
        yield start_of(berlin_day(CLOCK)) + timedelta(hours=8, minutes=self._random.randint(15, 30))
        bookings = [each for each in self._look(lambda turn: turn.bookings_of_pool(self.pool)) if each.state == "approved"]
        for booking in sorted(bookings, key=lambda each: (-each.unused, each.id))[:2]:
            lead = next(provider.lead for provider in PROVIDERS if provider.id == booking.provider)
            reason = self._said(city.REDUCTION_REASONS)
            self._do(lead, commands.reduce_grant, booking.id, to_minutes=booking.consumed + 4 * 60, reason=reason)
            yield self.now + timedelta(minutes=self._random.randint(6, 14))
        case = self._cases[-1]
        purpose = self._said(city.PURPOSES[case.concern])
        requested = self._do(case.worker, commands.request_hours, case=case.id, minutes=24 * 60, purpose=purpose)
        yield self.now + timedelta(minutes=7)
        self._do(OFFICERS[1], commands.approve_hours, UUID(requested["id"]), review_on=PERIOD.end)

    # ── the auditors

    def _audit(self) -> Life:
        """Late in April somebody looks at the pool: a sample, and what the rules have found. Some of it is still open in May."""
        yield AUDITED
        self._do(AUDITOR, commands.draw_sample, pool=self.pool, sample=self._look(self._sample))
        found = self._look(lambda turn: self._found.report(turn.reader(), pool=self.pool, progress=lambda done, total: None))
        for inquiry in city.INQUIRIES:
            yield self.now + timedelta(minutes=17)
            first = next(each for each in found.findings if each.rule == inquiry.rule and each.provider is not None)
            self._begin(self._inquiry(first.id, inquiry))

    def _sample(self, turn: Turn) -> SampleDrawn:
        whole: dict[str, Any] = dict.fromkeys(("share_percent", "provider", "first_day", "last_day"))
        return replace(draw(turn.reader(), self.pool, size=25, seed=SAMPLE_SEED, **whole), sample=self.new_id())

    def _inquiry(self, finding: UUID, inquiry: city.Inquiry) -> Life:
        """A finding from its opening on: the provider says how it came about, the auditor confirms or closes it."""
        seen = self._look(lambda turn: self._found.holding(turn.reader(), finding))
        self._do(AUDITOR, commands.open_finding, finding, found=seen, note=inquiry.note)
        if inquiry.explanation is not None:
            yield self.now + timedelta(days=3, minutes=50)
            [lead] = [provider.lead for provider in PROVIDERS if provider.id == seen.provider]
            self._do(lead, commands.explain_finding, finding, explanation=inquiry.explanation)
        if inquiry.confirmed is not None:
            yield self.now + timedelta(days=4, minutes=40)
            self._do(AUDITOR, commands.confirm_finding, finding, reason=inquiry.confirmed)
        if inquiry.closed is not None:
            yield self.now + timedelta(days=1, minutes=20)
            self._do(AUDITOR, commands.close_finding, finding, reason=inquiry.closed)

    def _review_day(self) -> date | None:
        """By when somebody looks again; some forget to say."""
        if self._chance(0.25):
            return None
        return min(PERIOD.end, working_days_after(self._today + timedelta(days=self._random.choice((42, 56, 84))), 0))

    # ── cases

    def _arrivals(self) -> Life:
        """New cases, day by day: slowly at first, few in holidays."""
        for day, provider, reference in self._arriving:
            yield start_of(day) + timedelta(hours=6)
            self._begin(self._accompaniment(provider, reference))

    def _drawn_arrivals(self) -> Iterator[tuple[date, Provider, str]]:
        """On which day which case arrives, and at whose door."""
        day = date(2021, 11, 8)
        while day < berlin_day(CLOCK):
            expected = CASES_A_DAY[f"{day:%Y-%m}"] * (pace(day) if is_working_day(day) else 0)
            for _ in range(int(expected + self._random.random())):
                [provider] = self._random.choices(PROVIDERS, [provider.share for provider in PROVIDERS])
                yield day, provider, f"F-{self._ids.getrandbits(32):08X}"
            day += timedelta(days=1)

    def _accompaniment(self, provider: Provider, reference: str) -> Life:
        """One case, from its opening to its end."""
        yield at_desk(self._random, self._today)
        case = self._open_case(provider, reference)
        if self._chance(0.06):
            self._begin(self._amendment(case))
        rounds = self._weighted({1: 62, 2: 30, 3: 8})
        handed_over = self._chance(0.02)
        for number in range(rounds):
            yield self._working_days_on(self._random.choice((0, 0, 0, 1, 2, 4)))
            granted = yield from self._request(case, follow_up=number > 0)
            if not granted:
                break
            yield from self._used(case, granted)
            if handed_over and number == 0:
                yield from self._transfer(case)
        yield self._working_days_on(self._random.randint(2, 15))
        if self._chance(0.8):
            yield from self._end(case)

    def _open_case(self, provider: Provider, reference: str) -> Accompanied:
        worker = provider.worker(self._random.randint(1, provider.workers))
        person = city.person(self._random)
        district, concern = self._said(provider.districts), self._random.choice(provider.concerns)
        opened = self._do(
            worker,
            commands.open_case,
            pool=self.pool,
            provider=provider.id,
            reference=reference,
            offer=self._said(provider.offers),
            district=district,
            service_area=self._random.choice(provider.areas),
            concern=concern,
            name=person.name,
            birth_year=person.birth_year,
            contact=person.contact,
            notes=person.notes,
        )
        case = Accompanied(UUID(opened["id"]), provider, worker, district, concern, flat=self._chance(0.012))
        self._cases.append(case)
        return case

    def _amendment(self, case: Accompanied) -> Life:
        yield self._working_days_on(self._random.randint(1, 20))
        changed = self._random.choice(
            ({"contact": f"030 23125 {self._random.randrange(1000):03}"}, {"concern": "other"}, {"notes": "Erreichbar ab 15 Uhr."})
        )
        self._do(case.provider.lead, commands.amend_case, case.id, reason=self._said(city.AMENDMENT_REASONS), **changed)

    def _transfer(self, case: Accompanied) -> Life:
        """To another provider that works in the district, or to any other."""
        yield self._working_days_on(2)
        yield from self._while_exhausted()
        others = [provider for provider in PROVIDERS if provider.id != case.provider.id]
        near = [provider for provider in others if case.district in provider.districts]
        case.provider = self._random.choice(near or others)
        case.worker = case.provider.worker(self._random.randint(1, case.provider.workers))
        reason = self._said(city.TRANSFER_REASONS)
        self._do(self._officer(case), commands.transfer_case, case.id, provider=case.provider.id, reason=reason)

    def _end(self, case: Accompanied) -> Life:
        yield from self._while_exhausted()
        outcome = self._weighted(OUTCOMES)
        note = self._said(city.CLOSING_NOTES[outcome]) if self._chance(0.9) else None
        self._do(case.provider.lead, commands.close_case, case.id, outcome=outcome, note=note)

    # ── requests and decisions

    def _request(self, case: Accompanied, *, follow_up: bool) -> Generator[datetime, None, "Grant | None"]:
        """A request until it is decided; what was granted, if anything was."""
        minutes = 60 * self._weighted(REQUESTED_HOURS)
        if follow_up:
            minutes = min(minutes, 15 * 60)
        purpose = self._said(city.PURPOSES[case.concern])
        requested = self._do(case.worker, commands.request_hours, case=case.id, minutes=minutes, purpose=purpose)
        if isinstance(requested, str):
            return None
        booking = UUID(requested["id"])
        if self._chance(0.04):
            yield self._working_days_on(self._random.randint(1, 4))
            self._do(case.provider.lead, commands.withdraw_request, booking, reason=self._said(city.WITHDRAW_REASONS))
            return None
        yield self._working_days_on(1 + min(15, int(self._random.expovariate(1 / 3))))
        if not follow_up and self._chance(0.07):
            self._do(self._officer(case), commands.decline_request, booking, reason=self._said(city.DECLINE_REASONS))
            return None
        wanted = minutes
        if minutes >= 600 and self._chance(0.17) and case.provider.id != "Spielraum":
            wanted = int(minutes * self._random.uniform(0.5, 0.8)) // 60 * 60
        yield from self._decision(case, booking, minutes, wanted)
        yield from self._decided(case, booking)
        decided = self._bookings[booking]
        return Grant(booking, decided["granted_minutes"]) if decided["state"] == "approved" else None

    def _decision(self, case: Accompanied, booking: UUID, requested: int, wanted: int) -> Life:
        """Approved as wanted; or the rest of the pool, which exhausts it; or listed, or declined where a limit is reached."""
        officers = [self._officer(case)]
        officers += [officer for officer in OFFICERS if officer not in officers]
        reason = self._said(city.PART_REASONS) if wanted < requested else None
        for officer in officers:
            pool = self._state()
            topped_up = pool.budget > BUDGET_MINUTES
            only_proposed = wanted > FOUR_EYES_MINUTES and officer is officers[0]
            if wanted > pool.available - (UNIT_MINUTES if topped_up else 0) and not only_proposed:
                if topped_up or pool.exhausted:
                    self._waitlist(officer, booking)
                    return
                wanted, reason = pool.available, city.LAST_HOURS_REASON
            answer = self._do(officer, commands.approve_hours, booking, minutes=wanted, reason=reason, review_on=self._review_day())
            if isinstance(answer, str):
                self._turn_away(officer, booking, answer)
                return
            if answer["state"] == "approved":
                return
            yield self._working_days_on(self._random.randint(1, 3))

    def _turn_away(self, officer: Actor, booking: UUID, code: str) -> None:
        """Where a limit is reached, waiting would not help."""
        if code in city.LIMIT_REASONS:
            self._do(officer, commands.decline_request, booking, reason=city.LIMIT_REASONS[code])
        else:
            self._waitlist(officer, booking)

    def _waitlist(self, officer: Actor, booking: UUID) -> None:
        priority = self._weighted({1: 8, 2: 14, 0: 78}) or None
        reason = self._said(city.PRIORITY_REASONS[priority] if priority else city.WAITLIST_REASONS)
        self._do(officer, commands.waitlist_request, booking, priority=priority, reason=reason)

    def _decided(self, case: Accompanied, booking: UUID) -> Life:
        """Waits while the request is open; some give up."""
        while self._bookings[booking]["state"] in OPEN_STATES:
            yield start_of(working_days_after(self._today, 1)) + timedelta(hours=12, minutes=self._random.randint(0, 90))
            if self._chance(0.006):
                self._do(case.provider.lead, commands.withdraw_request, booking, reason=self._said(city.WITHDRAW_REASONS))

    def _officer(self, case: Accompanied) -> Actor:
        """Each looks after some districts; now and then a colleague stands in."""
        if self._chance(0.12):
            return self._random.choice(OFFICERS)
        return OFFICERS[city.DISTRICTS.index(case.district) % 4]

    # ── sessions

    def _used(self, case: Accompanied, grant: "Grant") -> Life:
        """The sessions of a grant, and what becomes of the rest of it."""
        target = int(grant.minutes * min(1.0, self._random.triangular(0.3, 1.12, 1.0))) // UNIT_MINUTES * UNIT_MINUTES
        if self._chance(0.03):
            target = grant.minutes // 4 // UNIT_MINUTES * UNIT_MINUTES  # hours that were kept from others
        gap = self._random.uniform(2.0, 6.5)
        day = self._today - timedelta(days=self._random.randint(1, 3) if self._chance(0.015) else -1)
        planned = 0
        while target - planned >= UNIT_MINUTES and day <= PERIOD.end:
            planned += self._appointment(case, grant, day, target - planned)
            day = self._next_day(case, day, gap)
            yield max(start_of(day) + timedelta(hours=6), self.now)
        case.entered = max(case.entered, self.now)
        yield max(case.entered + timedelta(minutes=30), self._working_days_on(self._random.randint(1, 6)))
        yield from self._accounted(case, grant, planned)

    def _next_day(self, case: Accompanied, day: date, gap: float) -> date:
        if case.flat:
            return last_working_day((day.replace(day=28) + timedelta(days=7)).replace(day=1))
        day += timedelta(days=max(1, round(self._random.gauss(gap, 1.5))))
        while not self._chance(pace(day)):
            day += timedelta(days=self._random.randint(1, 4))
        return day

    def _appointment(self, case: Accompanied, grant: "Grant", day: date, left: int) -> int:
        """One appointment, sometimes with the way there; plans its entry and says how many minutes it takes."""
        kind: Kind = self._weighted(KINDS)
        minutes = self._minutes(kind)
        if case.flat:
            kind, minutes = "direct", 240
        elif self._chance(0.003):
            kind, minutes = "direct", self._random.choice((420, 480))
        minutes = min(minutes, left)
        starts_at = self._free(case, day, minutes)
        if starts_at is None or starts_at > CLOCK or berlin_day(starts_at) > PERIOD.end:
            return 0
        self._begin(self._entry(case, grant, starts_at, minutes, kind))
        on_the_way = self._random.choice((15, 15, 30, 45))
        if kind == "direct" and self._chance(0.2) and left - minutes >= on_the_way:
            self._begin(self._entry(case, grant, starts_at - timedelta(minutes=on_the_way), on_the_way, "travel"))
            return minutes + on_the_way
        return minutes

    def _minutes(self, kind: Kind) -> int:
        if kind == "direct":
            return self._weighted({45: 10, 60: 26, 75: 9, 90: 28, 105: 6, 120: 14, 150: 5, 180: 2})
        return self._weighted({15: 20, 30: 45, 45: 20, 60: 15}) if kind == "indirect" else self._random.choice((15, 30))

    def _free(self, case: Accompanied, day: date, minutes: int) -> datetime | None:
        """When worker and case are both free; now and then somebody does not look, or works at night."""
        taken = self._busy.setdefault(case.worker.subject, [])
        for _ in range(6):
            starts_at = with_people(self._random, day)
            if self._chance(0.0015):
                starts_at = start_of(day) + timedelta(hours=22, minutes=self._random.choice((0, 15, 30)))
            ends_at = starts_at + timedelta(minutes=minutes)
            careless = self._chance(0.0025)
            if careless or not any(start < ends_at and starts_at < end for start, end in (*taken, *case.busy)):
                taken.append((starts_at, ends_at))
                case.busy.append((starts_at, ends_at))
                return starts_at
        return None

    def _entry(self, case: Accompanied, grant: "Grant", starts_at: datetime, minutes: int, kind: Kind) -> Life:
        """A session gets into the log on the same day or days later, and is confirmed, corrected or taken back after that."""
        days = self._random.choice(self._random.choices(((0,), (1, 1, 2, 3, 4), (5, 7, 9, 12), (16, 18, 22)), (50, 39, 9, 2))[0])
        entered = starts_at + timedelta(minutes=minutes + self._random.randint(2, 50), seconds=self._random.uniform(0, 60))
        if days:
            entered = at_desk(self._random, working_days_after(berlin_day(starts_at) + timedelta(days=days), 0))
        case.entered = max(case.entered, entered)
        yield max(entered, self.now)
        session = self._log(case, grant.booking, starts_at, minutes, kind)
        if session is None:
            return
        if self._chance(0.0008):
            self._log(case, grant.booking, starts_at, minutes, kind)
        what_follows = self._random.random()
        if what_follows < 0.012:
            yield from self._reversal(case, grant.booking, session)
        elif what_follows < 0.05:
            yield from self._correction(case, grant.booking, session, starts_at, minutes)
        elif kind == "direct" and what_follows < 0.86:
            yield self._working_days_on(self._random.choice((0, 0, 1, 2, 5, 8)))
            self._confirm(case, grant.booking, session)

    def _log(self, case: Accompanied, booking: UUID, starts_at: datetime, minutes: int, kind: Kind) -> UUID | None:
        note = None if self._chance(0.07) else self._said(city.NOTES[kind])
        session = self._do(
            case.worker,
            commands.log_session,
            booking,
            starts_at=starts_at,
            minutes=minutes,
            kind=kind,
            worker=case.worker.subject,
            note=note,
        )
        return None if isinstance(session, str) else UUID(session["id"])

    def _confirm(self, case: Accompanied, booking: UUID, session: UUID) -> None:
        by, method = self._said(city.CONFIRMING), self._said(city.METHODS)
        self._do(case.worker, commands.confirm_session, booking, session, by=by, method=method)

    def _reversal(self, case: Accompanied, booking: UUID, session: UUID) -> Life:
        yield self._working_days_on(self._random.randint(0, 8))
        yield from self._while_exhausted()
        reason = self._said(city.REVERSAL_REASONS)
        self._do(case.provider.lead, commands.reverse_session, booking, session, reason=reason)

    def _correction(self, case: Accompanied, booking: UUID, session: UUID, starts_at: datetime, minutes: int) -> Life:
        if self._chance(0.4):
            self._confirm(case, booking, session)
        yield self._working_days_on(self._random.randint(0, 8))
        yield from self._while_exhausted()
        changed: dict[str, Any] = {"starts_at": starts_at + timedelta(minutes=self._random.choice((-30, -15)))}
        if minutes >= 45 and self._chance(0.7):
            changed = {"minutes": minutes - self._random.choice((15, 15, 30))}
        reason = self._said(city.CORRECTION_REASONS)
        self._do(case.worker, commands.correct_session, booking, session, reason=reason, **changed)

    def _accounted(self, case: Accompanied, grant: "Grant", planned: int) -> Life:
        """Some give back what they do not need, some settle, some leave it to the closing of the case."""
        yield from self._while_exhausted()
        if grant.minutes - planned >= 120 and self._chance(0.4):
            reason, kept = self._said(city.REDUCTION_REASONS), planned + 60
            by = case.provider.lead if self._chance(0.7) else self._officer(case)
            self._do(by, commands.reduce_grant, grant.booking, to_minutes=kept, reason=reason)
            yield self._working_days_on(self._random.randint(1, 5))
            yield from self._while_exhausted()
        if self._chance(0.55):
            self._do(case.provider.lead, commands.settle_booking, grant.booking)

    # ── a spreadsheet from before

    def _import(self) -> Life:
        """One provider kept its first weeks in a spreadsheet; the office takes it in, except for what the rules refuse."""
        yield datetime(2021, 12, 6, 9, 41, 8, tzinfo=UTC)
        for kind, lines in (("requests", _REQUESTS), ("sessions", _SESSIONS)):
            import_file(
                self._narrator,
                OFFICERS[1],
                self.pool,
                "requests" if kind == "requests" else "sessions",
                _table(lines),
                good_steps_alone=True,
                dry_run=False,
                progress=lambda done, total: None,
            )
            yield self.now + timedelta(minutes=4)
        for reference in ("VB-01", "VB-02", "VB-03", "VB-04"):
            yield self._working_days_on(self._random.randint(8, 20))
            yield from self._while_exhausted()
            outcome = self._weighted(OUTCOMES)
            note = self._said(city.CLOSING_NOTES[outcome])
            case = commands.imported_case_id(self.pool, reference)
            self._do(PROVIDERS[-1].lead, commands.close_case, case, outcome=outcome, note=note)


@dataclass(frozen=True, slots=True)
class Grant:
    """Minutes that were approved."""

    booking: UUID
    minutes: int


_REQUESTS = """\
request_id,case_ref,provider,district,requested_at,requested_by,requested_minutes,decision,decided_at,decided_by,granted_minutes,purpose,concern
A-1,VB-01,Verbund12,Altstadt-West,08.11.2021 10:20,fk-verbund12-01,10 h,approved,11.11.2021 09:00,sb-02,10 h,Ausbildungsplatz,work
A-2,VB-02,Verbund12,Nordhöhe,09.11.2021 14:05,fk-verbund12-02,8 h,approved,12.11.2021 09:10,sb-02,8 h,Ummeldung,authorities
A-3,VB-03,Verbund12,Nordhöhe,10.11.2021 11:30,fk-verbund12-01,12 h,approved,15.11.2021 10:00,sb-02,9 h,Ratenzahlung,finances
A-4,VB-04,Verbund12,Altstadt-West,12.11.2021 09:15,fk-verbund12-03,6 h,approved,16.11.2021 08:45,sb-02,6 h,Praktikum,work
A-5,VB-05,Verbund12,Altstadt-West,15.11.2021 16:00,fk-verbund12-03,20 h,declined,19.11.2021 11:00,sb-02,,Nachhilfe,other
A-6,VB-06,Verbund12,Nordhöhe,28.10.2021 13:00,fk-verbund12-02,5 h,approved,03.11.2021 10:00,sb-02,5 h,Wohngeld,finances
"""
_SESSIONS = """\
session_id,request_id,worker,starts_at,minutes,kind,note
T-01,A-1,fk-verbund12-01,15.11.2021 15:00,1:30,direct,Bewerbung vorbereitet
T-02,A-1,fk-verbund12-01,18.11.2021 14:00,60,direct,Berufsberatung
T-03,A-1,fk-verbund12-01,22.11.2021 10:00,30,indirect,Telefonate mit Betrieben
T-04,A-1,fk-verbund12-01,25.11.2021 15:30,1:30,direct,Vorstellungsgespräch geübt
T-05,A-1,fk-verbund12-01,30.11.2021 15:00,60,direct,Rückmeldung besprochen
T-06,A-2,fk-verbund12-02,16.11.2021 13:00,2 h,direct,Bürgerbüro
T-07,A-2,fk-verbund12-02,19.11.2021 09:00,30,absence,nicht gekommen
T-08,A-2,fk-verbund12-02,24.11.2021 13:30,1:30,direct,Antrag abgegeben
T-09,A-3,fk-verbund12-01,18.11.2021 16:00,1:30,direct,Unterlagen sortiert
T-10,A-3,fk-verbund12-01,26.11.2021 15:00,2 h,direct,Schuldnerberatung
T-11,A-3,fk-verbund12-01,02.12.2021 15:00,60,direct,Raten vereinbart
T-12,A-4,fk-verbund12-03,22.11.2021 14:00,60,direct,Betriebe angerufen
T-13,A-4,fk-verbund12-03,29.11.2021 14:00,1:30,direct,erster Praktikumstag
T-14,A-5,fk-verbund12-03,29.11.2021 16:00,60,direct,Lernhilfe
T-15,A-6,fk-verbund12-02,25.11.2021 10:00,60,direct,Wohngeldstelle
T-16,A-4,fk-verbund12-03,01.12.2021 14:00,5 h,direct,Praktikumswoche
"""


def _table(text: str) -> Table:
    """A spreadsheet as the import reads it."""
    header, *lines = text.splitlines()
    columns = header.split(",")
    rows = [
        Row(number, dict(zip(columns, (cell or None for cell in line.split(",")), strict=True)))
        for number, line in enumerate(lines, start=2)
    ]
    return Table(tuple(columns), rows, hashlib.sha256(text.encode()).hexdigest())
