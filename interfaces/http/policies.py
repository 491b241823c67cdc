"""Who may do what, and who sees which field: every policy of the service stands here or is made of these.

A route states one of these policies. What it answers is a view, and for every field of a view it is stated who sees it: a field
that nobody stated is nobody's, and an operation that would show it to somebody cannot even be declared.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, get_args, get_type_hints

import msgspec

from domain.quantities import Actor, Role

Policy = frozenset[Role]

PROVIDERS: Policy = frozenset({"worker", "lead"})
LEADS: Policy = frozenset({"lead"})
OFFICERS: Policy = frozenset({"officer"})
AUDITORS: Policy = frozenset({"auditor"})
LEADS_AND_OFFICERS: Policy = LEADS | OFFICERS
AUDIT: Policy = OFFICERS | AUDITORS
AUDIT_AND_LEADS: Policy = AUDIT | LEADS
CASEWORK: Policy = PROVIDERS | AUDIT
FIGURES: Policy = CASEWORK | {"planner"}
REPORTS: Policy = AUDIT | {"planner"}
ADMINS: Policy = frozenset({"admin"})
PROOFS: Policy = AUDIT | {"admin"}
ADMINS_AND_OFFICERS: Policy = ADMINS | OFFICERS
ACCESS: Policy = ADMINS | AUDITORS


def provider_of(actor: Actor) -> str | None:
    """The provider whose cases alone the actor sees; ``None`` for the youth office."""
    return actor.organisation if actor.role in PROVIDERS else None


# ── Routes: a value of a parameter that fewer may state than the rest of it

BALANCE_BY: Mapping[str, Policy] = {
    "district": FIGURES,
    "provider": FIGURES,
    "month": FIGURES,
    "case": CASEWORK,
    "booking": CASEWORK,
}
INSTANTS: Policy = REPORTS  # of a pool's sums: a provider could tell single sessions and grants of others by their minutes


def may_ask_balance(actor: Actor, by: str | None, *times: datetime | date | None) -> bool:
    """Whether a role may ask for a pool's sums as of these times, told apart so."""
    instants = any(isinstance(time, datetime) for time in times)
    return (by is None or actor.role in BALANCE_BY.get(by, ())) and (not instants or actor.role in INSTANTS)


# ── Fields: who sees which of each view. Of a provider's people every one of them means their own provider's alone.

