"""Rules over what stands in the registry (family 17): who accompanied, and who requested, on a day without being registered.

Nothing is found of what a provider never registered: it counts from the first day of the first registration of its kind.
"""

from collections.abc import Iterator
from datetime import date

from domain.findings.files import BookingFile, ProviderMonth, SessionFile
from domain.findings.finding import Rule, Sighting, counted, days_named, german
from domain.findings.thresholds import Thresholds
from domain.quantities import hours
from domain.registry import Registration


def unregistered_worker(file: ProviderMonth, limits: Thresholds) -> Iterator[Sighting]:
    """Who accompanied young people here without the office knowing of it."""
    workers = file.registered.workers
    by_name: dict[str, list[Registration]] = {}
    for each in workers:
        by_name.setdefault(each.name, []).append(each)
    found: dict[str, list[SessionFile]] = {}
    for session in file.sessions.values() if workers else ():
        if session.worker is not None and _missing(by_name.get(session.worker, []), workers, session.day):
            found.setdefault(session.worker, []).append(session)
    for worker, sessions in found.items():
        minutes, days = hours(sum(each.minutes for each in sessions)), days_named(each.day for each in sessions)
        yield Sighting(
            f"{file.pool.id}/{file.provider}/{file.month}/{worker}",
            [position for each in sessions for position in each.positions],
            f"Fachkraft {worker} hat für den Träger {file.provider} {counted(len(sessions), 'Termin', 'Termine')} mit {minutes} "
            f"an Tagen, an denen sie nicht eingetragen war: {days}.",
            pool=file.pool.id,
            worker=worker,
            provider=file.provider,
        )


def unregistered_request(file: BookingFile, limits: Thresholds) -> Iterator[Sighting]:
    """A provider or an offer that took no part on the day of the request; where both took none, the provider is said."""
    names, offers, day = file.registered.names, file.registered.offers, file.requested_on
    if _missing(names, names, day):
        what = "der Träger"
    elif file.offer is not None and _missing([each for each in offers if each.name == file.offer], offers, day):
        what = f"das Angebot „{file.offer}“"
    else:
        return
    yield Sighting(
        file.id,
        [file.requested_position],
        f"{file.name}: Am {german(day)}, als beantragt wurde, war {what} nicht eingetragen.",
        pool=file.pool.id,
        case=file.case.id,
        booking=file.id,
        provider=file.provider,
    )


def _missing(own: list[Registration], all_of_kind: list[Registration], day: date) -> bool:
    """Whether none of its own registrations holds on a day, though there had been any of its kind by then."""
    return any(each.valid_from <= day for each in all_of_kind) and not any(each.holds_on(day) for each in own)


_CLOSED = "Was nach dem Schließen des Pools eingetragen wird, ändert nichts mehr."

RULES = (
    Rule(
        code="unregistered-worker",
        family=17,
        version=1,
        title="Fachkraft nicht eingetragen",
        definition="Ein Termin nennt eine Fachkraft, die an seinem Tag für seinen Träger nicht eingetragen ist. Es zählen Termine "
        "ab dem ersten Tag, an dem für den Träger irgendeine Fachkraft eingetragen ist. Eine Feststellung je Fachkraft und Monat. "
        f"{_CLOSED}",
        caution="Eine Eintragung kann vergessen oder die Kennung anders geschrieben sein, besonders in eingelesenen Tabellen; eine "
        "Eintragung für zurückliegende Tage beendet die Feststellung.",
        source="§§ 72 und 72a SGB VIII: Fachkräfte und ihre Führungszeugnisse; § 79 SGB VIII: Gesamtverantwortung des Jugendamts",
        of=ProviderMonth,
        look=unregistered_worker,
    ),
    Rule(
        code="unregistered-request",
        family=17,
        version=1,
        title="Träger oder Angebot nicht eingetragen",
        definition="Am Tag eines Antrags ist sein Träger nicht eingetragen oder das Angebot, unter dem der Fall damals stand. Es "
        "zählen Anträge ab dem ersten Tag, an dem der Träger, und bei Angeboten, an dem irgendeines von ihm eingetragen ist. Nach "
        f"einer Weitergabe ist das Angebot unbekannt, bis es berichtigt wird. {_CLOSED}",
        caution="Der Antrag bleibt, was er ist: Bewilligungen fragen nicht nach dem Verzeichnis. Oft fehlt nur die Verlängerung.",
        source="Verzeichnis der Träger: wer mit welchen Angeboten am Stundenpool teilnimmt, und von wann bis wann",
        of=BookingFile,
        look=unregistered_request,
    ),
)
