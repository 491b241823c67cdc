"""The tables for audit software, read as that would: they say what the log says, all at one instant, and nothing personal."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from application.findings import Findings
from application.log import GAP_MAX, Recorded
from application.projections import audit_trail, balances, tables
from application.projections.bookings import list_bookings
from application.projections.cases import list_cases
from application.projections.pools import pool as read_pool
from domain.booking import SessionConfirmed, SessionCorrected, SessionLogged, SessionReversed
from domain.findings.thresholds import Thresholds
from domain.pool import BudgetChanged, PoolOpened
from domain.registry import OfferRegistered, ProviderEvent, ProviderRegistered, RegistrationEnded, WorkerRegistered
from interfaces.exports.gdpdu import DTD
from interfaces.exports.gobd import README, write_gobd
from interfaces.exports.gobd_tables import TABLES
from interfaces.findings_csv import handling_of
from tests.application.projections.driver import Log, opened_log
from tests.application.projections.histories import CASES, PROVIDERS
from tests.application.projections.test_balances import movements, recount
from tests.domain.facts import BOOKING, BOOKING_3, CASE, approved, case_opened, hours_requested, logged, pool_opened
from tests.domain.facts import POOL as SHORT_POOL
from tests.interfaces.exports.gdpdu_reader import ReadTable, instant, read_export
from tests.interfaces.exports.story import LONG_POOL, PERSONAL, POOLS, Watched, events_of, tell, untold
from tests.java import run_java

STANDARD = Path(__file__).parents[4] / "shared" / "data" / DTD
standard = pytest.mark.skipif(not STANDARD.is_file(), reason=f"the DTD is not here: {STANDARD}")

Row = dict[str, Any]


@pytest.fixture
def log(store_url: str) -> Iterator[Log]:
    with opened_log(store_url) as log:
        yield log


def exported(log: Log, pool: UUID, folder: Path) -> dict[str, ReadTable]:
    """The tables of a pool, written and read."""
    folder.mkdir()
    with log.store.reading() as reader:
        counts = write_gobd(reader, pool, folder, Findings(Thresholds()), "prüfung", None, untold)
    found = read_export(folder)
    assert {table.file: len(table.rows) for table in found.values()} == counts
    return found


def moment(row: Row, name: str) -> Any:
    return row[f"{name}_am"] and instant(row[f"{name}_am"], row[f"{name}_um"])


def yes(value: bool) -> str:
    return "ja" if value else "nein"


def first(data: Any, *names: str) -> Any:
    """The first of these fields that there is."""
    return next((getattr(data, name) for name in names if hasattr(data, name)), None)


# ── What the log says


@pytest.mark.parametrize("pool", POOLS, ids=["every event", "long history"])
def test_tables_say_what_the_log_says(log: Log, pool: UUID, tmp_path: Path) -> None:
    """given two pools / when one is exported / then every row of every table is that of its events, and each event has its line."""
    tell(log)
    found = exported(log, pool, tmp_path / "out")
    events = events_of(log, pool)

    _trail_agrees(log, pool, found["Pruefpfad"].rows, events)
    _registry_agrees(found, events)
    _budget_agrees(found["Kontingent"].rows, events)
    _decisions_agree(found["Entscheidungen"].rows, events)
    _corrections_agree(found["Korrekturen"].rows, events)
    _confirmations_agree(found["Bestaetigungen"].rows, events)
    _resources_agree(log, pool, found)
    _sessions_agree(log, pool, found["Termine"].rows, events)
    _findings_agree(log, pool, found)


def _trail_agrees(log: Log, pool: UUID, rows: list[Row], events: list[Recorded]) -> None:
    assert [
        (row["Position"], row["Ereignis"], row["Strom"], row["Nummer"], moment(row, "Aufgezeichnet"), row["Folge_von"])
        for row in rows
    ] == [(each.position, each.type, str(each.stream), each.version, each.recorded_at, each.cause) for each in events]
    assert [(row["Person"], row["Rolle"], row["Stelle"]) for row in rows] == [
        (each.actor.subject, each.actor.role, each.actor.organisation) for each in events
    ]
    entries = log.ask(audit_trail.lines_at, [each.position for each in events], None)
    assert [(row["Pool"], row["Fall"], row["Antrag"], row["Traeger"], row["Zeile"]) for row in rows] == [
        (*(id and str(id) for id in (each.pool, each.case, each.booking)), each.provider, each.line) for each in entries
    ]


def _registry_agrees(found: dict[str, ReadTable], events: list[Recorded]) -> None:
    """Each provider that the pool's own events name, and what is registered of it, folded by hand."""
    own, registered = [each for each in events if not isinstance(each.data, ProviderEvent)], dict[tuple[Any, ...], list[Any]]()
    for event in events:
        match event.data:
            case ProviderRegistered() | OfferRegistered() | WorkerRegistered() as data:
                kind = event.type.removesuffix("-registered")
                name = data.name if isinstance(data, ProviderRegistered) else getattr(data, kind)
                registered[data.provider, kind, name, data.valid_from] = [data.valid_until, event.position]
            case RegistrationEnded() as data:
                key = data.provider, data.of, data.name, data.valid_from
                registered[key][0] = data.valid_until
                if data.valid_until < data.valid_from:
                    del registered[key]
    named = [(each.data.provider, each.position) for each in own if getattr(each.data, "provider", None)]
    firsts = dict(reversed(named))
    in_register = {provider for provider, kind, *_ in registered if kind == "provider"}
    assert [(row["Traeger"], row["Position"], row["Eingetragen"]) for row in found["Traeger"].rows] == [
        (provider, firsts[provider], yes(provider in in_register)) for provider in sorted(firsts)
    ]
    columns = ("Traeger", "Art", "Bezeichnung", "Gueltig_ab", "Gueltig_bis", "Position")
    assert sorted(tuple(row[column] for column in columns) for row in found["Eintragungen"].rows) == sorted(
        (*key, *rest) for key, rest in registered.items()
    )


