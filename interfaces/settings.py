"""Settings: environment variables (or ``.env``) with the prefix ``STUNDENPOOL_``, read once, validated, never changed.

Plain dataclasses: a light command line must start quickly, every mistake is told in German with its place, and
``config check`` says where each value came from.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from dotenv import dotenv_values

from domain.quantities import Role
from interfaces.networks import read_networks
from interfaces.thresholds import read_periods, read_thresholds

PREFIX = "STUNDENPOOL_"
DOTENV = Path(".env")
WORKERS_MAX = 64
LOOPBACK = ("127.0.0.1", "::1", "localhost")

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
    if written.startswith("postgresql:"):
        return _database_url(written)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", written)
    if scheme is None:
        return written
    parts = urlsplit(written)
    local = parts.netloc in ("", "localhost") and parts.path.startswith("/") and not (parts.query or parts.fragment)
    if scheme[1].lower() != "file" or not local:
        raise ValueError("muss der Pfad eines Ordners oder eine URL der Form file:///ordner oder postgresql://… sein")
    return written


def _master_key(written: str) -> str:
    """A place that ``open_masters`` takes."""
    file = urlsplit(written)
    if file.scheme == "file" and file.netloc in ("", "localhost") and file.path.startswith("/"):
        return written
    if re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*", written):
        return written
    parts = re.split("[;?&]", written.removeprefix("pkcs11:"))
    names = sorted(part.partition("=")[0] for part in parts if part.partition("=")[2])
    if written.startswith("pkcs11:") and names == ["module-path", "object", "pin-source", "token"]:
        if find_spec("pkcs11") is None:
            raise ValueError("braucht für ein Token die Zusatzpakete stundenpool[pkcs11]")
        return written
    raise ValueError(
        "muss file:///pfad, env:NAME oder pkcs11:token=…;object=…?module-path=…&pin-source=file:/… sein; "
        "Schlüssel und PIN selbst stehen nie darin"
    )


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


def _months(written: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", written) or not 3 <= int(written) <= 120:
        raise ValueError("muss eine ganze Zahl von 3 bis 120 sein")
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


def _retention(written: str) -> str:
    """A file that ``read_periods`` takes."""
    read_periods(written)
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


def _breached(written: str) -> str:
    """A file that ``read_breached`` takes."""
    from interfaces.identity.breached import read_breached  # with what passwords need, for a setting that few make

    read_breached(written)
    return written


def _networks(written: str) -> str:
    """What ``read_networks`` takes."""
    read_networks(written)
    return written


def _switch(written: str) -> str:
    if written not in ("on", "off"):
        raise ValueError("muss on oder off sein")
    return written


def _own_url(written: str) -> str:
    """Where browsers reach this service, without a slash at the end."""
    reached = _reached(written.removesuffix("/"), "https://stundenpool.jugendamt.example")
    if urlsplit(reached).path:
        raise ValueError("muss ohne Pfad sein: die Seiten stehen auf ihrem Rechner ganz oben")
    return reached


def _issuer(written: str) -> str:
    return _reached(written, "https://anmeldung.jugendamt.example/realms/jugendamt")


def _reached(written: str, such_as: str) -> str:
    """A URL that is encrypted, but for one on this machine."""
    try:
        reached = is_protected(written)
        parts = urlsplit(written)
    except ValueError:
        reached = False
    if not reached or parts.query or parts.fragment or parts.username is not None or re.search(r"\s", written):
        raise ValueError(f"muss eine URL wie {such_as} sein, ohne Zugangsdaten, ? und #; http:// geht nur auf diesem Rechner")
    return written


def _word(written: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", written):
        raise ValueError("muss aus 1 bis 255 ASCII-Zeichen ohne Leerzeichen bestehen")
    return written


def _roles(written: str) -> str:
    """Pairs that ``read_roles`` takes."""
    read_roles(written)
    return written


def read_roles(written: str) -> Mapping[str, Role]:
    """The role of each value in ``fachkraft=worker, leitung=lead``; raises ``ValueError`` with a German sentence."""
    roles: dict[str, Role] = {}
    for pair in written.split(","):
        stated, _, named = (part.strip() for part in pair.rpartition("="))
        role = next((role for role in get_args(Role) if role == named), None)
        if not stated or role is None:
            raise ValueError(f"muss Paare wie fachkraft=worker, leitung=lead nennen; Rollen sind {', '.join(get_args(Role))}")
        if stated in roles:
            raise ValueError(f"nennt „{stated}“ zweimal")
        roles[stated] = role
    return roles


def is_protected(url: str) -> bool:
    """Whether nobody between here and there can read or alter what is sent."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return host != "" and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))


