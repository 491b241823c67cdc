"""How commands open the log of this installation, and who they act as."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

import click

from application.log import Reader, Store
from application.past import past
from application.projections import PROJECTIONS
from application.projections.tables import live_slots
from domain.quantities import Actor
from interfaces.cli.progress import event_progress
from interfaces.identity.people import OFFICE
from interfaces.service import Service, open_service
from interfaces.settings import Settings, read_settings
from interfaces.storage import open_store
from interfaces.storage.temporary import TemporaryTables

subject_option = click.option(
    "--subject", metavar="NAME", help="Kennung, unter der das verzeichnet wird; sonst der Name des Benutzerkontos."
)


@contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """The store of this installation, which must exist."""
    with store_of(settings.database_url, create=False) as store:
        yield store


@contextmanager
def store_of(url: str, *, create: bool) -> Iterator[Store]:
    """The store of a URL. A server that is away or lets nobody in is found out at once, with its own words."""
    if url.startswith("postgresql:"):
        from interfaces.storage import libpq  # the driver, which takes a tenth of a second to load and SQLite never needs

        libpq.connect(url).close()
    store = open_store(url, create=create)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def reading() -> Iterator[Reader]:
    """One consistent snapshot of the log and its projections."""
    with opened_store(read_settings()) as store, store.reading() as reader:
        yield reader


def known(reader: Reader, at: datetime | date | None) -> Reader:
    """What was known at an instant; everything where none is stated."""
    if at is None:
        return reader
    with event_progress() as progress:
        return past(reader, at, TemporaryTables, progress).over(reader)


@contextmanager
def service() -> Iterator[Service]:
    """Store, keys and engine, and whoever is erased is so. A schema that is missing is told at once: the engine would wait for it
    as for a lost connection."""
    settings = read_settings()
    with opened_store(settings) as store, store.reading() as reader:
        live_slots(reader, PROJECTIONS)
    with open_service(settings) as opened:
        opened.erasing.settle(opened.engine)
        yield opened


def officer(subject: str | None) -> Actor:
    """Who uses the command line decides as an officer of the youth office, under the name of their account unless stated."""
    return Actor(subject or getpass.getuser(), "officer", OFFICE)


def auditor(subject: str | None) -> Actor:
    """The same for what only an auditor does."""
    return Actor(subject or getpass.getuser(), "auditor", OFFICE)
