"""The service as a process: it starts only on a schema that is there, answers, and ends when it is told to."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from interfaces.identity.tokens import create_token
from interfaces.storage import open_store
from interfaces.storage.migrate import migrate

ROOT = Path(__file__).parents[3]
SERVE = "from interfaces.settings import read_settings; from interfaces.http.server import serve; serve(read_settings())"


def environment(url: str, folder: Path, port: int = 1, **settings: str) -> dict[str, str]:
    stated = {"DATABASE_URL": url, "KEYSTORE": f"{folder}/keys", "PORT": str(port), **settings}
    return {**os.environ, **{f"STUNDENPOOL_{name}": value for name, value in stated.items()}}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_without_a_schema_it_does_not_start(store_url: str, tmp_path: Path) -> None:
    """Exit status 1, and a sentence that says what to do."""
    done = subprocess.run(
        [sys.executable, "-c", SERVE], cwd=ROOT, env=environment(store_url, tmp_path), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith("Bitte zuerst „stundenpool db migrate“ ausführen.")
    assert "Traceback" not in done.stderr


def test_it_answers_until_it_is_told_to_stop(store_url: str, tmp_path: Path) -> None:
    """Ready after the start, and an orderly end on SIGTERM; its log names neither tokens nor queries."""
    store = open_store(store_url, create=True)
    migrate(store, lambda done, of: None)
    token = create_token(store, role="officer", subject="sb-1")
    store.close()
    port = free_port()
    log = tmp_path / "serve.log"
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-c", SERVE], cwd=ROOT, env=environment(store_url, tmp_path, port), stderr=file)
    try:
        base = f"http://127.0.0.1:{port}"
        wait_for(f"{base}/readyz", process)
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{base}/api/v1/events?after=7&limit=3", headers=headers, timeout=10)
        assert answer.json() == {"items": [], "next": None}
        assert "server" not in answer.headers
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=30)
    written = log.read_text()
    assert code == 0, written
    assert "Traceback" not in written
    assert "GET /api/v1/events 200" in written
    assert "after=7" not in written
    assert token not in written


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        assert process.poll() is None
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail("the service was not ready within 30 s")
