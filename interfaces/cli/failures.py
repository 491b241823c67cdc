"""Expected failures as one German sentence each. None repeats a password or what somebody wrote about a person."""

import sqlite3

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError, PersistenceError

from application.erasure import NotErased
from application.log import DamagedEvent, StoreUnavailable
from application.privacy import KeyErased, KeyMissing, KeyStoreDamaged, SealBroken
from application.projections.tables import ProjectionOutdated
from application.proof.tree import LogDiffers
from application.rebuild import BeingRebuilt, OtherLog
from domain.refusals import Refusal
from interfaces.identity.accounts import AccountRefused
from interfaces.settings import SettingsError
from interfaces.storage.backup import BackupRefused
from interfaces.storage.keystore.master import RotationRefused
from interfaces.storage.ledger import LedgerDamaged
from interfaces.targets import TargetRefused

MIGRATE = "Bitte zuerst „stundenpool db migrate“ ausführen."

_UNDEFINED_TABLE, _UNDEFINED_COLUMN, _NO_SUCH_SCHEMA = "42P01", "42703", "3F000"
_INSUFFICIENT_PRIVILEGE = "42501"


def sentence_of(error: Exception) -> str | None:
    """What to tell a person; ``None`` for what no one expected."""
    match error:
        case SettingsError():
            return f"Einstellungen: {error}"
        case Refusal():
            return error.message
        case (
            ProjectionOutdated()
            | BeingRebuilt()
            | OtherLog()
            | BackupRefused()
            | TargetRefused()
            | AccountRefused()
            | RotationRefused()
            | LedgerDamaged()
            | NotErased()
        ):
            return str(error)
        case DamagedEvent():
            return f"Das Ereignisprotokoll ist beschädigt: {error}"
        case KeyStoreDamaged() | KeyMissing():
            return f"Die Ablage der Schlüssel ist nicht zu gebrauchen: {error}"
        case KeyErased():
            return f"Die Angaben zu dieser Person wurden gelöscht: {error}"
        case SealBroken():
            return f"Eine versiegelte Angabe ist beschädigt: {error}"
        case LogDiffers():
            return f"Das Ereignisprotokoll passt nicht mehr zu seinem Baum; „stundenpool audit verify“ prüft es: {error}"
        case StoreUnavailable():
            return "Die Datenbank antwortet nicht."
        case PersistenceError():
            return _of_store(error, error.__cause__)
        case psycopg.Error():
            return _of_store(error, error)
        case _:
            return None


def _of_store(error: Exception, cause: BaseException | None) -> str:
    """The driver's own words say most about a database, so their first line is kept."""
    words = str(error).strip().partition("\n")[0]
    state = getattr(cause, "sqlstate", None)
    if state in (_UNDEFINED_TABLE, _UNDEFINED_COLUMN, _NO_SUCH_SCHEMA) or "no such table" in words:
        return f"Das Schema der Datenbank fehlt oder ist veraltet. {MIGRATE}"
    if isinstance(cause, sqlite3.OperationalError) and "unable to open" in words:
        return f"Die Datenbank gibt es nicht, oder sie lässt sich nicht öffnen. {MIGRATE}"
    if state == _INSUFFICIENT_PRIVILEGE:
        return f"Dem Zugang zur Datenbank fehlt ein Recht: {words}"
    if isinstance(error, (InterfaceError, OperationalError, psycopg.OperationalError)):
        return f"Die Datenbank ist nicht erreichbar: {words}"
    return f"Die Datenbank hat abgelehnt: {words}"
