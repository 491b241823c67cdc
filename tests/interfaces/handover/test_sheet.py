"""The sheet: what it says, shows and holds is the checkpoint, and it is always one page."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from application.proof import notes
from application.proof.checkpoints import Key
from application.proof.notes import Checkpoint, NoteRefused, Signer
from interfaces.handover.sheet import FILE, sheet
from tests.interfaces.handover.paper import read_paper

NIGHT = datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)
ROOT = sha256(b"log").digest()


def made(origin: str, *seeds: bytes, size: int = 104_711) -> tuple[str, list[Key]]:
    """A note that keys of these seeds have signed, and the keys."""
    signers = [Signer(origin, sha256(seed).digest()) for seed in seeds]
    note = notes.signed(Checkpoint(origin, size, ROOT, NIGHT).text(), signers)
    return note, [Key(each.verifier, 0, None) for each in signers]


# What the settings allow at most, at a change of keys.
LONGEST = ("x" * 100, b"old", b"new")


@pytest.mark.parametrize("named", [("stundenpool", b"old"), ("stundenpool.jugendamt.example/2026", b"old"), LONGEST])
def test_a_sheet_is_one_page_that_holds_the_whole_note(named: tuple[str, bytes]) -> None:
    """given a checkpoint / then one page says size, local time, root and keys, and code and attached file are the very note."""
    note, keys = made(*named, size=999_999_999_999)
    paper = read_paper(sheet(note, keys))
    assert (paper.pages, paper.code, paper.files) == (1, note.encode(), {FILE: note.encode()})
    run_on = "".join(paper.text.split())
    assert "Ereignisse999.999.999.999" in run_on
    assert "02.07.2026,00:30Uhr(Europe/Berlin)" in run_on
    assert ROOT.hex() in run_on
    assert all(key.verifier.vkey() in run_on for key in keys)
    for line in note.split("\n"):
        assert line.replace(" ", "").replace("— ", "—") in run_on


def test_a_sheet_made_again_is_the_same() -> None:
    """given the same checkpoint / then the same bytes, in the form that archives ask for and that screen readers read."""
    note, keys = made("stundenpool", b"old")
    first = sheet(note, keys)
    assert sheet(note, keys) == first
    assert b"<pdfaid:part>3</pdfaid:part>" in first
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in first
    assert b"<pdfuaid:part>1</pdfuaid:part>" in first


def test_no_sheet_says_what_nobody_signed() -> None:
    """given an altered note / then there is no sheet of it."""
    note, keys = made("stundenpool", b"old")
    with pytest.raises(NoteRefused):
        sheet(note.replace("104711", "104712"), keys)
