"""Whether the process lives, and whether it could decide something right now."""

import logging

from eventsourcing.persistence import PersistenceError

from application.log import Store
from application.privacy import OFFICE_KEY, KeyStore, KeyStoreDamaged
from interfaces.storage.migrate import schema_state

log = logging.getLogger("stundenpool.http")


def missing(store: Store, keys: KeyStore) -> list[str]:
    """What is not there that the service needs, in German and without details; nothing when it is ready."""
    return of_store(store) + of_keys(keys)


def of_store(store: Store) -> list[str]:
    try:
        return schema_state(store)
    except PersistenceError as error:
        log.warning("not ready: %s", type(error).__name__)
        return ["Die Datenbank ist nicht erreichbar."]


def of_keys(keys: KeyStore) -> list[str]:
    try:
        keys.read([OFFICE_KEY])
    except KeyStoreDamaged as error:
        log.warning("not ready: %s", type(error).__name__)
        return ["Die Ablage der Schlüssel ist nicht lesbar."]
    return []
