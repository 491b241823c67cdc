"""Rules over a provider: what its hours are made of, who decides its requests, and how (families 3, 8, 9, 10 and 13)."""

from collections.abc import Iterator

from domain.findings.files import Approval, BookingFile, ProviderFile, ProviderMonth
from domain.findings.finding import Rule, Sighting, counted
from domain.findings.thresholds import Thresholds
from domain.pool import german_month
from domain.quantities import hours


def direct_share(file: ProviderMonth, limits: Thresholds) -> Iterator[Sighting]:
    """Too little of it face to face."""
    direct, total = _minutes(file, "direct"), _minutes(file)
    if total >= limits.share_minutes_min and direct * 100 < limits.direct_share_percent * total:
        share = f"{_percent(direct, total)}, weniger als {limits.direct_share_percent} %"
        yield _of_month(file, f"{hours(direct)} von {hours(total)} in Kontaktzeit: {share}.")


def travel_share(file: ProviderMonth, limits: Thresholds) -> Iterator[Sighting]:
    """Too much of it on the road."""
    travel, total = _minutes(file, "travel"), _minutes(file)
    if total >= limits.share_minutes_min and travel * 100 > limits.travel_share_percent * total:
        share = f"{_percent(travel, total)}, mehr als {limits.travel_share_percent} %"
        yield _of_month(file, f"{hours(travel)} von {hours(total)} mit Fahrten: {share}.")


def round_durations(file: ProviderMonth, limits: Thresholds) -> Iterator[Sighting]:
    """Life has no full hours."""
    if file.pool.rules.unit_minutes % 60 == 0:
        return  # then all sessions are made of full hours
    number, full = len(file.sessions), sum(each.minutes % 60 == 0 for each in file.sessions.values())
    if number >= limits.round_sessions_min and full * 100 > limits.round_share_percent * number:
        yield _of_month(file, f"{full} von {counted(number, 'Termin', 'Terminen')} mit vollen Stunden ({_percent(full, number)}).")


def deciding_pair(file: ProviderFile, limits: Thresholds) -> Iterator[Sighting]:
    """One who asks and one who grants, for most of the cases."""
    cases = {booking.case.id for booking, _ in file.approved}
    if len(cases) < limits.pair_cases_min:
        return
    by_pair: dict[tuple[str, str], list[tuple[BookingFile, Approval]]] = {}
    for booking, approval in file.approved:
        by_pair.setdefault((booking.requested_by, approval.by), []).append((booking, approval))
    for (asks, grants), theirs in by_pair.items():
        number = len({booking.case.id for booking, _ in theirs})
        if number * 100 > limits.pair_share_percent * len(cases):
            yield _of_provider(
                file,
                [position for booking, approval in theirs for position in (booking.requested_position, approval.position)],
                f"In {number} von {counted(len(cases), 'Fall', 'Fällen')} des Trägers {file.provider} mit Bewilligung hat {asks} "
                f"beantragt und {grants} bewilligt ({_percent(number, len(cases))}).",
                subject=f"{asks}/{grants}",
            )


def always_in_full(file: ProviderFile, limits: Thresholds) -> Iterator[Sighting]:
    """Whatever this provider asks for, it gets."""
    number, in_full = len(file.approved), all(booking.requested == approval.minutes for booking, approval in file.approved)
    if number >= limits.full_grants_min and in_full and not file.declined:
        yield _of_provider(
            file,
            [approval.position for _, approval in file.approved],
            f"Alle {counted(number, 'Entscheidung', 'Entscheidungen')} über Anträge des Trägers {file.provider} bewilligen in "
            f"voller Höhe, zusammen {hours(sum(approval.minutes for _, approval in file.approved))}",
        )


def _minutes(file: ProviderMonth, kind: str | None = None) -> int:
    return sum(each.minutes for each in file.sessions.values() if kind in (None, each.kind))


def _percent(part: int, whole: int) -> str:
    """12,5 %"""
    tenths = (2000 * part + whole) // (2 * whole)
    return f"{tenths // 10},{tenths % 10} %"


