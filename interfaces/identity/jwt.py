"""What an issuer has signed, judged: is it ours to believe? (RFC 7515, 7519, 8725, 9068; OpenID Connect Core 3.1.3.7 and
Back-Channel Logout 2.6)

Signatures are joserfc's. What stands here is stricter than the standards allow where nobody honest is hindered by it: a header that
could lead anywhere, a name stated twice, a token that lives for weeks.
"""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jwt import JWTClaimsRegistry
from joserfc.util import base64_to_int, urlsafe_b64decode

LEEWAY_SECONDS = 30  # by which two clocks may differ
LIFETIME_SECONDS_MAX = 24 * 3600  # judged offline, a token cannot be taken back before it ends
TOKEN_BYTES_MAX = 8192  # what web servers take for a header
ACCESS_TOKEN = ("at+jwt", "application/at+jwt")
LOGOUT_TOKEN = ("logout+jwt", "application/logout+jwt")
LOGOUT_SECONDS_MAX = 600  # since an issuer has signed that somebody is signed out
RSA_BITS_MIN = 2048

# Each with its hash and the kind of key that it takes. None is symmetric: a key that everybody may read signs nothing.
ALGORITHMS = {
    "RS256": ("sha256", "RSA"),
    "RS384": ("sha384", "RSA"),
    "RS512": ("sha512", "RSA"),
    "PS256": ("sha256", "RSA"),
    "PS384": ("sha384", "RSA"),
    "PS512": ("sha512", "RSA"),
    "ES256": ("sha256", "P-256"),
    "ES384": ("sha384", "P-384"),
    "ES512": ("sha512", "P-521"),
}

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SIGNED_OUT = "http://schemas.openid.net/event/backchannel-logout"
_HEADERS = {"alg", "kid", "typ", "x5t", "x5t#S256"}  # none of which brings a key along, or says where to fetch one

Key = RSAKey | ECKey


class Untrusted(Exception):
    """A token is not believed. The reason quotes nothing of it."""


