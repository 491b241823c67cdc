"""Persons with texts that are looked for byte by byte: half of them are erased, and nothing of these is found anywhere."""

import logging
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path
from uuid import UUID

import pytest

from application import commands
from application.catalogue import BY_CLASS
from application.erasure import Erasing
from application.privacy import KeyErased, keys_of
from application.projections import balances
from application.proof import proofs
from domain.erasure import Periods
from domain.quantities import Sealed
from interfaces.storage.backup import back_up
from interfaces.storage.keystore import open_keystore
from interfaces.storage.keystore.backup import back_up_keys, restore_keys
from interfaces.storage.ledger import ErasureLedger
from tests.application.proof.verifying import deviations
from tests.conftest import STORE_KINDS
from tests.faults.canary import Canary, Places, Where, files
from tests.faults.scenes import SERVICE, Stage
from tests.office import LEAD, OFFICER, SECOND_OFFICER, WORKER, Office, running_office
from tests.postgres import running_cluster
from tests.recipient import write_pair

TEXTS = 20
PEOPLE = 32
WINDOW = 16  # bytes; whatever is twice as long and stands somewhere fills a block of so many from one end to the other


class Persons:
    """Cases of one pool, each with as many texts that nobody else has; all of these have the word of one canary.

    Many people write at once, so that turns gather what they want.
    """

    def __init__(self, office: Office, many: int) -> None:
        self.office = office
        self.stage = Stage(office)
        self.pool = office.open_pool("2020-01-01", "2099-12-31", 60 * many)
        self.canary = Canary()
        self.said: dict[UUID, list[str]] = {}
        with ThreadPoolExecutor(PEOPLE) as people:
            list(people.map(self._person, range(many)))

    def _person(self, number: int) -> None:
        said: list[str] = []

        def text() -> str:
            said.append(self.canary.text())
            return said[-1]

        stage = Stage(self.office, text)
        case = stage.case(self.pool)
        booking = stage.request(case, minutes=60)
        stage.done(OFFICER, commands.approve_hours, booking, reason=text())
        sessions = [stage.done(WORKER, commands.log_session, booking, **stage.session_facts() | {"minutes": 15}) for _ in range(3)]
        session = UUID(sessions[0]["id"])
        stage.done(WORKER, commands.confirm_session, booking, session, by=text(), method="signature")
        while len(said) < TEXTS - 2:
            stage.done(WORKER, commands.correct_session, booking, session, note=text(), reason=text(), starts_at=SERVICE)
        stage.done(LEAD, commands.close_case, case, outcome="moved", note=text())
        stage.done(OFFICER, commands.set_hold, case, reason=text())
        stage.done(OFFICER, commands.lift_hold, case, reason="-")
        self.said[case] = said

    def erase(self, cases: list[UUID]) -> None:
        def erase(case: UUID) -> None:
            for actor in (OFFICER, SECOND_OFFICER):
                self.stage.done(actor, commands.erase, case, periods=Periods(), reason="-")

        with ThreadPoolExecutor(PEOPLE) as people:
            list(people.map(erase, cases))

    def opened(self) -> set[str]:
        """Every text that opens. A key that was erased is asked for once."""
        found, erased = set(), set()
        for event in self.office.log():
            for name in BY_CLASS[type(event.data)].personal:
                if isinstance(sealed := getattr(event.data, name), Sealed) and sealed.key not in erased:
                    try:
                        found.add(self.office.keyring.open(sealed, position=event.position, stream=event.stream, field=name))
                    except KeyErased:
                        erased.add(sealed.key)
        return found


def wrapped_keys(keys: Path, names: list[str]) -> list[bytes]:
    """Keys as the key store holds them."""
    with closing(sqlite3.connect(keys / "keys.db")) as connection:
        wrapped = dict(connection.execute("SELECT name, wrapped FROM keys"))
    return [wrapped[name] for name in names if name in wrapped]


