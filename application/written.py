"""Values as people write them in spreadsheets → typed values.

A parser either returns what was meant beyond doubt or raises ``Malformed``; it never guesses and raises nothing else.
"""

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from fractions import Fraction

from domain.quantities import BERLIN

# What a cell of a spreadsheet holds. A CSV file has texts only; an XLSX file has all of them.
Cell = str | int | float | datetime | date | time | timedelta | None


@dataclass(frozen=True, slots=True)
class Row:
    """``line`` is the physical line of a CSV file in which the row starts, or the row number of the sheet, from 1.

    ``beyond`` are filled cells that stand under no column's name: nobody knows what they, or those before them, mean.
    """

    line: int
    cells: dict[str, Cell]
    beyond: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Column names are trimmed and lower-case; every row has a cell for every column; empty rows are left out.

    ``sha256`` is the hexadecimal digest of the file's bytes.
    """

    columns: tuple[str, ...]
    rows: list[Row]
    sha256: str


MINUTES_MAX = 10_000_000
YEAR_MIN, YEAR_MAX = 1900, 2200
EXACT_NUMBER_MAX = 10**15 - 1  # spreadsheets keep 15 digits and make zeros of the rest
NOTATION_CHARACTERS_MAX = 60
TEXT_CHARACTERS_MAX = 2_000
SHOWN_CHARACTERS_MAX = 40

_MINUTES_EXAMPLES = "erlaubt sind z. B. 90, 90 min, 1:30 oder 1,5 h"
_INSTANT_EXAMPLES = "erlaubt sind z. B. 03.12.2021 14:30, 03.12.2021, 2021-12-03T14:30 oder 2021-12-03T14:30:00+01:00"

_MINUTE_UNIT = r"(?:min\.?|minuten?)"
_HOUR_UNIT = r"(?:h|stdn?\.?|stunden?)"
_NUMBER = r"[0-9]+(?:[.,][0-9]+)?|[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?"
_AMOUNT = re.compile(rf"(?P<number>{_NUMBER})\s*(?:{_MINUTE_UNIT}|(?P<in_hours>{_HOUR_UNIT}))?", re.IGNORECASE)
_CLOCK = re.compile(rf"(?P<hours>[0-9]+):(?P<minutes>[0-5][0-9])(?::00)?\s*(?:{_HOUR_UNIT})?", re.IGNORECASE)
_HOURS_AND_MINUTES = re.compile(
    rf"(?P<hours>[0-9]+)\s*{_HOUR_UNIT}\s*(?:und\s*)?(?P<minutes>[0-5]?[0-9])\s*(?:{_MINUTE_UNIT})?", re.IGNORECASE
)
_ONE_SIGN_THREE_DIGITS = re.compile(r"[1-9][0-9]{0,2}(?P<sign>[.,])(?P<digits>[0-9]{3})")

_CLOCK_TIME = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?:\s*(?P<offset>Z|[+-][0-9]{2}(?::?[0-9]{2})?)|\s*Uhr)?"
)
_INSTANTS = tuple(
    re.compile(rf"{day}(?:{between}{_CLOCK_TIME})?", re.IGNORECASE)
    for day, between in (
        (r"(?P<day>[0-9]{1,2})\.\s?(?P<month>[0-9]{1,2})\.\s?(?P<year>[0-9]{4})", r"\s*[,\s]\s*(?:um\s+)?"),
        (r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})", r"(?:T|\s+)"),
    )
)


class Malformed(ValueError):
    """A cell that does not say what is asked for; the German sentence shows what would be right."""


def minutes(cell: Cell) -> int:
    """Whole minutes from 0 to ``MINUTES_MAX``. That a request or session has at least one is the domain's rule."""
    match cell:
        case None | "":
            raise Malformed(f"Die Minutenangabe fehlt; {_MINUTES_EXAMPLES}")
        case str():
            found = _written_minutes(cell)
        case time():  # 1:30 in a cell that a spreadsheet takes for a time of day
            found = _minutes_of(datetime.combine(date.min, cell) - datetime.combine(date.min, time.min), cell)
        case timedelta():
            found = _minutes_of(cell, cell)
        case bool() | date():
            raise _no_minutes(cell)
        case _:
            found = _whole(cell, cell)
    if not 0 <= found <= MINUTES_MAX:
        raise Malformed(f"„{_shown(cell)}“ liegt nicht zwischen 0 und {MINUTES_MAX} Minuten")
    return found


