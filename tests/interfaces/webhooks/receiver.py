"""A system of the office that events are posted to: a real server, which answers as it is told and keeps what came."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

PATIENCE_SECONDS = 20


class Post(NamedTuple):
    """What came, and when."""

    at: float
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def position(self) -> int:
        position: int = json.loads(self.body)["position"]
        return position

    @property
    def message(self) -> str:
        return self.headers["webhook-id"]

    def demand_signature(self, secret: str) -> None:
        """Recomputed as the specification says, from the secret as it was shown."""
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        signed = b".".join([self.message.encode(), self.headers["webhook-timestamp"].encode(), self.body])
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert self.headers["webhook-signature"] == f"v1,{expected}"
        assert abs(int(self.headers["webhook-timestamp"]) - time.time()) < 60


@dataclass
class Answer:
    """``seconds`` pass before it; the body goes on until nobody reads it where it is ``endless``."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    endless: bool = False


class Receiver:
    """Answers as ``plan`` says for each post; anything is taken where it says nothing."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.sent = 0  # bytes of endless bodies
        self.at_work_max = 0
        self.plan: Callable[[Post], Answer] = lambda post: Answer()
        self._came = threading.Condition()
        self._at_work = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}/annahme"

    @property
    def positions(self) -> list[int]:
        return [post.position for post in list(self.posts)]

    def until(self, reached: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> None:
        """Waits for posts until this is so."""
        with self._came:
            assert self._came.wait_for(reached, seconds), self.positions[-20:]

    def answers(self, *answers: Answer) -> None:
        """One after the other; afterwards anything is taken."""
        left = list(answers)
        self.plan = lambda post: left.pop(0) if left else Answer()

    def take(self, post: Post) -> Answer:
        with self._came:
            self._at_work += 1
            self.at_work_max = max(self.at_work_max, self._at_work)
            self.posts.append(post)
            answer = self.plan(post)
            self._came.notify_all()
        time.sleep(answer.seconds)
        with self._came:
            self._at_work -= 1
        return answer

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # killed in the middle of it: no system would take this for an event
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.take(Post(time.monotonic(), self.path, headers, body))
            try:
                self._answer(answer)
            except OSError:  # whoever posted has gone
                self.close_connection = True

        def _answer(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(10**12 if answer.endless else 0))
            self.end_headers()
            while answer.endless:
                receiver.sent += self.wfile.write(b"x" * 65_536)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that is there as long as the block."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.close()
        thread.join()
