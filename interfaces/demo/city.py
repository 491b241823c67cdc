"""The city of the demonstration. Places, providers and people are invented; telephone numbers are those kept free for fiction."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from domain.quantities import Actor, Concern, Kind, Outcome, ServiceArea
from interfaces.identity.people import OFFICE

DISTRICTS = (
    "Altstadt-West",
    "Auenviertel",
    "Gartenstadt",
    "Hafenquartier",
    "Lindenberg",
    "Mühlgrund",
    "Neustadt-Ost",
    "Nordhöhe",
    "Südhang",
    "Weberviertel",
)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider with its offers and where it works; ``workers`` is how many accompany, ``share`` how many cases it has."""

    id: str
    offers: tuple[str, ...]
    districts: tuple[str, ...]
    areas: tuple[ServiceArea, ...]
    concerns: tuple[Concern, ...]
    workers: int
    share: int

    @property
    def lead(self) -> Actor:
        return Actor(f"leitung-{self.id.lower()}", "lead", self.id)

    def worker(self, number: int) -> Actor:
        return Actor(f"fk-{self.id.lower()}-{number:02}", "worker", self.id)


PROVIDERS = (
    Provider(
        "Wegwarte",
        ("Jugendtreff Wegwarte", "Mobile Jugendarbeit West"),
        ("Altstadt-West", "Hafenquartier"),
        ("11", "11", "13"),
        ("authorities", "housing", "school", "work", "family"),
        8,
        16,
    ),
    Provider(
        "Kompass",
        ("Jugendberatung Kompass", "Übergang Schule–Beruf"),
        ("Neustadt-Ost", "Nordhöhe", "Lindenberg"),
        ("13", "13", "13a"),
        ("work", "work", "school", "finances", "authorities"),
        8,
        15,
    ),
    Provider(
        "Brückenschlag",
        ("Familienzentrum Brücke", "Elterncafé"),
        ("Gartenstadt", "Mühlgrund"),
        ("16", "16", "11"),
        ("family", "family", "health", "authorities", "finances"),
        7,
        13,
    ),
    Provider(
        "Lotsenhaus",
        ("Migrationsberatung Jugend", "Lernwerkstatt"),
        ("Hafenquartier", "Weberviertel", "Neustadt-Ost"),
        ("13", "11"),
        ("residence", "residence", "authorities", "housing", "school"),
        6,
        12,
    ),
    Provider(
        "Schulterschluss",
        ("Schulsozialarbeit Oberschule", "Lerntreff"),
        ("Südhang", "Lindenberg"),
        ("13a", "13a", "13"),
        ("school", "school", "family", "health"),
        6,
        11,
    ),
    Provider(
        "Kiezlotsen",
        ("Streetwork Süd", "Anlaufstelle am Markt"),
        ("Südhang", "Weberviertel"),
        ("13", "11"),
        ("housing", "housing", "finances", "authorities", "health"),
        5,
        9,
    ),
    Provider(
        "Nestwerk",
        ("Kinder- und Familienhaus", "Frühstückstreff"),
        ("Auenviertel", "Gartenstadt"),
        ("16", "11"),
        ("family", "health", "authorities", "other"),
        5,
        8,
    ),
    Provider(
        "Rückenwind",
        ("Medienwerkstatt", "Präventionsteam"),
        ("Nordhöhe", "Auenviertel"),
        ("14", "11"),
        ("school", "family", "finances", "other"),
        4,
        6,
    ),
    Provider(
        "Spielraum",
        ("Abenteuerspielplatz", "Offener Treff Mühle"),
        ("Mühlgrund",),
        ("11",),
        ("school", "family", "other"),
        3,
        5,
    ),
    Provider(
        "Verbund12",
        ("Verbandliche Jugendarbeit", "Fanprojekt"),
        ("Altstadt-West", "Nordhöhe"),
        ("12", "11"),
        ("work", "authorities", "finances"),
        3,
        4,
    ),
)