def _budget_agrees(rows: list[Row], events: list[Recorded]) -> None:
    changes = [each for each in events if isinstance(each.data, PoolOpened | BudgetChanged)]
    assert [(row["Position"], row["Minuten"], row["Beschluss"]) for row in rows] == [
        (each.position, first(each.data, "budget_minutes", "change_minutes"), first(each.data, "resolution")) for each in changes
    ]


def _decisions_agree(rows: list[Row], events: list[Recorded]) -> None:
    types = {
        *("request-waitlisted", "approval-proposed", "hours-approved", "request-declined", "request-withdrawn"),
        *("grant-reduced", "booking-settled"),
    }
    decided = [each for each in events if each.type in types]
    assert [(row["Position"], row["Antrag"], row["Art"]) for row in rows] == [
        (each.position, str(each.stream), each.type) for each in decided
    ]
    for row, event in zip(rows, decided, strict=True):
        data = event.data
        assert row["Minuten"] == first(data, "minutes", "to_minutes")
        assert moment(row, "Entschieden") == (
            first(data, "decided_at", "proposed_at", "withdrawn_at", "settled_at") or event.recorded_at
        )
        by = first(data, "decided_by", "withdrawn_by", "listed_by", "proposed_by")
        assert row["Entschieden_durch"] == (by or event.actor.subject)
        assert row["Vorgeschlagen_durch"] == (first(data, "proposed_by") if event.type == "hours-approved" else None)
        assert row["Ueberpruefung_am"] == first(data, "review_on")
        assert row["Vorrang"] == first(data, "priority")
        assert row["Begruendet"] == yes(first(data, "reason_given") or False)
        assert row["Vorziehen_begruendet"] == yes(first(data, "overtaking_reason_given") or False)


def _corrections_agree(rows: list[Row], events: list[Recorded]) -> None:
    changed = [(each, each.data) for each in events if isinstance(each.data, SessionCorrected | SessionReversed)]
    assert [row["Position"] for row in rows] == [event.position for event, _ in changed]
    for row, (event, data) in zip(rows, changed, strict=True):
        assert (row["Termin"], row["Antrag"], row["Art"]) == (str(data.session), str(event.stream), event.type)
        for name, facts in (("Vorher", data.before), ("Nachher", first(data, "now"))):
            said = (moment(row, f"{name}_Beginn"), row[f"{name}_Minuten"], row[f"{name}_Art"], row[f"{name}_Fachkraft"])
            stated = (facts.starts_at, facts.minutes, facts.kind, facts.worker) if facts else (None,) * 4
            assert said == stated
        assert (moment(row, "Aufgezeichnet"), row["Person"]) == (event.recorded_at, event.actor.subject)
        assert row["Begruendet"] == yes(data.reason_given)


