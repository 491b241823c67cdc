"""Thresholds in a file: what it may say, and how a mistake in it is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.findings.thresholds import Thresholds
from interfaces.settings import SettingsError, examine_settings, read_settings
from interfaces.thresholds import read_thresholds


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "findings.toml"


def test_what_a_file_leaves_out_stays(file: Path) -> None:
    """A file states what differs; no file is no difference."""
    file.write_text("late_entry_days = 14\n", encoding="utf-8")
    assert read_thresholds(str(file)) == replace(Thresholds(), late_entry_days=14)
    assert read_thresholds("") == Thresholds()


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (b"late_entry_day = 14", "„late_entry_day“ ist keine Schwelle; gemeint ist vielleicht „late_entry_days“"),
        (b"late_entry_days = -1", "late_entry_days muss eine ganze Zahl von 0 bis 10000 sein"),
        (b"late_entry_days = 1.5", "late_entry_days muss eine ganze Zahl von 0 bis 10000 sein"),
        (b"late_entry_days = true", "late_entry_days muss eine ganze Zahl von 0 bis 10000 sein"),
        (b"direct_share_percent = 101", "direct_share_percent muss eine ganze Zahl von 1 bis 100 sein"),
        (b"[findings]\nlate_entry_days = 1", "„findings“ ist keine Schwelle"),
        (b"late_entry_days", "kein TOML"),
        (b"# \xff", "kein UTF-8"),
    ],
)
def test_a_mistake_is_told_in_german(file: Path, written: bytes, problem: str) -> None:
    """With the name and what is possible."""
    file.write_bytes(written)
    with pytest.raises(ValueError, match=r"^[^\n]*$") as raised:
        read_thresholds(str(file))
    assert problem in str(raised.value)


def test_every_mistake_is_told(file: Path) -> None:
    """At once, not one after the other."""
    file.write_text("late_entry_days = -1\nday_minutes_max = 0\nfalsch = 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"day_minutes_max.*; late_entry_days.*; „falsch“"):
        read_thresholds(str(file))


def test_settings_say_what_is_wrong_with_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service with a wrong file does not start, and ``config check`` says why."""
    monkeypatch.setenv("STUNDENPOOL_FINDINGS", str(file))
    with pytest.raises(SettingsError, match="STUNDENPOOL_FINDINGS nennt eine Datei, die sich nicht lesen lässt"):
        read_settings()
    [stated] = [each for each in examine_settings()[0] if each.variable == "STUNDENPOOL_FINDINGS"]
    assert stated.problem is not None
    file.write_text("", encoding="utf-8")
    assert read_settings().findings == str(file)
