"""Findings as a table for spreadsheets: RFC 4180, commas, UTF-8, a line for every finding; positions are parted by blanks."""

import csv
import io

from application.findings import FindingItem, FindingsReport
from interfaces.evaluation_csv import harmless

_HANDLING = {
    None: "nicht eröffnet",
    "open": "eröffnet",
    "explained": "Stellungnahme liegt vor",
    "confirmed": "bestätigt",
    "closed": "abgeschlossen",
}
COLUMNS = (
    *("id", "rule", "version", "family", "title", "sentence", "source", "positions", "holds", "state", "explanations"),
    *("pool", "case", "booking", "worker", "provider"),
)


def handling_of(item: FindingItem) -> str:
    """How far a finding is handled, in words."""
    said = _HANDLING[item.state]
    if item.explanations > 1:
        said += f" ({item.explanations} Stellungnahmen)"
    return said if item.holds or item.rule is None else f"{said}, gilt nicht mehr"


def findings_csv(report: FindingsReport) -> str:
    """Every finding, by the last position that it rests on."""
    titles = {rule.rule: rule.title for rule in report.rules}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for each in report.findings:
        title = titles.get(each.rule or "", "")
        positions = " ".join(map(str, each.positions))
        rule = (each.rule, each.version, each.family, title, harmless(each.sentence or ""), each.source)
        about = (each.pool, each.case, each.booking, harmless(each.worker or ""), harmless(each.provider or ""))
        writer.writerow((each.id, *rule, positions, "yes" if each.holds else "no", each.state, each.explanations, *about))
    return text.getvalue()
