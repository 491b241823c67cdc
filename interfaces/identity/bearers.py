"""Which kind of token somebody shows: one of ours has no dots, one of the issuer's has two."""

from interfaces.http.problems import unauthorized
from interfaces.identity.blocks import Blocks
from interfaces.identity.oidc import OpenId
from interfaces.identity.tokens import Caller, Tokens


class Bearers:
    """Finds who calls by an ``Authorization`` header. Whether the issuer is there is nothing to whoever shows a token of ours."""

    def __init__(self, tokens: Tokens, openid: OpenId | None, blocks: Blocks) -> None:
        self._tokens = tokens
        self._openid = openid
        self._blocks = blocks

    async def caller(self, authorization: str) -> Caller:
        """Raises ``Rejected``."""
        scheme, _, token = authorization.partition(" ")
        if "." not in token:
            return await self._tokens.caller(authorization)
        if scheme.lower() != "bearer" or self._openid is None:
            raise unauthorized()
        caller = await self._openid.caller(token)
        if await self._blocks.hold(caller.actor):
            raise unauthorized()
        return caller
