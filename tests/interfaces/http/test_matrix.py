"""Every route, method, role, provider, object and state: who may is stated here once more, as the role concept has it.

The table follows the roles of the youth office, not the code; `docs/rollen.md` publishes what the code says, and must be the same.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints
from uuid import uuid4

import msgspec
import pytest

from application.views import CaseView
from interfaces.http.app import OPERATIONS, PAGES
from interfaces.http.operations import PREFIX, Query
from interfaces.http.policies import FIELDS, FIGURES, views_in
from interfaces.web import session
from interfaces.web.overview import Overview
from tests.interfaces.http.office import PEOPLE, Office
from tests.interfaces.http.town import DISTRICTS, LATER, WORDS, Reply, Thing, Town, path_of

ROLES = {"W": "worker", "L": "lead", "O": "officer", "P": "planner", "A": "auditor", "D": "admin", "-": None}
ROLE_CONCEPT = Path(__file__).parents[3] / "docs" / "rollen.md"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# Who may call what: Fachkraft (W), Leitung (L), Sachbearbeitung (O), Jugendhilfeplanung (P), Rechnungsprüfung (A) and
# Administration (D).
MAY = {
    ("GET", "/pools"): "WLOPA",
    ("POST", "/pools"): "O",
    ("GET", "/pools/{pool}"): "WLOPA",
    ("GET", "/pools/{pool}/balance"): "WLOPA",
    ("GET", "/pools/{pool}/forecast"): "WLOPA",
    ("GET", "/pools/{pool}/waiting-list"): "WLOA",
    ("GET", "/pools/{pool}/worklist"): "OA",
    ("POST", "/pools/{pool}/budget"): "O",
    ("POST", "/pools/{pool}/rules"): "O",
    ("POST", "/pools/{pool}/months/{month}/closure"): "O",
    ("POST", "/pools/{pool}/months/{month}/reopening"): "O",
    ("POST", "/pools/{pool}/closure"): "O",
    ("GET", "/cases"): "WLOA",
    ("POST", "/cases"): "WL",
    ("GET", "/cases/{case}"): "WLOA",
    ("POST", "/cases/{case}/amendment"): "L",
    ("POST", "/cases/{case}/transfer"): "O",
    ("POST", "/cases/{case}/closure"): "LO",
    ("GET", "/cases/{case}/erasure"): "O",
    ("POST", "/cases/{case}/erasure"): "O",
    ("POST", "/cases/{case}/erasure/withdrawal"): "O",
    ("POST", "/cases/{case}/hold"): "O",
    ("POST", "/cases/{case}/hold/lifting"): "O",
    ("GET", "/cases/{case}/subject"): "O",
    ("GET", "/retention"): "O",
    ("GET", "/bookings"): "WLOA",
    ("POST", "/bookings"): "WL",
    ("GET", "/bookings/{booking}"): "WLOA",
    ("GET", "/bookings/{booking}/texts"): "WLOA",
    ("POST", "/bookings/{booking}/approval"): "O",
    ("POST", "/bookings/{booking}/refusal"): "O",
    ("POST", "/bookings/{booking}/withdrawal"): "L",
    ("POST", "/bookings/{booking}/waitlisting"): "O",
    ("POST", "/bookings/{booking}/reduction"): "LO",
    ("POST", "/bookings/{booking}/settlement"): "LO",
    ("POST", "/bookings/{booking}/sessions"): "WL",
    ("POST", "/bookings/{booking}/sessions/{session}/correction"): "WL",
    ("POST", "/bookings/{booking}/sessions/{session}/reversal"): "WL",
    ("POST", "/bookings/{booking}/sessions/{session}/confirmation"): "WL",
    ("GET", "/events"): "WLOA",
    ("GET", "/events/stream"): "WLOA",
    ("GET", "/reports/evaluation"): "OPA",
    ("GET", "/reports/evaluation.csv"): "OPA",
    ("GET", "/audit/trail"): "OA",
    ("GET", "/audit/checkpoint"): "OAD",
    ("GET", "/audit/proofs/inclusion"): "OA",
    ("GET", "/audit/proofs/consistency"): "OAD",
    ("GET", "/audit/explain"): "OA",
    ("GET", "/audit/compare"): "OA",
    ("GET", "/audit/story"): "OA",
    ("GET", "/audit/reads"): "A",
    ("GET", "/audit/findings"): "OA",
    ("POST", "/audit/findings"): "A",
    ("GET", "/audit/findings/opened"): "LOA",
    ("GET", "/audit/findings/{finding}"): "LOA",
    ("POST", "/audit/findings/{finding}/opening"): "A",
    ("POST", "/audit/findings/{finding}/explanation"): "LO",
    ("POST", "/audit/findings/{finding}/confirmation"): "A",
    ("POST", "/audit/findings/{finding}/closing"): "A",
    ("GET", "/audit/samples"): "OA",
    ("POST", "/audit/samples"): "A",
    ("GET", "/providers"): "WLOPA",
    ("POST", "/providers"): "O",
    ("GET", "/providers/{provider}"): "WLOA",
    ("POST", "/providers/{provider}/offers"): "O",
    ("POST", "/providers/{provider}/offers/ending"): "O",
    ("POST", "/providers/{provider}/workers"): "LO",
    ("POST", "/providers/{provider}/workers/ending"): "LO",
    ("POST", "/providers/{provider}/ending"): "O",
    ("GET", "/tokens"): "D",
    ("DELETE", "/tokens/{token}"): "D",
    ("GET", "/access-trail"): "AD",
    ("GET", "/webhooks"): "OD",
    ("POST", "/webhooks"): "D",
    ("GET", "/webhooks/{webhook}"): "OD",
    ("DELETE", "/webhooks/{webhook}"): "D",
    ("POST", "/webhooks/{webhook}/release"): "O",
    ("POST", "/webhooks/{webhook}/resumption"): "D",
}
PAGES_MAY = {
    "/": "WLOPAD",
    "/auswertung": "OPA",
    "/nachweis": "WLOA",
    "/feststellungen": "LOA",
    "/feststellung": "LOA",
    "/geschichte": "OA",
    "/vergleich": "OA",
    "/einsichten": "A",
    "/loeschen": "O",
    "/loeschen/fall": "O",
    "/anmeldung": "WLOPAD-",
    "/anmeldung/token": "WLOPAD-",
    "/anmeldung/code": "WLOPAD-",
    "/anmeldung/passwort": "WLOPAD-",
    "/anmeldung/zweiter-faktor": "WLOPAD-",
    "/anmeldung/oidc": "WLOPAD-",
    "/anmeldung/oidc/zurueck": "WLOPAD-",
    "/anmeldung/oidc/abmeldung": "WLOPAD-",
    "/abmelden": "WLOPAD-",
    "/konto": "WLOPAD",
    "/konto/bestaetigen": "WLOPAD",
    "/konto/erneuern": "WLOPAD",
    "/konto/beenden": "WLOPAD",
}
READ, SENT, BOTH = ("GET", "HEAD"), ("POST",), ("GET", "HEAD", "POST")
PAGE_METHODS = {
    **dict.fromkeys(("/feststellungen", "/feststellung", "/loeschen/fall", "/konto/bestaetigen"), BOTH),
    **dict.fromkeys(("/anmeldung", "/anmeldung/code", "/anmeldung/passwort", "/anmeldung/zweiter-faktor"), BOTH),
    **dict.fromkeys(("/anmeldung/token", "/anmeldung/oidc/abmeldung", "/abmelden", "/konto/erneuern", "/konto/beenden"), SENT),
}


# ── What whoever may is answered: by the state of what it is about, else ``*``; in all others the first that is wrong

DECIDED = dict.fromkeys(("approved", "declined", "withdrawn", "settled"), "already_decided")
CLOSED_POOL = {"pool_closed": "pool_closed"}
GRANT_NEEDED = {
    **dict.fromkeys(("requested", "awaiting_second", "waitlisted", "declined", "withdrawn", "pool_exhausted"), "not_approved"),
    "settled": "settled",
    **CLOSED_POOL,
}
ANSWERED: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("POST", "/pools"): {"*": "201"},
    ("POST", "/pools/{pool}/budget"): {"*": "200", "closed": "pool_closed"},
    ("POST", "/pools/{pool}/rules"): {"*": "200", "closed": "pool_closed"},
    ("POST", "/pools/{pool}/months/{month}/closure"): {"*": "200", "closed": "pool_closed"},
    ("POST", "/pools/{pool}/months/{month}/reopening"): {"*": "200", "closed": "pool_closed"},
    ("POST", "/pools/{pool}/closure"): {"*": "200", "closed": "pool_closed"},
    ("POST", "/cases"): {"*": "201", "closed": "pool_closed"},
    ("POST", "/cases/{case}/amendment"): {"*": "200", **CLOSED_POOL},
    ("POST", "/cases/{case}/transfer"): {"*": "200", "closed": "case_closed", **CLOSED_POOL},
    ("POST", "/cases/{case}/closure"): {"*": "200", "closed": "already_closed", **CLOSED_POOL},
    ("POST", "/cases/{case}/erasure"): {"*": "202"},
    ("POST", "/cases/{case}/erasure/withdrawal"): {"*": "already_decided"},  # nothing is requested
    ("POST", "/cases/{case}/hold"): {"*": "200"},
    ("POST", "/cases/{case}/hold/lifting"): {"*": "already_decided"},
    ("POST", "/bookings"): {"*": "201", "closed": "case_closed", **CLOSED_POOL},
    ("POST", "/bookings/{booking}/approval"): {"*": "200", **DECIDED, "pool_exhausted": "over_budget", **CLOSED_POOL},
    ("POST", "/bookings/{booking}/refusal"): {"*": "200", **DECIDED, **CLOSED_POOL},
    ("POST", "/bookings/{booking}/withdrawal"): {"*": "200", **DECIDED, **CLOSED_POOL},
    ("POST", "/bookings/{booking}/waitlisting"): {"*": "200", "waitlisted": "already_decided", **DECIDED, **CLOSED_POOL},
    ("POST", "/bookings/{booking}/reduction"): {"*": "200", **GRANT_NEEDED},
    ("POST", "/bookings/{booking}/settlement"): {"*": "200", **GRANT_NEEDED},
    ("POST", "/bookings/{booking}/sessions"): {"*": "201", **GRANT_NEEDED},
    ("POST", "/bookings/{booking}/sessions/{session}/correction"): {"*": "200", "reversed": "session_reversed", **CLOSED_POOL},
    ("POST", "/bookings/{booking}/sessions/{session}/reversal"): {"*": "200", "reversed": "session_reversed", **CLOSED_POOL},
    ("POST", "/bookings/{booking}/sessions/{session}/confirmation"): {"*": "200", "reversed": "session_reversed", **CLOSED_POOL},
    ("POST", "/audit/findings"): {"*": "201"},
    ("POST", "/audit/findings/{finding}/opening"): {"*": "not_found"},  # none of these is a rule's
    ("POST", "/audit/findings/{finding}/explanation"): {"*": "200", "confirmed": "already_decided", "closed": "already_closed"},
    ("POST", "/audit/findings/{finding}/confirmation"): {"*": "200", "confirmed": "already_decided", "closed": "already_closed"},
    ("POST", "/audit/findings/{finding}/closing"): {"*": "200", "closed": "already_closed"},
    ("POST", "/audit/samples"): {"*": "201"},
    ("POST", "/providers"): {"*": "201"},
    ("POST", "/webhooks"): {"*": "201"},
}
OF_BODY = {
    ("POST", "/cases"): "pool",
    ("POST", "/bookings"): "case",
    ("POST", "/audit/findings"): "case",
    ("POST", "/audit/samples"): "pool",
}
OF_QUERY = dict.fromkeys(
    ("/reports/evaluation", "/reports/evaluation.csv", "/audit/compare", "/audit/explain", "/audit/samples"), "pool"
)


def body_of(route: tuple[str, str], thing: Thing | None) -> Any:
    """A body that is in order."""
    ids = thing.ids if thing else {}
    word = WORDS.get(thing.owner or "", "neu") if thing else "neu"
    place = {"district": "nord", "service_area": "13", "concern": "housing"}
    bodies: Mapping[str, Any] = {
        "/pools": {
            "name": "Neu",
            "period": {"start": "2024-01-01", "end": "2049-12-31"},
            "budget_minutes": 600,
            "rules": {},
        },
        "/pools/{pool}/budget": {"change_minutes": 600, "resolution": "V2"},
        "/pools/{pool}/rules": {"rules": {}, "reason": "Beschluss"},
        "/pools/{pool}/months/{month}/reopening": {"reason": "Nachtrag"},
        "/cases": {"pool": ids.get("pool"), **place},
        "/cases/{case}/amendment": {"offer": "neu", "reason": "Umzug"},
        "/cases/{case}/transfer": {"provider": "traeger-c", "reason": "Wechsel"},
        "/cases/{case}/closure": {"outcome": "moved"},
        "/cases/{case}/erasure": {"ground": "order", "reason": "unzulässig"},
        "/cases/{case}/erasure/withdrawal": {"reason": "Irrtum"},
        "/cases/{case}/hold": {"reason": "Verfahren"},
        "/cases/{case}/hold/lifting": {"reason": "beendet"},
        "/bookings": {"case": ids.get("case"), "minutes": 60},
        "/bookings/{booking}/approval": {"overtaking_reason": "eilt"},
        "/bookings/{booking}/refusal": {"reason": "Bedarf gedeckt"},
        "/bookings/{booking}/reduction": {"to_minutes": 60, "reason": "weniger"},
        "/bookings/{booking}/sessions": {"starts_at": LATER, "minutes": 15, "kind": "direct"},
        "/bookings/{booking}/sessions/{session}/correction": {"minutes": 45, "reason": "Zahlendreher"},
        "/bookings/{booking}/sessions/{session}/reversal": {"reason": "doppelt"},
        "/bookings/{booking}/sessions/{session}/confirmation": {"by": "Mutter", "method": "Unterschrift"},
        "/audit/findings": {"pool": ids.get("pool"), "case": ids.get("case"), "note": "Passt nicht."},
        "/audit/findings/{finding}/explanation": {"explanation": "Getauscht."},
        "/audit/findings/{finding}/confirmation": {"reason": "Passt nicht."},
        "/audit/findings/{finding}/closing": {"reason": "Berichtigt."},
        "/audit/samples": {"pool": ids.get("pool"), "size": 1},
        "/providers": {"provider": "traeger-neu", "name": "Neuer Verein", "valid_from": "2024-01-01"},
        "/providers/{provider}/offers": {"offer": "neu", "valid_from": "2024-01-01"},
        "/providers/{provider}/offers/ending": {"offer": word, "valid_until": "2024-06-30"},
        "/providers/{provider}/workers": {"worker": "neu", "valid_from": "2024-01-01"},
        "/providers/{provider}/workers/ending": {"worker": word, "valid_until": "2024-06-30"},
        "/providers/{provider}/ending": {"valid_until": "2024-06-30"},
        "/webhooks": {"url": "https://fachverfahren.example/neu"},
    }
    return bodies.get(route[1], {}) if route[0] == "POST" else None


def query_of(path: str, thing: Thing | None) -> dict[str, str]:
    pool = thing.ids["pool"] if thing and "pool" in thing.ids else ""
    match path:
        case "/audit/proofs/inclusion":
            return {"position": "1"}
        case "/audit/proofs/consistency":
            return {"from": "1"}
        case "/audit/explain":
            return {"figure": f"pool/{pool}/granted"}
        case "/audit/compare":
            return {"pool": pool, "from": "2024-03-31", "to": "2024-06-30"}
        case "/events/stream":
            return {"after": "0"}
        case "/audit/story":
            return {"worker": WORDS["a"]}
        case _:
            return {"pool": pool} if path in OF_QUERY else {}


class Cell(NamedTuple):
    method: str
    path: str
    role: str
    thing: Thing | None
    expected: str

    def __str__(self) -> str:
        thing = self.thing and f"{self.thing.kind} of {self.thing.owner}, {self.thing.state}"
        return f"{ROLES[self.role]} {self.method} {self.path} ({thing})"


def kind_of(route: tuple[str, str]) -> str | None:
    """What a route is about: what its path names last, else its body or query."""
    named = [
        kind
        for kind in ("provider", "token", "webhook", "finding", "session", "booking", "case", "pool")
        if f"{{{kind}}}" in route[1]
    ]
    return named[0] if named else OF_BODY.get(route) or (OF_QUERY.get(route[1]) if route[0] == "GET" else None)


def things_of(town: Town, route: tuple[str, str]) -> list[Thing | None]:
    """Everything of that kind, in every state, one that nobody made, and an id that is none."""
    kind = kind_of(route)
    if kind is None:
        return [None]
    found = town.of(kind)
    missing = Thing(kind, None, "missing", {name: str(uuid4()) for name in found[0].ids})
    return [*found, missing]


def cells(town: Town) -> Iterator[Cell]:
    paths = {path for _, path in MAY}
    for path in sorted(paths):
        for method in METHODS:
            route = ("GET" if method == "HEAD" else method, path)
            for thing in things_of(town, next(each for each in MAY if each[1] == path) if route not in MAY else route):
                for role in ROLES:
                    yield Cell(method, path, role, thing, expected(route, role, thing))


def expected(route: tuple[str, str], role: str, thing: Thing | None) -> str:
    if route not in MAY:
        return "method_not_allowed"
    if role == "-":
        return "unauthorized"
    if role not in MAY[route]:
        return "forbidden"
    if thing is not None and (thing.state == "missing" or (role in "WL" and thing.owner == "b")):
        return "not_found"
    answered = ANSWERED.get(route, {})
    return answered.get(thing.state if thing else "*", answered.get("*", "200"))


async def asked(town: Town, cell: Cell) -> Reply:
    ids = dict(cell.thing.ids) if cell.thing else {}
    if cell.path.endswith("/reopening"):
        ids["month"] = "2024-02"
    route = ("GET" if cell.method == "HEAD" else cell.method, cell.path)
    query = query_of(cell.path, cell.thing) if route[0] == "GET" else {}
    body = body_of(route, cell.thing) if route in MAY else None
    return await town.call(ROLES[cell.role], cell.method, path_of(cell.path, ids), query, body)


def code_of(cell: Cell, reply: Reply) -> str:
    """HEAD has no body to say it in."""
    by_status = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
    return by_status.get(reply.status, str(reply.status)) if cell.method == "HEAD" else reply.code


class Swept(NamedTuple):
    cell: Cell
    reply: Reply


@pytest.fixture(scope="module")
def town(shared_office: Office) -> Town:
    return Town(shared_office)


@pytest.fixture(scope="module")
def swept(town: Town) -> list[Swept]:
    """The answer to every cell, but for the one that cannot be undone."""

    async def ask() -> list[Swept]:
        return [Swept(cell, await asked(town, cell)) for cell in cells(town) if (cell.method, cell.expected) != ("DELETE", "200")]

    answers: list[Swept] = town.office.portal.call(ask)
    return answers


def test_the_table_has_every_route() -> None:
    """A new one is to be stated here, by reading who may what."""
    declared = {(operation.method, operation.path): operation.policy for operation in OPERATIONS}
    assert declared == {route: frozenset(ROLES[role] for role in roles) for route, roles in MAY.items()}
    everybody = frozenset(ROLES.values())
    assert {page.path: page.policy or everybody for page in PAGES} == {
        path: frozenset(ROLES[role] for role in roles) for path, roles in PAGES_MAY.items()
    }


def test_the_role_concept_says_the_same() -> None:
    """`docs/rollen.md`, as offices read it."""
    rows = re.findall(r"^\| .+? \| `(?:([A-Z]+) )?(/\S*)` \|(.*)\|$", ROLE_CONCEPT.read_text(encoding="utf-8"), re.MULTILINE)
    published = {
        (method, path): "".join(r for r, cell in zip("WLOPAD", marks.split("|"), strict=True) if "●" in cell)
        for method, path, marks in rows
    }
    assert published == {**MAY, **{("", path): roles.strip("-") for path, roles in PAGES_MAY.items()}}


def test_every_cell(swept: list[Swept]) -> None:
    """given everything in every state / when anybody asks for it by any method / then the answer is that of the table."""
    told = [(cell, code_of(cell, reply)) for cell, reply in swept]
    assert len(told) > 17_000
    assert [f"{cell}: {code} instead of {cell.expected}" for cell, code in told if code != cell.expected] == []


def test_what_is_foreign_is_not_there(swept: list[Swept]) -> None:
    """Status, headers and body are those of an id that nobody gave, byte for byte."""
    missing = {
        (cell.role, cell.method, cell.path): reply.told() for cell, reply in swept if cell.thing and cell.thing.state == "missing"
    }
    foreign = [(cell, reply.told()) for cell, reply in swept if cell.role in "WL" and cell.thing and cell.thing.owner == "b"]
    assert len({cell.path for cell, _ in foreign}) > 20
    for cell, reply in foreign:
        assert reply == missing[cell.role, cell.method, cell.path], cell


@pytest.mark.parametrize("role", "WL")
@pytest.mark.parametrize(
    ("path", "parameter"),
    [("/cases", "provider"), ("/cases", "district"), ("/bookings", "provider"), ("/bookings", "case"), ("/bookings", "district")],
)
def test_lists_know_of_nobody_else(town: Town, role: str, path: str, parameter: str) -> None:
    """given a filter that names what another provider has / then the list is as empty as for any other name."""
    [foreign] = [case for case in town.of("case") if case.owner == "b" and case.state == "closed"]
    values = {"provider": "traeger-b", "district": DISTRICTS["b"], "case": foreign.ids["case"]}
    other = str(uuid4())

    async def ask(value: str) -> Reply:
        return (await town.call(ROLES[role], "GET", PREFIX + path, {parameter: value})).told()

    found = town.office.portal.call(ask, values[parameter])
    assert found == town.office.portal.call(ask, other)
    assert found.body == b'{"items":[],"next":null}'


def secrets_of(town: Town, role: str) -> list[str]:
    """What must not stand in any answer to a role: words of others, and the ids of what is theirs."""
    hidden = {"W": "b", "L": "b", "P": "ab", "D": "ab", "-": "ab"}.get(role, "")
    things = [thing for thing in town.things if not (role == "P" and thing.kind == "provider")]  # which are no persons
    words = [word for owner in hidden for word in (WORDS[owner], *(id for t in things if t.owner == owner for id in own(t)))]
    if role == "D":  # who may get in is theirs to know
        return [*words, *DISTRICTS.values()]
    people = [subject for person, (_, subject, provider) in PEOPLE.items() if provider in {f"traeger-{owner}" for owner in hidden}]
    if role == "P":
        return [*words, *people]  # figures are told apart by provider and district
    return [*words, *people, *(DISTRICTS[owner] for owner in hidden), *(f"traeger-{owner}" for owner in hidden)]


def own(thing: Thing) -> list[str]:
    return [id for kind, id in thing.ids.items() if kind != "pool"]


@pytest.mark.parametrize("role", ROLES)
def test_no_answer_has_a_word_of_others(town: Town, swept: list[Swept], role: str) -> None:
    """Providers read nothing of each other, planners nothing of persons, administrators nothing of cases; all others read all."""
    office, who = town.office, ROLES[role]

    async def further() -> list[Reply]:
        pools = [pool.ids["pool"] for pool in town.of("pool")]
        asked = [(f"/pools/{pool}/balance", {"by": by}) for pool in pools for by in ("district", "provider", "case", "month")]
        asked += [(path, {"limit": "500"}) for path in ("/events", "/audit/trail", "/cases", "/bookings")]
        answers = [await town.call(who, "GET", PREFIX + path, query) for path, query in asked]
        return answers + [await town.call(who, "GET", path) for path in ("/metrics", "/healthz", "/readyz")]

    replies = [reply for cell, reply in swept if cell.role == role] + office.portal.call(further)
    told = "\n".join(f"{reply.headers} {reply.body.decode()}" for reply in replies)
    assert [secret for secret in secrets_of(town, role) if secret in told] == []
    if role in "WLOA":
        assert all(word in told for word in (WORDS["a"], "traeger-a", DISTRICTS["a"]))
    if role in "OA":
        assert WORDS["b"] in told


# ── Fields: what each of them is answered, by where it stands

SEEN = {
    "WLOPAD": "id next pool position provider",
    "WLOAD": "state subject",
    "WLOPA": (
        "available available_minutes balance.available balance.budget balance.consumed balance.granted balance.released "
        "balance.reserved budget closed closed_months consumed demonstration earliest exhausted granted latest minutes_a_week "
        "name period.end period.start released reserved rules.case_cap_minutes rules.four_eyes_minutes rules.late_entry_days "
        "rules.provider_quotas rules.session_max_minutes rules.unit_minutes runs_out_on valid_from valid_until weeks"
    ),
    "WLOA": (
        "actororganisation actorrole actorsubject booking case cause concern consumed_minutes data.because data.before.kind "
        "data.before.minutes data.before.starts_at data.before.worker data.birth_year data.booking data.case data.concern "
        "data.contact data.decided_at data.decided_by data.district data.kind data.late data.listed_by data.minutes data.name "
        "data.note data.note_empty data.notes data.offer data.opened_at data.outcome data.overtaking_reason "
        "data.overtaking_reason_given data.pool data.priority data.proposed_at data.proposed_by data.provider data.purpose "
        "data.reason data.reason_given data.reference data.released_at data.requested_at data.requested_by data.review_on "
        "data.service_area data.session data.settled_at data.starts_at data.valid_from data.valid_until data.withdrawn_at "
        "data.withdrawn_by data.worker names.name names.valid_from names.valid_until offers.name offers.valid_from "
        "offers.valid_until workers.name workers.valid_from workers.valid_until datacontenttype district erased granted_minutes "
        "minutes notes.note notes.session offer offered opened_at outcome personal.birth_year personal.closing_note "
        "personal.contact personal.name personal.notes place priority proposed_minutes purpose reference released_minutes "
        "requested_at requested_by requested_minutes schemaversion service_area sessions.confirmed sessions.id sessions.kind "
        "sessions.minutes sessions.starts_at sessions.state sessions.worker source specversion streamversion time type worker "
        "restricted"
    ),
    "LOA": (
        "explanations rule rule_version sentence steps.actor.organisation steps.actor.role steps.actor.subject "
        "steps.position steps.recorded_at steps.text steps.type"
    ),
    "OAD": "from from_root path to to_root",
    "OPA": (
        "figures.definition figures.events figures.figure figures.groups.concern.group figures.groups.concern.value "
        "figures.groups.district.group figures.groups.district.value figures.groups.month.group figures.groups.month.value "
        "figures.groups.provider.group figures.groups.provider.value figures.groups.service_area.group "
        "figures.groups.service_area.value figures.label figures.month figures.section figures.unit figures.value "
        "groupings.by groupings.definition groupings.label"
    ),
    "OA": (
        "actor.organisation actor.role actor.subject counting data.budget_minutes data.change_minutes data.effective_on "
        "data.explanation data.matter.booking data.matter.case data.matter.pool data.matter.provider data.matter.rule "
        "data.matter.rule_version data.matter.sentence data.matter.worker data.month data.period.end data.period.start "
        "data.resolution data.rules.case_cap_minutes data.rules.four_eyes_minutes data.rules.late_entry_days "
        "data.rules.provider_quotas data.rules.session_max_minutes data.rules.unit_minutes definition family figure "
        "figures.difference figures.now figures.then first holds label leaf line of parts.amount parts.booking parts.case "
        "parts.day parts.district parts.events.position parts.events.type parts.of parts.provider parts.reference "
        "parts.session positions proofs.leaf proofs.path proofs.position proofs.root proofs.size proposed_by recorded_at "
        "review_on root scenes.line.actor.organisation scenes.line.actor.role scenes.line.actor.subject scenes.line.booking "
        "scenes.days scenes.line.case scenes.line.line scenes.line.pool scenes.line.position scenes.line.provider "
        "scenes.line.recorded_at scenes.line.type scenes.minutes.consumed scenes.total.consumed second size "
        "thresholds.after_month_end_days thresholds.break_after_minutes thresholds.break_minutes thresholds.day_minutes_max "
        "thresholds.direct_share_percent thresholds.full_grants_min thresholds.late_entry_days thresholds.night_from_hour "
        "thresholds.night_until_hour thresholds.pair_cases_min thresholds.pair_share_percent thresholds.read_after_closing_days "
        "thresholds.read_cases_max thresholds.read_unrelated_min thresholds.readers_days thresholds.readers_max "
        "thresholds.round_sessions_min "
        "thresholds.round_share_percent thresholds.same_total_minutes_min thresholds.same_total_months "
        "thresholds.share_minutes_min thresholds.single_session_minutes thresholds.travel_share_percent "
        "thresholds.used_share_percent unit value version"
    ),
    "OD": "attempts behind created_at created_by failing_since last_error next_attempt paused types url",
    "WL": "confirmed kind starts_at",
    "A": (
        "method population.first_day population.last_day population.position population.provider population.sha256 "
        "population.size seed sessions about organisation request texts.explanation texts.note texts.reason"
    ),
    "D": "secret expires_at revoked_at scope used_at",
    "AD": "address at by number role what",
    "O": (
        "case.closed case.concern case.district case.erased case.id case.offer case.opened_at case.outcome case.pool "
        "case.provider case.reference case.restricted case.service_area due.file due.identity due.voucher ended_on "
        "events.at events.by events.data.because events.data.before.kind events.data.before.minutes "
        "events.data.before.starts_at events.data.before.worker events.data.booking events.data.case events.data.concern "
        "events.data.decided_at events.data.decided_by events.data.district events.data.kind events.data.late "
        "events.data.listed_by events.data.matter.booking events.data.matter.case events.data.matter.pool "
        "events.data.matter.provider events.data.matter.rule events.data.matter.rule_version events.data.matter.sentence "
        "events.data.matter.worker events.data.minutes events.data.note_empty events.data.offer events.data.opened_at "
        "events.data.outcome events.data.overtaking_reason_given events.data.pool events.data.priority "
        "events.data.proposed_at events.data.proposed_by events.data.provider events.data.reason_given "
        "events.data.reference events.data.released_at events.data.requested_at events.data.requested_by "
        "events.data.review_on events.data.service_area events.data.session events.data.settled_at events.data.starts_at "
        "events.data.withdrawn_at events.data.withdrawn_by events.data.worker events.position events.said "
        "events.texts.birth_year events.texts.contact events.texts.explanation events.texts.name events.texts.note "
        "events.texts.notes events.texts.overtaking_reason events.texts.purpose events.texts.reason events.type ground "
        "held made_at on reads.day reads.organisation reads.purpose reads.role reads.times"
    ),
}


def fields_in(value: Any, at: str = "") -> Iterator[str]:
    """Where something stands in an answer, wherever in a list; what a list holds counts like a thing of its own."""
    match value:
        case dict():
            for name, part in value.items():
                yield from fields_in(part, f"{at}.{name}" if at and at != "items" else name)
        case list():
            for part in value:
                yield from fields_in(part, at)
        case _:
            yield re.sub(r"_quotas\..*", "_quotas", at)


def test_every_field_is_seen_by_those_who_may(swept: list[Swept]) -> None:
    """given the answers to all / when it is told apart who was answered which field / then it is as stated here, for every role."""
    seen: dict[str, set[str]] = {}
    for cell, reply in swept:
        if reply.status < 300 and reply.body and reply.headers["content-type"] == "application/json":
            for name in fields_in(msgspec.json.decode(reply.body)):
                seen.setdefault(name, set()).add(cell.role)
    stated = {name: set(roles) for roles, names in SEEN.items() for name in names.split()}
    assert seen == stated


def test_every_field_has_its_policy() -> None:
    """Each of every view, and nothing that is none's; what a name stands for is one view alone."""
    views = {view for operation in OPERATIONS for view in views_in(operation.view)} | {Overview}
    stated = {view.__name__: view for view in views}
    assert len(stated) == len(views)
    assert {name: set(get_type_hints(view)) for name, view in stated.items()} == {name: set(of) for name, of in FIELDS.items()}


