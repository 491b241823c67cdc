"""The read log: what it says of a read, how it is read, and that nobody alters it unnoticed."""

import ast
import re
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import PersistenceError

from application import commands, reads
from application.findings import Findings
from application.log import Reader, Transaction
from application.projections.cases import case_texts
from application.proof import checkpoints
from application.proof.checkpoints import Key
from application.proof.deviations import Deviation
from application.proof.notes import Signer
from application.proof.verification import Verified, deviations_of
from application.reads import Occasion, Purpose, ReadLog
from domain.findings.thresholds import Thresholds
from domain.quantities import Actor
from tests.application.test_findings import everything
from tests.office import AUDITOR, LEAD, OFFICER, WORKER, Office, body, running_office
from tests.tampering import tampering

ROOT = Path(__file__).parents[2]
TUESDAY = datetime(2022, 3, 15, 9, tzinfo=UTC)
SIGNER = Signer("stundenpool", b"o" * 32)
KEYS = [Key(SIGNER.verifier, 0, None)]


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    with running_office(store_url, tmp_path / "keys") as office:
        yield office


def opened_case(office: Office, pool: UUID) -> UUID:
    facts = {"pool": pool, "provider": "traeger-a", "district": "nord", "service_area": "11", "concern": "school"}
    return UUID(body(office.do(LEAD, commands.open_case, name="Kim Beispiel", contact="0000", **facts))["id"])


def read(
    office: Office, case: UUID, by: Actor = LEAD, at: datetime = TUESDAY, purpose: Purpose = "casework", log: ReadLog | None = None
) -> None:
    """Somebody reads name and contact of a case."""
    occasion = Occasion(by, f"GET /api/v1/cases/{case}", purpose, "192.0.2.1", f"r-{at.isoformat()}")
    with (log or ReadLog(office.store, office.keyring)).recording(occasion, at) as (reader, opener):
        texts = case_texts(reader, case, None)
        assert texts.name is not None
        assert texts.contact is not None
        assert (texts.name.open(opener), texts.contact.open(opener)) == ("Kim Beispiel", "0000")


@pytest.fixture
def case(office: Office) -> UUID:
    return opened_case(office, office.open_pool("2021-11-01", "2199-12-31", 6000))


def listed(office: Office, **wanted: Any) -> tuple[tuple[reads.ReadEntry, ...], str | None]:
    asked: dict[str, Any] = {"case": None, "subject": None, "since": None, "after": None, "limit": 100}
    with office.store.reading() as reader:
        return reads.list_reads(reader, **asked | wanted)


# ── what it says


def test_a_read_says_who_what_when_from_where_and_what_for(office: Office, case: UUID) -> None:
    """given texts of a case that were opened / then the entry says so, and no text."""
    read(office, case)
    [entry], following = listed(office)
    assert (entry.number, entry.at, entry.subject, entry.role, entry.organisation) == (1, TUESDAY, "leitung-a", "lead", "traeger-a")
    assert (entry.case, entry.about, entry.texts) == (case, f"case:{case}", {"contact": 1, "name": 1})
    assert (entry.path, entry.purpose, entry.address) == (f"GET /api/v1/cases/{case}", "casework", "192.0.2.1")
    assert following is None
    with office.store.reading() as reader:
        assert "Kim" not in repr(reader.fetch("SELECT * FROM personal_reads"))


def test_what_fails_is_neither_answered_nor_recorded(office: Office, case: UUID) -> None:
    """given a reading that fails after texts were opened / then nothing is recorded, as nothing was answered."""
    occasion = Occasion(LEAD, "GET /", "casework", "", "")

    def read_and_fail() -> None:
        with ReadLog(office.store, office.keyring).recording(occasion, TUESDAY) as (reader, opener):
            texts = case_texts(reader, case, None)
            assert texts.name is not None
            texts.name.open(opener)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_and_fail()
    assert listed(office) == ((), None)


