"""``stundenpool subject``: what is stored about one person."""

from pathlib import Path

import click

from interfaces.cli.commands import note
from interfaces.cli.persons import case_argument, found_case
from interfaces.cli.stores import officer, service, subject_option
from interfaces.subject.writing import write_subject


@click.group("subject")
def command() -> None:
    """Betroffene Personen: Auskunft und Datenübertragung."""


@command.command("export")
@case_argument
@click.argument("out", metavar="ORDNER", type=click.Path(path_type=Path))
@subject_option
def export(case: str, out: Path, subject: str | None) -> None:
    """Schreibt alles über die Person eines Falls in einen neuen ORDNER: auskunft.html zum Lesen, auskunft.json zum Übertragen.

    FALL ist die Kennung oder das Fallzeichen. Wer das wann getan hat, wird verzeichnet, bevor etwas geschrieben ist.
    """
    with service() as opened:
        with opened.store.reading() as reader:
            found = found_case(reader, case)
        events = write_subject(opened, found, officer(subject), out)
    note(f"Geschrieben in „{out}“: {events} Ereignisse. Die Dateien sind nur für die betroffene Person bestimmt.")
