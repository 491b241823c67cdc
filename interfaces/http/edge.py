"""The outermost layer: every request gets exactly one answer, one line in the log and one count, and no error text gets out.

Resources of the API are their own edge; around everything else stands ``Edge``.
"""

import logging
import re
import secrets
import time
from itertools import count

from eventsourcing.persistence import InterfaceError, OperationalError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from application.log import StoreUnavailable
from application.privacy import KeyErased, KeyMissing, KeyStoreDamaged, SealBroken
from application.projections.tables import ProjectionOutdated
from domain.refusals import NotFound
from interfaces import logs
from interfaces.http.metrics import Metrics
from interfaces.http.problems import Rejected, erased, method_not_allowed, problem, rejection, unavailable, unexpected, unreadable
from interfaces.http.rates import Rates, counted_as
from interfaces.http.replies import OF_DOCUMENTS, PROTECTION, Header, Reply
from interfaces.logs import Answered

access = logging.getLogger("stundenpool.access")
log = logging.getLogger("stundenpool.http")

_SAFE_ID = re.compile("[A-Za-z0-9._-]{1,64}")
_process = secrets.token_hex(4)
_numbers = count(1)

_PROTECTION = [(name.decode(), value.decode()) for name, value in (*PROTECTION, *OF_DOCUMENTS)]

AWAY = (StoreUnavailable, OperationalError, InterfaceError, KeyStoreDamaged, KeyMissing, ProjectionOutdated)


class Edge:
    """An ASGI middleware, for what FastAPI serves."""

    def __init__(self, app: ASGIApp, metrics: Metrics, rates: Rates) -> None:
        self._app = app
        self._metrics = metrics
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0
        name, request_id = identified(Headers(scope=scope).get("x-request-id"))

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for protection in _PROTECTION:
                    headers.setdefault(*protection)
                headers.append(name.decode(), request_id.decode())
            await send(message)

        try:
            self._rates.admit_address(counted_as(scope))
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            status = status or 499
        except Exception as error:
            answer = answer_to(error)
            if status == 0:  # an answer that broke off half-way is ended by the server
                await answer.send(sending)
        finally:
            note(self._metrics, scope["method"], route_of(scope), status, started)


def route_of(scope: Scope) -> str:
    """The template of a request that FastAPI has answered."""
    routed = scope.get("endpoint"), scope.get("route")  # of a page, and of a route of the framework
    return next((str(path) for each in routed if (path := getattr(each, "path", None))), "other")


def identified(stated: str | None) -> Header:
    """Gives the request that is being answered its id, which stands in each line that is logged for it.

    That is what its caller stated, if it is short and of safe characters.
    """
    request_id = stated if stated is not None and _SAFE_ID.fullmatch(stated) else f"{_process}-{next(_numbers)}"
    logs.request_id.set(request_id)
    return b"x-request-id", request_id.encode()


def note(metrics: Metrics, method: str, route: str, status: int, started: float) -> None:
    """Counts an answer and writes its line; ``started`` is that of ``time.perf_counter``."""
    seconds = time.perf_counter() - started
    metrics.answered(method, route, status, seconds)
    access.info(Answered(method, route, status, seconds * 1000))


def answer_to(error: Exception) -> Reply:
    """The answer to whatever was raised."""
    return rejection(rejected_by(error))


def rejected_by(error: Exception) -> Rejected:
    """How whatever was raised reads outside. Of an unexpected error only the type is noted: its text may quote a person."""
    if isinstance(error, Rejected):
        return error
    if isinstance(error, HTTPException):
        return _rejected_by_framework(error)
    if isinstance(error, AWAY):
        log.warning("unavailable: %s", type(error).__name__)
        return unavailable()
    if isinstance(error, KeyErased):
        return erased()
    if isinstance(error, SealBroken):
        log.error("unreadable: %s", error)  # says where it stands, and nothing of the text
        return unreadable()
    log.error("unexpected: %s at %s", type(error).__name__, _place(error), extra={"exceptions": logs.exceptions(error)})
    return unexpected()


def _rejected_by_framework(error: HTTPException) -> Rejected:
    if error.status_code == 405:
        return method_not_allowed((error.headers or {}).get("Allow", ""))
    said = problem(NotFound())
    return Rejected(said.status, said.code, said.title, said.detail)


def _place(error: Exception) -> str:
    """Where in the code it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "an unknown place"