def read_together(office: Office, case: UUID, failing: Collection[int]) -> tuple[int, int]:
    """One reads, and five more while that is being recorded; the turns of these numbers fail. How many turns there were, and how
    many were answered."""
    log, turn, turns = ReadLog(office.store, office.keyring), office.store.turn, count(1)
    began = 0

    def taken() -> AbstractContextManager[Transaction]:
        nonlocal began
        began = next(turns)
        while began == 1 and len(log._waiting) < 5:
            time.sleep(0.01)
        if began in failing:
            raise PersistenceError
        return turn()

    def answered(by: Actor) -> bool:
        with suppress(PersistenceError):
            read(office, case, by, log=log)
            return True
        return False

    with patch.object(office.store, "turn", taken), ThreadPoolExecutor(6) as threads:
        first = threads.submit(answered, WORKER)
        while not began:
            time.sleep(0.01)
        others = [threads.submit(answered, LEAD) for _ in range(5)]
        return sum(each.result() for each in (first, *others)), began


def test_those_who_wait_are_recorded_in_one_turn(office: Office, case: UUID) -> None:
    """given readings that end while another one is being recorded / then they share the next turn, and each is on record."""
    assert read_together(office, case, failing=()) == (6, 2)
    assert [entry.subject for entry in listed(office)[0]].count("leitung-a") == 5
    with office.store.reading() as reader:
        assert list(reads.deviations(reader, ())) == []


