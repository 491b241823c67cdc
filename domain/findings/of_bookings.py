"""Rules over a request and its sessions: approval, evidence, late entry, changes, review, use (families 5 to 7, 12, 14, 15)."""

from collections.abc import Callable, Iterator, Sequence

from domain.findings.files import BookingFile, Change, SessionFile
from domain.findings.finding import Rule, Sighting, counted, days_named, german
from domain.findings.of_days import no_time
from domain.findings.thresholds import Thresholds
from domain.quantities import berlin_time, hours


def before_approval(file: BookingFile, limits: Thresholds) -> Iterator[Sighting]:
    """Served before anybody had said yes."""
    approval = file.approval
    if approval is None:
        return
    found = [each for each in file.sessions.values() if each.starts_at < approval.at]
    if found:
        at = f"{berlin_time(approval.at):%d.%m.%Y, %H:%M} Uhr"
        yield _of_sessions(file, found, f"vor der Bewilligung vom {at}", also=[approval.position])


def without_time(file: BookingFile, limits: Thresholds) -> Iterator[Sighting]:
    """A day without a time of day."""
    found = [each for each in file.sessions.values() if no_time(each)]
    if found:
        yield _of_sessions(file, found, "ohne Uhrzeit (Beginn genau um Mitternacht)")


def without_note(file: BookingFile, limits: Thresholds) -> Iterator[Sighting]:
    """Nobody wrote down what was done."""
    found = [each for each in file.sessions.values() if each.note_empty]
    if found:
        yield _of_sessions(file, found, "ohne Vermerk, was getan wurde")


def unconfirmed(file: BookingFile, limits: Thresholds) -> Iterator[Sighting]:
    """Face to face, accounted for, and nobody confirmed it."""
    if file.settled is None:
        return
    found = [each for each in file.sessions.values() if each.kind == "direct" and not each.confirmed]
    if found:
        yield _of_sessions(file, found, "in Kontaktzeit, abgerechnet ohne Bestätigung", also=[file.settled])


def late_entry(file: BookingFile, limits: Thresholds) -> Iterator[Sighting]:
    """Entered long after the service."""

    def late(session: SessionFile) -> bool:
        after = limits.late_entry_days if session.late_after is None else session.late_after
        return session.entered is not None and (session.entered - session.day).days > after

    found = [each for each in file.sessions.values() if late(each)]
    if found:
        days = max((each.entered - each.day).days for each in found if each.entered is not None)
        up_to = "bis zu " if len(found) > 1 else ""
        yield _of_sessions(file, found, f"erst {up_to}{counted(days, 'Tag', 'Tage')} danach erfasst")


def changed_after_confirmation(file: BookingFile, limits: Thresholds) -> Iterator[Sighting]:
    """What the family had confirmed is no longer what stands."""
    yield from _of_changes(file, lambda change: change.after_confirmation, "nach der Bestätigung")


def changed_after_month(file: BookingFile, limits: Thresholds) -> Iterator[Sighting]:
    """The month was over for long."""
    days = limits.after_month_end_days
    yield from _of_changes(
        file,
        lambda change: change.days_after_month > days,
        f"mehr als {counted(days, 'Tag', 'Tage')} nach dem Ende des Leistungsmonats",
    )


def without_review(file: BookingFile, limits: Thresholds) -> Iterator[Sighting]:
    """Granted until nobody says when."""
    approval = file.approval
    if approval is not None and not approval.reviewed:
        when = german(berlin_time(approval.at).date())
        yield _of_booking(
            file, [approval.position], f"{file.name}: {hours(approval.minutes)} am {when} ohne Überprüfungstermin bewilligt."
        )


def little_used(file: BookingFile, limits: Thresholds) -> Iterator[Sighting]:
    """Hours that were kept from others."""
    approval = file.approval
    if approval is None or file.settled is None:
        return
    used = sum(each.minutes for each in file.sessions.values())
    if used * 100 < limits.used_share_percent * file.stands:
        positions = [approval.position, file.settled, *(position for each in file.sessions.values() for position in each.positions)]
        if file.reduced is not None:
            positions.append(file.reduced)
        yield _of_booking(file, positions, f"{file.name}: von {hours(file.stands)} waren bei der Abrechnung {hours(used)} genutzt.")


def _of_changes(file: BookingFile, counts: Callable[[Change], bool], when: str) -> Iterator[Sighting]:
    found = [change for change in file.changes if counts(change)]
    if found:
        reversed_ = sum(change.reversal for change in found)
        positions = [position for change in found for position in (*change.positions, change.position)]
        what = " und ".join(
            said
            for number, said in (
                (len(found) - reversed_, counted(len(found) - reversed_, "Korrektur", "Korrekturen")),
                (reversed_, counted(reversed_, "Storno", "Stornos")),
            )
            if number
        )
        days = days_named(change.day for change in found)
        sessions = "Termin" if len(found) == 1 else "Termine"
        yield _of_booking(file, positions, f"{file.name}: {what} {when}; {sessions} vom {days}.")


def _of_sessions(file: BookingFile, found: Sequence[SessionFile], which: str, also: Sequence[int] = ()) -> Sighting:
    workers = {each.worker for each in found}
    positions = [*also, *(position for each in found for position in each.positions)]
    minutes, days = hours(sum(each.minutes for each in found)), days_named(each.day for each in found)
    sentence = f"{file.name}: {counted(len(found), 'Termin', 'Termine')} mit {minutes} {which}: {days}."
    return _of_booking(file, positions, sentence, worker=workers.pop() if len(workers) == 1 else None)


