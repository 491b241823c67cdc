"""The verification of a log, as tests ask for it."""

from collections.abc import Sequence

from application.log import Reader
from application.proof.checkpoints import Key
from application.proof.deviations import Deviation
from application.proof.verification import Verified, deviations_of


def deviations(reader: Reader, keys: Sequence[Key] = (), outside: Sequence[str] = ()) -> list[Deviation]:
    """Everything that is not as it should be."""
    return list(deviations_of(reader, keys, outside, Verified(), lambda done, total: None))