def _confirmations_agree(rows: list[Row], events: list[Recorded]) -> None:
    assert [(row["Position"], row["Termin"], row["Weg"], row["Durch_angegeben"]) for row in rows] == [
        (each.position, str(each.data.session), each.data.method, yes(each.data.by is not None))
        for each in events
        if isinstance(each.data, SessionConfirmed)
    ]


def _resources_agree(log: Log, pool: UUID, found: dict[str, ReadTable]) -> None:
    view = log.ask(read_pool, pool)
    [row] = found["Stundenpools"].rows
    assert (row["Bezeichnung"], row["Beginn"], row["Ende"]) == (view.name, view.period.start, view.period.end)
    assert (row["Einheit_Minuten"], row["Fallgrenze_Minuten"]) == (view.rules.unit_minutes, view.rules.case_cap_minutes)
    assert (row["Ausgeschoepft"], row["Abgeschlossen"]) == (yes(view.exhausted), yes(view.closed))
    quotas = {**view.rules.district_quotas, **view.rules.provider_quotas}
    assert {row["Schluessel"]: row["Minuten"] for row in found["Quoten"].rows} == quotas
    cases, _ = log.ask(list_cases, pool=pool, limit=1000)
    assert [
        (row["Fall"], row["Kennzeichen"], row["Traeger"], row["Stadtraum"], row["Anlass"], moment(row, "Eroeffnet"))
        for row in found["Faelle"].rows
    ] == [(str(each.id), each.reference, each.provider, each.district, each.concern, each.opened_at) for each in cases]
    assert [(row["Verbleib"], row["Geloescht"]) for row in found["Faelle"].rows] == [
        (each.outcome, yes(each.erased)) for each in cases
    ]
    requests, _ = log.ask(list_bookings, pool=pool, limit=1000)
    assert [
        (row["Antrag"], row["Fall"], row["Zustand"], row["Traeger"], moment(row, "Beantragt"), row["Beantragt_durch"])
        for row in found["Antraege"].rows
    ] == [(str(each.id), str(each.case), each.state, each.provider, each.requested_at, each.requested_by) for each in requests]
    for row, each in zip(found["Antraege"].rows, requests, strict=True):
        minutes = (row["Beantragt_Minuten"], row["Vorgeschlagen_Minuten"], row["Bewilligt_Minuten"])
        assert minutes == (each.requested_minutes, each.proposed_minutes, each.granted_minutes)
        assert (row["Geleistet_Minuten"], row["Zurueckgegeben_Minuten"]) == (each.consumed_minutes, each.released_minutes)


def _sessions_agree(log: Log, pool: UUID, rows: list[Row], events: list[Recorded]) -> None:
    requests, _ = log.ask(list_bookings, pool=pool, limit=1000)
    assert [
        (row["Termin"], row["Antrag"], moment(row, "Beginn"), row["Minuten"], row["Art"], row["Fachkraft"], row["Zustand"])
        for row in rows
    ] == [
        (str(each.id), str(request.id), each.starts_at, each.minutes, each.kind, each.worker, each.state)
        for request in requests
        for each in request.sessions
    ]
    entered = {str(each.data.session): (each.position, each.data) for each in events if isinstance(each.data, SessionLogged)}
    for row in rows:
        position, data = entered[row["Termin"]]
        assert (row["Position"], row["Traeger"], row["Verspaetet"]) == (position, data.provider, yes(data.late))


def _findings_agree(log: Log, pool: UUID, found: dict[str, ReadTable]) -> None:
    report = log.ask(Findings(Thresholds()).report, pool=pool, progress=untold)
    columns = ("Feststellung", "Regel", "Position", "Satz", "Bearbeitung")
    assert [tuple(row[column] for column in columns) for row in found["Feststellungen"].rows] == [
        (str(each.id), each.rule, each.position, each.sentence, handling_of(each)) for each in report.findings
    ]
    assert [(row["Feststellung"], row["Position"]) for row in found["Belege"].rows] == [
        (str(each.id), position) for each in report.findings for position in each.positions
    ]


# ── Sums


