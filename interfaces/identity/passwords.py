"""Which passwords are taken, and how they are kept.

Length counts, and that nobody would try it early; what kinds of characters it has does not, and it does not expire (NIST SP
800-63B, BSI ORP.4). How early somebody would try it is reckoned by zxcvbn, which knows 30,000 common passwords, as many words and
names, and how people vary them; German ones stand here. Kept is Argon2id with the parameters that OWASP recommends, under a secret
of the key store, so that a copy of the database alone gives nobody anything to guess at.
"""

import re
import secrets
import unicodedata
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from application.privacy import Keyring

CHARACTERS_MIN = 12
CHARACTERS_MAX = 200
DIFFERENT_MIN = 5  # characters; fewer are a pattern
GUESSES_MIN = 10**10
JUDGED_MAX = 20  # characters whose guesses are reckoned: of a longer row of digits and signs that would take seconds
SALT_BYTES = 16
HASH_BYTES = 32

_FIRST_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_FIRST_LENGTH = 20


class Cost(NamedTuple):
    memory_kib: int
    iterations: int
    lanes: int


COST = Cost(memory_kib=47_104, iterations=1, lanes=1)

# What people choose first, in letters of one size. Around it they put digits and signs, which is why those are looked past.
_CHOSEN_FIRST = """
    passwort password passwd kennwort geheim geheimnis geheimwort hallo hallowelt willkommen welcome anmelden anmeldung login
    letmein admin administrator benutzer user gast test testtest passwortpasswort passwordpassword meinpasswort meinkennwort
    sommer winter fruehling frühling herbst januar februar maerz märz april mai juni juli august september oktober november dezember
    montag dienstag mittwoch donnerstag freitag samstag sonntag schatz liebling ichliebedich iloveyou sonnenschein sunshine
    fussball fußball football baseball basketball schalke bayern borussia dortmund werder hertha
    dragon monkey princess prinzessin superman batman master shadow killer arschloch hamster katze hund maus
    computer internet server system daniel michael thomas andreas alexander stefan christian martin sebastian
    qwertz qwertzuiop qwerty qwertyuiop asdfgh asdfghjkl yxcvbnm zxcvbnm abc abcd abcdef abcdefgh abcdefghijkl
    jugendamt jugendhilfe stundenpool traeger träger jugendtreff familienzentrum verwaltung stadtverwaltung rathaus behoerde behörde
    deutschland germany berlin hamburg muenchen münchen koeln köln frankfurt stuttgart leipzig dresden
"""
COMMON = frozenset(_CHOSEN_FIRST.split())

_ROWS = (
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertzuiopüasdfghjklöäyxcvbnm",
    "1q2w3e4r5t6z7u8i9o0p",
)
_LETTERS = re.compile("[^a-zäöüß]+")


def why_not(password: str, *known: str) -> str | None:
    """What is wrong with a password; ``known`` are words that everybody can guess of this person, such as their name."""
    text = normal(password)
    folded = text.casefold()
    if len(text) < CHARACTERS_MIN:
        return "short"
    if len(text) > CHARACTERS_MAX:
        return "long"
    if any(len(word) >= 4 and word.casefold() in folded for word in known):
        return "known"
    letters = _LETTERS.sub("", folded)
    if letters in COMMON or len(set(folded)) < DIFFERENT_MIN or any(folded in row for row in _ROWS):
        return "common"
    return "common" if _guesses(text[:JUDGED_MAX]) < GUESSES_MIN else None


def normal(password: str) -> str:
    """The same however a keyboard puts together an ä."""
    return unicodedata.normalize("NFKC", password)


def first_password() -> str:
    """For whoever is to choose another one: 98 random bits."""
    letters = [secrets.choice(_FIRST_LETTERS) for _ in range(_FIRST_LENGTH)]
    return "-".join("".join(letters[start : start + 5]) for start in range(0, _FIRST_LENGTH, 5))


def hashed(keyring: Keyring, account: UUID, password: str) -> str:
    argon = Argon2id(
        salt=secrets.token_bytes(SALT_BYTES),
        length=HASH_BYTES,
        iterations=COST.iterations,
        lanes=COST.lanes,
        memory_cost=COST.memory_kib,
        secret=_secret(keyring, account),
    )
    return argon.derive_phc_encoded(normal(password).encode())


def matches(keyring: Keyring, account: UUID, password: str, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(normal(password).encode(), stored, _secret(keyring, account))
    except InvalidKey:
        return False
    return True


def is_outdated(stored: str) -> bool:
    """Whether it was kept with other parameters than are used now."""
    return f"$m={COST.memory_kib},t={COST.iterations},p={COST.lanes}$" not in stored


def _guesses(text: str) -> Decimal:
    """After how many guesses somebody would come to it who goes by what people choose."""
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # its lists are slow to load, and rarely needed

    return Decimal(zxcvbn(text, sorted(COMMON))["guesses"])


def _secret(keyring: Keyring, account: UUID) -> bytes:
    return keyring.derived("passwords", account.bytes)