def instant(cell: Cell) -> datetime:
    """An instant with a fixed UTC offset, exact to the microsecond; a date alone is its midnight.

    Without an offset it is Europe/Berlin: a local time that the clock skips in spring is malformed, one that it shows
    twice in autumn is the first. The offset is fixed because datetimes with a zone compare unequal in that hour.
    """
    match cell:
        case None | "":
            raise Malformed(f"Der Zeitpunkt fehlt; {_INSTANT_EXAMPLES}")
        case str():
            found = _written_instant(cell)
        case datetime():
            found = cell
        case date():
            found = datetime.combine(cell, time.min)
        case _:
            raise _no_instant(cell)
    if not YEAR_MIN <= found.year <= YEAR_MAX:
        raise Malformed(f"Das Jahr in „{_shown(cell)}“ liegt nicht zwischen {YEAR_MIN} und {YEAR_MAX}")
    return found if isinstance(found.tzinfo, timezone) else _in_berlin(found, cell)


def text(cell: Cell, characters_max: int = TEXT_CHARACTERS_MAX, *, several_lines: bool = False) -> str | None:
    """A trimmed text, ``None`` where the cell is empty. Line breaks (as ``\\n``) and tabs only with ``several_lines``.

    Whole numbers are taken as they are shown. Dates, times and fractions are refused: what a spreadsheet made of
    „3.10“ or „1-2“ is not what somebody typed. What is wrong with a text is said without quoting it: it may be personal.
    """
    match cell:
        case None:
            return None
        case str():
            found = cell.replace("\r\n", "\n").replace("\r", "\n").strip()
        case bool() | date() | time() | timedelta():
            raise _no_text(cell)
        case _:
            if not -EXACT_NUMBER_MAX <= cell <= EXACT_NUMBER_MAX or cell != int(cell):
                raise _no_text(cell)
            found = str(int(cell))
    permitted = "\n\t" if several_lines else ""
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in permitted for sign in found):
        raise Malformed("enthält Steuerzeichen oder Zeilenumbrüche; erlaubt ist lesbarer Text")
    if len(found) > characters_max:
        raise Malformed(f"hat {len(found)} Zeichen; erlaubt sind höchstens {characters_max}")
    return found or None


def _written_minutes(cell: str) -> int:
    written = cell.strip()
    if len(written) > NOTATION_CHARACTERS_MAX:
        raise _no_minutes(cell)
    if amount := _AMOUNT.fullmatch(written):
        return _whole(_number(amount["number"], bool(amount["in_hours"]), cell), cell)
    if parts := _CLOCK.fullmatch(written) or _HOURS_AND_MINUTES.fullmatch(written):
        return int(parts["hours"]) * 60 + int(parts["minutes"])
    raise _no_minutes(cell)


def _number(written: str, in_hours: bool, cell: str) -> Fraction:
    """The minutes that a number means, with its unit, exactly.

    One sign before exactly three digits has two readings, decimal and thousands. „1.140“ minutes can only be 1140,
    because 1.14 minutes are none; „2.000“ minutes, „1,140“ minutes and „1.500 h“ are refused rather than guessed,
    since a wrong guess is wrong by a factor of 1000.
    """
    grouped = written.count(".") > 1 or ("." in written and "," in written)
    if doubtful := _ONE_SIGN_THREE_DIGITS.fullmatch(written):
        if in_hours or doubtful["sign"] == "," or doubtful["digits"] == "000":
            raise Malformed(
                f"„{_shown(cell)}“ ist zweideutig (Tausender oder Nachkommastellen?); "
                "bitte ohne Tausendertrennzeichen und mit höchstens zwei Nachkommastellen schreiben"
            )
        grouped = True
    plain = written.replace(".", "") if grouped else written
    return Fraction(plain.replace(",", ".")) * (60 if in_hours else 1)


