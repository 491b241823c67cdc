"""Old checkpoints under a new hash: the statement holds for this log and no other, and can be computed by anybody."""

import base64
import hashlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from application.log import leaf_bytes
from application.proof import notes
from application.proof.merkle import Hashing
from application.proof.notes import NoteRefused
from interfaces.settings import read_settings
from interfaces.storage import open_store
from tests.interfaces.cli.conftest import Run, filled_pool, opened_pool
from tests.interfaces.cli.test_audit import saved
from tests.interfaces.cli.test_db import altered


def root(leaves: Sequence[bytes], hashing: Hashing) -> bytes:
    """RFC 9162, 2.1.1, word for word, with any hash."""
    if len(leaves) == 1:
        return hashing(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashing(b"\1" + root(leaves[:half], hashing) + root(leaves[half:], hashing)).digest()


def statement(run: Run, *words: str) -> Path:
    done = run("audit", "reanchor", "pruefpunkt.txt", *words)
    assert done.exit_code == 0, done.stderr
    Path("erklaerung.txt").write_text(done.stdout, encoding="utf-8")
    return Path("erklaerung.txt")


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize(("name", "hashing"), [("sha3-512", hashlib.sha3_512), ("sha-512", hashlib.sha512)])
def test_an_old_checkpoint_gets_a_root_under_a_new_hash(run: Run, name: str, hashing: Hashing) -> None:
    """given a checkpoint, and a log and keys that went on / then the statement has the root as RFC 9162 says, and the old note."""
    filled_pool(run)
    old = saved(run).read_text(encoding="utf-8")
    size = int(old.split("\n")[1])
    opened_pool(run)
    run("audit", "key", "--replace")
    vkey = run("audit", "key").stdout.split()[-1]
    text, _ = notes.opened(statement(run, "--hash", name).read_text(encoding="utf-8"), [notes.read_verifier(vkey)])
    with closing(open_store(read_settings().database_url, create=False)) as store, store.reading() as reader:
        leaves = [leaf_bytes(row) for row in reader.notifications(0, size)]
    head, _, contained = text.partition("\n\n")
    assert contained == old
    assert head.split("\n")[:4] == [
        "stundenpool",
        f"re-anchored with {name}",
        str(size),
        base64.b64encode(root(leaves, hashing)).decode(),
    ]
    done = run("audit", "reanchor", "--check", "erklaerung.txt")
    assert (done.exit_code, done.stdout) == (0, f"In Ordnung: Die Erklärung gilt für die ersten {size} Ereignisse.\n")
    with pytest.raises(NoteRefused):
        notes.read_checkpoint(text)


@pytest.mark.usefixtures("sqlite_installation")
def test_another_log_is_neither_stated_nor_confirmed(run: Run) -> None:
    """given a log that was altered since the checkpoint / then there is no statement, and an earlier one does not hold."""
    filled_pool(run)
    saved(run)
    made = statement(run)
    altered("UPDATE stored_events SET topic = 'pool-closed' WHERE rowid = 3")
    for words in (["pruefpunkt.txt"], ["--check", made]):
        done = run("audit", "reanchor", *words)
        assert done.exit_code == 1
        assert "sind nicht mehr die, die der Prüfpunkt nennt" in done.stderr
        assert done.stdout == ""
    altered("DELETE FROM stored_events WHERE rowid > 2")
    assert "Das Protokoll hat keine" in run("audit", "reanchor", "pruefpunkt.txt").stderr


@pytest.mark.usefixtures("sqlite_installation")
def test_a_root_that_was_stated_wrongly_is_found(run: Run) -> None:
    """given a statement that the key has signed, of another root / then it does not hold, though the old checkpoint does."""
    filled_pool(run)
    saved(run)
    text = statement(run).read_text(encoding="utf-8")
    signer = notes.read_signer(Path("keys/checkpoint.keys").read_text(encoding="utf-8").split()[-1])
    lines = text.rpartition("\n\n")[0].split("\n")
    lines[3] = base64.b64encode(bytes(64)).decode()
    Path("falsch.txt").write_text(notes.signed("\n".join(lines) + "\n", [signer]), encoding="utf-8")
    done = run("audit", "reanchor", "--check", "falsch.txt")
    assert done.exit_code == 1
    assert "eine andere Wurzel, als erklärt wurde" in done.stderr


@pytest.mark.usefixtures("sqlite_installation")
def test_what_is_no_statement_or_no_checkpoint_is_refused(run: Run) -> None:
    """given the one in place of the other, or neither / then that is said."""
    opened_pool(run)
    saved(run)
    statement(run)
    Path("nichts.txt").write_bytes(b"\xff")
    Path("verändert.txt").write_text(Path("erklaerung.txt").read_text("utf-8").replace("sha3-512", "sha-512"), encoding="utf-8")
    for words in (["--check", "pruefpunkt.txt"], ["erklaerung.txt"], ["nichts.txt"], ["--check", "verändert.txt"]):
        done = run("audit", "reanchor", *words)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("Fehler: ")
