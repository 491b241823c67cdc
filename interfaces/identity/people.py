"""Who somebody can be: a name that the log knows, a role, and the organisation that they act for."""

from typing import cast, get_args

from domain.quantities import OFFICE as OFFICE  # whoever makes people needs it
from domain.quantities import Actor, Role
from interfaces.http.policies import PROVIDERS


def actor_of(role: str, subject: str, provider: str | None) -> Actor:
    """Raises ``ValueError`` with a German sentence for a person or provider that cannot be."""
    if role not in get_args(Role):
        raise ValueError(f"Die Rolle „{role}“ gibt es nicht; es gibt {', '.join(get_args(Role))}.")
    if (role in PROVIDERS) != (provider is not None):
        raise ValueError("worker und lead brauchen einen Träger (--provider), alle anderen Rollen haben keinen.")
    for name in (subject, provider):
        if name is not None and not is_name(name):
            raise ValueError("Namen haben 1 bis 200 druckbare Zeichen und keinen Leerraum am Rand.")
    return Actor(subject, cast(Role, role), provider or OFFICE)


def is_name(text: str) -> bool:
    return text.strip() == text and text.isprintable() and 1 <= len(text) <= 200
