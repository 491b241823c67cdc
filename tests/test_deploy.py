"""The files in `deploy/` say what the program understands: its settings, its commands, its port, files that exist."""

import configparser
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click
import psycopg
import pytest
import yaml

from interfaces.cli import main
from interfaces.http.app import OPERATIONS
from interfaces.http.following import STREAMS_MAX
from interfaces.http.operations import PREFIX as API
from interfaces.settings import PREFIX, Settings
from interfaces.storage import open_store
from interfaces.storage.check import examine
from interfaces.storage.migrate import migrate
from tests.interfaces.cli.conftest import POOL, PROGRAM
from tests.postgres import Cluster, run_program

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
FILES = [file for folder in ("", "postgres", "proxy") for file in sorted((DEPLOY / folder).iterdir()) if file.is_file()]
SETTINGS = {PREFIX + setting.name.upper(): setting for setting in fields(Settings)}
# What other programs read: libpq and Uvicorn.
OTHER_VARIABLES = {
    "ADMIN_SITE",
    "FORWARDED_ALLOW_IPS",
    "PATH",
    "PGPASSFILE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "POSTGRES_PASSWORD_FILE",
    "SITE",
}

CONFINED = {
    "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
    "CapabilityBoundingSet": "", "UMask": "0077", "User": "stundenpool", "StateDirectoryMode": "0700",
}  # fmt: skip


def name_of(file: Path) -> str:
    return str(file.relative_to(DEPLOY))


def is_command(words: list[str]) -> bool:
    """Whether the command line knows these words, up to the first argument."""
    group: click.Command = main
    for word in words:
        if not isinstance(group, click.Group):
            return True
        found = group.get_command(click.Context(group), word)
        if found is None:
            return False
        group = found
    return not isinstance(group, click.Group)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_every_variable_is_a_setting(file: Path) -> None:
    """A mistyped one would be ignored, and the default taken."""
    assert set(re.findall(rf"\b{PREFIX}[A-Z_]+", file.read_text(encoding="utf-8"))) <= SETTINGS.keys()


# ── systemd


class Unit(configparser.RawConfigParser):
    """A unit file, whose keys may appear several times and keep their letters' case."""

    def __init__(self, file: Path) -> None:
        super().__init__(delimiters=["="], comment_prefixes=["#", ";"], strict=False, dict_type=dict, interpolation=None)
        self.optionxform = str  # type: ignore[assignment]
        self.read_string(file.read_text(encoding="utf-8"))


