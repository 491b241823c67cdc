"""An installation of its own for each test, and its command line, in this process or as a program."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from interfaces.cli import main
from tests.schema import make_schema

PROGRAM = Path(sys.executable).parent / "stundenpool"

POOL = """
name = "Prüfpool"
budget_minutes = 6000

[period]
start = 2022-01-01
end = 2022-12-31

[rules]
unit_minutes = 15
district_quotas = { "Süd" = 3000 }
"""

REQUESTS = """\
request_id;case_ref;provider;district;requested_at;requested_by;requested_minutes;decision;decided_at;decided_by;granted_minutes
a-1;fall-1;traeger-a;Süd;03.01.2022 10:00;kraft-1;10 h;approved;04.01.2022 09:00;amt-1;600
a-2;fall-2;traeger-a;Nord;03.01.2022 11:00;kraft-1;5 h;approved;04.01.2022 09:00;amt-1;300
a-3;fall-3;traeger-b;Nord;05.01.2022 11:00;kraft-2;90;;;;
"""

SESSIONS = """\
session_id;request_id;worker;starts_at;minutes;kind
s-1;a-1;kraft-1;10.01.2022 14:00;1,5 h;direct
s-2;a-1;kraft-1;11.02.2022 14:00;1:00;indirect
s-3;a-2;kraft-1;12.02.2022 14:00;45 min;travel
"""

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Runs the command line in this process, as a person would type it."""
    return lambda *words, input=None: CliRunner().invoke(main, [str(word) for word in words], input, catch_exceptions=False)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store_url: str) -> Path:
    """A working directory whose settings name an empty database; once for each kind of store."""
    return _settings(monkeypatch, tmp_path, store_url)


@pytest.fixture
def sqlite_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fresh_url: Callable[[str], str]) -> Path:
    """The same on SQLite alone, for what no store makes different."""
    return _settings(monkeypatch, tmp_path, fresh_url("sqlite"))


def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", url)
    monkeypatch.setenv("STUNDENPOOL_MIGRATION_DATABASE_URL", "")
    monkeypatch.setenv("STUNDENPOOL_READ_DATABASE_URL", "")
    monkeypatch.setenv("STUNDENPOOL_KEYSTORE", str(tmp_path / "keys"))
    return tmp_path


@pytest.fixture
def installation(settings: Path, store_url: str) -> Path:
    """A migrated installation on each kind of store; its working directory."""
    make_schema(store_url)
    return settings


@pytest.fixture
def sqlite_installation(sqlite_settings: Path) -> Path:
    """A migrated installation on SQLite."""
    make_schema(os.environ["STUNDENPOOL_DATABASE_URL"])
    return sqlite_settings


def opened_pool(run: Run) -> str:
    """The id of a new pool."""
    Path("pool.toml").write_text(POOL, encoding="utf-8")
    done = run("pool", "open", "pool.toml", "--subject", "amt-1")
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


def filled_pool(run: Run) -> str:
    """A pool with requests and sessions from files."""
    pool = opened_pool(run)
    for kind, content in (("requests", REQUESTS), ("sessions", SESSIONS)):
        Path(f"{kind}.csv").write_text(content, encoding="utf-8")
        done = run("import", kind, f"{kind}.csv", "--pool", pool)
        assert done.exit_code == 0, done.stderr
    return pool


def started(*words: str) -> subprocess.Popen[str]:
    """The program, started with these words; both its outputs are pipes."""
    return subprocess.Popen(
        [PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_interrupts
    )


def _heed_interrupts() -> None:
    """What a shell runs in the background ignores them, and so would whatever that starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
