"""Files of requests and sessions end in the log step by step, or in the rejects; a second run adds nothing."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from application import commands
from application.import_steps import booking_id
from application.imports import MissingColumns, Report, import_file
from application.projections import balances
from application.receipts import Answer
from application.turn import Turn
from application.written import Row, Table
from domain.booking import ApprovalProposed, HoursApproved, HoursRequested, SessionLogged
from domain.case import CaseOpened
from domain.pool import ImportRecorded
from domain.quantities import Actor
from domain.refusals import NotFound
from interfaces.spreadsheets import read_table
from tests.application.proof.verifying import deviations
from tests.application.recount import Recount
from tests.office import LEAD, OFFICER, Office, body, running_office

CLERK = Actor("sachbearbeitung", "officer", "jugendamt")
DATA = Path(__file__).parents[1] / "data"
SHARED = Path(__file__).parents[3] / "shared" / "data"
municipal = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the municipal files are not here: {SHARED}")


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    with running_office(store_url, tmp_path / "keys") as office:
        yield office


def take(office: Office, pool: UUID, kind: Any, table: Table, **options: bool) -> Report:
    """Imports a table without telling anybody of its progress."""
    settings = {"good_steps_alone": True, "dry_run": False} | options
    return import_file(office.engine, CLERK, pool, kind, table, progress=lambda done, total: None, **settings)


def requests(*rows: dict[str, Any]) -> Table:
    """Requests that are all in order, but for what a row says of itself."""
    whole = {
        "request_id": "r-1",
        "case_ref": "fall-1",
        "provider": "traeger-a",
        "district": "nord",
        "requested_at": "03.12.2021 09:00",
        "requested_by": "kraft-1",
        "requested_minutes": "120",
        "decision": "approved",
        "decided_at": "06.12.2021 11:00",
        "decided_by": "amt-1",
        "granted_minutes": "2 h",
    }
    return _table([whole | row for row in rows])


def sessions(*rows: dict[str, Any]) -> Table:
    """Sessions that are all in order, but for what a row says of itself."""
    whole = {
        "session_id": "s-1",
        "request_id": "r-1",
        "worker": "kraft-1",
        "starts_at": "10.12.2021 14:00",
        "minutes": "1:00",
        "kind": "direct",
    }
    return _table([whole | row for row in rows])


def _table(rows: list[dict[str, Any]]) -> Table:
    return Table(tuple(rows[0]), [Row(line, row) for line, row in enumerate(rows, start=2)], str(abs(hash(str(rows)))))


def pool_of_a_winter(office: Office, budget: int = 60_000, **rules: Any) -> UUID:
    return office.open_pool("2021-11-01", "2022-05-31", budget, **rules)


def codes(report: Report) -> list[tuple[int, str, str]]:
    return [(reject.line, reject.step, reject.code) for reject in report.rejects]


def test_a_row_of_requests_opens_its_case_requests_and_decides(office: Office) -> None:
    """A row holds two steps with their own instants and people; the case is opened with its first request."""
    pool = pool_of_a_winter(office)

    report = take(office, pool, "requests", requests({}))

    assert (report.read, report.recorded, report.already_there, report.rejects) == (2, 2, 0, ())
    opened, requested, approved = (event.data for event in office.log()[1:4])
    assert isinstance(opened, CaseOpened)
    assert isinstance(requested, HoursRequested)
    assert isinstance(approved, HoursApproved)
    assert (opened.service_area, opened.concern) == ("11", "other")
    assert (requested.requested_by, requested.requested_at.isoformat()) == ("kraft-1", "2021-12-03T09:00:00+01:00")
    assert (approved.decided_by, approved.decided_at.isoformat()) == ("amt-1", "2021-12-06T11:00:00+01:00")
    assert office.log()[1].actor == CLERK


def test_a_second_run_adds_nothing(office: Office) -> None:
    """Steps that are there already are counted, and not even the import is noted again."""
    pool = pool_of_a_winter(office)
    files = [("requests", requests({}, {"request_id": "r-2", "requested_minutes": "7"})), ("sessions", sessions({}))]
    for kind, table in files:
        take(office, pool, kind, table)
    before = office.log()

    again = [take(office, pool, kind, table) for kind, table in files]

    assert [(report.recorded, report.already_there, len(report.rejects)) for report in again] == [(0, 2, 2), (0, 1, 0)]
    assert office.log() == before


def test_a_file_finds_the_cases_that_providers_opened(office: Office) -> None:
    """given a case that a provider opened itself / when a file names it / then it is that one, and foreign to others."""
    pool = pool_of_a_winter(office)
    place = {"district": "nord", "service_area": "13", "concern": "housing"}
    opened = office.do(LEAD, commands.open_case, pool=pool, provider="traeger-a", reference="fall-1", **place)
    case = UUID(body(opened)["id"])
    before, alone = len(office.log()), {"decision": None}

    report = take(office, pool, "requests", requests(alone, alone | {"request_id": "r-2", "provider": "traeger-b"}))

    assert (report.recorded, codes(report)) == (1, [(3, "request", "foreign_case")])
    requested = [event.data for event in office.log()[before:] if isinstance(event.data, HoursRequested)]
    assert [request.case for request in requested] == [case]
    assert not any(isinstance(event.data, CaseOpened) for event in office.log()[before:])
    again = take(office, pool, "requests", requests(alone))
    assert (again.recorded, again.already_there) == (0, 1)


def test_steps_are_applied_in_the_order_of_their_instants(office: Office) -> None:
    """A decision that was made before another request came is judged before it, wherever the rows stand."""
    pool = pool_of_a_winter(office, budget=120)
    later = {"request_id": "r-2", "case_ref": "fall-2", "decided_at": "05.12.2021 08:00"}

    report = take(office, pool, "requests", requests({}, later))

    assert codes(report) == [(2, "decision", "over_budget")]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"requested_minutes": "90"}, "duplicate_id"),
        ({"requested_by": "kraft-9"}, "duplicate_id"),
        ({"case_ref": "fall-9"}, "duplicate_id"),
        ({"district": "süd"}, "duplicate_id"),
        ({"provider": "traeger-b"}, "foreign_case"),
    ],
)
def test_a_changed_row_is_refused(office: Office, changed: dict[str, str], code: str) -> None:
    """A row whose id is taken must say what was recorded under it."""
    pool = pool_of_a_winter(office)
    take(office, pool, "requests", requests({"decision": None}))

    assert codes(take(office, pool, "requests", requests({"decision": None} | changed))) == [(2, "request", code)]


def test_a_changed_decision_is_refused(office: Office) -> None:
    """What was decided otherwise is not decided again."""
    pool = pool_of_a_winter(office)
    take(office, pool, "requests", requests({}))

    report = take(office, pool, "requests", requests({"decided_by": "amt-2"}))

    assert codes(report) == [(2, "decision", "duplicate_id")]


def test_the_case_of_another_provider_is_foreign(office: Office) -> None:
    """A second request for a case comes from its provider or is refused, and so is its decision."""
    pool = pool_of_a_winter(office)

    report = take(office, pool, "requests", requests({}, {"request_id": "r-2", "provider": "traeger-b"}))

    assert codes(report) == [(3, "request", "foreign_case"), (3, "decision", "unknown_request")]


def test_a_session_id_stands_for_one_session_of_the_pool(office: Office) -> None:
    """The same session on another request is refused, in the same file and in a later one."""
    pool = pool_of_a_winter(office)
    take(office, pool, "requests", requests({}, {"request_id": "r-2"}))

    first = take(office, pool, "sessions", sessions({}, {"request_id": "r-2"}))
    second = take(office, pool, "sessions", sessions({"request_id": "r-2"}))

    assert codes(first) == [(3, "session", "duplicate_id")]
    assert codes(second) == [(2, "session", "duplicate_id")]


def test_refused_steps_are_tried_again(office: Office) -> None:
    """What did not fit goes in once it fits."""
    pool = pool_of_a_winter(office, budget=100)
    table = requests({})
    assert codes(take(office, pool, "requests", table)) == [(2, "decision", "over_budget")]
    office.do(OFFICER, commands.change_budget, pool, change_minutes=60, resolution="V0815/22")

    report = take(office, pool, "requests", table)

    assert (report.recorded, report.already_there, report.rejects) == (1, 1, ())


def test_a_grant_that_needs_two_officers_is_only_proposed(office: Office) -> None:
    """A file names one officer, so the second confirmation is still to come; another run changes nothing."""
    pool = pool_of_a_winter(office, four_eyes_minutes=60)
    table = requests({})
    take(office, pool, "requests", table)
    assert isinstance(office.log()[-2].data, ApprovalProposed)

    assert take(office, pool, "requests", table).already_there == 2


def test_whole_or_not_at_all(office: Office) -> None:
    """Without a place for rejects, one refused step keeps the whole file out."""
    pool = pool_of_a_winter(office)
    before = office.log()

    report = take(office, pool, "requests", requests({}, {"request_id": "r-2", "requested_minutes": "20"}), good_steps_alone=False)

    assert codes(report) == [(3, "request", "not_a_unit"), (3, "decision", "unknown_request")]
    assert office.log() == before


def test_a_dry_run_leaves_no_trace(office: Office) -> None:
    """It counts what would happen."""
    pool = pool_of_a_winter(office)
    before = office.log()

    report = take(office, pool, "requests", requests({}), dry_run=True)

    assert (report.recorded, report.rejects) == (2, ())
    assert office.log() == before
    assert take(office, pool, "requests", requests({})).recorded == 2


def test_the_log_says_that_a_file_was_taken_in(office: Office) -> None:
    """With its hash, its counts, and every refused step under its code."""
    pool = pool_of_a_winter(office)
    table = requests({}, {"request_id": "r-2", "requested_at": "03.12.2020 09:00"})
    take(office, pool, "requests", table)

    noted = office.log()[-1].data

    assert isinstance(noted, ImportRecorded)
    assert (noted.file_sha256, noted.read, noted.recorded, noted.already_there) == (table.sha256, 4, 2, 0)
    assert [(step.line, step.step, step.code, step.id) for step in noted.refused] == [
        (3, "request", "outside_period", "r-2"),
        (3, "decision", "unknown_request", "r-2"),
    ]


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        ({"requested_minutes": "viel"}, "requested_minutes"),
        ({"requested_minutes": "0"}, "requested_minutes"),
        ({"requested_at": "gestern"}, "requested_at"),
        ({"requested_at": "27.03.2022 02:30"}, "requested_at"),
        ({"provider": None}, "provider"),
        ({"request_id": None}, "request_id"),
    ],
)
def test_what_cannot_be_read_is_malformed_with_its_place(office: Office, cells: dict[str, Any], place: str) -> None:
    """The message names the column; the decision of such a request is that of an unknown one."""
    report = take(office, pool_of_a_winter(office), "requests", requests(cells))

    assert report.rejects[0].code == "malformed"
    assert f"„{place}“" in report.rejects[0].message


def test_what_is_no_identifier_is_not_kept(office: Office) -> None:
    """Whatever stood in its place may be about a person, and the note of an import is readable for good."""
    pool = pool_of_a_winter(office)
    take(office, pool, "requests", requests({"request_id": "Kim Beispiel " * 100}))

    noted = office.log()[-1].data

    assert isinstance(noted, ImportRecorded)
    assert [step.id for step in noted.refused] == ["", ""]


def test_an_unknown_decision_is_malformed(office: Office) -> None:
    """The request itself is recorded."""
    report = take(office, pool_of_a_winter(office), "requests", requests({"decision": "vielleicht"}))

    assert (report.recorded, codes(report)) == (1, [(2, "decision", "malformed")])


def test_missing_columns_are_named(office: Office) -> None:
    """A file without a column that every row needs is not taken at all."""
    with pytest.raises(MissingColumns, match="session_id"):
        take(office, pool_of_a_winter(office), "sessions", requests({}))


def test_an_unknown_pool_takes_nothing(office: Office) -> None:
    """There is nowhere to record anything."""
    with pytest.raises(NotFound):
        take(office, UUID(int=1), "requests", requests({}))


def test_imported_sessions_are_never_late_or_in_the_future(office: Office) -> None:
    """What a rule measures against now is measured at the step's own time."""
    pool = office.open_pool("2021-11-01", "2099-12-31", 60_000, late_entry_days=1)
    take(office, pool, "requests", requests({}))

    report = take(office, pool, "sessions", sessions({"starts_at": "01.06.2099 10:00"}))

    assert report.rejects == ()
    logged = next(event.data for event in office.log() if isinstance(event.data, SessionLogged))
    assert not logged.late


