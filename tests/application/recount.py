"""What an import must lead to, recounted from the rows with plain dictionaries and none of the project's code.

Knows what the municipal files need: a period, a unit, a budget and the rules about who decides; no quotas, no closings.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")


@dataclass
class Recount:
    start: date
    end: date
    unit: int
    budget: int
    committed: int = 0
    bookings: dict[str, dict] = field(default_factory=dict)
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    recorded: int = 0

    def take_requests(self, rows: list[dict[str, str]]) -> None:
        steps = []
        for line, row in enumerate(rows, start=2):
            steps.append((datetime.fromisoformat(row["requested_at"]), line, 0, row))
            if row["decision"]:
                steps.append((datetime.fromisoformat(row["decided_at"]), line, 1, row))
        for at, _, is_decision, row in sorted(steps, key=lambda step: step[:3]):
            code = self._decide(at, row) if is_decision else self._request(at, row)
            self._note(("decision" if is_decision else "request", row["request_id"]), code)

    def take_sessions(self, rows: list[dict[str, str]]) -> None:
        steps = [(datetime.fromisoformat(row["starts_at"]), line, row) for line, row in enumerate(rows, start=2)]
        for at, _, row in sorted(steps, key=lambda step: step[:2]):
            self._note(("session", row["session_id"]), self._log(at, row))

    def totals(self, by: str | None = None) -> dict[str, dict[str, int]]:
        """Granted, consumed and reserved minutes by provider or district, or of everything under ``""``."""
        sums: dict[str, dict[str, int]] = defaultdict(lambda: {"granted": 0, "consumed": 0, "reserved": 0})
        for booking in self.bookings.values():
            group = sums[booking[by] if by else ""]
            group["granted"] += booking["granted"]
            group["consumed"] += booking["used"]
            group["reserved"] += booking["granted"] - booking["used"]
        return {key: group for key, group in sums.items() if group["granted"]}

    def codes(self) -> Counter:
        return Counter(self.refused.values())

    def _note(self, step: tuple[str, str], code: str | None) -> None:
        if code:
            self.refused[step] = code
        else:
            self.recorded += 1

    def _inside(self, at: datetime) -> bool:
        return self.start <= at.astimezone(BERLIN).date() <= self.end

    def _request(self, at: datetime, row: dict[str, str]) -> str | None:
        minutes = int(row["requested_minutes"])
        if minutes < 1:
            return "malformed"
        if not self._inside(at):
            return "outside_period"
        if minutes % self.unit:
            return "not_a_unit"
        self.bookings[row["request_id"]] = {
            "state": "requested",
            "by": row["requested_by"],
            "requested": minutes,
            "granted": 0,
            "used": 0,
            "provider": row["provider"],
            "district": row["district"],
        }
        return None

    def _decide(self, at: datetime, row: dict[str, str]) -> str | None:
        booking = self.bookings.get(row["request_id"])
        if booking is None:
            return "unknown_request"
        if row["decision"] != "approved":
            booking["state"] = row["decision"]
            return None
        minutes = int(row["granted_minutes"])
        if not self._inside(at):
            return "outside_period"
        if row["decided_by"] == booking["by"]:
            return "own_request"
        if minutes % self.unit:
            return "not_a_unit"
        if minutes > booking["requested"]:
            return "over_request"
        if self.committed + minutes > self.budget:
            return "over_budget"
        self.committed += minutes
        booking["state"], booking["granted"] = "approved", minutes
        return None

    def _log(self, at: datetime, row: dict[str, str]) -> str | None:
        booking = self.bookings.get(row["request_id"])
        minutes = int(row["minutes"])
        if minutes < 1:
            return "malformed"
        if booking is None:
            return "unknown_request"
        if not self._inside(at):
            return "outside_period"
        if booking["state"] != "approved":
            return "not_approved"
        if minutes % self.unit:
            return "not_a_unit"
        if booking["used"] + minutes > booking["granted"]:
            return "over_grant"
        booking["used"] += minutes
        return None
