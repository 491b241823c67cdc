"""Rules over a case: overlaps, months, its end (families 2, 4, 5 and 14)."""

from collections.abc import Iterable, Iterator
from datetime import date

from domain.findings.files import CaseFile, SessionFile
from domain.findings.finding import Rule, Sighting, counted, days_named, german, named
from domain.findings.of_days import doubled_minutes, overlapping
from domain.findings.thresholds import Thresholds
from domain.pool import german_month
from domain.quantities import berlin_day, hours


def overlaps_of_case(file: CaseFile, limits: Thresholds) -> Iterator[Sighting]:
    """Two people at one case at a time."""
    by_day: dict[date, list[SessionFile]] = {}
    for each in file.sessions():
        if each.worker is not None:
            for day in each.days:
                by_day.setdefault(day, []).append(each)
    for day, sessions in by_day.items():
        found = overlapping(sessions, day, _who) if len(sessions) > 1 else []
        if found:
            doubled = hours(doubled_minutes(found, day))
            yield _seen(
                file,
                found,
                f"Im Fall „{file.reference}“ überschneiden sich am {german(day)} {counted(len(found), 'Termin', 'Termine')} "
                f"({doubled} mehrfach belegt) von {_people(found)}.",
                subject=day.isoformat(),
            )


def _who(session: SessionFile) -> tuple[str, str | None]:
    return session.booking.provider, session.worker


def _people(sessions: Iterable[SessionFile]) -> str:
    return named(
        [
            f"{worker} ({provider})"
            for provider, worker in sorted({(provider, str(worker)) for provider, worker in map(_who, sessions)})
        ],
        "weiteren Person",
        "weiteren Personen",
    )


def same_totals(file: CaseFile, limits: Thresholds) -> Iterator[Sighting]:
    """Months on end that all have the same sum."""
    months = _months(file)
    run: list[str] = []
    for month in [*sorted(months), ""]:  # the last one ends the last run
        if run and not (month and _follows(run[-1], month) and _total(months[month]) == _total(months[run[-1]])):
            total = _total(months[run[0]])
            if len(run) >= limits.same_total_months and total >= limits.same_total_minutes_min:
                sessions = [each for of_run in run for each in months[of_run]]
                yield _seen(
                    file,
                    sessions,
                    f"Im Fall „{file.reference}“ haben {len(run)} Monate in Folge, {german_month(run[0])} bis "
                    f"{german_month(run[-1])}, dieselbe Summe von {hours(total)}",
                    subject=run[0],
                )
            run = []
        run.append(month)


def month_in_one(file: CaseFile, limits: Thresholds) -> Iterator[Sighting]:
    """A month whose sum was entered as one session."""
    for month, sessions in _months(file).items():
        if len(sessions) == 1 and sessions[0].minutes >= limits.single_session_minutes:
            yield _seen(
                file,
                sessions,
                f"Im Fall „{file.reference}“ besteht der Monat {german_month(month)} aus einem einzigen Termin von "
                f"{hours(sessions[0].minutes)} am {german(sessions[0].day)}.",
                subject=month,
            )


def _months(file: CaseFile) -> dict[str, list[SessionFile]]:
    months: dict[str, list[SessionFile]] = {}
    for each in file.sessions():
        months.setdefault(each.month, []).append(each)
    return months


def _total(sessions: Iterable[SessionFile]) -> int:
    return sum(each.minutes for each in sessions)


def _follows(month: str, other: str) -> bool:
    """Whether the other month is the next one."""
    (year, number), (other_year, other_number) = (map(int, each.split("-")) for each in (month, other))
    return other_year * 12 + other_number == year * 12 + number + 1


def after_closing(file: CaseFile, limits: Thresholds) -> Iterator[Sighting]:
    """Served when the case was already closed."""
    if file.closed is None or file.closed_at is None:
        return
    found = [each for each in file.sessions() if each.starts_at > file.closed_at]
    if found:
        seen = _seen(
            file,
            found,
            f"Der Fall „{file.reference}“ wurde am {german(berlin_day(file.closed_at))} abgeschlossen; danach liegen "
            f"{counted(len(found), 'Termin', 'Termine')} mit {hours(_total(found))}: {days_named(each.day for each in found)}.",
        )
        yield seen._replace(positions=[*seen.positions, file.closed])


