"""CSV and XLSX files give the same rows, with their places; what cannot be read as a whole is refused in German."""

# ruff: noqa: DTZ001 – cells of a spreadsheet have no zone

import contextlib
import hashlib
import io
import re
import struct
import zipfile
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.written import Row, Table, instant, minutes, text
from domain.quantities import BERLIN
from interfaces import spreadsheets
from interfaces.spreadsheets import UnreadableFile, read_table

ROOT = Path(__file__).parents[2]
INVENTED = ROOT / "tests" / "data"
MUNICIPAL = ROOT.parent / "shared" / "data"
FILES = [INVENTED / "requests.csv", INVENTED / "sessions.csv"] + [
    pytest.param(
        MUNICIPAL / name,
        marks=pytest.mark.skipif(not MUNICIPAL.is_dir(), reason=f"the municipal files are not here: {MUNICIPAL} is missing"),
    )
    for name in ("municipal-requests.csv", "municipal-sessions.csv")
]

Reader = Callable[[bytes], Table]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Reads bytes as a file whose name says nothing about its kind."""

    def read_bytes(content: bytes) -> Table:
        path = tmp_path / "import.dat"
        path.write_bytes(content)
        return read_table(path)

    return read_bytes


def xlsx(rows: Iterable[Iterable[object]], **cells: object) -> bytes:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(list(row))
    for place, value in cells.items():
        workbook.active[place] = value
    workbook.create_sheet("Notizen").append(["nicht", "gemeint"])
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


def with_part(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The same archive with one part changed."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as after:
        for part in before.namelist():
            after.writestr(part, change(before.read(part)) if part == name else before.read(part))
    return changed.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


# --- CSV


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separator", [";", ","])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_separators_and_line_ends_do_not_matter(read, encoding, separator, newline):
    """The same table is read from every common way to save it as CSV."""
    lines = [f" Name {separator}GRÖSSE", f'Jürgen – Ö {separator}"1,5 h"', ""]
    table = read(newline.join(lines).encode(encoding))
    assert table.columns == ("name", "grösse")
    assert table.rows == [Row(2, {"name": "Jürgen – Ö", "grösse": "1,5 h"})]


def test_quotes_hide_separators_quotes_and_line_breaks(read):
    """A quoted cell may contain anything, and lines are still counted as they stand in the file."""
    table = read(b'"a,b,c,d";note\n\n1;"x;y\n""z"""\n2;"p\r\nq\rr"\n;\n3;\n')
    assert table.columns == ("a,b,c,d", "note")
    assert [row.line for row in table.rows] == [3, 5, 9]
    assert [row.cells["note"] for row in table.rows] == ['x;y\n"z"', "p\r\nq\rr", None]


def test_short_rows_are_filled_and_empty_cells_beyond_the_header_are_ignored(read):
    """What a row does not say is empty; separators without content at a line's end mean nothing."""
    table = read(b"a;b;;\n1\n1;2;;;;\n")
    assert table.columns == ("a", "b")
    assert [row.cells for row in table.rows] == [{"a": "1", "b": None}, {"a": "1", "b": "2"}]


def test_filled_cells_under_no_name_are_kept_apart(read):
    """Beyond the last column as well as under an empty name, in both kinds of file."""
    rows = [Row(2, {"a": "1", "c": None}), Row(3, {"a": "1", "c": "3"}, ("2", "4"))]
    assert read(b"a;;c;\n1\n1;2;3;;4\n").rows == rows
    assert read(xlsx([["a", None, "c"], ["1"], ["1", "2", "3", None, "4"]])).rows == rows


def test_a_table_of_one_column_has_no_separator(read):
    """Without any separator in the header there is one column."""
    assert read(b"a\n1\n").rows == [Row(2, {"a": "1"})]


def test_the_digest_is_of_the_bytes_as_they_are(read):
    """An import can be traced to its file."""
    content = "\ufeffa;b\r\n1;2\r\n".encode()
    assert read(content).sha256 == hashlib.sha256(content).hexdigest()


UNREADABLE = [
    (b"", "Datei", "leer"),
    (b"\xef\xbb\xbf\r\n;;\r\n", "Datei", "leer"),
    (b"\na;B; b \n", "Zeile 2", "„b“ kommt mehrfach vor"),
    (b"a;b\n1;2\n3;\x00\n", "Zeile 3", "NUL"),
    ("a;b\n1;2\n".encode("utf-16"), "Zeile 1", "NUL"),
    (b"a;b\n1;2\n3;\x81\xe4\n", "Zeile 3", "weder UTF-8 noch Windows-1252"),
    (b"\xef\xbb\xbfa;b\n1;\xe4\n", "Zeile 2", "weder UTF-8 noch Windows-1252"),
    (b'a;b\n1;2\n3;"vier\n5;6\n', "Zeile 3", "Anführungszeichen"),
    (b'a;b\n1;"zwei" drei\n', "Zeile 2", "Anführungszeichen"),
    (b"a;b\n1;" + b"x" * 32_768, "Zeile 2", "32767 Zeichen"),
    (b"a;b\n1;" + b"x" * 200_000, "Zeile 2", "field larger"),
    (";".join(f"c{n}" for n in range(101)).encode(), "Zeile 1", "mehr als 100 Spalten"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "Datei", "XLSX ohne Kennwort"),
    (b"PK\x03\x04" + bytes(100), "Datei", "keine lesbare XLSX-Datei"),
]


