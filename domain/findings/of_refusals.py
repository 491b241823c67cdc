"""Rules over what was refused: in imports, and attempts by people (families 5 and 9)."""

from collections.abc import Collection, Iterator
from functools import partial

from domain.findings.files import BookingFile, PoolFile, RefusedPerson
from domain.findings.finding import Rule, Sighting, counted, named
from domain.findings.thresholds import Thresholds

OUTSIDE = {
    "outside_period": "außerhalb des Zeitraums des Pools",
    "not_approved": "ohne Bewilligung",
    "case_closed": "in einem abgeschlossenen Fall",
}
OWN = {"own_request": "als Entscheidung über den eigenen Antrag"}
CODES = (*OUTSIDE, *OWN)  # what these rules look for


def in_imports(file: PoolFile, limits: Thresholds, codes: dict[str, str]) -> Iterator[Sighting]:
    """Steps of a file that were refused."""
    for each in file.imports:
        if each.code in codes:
            lines = named([str(line) for line in each.lines], "weiteren", "weiteren")
            where = f"Zeile {lines}" if len(each.lines) == 1 else f"den Zeilen {lines}"
            steps = counted(len(each.lines), "Schritt", "Schritte")
            yield Sighting(
                f"{each.position}/{each.code}",
                [each.position],
                f"Ein Import enthielt {steps} {codes[each.code]}, abgewiesen in {where}.",
                pool=file.id,
            )


_UNKNOWN = "Welcher Antrag gemeint war, hält die Quittung nicht fest"


def by_person(file: RefusedPerson, limits: Thresholds, codes: Collection[str]) -> Iterator[Sighting]:
    """What somebody tried in a pool. Old receipts do not keep what it was about."""
    if file.code in codes:
        about = list(dict.fromkeys(each.about for each in file.attempts.values() if each.about is not None))
        names = f": {named([each.name for each in about], 'weiterer', 'weitere')}" if about else f". {_UNKNOWN}"
        words = (OUTSIDE | OWN)[file.code]
        times = counted(len(file.attempts), "Versuch", "Versuche")
        cases = {each.case if isinstance(each, BookingFile) else each for each in about}
        providers = {each.provider for each in about}
        yield Sighting(
            "/".join([file.subject, file.organisation, file.code, *([file.pool.id] if file.pool else [])]),
            [each.position for each in file.attempts.values()],
            f"{file.subject} ({file.organisation}): {times} {words}, abgewiesen{names}.",
            pool=file.pool.id if file.pool else None,
            case=cases.pop().id if len(cases) == 1 else None,
            booking=about[0].id if len(about) == 1 and isinstance(about[0], BookingFile) else None,
            provider=providers.pop() if len(providers) == 1 else None,
        )


_ATTEMPTS = (
    "Quittungen gibt es von Aufrufen mit Idempotency-Key; ihre Position ist die letzte des Protokolls in dem Augenblick. Ältere "
    "nennen weder Antrag noch Pool; was auf ihnen beruht, steht bei jedem Pool."
)
_TYPING = "Ein falsches Datum oder ein falscher Fall ist schnell getippt."

RULES = (
    Rule(
        code="import-outside",
        family=5,
        version=1,
        title="Import außerhalb des Zulässigen",
        definition="Ein Import enthielt Schritte, die abgewiesen wurden, weil sie außerhalb des Zeitraums, ohne Bewilligung oder "
        "in einem abgeschlossenen Fall lagen. Eine Feststellung je Import und Grund.",
        caution=_TYPING,
        source="Regeln 4, 15 und 21 des Stundenpools: Zeitraum, Bewilligung und Abschluss",
        of=PoolFile,
        look=partial(in_imports, codes=OUTSIDE),
    ),
    Rule(
        code="refused-outside",
        family=5,
        version=2,
        title="Abgewiesene Versuche außerhalb des Zulässigen",
        definition="Eine Person wollte etwas außerhalb des Zeitraums, ohne Bewilligung oder in einem abgeschlossenen Fall und "
        f"wurde abgewiesen. Eine Feststellung je Person, Grund und Pool. {_ATTEMPTS}",
        caution=_TYPING,
        source="Regeln 4, 15 und 21 des Stundenpools: Zeitraum, Bewilligung und Abschluss",
        of=RefusedPerson,
        look=partial(by_person, codes=OUTSIDE),
    ),
    Rule(
        code="import-own-request",
        family=9,
        version=1,
        title="Eigener Antrag im Import entschieden",
        definition="Ein Import enthielt Entscheidungen über Anträge, die dieselbe Person gestellt hatte; sie wurden abgewiesen.",
        caution="In alten Tabellen steht oft eine Kennung für eine ganze Stelle.",
        source="Strafurteil wegen erfundener Fälle; Regel 10 des Stundenpools: Wer beantragt, bewilligt nie",
        of=PoolFile,
        look=partial(in_imports, codes=OWN),
    ),
    Rule(
        code="own-request-attempt",
        family=9,
        version=2,
        title="Versuch, den eigenen Antrag zu bewilligen",
        definition="Eine Person wollte einen Antrag bewilligen, den sie selbst gestellt hatte, und wurde abgewiesen. "
        f"Eine Feststellung je Person und Pool. {_ATTEMPTS}",
        caution="Wer die Stelle wechselt, kann auf einen alten eigenen Antrag stoßen.",
        source="Strafurteil wegen erfundener Fälle; Regel 10 des Stundenpools: Wer beantragt, bewilligt nie",
        of=RefusedPerson,
        look=partial(by_person, codes=OWN),
    ),
)
