"""The service without what protects persons: nothing is sealed, no role or limit is looked at, and no reading is recorded.

python -m benchmarks.untrusting     with the environment of an installation; for comparisons alone
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch
from uuid import UUID

from application.log import Reader
from application.privacy import Keyring
from application.reads import Occasion, ReadLog, RecordedOpener
from domain.quantities import Sealed
from interfaces.cli import main
from interfaces.http import resources
from interfaces.http.rates import Rates


class Unsealing(Keyring):
    """Takes texts for what they would be sealed to."""

    def ensure(self, names: Collection[str]) -> None:
        """No key is needed."""

    def seal(self, text: str, *, key: str, position: int, stream: UUID, field: str) -> Sealed:
        return Sealed(key, b"", text.encode())

    def open(self, sealed: Sealed, *, position: int, stream: UUID, field: str) -> str:
        return sealed.ciphertext.decode()


@contextmanager
def unrecorded(log: ReadLog, occasion: Occasion, now: datetime) -> Iterator[tuple[Reader, RecordedOpener]]:
    """Opens, and nobody learns of it."""
    with log._store.reading() as reader:
        yield reader, RecordedOpener(log._keyring)


@contextmanager
def untrusting() -> Iterator[None]:
    """Services that are opened inside are such ones."""
    with (
        patch("interfaces.service.Keyring", Unsealing),
        patch("application.turn.own_alone", lambda *_: None),
        patch.object(resources, "permits", lambda *_: True),
        patch.object(Rates, "admit_address", lambda *_: None),
        patch.object(Rates, "admit_account", lambda *_: None),
        patch.object(ReadLog, "recording", unrecorded),
    ):
        yield


if __name__ == "__main__":
    with untrusting():
        main(["serve"])
