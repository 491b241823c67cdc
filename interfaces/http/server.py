"""Serves the application until it is told to stop, in this process or in several."""

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import uvicorn
from eventsourcing.persistence import PersistenceError
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from application.demonstration import demonstration
from application.engine import utc_now
from application.log import Store
from interfaces import logs
from interfaces.http.app import Application, create_app
from interfaces.http.transport import Protocol
from interfaces.service import Service, open_service
from interfaces.settings import Settings
from interfaces.storage import open_store
from interfaces.storage.migrate import schema_state

log = logging.getLogger("stundenpool.http")

GRACE_SECONDS = 10  # for requests that are being answered when the service is told to stop
HANGS_SECONDS = 30  # without a sign of life, after which a worker is replaced; it also has to start in that time
GARBAGE_THRESHOLD = 50_000  # allocations between two collections: rare ones keep their pauses out of most answers


def serve(settings: Settings) -> None:
    """Serves HTTP until SIGTERM or SIGINT. Exits with 1 and a German sentence where the database is not set up."""
    logs.set_up(settings.log_format)
    if settings.traces and not find_spec("opentelemetry.sdk"):
        raise SystemExit("Für STUNDENPOOL_TRACES fehlen Pakete. Bitte stundenpool[traces] installieren.")
    _demand_schema(settings)
    if settings.workers == 1:
        # Uvicorn ends its work on these signals and then raises them again.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave)
        uvicorn.Server(_config(Worker(settings))).run()
    else:
        with TemporaryDirectory(prefix="stundenpool-") as folder:
            config = _config(Worker(settings, Path(folder)))
            parent = Multiprocess(config, [config.bind_socket()])
            parent.run()
        if any(worker.exitcode == STARTUP_FAILURE for worker in parent.processes):
            raise SystemExit(1)


def _config(worker: "Worker") -> uvicorn.Config:
    settings = worker.settings
    return uvicorn.Config(
        worker,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=Protocol,
        access_log=False,  # ours has no query strings
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=HANGS_SECONDS,
    )


@dataclass(frozen=True, slots=True)
class Worker:
    """Makes the application in the process that is to serve it. ``folder`` is where several of them find each other."""

    settings: Settings
    folder: Path | None = None

    def __call__(self) -> ASGIApp:
        logs.set_up(self.settings.log_format)
        _allow_many_connections()
        with ExitStack() as stack:
            service = self._opened(stack)
            if service.clock is not utc_now:
                log.warning("a demonstration: its clock stands at %s", service.clock().isoformat(timespec="seconds"))
            app = create_app(service, self.folder)
            served = self._traced(app, stack)
            opened = stack.pop_all()
        app.router.lifespan_context = lambda _: _serving(app, opened)
        return served

    def _traced(self, app: Application, stack: ExitStack) -> ASGIApp:
        if not self.settings.traces:
            return app
        from interfaces.http import traces  # needs packages that are installed for this alone

        return traces.traced(app, stack.enter_context(traces.collected(self.settings.traces)))

    def _opened(self, stack: ExitStack) -> Service:
        """The service. One process of several says no more than what kind of failure it was, and is started again."""
        try:
            return stack.enter_context(open_service(self.settings))
        except Exception as error:
            if parent_process() is None:
                raise
            log.critical("a worker cannot start", exc_info=error)
            raise SystemExit(1) from None


@asynccontextmanager
async def _serving(app: Application, opened: ExitStack) -> AsyncIterator[Mapping[str, Any]]:
    """From the start of the event loop to its end; what is given is there for every connection."""
    with opened:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logs.uncaught(context.get("exception")))
        _end_with_parent()
        async with app.state.scrape.telling(), app.state.webhooks.running():
            _freeze()
            yield {"following": app.state.following}


def _end_with_parent() -> None:
    """A worker whose parent was killed would keep the address for itself."""
    parent = parent_process()
    if parent is not None:
        loop = asyncio.get_running_loop()

        def end() -> None:
            loop.remove_reader(parent.sentinel)
            signal.raise_signal(signal.SIGTERM)

        loop.add_reader(parent.sentinel, end)


def _freeze() -> None:
    """What stands after the start stays: no collection needs to look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)


def _allow_many_connections() -> None:
    """Each stream is an open file, of which a process may have 1,024 on most machines until it asks for more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _leave(*_: Any) -> NoReturn:
    raise SystemExit(0)


def _demand_schema(settings: Settings) -> None:
    try:
        with closing(open_store(settings.database_url, create=False)) as store:
            missing = schema_state(store)
            if not missing and settings.workers > 1:
                _demand_one_clock(store)
    except PersistenceError:
        missing = ["Die Datenbank ist nicht erreichbar oder noch nicht angelegt."]
    if missing:
        raise SystemExit(" ".join([*missing, "Bitte zuerst „stundenpool db migrate“ ausführen."]))


def _demand_one_clock(store: Store) -> None:
    """A demonstration's clock runs in the process, and goes on where the log ended when that began."""
    with store.reading() as reader:
        if demonstration(reader) is not None:
            raise SystemExit("Eine Demonstration hat eine eigene Uhr und läuft daher in einem einzigen Prozess (--workers 1).")
