"""Every reason to say no: one class each, with a stable code and a sentence that a social worker understands.

``ORDER`` is part of the rules: where several are broken, the first in this order is reported, and every decision checks
its policies in it.
"""

from typing import Any, ClassVar


class Refusal(Exception):
    """An expected "no". Its code is stable; its sentence is German and may name the facts given to it.

    Hours bring the dot of "Std." with them, so a sentence that ends in hours has none of its own.
    """

    code: ClassVar[str]
    sentence: ClassVar[str]

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.sentence.format(**facts))

    @property
    def message(self) -> str:
        """The German sentence, with its facts filled in."""
        return str(self)


class Malformed(Refusal):
    code = "malformed"
    sentence = "Die Angabe „{place}“ ist nicht gültig: {problem}"


class KeyReused(Refusal):
    code = "key_reused"
    sentence = "Dieser Idempotency-Key gehört schon zu einer anderen Anfrage. Bitte für jede neue Anfrage einen neuen verwenden."


class NotFound(Refusal):
    code = "not_found"
    sentence = "Das gibt es nicht, oder es ist für Sie nicht zugänglich."


class UnknownRequest(Refusal):
    code = "unknown_request"
    sentence = "Zu „{request}“ ist kein Stundenantrag erfasst."


class ForeignCase(Refusal):
    code = "foreign_case"
    sentence = "Der Fall „{reference}“ gehört zu einem anderen Träger."


class DuplicateId(Refusal):
    code = "duplicate_id"
    sentence = "„{id}“ ist schon mit anderen Angaben erfasst."


class PoolIsClosed(Refusal):
    code = "pool_closed"
    sentence = "Der Stundenpool „{pool}“ ist abgeschlossen und nimmt nichts mehr auf."


class CaseIsClosed(Refusal):
    code = "case_closed"
    sentence = "Der Fall „{reference}“ ist abgeschlossen."


class OutsidePeriod(Refusal):
    code = "outside_period"
    sentence = "Der {day} liegt nicht im Zeitraum des Pools ({start} bis {end})."


class MonthIsClosed(Refusal):
    code = "month_closed"
    sentence = "Der Monat {month} ist abgeschlossen. Er muss erst mit Begründung wieder geöffnet werden."


class InFuture(Refusal):
    code = "in_future"
    sentence = "Ein Termin kann erst erfasst werden, wenn er begonnen hat ({starts_at})."


class OwnRequest(Refusal):
    code = "own_request"
    sentence = "Wer Stunden beantragt hat, darf sie nicht selbst bewilligen."


class SameOfficer(Refusal):
    code = "same_officer"
    sentence = "Über {limit} müssen zwei verschiedene Personen entscheiden; die erste Zustimmung stammt bereits von Ihnen."


class NotApproved(Refusal):
    code = "not_approved"
    sentence = "Für diesen Antrag sind keine Stunden bewilligt."


class IsSettled(Refusal):
    code = "settled"
    sentence = "Die Bewilligung ist abgerechnet; neue oder längere Termine sind nicht mehr möglich."


class AlreadyDecided(Refusal):
    code = "already_decided"
    sentence = "Darüber ist schon entschieden."


class SessionIsReversed(Refusal):
    code = "session_reversed"
    sentence = "Der Termin ist storniert."


class AlreadyClosed(Refusal):
    code = "already_closed"
    sentence = "{what} ist schon abgeschlossen."


class ReasonMissing(Refusal):
    code = "reason_missing"
    sentence = "Bitte eine Begründung angeben."


class NotAUnit(Refusal):
    code = "not_a_unit"
    sentence = "{minutes} Minuten sind kein Vielfaches von {unit} Minuten."


class TooLong(Refusal):
    code = "too_long"
    sentence = "Ein Termin darf höchstens {limit} dauern."


class OverRequest(Refusal):
    code = "over_request"
    sentence = "Beantragt sind nur {requested}; mehr kann nicht bewilligt werden."


class OverBudget(Refusal):
    code = "over_budget"
    sentence = "Im Pool sind nur noch {available} frei."


class BelowCommitted(Refusal):
    code = "below_committed"
    sentence = "{committed} sind schon vergeben; das Kontingent kann nicht darunter sinken."


class OverCaseCap(Refusal):
    code = "over_case_cap"
    sentence = "Für einen Fall sind höchstens {limit} möglich; frei sind noch {left}"


class OverDistrictQuota(Refusal):
    code = "over_district_quota"
    sentence = "Das Kontingent des Stadtraums „{district}“ ({limit}) reicht nicht; frei sind noch {left}"


class OverProviderQuota(Refusal):
    code = "over_provider_quota"
    sentence = "Das Kontingent des Trägers „{provider}“ ({limit}) reicht nicht; frei sind noch {left}"


class OverGrant(Refusal):
    code = "over_grant"
    sentence = "Die Bewilligung umfasst {granted}; damit wären es {total}"


class OutOfTurn(Refusal):
    code = "out_of_turn"
    sentence = (
        "Ein Antrag, der vorher auf der Warteliste steht, passt in die freien Stunden. Ein Vorziehen braucht eine Begründung."
    )


class CaseIsOpen(Refusal):
    code = "case_open"
    sentence = "Der Fall „{reference}“ ist noch offen; die Aufbewahrungsfristen beginnen erst mit seinem Abschluss."


class DataErased(Refusal):
    code = "data_erased"
    sentence = "Das Personenbezogene des Falls „{reference}“ ist gelöscht; dazu wird nichts mehr aufgenommen."


class OnHold(Refusal):
    code = "on_hold"
    sentence = "Für den Fall „{reference}“ gilt eine Löschsperre. Sie muss erst mit Begründung aufgehoben werden."


class NotDue(Refusal):
    code = "not_due"
    sentence = "Das Personenbezogene des Falls „{reference}“ ist aufzubewahren; gelöscht werden darf frühestens am {day}."


class VersionDiffers(Refusal):
    code = "version_differs"
    sentence = "Die Angaben wurden inzwischen geändert. Bitte neu laden."


ORDER: tuple[type[Refusal], ...] = (
    Malformed,
    KeyReused,
    NotFound,
    UnknownRequest,
    ForeignCase,
    VersionDiffers,
    DuplicateId,
    PoolIsClosed,
    CaseIsClosed,
    OutsidePeriod,
    MonthIsClosed,
    InFuture,
    OwnRequest,
    SameOfficer,
    NotApproved,
    IsSettled,
    AlreadyDecided,
    SessionIsReversed,
    AlreadyClosed,
    ReasonMissing,
    NotAUnit,
    TooLong,
    OverRequest,
    OverBudget,
    BelowCommitted,
    OverCaseCap,
    OverDistrictQuota,
    OverProviderQuota,
    OverGrant,
    OutOfTurn,
    CaseIsOpen,
    DataErased,
    OnHold,
    NotDue,
)
