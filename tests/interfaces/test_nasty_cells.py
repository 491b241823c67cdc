"""Nasty values in each column of an import: a rejects line that names line and column and says in German what would be right."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from application.imports import REQUIRED, FileKind, Report, import_file
from interfaces.spreadsheets import read_table
from tests.office import OFFICER, Office, running_office

GOOD: dict[FileKind, dict[str, str]] = {
    "requests": {
        "request_id": "r-1", "case_ref": "fall-1", "provider": "traeger-a", "district": "nord", "requested_at": "03.12.2021 09:00",
        "requested_by": "kraft-1", "requested_minutes": "120", "decision": "approved", "decided_at": "06.12.2021 11:00",
        "decided_by": "amt-1", "granted_minutes": "2 h", "service_area": "13", "concern": "housing", "purpose": "Wohnungssuche",
        "reason": "laut Akte",
    },
    "sessions": {
        "session_id": "s-1", "request_id": "r-1", "worker": "kraft-1", "starts_at": "10.12.2021 14:00", "minutes": "1:00",
        "kind": "direct", "note": "Besichtigung",
    },
}  # fmt: skip
INSTANTS = {"requested_at", "decided_at", "starts_at"}
MINUTES = {"requested_minutes", "granted_minutes", "minutes"}
CODES = {"decision", "service_area", "concern", "kind"}

# Wrong wherever a text is no free text; a name may read like this.
WRITTEN = [
    "NaN", "Infinity", "1e400", "-1", "-0", "1" + "0" * 100, "0,5", "1.000", "9999-12-31T23:59:59Z", "0000-01-01", "10000-01-01",
    "2021-12-03T09:00:60Z", "2021-12-03T09:00+99:99", "31.02.2021", "28.03.2021 02:30", "=1+1", "true", "{}", "１２０", "-", "null",
    "5 kg", "1:60", "gestern", "03.12.21", "12/03/2021 9 PM",
]  # fmt: skip
# Wrong everywhere.
NEVER = ["a\x01b", "a\x7fb", "a\x9fb", "x" * 4_001, "x" * 32_767]
CELLS = [0.5, -0.5, 1e300, 10**17, True, False, datetime(9999, 12, 31, 23, 59), time(9, 0, 30), timedelta(seconds=1)]  # noqa: DTZ001
ESCAPED = ["a_x0000_b", "a_xD800_b"]  # how Excel writes what XML cannot hold


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    with running_office(store_url, tmp_path / "keys") as running:
        yield running


def as_csv(rows: list[list[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows(rows)
    return text.getvalue().encode()


def as_xlsx(rows: list[list[Any]]) -> bytes:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
        for cell in workbook.active[workbook.active.max_row]:
            if cell.data_type == "f":
                cell.data_type = "s"  # a text that begins like a formula
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


def wrong(column: str, value: Any) -> bool:
    """Whether no reading of this value in this column makes sense."""
    if value in NEVER or not isinstance(value, str | bool):  # a truth value is read as WAHR or FALSCH
        return True
    return column in INSTANTS | MINUTES | CODES


@pytest.mark.parametrize(("written", "more"), [(as_csv, NEVER), (as_xlsx, [*NEVER[3:], *CELLS, *ESCAPED])], ids=["csv", "xlsx"])
@pytest.mark.parametrize("kind", REQUIRED)
def test_every_column_refuses_what_it_is_not(
    office: Office, tmp_path: Path, kind: FileKind, written: Callable[[list[list[Any]]], bytes], more: list[Any]
) -> None:
    """With its line and its column; nothing of such a step is in the log, and a second run adds nothing."""
    pool = office.open_pool("2021-11-01", "2022-05-31", 100_000_000)
    (tmp_path / "good.csv").write_bytes(as_csv([list(GOOD["requests"]), list(GOOD["requests"].values())]))
    assert not take(office, pool, "requests", tmp_path / "good.csv").rejects

    columns = list(GOOD[kind])
    tried = [(column, value) for column in columns for value in (*WRITTEN, *more)]
    rows = [
        list((GOOD[kind] | {columns[0]: f"n-{line}"} | {column: value}).values()) for line, (column, value) in enumerate(tried, 2)
    ]
    (tmp_path / "nasty").write_bytes(written([columns, *rows]))
    before = len(office.log())
    report = take(office, pool, kind, tmp_path / "nasty")

    malformed = {(reject.line, reject.message) for reject in report.rejects if reject.code == "malformed"}
    for line, (column, value) in enumerate(tried, 2):
        messages = [message for at, message in malformed if at == line]
        assert messages or not wrong(column, value), (line, column, value)
        for message in messages:
            assert message.startswith(f"Die Angabe „{column}“ ist nicht gültig: "), message
            assert len(message) < 300
            assert message.isprintable()
    assert report.read == report.recorded + report.already_there + len(report.rejects)
    steps = [event.command.split(":")[2:] for event in office.log()[before:] if event.command.startswith("import:")]
    assert not [step for step in steps for reject in report.rejects if step == [str(reject.line), reject.step]]
    head = len(office.log())
    assert take(office, pool, kind, tmp_path / "nasty").recorded == 0
    assert len(office.log()) == head


def take(office: Office, pool: Any, kind: FileKind, path: Path) -> Report:
    return import_file(
        office.engine, OFFICER, pool, kind, read_table(path), good_steps_alone=True, dry_run=False, progress=lambda done, of: None
    )