def without_outcome(file: CaseFile, limits: Thresholds) -> Iterator[Sighting]:
    """Closed, and nobody says how it ended."""
    if file.closed is not None and not file.outcome_stated:
        yield Sighting(
            file.id,
            [file.closed],
            f"Der Fall „{file.reference}“ des Trägers {file.provider} wurde mit dem Verbleib „Sonstiges“ und ohne Vermerk "
            "abgeschlossen.",
            pool=file.pool.id,
            case=file.id,
            provider=file.provider,
        )


def _seen(file: CaseFile, sessions: Iterable[SessionFile], sentence: str, subject: str = "") -> Sighting:
    found = list(sessions)
    providers, workers = {each.booking.provider for each in found}, {each.worker for each in found}
    return Sighting(
        f"{file.id}/{subject}",
        [position for each in found for position in each.positions],
        sentence,
        pool=file.pool.id,
        case=file.id,
        worker=workers.pop() if len(workers) == 1 else None,
        provider=providers.pop() if len(providers) == 1 else None,
    )


RULES = (
    Rule(
        code="overlap-case",
        family=2,
        version=1,
        title="Ein Fall zugleich bei mehreren Fachkräften",
        definition="In einem Fall laufen an einem Tag Termine verschiedener Fachkräfte oder Träger zur selben Zeit. Eine "
        "Feststellung je Fall und Tag; Termine ohne Angabe der Fachkraft zählen nicht mit.",
        caution="Zwei Fachkräfte können verabredet gemeinsam begleiten.",
        source="Gegenprobe zur Feststellung des Rechnungshofs über zugleich abgerechnete Hilfen (juramagazin.de/57053)",
        of=CaseFile,
        look=overlaps_of_case,
    ),
    Rule(
        code="same-month-total",
        family=4,
        version=1,
        title="Monat für Monat dieselbe Summe",
        definition="Die Termine eines Falls haben in mindestens `same_total_months` Kalendermonaten in Folge dieselbe Summe von "
        "mindestens `same_total_minutes_min` Minuten.",
        caution="Feste wöchentliche Termine führen in gleich langen Monaten zu gleichen Summen.",
        source="Rechnungshof: Pauschalen statt geleisteter Stunden (juramagazin.de/57053 und 57052)",
        thresholds=("same_total_months", "same_total_minutes_min"),
        of=CaseFile,
        look=same_totals,
    ),
    Rule(
        code="month-in-one-session",
        family=4,
        version=1,
        title="Ein Monat als ein Termin",
        definition="Ein Fall hat in einem Kalendermonat einen einzigen Termin, und dieser hat mindestens `single_session_minutes` "
        "Minuten.",
        caution="Ein einzelner langer Tag, etwa eine Fahrt zu einer Einrichtung, kommt vor.",
        source="Rechnungshof: Pauschalen statt geleisteter Stunden (juramagazin.de/57053 und 57052)",
        thresholds=("single_session_minutes",),
        of=CaseFile,
        look=month_in_one,
    ),
    Rule(
        code="after-closing",
        family=5,
        version=1,
        title="Termin nach dem Abschluss des Falls",
        definition="Ein Termin beginnt nach dem Augenblick, in dem der Abschluss seines Falls aufgezeichnet wurde. Erfassen lässt "
        "er sich so nicht mehr; eine Korrektur kann ihn dorthin verlegen.",
        caution="Der Abschluss kann zu früh aufgezeichnet worden sein.",
        source="Regeln 9 und 21 des Stundenpools: Ein abgeschlossener Fall nimmt keine Termine an",
        of=CaseFile,
        look=after_closing,
    ),
    Rule(
        code="closed-without-outcome",
        family=14,
        version=1,
        title="Fall ohne Verbleib abgeschlossen",
        definition="Ein Fall wurde mit dem Verbleib „Sonstiges“ und ohne Vermerk abgeschlossen.",
        caution="Was mit der Person geschah, kann in der Fallakte des Trägers stehen.",
        source="Prüfungsbericht juramagazin.de/126089: Fälle ohne Ergebnis abgeschlossen",
        of=CaseFile,
        look=without_outcome,
    ),
)
