"""A process whose disk takes nothing more for a while: it asks before, meanwhile and afterwards, and says what it got.

python -m tests.faults.full_disk URL KEYS CASE
"""

import resource
import sys
from pathlib import Path
from uuid import UUID

import msgspec

from application import engine
from application.log import StoreUnavailable
from tests.faults.errands import Errand, Report, perform
from tests.office import Office

NOTHING_BEYOND = 4096  # bytes of any file: not even the first page fits into the write-ahead log


def main(url: str, keys: str, case: str) -> None:
    engine.PAUSE_SECONDS = 0.01
    office = Office(url, Path(keys))
    errands = [Errand(key, "request", UUID(case)) for key in ("before", "meanwhile", "afterwards")]
    before = perform(office, errands[0])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (NOTHING_BEYOND, limits[1]))  # Python ignores SIGXFSZ: writing fails
    failed: Report | None
    try:
        failed = perform(office, errands[1])
    except StoreUnavailable:
        failed = None
    seen = [event.command for event in office.log()]
    with office.store.reading() as reader:
        [(receipts,)] = reader.fetch("SELECT count(*) FROM receipts")
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    later = [perform(office, errand) for errand in errands[1:]]
    sys.stdout.buffer.write(msgspec.json.encode((failed, seen, receipts, [before, *later])))
    office.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
