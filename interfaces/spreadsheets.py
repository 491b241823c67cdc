"""CSV and XLSX files → rows of cells, each with its place in the file. What a cell means is ``application.written``.

The kind of a file is seen from its content, never from its name. A file is readable as a whole or not at all.
"""

import csv
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import zip_longest
from pathlib import Path
from posixpath import join, normpath
from xml.etree import ElementTree

import python_calamine

from application.written import Cell, Row, Table

FILE_BYTES_MAX = 64 * 1024 * 1024
UNCOMPRESSED_BYTES_MAX = 256 * 1024 * 1024
ROWS_MAX = 200_000
COLUMNS_MAX = 100
CELLS_MAX = 5_000_000  # rows × columns, empty ones included: calamine allocates them all
CELL_CHARACTERS_MAX = 32_767  # as in Excel

_WHOLE_FILE = "Datei"
_ZIP = b"PK\x03\x04"
_COMPOUND_DOCUMENT = b"\xd0\xcf\x11\xe0"  # XLS of old, and every XLSX with a password
_UTF8_MARK = b"\xef\xbb\xbf"

# One cell of a sheet's XML that holds something; the formula's group matches only where no value follows the formula.
_XML_CELL = re.compile(
    rb"<(?:\w+:)?c(?P<attributes>\s[^>]*[^>/]|)>"
    rb"(?P<formula>\s*<(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>)?"
)
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]+)([0-9]+)["']""")
_TYPE = re.compile(rb"""\st\s*=\s*["'](\w+)["']""")


# What zipfile, expat and calamine raise for archives that are damaged, encrypted or something else.
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, ElementTree.ParseError, python_calamine.CalamineError),
    *(ArithmeticError, EOFError, LookupError, OSError, RuntimeError, ValueError),
)


class UnreadableFile(Exception):
    """The file cannot be taken as a table: where, and what is wrong there, in German."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


def read_table(path: Path) -> Table:
    """Reads the first sheet of an XLSX file, or a CSV file. Raises ``UnreadableFile``."""
    content = _content(path)
    if content.startswith(_ZIP):
        numbered: Iterable[tuple[int, list[Cell]]] = _sheet_rows(content)
    elif content.startswith(_COMPOUND_DOCUMENT):
        raise UnreadableFile(_WHOLE_FILE, "altes Excel-Format oder Kennwortschutz; bitte als XLSX ohne Kennwort speichern")
    else:
        numbered = _csv_rows(_decoded(content))
    columns, rows = _under_header(iter(numbered))
    return Table(columns, rows, hashlib.sha256(content).hexdigest())


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UnreadableFile(_WHOLE_FILE, f"„{path}“ lässt sich nicht öffnen ({error.strerror})") from error
    if len(content) > FILE_BYTES_MAX:
        raise UnreadableFile(_WHOLE_FILE, f"größer als {FILE_BYTES_MAX // 1024**2} MiB; bitte aufteilen")
    return content


def _under_header(numbered: Iterator[tuple[int, list[Cell]]]) -> tuple[tuple[str, ...], list[Row]]:
    """The first row that is not empty names the columns."""
    filled = ((line, cells) for line, cells in numbered if any(cell is not None for cell in cells))
    header_line, header = next(filled, (0, []))
    if not header:
        raise UnreadableFile(_WHOLE_FILE, "leer; erwartet werden eine Zeile mit Spaltennamen und darunter die Daten")
    names = [str(cell).strip().lower() if cell is not None else None for cell in header]
    columns = tuple(name for name in names if name is not None)
    if len(columns) > COLUMNS_MAX:
        raise UnreadableFile(f"Zeile {header_line}", f"mehr als {COLUMNS_MAX} Spalten")
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise UnreadableFile(f"Zeile {header_line}", f"Spaltenname „{twice[0]}“ kommt mehrfach vor")
    rows: list[Row] = []
    for line, cells in filled:
        if len(rows) == min(ROWS_MAX, CELLS_MAX // len(columns)):
            raise UnreadableFile(f"Zeile {line}", f"mehr als {len(rows)} Zeilen; bitte aufteilen")
        under_names = list(zip_longest(names, cells))
        beyond = tuple(cell for name, cell in under_names if name is None and cell is not None)
        rows.append(Row(line, {name: cell for name, cell in under_names if name is not None}, beyond))
    return columns, rows


# --- CSV


def _decoded(content: bytes) -> str:
    if 0 in content:
        line = content.count(b"\n", 0, content.index(0)) + 1
        raise UnreadableFile(f"Zeile {line}", "NUL-Zeichen; die Datei ist beschädigt oder keine CSV- oder XLSX-Datei")
    unmarked = content.removeprefix(_UTF8_MARK)
    encodings = ("utf-8",) if unmarked != content else ("utf-8", "cp1252")
    refused_at = 0
    for encoding in encodings:
        try:
            return unmarked.decode(encoding)
        except UnicodeDecodeError as error:
            refused_at = error.start
    line = unmarked.count(b"\n", 0, refused_at) + 1
    raise UnreadableFile(f"Zeile {line}", "weder UTF-8 noch Windows-1252; bitte als „CSV UTF-8“ speichern")


def _csv_rows(content: str) -> Iterator[tuple[int, list[Cell]]]:
    # strict: a quotation mark that is never closed would otherwise swallow the rest of the file without a word
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=_separator(content), strict=True)
    start = 1
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise UnreadableFile(
                f"Zeile {start}", f"Anführungszeichen sind nicht geschlossen oder stehen mitten im Wert ({error})"
            ) from error
        if record is None:
            return
        yield start, [_trimmed(cell, f"Zeile {start}") for cell in record]
        start = reader.line_num + 1


def _separator(content: str) -> str:
    """``;`` or ``,``: whichever the first line with anything in it has more of outside quotation marks."""
    header = re.match(r'\s*((?:"[^"]*"|[^"\r\n])*)', content)
    unquoted = re.sub(r'"[^"]*"', "", header[1]) if header else ""
    return "," if unquoted.count(",") > unquoted.count(";") else ";"


def _trimmed(cell: str, place: str) -> Cell:
    if len(cell) > CELL_CHARACTERS_MAX:
        raise UnreadableFile(place, f"eine Zelle hat mehr als {CELL_CHARACTERS_MAX} Zeichen")
    return cell.strip() or None


# --- XLSX


def _sheet_rows(content: bytes) -> Iterator[tuple[int, list[Cell]]]:
    try:
        parts = _parts(content)
        _check_sheet(_first_sheet(parts))
        with python_calamine.CalamineWorkbook.from_filelike(_repacked(parts)) as workbook:
            found = workbook.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except _BROKEN as error:
        raise UnreadableFile(_WHOLE_FILE, f"keine lesbare XLSX-Datei ({error})") from error
    for number, cells in enumerate(found, start=1):
        yield number, [_found(cell, f"Zeile {number}") for cell in cells]


def _parts(content: bytes) -> dict[str, bytes]:
    """The archive's XML, with never more than ``UNCOMPRESSED_BYTES_MAX`` in memory, whatever its headers claim."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: info for info in archive.infolist() if info.filename.endswith((".xml", ".rels"))}
        if sum(info.file_size for info in members.values()) > UNCOMPRESSED_BYTES_MAX:
            raise UnreadableFile(_WHOLE_FILE, f"entpackt größer als {UNCOMPRESSED_BYTES_MAX // 1024**2} MiB")
        if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in members.values()):
            raise UnreadableFile(_WHOLE_FILE, "in einer Art gepackt, die XLSX nicht kennt")
        parts = {}
        for name, info in members.items():
            with archive.open(info) as member:
                parts[name] = member.read(info.file_size)
        return parts


