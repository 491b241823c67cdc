"""A person's data in a case (Personenbezogenes): the events of its life, and what decisions need to know of it.

It is kept in classes, because how long it must be kept differs; each is sealed under a key of its own, and is erased by destroying
that key. What may be decided about it stands in ``domain.erasure``.
"""

from dataclasses import dataclass
from typing import Literal, assert_never

from domain.quantities import Personal

PersonalClass = Literal["identity", "file", "voucher"]  # master data, case notes, proofs of what was rendered
CLASSES: tuple[PersonalClass, ...] = ("identity", "file", "voucher")

# Why it is erased: the person asks for it (Art. 17 GDPR), its period is over, or the office orders it for a stated reason.
Ground = Literal["request", "retention", "order"]

# ── Events


@dataclass(frozen=True, slots=True)
class ErasureRequested:
    """The first of two persons wants these classes erased. From now on they are restricted: opened for stated purposes only."""

    provider: str
    classes: tuple[PersonalClass, ...]
    ground: Ground
    requested_by: str
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class ErasureWithdrawn:
    """Nothing more is to be erased on that request, and the restriction is lifted."""

    provider: str
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class LegalHoldSet:
    """The data are needed, for a dispute or an audit: nothing is erased until the hold is lifted."""

    provider: str
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class LegalHoldLifted:
    provider: str
    reason: Personal
    reason_given: bool


@dataclass(frozen=True, slots=True)
class PersonalDataErased:
    """The second person agreed: from now on nobody reads these classes, and their keys are destroyed for good.

    ``requested_by`` is ``None`` where the ledger of erasures said so to a log that was restored from an older backup.
    """

    provider: str
    classes: tuple[PersonalClass, ...]
    ground: Ground
    requested_by: str | None


@dataclass(frozen=True, slots=True)
class ErasureConfirmed:
    """The keys of these classes are destroyed, and the ledger of erasures names them."""

    provider: str
    classes: tuple[PersonalClass, ...]


PersonalDataEvent = ErasureRequested | ErasureWithdrawn | LegalHoldSet | LegalHoldLifted | PersonalDataErased | ErasureConfirmed

# ── State


@dataclass(slots=True)
class PersonalData:
    """What decisions need to know. ``requested`` are the classes that wait for a second person."""

    requested: tuple[PersonalClass, ...] = ()
    ground: Ground | None = None
    requested_by: str | None = None
    held: bool = False
    erased: tuple[PersonalClass, ...] = ()
    confirmed: tuple[PersonalClass, ...] = ()

    @property
    def unconfirmed(self) -> tuple[PersonalClass, ...]:
        """Classes that are erased, but whose keys may not be destroyed yet."""
        return without(self.erased, self.confirmed)


def evolve(data: PersonalData, event: PersonalDataEvent) -> None:
    """Folds a fact in place."""
    match event:
        case ErasureRequested():
            data.requested, data.ground, data.requested_by = event.classes, event.ground, event.requested_by
        case ErasureWithdrawn():
            data.requested, data.ground, data.requested_by = (), None, None
        case LegalHoldSet():
            data.held = True
        case LegalHoldLifted():
            data.held = False
        case PersonalDataErased():
            data.erased = together(data.erased, event.classes)
            data.requested = without(data.requested, event.classes)
            if not data.requested:
                data.ground, data.requested_by = None, None
        case ErasureConfirmed():
            data.confirmed = together(data.confirmed, event.classes)
        case _:
            assert_never(event)


def together(some: tuple[PersonalClass, ...], others: tuple[PersonalClass, ...]) -> tuple[PersonalClass, ...]:
    """The classes that are among some or others, in the order of ``CLASSES``."""
    return tuple(each for each in CLASSES if each in some or each in others)


def without(some: tuple[PersonalClass, ...], others: tuple[PersonalClass, ...]) -> tuple[PersonalClass, ...]:
    """The classes that are among some and not among others."""
    return tuple(each for each in some if each not in others)
