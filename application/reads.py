"""The read log: who opened whose texts, when, from where and for what; recorded before it is answered.

Its rows only grow. Each has the number after the last one, and a digest over that one's digest and itself, so whoever alters or
removes a row breaks the chain. Checkpoints state the newest digest, so what they cover is proven as the log is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from threading import Condition, Lock
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid4

import msgspec

from application.log import Reader, Store, Transaction
from application.privacy import Keyring, owner_of
from application.projections.tables import day_of, instant, micros
from application.proof.deviations import ABSENT, Deviation
from domain.findings.register import Reading
from domain.quantities import Actor, Role, Sealed

Purpose = Literal["casework", "audit", "disclosure", "supervision"]
PURPOSES: dict[Purpose, str] = {
    "casework": "Fallbearbeitung",
    "audit": "Prüfung",
    "disclosure": "Auskunft",
    "supervision": "Fachaufsicht",
}

# As what a person's texts left the house: everything about the person, in files or as an answer; or single texts, read for that.
Form = Literal["files", "answer", "texts"]
FORMS: dict[Form, str] = {
    "files": "Auskunft als Dateien",
    "answer": "Auskunft über die Schnittstelle",
    "texts": "einzelne Texte zur Auskunft",
}
SUBJECT_EXPORT = "stundenpool subject export"

BATCH_ROWS = 2_000
TOGETHER = 4  # readings that are recorded at once, where so many are under way
GATHER_SECONDS_MAX = 0.02  # that somebody waits for others

_COLUMNS = "number, id, at, subject, role, organisation, path, about, purpose, texts, address, request, position"
INSERT = f"INSERT INTO personal_reads ({_COLUMNS}, digest) VALUES ({', '.join('?' * 14)})"
_LAST_POSITION = 2**63 - 1
_FROM_THE_START = bytes(sha256().digest_size)


class Head(NamedTuple):
    """The newest read, and the digest of all up to it."""

    number: int
    digest: bytes


class Occasion(NamedTuple):
    """Who reads what by which way, what for, and from where: the address and the id of the request, as far as there are any."""

    by: Actor
    path: str
    purpose: Purpose
    address: str
    request: str


class RecordedOpener:
    """Opens texts, and keeps whose and which they were; a ``ReadLog`` gives one."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._opened: Counter[tuple[str, str]] = Counter()  # by key and field

    def open(self, sealed: Sealed, *, position: int, stream: UUID, field: str) -> str:
        """The text; raises what the keyring raises."""
        text = self._keyring.open(sealed, position=position, stream=stream, field=field)
        self._opened[sealed.key, field] += 1
        return text

    def opened(self) -> dict[str, Counter[str]]:
        """How often which fields, by whose they are: a person's, or the office's."""
        fields: dict[str, Counter[str]] = {}
        for (key, field), times in self._opened.items():
            fields.setdefault(owner_of(key), Counter())[field] += times
        return fields


