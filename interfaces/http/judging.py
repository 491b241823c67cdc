"""Judges what a request carries: JSON syntax, then values. What is wrong is ``Malformed``, with its place and in German.

A message never repeats what was sent: it may be personal, and it ends up in receipts and logs of others.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import msgspec

from domain.refusals import Malformed

NESTING_MAX = 32  # no body of ours has more than four levels
DIGITS_MAX = 18  # more than any limit of ours has
TOO_LARGE = 1_000_000_000_000_000_000
NO_NUMBER = 0.5
EXACT_BELOW = 2**53  # from here on a float may stand for another whole number than the one that was written
YEARS = (1900, 2200)  # the arithmetic of calendars ends somewhere; everything that happens to a pool lies in between
YEARS_PATTERN = "^(19|20|21)[0-9]{2}-"  # the same, as the published description says it

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JSON value, and the bytes that are the same for every way to write it."""

    value: Any
    canonical: bytes


def parsed(body: bytes) -> Parsed:
    """The JSON value of a body; an empty one is an empty object. Raises ``Malformed``."""
    try:
        text = body.decode()
        if text.count("[") + text.count("{") > NESTING_MAX:  # hardly any body has so many
            _refuse_deep_nesting(text)
        return _canonical(_decode(text) if text else {})
    except UnicodeDecodeError as error:
        raise Malformed(place=f"Byte {error.start + 1}", problem="kein gültiges UTF-8") from None
    except json.JSONDecodeError as error:
        raise Malformed(place=_line_and_column(error.doc, error.pos), problem="kein gültiges JSON") from None


def _canonical(value: Any) -> Parsed:
    try:
        return Parsed(value, msgspec.json.encode(value, order="sorted"))
    except UnicodeEncodeError:  # half a character, which JSON can escape and nothing can store
        return _canonical(_without_halves(value))


def _without_halves(value: Any) -> Any:
    """The value with a sign that every field refuses instead of such a text."""
    match value:
        case str():
            return value if value.isascii() or not _HALF.search(value) else "\0"
        case list():
            return [_without_halves(part) for part in value]
        case dict():
            return {_without_halves(name): _without_halves(part) for name, part in value.items()}
        case _:
            return value


def judged(value: Any, kind: type[T], *, strict: bool = True) -> T:
    """The value as ``kind``; raises ``Malformed`` with the place. Not strict reads the texts of a query."""
    try:
        found = msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise _malformed(str(error)) from None
    if not strict:
        _nothing_lost(value, found)
    _dates_in_range(found, "")
    return found


def _nothing_lost(stated: Mapping[str, str], found: Any) -> None:
    """The library reads the text "null" as nothing, and a filter that is left out shows everything."""
    for name, field in zip(found.__struct_encode_fields__, found.__struct_fields__, strict=True):
        if name in stated and getattr(found, field) is None:
            raise Malformed(place=name, problem="null ist hier kein Wert")


_UNREADABLE = "\N{REPLACEMENT CHARACTER}"  # stands in a query where its bytes were none
_HALF = re.compile("[\ud800-\udfff]")
_SHOWN = re.compile(r"[a-zA-Z0-9_]{1,40}")  # names of ours look like this, and few that would tell of a person

# A text as a whole, also one that is never closed, or a bracket outside of texts.
_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[][{}]', re.DOTALL)


def _refuse_deep_nesting(text: str) -> None:
    level = 0
    for found in _TEXT_OR_BRACKET.finditer(text):
        if found[0] in "[{":
            level += 1
            if level > NESTING_MAX:
                place = _line_and_column(text, found.start())
                raise Malformed(place=place, problem=f"tiefer als {NESTING_MAX} Ebenen verschachtelt")
        elif found[0] in "]}":
            level -= 1


def _line_and_column(text: str, at: int) -> str:
    return f"Zeile {text.count(chr(10), 0, at) + 1}, Zeichen {at - text.rfind(chr(10), 0, at)}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise Malformed(place=twice if _SHOWN.fullmatch(twice) else "JSON", problem="steht in einem Objekt zweimal")
    return found


# No field is a fraction and none takes a number that large, so that each is refused at its place.


