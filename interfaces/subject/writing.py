"""Writes what is stored about one person (Art. 15 and 20 GDPR), and notes that somebody read it."""

from pathlib import Path
from uuid import UUID

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from application.projections.trail_lines import CONCERNS, ROLES, clock, name_of
from application.reads import PURPOSES, SUBJECT_EXPORT, Occasion
from application.subject import Happened, SubjectFile, gathered
from domain.quantities import Actor
from interfaces.service import Service
from interfaces.targets import new_folder
from interfaces.web.formats import day

PAGE, DATA = "auskunft.html", "auskunft.json"
TEXTS = {
    "name": "Name",
    "birth_year": "Geburtsjahr",
    "contact": "Kontakt",
    "notes": "Notizen",
    "note": "Vermerk",
    "by": "Bestätigt von",
    "reason": "Grund",
    "overtaking_reason": "Grund des Vorziehens",
    "purpose": "Zweck",
    "explanation": "Stellungnahme",
}


def write_subject(service: Service, case: UUID, actor: Actor, folder: Path) -> int:
    """Writes page and data into a new folder; says how many events stand in them. Raises ``NotFound`` and ``TargetRefused``."""
    with new_folder(folder) as draft:
        file = _read(service, case, actor)
        (draft / PAGE).write_text(page(file), encoding="utf-8")
        (draft / DATA).write_bytes(msgspec.json.format(msgspec.json.encode(file), indent=2))
    return len(file.events)


def _read(service: Service, case: UUID, actor: Actor) -> SubjectFile:
    """Everything about the person, once it is recorded who read it: restricted texts as well, which the person may know."""
    occasion, now = Occasion(actor, SUBJECT_EXPORT, "disclosure", address="", request=""), service.clock()
    with service.read_log.recording(occasion, now) as (reader, opener):
        return gathered(reader, case, opener, now)


def page(file: SubjectFile) -> str:
    """The same for people, in German."""
    pages = Environment(loader=PackageLoader("interfaces.subject", "."), autoescape=True, undefined=StrictUndefined)
    pages.filters |= {"clock": clock, "day": day, "name_of": name_of}
    master = _master_data(file.events)
    return pages.get_template("page.html").render(
        file=file, master=master, texts=TEXTS, concerns=CONCERNS, roles=ROLES, purposes=PURPOSES
    )


def _master_data(events: tuple[Happened, ...]) -> dict[str, str | None]:
    """What is stored last under each heading of the master data."""
    opened = ("case-opened", "case-amended")
    return {name: text for each in events if each.type in opened for name, text in each.texts.items() if name != "reason"}
