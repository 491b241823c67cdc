"""Everything about one person: what the log and its tables say, with all texts, and who read them (Art. 15 and 20 GDPR)."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from application.catalogue import BY_CLASS
from application.log import Reader
from application.privacy import KeyErased
from application.projections import audit_trail, cases
from application.projections.texts import Opener, sealed_text
from application.projections.trail_lines import deed
from application.reads import ReadSummary, summary_for
from application.views import CaseView


class Happened(msgspec.Struct, frozen=True):
    """An event about the person. ``data`` is what stands in it in the clear, ``texts`` what is personal, ``null`` where it was
    erased."""

    position: int
    at: datetime
    by: str
    type: str
    said: str
    data: Any
    texts: dict[str, str | None]


class SubjectFile(msgspec.Struct, frozen=True):
    """What the office holds about a person at an instant."""

    made_at: datetime
    case: CaseView
    events: tuple[Happened, ...]
    reads: tuple[ReadSummary, ...]


def gathered(reader: Reader, case: UUID, opener: Opener, now: datetime) -> SubjectFile:
    """Opens every text of the person in a case, which is a read that the caller records. Raises ``NotFound``."""
    view = cases.versioned_case(reader, case, None).view
    places = audit_trail.places_about(reader, audit_trail.subjects_of_case(reader, case), ())
    positions = sorted({position for _, position, _ in places})
    events = []
    for event in audit_trail.events_at(reader, positions):
        entry = BY_CLASS[type(event.data)]
        texts: dict[str, str | None] = {}
        for name in sorted(entry.personal):
            sealed = sealed_text(event, name)
            try:
                if sealed is not None:
                    texts[name] = sealed.open(opener)
            except KeyErased:
                texts[name] = None
        clear = {name: getattr(event.data, name) for name in sorted(entry.clear)}
        by = f"{event.actor.subject} ({event.actor.organisation})"
        said = deed(event)
        events.append(Happened(event.position, event.recorded_at, by, entry.name, said, msgspec.to_builtins(clear), texts))
    return SubjectFile(now, view, tuple(events), summary_for(reader, case))