class Whole(msgspec.Struct):
    """What somebody added a field to, and forgot who may see it."""

    id: int


class Holder(msgspec.Struct):
    parts: tuple[Whole | None, ...]


@pytest.mark.parametrize("view", [Whole, Holder])
def test_a_field_without_a_policy_cannot_be_served(view: type) -> None:
    """Wherever in the answer it stands."""
    with pytest.raises(TypeError, match="is not for officer"):
        Query(path="/x", policy=frozenset({"officer"}), summary="", read=list, parameters=msgspec.Struct, view=view)


def test_a_field_is_not_served_to_others_than_may_see_it() -> None:
    """given a view of cases / when a route would answer it to planners / then it cannot be declared."""
    with pytest.raises(TypeError, match=r"CaseView\.\w+ is not for planner"):
        Query(path="/x", policy=FIGURES, summary="", read=list, parameters=msgspec.Struct, view=CaseView)


# ── Pages


def page_cells(town: Town) -> Iterator[tuple[str, str, str, dict[str, str], int]]:
    """Method, path, role, query, and the status that is due."""
    [pool] = [thing.ids["pool"] for thing in town.of("pool") if thing.state == "open"]
    queries = {
        "/": [{}, {"pool": pool}],
        "/nachweis": [{"figure": f"pool/{pool}/granted"}],
        "/auswertung": [{}, {"pool": pool, "by": "provider"}],
        "/feststellungen": [{}, {"pool": pool}],
        "/feststellung": [{"finding": next(thing.ids["finding"] for thing in town.of("finding") if thing.owner == "a")}],
        "/geschichte": [{}, {"pool": pool}, {"worker": WORDS["a"]}],
        "/loeschen/fall": [{"case": next(thing.ids["case"] for thing in town.of("case") if thing.state == "open")}],
        "/vergleich": [{}, {"pool": pool, "from": "2024-03-31", "to": "2024-06-30"}],
    }
    for path, roles in PAGES_MAY.items():
        answered = PAGE_METHODS.get(path, READ)
        for method in METHODS:
            for role in ROLES:
                for query in queries.get(path, [{}]):
                    if method not in answered:
                        status = 405
                    elif path == "/anmeldung/oidc/abmeldung":
                        status = 404  # there is no issuer, whose system would send it
                    elif method == "POST":
                        status = 403  # no browser sends a form without saying from where
                    elif role == "-" and role not in roles:
                        status = 303
                    elif path == "/anmeldung":
                        status = 200 if role == "-" else 303
                    elif path.startswith("/anmeldung/oidc"):
                        status = 404  # there is no issuer
                    elif path.startswith("/anmeldung/") or (path == "/konto/bestaetigen" and role in roles):
                        status = 303  # nobody is at that step
                    else:
                        status = 200 if role in roles else 403
                    yield method, path, role, query, status
    figures = {
        f"pool/{pool}/granted?by=provider:traeger-b": 404,
        f"evaluation/{pool}/requests": 404,
        f"pool/{uuid4()}/granted": 404,
    }
    for figure, status in figures.items():
        for role in "WL":
            yield "GET", "/nachweis", role, {"figure": figure}, status


