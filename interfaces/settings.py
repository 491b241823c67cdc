"""Settings: environment variables (or ``.env``) with the prefix ``STUNDENPOOL_``, read once, validated, never changed.

Plain dataclasses: a light command line must start quickly, every mistake is told in German with its place, and
``config check`` says where each value came from.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from dotenv import dotenv_values

from interfaces.thresholds import read_thresholds

PREFIX = "STUNDENPOOL_"
DOTENV = Path(".env")
WORKERS_MAX = 64

Source = Literal["Umgebung", ".env", "Voreinstellung"]


# ── How values are read: each raises ValueError with a German sentence that never repeats a password.


def _database_url(written: str) -> str:
    """A URL that ``open_store`` takes."""
    try:
        parts = urlsplit(written)
        _ = parts.port  # is checked when it is read
    except ValueError:
        raise ValueError("Rechner oder Port der URL sind nicht lesbar") from None
    if parts.fragment:
        raise ValueError("enthält ein bloßes #; bitte %23 schreiben")
    if parts.scheme == "sqlite":
        return _sqlite_url(written, parts.netloc or parts.query, unquote(parts.path.removeprefix("/")))
    if parts.scheme != "postgresql":
        raise ValueError("muss mit sqlite:/// oder postgresql:// beginnen")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    schema, host = options.pop("schema", "public"), options.pop("host", parts.hostname)
    if options:
        raise ValueError("kennt nur die Zusätze schema und host")
    if not (host and parts.username and parts.path.strip("/")):
        raise ValueError("muss Benutzer, Rechner und Datenbank nennen: postgresql://benutzer@rechner/datenbank")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", schema):
        raise ValueError("nennt ein Schema, das nicht nur aus a-z, 0-9 und _ besteht oder nicht mit einem Buchstaben beginnt")
    return written


def _sqlite_url(written: str, beyond: str, path: str) -> str:
    if beyond or not path or path.endswith("/") or path == ":memory:":
        raise ValueError("muss genau eine Datei nennen: sqlite:///ordner/datei.db, absolut mit vier Schrägstrichen")
    return written


def _keystore(written: str) -> str:
    """A path or URL that ``open_keystore`` takes."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", written)
    if scheme is None:
        return written
    parts = urlsplit(written)
    local = parts.netloc in ("", "localhost") and parts.path.startswith("/") and not (parts.query or parts.fragment)
    if scheme[1].lower() != "file" or not local:
        raise ValueError("muss der Pfad eines Ordners oder eine URL der Form file:///ordner sein")
    return written


