"""Puts the parts of one installation together. Nothing is global: a process may hold several."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from application.engine import Engine
from application.log import Store
from application.privacy import Keyring
from interfaces.http.problems import problem_bytes
from interfaces.settings import Settings
from interfaces.storage import open_store
from interfaces.storage.keystore import open_keystore


@dataclass(frozen=True, slots=True)
class Service:
    """A log with its keys, and the engine that takes turns on it."""

    settings: Settings
    store: Store
    keyring: Keyring
    engine: Engine


@contextmanager
def open_service(settings: Settings) -> Iterator[Service]:
    """Opens store and keys, starts the engine; on leaving, decides what has arrived and closes everything."""
    store = open_store(settings.database_url, create=False)
    keys = open_keystore(settings.keystore)
    keyring = Keyring(keys)
    engine = Engine(store, keyring, problem_bytes)
    try:
        yield Service(settings, store, keyring, engine)
    finally:
        engine.close()
        keys.close()
        store.close()