class ReadLog:
    """Gives what opens texts, and records what was opened; shared by the threads of a process."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring
        self._waiting: list[_Opened] = []  # to be recorded
        self._under_way = 0  # readings that may soon wait as well
        self._changed = Condition()  # what waits, or is under way
        self._recording = Lock()

    @contextmanager
    def recording(self, occasion: Occasion, now: datetime) -> Iterator[tuple[Reader, RecordedOpener]]:
        """A snapshot and what opens its texts; what was opened is on record, durably, on leaving. Nothing may be answered before.

        Nobody's turn waits while texts are read and opened, only while they are recorded.
        """
        opener = RecordedOpener(self._keyring)
        with self._coming(), self._store.reading() as reader:
            yield reader, opener
        if texts := opener.opened():
            self._record(_Opened(occasion, now, texts))

    @contextmanager
    def _coming(self) -> Iterator[None]:
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify()

    def _record(self, opened: "_Opened") -> None:
        """The first of those who wait records what all of them opened, in one turn; where that fails, the others try again."""
        with self._changed:
            self._waiting.append(opened)
            self._changed.notify()
        with self._recording:
            if opened.recorded:
                return
            with self._changed:  # a turn costs as much as reading: so a moment for those who will be done in a moment
                self._changed.wait_for(lambda: not self._under_way or len(self._waiting) >= TOGETHER, GATHER_SECONDS_MAX)
                together, self._waiting = self._waiting, []
            if opened not in together:  # it was in a turn that failed
                together.append(opened)
            with self._store.turn() as turn:
                _record(turn, together)
            for each in together:
                each.recorded = True


@dataclass(slots=True, eq=False)
class _Opened:
    """Texts that somebody opened, by whose they are, and whether that stands in the read log."""

    occasion: Occasion
    at: datetime
    texts: dict[str, Counter[str]]
    recorded: bool = False


def _record(transaction: Transaction, together: Iterable[_Opened]) -> None:
    number, digest = head(transaction) or Head(0, _before_the_chain(transaction))
    log, rows = transaction.head(), []
    for opened in together:
        by, path, purpose, address, request = opened.occasion
        for about in sorted(opened.texts):
            number += 1
            texts = msgspec.json.encode(opened.texts[about], order="sorted").decode()
            who = (by.subject, by.role, by.organisation)
            origin = (address, request, log.id if log else 0)
            row = (number, str(uuid4()), micros(opened.at), *who, path, about, purpose, texts, *origin)
            digest = _digest(digest, row)
            rows.append((*row, digest))
    transaction.execute(INSERT, rows)


# ── Who read


class ReadEntry(msgspec.Struct, frozen=True):
    """A read: no text stands in it, only which fields were opened how often. ``about`` is the person or office whose they are.

    Reads from before the chain have no number, and do not say what for, which texts or from where.
    """

    number: int | None
    at: datetime
    subject: str
    role: Role
    organisation: str
    path: str
    about: str
    case: UUID | None
    purpose: Purpose | None
    texts: dict[str, int]
    address: str | None
    request: str | None


class ReadSummary(msgspec.Struct, frozen=True):
    """What the person concerned is told: on which day people of which office or provider read, what for, and how often."""

    day: date
    role: Role
    organisation: str
    purpose: Purpose | None
    times: int


def list_reads(
    reader: Reader, *, case: UUID | None, subject: str | None, since: datetime | None, after: str | None, limit: int
) -> tuple[tuple[ReadEntry, ...], str | None]:
    """At most ``limit`` reads, the latest first, and where the following part begins."""
    stated: list[tuple[str, tuple[Any, ...]]] = []
    if case is not None:
        stated.append(("about = ?", (f"case:{case}",)))
    if subject is not None:
        stated.append(("subject = ?", (subject,)))
    if since is not None:
        stated.append(("at >= ?", (micros(since),)))
    if after is not None:
        at, _, id = after.partition("-")
        stated.append(("(at, id) < (?, ?)", (int(at), id)))
    where = " AND ".join(condition for condition, _ in stated) or "1 = 1"
    values = [value for _, some in stated for value in some]
    found = reader.fetch(
        f"SELECT {_COLUMNS} FROM personal_reads WHERE {where} ORDER BY at DESC, id DESC LIMIT ?", [*values, limit + 1]
    )
    shown = found[:limit]
    following = f"{shown[-1][2]}-{shown[-1][1]}" if len(found) > limit else None
    return tuple(map(_entry, shown)), following


def _entry(row: Sequence[Any]) -> ReadEntry:
    number, _, at, subject, role, organisation, path, about, purpose, texts, address, request, _ = row
    case, fields = _case(about), msgspec.json.decode(texts) if texts else {}
    whose = None if case is None else UUID(case)
    return ReadEntry(number, instant(at), subject, role, organisation, path, about, whose, purpose, fields, address, request)


def _case(about: str) -> str | None:
    """The case whose person it is; the office's texts are of none."""
    kind, _, case = about.partition(":")
    return case if kind == "case" else None


def summary_for(reader: Reader, case: UUID) -> tuple[ReadSummary, ...]:
    """Who read the texts of a case, for the person that it is about: by role and organisation, and without anybody's name."""
    rows = reader.fetch("SELECT at, role, organisation, purpose FROM personal_reads WHERE about = ?", (f"case:{case}",))
    times = Counter((day_of(at), role, organisation, purpose) for at, role, organisation, purpose in rows)
    return tuple(
        ReadSummary(date.fromisoformat(day), role, organisation, purpose, times[day, role, organisation, purpose])
        for day, role, organisation, purpose in sorted(times, key=lambda of: (*of[:3], of[3] or ""))  # what for may not be known
    )


class Disclosure(msgspec.Struct, frozen=True):
    """Readable texts that somebody took in order to hand them on."""

    at: datetime
    subject: str
    organisation: str
    form: Form


