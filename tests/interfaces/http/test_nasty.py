"""Nasty values everywhere: in each header, path, query and field of a body, of every operation there is and will be.

Each is refused with its place, unless a field of that kind may mean it, and what is refused leaves nothing in the log.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import msgspec
import pytest
from msgspec.inspect import DictType, IntType, Metadata, NoneType, StrType, StructType, UnionType, type_info

from interfaces.http.app import OPERATIONS
from interfaces.http.examples import PATH_IDS
from interfaces.http.operations import Change, Command, Operation, Query
from tests.interfaces.http.office import PEOPLE, Office
from tests.interfaces.http.test_operations import POSTS, named

QUERIES = [operation for operation in OPERATIONS if isinstance(operation, Query)]
LONG = 1_000_000
LONG_URL = 60_000  # what the client sends at most


# What is refused before any store is asked needs only one of them.
NO_STORE = pytest.mark.parametrize("shared_office", ["sqlite"], indirect=True)


class Nasty(NamedTuple):
    """A value as it stands in a body; ``meant`` are the kinds of fields that may take it, with ``syntax`` nobody can read it."""

    json: bytes
    meant: tuple[type, ...] = ()
    syntax: bool = False


BODY = [
    Nasty(rb'"a\u0000b"'), Nasty(b'"a\0b"', syntax=True), Nasty(rb'"\ud800"'), Nasty(rb'"\udc00\ud800"'),
    Nasty(b'"\xed\xa0\x80"', syntax=True), Nasty(b'"\xc0\xaf"', syntax=True), Nasty(b'"f\xfcr"', syntax=True),
    Nasty(b"1" + b"0" * 400), Nasty(b"-1" + b"0" * 400), Nasty(b"NaN"), Nasty(b"Infinity"), Nasty(b"-Infinity"), Nasty(b"1e400"),
    Nasty(b"-0", (IntType,)), Nasty(b"-1", (IntType,)), Nasty(b"0.1"), Nasty(b"01", syntax=True), Nasty(b"'a'", syntax=True),
    Nasty(b'"' + b"x" * LONG + b'"'), Nasty(b'""', (StrType,)),
    Nasty(b'"9999-12-31T23:59:59Z"', (StrType,)), Nasty(b'"0000-01-01T00:00:00Z"', (StrType,)), Nasty(b'"9999-12-31"', (StrType,)),
    Nasty(b'"10000-01-01T00:00:00Z"', (StrType,)), Nasty(b'"2024-06-30T23:59:60Z"', (StrType,)), Nasty(b'"0000-01-01"', (StrType,)),
    Nasty(b'"2024-03-05T14:30:00+99:99"', (StrType,)), Nasty(b'"2024-02-30"', (StrType,)), Nasty(b'"NaN"', (StrType,)),
    Nasty(b"true"), Nasty(b"[]"), Nasty(b"{}", (StructType, DictType)), Nasty(b"null", (NoneType,)),
    Nasty(b'{"Kim Beispiel": 1}', (DictType,)), Nasty(b'{"\\ud800": 1}'), Nasty(b"[" * 33 + b"]" * 33, syntax=True),
    Nasty(b"[" * 100_000, syntax=True), Nasty(b"", syntax=True),
]  # fmt: skip

# In a query and a path, percent-encoded: the second part says whether a text, such as a name, may be so.
TEXTS = [
    ("%00", False), ("a%00b", False), ("%ff", False), ("%ed%a0%80", False), ("%c0%af", False), ("%0a", False),
    ("x" * LONG_URL, False), ("1" + "0" * 400, False), ("NaN", True), ("Infinity", True), ("1e400", True), ("-1", True),
    ("1.5", True), ("%EF%BC%91", True), ("9999-12-31T23:59:59Z", True), ("0000-01-01T00:00:00Z", True), ("10000-01-01", True),
    ("2024-06-30T23:59:60Z", True), ("2024-03-05T14:30:00%2B99:99", True), ("0000-01-01", True), ("2024-02-30", True), ("[]", True),
    ("%7B%7D", True), ("5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7bzz", True), ("%ef%bb%bf", True), ("';--", True),
]  # fmt: skip

HEADERS = [
    b"\0", b"a\0b", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"x" * LONG, b"1" + b"0" * 400, "schlüssel".encode(), b"a\tb", b"\x7f",
]  # fmt: skip
TAGS = [b"", b"NaN", b"-1", b'"-1"', b'W/"1"', b'"1", "2"', b'""', b'"1e400"', b"7", b"9999-12-31T23:59:59Z", *HEADERS]
MEDIA_TYPES = [b"", b"text/plain", b"application/xml", b"application/json-seq", b"multipart/form-data; boundary=x", *HEADERS]
TOKENS = [b"Bearer " + token for token in HEADERS] + [b"Bearer", b"Basic eDp5", b"", b"Bearer null"]


def caller(operation: Operation) -> str:
    """Somebody who may."""
    return next(person for person, (role, _, _) in PEOPLE.items() if role in operation.policy)


def head(office: Office) -> int:
    with office.service.store.reading() as reader:
        found = reader.head()
    return found.id if found else 0


class Calling:
    """Calls one operation, and looks at each answer and at the log."""

    def __init__(self, office: Office, operation: Operation) -> None:
        self.office = office.given(*operation.given)
        self.operation = operation
        self.path = office.real(operation.path.format_map(PATH_IDS))
        self.token = f"Bearer {office.tokens[caller(operation)]}"
        self._head = head(office)

    def call(self, path: str | None = None, content: bytes = b"", **headers: Any) -> httpx.Response:
        """As the operation wants it, but for what is stated here."""
        stated = {"Authorization": self.token, "Content-Type": "application/json"}
        stated |= {name.replace("_", "-"): value for name, value in headers.items()}
        method = self.operation.method
        return self.office.call(None, method, path or self.path, content=content, headers=stated)

    def refuses(self, said: Any, answer: httpx.Response, *places: str, status: int = 422, meant: bool = False) -> None:
        """That it is refused at one of these places, or taken where it may be meant; a place may end in ``…``."""
        tried = (self.operation.name, str(said)[:80], answer.status_code, answer.text[:300])
        if answer.status_code < 300:
            assert meant, tried
            self._head = head(self.office)
            return
        assert head(self.office) == self._head, tried
        assert answer.headers["Content-Type"] == "application/problem+json", tried
        problem = answer.json()
        assert (problem["status"], len(problem["detail"]) < 400) == (answer.status_code, True), tried
        if meant:
            assert answer.status_code in (404, 409, 422), tried
            return
        assert answer.status_code == status, tried
        if status == 422:
            [error] = problem["errors"]
            assert any(error["place"] == place or error["place"].startswith(place.rstrip("…") * place.endswith("…") or "\0")
                       for place in places), tried  # fmt: skip
            assert error["message"], tried


class Field(NamedTuple):
    place: tuple[str, ...]
    kinds: tuple[type, ...]


def fields(struct: type[msgspec.Struct], place: tuple[str, ...] = ()) -> Iterator[Field]:
    """All fields of a body, also those of the objects in it."""
    described = type_info(struct)
    assert isinstance(described, StructType)
    for field in described.fields:
        stated = field.type.types if isinstance(field.type, UnionType) else (field.type,)
        options = [option.type if isinstance(option, Metadata) else option for option in stated]
        here = (*place, field.encode_name)
        yield Field(here, tuple(type(option) for option in options))
        for option in options:
            if isinstance(option, StructType):
                yield from fields(option.cls, here)


def body_with(example: dict[str, Any], place: tuple[str, ...], value: bytes) -> bytes:
    """The example, with this value at this place."""
    body = json.loads(json.dumps(example))
    inner = body
    for name in place[:-1]:
        inner = inner.setdefault(name, {})
    inner[place[-1]] = "@@"
    return json.dumps(body).encode().replace(b'"@@"', value)


@pytest.mark.parametrize("command", POSTS, ids=named)
def test_every_field_of_every_body(office: Office, command: Command | Change) -> None:
    """Refused where it stands; where nobody can read it, with line and character or with the byte."""
    calling = Calling(office, command)
    example = office.real(dict(command.example))
    for field in fields(command.body):
        place = ".".join(field.place)
        for nasty in BODY:
            answer = calling.call(content=body_with(example, field.place, nasty.json))
            places = ("Zeile…", "Byte…") if nasty.syntax else (place, f"{place}…")
            calling.refuses((place, nasty.json), answer, *places, meant=not set(nasty.meant).isdisjoint(field.kinds))
        twice = body_with(example, field.place, b'1, "%s": 1' % field.place[-1].encode())
        calling.refuses((place, "twice"), calling.call(content=twice), field.place[-1])


@NO_STORE
@pytest.mark.parametrize("command", POSTS, ids=named)
def test_every_body_as_a_whole(office: Office, command: Command | Change) -> None:
    """No object, an unknown name, too large, cut off in the middle, or after something else."""
    calling = Calling(office, command)
    example = office.real(dict(command.example))
    for nasty in BODY:
        if nasty.json not in (b"", b"{}"):
            calling.refuses(nasty.json, calling.call(content=nasty.json), "Anfrage", "Zeile…", "Byte…")
    for name in ("unbekannt", "Kim Beispiel", "\0", "__class__", "x" * LONG):
        calling.refuses(name, calling.call(content=json.dumps({**example, name: 1}).encode()), "Anfrage")
    whole = json.dumps({**example, "a": 1}).encode()
    for content in (whole[:-1], whole[:-3], whole + b"}", b"\xef\xbb\xbf" + whole, whole + b"\0", whole.decode().encode("utf-16")):
        calling.refuses(content, calling.call(content=content), "Zeile…", "Byte…")
    calling.refuses("large", calling.call(content=b" " * (2 * LONG) + whole), status=413)


@NO_STORE
@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_every_header(office: Office, operation: Operation) -> None:
    """Each that the service reads, with the rest as it should be; the name of the header is the place."""
    calling = Calling(office, operation)
    for token in TOKENS:
        calling.refuses(token, calling.call(Authorization=token), status=401)
    if operation in POSTS:
        content = json.dumps(office.real(dict(operation.example))).encode()
        for key in (b"", *HEADERS):
            calling.refuses(key, calling.call(content=content, Idempotency_Key=key), "Idempotency-Key")
        for tag in TAGS if isinstance(operation, Command) else ():
            calling.refuses(tag, calling.call(content=content, If_Match=tag), "If-Match")
        for media_type in MEDIA_TYPES:
            calling.refuses(media_type, calling.call(content=content or b"{}", Content_Type=media_type), "Content-Type")


@NO_STORE
@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_every_part_of_every_path(office: Office, operation: Operation) -> None:
    """An id of no form is as little there as one that nobody gave; a month is malformed."""
    calling = Calling(office, operation)
    for name, example in PATH_IDS.items():
        if f"{{{name}}}" not in operation.path:
            continue
        for text in ("-1", "0", "null", *(text for text, _ in TEXTS)):
            path = calling.path.replace(office.real(example), text)
            content = json.dumps(office.real(dict(operation.example))).encode() if operation in POSTS else b""
            calling.refuses((name, text), calling.call(path, content), "month", status=422 if name == "month" else 404)


@pytest.mark.parametrize("query", QUERIES, ids=named)
def test_every_parameter_of_every_query(office: Office, query: Query) -> None:
    """The name of the parameter is the place; one that is not known, or stands twice, is refused as well."""
    calling = Calling(office, query)
    needed = office.real(dict(query.example))
    for field in fields(query.parameters):
        [name] = field.place
        rest = "".join(f"&{other}={quote(value)}" for other, value in needed.items() if other != name)
        for text, maybe in (*TEXTS, ("null", True), ("-0", True), ("-1" + "0" * 400, False)):
            meant = (maybe and StrType in field.kinds) or (text, name) == ("-0", "after")
            calling.refuses((name, text), calling.call(f"{calling.path}?{name}={text}{rest}"), name, meant=meant)
        calling.refuses((name, "twice"), calling.call(f"{calling.path}?{name}=1&{name}=2{rest}"), "Abfrage")
    rest = "".join(f"&{other}={quote(value)}" for other, value in needed.items())
    for unknown in ("unbekannt", "Kim%20Beispiel", "%00", "%ff", "__class__", "x" * LONG_URL):
        calling.refuses(unknown, calling.call(f"{calling.path}?{unknown}=1{rest}"), "Anfrage", "Abfrage")
