"""Writes the sections of the documentation that follow from the code: `make docs`.

A section stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. `tests/test_docs.py` fails while one is out of date.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from application.catalogue import CATALOGUE, EventType
from application.log import EventMapper, Recorded
from application.projections.evaluation import names_of
from application.projections.figures import FIGURES, GROUPINGS, MONTHS, UNITS, Figure
from application.projections.figures import SECTIONS as SECTIONS_OF_FIGURES
from application.projections.trail_lines import NAMES, RETENTION_CLASSES
from benchmarks import scale
from docs import walk
from domain.booking import BookingEvent, HoursApproved, SessionFacts
from domain.case import CaseEvent
from domain.erasure import Periods
from domain.findings.rules import FAMILIES
from domain.findings.rules import RULES as RULES_OF_FINDINGS
from domain.findings.thresholds import Thresholds
from domain.handling import FindingEvent, Matter
from domain.personal_data import CLASSES, PersonalClass
from domain.pool import PoolEvent, RefusedStep
from domain.quantities import Actor, Period, Personal, Role, Rules, Sealed
from domain.refusals import ORDER
from domain.registry import ProviderEvent
from domain.sampling import Population
from interfaces.http.app import OPERATIONS, PAGES
from interfaces.http.metrics import Metrics
from interfaces.http.policies import FIELDS
from interfaces.http.problems import status_of
from interfaces.identity import oidc
from interfaces.settings import PREFIX, Settings
from interfaces.web import account, sign_in
from interfaces.web.pages import (
    ACCOUNT,
    CALENDAR,
    COMPARISON,
    ERASURE,
    EVALUATION,
    FINDING,
    FINDINGS,
    OVERVIEW,
    READS,
    SIGN_IN,
    SIGN_OUT,
    STORY,
    TRACE,
)

DOCS = Path(__file__).parent

# ── What the code does not say of itself: one sentence for each event, the rules that each refusal stands for.

MEANINGS = {
    "pool-opened": "A budget of minutes for a period, with its rules. The budget is effective from the first day of the period.",
    "demonstration-started": "Everything in this log is made up from the seed; its clock runs from the stated instant.",
    "budget-changed": "The committee raised or cut the budget; effective on the stated day, else when it is recorded.",
    "rules-changed": "All rules of the pool as they are from now on; what was decided before stands.",
    "hours-reserved": "The pool's side of an approval: these minutes are committed.",
    "hours-released": "Approved minutes went back to the pool, and why.",
    "pool-exhausted": "Less than one unit is available from here on.",
    "pool-replenished": "At least one unit is available again.",
    "place-offered": "The head of the waiting list fits what is available for the first time.",
    "month-closed": "A month of service takes no new session, correction or reversal.",
    "month-reopened": "It does again.",
    "import-recorded": "A file was taken in: its hash, its counts in steps, and every refused step with its code.",
    "sample-drawn": "Sessions were drawn at random to be checked; with the seed, anybody draws the same ones again.",
    "pool-closed": "The pool takes nothing any more. Everything in it was settled, and the sums were proved.",
    "case-opened": "A case under its pseudonymous reference, with its master data.",
    "case-amended": "Master data put right; `null` leaves a field as it was.",
    "case-transferred": "Another provider accompanies from now on.",
    "case-closed": "The accompaniment ended, and how.",
    "erasure-requested": "The first of two persons wants classes of the person's data erased; they are restricted from now on.",
    "erasure-withdrawn": "The request was taken back, and with it the restriction.",
    "legal-hold-set": "Nothing of the person is erased until the hold is lifted.",
    "legal-hold-lifted": "The calendar decides again.",
    "personal-data-erased": "The second person agreed: nobody reads these classes any more, and their keys are destroyed.",
    "erasure-confirmed": "The keys of these classes are destroyed, and the ledger of erasures names them.",
    "hours-requested": "A provider asks for minutes for a case. Provider and district stay what they were at this moment.",
    "request-waitlisted": "The request waits for minutes, or has another priority on the list.",
    "approval-proposed": "The first of two officers agrees to these minutes. Nothing is reserved.",
    "hours-approved": "Minutes are granted, in full or in part; `proposed_by` is the first officer where two were needed.",
    "request-declined": "The office said no.",
    "request-withdrawn": "The provider took the request back, or the closing of case or pool did.",
    "session-logged": "Minutes rendered. `late` by rule 17.",
    "session-corrected": "A session as it is from now on, and as it was before.",
    "session-reversed": "A session no longer counts; `before` is what it said.",
    "session-confirmed": "The client or the family confirms the session.",
    "grant-reduced": "What stays granted; the rest was released at once.",
    "booking-settled": "Accounted for: what was not used was released, nothing new is logged.",
    "finding-opened": "An auditor wants a finding looked into: one that a rule made, as it was seen then, or one of their own.",
    "finding-explained": "What the provider concerned, or the office, says to a finding.",
    "finding-confirmed": "The auditor holds that it is so.",
    "finding-closed": "Nobody has to do anything about it any more, and why.",
    "provider-registered": "What events call a provider, and what people do. Again for other days, perhaps under another name.",
    "offer-registered": "An offer of the provider, under the name that stands in cases.",
    "worker-registered": "A worker of the provider, under the pseudonym that stands in sessions.",
    "registration-ended": "The last registration under this name has this last day. One before `valid_from`: it was a mistake.",
}

RULES_OF_REFUSALS = {
    "malformed": "16, and the form of a request",
    "key_reused": "–",
    "not_found": "9, and whoever may not see it",
    "unknown_request": "15 (imports)",
    "foreign_case": "9 (imports)",
    "version_differs": "–",
    "duplicate_id": "–",
    "pool_closed": "8",
    "case_closed": "9, 21",
    "outside_period": "4",
    "month_closed": "7",
    "in_future": "13",
    "own_request": "10",
    "same_officer": "6",
    "not_approved": "15",
    "settled": "15",
    "already_decided": "–",
    "session_reversed": "14",
    "already_closed": "7, 21",
    "reason_missing": "7, 11, 14, 18, 19",
    "not_a_unit": "16",
    "too_long": "16",
    "over_request": "11",
    "over_budget": "1",
    "below_committed": "5",
    "over_case_cap": "2",
    "over_district_quota": "3",
    "over_provider_quota": "3",
    "over_grant": "12, 18",
    "out_of_turn": "20",
    "case_open": "–",
    "data_erased": "–",
    "on_hold": "–",
    "not_due": "–",
}

# ── Sections


def events_section() -> str:
    """Every event type, by the stream it belongs to."""
    streams = (
        ("Pool", PoolEvent),
        ("Case", CaseEvent),
        ("Booking", BookingEvent),
        ("Finding", FindingEvent),
        ("Provider", ProviderEvent),
    )
    parts = []
    for title, kinds in streams:
        parts.append(f"## {title}")
        parts += [_event(entry) for entry in CATALOGUE if entry.cls in get_args(kinds)]
    return "\n\n".join(parts)


def _event(entry: EventType) -> str:
    hints = get_type_hints(entry.cls)
    in_order = [field.name for field in fields(entry.cls)]
    clear = [f"`{name}` {_kind(hints[name])}" for name in in_order if name in entry.clear]
    personal = [f"`{name}` {entry.personal[name]}" for name in in_order if name in entry.personal]
    lines = [f"### `{entry.name}`, schema {entry.schema}", "", MEANINGS[entry.name], ""]
    lines += [f"- clear: {' · '.join(clear) or 'none'}"]
    if personal:
        lines += [f"- personal: {' · '.join(personal)}"]
    return "\n".join(lines)


_KINDS = {
    UUID: "id",
    str: "text",
    int: "int",
    bool: "bool",
    datetime: "instant",
    date: "date",
    Period: "{start, end}",
    Rules: "rules",
    SessionFacts: "{starts_at, minutes, kind, worker}",
    tuple[RefusedStep, ...]: "list of {line, step, code, id}",
    tuple[UUID, ...]: "list of ids",
    tuple[PersonalClass, ...]: "list of classes: identity, file, voucher",
    Population: "{position, provider?, first_day?, last_day?, size, sha256}",
    Matter: "{rule?, rule_version?, sentence?, positions, pool?, case?, booking?, worker?, provider?}",
}


def _kind(hint: Any) -> str:
    """A type as a reader of JSON needs it."""
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        [known] = [option for option in get_args(hint) if option is not type(None)]
        return f"{_kind(known)}?"
    return _KINDS[hint]


def example_section() -> str:
    """One event as it stands in the column `state`, with line breaks put in."""
    sealed: Personal = Sealed("case:8d3c0f0e-6a0a-5f5e-9d1b-2f4f6f0f7a10:voucher", bytes(range(12)), bytes(range(32)))
    approved = HoursApproved(
        "traeger-a", 240, datetime(2022, 3, 1, 9, 30, tzinfo=UTC), "officer-1", None, None, sealed, True, None, False
    )
    recorded = Recorded(
        4,
        UUID("3f2b7c52-3c38-4f0e-9a41-7e6a5d0c9b11"),
        2,
        datetime(2022, 3, 1, 9, 30, 0, 125, tzinfo=UTC),
        Actor("officer-1", "officer", "jugendamt"),
        "5f0c6c9e-approve",
        None,
        approved,
    )
    state = EventMapper(transcoder=None).to_stored_event(recorded).state  # type: ignore[arg-type]  # ours needs none
    return f"```json\n{json.dumps(json.loads(state), indent=2, ensure_ascii=False)}\n```"


def refusals_section() -> str:
    """Every refusal in the order in which they are reported."""
    rows = [f"| `{each.code}` | {status_of(each.code)} | {RULES_OF_REFUSALS[each.code]} | {each.sentence} |" for each in ORDER]
    return "\n".join(["| code | HTTP | rule | sentence |", "| --- | --- | --- | --- |", *rows])


def settings_section() -> str:
    """Every setting with its default."""
    rows = []
    for setting in fields(Settings):
        default = f"`{setting.default}`" if setting.default != "" else "–"
        rows.append(f"| `{PREFIX}{setting.name.upper()}` | {default} | {setting.metadata['meaning']} |")
    return "\n".join(["| variable | default | meaning, as `config check` shows it |", "| --- | --- | --- |", *rows])


def metrics_section() -> str:
    """Every metric of a process, by the name under which a scrape shows it."""
    rows = []
    for metric in Metrics().registry.collect():
        name = metric.name + {"counter": "_total", "info": "_info"}.get(metric.type, "")
        kind = "gauge" if metric.type == "info" else metric.type
        rows.append(f"| `{name}` | {kind} | {metric.documentation.rstrip('.')} |")
    return "\n".join(["| metric | type | meaning |", "| --- | --- | --- |", *rows])


def groupings_section() -> str:
    """What figures are grouped by, and their units."""
    groupings = [f"| `{each.by}` | {each.label} | {each.definition} |" for each in GROUPINGS]
    units = [f"| `{unit}` | {meaning} |" for unit, meaning in UNITS.items()]
    return "\n".join(
        ["| grouped by | | definition |", "| --- | --- | --- |", *groupings, "", "| unit | counts |", "| --- | --- |", *units]
    )


def figures_section() -> str:
    """Every figure of the evaluation with its definition, section by section."""
    parts = []
    for section, title in SECTIONS_OF_FIGURES.items():
        rows = [_figure(figure) for figure in FIGURES if figure.section == section]
        head = ["| figure | | unit | definition | month | counts |", "| --- | --- | --- | --- | --- | --- |"]
        parts.append("\n".join([f"### {title}", "", *head, *rows]))
    return "\n\n".join(parts)


def _figure(figure: Figure[Any, Any]) -> str:
    events = ", ".join(f"`{name}`" for name in names_of(figure.events))
    cells = (f"`{figure.id}`", figure.label, f"`{figure.unit}`", figure.definition, MONTHS[figure.month], events)
    return f"| {' | '.join(cells)} |"


def findings_section() -> str:
    """Every rule over the log, family by family."""
    parts = []
    for family, title in FAMILIES.items():
        parts.append(f"### {family}. {title}")
        for rule in RULES_OF_FINDINGS:
            if rule.family == family:
                parts.append(f"**{rule.title}** – `{rule.code}`, Fassung {rule.version}")
                parts.append(f"- Definition: {rule.definition}\n- Was es nicht heißt: {rule.caution}\n- Quelle: {rule.source}")
    return "\n\n".join(parts)


def thresholds_section() -> str:
    """Every threshold with its default, its bounds and where it comes from."""
    rows = []
    for each in fields(Thresholds):
        bounds = f"{each.metadata['least']}–{each.metadata['most']}"
        rows.append(f"| `{each.name}` | {each.default} | {bounds} | {each.metadata['meaning']} |")
    return "\n".join(["| threshold | default | allowed | meaning and source |", "| --- | ---: | --- | --- |", *rows])


PAGE_TITLES = {
    OVERVIEW: "Seite: Überblick (ohne Zahlen für die Administration)",
    EVALUATION: "Seite: Auswertung",
    TRACE: "Seite: Nachweis einer Zahl",
    FINDINGS: "Seite: Feststellungen",
    FINDING: "Seite: Eine Feststellung",
    STORY: "Seite: Geschichte eines Falls, eines Antrags, einer Fachkraft oder eines Pools",
    READS: "Seite: Einsichten in personenbezogene Texte",
    CALENDAR: "Seite: Löschkalender",
    ERASURE: "Seite: Aufbewahrung und Löschung in einem Fall",
    COMPARISON: "Seite: Zwei Zeitpunkte im Vergleich",
    SIGN_IN: "Seite: Anmelden",
    sign_in.TOKEN: "Anmelden mit einem Token, in der Vorführung",
    sign_in.CODE: "Seite: Code des zweiten Faktors",
    sign_in.PASSWORD: "Seite: Neues Passwort",
    sign_in.FACTOR: "Seite: Zweiten Faktor einrichten",
    oidc.BEGIN: "Anmelden mit dem Dienstkonto",
    oidc.RETURN: "Rückweg von der Anmeldestelle",
    oidc.LOGOUT: "Abmeldung durch die Anmeldestelle, von der unterschrieben",
    SIGN_OUT: "Abmelden",
    ACCOUNT: "Seite: Eigenes Konto",
    account.PROVING: "Noch einmal zeigen, dass man es selbst ist",
    account.RENEWAL: "Eigenes Passwort oder eigenen zweiten Faktor erneuern",
    account.ENDING: "Eigene Sitzungen und Token beenden",
}
ROLES: Mapping[Role, str] = {
    "worker": "Fachkraft",
    "lead": "Leitung",
    "officer": "Sachbearbeitung",
    "planner": "Planung",
    "auditor": "Prüfung",
    "admin": "Administration",
}


def rights_section() -> str:
    """Every operation and every page, and who may."""
    operations = [(each.summary, f"`{each.method} {each.path}`", each.policy) for each in OPERATIONS]
    opened = [(PAGE_TITLES[each.path], f"`{each.path}`", each.policy or frozenset(ROLES)) for each in PAGES]
    lines = [f"| Vorgang | Aufruf | {' | '.join(ROLES.values())} |", f"| --- | --- {'| :-: ' * len(ROLES)}|"]
    for summary, call, policy in [*operations, *opened]:
        lines.append(f"| {summary} | {call} | {' | '.join('●' if role in policy else ' ' for role in ROLES)} |")
    return "\n".join(lines)


def fields_section() -> str:
    """Every view with those who see its fields."""
    lines = ["| Sicht | Felder | gesehen von |", "| --- | --- | --- |"]
    for view, fields_of_view in FIELDS.items():
        policies = dict.fromkeys(fields_of_view.values())
        for policy in policies:
            shown = ", ".join(f"`{name}`" for name, of_field in fields_of_view.items() if of_field == policy)
            lines.append(f"| `{view}` | {shown} | {', '.join(title for role, title in ROLES.items() if role in policy)} |")
    return "\n".join(lines)


KEPT_AS: Mapping[str, str] = {
    **dict[str, str](RETENTION_CLASSES.items()),
    "procedure": "Begründungen von Sperren und Löschungen; enden mit der letzten der anderen Klassen",
}


def personal_section() -> str:
    """Which personal fields of which events belong to which class."""
    rows = ["| Löschklasse | Datenart | Felder |", "| --- | --- | --- |"]
    for kept, label in KEPT_AS.items():
        named = f"`{kept}` {label}"
        for entry in CATALOGUE:
            if of_class := [f"`{field}`" for field, retention in entry.personal.items() if retention == kept]:
                rows.append(f"| {named} | {NAMES[entry.cls]} (`{entry.name}`) | {', '.join(of_class)} |")
                named = ""
    return "\n".join(rows)


def periods_section() -> str:
    """How long each class is kept unless an office says otherwise."""
    rows = ["| Löschklasse | Name der Frist | Jahre | Herkunft |", "| --- | --- | ---: | --- |"]
    for kept in CLASSES:
        [period] = [each for each in fields(Periods) if each.name == f"{kept}_years"]
        rows.append(f"| `{kept}` | `{period.name}` | {period.default} | {period.metadata['meaning']} |")
    return "\n".join(rows)


SECTIONS: Mapping[str, Mapping[str, Any]] = {
    "datenschutz/loeschkonzept.md": {"personal": personal_section, "periods": periods_section},
    "evaluation.md": {"groupings": groupings_section, "figures": figures_section},
    "events.md": {"example": example_section, "events": events_section},
    "findings.md": {"thresholds": thresholds_section, "rules": findings_section},
    "glossary.md": {"refusals": refusals_section},
    "operations.md": {"settings": settings_section, "metrics": metrics_section},
    "rollen.md": {"rights": rights_section, "fields": fields_section},
    "scale.md": scale.SECTIONS,
    "tour.md": walk.SECTIONS,
}


def with_sections(page: str) -> str:
    """The text of a page with its generated sections as they should be."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, section in SECTIONS[page].items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        filled = f"{begin}\n\n{section()}\n\n{end}"
        around = pattern.split(text)
        if len(around) != 2:
            raise ValueError(f"{page} has no section {name}")
        text = filled.join(around)
    return text


if __name__ == "__main__":
    for page in SECTIONS:
        (DOCS / page).write_text(with_sections(page), encoding="utf-8")
