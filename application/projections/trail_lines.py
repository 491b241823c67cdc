"""One German line for every event: when, who, did what, to what, why, under which rule.

Rules are named by their numbers, with words beside them for somebody who has no list at hand.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, assert_never

from application.catalogue import BY_NAME
from application.log import Recorded
from application.privacy import KeyErased, KeyMissing, SealBroken
from application.projections.texts import Opener, Restricted, sealed_text
from domain.booking import (
    ApprovalProposed,
    BookingSettled,
    Event,
    GrantReduced,
    HoursApproved,
    HoursRequested,
    RequestDeclined,
    RequestWaitlisted,
    RequestWithdrawn,
    SessionConfirmed,
    SessionCorrected,
    SessionFacts,
    SessionLogged,
    SessionReversed,
)
from domain.case import CaseAmended, CaseClosed, CaseOpened, CaseTransferred
from domain.findings.finding import counted, named
from domain.handling import FindingClosed, FindingConfirmed, FindingExplained, FindingOpened, Matter
from domain.personal_data import (
    ErasureConfirmed,
    ErasureRequested,
    ErasureWithdrawn,
    Ground,
    LegalHoldLifted,
    LegalHoldSet,
    PersonalClass,
    PersonalDataErased,
)
from domain.pool import (
    BudgetChanged,
    DemonstrationStarted,
    HoursReleased,
    HoursReserved,
    ImportRecorded,
    MonthClosed,
    MonthReopened,
    PlaceOffered,
    PoolClosed,
    PoolExhausted,
    PoolOpened,
    PoolReplenished,
    RulesChanged,
    SampleDrawn,
    german_month,
)
from domain.quantities import BERLIN, OFFICE, Actor, Period, Rules, hours
from domain.registry import OfferRegistered, ProviderRegistered, Registrable, RegistrationEnded, WorkerRegistered


class About(NamedTuple):
    """What an event is about, in the words of people: names of pool and case, the booking's identifier, the provider.

    Only a finding and a registration may be about no single pool.
    """

    pool: str | None
    case: str | None
    booking: str | None
    provider: str | None


def trail_line(event: Recorded, about: About, opener: Opener | None) -> str:
    """The line of an event; stated reasons are read out only with an ``opener``."""
    when = clock(event.recorded_at)
    line = f"{when} – {person(event.actor)} {deed(event)} {_object(about)}."
    reasons = _reasons(event, opener)
    return " ".join(f"{line}{reasons} {_rule(event.data)}".split())  # texts of people may have lines of their own


# ── who and what

ROLES = {
    "worker": "Fachkraft",
    "lead": "Leitung",
    "officer": "Sachbearbeitung",
    "planner": "Jugendhilfeplanung",
    "auditor": "Rechnungsprüfung",
    "admin": "Administration",
}
KINDS = {"direct": "Kontaktzeit", "indirect": "fallspezifische Zeit", "travel": "Fahrzeit", "absence": "Ausfall"}
RETENTION_CLASSES: Mapping[PersonalClass, str] = {
    "identity": "Stammdaten",
    "file": "Fallakte",
    "voucher": "Leistungsnachweise und Bescheide",
}
GROUNDS: Mapping[Ground, str] = {
    "request": "auf Antrag der Person",
    "retention": "Frist abgelaufen",
    "order": "begründete Anordnung",
}
OUTCOMES = {
    "goal_reached": "Ziel erreicht",
    "passed_on": "an den ASD übergeben",
    "moved": "verzogen",
    "broken_off": "abgebrochen",
    "other": "Sonstiges",
}
CONCERNS = {
    "authorities": "Behörden",
    "housing": "Wohnen",
    "school": "Schule",
    "work": "Ausbildung/Arbeit",
    "finances": "Finanzen",
    "health": "Gesundheit",
    "residence": "Aufenthalt",
    "family": "Familie",
    "other": "Sonstiges",
}
_CAUSES = {"settlement": "Abrechnung", "reduction": "Kürzung", "reversal": "Storno", "correction": "Korrektur"}


def person(actor: Actor) -> str:
    """Who acted, in which role and for whom."""
    organisation = "Jugendamt" if actor.organisation == OFFICE else actor.organisation
    return f"{actor.subject} ({ROLES[actor.role]}, {organisation})"


def _object(about: About) -> str:
    parts = [f"Pool „{about.pool}“"] if about.pool is not None else ["über Pools hinweg"]
    if about.case is not None:
        parts.insert(0, f"Fall „{about.case}“")
    if about.booking is not None:
        parts.insert(0, f"Antrag {about.booking[:8]}")
    if about.provider is not None:
        parts.append(f"Träger {about.provider}")
    return f"[{', '.join(parts)}]"


def deed(event: Recorded) -> str:
    """What was done, as the rest of a sentence that begins with who did it; nothing personal stands in it."""
    data = event.data
    match data:
        case PoolOpened():
            return f"eröffnete den Stundenpool für {_period(data.period)} mit {hours(data.budget_minutes)}; {_rules(data.rules)}"
        case DemonstrationStarted():
            return (
                f"begann eine Demonstration (Startwert {data.seed}): Alles in diesem Protokoll ist erfunden, "
                f"die Uhr läuft ab {clock(data.clock)}"
            )
        case BudgetChanged():
            effective = f", wirksam ab {_date(data.effective_on)}" if data.effective_on else ""
            verb = "erhöhte" if data.change_minutes > 0 else "kürzte"
            return f"{verb} das Kontingent um {hours(abs(data.change_minutes))} nach Beschluss {data.resolution}{effective}"
        case RulesChanged():
            return f"änderte die Regeln des Pools: {_rules(data.rules)}"
        case HoursReserved():
            return f"band {hours(data.minutes)} aus dem Pool für die Bewilligung vom {clock(data.decided_at)}"
        case HoursReleased():
            return f"gab{_on(event, data.released_at)} {hours(data.minutes)} an den Pool zurück ({_CAUSES[data.because]})"
        case PoolExhausted():
            return "schöpfte den Pool damit aus; es ist weniger als eine Einheit frei"
        case PoolReplenished():
            return "machte damit im Pool wieder mindestens eine Einheit frei"
        case PlaceOffered():
            return "gab damit Stunden für den ersten Antrag der Warteliste frei"
        case MonthClosed():
            return f"schloss den Monat {german_month(data.month)} ab"
        case MonthReopened():
            return f"öffnete den Monat {german_month(data.month)} wieder"
        case ImportRecorded():
            return _import(data)
        case SampleDrawn():
            return _sample(data)
        case PoolClosed():
            return "schloss den Stundenpool ab"
        case CaseOpened():
            return (
                f"eröffnete den Fall{_on(event, data.opened_at)} (Stadtraum {data.district}, § {data.service_area}, "
                f"Anlass {CONCERNS[data.concern]})"
            )
        case CaseAmended():
            return f"stellte Stammdaten richtig ({_amended(data)})"
        case CaseTransferred():
            return f"übergab den Fall von Träger {data.from_provider} an Träger {data.provider}"
        case CaseClosed():
            return f"schloss den Fall ab, Verbleib: {OUTCOMES[data.outcome]}"
        case ErasureRequested():
            return (
                f"beantragte, Personenbezogenes zu löschen ({_classes(data.classes)}; {GROUNDS[data.ground]}); "
                "es ist eingeschränkt, und eine zweite Person muss zustimmen"
            )
        case ErasureWithdrawn():
            return "nahm den Antrag auf Löschung zurück"
        case LegalHoldSet():
            return "setzte eine Löschsperre"
        case LegalHoldLifted():
            return "hob die Löschsperre auf"
        case PersonalDataErased():
            asked = f"beantragt von {data.requested_by}" if data.requested_by else "nach dem Löschverzeichnis"
            return f"löschte Personenbezogenes ({_classes(data.classes)}; {GROUNDS[data.ground]}; {asked})"
        case ErasureConfirmed():
            return f"bestätigte, dass die Schlüssel vernichtet sind ({_classes(data.classes)})"
        case HoursRequested():
            return f"beantragte {hours(data.minutes)}{_decided(event, data.requested_by, data.requested_at)}"
        case RequestWaitlisted():
            priority = f" mit Vorrang {data.priority}" if data.priority is not None else ""
            return f"setzte den Antrag über {hours(data.minutes)} auf die Warteliste{priority}{_by(event, data.listed_by)}"
        case ApprovalProposed():
            return (
                f"schlug vor, {hours(data.minutes)} zu bewilligen{_decided(event, data.proposed_by, data.proposed_at)}; "
                "eine zweite Person muss zustimmen"
            )
        case HoursApproved():
            first = f", nach Zustimmung von {data.proposed_by}" if data.proposed_by else ""
            review = f", Überprüfung am {_date(data.review_on)}" if data.review_on else ""
            return f"bewilligte {hours(data.minutes)}{_decided(event, data.decided_by, data.decided_at)}{first}{review}"
        case RequestDeclined():
            return f"lehnte den Antrag ab{_decided(event, data.decided_by, data.decided_at)}"
        case RequestWithdrawn():
            return f"zog den Antrag zurück{_decided(event, data.withdrawn_by, data.withdrawn_at)}"
        case SessionLogged():
            facts = SessionFacts(data.starts_at, data.minutes, data.kind, data.worker)
            return f"erfasste einen Termin: {_session(facts)}{', verspätet' if data.late else ''}"
        case SessionCorrected():
            return f"korrigierte einen Termin: {_session(data.now)}; zuvor {_session(data.before)}"
        case SessionReversed():
            return f"stornierte einen Termin: {_session(data.before)}"
        case SessionConfirmed():
            return f"hielt die Bestätigung eines Termins fest ({data.method})"
        case GrantReduced():
            return f"kürzte die Bewilligung auf {hours(data.to_minutes)}"
        case BookingSettled():
            return f"rechnete die Bewilligung{_on(event, data.settled_at)} ab"
        case FindingOpened():
            return f"eröffnete {_finding(event)} ({_matter(data.matter)})"
        case FindingExplained():
            return f"nahm zu {_finding(event, 'der')} Stellung"
        case FindingConfirmed():
            return f"bestätigte {_finding(event)}"
        case FindingClosed():
            return f"schloss {_finding(event)} ab"
        case ProviderRegistered():
            return f"trug den Träger als „{data.name}“ ins Verzeichnis ein, gültig {_days(data.valid_from, data.valid_until)}"
        case OfferRegistered():
            return f"trug das Angebot „{data.offer}“ ins Verzeichnis ein, gültig {_days(data.valid_from, data.valid_until)}"
        case WorkerRegistered():
            return f"trug die Fachkraft {data.worker} ins Verzeichnis ein, gültig {_days(data.valid_from, data.valid_until)}"
        case RegistrationEnded():
            return _ended(data)
        case _:
            assert_never(data)


def _rules(rules: Rules) -> str:
    stated = [f"Einheit {rules.unit_minutes} Minuten"]
    if rules.case_cap_minutes is not None:
        stated.append(f"je Fall höchstens {hours(rules.case_cap_minutes)}")
    stated += [f"Stadtraum {name} höchstens {hours(quota)}" for name, quota in sorted(rules.district_quotas.items())]
    stated += [f"Träger {name} höchstens {hours(quota)}" for name, quota in sorted(rules.provider_quotas.items())]
    if rules.four_eyes_minutes is not None:
        stated.append(f"vier Augen über {hours(rules.four_eyes_minutes)}")
    if rules.session_max_minutes is not None:
        stated.append(f"Termine höchstens {hours(rules.session_max_minutes)}")
    if rules.late_entry_days is not None:
        stated.append(f"verspätet nach {rules.late_entry_days} Tagen")
    return ", ".join(stated)


def _import(data: ImportRecorded) -> str:
    what = "Anträge" if data.kind == "requests" else "Termine"
    refused = f"{len(data.refused)} abgewiesen"
    if data.refused:
        refused += f" ({', '.join(sorted({step.code for step in data.refused}))})"
    return (
        f"las eine Datei ein ({what}, SHA-256 {data.file_sha256[:12]}…): {data.read} Schritte gelesen, "
        f"{data.recorded} übernommen, {data.already_there} schon vorhanden, {refused}"
    )


def _sample(data: SampleDrawn) -> str:
    population = data.population
    limits = [f"Träger {population.provider}"] if population.provider is not None else []
    limits += [f"ab {_date(population.first_day)}"] if population.first_day else []
    limits += [f"bis {_date(population.last_day)}"] if population.last_day else []
    among = f" ({', '.join(limits)})" if limits else ""
    return (
        f"zog eine Stichprobe von {counted(len(data.sessions), 'Termin', 'Terminen')} aus {population.size}{among}, "
        f"Stand Position {population.position}, Startwert „{data.seed}“"
    )


def _amended(data: CaseAmended) -> str:
    changed = [
        f"{label} {value}"
        for label, value in (
            ("Angebot", data.offer),
            ("Stadtraum", data.district),
            ("Leistungsbereich §", data.service_area),
            ("Anlass", data.concern and CONCERNS[data.concern]),
        )
        if value is not None
    ]
    texts = (("Name", data.name), ("Geburtsjahr", data.birth_year), ("Kontakt", data.contact), ("Notizen", data.notes))
    return ", ".join([*changed, *(label for label, text in texts if text is not None)]) or "ohne Änderung"


def _finding(event: Recorded, article: str = "die") -> str:
    return f"{article} Feststellung {str(event.stream)[:8]}"


def _days(first: date, last: date | None) -> str:
    return f"ab {_date(first)}" if last is None else f"von {_date(first)} bis {_date(last)}"


_REGISTERED: Mapping[Registrable, str] = {
    "provider": "des Trägers als „{name}“",
    "offer": "des Angebots „{name}“",
    "worker": "der Fachkraft {name}",
}


def _ended(data: RegistrationEnded) -> str:
    what = f"die Eintragung {_REGISTERED[data.of].format(name=data.name)} ab {_date(data.valid_from)}"
    if data.valid_until < data.valid_from:
        return f"nahm {what} zurück: Sie galt an keinem Tag"
    return f"beendete {what} zum {_date(data.valid_until)}"


def _classes(classes: Sequence[PersonalClass]) -> str:
    return ", ".join(RETENTION_CLASSES[each] for each in classes)


def _matter(matter: Matter) -> str:
    if matter.rule is None:
        return "eigene Beobachtung"
    positions = named([str(position) for position in matter.positions], "weiteres", "weitere")
    return f"Regel {matter.rule}, Fassung {matter.rule_version}; Ereignisse {positions}"


def _session(facts: SessionFacts) -> str:
    worker = f", {facts.worker}" if facts.worker else ""
    return f"{clock(facts.starts_at)}, {hours(facts.minutes)} {KINDS[facts.kind]}{worker}"


NAMES: Mapping[type[Event], str] = {  # what kind of event it is, where there is no room for a sentence
    PoolOpened: "Stundenpool eröffnet",
    DemonstrationStarted: "Demonstration begonnen",
    BudgetChanged: "Kontingent geändert",
    RulesChanged: "Regeln geändert",
    HoursReserved: "Stunden reserviert",
    HoursReleased: "Stunden zurückgegeben",
    PoolExhausted: "Stundenpool erschöpft",
    PoolReplenished: "Stundenpool wieder aufgefüllt",
    PlaceOffered: "Platz der Warteliste angeboten",
    MonthClosed: "Monat abgeschlossen",
    MonthReopened: "Monat wieder geöffnet",
    ImportRecorded: "Datei übernommen",
    PoolClosed: "Stundenpool geschlossen",
    CaseOpened: "Fall eröffnet",
    CaseAmended: "Stammdaten berichtigt",
    CaseTransferred: "Fall übergeben",
    CaseClosed: "Fall geschlossen",
    ErasureRequested: "Löschung beantragt",
    ErasureWithdrawn: "Antrag auf Löschung zurückgenommen",
    LegalHoldSet: "Löschsperre gesetzt",
    LegalHoldLifted: "Löschsperre aufgehoben",
    PersonalDataErased: "Personenbezogenes gelöscht",
    ErasureConfirmed: "Löschung bestätigt",
    HoursRequested: "Stunden beantragt",
    RequestWaitlisted: "auf die Warteliste gesetzt",
    ApprovalProposed: "Bewilligung vorgeschlagen",
    HoursApproved: "Stunden bewilligt",
    RequestDeclined: "Antrag abgelehnt",
    RequestWithdrawn: "Antrag zurückgezogen",
    SessionLogged: "Termin erfasst",
    SessionCorrected: "Termin berichtigt",
    SessionReversed: "Termin storniert",
    SessionConfirmed: "Termin bestätigt",
    GrantReduced: "Bewilligung gekürzt",
    BookingSettled: "Antrag abgerechnet",
    FindingOpened: "Feststellung eröffnet",
    FindingExplained: "zur Feststellung Stellung genommen",
    FindingConfirmed: "Feststellung bestätigt",
    FindingClosed: "Feststellung abgeschlossen",
    SampleDrawn: "Stichprobe gezogen",
    ProviderRegistered: "Träger eingetragen",
    OfferRegistered: "Angebot eingetragen",
    WorkerRegistered: "Fachkraft eingetragen",
    RegistrationEnded: "Eintragung beendet",
}


def name_of(type: str) -> str:
    """What a type of events is called in German."""
    return NAMES[BY_NAME[type].cls]


# ── why

_REASONS = {
    "reason": "Grund",
    "overtaking_reason": "Grund des Vorziehens",
    "purpose": "Zweck",
    "note": "Vermerk",
    "explanation": "Stellungnahme",
}


def _reasons(event: Recorded, opener: Opener | None) -> str:
    """Every stated reason; without an ``opener`` only that there is one. The note of a session is no reason."""
    if isinstance(event.data, SessionLogged):
        return ""
    said = []
    for field, label in _REASONS.items():
        text = sealed_text(event, field) if hasattr(event.data, field) else None
        if text is not None:
            try:
                said.append(f"{label}: {text.open(opener)}" if opener else f"{label}: (vertraulich)")
            except KeyErased:
                said.append(f"{label}: (gelöscht)")
            except KeyMissing:
                said.append(f"{label}: (unlesbar, der Schlüssel fehlt)")
            except Restricted:
                said.append(f"{label}: (eingeschränkt)")
            except SealBroken:
                said.append(f"{label}: (unlesbar, das Siegel ist verletzt)")
    return "".join(f" {reason}." for reason in said)


# ── under which rule


def _rule(data: Event) -> str:
    """The rules that the decision stands on; events that only record something stand on none."""
    match data:
        case PoolOpened() | RulesChanged():
            return "Grundlage: Beschluss des Ausschusses."
        case BudgetChanged():
            return "Regel 5: Das Kontingent sinkt nie unter das, was vergeben ist."
        case HoursReserved():
            return "Regeln 1 bis 3: Kontingent, Fallgrenze und Quoten reichen."
        case HoursReleased():
            return f"Regel {18 if data.because == 'reduction' else 15}: Nicht genutzte Stunden gehen zurück."
        case PoolExhausted() | PoolReplenished():
            return "Ausgeschöpft ist ein Pool, wenn weniger als eine Einheit frei ist."
        case PlaceOffered():
            return "Regel 20: Angeboten wird dem Ersten der Warteliste, sobald sein Antrag passt."
        case MonthClosed() | MonthReopened():
            return "Regel 7: Ein abgeschlossener Monat nimmt nichts auf, bis er mit Begründung geöffnet wird."
        case PoolClosed():
            return "Regel 22: Alles ist abgerechnet, die Summen gehen auf."
        case CaseClosed() | CaseTransferred():
            return "Regel 21: Bewilligungen sind abgerechnet, offene Anträge zurückgezogen."
        case HoursRequested():
            return "Regeln 4 und 9: Antrag im Zeitraum, vom Träger des offenen Falls."
        case RequestWaitlisted():
            return "Regel 19: Vorrang vor Zeitpunkt des Antrags."
        case ApprovalProposed():
            return "Regel 6: Vier Augen; gebunden ist noch nichts."
        case HoursApproved():
            return _approval_rules(data)
        case RequestDeclined():
            return "Regel 11: Eine Ablehnung hat einen Grund."
        case SessionLogged():
            return "Regeln 4, 7, 12, 13, 15 bis 17: im Zeitraum, Monat offen, innerhalb der Bewilligung."
        case SessionCorrected() | SessionReversed():
            return "Regel 14: Der frühere Stand bleibt erhalten."
        case GrantReduced():
            return "Regel 18: Gekürzt wird höchstens bis zum Genutzten."
        case BookingSettled():
            return "Regel 15: Nach der Abrechnung kommt nichts Neues hinzu."
        case DemonstrationStarted() | ImportRecorded() | SampleDrawn() | CaseOpened() | CaseAmended():
            return ""
        case ErasureRequested() | PersonalDataErased():
            return "Löschen braucht zwei Personen, und das Ende der Frist oder eine begründete Anordnung."
        case ErasureWithdrawn() | LegalHoldSet() | LegalHoldLifted() | ErasureConfirmed():
            return ""
        case RequestWithdrawn() | SessionConfirmed():
            return ""
        case FindingOpened() | FindingExplained() | FindingConfirmed() | FindingClosed():
            return ""
        case ProviderRegistered() | OfferRegistered() | WorkerRegistered() | RegistrationEnded():
            return ""
        case _:
            assert_never(data)


def _approval_rules(data: HoursApproved) -> str:
    rules = ["Regeln 1 bis 4, 10, 11: im Rahmen, nicht selbst beantragt, höchstens wie beantragt."]
    if data.proposed_by:
        rules.append("Regel 6: Zwei Personen haben zugestimmt.")
    if data.overtaking_reason_given:
        rules.append("Regel 20: Das Vorziehen ist begründet.")
    return " ".join(rules)


# ── how people write


def clock(instant: datetime) -> str:
    """An instant in Europe/Berlin."""
    return f"{instant.astimezone(BERLIN):%d.%m.%Y, %H:%M} Uhr"


def _date(day: date) -> str:
    return f"{day:%d.%m.%Y}"


def _period(period: Period) -> str:
    return f"{_date(period.start)} bis {_date(period.end)}"


def _decided(event: Recorded, person: str, instant: datetime) -> str:
    """When and by whom, where the recording does not say it already: history that was taken in later."""
    return f"{_on(event, instant)}{_by(event, person)}"


def _on(event: Recorded, instant: datetime) -> str:
    return "" if instant == event.recorded_at else f" am {clock(instant)}"


def _by(event: Recorded, person: str) -> str:
    return "" if person == event.actor.subject else f" durch {person}"
