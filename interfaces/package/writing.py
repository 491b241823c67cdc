"""Writes the package of a pool: a ZIP archive that is the same, byte for byte, whenever pool, log and checkpoint are the same."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import msgspec

from application.demonstration import clock_of
from application.log import Progress, Reader, Store
from application.proof import package
from application.proof.package import Statement
from interfaces.package.pruefer import BALANCES, EVENTS, FORMAT, KEYS, LEAVES, MANIFEST
from interfaces.storage.checkpoint_keys import CheckpointKeys

ENCLOSED = ("LIESMICH.txt", "pruefer.py")
CHECKPOINT = "pruefpunkte/{:06}.txt"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first instant that an archive can say: its files have no time of their own
PART_BYTES = 1 << 20


def write_package(store: Store, keys: CheckpointKeys, pool: UUID, draft: Path, progress: Progress) -> int:
    """Writes everything about a pool as the log is, under a checkpoint that is issued for it; gives the number of events.

    Raises ``NotFound`` and ``LogDiffers``.
    """
    signer = keys.signer()
    with store.turn() as turn:
        statement = package.state(turn, pool, [signer], clock_of(turn)())
    published = "".join(f"{key.since} {key.verifier.vkey()}\n" for key in keys.known())
    with ZipFile(draft, "w", ZIP_STORED) as file:
        archive = _Archive(file)
        for name in ENCLOSED:
            archive.add(name, (Path(__file__).parent / name).read_bytes())
        archive.add(KEYS, published.encode())
        for number, issued in enumerate(statement.issued, 1):
            archive.add(CHECKPOINT.format(number), issued.note.encode())
        archive.add(BALANCES, statement.balances)
        for schema, content in package.schemas().items():
            archive.add(f"schemata/{schema}.json", content)
        with store.reading() as reader:
            events = _add_log(archive, reader, statement, progress)
        file.writestr(_entry(MANIFEST), _manifest(statement, events, archive.files))
    return events


def _add_log(archive: "_Archive", reader: Reader, statement: Statement, progress: Progress) -> int:
    """The pool's events and the leaves of all; the latter wait beside, since an archive takes one file after the other."""
    count = 0
    with tempfile.TemporaryFile() as leaves:
        with archive.adding(EVENTS) as write:
            for position in package.positions(reader, statement, progress):
                leaves.write(position.leaf)
                if position.event is not None:
                    write(position.event + b"\n")
                    count += 1
        leaves.seek(0)
        with archive.adding(LEAVES) as write:
            for part in iter(partial(leaves.read, PART_BYTES), b""):
                write(part)
    return count


def _manifest(statement: Statement, events: int, files: dict[str, dict[str, Any]]) -> bytes:
    [number] = [number for number, issued in enumerate(statement.issued, 1) if issued.note == statement.note]
    manifest = {
        "format": FORMAT,
        "software": version("stundenpool"),
        "pool": statement.pool,
        "name": statement.name,
        "origin": statement.checkpoint.origin,
        "size": statement.checkpoint.size,
        "root": statement.checkpoint.root,
        "events": events,
        "checkpoint": CHECKPOINT.format(number),
        "files": files,
    }
    return msgspec.json.format(msgspec.json.encode(manifest))


class _Archive:
    """An archive that says the same of every file but its name, and knows what it holds. Nothing in it is compressed: what a
    compressor makes of the same bytes differs between its versions.
    """

    def __init__(self, file: ZipFile) -> None:
        self._file = file
        self.files: dict[str, dict[str, Any]] = {}

    def add(self, name: str, content: bytes) -> None:
        with self.adding(name) as write:
            write(content)

    @contextmanager
    def adding(self, name: str) -> Iterator[Callable[[bytes], None]]:
        """What writes a file piece by piece."""
        digest, written = hashlib.sha256(), 0
        with self._file.open(_entry(name), "w", force_zip64=True) as file:

            def write(content: bytes) -> None:
                nonlocal written
                file.write(content)
                digest.update(content)
                written += len(content)

            yield write
        self.files[name] = {"bytes": written, "sha256": digest.hexdigest()}


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, LONG_AGO)
    entry.create_system = 3  # wherever it is written
    entry.external_attr = 0o644 << 16
    return entry