def _setting(default: Any, read: Callable[[str], Any], meaning: str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"read": read, "meaning": meaning, "secret": secret})


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
    keystore: str = _setting("var/keys", _keystore, "Ablage der Schlüssel, getrennt von der Datenbank: ein Ordner oder PostgreSQL")
    master_key: str = _setting(
        "", _master_key, "Ort des Hauptschlüssels: Datei, Umgebungsvariable oder PKCS#11-Token; sonst master.key bei den Schlüsseln"
    )
    signing_keys: str = _setting("", _folder, "Ordner des Schlüssels, der Prüfpunkte unterschreibt; sonst bei den Schlüsseln")
    erasure_ledger: str = _setting(
        "", str, "Löschverzeichnis, eine Datei außerhalb aller Sicherungen; sonst erasures.jsonl bei den Schlüsseln"
    )
    retention: str = _setting("", _retention, "TOML-Datei mit Aufbewahrungsfristen in Jahren; sonst die voreingestellten")
    access_trail_months: int = _setting(
        12, _months, "Monate, nach denen Einträge im Verzeichnis der Anmeldungen monatsweise entfernt werden"
    )
    host: str = _setting("127.0.0.1", _host, "Adresse, an der der Dienst lauscht")
    port: int = _setting(8000, _port, "Port, an dem der Dienst lauscht")
    webhook_patience_hours: int = _setting(72, _hours, "Stunden ohne Erfolg, nach denen ein Webhook angehalten wird")
    workers: int = _setting(1, _workers, "Zahl der Prozesse, die dort antworten")
    account_rate: int = _setting(6_000, _rate, "Anfragen je Minute, die der Dienst von einem Konto annimmt")
    address_rate: int = _setting(30_000, _rate, "Anfragen je Minute, die der Dienst von einer Adresse annimmt")
    admin_networks: str = _setting(
        "", _networks, "Netze oder Adressen, von denen aus allein die Rolle admin etwas darf; sonst von überall"
    )
    breached_passwords: str = _setting(
        "",
        _breached,
        "Datei mit SHA-1-Werten bekannt gewordener Passwörter (Pwned Passwords, nach Hash geordnet), die nicht gelten",
    )
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

    oidc_issuer: str = _setting("", _issuer, "Anmeldestelle (OpenID Connect), deren Konten und Token gelten")
    oidc_client_id: str = _setting("", _word, "Name dieses Dienstes bei der Anmeldestelle, womit sich Personen dort anmelden")
    oidc_client_secret: str = _setting("", _word, "sein Geheimnis dort; ohne eines ist er ein öffentlicher Client", secret=True)
    oidc_redirect_url: str = _setting("", _own_url, "Adresse dieses Dienstes, wie Browser sie sehen; dorthin kehren sie zurück")
    oidc_audience: str = _setting("", _word, "Name dieses Dienstes in Zugangstoken der Anmeldestelle, womit Systeme sich ausweisen")
    oidc_subject_claim: str = _setting("sub", _word, "Angabe eines Tokens, die sagt, wer es ist")
    oidc_role_claim: str = _setting("roles", _word, "Angabe mit der Rolle; Punkte führen in Angaben hinein: realm_access.roles")
    oidc_provider_claim: str = _setting("provider", _word, "Angabe mit dem Träger, die worker und lead haben und sonst niemand")
    oidc_roles: str = _setting(
        ", ".join(f"{role}={role}" for role in get_args(Role)), _roles, "welcher Wert dort welche Rolle hier ist: fachkraft=worker"
    )

    oidc_introspection: Literal["on", "off"] = _setting(
        "off", _switch, "on fragt die Anmeldestelle, ob ein Token von ihr noch gilt, statt ihm bis zu seinem Ende zu glauben"
    )

    @property
    def schema_url(self) -> str:
        """The URL that migrations use."""
        return self.migration_database_url or self.database_url

    @property
    def signing_folder(self) -> Path:
        """The directory of the key that signs checkpoints: that of all keys, unless another one is stated."""
        if self.signing_keys:
            return Path(self.signing_keys)
        return Path(unquote(urlsplit(self.keystore).path) if self.keystore.lower().startswith("file:") else self.keystore)

    @property
    def ledger_file(self) -> Path:
        """The ledger of erasures."""
        return Path(self.erasure_ledger) if self.erasure_ledger else self.signing_folder / "erasures.jsonl"


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
    if lacking := _lacking_oidc(settings):
        raise SettingsError(f"{PREFIX}{lacking}")
    if settings.keystore.startswith("postgresql:"):
        _demand_keys_apart(settings)
    return settings


