"""A time-stamping authority of the tests' own: OpenSSL behind HTTP, with a root, an intermediate and a certificate for stamps."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

_STAMPING = "basicConstraints=CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n"
_VOUCHING = "basicConstraints=critical,CA:true\n"

_SETTINGS = """
[req]
distinguished_name = names
[names]
[tsa]
default_tsa = stamps
[stamps]
serial = serial
signer_cert = stamps.pem
signer_key = stamps.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
"""


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_UNPACKED = Path(__file__).parents[3] / ".cache" / "system"  # where `make setup` puts it for an ordinary user


class Authority:
    """Stamps whatever it is asked to, and counts; ``answers`` takes the place of its replies."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.certificates = folder / "all.pem"
        self.root = folder / "root.pem"
        self.asked = 0
        self.answers: tuple[int, bytes] | None = None
        self.url = ""
        (folder / "settings").write_text(_SETTINGS)
        (folder / "serial").write_text("01\n")
        self._certify()

    def _certify(self) -> None:
        self.openssl("req", "-x509", *_NEW_KEY, "-keyout", "root.key", "-out", "root.pem", "-days", "2", "-subj", "/CN=Root")
        for name, issuer, extensions in (("between", "root", _VOUCHING), ("stamps", "between", _STAMPING)):
            (self._folder / "extensions").write_text(extensions)
            self.openssl("req", *_NEW_KEY, "-keyout", f"{name}.key", "-out", "request", "-subj", f"/CN={name}")
            issued_by = ("-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial")
            self.openssl(
                "x509", "-req", "-in", "request", *issued_by, "-days", "2", "-extfile", "extensions", "-out", f"{name}.pem"
            )
        pems = [(self._folder / f"{name}.pem").read_text() for name in ("stamps", "between", "root")]
        self.certificates.write_text("".join(pems))

    def reply(self, query: bytes) -> bytes:
        (self._folder / "query").write_bytes(query)
        self.openssl("ts", "-reply", "-config", "settings", "-queryfile", "query", "-out", "reply")
        return (self._folder / "reply").read_bytes()

    def openssl(self, *words: str | Path) -> str:
        """What OpenSSL says; the test fails where it refuses."""
        done = subprocess.run(
            [_program(), *words], cwd=self._folder, env=_environment(), capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _program() -> str:
    """The system's, or an unpacked one."""
    found = shutil.which("openssl") or shutil.which("openssl", path=_UNPACKED / "usr/bin")
    if found is None:
        pytest.fail("There is no OpenSSL on this machine: `make setup` gets it.", pytrace=False)
    return found


def _environment() -> dict[str, str]:
    """Without the system's settings, which an unpacked OpenSSL would not find."""
    libraries = [str(path) for pattern in ("lib/*-linux-gnu", "usr/lib/*-linux-gnu") for path in _UNPACKED.glob(pattern)]
    known = os.environ.get("LD_LIBRARY_PATH")
    return {**os.environ, "OPENSSL_CONF": "settings", "LD_LIBRARY_PATH": ":".join(filter(None, [*libraries, known]))}


@contextmanager
def stamping(folder: Path) -> Iterator[Authority]:
    """An authority with new keys, which answers at its ``url``."""
    authority = Authority(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            query = self.rfile.read(int(self.headers["Content-Length"]))
            authority.asked += 1
            status, body = authority.answers or (200, authority.reply(query))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    authority.url = f"http://127.0.0.1:{server.server_address[1]}/tsa"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
