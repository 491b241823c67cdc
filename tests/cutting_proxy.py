"""A TCP proxy in front of PostgreSQL that cuts a connection around its COMMIT, on demand."""

import socket
from contextlib import suppress
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Literal, Self

_CHUNK_BYTES = 65536
_COMMIT = b"COMMIT\x00"  # the whole statement, as texts end in the protocol; BEGIN may speak of READ COMMITTED


class CuttingProxy:
    """Listens on `port` of 127.0.0.1, any that is free unless stated, and forwards to `target_port`.

    Each demand to cut counts for one COMMIT.
    """

    def __init__(self, target_port: int, port: int = 0) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._lock = Lock()
        self._demand: Literal["before", "after"] | None = None
        self._sockets: list[socket.socket] = []
        self._threads: list[Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for connected in self._sockets:
            _cut(connected)
        for thread in self._threads:
            thread.join()
        for connected in [self._listener, *self._sockets]:
            connected.close()

    def cut_before_commit(self) -> None:
        """The server never sees the next COMMIT: it rolls back."""
        self._demand = "before"

    def cut_after_commit(self) -> None:
        """The server executes the next COMMIT, but its answer never arrives."""
        self._demand = "after"

    def _start(self, work: object, *arguments: object) -> None:
        thread = Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # the end of the listener
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target_port))
                for connected in (client, server):
                    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += [client, server]
                committing = Event()
                self._start(self._forward_requests, client, server, committing)
                self._start(self._forward_answers, client, server, committing)

    def _forward_requests(self, client: socket.socket, server: socket.socket, committing: Event) -> None:
        with suppress(OSError):
            while chunk := client.recv(_CHUNK_BYTES):
                demand = self._take_demand() if _COMMIT in chunk else None
                if demand == "before":
                    break
                if demand == "after":
                    committing.set()
                server.sendall(chunk)
        _cut(client, server)

    def _forward_answers(self, client: socket.socket, server: socket.socket, committing: Event) -> None:
        with suppress(OSError):
            while chunk := server.recv(_CHUNK_BYTES):
                if committing.is_set():
                    break
                client.sendall(chunk)
        _cut(client, server)

    def _take_demand(self) -> Literal["before", "after"] | None:
        with self._lock:
            demand, self._demand = self._demand, None
            return demand


def _cut(*connected: socket.socket) -> None:
    for one in connected:
        with suppress(OSError):  # cut already
            one.shutdown(socket.SHUT_RDWR)
