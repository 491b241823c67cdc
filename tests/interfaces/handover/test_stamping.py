"""Time stamps of checkpoints: asked of an authority, kept, checked – also by OpenSSL, which knows nothing of this program."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interfaces.handover.stamping import StampRefused, read_certificates
from interfaces.settings import SettingsError, read_settings
from tests.interfaces.cli.conftest import Run, filled_pool, opened_pool
from tests.interfaces.cli.test_db import altered
from tests.interfaces.handover.authority import Authority, stamping

NOTE = "stundenpool\n"


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    with stamping(tmp_path / "authority") as authority:
        yield authority


@pytest.fixture
def believed(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The settings name the authority, its certificates and a folder of the auditors, which is returned."""
    folder = tmp_path / "pruefung"
    folder.mkdir()
    monkeypatch.setenv("STUNDENPOOL_WITNESS", str(folder))
    monkeypatch.setenv("STUNDENPOOL_TSA_URL", authority.url)
    monkeypatch.setenv("STUNDENPOOL_TSA_CERTIFICATES", str(authority.certificates))
    return folder


@pytest.mark.usefixtures("installation")
def test_each_checkpoint_gets_one_stamp(run: Run, authority: Authority, believed: Path) -> None:
    """given checkpoints / then each is stamped once, and OpenSSL confirms what lies with the auditors."""
    opened_pool(run)
    run("audit", "checkpoint")
    run("audit", "checkpoint")
    filled_pool(run)
    run("audit", "checkpoint")
    assert authority.asked == 2
    done = run("audit", "verify")
    assert (done.exit_code, done.stderr) == (0, "")
    for note in believed.glob("*.txt"):
        words = ("-data", note, "-in", note.with_suffix(".tsr"), "-CAfile", authority.root, "-untrusted", authority.certificates)
        authority.openssl("ts", "-verify", *words)
    assert len(list(believed.iterdir())) == 4


@pytest.mark.usefixtures("installation")
def test_a_stamp_of_something_else_is_found(run: Run, believed: Path) -> None:
    """given a stamp that was put beside another checkpoint / when verified / then that checkpoint is named."""
    opened_pool(run)
    run("audit", "checkpoint")
    filled_pool(run)
    later = int(run("audit", "checkpoint").stdout.split("\n")[1])
    altered(f"DELETE FROM time_stamps WHERE size = {later}", f"UPDATE time_stamps SET size = {later}")
    done = run("audit", "verify")
    assert done.exit_code == 1
    assert done.stdout.startswith(f"Position {later}, Zeitstempel: erwartet einen gültigen Zeitstempel des Prüfpunkts")


@pytest.mark.usefixtures("sqlite_installation")
@pytest.mark.parametrize(
    "answers", [(500, b""), (200, b""), (200, b"\x30\x03\x02\x01\x00"), (200, b"\x30\x05\x30\x03\x02\x01\x02")]
)
def test_an_authority_that_fails_stops_nothing(run: Run, authority: Authority, believed: Path, answers: tuple[int, bytes]) -> None:
    """given an authority that answers with no stamp / then that is said, and the stamp is got the next time."""
    opened_pool(run)
    authority.answers = answers
    done = run("audit", "checkpoint")
    assert done.exit_code == 0
    assert "Warnung: Der Zeitstempeldienst antwortet" in done.stderr
    assert [path.suffix for path in believed.iterdir()] == [".txt"]
    authority.answers = None
    assert run("audit", "checkpoint").stdout == done.stdout
    assert sorted(path.suffix for path in believed.iterdir()) == [".tsr", ".txt"]


@pytest.mark.usefixtures("sqlite_installation")
def test_an_old_stamp_is_none_of_today(run: Run, authority: Authority, believed: Path) -> None:
    """given an authority that repeats what it said before / then the reply is not taken for one to this question."""
    opened_pool(run)
    run("audit", "checkpoint")
    [stamp] = believed.glob("*.tsr")
    authority.answers = (200, stamp.read_bytes())
    altered("DELETE FROM time_stamps")
    assert "Warnung: Der Zeitstempeldienst" in run("audit", "checkpoint").stderr


def test_the_certificates_alone_say_who_is_believed(authority: Authority, tmp_path: Path) -> None:
    """given replies of two authorities of the same names / then each is believed under its own certificates only."""
    (tmp_path / "note").write_text(NOTE, encoding="utf-8")
    authority.openssl("ts", "-query", "-data", tmp_path / "note", "-sha512", "-no_nonce", "-out", tmp_path / "query")
    reply = authority.reply((tmp_path / "query").read_bytes())
    with stamping(tmp_path / "another") as another:
        other_reply = another.reply((tmp_path / "query").read_bytes())
        certificates, others = read_certificates(str(authority.certificates)), read_certificates(str(another.certificates))
    assert abs(certificates.stamped_at(NOTE, reply) - datetime.now(UTC)) < timedelta(minutes=1)
    for trusted, note, given in ((certificates, NOTE, other_reply), (others, NOTE, reply), (certificates, NOTE + "x", reply)):
        with pytest.raises(StampRefused):
            trusted.stamped_at(note, given)
    damaged = bytearray(reply)
    damaged[-1] ^= 1
    with pytest.raises(StampRefused):
        certificates.stamped_at(NOTE, bytes(damaged))


@pytest.mark.parametrize(
    ("content", "said"), [(None, "lesen lässt"), ("nothing", "PEM"), ("root.pem", "fehlt"), ("stamps.pem", "fehlt")]
)
def test_certificates_that_cannot_serve_are_refused(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, said: str
) -> None:
    """given a file that is missing, is none, or lacks the authority or its root / then the setting is named with the reason."""
    file = tmp_path / "given.pem"
    if content is not None:
        part = authority.certificates.parent / content
        file.write_text(part.read_text() if part.exists() else content)
    monkeypatch.setenv("STUNDENPOOL_TSA_CERTIFICATES", str(file))
    with pytest.raises(SettingsError, match=f"STUNDENPOOL_TSA_CERTIFICATES .*{said}"):
        read_settings()


def test_an_authority_without_certificates_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """given an address alone / then nobody could check what comes from there, and that is said before anything is asked."""
    monkeypatch.setenv("STUNDENPOOL_TSA_URL", "http://127.0.0.1:1/")
    with pytest.raises(SettingsError, match="STUNDENPOOL_TSA_CERTIFICATES"):
        read_settings()
    done = run("config", "check")
    assert done.exit_code == 1
    assert "STUNDENPOOL_TSA_CERTIFICATES" in done.stderr
