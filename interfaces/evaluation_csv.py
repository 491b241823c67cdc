"""The evaluation as a table for spreadsheets: RFC 4180, commas, UTF-8, a line for every value."""

import csv
import io
from collections.abc import Iterator

from application.views import Evaluation

COLUMNS = ("figure", "label", "group_by", "group", "value", "unit")

Line = tuple[str, str, str, str, int | None, str]


def evaluation_csv(evaluation: Evaluation) -> str:
    """Each figure over everything, with no ``group_by``, and then over its groups. What is undefined is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_lines(evaluation))
    return text.getvalue()


def _lines(evaluation: Evaluation) -> Iterator[Line]:
    for figure in evaluation.figures:
        yield figure.figure, figure.label, "", "", figure.value, figure.unit
        for by, groups in figure.groups.items():
            for group in groups:
                yield figure.figure, figure.label, by, harmless(group.group), group.value, figure.unit


def harmless(name: str) -> str:
    """Districts and providers are free texts: one that a spreadsheet would take for a formula gets an apostrophe in front."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name
