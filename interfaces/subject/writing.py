"""Writes what is stored about one person (Art. 15 and 20 GDPR), and notes that somebody read it."""

from pathlib import Path
from uuid import UUID, uuid4

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from application.privacy import OFFICE_KEY, Keyring, owner_of
from application.projections.tables import micros
from application.projections.trail_lines import CONCERNS, clock, name_of
from application.subject import Happened, SubjectFile, gathered
from domain.quantities import Actor, Sealed
from interfaces.http.resources import NOTE_READ
from interfaces.service import Service
from interfaces.targets import new_folder

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


class Opening:
    """Opens texts, restricted ones as well: whoever they speak of may know them. ``opened`` are the persons they spoke of."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self.opened: set[str] = set()

    def open(self, sealed: Sealed, *, position: int, stream: UUID, field: str) -> str:
        text = self._keyring.open(sealed, position=position, stream=stream, field=field)
        self.opened.add(owner_of(sealed.key))
        return text


def write_subject(service: Service, case: UUID, actor: Actor, folder: Path) -> int:
    """Writes page and data into a new folder; says how many events stand in them. Raises ``NotFound`` and ``TargetRefused``."""
    with new_folder(folder) as draft:
        file = _read(service, case, actor)
        (draft / PAGE).write_text(page(file), encoding="utf-8")
        (draft / DATA).write_bytes(msgspec.json.format(msgspec.json.encode(file), indent=2))
    return len(file.events)


def _read(service: Service, case: UUID, actor: Actor) -> SubjectFile:
    """Everything about the person, once it is recorded who read it."""
    opening, now = Opening(service.keyring), service.clock()
    with service.store.turn() as turn:
        file = gathered(turn, case, opening, now)
        who = (actor.subject, actor.role, actor.organisation, "stundenpool subject export")
        turn.execute(NOTE_READ, [(str(uuid4()), micros(now), *who, about) for about in sorted(opening.opened - {OFFICE_KEY})])
    return file


def page(file: SubjectFile) -> str:
    """The same for people, in German."""
    pages = Environment(loader=PackageLoader("interfaces.subject", "."), autoescape=True, undefined=StrictUndefined)
    pages.filters |= {"clock": clock, "name_of": name_of}
    master = _master_data(file.events)
    return pages.get_template("page.html").render(file=file, master=master, texts=TEXTS, concerns=CONCERNS)


def _master_data(events: tuple[Happened, ...]) -> dict[str, str | None]:
    """What is stored last under each heading of the master data."""
    opened = ("case-opened", "case-amended")
    return {name: text for each in events if each.type in opened for name, text in each.texts.items() if name != "reason"}