def test_balances_are_the_sums_of_the_other_tables(log: Log, tmp_path: Path) -> None:
    """given a long history / when it is exported / then sums over sessions, decisions and movements are the balances, each way."""
    tell(log)
    found = exported(log, LONG_POOL, tmp_path / "out")
    [whole] = [row for row in found["Salden"].rows if row["Ebene"] == "pool"]
    standing = [row for row in found["Termine"].rows if row["Zustand"] != "reversed"]
    granted = [row for row in found["Entscheidungen"].rows if row["Art"] == "hours-approved"]
    assert whole["Kontingent_Minuten"] == sum(row["Minuten"] for row in found["Kontingent"].rows)
    assert whole["Bewilligt_Minuten"] == sum(row["Minuten"] for row in granted) > 0
    assert whole["Geleistet_Minuten"] == sum(row["Minuten"] for row in standing) > 0
    assert whole["Zurueckgegeben_Minuten"] == sum(row["Zurueckgegeben_Minuten"] for row in found["Antraege"].rows) > 0

    used = {"provider": "Traeger", "district": "Stadtraum", "month": None}
    for level, column in used.items():
        groups = {row["Schluessel"]: row for row in found["Salden"].rows if row["Ebene"] == level}
        for key, row in groups.items():
            moved = [each for each in found["Bewegungen"].rows if _of(each, column) == key]
            for kind, name in (("granted", "Bewilligt"), ("consumed", "Geleistet"), ("released", "Zurueckgegeben")):
                assert row[f"{name}_Minuten"] == sum(each["Minuten"] for each in moved if each["Art"] == kind), (level, key)
            of_any = [each for each in moved if each["Art"] != "budget" or level == "month"]
            assert row["Letzte_Position"] == max(each["Position"] for each in of_any)
        assert sum(row["Geleistet_Minuten"] for row in groups.values()) == whole["Geleistet_Minuten"]
    months = {row["Schluessel"]: row["Geleistet_Minuten"] for row in found["Salden"].rows if row["Ebene"] == "month"}
    for month, minutes in months.items():
        assert minutes == sum(row["Minuten"] for row in standing if f"{row['Beginn_am']:%Y-%m}" == month)


def _of(moved: Row, column: str | None) -> Any:
    return moved[column] if column else f"{moved['Wirksam_am']:%Y-%m}"


def test_balances_are_what_a_recount_of_the_log_says(log: Log, tmp_path: Path) -> None:
    """given a long history / when it is exported / then movements and balances are those of a recount that shares no code."""
    tell(log)
    found = exported(log, LONG_POOL, tmp_path / "out")
    known = movements(events_of(log, LONG_POOL))
    assert [(row["Art"], row["Minuten"], moment(row, "Wirksam")) for row in found["Bewegungen"].rows] == [
        (each["kind"], each["minutes"], each["effective"]) for each in known
    ]
    for level in ("provider", "district", "month"):
        whole, groups = recount(known, level)
        rows = [row for row in found["Salden"].rows if row["Ebene"] == level]
        columns = ("Bewilligt", "Reserviert", "Geleistet", "Zurueckgegeben")
        assert [(row["Schluessel"], *(row[f"{name}_Minuten"] for name in columns)) for row in rows] == groups
        [row] = [row for row in found["Salden"].rows if row["Ebene"] == "pool"]
        columns = ("Kontingent", "Bewilligt", "Reserviert", "Geleistet", "Zurueckgegeben", "Verfuegbar")
        assert tuple(row[f"{name}_Minuten"] for name in columns) == whole


# ── One snapshot, in pages


def test_what_is_recorded_meanwhile_is_in_no_table(log: Log, tmp_path: Path) -> None:
    """given an export under way / when a request comes in / then no table has it."""
    tell(log)
    head = log.recorded[-1].position
    _, requested = hours_requested(60)
    meanwhile = iter([replace(requested, pool=LONG_POOL, case=CASES[0], provider=PROVIDERS[0])])

    def progress(done: int, total: int) -> None:
        for request in meanwhile:
            log.append([(BOOKING_3, request)])

    folder = tmp_path / "out"
    folder.mkdir()
    with log.store.reading() as reader:
        write_gobd(reader, LONG_POOL, folder, Findings(Thresholds()), "prüfung", None, progress)
    assert log.recorded[-1].position == head + 1
    found = read_export(folder)
    assert max(row["Position"] for row in found["Pruefpfad"].rows) == head
    assert str(BOOKING_3) not in {row["Antrag"] for row in found["Antraege"].rows}
    assert f"Stand: Position {head}\r\n".encode() in (folder / README).read_bytes()