OFFICERS = tuple(Actor(f"sb-{number:02}", "officer", OFFICE) for number in range(1, 6))
PLANNER = Actor("planung-01", "planner", OFFICE)
AUDITOR = Actor("rpa-01", "auditor", OFFICE)
ADMIN = Actor("admin-01", "admin", OFFICE)

# ── what the auditor looks into


class Inquiry(NamedTuple):
    """A finding of this rule as it goes on: what the provider says to it, and how it ends, as far as it did."""

    rule: str
    note: str
    explanation: str | None = None
    confirmed: str | None = None
    closed: str | None = None


INQUIRIES = (
    Inquiry(
        "overlap-worker",
        "Wo war die Fachkraft wirklich?",
        "Ein Termin wurde am falschen Tag eingetragen.",
        confirmed="Der Dienstplan nennt nur einen der Termine.",
    ),
    Inquiry(
        "duplicate",
        "Derselbe Termin zweimal?",
        "Zweimal gespeichert, weil die Seite nicht antwortete.",
        confirmed="Die Eintragung liegt doppelt vor.",
        closed="Der Träger storniert den zweiten Eintrag.",
    ),
    Inquiry(
        "changed-after-confirmation",
        "Warum so spät geändert?",
        "Der Nachweis kam nach einer Krankheit verspätet.",
        closed="Der Nachweis lag bei der Einsicht vor.",
    ),
    Inquiry("late-entry", "Bitte den üblichen Weg der Nachweise beschreiben.", "Die Fachkraft arbeitet ohne Gerät unterwegs."),
    Inquiry("before-approval", "Auf wessen Zusage hin begann die Begleitung?"),
)

# ── people

_FIRST_NAMES = re.findall(
    r"\S+",
    """
    Alina Amira Ben Bogdan Celina Chiara Dilan Elias Emil Emma Fatima Felix Finn Greta Hamza Hanna Ida Iris Jannik Jasmin Jona
    Karim Kim Lara Lea Leon Lina Luca Malik Marie Mascha Mehmet Mia Mila Milan Mohamad Nele Nina Noah Olha Oskar Paula Pia
    Robin Sami Samira Selin Sofia Tarek Theo Tom Vanessa Viktor Yara Yusuf Zoe
    """,
)
_LAST_NAMES = re.findall(
    r"\S+",
    """
    Ahrendsee Bachtaler Birkenau Dornfelder Ebersteg Eichgrund Falkner-Lohe Gersthof Haldenweg Hasan-Linde Heidenbrook Imbach
    Jaworek Karimov-Rath Kleinau Kupferzell Lauterwald Lindqvist-Moor Moosbrink Nadelholz Nouri-Berg Okonta Petrescu-Hain
    Quellmalz Rabenau Rosenquist Sandhage Schilfgrund Steinbrink Tannroda Ulmenried Vossbek Waldhauer Weidenbach Yilmazer-Au
    Zellerich Zwickelt
    """,
)


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    birth_year: str
    contact: str
    notes: str | None


def person(random: Random) -> Person:
    """Somebody who does not exist."""
    first, last = random.choice(_FIRST_NAMES), random.choice(_LAST_NAMES)
    contact = f"030 23125 {random.randrange(1000):03}"
    if random.random() < 0.3:
        contact = f"{first.lower()}.{random.randrange(100)}@example.org"
    notes = random.choice(_ABOUT) if random.random() < 0.45 else None
    return Person(f"{first} {last}", str(random.randint(1998, 2011)), contact, notes)


_ABOUT = (
    "Kontakt am besten nachmittags.",
    "Mutter ist einverstanden und möchte informiert werden.",
    "Bringt eine Freundin zu den Terminen mit.",
    "Liest Deutsch gut, Briefe von Behörden bitte gemeinsam durchgehen.",
    "War schon bei der Schuldnerberatung, Unterlagen liegen vor.",
    "Wohnt übergangsweise bei der Großmutter.",
    "Besucht regelmäßig den offenen Treff.",
    "Zwei jüngere Geschwister, oft in Verantwortung für sie.",
    "Telefonieren fällt schwer, lieber schreiben.",
)

# ── what they write

