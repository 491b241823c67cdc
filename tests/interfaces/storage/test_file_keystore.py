"""The key store in a directory: durable, shared by processes, and loud when anything in it is not as it was left."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from application.privacy import KeyStoreDamaged
from interfaces.storage.keystore import FileKeyStore, open_keystore
from interfaces.storage.keystore.files import SqliteRows

ROOT = Path(__file__).parents[3]
STREAM = UUID(int=1)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def store(directory: Path) -> FileKeyStore:
    return FileKeyStore(directory)


def python(program: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Another process that has the key store's names at hand and whose first argument is the directory."""
    head = "import os, signal, sys; from pathlib import Path; from interfaces.storage.keystore import FileKeyStore\n"
    command = [sys.executable, "-c", head + program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def change(directory: Path, statement: str, *values: object) -> None:
    """What somebody with a database tool could do to the rows."""
    with closing(sqlite3.connect(directory / "keys.db")) as connection, connection:
        connection.execute(statement, values)


def content(directory: Path) -> bytes:
    """Every byte of keys.db and of whatever SQLite left beside it."""
    return b"".join(file.read_bytes() for file in directory.glob("keys.db*"))


def test_key_is_there_before_create_returns(directory: Path) -> None:
    """A process killed the moment it has a key leaves that key to the next one."""
    program = """
key = FileKeyStore(Path(sys.argv[1])).create(["case:1"])["case:1"]
print(key.hex(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with python(program, directory) as process:
        output, _ = process.communicate()

    assert process.returncode == -signal.SIGKILL
    assert FileKeyStore(directory).read(["case:1"]) == {"case:1": bytes.fromhex(output)}


def test_create_waits_for_the_disk(store: FileKeyStore, directory: Path) -> None:
    """The connection that writes keys syncs file and directory, whatever mode somebody left the file in."""
    with closing(sqlite3.connect(directory / "keys.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")

    with store.changing() as rows:
        assert isinstance(rows, SqliteRows)
        modes = [rows._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert modes == ["delete", 3]


def test_processes_racing_agree(directory: Path) -> None:
    """Processes that open a new key store and create the same names at once all get the same keys and secret."""
    program = """
input()
store = FileKeyStore(Path(sys.argv[1]))
keys = {}
for start in range(0, 40, 4):
    keys |= store.create([f"case:{number}" for number in range(start, start + 6)])
print(store.secret("request-fingerprints").hex(), *[keys[name].hex() for name in sorted(keys)])
"""
    processes = [python(program, directory) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate()[0].split() for process in processes]

    assert [process.returncode for process in processes] == [0] * 4
    assert len(outputs[0]) == 43
    assert all(output == outputs[0] for output in outputs)


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    """The directory has mode 0700 and its files 0600 even where the process is generous, and no draft is left."""
    before = os.umask(0)
    try:
        FileKeyStore(tmp_path / "var" / "keys").create(["case:1"])
    finally:
        os.umask(before)
    directory = tmp_path / "var" / "keys"

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (directory, *directory.iterdir())}
    assert modes == {"keys": 0o700, "master.key": 0o600, "keys.db": 0o600}


def test_no_key_in_clear(store: FileKeyStore, directory: Path) -> None:
    """Neither keys nor secrets nor the master key can be read from keys.db, as bytes or as hex."""
    keys = [*store.create([f"case:{number}" for number in range(100)]).values(), store.secret("request-fingerprints")]
    keys.append((directory / "master.key").read_bytes())
    stored = content(directory)

    assert not any(form in stored for key in keys for form in (key, key.hex().encode(), key.hex().upper().encode()))


def test_erased_key_vanishes(store: FileKeyStore, directory: Path) -> None:
    """No trace of a wrapped key is left in the files; every other key is as it was."""
    for start in range(0, 2_000, 10):
        store.create([f"case:{number}" for number in range(start, start + 10)])
    erased = [f"case:{number}" for number in range(0, 2_000, 3)]
    kept = store.read([f"case:{number}" for number in range(2_000) if number % 3])
    with closing(sqlite3.connect(directory / "keys.db")) as connection:
        wrapped = dict(connection.execute("SELECT name, wrapped FROM keys"))
    store.erase(erased)

    stored = content(directory)
    assert sum(wrapped[name] in stored for name in wrapped) == len(wrapped) - len(erased)
    assert not any(wrapped[name] in stored for name in erased)
    assert store.read(list(kept)) == kept


def test_erased_key_stays_in_no_free_room(tmp_path: Path) -> None:
    """SQLite moves rows from page to page as others vanish, and overwrites none where it stood: one time in eight it is found."""
    for seed in range(40):
        directory = tmp_path / str(seed)
        store = FileKeyStore(directory)
        wrapped = {f"case:{number}": os.urandom(60) for number in range(150)}
        with store.changing() as rows:
            rows.put(wrapped)
        erased = set(Random(seed).sample(list(wrapped), 75))
        store.erase(erased)
        assert {name for name, row in wrapped.items() if row in content(directory)} == wrapped.keys() - erased, seed


def test_missing_master_key(store: FileKeyStore, directory: Path) -> None:
    """Keys without their master key are damage: no new master key is made beside them."""
    store.create(["case:1"])
    (directory / "master.key").unlink()

    with pytest.raises(KeyStoreDamaged, match=r"master\.key is missing"):
        FileKeyStore(directory)
    assert not (directory / "master.key").exists()


@pytest.mark.parametrize("length", [0, 31, 33])
def test_master_key_of_wrong_length(store: FileKeyStore, directory: Path, length: int) -> None:
    """A master key that lost or gained bytes is named as damaged."""
    (directory / "master.key").write_bytes(bytes(length))

    with pytest.raises(KeyStoreDamaged, match=rf"master\.key holds {length} bytes instead of 32"):
        FileKeyStore(directory)


def test_foreign_master_key(store: FileKeyStore, directory: Path, tmp_path: Path) -> None:
    """The master key of another key store is found out on opening, before any key is read or made."""
    FileKeyStore(tmp_path / "other")
    (directory / "master.key").write_bytes((tmp_path / "other" / "master.key").read_bytes())

    with pytest.raises(KeyStoreDamaged, match=r"master\.key is not the master key of"):
        FileKeyStore(directory)


def test_flipped_master_key(store: FileKeyStore, directory: Path) -> None:
    """One changed bit in the master key is found out on opening."""
    master = (directory / "master.key").read_bytes()
    (directory / "master.key").write_bytes(bytes([master[0] ^ 1]) + master[1:])

    with pytest.raises(KeyStoreDamaged, match=r"master\.key"):
        FileKeyStore(directory)


def test_unreadable_master_key(store: FileKeyStore, directory: Path) -> None:
    """A master key that cannot be read as a file is damage that names it."""
    (directory / "master.key").unlink()
    (directory / "master.key").mkdir()

    with pytest.raises(KeyStoreDamaged, match=r"master\.key"):
        FileKeyStore(directory)


def test_swapped_rows(store: FileKeyStore, directory: Path) -> None:
    """A wrapped key under another name than its own is damage that says which name, and hurts no other name."""
    store.create(["case:1", "case:2", "case:3"])
    change(directory, "UPDATE keys SET wrapped = (SELECT wrapped FROM keys WHERE name = 'case:2') WHERE name = 'case:1'")

    with pytest.raises(KeyStoreDamaged, match=r"row case:1 of .*keys\.db"):
        store.read(["case:1"])
    with pytest.raises(KeyStoreDamaged, match="case:1"):
        store.create(["case:1", "case:4"])
    assert len(store.read(["case:2", "case:3"])) == 2


@pytest.mark.parametrize("length", [0, 5, 12, 27, 59])
def test_cut_row(store: FileKeyStore, directory: Path, length: int) -> None:
    """A row whose wrapped key lost bytes is damage that says which name."""
    store.create(["case:1"])
    change(directory, "UPDATE keys SET wrapped = substr(wrapped, 1, ?) WHERE name = 'case:1'", length)

    with pytest.raises(KeyStoreDamaged, match="row case:1"):
        store.read(["case:1"])


def test_every_flipped_bit_of_a_row(store: FileKeyStore, directory: Path) -> None:
    """One changed bit in a wrapped key is noticed."""
    store.create(["case:1"])
    with closing(sqlite3.connect(directory / "keys.db")) as connection:
        wrapped = connection.execute("SELECT wrapped FROM keys WHERE name = 'case:1'").fetchone()[0]

    for index in range(len(wrapped)):
        flipped = bytearray(wrapped)
        flipped[index] ^= 1 << index % 8
        change(directory, "UPDATE keys SET wrapped = ? WHERE name = 'case:1'", bytes(flipped))
        with pytest.raises(KeyStoreDamaged, match="row case:1"):
            store.read(["case:1"])


def test_damaged_name_is_no_erasure(store: FileKeyStore, directory: Path) -> None:
    """A name that lost a bit on the disk, in the table or its index, is damage on opening and never a missing key."""
    store.create(["case:anna"])
    original = (directory / "keys.db").read_bytes()
    places = [place for place in range(len(original)) if original.startswith(b"case:anna", place)]
    assert len(places) == 2

    for place in places:
        damaged = bytearray(original)
        damaged[place + 6] ^= 1
        (directory / "keys.db").write_bytes(damaged)
        with pytest.raises(KeyStoreDamaged, match=r"keys\.db"):
            FileKeyStore(directory)


def lose(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def scribble(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


@pytest.mark.parametrize("harm", [lose, empty, cut, scribble])
def test_lost_database(store: FileKeyStore, directory: Path, harm: Callable[[Path], None]) -> None:
    """A lost or unreadable keys.db is damage, before and after a restart: never an empty key store."""
    store.create([f"case:{number}" for number in range(100)])
    harm(directory / "keys.db")

    for attempt in (
        lambda: store.read(["case:1"]),
        lambda: store.create(["case:1", "case:new"]),
        lambda: store.secret("request-fingerprints"),
        lambda: FileKeyStore(directory),
    ):
        with pytest.raises(KeyStoreDamaged, match=str(directory)):
            attempt()


def test_lost_database_does_not_come_back(store: FileKeyStore, directory: Path) -> None:
    """No call leaves an empty file behind in place of a lost keys.db."""
    (directory / "keys.db").unlink()
    with pytest.raises(KeyStoreDamaged):
        store.create(["case:1"])

    assert not (directory / "keys.db").exists()


def test_lost_first_row(store: FileKeyStore, directory: Path) -> None:
    """Keys without the row that proves their master key are damage."""
    store.create(["case:1"])
    change(directory, "DELETE FROM keys WHERE name = 'secret:master-check'")

    with pytest.raises(KeyStoreDamaged, match=r"master\.key is not the master key of"):
        FileKeyStore(directory)


def test_blocked_database(store: FileKeyStore, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key store that somebody keeps locked is reported as unusable after a while, and works again afterwards."""
    monkeypatch.setattr("interfaces.storage.keystore.files.LOCK_WAIT_SECONDS", 0.05)
    with closing(sqlite3.connect(directory / "keys.db")) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(KeyStoreDamaged, match="locked"):
            store.create(["case:1"])

    assert store.create(["case:1"]) == store.read(["case:1"])


def test_failed_creation_leaves_nothing(store: FileKeyStore, directory: Path) -> None:
    """When one key of a call cannot be written, none of them is there."""
    full = "BEFORE INSERT ON keys WHEN new.name = 'case:2' BEGIN SELECT raise(ABORT, 'disk full'); END"
    change(directory, f"CREATE TRIGGER full {full}")
    with pytest.raises(KeyStoreDamaged, match="disk full"):
        store.create(["case:1", "case:2", "case:3"])
    change(directory, "DROP TRIGGER full")

    assert store.read(["case:1", "case:2", "case:3"]) == {}


STEPS_OF_A_BEGINNING = ["os.fsync", "os.link", "os.unlink", "os.urandom"]


@pytest.mark.parametrize("count", range(1, 4))
@pytest.mark.parametrize("step", STEPS_OF_A_BEGINNING)
def test_beginning_can_be_interrupted(directory: Path, step: str, count: int) -> None:
    """A process killed at any step of making a key store leaves one that the next process completes."""
    program = """
step, left = sys.argv[2].removeprefix("os."), int(sys.argv[3])
real = getattr(os, step)
def dying(*arguments, **named):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)
setattr(os, step, dying)
FileKeyStore(Path(sys.argv[1]))
"""
    with python(program, directory, step, str(count)) as process:
        process.communicate()
    assert process.returncode in (0, -signal.SIGKILL)

    key = FileKeyStore(directory).create(["case:1"])
    assert FileKeyStore(directory).read(["case:1"]) == key
    assert {file.name for file in directory.iterdir()} == {"master.key", "keys.db"}


def test_path_that_is_a_file(tmp_path: Path) -> None:
    """A file where the directory should be is reported by its path."""
    (tmp_path / "keys").write_bytes(b"")

    with pytest.raises(KeyStoreDamaged, match=str(tmp_path / "keys")):
        FileKeyStore(tmp_path / "keys")


def test_setting_is_a_path_or_a_file_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path, an absolute one and a file URL with quoted characters open the same key store."""
    monkeypatch.chdir(tmp_path)
    key = open_keystore("var/schlüssel #1?").create(["case:1"])

    quoted = f"{tmp_path}/var/schl%C3%BCssel%20%231%3F"
    for setting in (f"{tmp_path}/var/schlüssel #1?", f"file://{quoted}", f"FILE://localhost{quoted}", f"file:{quoted}"):
        assert open_keystore(setting).read(["case:1"]) == key


def test_store_stays_where_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path counts from the directory in which the store was opened, wherever the process goes later."""
    monkeypatch.chdir(tmp_path)
    store = open_keystore("keys")
    monkeypatch.chdir("/")

    assert store.create(["case:1"]) == FileKeyStore(tmp_path / "keys").read(["case:1"])


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("", "KEYSTORE is empty"),
        ("https://keys.example/v1", "scheme 'https'"),
        ("postgresql://localhost/keys", "needs a MASTER_KEY"),
        ("vault:secret/stundenpool", "scheme 'vault'"),
        ("file://server/keys", "write file:///absolute/path"),
        ("file:keys", "write file:///absolute/path"),
        ("file://", "write file:///absolute/path"),
        ("file:///keys?mode=ro", "write file:///absolute/path"),
        ("file:///keys#1", "write file:///absolute/path"),
    ],
)
def test_other_settings_are_refused(setting: str, sentence: str) -> None:
    """Anything but a path, a local file URL or PostgreSQL is refused with a sentence that says what to write."""
    with pytest.raises(ValueError, match=sentence):
        open_keystore(setting)
