"""Servers as processes: ours as it is installed, and those that it is measured beside."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import resident_mb
from benchmarks.places import Database

ROOT = Path(__file__).parents[1]
CLI = "import sys; from interfaces.cli import main; sys.argv[0] = 'stundenpool'; main()"
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
_READY = b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Server:
    """A process that answers on a port; ``ready_after`` are seconds from its start."""

    port: int
    pid: int
    ready_after: float

    def resident_mb(self) -> float:
        """Its memory now."""
        return resident_mb(self.pid)


@contextmanager
def service(database: Database) -> Iterator[Server]:
    """Ours, with one worker."""
    port = free_port()
    with running([sys.executable, "-c", CLI, "serve"], environment_of(database, port), port) as server:
        yield server


@contextmanager
def untrusting_service(database: Database) -> Iterator[Server]:
    """Ours without what protects persons."""
    port = free_port()
    with running([sys.executable, "-m", "benchmarks.untrusting"], environment_of(database, port), port) as server:
        yield server


@contextmanager
def stock_server(database: Database) -> Iterator[Server]:
    """Stock behind FastAPI, and the route that only validates."""
    port = free_port()
    with running([sys.executable, "-m", "benchmarks.stock_server", str(port)], database.stock, port) as server:
        yield server


@contextmanager
def trivial_server() -> Iterator[Server]:
    """A server that answers without looking."""
    port = free_port()
    with running([sys.executable, "-m", "benchmarks.trivial_server", str(port)], {}, port) as server:
        yield server


def environment_of(database: Database, port: int = 0) -> dict[str, str]:
    """The settings of an installation."""
    stated = {"DATABASE_URL": database.url, "KEYSTORE": str(database.keys), "PORT": str(port or 1)}
    return {f"STUNDENPOOL_{name}": value for name, value in stated.items()}


@contextmanager
def running(command: list[str], environment: Mapping[str, str], port: int) -> Iterator[Server]:
    """A process, from its first answer until the end of the block; what it says goes nowhere unless it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        _wait_until_ready(process, port)
        yield Server(port, process.pid, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS_MAX)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(_READY)
                if connection.recv(64).startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
                    return
        except OSError:
            time.sleep(0.005)
    raise RuntimeError(f"{process.args!r} did not answer")
