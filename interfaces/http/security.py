"""What a role may do."""

from domain.quantities import Actor, Role

OFFICE = "jugendamt"

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


def provider_of(actor: Actor) -> str | None:
    """The provider whose cases alone the actor sees; ``None`` for the youth office."""
    return actor.organisation if actor.role in PROVIDERS else None
