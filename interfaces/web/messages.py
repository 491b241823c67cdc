"""Everything that the pages say, in one place: another language is another mapping with the same keys.

A message may have ``{facts}``. Where it counts something it has two forms, ``….one`` and ``….other``.
"""

from collections.abc import Mapping
from typing import Any

GERMAN: Mapping[str, str] = {
    "language": "de",
    "product": "Stundenpool",
    "title": "{page} – Stundenpool",
    "skip": "Zum Inhalt springen",
    "none": "–",
    # who is signed in
    "role.worker": "Fachkraft",
    "role.lead": "Leitung",
    "role.officer": "Sachbearbeitung",
    "role.planner": "Jugendhilfeplanung",
    "role.auditor": "Rechnungsprüfung",
    "role.admin": "Administration",
    "office": "Jugendamt",
    "person": "{role}, {organisation}",
    "sign_out": "Abmelden",
    # signing in
    "sign_in.heading": "Anmelden",
    "sign_in.explanation": "Melden Sie sich mit Ihrem Zugangstoken an. Sie haben es von der Administration erhalten.",
    "sign_in.token": "Zugangstoken",
    "sign_in.hint": "Eine Zeichenfolge aus 43 Buchstaben, Ziffern, Binde- und Unterstrichen",
    "sign_in.submit": "Anmelden",
    "sign_in.wrong.title": "Die Anmeldung ist nicht gelungen",
    "sign_in.wrong": "Dieses Zugangstoken gilt nicht. Bitte prüfen Sie, ob es vollständig ist; vielleicht ist es auch abgelaufen.",
    "sign_in.error": "Fehler:",
    # when something is wrong
    "problem.back": "Zur Übersicht",
    "problem.foreign_origin": "Das Formular kam nicht von dieser Seite. Bitte laden Sie sie neu und versuchen Sie es noch einmal.",
    "problem.foreign_origin.title": "Nicht angenommen",
    # the page
    "demonstration.title": "Demonstration:",
    "demonstration": "alle Personen, Träger und Zahlen dieses Pools sind erfunden; auch die Uhr ist gestellt.",
    "pool.choose": "Stundenpool",
    "pool.show": "Anzeigen",
    "pool.period": "{start} bis {end}",
    "pool.closed": "abgeschlossen",
    "pool.exhausted": "ausgeschöpft",
    "as_of": "Stand: {moment}",
    "position": "Position {position} im Protokoll",
    "no_pool.title": "Noch kein Stundenpool",
    "no_pool": "Sobald die Sachbearbeitung einen Stundenpool eröffnet hat, steht er hier.",
    "no_figures.title": "Keine Einsicht in Stundenpools",
    "no_figures": "Die Administration verwaltet Konten, Schlüssel und Einstellungen. Stunden, Anträge und Fälle sieht sie nicht.",
    # at a glance
    "glance.heading": "Auf einen Blick",
    "budget": "Kontingent",
    "available": "verfügbar",
    "reserved": "reserviert",
    "consumed": "geleistet",
    "released": "zurückgegeben",
    "granted": "bewilligt",
    "available.of": "von",
    "available.meaning": "noch nicht vergeben",
    "reserved.meaning": "bewilligt, noch nicht geleistet",
    "consumed.meaning": "in erfassten Terminen",
    "released.meaning": "bewilligt, nicht gebraucht, wieder frei",
    "own.heading": "Davon Ihr Träger: {provider}",
    "quota.of": "von {quota} Quote",
    "bar.alternative": "Vom Kontingent sind {consumed} geleistet, {reserved} reserviert und {available} verfügbar.",
    "share": "{percent}\N{NO-BREAK SPACE}%",
    "glance.traced": "Jede Zahl führt zu den Einträgen des Protokolls, deren Summe sie ist.",
    # where a figure comes from
    "trace.heading": "Woher diese Zahl kommt",
    "trace.until": "bis {day}",
    "trace.entries": "Einträge im Protokoll",
    "trace.explanation": "Die zuletzt verzeichneten stehen oben; jeder hat im Protokoll diese Nummer.",
    "trace.formula.budget": "Summe aller Beschlüsse über das Kontingent.",
    "trace.formula.granted": "Summe aller Bewilligungen.",
    "trace.formula.released": "Summe aller Rückgaben.",
    "trace.formula.consumed": "Summe aller Termine mit ihren Korrekturen und Stornos.",
    "trace.formula.reserved": "Bewilligt, weniger zurückgegeben, weniger geleistet.",
    "trace.formula.available": "Kontingent, weniger bewilligt, zuzüglich zurückgegeben.",
    "trace.caption": "Bewegungen, aus denen die Zahl entsteht",
    "trace.number": "Eintrag",
    "trace.day": "wirksam am",
    "trace.kind": "Vorgang",
    "trace.hours": "Stunden",
    "trace.rest.older": "Frühere Einträge",
    "trace.rest.others": "Andere Träger und frühere Einträge",
    # forecast
    "forecast.closed": "Der Pool ist abgeschlossen.",
    "forecast.over": "Der Zeitraum ist am {end} zu Ende gegangen.",
    "forecast.ahead": "Der Zeitraum beginnt am {start}.",
    "forecast.exhausted": "Der Pool ist ausgeschöpft: Es ist weniger als eine Einheit von {unit} Minuten verfügbar.",
    "forecast.early": "Für eine Prognose ist es zu früh: Sie braucht mindestens drei volle Wochen mit Bewilligungen.",
    "forecast.endless": "Bei dem, was zuletzt bewilligt wurde, ist kein Ende absehbar.",
    "forecast.expected": "Voraussichtlich ausgeschöpft am {day} ({range}).",
    "forecast.beyond": "Reicht voraussichtlich über das Ende des Zeitraums am {end} hinaus; rechnerisch bis {day} ({range}).",
    "forecast.between": "zwischen {earliest} und {latest}",
    "forecast.earliest": "frühestens {earliest}",
    "forecast.basis": "Grundlage: im Mittel {rate} je Woche, netto bewilligt in den letzten {weeks} Wochen.",
    # over time
    "months.heading": "Im Zeitverlauf",
    "months.explanation": "Stunden am Ende jedes Monats, zuletzt heute. Die Säule reicht bis zum Kontingent.",
    "months.explanation.ended": "Stunden am Ende jedes Monats. Die Säule reicht bis zum Kontingent.",
    "months.alternative": "Säulen von {first} bis {last}: geleistet, reserviert und verfügbar. Alle Werte stehen in der Tabelle.",
    "months.table": "Werte als Tabelle",
    "months.caption": "Stand des Pools am Ende jedes Monats",
    "months.none": "Noch ist kein Monat begonnen.",
    "month": "Monat",
    # by district
    "districts.heading": "Nach Stadtraum",
    "districts.heading.own": "Nach Stadtraum – Ihr Träger",
    "districts.caption": "Bewilligte und geleistete Stunden nach Stadtraum",
    "districts.caption.own": "Stunden von {provider} nach Stadtraum",
    "districts.none": "Noch sind keine Stunden bewilligt.",
    "district": "Stadtraum",
    "total": "Zusammen",
    # waiting
    "waiting.heading": "Wartet auf Entscheidung",
    "waiting.heading.own": "Ihre offenen Anträge",
    "waiting.sum.one": "1 Antrag über {hours}",
    "waiting.sum.other": "{count} Anträge über zusammen {hours}",
    "waiting.oldest": "– die {shown} ältesten:",
    "waiting.caption": "Offene Anträge, die ältesten zuerst",
    "waiting.none": "Es wartet kein Antrag.",
    "reference": "Fall",
    "provider": "Träger",
    "requested": "beantragt",
    "since": "seit",
    "state": "Stand",
    "state.requested": "neu",
    "state.awaiting_second": "zweite Zustimmung nötig",
    "state.waitlisted": "auf der Warteliste",
    "days.one": "1\N{NO-BREAK SPACE}Tag",
    "days.other": "{count}\N{NO-BREAK SPACE}Tage",
    "days.zero": "heute",
    # audit trail
    "trail.heading": "Zuletzt im Prüfpfad",
    "trail.explanation": "Begründungen und Namen bleiben verschlossen; wer sie liest, wird festgehalten.",
    "trail.number": "Nr. {position}",
    "trail.subject": "Fall {reference} · {provider}",
    "trail.findings": "Feststellungen zu diesem Pool",
    # findings
    "findings.heading": "Feststellungen",
    "findings.explanation": (
        "Eine Feststellung ist kein Vorwurf, sondern ein Anlass hinzusehen. Was einmal eröffnet wurde, bleibt stehen, auch wenn "
        "eine Korrektur es beendet hat."
    ),
    "findings.filter": "Nach Stand",
    "findings.filter.all": "alle",
    "findings.filter.open": "eröffnet",
    "findings.filter.explained": "mit Stellungnahme",
    "findings.filter.confirmed": "bestätigt",
    "findings.filter.closed": "abgeschlossen",
    "findings.caption": "Feststellungen mit Regel, Belegen und Stand der Bearbeitung",
    "findings.rule": "Regel",
    "findings.sentence": "Feststellung",
    "findings.events": "Ereignisse",
    "findings.source": "Quelle",
    "findings.raised": "von einer Person festgestellt",
    "findings.sealed": "Der Wortlaut ist verschlossen; wer ihn liest, wird festgehalten.",
    "findings.ended": "Gilt nicht mehr.",
    "findings.state.none": "nicht eröffnet",
    "findings.state.open": "eröffnet",
    "findings.state.explained": "Stellungnahme liegt vor",
    "findings.state.confirmed": "bestätigt",
    "findings.state.closed": "abgeschlossen",
    "findings.explanations.one": "1 Stellungnahme",
    "findings.explanations.other": "{count} Stellungnahmen",
    "findings.none": "Hier steht keine Feststellung.",
    "findings.more": "Weitere Feststellungen",
    # below
    "footer.docs": "Programmierschnittstelle",
}


def message(key: str, **facts: Any) -> str:
    """The text of this key with its facts; an unknown key is a mistake in the program."""
    return GERMAN[key].format(**facts)


def counted(key: str, count: int, **facts: Any) -> str:
    """The form of a message for so many."""
    return message(f"{key}.{'one' if count == 1 else 'other'}", count=count, **facts)
