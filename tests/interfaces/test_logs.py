"""Lines on stderr: both forms say the same, and neither says what somebody wrote."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from interfaces import logs
from interfaces.logs import Answered, Lines, Objects
from tests.faults.canary import Canary

FORMS = {"text": Lines, "json": Objects}


@pytest.fixture
def asked() -> Iterator[None]:
    """A request is being answered."""
    token = logs.request_id.set("abc-1")
    yield
    logs.request_id.reset(token)


def record(message: object, error: BaseException | None = None, **more: Any) -> logging.LogRecord:
    raised = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("stundenpool.http", logging.ERROR, "", 0, message, (), raised)
    made.__dict__ |= more
    return made


def raised(canary: Canary) -> BaseException:
    """An exception with a cause, in whose texts and variables somebody is quoted."""
    try:
        quoted = canary.text()
        try:
            raise KeyError(quoted)
        except KeyError as error:
            raise ValueError(f"wrong: {quoted}") from error
    except ValueError as error:
        return error


@pytest.mark.usefixtures("asked")
def test_an_object_has_all_that_is_known_of_an_answer() -> None:
    """Time in UTC, level, logger and process; method, template, status, time and id of the request."""
    line = Objects().format(record(Answered("GET", "/api/v1/cases/{case}", 200, 12.345)))
    assert "\n" not in line
    said = json.loads(line)
    assert datetime.fromisoformat(said.pop("time")).utcoffset().total_seconds() == 0  # type: ignore[union-attr]
    assert said.pop("pid") > 0
    assert said == {
        "level": "ERROR",
        "logger": "stundenpool.http",
        "message": "GET /api/v1/cases/{case} 200 12.3 ms",
        "method": "GET",
        "route": "/api/v1/cases/{case}",
        "status": 200,
        "milliseconds": 12.3,
        "request_id": "abc-1",
    }


@pytest.mark.usefixtures("asked")
def test_a_line_for_people_says_the_same() -> None:
    """In the form that it always had, and with the id at its end."""
    line = Lines().format(record(Answered("GET", "/healthz", 200, 0.5)))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ERROR stundenpool\.http: GET /healthz 200 0\.5 ms abc-1", line)


@pytest.mark.parametrize("form", FORMS)
def test_of_an_exception_its_types_and_frames_are_told_and_no_text(form: str) -> None:
    """Neither what it says nor what stood in variables, also of what led to it."""
    canary = Canary()
    line = FORMS[form]().format(record("lost", raised(canary)))
    assert canary.traces([("line", line.encode())]) == []
    assert "ValueError" in line
    assert "KeyError" in line
    assert "test_logs.py" in line


def test_frames_can_be_told_beside_a_message() -> None:
    """For whoever must not hand the exception itself to a log."""
    canary = Canary()
    said = json.loads(Objects().format(record("unexpected", exceptions=logs.exceptions(raised(canary)))))
    assert [told["type"] for told in said["exceptions"]] == ["ValueError", "KeyError"]
    assert "test_logs.py" in said["exceptions"][0]["frames"][0]


UNCAUGHT = """
import asyncio, gc, sys, threading
from interfaces import logs
word = sys.argv[2]
logs.set_up(sys.argv[1])
def fails():
    raise ValueError(word)
class Dying:
    def __del__(self):
        raise ValueError(word)
thread = threading.Thread(target=fails)
thread.start()
thread.join()
Dying()
fails()
"""


@pytest.mark.parametrize("form", FORMS)
def test_what_nobody_caught_is_told_in_the_same_form(form: str) -> None:
    """In a thread, in a finaliser and at the end of the process: without its text."""
    canary = Canary()
    done = subprocess.run([sys.executable, "-c", UNCAUGHT, form, canary.text()], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert canary.traces([("stderr", done.stderr.encode()), ("stdout", done.stdout.encode())]) == []
    assert done.stderr.count("ValueError") == 3
    if form == "json":
        assert [json.loads(line)["exceptions"][0]["type"] for line in done.stderr.splitlines()] == ["ValueError"] * 3
