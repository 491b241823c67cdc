"""A process whose disk takes nothing more for a while: it asks before, meanwhile and afterwards, and says what it got.

python -m tests.faults.full_disk URL KEYS POOL CASE
"""

import resource
import sys
from pathlib import Path
from uuid import UUID

import msgspec

from application import engine
from application.log import StoreUnavailable
from application.privacy import KeyStoreDamaged
from tests.faults.errands import Errand, Report, perform
from tests.office import Office

NOTHING_BEYOND = 4096  # bytes of any file: not even the first page fits into the write-ahead log


class Story(msgspec.Struct):
    """``log`` and ``receipts`` are as they were while nothing could be written."""

    before: Report
    failures: list[str]
    log: list[str]
    receipts: int
    later: list[Report]


def main(url: str, keys: str, pool: str, case: str) -> None:
    engine.PAUSE_SECONDS = 0.01
    office = Office(url, Path(keys))
    before = perform(office, Errand("before", "request", UUID(case)))
    errands = [
        Errand("no log", "request", UUID(case)),
        Errand("no key", "open", UUID(pool)),  # a new person's key has no place on the disk either
    ]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (NOTHING_BEYOND, limits[1]))  # Python ignores SIGXFSZ: writing fails
    failures = [failure(office, errand) for errand in errands]
    log = [event.command for event in office.log()]
    with office.store.reading() as reader:
        [(receipts,)] = reader.fetch("SELECT count(*) FROM receipts")
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    later = [perform(office, errand) for errand in errands]
    sys.stdout.buffer.write(msgspec.json.encode(Story(before, failures, log, receipts, later)))
    office.close()


def failure(office: Office, errand: Errand) -> str:
    """What became of an errand."""
    try:
        return perform(office, errand).outcome
    except (StoreUnavailable, KeyStoreDamaged) as error:
        return type(error).__name__


if __name__ == "__main__":
    main(*sys.argv[1:])
