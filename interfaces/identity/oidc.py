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
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec

from domain.quantities import Actor
from interfaces.http.problems import Rejected, unauthorized, unavailable
from interfaces.identity.claims import Claims, NoPlace, scope_of
from interfaces.identity.issuer import PAUSE_SECONDS, Issuer, IssuerAway, Metadata, decoded
from interfaces.identity.jwt import Signed, Untrusted
from interfaces.identity.sessions import AtIssuer
from interfaces.identity.tokens import Caller
from interfaces.settings import Settings

log = logging.getLogger("stundenpool.identity")

BEGIN, RETURN, LOGOUT = "/anmeldung/oidc", "/anmeldung/oidc/zurueck", "/anmeldung/oidc/abmeldung"
SIGN_IN_SECONDS_MAX = 600  # for finding a password, and the second factor
CODE_BYTES_MAX = 2048
ASKED_SECONDS = 5.0  # how long it is believed that a token still counts; as long as a token of ours
ASKED_MAX = 10_000

_BEGUN = re.compile(r"[0-9]{10}\.[A-Za-z0-9_-]{43}(\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?")

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


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who has signed in at the issuer; ``proving`` is the session whose person has proved again who they are."""

    actor: Actor
    at_issuer: AtIssuer
    proving: UUID | None


@dataclass(frozen=True, slots=True)
class SignedOut:
    """Whom the issuer has signed out: a person, or one session of theirs."""

    sub: str | None
    sid: str | None
    said: datetime


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
        self._introspects = settings.oidc_introspection == "on"
        self._asked: dict[bytes, tuple[float, Mapping[str, Any]]] = {}

    # ── systems

    async def caller(self, token: str) -> Caller:
        """Who shows an access token of the issuer; raises ``Rejected``. Where the issuer is needed and away, nobody can tell."""
        if not self._audience:
            raise unauthorized()
        try:
            signed = Signed(token)
            key = await self.issuer.key(signed.kid, signed.algorithm)
            claims = signed.access_claims(key, self.issuer.url, self._audience)
            if self._introspects:
                claims = {**claims, **await self._said_now(token)}
            return Caller(self._claims.actor(claims), scope_of(claims))
        except (Untrusted, NoPlace) as error:
            log.info("a token of the issuer is refused: %s", error)
            raise unauthorized() from None
        except IssuerAway:
            raise unavailable(int(PAUSE_SECONDS)) from None

    async def _said_now(self, token: str) -> Mapping[str, Any]:
        """What the issuer says of a token by now (RFC 7662); where it says other roles than it signed, these count."""
        digest = sha256(token.encode()).digest()
        known = self._asked.get(digest)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        metadata = await self.issuer.metadata()
        if not metadata.introspection_endpoint:
            raise IssuerAway("no address to ask at")
        form = {"token": token, "token_type_hint": "access_token"}
        status, body = await self._post(metadata, metadata.introspection_endpoint, form)
        said = decoded(body, dict[str, Any]) if status == 200 else {}
        if not isinstance(said.get("active"), bool):
            raise IssuerAway("no answer to what was asked")
        if not said["active"]:
            raise Untrusted("the issuer has withdrawn it")
        if not isinstance(said.get("scope", ""), str):
            raise Untrusted("a scope that is no text")
        if len(self._asked) >= ASKED_MAX:
            self._asked.clear()
        self._asked[digest] = time.monotonic() + ASKED_SECONDS, said
        return said

    # ── people

    @property
    def for_people(self) -> bool:
        """Whether people can sign in there."""
        return self._client != ""

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach this service over TLS only."""
        return self._home.startswith("https:")

    async def begin(self, proving: UUID | None = None) -> Begun:
        """A new sign-in, or one by which the person of a session proves again who they are; raises ``Rejected`` where the issuer is
        away."""
        cookie = f"{int(time.time())}.{secrets.token_urlsafe(32)}"
        if proving is not None:
            cookie += f".{proving}"
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
        if proving is not None:
            asked |= {"prompt": "login", "max_age": "0"}
        metadata = await self._metadata()
        if not metadata.authorization_endpoint:
            raise unavailable(int(PAUSE_SECONDS))
        return Begun(_with_query(metadata.authorization_endpoint, asked), cookie)

    async def finish(self, cookie: str, answer: Mapping[str, str]) -> SignedIn:
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
            begun, proving = int(cookie[:10]), _proving(cookie)
            claims = signed.id_claims(
                key, self.issuer.url, self._client, _drawn(cookie, "nonce"), tokens.access_token, begun if proving else None
            )
            return SignedIn(self._claims.actor(claims), AtIssuer(claims["sub"], claims.get("sid")), proving)
        except Untrusted as error:
            raise _failed(str(error)) from None
        except NoPlace as error:
            raise _no_place(error) from None
        except IssuerAway:
            raise unavailable(int(PAUSE_SECONDS)) from None

    async def signed_out(self, token: str) -> SignedOut:
        """Whom the issuer has signed out, as it tells this service behind the browser's back; raises ``Rejected``."""
        try:
            signed = Signed(token)
            key = await self.issuer.key(signed.kid, signed.algorithm)
            claims = signed.logout_claims(key, self.issuer.url, self._client)
        except Untrusted as error:
            log.info("a logout token is refused: %s", error)
            raise _signs_nobody_out() from None
        except IssuerAway:
            raise unavailable(int(PAUSE_SECONDS)) from None
        return SignedOut(claims.get("sub"), claims.get("sid"), datetime.fromtimestamp(claims["iat"], UTC))

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
        status, body = await self._post(metadata, metadata.token_endpoint, form)
        if status >= 500:
            raise IssuerAway
        if status != 200:
            raise Untrusted("the code is not taken")
        tokens = decoded(body, _Tokens)
        if not tokens.access_token.isascii():
            raise Untrusted("an access token that is none")
        return tokens

    async def _post(self, metadata: Metadata, url: str, form: dict[str, str]) -> tuple[int, bytes]:
        """The answer to a form, with who we are stated as the issuer takes it."""
        auth = None
        if self._secret and "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            auth = quote(self._client, safe=""), quote(self._secret, safe="")
        elif self._secret:
            form |= {"client_id": self._client, "client_secret": self._secret}
        else:
            form["client_id"] = self._client
        return await self.issuer.post(url, form, auth)


