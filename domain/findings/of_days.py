"""Rules over the day of a worker: overlaps, hours and breaks, night and Sunday, duplicates (families 1, 11 and 13)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from domain.findings.files import SessionFile, WorkerDay
from domain.findings.finding import Rule, Sighting, counted, german, named
from domain.findings.thresholds import Thresholds
from domain.quantities import BERLIN, hours, start_of_day, start_of_next_day

_SUNDAY = 6


def overlaps_of_worker(file: WorkerDay, limits: Thresholds) -> Iterator[Sighting]:
    """One worker in two cases at a time."""
    if file.worker is None or len(file.sessions) == 1:
        return
    found = overlapping(file.sessions.values(), file.day, lambda session: session.case.id)
    if found:
        cases = named(sorted({f"„{each.case.reference}“" for each in found}), "weiterer", "weitere")
        doubled = hours(doubled_minutes(found, file.day))
        yield _seen(
            file,
            found,
            f"Fachkraft {file.worker} hat am {german(file.day)} {counted(len(found), 'Termin', 'Termine')} in verschiedenen "
            f"Fällen, die sich überschneiden ({doubled} mehrfach belegt): Fälle {cases}.",
        )


def overlapping(sessions: Iterable[SessionFile], day: date, of: Callable[[SessionFile], object]) -> list[SessionFile]:
    """The sessions that, within the day, run at the same time as one for which ``of`` gives something else; in order.

    Two passes over the sorted ends, so that a day with very many sessions costs no more than sorting them.
    """
    spans = _within(day, sessions)
    spans.sort(key=lambda span: (span[0], span[1], span[2].positions))
    flagged: set[str] = set()
    longest: list[tuple[datetime, object]] = []  # the latest end so far, and the latest of anything else than that
    for start, end, each in spans:
        if any(until > start and what != of(each) for until, what in longest):
            flagged.add(each.id)
        longest = _two_latest([*longest, (end, of(each))])
    following: list[tuple[datetime, object]] = []  # the same backwards: the earliest start of what comes next
    for start, end, each in reversed(spans):
        if any(begin < end and what != of(each) for begin, what in following):
            flagged.add(each.id)
        following = _two_first([(start, of(each)), *following])
    return [each for _, _, each in spans if each.id in flagged]


def _two_latest(ends: list[tuple[datetime, object]]) -> list[tuple[datetime, object]]:
    ends.sort(key=lambda end: end[0], reverse=True)
    return ends[:1] + [each for each in ends[1:] if each[1] != ends[0][1]][:1]


def _two_first(starts: list[tuple[datetime, object]]) -> list[tuple[datetime, object]]:
    """Already in order, the earliest first."""
    return starts[:1] + [each for each in starts[1:] if each[1] != starts[0][1]][:1]


def doubled_minutes(sessions: Iterable[SessionFile], day: date) -> int:
    """By how many minutes sessions, within the day, are longer together than the time by the clock that they cover."""
    together, covered, until = timedelta(), timedelta(), start_of_day(day).astimezone(UTC)
    for start, end, _ in sorted(_within(day, sessions), key=lambda span: span[:2]):
        together += end - start
        covered += max(end - max(start, until), timedelta())
        until = max(until, end)
    return (together - covered) // timedelta(minutes=1)


def _within(day: date, sessions: Iterable[SessionFile]) -> list[tuple[datetime, datetime, SessionFile]]:
    """When sessions begin and end, as far as that is within the day."""
    begin, end = start_of_day(day).astimezone(UTC), start_of_next_day(day).astimezone(UTC)
    return [(max(each.starts_at, begin), min(each.ends_at, end), each) for each in sessions]


def without_break(file: WorkerDay, limits: Thresholds) -> Iterator[Sighting]:
    """Hours on end."""
    pause = timedelta(minutes=limits.break_minutes)
    for block in _blocks(file.beginning(), pause):
        minutes = (max(each.ends_at for each in block) - block[0].starts_at) // timedelta(minutes=1)
        if minutes > limits.break_after_minutes:
            begin = block[0].starts_at.astimezone(BERLIN)
            yield _seen(
                file,
                block,
                f"{_worker(file)} hat am {german(file.day)} ab {begin:%H:%M} Uhr {hours(minutes)} ohne Pause in "
                f"{counted(len(block), 'Termin', 'Terminen')}.",
                subject=block[0].starts_at.isoformat(),
            )


def _blocks(sessions: Sequence[SessionFile], pause: timedelta) -> Iterator[list[SessionFile]]:
    """Sessions between two pauses."""
    block: list[SessionFile] = []
    until: datetime | None = None
    for each in sessions:
        if until is not None and each.starts_at - until >= pause:
            yield block
            block, until = [], None
        block.append(each)
        until = each.ends_at if until is None else max(until, each.ends_at)
    if block:
        yield block


def long_day(file: WorkerDay, limits: Thresholds) -> Iterator[Sighting]:
    """More than a working day may have."""
    sessions = file.beginning()
    minutes = sum(each.minutes for each in sessions)
    if file.worker is not None and minutes > limits.day_minutes_max:
        yield _seen(
            file,
            sessions,
            f"Fachkraft {file.worker} hat am {german(file.day)} {hours(minutes)} in "
            f"{counted(len(sessions), 'Termin', 'Terminen')}, mehr als {hours(limits.day_minutes_max)}",
        )


def night_or_sunday(file: WorkerDay, limits: Thresholds) -> Iterator[Sighting]:
    """Hours at which hardly anybody accompanies a young person to an office."""
    sessions = file.beginning()
    if file.day.weekday() == _SUNDAY:
        yield from _unusual(file, sessions, "am Sonntag")
    else:
        yield from _unusual(file, [each for each in sessions if _at_night(each, limits)], "in der Nacht")


def _at_night(session: SessionFile, limits: Thresholds) -> bool:
    """Midnight sharp is left to the rule about missing times."""
    start = session.starts_at.astimezone(BERLIN)
    minute = start.hour * 60 + start.minute
    return not no_time(session) and (
        minute < limits.night_until_hour * 60 or minute + session.minutes > limits.night_from_hour * 60
    )


def no_time(session: SessionFile) -> bool:
    """A date without a time is read as midnight."""
    start = session.starts_at.astimezone(BERLIN)
    return (start.hour, start.minute, start.second, start.microsecond) == (0, 0, 0, 0)


def _unusual(file: WorkerDay, sessions: list[SessionFile], when: str) -> Iterator[Sighting]:
    if sessions:
        minutes = hours(sum(each.minutes for each in sessions))
        number = counted(len(sessions), "Termin", "Termine")
        yield _seen(file, sessions, f"{_worker(file)} hat am {german(file.day)} {number} mit {minutes} {when}.")


def duplicates(file: WorkerDay, limits: Thresholds) -> Iterator[Sighting]:
    """The same worker, start and minutes."""
    if file.worker is None:
        return
    same: dict[tuple[datetime, int], list[SessionFile]] = {}
    for each in file.beginning():
        same.setdefault((each.starts_at, each.minutes), []).append(each)
    for (start, minutes), sessions in same.items():
        if len(sessions) > 1:
            begin = start.astimezone(BERLIN)
            yield _seen(
                file,
                sessions,
                f"Fachkraft {file.worker} hat {len(sessions)} Termine mit demselben Beginn am {german(file.day)}, {begin:%H:%M} "
                f"Uhr, und derselben Dauer von {hours(minutes)}",
                subject=f"{start.isoformat()}/{minutes}",
            )


def _worker(file: WorkerDay) -> str:
    return "Eine unbekannte Fachkraft" if file.worker is None else f"Fachkraft {file.worker}"


def _seen(file: WorkerDay, sessions: Sequence[SessionFile], sentence: str, subject: str = "") -> Sighting:
    """Names what all the sessions have in common."""
    pools, providers = {each.booking.pool.id for each in sessions}, {each.booking.provider for each in sessions}
    cases, bookings = {each.case.id for each in sessions}, {each.booking.id for each in sessions}
    return Sighting(
        f"{file.key}/{file.day.isoformat()}/{subject}",
        [position for each in sessions for position in each.positions],
        sentence,
        pool=pools.pop() if len(pools) == 1 else None,
        case=cases.pop() if len(cases) == 1 else None,
        booking=bookings.pop() if len(bookings) == 1 else None,
        worker=file.worker,
        provider=providers.pop() if len(providers) == 1 else None,
    )


_HOURS_OF_WORK = "Arbeitszeitgesetz, §§ 2 bis 4, 6 und 9"

RULES = (
    Rule(
        code="overlap-worker",
        family=1,
        version=1,
        title="Eine Fachkraft zugleich in mehreren Fällen",
        definition="Termine derselben Fachkraft in verschiedenen Fällen laufen an einem Tag zur selben Zeit; wo einer endet, wenn "
        "der andere beginnt, überschneidet sich nichts. Eine Feststellung je Fachkraft und Tag, über Träger und Pools hinweg. Ein "
        "Termin zählt an dem Tag, an dem er beginnt, und, wenn er über Mitternacht reicht, am folgenden.",
        caution="Eine gemeinsame Fahrt oder ein Gespräch mit zwei Familien kann beides sein. Gleiche Kennungen bei verschiedenen "
        "Trägern können verschiedene Menschen sein.",
        source="Rechnungshof: Gruppenarbeit als Einzelbegleitung abgerechnet (juramagazin.de/57053)",
        of=WorkerDay,
        look=overlaps_of_worker,
    ),
    Rule(
        code="no-break",
        family=11,
        version=1,
        title="Lange ohne Pause",
        definition="Termine einer Fachkraft, die an einem Tag beginnen, folgen länger als `break_after_minutes` aufeinander, ohne "
        "dass dazwischen mindestens `break_minutes` liegen; ein einzelner langer Termin zählt ebenso.",
        caution="Pausen innerhalb eines Termins hält niemand fest.",
        source=_HOURS_OF_WORK,
        thresholds=("break_after_minutes", "break_minutes"),
        of=WorkerDay,
        look=without_break,
    ),
    Rule(
        code="long-day",
        family=11,
        version=1,
        title="Mehr als zehn Stunden am Tag",
        definition="Die Termine einer Fachkraft, die an einem Tag beginnen, haben zusammen mehr als `day_minutes_max` Minuten.",
        caution="Wurden mehrere Tage an einem erfasst, ist die Erfassung falsch und nicht die Leistung.",
        source=_HOURS_OF_WORK,
        thresholds=("day_minutes_max",),
        of=WorkerDay,
        look=long_day,
    ),
    Rule(
        code="night-or-sunday",
        family=11,
        version=1,
        title="Nachts oder sonntags",
        definition="Ein Termin liegt ganz oder zum Teil zwischen `night_from_hour` und `night_until_hour` Uhr oder beginnt an "
        "einem Sonntag. Genau um Mitternacht beginnende zählen bei `no-start-time`. Feiertage kennt die Regel nicht.",
        caution="Krisen richten sich nicht nach Öffnungszeiten.",
        source=_HOURS_OF_WORK,
        thresholds=("night_from_hour", "night_until_hour"),
        of=WorkerDay,
        look=night_or_sunday,
    ),
    Rule(
        code="duplicate",
        family=13,
        version=1,
        title="Doppelt erfasst",
        definition="Mehrere Termine haben dieselbe Fachkraft, denselben Beginn und dieselbe Dauer, gleich in welchem Fall.",
        caution="Gleiche Termine sind zulässig (Regel 13); zwei Einzelleistungen in einem Termin kommen vor.",
        source="Regel 13 des Stundenpools: Gleiche Termine werden angenommen und festgestellt",
        of=WorkerDay,
        look=duplicates,
    ),
)
