"""What all key stores have in common: rows of wrapped keys, tombstones of erased ones, and the master key of all of them."""

import hashlib
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from application.privacy import KEY_BYTES, KeyErased, KeyStoreDamaged
from interfaces.storage.keystore.master import Master, Masters

FIRST_ROW = "secret:master-check"  # tells whether a master key and the rows belong together
ERASURES = "erasures"  # what the master key proves of a backup; no name of a key

# Whether a key store that is not there yet may be made, must have been in use, or waits for what a backup holds.
Opening = Literal["begin", "used", "restore"]


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that a key store holds, still wrapped. The proof shows that who had the master key knew of these erasures."""

    wrapped: dict[str, bytes]
    erased: list[str]
    proof: bytes


class MasterDiffers(KeyStoreDamaged):
    """The master key is there, but what is stored is wrapped under another one."""


class Rows(ABC):
    """The tables, inside one transaction. MARK and AMONG are how a database writes a value, and one of many values."""

    MARK: str
    AMONG: str

    def wrapped(self, names: Collection[str]) -> dict[str, bytes]:
        """Those of these names that have a key."""
        return {name: bytes(key) for name, key in self._fetch(f"SELECT name, wrapped FROM keys WHERE name {self.AMONG}", names)}

    def erased(self, names: Collection[str]) -> set[str]:
        """Those of these names that were erased."""
        return {name for (name,) in self._fetch(f"SELECT name FROM erased WHERE name {self.AMONG}", names)}

    def everything(self) -> tuple[dict[str, bytes], list[str]]:
        """All wrapped keys, and all erased names."""
        wrapped = {name: bytes(key) for name, key in self._fetch("SELECT name, wrapped FROM keys")}
        return wrapped, sorted(name for (name,) in self._fetch("SELECT name FROM erased"))

    def put(self, wrapped: Mapping[str, bytes]) -> None:
        """New rows, or others in place of those of the same names."""
        now = time.time_ns() // 1000
        statement = f"INSERT INTO keys (name, wrapped, created) VALUES ({self.MARK}, {self.MARK}, {self.MARK})"
        replacing = "ON CONFLICT (name) DO UPDATE SET wrapped = excluded.wrapped"
        self._each(f"{statement} {replacing}", [(name, key, now) for name, key in wrapped.items()])

    def erase(self, names: Iterable[str]) -> None:
        rows = [(name,) for name in names]
        self._each(f"DELETE FROM keys WHERE name = {self.MARK}", rows)
        self._each(f"INSERT INTO erased (name) VALUES ({self.MARK}) ON CONFLICT DO NOTHING", rows)
        self.leave_residue()

    def leave_residue(self) -> None:
        """Notes, together with the change, that the files have to be cleaned after it."""
        self._each(f"INSERT INTO residues (change) VALUES ({self.MARK})", [(uuid4().hex,)])

    def residues(self) -> list[str]:
        return [change for (change,) in self._fetch("SELECT change FROM residues")]

    def cleaned(self, residues: Iterable[str]) -> None:
        self._each(f"DELETE FROM residues WHERE change = {self.MARK}", [(change,) for change in residues])

    @abstractmethod
    def damage(self) -> str | None:
        """What the database itself finds wrong with these tables."""

    @abstractmethod
    def _fetch(self, sql: str, names: Collection[str] | None = None) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def _each(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...


class WrappedKeyStore(ABC):
    """A `KeyStore`. Safe to share among threads and processes."""

    place: str

    def __init__(self, masters: Masters) -> None:
        self._masters = masters
        self._proven: tuple[bytes, Master] | None = None  # the first row, and the master key that it is wrapped under

    @abstractmethod
    def reading(self) -> AbstractContextManager[Rows]:
        """One consistent snapshot."""

    @abstractmethod
    def changing(self) -> AbstractContextManager[Rows]:
        """One process at a time; everything is durable on leaving, or nothing happened."""

    @abstractmethod
    def clean(self) -> None:
        """Lets go of what deleted and replaced rows left behind in the files."""

    @abstractmethod
    def close(self) -> None: ...

    def read(self, names: Collection[str]) -> dict[str, bytes]:
        try:
            return self._read(names)
        except MasterDiffers:
            return self._read(names)  # a rotation may have ended between a look at the rows and one at the master key

    def _read(self, names: Collection[str]) -> dict[str, bytes]:
        with self.reading() as rows:
            keys = self._opened(rows, names)
            _none_erased(rows, set(names) - keys.keys())
            return keys

    def create(self, names: Collection[str]) -> dict[str, bytes]:
        keys = self.read(names)
        if missing := set(names) - keys.keys():
            with self.changing() as rows:
                _none_erased(rows, missing)
                keys |= self._opened(rows, missing)  # another process may have been faster
                made = {name: os.urandom(KEY_BYTES) for name in missing - keys.keys()}
                master = self._master(rows)
                rows.put({name: master.wrap(name, key) for name, key in made.items()})
            keys |= made
        return keys

    def erase(self, names: Collection[str]) -> None:
        if left := set(names) - self.erased(names):
            with self.changing() as rows:
                rows.erase(left)
        self._clean_up()

    def erased(self, names: Collection[str]) -> set[str]:
        with self.reading() as rows:
            return rows.erased(names)

    def secret(self, purpose: str) -> bytes:
        name = f"secret:{purpose}"
        return self.create([name])[name]

    def contents(self) -> Contents:
        """Everything, after a look at every key: what does not open is damage."""
        with self.reading() as rows:
            wrapped, erased = rows.everything()
            master = self._proven_by(wrapped.get(FIRST_ROW))
            self._unwrapped(master, wrapped)
            return Contents(wrapped, erased, master.wrap(ERASURES, _digest(erased)))

    def rotate(self) -> int:
        """Wraps every key under a new master key and destroys the one before; says how many. Raises RotationRefused.

        Cut off before the commit, nothing has changed; cut off after it, whoever opens the store next completes the rest.
        """
        with self.changing() as rows:
            wrapped, _ = rows.everything()
            keys = self._unwrapped(self._master(rows), wrapped)
            successor = self._masters.prepare()
            rows.put({name: successor.wrap(name, key) for name, key in keys.items()})
            rows.leave_residue()
        with self.changing() as rows:
            self._settle(rows)
        self._clean_up()
        return len(keys)

    def take_back(self, contents: Contents, erased: Collection[str]) -> None:
        """Adds what is missing here from a backup, changes no key, and erases what was erased here, there or by `erased`."""
        with self.changing() as rows:
            here, gone_here = rows.everything()
            if not here:
                rows.put({name: row for name, row in contents.wrapped.items() if name == FIRST_ROW})
            master = self._master(rows)
            if master.unwrap(ERASURES, contents.proof) != _digest(contents.erased):
                raise KeyStoreDamaged("the backup was made under another master key, or altered")
            theirs = self._unwrapped(master, contents.wrapped)
            ours = self._unwrapped(master, here)
            if differing := {name for name in ours.keys() & theirs.keys() - {FIRST_ROW} if ours[name] != theirs[name]}:
                raise KeyStoreDamaged(f"{len(differing)} keys here are others than those of the same names in the backup")
            gone = {*gone_here, *contents.erased, *erased}
            rows.put({name: contents.wrapped[name] for name in theirs.keys() - ours.keys() - gone})
            rows.erase(gone)
        self._clean_up()

    def _clean_up(self) -> None:
        """What a crash cut off here, whoever opens the store next does, or erases next."""
        with self.reading() as rows:
            residues = rows.residues()
        if residues:
            self.clean()
            with self.changing() as rows:
                rows.cleaned(residues)

    # ── the master key

    def _begin(self, opening: Opening) -> None:
        """Proves the master key on opening; makes it where nothing was ever wrapped. Completes what a crash cut off."""
        self._prove(opening)
        self._clean_up()

    def _prove(self, opening: Opening) -> None:
        with self.changing() as rows:
            # A damaged name would otherwise look like a row that is not there.
            if (finding := rows.damage()) is not None:
                raise KeyStoreDamaged(f"{self.place} is damaged: {finding}")
            if opening == "restore":
                return
            if not rows.wrapped([FIRST_ROW]) and not rows.everything()[0]:
                if opening == "used":
                    raise KeyStoreDamaged(f"{self.place} holds no keys, but the log is in use")
                self._masters.begin()
                rows.put({FIRST_ROW: self._needed().wrap(FIRST_ROW, os.urandom(KEY_BYTES))})
            self._master(rows)
            self._settle(rows)

    def _master(self, rows: Rows) -> Master:
        """The one that all rows are wrapped under at this moment: another process may have rotated it."""
        return self._proven_by(rows.wrapped([FIRST_ROW]).get(FIRST_ROW))

    def _proven_by(self, first: bytes | None) -> Master:
        if self._proven is None or self._proven[0] != first:
            successor = self._masters.successor()  # before the current one, which it may become meanwhile
            fitting = next((each for each in (self._needed(), successor) if each is not None and _fits(each, first)), None)
            if first is None or fitting is None:
                raise MasterDiffers(f"{self._masters.place} is not the master key of {self.place}")
            self._proven = first, fitting
        return self._proven[1]

    def _needed(self) -> Master:
        master = self._masters.current() or self._masters.successor()
        if master is None:
            raise KeyStoreDamaged(f"{self._masters.place} is missing, but {self.place} holds keys")
        return master

    def _settle(self, rows: Rows) -> None:
        """Completes a rotation that was committed; one that was not is begun anew by the next."""
        if _fits(self._masters.successor(), rows.wrapped([FIRST_ROW]).get(FIRST_ROW)):
            self._masters.settle()

    def _opened(self, rows: Rows, names: Collection[str]) -> dict[str, bytes]:
        found = rows.wrapped([*names, FIRST_ROW])
        master = self._proven_by(found.get(FIRST_ROW))
        return self._unwrapped(master, {name: found[name] for name in names if name in found})

    def _unwrapped(self, master: Master, wrapped: Mapping[str, bytes]) -> dict[str, bytes]:
        keys = {}
        for name, row in wrapped.items():
            if (key := master.unwrap(name, row)) is None:
                raise KeyStoreDamaged(f"row {name} of {self.place} is damaged or stands under a wrong name")
            keys[name] = key
        return keys


def _digest(erased: Collection[str]) -> bytes:
    return hashlib.sha256(json.dumps(sorted(erased)).encode()).digest()


def _fits(master: Master | None, first: bytes | None) -> bool:
    return master is not None and first is not None and master.unwrap(FIRST_ROW, first) is not None


def _none_erased(rows: Rows, names: Collection[str]) -> None:
    if erased := rows.erased(names):
        raise KeyErased(f"erased: {', '.join(sorted(erased))}")
