"""Which kind of token somebody shows: one of ours has no dots, one of the issuer's has two."""

from domain.quantities import Actor
from interfaces.http.problems import unauthorized
from interfaces.http.security import Tokens
from interfaces.identity.oidc import OpenId


class Bearers:
    """Finds the actor of an ``Authorization`` header. Whether the issuer is there is nothing to whoever shows a token of ours."""

    def __init__(self, tokens: Tokens, openid: OpenId | None) -> None:
        self._tokens = tokens
        self._openid = openid

    async def actor(self, authorization: str) -> Actor:
        """Raises ``Rejected``."""
        scheme, _, token = authorization.partition(" ")
        if "." not in token:
            return await self._tokens.actor(authorization)
        if scheme.lower() != "bearer" or self._openid is None:
            raise unauthorized()
        return await self._openid.actor(token)