def test_who_is_done_waits_a_moment_for_those_who_read(office: Office, case: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a reading that ends while another is under way / then the turn waits for that one; one by itself waits for none."""
    monkeypatch.setattr(reads, "GATHER_SECONDS_MAX", 60)
    log, occasion = ReadLog(office.store, office.keyring), Occasion(OFFICER, "GET", "casework", "", "")
    gate = Event()

    def look(done: Event | None) -> None:
        with log.recording(occasion, TUESDAY) as (reader, opener):
            text = case_texts(reader, case, None).name
            assert text is not None
            text.open(opener)
            if done is not None:
                done.wait(60)

    look(None)
    with patch.object(office.store, "turn", side_effect=office.store.turn) as turn, ThreadPoolExecutor(2) as threads:
        slow = threads.submit(look, gate)
        while not log._under_way:
            time.sleep(0.001)
        quick = threads.submit(look, None)
        with pytest.raises(TimeoutError):
            quick.result(timeout=0.2)
        gate.set()
        quick.result()
        slow.result()
    assert turn.call_count == 1
    assert len(listed(office)[0]) == 3


def test_a_shared_turn_that_fails_costs_one_answer(office: Office, case: UUID) -> None:
    """given a turn that fails / then whoever took it is not answered, and the others are recorded in turns after it."""
    assert read_together(office, case, failing=(2,)) == (5, 6)
    assert len(listed(office)[0]) == 5


def test_the_latest_come_first_page_by_page(office: Office, case: UUID) -> None:
    """given reads of two people in two cases / then they are listed each once, and narrowed to what is stated."""
    [pool] = {event.stream for event in office.log() if event.type == "pool-opened"}
    other = opened_case(office, pool)
    for hours in range(5):
        read(office, case if hours % 2 else other, WORKER if hours == 3 else LEAD, TUESDAY + timedelta(hours=hours))
    numbers: list[int | None] = []
    after = None
    while True:
        page, after = listed(office, after=after, limit=2)
        numbers += [entry.number for entry in page]
        if after is None:
            break
    assert numbers == [5, 4, 3, 2, 1]
    assert [entry.number for entry in listed(office, case=case)[0]] == [4, 2]
    assert [entry.number for entry in listed(office, subject="kraft-a")[0]] == [4]
    assert [entry.number for entry in listed(office, since=TUESDAY + timedelta(hours=3))[0]] == [5, 4]


def test_the_person_concerned_is_told_without_names(office: Office, case: UUID) -> None:
    """given reads on two days / then the summary says by day which role of whom read what for and how often, and nobody's name."""
    read(office, case)
    read(office, case, at=TUESDAY + timedelta(hours=1))
    read(office, case, AUDITOR, TUESDAY + timedelta(days=1), "audit")
    with office.store.reading() as reader:
        told = reads.summary_for(reader, case)
        assert reads.summary_for(reader, uuid4()) == ()
    assert [(each.day, each.role, each.organisation, each.purpose, each.times) for each in told] == [
        (date(2022, 3, 15), "lead", "traeger-a", "casework", 2),
        (date(2022, 3, 16), "auditor", "jugendamt", "audit", 1),
    ]
    assert "leitung-a" not in repr(told)


# ── the chain


def deviating(reader: Reader) -> list[Deviation]:
    return [each for each in deviations_of(reader, KEYS, [], Verified(), lambda done, total: None) if each.field == "read"]


ALTERED = {
    "UPDATE personal_reads SET purpose = 'audit' WHERE number = 2": ["Nr. 2, wie sie aufgezeichnet wurde"],
    "UPDATE personal_reads SET at = at + 1 WHERE number = 4": ["Nr. 4, wie sie aufgezeichnet wurde"],
    "DELETE FROM personal_reads WHERE number = 2": ["Nr. 2"],
    "DELETE FROM personal_reads WHERE number = 1": ["Nr. 1"],
    "DELETE FROM personal_reads WHERE number >= 3": ["Nr. 3, wie ein Prüfpunkt sie nennt"],
    "DELETE FROM personal_reads WHERE number IS NULL": ["Nr. 1, wie sie aufgezeichnet wurde"],
    "UPDATE personal_reads SET subject = 'x' WHERE number IS NULL": ["Nr. 1, wie sie aufgezeichnet wurde"],
    "UPDATE personal_reads SET digest = NULL WHERE number = 3": ["Nr. 3, wie sie aufgezeichnet wurde"],
    "UPDATE personal_reads SET number = NULL WHERE number = 1": ["Nr. 1"],
    "UPDATE personal_reads SET number = 7 WHERE number = 4": ["Nr. 4"],
    "UPDATE personal_reads SET number = -1 WHERE number = 4": ["3 Einsichten, die erste mit Nr. 1"],
}


@pytest.fixture
def chained(office: Office, case: UUID) -> Office:
    """One read of before the chain, three that a checkpoint covers, and one after it."""
    with office.store.turn() as turn:
        old = ("id", 1, "s", "officer", "o", "/", f"case:{case}")
        turn.execute(
            "INSERT INTO personal_reads (id, at, subject, role, organisation, path, about) VALUES (?, ?, ?, ?, ?, ?, ?)", [old]
        )
    for hours in range(3):
        read(office, case, at=TUESDAY + timedelta(hours=hours))
    with office.store.turn() as turn:
        checkpoints.issue(turn, [SIGNER], TUESDAY)
    read(office, case, at=TUESDAY + timedelta(hours=9))
    return office


def test_an_untouched_chain_is_sound(chained: Office) -> None:
    """given reads before and after a checkpoint / then nothing deviates, and the oldest is listed although it says less."""
    with chained.store.reading() as reader:
        assert deviating(reader) == []
    [*_, oldest] = listed(chained)[0]
    assert (oldest.number, oldest.purpose, oldest.texts) == (None, None, {})


class Undone(Exception):
    """Leaves a turn without a trace."""


def test_whatever_is_altered_or_lost_is_named(chained: Office) -> None:
    """given a row that was altered, removed or renumbered / when verified / then the first deviation names it."""
    for statement, expected in ALTERED.items():
        with suppress(Undone), tampering(chained.store) as turn:
            turn.fetch(statement)
            assert [each.expected for each in deviating(turn)[:1]] == expected, statement
            raise Undone


def test_a_chain_that_was_reckoned_anew_contradicts_the_checkpoint(chained: Office) -> None:
    """given the last reads removed and others made in their place / then the chain is whole, and only the checkpoint is against
    it, also the one that is kept outside."""
    with chained.store.reading() as reader:
        [kept] = checkpoints.issued(reader)
        [(case,)] = reader.fetch("SELECT substr(about, 6, 36) FROM personal_reads WHERE number = 1")
        assert checkpoints.contradiction(reader, KEYS, kept.note) is None
    with tampering(chained.store) as turn:
        turn.fetch("DELETE FROM personal_reads WHERE number >= 3")
    for hours in range(3):
        read(chained, UUID(case), WORKER, TUESDAY + timedelta(hours=hours))
    with chained.store.reading() as reader:
        assert [each.expected for each in deviating(reader)] == ["Nr. 3, wie ein Prüfpunkt sie nennt"]
        assert "Einsichten bis Nr. 3" in (checkpoints.contradiction(reader, KEYS, kept.note) or "")


# ── findings


def test_findings_are_the_same_however_often_they_are_asked_for(office: Office) -> None:
    """given readings of many cases, some of which were closed with their pool in between / then a register that was asked on the
    way finds what one finds that reads everything at once."""
    asked = Findings(Thresholds(read_unrelated_min=3))
    for number in range(2):
        pool = office.open_pool("2021-11-01", "2199-12-31", 6000)
        cases = [opened_case(office, pool) for _ in range(3)]
        for each in cases:
            read(office, each, OFFICER, TUESDAY + timedelta(days=number))
        everything(office, asked)
        if number:
            office.do(OFFICER, commands.close_case, cases[0], outcome="moved")
        else:
            office.do(OFFICER, commands.close_pool, pool, reason="Ende")
            read(office, cases[0], OFFICER)
            everything(office, asked)
    found = everything(office, Findings(Thresholds(read_unrelated_min=3)))
    assert found == everything(office, asked)
    assert [each.rule for each in found if each.family == 16] == ["read-unrelated"]


def test_readings_that_were_lost_are_found_no_more(chained: Office) -> None:
    """given a read log that a restore has made another / then the findings are those of what there is."""
    findings = Findings(Thresholds(night_from_hour=18))
    with chained.store.reading() as reader:
        [(case,)] = reader.fetch("SELECT substr(about, 6, 36) FROM personal_reads WHERE number = 1")
    assert [each.rule for each in everything(chained, findings)] == ["read-at-odd-hours"]
    with tampering(chained.store) as turn:
        turn.fetch("DELETE FROM personal_reads WHERE number = 4")
    read(chained, UUID(case), at=TUESDAY + timedelta(hours=4))
    assert everything(chained, findings) == []


# ── every way


def test_texts_are_opened_by_the_recorded_opener_alone() -> None:
    """given the program / then the keyring opens in one place, in the opener that a ``ReadLog`` gives, and nobody who is handed
    the keyring takes an opener."""
    opening, given, made = set(), set(), set()
    for path in [*(ROOT / "application").rglob("*.py"), *(ROOT / "interfaces").rglob("*.py")]:
        for call in (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func).rpartition(".")[2]
            place = str(path.relative_to(ROOT))
            if name == "open" and {each.arg for each in call.keywords} == {"position", "stream", "field"}:
                opening.add((place, ast.unparse(call.func)))
            if name == "RecordedOpener":
                made.add(place)
            values = [*call.args, *(each.value for each in call.keywords)]
            if any(re.search(r"keyring$|^Keyring\(", ast.unparse(value)) for value in values):
                given.add(name)
    assert opening == {
        ("application/projections/texts.py", "opener.open"),
        ("application/reads.py", "self._keyring.open"),
        ("interfaces/http/operations.py", "self.opener.open"),
    }
    assert made == {"application/reads.py"}
    seal = {"Service", "Engine", "Turn", "Narrator", "load", "tell"}
    destroy = {"Erasing"}
    derive_secrets = {"completed", "with_secret", "secret_of", "Deliverer"}
    accounts = {"SigningIn", "create", "change", "reset_password", "use_code"}
    derive_secrets |= {"hashed", "hashed_recovery_code", "matches", "_secret"}
    assert given == {"ReadLog", "RecordedOpener"} | seal | destroy | derive_secrets | accounts
