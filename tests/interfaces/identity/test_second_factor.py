"""How much chance there is in a second factor."""

from math import log2

from interfaces.identity import second_factor
from interfaces.identity.second_factor import DIGITS, RECOVERY_CODES, STEP_SECONDS


def test_codes_of_an_app_are_what_apps_make() -> None:
    """Six digits for half a minute, from 160 bits."""
    assert (DIGITS, STEP_SECONDS) == (6, 30)
    assert second_factor.SECRET_BYTES * 8 == 160
    factors = {second_factor.new_factor() for _ in range(200)}
    assert len(factors) == 200
    assert all(len(factor) == 16 for factor in factors)


def test_codes_on_paper_cannot_be_guessed_from_what_is_kept() -> None:
    """112 bits at least, so that a hash without effort is enough to keep them under."""
    made = [code for _ in range(50) for code in second_factor.new_recovery_codes()]
    assert len(set(made)) == 50 * RECOVERY_CODES
    letters = {letter for code in made for letter in code} - {"-"}
    assert min(len(code.replace("-", "")) for code in made) * log2(len(letters)) >= 112
