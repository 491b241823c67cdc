"""The findings, recounted from the raw log with plain dictionaries and none of the project's code.

Each rule is written down a second time, from its definition in German: every session against every other, the long way. It knows
the default thresholds only, and of receipts those that name a request.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
OUTSIDE = ("outside_period", "not_approved", "case_closed")

Found = tuple[str, tuple[int, ...]]  # rule, and the positions that it rests on


def recount(states: Iterable[bytes], receipts: Iterable[tuple[Any, ...]] = ()) -> Counter[Found]:
    """What every rule finds in a log of one pool that is open; ``receipts`` are all there are."""
    log = _Log()
    for state in states:
        log.fold(json.loads(state))
    found = [*log.found(), *_refused(receipts)]
    return Counter((rule, tuple(sorted(set(positions)))) for rule, positions in found)


def _refused(receipts: Iterable[tuple[Any, ...]]) -> Iterator[Found]:
    """By person and reason: subject, organisation, outcome, position."""
    rules = dict.fromkeys(OUTSIDE, "refused-outside") | {"own_request": "own-request-attempt"}
    attempts = defaultdict(list)
    for subject, organisation, outcome, position in receipts:
        if outcome in rules:
            attempts[subject, organisation, outcome].append(position)
    yield from ((rules[outcome], tuple(positions)) for (_, _, outcome), positions in attempts.items())


class _Log:
    def __init__(self) -> None:
        self.rules: dict[str, Any] = {}
        self.cases: dict[str, Any] = {}
        self.bookings: dict[str, Any] = {}
        self.sessions: dict[str, Any] = {}
        self.changes: list[Any] = []
        self.refused: list[Any] = []
        self.declined: Counter[str] = Counter()
        self.registered: dict[tuple[str, str], list[Any]] = defaultdict(list)  # name, first and last day, by provider and kind

    def fold(self, event: dict[str, Any]) -> None:
        data, stream, position = event["data"], event["stream"], event["position"]
        match event["type"]:
            case "pool-opened" | "rules-changed":
                self.rules = data["rules"]
            case "import-recorded":
                self.refused += [(position, code) for code in {step["code"] for step in data["refused"]}]
            case "case-opened":
                self.cases[stream] = {"closed": None, "offer": data["offer"]}
            case "case-amended":
                self.cases[stream]["offer"] = data["offer"] or self.cases[stream]["offer"]
            case "case-transferred":
                self.cases[stream]["offer"] = None
            case "case-closed":
                vague = data["outcome"] == "other" and data["note_empty"]
                self.cases[stream] |= {"closed": position, "at": _instant(event["recorded_at"]), "vague": vague}
            case "provider-registered" | "offer-registered" | "worker-registered":
                kind = event["type"].removesuffix("-registered")
                name = data["name" if kind == "provider" else kind]
                self.registered[data["provider"], kind].append([name, data["valid_from"], data["valid_until"]])
            case "registration-ended":
                for registration in self.registered[data["provider"], data["of"]]:
                    if registration[:2] == [data["name"], data["valid_from"]]:
                        registration[2] = data["valid_until"]
            case "hours-requested":
                self.bookings[stream] = data | {"position": position, "approval": None, "settled": None, "reduced": []}
                self.bookings[stream]["offer"] = self.cases[data["case"]]["offer"]
            case "hours-approved":
                self.bookings[stream]["approval"] = data | {"position": position}
                self.bookings[stream]["stands"] = data["minutes"]
            case "request-declined":
                self.declined[self.bookings[stream]["provider"]] += 1
            case "grant-reduced":
                self.bookings[stream] |= {"stands": data["to_minutes"], "reduced": [position]}
            case "booking-settled":
                self.bookings[stream]["settled"] = position
            case "session-logged":
                imported = event["actor"]["role"] == "officer" and event["command"].startswith("import:")
                session = {key: data[key] for key in ("minutes", "kind", "worker", "note_empty")}
                session |= {"booking": stream, "positions": [position], "start": _instant(data["starts_at"]), "confirmed": False}
                if session["worker"] is None and event["actor"]["role"] == "worker":
                    session["worker"] = event["actor"]["subject"]
                session |= {"entered": None if imported else _day(_instant(event["recorded_at"]))}
                self.sessions[data["session"]] = session | {"limit": self.rules["late_entry_days"]}
            case "session-corrected":
                session = self.sessions[data["session"]]
                if data["now"] != data["before"]:
                    self.changes.append(_change(event, session))
                now = data["now"]
                session |= {"start": _instant(now["starts_at"]), "positions": [*session["positions"], position]}
                session |= {"minutes": now["minutes"], "kind": now["kind"], "worker": now["worker"] or session["worker"]}
                session["note_empty"] = session["note_empty"] and data["note"] is None
            case "session-reversed":
                self.changes.append(_change(event, self.sessions.pop(data["session"])))
            case "session-confirmed":
                self.sessions[data["session"]]["confirmed"] = True

    def found(self) -> Iterator[Found]:
        yield from self._of_days()
        for case in self.cases:
            yield from self._of_case(case)
        for booking in self.bookings:
            yield from self._of_booking(booking)
        yield from self._of_months()
        for provider in {booking["provider"] for booking in self.bookings.values()}:
            yield from self._of_provider(provider)
        for position, code in self.refused:
            if code in OUTSIDE:
                yield "import-outside", (position,)
            if code == "own_request":
                yield "import-own-request", (position,)

    def _of_days(self) -> Iterator[Found]:
        workers = {session["worker"] for session in self.sessions.values()} - {None}
        for worker in workers:
            mine = [each for each in self.sessions.values() if each["worker"] == worker]
            for day in {day for each in mine for day in _days(each)}:
                here = [each for each in mine if day in _days(each)]
                overlapping = _overlapping(here, day, lambda one, other: self._case(one) != self._case(other))
                if overlapping:
                    yield "overlap-worker", _positions(overlapping)
                beginning = sorted((each for each in here if _day(each["start"]) == day), key=lambda each: each["start"])
                yield from _of_a_day(beginning, day)

    def _of_case(self, case: str) -> Iterator[Found]:
        mine = [each for each in self.sessions.values() if self._case(each) == case]
        named = [each for each in mine if each["worker"] is not None]
        for day in {day for each in named for day in _days(each)}:
            here = [each for each in named if day in _days(each)]
            overlapping = _overlapping(here, day, lambda one, other: self._who(one) != self._who(other))
            if overlapping:
                yield "overlap-case", _positions(overlapping)
        months = defaultdict(list)
        for each in mine:
            months[_month(_day(each["start"]))].append(each)
        totals = {month: sum(each["minutes"] for each in sessions) for month, sessions in months.items()}
        for month, total in totals.items():
            if totals.get(month - 1) != total and total >= 300:  # the first of a run
                run = [month]
                while totals.get(run[-1] + 1) == total:
                    run.append(run[-1] + 1)
                if len(run) >= 3:
                    yield "same-month-total", _positions(each for of_run in run for each in months[of_run])
            if len(months[month]) == 1 and total >= 480:
                yield "month-in-one-session", _positions(months[month])
        closed = self.cases[case]["closed"]
        if closed:
            after = [each for each in mine if each["start"] > self.cases[case]["at"]]
            if after:
                yield "after-closing", (closed, *_positions(after))
            if self.cases[case]["vague"]:
                yield "closed-without-outcome", (closed,)

    def _of_booking(self, id: str) -> Iterator[Found]:
        booking = self.bookings[id]
        mine = [each for each in self.sessions.values() if each["booking"] == id]
        approval, settled = booking["approval"], booking["settled"]
        early = [each for each in mine if each["start"] < _instant(approval["decided_at"])]
        provider, offer, asked = booking["provider"], booking["offer"], booking["requested_at"]
        if self._unregistered(provider, "provider", None, asked) or (offer and self._unregistered(provider, "offer", offer, asked)):
            yield "unregistered-request", (booking["position"],)
        if early:
            yield "before-approval", (approval["position"], *_positions(early))
        for rule, sessions in (
            ("no-start-time", [each for each in mine if _midnight(each)]),
            ("empty-note", [each for each in mine if each["note_empty"]]),
            ("late-entry", [each for each in mine if _late(each)]),
        ):
            if sessions:
                yield rule, _positions(sessions)
        changes = [change for change in self.changes if change["booking"] == id]
        for rule, found in (
            ("changed-after-confirmation", [change for change in changes if change["confirmed"]]),
            ("changed-after-month", [change for change in changes if change["days"] > 10]),
        ):
            if found:
                yield rule, tuple(position for change in found for position in change["positions"])
        if approval and approval["review_on"] is None:
            yield "no-review-date", (approval["position"],)
        if settled:
            open_ = [each for each in mine if each["kind"] == "direct" and not each["confirmed"]]
            if open_:
                yield "unconfirmed", (settled, *_positions(open_))
            if sum(each["minutes"] for each in mine) * 100 < 33 * booking["stands"]:
                yield "little-used", (approval["position"], settled, *booking["reduced"], *_positions(mine))

    def _of_months(self) -> Iterator[Found]:
        months = defaultdict(list)
        for each in self.sessions.values():
            months[self.bookings[each["booking"]]["provider"], _month(_day(each["start"]))].append(each)
        for (provider, _), sessions in months.items():
            strangers = defaultdict(list)
            for each in sessions:
                if each["worker"] and self._unregistered(provider, "worker", each["worker"], each["start"].isoformat()):
                    strangers[each["worker"]].append(each)
            yield from (("unregistered-worker", _positions(theirs)) for theirs in strangers.values())
            total = sum(each["minutes"] for each in sessions)
            share = {
                kind: sum(each["minutes"] for each in sessions if each["kind"] == kind) / total for kind in ("direct", "travel")
            }
            if total >= 1200 and share["direct"] < 0.6:
                yield "direct-share", _positions(sessions)
            if total >= 1200 and share["travel"] > 0.25:
                yield "travel-share", _positions(sessions)
            full = [each for each in sessions if each["minutes"] % 60 == 0]
            if self.rules["unit_minutes"] % 60 and len(sessions) >= 20 and len(full) / len(sessions) > 0.8:
                yield "round-durations", _positions(sessions)

    def _of_provider(self, provider: str) -> Iterator[Found]:
        approved = [each for each in self.bookings.values() if each["provider"] == provider and each["approval"]]
        cases = {each["case"] for each in approved}
        for pair in {(each["requested_by"], each["approval"]["decided_by"]) for each in approved}:
            theirs = [each for each in approved if (each["requested_by"], each["approval"]["decided_by"]) == pair]
            if len(cases) >= 10 and len({each["case"] for each in theirs}) / len(cases) > 0.6:
                yield "deciding-pair", tuple(p for each in theirs for p in (each["position"], each["approval"]["position"]))
        in_full = all(each["approval"]["minutes"] == each["minutes"] for each in approved)
        if len(approved) >= 20 and in_full and not self.declined[provider]:
            yield "always-in-full", tuple(each["approval"]["position"] for each in approved)

    def _unregistered(self, provider: str, kind: str, name: str | None, at: str) -> bool:
        """Of no name it is any; what was taken back, and so ends before it begins, never was."""
        day = str(_day(_instant(at)))
        valid = [each for each in self.registered[provider, kind] if each[2] is None or each[1] <= each[2]]
        today = [each for each in valid if each[1] <= day and (each[2] is None or day <= each[2])]
        return any(each[1] <= day for each in valid) and all(name not in (None, each[0]) for each in today)

    def _case(self, session: dict[str, Any]) -> str:
        case: str = self.bookings[session["booking"]]["case"]
        return case

    def _who(self, session: dict[str, Any]) -> tuple[str, str]:
        return self.bookings[session["booking"]]["provider"], session["worker"]


def _of_a_day(sessions: list[Any], day: date) -> Iterator[Found]:
    """What is about one worker and the sessions that begin on a day."""
    if sum(each["minutes"] for each in sessions) > 600:
        yield "long-day", _positions(sessions)
    unusual = sessions if day.isoweekday() == 7 else [each for each in sessions if _at_night(each)]
    if unusual:
        yield "night-or-sunday", _positions(unusual)
    same = defaultdict(list)
    for each in sessions:
        same[each["start"], each["minutes"]].append(each)
    yield from (("duplicate", _positions(twice)) for twice in same.values() if len(twice) > 1)
    while sessions:
        block, rest = sessions[:1], sessions[1:]
        while rest and rest[0]["start"] < max(map(_end, block)) + timedelta(minutes=15):
            block.append(rest.pop(0))
        if max(map(_end, block)) - block[0]["start"] > timedelta(hours=6):
            yield "no-break", _positions(block)
        sessions = rest


def _overlapping(sessions: list[Any], day: date, differ: Any) -> list[Any]:
    midnight = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(ZoneInfo("UTC"))
    next_day = day + timedelta(days=1)
    end = datetime(next_day.year, next_day.month, next_day.day, tzinfo=BERLIN).astimezone(ZoneInfo("UTC"))
    found = []
    for one, other in combinations(sessions, 2):
        shared = min(_end(one), _end(other), end) - max(one["start"], other["start"], midnight)
        if shared > timedelta() and differ(one, other):
            found += [each for each in (one, other) if each not in found]
    return found


def _change(event: dict[str, Any], session: dict[str, Any]) -> dict[str, Any]:
    served = _day(session["start"])
    last = date(served.year + served.month // 12, served.month % 12 + 1, 1) - timedelta(days=1)
    days = (_day(_instant(event["recorded_at"])) - last).days
    positions = [*session["positions"], event["position"]]
    return {"booking": session["booking"], "confirmed": session["confirmed"], "days": days, "positions": positions}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(ZoneInfo("UTC"))


def _end(session: dict[str, Any]) -> datetime:
    end: datetime = session["start"] + timedelta(minutes=session["minutes"])
    return end


def _day(instant: datetime) -> date:
    return instant.astimezone(BERLIN).date()


def _days(session: dict[str, Any]) -> set[date]:
    first = _day(session["start"])
    ends_later = _day(_end(session) - timedelta(microseconds=1)) > first
    return {first, first + timedelta(days=1)} if ends_later else {first}


def _month(day: date) -> int:
    return day.year * 12 + day.month


def _midnight(session: dict[str, Any]) -> bool:
    return session["start"].astimezone(BERLIN).strftime("%H:%M:%S.%f") == "00:00:00.000000"


def _at_night(session: dict[str, Any]) -> bool:
    start = session["start"].astimezone(BERLIN)
    minutes = start.hour * 60 + start.minute
    return not _midnight(session) and (start.hour < 6 or minutes + session["minutes"] > 22 * 60)


def _late(session: dict[str, Any]) -> bool:
    limit = 30 if session["limit"] is None else session["limit"]
    return session["entered"] is not None and (session["entered"] - _day(session["start"])).days > limit


def _positions(sessions: Iterable[Any]) -> tuple[int, ...]:
    return tuple(position for each in sessions for position in each["positions"])
