"""Findings: what an auditor should look at, as the rules find it in the log."""

from application.findings import FindingsPage
from interfaces.http import parameters
from interfaces.http.operations import Asking, Operation, Query
from interfaces.http.security import AUDIT


def list_findings(asking: Asking, wanted: parameters.FindingsOf) -> FindingsPage:
    return asking.findings.page(asking.reader, pool=wanted.pool, rule=wanted.rule, after=wanted.after, limit=wanted.limit)


OPERATIONS: tuple[Operation, ...] = (
    Query(
        path="/audit/findings",
        policy=AUDIT,
        summary="Feststellungen der Regeln über dem Protokoll",
        note="Was jetzt gilt, nach der letzten Position, auf der es beruht, mit den Schwellen, nach denen es gilt. Eine "
        "Feststellung ist kein Vorwurf, sondern ein Anlass hinzusehen. Was keinem einzelnen Pool zuzuordnen ist, steht bei jedem. "
        "Die erste Abfrage nach einem Start liest das ganze Protokoll; bis sie fertig ist, werden weitere mit 503 um Geduld "
        "gebeten.",
        read=list_findings,
        parameters=parameters.FindingsOf,
        view=FindingsPage,
    ),
)
