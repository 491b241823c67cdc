"""What every key store does, wherever its rows and its master key are: keys for life, and for good when it is over."""

import base64
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from application.privacy import KeyErased, Keyring, KeyStoreDamaged
from interfaces.storage.backup import BackupRefused
from interfaces.storage.keystore import open_keystore
from interfaces.storage.keystore.backup import MARK, back_up_keys, restore_keys
from interfaces.storage.keystore.master import RotationRefused
from interfaces.storage.keystore.masters import MasterFile, MasterVariable
from interfaces.storage.keystore.token import MasterToken
from interfaces.storage.keystore.wrapped import Opening, Rows, WrappedKeyStore
from tests.postgres import Cluster
from tests.softhsm import Token

STREAM = UUID(int=1)
VARIABLE = "HAUPTSCHLUESSEL"
KINDS = ("directory", "directory, variable", "directory, token", "postgres")

numbers = count(1)


@dataclass
class Installation:
    """The settings of a key store, and what is to be done by hand with its master key."""

    keystore: str
    master: str
    before_rotation: Callable[[], None] = lambda: None
    after_rotation: Callable[[], None] = lambda: None
    opened: list[WrappedKeyStore] = field(default_factory=list)

    def open(self, opening: Opening = "begin") -> WrappedKeyStore:
        """As another process would."""
        self.opened.append(open_keystore(self.keystore, self.master, opening))
        return self.opened[-1]

    def beside(self, keystore: str) -> "Installation":
        """Another key store under the same master key."""
        return Installation(keystore, self.master, self.before_rotation, self.after_rotation)


