"""The keys have a life of their own: checked, put under a new master key, copied for a recipient and taken back."""

import stat
import subprocess
import threading
from pathlib import Path

import pytest

from interfaces.storage.keystore import FileKeyStore
from tests.interfaces.cli.conftest import Run, filled_pool


@pytest.fixture
def recipient() -> None:
    """Whoever may read backups, with the two halves of a key as the guide has them made."""
    protected = ["-aes256", "-pass", "pass:kennwort"]
    subprocess.run(["openssl", "genpkey", "-algorithm", "x25519", *protected, "-out", "privat.pem"], check=True)
    subprocess.run(["openssl", "pkey", "-in", "privat.pem", "-passin", "pass:kennwort", "-pubout", "-out", "amt.pem"], check=True)


BACKUP = ("keys", "backup", "sicherung", "--recipient", "amt.pem")
RESTORE = ("keys", "restore", "sicherung", "--private", "privat.pem")


@pytest.mark.usefixtures("sqlite_installation", "recipient")
def test_keys_come_back_beside_their_master_key(run: Run) -> None:
    """Every one of them, as it was; the copy is for its owner's eyes only and holds no key that could be used by itself."""
    filled_pool(run)
    names = [f"case:{number}" for number in range(100)]
    keys = FileKeyStore(Path("keys")).create(names)
    done = run(*BACKUP)
    assert done.exit_code == 0
    assert "Hauptschlüssel" in done.stderr
    assert stat.S_IMODE(Path("sicherung").stat().st_mode) == 0o600
    copy = Path("sicherung").read_bytes()
    assert not [key for key in (*keys.values(), Path("keys/master.key").read_bytes()) if key in copy]
    Path("keys/keys.db").unlink()
    assert run("db", "check").exit_code == 1
    assert run("pool", "open", "pool.toml").exit_code == 1, "a lost key store is not begun anew"
    done = run(*RESTORE, input="kennwort\n")
    assert done.exit_code == 0
    assert "kennwort" not in done.output
    assert FileKeyStore(Path("keys")).read(names) == keys
    assert stat.S_IMODE(Path("keys/keys.db").stat().st_mode) == 0o600
    assert run("db", "check").exit_code == 0
    assert sorted(file.name for file in Path("keys").iterdir()) == ["keys.db", "master.key"]


@pytest.mark.usefixtures("sqlite_installation", "recipient")
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
        assert run(*BACKUP).exit_code == 0
    finally:
        stop.set()
        worker.join()
    Path("keys/keys.db").unlink()
    assert run(*RESTORE, input="kennwort\n").exit_code == 0
    found = FileKeyStore(Path("keys")).read(list(known))
    assert promised.items() <= found.items() <= known.items()


@pytest.mark.usefixtures("sqlite_installation", "recipient")
def test_what_is_there_stays(run: Run) -> None:
    """A backup overwrites no file, and a restore no key and no erasure."""
    filled_pool(run)
    store = FileKeyStore(Path("keys"))
    store.create(["case:1"])
    assert run(*BACKUP).exit_code == 0
    assert run(*BACKUP).exit_code == 1
    store.erase(["case:1"])
    later = store.create(["case:2"])
    assert run(*RESTORE, input="kennwort\n").exit_code == 0
    assert store.erased(["case:1", "case:2"]) == {"case:1"}
    assert store.read(["case:2"]) == later


@pytest.mark.usefixtures("sqlite_installation", "recipient")
def test_what_does_not_fit_is_refused_and_leaves_everything(run: Run) -> None:
    """A wrong passphrase, keys of another installation, or no master key to put them beside."""
    filled_pool(run)
    assert run(*BACKUP).exit_code == 0
    before = Path("keys/keys.db").read_bytes()
    done = run(*RESTORE, input="falsch\n")
    assert done.exit_code == 1
    assert "Kennwort stimmt nicht" in done.stderr
    done = run("keys", "backup", "neu", "--recipient", "privat.pem")
    assert done.exit_code == 1
    assert "keinen öffentlichen Schlüssel" in done.stderr
    assert not Path("neu").exists()
    assert Path("keys/keys.db").read_bytes() == before
    Path("keys/master.key").rename("master.key")
    done = run(*RESTORE, input="kennwort\n")
    assert done.exit_code == 1
    assert "passt nicht" in done.stderr
    FileKeyStore(Path("fremd"))
    Path("fremd/master.key").rename("keys/master.key")
    assert run(*RESTORE, input="kennwort\n").exit_code == 1


@pytest.mark.usefixtures("sqlite_installation", "recipient")
def test_where_there_are_no_keys_none_are_made(run: Run) -> None:
    """A backup of nothing would look like one, and so would a new master key of nothing."""
    for words in (BACKUP, ("keys", "check"), ("keys", "rotate")):
        done = run(*words)
        assert done.exit_code == 1
        assert "nicht zu gebrauchen" in done.stderr
    assert not Path("sicherung").exists()
    assert not Path("keys").exists()


@pytest.mark.usefixtures("sqlite_installation", "recipient")
def test_a_new_master_key(run: Run) -> None:
    """Everything is as it was, the log too; older backups are worthless, and the program says so."""
    filled_pool(run)
    store = FileKeyStore(Path("keys"))
    store.erase(["case:1"])
    assert run(*BACKUP).exit_code == 0
    before, log = Path("keys/master.key").read_bytes(), run("log", "show").stdout
    checked = run("keys", "check")
    assert "gelöscht: 1" in checked.stdout

    done = run("keys", "rotate")

    assert done.exit_code == 0
    assert "sofort neu sichern" in done.stderr
    assert Path("keys/master.key").read_bytes() not in (before, b"")
    assert run("keys", "check").stdout == checked.stdout
    assert (run("log", "show").stdout, run("db", "check").exit_code) == (log, 0)
    assert run(*RESTORE, input="kennwort\n").exit_code == 1


@pytest.mark.usefixtures("sqlite_installation")
def test_check_finds_a_damaged_key(run: Run) -> None:
    """Each one is opened, whether anything was sealed under it or not."""
    filled_pool(run)
    store = FileKeyStore(Path("keys"))
    store.create(["case:1"])
    with store.changing() as rows:
        rows.put({"case:1": b"no key"})
    done = run("keys", "check")
    assert done.exit_code == 1
    assert "case:1" in done.stderr