@pytest.mark.parametrize(("content", "place", "message"), UNREADABLE, ids=[message for _, _, message in UNREADABLE])
def test_an_unreadable_file_is_refused_with_its_place(read, content, place, message):
    """The first thing that makes a file unreadable is named, and where it stands."""
    with pytest.raises(UnreadableFile) as refused:
        read(content)
    assert refused.value.place == place
    assert message in refused.value.message
    assert str(refused.value) == f"{place}: {refused.value.message}"


def test_a_missing_file_and_a_folder_are_unreadable(tmp_path):
    """What cannot be opened is no table either."""
    for path in (tmp_path / "fehlt.csv", tmp_path):
        with pytest.raises(UnreadableFile, match="lässt sich nicht öffnen"):
            read_table(path)


def test_a_file_over_the_limit_is_refused(read, monkeypatch):
    """Too many bytes or rows are refused, at the limit they are taken."""
    content = b"a;b\n1;2\n3;4\n"
    monkeypatch.setattr(spreadsheets, "FILE_BYTES_MAX", len(content))
    monkeypatch.setattr(spreadsheets, "ROWS_MAX", 2)
    assert len(read(content).rows) == 2
    with pytest.raises(UnreadableFile, match="MiB"):
        read(content + b"\n")
    monkeypatch.setattr(spreadsheets, "ROWS_MAX", 1)
    with pytest.raises(UnreadableFile, match="Zeile 3: mehr als 1 Zeilen"):
        read(content)


# --- XLSX


def test_cells_of_a_sheet_keep_their_types(read):
    """Numbers, dates, times and durations come as they are; whole numbers as integers; empty as nothing."""
    values = [
        90,
        1.5,
        " x ",
        datetime(2021, 12, 3, 14, 30, 15),
        date(2021, 12, 3),
        time(1, 30),
        timedelta(hours=30),
        True,
        None,
    ]
    names = ["int", "float", "str", "datetime", "date", "time", "timedelta", "bool", "none"]
    table = read(xlsx([[f" {name.upper()} " for name in names], values]))
    expected = [*values[:2], "x", *values[3:7], "WAHR", None]
    assert table.columns == tuple(names)
    assert table.rows == [Row(2, dict(zip(names, expected, strict=True)))]
    assert [type(cell) for cell in table.rows[0].cells.values()] == [type(value) for value in expected]


def test_rows_carry_the_numbers_of_the_sheet(read):
    """Empty rows and columns, before the header too, do not shift the numbers."""
    table = read(xlsx([], C3="a", D3="b", C4=1, D7=2))
    assert table.rows == [Row(4, {"a": 1, "b": None}), Row(7, {"a": None, "b": 2})]


def test_of_a_formula_the_value_is_taken(read):
    """What the sheet shows counts, not how it came about."""
    content = xlsx([["a", "b"], ["=45*2", '=""']])

    def calculate(sheet: bytes) -> bytes:
        """As a spreadsheet program would: each value beside its formula, an empty text marked as one."""
        valued = re.sub(rb"(<f>45\*2</f>)<v ?/>", rb"\1<v>90</v>", sheet.replace(b"<v></v>", b"<v/>"))
        return valued.replace(b'r="B2"', b'r="B2" t="str"')

    calculated = with_part(content, SHEET, calculate)
    assert read(calculated).rows == [Row(2, {"a": 90, "b": None})]


@pytest.mark.parametrize(
    ("value", "message"), [("=45*2", "Formel ohne berechneten Wert"), ("#N/A", "Fehlerwert"), ("#DIV/0!", "Fehlerwert")]
)
def test_cells_that_only_look_empty_are_refused(read, value, message):
    """A formula without a value or an error value must not pass for an empty cell."""
    with pytest.raises(UnreadableFile, match=f"Zelle B3: {message}"):
        read(xlsx([["a", "b"], [1, 2], [3, value]]))


@pytest.mark.parametrize("place", ["A1048576", "XFD1", "CV200000"])
def test_a_stray_cell_far_away_is_refused(read, place):
    """It would make the reader allocate the rectangle up to it, which ends the process."""
    with pytest.raises(UnreadableFile, match=f"Zelle {place}: zu weit außen"):
        read(xlsx([["a", "b"], [1, 2]], **{place: "x"}))


def test_a_cell_that_is_only_formatted_does_not_count(read):
    """Colours far away are no content."""
    content = xlsx([["a", "b"], [1, 2]])
    row = b'<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>'
    assert len(read(with_part(content, SHEET, lambda sheet: sheet.replace(b"</sheetData>", row))).rows) == 1


