"""Click's own words in German.

Click looks its texts up with ``gettext``, which wants compiled catalogues on disk and the right language in the environment;
an office's server often runs with none. So the functions that click calls are replaced: what stands here is said in German
everywhere, and what click may add in future stays English until it is added here.
"""

from collections.abc import Mapping

import click.core
import click.decorators
import click.exceptions
import click.formatting
import click.parser
import click.termui
import click.types

GERMAN: Mapping[str, str] = {
    "Usage:": "Aufruf:",
    "Options": "Angaben",
    "Commands": "Befehle",
    "Show this message and exit.": "Zeigt diese Hilfe.",
    "Try '{command} {option}' for help.": "Hilfe gibt „{command} {option}“.",
    "Error: {message}": "Fehler: {message}",
    "Aborted!": "Abgebrochen.",
    "required": "nötig",
    "default: {default}": "Voreinstellung: {default}",
    "Missing command.": "Es fehlt ein Befehl.",
    "Missing argument": "Es fehlt",
    "Missing option": "Es fehlt die Angabe",
    "No such command {name!r}.": "Den Befehl {name} gibt es nicht.",
    "No such option {name!r}.": "Die Angabe {name} gibt es nicht.",
    "Did you mean {possibility}?": "Gemeint war vielleicht {possibility}?",
    "(Did you mean one of: {possibilities}?)": "(Gemeint war vielleicht: {possibilities}?)",
    "Got unexpected extra argument ({args})": "Zu viel angegeben: {args}",
    "Got unexpected extra arguments ({args})": "Zu viel angegeben: {args}",
    "Option {name!r} requires an argument.": "Die Angabe {name} braucht einen Wert.",
    "Option {name!r} does not take a value.": "Die Angabe {name} nimmt keinen Wert.",
    "Invalid value: {message}": "Ungültig: {message}",
    "Invalid value for {param_hint}: {message}": "Ungültig bei {param_hint}: {message}",
    "Choose from:\n\t{choices}": "Möglich sind: {choices}",
    "{value!r} is not {choice}.": "„{value}“ ist nicht möglich, nur {choice}.",
    "{value!r} is not one of {choices}.": "„{value}“ ist nicht möglich, nur {choices}.",
    "{value!r} is not a valid {number_type}.": "„{value}“ ist keine ganze Zahl.",
    "{value} is not in the range {range}.": "{value} liegt nicht im Bereich {range}.",
    "{value!r} is not a valid UUID.": "„{value}“ ist keine Kennung (UUID).",
    "file": "Datei",
    "directory": "Ordner",
    "path": "Pfad",
    "{name} {filename!r} does not exist.": "{name} „{filename}“ gibt es nicht.",
    "{name} {filename!r} is a file.": "{name} „{filename}“ ist eine Datei.",
    "{name} {filename!r} is a directory.": "{name} „{filename}“ ist ein Ordner.",
    "{name} {filename!r} is not readable.": "{name} „{filename}“ ist nicht lesbar.",
}


def speak_german() -> None:
    """Makes click say what ``GERMAN`` knows in German."""
    modules = (click.core, click.decorators, click.exceptions, click.formatting, click.parser, click.termui, click.types)
    for module in modules:
        for name, ours in (("_", _gettext), ("ngettext", _ngettext)):
            if hasattr(module, name):
                setattr(module, name, ours)


def _gettext(message: str) -> str:
    return GERMAN.get(message, message)


def _ngettext(singular: str, plural: str, n: int) -> str:
    return _gettext(singular if n == 1 else plural)
