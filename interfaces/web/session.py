"""What a browser keeps of a session, a cookie that no script reads and no other site sends along; and where its forms come from."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "stundenpool"
SIGNING_IN = "stundenpool-anmeldung"  # a sign-in at the issuer that is under way


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


def address_of(request: Request) -> str:
    """Where it comes from, as far as a trusted proxy says so."""
    return request.client.host if request.client else ""


def browser_of(request: Request) -> str:
    """What it says it is, as far as a person would tell browsers apart; empty where that is nothing known."""
    said = request.headers.get("user-agent", "")
    browser = next((name for mark, name in _BROWSERS if mark in said), "")
    system = next((name for mark, name in _SYSTEMS if mark in said), "")
    return f"{browser} auf {system}" if browser and system else browser or system


# The first that is found counts: most browsers name others besides.
_BROWSERS = (
    ("Edg", "Edge"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("OPR/", "Opera"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def _name(request: Request) -> str:
    """With the prefix, a browser takes it from an encrypted page of this very host alone."""
    return f"__Host-{COOKIE}" if _encrypted(request) else COOKIE


def _encrypted(request: Request) -> bool:
    return request.url.scheme == "https"
