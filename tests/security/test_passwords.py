"""docs/sicherheit.md names words of the office that are no passwords; each is refused, whatever stands around it."""

import re

import pytest

from interfaces.identity.passwords import CHARACTERS_MAX, CHARACTERS_MIN, COMMON, why_not
from tests.security.test_asvs import PAGE

SECTION = PAGE.split("## Kennwörter\n")[1].split("\n## ")[0]
WORDS = re.findall("`([a-zäöüß]+)`", SECTION)


def test_the_words_are_named() -> None:
    """With the lengths that count."""
    assert len(WORDS) > 10
    assert {"jugendamt", "jugendhilfe", "stundenpool"} <= set(WORDS) <= COMMON
    assert f"{CHARACTERS_MIN} und höchstens {CHARACTERS_MAX} Zeichen" in SECTION


@pytest.mark.parametrize("word", WORDS)
def test_every_word_that_is_named_is_refused(word: str) -> None:
    """With a year and signs, in large letters too."""
    for password in (f"{word}20262027!!", f"2026-{word.capitalize()}-2027"):
        assert why_not(password, "kim", "l-017") == "common", password