def test_a_session_in_the_doubled_hour_is_recognised(office: Office) -> None:
    """02:30 on the night the clocks go back is the first of the two, in every run."""
    pool = office.open_pool("2021-01-01", "2021-12-31", 60_000)
    take(office, pool, "requests", requests({}))
    table = sessions({"starts_at": "31.10.2021 02:30"})
    take(office, pool, "sessions", table)

    assert take(office, pool, "sessions", table).already_there == 1
    logged = next(event.data for event in office.log() if isinstance(event.data, SessionLogged))
    assert logged.starts_at.isoformat() == "2021-10-31T02:30:00+02:00"


def test_the_example_files_are_taken_whole(office: Office) -> None:
    """The invented files that stand beside the tests are in order."""
    pool = pool_of_a_winter(office)

    for kind in ("requests", "sessions"):
        report = take(office, pool, kind, read_table(DATA / f"{kind}.csv"), good_steps_alone=False)
        assert report.rejects == ()
        assert report.recorded == report.read > 0


# ── The municipal files: real times, decisions and people; see their README for where they come from.


def as_found(rows: list[dict[str, str]], kind: str, folder: Path) -> Path:
    return SHARED / f"municipal-{kind}.csv"


def as_workbook(rows: list[dict[str, str]], kind: str, folder: Path) -> Path:
    """The same rows as XLSX, with real dates and numbers."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append([_typed(column, text) for column, text in row.items()])
    book.save(folder / f"{kind}.xlsx")
    return folder / f"{kind}.xlsx"


def as_an_office_would_save_it(rows: list[dict[str, str]], kind: str, folder: Path) -> Path:
    """The same rows as Windows-1252 with commas, German dates and hours."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({column: _german(column, cell) for column, cell in row.items()})
    (folder / f"{kind}.csv").write_bytes(text.getvalue().encode("cp1252"))
    return folder / f"{kind}.csv"


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)


