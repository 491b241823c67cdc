"""Many rows in the forms that PostgreSQL reads fastest: columns as arrays for statements, and lines for COPY."""

import re
from collections.abc import Sequence
from struct import Struct, pack
from typing import NamedTuple

import msgspec
from msgspec.structs import astuple
from psycopg.adapt import Dumper
from psycopg.pq import Format

_encode_lines = msgspec.json.Encoder().encode_lines
_ESCAPED_LETTER = re.compile(rb'\\[^"\\]')
_BYTEA, _BYTEA_ARRAY = 17, 1001  # PostgreSQL's numbers of these types


class ByteArray(NamedTuple):
    """Bytes, to be sent as an array in PostgreSQL's binary form, which spares both sides the hexadecimal digits."""

    values: Sequence[bytes | None]


class ByteArrayDumper(Dumper):
    oid = _BYTEA_ARRAY
    format = Format.BINARY
    _length = Struct(">i").pack

    def dump(self, obj: ByteArray) -> bytes:
        parts = [pack(">iiiii", 1, 1, _BYTEA, len(obj.values), 1)]  # dimensions, nulls may occur, type, length, first index
        for value in obj.values:
            parts += [self._length(-1)] if value is None else [self._length(len(value)), value]
        return b"".join(parts)


def array_literal(values: Sequence[int | str | None]) -> str:
    """The values as PostgreSQL reads an array, which is nearly what JSON is: both quote alike, and ``null`` is the same word.

    The driver takes ten times as long. Only control characters are not written alike.
    """
    written = msgspec.json.encode(values)
    if _ESCAPED_LETTER.search(written):
        return "{" + ",".join([_element(value) for value in values]) + "}"
    return "{" + written[1:-1].decode() + "}"


def _element(value: int | str | None) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "NULL" if value is None else str(value)


class Lines(NamedTuple):
    """Rows as COPY reads them, and how it has to be told to."""

    options: str
    written: bytes


def lines_of(rows: Sequence[msgspec.Struct]) -> Lines:
    """Rows of numbers, texts and nothing, which msgspec writes many times as fast as the driver does, as JSON.

    Without its quotes and brackets that is what COPY reads fastest – unless a value has such a sign, a comma or a backslash.
    """
    written = _encode_lines(rows)
    number, columns = len(rows), len(rows[0].__struct_fields__)
    plain = (
        b"\\" not in written
        and b'"null"' not in written
        and written.count(b",") == number * (columns - 1)
        and written.count(b"[") == written.count(b"]") == number
    )
    if plain:
        return Lines("DELIMITER ',', NULL 'null'", written.translate(None, b'["]'))
    quoted = "\n".join([",".join([_csv(value) for value in astuple(row)]) for row in rows])
    return Lines("FORMAT csv, ESCAPE '\\', NULL 'null'", quoted.encode())


def _csv(value: int | str | None) -> str:
    return "null" if value is None else _element(value)
