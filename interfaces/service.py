"""Puts the parts of one installation together. Nothing is global: a process may hold several."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from application.demonstration import clock_of
from application.engine import Clock, Engine
from application.erasure import Erasing
from application.findings import Findings
from application.log import Store
from application.past import Pasts
from application.privacy import Keyring, KeyStore
from application.reads import ReadLog
from domain.erasure import Periods
from interfaces.http.problems import problem_bytes
from interfaces.settings import Settings
from interfaces.storage import open_store
from interfaces.storage.checkpoint_keys import CheckpointKeys
from interfaces.storage.keystore import open_keystore_of
from interfaces.storage.ledger import ErasureLedger
from interfaces.storage.temporary import TemporaryTables
from interfaces.thresholds import read_periods, read_thresholds


@dataclass(frozen=True, slots=True)
class Service:
    """A log with its keys, the engine that takes turns on it, its clock, who reads, what is found and was known."""

    settings: Settings
    store: Store
    keys: KeyStore
    keyring: Keyring
    engine: Engine
    clock: Clock
    read_log: ReadLog
    findings: Findings
    pasts: Pasts
    erasing: Erasing
    periods: Periods

    @property
    def checkpoint_keys(self) -> CheckpointKeys:
        """What signs checkpoints, read anew: another process may have replaced the key."""
        return CheckpointKeys(self.settings.signing_folder, self.settings.origin)


@contextmanager
def open_service(settings: Settings) -> Iterator[Service]:
    """Opens store and keys, starts the engine; on leaving, decides what has arrived and closes everything."""
    with ExitStack() as stack:
        store = stack.enter_context(closing(open_store(settings.database_url, create=False)))
        with store.reading() as reader:
            clock = clock_of(reader)
        keys = stack.enter_context(closing(open_keystore_of(store, settings.keystore, settings.master_key)))
        keyring = Keyring(keys)
        engine = stack.enter_context(closing(Engine(store, keyring, problem_bytes, clock)))
        findings = Findings(read_thresholds(settings.findings))
        erasing = Erasing(store, keys, keyring, ErasureLedger(settings.ledger_file))
        periods = read_periods(settings.retention)
        read_log, pasts = ReadLog(store, keyring), Pasts(TemporaryTables)
        yield Service(settings, store, keys, keyring, engine, clock, read_log, findings, pasts, erasing, periods)
