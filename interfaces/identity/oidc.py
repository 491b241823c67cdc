"""OpenID Connect: people sign in at an issuer (authorisation code with PKCE), systems show what it has given them.

Nothing of the issuer's is kept: of a person's sign-in only who it was, of a system's token not even that. What belongs to a sign-in
under way lies in the browser that began it, so any process can end it, and there is nothing that strangers could fill.
"""

import hmac
import logging
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import quote, urlencode

import msgspec

from domain.quantities import Actor
from interfaces.http.problems import Rejected, unauthorized, unavailable
from interfaces.identity.claims import Claims, NoPlace
from interfaces.identity.issuer import PAUSE_SECONDS, Issuer, IssuerAway, Metadata, decoded
from interfaces.identity.jwt import Signed, Untrusted
from interfaces.settings import Settings

log = logging.getLogger("stundenpool.identity")

BEGIN, RETURN = "/anmeldung/oidc", "/anmeldung/oidc/zurueck"
SIGN_IN_SECONDS_MAX = 600  # for finding a password, and the second factor
CODE_BYTES_MAX = 2048

_BEGUN = re.compile(r"[0-9]{10}\.[A-Za-z0-9_-]{43}")

LACKING = {
    "role": "Für Ihr Konto ist im Stundenpool keine Rolle hinterlegt, oder mehr als eine.",
    "provider": "Der Träger zu Ihrem Konto passt nicht zu Ihrer Rolle: Fachkräfte und Leitungen brauchen einen, andere keinen.",
    "name": "Die Angaben zu Ihrem Konto reichen nicht aus.",
}


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way: where the browser goes, and what it brings back in a cookie."""

    url: str
    cookie: str


class _Tokens(msgspec.Struct):
    id_token: str
    access_token: str


class OpenId:
    """This service as a client of one issuer. Belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self.issuer = Issuer(settings.oidc_issuer)
        self._claims = Claims(settings)
        self._client = settings.oidc_client_id
        self._secret = settings.oidc_client_secret
        self._home = settings.oidc_redirect_url
        self._audience = settings.oidc_audience

    # ── systems

    async def actor(self, token: str) -> Actor:
        """Who shows an access token of the issuer; raises ``Rejected``. Where the issuer is needed and away, nobody can tell."""
        if not self._audience:
            raise unauthorized()
        try:
            signed = Signed(token)
            key = await self.issuer.key(signed.kid, signed.algorithm)
            return self._claims.actor(signed.access_claims(key, self.issuer.url, self._audience))
        except (Untrusted, NoPlace) as error:
            log.info("a token of the issuer is refused: %s", error)
            raise unauthorized() from None
        except IssuerAway:
            raise unavailable(int(PAUSE_SECONDS)) from None

    # ── people

    @property
    def for_people(self) -> bool:
        """Whether people can sign in there."""
        return self._client != ""

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach this service over TLS only."""
        return self._home.startswith("https:")

    async def begin(self) -> Begun:
        """A new sign-in; raises ``Rejected`` where the issuer is away."""
        cookie = f"{int(time.time())}.{secrets.token_urlsafe(32)}"
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": self._home + RETURN,
            "scope": "openid",
            "state": _drawn(cookie, "state"),
            "nonce": _drawn(cookie, "nonce"),
            "code_challenge": _base64url(sha256(_drawn(cookie, "verifier").encode()).digest()),
            "code_challenge_method": "S256",
        }
        metadata = await self._metadata()
        if not metadata.authorization_endpoint:
            raise unavailable(int(PAUSE_SECONDS))
        return Begun(_with_query(metadata.authorization_endpoint, asked), cookie)

    async def finish(self, cookie: str, answer: Mapping[str, str]) -> Actor:
        """Who has signed in, by what the browser brings back from the issuer; raises ``Rejected``."""
        if not _BEGUN.fullmatch(cookie) or not 0 <= time.time() - int(cookie[:10]) <= SIGN_IN_SECONDS_MAX:
            raise _failed("the sign-in was not begun here, or took too long")
        if not hmac.compare_digest(answer.get("state", "").encode(), _drawn(cookie, "state").encode()):
            raise _failed("the answer is for another browser")
        metadata = await self._metadata()
        named = answer.get("iss")
        if named != self.issuer.url and (named is not None or metadata.authorization_response_iss_parameter_supported):
            raise _failed("the answer is from another issuer")
        code = answer.get("code", "")
        if "error" in answer or not (code.isascii() and 1 <= len(code) <= CODE_BYTES_MAX):
            raise _failed("the issuer says no")
        try:
            tokens = await self._redeemed(metadata, code, _drawn(cookie, "verifier"))
            signed = Signed(tokens.id_token)
            key = await self.issuer.key(signed.kid, signed.algorithm)
            nonce = _drawn(cookie, "nonce")
            return self._claims.actor(signed.id_claims(key, self.issuer.url, self._client, nonce, tokens.access_token))
        except Untrusted as error:
            raise _failed(str(error)) from None
        except NoPlace as error:
            raise _no_place(error) from None
        except IssuerAway:
            raise unavailable(int(PAUSE_SECONDS)) from None

    async def farewell(self) -> str | None:
        """Where a browser signs out at the issuer as well; ``None`` where it does not offer that, or is away."""
        try:
            metadata = await self.issuer.metadata()
        except IssuerAway:
            return None
        if not metadata.end_session_endpoint:
            return None
        return _with_query(metadata.end_session_endpoint, {"client_id": self._client, "post_logout_redirect_uri": f"{self._home}/"})

    async def _metadata(self) -> Metadata:
        try:
            return await self.issuer.metadata()
        except IssuerAway:
            raise unavailable(int(PAUSE_SECONDS)) from None

    async def _redeemed(self, metadata: Metadata, code: str, verifier: str) -> _Tokens:
        """What the issuer gives for a code, which it does once."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._home + RETURN,
            "code_verifier": verifier,
        }
        auth = None
        if self._secret and "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            auth = quote(self._client, safe=""), quote(self._secret, safe="")
        elif self._secret:
            form |= {"client_id": self._client, "client_secret": self._secret}
        else:
            form["client_id"] = self._client
        status, body = await self.issuer.post(metadata.token_endpoint, form, auth)
        if status >= 500:
            raise IssuerAway
        if status != 200:
            raise Untrusted("the code is not taken")
        tokens = decoded(body, _Tokens)
        if not tokens.access_token.isascii():
            raise Untrusted("an access token that is none")
        return tokens


def _drawn(cookie: str, what: str) -> str:
    """A secret of this sign-in. Each is drawn from the cookie, so whoever changes the time in that changes all of them."""
    return _base64url(hmac.digest(cookie.encode(), what.encode(), "sha256"))


def _base64url(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def _with_query(url: str, parameters: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"


def _failed(reason: str) -> Rejected:
    log.info("a sign-in failed: %s", reason)
    return Rejected(
        HTTPStatus.BAD_REQUEST,
        "sign_in_failed",
        "Die Anmeldung ist nicht gelungen",
        "Sie wurde abgebrochen, hat zu lange gedauert oder wurde in einem anderen Fenster begonnen. Bitte melden Sie sich neu an.",
    )


def _no_place(error: NoPlace) -> Rejected:
    log.warning("an account of the issuer has no place here: %s", error)
    return Rejected(
        HTTPStatus.FORBIDDEN,
        "no_place",
        "Angemeldet, aber ohne Zugang",
        f"{LACKING[error.lacking]} Bitte wenden Sie sich an die Administration.",
    )
