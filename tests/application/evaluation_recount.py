"""The evaluation's figures, recounted from the raw log with plain dictionaries and none of the project's code.

What is counted is written down a second time here, from the definitions in German: figure by figure, the long way.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
KINDS = ("direct", "indirect", "travel", "absence")
OUTCOMES = ("goal_reached", "passed_on", "moved", "broken_off", "other")
SHARES = {"quartile_1": 25, "median": 50, "quartile_3": 75, "p90": 90}

Place = tuple[str, str, str]  # figure, what it is grouped by ("" for everything), group
Values = dict[Place, int | None]


def recount(states: Iterable[bytes], pool: str) -> Values:
    """Every figure of a pool, over everything and over each group in which something counts."""
    events = [json.loads(state) for state in states]
    cases, requests = _read(events, pool)
    amounts: dict[Place, list[Any]] = defaultdict(list)

    def count(figure: str, amount: Any, at: datetime, where: Mapping[str, str]) -> None:
        amounts[figure, "", ""].append(amount)
        amounts[figure, "month", at.astimezone(BERLIN).strftime("%Y-%m")].append(amount)
        for by in ("district", "service_area", "concern", "provider"):
            amounts[figure, by, where[by]].append(amount)

    for case in cases.values():
        _count_case(case, count)
    for request in requests.values():
        case = cases[request["case"]]
        where = {"service_area": case["service_area"], "concern": case["concern"]}
        where |= {"district": request["district"], "provider": request["provider"]}
        _count_request(request, where, count)
        for session in request["sessions"].values():
            _count_session(session, where, count)
    return _summed(amounts)


def _read(events: list[dict[str, Any]], pool: str) -> tuple[dict[str, Any], dict[str, Any]]:
    cases: dict[str, Any] = {}
    requests: dict[str, Any] = {}
    closing = {event["command"] for event in events if event["type"] == "pool-closed" and event["stream"] == pool}
    for event in events:
        data, stream, recorded = event["data"], event["stream"], datetime.fromisoformat(event["recorded_at"])
        if event["type"] == "case-opened" and data["pool"] == pool:
            cases[stream] = {key: data[key] for key in ("provider", "district", "service_area", "concern")}
            cases[stream] |= {"opened": datetime.fromisoformat(data["opened_at"]), "outcome": None}
        elif event["type"] == "hours-requested" and data["pool"] == pool:
            requests[stream] = {key: data[key] for key in ("case", "provider", "district", "minutes")}
            requests[stream] |= {"at": datetime.fromisoformat(data["requested_at"]), "sessions": {}, "granted": 0, "state": "open"}
        elif stream in cases:
            _fold_case(cases[stream], event["type"], data, recorded)
        elif stream in requests:
            _fold_request(requests[stream], event["type"], data, recorded, event["command"] in closing)
    return cases, requests


def _fold_case(case: dict[str, Any], kind: str, data: dict[str, Any], recorded: datetime) -> None:
    if kind == "case-amended":
        case |= {key: data[key] for key in ("district", "service_area", "concern") if data[key]}
    elif kind == "case-transferred":
        case["provider"] = data["provider"]
    elif kind == "case-closed":
        case |= {"outcome": data["outcome"], "closed": recorded}


def _fold_request(request: dict[str, Any], kind: str, data: dict[str, Any], recorded: datetime, with_pool: bool) -> None:
    sessions = request["sessions"]
    if kind == "request-waitlisted":
        request.setdefault("listed", recorded)
        request.setdefault("first", recorded)
    elif kind == "approval-proposed":
        request.setdefault("proposed", datetime.fromisoformat(data["proposed_at"]))
        request.setdefault("first", datetime.fromisoformat(data["proposed_at"]))
    elif kind in ("hours-approved", "request-declined"):
        request["decided"] = datetime.fromisoformat(data["decided_at"])
        request.setdefault("first", request["decided"])
        request["state"] = "approved" if kind == "hours-approved" else "declined"
        request["granted"] = data.get("minutes", 0)
    elif kind == "request-withdrawn":
        request |= {"state": "withdrawn", "withdrawn": datetime.fromisoformat(data["withdrawn_at"]), "with_pool": with_pool}
    elif kind == "session-logged":
        facts = {key: data[key] for key in ("starts_at", "minutes", "kind", "late")}
        sessions[data["session"]] = facts | {"corrected": False, "reversed": False, "confirmed": False}
    elif kind == "session-corrected":
        sessions[data["session"]] |= {key: data["now"][key] for key in ("starts_at", "minutes", "kind")} | {"corrected": True}
    elif kind == "session-reversed":
        sessions[data["session"]]["reversed"] = True
    elif kind == "session-confirmed":
        sessions[data["session"]]["confirmed"] = True


def _count_case(case: dict[str, Any], count: Any) -> None:
    count("cases_opened", 1, case["opened"], case)
    if case["outcome"] is None:
        count("cases_open", 1, case["opened"], case)
    else:
        count("cases_closed", 1, case["closed"], case)
        count(f"closed_{case['outcome']}", 1, case["closed"], case)


def _count_request(request: dict[str, Any], where: Mapping[str, str], count: Any) -> None:
    at, state, minutes, granted = request["at"], request["state"], request["minutes"], request["granted"]
    count("requests", 1, at, where)
    count("requested_minutes", minutes, at, where)
    count("cases_requesting", request["case"], at, where)
    if state == "approved":
        count("approved_in_full" if granted == minutes else "approved_in_part", 1, request["decided"], where)
        count("granted_minutes", granted, request["decided"], where)
        used = sum(session["minutes"] for session in request["sessions"].values() if not session["reversed"])
        count("used_share", (used, granted), request["decided"], where)
    elif state == "declined":
        count("declined", 1, request["decided"], where)
    elif state == "withdrawn":
        count("withdrawn", 1, request["withdrawn"], where)
    else:
        count("undecided", 1, at, where)
    for figure, key in (("waitlisted", "listed"), ("proposed", "proposed")):
        if key in request:
            count(figure, 1, request[key], where)
    for figure, since, until in (
        ("to_first_decision", "at", "first"),
        ("to_decision", "at", "decided"),
        ("waiting", "listed", "decided"),
    ):
        if since in request and until in request:
            elapsed = (request[until] - request[since]) // timedelta(minutes=1)
            count(f"{figure}_requests", 1, request[until], where)
            for name in ("mean", *SHARES):
                count(f"{figure}_{name}", elapsed, request[until], where)
    _count_unmet(request, where, count)


def _count_unmet(request: dict[str, Any], where: Mapping[str, str], count: Any) -> None:
    at, state, minutes, granted = request["at"], request["state"], request["minutes"], request["granted"]
    unmet = {}
    if state == "declined":
        unmet["declined"] = minutes
    if state == "approved" and granted < minutes:
        unmet["reduced"] = minutes - granted
    if (state == "open" and "listed" in request) or request.get("with_pool"):
        unmet["waiting"] = minutes
    for why, missing in unmet.items():
        for figure in (f"unmet_{why}", "unmet"):
            count(f"{figure}_requests", 1, at, where)
            count(f"{figure}_minutes", missing, at, where)


def _count_session(session: dict[str, Any], where: Mapping[str, str], count: Any) -> None:
    at = datetime.fromisoformat(session["starts_at"])
    if session["reversed"]:
        count("sessions_reversed", 1, at, where)
        return
    count("sessions", 1, at, where)
    count("consumed_minutes", session["minutes"], at, where)
    count(f"consumed_{session['kind']}_minutes", session["minutes"], at, where)
    count("confirmed_share", (int(session["confirmed"]), 1), at, where)
    for figure in ("corrected", "confirmed", "late"):
        if session[figure]:
            count(f"sessions_{figure}", 1, at, where)


def _summed(amounts: Mapping[Place, list[Any]]) -> Values:
    return {place: _sum(place[0], found) for place, found in amounts.items()}


def _sum(figure: str, found: list[Any]) -> int | None:
    ending = next((ending for ending in ("mean", *SHARES) if figure.endswith(f"_{ending}")), None)
    if figure == "cases_requesting":
        return len(set(found))
    if ending == "mean":
        return _rounded(Fraction(sum(found), len(found)))
    if ending is not None:
        enough = SHARES[ending] * len(found)
        return min(value for value in found if 100 * sum(other <= value for other in found) >= enough)
    if figure.endswith("_share"):
        whole = sum(each for _, each in found)
        return _rounded(Fraction(100 * sum(part for part, _ in found), whole)) if whole else None
    return sum(found)


def _rounded(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))