def _of_month(file: ProviderMonth, sentence: str) -> Sighting:
    return Sighting(
        f"{file.pool.id}/{file.provider}/{file.month}",
        [position for each in file.sessions.values() for position in each.positions],
        f"Träger {file.provider} hat im Monat {german_month(file.month)} {sentence}",
        pool=file.pool.id,
        provider=file.provider,
    )


def _of_provider(file: ProviderFile, positions: list[int], sentence: str, subject: str = "") -> Sighting:
    return Sighting(f"{file.pool.id}/{file.provider}/{subject}", positions, sentence, pool=file.pool.id, provider=file.provider)


RULES = (
    Rule(
        code="direct-share",
        family=3,
        version=1,
        title="Zu wenig Kontaktzeit",
        definition="Von mindestens `share_minutes_min` Minuten, die ein Träger in einem Monat geleistet hat, sind weniger als "
        "`direct_share_percent` Prozent Kontaktzeit; Ausfälle und Fahrten zählen zum Ganzen.",
        caution="Bei Behördensachen ist viel Schriftverkehr richtig.",
        source="Rechnungshof: 60 % Kontaktzeit vereinbart, etwa 40 % geleistet (juramagazin.de/57053)",
        thresholds=("direct_share_percent", "share_minutes_min"),
        of=ProviderMonth,
        look=direct_share,
    ),
    Rule(
        code="travel-share",
        family=8,
        version=1,
        title="Viel Fahrzeit",
        definition="Von mindestens `share_minutes_min` Minuten, die ein Träger in einem Monat geleistet hat, sind mehr als "
        "`travel_share_percent` Prozent Fahrzeit.",
        caution="In Randlagen sind Wege länger.",
        source="Prüfungsbericht juramagazin.de/135593: Anteil der Fahrzeit",
        thresholds=("travel_share_percent", "share_minutes_min"),
        of=ProviderMonth,
        look=travel_share,
    ),
    Rule(
        code="deciding-pair",
        family=9,
        version=1,
        title="Immer dieselben zwei",
        definition="Von mindestens `pair_cases_min` Fällen eines Trägers mit Bewilligung hat in mehr als `pair_share_percent` "
        "Prozent dieselbe Person beantragt und dieselbe bewilligt; war eine zweite Zustimmung nötig, zählt wer sie gab.",
        caution="Kleine Träger haben eine Leitung, und Stadträume haben eine zuständige Sachbearbeitung.",
        source="Strafurteil wegen erfundener Fälle",
        thresholds=("pair_share_percent", "pair_cases_min"),
        of=ProviderFile,
        look=deciding_pair,
    ),
    Rule(
        code="always-in-full",
        family=10,
        version=1,
        title="Immer in voller Höhe bewilligt",
        definition="Es gibt mindestens `full_grants_min` Entscheidungen über Anträge eines Trägers, und alle bewilligen, was "
        "beantragt war; Zurückgezogenes zählt nicht.",
        caution="Wer gut begründet und sparsam beantragt, bekommt zu Recht alles.",
        source="Rechnungshof Rheinland-Pfalz 2019: Anträge immer in voller Höhe bewilligt",
        thresholds=("full_grants_min",),
        of=ProviderFile,
        look=always_in_full,
    ),
    Rule(
        code="round-durations",
        family=13,
        version=1,
        title="Auffallend runde Dauern",
        definition="Von mindestens `round_sessions_min` Terminen eines Trägers in einem Monat haben mehr als "
        "`round_share_percent` Prozent volle Stunden. Wo der Pool nur volle Stunden kennt, gilt die Regel nicht.",
        caution="Feste Zeiten, etwa Sprechstunden, dauern volle Stunden.",
        source="Regel 16 des Stundenpools: Erfasst wird in Einheiten, die Bruchteile von Stunden erlauben",
        thresholds=("round_share_percent", "round_sessions_min"),
        of=ProviderMonth,
        look=round_durations,
    ),
)
