"""A PostgreSQL server of the tests' own, started for one session in a temporary directory.

It is as careful with data as a real one, unless the one who starts it says otherwise.
TEST_POSTGRES_BIN names the folder of another server's programs than the one of this machine.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

_UNPACKED = Path(__file__).parent.parent / ".cache" / "system"  # where `make setup` puts it for an ordinary user
_START_SECONDS_MAX = 30
_MEMORY, _MEMORY_FREE_MIN = Path("/dev/shm"), 4 * 2**30  # bytes

SPARE = "spare_"  # what the names of empty databases begin with that the next who asks for one may have: dropping takes long


class Cluster:
    """A running server. Its superuser is "postgres"; nobody needs a password, by TCP or through `socket_directory`."""

    def __init__(self, port: int, socket_directory: Path) -> None:
        self.port = port
        self.socket_directory = socket_directory
        self._numbers = count(1)

    def url(self, database: str = "postgres", user: str = "postgres", port: int | None = None) -> str:
        """The URL of a database, on request as another role or through another port, such as that of a proxy."""
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def fresh_database(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            found = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s) LIMIT 1", (SPARE,))
            spare = found.fetchone()
            connection.execute(f"ALTER DATABASE {spare[0]} RENAME TO {name}" if spare else f"CREATE DATABASE {name}")
        return name

    def fresh_keystore(self) -> str:
        """The URL of a new database for keys alone, as a role that has nothing else."""
        database = self.fresh_database()
        self.run(f"CREATE ROLE {database}_keys LOGIN")
        self.run(f"GRANT CREATE ON DATABASE {database} TO {database}_keys")
        return self.url(database, f"{database}_keys") + "?schema=keys"

    def drop(self, database: str) -> None:
        """Whoever is still connected is not any more."""
        self.run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def run(self, sql: str, params: tuple[Any, ...] = (), *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Executes a statement on a connection of its own, and returns its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql, params)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def running_cluster(within: Path | None = None, **settings: str) -> Iterator[Cluster]:
    """A new server that lives as long as the block, with its data in a directory of the system's choice or ``within`` another."""
    with new_folder(within) as folder:
        run_program("initdb", "--pgdata=data", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync",
                    folder=folder)  # fmt: skip
        with running_server(folder, **settings) as cluster:
            yield cluster


def memory() -> Path | None:
    """Where files are kept in memory, if there is room for some servers."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _MEMORY_FREE_MIN
    return _MEMORY if roomy else None


@contextmanager
def running_standby(primary: Cluster) -> Iterator[Cluster]:
    """A copy of a server that follows it, and from which one can only read."""
    with new_folder() as folder:
        run_program("pg_basebackup", "--pgdata=data", "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
                    f"--dbname={primary.url()}", folder=folder)  # fmt: skip
        with running_server(folder) as cluster:
            yield cluster


@contextmanager
def new_folder(within: Path | None = None) -> Iterator[Path]:
    """For a server, whose data goes into ``data`` there; gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="stundenpool-", dir=within))  # not pytest's: paths of sockets must be short
    try:
        if os.getuid() == 0:
            os.chown(folder, *_account())
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running_server(folder: Path, **settings: str) -> Iterator[Cluster]:
    """A server on the data of a folder, as long as the block lasts."""
    cluster = Cluster(_free_port(), folder)
    options = {
        "listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder), "max_connections": "100", "fsync": "on", **settings
    }  # fmt: skip
    stated = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [_find_binaries() / "postgres", "-D", "data", "-p", str(cluster.port), *stated],
            cwd=folder, env=_environment(), stdout=log, stderr=log, **_unprivileged(),
        )  # fmt: skip
    try:
        _wait_until_ready(cluster, server, folder / "log")
        yield cluster
    finally:
        server.send_signal(signal.SIGQUIT)  # at once, without a checkpoint: nobody needs the data any more
        server.wait()


def run_program(name: str, *arguments: str, folder: Path) -> None:
    """One of PostgreSQL's own programs, in the folder of a server and as the account that it runs under."""
    command = [str(_find_binaries() / name), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False, **_unprivileged())
    if done.returncode:
        pytest.fail(f"{command[0]} failed: {done.stdout}{done.stderr}", pytrace=False)


def _find_binaries() -> Path:
    if chosen := os.environ.get("TEST_POSTGRES_BIN"):
        return Path(chosen)
    in_path = shutil.which("initdb")
    candidates = [Path(in_path).resolve().parent] if in_path else []
    for root in (Path("/"), _UNPACKED):
        candidates += sorted(root.glob("usr/lib/postgresql/*/bin"), reverse=True)
    for candidate in candidates:
        if (candidate / "initdb").exists() and (candidate / "postgres").exists():
            return candidate
    pytest.fail("There is no PostgreSQL server on this machine: `make setup` gets one.", pytrace=False)


def _environment() -> dict[str, str]:
    libraries = _UNPACKED / "usr/lib/x86_64-linux-gnu"
    known = os.environ.get("LD_LIBRARY_PATH")
    added = {"LD_LIBRARY_PATH": ":".join(filter(None, [str(libraries), known]))} if libraries.exists() else {}
    return {**os.environ, **added, "LC_ALL": "C.UTF-8"}


def _unprivileged() -> dict[str, Any]:
    """How to run the server as somebody else: it refuses to run as root."""
    if os.getuid() != 0:
        return {}
    user, group = _account()
    return {"user": user, "group": group, "extra_groups": []}


def _account() -> tuple[int, int]:
    account = next(account for name in ("postgres", "nobody") for account in pwd.getpwall() if account.pw_name == name)
    return account.pw_uid, account.pw_gid


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(cluster: Cluster, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < deadline and server.poll() is None:
        try:
            cluster.run("SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"PostgreSQL did not start: {log.read_text()}", pytrace=False)