def _typed(column: str, text: str) -> Any:
    if not text:
        return None
    if column.endswith("_at"):
        return _local(text)
    return int(text) if column.endswith("minutes") else text


def _german(column: str, text: str) -> str:
    if column.endswith("_at") and text:
        return f"{_local(text):%d.%m.%Y %H:%M:%S.%f}"
    if column.endswith("minutes") and text:
        return f"{int(text) // 60}:{int(text) % 60:02d} h"
    return text


@municipal
@pytest.mark.parametrize("budget", [900_000, 150_000])
def test_every_municipal_step_is_recorded_or_refused_with_its_code(office: Office, tmp_path: Path, budget: int) -> None:
    """717 requests and 3,291 sessions agree with an independent recount, step by step and in every balance."""
    _agrees_with_a_recount(office, tmp_path, budget, as_found)


@municipal
@pytest.mark.parametrize("written", [as_workbook, as_an_office_would_save_it])
def test_it_is_the_same_however_they_are_written(
    fresh_url: Callable[[str], str], tmp_path: Path, written: Callable[..., Path]
) -> None:
    """A file has become rows before any store sees it, so that one store and the tighter budget say as much as all."""
    with running_office(fresh_url("sqlite"), tmp_path / "keys") as office:
        _agrees_with_a_recount(office, tmp_path, 150_000, written)