class Signed:
    """A token as it came: its parts can be read, and nothing of it is believed yet."""

    def __init__(self, token: str) -> None:
        if len(token) > TOKEN_BYTES_MAX or not _COMPACT.fullmatch(token):
            raise Untrusted("no compact JWS")
        header, payload, _ = token.split(".")
        self._token = token
        self._header, self._claims = _object(header), _object(payload)
        if not self._header.keys() <= _HEADERS:
            raise Untrusted("a header that is not taken")
        self.algorithm = self._text("alg")
        if self.algorithm not in ALGORITHMS:
            raise Untrusted("an algorithm that is not taken")
        self.kid = self._text("kid")

    @property
    def type(self) -> str:
        """What the token says it is, in lower case; empty where it does not."""
        return self._text("typ").lower() if "typ" in self._header else ""

    def access_claims(self, key: Key, issuer: str, audience: str) -> Mapping[str, Any]:
        """The claims of an access token for this audience; raises ``Untrusted``."""
        if self.type not in ACCESS_TOKEN:
            raise Untrusted("no access token")
        claims = self._verified(key, issuer)
        stated = claims["aud"]
        if audience not in ([stated] if isinstance(stated, str) else stated):
            raise Untrusted("another audience")
        if "cnf" in claims:
            raise Untrusted("bound to a key that nobody showed")
        if "authorization_details" in claims:
            raise Untrusted("narrowed in a way that is not read")
        if not isinstance(claims.get("scope", ""), str):
            raise Untrusted("a scope that is no text")
        return claims

    def logout_claims(self, key: Key, issuer: str, client: str) -> Mapping[str, Any]:
        """The claims of a token by which the issuer says to this client that somebody is signed out; raises ``Untrusted``."""
        if self.type not in LOGOUT_TOKEN:
            raise Untrusted("no logout token")
        claims = self._verified(key, issuer)
        if claims["aud"] not in (client, [client]):
            raise Untrusted("for another client")
        if "nonce" in claims or not isinstance(claims.get("events"), dict) or _SIGNED_OUT not in claims["events"]:
            raise Untrusted("about something else")
        named = [claims[name] for name in ("sub", "sid") if name in claims]
        if not named or not all(isinstance(each, str) for each in named):
            raise Untrusted("about nobody")
        if claims["iat"] + LOGOUT_SECONDS_MAX < time.time():
            raise Untrusted("of long ago")
        return claims

    def id_claims(
        self, key: Key, issuer: str, client: str, nonce: str, access_token: str, proved_since: int | None = None
    ) -> Mapping[str, Any]:
        """The claims of an ID token that was given to this client for this sign-in, on request only if its person has proved who
        they are since then; raises ``Untrusted``."""
        if self.type not in ("", "jwt"):
            raise Untrusted("no ID token")
        claims = self._verified(key, issuer)
        if claims["aud"] not in (client, [client]) or claims.get("azp", client) != client:
            raise Untrusted("for another client")
        if not _same(claims.get("nonce"), nonce):
            raise Untrusted("of another sign-in")
        if "at_hash" in claims and not _same(claims["at_hash"], self._half_hash(access_token)):
            raise Untrusted("of another access token")
        if not isinstance(claims.get("sub"), str) or not isinstance(claims.get("sid", ""), str):
            raise Untrusted("about nobody")
        if proved_since is not None:
            proved = claims.get("auth_time")
            if not isinstance(proved, int) or proved < proved_since - LEEWAY_SECONDS:
                raise Untrusted("nobody has proved anything anew")
        return claims

    def _verified(self, key: Key, issuer: str) -> Mapping[str, Any]:
        """The claims, once signature, issuer and times are right."""
        try:
            jws.deserialize_compact(self._token, key, algorithms=[self.algorithm])
        except (JoseError, ValueError):
            raise Untrusted("the signature is wrong") from None
        now = int(time.time())
        needed = JWTClaimsRegistry(
            now,
            LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            needed.validate(dict(self._claims))
        except JoseError as error:
            raise Untrusted(f"claims are wrong: {error.error}") from None
        if self._claims["exp"] - self._claims["iat"] > LIFETIME_SECONDS_MAX:
            raise Untrusted("lives for too long")
        return self._claims

    def _text(self, name: str) -> str:
        stated = self._header.get(name)
        if not isinstance(stated, str):
            raise Untrusted("a header that is missing or no text")
        return stated

    def _half_hash(self, access_token: str) -> str:
        digest = hashlib.new(ALGORITHMS[self.algorithm][0], access_token.encode()).digest()
        return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def read_key(stated: Mapping[str, Any]) -> Key | None:
    """A key of a set, if it is one that signs for us; raises ``ValueError`` for one that is none at all."""
    if stated.get("use", "sig") != "sig":
        return None
    public = {name: value for name, value in stated.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        if stated.get("kty") == "RSA":
            return RSAKey.import_key(public) if base64_to_int(public["n"]).bit_length() >= RSA_BITS_MIN else None
        if stated.get("kty") == "EC":
            return ECKey.import_key(public)
    except (JoseError, TypeError, KeyError) as error:
        raise ValueError("a key that cannot be read") from error
    return None


def fits(key: Key, algorithm: str) -> bool:
    """Whether the algorithm takes a key of this kind."""
    kind = key.curve_name if isinstance(key, ECKey) else "RSA"
    return ALGORITHMS[algorithm][1] == kind


def _object(part: str) -> Mapping[str, Any]:
    """A part of a token, which is an object in which every name stands once, at any depth."""
    try:
        found = json.loads(urlsafe_b64decode(part.encode()).decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Untrusted("a part that is no JSON") from None
    if not isinstance(found, dict):
        raise Untrusted("a part that is no object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is stated twice")
    return found


def _same(stated: object, expected: str) -> bool:
    return isinstance(stated, str) and hmac.compare_digest(stated.encode("utf-8", "surrogatepass"), expected.encode())
