"""Who a token speaks of: its claims, read as the settings say."""

from collections.abc import Mapping
from typing import Any, Literal

from domain.quantities import Actor, Role
from interfaces.http.policies import PROVIDERS
from interfaces.identity.people import actor_of
from interfaces.identity.tokens import Scope
from interfaces.settings import Settings, read_roles

# What a word in ``scope`` limits a token to, the widest first; each holds what those behind it hold.
SCOPES: Mapping[str, Scope] = {"stundenpool": "full", "stundenpool:read": "read", "stundenpool:events": "events"}


class NoPlace(Exception):
    """The issuer knows this account, and it has no place here: for want of a role, of a provider, or of a name."""

    def __init__(self, lacking: Literal["role", "provider", "name"]) -> None:
        super().__init__(lacking)
        self.lacking = lacking


class Claims:
    """Which claims say what."""

    def __init__(self, settings: Settings) -> None:
        self._subject = settings.oidc_subject_claim
        self._role = settings.oidc_role_claim
        self._provider = settings.oidc_provider_claim
        self._roles = read_roles(settings.oidc_roles)

    def actor(self, claims: Mapping[str, Any]) -> Actor:
        """Who it is; raises ``NoPlace``."""
        role, subject = self._role_of(claims), _found(claims, self._subject)
        provider = _found(claims, self._provider)
        if not isinstance(provider, str | None) or (role in PROVIDERS) != (provider is not None):
            raise NoPlace("provider")
        if not isinstance(subject, str):
            raise NoPlace("name")
        try:
            return actor_of(role, subject, provider)
        except ValueError:
            raise NoPlace("name") from None

    def _role_of(self, claims: Mapping[str, Any]) -> Role:
        """Exactly one: with two, nobody could tell in which of them somebody acts."""
        stated = _found(claims, self._role)
        stated = [stated] if isinstance(stated, str) else stated
        if not isinstance(stated, list) or not all(isinstance(each, str) for each in stated):
            raise NoPlace("role")
        roles = {self._roles[each] for each in stated if each in self._roles}
        if len(roles) != 1:
            raise NoPlace("role")
        return roles.pop()


def scope_of(claims: Mapping[str, Any]) -> Scope | None:
    """What a token is limited to; nothing where it was given for something else (RFC 9068, 2.2.3)."""
    stated = claims.get("scope", "").split(" ")
    return next((scope for word, scope in SCOPES.items() if word in stated), None)


def _found(claims: Mapping[str, Any], name: str) -> Any:
    """A claim of this name, or what stands where its dots lead; ``None`` where there is nothing."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
