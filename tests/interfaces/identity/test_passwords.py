"""Which passwords are taken, and what it costs to try one out."""

import re
import time
from pathlib import Path
from uuid import uuid4

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from interfaces.identity import passwords
from interfaces.identity.breached import read_breached
from interfaces.identity.passwords import CHARACTERS_MAX, CHARACTERS_MIN, Cost, why_not
from interfaces.settings import Settings, SettingsError, read_settings
from tests.interfaces.identity.door import Door, listed

# From several lists of passwords that were stolen, the most frequent of twelve characters and more.
LONG_AND_COMMON = (
    *(
        "1q2w3e4r5t6y",
        "qwerty123456",
        "123456789abc",
        "password1234",
        "iloveyou1234",
        "basketball12",
        "qwertyuiop12",
        "unbelievable",
    ),
    *("unbelievable", "manchesterunited", "1qaz2wsx3edc", "trustno1trustno1", "passwordpassword", "charlie12345", "liverpool123"),
)

AS_SHIPPED = passwords.COST  # before any test makes them cheap


def test_the_parameters_are_those_of_owasp() -> None:
    """46 MiB and one pass, or more; and no setting makes it less."""
    assert Cost(memory_kib=47_104, iterations=1, lanes=1) == AS_SHIPPED
    assert [name for name in Settings.__dataclass_fields__ if re.search("pass|argon|cost|hash", name)] == ["breached_passwords"]


@pytest.mark.parametrize(
    "password",
    ["Apfel Wolke Treppe", "äöüäöüß lang genug", "correct horse battery", "7301 8847 2296", "🦔🦊🐝🐢🦉 im Wald am Fluss"],
)
def test_what_is_long_and_nobodys_first_guess_is_taken(password: str) -> None:
    """Whatever it consists of."""
    assert why_not(password, "kim", "kim.beispiel") is None


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "short"),
        ("x" * (CHARACTERS_MIN - 1), "short"),
        ("abcde" * 41, "long"),
        ("passwortpasswort", "common"),
        ("Passwort1234", "common"),
        ("12345678Passwort!", "common"),
        ("123456789012", "common"),
        ("qwertzuiopüasd", "common"),
        ("aaaaaaaaaaaaaa", "common"),
        ("abababababab", "common"),
        ("Sommer2026!!", "common"),
        ("jugendamt-2026", "common"),
        ("kim.beispiel ist da", "known"),
        ("Mein KIM.BEISPIEL", "known"),
    ],
)
def test_what_would_be_guessed_first_is_not(password: str, why: str) -> None:
    """With the reason that a person is told."""
    assert why_not(password, "kim.beispiel", "sb") == why


@pytest.mark.parametrize("password", LONG_AND_COMMON)
def test_what_many_choose_is_not(password: str) -> None:
    """Of the most common passwords that are long enough, from lists that were stolen: as they stand, and varied as people do."""
    assert {why_not(each) for each in (password, password.capitalize(), f"{password}1", f"{password}!")} == {"common"}


def test_thousands_of_common_ones_are_known() -> None:
    """More than 3,000 of those that are long enough stand in the lists; a hundred of them, spread over all, are refused."""
    known = sorted({each for ranked in FREQUENCY_LISTS.values() for each in ranked if len(each) >= CHARACTERS_MIN})
    assert len(known) > 3000
    assert [each for each in known[:: len(known) // 100] if why_not(each) != "common"] == []


def test_german_words_count_as_well() -> None:
    """Also where letters are replaced; the library's own lists are English."""
    assert {why_not(each) for each in ("jug3ndh1lf3_99", "Famil1enzentrum!", "!!familienzentrum!!")} == {"common"}


def test_no_password_takes_long_to_judge() -> None:
    """Of the longest row of signs that could stand for letters, only the beginning is looked at."""
    started = time.process_time()
    why_not("4@8({[<369&#!1/|0$5+7%2" * 8)
    assert time.process_time() - started < 10


class TestBreached:
    def test_what_stands_there_is_found(self, tmp_path: Path) -> None:
        """The first, the last, each between; and nothing else. With either end of lines, and however few they are."""
        words = [f"kennwort {number}" for number in range(200)]
        for end in ("\n", "\r\n"):
            for many in (1, 2, 3, 200):
                found = read_breached(str(listed(tmp_path / "pwned.txt", *words[:many], end=end)))
                assert [found.has(each) for each in words] == [number < many for number in range(200)]

    def test_a_letter_is_the_same_however_it_is_put_together(self, tmp_path: Path) -> None:
        """As passwords are kept."""
        assert read_breached(str(listed(tmp_path / "pwned.txt", "äpfel im Schuh"))).has("a\u0308pfel im Schuh")

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\n",
            b"passwort\n",
            b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\n",
            b"5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8:3\n",
            b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:3\n0000000000000000000000000000000000000000:1\n",
            b"00000" * 100_000,
            bytes(range(256)) * 10,
        ],
        ids=["empty", "a line without anything", "words", "no count", "small letters", "by count", "one line", "bytes"],
    )
    def test_another_file_is_none(self, tmp_path: Path, content: bytes) -> None:
        """Told where it is named, before anybody relies on it."""
        path = tmp_path / "pwned.txt"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="HASH:Anzahl"):
            read_breached(str(path))

    def test_a_file_that_is_not_there_is_told_at_the_start(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the setting that names it."""
        monkeypatch.setenv("STUNDENPOOL_BREACHED_PASSWORDS", str(tmp_path / "missing.txt"))
        with pytest.raises(SettingsError, match="STUNDENPOOL_BREACHED_PASSWORDS lässt sich nicht lesen"):
            read_settings()


def test_a_letter_is_the_same_however_it_is_put_together() -> None:
    """Another keyboard writes ä as a and two dots."""
    assert passwords.normal("a\u0308pfel") == passwords.normal("äpfel")


def test_every_character_counts(door: Door) -> None:
    """Of the longest password that is taken, too: none is cut off, no letter is made smaller, no white space is dropped."""
    account = uuid4()
    longest = "".join(chr(ord("a") + number * number % 23) for number in range(CHARACTERS_MAX))
    assert why_not(longest) is None
    kept = passwords.hashed(door.keyring, account, longest)
    assert passwords.matches(door.keyring, account, longest, kept)
    for other in (longest[:-1], longest[:-1] + "A", longest.upper(), longest + " ", " " + longest, longest[:64]):
        assert not passwords.matches(door.keyring, account, other, kept)


def test_first_passwords_are_chance() -> None:
    """None looks like another, and none has a letter that looks like a digit."""
    made = {passwords.first_password() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch("([a-hjkmnp-z2-9]{5}-){3}[a-hjkmnp-z2-9]{5}", each) for each in made)
