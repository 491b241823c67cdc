"""The numbers that an office sets, thresholds of findings and periods of retention: each a TOML file with some of their names; the
others stay as they are."""

import tomllib
from dataclasses import Field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from domain.erasure import Periods
from domain.findings.thresholds import Thresholds

Numbers = TypeVar("Numbers", Thresholds, Periods)


def read_thresholds(file: str) -> Thresholds:
    """What a file says, or the defaults where none is named. Raises ``ValueError`` with German sentences for all that is wrong."""
    return _read(file, Thresholds, "Schwelle")


def read_periods(file: str) -> Periods:
    """The same for how long personal data are kept."""
    return _read(file, Periods, "Aufbewahrungsfrist")


def _read(file: str, kind: type[Numbers], called: str) -> Numbers:
    if not file:
        return kind()
    written = _written(file)
    known = {field.name: field for field in fields(kind)}
    problems = [_unknown(name, list(known), called) for name in written.keys() - known.keys()]
    problems += [problem for name, field in known.items() if name in written and (problem := _problem(field, written[name]))]
    if problems:
        raise ValueError("; ".join(sorted(problems)))
    return kind(**written)


def _written(file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"nennt eine Datei, die sich nicht lesen lässt ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("nennt eine Datei, die kein UTF-8 ist") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"nennt eine Datei, die kein TOML ist ({error})") from None


def _unknown(name: str, known: list[str], called: str) -> str:
    meant = get_close_matches(name, known, n=1)
    return f"„{name}“ ist keine {called}" + (f"; gemeint ist vielleicht „{meant[0]}“" if meant else "")


def _problem(field: Field[Any], value: object) -> str | None:
    least, most = field.metadata["least"], field.metadata["most"]
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return None
    return f"{field.name} muss eine ganze Zahl von {least} bis {most} sein"
