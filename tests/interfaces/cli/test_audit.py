"""Checkpoints, proofs and the verification of the log, as auditors type them."""

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest

from application.proof import merkle, notes
from tests.interfaces.cli.conftest import Run, filled_pool, opened_pool
from tests.interfaces.cli.test_db import altered


def saved(run: Run, name: str = "pruefpunkt.txt") -> Path:
    """A checkpoint in a file."""
    done = run("audit", "checkpoint")
    assert done.exit_code == 0, done.stderr
    Path(name).write_text(done.stdout, encoding="utf-8")
    return Path(name)


@pytest.mark.usefixtures("installation")
def test_a_checkpoint_is_signed_and_kept(run: Run) -> None:
    """given a log / when asked twice / then the same note is given, which the published key has signed."""
    filled_pool(run)
    first, again = run("audit", "checkpoint").stdout, run("audit", "checkpoint").stdout
    since, vkey = run("audit", "key").stdout.split()
    text, _ = notes.opened(first, [notes.read_verifier(vkey)])
    stated = notes.read_checkpoint(text)
    assert (first, since, stated.origin) == (again, "0", "stundenpool")
    opened_pool(run)
    longer = notes.read_checkpoint(run("audit", "checkpoint").stdout.partition("\n\n")[0] + "\n")
    assert longer.size == stated.size + 1
    assert run("audit", "checkpoint", "--issued").stdout == f"{first}\n{run('audit', 'checkpoint').stdout}\n"
    done = run("audit", "verify")
    assert done.exit_code == 0
    assert "übereinstimmende Prüfpunkte: 2" in done.stdout


@pytest.mark.usefixtures("sqlite_installation")
def test_the_key_stays_with_its_owner(run: Run) -> None:
    """given the first checkpoint / then its key lies in the key store, for its owner's eyes only, and the secret is never shown."""
    run("audit", "checkpoint")
    file = Path("keys/checkpoint.keys")
    secret = file.read_text(encoding="utf-8").split()[1]
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret not in run("audit", "key").stdout
    assert [path.name for path in Path("keys").iterdir() if path.name.startswith("checkpoint")] == ["checkpoint.keys"]


@pytest.mark.usefixtures("sqlite_installation")
def test_a_key_can_be_replaced(run: Run) -> None:
    """given checkpoints from before and after a change of keys / then all are believed, and the old secret is gone."""
    filled_pool(run)
    before = saved(run, "vorher.txt")
    secret = Path("keys/checkpoint.keys").read_text(encoding="utf-8").split()[1]
    done = run("audit", "key", "--replace")
    assert done.exit_code == 0, done.stderr
    assert secret not in Path("keys/checkpoint.keys").read_text(encoding="utf-8")
    (_, old), (since, new) = (line.split() for line in done.stdout.splitlines())
    change = saved(run, "wechsel.txt")
    text, by = notes.opened(change.read_text(encoding="utf-8"), [notes.read_verifier(old), notes.read_verifier(new)])
    assert [each.vkey() for each in by] == [old, new]
    assert notes.read_checkpoint(text).successor == new  # so the old key says it, whoever else has signed below
    assert notes.read_checkpoint(before.read_text(encoding="utf-8").partition("\n\n")[0] + "\n").size == int(since)
    opened_pool(run)
    after = saved(run, "nachher.txt")
    words = [word for file in (before, change, after) for word in ("--checkpoint", file)]
    assert run("audit", "verify", *words).exit_code == 0


@pytest.mark.usefixtures("sqlite_installation")
@pytest.mark.parametrize("content", ["", "x", "0 nothing\n", "zero PRIVATE+KEY+a+b+c\n"])
def test_a_damaged_key_is_named(run: Run, content: str) -> None:
    """given a file of keys that is none / then that is said, and no other key takes its place."""
    Path("keys").mkdir(exist_ok=True)
    Path("keys/checkpoint.keys").write_text(content, encoding="utf-8")
    done = run("audit", "checkpoint")
    assert done.exit_code == 1
    assert "Ablage der Schlüssel ist nicht zu gebrauchen" in done.stderr
    assert Path("keys/checkpoint.keys").read_text(encoding="utf-8") == content


