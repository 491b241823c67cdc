"""The examples of the OpenAPI document: one pool, one case, one booking and one session.

They carry made-up ids. Whoever runs the examples puts the id of a real answer wherever the example of that answer has its own.
"""

from collections.abc import Mapping
from typing import Any

from application.sampling import SampleView
from application.views import Balance, BookingView, CaseView, FindingView, PoolView, ProviderFile, SessionView
from domain.registry import provider_id
from interfaces.identity.tokens import TokenView
from interfaces.webhooks.subscriptions import RegisteredWebhook, WebhookView

POOL = "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b01"
CASE = "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b02"
BOOKING = "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b03"
SESSION = "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b04"
WEBHOOK = "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b05"
FINDING = "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b06"
TOKEN = "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b08"  # noqa: S105 – the id of one
SAMPLE = "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b07"
MONTH = "2024-03"
PROVIDER = "traeger-a"
LOGGED = ("open_pool", "open_case", "request_hours", "approve_hours", "log_session")  # what leads to a session

PATH_IDS = {
    "pool": POOL,
    "case": CASE,
    "booking": BOOKING,
    "session": SESSION,
    "month": MONTH,
    "webhook": WEBHOOK,
    "finding": FINDING,
    "token": TOKEN,
    "provider": str(provider_id(PROVIDER)),
}

_POOL = {
    "id": POOL,
    "name": "Modellprojekt Stundenpool",
    "period": {"start": "2024-01-01", "end": "2049-12-31"},
    "rules": {
        "unit_minutes": 15,
        "case_cap_minutes": 2400,
        "district_quotas": {"stadtraum-01": 30000},
        "provider_quotas": {},
        "four_eyes_minutes": 6000,
        "session_max_minutes": 480,
        "late_entry_days": 30,
    },
    "closed": False,
    "exhausted": False,
    "closed_months": [],
    "balance": {"budget": 60000, "granted": 0, "reserved": 0, "consumed": 0, "released": 0, "available": 60000},
    "demonstration": False,
}
_CASE = {
    "id": CASE,
    "pool": POOL,
    "reference": "F-2024-017",
    "provider": PROVIDER,
    "offer": "jugendclub-nord",
    "district": "stadtraum-01",
    "service_area": "13",
    "concern": "housing",
    "opened_at": "2024-03-01T09:00:00+01:00",
    "outcome": None,
    "closed": False,
    "restricted": False,
    "erased": False,
}
_SESSION = {
    "id": SESSION,
    "starts_at": "2024-03-05T14:30:00+01:00",
    "minutes": 90,
    "kind": "direct",
    "worker": "kraft-1",
    "state": "logged",
    "confirmed": False,
}
_BOOKING = {
    "id": BOOKING,
    "pool": POOL,
    "case": CASE,
    "provider": PROVIDER,
    "district": "stadtraum-01",
    "state": "requested",
    "requested_minutes": 600,
    "granted_minutes": 0,
    "consumed_minutes": 0,
    "released_minutes": 0,
    "proposed_minutes": None,
    "requested_at": "2024-03-01T09:05:00+01:00",
    "requested_by": "leitung-1",
    "sessions": [],
}
_WEBHOOK = {
    "id": WEBHOOK,
    "url": "https://fachverfahren.example/stundenpool",
    "types": ["hours-approved", "session-logged"],
    "pool": None,
    "created_at": "2024-03-01T08:00:00Z",
    "created_by": "admin-1",
    "state": "paused",
    "paused": "unreleased",
    "position": 17,
    "behind": 0,
    "failing_since": None,
    "attempts": 0,
    "last_error": None,
    "next_attempt": None,
}

_FINDING = {
    "id": FINDING,
    "state": "open",
    "explanations": 0,
    "rule": "late-entry",
    "rule_version": 1,
    "sentence": "Antrag 5d1c1f60 (Fall „F-2024-017“, Träger traeger-a): 1 Termin mit 1,50 Std. erst 41 Tage danach erfasst: "
    "05.03.2024.",
    "positions": [6],
    "pool": POOL,
    "case": CASE,
    "booking": BOOKING,
    "worker": None,
    "provider": PROVIDER,
}
_SAMPLE = {
    "id": SAMPLE,
    "pool": POOL,
    "method": 1,
    "seed": "17. Mai 2024",
    "population": {
        "position": 17,
        "provider": None,
        "first_day": None,
        "last_day": None,
        "size": 1,
        "sha256": "b99a4e3f3ff180caa51623bda4a5409a60ef1d0640eb892554bf9595a532aa9a",
    },
    "sessions": [SESSION],
}

_TOKEN = {
    "id": TOKEN,
    "subject": "fachverfahren",
    "role": "officer",
    "provider": None,
    "scope": "read",
    "created_at": "2024-03-01T08:00:00Z",
    "expires_at": "2025-03-01T08:00:00Z",
    "used_at": "2024-03-04T07:12:31Z",
    "revoked_at": "2024-03-05T10:00:00Z",
}

_PROVIDER = {
    "id": PATH_IDS["provider"],
    "provider": PROVIDER,
    "names": [{"name": "Jugendhilfe Nord e. V.", "valid_from": "2024-01-01", "valid_until": None}],
    "offers": [{"name": "jugendclub-nord", "valid_from": "2024-01-01", "valid_until": "2049-12-31"}],
    "workers": [{"name": "kraft-1", "valid_from": "2024-01-01", "valid_until": None}],
}

_OF_VIEW: dict[type, dict[str, Any]] = {
    PoolView: _POOL,
    CaseView: _CASE,
    BookingView: _BOOKING,
    SessionView: _SESSION,
    Balance: _POOL["balance"],  # type: ignore[dict-item]
    WebhookView: _WEBHOOK,
    FindingView: _FINDING,
    SampleView: _SAMPLE,
    TokenView: _TOKEN,
    ProviderFile: _PROVIDER,
    RegisteredWebhook: {**_WEBHOOK, "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
}


def answer_example(view: type, shows: Mapping[str, Any]) -> dict[str, Any] | None:
    """An answer of this type in which the given fields are as stated; ``None`` for lists, which begin empty."""
    found = _OF_VIEW.get(view)
    return None if found is None else {**found, **shows}
