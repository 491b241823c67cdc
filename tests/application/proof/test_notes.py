"""Signed notes and checkpoints, beside the examples of those who defined them."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.proof import checkpoints, notes
from application.proof.checkpoints import Key
from application.proof.notes import Checkpoint, NoteRefused, Signer
from application.reads import Head

# The example of Go's package for notes: its keys, text and signature.
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# The example of C2SP's tlog-checkpoint.
CHECKPOINT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

OFFICE = Signer("stundenpool", b"o" * 32)
OTHER = Signer("stundenpool", b"n" * 32)
STATED = Checkpoint("stundenpool", 7, b"r" * 32, datetime(2022, 1, 10, 12, tzinfo=UTC))


def test_the_known_example() -> None:
    """given the keys, the text and the signature of Go's example / then ours are the same."""
    signer, verifier = notes.read_signer(SKEY), notes.read_verifier(VKEY)
    assert (signer.verifier, verifier.vkey(), signer.skey()) == (verifier, VKEY, SKEY)
    text, by = notes.opened(NOTE, [verifier])
    assert by == [verifier]
    assert notes.signed(text, [signer]) == NOTE


def test_the_example_of_a_checkpoint() -> None:
    """given the example of C2SP / then it is read, and written the same; of further lines only a time of ours is understood."""
    stated = notes.read_checkpoint(CHECKPOINT)
    assert (stated.origin, stated.size, stated.text()) == ("example.com/behind-the-sofa", 20852163, CHECKPOINT)
    assert notes.read_checkpoint(STATED.text()) == STATED
    assert notes.read_checkpoint(f"{CHECKPOINT}something\nelse\n") == stated
    successor = OTHER.verifier.vkey()
    full = STATED._replace(reads=Head(12, b"d" * 32), successor=successor)
    assert notes.read_checkpoint(full.text()) == full
    assert full.text().endswith(f"\nsuccessor {successor}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a\n1\n",
        "a\n1\nAAAA\n",
        CHECKPOINT.replace("20852163", "020852163"),
        CHECKPOINT.replace("20852163", "-1"),
        CHECKPOINT.replace("20852163", "1e3"),
        CHECKPOINT.replace("20852163", "9" * 40),
        CHECKPOINT.replace("CsUY", "CsU"),
        CHECKPOINT.replace("q2I=", "q2J="),  # the same bytes, written in a second way
        CHECKPOINT.removesuffix("\n"),
        "\n" + CHECKPOINT,
        CHECKPOINT + "\n",
        CHECKPOINT.replace("\n", "\r\n"),
        CHECKPOINT + "reads x AAAA\n",
        CHECKPOINT + "reads 1 A\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """given lines that are missing, or written in another way / then that is said."""
    with pytest.raises(NoteRefused):
        notes.read_checkpoint(text)


@pytest.mark.parametrize("key", ["", "a", "a+b", "a+b+c", VKEY[:-4], VKEY.replace("c74f", "c74e"), VKEY.replace("Peter", "Paul")])
def test_what_is_no_key_is_refused(key: str) -> None:
    """given a key that is damaged, or not of that name / then that is said."""
    with pytest.raises(NoteRefused):
        notes.read_verifier(key)
    with pytest.raises(NoteRefused):
        notes.read_signer(notes.PRIVATE + key)


@given(st.data())
def test_no_altered_note_is_believed(data: st.DataObject) -> None:
    """given a checkpoint whose bytes were altered anywhere / then it is refused, or what it states is what was signed."""
    note = bytearray(notes.signed(STATED.text(), [OFFICE]).encode())
    at = data.draw(st.integers(0, len(note) - 1))
    note[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        text, _ = notes.opened(note.decode(), [OFFICE.verifier])
    except (NoteRefused, UnicodeDecodeError):
        return
    assert text == STATED.text()


def test_signatures_of_strangers_are_passed_over() -> None:
    """given a note that somebody else has signed as well / then the known signature counts; a stranger's alone does not."""
    stranger = Signer("witness", b"w" * 32)
    text, by = notes.opened(notes.signed(STATED.text(), [stranger, OFFICE]), [OFFICE.verifier])
    assert (text, by) == (STATED.text(), [OFFICE.verifier])
    with pytest.raises(NoteRefused, match="Niemand"):
        notes.opened(notes.signed(STATED.text(), [stranger]), [OFFICE.verifier])


@dataclass
class Case:
    """A checkpoint of a size, and who signed it."""

    size: int
    signer: Signer
    believed: bool


@pytest.mark.parametrize(
    "case", [Case(9, OFFICE, True), Case(10, OFFICE, True), Case(11, OFFICE, False), Case(10, OTHER, True), Case(9, OTHER, False)]
)
def test_a_key_is_believed_for_its_own_time(case: Case) -> None:
    """given a key that was replaced at size 10 / then neither signs for the other's time."""
    keys = [Key(OFFICE.verifier, 0, 10), Key(OTHER.verifier, 10, None)]
    note = notes.signed(STATED._replace(size=case.size).text(), [case.signer])
    if case.believed:
        assert checkpoints.read(note, keys).size == case.size
    else:
        with pytest.raises(NoteRefused, match="nicht in Gebrauch"):
            checkpoints.read(note, keys)


def test_a_checkpoint_of_another_log_is_refused() -> None:
    """given a checkpoint that names another log than its signer / then it is not taken for one of ours."""
    with pytest.raises(NoteRefused, match="Prüfpunkt von „other“"):
        checkpoints.read(notes.signed(STATED._replace(origin="other").text(), [OFFICE]), [Key(OFFICE.verifier, 0, None)])
