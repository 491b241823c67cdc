"""All rules, by family. The first fifteen families are those that audits and courts found; each rule names its source."""

from collections.abc import Mapping

from domain.findings import of_bookings, of_cases, of_days, of_providers, of_reads, of_refusals, of_registry
from domain.findings.finding import Rule

FAMILIES: Mapping[int, str] = {
    1: "Eine Fachkraft, gleichzeitige Termine in verschiedenen Fällen",
    2: "Ein Fall, gleichzeitige Termine verschiedener Fachkräfte oder Träger",
    3: "Anteil der Kontaktzeit unter dem vereinbarten",
    4: "Pauschalen statt geleisteter Stunden",
    5: "Vor der Bewilligung, nach dem Abschluss, außerhalb des Zeitraums",
    6: "Nicht dokumentiert",
    7: "Spät erfasst",
    8: "Anteil der Fahrzeit",
    9: "Wer beantragt und wer bewilligt",
    10: "Immer in voller Höhe bewilligt",
    11: "Unwahrscheinliche Arbeitszeiten",
    12: "Nachträglich geändert",
    13: "Runde Dauern und Doppeltes",
    14: "Ohne Verbleib, ohne Überprüfung",
    15: "Bewilligt und kaum genutzt",
    16: "Auffälliges Lesen von Personendaten",
    17: "Nicht eingetragen",
}

OF_READERS = frozenset(rule.code for rule in of_reads.RULES)

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *of_days.RULES,
            *of_cases.RULES,
            *of_bookings.RULES,
            *of_providers.RULES,
            *of_refusals.RULES,
            *of_reads.RULES,
            *of_registry.RULES,
        ),
        key=lambda rule: rule.family,
    )
)