PURPOSES: Mapping[Concern, tuple[str, ...]] = {
    "authorities": (
        "Begleitung zum Jobcenter und zur Familienkasse, Anträge gemeinsam ausfüllen",
        "Klärung der Krankenversicherung nach der Familienversicherung",
        "Ausweis und Meldebescheinigung neu beantragen, Termine vorbereiten",
        "Widerspruch gegen den Bescheid vorbereiten und abgeben",
    ),
    "housing": (
        "Wohnungssuche und Gespräche mit dem Vermieter wegen Mietrückständen",
        "Auszug aus der elterlichen Wohnung vorbereiten, Wohnberechtigungsschein beantragen",
        "Drohende Räumung: Gespräche mit Vermieter und Sozialamt",
        "Umzug in die erste eigene Wohnung begleiten",
    ),
    "school": (
        "Rückkehr in die Schule nach längerer Abwesenheit",
        "Gespräche mit der Klassenleitung, Lernplan bis zum Halbjahr",
        "Schulwechsel vorbereiten und in den ersten Wochen begleiten",
        "Prüfungsangst: Vorbereitung auf den Hauptschulabschluss",
    ),
    "work": (
        "Bewerbungen schreiben, Vorstellungsgespräche üben und begleiten",
        "Abbruch der Ausbildung verhindern, Gespräche mit dem Betrieb",
        "Praktikum finden und den Einstieg begleiten",
        "Berufsberatung vorbereiten und gemeinsam wahrnehmen",
    ),
    "finances": (
        "Überblick über Schulden, Begleitung zur Schuldnerberatung",
        "Ratenzahlung vereinbaren, Pfändungsschutzkonto einrichten",
        "Haushaltsplan nach Wegfall der Ausbildungsvergütung",
    ),
    "health": (
        "Begleitung zu Fachärzten und zur Krankenkasse",
        "Therapieplatz suchen und Wartezeit überbrücken",
        "Arzttermine der Mutter, Entlastung im Alltag",
    ),
    "residence": (
        "Verlängerung der Aufenthaltserlaubnis, Begleitung zur Ausländerbehörde",
        "Unterlagen für die Ausbildungsduldung zusammenstellen",
        "Familiennachzug: Termine und Übersetzungen klären",
    ),
    "family": (
        "Entlastung in der Trennungssituation, Umgang klären",
        "Konflikte mit den Eltern, gemeinsame Gespräche",
        "Unterstützung der Familie nach der Geburt des dritten Kindes",
        "Anbindung an den Familientreff und die Erziehungsberatung",
    ),
    "other": (
        "Orientierung nach dem Zuzug, Anbindung an Angebote im Stadtteil",
        "Begleitung zum Gerichtstermin als Zeuge",
        "Aufbau eines Alltags nach längerem Rückzug",
    ),
}

NOTES: Mapping[Kind, tuple[str, ...]] = {
    "direct": (
        "Gespräch im Treff, nächste Schritte vereinbart.",
        "Gemeinsam zum Termin gegangen, Unterlagen vollständig abgegeben.",
        "Antrag ausgefüllt, zwei Nachweise fehlen noch.",
        "Gespräch mit der Klassenleitung, Vereinbarung bis zu den Ferien.",
        "Wohnungsbesichtigung, Bewerbungsmappe abgegeben.",
        "Bescheid gemeinsam gelesen, Widerspruch besprochen.",
        "Bewerbung fertiggestellt und abgeschickt.",
        "Krisengespräch, Lage hat sich beruhigt.",
        "Haushaltsplan erstellt, Raten besprochen.",
        "Spaziergang und Gespräch über die Situation zu Hause.",
        "Probefahrt zum neuen Schulweg, gut gegangen.",
    ),
    "indirect": (
        "Telefonate mit Jobcenter und Vermieter.",
        "Stellungnahme für die Schule geschrieben.",
        "Fallbesprechung im Team.",
        "Unterlagen sortiert und Anschreiben vorbereitet.",
        "Rücksprache mit der Schuldnerberatung.",
        "Terminabsprachen mit dem ASD.",
    ),
    "travel": ("Hin- und Rückweg.", "Fahrt zum Amt.", "Weg zur Wohnung der Familie."),
    "absence": ("Nicht erschienen, telefonisch nicht erreicht.", "Kurzfristig abgesagt.", "Wegen Krankheit abgesagt."),
}