@pytest.mark.usefixtures("sqlite_installation")
def test_a_log_keeps_its_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a log with another name than its key was made for / then nothing is signed under either."""
    run("audit", "checkpoint")
    monkeypatch.setenv("STUNDENPOOL_ORIGIN", "stundenpool.jugendamt.example/2026")
    done = run("audit", "checkpoint")
    assert done.exit_code == 1
    assert "ORIGIN" in done.stderr


@pytest.mark.usefixtures("installation")
def test_proofs_hold_without_this_program(run: Run) -> None:
    """given a checkpoint and the proofs that the command line gives / then RFC 9162 alone is enough to check them."""
    filled_pool(run)
    size = notes.read_checkpoint(run("audit", "checkpoint").stdout.partition("\n\n")[0] + "\n").size
    for position in (1, size):
        proof = json.loads(run("audit", "proof", "inclusion", "--position", position).stdout)
        leaf = base64.b64decode(proof["leaf"])
        path = [base64.b64decode(each) for each in proof["path"]]
        root = base64.b64decode(proof["root"])
        assert proof["size"] == size
        assert merkle.includes(root, size, position - 1, sha256(b"\0" + leaf).digest(), path)
    proof = json.loads(run("audit", "proof", "consistency", "--from", 3).stdout)
    path = [base64.b64decode(each) for each in proof["path"]]
    first, second = (base64.b64decode(proof[each]) for each in ("from_root", "to_root"))
    assert merkle.extends(first, proof["from"], second, proof["to"], path)
    assert (proof["from"], proof["to"]) == (3, size)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["inclusion", "--position", "99"], 1, "position"),
        (["inclusion", "--position", "1", "--size", "99"], 1, "size"),
        (["inclusion", "--position", "0"], 2, "--position"),
        (["consistency", "--from", "99"], 1, "from"),
        (["consistency", "--from", "1", "--to", "99"], 1, "to"),
        (["consistency"], 2, "--from"),
    ],
)
@pytest.mark.usefixtures("sqlite_installation")
def test_what_cannot_be_proved_is_said(run: Run, words: list[str], status: int, said: str) -> None:
    """given positions and sizes that the log does not have / then the place is named."""
    opened_pool(run)
    done = run("audit", "proof", *words)
    assert done.exit_code == status
    assert said in done.stderr


@pytest.mark.usefixtures("installation")
def test_each_deviation_is_named(run: Run) -> None:
    """given an altered event / when verified / then position, stream and field are named, as text and as JSON."""
    filled_pool(run)
    outside = saved(run)
    assert run("audit", "verify", "--checkpoint", outside).exit_code == 0
    altered("UPDATE stored_events SET topic = 'pool-closed' WHERE rowid = 3")
    done = run("audit", "verify")
    assert done.exit_code == 1
    first = done.stdout.splitlines()[0]
    assert first.startswith("Position 3, Strom ")
    assert "Blatt im Baum: erwartet" in first
    done = run("audit", "verify", "--checkpoint", outside, "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert [each["field"] for each in said["deviations"] if each["position"] == 3] == ["leaf", "event"]
    assert [each["field"] for each in said["deviations"]].count("checkpoint") == 2
    assert not [each for each in said["deviations"] if each["position"] < 3], "the rest are decisions on what cannot be read"


@pytest.mark.usefixtures("sqlite_installation")
@pytest.mark.parametrize("content", [b"", b"\xff", b"stundenpool\n1\nAAAA\n"])
def test_a_file_that_is_no_checkpoint_is_refused(run: Run, content: bytes) -> None:
    """given a file that is no checkpoint / then the log is not called sound because of it."""
    opened_pool(run)
    Path("x").write_bytes(content)
    done = run("audit", "verify", "--checkpoint", "x")
    assert done.exit_code == 1
    assert "In Ordnung" not in done.stdout


@pytest.mark.usefixtures("sqlite_installation")
def test_an_empty_log_has_a_checkpoint(run: Run) -> None:
    """given no event yet / then the root of nothing is signed, and nothing deviates."""
    outside = saved(run)
    assert outside.read_text(encoding="utf-8").splitlines()[1:3] == ["0", base64.b64encode(sha256().digest()).decode()]
    assert run("audit", "verify", "--checkpoint", outside).exit_code == 0
    opened_pool(run)
    assert run("audit", "verify", "--checkpoint", outside).exit_code == 0
