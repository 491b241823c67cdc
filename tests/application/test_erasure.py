"""Erasing carried out: whatever is cut off is completed, and whatever a backup brings back is erased again."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from application import commands
from application.catalogue import BY_CLASS
from application.erasure import Entry, Erasing
from application.privacy import KeyErased, Keyring, keys_of
from application.projections import retention
from domain.erasure import Periods
from domain.personal_data import CLASSES, PersonalClass
from domain.quantities import Sealed
from interfaces.storage.ledger import ErasureLedger, LedgerDamaged
from tests.application.proof.verifying import deviations
from tests.faults.scenes import Stage
from tests.office import AUDITOR, LEAD, OFFICER, SECOND_OFFICER, WORKER, Office, running_office


class Cut(Exception):
    """The process ends here."""


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    with running_office(store_url, tmp_path / "keys") as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> ErasureLedger:
    return ErasureLedger(tmp_path / "erasures.jsonl")


def erasing(office: Office, ledger: ErasureLedger) -> Erasing:
    return Erasing(office.store, office.keystore, office.keyring, ledger)


def ended(office: Office) -> UUID:
    """A case with texts of every class."""
    stage = Stage(office, lambda: "Vertrauliches")
    case = stage.case()
    booking = stage.approved(case)
    stage.done(WORKER, commands.log_session, booking, **stage.session_facts())
    stage.done(LEAD, commands.close_case, case, outcome="moved", note="Vertrauliches")
    return case


def decide(office: Office, case: UUID, classes: tuple[PersonalClass, ...] = CLASSES) -> None:
    """Two persons want it erased; nobody has carried it out yet."""
    for actor in (OFFICER, SECOND_OFFICER):
        facts: dict[str, Any] = {"periods": Periods(), "classes": classes, "reason": "Vertrauliches"}
        assert office.do(actor, commands.erase, case, **facts).outcome in ("accepted", "done")


def readable(office: Office, keyring: Keyring | None = None) -> set[str]:
    """The names of the keys of all texts in the log that open."""
    found = set()
    for event in office.log():
        for name in BY_CLASS[type(event.data)].personal:
            sealed = getattr(event.data, name)
            if isinstance(sealed, Sealed):
                with suppress(KeyErased):
                    (keyring or office.keyring).open(sealed, position=event.position, stream=event.stream, field=name)
                    found.add(sealed.key)
    return found


def kinds(office: Office, case: UUID) -> list[str]:
    return [event.type for event in office.log() if event.stream == case][2:]


def test_the_log_says_so_first_and_confirms_last(office: Office, ledger: ErasureLedger) -> None:
    """Keys are gone, the ledger names them, others' texts open as before, and the log is as good as ever."""
    case, other = ended(office), ended(office)
    decide(office, case)

    assert erasing(office, ledger).carry_out(office.engine) == 1

    assert kinds(office, case) == ["erasure-requested", "personal-data-erased", "erasure-confirmed"]
    position = next(event.position for event in office.log() if event.type == "personal-data-erased")
    assert ledger.entries() == [Entry(position, case, CLASSES)]
    assert readable(office) == {name for name in keys_of(other) if name.endswith(CLASSES)}
    assert erasing(office, ledger).carry_out(office.engine) == 0
    with office.store.reading() as reader:
        assert deviations(reader) == []


def test_a_class_ends_alone(office: Office, ledger: ErasureLedger) -> None:
    """What must be kept stays readable, and takes texts; what is erased takes none."""
    case = ended(office)
    decide(office, case, ("identity",))
    erasing(office, ledger).carry_out(office.engine)

    assert readable(office) == {f"case:{case}:file", f"case:{case}:voucher", f"case:{case}:procedure"}
    amended = office.do(LEAD, commands.amend_case, case, notes="neu")
    assert amended.outcome == "done"
    assert office.do(LEAD, commands.amend_case, case, name="neu").outcome == "data_erased"
    assert office.do(LEAD, commands.amend_case, case, district="süd").outcome == "done"


def test_nothing_is_added_to_a_person_who_is_erased(office: Office, ledger: ErasureLedger) -> None:
    """Neither to the case, nor to its bookings and findings; what brings no text is decided as before."""
    case = ended(office)
    decide(office, case)
    erasing(office, ledger).carry_out(office.engine)
    session = next(event for event in office.log() if event.type == "session-logged")
    pool = next(event.stream for event in office.log() if event.type == "pool-opened")

    wanted = [
        (WORKER, commands.reverse_session, (session.stream, session.data.session), {"reason": "falsch"}),  # type: ignore[union-attr]
        (AUDITOR, commands.raise_finding, (), {"pool": pool, "case": case, "note": "fraglich"}),
        (OFFICER, commands.set_hold, (case,), {"reason": "Klage"}),
        (OFFICER, commands.erase, (case,), {"periods": Periods(), "reason": "noch einmal"}),
    ]
    for actor, command, ids, facts in wanted:
        assert office.do(actor, command, *ids, **facts).outcome == "data_erased", command


