"""Serves the application until it is told to stop."""

import asyncio
import gc
import logging
import resource
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, NoReturn, cast

import uvicorn
from eventsourcing.persistence import PersistenceError
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from application.engine import utc_now
from interfaces.http.app import create_app
from interfaces.http.following import Following
from interfaces.service import open_service
from interfaces.settings import Settings
from interfaces.storage import open_store
from interfaces.storage.migrate import schema_state

log = logging.getLogger("stundenpool.http")

GRACE_SECONDS = 10  # for requests that are being answered when the service is told to stop
GARBAGE_THRESHOLD = 50_000  # allocations between two collections: rare ones keep their pauses out of most answers


def serve(settings: Settings) -> None:
    """Serves HTTP until SIGTERM or SIGINT. Exits with 1 and a German sentence where the database is not set up."""
    _log_to_stderr()
    _demand_schema(settings)
    _allow_many_connections()
    with open_service(settings) as service:
        if service.clock is not utc_now:
            log.warning("a demonstration: its clock stands at %s", service.clock().isoformat(timespec="seconds"))
        app = create_app(service)
        app.router.lifespan_context = _frozen
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http=_Protocol,
            access_log=False,  # ours has no query strings
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        # Uvicorn ends its work on these signals and then raises them again: the rest of us is to end as well.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave)
        _Server(config, app.state.following).run()


class _Server(uvicorn.Server):
    """Ends the streams before it waits for requests to end."""

    def __init__(self, config: uvicorn.Config, following: Following) -> None:
        super().__init__(config)
        self._following = following

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._following.close()
        await super().shutdown(sockets)


def _allow_many_connections() -> None:
    """Each stream is an open file, of which a process may have 1,024 on most machines until it asks for more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Every request writes a line, and to find out what no line says costs more than to write it.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # the documented way not to look for the caller


class _Lines(logging.Formatter):
    """Looks the calendar up once a second."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  # named by the library
        return f"{_second(int(record.created))},{int(record.msecs):03}"


@lru_cache(maxsize=1)
def _second(since_1970: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since_1970))


class _Protocol(HttpToolsProtocol):
    """Uvicorn's, on a transport that sends head and body of an answer together."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, _Gathering(transport)))


class _Gathering:
    """A transport that sends in one piece what is written in one go: every sending costs as much as a good part of an answer."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._written: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        written, self._written = self._written, []
        if written and not self._transport.is_closing():
            self._transport.write(b"".join(written))


def _leave(*_: Any) -> NoReturn:
    raise SystemExit(0)


def _demand_schema(settings: Settings) -> None:
    try:
        store = open_store(settings.database_url, create=False)
        try:
            missing = schema_state(store)
        finally:
            store.close()
    except PersistenceError:
        missing = ["Die Datenbank ist nicht erreichbar oder noch nicht angelegt."]
    if missing:
        raise SystemExit(" ".join([*missing, "Bitte zuerst „stundenpool db migrate“ ausführen."]))


@asynccontextmanager
async def _frozen(app: FastAPI) -> AsyncIterator[None]:
    """What stands after the start stays: no collection needs to look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)
    async with app.state.webhooks.running():
        yield
