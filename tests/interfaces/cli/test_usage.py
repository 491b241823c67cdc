"""How the command line speaks: German throughout, 2 for wrong use, one sentence and 1 for what failed, and quick to start."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import Result

from interfaces.cli import main
from tests.conftest import STORE_KINDS
from tests.interfaces.cli.conftest import PROGRAM, Run, started
from tests.postgres import Cluster

POOL_ID = "9879b700-25ef-48b9-9b7d-37e8f46f5f69"
SERVICE_SECONDS_MAX = 30
ENGLISH = ("Usage", "Options", "Commands", "Error", "Missing", "Invalid", "such", "Try", "Show", "OPTIONS", "COMMAND", "required")


def _commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield *path, name
        if isinstance(command, click.Group):
            yield from _commands(command, *path, name)


@pytest.mark.parametrize("words", [(), *_commands(main)], ids=" ".join)
def test_every_help_is_german(run: Run, words: tuple[str, ...]) -> None:
    """Click's own words included."""
    done = run(*words, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith("Aufruf: ")
    assert not [word for word in ENGLISH if word in done.stdout]


@pytest.mark.parametrize(
    "words",
    [
        "",
        "gibtesnicht",
        "token creat",
        "token create",
        "token create --role chef --subject x",
        "token create --rol admin --subject x",
        "token create --role admin --subject x --days 0",
        "token create --role admin --subject x --days zehn",
        "token create --role admin --subject x --provider traeger-a",
        "token create --role worker --subject x",
        "token create --role lead --subject",
        "balance",
        "balance 17",
        f"balance {POOL_ID} zu viel",
        f"balance {POOL_ID} --by farbe",
        f"balance {POOL_ID} --as-of 31.02.2022",
        f"balance {POOL_ID} --known-at gestern",
        "rebuild --check=ja",
        "rebuild gibtesnicht",
        "import requests",
        "import requests datei.csv",
        f"import sessions datei.csv --pool {POOL_ID} --rejects .",
        "log tail --after -1",
        "webhook add",
        "webhook add https://a.example/ --type gibt-es-nicht",
        "webhook remove x",
        "db backup",
    ],
)
@pytest.mark.usefixtures("sqlite_installation")
def test_wrong_use_is_told_in_german_with_status_2(run: Run, words: str) -> None:
    """Nothing appears on stdout, which programs read."""
    done = run(*words.split())
    assert done.exit_code == 2
    assert done.stdout == ""
    assert not [word for word in ENGLISH if word in done.stderr]


NEEDING_A_STORE = [
    "token create --role admin --subject x",
    f"balance {POOL_ID}",
    "rebuild",
    "rebuild --check",
    "log tail",
    "db backup kopie",
    "pool open pool.toml",
    f"import requests anträge.csv --pool {POOL_ID}",
]


def _demand_one_sentence(done: Result) -> None:
    assert done.exit_code == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.fixture
def files(tmp_path: Path) -> None:
    """What commands are given, so that nothing but the store is missing."""
    (tmp_path / "pool.toml").write_text('name = "P"\nbudget_minutes = 60\nperiod = { start = 2022-01-01, end = 2022-12-31 }\n')
    (tmp_path / "anträge.csv").write_text("request_id\n1\n")


@pytest.mark.parametrize("words", NEEDING_A_STORE)
@pytest.mark.usefixtures("sqlite_settings", "files")
def test_a_database_that_was_never_made_is_told_in_one_sentence(words: str, run: Run) -> None:
    """And is not made by the way."""
    _demand_one_sentence(run(*words.split()))
    assert not list(Path().glob("*.db"))


@pytest.mark.parametrize("words", [*NEEDING_A_STORE, "serve", "db migrate", "db check"])
@pytest.mark.usefixtures("sqlite_settings", "files")
def test_a_server_that_is_away_is_told_at_once_and_without_the_password(
    words: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the driver's own words, which name the host."""
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", "postgresql://u:geheim@127.0.0.1:1/pool")
    done = run(*words.split())
    _demand_one_sentence(done)
    assert "127.0.0.1" in done.stderr
    assert "geheim" not in done.stderr


@pytest.mark.parametrize("words", ["log tail", "rebuild --check", "pool open pool.toml", f"balance {POOL_ID}"])
@pytest.mark.parametrize("kind", STORE_KINDS)
@pytest.mark.usefixtures("sqlite_settings", "files")
def test_a_missing_schema_names_the_command_that_makes_it(
    words: str, kind: str, run: Run, fresh_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a database that is there, and empty."""
    Path("leer.db").touch()
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", "sqlite:///leer.db" if kind == "sqlite" else fresh_url(kind))
    done = run(*words.split())
    assert done.exit_code == 1
    assert "stundenpool db migrate" in done.stderr


@pytest.mark.usefixtures("sqlite_settings")
def test_a_role_without_rights_is_told_so(run: Run, postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database refuses is no bug of ours."""
    database = postgres.fresh_database()
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", postgres.url(database))
    assert run("db", "migrate").exit_code == 0
    postgres.run(f"DROP ROLE IF EXISTS {database}_niemand")
    postgres.run(f"CREATE ROLE {database}_niemand LOGIN")
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", postgres.url(database, f"{database}_niemand"))
    done = run("token", "create", "--role", "admin", "--subject", "x")
    assert done.exit_code == 1
    assert "fehlt ein Recht" in done.stderr


@pytest.mark.parametrize("words", ["serve", "rebuild --check"])
@pytest.mark.usefixtures("sqlite_settings")
def test_the_program_prints_one_sentence_and_no_traceback(words: str) -> None:
    """The installed program fails as the tests in this process do."""
    done = subprocess.run([PROGRAM, *words.split()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "stundenpool db migrate" in done.stderr


@pytest.mark.usefixtures("installation")
def test_serve_answers_until_it_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the address and port of the settings; being ended is no failure."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    monkeypatch.setenv("STUNDENPOOL_PORT", str(port))
    service = started("serve")
    try:
        _wait_for(f"http://127.0.0.1:{port}/readyz")
        service.terminate()
        _, said = service.communicate(timeout=SERVICE_SECONDS_MAX)
    finally:
        service.kill()
        service.communicate()
    assert service.returncode == 0, said
    one_role_alters_the_log = os.environ["STUNDENPOOL_DATABASE_URL"].startswith("postgresql:")
    assert ("Warnung: Der Zugang des Dienstes darf mehr, als er braucht" in said) == one_role_alters_the_log


@pytest.mark.usefixtures("sqlite_installation")
def test_a_port_that_is_taken_is_told_in_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the address that the settings name."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("STUNDENPOOL_PORT", str(port))
        done = run("serve")
    _demand_one_sentence(done)
    assert f"127.0.0.1, Port {port}" in done.stderr


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + SERVICE_SECONDS_MAX
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.usefixtures("sqlite_settings")
def test_wrong_settings_are_told_and_nothing_is_done(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command reads them first."""
    monkeypatch.setenv("STUNDENPOOL_PORT", "achttausend")
    done = run("db", "migrate")
    assert done.exit_code == 1
    assert "STUNDENPOOL_PORT" in done.stderr
    assert not list(Path().glob("*.db"))


@pytest.mark.usefixtures("sqlite_settings")
def test_config_check_shows_every_setting_with_its_source(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is content with what is right."""
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", "postgresql://u:geheim@db/pool")
    Path(".env").write_text("STUNDENPOOL_PORT=9000\n")
    done = run("config", "check")
    assert done.exit_code == 0
    assert "STUNDENPOOL_DATABASE_URL = postgresql://u:•••@db/pool  [Umgebung]" in done.stdout
    assert "STUNDENPOOL_PORT = 9000  [.env]" in done.stdout
    assert "STUNDENPOOL_HOST = 127.0.0.1  [Voreinstellung]" in done.stdout


@pytest.mark.usefixtures("sqlite_settings")
def test_config_check_fails_on_mistakes_and_mistyped_names(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is shown where it stands."""
    monkeypatch.setenv("STUNDENPOOL_PORT", "0")
    monkeypatch.setenv("STUNDENPOOL_HOTS", "x")
    done = run("config", "check")
    assert done.exit_code == 1
    assert "FALSCH: muss eine ganze Zahl" in done.stdout
    assert "vermutlich STUNDENPOOL_HOST" in done.stdout
    assert "2 Einstellungen" in done.stderr


WEB = ("fastapi", "uvicorn", "pydantic", "python_calamine")
HEAVY = (*WEB, "psycopg")


@pytest.mark.parametrize(
    ("words", "heavy"),
    [("token create --role admin --subject x", HEAVY), ("config check", HEAVY), ("rebuild --check", HEAVY), ("db check", WEB)],
)
@pytest.mark.usefixtures("sqlite_installation")
def test_light_commands_do_not_load_what_is_heavy(words: str, heavy: tuple[str, ...]) -> None:
    """The web framework, and the driver of a database that is not theirs, take longer than they do."""
    script = (
        "import json, sys; from interfaces.cli import main; main(sys.argv[1:], standalone_mode=False); "
        f"print(json.dumps([name for name in {heavy} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script, *words.split()], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_a_service_on_sqlite_does_not_load_the_driver_of_postgresql() -> None:
    asked = "import sys, interfaces.http.server, interfaces.http.worker; print('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "False\n"
