"""A second implementation, in another language and from the RFC alone, agrees about everything that a package proves."""

import re
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

from application.proof import merkle, proofs
from interfaces.storage.checkpoint_keys import CheckpointKeys
from tests.interfaces.package import test_manipulations
from tests.interfaces.package.packages import Files, Verdict, random_log, unzipped, verified, written, zipped
from tests.java import run_java

PROGRAM = Path(__file__).parent / "PackageCheck.java"
MUTATIONS = (
    "changed_minutes",
    "changed_minutes_and_leaf",
    "deleted_event",
    "inserted_in_a_foreign_place",
    "reordered",
    "swapped_sealed_texts",
    "changed_leaf",
    "cut_leaves",
    "changed_signature",
    "changed_checkpoint",
    "checkpoint_of_another",
    "other_key",
)


def java(*files: Path) -> list[str]:
    done = run_java(PROGRAM, *files)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


def test_both_verifiers_agree(package: Files, tmp_path: Path) -> None:
    """given a package and altered ones / then both name the same events, the same checkpoints and the same signatures."""
    packages = [package, *(getattr(test_manipulations, name)(package) for name in MUTATIONS)]
    files = [tmp_path / f"{number}.zip" for number, _ in enumerate(packages)]
    for file, made in zip(files, packages, strict=True):
        zipped(made, file)
    said: dict[str, list[str]] = defaultdict(list)
    for line in java(*files):
        word, _, rest = line.partition(" ")
        if word == "package":
            current = rest
        elif word in ("leaf", "checkpoint", "signature"):
            said[current].append(line)
    found = {file.name: findings(verified(tmp_path, made)) for file, made in zip(files, packages, strict=True)}
    assert {name: sorted(said[name]) for name in found} == found
    assert found["0.zip"] == []
    assert all(found[file.name] for file in files[1:] if file.name not in ("3.zip", "5.zip")), found


def findings(verdict: Verdict) -> list[str]:
    """What our verifier says, in the words of the other one."""
    found = set()
    for line in verdict.deviations():
        if changed := re.match(r"Position (\d+) .*Im Baum steht ein anderes Blatt", line):
            found.add(f"leaf {changed[1]}")
        if other := re.match(r"Der Prüfpunkt über (\d+) .*(andere Wurzel|reicht weiter)", line):
            found.add(f"checkpoint {other[1]}")
        if unsigned := re.match(r"„(pruefpunkte/\S+)“(:| trägt)", line):
            found.add(f"signature {unsigned[1]}")
    return sorted(found)


def test_proofs_are_the_same_and_hold(tmp_path: Path, keys: CheckpointKeys) -> None:
    """given proofs of the service for positions and sizes of a package / then Java makes the same, and accepts no other."""
    lines, expected = [], []
    with random_log(f"sqlite:///{tmp_path}/store.db", keys) as log:
        out = written(log.store, keys, tmp_path / "paket.zip")
        size = len(unzipped(out)["blaetter.bin"]) // 32
        with log.store.reading() as reader:
            for number in (1, 2, size // 3, size // 2, size - 1, size):
                included = proofs.inclusion(reader, number, size)
                grown = proofs.consistency(reader, number, size)
                leaf = sha256(b"\0" + included.leaf).digest()
                expected.append(line_of("inclusion", number, *included.path))
                lines.append(line_of("inclusion", number, size, leaf, included.root, *included.path))
                expected.append(line_of("consistency", number, *grown.path))
                lines.append(line_of("consistency", number, size, grown.from_root, grown.to_root, *grown.path))
    broken = [line[:-1] + ("0" if line[-1] != "0" else "1") for line in lines]
    (tmp_path / "sound.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "broken.txt").write_text("\n".join(broken), encoding="utf-8")
    said = java(out, tmp_path / "sound.txt", tmp_path / "broken.txt")
    assert [line for line in said if line.startswith(("inclusion", "consistency"))] == expected
    assert [line for line in said if line in ("holds", "fails")] == ["holds"] * len(lines) + ["fails"] * len(broken)
    leaves = unzipped(out)["blaetter.bin"]
    root = merkle.root([leaves[start : start + 32] for start in range(0, len(leaves), 32)])
    assert f"root {size} {root.hex()}" in said


def line_of(kind: str, *words: int | bytes) -> str:
    return " ".join([kind, *(word.hex() if isinstance(word, bytes) else str(word) for word in words)])
