"""The master key, under which all other keys are wrapped, as whoever uses it sees it.

The place where it is has room for the key in use and for its successor. A rotation wraps all rows anew in one transaction, so
that at every moment one of both fits what is stored, wherever a process is cut off.
"""

from typing import Protocol

SUCCESSOR = ".new"  # behind the name of the key in use


class RotationRefused(Exception):
    """There is nothing to rotate to; nothing was changed. The sentence is German."""


class Master(Protocol):
    """A master key. May raise KeyStoreDamaged."""

    def wrap(self, name: str, key: bytes) -> bytes:
        """The key, bound to its name."""
        ...

    def unwrap(self, name: str, wrapped: bytes) -> bytes | None:
        """The key, or None where bytes, name and master key do not belong together."""
        ...


class Masters(Protocol):
    """Where the master key in use and its successor are. Every method may raise KeyStoreDamaged.

    Whoever changes something here holds the lock of the key store.
    """

    place: str

    def current(self) -> Master | None: ...

    def successor(self) -> Master | None:
        """The one that is to follow, where a rotation has begun."""
        ...

    def begin(self) -> None:
        """Makes the first one, where it can be made here; never over another."""
        ...

    def prepare(self) -> Master:
        """A durable successor; one that never came into use is replaced. Raises RotationRefused."""
        ...

    def settle(self) -> None:
        """The successor, under which everything is wrapped by now, takes its place; the one before is destroyed."""
        ...
