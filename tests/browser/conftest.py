"""A served story, and a browser to look at it."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
import uvicorn
from playwright.sync_api import Browser

from interfaces.http.app import create_app
from interfaces.http.security import create_token
from interfaces.service import open_service
from interfaces.settings import Settings
from tests.browser.chromium import running_chromium
from tests.interfaces.web.story import Clock, tell
from tests.office import running_office

PEOPLE = {"officer": None, "auditor": None, "admin": None, "worker": "traeger-a"}
_START_SECONDS_MAX = 10


@dataclass(frozen=True)
class Site:
    """Where the pages are served, and who may sign in."""

    url: str
    tokens: Mapping[str, str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module: while it is driven, nobody else may run an event loop in the process."""
    with running_chromium() as running:
        yield running


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The story of the pages' tests, served for real."""
    folder = tmp_path_factory.mktemp("site")
    url, clock = f"sqlite:///{folder}/store.db", Clock()
    with running_office(url, folder / "keys", clock) as office:
        tell(office, clock)
        tokens = {
            role: create_token(office.store, role=role, subject=f"{role}-1", provider=provider) for role, provider in PEOPLE.items()
        }
    with open_service(Settings(database_url=url, keystore=str(folder / "keys"))) as service, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(service), log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        deadline = time.monotonic() + _START_SECONDS_MAX
        while not server.started:
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.01)
        try:
            yield Site(f"http://127.0.0.1:{listening.getsockname()[1]}", tokens)
        finally:
            server.should_exit = True
            thread.join()
