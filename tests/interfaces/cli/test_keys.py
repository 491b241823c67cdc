"""The keys have a backup of their own, which is worth nothing without the master key."""

import shutil
import stat
import threading
from pathlib import Path

import pytest

from interfaces.storage.keystore import FileKeyStore
from tests.interfaces.cli.conftest import Run, filled_pool


@pytest.mark.usefixtures("sqlite_installation")
def test_keys_come_back_beside_their_master_key(run: Run) -> None:
    """Every one of them, as it was; the copy is for its owner's eyes only and holds no key that could be used by itself."""
    filled_pool(run)
    names = [f"case:{number}" for number in range(100)]
    keys = FileKeyStore(Path("keys")).create(names)
    done = run("keys", "backup", "schlüssel")
    assert done.exit_code == 0
    assert "master.key" in done.stderr
    assert stat.S_IMODE(Path("schlüssel").stat().st_mode) == 0o600
    copy = Path("schlüssel").read_bytes()
    assert not [key for key in (*keys.values(), Path("keys/master.key").read_bytes()) if key in copy]
    Path("keys/keys.db").unlink()
    assert run("db", "check").exit_code == 1
    assert run("keys", "restore", "schlüssel").exit_code == 0
    assert FileKeyStore(Path("keys")).read(names) == keys
    assert stat.S_IMODE(Path("keys/keys.db").stat().st_mode) == 0o600
    assert run("db", "check").exit_code == 0
    assert sorted(file.name for file in Path("keys").iterdir()) == ["keys.db", "master.key"]


@pytest.mark.usefixtures("sqlite_installation")
def test_keys_are_copied_while_others_are_made(run: Run) -> None:
    """A copy holds every key that was there when it began."""
    store = FileKeyStore(Path("keys"))
    known = store.create(["case:1"])
    stop = threading.Event()

    def make_keys() -> None:
        number = 2
        while not stop.is_set():
            known.update(store.create([f"case:{number}"]))
            number += 1

    worker = threading.Thread(target=make_keys)
    worker.start()
    try:
        promised = dict(known)
        assert run("keys", "backup", "schlüssel").exit_code == 0
    finally:
        stop.set()
        worker.join()
    Path("keys/keys.db").unlink()
    assert run("keys", "restore", "schlüssel").exit_code == 0
    found = FileKeyStore(Path("keys")).read(list(known))
    assert promised.items() <= found.items() <= known.items()


@pytest.mark.usefixtures("sqlite_installation")
def test_nothing_is_overwritten(run: Run) -> None:
    """Neither a file by a backup, nor keys by a restore."""
    filled_pool(run)
    Path("da").write_text("wichtig")
    assert run("keys", "backup", "da").exit_code == 1
    assert Path("da").read_text() == "wichtig"
    assert run("keys", "backup", "schlüssel").exit_code == 0
    before = Path("keys/keys.db").read_bytes()
    done = run("keys", "restore", "schlüssel")
    assert done.exit_code == 1
    assert "wird nicht überschrieben" in done.stderr
    assert Path("keys/keys.db").read_bytes() == before


@pytest.mark.usefixtures("sqlite_installation")
def test_what_does_not_fit_is_refused_and_leaves_nothing(run: Run) -> None:
    """Keys of another installation, other files, or no master key to put them beside."""
    filled_pool(run)
    FileKeyStore(Path("fremd"))
    Path("brief").write_text("Sehr geehrte Damen und Herren")
    shutil.copy("keys/keys.db", "schlüssel")
    Path("keys/keys.db").unlink()
    for name, reason in (
        ("fremd/keys.db", "passt nicht"),
        ("brief", "lässt sich nicht kopieren"),
        ("gibtesnicht", "gibt es nicht"),
    ):
        done = run("keys", "restore", name)
        assert done.exit_code == 1
        assert reason in done.stderr
        assert [file.name for file in Path("keys").iterdir()] == ["master.key"]
    Path("keys/master.key").unlink()
    done = run("keys", "restore", "schlüssel")
    assert done.exit_code == 1
    assert "zuerst dessen eigene Sicherung" in done.stderr


@pytest.mark.usefixtures("sqlite_installation")
def test_where_there_are_no_keys_none_are_made(run: Run) -> None:
    """A backup of nothing would look like one."""
    done = run("keys", "backup", "schlüssel")
    assert done.exit_code == 1
    assert "liegen keine Schlüssel" in done.stderr
    assert not Path("schlüssel").exists()
    assert not Path("keys").exists()