def disclosures_of(reader: Reader, case: UUID) -> tuple[Disclosure, ...]:
    """What left the house of the texts of a case, the first before the others: for the office to have it destroyed where it went.

    No other export holds a readable text, nor does an event or what is sent to a webhook.
    """
    rows = reader.fetch(
        "SELECT at, subject, organisation, purpose, path FROM personal_reads WHERE about = ? ORDER BY at, id", (f"case:{case}",)
    )
    return tuple(
        Disclosure(instant(at), subject, organisation, _form(path))
        for at, subject, organisation, purpose, path in rows
        if purpose == "disclosure" or _form(path) != "texts"
    )


def _form(path: str) -> Form:
    return "files" if path == SUBJECT_EXPORT else "answer" if path.endswith("/subject") else "texts"


def readings(reader: Reader, since: int) -> Iterator[Reading]:
    """The reads of cases' texts behind a number, as findings look at them, in their order; some of them in memory."""
    for _, at, subject, role, organisation, about, position, _ in rows_behind(reader, since):
        case = _case(about)
        if case is not None:
            yield Reading(instant(at), subject, role, organisation, case, position)


def rows_behind(reader: Reader, since: int, until: int = _LAST_POSITION) -> Iterator[Sequence[Any]]:
    """What ``readings`` and ``head`` look at, of the reads behind a number that happened up to a position of the log."""
    while rows := reader.fetch(
        "SELECT number, at, subject, role, organisation, about, position, digest FROM personal_reads "
        "WHERE number > ? AND position <= ? ORDER BY number LIMIT ?",
        (since, until, BATCH_ROWS),
    ):
        yield from rows
        since = rows[-1][0]


# ── The chain


def head(reader: Reader) -> Head | None:
    """The newest read of the chain, where there is one."""
    for number, digest in reader.fetch(
        "SELECT number, digest FROM personal_reads WHERE number IS NOT NULL ORDER BY number DESC LIMIT 1"
    ):
        return Head(number, bytes(digest))
    return None


def is_stated(reader: Reader, stated: Head) -> bool:
    """Whether the digest of that number is still the one that was stated; all up to it are for ``deviations``."""
    rows = reader.fetch("SELECT digest FROM personal_reads WHERE number = ?", (stated.number,))
    return [bytes(digest) for (digest,) in rows] == [stated.digest]


def deviations(reader: Reader, stated: Iterable[Head]) -> Iterator[Deviation]:
    """Every read that is missing or not what was recorded, by the chain and by what checkpoints have stated."""
    kept: dict[int, set[bytes]] = {}
    for each in stated:
        kept.setdefault(each.number, set()).add(each.digest)
    last, digest, rows = 0, _before_the_chain(reader), 0
    while batch := reader.fetch(
        f"SELECT {_COLUMNS}, digest FROM personal_reads WHERE number > ? ORDER BY number, id LIMIT ?", (last, BATCH_ROWS)
    ):
        for *row, found in batch:
            number, rows = row[0], rows + 1
            if number != last + 1:
                yield Deviation(None, None, "read", f"Nr. {last + 1}", f"Nr. {number}")
            elif found is None or bytes(found) != _digest(digest, row):
                yield Deviation(None, None, "read", f"Nr. {number}, wie sie aufgezeichnet wurde", "eine andere")
            last, digest = number, bytes(found or b"")
            if any(each != digest for each in kept.pop(number, ())):
                yield Deviation(None, None, "read", f"Nr. {number}, wie ein Prüfpunkt sie nennt", "eine andere")
    for number in sorted(kept):
        yield Deviation(None, None, "read", f"Nr. {number}, wie ein Prüfpunkt sie nennt", ABSENT)
    [(numbered,)] = reader.fetch("SELECT COUNT(*) FROM personal_reads WHERE number IS NOT NULL")
    if numbered != rows:
        yield Deviation(None, None, "read", f"{rows} Einsichten, die erste mit Nr. 1", f"{numbered} Einsichten")


def _before_the_chain(reader: Reader) -> bytes:
    """The digest that the first read of the chain continues: that of all from before there was one."""
    digest = _FROM_THE_START
    for row in reader.fetch(f"SELECT {_COLUMNS} FROM personal_reads WHERE number IS NULL ORDER BY at, id"):
        digest = _digest(digest, row)
    return digest


def _digest(before: bytes, row: Sequence[Any]) -> bytes:
    """Storage: changing a single byte makes every chain invalid."""
    return sha256(before + msgspec.json.encode(row)).digest()
