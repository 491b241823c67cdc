"""Erasing a person's data: the calendar of retention, policies and decisions. Destroying needs two persons.

The end of a case begins its periods; before, whoever is accompanied needs the data. Only an order comes before that, for what must
not be stored at all: then hours go on to be recorded, without texts. A closed pool refuses nothing here: periods end long after.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from domain.case import Case, CaseEvent
from domain.personal_data import (
    CLASSES,
    ErasureConfirmed,
    ErasureRequested,
    ErasureWithdrawn,
    Ground,
    LegalHoldLifted,
    LegalHoldSet,
    PersonalClass,
    PersonalDataErased,
    together,
    without,
)
from domain.quantities import Personal, RetentionClass
from domain.refusals import (
    AlreadyDecided,
    CaseIsOpen,
    DataErased,
    Malformed,
    NotDue,
    OnHold,
    ReasonMissing,
    SameOfficer,
)

# ── The calendar


def _years(default: int, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning, "least": 1, "most": 100})


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """How many years each class is kept after the year in which the case ended. An office changes them by its own plan of files."""

    identity_years: int = _years(10, "Stammdaten, so lange wie die Fallakte, die sie erschließen; eigene Annahme")
    file_years: int = _years(
        10, "Fallakte: übliche Frist kommunaler Aktenpläne; wo § 9b SGB VIII gilt, ist die längere Frist dort einzutragen"
    )
    voucher_years: int = _years(
        10, "Leistungsnachweise und Bescheide: längste übliche Frist für zahlungsbegründende Unterlagen; nach Landesrecht prüfen"
    )

    def of(self, kept: PersonalClass) -> int:
        years: int = getattr(self, f"{kept}_years")
        return years


Due = Mapping[PersonalClass, date]  # the first day on which a class may be erased, and should be


def due_from(ended_on: date, periods: Periods) -> Due:
    """Periods run from the end of the calendar year in which the case ended."""
    return {kept: date(ended_on.year + periods.of(kept) + 1, 1, 1) for kept in CLASSES}


# ── Policies


def second_person(case: Case, by: str) -> None:
    """Who requests an erasure never confirms it."""
    if case.data.requested_by == by:
        raise SameOfficer(limit="eine Löschung")


def case_ended(case: Case, ended: bool) -> None:
    if not ended:
        raise CaseIsOpen(reference=case.reference)


def something_left(case: Case, classes: tuple[PersonalClass, ...]) -> None:
    if not classes:
        raise DataErased(reference=case.reference)


def not_held(case: Case) -> None:
    """A legal hold keeps everything, whatever the calendar says and whoever asks."""
    if case.data.held:
        raise OnHold(reference=case.reference)


def some_due(case: Case, due: tuple[PersonalClass, ...], classes: tuple[PersonalClass, ...], calendar: Due) -> None:
    """What must still be kept is not erased, unless the office orders it for a reason that it states."""
    if not due:
        first = min(calendar[kept] for kept in classes)
        raise NotDue(reference=case.reference, day=f"{first:%d.%m.%Y}")


def takes_texts(case: Case, classes: Collection[RetentionClass]) -> None:
    """Nothing is added to what is erased. Why something is kept or erased can be said until nothing is left."""
    if case.erased or any(kept in classes for kept in case.data.erased):
        raise DataErased(reference=case.reference)


# ── Decisions


def erase(
    case: Case,
    *,
    ended: bool,
    classes: tuple[PersonalClass, ...] | None,
    ground: Ground | None,
    reason: Personal,
    by: str,
    calendar: Due,
    today: date,
) -> list[CaseEvent]:
    """Requests an erasure, or agrees to the one that another person requested.

    Whoever states no classes and no ground agrees to what is requested, or requests all that is left by order. Other classes or
    another ground are a new request. Of what is requested, the second person erases what may be erased by then; the rest waits.
    """
    data = case.data
    asked = together(classes or data.requested or CLASSES, ())
    left = without(asked, data.erased)
    on = ground or data.ground or "order"
    agrees = bool(data.requested) and (left, on) == (data.requested, data.ground)
    if agrees:
        second_person(case, by)
    elif not reason and on != "retention":
        raise ReasonMissing()
    if on != "order":
        case_ended(case, ended)
    something_left(case, left)
    due = left if on == "order" else tuple(kept for kept in left if calendar[kept] <= today)
    if agrees:
        not_held(case)
        some_due(case, due, left, calendar)
        return [PersonalDataErased(case.provider, due, on, data.requested_by)]
    if on == "retention":
        not_held(case)
        some_due(case, due, left, calendar)
        left = due
    return [ErasureRequested(case.provider, left, on, by, reason, bool(reason))]


def withdraw_erasure(case: Case, *, reason: Personal) -> list[CaseEvent]:
    """Takes a request back, as far as it is not carried out."""
    if not case.data.requested:
        raise AlreadyDecided()
    if not reason:
        raise ReasonMissing()
    return [ErasureWithdrawn(case.provider, reason, True)]


def set_hold(case: Case, *, reason: Personal) -> list[CaseEvent]:
    """Keeps everything until the hold is lifted."""
    if case.data.held:
        raise AlreadyDecided()
    if not reason:
        raise ReasonMissing()
    something_left(case, without(CLASSES, case.data.erased))
    return [LegalHoldSet(case.provider, reason, True)]


def lift_hold(case: Case, *, reason: Personal) -> list[CaseEvent]:
    """The data are needed no longer; the calendar decides again."""
    if not case.data.held:
        raise AlreadyDecided()
    if not reason:
        raise ReasonMissing()
    return [LegalHoldLifted(case.provider, reason, True)]


def erase_again(case: Case, *, classes: tuple[PersonalClass, ...]) -> list[CaseEvent]:
    """Takes over from the ledger what was erased after the backup that this log was restored from."""
    left = without(together(classes, ()), case.data.erased)
    if not left:
        raise AlreadyDecided()
    return [PersonalDataErased(case.provider, left, "order", None)]


def confirm_erasure(case: Case, *, classes: tuple[PersonalClass, ...]) -> list[CaseEvent]:
    """Holds that the keys of these classes are destroyed."""
    if not classes:
        raise Malformed(place="classes", problem="keine")
    if without(classes, case.data.unconfirmed):
        raise AlreadyDecided()
    return [ErasureConfirmed(case.provider, classes)]
