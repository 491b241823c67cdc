"""The tables of a pool for audit software, and what their columns mean.

Names have no umlauts, which some audit software still spoils; descriptions have.
"""

from application.projections.trail_lines import CONCERNS, KINDS, OUTCOMES, ROLES
from interfaces.exports.gdpdu import Column, Reference, Table


def _moment(name: str, description: str) -> tuple[Column, Column]:
    """There is no type for instants: a date, and the time of day as a text with its offset, so that no instant is lost."""
    return (
        Column(f"{name}_am", f"{description}: Tag in Europe/Berlin", "date"),
        Column(f"{name}_um", f"{description}: Uhrzeit in Europe/Berlin mit Abstand zu UTC"),
    )


def _minutes(name: str, description: str) -> Column:
    return Column(f"{name}_Minuten", f"{description}, in Minuten", "number")


def _whether(name: str, description: str) -> Column:
    return Column(name, f"{description}: ja oder nein")


_POOL = Column("Pool", "Kennung des Stundenpools")
_CASE = Column("Fall", "Kennung des Falls")
_BOOKING = Column("Antrag", "Kennung des Antrags")
_SESSION = Column("Termin", "Kennung des Termins")
_FINDING = Column("Feststellung", "Kennung der Feststellung")
_POSITION = Column("Position", "Position des Ereignisses im Protokoll", "number")
_LAST_POSITION = Column("Letzte_Position", "Position des letzten Ereignisses, das daran etwas änderte", "number")
_PROVIDER = Column("Traeger", "Träger der Jugendhilfe")
_DISTRICT = Column("Stadtraum", "Stadtraum")
_PERSON = Column("Person", "Wer es aufzeichnete, pseudonyme Kennung")
_REASON = _whether("Begruendet", "Grund angegeben")
_RECORDED = _moment("Aufgezeichnet", "Aufzeichnung im Protokoll")

_TO_POOL = Reference("Pool", "Stundenpools", "Pool")
_TO_CASE = Reference("Fall", "Faelle", "Fall")
_TO_BOOKING = Reference("Antrag", "Antraege", "Antrag")
_TO_SESSION = Reference("Termin", "Termine", "Termin")
_TO_TRAIL = Reference("Position", "Pruefpfad", "Position")
_LAST_TO_TRAIL = Reference("Letzte_Position", "Pruefpfad", "Position")
_TO_PROVIDER = Reference("Traeger", "Traeger", "Traeger")

_STATES = {
    "requested": "beantragt",
    "awaiting_second": "wartet auf zweite Zustimmung",
    "waitlisted": "auf der Warteliste",
    "approved": "bewilligt",
    "declined": "abgelehnt",
    "withdrawn": "zurückgezogen",
    "settled": "abgerechnet",
}
_SESSION_STATES = {"logged": "erfasst", "corrected": "korrigiert", "reversed": "storniert"}
_DECISIONS = {
    "request-waitlisted": "auf die Warteliste gesetzt",
    "approval-proposed": "Bewilligung vorgeschlagen",
    "hours-approved": "bewilligt",
    "request-declined": "abgelehnt",
    "request-withdrawn": "zurückgezogen",
    "grant-reduced": "Bewilligung gekürzt",
    "booking-settled": "abgerechnet",
}
_CORRECTIONS = {"session-corrected": "Korrektur", "session-reversed": "Storno"}
_MOVEMENTS = {"budget": "Kontingent", "granted": "bewilligt", "released": "zurückgegeben", "consumed": "geleistet"}
_REGISTERED = {"provider": "Name des Trägers", "offer": "Angebot", "worker": "Fachkraft"}
_LEVELS = {"pool": "ganzer Pool", "provider": "Träger", "district": "Stadtraum", "month": "Monat"}