def test_every_page(town: Town) -> None:
    """given every page / when anybody opens it by any method / then who may is answered, and with no word of others."""
    wrong, told = [], dict.fromkeys(ROLES, "")
    for method, path, role, query, status in page_cells(town):
        reply = town.office.portal.call(town.call, ROLES[role], method, path, query, None, session.COOKIE)
        told[role] += reply.body.decode()
        if reply.status != status:
            wrong.append(f"{ROLES[role]} {method} {path} {query}: {reply.status} instead of {status}")
    assert wrong == []
    for role, text in told.items():
        assert [secret for secret in secrets_of(town, role) if secret in text] == []
    assert all(WORDS["a"] in told[role] and "traeger-a" in told[role] for role in "WLOA")


def test_what_cannot_be_undone_is_done_last(town: Town) -> None:
    """An administrator removes a webhook, once, and revokes a token, however often."""
    [webhook] = [thing.ids["webhook"] for thing in town.of("webhook")]
    [token] = [thing.ids["token"] for thing in town.of("token")]
    call, path = town.office.portal.call, f"{PREFIX}/webhooks/{webhook}"
    assert call(town.call, "admin", "DELETE", path).status == 200
    assert call(town.call, "admin", "DELETE", path).code == "not_found"
    assert call(town.call, "admin", "DELETE", f"{PREFIX}/tokens/{token}").status == 200
