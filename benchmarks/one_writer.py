"""Logs sessions as one of several processes on a database: python -m benchmarks.one_writer URL KEYS CALLERS SECONDS

Writes a line when it is ready, begins when it reads one, and says in the end how many commands were answered.
"""

import sys
from collections.abc import Callable

import msgspec

from benchmarks import office
from benchmarks.measuring import Ask, drive
from interfaces.service import open_service
from interfaces.settings import Settings


class Answered(msgspec.Struct):
    """Commands, and commands a second."""

    commands: int
    rate: float


def main(url: str, keys: str, callers: int, seconds: float) -> None:
    with open_service(Settings(database_url=url, keystore=keys)) as service:
        bookings = office.approved_bookings(service, office.open_pool(service), callers)
        answered: list[None] = []
        askers = [_noting(answered, ask) for ask in office.session_askers(service, bookings, callers)]
        _say(b"ready")
        sys.stdin.readline()
        measured = drive(askers, seconds)
        _say(msgspec.json.encode(Answered(len(answered), measured.value)))


def _noting(answered: list[None], ask: Ask) -> Callable[[], None]:
    def noted() -> None:
        ask()
        answered.append(None)

    return noted


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
