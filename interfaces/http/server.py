"""Serves the application until it is told to stop, in this process or in several."""

import signal
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import uvicorn
from eventsourcing.persistence import PersistenceError
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from application.collecting import uncollected
from application.demonstration import demonstration
from application.log import Store
from interfaces import logs
from interfaces.http.transport import Protocol
from interfaces.settings import Settings
from interfaces.storage import open_store
from interfaces.storage.migrate import schema_state

GRACE_SECONDS = 10  # for requests that are being answered when the service is told to stop
HANGS_SECONDS = 60  # without a sign of life, after which a worker is replaced; it also has to start in that time


def serve(settings: Settings) -> None:
    """Serves HTTP until SIGTERM or SIGINT. Exits with 1 and a German sentence where the database is not set up."""
    logs.set_up(settings.log_format)
    _demand_packages(settings)
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
        ws="none",  # nothing here speaks it
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
        with uncollected():  # a fifth faster
            from interfaces.http.worker import application  # the parent of several needs nothing of it

        return application(self.settings, self.folder)


def _leave(*_: Any) -> NoReturn:
    raise SystemExit(0)


def _demand_packages(settings: Settings) -> None:
    if settings.traces:
        try:
            import_module("interfaces.http.traces")
        except ModuleNotFoundError:
            raise SystemExit("Für STUNDENPOOL_TRACES fehlen Pakete. Bitte stundenpool[traces] installieren.") from None


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
