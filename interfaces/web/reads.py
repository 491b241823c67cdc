"""What the page of readings shows: the same as the API, a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from application import reads
from application.projections import cases
from application.reads import ReadEntry
from interfaces.http.bodies import Name
from interfaces.http.operations import Asking
from interfaces.http.parameters import FindingsCursor, Parameters

READS_SHOWN = 50


class ReadsShown(Parameters, frozen=True):
    """Readings of one case or person, on request."""

    case: UUID | None = None
    subject: Name | None = None
    after: FindingsCursor | None = None


@dataclass(frozen=True, slots=True)
class Reads:
    """A page of readings; ``next`` is what the following one is asked for with. Cases go by their ``references``."""

    wanted: ReadsShown
    entries: tuple[ReadEntry, ...]
    references: Mapping[UUID, str]
    next: Mapping[str, str] | None


def list_reads(asking: Asking, wanted: ReadsShown) -> Reads:
    """A page of readings, the latest first."""
    entries, following = reads.list_reads(
        asking.reader, case=wanted.case, subject=wanted.subject, since=None, after=wanted.after, limit=READS_SHOWN
    )
    stated = {"case": wanted.case and str(wanted.case), "subject": wanted.subject, "after": following}
    named = {each.case for each in entries if each.case} | ({wanted.case} if wanted.case else set())
    references = cases.references(asking.reader, named)
    return Reads(wanted, entries, references, {name: value for name, value in stated.items() if value} if following else None)