def _agrees_with_a_recount(office: Office, folder: Path, budget: int, written: Callable[..., Path]) -> None:
    pool = office.open_pool("2010-10-01", "2012-01-31", budget, unit_minutes=5)
    recount = Recount(date(2010, 10, 1), date(2012, 1, 31), 5, budget)
    reports: list[tuple[Any, Table, Report]] = []
    for kind in ("requests", "sessions"):
        with (SHARED / f"municipal-{kind}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        recount.take_requests(rows) if kind == "requests" else recount.take_sessions(rows)
        table = read_table(written(rows, kind, folder))
        reports.append((kind, table, take(office, pool, kind, table)))

    refused = {(reject.step, reject.id): reject.code for _, _, report in reports for reject in report.rejects}
    assert refused == recount.refused
    assert sum(report.recorded for _, _, report in reports) == recount.recorded
    assert [report.read for _, _, report in reports] == [717 + 663, 3_291]
    _balances_agree(office, pool, recount)
    _bookings_agree(office, recount, pool)

    before = office.log()[-1].position
    for kind, table, report in reports:
        again = take(office, pool, kind, table)
        assert (again.recorded, again.already_there) == (0, report.recorded)
        assert Counter(reject.code for reject in again.rejects) == Counter(reject.code for reject in report.rejects)
    assert office.log()[-1].position == before


def _balances_agree(office: Office, pool: UUID, recount: Recount) -> None:
    with office.store.reading() as reader:
        whole = balances.balance(reader, pool)
        groups = {by: balances.balance(reader, pool, by=by).groups or () for by in ("provider", "district")}
        assert deviations(reader) == []
    total = recount.totals()[""]
    assert (whole.granted, whole.consumed, whole.reserved) == (total["granted"], total["consumed"], total["reserved"])
    assert whole.available == recount.budget - recount.committed
    for by, found in groups.items():
        assert {
            group.key: {"granted": group.granted, "consumed": group.consumed, "reserved": group.reserved} for group in found
        } == (recount.totals(by))


def _bookings_agree(office: Office, recount: Recount, pool: UUID) -> None:
    def compare(turn: Turn) -> Answer:
        for request, booking in recount.bookings.items():
            state = turn.booking(booking_id(pool, request))
            assert (state.state, state.granted, state.consumed) == (booking["state"], booking["granted"], booking["used"])
        return Answer("done", b"", turn.position)

    office.engine.execute(OFFICER, compare)