def test_what_was_erased_and_not_cleaned_is_cleaned_before_it_is_confirmed(
    office: Office, ledger: ErasureLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """given a process that ends after the keys' rows were deleted / when the next one begins / then it does not take them for gone:
    the files may still hold them."""
    case = ended(office)
    decide(office, case)

    def cut() -> None:
        raise Cut

    monkeypatch.setattr(office.keystore, "clean", cut)
    with pytest.raises(Cut):
        erasing(office, ledger).carry_out(office.engine)
    cleaned: list[str] = []
    monkeypatch.setattr(office.keystore, "clean", lambda: cleaned.append(kinds(office, case)[-1]))
    erasing(office, ledger).settle(office.engine)

    assert cleaned == ["personal-data-erased"]
    assert kinds(office, case)[-1] == "erasure-confirmed"


STEPS: dict[str, Callable[[Erasing], tuple[object, str]]] = {
    "before the ledger": lambda each: (each._ledger, "add"),
    "before the keys": lambda each: (each._keys, "erase"),
    "before the confirmation": lambda each: (each._keyring, "forget"),
}


@pytest.mark.parametrize("step", STEPS)
def test_what_was_cut_off_is_completed(office: Office, ledger: ErasureLedger, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a process that ends at a step / when the next one starts / then the person is erased, once."""
    case, other = ended(office), ended(office)
    decide(office, case)
    cut = erasing(office, ledger)
    cut.forget()
    with monkeypatch.context() as patch:

        def end(*_: object) -> None:
            raise Cut

        patch.setattr(*STEPS[step](cut), end)
        with pytest.raises(Cut):
            cut.carry_out(office.engine)

    erasing(office, ledger).settle(office.engine)

    assert kinds(office, case) == ["erasure-requested", "personal-data-erased", "erasure-confirmed"]
    assert len(ledger.entries()) == 1
    assert not readable(office, Keyring(office.keystore)) & set(keys_of(case))
    assert readable(office) >= {f"case:{other}:file"}


def test_every_process_forgets(office: Office, ledger: ErasureLedger, store_url: str, tmp_path: Path) -> None:
    """given another process that has read the texts / when it looks at the log / then it holds the keys no more."""
    case = ended(office)
    second = Office(store_url, tmp_path / "keys")
    try:
        looking = erasing(second, ledger)
        looking.forget()
        before = readable(second)
        assert before >= {f"case:{case}:identity"}
        decide(office, case)
        erasing(office, ledger).carry_out(office.engine)
        looking.forget()
        assert not second.keyring._ciphers.keys() & set(keys_of(case))
        assert readable(second) == before - set(keys_of(case))
    finally:
        second.close()


def test_what_a_backup_brings_back_is_erased_again(office: Office, ledger: ErasureLedger) -> None:
    """given a ledger that names more than the log and the key store know / when a process starts / then both know it."""
    case, unknown = ended(office), UUID(int=7)
    ledger.add([Entry(99, case, CLASSES), Entry(100, unknown, CLASSES)])

    erasing(office, ledger).settle(office.engine)

    assert kinds(office, case) == ["personal-data-erased", "erasure-confirmed"]
    assert readable(office) == set()
    with office.store.reading() as reader:
        assert retention.person(reader, case).data.erased == CLASSES
        assert deviations(reader) == []


def test_a_line_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    """Nobody relied on it; a damaged one before is told."""
    file = tmp_path / "erasures.jsonl"
    ledger = ErasureLedger(file)
    first, second = Entry(1, uuid4(), CLASSES), Entry(2, uuid4(), ("file",))
    ledger.add([first])
    whole = file.read_bytes()
    for end in range(1, len(whole)):
        file.write_bytes(whole + whole[:end])
        assert ledger.entries() == [first]
        ledger.add([first, second])
        assert ledger.entries() == [first, second]
    ledger.add([second])
    assert ledger.entries() == [first, second]
    file.write_bytes(b"[1]\n" + whole)
    with pytest.raises(LedgerDamaged, match="Zeile 1"):
        ledger.entries()
