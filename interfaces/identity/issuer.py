"""What an issuer publishes about itself and its keys: fetched rarely, kept for a while, never at the will of who sends a token."""

import logging
import time
from collections.abc import Mapping
from typing import Any, TypeVar

import anyio
import httpx
import msgspec

from interfaces.identity.jwt import Key, Untrusted, fits, read_key
from interfaces.settings import is_protected
from interfaces.tls import trusted

log = logging.getLogger("stundenpool.identity")

ATTEMPT_SECONDS_MAX = 5.0  # with everything: connecting, sending, the answer
ANSWER_BYTES_MAX = 256 * 1024
PAUSE_SECONDS = 10.0  # between two attempts, whether the one before succeeded or not
FRESH_SECONDS = 600.0  # after which what is known is asked for again
KNOWN_SECONDS_MAX = 3600.0  # how long it is believed while the issuer is away

_HEADERS = {"accept": "application/json", "accept-encoding": "identity"}  # compressed, a short answer could become a long one
_DISCOVERY = "/.well-known/openid-configuration"

T = TypeVar("T")


class IssuerAway(Exception):
    """The issuer does not answer, or not with what it should."""


class Metadata(msgspec.Struct, frozen=True):
    """What of OpenID Connect Discovery is used here."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    end_session_endpoint: str = ""
    introspection_endpoint: str = ""
    authorization_response_iss_parameter_supported: bool = False
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)

    @property
    def addresses(self) -> tuple[str, ...]:
        return (
            self.jwks_uri,
            self.authorization_endpoint,
            self.token_endpoint,
            self.end_session_endpoint,
            self.introspection_endpoint,
        )


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


class _Known(msgspec.Struct, frozen=True):
    at: float
    metadata: Metadata
    keys: tuple[tuple[Mapping[str, Any], Key], ...]


class Issuer:
    """One issuer, as this process knows it. Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._known: _Known | None = None
        self._attempted = -PAUSE_SECONDS
        self._failing = False
        self._fetching = anyio.Lock()  # whoever comes while it is being fetched waits for that

    async def metadata(self) -> Metadata:
        """Raises ``IssuerAway``."""
        return (await self._current()).metadata

    async def key(self, kid: str, algorithm: str) -> Key:
        """The key of this name for this algorithm; raises ``Untrusted`` where the issuer has none, or ``IssuerAway``.

        A name that is not known may be that of a new key, so the issuer is asked once more, if it was not asked just now.
        """
        key = _named(await self._current(), kid, algorithm)
        if key is None:
            key = _named(await self._current(newer=True), kid, algorithm)
        if key is None:
            if self._failing:  # it might have the key by now
                raise IssuerAway
            raise Untrusted("a key that the issuer does not have")
        return key

    async def post(self, url: str, form: Mapping[str, str], auth: tuple[str, str] | None) -> tuple[int, bytes]:
        """Status and body of the answer to a form."""
        return await self._ask("POST", url, data=dict(form), auth=auth)

    async def _current(self, *, newer: bool = False) -> _Known:
        """What is known by now. While somebody asks the issuer, others do with what is known, unless they need something newer."""
        now = time.monotonic()
        known = self._known
        if known is not None and not newer and (now - known.at <= FRESH_SECONDS or self._fetching.locked()):
            return self._still_believed(known)
        async with self._fetching:
            if time.monotonic() - self._attempted >= PAUSE_SECONDS:
                self._attempted = time.monotonic()
                await self._fetch()
        return self._still_believed(self._known)

    def _still_believed(self, known: _Known | None) -> _Known:
        if known is None or time.monotonic() - known.at > KNOWN_SECONDS_MAX:
            raise IssuerAway
        return known

    async def _fetch(self) -> None:
        try:
            metadata = await self._read(self.url.removesuffix("/") + _DISCOVERY, Metadata)
            if metadata.issuer != self.url:
                raise IssuerAway("the issuer gives itself another name")
            if not all(map(is_protected, filter(None, metadata.addresses))):
                raise IssuerAway("an address without encryption")
            stated = (await self._read(metadata.jwks_uri, _KeySet)).keys
            keys = tuple((each, key) for each in stated if (key := _readable(each)) is not None)
        except (IssuerAway, ValueError) as error:
            self._failing = True
            log.warning("the issuer is away: %s", error if isinstance(error, IssuerAway) else type(error).__name__)
        else:
            self._failing = False
            self._known = _Known(time.monotonic(), metadata, keys)

    async def _read(self, url: str, kind: type[T]) -> T:
        status, body = await self._ask("GET", url)
        if status != 200:
            raise IssuerAway(f"status {status}")
        return decoded(body, kind)

    async def _ask(self, method: str, url: str, **sent: Any) -> tuple[int, bytes]:
        """Redirects are not followed: what the issuer publishes is where it says."""
        try:
            if not is_protected(url):
                raise IssuerAway("an address without encryption")
            async with httpx.AsyncClient(verify=trusted(), timeout=ATTEMPT_SECONDS_MAX) as client:
                with anyio.fail_after(ATTEMPT_SECONDS_MAX):
                    async with client.stream(method, url, headers=_HEADERS, **sent) as answer:
                        body = b""
                        async for piece in answer.aiter_raw():
                            body += piece
                            if len(body) > ANSWER_BYTES_MAX:
                                raise IssuerAway("an answer that is too long")
                        return answer.status_code, body
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            raise IssuerAway(type(error).__name__) from None


def decoded(body: bytes, kind: type[T]) -> T:
    """What an answer of the issuer says; raises ``IssuerAway`` for something else."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise IssuerAway("an answer that cannot be read") from None


def _readable(stated: Mapping[str, Any]) -> Key | None:
    try:
        return read_key(stated)
    except ValueError:
        return None  # a key of a new kind must not hide the others


def _named(known: _Known, kid: str, algorithm: str) -> Key | None:
    found = [
        key
        for stated, key in known.keys
        if stated.get("kid") == kid and stated.get("alg", algorithm) == algorithm and fits(key, algorithm)
    ]
    return found[0] if len(found) == 1 else None