@pytest.fixture(params=KINDS)
def installation(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A new one of every kind."""
    rows, _, master = request.param.partition(", ")
    made = Installation(str(tmp_path / "keys"), "" if rows == "directory" else (tmp_path / "master.key").as_uri())
    if rows == "postgres":
        made.keystore = request.getfixturevalue("postgres").fresh_keystore()
    if master == "token":
        made.master = request.getfixturevalue("token").setting(f"master-{next(numbers)}")
    if master == "variable":
        made.master = f"env:{VARIABLE}"
        monkeypatch.setenv(VARIABLE, random_key())
        made.before_rotation = lambda: monkeypatch.setenv(f"{VARIABLE}_NEW", random_key())

        def unset() -> None:
            monkeypatch.setenv(VARIABLE, os.environ[f"{VARIABLE}_NEW"])
            monkeypatch.delenv(f"{VARIABLE}_NEW")

        made.after_rotation = unset
    yield made
    for store in made.opened:
        store.close()


@pytest.fixture
def store(installation: Installation) -> WrappedKeyStore:
    return installation.open()


def random_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def test_keys_are_random_and_stay(store: WrappedKeyStore, installation: Installation) -> None:
    """Each name has 32 bytes of its own, the same when created again, read again and after a restart."""
    keys = store.create(["case:1", "case:2", "office"])

    assert {len(key) for key in keys.values()} == {32}
    assert len(set(keys.values())) == 3
    assert store.create(["office", "case:1"]) == {name: keys[name] for name in ("office", "case:1")}
    assert installation.open().read(list(keys)) == keys


def test_read_gives_what_exists(store: WrappedKeyStore) -> None:
    """Reading makes nothing: names without a key are left out."""
    keys = store.create(["case:1"])

    assert store.read(["case:1", "case:2"]) == keys
    assert store.read([]) == {}


def test_many_names_at_once(store: WrappedKeyStore, installation: Installation) -> None:
    """A turn may name more people than SQLite has placeholders; a token, which wraps one by one, is spared so many."""
    names = [f"case:{number}" for number in range(400 if installation.master.startswith(("pkcs11:", "env:")) else 40_000)]

    assert store.read(names) == {}
    assert len(store.create(names)) == len(store.read(names)) == len(names)


@pytest.mark.parametrize("name", ["", "case:'\"", "büro:ß🗝", "a" * 10_000])
def test_any_name_will_do(store: WrappedKeyStore, name: str) -> None:
    """Names are data, whatever characters stand in them."""
    created = store.create([name])

    assert store.read([name, "office"]) == created
    assert list(created) == [name]


def test_secret_per_purpose(store: WrappedKeyStore, installation: Installation) -> None:
    """Each purpose has a secret of 32 bytes of its own, the same after a restart."""
    one, other = store.secret("request-fingerprints"), store.secret("cursors")

    assert (len(one), len(other)) == (32, 32)
    assert one != other
    assert installation.open().secret("request-fingerprints") == one


def test_keyring_seals_across_restarts(store: WrappedKeyStore, installation: Installation) -> None:
    """A text sealed by one process opens in the next."""
    keyring = Keyring(store)
    keyring.ensure(["case:1"])
    sealed = keyring.seal("Überprüfung", key="case:1", position=1, stream=STREAM, field="note")

    assert Keyring(installation.open()).open(sealed, position=1, stream=STREAM, field="note") == "Überprüfung"


def test_threads_racing_agree(store: WrappedKeyStore) -> None:
    """Threads that create the same names at once get the same keys."""
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda turn: store.create([f"case:{turn // 8}", "office"]), range(40)))

    assert all(result == store.read(list(result)) for result in results)


def test_erased_name_never_comes_back(store: WrappedKeyStore, installation: Installation) -> None:
    """Neither reading nor creating gives it a key again, after a restart either; one that never had a key is erased as well."""
    store.create(["case:1", "case:2"])
    store.erase(["case:1", "case:never"])
    store.erase(["case:1"])

    for opened in (store, installation.open()):
        for name in ("case:1", "case:never"):
            with pytest.raises(KeyErased, match=name):
                opened.read(["case:2", name])
            with pytest.raises(KeyErased, match=name):
                opened.create(["case:3", name])
        assert opened.read(["case:2", "case:3"]).keys() == {"case:2"}
        assert opened.erased(["case:1", "case:2", "case:3", "case:never"]) == {"case:1", "case:never"}


# ── the master key


def test_rotation_changes_no_key(store: WrappedKeyStore, installation: Installation) -> None:
    """Every key is as it was: in the process that rotated, in one that was open all the time, and in the next."""
    other = installation.open()
    keys = other.create([f"case:{number}" for number in range(20)])
    store.erase(["case:19"])
    del keys["case:19"]
    before = rows_of(store)
    installation.before_rotation()

    assert store.rotate() == len(before)

    after = rows_of(store)
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    for each in (store, other, installation.open()):
        assert each.read(list(keys)) == keys
        assert each.erased(["case:19"]) == {"case:19"}
    installation.after_rotation()
    assert installation.open().read(list(keys)) == keys
    assert other.create(["case:new"]) == store.read(["case:new"])


def test_rotated_master_key_is_destroyed(store: WrappedKeyStore, installation: Installation) -> None:
    """What was wrapped before cannot be unwrapped any more by what is left."""
    store.create(["case:1"])
    before = rows_of(store)["case:1"]
    installation.before_rotation()
    store.rotate()
    installation.after_rotation()

    masters = installation.open()._masters
    assert masters.successor() is None
    left = masters.current()
    assert left is not None
    assert left.unwrap("case:1", before) is None


class Cut(BaseException):
    """The process ends here."""


def cut_before(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    def ending(*_: Any, **__: Any) -> None:
        raise Cut

    monkeypatch.setattr(owner, name, ending)


def cut_after(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    real = getattr(owner, name)

    def ending(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        raise Cut

    monkeypatch.setattr(owner, name, ending)


@pytest.mark.parametrize("cut", [cut_before, cut_after])
@pytest.mark.parametrize("step", ["prepare", "put", "settle", "clean"])
def test_rotation_may_be_cut_anywhere(
    store: WrappedKeyStore, installation: Installation, monkeypatch: pytest.MonkeyPatch, cut: Callable[..., None], step: str
) -> None:
    """Before the commit nothing has changed, after it the next process completes what is left; a further rotation works."""
    keys = store.create([f"case:{number}" for number in range(20)])
    installation.before_rotation()
    owner: Any = {"put": Rows, "clean": store}.get(step, store._masters)
    with monkeypatch.context() as patched:
        cut(patched, owner, step)
        with pytest.raises(Cut):
            store.rotate()

    for each in (installation.open(), store):
        assert each.read(list(keys)) == keys
        assert each.create(["case:new"]) == store.read(["case:new"])
    installation.open().rotate() if "env" not in installation.master else None
    assert installation.open().read(list(keys)) == keys
    assert isinstance(store._masters, MasterVariable) or store._masters.successor() is None


def test_what_an_erasure_left_behind_is_cleaned_on_the_next_opening(
    store: WrappedKeyStore, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """given an erasure that ends before the files are cleaned / when a store is opened / then it cleans them, and only then."""
    store.create(["case:1", "case:2"])
    with monkeypatch.context() as patched:
        cut_before(patched, store, "clean")
        with pytest.raises(Cut):
            store.erase(["case:1"])
    cleaned: list[str] = []
    clean = type(store).clean
    monkeypatch.setattr(type(store), "clean", lambda each: (cleaned.append(each.place), clean(each)))

    installation.open()
    assert cleaned == [store.place]
    assert installation.open().erased(["case:1", "case:2"]) == {"case:1"}
    assert cleaned == [store.place]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child soon dies, whatever threads the runner has
@pytest.mark.parametrize("count", range(1, 5))
@pytest.mark.parametrize("step", ["os.fsync", "os.replace", "os.open", "os.unlink"])
def test_rotation_may_be_killed_anywhere(tmp_path: Path, step: str, count: int) -> None:
    """As a cut, but the process is gone at a step of the system; afterwards there are no other files than before."""
    directory = tmp_path / "keys"
    keys = open_keystore(str(directory)).create(["case:1", "case:2"])
    pid = os.fork()
    if pid == 0:
        die_at(step, count)
        open_keystore(str(directory)).rotate()
        os._exit(0)
    os.waitpid(pid, 0)

    assert open_keystore(str(directory)).read(list(keys)) == keys
    open_keystore(str(directory)).rotate()
    assert open_keystore(str(directory), opening="used").read(list(keys)) == keys
    assert {file.name for file in directory.iterdir()} == {"master.key", "keys.db"}


def die_at(step: str, left: int) -> None:
    name = step.removeprefix("os.")
    real = getattr(os, name)

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
        return real(*arguments, **named)

    setattr(os, name, dying)


def test_settling_a_token_may_be_cut_in_the_middle(token: Token, tmp_path: Path) -> None:
    """The old key is destroyed, the new one does not have its label yet: it is the only one left, and gets it."""
    setting = token.setting(f"master-{next(numbers)}")
    store = open_keystore(str(tmp_path / "keys"), setting)
    keys = store.create(["case:1"])
    with store.changing() as rows:
        successor = store._masters.prepare()
        wrapped, _ = rows.everything()
        master = store._masters.current()
        assert master is not None
        rows.put({name: successor.wrap(name, store._unwrapped(master, wrapped)[name]) for name in wrapped})
    assert isinstance(store._masters, MasterToken)
    store._masters.using(lambda session: [key.destroy() for key in token.keys(session, setting)])

    again = open_keystore(str(tmp_path / "keys"), setting, "used")
    assert again.read(["case:1"]) == keys
    assert again._masters.current() is not None
    assert again._masters.successor() is None


def test_others_work_while_it_rotates(store: WrappedKeyStore, installation: Installation) -> None:
    """Threads that create and read keys meanwhile never meet a moment at which nothing fits."""
    known = store.create(["case:0"])
    installation.before_rotation()

    def work(turn: int) -> dict[str, bytes]:
        if turn == 10:
            store.rotate()
        return installation.open("used").create([f"case:{turn}"]) if turn % 2 else store.read(["case:0"])

    with ThreadPoolExecutor(4) as threads:
        for keys in threads.map(work, range(24)):
            known |= keys
    assert installation.open("used").read(list(known)) == known


def test_the_master_key_of_another_store_fits_nothing(store: WrappedKeyStore, installation: Installation, tmp_path: Path) -> None:
    """It is found out on opening, and is no sign of an erasure."""
    store.create(["case:1"])
    foreign = tmp_path / "foreign.key"
    MasterFile(foreign).begin()

    with pytest.raises(KeyStoreDamaged, match="is not the master key of"):
        open_keystore(installation.keystore, foreign.as_uri(), "used")


def test_without_a_master_key_nothing_opens(installation: Installation, tmp_path: Path) -> None:
    """It is missing, and is no sign of an erasure either."""
    installation.open().create(["case:1"])

    with pytest.raises(KeyStoreDamaged, match="is missing"):
        open_keystore(installation.keystore, (tmp_path / "nowhere" / "master.key").as_uri(), "used")


def test_a_lost_store_is_not_begun_anew(installation: Installation) -> None:
    """Where the log is in use there were keys; without them the store does not open, and nothing is made in its place."""
    for _ in range(2):
        with pytest.raises(KeyStoreDamaged, match=r"log is in use|is missing"):
            installation.open("used")


def test_a_successor_is_not_the_same_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rotating to no other key would look like a rotation."""
    monkeypatch.setenv(VARIABLE, random_key())
    store = open_keystore(str(tmp_path / "keys"), f"env:{VARIABLE}")
    for new in ("", os.environ[VARIABLE]):
        monkeypatch.setenv(f"{VARIABLE}_NEW", new)
        with pytest.raises(RotationRefused, match=f"{VARIABLE}_NEW"):
            store.rotate()
    monkeypatch.setenv(f"{VARIABLE}_NEW", "geheim")
    with pytest.raises(KeyStoreDamaged) as damaged:
        store.rotate()
    assert "geheim" not in str(damaged.value)


def test_a_token_gives_its_key_to_nobody(token: Token, tmp_path: Path) -> None:
    """Neither this program nor another one reads it out; a wrong PIN and a token that is not there are damage without the PIN."""
    setting = token.setting(f"master-{next(numbers)}")
    store = open_keystore(str(tmp_path / "keys"), setting)
    assert isinstance(store._masters, MasterToken)

    def readable(session: Any) -> list[Any]:
        return [(key[token.sensitive], key[token.extractable]) for key in token.keys(session, setting)]

    assert store._masters.using(readable) == [(True, False)]
    with pytest.raises(KeyStoreDamaged, match="NoSuchToken"):
        open_keystore(str(tmp_path / "other"), setting.replace("token=", "token=un"))


# ── erasing


def test_an_erased_key_leaves_no_bytes_on_postgresql(postgres: Cluster, tmp_path: Path) -> None:
    """Neither in a table's file nor in its free room. The write-ahead log has the old row, which a rotation makes worthless."""
    url = postgres.fresh_keystore()
    store = open_keystore(url, (tmp_path / "master.key").as_uri())
    store.create([f"case:{number}" for number in range(40)])
    before = rows_of(store)
    erased = [f"case:{number}" for number in range(0, 40, 3)]
    store.erase(erased)
    postgres.run("CHECKPOINT")

    [(oid,)] = postgres.run("SELECT oid FROM pg_database WHERE datname = %s", (urlsplit(url).path.strip("/"),))
    files = stored(postgres, f"base/{oid}")
    assert not [name for name in erased if before[name] in files]
    assert all(row in files for name, row in before.items() if name not in erased)
    assert before["case:0"] in stored(postgres, "pg_wal")
    store.rotate()
    master = store._masters.current()
    assert master is not None
    assert master.unwrap("case:0", before["case:0"]) is None
    store.close()


def stored(cluster: Cluster, folder: str) -> bytes:
    """Every byte in a folder of a server's data."""
    return b"".join(file.read_bytes() for file in (cluster.socket_directory / "data" / folder).rglob("*") if file.is_file())


def test_a_server_that_is_away_is_no_erasure(postgres: Cluster, tmp_path: Path) -> None:
    """Nor one that ended the connection: then the next call makes another one."""
    url, master = postgres.fresh_keystore(), (tmp_path / "master.key").as_uri()
    store = open_keystore(url, master)
    keys = store.create(["case:1"])
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE %s", ("%_keys",))
    assert store.read(["case:1"]) == keys
    store.close()
    with pytest.raises(KeyStoreDamaged, match="cannot be used"):
        open_keystore(url.replace(f":{postgres.port}/", ":1/"), master, "used")


# ── backups


@dataclass(frozen=True)
class Recipient:
    """Whoever may read backups: the two halves of a key in files."""

    public: Path
    private: Path


def recipient(folder: Path, passphrase: bytes = b"") -> Recipient:
    key = X25519PrivateKey.generate()
    found = Recipient(folder / f"public-{next(numbers)}.pem", folder / f"private-{next(numbers)}.pem")
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    found.public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    found.private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
    return found


def test_keys_come_back_from_a_backup(store: WrappedKeyStore, installation: Installation, tmp_path: Path) -> None:
    """Into an empty store beside the same master key, every one as it was; erased ones stay erased."""
    keys = store.create([f"case:{number}" for number in range(10)])
    store.erase(["case:0"])
    reader = recipient(tmp_path, b"kennwort")
    back_up_keys(store, tmp_path / "backup", reader.public)
    assert not any(row in (tmp_path / "backup").read_bytes() for row in rows_of(store).values())
    master = installation.master or (Path(installation.keystore) / "master.key").as_uri()
    elsewhere = Installation(str(tmp_path / "elsewhere"), master)

    restore_keys(elsewhere.open("restore"), tmp_path / "backup", reader.private, "kennwort", ["case:9"])

    again = elsewhere.open("used")
    assert again.read([f"case:{number}" for number in range(1, 9)]) == {f"case:{n}": keys[f"case:{n}"] for n in range(1, 9)}
    assert again.erased(list(keys)) == {"case:0", "case:9"}


def test_what_was_erased_since_stays_erased(store: WrappedKeyStore, installation: Installation, tmp_path: Path) -> None:
    """A backup from before adds only what is missing; what was made since stays."""
    keys = store.create(["case:1", "case:2", "case:3"])
    reader = recipient(tmp_path)
    back_up_keys(store, tmp_path / "backup", reader.public)
    store.erase(["case:1"])
    later = store.create(["case:4"])
    with store.changing() as rows:
        rows.erase(["case:2"])
        rows._each(f"DELETE FROM erased WHERE name = {rows.MARK}", [("case:2",)])  # lost, not erased

    restore_keys(store, tmp_path / "backup", reader.private, "", ["case:3"])

    assert store.erased(["case:1", "case:2", "case:3"]) == {"case:1", "case:3"}
    assert store.read(["case:2", "case:4"]) == {"case:2": keys["case:2"]} | later


def test_a_backup_from_before_a_rotation_is_worthless(store: WrappedKeyStore, installation: Installation, tmp_path: Path) -> None:
    """So what was erased since does not live on in it."""
    store.create(["case:1"])
    reader = recipient(tmp_path)
    back_up_keys(store, tmp_path / "backup", reader.public)
    installation.before_rotation()
    store.rotate()
    installation.after_rotation()

    with pytest.raises(BackupRefused, match="passt nicht"):
        restore_keys(installation.open("restore"), tmp_path / "backup", reader.private, "", ())


def test_whoever_knows_the_recipient_forges_no_erasure(tmp_path: Path) -> None:
    """The public key is enough to write a copy, but not one that erases: that takes the master key."""
    store, other = open_keystore(str(tmp_path / "keys")), open_keystore(str(tmp_path / "other"))
    keys = store.create(["case:1"])
    other.erase(["case:1"])
    reader = recipient(tmp_path)
    back_up_keys(other, tmp_path / "forged", reader.public)

    with pytest.raises(BackupRefused, match="passt nicht"):
        restore_keys(store, tmp_path / "forged", reader.private, "", ())
    assert store.read(["case:1"]) == keys


def test_other_files_are_no_backups(tmp_path: Path) -> None:
    """Each is refused with what is wrong, and the store stays as it was."""
    store = open_keystore(str(tmp_path / "keys"))
    keys = store.create(["case:1"])
    reader, locked, other = recipient(tmp_path), recipient(tmp_path, b"kennwort"), recipient(tmp_path)
    back_up_keys(store, tmp_path / "backup", reader.public)
    whole = (tmp_path / "backup").read_bytes()
    for name, content in (("cut", whole[:-1]), ("empty", b""), ("head", MARK), ("flipped", whole[:-1] + bytes([whole[-1] ^ 1]))):
        (tmp_path / name).write_bytes(content)

    for file, private, passphrase, said in (
        ("gibtesnicht", reader.private, "", "gibt es nicht"),
        ("empty", reader.private, "", "keine Sicherung"),
        ("head", reader.private, "", "beschädigt"),
        ("cut", reader.private, "", "beschädigt"),
        ("flipped", reader.private, "", "beschädigt"),
        ("backup", other.private, "", "anderen Empfänger"),
        ("backup", locked.private, "falsch", "Kennwort stimmt nicht"),
        ("backup", locked.private, "", "Kennwort stimmt nicht"),
        ("backup", reader.public, "", "keinen privaten Schlüssel"),
    ):
        with pytest.raises(BackupRefused, match=said):
            restore_keys(store, tmp_path / file, private, passphrase, ())
    with pytest.raises(BackupRefused, match="keinen öffentlichen Schlüssel"):
        back_up_keys(store, tmp_path / "new", reader.private)
    assert not (tmp_path / "new").exists()
    assert store.read(["case:1"]) == keys


def rows_of(store: WrappedKeyStore) -> dict[str, bytes]:
    """The wrapped keys as they are stored."""
    with store.reading() as rows:
        return rows.everything()[0]