def stated(file: Path) -> Iterator[tuple[str, str]]:
    """The variables of an environment file, those that are commented out included."""
    yield from re.findall(r"^#?([A-Z_]+)=(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("file", UNITS, ids=name_of)
def test_units_are_confined(file: Path) -> None:
    """The service and its backup get what they need, and nothing more."""
    service = Unit(file)["Service"]
    assert {name: service[name] for name in CONFINED} == CONFINED
    assert service["EnvironmentFile"] == "/etc/stundenpool/stundenpool.env"
    assert service["WorkingDirectory"].removeprefix("/var/lib/") in service["StateDirectory"].split()


@pytest.mark.parametrize("file", UNITS, ids=name_of)
def test_libpq_takes_the_file_of_the_password(file: Path) -> None:
    """It is the account's own: libpq passes over one that a group may read, as credentials of newer systemds look to it."""
    assert Unit(file)["Service"]["User"] == "stundenpool"
    assert "Credential" not in file.read_text(encoding="utf-8")
    password = dict(stated(DEPLOY / "stundenpool.env"))["PGPASSFILE"]
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"install -o stundenpool -g stundenpool -m 0600 /dev/null {password}\n" in guide


@pytest.mark.parametrize("file", UNITS, ids=name_of)
def test_units_start_what_there_is(file: Path) -> None:
    """A command of the program, or a file of this folder."""
    program, *words = Unit(file)["Service"]["ExecStart"].split()
    if program == "/opt/stundenpool/.venv/bin/stundenpool":
        assert is_command(words)
    else:
        assert os.access(ROOT / program.removeprefix("/opt/stundenpool/"), os.X_OK)


def test_a_process_may_have_as_many_files_as_streams() -> None:
    """And some more, for its database and whoever asks meanwhile."""
    assert int(Unit(DEPLOY / "stundenpool.service")["Service"]["LimitNOFILE"]) >= STREAMS_MAX + 1_000


def test_the_environment_file_is_one_that_the_settings_take() -> None:
    """Every value, those that are commented out included."""
    for name, value in stated(DEPLOY / "stundenpool.env"):
        if name in SETTINGS:
            SETTINGS[name].metadata["read"](value)
        else:
            assert name in OTHER_VARIABLES


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here: the units are only read by our own tests")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """As far as it can say without the programs that they start."""
    for file in (*UNITS, *DEPLOY.glob("*.timer")):
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", *tmp_path.iterdir()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# ── the images


def stages() -> dict[str, list[list[str]]]:
    """The instructions of each stage of the Containerfile, its first one included."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    instructions = [line.split() for line in text.splitlines() if line.strip()]
    found: dict[str, list[list[str]]] = {}
    for instruction in instructions:
        if instruction[0] == "FROM":
            found[instruction[3]] = []
        found[list(found)[-1]].append(instruction)
    return found


@pytest.mark.parametrize("stage", ["build", "operations", "service"])
def test_images_stand_on_a_version(stage: str) -> None:
    """Never on whatever is the latest, and nothing is fetched past the package managers."""
    [start, *rest] = stages()[stage]
    assert re.fullmatch(r"[a-z]+:\d+\.\d+[\w.-]*", start[1])
    assert "ADD" not in [instruction[0] for instruction in rest]
    assert not re.search(r"https?://(?!127\.0\.0\.1:)|curl|wget", str(rest))


@pytest.mark.parametrize("stage", ["operations", "service"])
def test_images_run_as_nobody_special(stage: str) -> None:
    """One number in both, as they share the keys; and what starts is a command."""
    instructions = {instruction[0]: instruction[1:] for instruction in stages()[stage]}
    assert instructions["USER"] == ["999:999"]
    assert instructions["ENTRYPOINT"] == ['["stundenpool"]']
    assert is_command(yaml.safe_load(" ".join(instructions["CMD"])))


def test_what_is_copied_into_an_image_is_there_and_let_through() -> None:
    """By the list of what may leave the repository, which names nothing else."""
    passed = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")}
    copied = {
        source
        for instructions in stages().values()
        for words in instructions
        if words[0] == "COPY" and not words[1].startswith("--from")
        for source in words[1:-1]
    }
    assert copied == passed
    assert all((ROOT / source).exists() for source in copied)


def test_images_hold_what_the_lock_says() -> None:
    """Every package by its hash, in the version that was tested, and nothing that only developers need."""
    [install] = [" ".join(words) for words in stages()["build"] if "requirements.lock" in words and words[0] == "RUN"]
    assert "--require-hashes" in install
    production, tested = (pinned(file) for file in (DEPLOY / "requirements.lock", ROOT / "requirements.lock"))
    assert production.items() <= tested.items()
    assert "pytest" not in production
    assert {"psycopg", "uvicorn", "setuptools"} <= production.keys()


def pinned(file: Path) -> dict[str, tuple[str, frozenset[str]]]:
    text = re.sub(r"^ *#.*\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line.strip()]
    return {words[0].partition("==")[0]: (words[0], frozenset(word for word in words if "--hash" in word)) for words in lines}


# ── the containers


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return read


def test_what_containers_refer_to_exists(compose: dict[str, Any]) -> None:
    """Services, volumes, networks, secrets, files of this folder, stages of the Containerfile."""
    used: dict[str, set[str]] = {"volumes": set(), "networks": set(), "secrets": set()}
    for service in compose["services"].values():
        used["networks"] |= set(service["networks"])
        used["secrets"] |= set(service.get("secrets", ()))
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert source == "./backup" or (DEPLOY / source).is_file()
            else:
                used["volumes"].add(source)
        assert set(service.get("depends_on", ())) <= compose["services"].keys()
        if build := service.get("build"):
            assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
            assert build["target"] in stages()
        else:
            assert re.fullmatch(r"[a-z]+:\d+\.\d+[\w.-]*", service["image"])
    assert {kind: set(compose[kind]) for kind in used} == used


def test_no_password_stands_in_a_file(compose: dict[str, Any]) -> None:
    """Containers read them from secrets, which are kept out of the repository."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/deploy/secrets/", "/deploy/backup/"} <= set(ignored)
    assert all(secret["file"].startswith("secrets/") for secret in compose["secrets"].values())
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert name in SETTINGS or name in OTHER_VARIABLES
            if name in SETTINGS:
                SETTINGS[name].metadata["read"](value)
            if name.startswith("PG") or name.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_containers_come_back_and_are_watched(compose: dict[str, Any]) -> None:
    """All that stay; those that end are commands. None but the proxy is reached from outside, and only it by encryption."""
    for name, service in compose["services"].items():
        if name in ("migrate", "backup"):
            words = service["command"] if "entrypoint" not in service else ["db", "backup"]
            assert is_command(words)
        else:
            assert service["restart"] == "unless-stopped"
            assert "healthcheck" in service or any(words[0] == "HEALTHCHECK" for words in stages()[name])
        if name != "database":  # its start needs to set owners
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]
    assert {name for name, service in compose["services"].items() if "ports" in service} == {"proxy"}
    assert "edge" not in compose["services"]["database"]["networks"]
    assert compose["networks"]["data"] == {"internal": True}


def test_one_server_and_its_tools(compose: dict[str, Any]) -> None:
    """pg_dump refuses a server that is newer than itself."""
    assert stages()["operations"][0][1] == compose["services"]["database"]["image"]


def test_ports_agree(compose: dict[str, Any]) -> None:
    """Of image, its health check, and proxy."""
    instructions = {words[0]: words for words in stages()["service"]}
    [port] = instructions["EXPOSE"][1:]
    assert f"STUNDENPOOL_PORT={port}" in instructions["ENV"]
    assert f"http://127.0.0.1:{port}/readyz" in " ".join(instructions["HEALTHCHECK"])
    assert f"reverse_proxy service:{port} " in (DEPLOY / "proxy" / "Caddyfile").read_text(encoding="utf-8")


def test_the_proxy_keeps_inside_what_belongs_there(compose: dict[str, Any]) -> None:
    """It reads the certificate that it is given, passes events on at once, and tells nobody of figures and health."""
    caddyfile = (DEPLOY / "proxy" / "Caddyfile").read_text(encoding="utf-8")
    assert set(re.findall(r"/run/secrets/(\w+)", caddyfile)) == set(compose["services"]["proxy"]["secrets"])
    assert "@inside path /metrics /healthz /readyz" in caddyfile
    assert "respond @inside 404" in caddyfile
    assert "flush_interval -1" in caddyfile


def test_administration_takes_a_certificate(compose: dict[str, Any]) -> None:
    """Under a name of its own, once the usual one refuses what is administered there: each route for administrators that changes
    something. What else the proxy does, it does for both."""
    caddyfile = (DEPLOY / "proxy" / "Caddyfile").read_text(encoding="utf-8")
    apart = (DEPLOY / "proxy" / "administration.caddy").read_text(encoding="utf-8")
    assert re.findall(r"^\t?# (import \S+)$", caddyfile, re.MULTILINE) == [
        "import administration.caddy",
        "import administered_elsewhere",
    ]
    assert re.search(r"client_auth \{\s+mode require_and_verify\s+trust_pool file /run/secrets/admin_authority\s+\}", apart)
    [paths] = re.findall(r"@administration path (.*)", apart)
    changed = [each.path for each in OPERATIONS if "admin" in each.policy and each.method != "GET"]
    assert changed
    for path in changed:
        assert any(fnmatch(f"{API}{path}", refused) for refused in paths.split()), path
    for said in ("respond @inside 404", "flush_interval -1", "Strict-Transport-Security", "reverse_proxy service:8000"):
        assert said in caddyfile
        assert said in apart


def test_roles_are_those_that_the_guide_describes(postgres: Cluster, tmp_path: Path) -> None:
    """A new database container makes them with the passwords of its secrets; one owns, the other serves with no right too many."""
    secrets = postgres.socket_directory
    (secrets / "owner_pgpass").write_text(
        "database:5432:stundenpool:stundenpool_owner:eins\ndatabase:5432:stundenpool:stundenpool:zwei\n"
    )
    (secrets / "service_pgpass").write_text("database:5432:stundenpool:stundenpool:zwei\n")
    script = (DEPLOY / "postgres" / "roles.sql").read_text(encoding="utf-8").replace("/run/secrets", str(secrets))
    (secrets / "roles.sql").write_text(script, encoding="utf-8")
    run_program("psql", "--set=ON_ERROR_STOP=1", f"--dbname={postgres.url()}", "--file=roles.sql", folder=secrets)
    stored = postgres.run(
        "SELECT rolname, rolpassword FROM pg_authid WHERE rolname IN ('stundenpool', 'stundenpool_owner') ORDER BY rolname"
    )
    assert [(name, password.partition("$")[0]) for name, password in stored] == [
        ("stundenpool", "SCRAM-SHA-256"),
        ("stundenpool_owner", "SCRAM-SHA-256"),
    ]
    with closing(open_store(postgres.url("stundenpool", "stundenpool_owner"), create=True)) as store:
        migrate(store, lambda done, total: None, "stundenpool")
    with closing(open_store(postgres.url("stundenpool", "stundenpool"), create=False)) as store:
        assert examine(store, str(tmp_path / "keys"), "", rights_apart=True, progress=lambda done, total: None).findings == []
    postgres.run("CREATE ROLE somebody LOGIN")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(postgres.url("stundenpool", "somebody"))


# ── the copies of the night


@pytest.fixture
def night(tmp_path: Path) -> dict[str, str]:
    """The environment of an installation on SQLite, as the backup's unit states it."""
    environment = os.environ | {
        "STUNDENPOOL_DATABASE_URL": f"sqlite:///{tmp_path}/pool.db",
        "STUNDENPOOL_KEYSTORE": str(tmp_path / "keys"),
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
    }
    subprocess.run([PROGRAM, "db", "migrate"], env=environment, check=True, capture_output=True)
    return environment


def copies(folder: Path) -> dict[str, int]:
    return {kind: len(list((folder / kind).glob("*"))) for kind in ("database", "keys")}


def test_a_night_leaves_two_copies_and_takes_old_ones_away(night: dict[str, str], tmp_path: Path) -> None:
    """Only when both were made: without a key store nothing is complete, and nothing is removed."""
    folder = tmp_path / "copies"
    for kind in ("database", "keys"):
        (folder / kind).mkdir(parents=True)
        (folder / kind / "old").touch()
        os.utime(folder / kind / "old", (0, 0))

    def a_night() -> int:
        command = [DEPLOY / "nightly-backup", folder, "30", tmp_path / "recipient.pem"]
        return subprocess.run(command, env=night, check=False, capture_output=True).returncode

    subprocess.run(["openssl", "genpkey", "-algorithm", "x25519", "-out", "private.pem"], cwd=tmp_path, check=True)
    subprocess.run(["openssl", "pkey", "-in", "private.pem", "-pubout", "-out", "recipient.pem"], cwd=tmp_path, check=True)

    assert a_night() != 0
    assert (folder / "keys" / "old").exists()
    (tmp_path / "pool.toml").write_text(POOL, encoding="utf-8")
    subprocess.run([PROGRAM, "pool", "open", tmp_path / "pool.toml"], env=night, check=True, capture_output=True)
    before = copies(folder)
    assert a_night() == 0
    assert copies(folder) == {"database": before["database"], "keys": before["keys"]}
    assert not (folder / "keys" / "old").exists()