def _minutes_of(duration: timedelta, cell: Cell) -> int:
    whole, rest = divmod(duration, timedelta(minutes=1))
    if rest:
        raise _fraction(cell)
    return whole


def _whole(number: float | Fraction, cell: Cell) -> int:
    if isinstance(number, float) and not math.isfinite(number):
        raise _no_minutes(cell)
    if number != int(number):
        raise _fraction(cell)
    return int(number)


def _written_instant(cell: str) -> datetime:
    """A datetime with the offset as written, or a naive one."""
    written = cell.strip()
    found = None
    if len(written) <= NOTATION_CHARACTERS_MAX:
        found = next((match for notation in _INSTANTS if (match := notation.fullmatch(written))), None)
    if not found:
        raise _no_instant(cell)
    fraction = (found["fraction"] or "").ljust(6, "0")
    if fraction[6:].strip("0"):
        raise Malformed(f"„{_shown(cell)}“ ist genauer als eine Mikrosekunde; {_INSTANT_EXAMPLES}")
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        clock = time(int(found["hour"] or 0), int(found["minute"] or 0), int(found["second"] or 0), int(fraction[:6]))
        return datetime.combine(day, clock, _offset(found["offset"]))
    except ValueError as impossible:
        raise Malformed(f"„{_shown(cell)}“ gibt es in Kalender und Uhr nicht; {_INSTANT_EXAMPLES}") from impossible


def _offset(written: str | None) -> timezone | None:
    """``Z``, ``+01:00``, ``+0100`` or ``+01``. Raises ValueError for what no clock shows."""
    if not written:
        return None
    if written in "Zz":
        return timezone(timedelta())
    hours, rest = int(written[1:3]), int(written[3:].lstrip(":") or 0)
    if rest > 59:
        raise ValueError(written)
    offset = timedelta(hours=hours, minutes=rest)
    return timezone(-offset if written[0] == "-" else offset)


def _in_berlin(found: datetime, cell: Cell) -> datetime:
    local = found.replace(tzinfo=BERLIN, fold=0) if found.tzinfo is None else found.astimezone(BERLIN)
    utc = local.astimezone(UTC)
    if utc.astimezone(BERLIN).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise Malformed(
            f"„{_shown(cell)}“ gibt es in Deutschland nicht, weil die Uhr auf Sommerzeit vorgestellt wurde; "
            "bitte die Uhrzeit prüfen"
        )
    return utc.astimezone(timezone(local.replace(tzinfo=UTC) - utc))


def _no_minutes(cell: Cell) -> Malformed:
    return Malformed(f"„{_shown(cell)}“ ist keine Minutenangabe; {_MINUTES_EXAMPLES}")


def _fraction(cell: Cell) -> Malformed:
    return Malformed(f"„{_shown(cell)}“ sind keine ganzen Minuten; {_MINUTES_EXAMPLES}")


def _no_instant(cell: Cell) -> Malformed:
    return Malformed(f"„{_shown(cell)}“ ist kein Zeitpunkt; {_INSTANT_EXAMPLES}")


def _no_text(cell: Cell) -> Malformed:
    return Malformed(f"„{_shown(cell)}“ ist kein Text; bitte die Zelle als Text formatieren und den Wert neu eingeben")


def _shown(cell: Cell) -> str:
    """The cell as a message can carry it: one short line of readable characters."""
    if isinstance(cell, int) and abs(cell) > EXACT_NUMBER_MAX:
        return "eine sehr große Zahl"
    readable = "".join(sign if sign.isprintable() else " " for sign in str(cell)).strip()
    return readable if len(readable) <= SHOWN_CHARACTERS_MAX else readable[: SHOWN_CHARACTERS_MAX - 1] + "…"
