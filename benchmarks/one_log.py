"""Writes a log by real commands, many a turn, in a process of its own, and says how fast and with how much memory.

python -m benchmarks.one_log URL KEYS EVENTS
"""

import sys
from time import perf_counter

import msgspec

from benchmarks import office
from benchmarks.measuring import resident_mb
from interfaces.service import open_service
from interfaces.settings import Settings


class Written(msgspec.Struct):
    """``before_mb`` and ``after_mb`` are what the process held before the first event and after the last one."""

    pool: str
    events: int
    seconds: float
    before_mb: float
    after_mb: float


def main(url: str, keys: str, events: int) -> Written:
    with open_service(Settings(database_url=url, keystore=keys)) as service:
        before = resident_mb()
        began = perf_counter()
        pool = office.write_log(service, events)
        seconds = perf_counter() - began
        with service.store.reading() as reader:
            head = reader.head()
        return Written(str(pool), head.id if head else 0, seconds, before, resident_mb())


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
