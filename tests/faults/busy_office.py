"""A process of the application under load, made to be killed: it says what it is about to ask, and what it was answered.

    python -m tests.faults.busy_office URL KEYS POOL PREFIX

Errands that an earlier process left unanswered come as JSON on its standard input and are repeated first. Each line on
standard output is an errand that is about to be asked, or the report of one that was answered.
"""

import os
import sys
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from uuid import UUID

import msgspec

from tests.faults.errands import Errand, Report, perform, run_errands
from tests.office import Office

THREADS = 8


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of both."""

    asked: Errand | None = None
    answered: Report | None = None


def say(line: Line) -> None:
    os.write(sys.stdout.fileno(), msgspec.json.encode(line) + b"\n")  # one write of a short line to a pipe is never torn


def main(url: str, keys: str, pool: str, prefix: str) -> None:
    office = Office(url, Path(keys))

    def run(errand: Errand) -> Report:
        say(Line(asked=errand))
        report = perform(office, errand)
        say(Line(answered=report))
        return report

    for errand in msgspec.json.decode(sys.stdin.buffer.read(), type=list[Errand]):
        run(errand)
    with ThreadPoolExecutor(THREADS) as threads:
        running = [threads.submit(run_errands, f"{prefix}-{thread}", UUID(pool), run) for thread in range(THREADS)]
        for failed in wait(running, return_when=FIRST_EXCEPTION).done:
            failed.result()


if __name__ == "__main__":
    main(*sys.argv[1:])