CONFIRMING = ("Klient*in", "Klient*in", "Klient*in", "Mutter", "Vater", "Großmutter", "Familie")
METHODS = ("Unterschrift", "Unterschrift", "Unterschrift", "Telefon", "Nachricht")

PART_REASONS = (
    "Zunächst für die ersten acht Wochen, danach Zwischenstand.",
    "Ein Teil des Anliegens gehört zur Schulsozialarbeit.",
    "Umfang entspricht vergleichbaren Fällen; Nachantrag ist möglich.",
    "Fahrzeiten sind zu hoch angesetzt.",
)
DECLINE_REASONS = (
    "Bedarf geht über eine vorübergehende Begleitung hinaus; Gespräch mit dem ASD ist vereinbart.",
    "Das Anliegen deckt das offene Angebot bereits ab.",
    "Es läuft schon eine Hilfe zur Erziehung mit demselben Ziel.",
    "Die Familie wohnt nicht im Stadtgebiet.",
)
LIMIT_REASONS: Mapping[str, str] = {
    "over_case_cap": "Die Grenze je Fall ist erreicht; weitere Hilfe über den ASD.",
    "over_district_quota": "Das Kontingent des Stadtraums ist vergeben.",
    "over_provider_quota": "Das Kontingent des Trägers ist vergeben.",
}
WITHDRAW_REASONS = (
    "Die Familie ist umgezogen.",
    "Anliegen hat sich erledigt.",
    "Kein Kontakt mehr zustande gekommen.",
    "Wird mit anderem Umfang neu gestellt.",
)
PRIORITY_REASONS: Mapping[int, tuple[str, ...]] = {
    1: ("Räumung steht bevor.", "Schulabbruch droht unmittelbar.", "Akute Krise in der Familie."),
    2: ("Frist der Behörde läuft ab.", "Ausbildungsplatz ist gefährdet."),
}
WAITLIST_REASONS = ("Das Kontingent reicht derzeit nicht.", "Wartet auf frei werdende Stunden.")
OVERTAKING_REASON = "Wohnungsverlust zum Monatsende, Begleitung muss sofort beginnen."
LAST_HOURS_REASON = "Mehr ist im Pool derzeit nicht frei."
CORRECTION_REASONS = ("Dauer falsch übertragen.", "Uhrzeit verwechselt.", "Fahrzeit war enthalten.", "Tippfehler.")
REVERSAL_REASONS = ("Doppelt erfasst.", "Beim falschen Fall eingetragen.", "Termin hat nicht stattgefunden.")
REDUCTION_REASONS = (
    "Ziel früher erreicht, Rest wird nicht gebraucht.",
    "Begleitung läuft in kleinerem Umfang weiter.",
    "Rückgabe nicht benötigter Stunden.",
)
AMENDMENT_REASONS = ("Umzug innerhalb der Stadt.", "Schreibfehler.", "Anlass hat sich im Gespräch geklärt.")
TRANSFER_REASONS = ("Umzug in einen anderen Stadtraum.", "Wechsel auf Wunsch der Familie.")
CLOSING_NOTES: Mapping[Outcome, tuple[str, ...]] = {
    "goal_reached": (
        "Wohnung gefunden, Anbindung an den Treff bleibt.",
        "Leistungen sind bewilligt, kommt allein zurecht.",
        "Regelmäßiger Schulbesuch seit acht Wochen.",
        "Ausbildung begonnen, Betrieb ist zufrieden.",
    ),
    "passed_on": ("Hilfe zur Erziehung beginnt, Übergabegespräch geführt.", "Schuldnerberatung übernimmt.", "ASD ist einbezogen."),
    "moved": ("Familie ist in einen anderen Landkreis gezogen.",),
    "broken_off": ("Seit sechs Wochen kein Kontakt trotz mehrerer Versuche.", "Begleitung nicht mehr gewünscht."),
    "other": ("Beendet nach Absprache.",),
}
