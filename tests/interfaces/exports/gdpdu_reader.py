"""Reads an export as audit software does: by what ``index.xml`` says and nothing else, and strictly."""

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

STRFTIME = {"DD.MM.YYYY": "%d.%m.%Y"}


@dataclass
class ReadTable:
    """A table: its rows by the names of columns, the columns of its key, and (own column, table, column) of each reference."""

    name: str
    file: str
    columns: list[str]
    key: list[str]
    references: list[tuple[str, str, str]]
    kinds: dict[str, str]
    codes: dict[str, dict[str, str]]
    rows: list[dict[str, Any]] = field(default_factory=list)


def read_export(folder: Path) -> dict[str, ReadTable]:
    """All tables by name; fails where a file is not what the description says, a key is not one, or a reference leads nowhere."""
    described = ElementTree.parse(folder / "index.xml").getroot()
    tables = [_table(folder, each) for each in described.findall("Media/Table")]
    assert {table.file for table in tables} == {path.name for path in folder.glob("*.csv")}
    found = {table.name: table for table in tables}
    assert len(found) == len(tables)
    for table in tables:
        _keys_hold(table, found)
    return found


def _table(folder: Path, described: Element) -> ReadTable:
    form = described.find("VariableLength")
    assert form is not None
    columns = [each for each in form if each.tag in ("VariablePrimaryKey", "VariableColumn")]
    tags = [each.tag for each in columns]
    assert tags == sorted(tags, reverse=True), "columns of the key come first"
    names = [_text(each, "Name") for each in columns]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z_]*", name) for name in names)
    table = ReadTable(
        name=_text(described, "Name"),
        file=_text(described, "URL"),
        columns=names,
        key=[name for name, tag in zip(names, tags, strict=True) if tag == "VariablePrimaryKey"],
        references=[_reference(each) for each in form.findall("ForeignKey")],
        kinds={name: _kind(each) for name, each in zip(names, columns, strict=True)},
        codes={
            name: {_text(code, "From"): _text(code, "To") for code in each.findall("Map")}
            for name, each in zip(names, columns, strict=True)
        },
    )
    table.rows = [dict(zip(names, record, strict=True)) for record in _records(folder, described, form, columns)]
    return table


def _records(folder: Path, described: Element, form: Element, columns: list[Element]) -> list[list[Any]]:
    assert described.find("UTF8") is not None, "ANSI unless stated"
    assert (described.find("DecimalSymbol") is None) == (described.find("DigitGroupingSymbol") is None), "both or none"
    content = (folder / _text(described, "URL")).read_bytes().decode("utf-8")
    assert not content.startswith("\ufeff")
    delimiter, end, quote = (_text(form, name) for name in ("ColumnDelimiter", "RecordDelimiter", "TextEncapsulator"))
    lines = content.split(end)
    assert lines.pop() == "", "every record ends with its delimiter"
    return [_record(line, delimiter, quote, columns) for line in lines]


def _record(line: str, delimiter: str, quote: str, columns: list[Element]) -> list[Any]:
    """A value for each column; nothing may be left over, and only texts are encapsulated."""
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", line)
    one = f"{quote}(?:[^{quote}]|{quote}{quote})*{quote}|[^{delimiter}{quote}]*"
    match = re.fullmatch(delimiter.join([f"({one})"] * len(columns)), line)
    assert match, line
    return [_value(cell, quote, column) for cell, column in zip(match.groups(), columns, strict=True)]


def _value(cell: str, quote: str, column: Element) -> Any:
    if cell == "":
        return None
    if column.find("AlphaNumeric") is not None:
        assert cell[0] == cell[-1] == quote
        text = cell[1:-1].replace(quote * 2, quote)
        codes = {_text(code, "From") for code in column.findall("Map")}
        assert not codes or text in codes
        return text
    numeric = column.find("Numeric")
    if numeric is not None:
        assert numeric.findtext("Accuracy") == "0"
        assert re.fullmatch(r"0|-?[1-9]\d*", cell)
        return int(cell)
    format = column.findtext("Date/Format")
    assert format is not None
    found = datetime.strptime(cell, STRFTIME[format]).date()  # noqa: DTZ007
    assert f"{found:{STRFTIME[format]}}" == cell
    return found


def _keys_hold(table: ReadTable, tables: dict[str, ReadTable]) -> None:
    keys = [tuple(row[name] for name in table.key) for row in table.rows]
    assert table.key, table.name
    assert len(set(keys)) == len(keys), table.name
    assert all(None not in key for key in keys), table.name
    for own, name, other in table.references:
        referred = tables[name]
        assert referred.key == [other], "a foreign key leads to a key"
        assert table.kinds[own] == referred.kinds[other]
        there = {row[other] for row in referred.rows}
        assert {row[own] for row in table.rows} - {None} <= there, f"{table.name}.{own}"


def _reference(described: Element) -> tuple[str, str, str]:
    own = _text(described, "Name")
    return own, _text(described, "References"), described.findtext("Alias/To") or own


def _kind(column: Element) -> str:
    [kind] = [each.tag for each in column if each.tag in ("AlphaNumeric", "Numeric", "Date")]
    return kind


def _text(element: Element, name: str) -> str:
    found = element.findtext(name)
    assert found, name
    return found


def instant(day: date, time: str) -> datetime:
    """What stands in the two columns of an instant."""
    return datetime.fromisoformat(f"{day.isoformat()}T{time}")
