"""Packages for tests: how they come about, how they are verified, and how somebody forges them."""

import base64
import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZIP_STORED, ZipFile

from eventsourcing.persistence import Notification

from application.log import Store, leaf_hash
from application.proof import checkpoints, merkle
from application.proof.notes import Checkpoint, Signer, signed
from interfaces.package.writing import write_package
from interfaces.storage.checkpoint_keys import CheckpointKeys
from tests.application.projections.driver import Log, opened_log
from tests.application.projections.histories import POOL, History
from tests.domain.facts import budget_changed, pool_opened

VERIFIER = Path(__file__).parents[3] / "interfaces" / "package" / "pruefer.py"
STEPS = 220
ORIGIN = "stundenpool"
MIDDAY = datetime(2022, 1, 10, 12, tzinfo=UTC)

Files = dict[str, bytes]
Events = list[dict[str, Any]]


@dataclass(frozen=True)
class Verdict:
    """How the verifier ended, and what it said."""

    status: int
    protocol: str

    def deviations(self) -> list[str]:
        return [line.partition("ABWEICHUNG: ")[2] for line in self.protocol.splitlines() if "ABWEICHUNG: " in line]


def verified(folder: Path, *packages: Files | bytes, words: Sequence[str] = ()) -> Verdict:
    """What the verifier says, alone with the packages in a folder that has nothing else but what ``words`` name."""
    shutil.copy(VERIFIER, folder / "pruefer.py")
    names = [f"paket-{number}.zip" for number in range(1, len(packages) + 1)]
    for name, package in zip(names, packages, strict=True):
        (folder / name).write_bytes(package if isinstance(package, bytes) else zipped(package, folder / name))
    done = subprocess.run(
        [sys.executable, "-I", "pruefer.py", *names, *words],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return Verdict(done.returncode, done.stdout)


def zipped(files: Files, path: Path) -> bytes:
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path.read_bytes()


def unzipped(path: Path) -> Files:
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# ── A log and its package


@contextmanager
def random_log(url: str, keys: CheckpointKeys, seed: int = 1) -> Iterator[Log]:
    """A random history of a pool, with events of another pool in between, where a checkpoint was issued."""
    chance = random.Random(seed)
    steps = [(chance.randrange(2**32), chance.randrange(24 * 60), chance.random() < 0.2) for _ in range(STEPS)]
    with opened_log(url) as log:
        decisions = History().play(steps)
        middle = len(decisions) // 2
        log.append_all([*decisions[:middle], ([pool_opened()], None)])
        with log.store.turn() as turn:
            checkpoints.issue(turn, [keys.signer()], MIDDAY)
        log.append_all([([budget_changed(60)], None), *decisions[middle:]])
        yield log


def written(store: Store, keys: CheckpointKeys, out: Path, pool: UUID = POOL) -> Path:
    write_package(store, keys, pool, out, lambda done, total: None)
    return out


def events_of(files: Files) -> Events:
    return [json.loads(line) for line in files["ereignisse.jsonl"].splitlines()]


# ── What somebody does to one


def listed(files: Files, **changes: Any) -> Files:
    """With a directory that fits the files again, as anybody can write it."""
    manifest = {**json.loads(files["manifest.json"]), **changes}
    others = {name: content for name, content in files.items() if name != "manifest.json"}
    manifest["files"] = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in others.items()
    }
    return {**others, "manifest.json": json.dumps(manifest).encode()}


def restated(files: Files, events: Events) -> Files:
    """With these events in place of its own, and a directory that says so."""
    lines = b"".join(state_of(event) + b"\n" for event in events)
    return listed({**files, "ereignisse.jsonl": lines}, events=len(events))


def forged(files: Files, events: Events, signer: Signer) -> Files:
    """The same by the office itself: leaves, root and checkpoint are made anew and signed, and the older ones are left out."""
    leaves = bytearray(files["blaetter.bin"])
    for event in events:
        leaves[32 * event["position"] - 32 : 32 * event["position"]] = leaf_of(event)
    size = len(leaves) // 32
    root = merkle.root([bytes(leaves[32 * each : 32 * each + 32]) for each in range(size)])
    note = signed(Checkpoint(ORIGIN, size, root, MIDDAY).text(), [signer])
    kept = {name: content for name, content in files.items() if not name.startswith("pruefpunkte/")}
    made = {**kept, "blaetter.bin": bytes(leaves), "pruefpunkte/1.txt": note.encode()}
    stated = listed(made, size=size, root=base64.b64encode(root).decode(), checkpoint="pruefpunkte/1.txt")
    return restated(stated, events)


def state_of(event: dict[str, Any]) -> bytes:
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf_of(event: dict[str, Any]) -> bytes:
    row = Notification(UUID(event["stream"]), event["version"], event["type"], state_of(event), event["position"])
    return leaf_hash(row)
