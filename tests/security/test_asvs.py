"""docs/sicherheit.md goes through OWASP ASVS 5.0, levels 1 and 2, with level 3 of V8 and V16: something stands behind each.

Ids and levels in asvs-5.0.0.csv are those of the OWASP Application Security Verification Standard 5.0.0, CC BY-SA 4.0.
"""

import csv
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sicherheit.md").read_text(encoding="utf-8")
ROWS = [
    (id, int(level), text, evidence)
    for id, level, text, evidence in re.findall(r"^\| (V[\d.]+) \| (\d) \| (.*?) \| (.*) \|$", PAGE, re.MULTILINE)
]
with Path(__file__).with_name("asvs-5.0.0.csv").open(encoding="utf-8") as file:
    WANTED = [(row["requirement"], int(row["level"])) for row in csv.DictReader(file)]
KINDS = ("Test: `tests/", "Einstellung: ", "Beschrieben: ", "Grund: ")


def test_every_requirement_stands_there_once_with_its_level() -> None:
    """In the order of the standard."""
    assert len(WANTED) == 260
    assert [(id, level) for id, level, _, _ in ROWS] == WANTED


def test_something_stands_behind_each() -> None:
    """A test, a setting, a place where it is described, or a reason; nothing is open."""
    for id, _, text, evidence in ROWS:
        assert len(text) >= 10, id
        parts = re.split(r"; (?=[A-Z][a-zü]+: )", evidence)
        assert all(part.startswith(KINDS) for part in parts), (id, parts)
        assert all(len(part.partition(": ")[2]) >= 10 for part in parts), id


def test_every_test_that_is_named_exists() -> None:
    """At its place, and not only in the longer runs."""
    named = re.findall(r"`(tests/[\w./-]+)::(\w+)`", PAGE)
    assert len(named) > 150
    for path, name in set(named):
        source = (ROOT / path).read_text(encoding="utf-8")
        found = re.search(rf"^((?:@.*\n|    .*\n|\)\n)*) *(?:async )?def {name}\(", source, re.MULTILINE)
        assert found, f"{path}::{name}"
        assert "pytest.mark.chaos" not in found[1], f"{path}::{name}"
    assert "`test" not in PAGE.replace("`tests/", "")
