"""Which passwords are taken, and what it costs to try one out."""

import re
from uuid import uuid4

import pytest

from interfaces.identity import passwords
from interfaces.identity.passwords import CHARACTERS_MAX, CHARACTERS_MIN, Cost, why_not
from interfaces.settings import Settings
from tests.interfaces.identity.door import Door

AS_SHIPPED = passwords.COST  # before any test makes them cheap


def test_the_parameters_are_those_of_owasp() -> None:
    """46 MiB and one pass, or more; and no setting makes it less."""
    assert Cost(memory_kib=47_104, iterations=1, lanes=1) == AS_SHIPPED
    assert not [name for name in Settings.__dataclass_fields__ if re.search("pass|argon|cost|hash", name)]


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


def test_a_letter_is_the_same_however_it_is_put_together() -> None:
    """Another keyboard writes ä as a and two dots."""
    assert passwords.normal("a\u0308pfel") == passwords.normal("äpfel")


def test_every_character_counts(door: Door) -> None:
    """Of the longest password that is taken, too: none is cut off, no letter is made smaller, no white space is dropped."""
    account = uuid4()
    longest = "".join(chr(ord("a") + number % 23) for number in range(CHARACTERS_MAX))
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