def _repacked(parts: dict[str, bytes]) -> io.BytesIO:
    """An archive of exactly what was measured: calamine would believe the sizes and names of the original."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    packed.seek(0)
    return packed


def _first_sheet(parts: dict[str, bytes]) -> bytes:
    """The XML of the sheet that stands first. Raises LookupError where there is none."""
    if "xl/workbook.xml" not in parts:
        raise UnreadableFile(_WHOLE_FILE, "keine Excel-Arbeitsmappe; bitte als XLSX oder CSV speichern")
    # expat bounds the expansion of entities itself, and the parts' sizes are known
    workbook = ElementTree.fromstring(parts["xl/workbook.xml"])  # noqa: S314
    relations = ElementTree.fromstring(parts["xl/_rels/workbook.xml.rels"])  # noqa: S314
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    sheets = workbook.findall("{*}sheets/{*}sheet")
    identifiers = [value for name, value in sheets[0].items() if name.endswith("}id")]
    return parts[normpath(join("/xl", targets[identifiers[0]])).lstrip("/")]


def _check_sheet(sheet: bytes) -> None:
    """What calamine would pass over in silence, or die of.

    A stray cell far away makes it allocate the whole rectangle, which ends the process. Error values and formulas that
    no program has calculated come out as empty cells, which would turn a decided request into an open one.
    """
    rows = columns = 1
    for cell in _XML_CELL.finditer(sheet):
        reference = _REFERENCE.search(cell["attributes"])
        kind = _TYPE.search(cell["attributes"])
        place = f"Zelle {(reference[1] + reference[2]).decode()}" if reference else _WHOLE_FILE
        if kind and kind[1] == b"e":
            raise UnreadableFile(place, "Fehlerwert (z. B. #NV oder #DIV/0!); bitte berichtigen oder leeren")
        if cell["formula"] and not (kind and kind[1] == b"str"):  # a calculated empty text has the type str
            raise UnreadableFile(place, "Formel ohne berechneten Wert; bitte im Tabellenprogramm öffnen und speichern")
        if not reference:
            continue
        rows, columns = max(rows, int(reference[2])), max(columns, _column_number(reference[1]))
        if rows > ROWS_MAX + 1 or columns > COLUMNS_MAX or rows * columns > CELLS_MAX:
            raise UnreadableFile(
                place, f"zu weit außen; erlaubt sind {ROWS_MAX} Zeilen, {COLUMNS_MAX} Spalten und {CELLS_MAX} Zellen"
            )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _found(cell: str | float | bool | datetime | date | time | timedelta, place: str) -> Cell:
    """Calamine gives every number as a float and every empty cell as an empty text."""
    match cell:
        case bool():
            return "WAHR" if cell else "FALSCH"
        case str():
            return _trimmed(cell, place)
        case float() if cell.is_integer():
            return int(cell)
        case _:
            return cell