def test_an_archive_that_is_no_workbook_is_refused(read):
    """A ZIP file is not yet a spreadsheet."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with pytest.raises(UnreadableFile, match="keine Excel-Arbeitsmappe"):
        read(content.getvalue())


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """Some kilobytes that unpack to more than is permitted."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open(SHEET, "w") as sheet:
            for _ in range(spreadsheets.UNCOMPRESSED_BYTES_MAX // 2**20 + 1):
                sheet.write(bytes(2**20))
    return content.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(read, bomb):
    """The archive's own directory says enough."""
    assert len(bomb) < 2**20
    with pytest.raises(UnreadableFile, match="entpackt größer als 256 MiB"):
        read(bomb)


def test_a_zip_bomb_that_lies_about_its_size_is_refused(read, bomb):
    """Never more is unpacked than the directory promises, so a lie makes the archive a broken one."""
    true_size = (spreadsheets.UNCOMPRESSED_BYTES_MAX // 2**20 + 1) * 2**20
    with pytest.raises(UnreadableFile, match="keine lesbare XLSX-Datei"):
        read(bomb.replace(struct.pack("<L", true_size), struct.pack("<L", 1000)))


# --- both


def typed(table: Table) -> list[tuple[int, dict[str, object]]]:
    """What the rows mean, whatever notation or cell type they have."""

    def value(name: str, cell: spreadsheets.Cell) -> object:
        if cell is None:
            return None
        if name.endswith("_at"):
            return instant(cell)
        return minutes(cell) if name.endswith("minutes") else text(cell, several_lines=True)

    return [(row.line, {name: value(name, cell) for name, cell in row.cells.items()}) for row in table.rows]


def test_the_invented_files_cover_every_decision_and_kind():
    """The example stands for what people import."""
    requests, sessions = (read_table(INVENTED / name).rows for name in ("requests.csv", "sessions.csv"))
    assert {row.cells["decision"] for row in requests} == {"approved", "declined", "withdrawn", None}
    assert {row.cells["kind"] for row in sessions} == {"direct", "indirect", "travel", "absence"}
    assert len(requests) == len(sessions) == 12


def as_workbook(table: Table) -> bytes:
    """The table as somebody would keep it in Excel: cells of their own types, wall-clock times, durations as h:mm."""
    rows: list[list[object]] = []
    for line, values in typed(table):
        while len(rows) < line - 2:
            rows.append([])
        rows.append([as_excel_cell(name, value, line) for name, value in values.items()])
    return xlsx([[name.upper() for name in table.columns], *rows])


def as_excel_cell(name: str, value: object, line: int) -> object:
    if isinstance(value, datetime):
        local = value.astimezone(BERLIN)
        return value.isoformat() if local.fold else local.replace(tzinfo=None)
    if name.endswith("minutes") and isinstance(value, int):
        return (value, f"{value // 60}:{value % 60:02} h", timedelta(minutes=value))[line % 3]
    return value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_same_content_as_a_workbook_means_the_same(read, path):
    """CSV and XLSX of one table give equal typed values in equal rows."""
    table = read_table(path)
    workbook = read(as_workbook(table))
    assert workbook.columns == table.columns
    assert typed(workbook) == typed(table)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_same_content_in_german_windows_notation_means_the_same(read, path):
    """Windows-1252, commas, German dates and hours: equal typed values again."""
    table = read_table(path)
    lines = [",".join(f'"{name}"' for name in table.columns)]
    for line, values in typed(table):
        lines += [""] * (line - 1 - len(lines))
        lines += ",".join(as_german_text(name, value) for name, value in values.items()).split("\n")
    german = read("\r\n".join(lines).encode("cp1252"))
    assert typed(german) == typed(table)


def as_german_text(name: str, value: object) -> str:
    if isinstance(value, datetime):
        local = value.astimezone(BERLIN)
        return f'"{local:%d.%m.%Y %H:%M:%S.%f}{f"{local:%z}" if local.fold else ""}"'
    if name.endswith("minutes") and isinstance(value, int):
        exact = value % 3 == 0
        return f'"{value // 60},{value % 60 * 100 // 60:02} h"' if exact else f"{value // 60}:{value % 60:02} Std."
    return '"{}"'.format(str(value or "").replace('"', '""'))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary() | st.text(st.sampled_from('abä01;,"\r\n \ufeff')).map(str.encode))
def test_no_bytes_raise_anything_but_unreadable_file(read, content):
    """Whatever a file contains, it is a table or refused."""
    with contextlib.suppress(UnreadableFile):
        table = read(content)
        assert all(tuple(row.cells) == table.columns for row in table.rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_no_damage_to_a_workbook_raises_anything_but_unreadable_file(read, data):
    """A workbook with a damaged part is a table or refused, and never ends the process."""
    content = xlsx([["a", "b"], [1, "x"], [datetime(2021, 12, 3, 14, 30), timedelta(hours=30)]])
    part = data.draw(st.sampled_from([SHEET, "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"]))
    damage = data.draw(st.binary(max_size=3) | st.sampled_from([b"", b"9" * 10, b"-1", b"1e308", b"XFD1048576", b"/>"]))

    def damaged(xml: bytes) -> bytes:
        start = data.draw(st.integers(0, len(xml)))
        return xml[:start] + damage + xml[start + data.draw(st.integers(0, 9)) :]

    with contextlib.suppress(UnreadableFile):
        read(with_part(content, part, damaged))