class Secrets:
    """Keys as they are, and as they are wrapped, also in hexadecimal. All of them are looked for at once, in whatever part."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        forms = [form for key in keys for form in (key, key.hex().encode(), key.hex().upper().encode())]
        assert min(map(len, forms)) >= 2 * WINDOW
        self._windows = {form[at : at + WINDOW] for form in forms for at in range(len(form) - WINDOW + 1)}

    def stand_in(self, data: bytes) -> bool:
        blocks = struct.iter_unpack(f"{WINDOW}s", memoryview(data)[: len(data) // WINDOW * WINDOW])
        return any(block in self._windows for (block,) in blocks)


def places_of(secrets: Secrets, places: Places) -> set[Where]:
    return {where for where, data in places if secrets.stand_in(data)}


def live_and_forget(url: str, folder: Path, many: int, also: Callable[[], Places]) -> None:
    """Erases every other person, with copies from before and after; ``also`` are further places in which to look."""
    keys, ledger = folder / "keys", ErasureLedger(folder / "erasures.jsonl")
    with running_office(url, keys) as office:
        persons = Persons(office, many)
        cases = list(persons.said)
        gone, stay = cases[::2], cases[1::2]
        persons.erase(gone)  # decided, and not carried out: the copies hold keys of persons who are erased
        names = [name for case in gone for name in keys_of(case)]
        plain, wrapped = office.keystore.read(names), wrapped_keys(keys, names)
        assert len(plain) == len(wrapped) == 4 * len(gone)
        secrets = Secrets([*plain.values(), *wrapped])
        sums, proof, size = standing(office, persons.pool)
        back_up(url, folder / "copy")
        private, recipient = write_pair(folder / "private.pem", folder / "office.pem")
        back_up_keys(office.keystore, folder / "copy-of-keys", recipient)
        assert places_of(secrets, files(folder)) == {str(keys / "keys.db")}

        assert Erasing(office.store, office.keystore, office.keyring, ledger).carry_out(office.engine) == len(gone)

        assert {len(texts) for texts in persons.said.values()} == {TEXTS}
        assert persons.opened() - {"-"} == {text for case in stay for text in persons.said[case]}
        back_up(url, folder / "copy-after")
        assert standing(office, persons.pool, size) == (sums, proof, size)
        with office.store.reading() as reader:
            assert deviations(reader) == []
            proofs.consistency(reader, size)
        for place in chain(files(folder), also()):
            assert persons.canary.traces([place]) == []
            assert places_of(secrets, [place]) == set()
        assert not office.keyring._ciphers.keys() & set(names)
    (keys / "keys.db").unlink()
    with closing(open_keystore(str(keys), "", "restore")) as store:
        restore_keys(store, folder / "copy-of-keys", private, "", {name for entry in ledger.entries() for name in entry.keys})
    assert places_of(secrets, chain(files(folder), also())) == set()


def standing(office: Office, pool: UUID, size: int | None = None) -> tuple[object, object, int]:
    """Sums, and a proof in the tree of that size, or of today's."""
    with office.store.reading() as reader:
        head = reader.head()
        assert head is not None
        size = size or head.id
        return balances.balance(reader, pool), proofs.inclusion(reader, 3, size), size


def on_postgresql(folder: Path, many: int) -> None:
    """The server's own files and its log of every statement are places as well."""
    with running_cluster() as cluster:
        cluster.run("ALTER SYSTEM SET log_statement = 'all'")
        cluster.run("SELECT pg_reload_conf()")
        database = cluster.fresh_database()
        data = cluster.socket_directory / "data"

        def also() -> Places:
            cluster.run("CHECKPOINT")
            return files(data / "base", data / "pg_wal", cluster.socket_directory / "log")

        live_and_forget(cluster.url(database), folder, many, also)


def test_nothing_is_found_of_who_is_erased_on_sqlite(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a text nor a key byte in files, write-ahead log, free pages, copies, logs; others open, and nothing else changed."""
    caplog.set_level(logging.DEBUG)
    live_and_forget(f"sqlite:///{tmp_path}/store.db", tmp_path, 8, lambda: [("log of the service", caplog.text.encode())])


@pytest.mark.postgres_tools
def test_nothing_is_found_of_who_is_erased_on_postgresql(tmp_path: Path) -> None:
    """The same in the server's files, its write-ahead log, its log and its dumps."""
    on_postgresql(tmp_path, 2)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", STORE_KINDS)
def test_nothing_is_found_of_five_hundred_of_a_thousand(kind: str, tmp_path: Path) -> None:
    """Twenty texts each."""
    if kind == "sqlite":
        live_and_forget(f"sqlite:///{tmp_path}/store.db", tmp_path, 1_000, tuple)
    else:
        on_postgresql(tmp_path, 1_000)


def killed_and_completed(url: str, folder: Path, many: int, kills: int) -> None:
    ledger = folder / "erasures.jsonl"
    with running_office(url, folder / "keys") as office:
        persons = Persons(office, many)
        stays, *gone = persons.said
        persons.erase(gone)
        program = [sys.executable, "-m", "tests.faults.one_erasure", url, str(folder / "keys"), str(ledger)]
        for number in range(kills + 1):
            with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                if number < kills:
                    time.sleep(0.004 * number)
                    process.kill()
        assert process.returncode == 0
        confirmed = [event.stream for event in office.log() if event.type == "erasure-confirmed"]
        assert sorted(confirmed) == sorted(gone)
        assert sorted(entry.keys for entry in ErasureLedger(ledger).entries()) == sorted(keys_of(case) for case in gone)
        office.keyring.forget([name for case in persons.said for name in keys_of(case)])
        assert persons.opened() - {"-"} == set(persons.said[stays])


def test_a_killed_process_leaves_nothing_half(store_url: str, tmp_path: Path) -> None:
    """given a process that is killed while it erases, again and again / then the next one completes it, and does nothing twice."""
    killed_and_completed(store_url, tmp_path, 3, kills=2)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_a_process_killed_fifty_times_leaves_nothing_half(store_url: str, tmp_path: Path) -> None:
    """The same, at fifty instants."""
    killed_and_completed(store_url, tmp_path, 60, kills=50)