def test_pages_hold_few_rows_and_lose_none(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """given pages of one row / when a pool is exported / then no answer is long, and the files are the same to the byte."""
    tell(log)
    exported(log, LONG_POOL, tmp_path / "at once")
    for module in (tables, balances, audit_trail):
        monkeypatch.setattr(module, "ROWS_A_PAGE", 1)
    folder = tmp_path / "in pages"
    folder.mkdir()
    findings = Findings(Thresholds())
    with log.store.reading() as reader:
        findings.report(reader, pool=None, progress=untold)  # what it remembers is its own
        watched: Any = Watched(reader)
        write_gobd(watched, LONG_POOL, folder, findings, "prüfung", None, untold)
    few = GAP_MAX
    assert watched.rows_max <= few < len(log.recorded)
    for table in TABLES:
        assert (folder / table.file).read_bytes() == (tmp_path / "at once" / table.file).read_bytes()


# ── Times and texts


def test_no_instant_is_lost(log: Log, tmp_path: Path) -> None:
    """given a session in each of the hours that the end of summer time doubles / when read back / then they are an hour apart."""
    first, second = datetime(2022, 10, 30, 0, 30, tzinfo=UTC), datetime(2022, 10, 30, 1, 30, tzinfo=UTC)
    _, earlier = logged(15, starts_at=first)
    later = replace(earlier, session=BOOKING_3, starts_at=second)
    log.append([pool_opened(), case_opened(), hours_requested(60), *approved(60), (BOOKING, earlier), (BOOKING, later)])
    rows = exported(log, SHORT_POOL, tmp_path / "out")["Termine"].rows
    assert [moment(row, "Beginn") for row in rows] == [first, second]
    assert [row["Beginn_um"] for row in rows] == ["02:30:00+02:00", "02:30:00+01:00"]


NASTY = 'Träger "Süd"; GmbH\r\n=HYPERLINK("x")\t\u2028\x07 & <b>é 🙂'


def nasty(log: Log) -> None:
    """A pool whose names are what somebody may type."""
    stream, opened = pool_opened(6000, district_quotas={NASTY: 600})
    _, case = case_opened(CASE, provider=NASTY, district=NASTY)
    log.append([(stream, replace(opened, name=f"@{NASTY}")), (CASE, case), hours_requested(60, provider=NASTY)])


def test_whatever_people_type_comes_back(log: Log, tmp_path: Path) -> None:
    """given quotes, semicolons, line breaks and formulas in names / when read back / then only control characters are spaces."""
    nasty(log)
    found = exported(log, SHORT_POOL, tmp_path / "out")
    plain = 'Träger "Süd"; GmbH =HYPERLINK("x")  & <b>é 🙂'
    assert found["Stundenpools"].rows[0]["Bezeichnung"] == f"@{plain}"
    assert found["Faelle"].rows[0]["Traeger"] == plain
    assert found["Quoten"].rows[0]["Schluessel"] == plain


def test_nothing_personal_leaves(log: Log, tmp_path: Path) -> None:
    """given names, notes and reasons / when exported / then no file has any, sealed or not."""
    tell(log)
    exported(log, SHORT_POOL, tmp_path / "out")
    content = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir()).decode()
    assert not [text for text in (*PERSONAL, "nonce", "ciphertext") if text in content]


# ── The standard


@standard
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_the_description_is_valid(log: Log, tmp_path: Path) -> None:
    """given the official DTD / when Xerces reads the description beside it / then it is valid, and a wrong one is not."""
    nasty(log)
    exported(log, SHORT_POOL, tmp_path / "out")
    index = tmp_path / "out" / "index.xml"
    shutil.copy(STANDARD, tmp_path / "out")
    wrong = index.with_name("wrong.xml")
    wrong.write_text(index.read_text().replace("<DecimalSymbol>,</DecimalSymbol>", "", 1))
    done = run_java(Path(__file__).with_name("ValidateIndex.java"), index, wrong)
    valid, problem = done.stdout.decode().splitlines()
    assert valid == "valid", done.stderr
    assert "DigitGroupingSymbol" in problem
