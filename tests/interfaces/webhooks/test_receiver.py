"""The receiver of these tests: what it counts is what a whole post brought."""

import socket
from urllib.parse import urlsplit

from tests.interfaces.webhooks.receiver import Receiver


def test_a_post_that_breaks_off(receiver: Receiver) -> None:
    """given a sender that is killed between its head and its body / then nothing came."""
    address = urlsplit(receiver.url)
    with socket.create_connection((address.hostname, address.port)) as sender:
        sender.sendall(b"POST /annahme HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{")
        sender.shutdown(socket.SHUT_WR)
        assert sender.recv(1) == b""
    assert receiver.posts == []
