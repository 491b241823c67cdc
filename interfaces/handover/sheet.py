"""A checkpoint on a sheet of paper: to be signed and handed over, read aloud, typed, scanned, or opened as the file that it holds.

The page is ``sheet.typ``. The same checkpoint gives the same bytes, so a sheet that was lost can be made again.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from textwrap import wrap

import msgspec

from application.proof import checkpoints
from application.proof.checkpoints import Key
from application.proof.notes import opened
from interfaces.web.formats import moment, number

PAGE = Path(__file__).with_name("sheet.typ")
FILE = "pruefpunkt.txt"  # in the document, and in the command that it names

TITLE = "Prüfpunkt des Ereignisprotokolls"
STATEMENT = (
    "Mit diesem Blatt legt sich das Jugendamt fest: So viele Ereignisse standen zu dieser Zeit im Protokoll, und genau diese. Wer "
    "es aufbewahrt, kann später nachweisen, ob davon etwas verändert, eingefügt oder entfernt wurde."
)

LINE_SIGNS_MAX = 98
NAME_SIGNS_MAX = 36  # beside the code
GROUP_SIGNS = 4


class Sheet(msgspec.Struct):
    """What the page shows."""

    title: str
    statement: str
    origin: str
    facts: list[tuple[str, list[str]]]
    size: str
    root: list[str]
    note: str
    lines: list[list[str]]
    keys: list[list[str]]
    code: str
    code_says: str
    file: str = FILE


def sheet(note: str, keys: Sequence[Key]) -> bytes:
    """The page as PDF/A-3 that is read by screen readers too (PDF/UA-1). Raises ``NoteRefused``."""
    import typst  # thirty megabytes, which nothing but a document needs

    checkpoint = checkpoints.read(note, keys)
    return typst.compile(
        PAGE,
        format="pdf",
        sys_inputs={"sheet": msgspec.json.encode(_shown(note, keys)).decode()},
        ignore_system_fonts=True,  # another machine's fonts would make another document
        pdf_standards=["a-3a", "ua-1"],
        timestamp=checkpoint.issued,
    )


def _shown(note: str, keys: Sequence[Key]) -> Sheet:
    checkpoint = checkpoints.read(note, keys)
    _, signed_by = opened(note, [key.verifier for key in keys])
    size = number(checkpoint.size)
    assert checkpoint.issued is not None  # which every note of ours says
    return Sheet(
        title=TITLE,
        statement=STATEMENT,
        origin=checkpoint.origin,
        facts=[
            ("Protokoll", _pieces(checkpoint.origin, NAME_SIGNS_MAX)),
            ("Ereignisse", [size]),
            ("Stand", [f"{moment(checkpoint.issued)} (Europe/Berlin)"]),
        ],
        size=size,
        root=wrap(checkpoint.root.hex(), GROUP_SIGNS),
        note=note,
        lines=[_pieces(line) for line in note.splitlines()],
        keys=[_pieces(verifier.vkey()) for verifier in signed_by],
        code=_code(note),
        code_says=f"QR-Code mit dem ganzen unterschriebenen Text: {size} Ereignisse",
    )


def _pieces(line: str, signs_max: int = LINE_SIGNS_MAX) -> list[str]:
    return [line[start : start + signs_max] for start in range(0, len(line), signs_max)] or [" "]


def _code(note: str) -> str:
    """The bytes of the note as a QR code in SVG, of which a quarter may be lost."""
    import segno

    drawn = BytesIO()
    segno.make(note.encode(), error="q", boost_error=False, micro=False).save(drawn, kind="svg", border=2, xmldecl=False)
    return drawn.getvalue().decode()
