"""Signing in to the pages: the bearer token itself, in a cookie that no script reads and no other site sends along."""

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "stundenpool"
SIGNING_IN = "stundenpool-anmeldung"  # a sign-in at the issuer that is under way
SIGNED_IN_ELSEWHERE = "stundenpool-anmeldestelle"  # whoever signs out here has signed in there
FORM_BYTES_MAX = 4096


def token_of(request: Request) -> str:
    """The token of whoever is signed in; empty where nobody is."""
    return request.cookies.get(COOKIE, "")


def keep(response: Response, token: str, request: Request) -> None:
    """Signs in until the browser closes. The token has been found, so nothing strange stands in it."""
    response.set_cookie(COOKIE, token, path="/", httponly=True, samesite="strict", secure=_encrypted(request))


def forget(response: Response, request: Request) -> None:
    """Signs out."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=_encrypted(request))


def from_here(request: Request) -> bool:
    """Whether a form was sent from a page of this host. Every browser says so of every POST; who does not say so is no browser.

    Only the host is compared: behind a proxy that ends encryption, this process does not know the scheme.
    """
    host = request.headers.get("host", "")
    try:
        return host != "" and urlsplit(request.headers.get("origin", "")).netloc.lower() == host.lower()
    except ValueError:
        return False


async def form_field(request: Request, name: str) -> str:
    """A field of the form that was sent; empty where it is missing, stated twice, too long or no text."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES_MAX:
            return ""
    try:
        values = parse_qs(body.decode(), max_num_fields=10, errors="strict").get(name, [])
    except ValueError:
        return ""
    return values[0].strip() if len(values) == 1 else ""


def _encrypted(request: Request) -> bool:
    return request.url.scheme == "https"
