"""Somebody with a browser, as far as tests without one go."""

from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from typing import Any

import httpx

from interfaces.http.app import create_app
from interfaces.identity.people import actor_of
from interfaces.identity.sessions import Sessions
from interfaces.web import session
from tests.interfaces.http.office import PEOPLE, Office

HOST = "office.example"


class Visitor:
    """Visits the pages of an office with cookies of one's own."""

    def __init__(self, office: Office, scheme: str = "http") -> None:
        self._office = office
        self.origin = f"{scheme}://{HOST}"
        app = create_app(office.service)
        self.sessions: Sessions = app.state.api.sessions
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=self.origin)

    def signs_in_as(self, who: str) -> "Visitor":
        """Without the way there, which test_signing_in.py goes."""
        cookie = self._office.portal.call(partial(self.sessions.start, actor_of(*PEOPLE[who]), how="password"))
        self.keeps(self.cookie_name, cookie)
        return self

    def keeps(self, name: str, cookie: str) -> None:
        self._client.cookies.set(name, cookie, HOST)

    def says_it_is(self, browser: str) -> None:
        self._client.headers["User-Agent"] = browser

    def opens(self, path: str, **query: str) -> httpx.Response:
        return self._request("GET", path, params=query or None)

    def opens_from(self, site: str, path: str) -> httpx.Response:
        """Follows a link on a page of this or another site, as a browser says which."""
        return self._request("GET", path, headers={"Sec-Fetch-Site": site})

    def sends(self, path: str, origin: str | None = "", **form: str) -> httpx.Response:
        """Sends a form as a browser does; from another ``origin``, or without one, on request."""
        stated = {"Origin": self.origin if origin == "" else origin} if origin is not None else {}
        return self._request("POST", path, data=form, headers=stated)

    def sends_raw(self, path: str, body: bytes) -> httpx.Response:
        return self._request("POST", path, content=body, headers={"Origin": self.origin})

    def _request(self, method: str, path: str, **sent: Any) -> httpx.Response:
        return self._office.portal.call(partial(self._client.request, method, path, **sent))

    @property
    def cookie_name(self) -> str:
        return f"__Host-{session.COOKIE}" if self.origin.startswith("https") else session.COOKIE

    @property
    def cookie(self) -> str | None:
        """What it keeps of its session."""
        return self._client.cookies.get(self.cookie_name)

    @property
    def cookies(self) -> httpx.Cookies:
        """Those that the browser keeps, to look at and to change."""
        return self._client.cookies

    @property
    def is_signed_in(self) -> bool:
        return self.cookie is not None


@dataclass
class Read:
    """What stands in a page."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""

    def all(self, attribute: str) -> list[str]:
        """The values of an attribute, wherever it stands."""
        return [value or "" for _, attributes in self.elements for name, value in attributes.items() if name == attribute]

    def links(self, path: str) -> list[str]:
        return [link for link in self.all("href") if link.startswith(path)]


def read(answer: httpx.Response) -> Read:
    """Reads a page the way that a browser does."""
    found = Read()

    class Reading(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.elements.append((tag, dict(attrs)))
            found.text += " "

        def handle_data(self, data: str) -> None:
            found.text += data

    Reading().feed(answer.text)
    found.text = " ".join(found.text.split())
    return found
