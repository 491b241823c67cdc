"""What every answer tells a browser, whichever route gave it."""

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
import uvicorn
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from interfaces.http.app import OPERATIONS, PAGES, PUBLIC
from interfaces.http.examples import PATH_IDS
from interfaces.http.operations import PREFIX
from interfaces.http.transport import HEAD_BYTES_MAX, Protocol
from tests.interfaces.http.office import Office, running_office

FIXED = {
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}
API_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PATHS = sorted({f"{PREFIX}{operation.path.format_map(PATH_IDS)}" for operation in OPERATIONS})
ELSEWHERE = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/static/docs.js", "/static/missing", "/assets/icon.svg")
NOWHERE = ("/missing", f"{PREFIX}/missing", "//", "/assets/")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """What every answer tells does not depend on the store."""
    folder = tmp_path_factory.mktemp("office")
    with running_office(f"sqlite:///{folder}/store.db", folder) as running:
        yield running


def everything() -> Iterator[tuple[str, str]]:
    for path in (*PATHS, *(page.path for page in PAGES), *ELSEWHERE, *NOWHERE):
        for method in METHODS:
            yield method, path


def test_every_route_is_tried_here(office: Office) -> None:
    """Those of the API come from its table, the pages from theirs; what the framework serves besides is listed, and is there."""
    served = {route.path for route in office.app.routes if isinstance(route, Route | Mount) and not route.path.startswith("/api")}
    tried = {page.path for page in PAGES} | {path for path in PUBLIC if any(each.startswith(path) for each in ELSEWHERE)}
    assert served == tried
    for path in ELSEWHERE:
        assert office.request("GET", path).status_code == (404 if "missing" in path else 200)


@pytest.mark.parametrize("who", [None, "officer"])
def test_every_answer_is_protected(office: Office, who: str | None) -> None:
    """Whoever asks, by whichever method, whatever the status: nobody frames, guesses, keeps or reads it across sites."""
    headers = {"Authorization": f"Bearer {office.tokens[who]}"} if who else {}
    statuses = set()
    for method, path in everything():
        if who and method == "GET" and path.endswith("/stream"):
            continue  # it has no end; HEAD announces what it answers
        answer = office.request(method, path, headers=headers)
        statuses.add(answer.status_code)
        assert_protected(answer, f"{method} {path}")
    assert statuses >= ({200, 401, 404, 405, 303} if who is None else {200, 404, 405, 422})


def assert_protected(answer: httpx.Response, what: str) -> None:
    stated = [name for name, _ in answer.headers.raw]
    assert len(stated) == len(set(stated)), (what, stated)
    assert {name: answer.headers.get(name) for name in FIXED} == FIXED, what
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy, what
    assert "frame-ancestors 'none'" in policy, what
    assert "base-uri 'none'" in policy, what
    assert re.search(r"script-src[^;]*('unsafe-inline'|'unsafe-eval'|\*|:)", policy) is None, what
    assert answer.headers["referrer-policy"] in ("no-referrer", "same-origin"), what
    if PREFIX in what:
        assert policy == API_POLICY, what
    else:
        assert answer.headers["cross-origin-opener-policy"] == "same-origin", what
        assert "geolocation=()" in answer.headers["permissions-policy"], what
    kept = answer.headers["cache-control"]
    assert kept == ("no-cache" if answer.status_code == 200 and re.search(r"/(static|assets)/", what) else "no-store"), what
    assert "access-control-allow-origin" not in answer.headers, what
    assert "server" not in answer.headers, what
    if answer.content:
        assert "content-type" in answer.headers, what


def test_no_method_changes_anything_that_should_only_read(office: Office) -> None:
    """TRACE, by which headers would come back, is known nowhere, and what is read only takes no other method."""
    for path in (*PATHS, *(page.path for page in PAGES), *ELSEWHERE):
        assert office.request("TRACE", path).status_code in (404, 405), path


def spoken_to(*pieces: bytes) -> bytes:
    """What the server says on a connection on which it is sent these pieces, one after the other."""

    async def hello(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def speak() -> bytes:
        config = uvicorn.Config(hello, http=Protocol, ws="none", lifespan="off", log_config=None)
        config.load()
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: Protocol(config, ServerState(), {}), theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        with suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        answer = await asyncio.wait_for(reader.read(100), 10)
        writer.close()
        return answer

    return asyncio.run(speak())


def test_a_head_without_an_end_is_cut_off() -> None:
    """Whoever sends one header after the other is told so before they fill the memory."""
    begin, more = b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-More: %s\r\n" % (b"x" * 1000)
    assert spoken_to(begin, *[more] * (HEAD_BYTES_MAX // 1000 + 1)).startswith(b"HTTP/1.1 400 ")
    assert spoken_to(begin, *[more] * (HEAD_BYTES_MAX // 2000), b"\r\n").startswith(b"HTTP/1.1 204 ")


def test_a_large_body_is_no_head() -> None:
    """Nor are many requests on one connection."""
    body = [b"x" * 1000] * (HEAD_BYTES_MAX // 500)
    begin = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (1000 * len(body))
    assert spoken_to(begin, *body).startswith(b"HTTP/1.1 204 ")
    small = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9000
    assert b" 400 " not in spoken_to(*[small] * 20)
