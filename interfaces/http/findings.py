"""Findings: what the rules find in the log, and how it is handled: opened, explained, confirmed, closed."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from application import commands
from application.findings import FindingsPage
from application.log import read_event
from application.projections import findings
from application.projections.texts import sealed_text
from application.views import FindingView, Versioned
from domain.quantities import Actor
from interfaces.http import bodies, parameters
from interfaces.http.cases import opened_text
from interfaces.http.examples import LOGGED
from interfaces.http.operations import READING, Asking, Command, Operation, Page, Query
from interfaces.http.policies import AUDIT, AUDIT_AND_LEADS, AUDITORS, LEADS_AND_OFFICERS

_TEXTS = {
    "finding-opened": "note",
    "finding-explained": "explanation",
    "finding-confirmed": "reason",
    "finding-closed": "reason",
}


class FindingStep(msgspec.Struct, frozen=True):
    """What somebody did to a finding; ``text`` is ``null`` also where it was erased."""

    position: int
    recorded_at: datetime
    type: str
    actor: Actor
    text: str | None


class FindingFile(FindingView, frozen=True):
    """A finding with all that was said to it, whose reading was recorded."""

    steps: tuple[FindingStep, ...]


def list_findings(asking: Asking, wanted: parameters.FindingsOf) -> FindingsPage:
    return asking.findings.page(
        asking.reader,
        pool=wanted.pool,
        rule=wanted.rule,
        state=wanted.state,
        unseen=asking.unseen_rules,
        after=wanted.after,
        limit=wanted.limit,
    )


def list_opened_findings(asking: Asking, wanted: parameters.OpenedFindings) -> Page[FindingView]:
    return Page(
        *findings.list_opened(
            asking.reader,
            pool=wanted.pool,
            state=wanted.state,
            provider=asking.provider,
            after=wanted.after,
            limit=wanted.limit,
        )
    )


def get_finding(asking: Asking, _: parameters.Parameters, finding: UUID) -> Versioned[FindingFile]:
    found = findings.versioned_finding(asking.reader, finding, asking.provider)
    steps = []
    for event in map(read_event, asking.reader.stream(finding)):
        text = opened_text(asking, sealed_text(event, _TEXTS[event.type]))
        steps.append(FindingStep(event.position, event.recorded_at, event.type, event.actor, text))
    file = FindingFile(**msgspec.structs.asdict(found.view), steps=tuple(steps))
    return Versioned(file, found.version, found.position)


def what_holds(asking: Asking, finding: UUID, **arguments: Any) -> dict[str, Any]:
    """The finding that is to be opened, as the rules find it now."""
    return arguments | {"found": asking.findings.holding(asking.reader, finding, asking.unseen_rules)}


_RAISED = ("open_pool", "open_case", "raise_finding")

OPERATIONS: tuple[Operation, ...] = (
    Query(
        path="/audit/findings",
        policy=AUDIT,
        summary="Feststellungen der Regeln über dem Protokoll, und wie weit sie bearbeitet sind",
        note="Was jetzt gilt, nach der letzten Position, auf der es beruht, mit den Schwellen, nach denen es gilt. Eine "
        "Feststellung ist kein Vorwurf, sondern ein Anlass hinzusehen. Was keinem einzelnen Pool zuzuordnen ist, steht bei jedem. "
        "Was einmal eröffnet wurde, bleibt stehen, auch wenn es nicht mehr gilt, ebenso was eine Person festgestellt hat. "
        "Mit known_at steht da, was damals bekannt war, nach den Regeln und Schwellen von heute. Die erste Abfrage nach einem "
        "Start liest das ganze Protokoll; bis sie fertig ist, werden weitere mit 503 um Geduld gebeten.",
        read=list_findings,
        parameters=parameters.FindingsOf,
        view=FindingsPage,
        given=LOGGED,
        example={"pool": "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b01", "rule": "late-entry"},
    ),
    Query(
        path="/audit/findings/opened",
        policy=AUDIT_AND_LEADS,
        summary="Eröffnete Feststellungen; ein Träger sieht nur, was ihn betrifft",
        read=list_opened_findings,
        parameters=parameters.OpenedFindings,
        view=FindingView,
        paged=True,
    ),
    Query(
        path="/audit/findings/{finding}",
        policy=AUDIT_AND_LEADS,
        summary="Eine eröffnete Feststellung mit allem, was dazu gesagt wurde",
        note="Wer das wann gelesen hat, wird festgehalten, bevor die Antwort ergeht.",
        read=get_finding,
        parameters=parameters.Parameters,
        view=FindingFile,
        opens_texts=READING,
        given=_RAISED,
    ),
    Command(
        path="/audit/findings",
        policy=AUDITORS,
        summary="Eigene Feststellung eröffnen",
        decide=commands.raise_finding,
        body=bodies.FindingRaising,
        view=FindingView,
        created=True,
        given=("open_pool", "open_case"),
        example={
            "pool": "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b01",
            "case": "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b02",
            "note": "Die Termine passen nicht zum Dienstplan.",
        },
        shows={"state": "open", "rule": None, "provider": "traeger-a"},
    ),
    Command(
        path="/audit/findings/{finding}/opening",
        policy=AUDITORS,
        summary="Feststellung einer Regel eröffnen",
        note="Festgehalten wird, was die Regel jetzt sieht; es bleibt auch stehen, wenn eine Korrektur es beendet. Eine "
        "abgeschlossene kann wieder eröffnet werden.",
        decide=commands.open_finding,
        beforehand=what_holds,
        body=bodies.FindingOpening,
        view=FindingView,
        given=(*LOGGED, "list_findings"),
        example={"note": "Bitte erläutern."},
        shows={"state": "open"},
    ),
    Command(
        path="/audit/findings/{finding}/explanation",
        policy=LEADS_AND_OFFICERS,
        summary="Zu einer Feststellung Stellung nehmen; ein Träger nur zu dem, was ihn betrifft",
        decide=commands.explain_finding,
        body=bodies.FindingExplanation,
        view=FindingView,
        given=_RAISED,
        example={"explanation": "Der Dienstplan war an diesem Tag getauscht."},
        shows={"state": "explained", "explanations": 1},
    ),
    Command(
        path="/audit/findings/{finding}/confirmation",
        policy=AUDITORS,
        summary="Feststellung bestätigen",
        decide=commands.confirm_finding,
        body=bodies.Reason,
        view=FindingView,
        given=_RAISED,
        example={"reason": "Der getauschte Dienstplan nennt andere Zeiten."},
        shows={"state": "confirmed"},
    ),
    Command(
        path="/audit/findings/{finding}/closing",
        policy=AUDITORS,
        summary="Feststellung abschließen",
        decide=commands.close_finding,
        body=bodies.Reason,
        view=FindingView,
        given=_RAISED,
        example={"reason": "Der Termin ist berichtigt."},
        shows={"state": "closed"},
    ),
)
