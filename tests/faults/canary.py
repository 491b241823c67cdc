"""A word that must stand nowhere in the clear, and every form in which it might stand there all the same."""

import base64
import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path

Where = str
Places = Iterable[tuple[Where, bytes]]


class Canary:
    """Texts that all contain one word, which is looked for; each is another, so that a find can be told from the others."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(8)
        self.said: list[str] = []
        self._word = f'Käthe "{self.token}"'  # looks different in JSON than in UTF-8
        self._numbers = count(1)
        self._forms = dict([*forms(self._word), *((f"part, {name}", form) for name, form in forms(self.token))])

    def text(self) -> str:
        self.said.append(f"{self._word} {next(self._numbers)}")
        return self.said[-1]

    def traces(self, places: Places) -> list[str]:
        """Where it stands, in which form, and what stands around it."""
        return [
            f"{where}: {name}: {data[max(0, at - 60) : at + 80]!r}"
            for where, data in places
            for name, form in self._forms.items()
            if (at := data.find(form)) >= 0
        ]


def forms(text: str) -> Iterator[tuple[str, bytes]]:
    """All bytes as which a text may stand within other bytes, by the name of the form."""
    data = text.encode()
    yield "UTF-8", data
    yield "UTF-16, little-endian", text.encode("utf-16-le")
    yield "UTF-16, big-endian", text.encode("utf-16-be")
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield "JSON with umlauts", json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield "hexadecimal", data.hex().encode()
    yield "HEXADECIMAL", data.hex().upper().encode()
    encoders: list[tuple[str, Callable[[bytes], bytes]]] = [
        ("base64", base64.b64encode),
        ("base64 for URLs", base64.urlsafe_b64encode),
    ]
    for name, encode in encoders:
        for before in range(3):
            yield f"{name} after {before} bytes", _base64_within(data, before, encode)


def _base64_within(data: bytes, before: int, encode: Callable[[bytes], bytes]) -> bytes:
    """The characters that depend on these bytes alone, when so many others stand before them and any after them."""
    first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
    return encode(bytes(before) + data)[first:last]


def files(*roots: Path) -> Iterator[tuple[Where, bytes]]:
    """Every file below these folders."""
    for root in roots:
        for path in sorted(root.rglob("*") if root.is_dir() else [root]):
            if path.is_file():
                yield str(path), path.read_bytes()