POOLS = Table(
    "pools.csv",
    "Stundenpools",
    "Der Stundenpool mit seinen Regeln, wie sie zuletzt galten; eine leere Regel gilt nicht",
    [_POOL],
    [
        _POSITION,
        _LAST_POSITION,
        Column("Bezeichnung", "Name des Stundenpools"),
        Column("Beginn", "Erster Tag des Zeitraums", "date"),
        Column("Ende", "Letzter Tag des Zeitraums", "date"),
        _minutes("Einheit", "Kleinste Einheit"),
        _minutes("Fallgrenze", "Höchstens für einen Fall"),
        _minutes("Vier_Augen_ueber", "Bewilligungen darüber brauchen zwei Personen"),
        _minutes("Termin_hoechstens", "Höchstens für einen Termin"),
        Column("Verspaetet_nach_Tagen", "Erfassung später als so viele Tage nach dem Termin gilt als verspätet", "number"),
        Column("Abgeschlossene_Monate", "Leistungsmonate, die nichts mehr aufnehmen, als JJJJ-MM mit Leerzeichen dazwischen"),
        _whether("Ausgeschoepft", "Weniger als eine Einheit verfügbar"),
        _whether("Abgeschlossen", "Pool abgeschlossen"),
        _whether("Demonstration", "Alles in diesem Pool ist erfunden"),
    ],
    [_TO_TRAIL, _LAST_TO_TRAIL],
)
QUOTAS = Table(
    "quotas.csv",
    "Quoten",
    "Höchste Anteile einzelner Stadträume und Träger, wie sie zuletzt galten",
    [
        _POOL,
        Column("Ebene", "Wofür die Quote gilt", codes={key: _LEVELS[key] for key in ("district", "provider")}),
        Column("Schluessel", "Name des Stadtraums oder Trägers"),
    ],
    [_POSITION, Column("Minuten", "Höchstens so viele Minuten", "number")],
    [_TO_POOL, _TO_TRAIL],
)
BUDGET = Table(
    "budget.csv",
    "Kontingent",
    "Das Kontingent bei der Eröffnung und jede Änderung; die Summe ist das Kontingent",
    [_POSITION],
    [
        _POOL,
        Column("Minuten", "Änderung in Minuten, mit Vorzeichen", "number"),
        Column("Beschluss", "Beschluss des Ausschusses"),
        Column("Wirksam_am", "Tag, ab dem die Änderung wirkt", "date"),
        *_RECORDED,
    ],
    [_TO_TRAIL, _TO_POOL],
)
PROVIDERS = Table(
    "providers.csv",
    "Traeger",
    "Die Träger, die Ereignisse des Pools nennen",
    [_PROVIDER],
    [
        Column("Position", "Position des Ereignisses im Protokoll, das ihn in diesem Pool zuerst nennt", "number"),
        _whether("Eingetragen", "Im Verzeichnis der Träger eingetragen"),
    ],
    [_TO_TRAIL],
)
REGISTRATIONS = Table(
    "registrations.csv",
    "Eintragungen",
    "Was im Verzeichnis der Träger über sie steht: wie sie heißen, ihre Angebote und Fachkräfte, und von wann bis wann",
    [
        _PROVIDER,
        Column("Art", "Was eingetragen ist", codes=_REGISTERED),
        Column("Bezeichnung", "Name des Trägers, Angebot, oder Kennung der Fachkraft, unter der sie in Terminen steht"),
        Column("Gueltig_ab", "Erster Tag", "date"),
    ],
    [Column("Gueltig_bis", "Letzter Tag; leer, wo keiner feststeht", "date"), _POSITION],
    [_TO_PROVIDER, _TO_TRAIL],
)
CASES = Table(
    "cases.csv",
    "Faelle",
    "Fälle, wie sie zuletzt standen, ohne personenbezogene Angaben",
    [_CASE],
    [
        _POOL,
        _POSITION,
        _LAST_POSITION,
        Column("Kennzeichen", "Pseudonymes Kennzeichen des Falls"),
        _PROVIDER,
        Column("Angebot", "Einrichtung oder Projekt des Trägers"),
        _DISTRICT,
        Column("Leistungsbereich", "Paragraf des SGB VIII"),
        Column("Anlass", "Anlass der Begleitung", codes=CONCERNS),
        *_moment("Eroeffnet", "Eröffnung des Falls"),
        Column("Verbleib", "Wie der Fall endete; leer, solange er offen ist", codes=OUTCOMES),
        _whether("Geloescht", "Personenbezogene Angaben gelöscht"),
    ],
    [_TO_POOL, _TO_PROVIDER, _TO_TRAIL, _LAST_TO_TRAIL],
)
BOOKINGS = Table(
    "bookings.csv",
    "Antraege",
    "Stundenanträge und was aus ihnen wurde",
    [_BOOKING],
    [
        _POOL,
        _CASE,
        _POSITION,
        _LAST_POSITION,
        _PROVIDER,
        _DISTRICT,
        Column("Zustand", "Zustand des Antrags", codes=_STATES),
        _minutes("Beantragt", "Beantragt"),
        _minutes("Vorgeschlagen", "Von der ersten Person vorgeschlagen, solange die zweite fehlt"),
        _minutes("Bewilligt", "Bewilligt"),
        _minutes("Geleistet", "Geleistet"),
        _minutes("Zurueckgegeben", "An den Pool zurückgegeben"),
        *_moment("Beantragt", "Antrag"),
        Column("Beantragt_durch", "Wer beantragte, pseudonyme Kennung"),
        _whether("Zweck_angegeben", "Zweck angegeben"),
    ],
    [_TO_POOL, _TO_CASE, _TO_PROVIDER, _TO_TRAIL, _LAST_TO_TRAIL],
)
SESSIONS = Table(
    "sessions.csv",
    "Termine",
    "Leistungsnachweise, wie sie zuletzt standen; was vorher dastand, sagen die Korrekturen",
    [_SESSION],
    [
        _BOOKING,
        _CASE,
        _POSITION,
        _PROVIDER,
        *_moment("Beginn", "Beginn des Termins"),
        Column("Minuten", "Dauer in Minuten; Storniertes zählt nicht", "number"),
        Column("Art", "Art der Leistung", codes=KINDS),
        Column("Fachkraft", "Wer leistete, pseudonyme Kennung; leer, wo niemand genannt ist"),
        Column("Zustand", "Zustand des Termins", codes=_SESSION_STATES),
        _whether("Bestaetigt", "Bestätigt"),
        _whether("Verspaetet", "Verspätet erfasst"),
        _whether("Vermerk_angegeben", "Vermerk vorhanden"),
    ],
    [_TO_BOOKING, _TO_CASE, _TO_PROVIDER, _TO_TRAIL],
)
DECISIONS = Table(
    "decisions.csv",
    "Entscheidungen",
    "Jede Entscheidung über einen Antrag",
    [_POSITION],
    [
        _BOOKING,
        _CASE,
        _PROVIDER,
        Column("Art", "Was entschieden wurde", codes=_DECISIONS),
        Column("Minuten", "Minuten: beantragt, vorgeschlagen oder bewilligt; bei einer Kürzung, was bewilligt bleibt", "number"),
        *_moment("Entschieden", "Entscheidung"),
        Column("Entschieden_durch", "Wer entschied, pseudonyme Kennung"),
        Column("Vorgeschlagen_durch", "Die erste von zwei Personen, pseudonyme Kennung"),
        Column("Ueberpruefung_am", "Tag, an dem die Bewilligung überprüft wird", "date"),
        Column("Vorrang", "Vorrang auf der Warteliste; 1 ist der höchste", "number"),
        _REASON,
        _whether("Vorziehen_begruendet", "Grund angegeben, warum andere der Warteliste überholt wurden"),
    ],
    [_TO_TRAIL, _TO_BOOKING, _TO_CASE, _TO_PROVIDER],
)
CORRECTIONS = Table(
    "corrections.csv",
    "Korrekturen",
    "Korrekturen und Stornos von Terminen: was vorher galt und was seither gilt; nach einem Storno gilt nichts",
    [_POSITION],
    [
        _SESSION,
        _BOOKING,
        _CASE,
        _PROVIDER,
        Column("Art", "Korrektur oder Storno", codes=_CORRECTIONS),
        *_moment("Vorher_Beginn", "Beginn, der vorher galt"),
        _minutes("Vorher", "Dauer, die vorher galt"),
        Column("Vorher_Art", "Art der Leistung, die vorher galt", codes=KINDS),
        Column("Vorher_Fachkraft", "Fachkraft, die vorher galt, pseudonyme Kennung"),
        *_moment("Nachher_Beginn", "Beginn, der seither gilt"),
        _minutes("Nachher", "Dauer, die seither gilt"),
        Column("Nachher_Art", "Art der Leistung, die seither gilt", codes=KINDS),
        Column("Nachher_Fachkraft", "Fachkraft, die seither gilt, pseudonyme Kennung"),
        *_RECORDED,
        _PERSON,
        _REASON,
    ],
    [_TO_TRAIL, _TO_SESSION, _TO_BOOKING, _TO_CASE, _TO_PROVIDER],
)
CONFIRMATIONS = Table(
    "confirmations.csv",
    "Bestaetigungen",
    "Bestätigungen von Terminen durch Klientin, Klient oder Familie",
    [_POSITION],
    [
        _SESSION,
        _BOOKING,
        _CASE,
        _PROVIDER,
        Column("Weg", "Wie bestätigt wurde"),
        _whether("Durch_angegeben", "Festgehalten, wer bestätigte"),
        *_RECORDED,
        _PERSON,
    ],
    [_TO_TRAIL, _TO_SESSION, _TO_BOOKING, _TO_CASE, _TO_PROVIDER],
)
MOVEMENTS = Table(
    "movements.csv",
    "Bewegungen",
    "Jede Bewegung von Minuten, wirksam an einem Tag und bekannt seit einer Position; jeder Saldo ist eine Summe von ihnen",
    [_POSITION, Column("Teil", "0, und 1 für die zweite Bewegung desselben Ereignisses", "number")],
    [
        _POOL,
        _BOOKING,
        _CASE,
        _PROVIDER,
        _DISTRICT,
        Column("Art", "Was sich bewegte", codes=_MOVEMENTS),
        Column("Minuten", "Bewegung in Minuten, mit Vorzeichen", "number"),
        *_moment("Wirksam", "Zeitpunkt, an dem es wirkt"),
    ],
    [_TO_TRAIL, _TO_POOL, _TO_BOOKING, _TO_CASE, _TO_PROVIDER],
)
BALANCES = Table(
    "balances.csv",
    "Salden",
    "Summen der Bewegungen, im Ganzen und nach Träger, Stadtraum und Monat; jede Ebene enthält alles noch einmal",
    [
        _POOL,
        Column("Ebene", "Wonach aufgeteilt ist", codes=_LEVELS),
        Column("Schluessel", "Träger, Stadtraum oder Monat als JJJJ-MM; beim ganzen Pool seine Kennung"),
    ],
    [
        Column("Letzte_Position", "Position der letzten Bewegung in dieser Summe", "number"),
        _minutes("Kontingent", "Kontingent; nur beim ganzen Pool"),
        _minutes("Bewilligt", "Bewilligt"),
        _minutes("Reserviert", "Bewilligt, weder geleistet noch zurückgegeben; bei Monaten, was an ihrem Ende stand"),
        _minutes("Geleistet", "Geleistet"),
        _minutes("Zurueckgegeben", "An den Pool zurückgegeben"),
        _minutes("Verfuegbar", "Verfügbar; nur beim ganzen Pool"),
    ],
    [_TO_POOL, _LAST_TO_TRAIL],
)
AUDIT_TRAIL = Table(
    "audit_trail.csv",
    "Pruefpfad",
    "Jedes Ereignis des Pools und jede Eintragung seiner Träger in einer Zeile: wer was wann tat, und nach welcher Regel",
    [_POSITION],
    [
        *_RECORDED,
        Column("Ereignis", "Name des Ereignisses"),
        Column("Strom", "Kennung des Pools, Falls, Antrags, Trägers oder der Feststellung, zu der das Ereignis gehört"),
        Column("Nummer", "Nummer des Ereignisses in seinem Strom, lückenlos ab 1", "number"),
        Column("Pool", "Kennung des Stundenpools; leer bei Eintragungen, die für alle gelten"),
        _CASE,
        _BOOKING,
        _PROVIDER,
        _PERSON,
        Column("Rolle", "Rolle der Person", codes=ROLES),
        Column("Stelle", "Träger oder Stelle, für die sie handelte"),
        Column("Folge_von", "Position des Ereignisses derselben Entscheidung, aus dem dieses folgt", "number"),
        Column("Zeile", "Das Ereignis in Worten; Gründe sind als vertraulich bezeichnet"),
    ],
    [_TO_POOL, _TO_CASE, _TO_BOOKING, _TO_PROVIDER, Reference("Folge_von", "Pruefpfad", "Position")],
)
FINDINGS = Table(
    "findings.csv",
    "Feststellungen",
    "Was die Regeln auffällig finden; kein Vorwurf, sondern ein Anlass hinzusehen",
    [_FINDING],
    [
        Column("Position", "Position des letzten Ereignisses, auf dem sie beruht", "number"),
        Column("Regel", "Kurzname der Regel; leer, wo ein Mensch sie erhoben hat"),
        Column("Titel", "Name der Regel"),
        Column("Gruppe", "Nummer der Gruppe von Regeln", "number"),
        Column("Fassung", "Fassung der Regel", "number"),
        Column("Quelle", "Woher die Regel kommt"),
        Column("Pool", "Kennung des Stundenpools; leer, wo mehrere betroffen sein können"),
        _CASE,
        _BOOKING,
        Column("Fachkraft", "Pseudonyme Kennung, wo es um genau eine geht"),
        _PROVIDER,
        Column("Satz", "Was auffällt"),
        Column("Bearbeitung", "Wie weit sie bearbeitet ist, und ob sie noch gilt"),
    ],
    [_TO_POOL, _TO_CASE, _TO_BOOKING],
)
EVIDENCE = Table(
    "evidence.csv",
    "Belege",
    "Die Ereignisse, auf denen Feststellungen beruhen; einzelne können in einem anderen Pool liegen und fehlen dann im Prüfpfad",
    [_FINDING, _POSITION],
    [],
    [Reference("Feststellung", "Feststellungen", "Feststellung")],
)

TABLES = (
    *(POOLS, QUOTAS, BUDGET, PROVIDERS, REGISTRATIONS, CASES, BOOKINGS, SESSIONS, DECISIONS, CORRECTIONS, CONFIRMATIONS),
    *(MOVEMENTS, BALANCES, AUDIT_TRAIL, FINDINGS, EVIDENCE),
)