def _constant(_: str) -> float:
    return NO_NUMBER


def _whole(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        return -TOO_LARGE if digits.startswith("-") else TOO_LARGE
    return int(digits)


def _fraction(written: str) -> float:
    """In JSON 60.0 is the whole number 60."""
    number = float(written)
    return int(number) if number.is_integer() and abs(number) < EXACT_BELOW else NO_NUMBER


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole, parse_float=_fraction).decode

# What the library says, and how it reads in German. The first that matches counts.
_SENTENCES: tuple[tuple[str, str], ...] = (
    (r"missing required field", "fehlt"),
    (r"contains unknown field `([a-zA-Z0-9_]{1,40})`", "„{}“ ist nicht vorgesehen"),
    (r"contains unknown field", "eine Angabe ist nicht vorgesehen"),
    (r"`(?:int|str|array)` (?:>=|of length >=) (-?\d+)", "mindestens {} nötig"),
    (r"`int` <= (-?\d+)", "höchstens {}"),
    (r"`str` of length <= (\d+)", "höchstens {} Zeichen"),
    (r"`(?:object|array)` of length <= (\d+)", "höchstens {} Einträge"),
    (r"matching regex", "enthält Zeichen, die hier nicht vorgesehen sind"),
    (r"Invalid enum value", "keiner der vorgesehenen Werte"),
    (r"Invalid UUID", "keine Kennung (UUID)"),
    (r"with a timezone component", "ein Zeitpunkt braucht seine Zeitzone, etwa 2022-03-01T14:30:00+01:00"),
    (r"Invalid RFC3339 encoded datetime", "kein Zeitpunkt wie 2022-03-01T14:30:00+01:00"),
    (r"Invalid RFC3339 encoded date", "kein Datum wie 2022-03-01"),
    (r"Expected `int", "eine ganze Zahl ist nötig"),
    (r"Expected `str", "ein Text ist nötig"),
    (r"Expected `bool", "true oder false ist nötig"),
    (r"Expected `object", "ein Objekt ist nötig"),
    (r"Expected `array", "eine Liste ist nötig"),
    (r"Expected `datetime", "ein Zeitpunkt ist nötig"),
    (r"Expected `date", "ein Datum ist nötig"),
    (r"Expected `uuid", "eine Kennung (UUID) ist nötig"),
)
_PLACE = re.compile(r" - at (?:`key` in )?`\$\.?(.*?)`$")
_FIELD = re.compile(r"field `(.*)`", re.DOTALL)


def _malformed(message: str) -> Malformed:
    found = _PLACE.search(message)
    place = found[1] if found else ""
    said = message[: found.start()] if found else message
    field = _FIELD.search(said)
    if field is not None and "missing" in said:  # the name of an unknown field is the caller's, not ours to repeat
        place = f"{place}.{field[1]}" if place else field[1]
    for pattern, sentence in _SENTENCES:
        matched = re.search(pattern, said)
        if matched:
            return Malformed(place=place or "Anfrage", problem=sentence.format(*matched.groups()))
    return Malformed(place=place or "Anfrage", problem="nicht gültig")


def _dates_in_range(value: Any, place: str) -> None:
    if isinstance(value, date):  # an instant is one as well
        if not YEARS[0] <= value.year < YEARS[1]:
            raise Malformed(place=place, problem=f"liegt nicht in den Jahren {YEARS[0]} bis {YEARS[1] - 1}")
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _dates_in_range(getattr(value, name), f"{place}.{name}" if place else name)


def single_values(pairs: list[tuple[str, str]]) -> Mapping[str, str]:
    """The parameters of a query; an empty one counts as left out, a repeated one is ``Malformed``, as is what is no UTF-8."""
    found = {name: value for name, value in pairs if value}
    for name, value in found.items():
        if _UNREADABLE in value:
            raise Malformed(place=name if _SHOWN.fullmatch(name) else "Abfrage", problem="kein gültiges UTF-8")
    if len(found) < sum(bool(value) for _, value in pairs):
        raise Malformed(place="Abfrage", problem="eine Angabe steht zweimal darin")
    return found