def _drawn(cookie: str, what: str) -> str:
    """A secret of this sign-in. Each is drawn from the cookie, so whoever changes the time in that changes all of them."""
    return _base64url(hmac.digest(cookie.encode(), what.encode(), "sha256"))


def _proving(cookie: str) -> UUID | None:
    _, _, session = cookie[11:].partition(".")
    return UUID(session) if session else None


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


def _signs_nobody_out() -> Rejected:
    return Rejected(
        HTTPStatus.BAD_REQUEST,
        "logout_failed",
        "Die Abmeldung gilt nicht",
        "Das Token sagt nicht diesem Dienst, dass jemand abgemeldet ist.",
    )


def not_proved() -> Rejected:
    return _failed("whoever proved who they are is not whose session it was, or that is over")


def kept_out() -> Rejected:
    return Rejected(
        HTTPStatus.FORBIDDEN,
        "kept_out",
        "Angemeldet, aber ohne Zugang",
        "Ihre Kennung ist im Stundenpool gesperrt. Bitte wenden Sie sich an die Administration.",
    )


def _no_place(error: NoPlace) -> Rejected:
    log.warning("an account of the issuer has no place here: %s", error)
    return Rejected(
        HTTPStatus.FORBIDDEN,
        "no_place",
        "Angemeldet, aber ohne Zugang",
        f"{LACKING[error.lacking]} Bitte wenden Sie sich an die Administration.",
    )
