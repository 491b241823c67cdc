"""An issuer on this machine that says whatever a test wants it to, and counts how often it is asked."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

AUDIENCE, CLIENT = "stundenpool-api", "stundenpool"
HOME = "http://office.example"
SIGNED_OUT = "http://schemas.openid.net/event/backchannel-logout"
DISCOVERY = "/.well-known/openid-configuration"

RSA, EC = RSAKey.generate_key(2048), ECKey.generate_key("P-256")  # making them takes a while


@dataclass
class Answer:
    """What the issuer says at one of its addresses."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class MadeUpIssuer:
    """Serves its metadata and keys, and whatever a test lays at ``/token``."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.keys: dict[str, Any] = {"rsa": RSA, "ec": EC}
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.answers: dict[str, Answer] = {}
        self.publish()

    def publish(self, *more: Mapping[str, Any], **metadata: Any) -> None:
        """Its keys as they are now, and these; and what it says about itself."""
        described = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "end_session_endpoint": f"{self.url}/end",
            "authorization_response_iss_parameter_supported": True,
        }
        self.answers[DISCOVERY] = Answer({**described, **metadata})
        stated = [{**key.as_dict(private=False), "kid": kid, "use": "sig"} for kid, key in self.keys.items()]
        self.answers["/keys"] = Answer({"keys": [*stated, *more]})

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Those of an officer's good access token; a claim of ``None`` is left out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "fach-1",
            "iat": now,
            "exp": now + 300,
            "roles": ["officer"],
            "scope": "stundenpool",
        }
        claims |= changed
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, kid: str = "rsa", alg: str = "", typ: str = "at+jwt", key: Any = None, **changed: Any) -> str:
        """A good access token but for these changes."""
        key = key or self.keys[kid]
        header = {"alg": alg or ("ES256" if isinstance(key, ECKey) else "RS256"), "kid": kid, "typ": typ}
        return sign(header, json.dumps(self.claims(**changed)), key)

    def logout_token(self, typ: str = "logout+jwt", key: Any = None, **changed: Any) -> str:
        """A good token by which the issuer says that somebody is signed out, but for these changes."""
        said: dict[str, Any] = {
            "aud": CLIENT,
            "sid": "session-1",
            "jti": "j",
            "events": {SIGNED_OUT: {}},
            "roles": None,
            "scope": None,
        }
        return self.token(typ=typ, key=key, **{**said, **changed})

    def asked_for(self, path: str) -> int:
        return self.asked.count(path)


def sign(header: Mapping[str, Any], payload: str | bytes, key: Any) -> str:
    """A compact JWS over anything at all."""
    registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    return jws.serialize_compact(dict(header), payload, key, registry=registry)


@contextmanager
def running_issuer() -> Iterator[MadeUpIssuer]:
    """Until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            self._answer()

        def do_POST(self) -> None:
            issuer.asked.append(self.path)
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: value for name, [value] in parse_qs(sent).items()}
            issuer.forms.append(form | {"authorization": self.headers.get("Authorization", "")})
            self._answer()

        def _answer(self) -> None:
            answer = issuer.answers.get(self.path, Answer({}, 404))
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = MadeUpIssuer(server.server_address[1])
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
