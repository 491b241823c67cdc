"""What a browser keeps of a session, a cookie that no script reads and no other site sends along; and the forms that it sends."""

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "stundenpool"
SIGNING_IN = "stundenpool-anmeldung"  # a sign-in at the issuer that is under way
FORM_BYTES_MAX = 4096


def cookie_of(request: Request) -> str:
    """The value of the cookie; empty where there is none."""
    return request.cookies.get(_name(request), "")


def keep(response: Response, cookie: str, request: Request) -> None:
    """Until the browser closes; how long it is good for, the server knows."""
    response.set_cookie(_name(request), cookie, path="/", httponly=True, samesite="strict", secure=_encrypted(request))


def forget(response: Response, request: Request) -> None:
    response.delete_cookie(_name(request), path="/", httponly=True, samesite="strict", secure=_encrypted(request))


def from_here(request: Request) -> bool:
    """Whether a form was sent from a page of this host. Every browser says so of every POST; who does not say so is no browser.

    Only the host is compared: behind a proxy that ends encryption, this process does not know the scheme.
    """
    host = request.headers.get("host", "")
    try:
        return host != "" and urlsplit(request.headers.get("origin", "")).netloc.lower() == host.lower()
    except ValueError:
        return False


async def form(request: Request) -> dict[str, str]:
    """The fields of the form that was sent; none of them where it is too long or no text, and none that is stated twice."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES_MAX:
            return {}
    try:
        fields = parse_qs(body.decode(), max_num_fields=10, errors="strict", keep_blank_values=True)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items() if len(values) == 1}


def address_of(request: Request) -> str:
    """Where it comes from, as far as a trusted proxy says so."""
    return request.client.host if request.client else ""


def _name(request: Request) -> str:
    """With the prefix, a browser takes it from an encrypted page of this very host alone."""
    return f"__Host-{COOKIE}" if _encrypted(request) else COOKIE


def _encrypted(request: Request) -> bool:
    return request.url.scheme == "https"
