"""Erasing carried out: what the log says is erased, the ledger names, and its keys are destroyed.

The log decides: with ``PersonalDataErased`` a person is erased, and nobody opens a text of theirs any more. Then the ledger gets
the names of the keys, then the key store destroys them, and last the log confirms it. Many persons take each step together: it
costs little more than for one. Every step may be repeated, and a step that a crash cut off is done by the next look, at the latest
when the next process starts. The ledger is in no backup of the database or the keys, so that whatever comes back from one is erased
again before anybody reads it.
"""

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import NamedTuple, Protocol
from uuid import UUID

from application import commands
from application.engine import Engine
from application.log import Store
from application.privacy import Keyring, KeyStore, keys_of
from application.projections import retention
from application.projections.retention import Person
from application.receipts import Answer
from application.turn import Work
from domain.personal_data import CLASSES, PersonalClass

PERSONS_AT_ONCE = 500  # who is erased together; far fewer than the commands that may wait


class Entry(NamedTuple):
    """A line of the ledger: the position of the erasure in the log, the case whose person it was, and what was erased of them."""

    position: int
    case: UUID
    classes: tuple[PersonalClass, ...]

    @property
    def keys(self) -> list[str]:
        """The names of the keys that it destroyed."""
        return keys_of(self.case, self.classes)


class Ledger(Protocol):
    """Which keys were destroyed, kept where no backup reaches. What was added stays, durably, when ``add`` returns."""

    def entries(self) -> list[Entry]: ...

    def add(self, entries: Collection[Entry]) -> None: ...


class NotErased(Exception):
    """An erasure could not be carried out; it will be tried again. The sentence is German."""


class Erasing:
    """Carries out what the log says, and says again to the log what only the ledger knows. Any number of processes may."""

    def __init__(self, store: Store, keys: KeyStore, keyring: Keyring, ledger: Ledger) -> None:
        self._store = store
        self._keys = keys
        self._keyring = keyring
        self._ledger = ledger
        self._forgotten_to = 0

    def settle(self, engine: Engine) -> None:
        """Before anybody is served: whatever a crash cut off, or a backup brought back, is erased. Raises what fails."""
        entries = self._ledger.entries()
        self._destroy({name for entry in entries for name in entry.keys})
        self._record_again(engine, entries)
        self.carry_out(engine)

    def carry_out(self, engine: Engine) -> int:
        """Destroys the keys of all who are erased in the log and not confirmed; says how many persons that were."""
        self.forget()
        with self._store.reading() as reader:
            persons = retention.unconfirmed(reader)
        for start in range(0, len(persons), PERSONS_AT_ONCE):
            together = persons[start : start + PERSONS_AT_ONCE]
            entries = list(map(_entry, together))
            self._ledger.add(entries)
            self._destroy({name for entry in entries for name in entry.keys})
            _record(engine, commands.confirm_erasure, [(person.case, person.data.unconfirmed) for person in together])
        return len(persons)

    def forget(self) -> None:
        """Drops from memory the keys of everybody who was erased since the last look, by whichever process."""
        with self._store.reading() as reader:
            head = reader.head()
            persons = retention.erased_after(reader, self._forgotten_to)
        self._keyring.forget([name for person in persons for name in keys_of(person.case, person.data.erased)])
        self._forgotten_to = head.id if head else 0

    def _destroy(self, names: Collection[str]) -> None:
        if names:
            self._keys.erase(names)
            self._keyring.forget(names)

    def _record_again(self, engine: Engine, entries: Iterable[Entry]) -> None:
        """A log that came back from an older backup does not know who was erased since."""
        named: dict[UUID, set[PersonalClass]] = {}
        for entry in entries:
            named.setdefault(entry.case, set()).update(entry.classes)
        with self._store.reading() as reader:
            known = dict(retention.all_erased(reader))
            lacking = [
                (case, tuple(each for each in CLASSES if each in classes))
                for case, classes in named.items()
                if classes - set(known.get(case, ())) and retention.exists(reader, case)
            ]
        for start in range(0, len(lacking), PERSONS_AT_ONCE):
            _record(engine, commands.erase_again, lacking[start : start + PERSONS_AT_ONCE])


def _entry(person: Person) -> Entry:
    return Entry(person.erased_at, person.case, CLASSES if person.data.erased == CLASSES else person.data.unconfirmed)


def _record(engine: Engine, command: Callable[..., Answer], persons: Iterable[tuple[UUID, tuple[PersonalClass, ...]]]) -> None:
    works = {case: Work(commands.OFFICE_PROCESS, partial(command, case=case, classes=classes)) for case, classes in persons}
    for case, answer in [(case, engine.submit(work)) for case, work in works.items()]:
        if (outcome := answer.result().outcome) not in ("done", "already_decided"):  # another process may have been faster
            raise NotErased(f"Die Löschung im Fall {case} ließ sich nicht verzeichnen ({outcome}).")
