"""What the service writes on stderr: lines for people, or one JSON object a line.

Neither form repeats what somebody sent: of an exception both say its type and where it was raised, never its text, which may quote
a person.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from types import TracebackType
from typing import Literal, NamedTuple

import msgspec

log = logging.getLogger("stundenpool")

request_id: ContextVar[str] = ContextVar("request_id", default="")  # of the request that is being answered


class Answered(NamedTuple):
    """A request as the log has it. ``route`` is a template, so that neither ids nor queries stand in a log."""

    method: str
    route: str
    status: int
    milliseconds: float

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.status} {self.milliseconds:.1f} ms"


class Raised(msgspec.Struct, frozen=True):
    """An exception without what it says."""

    type: str
    frames: list[str]


def set_up(form: Literal["text", "json"]) -> None:
    """From here on the process logs in this form, also what nobody caught."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Objects() if form == "json" else Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Every request writes a line, and to find out what no line says costs more than to write it.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # the documented way not to look for the caller
    sys.excepthook = lambda kind, error, _: uncaught(error)
    threading.excepthook = lambda raised: uncaught(raised.exc_value)
    sys.unraisablehook = lambda raised: uncaught(raised.exc_value)


def uncaught(error: BaseException | None) -> None:
    """Notes what nobody expected and nobody caught."""
    log.critical("uncaught", exc_info=error)


class Lines(logging.Formatter):
    """For people. Looks the calendar up once a second."""

    def format(self, record: logging.LogRecord) -> str:
        time = f"{_local(int(record.created))},{int(record.msecs):03}"
        asked = request_id.get()
        line = f"{time} {record.levelname} {record.name}: {record.getMessage()}{asked and f' {asked}'}"
        return "\n".join([line, *_lines(record.exc_info[1])]) if record.exc_info else line


class Line(msgspec.Struct, omit_defaults=True):
    """A line as an object."""

    time: str
    level: str
    logger: str
    pid: int
    message: str
    request_id: str = ""
    method: str = ""
    route: str = ""
    status: int = 0
    milliseconds: float = -1
    exceptions: list[Raised] = []


class Objects(logging.Formatter):
    """For programs: one JSON object a line."""

    def __init__(self) -> None:
        super().__init__()
        self._pid = os.getpid()
        self._encode = msgspec.json.Encoder().encode

    def format(self, record: logging.LogRecord) -> str:
        time = f"{_utc(int(record.created))}.{int(record.msecs):03}Z"
        said = record.getMessage()
        line = Line(time, record.levelname, record.name, self._pid, said, request_id.get())
        if type(record.msg) is Answered:
            line.method, line.route, line.status, milliseconds = record.msg
            line.milliseconds = round(milliseconds, 1)
        elif record.exc_info:
            line.exceptions = exceptions(record.exc_info[1])
        else:
            line.exceptions = getattr(record, "exceptions", [])
        return self._encode(line).decode()


def exceptions(error: BaseException | None) -> list[Raised]:
    """An exception and what led to it, each by its type and its frames."""
    told = []
    while error is not None:
        told.append(Raised(type(error).__name__, list(_frames(error.__traceback__))))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told


def _lines(error: BaseException | None) -> Iterator[str]:
    for told in exceptions(error):
        yield f"  {told.type}"
        yield from (f"    {frame}" for frame in told.frames)


def _frames(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield f"{code.co_filename}:{trace.tb_lineno} {code.co_qualname}"
        trace = trace.tb_next


@lru_cache(maxsize=1)
def _local(since_1970: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since_1970))


@lru_cache(maxsize=1)
def _utc(since_1970: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since_1970))
