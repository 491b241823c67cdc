"""Rules over who reads personal texts (family 16). They know that texts of a case were read, never what stands in them."""

from collections.abc import Iterator
from datetime import timedelta

from domain.findings.files import CaseFile, ReadCase, ReaderDay
from domain.findings.finding import Rule, Sighting, counted, german
from domain.findings.thresholds import Thresholds
from domain.quantities import berlin_day

_SATURDAY = 5


def many_cases(file: ReaderDay, limits: Thresholds) -> Iterator[Sighting]:
    """Texts of more cases than anybody works on in a day."""
    if file.role != "auditor" and len(file.cases) > limits.read_cases_max:
        yield _of_day(file, list(file.cases.values()), f"las am {german(file.day)} Texte von {len(file.cases)} Fällen.")


def unrelated(file: ReaderDay, limits: Thresholds) -> Iterator[Sighting]:
    """Cases in which the person has recorded nothing, neither before nor after."""
    foreign = [each for each in file.cases.values() if each.file is not None and file.person not in each.file.dealt]
    if file.role != "auditor" and len(foreign) >= limits.read_unrelated_min:
        text = f"las am {german(file.day)} Texte von {len(foreign)} Fällen, in denen sie selbst nichts verzeichnet hat."
        yield _of_day(file, foreign, text)


def after_closing(file: ReaderDay, limits: Thresholds) -> Iterator[Sighting]:
    """Cases that were closed long before, or whose pool is closed."""
    closed = [each for each in file.cases.values() if _long_closed(each, file, limits)]
    if file.role != "auditor" and closed:
        cases = counted(len(closed), "Fall, der", "Fällen, die")
        verb = "war" if len(closed) == 1 else "waren"
        yield _of_day(file, closed, f"las am {german(file.day)} Texte von {cases} längst abgeschlossen {verb}.")


def at_odd_hours(file: ReaderDay, limits: Thresholds) -> Iterator[Sighting]:
    """At night or at the weekend."""
    weekend = file.day.weekday() >= _SATURDAY
    odd = [hour for hour in file.hours if weekend or hour >= limits.night_from_hour or hour < limits.night_until_hour]
    if odd:
        when = "am Wochenende" if weekend else "nachts"
        positions = [position for hour in odd for position in file.hours[hour]]
        yield Sighting(_subject(file), positions, f"{_name(file)} las am {german(file.day)} {when} personenbezogene Texte.")


def many_readers(file: CaseFile, limits: Thresholds) -> Iterator[Sighting]:
    """The most persons in any run of so many days; the first such run where there are several."""
    if len({person for person, _ in file.readings}) <= limits.readers_max:
        return
    most: dict[tuple[str, str], int] = {}
    first = None
    for day in sorted({day for _, day in file.readings}):
        last = day + timedelta(days=limits.readers_days - 1)
        within = {person: position for (person, at), position in file.readings.items() if day <= at <= last}
        if len(within) > len(most):
            most, first = within, day
    if first is not None and len(most) > limits.readers_max:
        days = counted(limits.readers_days, "Tag", "Tagen")
        sentence = f"{file.name}: {len(most)} Personen lasen ab dem {german(first)} innerhalb von {days} Texte daraus."
        yield Sighting(file.id, most.values(), sentence, pool=file.pool.id, case=file.id, provider=file.provider)


def _long_closed(case: ReadCase, file: ReaderDay, limits: Thresholds) -> bool:
    if case.file is None or case.file.closed_at is None:
        return case.file is None
    return (file.day - berlin_day(case.file.closed_at)).days > limits.read_after_closing_days


def _of_day(file: ReaderDay, cases: list[ReadCase], sentence: str) -> Sighting:
    """Of one case alone, it says which."""
    positions = [position for case in cases for position in case.positions]
    only = cases[0].file if len(cases) == 1 else None
    return Sighting(
        _subject(file),
        positions,
        f"{_name(file)} {sentence}",
        pool=only.pool.id if only else None,
        case=only.id if only else None,
        provider=only.provider if only else None,
    )


def _subject(file: ReaderDay) -> str:
    return "/".join([*file.person, file.role, file.day.isoformat()])


def _name(file: ReaderDay) -> str:
    return "{} ({})".format(*file.person)


_SOURCE = (
    "§ 35 Abs. 1 SGB I: Sozialdaten nur für Befugte, auch innerhalb des Leistungsträgers; Art. 32 DSGVO (früher § 78a SGB X): "
    "technische und organisatorische Maßnahmen"
)
_READS = "Gelesen sind personenbezogene Texte; die Positionen sind die letzten des Protokolls in dem Augenblick."
_AUDITS = "Für die Prüfung gilt die Regel nicht."

RULES = (
    Rule(
        code="read-many-cases",
        family=16,
        version=1,
        title="Texte sehr vieler Fälle gelesen",
        definition=f"Eine Person las an einem Tag Texte von mehr als `read_cases_max` Fällen. {_AUDITS} {_READS}",
        caution="Wer eine Vertretung oder einen Bericht vorbereitet, liest viel; auch der Prüfpfad eines Pools öffnet viele Texte.",
        source=_SOURCE,
        thresholds=("read_cases_max",),
        of=ReaderDay,
        look=many_cases,
    ),
    Rule(
        code="read-unrelated",
        family=16,
        version=1,
        title="In Fällen gelesen, mit denen man nichts zu tun hat",
        definition="Eine Person las an einem Tag Texte von mindestens `read_unrelated_min` Fällen, in denen sie kein Ereignis "
        f"verzeichnet hat, weder vorher noch nachher. {_AUDITS} {_READS}",
        caution="Leitungen und Vertretungen lesen mit, ohne etwas zu verzeichnen.",
        source=_SOURCE,
        thresholds=("read_unrelated_min",),
        of=ReaderDay,
        look=unrelated,
    ),
    Rule(
        code="read-after-closing",
        family=16,
        version=1,
        title="Lange nach dem Abschluss gelesen",
        definition="Eine Person las Texte eines Falls, der seit mehr als `read_after_closing_days` Tagen abgeschlossen war oder "
        f"dessen Pool geschlossen war. {_AUDITS} {_READS}",
        caution="Auskünfte und Rückfragen kommen oft spät; der Zweck steht im Verzeichnis der Einsichten.",
        source=_SOURCE,
        thresholds=("read_after_closing_days",),
        of=ReaderDay,
        look=after_closing,
    ),
    Rule(
        code="read-at-odd-hours",
        family=16,
        version=1,
        title="Nachts oder am Wochenende gelesen",
        definition="Eine Person las zwischen `night_from_hour` und `night_until_hour` Uhr oder an einem Samstag oder Sonntag. "
        f"Feiertage kennt die Regel nicht. {_READS}",
        caution="Krisen richten sich nicht nach Öffnungszeiten, und manche arbeiten abends nach.",
        source=_SOURCE,
        thresholds=("night_from_hour", "night_until_hour"),
        of=ReaderDay,
        look=at_odd_hours,
    ),
    Rule(
        code="read-by-many",
        family=16,
        version=1,
        title="Ein Fall, viele Lesende",
        definition="Texte eines Falls lasen mehr als `readers_max` Personen innerhalb von `readers_days` Tagen. Eine Feststellung "
        f"je Fall, über die Tage mit den meisten. {_READS}",
        caution="Ein Fall, über den viele entscheiden oder der weitergegeben wird, hat viele Lesende.",
        source=_SOURCE,
        thresholds=("readers_max", "readers_days"),
        of=CaseFile,
        look=many_readers,
    ),
)