FIELDS: Mapping[str, Mapping[str, Policy]] = {
    view: {field: policy for policy, fields in stated.items() for field in fields.split()}
    for view, stated in {
        # Figures, without persons
        "PoolView": {FIGURES: "id name period rules closed exhausted closed_months balance demonstration"},
        "Period": {FIGURES: "start end"},
        "Rules": {
            FIGURES: "unit_minutes case_cap_minutes district_quotas provider_quotas four_eyes_minutes session_max_minutes "
            "late_entry_days"
        },
        "Balance": {FIGURES: "budget granted reserved consumed released available groups"},
        "Group": {FIGURES: "key granted reserved consumed released"},
        "ForecastView": {FIGURES: "available_minutes weeks minutes_a_week runs_out_on earliest latest"},
        "Evaluation": {REPORTS: "pool position groupings figures"},
        "GroupingView": {REPORTS: "by label definition"},
        "FigureView": {REPORTS: "figure section label unit definition events month value groups"},
        "FigureGroup": {REPORTS: "group value"},
        # Cases and bookings
        "CaseView": {
            CASEWORK: "id pool reference provider offer district service_area concern opened_at outcome closed erased restricted"
        },
        "CaseFile": {
            CASEWORK: "id pool reference provider offer district service_area concern opened_at outcome closed erased restricted "
            "personal"
        },
        "PersonalView": {CASEWORK: "name birth_year contact notes closing_note"},
        "BookingView": {
            CASEWORK: "id pool case provider district state requested_minutes granted_minutes consumed_minutes released_minutes "
            "proposed_minutes requested_at requested_by sessions"
        },
        "SessionView": {CASEWORK: "id starts_at minutes kind worker state confirmed"},
        "BookingTexts": {CASEWORK: "purpose notes"},
        "SessionNote": {CASEWORK: "session note"},
        "WaitingView": {CASEWORK: "place booking case provider district minutes priority requested_at offered"},
        "WorkItem": {AUDIT: "booking pool case provider district state minutes requested_at proposed_by review_on"},
        # Personal data: what is kept, and what is due
        "RetentionView": {OFFICERS: "case reference provider ended_on due held requested ground requested_by erased confirmed"},
        "RetentionFile": {
            OFFICERS: "case reference provider ended_on due held requested ground requested_by erased confirmed disclosures"
        },
        "Disclosure": {OFFICERS: "at subject organisation form"},
        "Calendar": {OFFICERS: "on persons"},
        "SubjectFile": {OFFICERS: "made_at case events reads"},
        "Happened": {OFFICERS: "position at by type said data texts"},
        "ReadSummary": {OFFICERS: "day role organisation purpose times"},
        # The log and its proofs; the catalogue says which fields of an event are personal, and nobody sees those here
        "EventView": {
            CASEWORK: "specversion id source type subject time datacontenttype position streamversion schemaversion actorsubject "
            "actorrole actororganisation data cause"
        },
        "TrailEntry": {AUDIT: "position recorded_at type actor pool case booking provider line"},
        "Actor": {AUDIT_AND_LEADS: "subject role organisation"},
        "ReadEntry": {AUDITORS: "number at subject role organisation path about case purpose texts address request"},
        "InclusionProof": {AUDIT: "position size leaf path root"},
        "ConsistencyProof": {PROOFS: "from_ to from_root path to_root"},
        "ProvenExplanation": {AUDIT: "figure label definition unit counting value parts next size root proofs"},
        "Part": {AUDIT: "amount of events day case reference booking session provider district"},
        "EventPlace": {AUDIT: "position type"},
        "Comparison": {AUDIT: "pool first second figures changes next"},
        "ComparedFigure": {AUDIT: "figure label then now difference"},
        "Change": {AUDIT: "position recorded_at type manner actor deed minutes days case reference booking provider district"},
        "Story": {AUDIT: "of id scenes next"},
        "Scene": {AUDIT: "line minutes total days"},
        # Findings and samples
        "FindingsPage": {AUDIT: "items next position thresholds"},
        "FindingItem": {
            AUDIT: "id rule family version source position positions pool case booking worker provider sentence holds state "
            "explanations"
        },
        "Thresholds": {
            AUDIT: "direct_share_percent travel_share_percent share_minutes_min same_total_months same_total_minutes_min "
            "single_session_minutes late_entry_days pair_share_percent pair_cases_min full_grants_min break_after_minutes "
            "break_minutes day_minutes_max night_from_hour night_until_hour after_month_end_days round_share_percent "
            "round_sessions_min used_share_percent read_cases_max read_unrelated_min read_after_closing_days "
            "readers_max readers_days"
        },
        "FindingView": {
            AUDIT_AND_LEADS: "id state explanations rule rule_version sentence positions pool case booking worker provider"
        },
        "FindingFile": {
            AUDIT_AND_LEADS: "id state explanations rule rule_version sentence positions pool case booking worker provider steps"
        },
        "FindingStep": {AUDIT_AND_LEADS: "position recorded_at type actor text"},
        "SampleView": {AUDIT: "id pool method seed population sessions"},
        "Population": {AUDIT: "position provider first_day last_day size sha256"},
        # The registry
        "ProviderView": {FIGURES: "id provider name valid_from valid_until"},
        "ProviderFile": {CASEWORK: "id provider names offers workers"},
        "Registration": {CASEWORK: "name valid_from valid_until"},
        # Settings
        "WebhookView": {
            ADMINS_AND_OFFICERS: "id url types pool created_at created_by state paused position behind failing_since attempts "
            "last_error next_attempt"
        },
        "RegisteredWebhook": {
            ADMINS: "id url types pool created_at created_by state paused position behind failing_since attempts last_error "
            "next_attempt secret"
        },
        "TokenView": {ADMINS: "id subject role provider scope created_at expires_at used_at revoked_at"},
        "AccessView": {ACCESS: "number at what subject address by"},
        # Pages
        "Overview": {
            FIGURES: "choice pool provider own bar forecast months districts now position",
            CASEWORK: "waiting",
            AUDIT: "trail times",
        },
    }.items()
}


def sees(actor: Actor, view: str, field: str) -> bool:
    """Whether the actor's role sees a field of a view."""
    return actor.role in FIELDS[view][field]


def demand_fields(view: Any, policy: Policy) -> None:
    """Raises ``TypeError`` where a view has a field that somebody would be answered who may not see it, or that nobody stated."""
    for shown in views_in(view):
        stated = FIELDS.get(shown.__name__, {})
        for field in get_type_hints(shown):
            hidden = policy - stated.get(field, frozenset())
            if hidden:
                raise TypeError(f"{shown.__name__}.{field} is not for {', '.join(sorted(hidden))}")


def views_in(view: Any) -> Iterator[type]:
    """The view and all that stands in it, at whatever depth."""
    for part in get_args(view):
        yield from views_in(part)
    if isinstance(view, type) and (issubclass(view, msgspec.Struct) or dataclasses.is_dataclass(view)):
        yield view
        for part in get_type_hints(view).values():
            yield from views_in(part)
