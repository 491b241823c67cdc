"""The folder of those who keep checkpoints: what is issued gets there, stays, and is believed more than the database."""

import os
from pathlib import Path

import pytest

from interfaces.handover.failing import NotHandedOver
from interfaces.handover.witness import Witness
from tests.interfaces.cli.conftest import Run, filled_pool, opened_pool
from tests.interfaces.cli.test_db import altered


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the auditors, which the settings name."""
    folder = tmp_path / "pruefung"
    folder.mkdir()
    monkeypatch.setenv("STUNDENPOOL_WITNESS", str(folder))
    return folder


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}


@pytest.mark.usefixtures("installation")
def test_what_is_issued_is_with_the_witness(run: Run, folder: Path) -> None:
    """given checkpoints, a change of keys among them / then each is a file of its own, byte for byte, once."""
    opened_pool(run)
    first = run("audit", "checkpoint").stdout
    run("audit", "checkpoint")
    run("audit", "key", "--replace")
    changed = run("audit", "checkpoint").stdout
    filled_pool(run)
    longer = run("audit", "checkpoint").stdout
    kept = files(folder)
    assert sorted(kept.values()) == sorted([first, changed, longer])
    assert sorted(name.split("-")[3] for name in kept) == ["1", "1", longer.split("\n")[1]]
    done = run("audit", "verify")
    assert done.exit_code == 0, done.stdout
    assert "übereinstimmende Prüfpunkte: 6" in done.stdout
    assert run("db", "check").exit_code == 0


@pytest.mark.usefixtures("installation")
def test_the_witness_is_asked_without_being_told(run: Run, folder: Path) -> None:
    """given a log that was cut with its tree, its receipts and its checkpoints / then the folder alone shows it."""
    filled_pool(run)
    run("audit", "checkpoint")
    [name] = files(folder)
    end = int(name.split("-")[3])
    for statement in (
        f"DELETE FROM stored_events WHERE rowid > {end - 1}",
        "DELETE FROM receipts",
        "DELETE FROM checkpoints",
        "DELETE FROM tree",
    ):
        altered(statement)
    done = run("audit", "verify")
    assert done.exit_code == 1
    assert f"erwartet {end} Ereignisse, wie ein Prüfpunkt sagt" in done.stdout
    done = run("db", "check")
    assert done.exit_code == 1
    assert f"Gegen den Prüfpunkt „{name}“ der Prüfung: Das Protokoll hat keine {end} Ereignisse mehr." in done.stdout


@pytest.mark.usefixtures("sqlite_installation")
def test_another_history_is_told_from_the_one_that_was_witnessed(run: Run, folder: Path) -> None:
    """given a tree that was made anew over altered events / then the files of the witness do not fit, and are not written over."""
    filled_pool(run)
    run("audit", "checkpoint")
    before = files(folder)
    altered("UPDATE stored_events SET topic = 'pool-closed' WHERE rowid = 3")
    altered("DELETE FROM tree")
    altered("DELETE FROM checkpoints")
    done = run("audit", "checkpoint")
    assert done.exit_code == 0
    assert f"Im Ordner der Prüfung steht etwas anderes, als ausgegeben wurde: {next(iter(before))}" in done.stderr
    assert files(folder) == before
    assert "sind nicht mehr die, die er nennt" in run("db", "check").stdout


@pytest.mark.usefixtures("sqlite_installation")
def test_a_folder_that_is_away_is_said_and_stops_nothing(run: Run, folder: Path) -> None:
    """given a share that is not mounted / then the checkpoint is given all the same, and is handed over once the share is back."""
    opened_pool(run)
    folder.rmdir()
    done = run("audit", "checkpoint")
    assert done.exit_code == 0
    assert done.stdout.startswith("stundenpool\n1\n")
    assert f"Warnung: Der Ordner der Prüfung „{folder}“ lässt sich nicht beschreiben" in done.stderr
    assert run("audit", "verify").exit_code == 1  # what the witness says is not known
    assert "lässt sich nicht lesen" in run("db", "check").stdout
    folder.mkdir()
    assert run("audit", "checkpoint").stdout in files(folder).values()
    assert run("audit", "verify").exit_code == 0


def test_a_file_that_could_not_be_written_leaves_its_name_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a disk that is full in the middle of a file / then nothing of it stays, and the next attempt succeeds."""

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(NotHandedOver, match="No space left"):
            Witness(tmp_path).keep("a.txt", b"note")
    assert list(tmp_path.iterdir()) == []
    assert Witness(tmp_path).keep("a.txt", b"note")
    assert Witness(tmp_path).keep("a.txt", b"note")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644, "others are to read it, whatever the service does besides"
    assert not Witness(tmp_path).keep("a.txt", b"another")


@pytest.mark.usefixtures("sqlite_installation")
def test_a_file_that_is_no_checkpoint_is_named(run: Run, folder: Path) -> None:
    """given a note of somebody else's log in the folder / then the log is not called sound because of it."""
    opened_pool(run)
    (folder / "fremd.txt").write_bytes(b"\xff\n\n")
    assert run("audit", "verify").exit_code == 1
    assert "„fremd.txt“" in run("db", "check").stdout