def _of_booking(file: BookingFile, positions: Sequence[int], sentence: str, worker: str | None = None) -> Sighting:
    return Sighting(
        file.id,
        positions,
        sentence,
        pool=file.pool.id,
        case=file.case.id,
        booking=file.id,
        worker=worker,
        provider=file.provider,
    )


_UNDOCUMENTED = "Landessozialgericht Nordrhein-Westfalen, L 9 SO 145/16: Was nicht dokumentiert ist, ist nicht abrechenbar"

RULES = (
    Rule(
        code="before-approval",
        family=5,
        version=1,
        title="Termin vor der Bewilligung",
        definition="Ein Termin beginnt vor dem Zeitpunkt der Bewilligung, zu der er gehört.",
        caution="Die Zusage kann mündlich früher gegeben worden sein; belegt ist das nicht.",
        source="Regel 15 des Stundenpools: Kein Termin ohne Bewilligung",
        of=BookingFile,
        look=before_approval,
    ),
    Rule(
        code="no-start-time",
        family=6,
        version=1,
        title="Ohne Uhrzeit",
        definition="Ein Termin beginnt genau um Mitternacht: Ein Datum ohne Uhrzeit wird so gelesen.",
        caution="Ein Termin kann um Mitternacht begonnen haben.",
        source=_UNDOCUMENTED,
        of=BookingFile,
        look=without_time,
    ),
    Rule(
        code="empty-note",
        family=6,
        version=1,
        title="Ohne Vermerk",
        definition="Zu einem Termin steht kein Vermerk. Was in einem Vermerk steht, liest die Regel nicht.",
        caution="Der Träger kann eine eigene Dokumentation führen; eine Korrektur kann den Vermerk nachtragen.",
        source=_UNDOCUMENTED,
        of=BookingFile,
        look=without_note,
    ),
    Rule(
        code="unconfirmed",
        family=6,
        version=1,
        title="Ohne Bestätigung abgerechnet",
        definition="Ein Antrag ist abgerechnet, und ein Termin in Kontaktzeit ist nicht bestätigt. Eine spätere Bestätigung "
        "beendet die Feststellung.",
        caution="Nicht jede Familie kann oder will unterschreiben. Der Grund steht dann allenfalls im Vermerk, den die Regel "
        "nicht liest.",
        source=_UNDOCUMENTED,
        of=BookingFile,
        look=unconfirmed,
    ),
    Rule(
        code="late-entry",
        family=7,
        version=1,
        title="Spät erfasst",
        definition="Zwischen dem Tag des Termins und dem seiner Erfassung liegen mehr Kalendertage, als der Pool bei der "
        "Erfassung vorsah (`late_entry_days` seiner Regeln), und wo er nichts vorsah, mehr als `late_entry_days`. Bei "
        "eingelesener Vorgeschichte ist der Tag der Erfassung nicht bekannt; sie zählt nicht.",
        caution="Spät erfasst ist nicht falsch erfasst.",
        source="Prüfungsbericht juramagazin.de/129608; Rechnungshof Rheinland-Pfalz 2024: Leistungen spät nachgewiesen",
        thresholds=("late_entry_days",),
        of=BookingFile,
        look=late_entry,
    ),
    Rule(
        code="changed-after-confirmation",
        family=12,
        version=1,
        title="Nach der Bestätigung geändert",
        definition="Ein bestätigter Termin wurde storniert, oder eine Korrektur hat Beginn, Dauer, Art oder Fachkraft geändert.",
        caution="Auch wer bestätigt, kann sich irren; die Begründung steht im Prüfpfad.",
        source="Regel 14 des Stundenpools; GoBD: Unveränderbarkeit der Aufzeichnungen",
        of=BookingFile,
        look=changed_after_confirmation,
    ),
    Rule(
        code="changed-after-month",
        family=12,
        version=1,
        title="Nach Monatsende geändert",
        definition="Ein Termin wurde storniert, oder eine Korrektur hat Beginn, Dauer, Art oder Fachkraft geändert, mehr als "
        "`after_month_end_days` Tage nach dem Ende des Monats, in dem er bis dahin lag.",
        caution="Wer einen Fehler spät findet, soll ihn dennoch berichtigen.",
        source="Regeln 7 und 14 des Stundenpools; GoBD: Unveränderbarkeit der Aufzeichnungen",
        thresholds=("after_month_end_days",),
        of=BookingFile,
        look=changed_after_month,
    ),
    Rule(
        code="no-review-date",
        family=14,
        version=1,
        title="Bewilligt ohne Überprüfungstermin",
        definition="Eine Bewilligung nennt keinen Tag, an dem sie überprüft wird.",
        caution="Spätestens mit dem Modellzeitraum endet jede Bewilligung.",
        source="Rechnungshof Rheinland-Pfalz 2019: Bewilligungen ohne Ende oder Überprüfung",
        of=BookingFile,
        look=without_review,
    ),
    Rule(
        code="little-used",
        family=15,
        version=1,
        title="Kaum genutzt",
        definition="Bei der Abrechnung waren weniger als `used_share_percent` Prozent dessen genutzt, was bewilligt und nicht "
        "vorher zurückgegeben war; Korrekturen und Stornos danach zählen mit.",
        caution="Wenn Hilfe sich früh erledigt, ist das ein Erfolg; blockiert waren die Stunden dennoch.",
        source="Ziel des Stundenpools: Stunden, die andere gebraucht hätten, sollen nicht gebunden bleiben",
        thresholds=("used_share_percent",),
        of=BookingFile,
        look=little_used,
    ),
)
