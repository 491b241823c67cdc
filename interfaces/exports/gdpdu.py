"""The description standard for data handed to German auditors (GDPdU 1.5 of 1 September 2004): ``index.xml`` beside CSV files.

It has numbers, dates and texts, and no instants. Files have no line with names of columns, those of the key come first, and no
value may hold a line break, whatever stands around it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

DTD = "gdpdu-01-09-2004.dtd"
INDEX = "index.xml"

Kind = Literal["text", "number", "date"]
Value = str | int | bool | date | None

# Line breaks and other control characters, and what no XML may hold.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]+")

templates = Environment(
    loader=PackageLoader("interfaces.exports"),
    autoescape=select_autoescape(["xml"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Of the texts that are codes, ``codes`` says what each means."""

    name: str
    description: str
    kind: Kind = "text"
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key of one column: its values stand in the column ``key`` of another table."""

    column: str
    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table and its file. ``name`` is what other tables refer to it by."""

    file: str
    name: str
    description: str
    key: Sequence[Column]
    others: Sequence[Column]
    references: Sequence[Reference] = ()

    @property
    def columns(self) -> list[Column]:
        return [*self.key, *self.others]


class Rows:
    """The rows of a table, written as they come."""

    def __init__(self, folder: Path, table: Table) -> None:
        self.table = table
        self.count = 0
        self._kinds = [column.kind for column in table.columns]
        self._file = (folder / table.file).open("w", encoding="utf-8", newline="")

    def add(self, *values: Value) -> None:
        """A value for each column, in its order."""
        self._file.write(";".join(_cell(value, kind) for value, kind in zip(values, self._kinds, strict=True)) + "\r\n")
        self.count += 1

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


def describe(folder: Path, tables: Sequence[Table], *, supplier: str, medium: str, comment: str) -> None:
    """Writes ``index.xml``."""
    said = {"supplier": printable(supplier), "medium": printable(medium), "comment": printable(comment)}
    description = templates.get_template(INDEX).render(dtd=DTD, tables=tables, **said)
    (folder / INDEX).write_text(description, encoding="utf-8", newline="")


def printable(text: str) -> str:
    """A text in one line."""
    return _UNPRINTABLE.sub(" ", text)


def _cell(value: Value, kind: Kind) -> str:
    if value is None:
        return ""
    match kind:
        case "number":
            return str(value)
        case "date":
            return f"{value:%d.%m.%Y}"
        case "text":
            text = ("ja" if value else "nein") if isinstance(value, bool) else printable(str(value))
            return '"' + text.replace('"', '""') + '"'
