"""The numbers from which on something is a finding. An office changes them; where they come from stands beside each."""

from dataclasses import dataclass, field
from typing import Any


def _threshold(default: int, meaning: str, *, least: int = 1, most: int = 1_000_000) -> Any:
    return field(default=default, metadata={"meaning": meaning, "least": least, "most": most})


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """All thresholds. Minutes, days and percent are whole numbers."""

    direct_share_percent: int = _threshold(
        60, "vereinbarter Anteil der Kontaktzeit; 60 % waren im geprüften Fall vereinbart (juramagazin.de/57053)", most=100
    )
    travel_share_percent: int = _threshold(25, "höchster Anteil der Fahrzeit; eigene Annahme, besser wie vereinbart", most=100)
    share_minutes_min: int = _threshold(
        1200, "Minuten eines Trägers in einem Monat, ab denen Anteile etwas aussagen; eigene Annahme"
    )
    same_total_months: int = _threshold(
        3, "Monate in Folge mit gleicher Summe, ab denen eine Pauschale naheliegt (juramagazin.de/57053)", least=2
    )
    same_total_minutes_min: int = _threshold(300, "Minuten im Monat, ab denen gleiche Summen zählen; eigene Annahme")
    single_session_minutes: int = _threshold(
        480, "Minuten, ab denen der einzige Termin eines Monats wie dessen Summe aussieht; eigene Annahme: ein Arbeitstag"
    )
    late_entry_days: int = _threshold(
        30, "Tage bis zur Erfassung, wenn der Pool selbst nichts dazu regelt; eigene Annahme", least=0, most=10_000
    )
    pair_share_percent: int = _threshold(60, "höchster Anteil eines Paars an den Fällen eines Trägers; eigene Annahme", most=100)
    pair_cases_min: int = _threshold(10, "bewilligte Fälle eines Trägers, ab denen ein Paar auffällt; eigene Annahme")
    full_grants_min: int = _threshold(20, "Entscheidungen, ab denen auffällt, dass alle in voller Höhe bewilligen; eigene Annahme")
    break_after_minutes: int = _threshold(360, "Minuten ohne Pause, die zulässig sind (§ 4 ArbZG: sechs Stunden)")
    break_minutes: int = _threshold(15, "Minuten, ab denen eine Unterbrechung eine Pause ist (§ 4 ArbZG)")
    day_minutes_max: int = _threshold(600, "Minuten einer Fachkraft an einem Tag, die zulässig sind (§ 3 ArbZG: zehn Stunden)")
    night_from_hour: int = _threshold(22, "Stunde, ab der Nacht ist; eigene Annahme, im ArbZG 23 Uhr", least=18, most=24)
    night_until_hour: int = _threshold(6, "Stunde, bis zu der Nacht ist (§ 2 ArbZG)", least=0, most=10)
    after_month_end_days: int = _threshold(
        10, "Tage nach dem Ende des Leistungsmonats, in denen Berichtigungen üblich sind; eigene Annahme", least=0, most=10_000
    )
    round_share_percent: int = _threshold(80, "höchster Anteil der Termine mit vollen Stunden; eigene Annahme", most=100)
    round_sessions_min: int = _threshold(20, "Termine im Monat, ab denen volle Stunden auffallen; eigene Annahme")
    used_share_percent: int = _threshold(
        33, "Anteil einer Bewilligung, der bis zur Abrechnung genutzt sein soll: ein Drittel", most=100
    )
    read_cases_max: int = _threshold(50, "Fälle, deren Texte eine Person an einem Tag üblicherweise liest; eigene Annahme")
    read_unrelated_min: int = _threshold(
        10, "Fälle ohne eigenes Ereignis, ab denen auffällt, dass eine Person sie an einem Tag liest; eigene Annahme", least=2
    )
    read_after_closing_days: int = _threshold(
        180, "Tage nach dem Abschluss eines Falls, in denen noch in ihm gelesen wird; eigene Annahme", least=0, most=10_000
    )
    readers_max: int = _threshold(10, "Personen, die einen Fall in `readers_days` Tagen üblicherweise lesen; eigene Annahme")
    readers_days: int = _threshold(7, "Tage, in denen die Personen gezählt werden, die einen Fall lesen; eigene Annahme", most=366)
