"""The application in the process that serves it, from its start to its end."""

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from application.engine import utc_now
from interfaces import logs
from interfaces.http.app import Application, create_app
from interfaces.service import open_service
from interfaces.settings import Settings

log = logging.getLogger("stundenpool.http")

GARBAGE_THRESHOLD = 50_000  # allocations between two collections: rare ones keep their pauses out of most answers


def application(settings: Settings, folder: Path | None) -> ASGIApp:
    """Opens the service, which the end of the event loop closes. ``folder`` is where several processes find each other."""
    logs.set_up(settings.log_format)
    _allow_many_connections()
    try:
        return _application(settings, folder)
    except Exception as error:
        if parent_process() is None:
            raise
        # One of several processes says no more than what kind of failure it was, and is started again.
        log.critical("a worker cannot start", exc_info=error)
        raise SystemExit(1) from None


def _application(settings: Settings, folder: Path | None) -> ASGIApp:
    with ExitStack() as stack:
        service = stack.enter_context(open_service(settings))
        service.erasing.settle(service.engine)
        if service.clock is not utc_now:
            log.warning("a demonstration: its clock stands at %s", service.clock().isoformat(timespec="seconds"))
        app = create_app(service, folder)
        served = _traced(app, settings.traces, stack)
        opened = stack.pop_all()
    app.router.lifespan_context = lambda _: _serving(app, opened)
    return served


def _traced(app: Application, collector: str, stack: ExitStack) -> ASGIApp:
    if not collector:
        return app
    from interfaces.http import traces  # needs packages that are installed for this alone

    return traces.traced(app, stack.enter_context(traces.collected(collector)))


@asynccontextmanager
async def _serving(app: Application, opened: ExitStack) -> AsyncIterator[Mapping[str, Any]]:
    """From the start of the event loop to its end; what is given is there for every connection."""
    with opened:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logs.uncaught(context.get("exception")))
        _end_with_parent()
        state = app.state
        async with (
            state.scrape.telling(),
            state.webhooks.running(),
            state.checkpoints.running(),
            state.erasing.running(),
            state.following.running(),
        ):
            _freeze()
            yield {"following": state.following}


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