def _lacking_oidc(settings: Settings) -> str:
    """What those about the issuer lack for each other."""
    if not settings.oidc_issuer:
        stated = (settings.oidc_client_id, settings.oidc_client_secret, settings.oidc_redirect_url, settings.oidc_audience)
        lacking = any(stated) or settings.oidc_introspection == "on"
        return f"OIDC_ISSUER fehlt; ohne die Anmeldestelle gilt keine Einstellung {PREFIX}OIDC_…" if lacking else ""
    if bool(settings.oidc_client_id) != bool(settings.oidc_redirect_url):
        return f"OIDC_CLIENT_ID und {PREFIX}OIDC_REDIRECT_URL gehören zusammen: beide sind nötig, damit sich Personen anmelden"
    if not settings.oidc_client_id and settings.oidc_client_secret:
        return f"OIDC_CLIENT_SECRET braucht {PREFIX}OIDC_CLIENT_ID"
    if not settings.oidc_client_id and not settings.oidc_audience:
        return f"OIDC_ISSUER braucht {PREFIX}OIDC_CLIENT_ID für Personen oder {PREFIX}OIDC_AUDIENCE für Systeme"
    if settings.oidc_introspection == "on" and not (settings.oidc_client_secret and settings.oidc_audience):
        return f"OIDC_INTROSPECTION braucht {PREFIX}OIDC_CLIENT_SECRET und {PREFIX}OIDC_AUDIENCE: wer fragt, weist sich aus"
    if settings.oidc_client_id == settings.oidc_audience:
        return f"OIDC_AUDIENCE muss anders lauten als {PREFIX}OIDC_CLIENT_ID: ein Ausweis für eine Person ist kein Zugangstoken"
    return ""


def _demand_keys_apart(settings: Settings) -> None:
    """Raises ``SettingsError`` where whoever has the log would have its keys."""
    if not (settings.master_key and settings.signing_keys):
        raise SettingsError(
            f"{PREFIX}KEYSTORE auf PostgreSQL braucht {PREFIX}MASTER_KEY und {PREFIX}SIGNING_KEYS: beide liegen nicht dort"
        )
    if _database_of(settings.keystore) in map(_database_of, (settings.database_url, settings.schema_url)):
        raise SettingsError(
            f"{PREFIX}KEYSTORE ist dieselbe Datenbank und dasselbe Schema wie {PREFIX}DATABASE_URL; Schlüssel liegen getrennt davon"
        )


def _database_of(url: str) -> tuple[str | None, int | None, str, str]:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    port = parts.port or (5432 if parts.scheme == "postgresql" else None)
    return options.get("host", parts.hostname), port, unquote(parts.path), options.get("schema", "public")


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
    if setting.metadata["secret"]:
        return "•••"
    kept = (_database_url, _keystore, _issuer, _own_url, _master_key)
    if problem is not None and (setting.metadata["read"] in kept or "@" in written):
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