def _host(written: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", written):
        raise ValueError("muss ein Rechnername oder eine IP-Adresse sein")
    return written


def _origin(written: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}", written):
        raise ValueError("muss ein Name aus Buchstaben, Ziffern und . _ / - sein, wie stundenpool.jugendamt.example/2026")
    return written


def _port(written: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", written) or not 1 <= int(written) <= 65535:
        raise ValueError("muss eine ganze Zahl von 1 bis 65535 sein")
    return int(written)


def _hours(written: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", written) or not 1 <= int(written) <= 8760:
        raise ValueError("muss eine ganze Zahl von 1 bis 8760 sein")
    return int(written)


def _workers(written: str) -> int:
    if not re.fullmatch(r"[0-9]{1,2}", written) or not 1 <= int(written) <= WORKERS_MAX:
        raise ValueError(f"muss eine ganze Zahl von 1 bis {WORKERS_MAX} sein")
    return int(written)


def _rate(written: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", written) or not 60 <= int(written) <= 1_000_000:
        raise ValueError("muss eine ganze Zahl von 60 bis 1000000 sein")
    return int(written)


def _log_format(written: str) -> str:
    if written not in ("text", "json"):
        raise ValueError("muss text oder json sein")
    return written


def _collector(written: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", written):
        raise ValueError("muss eine URL wie http://127.0.0.1:4318/v1/traces sein")
    return written


def _findings(written: str) -> str:
    """A file that ``read_thresholds`` takes."""
    read_thresholds(written)
    return written


def _folder(written: str) -> str:
    if not Path(written).is_absolute():
        raise ValueError("muss der Pfad eines Ordners sein, der mit einem Schrägstrich beginnt")
    return written


def _authority(written: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", written):
        raise ValueError("muss eine URL wie https://zeitstempel.example/tsa sein")
    return written


def _certificates(written: str) -> str:
    """A file that ``read_certificates`` takes."""
    from interfaces.handover.stamping import read_certificates  # slow to load, for a setting that few make

    read_certificates(written)
    return written


def _setting(default: Any, read: Callable[[str], Any], meaning: str) -> Any:
    return field(default=default, metadata={"read": read, "meaning": meaning})


# ── The settings


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation chooses. ``migration_database_url`` is the one of the role that may change the schema."""

    database_url: str = _setting(
        "sqlite:///var/stundenpool.db", _database_url, "Datenbank mit dem Ereignisprotokoll und allem, was daraus folgt"
    )
    migration_database_url: str = _setting(
        "", _database_url, "dieselbe Datenbank mit dem Zugang, der das Schema ändern darf; sonst DATABASE_URL"
    )
    read_database_url: str = _setting(
        "",
        _database_url,
        "eine Kopie dieser Datenbank (Standby), aus der ein Neuaufbau das Ereignisprotokoll liest; sonst die Datenbank",
    )
    keystore: str = _setting("var/keys", _keystore, "Ablage der Schlüssel, getrennt von der Datenbank")
    host: str = _setting("127.0.0.1", _host, "Adresse, an der der Dienst lauscht")
    port: int = _setting(8000, _port, "Port, an dem der Dienst lauscht")
    webhook_patience_hours: int = _setting(72, _hours, "Stunden ohne Erfolg, nach denen ein Webhook angehalten wird")
    workers: int = _setting(1, _workers, "Zahl der Prozesse, die dort antworten")
    account_rate: int = _setting(6_000, _rate, "Anfragen je Minute, die der Dienst von einem Konto annimmt")
    address_rate: int = _setting(30_000, _rate, "Anfragen je Minute, die der Dienst von einer Adresse annimmt")
    log_format: Literal["text", "json"] = _setting(
        "text", _log_format, "Zeilen auf stderr: text, oder json mit einem Objekt je Zeile"
    )
    traces: str = _setting("", _collector, "Empfänger von Traces (OTLP über HTTP); braucht die Zusatzpakete stundenpool[traces]")
    findings: str = _setting("", _findings, "TOML-Datei mit Schwellen der Feststellungen; sonst die voreingestellten")
    origin: str = _setting("stundenpool", _origin, "Name dieses Protokolls auf seinen Prüfpunkten, den kein anderes hat")
    witness: str = _setting("", _folder, "Ordner der Prüfung, in den jeder ausgegebene Prüfpunkt als neue Datei kommt")
    tsa_url: str = _setting("", _authority, "Zeitstempeldienst (RFC 3161), der jeden Prüfpunkt stempelt")
    tsa_certificates: str = _setting(
        "", _certificates, "PEM-Datei mit den Zertifikaten des Zeitstempeldienstes, von seinem eigenen bis zur Wurzel"
    )

    @property
    def schema_url(self) -> str:
        """The URL that migrations use."""
        return self.migration_database_url or self.database_url

    @property
    def keystore_folder(self) -> Path:
        """The directory of the keys."""
        return Path(unquote(urlsplit(self.keystore).path) if self.keystore.lower().startswith("file:") else self.keystore)


class SettingsError(Exception):
    """Settings are wrong; one line for each, naming the variable and what is expected, never a password."""


@dataclass(frozen=True, slots=True)
class Stated:
    """One setting as it was found. ``value`` is what may be shown of it; ``problem`` says in German what is wrong."""

    variable: str
    meaning: str
    value: str
    source: Source
    problem: str | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A variable with our prefix that is no setting, and the one that was probably meant."""

    variable: str
    source: Source
    meant: str | None


def read_settings(**overrides: Any) -> Settings:
    """The settings of this process; raises ``SettingsError``."""
    values, problems = {}, []
    for setting in fields(Settings):
        written, _ = _found(PREFIX + setting.name.upper(), os.environ, _dotenv())
        if written is None or setting.name in overrides:
            continue
        try:
            values[setting.name] = setting.metadata["read"](written)
        except ValueError as problem:
            problems.append(f"{PREFIX}{setting.name.upper()} {problem}")
    if problems:
        raise SettingsError("\n".join(problems))
    settings = Settings(**{**values, **overrides})
    if settings.tsa_url and not settings.tsa_certificates:
        raise SettingsError(f"{PREFIX}TSA_URL braucht {PREFIX}TSA_CERTIFICATES, wonach die Zeitstempel geprüft werden")
    return settings


def examine_settings() -> tuple[list[Stated], list[Unknown]]:
    """Every setting with its source and what is wrong with it, and every variable that looks like one but is none."""
    dotenv = _dotenv()
    stated = [_stated(setting, *_found(PREFIX + setting.name.upper(), os.environ, dotenv)) for setting in fields(Settings)]
    sources: tuple[tuple[Source, Mapping[str, str | None]], ...] = (("Umgebung", os.environ), (".env", dotenv))
    known = {setting.variable for setting in stated}
    unknown = [
        Unknown(name, source, _meant(name))
        for source, names in sources
        for name in sorted(names)
        if name.upper().startswith(PREFIX) and name not in known
    ]
    return stated, unknown


def _meant(variable: str) -> str | None:
    names = [setting.name.upper() for setting in fields(Settings)]
    likely = get_close_matches(variable.upper().removeprefix(PREFIX), names, n=1)
    return PREFIX + likely[0] if likely else None


def _stated(setting: Any, written: str | None, source: Source) -> Stated:
    problem = None
    if written is not None:
        try:
            setting.metadata["read"](written)
        except ValueError as error:
            problem = str(error)
    shown = str(setting.default) if written is None else _showable(written, setting, problem)
    return Stated(PREFIX + setting.name.upper(), setting.metadata["meaning"], shown, source, problem)


def _showable(written: str, setting: Any, problem: str | None) -> str:
    """A value without its password. Where a URL is wrong, nobody can say what in it is one."""
    if problem is not None and (setting.metadata["read"] in (_database_url, _keystore) or "@" in written):
        return "•••"
    return re.sub(r"(//[^:/@]*):[^/]*@", r"\1:•••@", written)


def _dotenv() -> dict[str, str | None]:
    """The names and values of ``.env`` in the working directory, if there is one."""
    try:
        with DOTENV.open(encoding="utf-8") as file:
            return dict(dotenv_values(stream=file, interpolate=False))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "kein UTF-8"
        raise SettingsError(f"{DOTENV} lässt sich nicht lesen ({reason})") from None


def _found(variable: str, environment: Mapping[str, str], dotenv: Mapping[str, str | None]) -> tuple[str | None, Source]:
    """What is written for a variable; an empty value counts as none, as in shells and unit files."""
    if written := environment.get(variable):
        return written, "Umgebung"
    if written := dotenv.get(variable):
        return written, ".env"
    return None, "Voreinstellung"
