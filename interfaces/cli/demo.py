"""``stundenpool demo``."""

from contextlib import closing
from dataclasses import replace
from datetime import datetime

import click

from application.demonstration import clock_of, demonstration
from application.log import Store
from application.privacy import Keyring
from domain.quantities import BERLIN, Actor
from interfaces.cli.commands import Failed, note
from interfaces.cli.db import brought_up_to_date
from interfaces.cli.stores import opened_store, store_of
from interfaces.demo.city import ADMIN, AUDITOR, OFFICERS, PLANNER, PROVIDERS
from interfaces.demo.loading import load
from interfaces.demo.setting import SEED
from interfaces.identity.people import OFFICE
from interfaces.identity.tokens import create_token
from interfaces.settings import Settings, read_settings
from interfaces.storage.keystore import open_keystore_of

TOKEN_DAYS = 7
SEED_MAX = 2**53 - 1  # what every reader of JSON reads as the same number
PROVIDER = PROVIDERS[0]
PEOPLE = (PROVIDER.worker(1), PROVIDER.lead, *OFFICERS[:2], PLANNER, AUDITOR, ADMIN)


@click.command("demo")
@click.option("--seed", metavar="ZAHL", type=click.IntRange(0, SEED_MAX), help=f"Startwert der Geschichte, sonst {SEED}")
def command(seed: int | None) -> None:
    """Startet den Dienst mit der Demonstration: einer erfundenen Stadt im Modellzeitraum.

    Sie braucht eine Datenbank für sich allein und füllt sie, wenn sie leer ist. Ihre Uhr steht im Modellzeitraum und läuft.
    """
    settings = read_settings()
    _set_up(settings, seed)
    with opened_store(settings) as store:
        _welcome(settings, store)
    from interfaces.http.server import serve  # the web framework, which is loaded once the rest has succeeded

    serve(replace(settings, workers=1))  # its clock runs in the process


def _set_up(settings: Settings, seed: int | None) -> None:
    """A demonstration that stands in the log is kept; an empty log gets one."""
    with store_of(settings.schema_url, create=True) as store, store.reading() as reader:
        started, empty = demonstration(reader), reader.head() is None
    if started is None and not empty:
        raise Failed("In dieser Datenbank stehen schon Stundenpools. Die Demonstration braucht eine Datenbank für sich allein.")
    if started is not None and seed not in (None, started.seed):
        raise Failed(f"In dieser Datenbank steht schon eine Demonstration mit dem Startwert {started.seed}.")
    for line in brought_up_to_date(settings):
        note(line)
    if started is None:
        note("Die Geschichte der Demonstration wird erzählt; das dauert einige Sekunden.")
        with opened_store(settings) as store, closing(open_keystore_of(store, settings.keystore, settings.master_key)) as keys:
            load(store, Keyring(keys), SEED if seed is None else seed)


def _welcome(settings: Settings, store: Store) -> None:
    """Where to look, as whom, and what time it is there."""
    with store.reading() as reader:
        now = clock_of(reader)()
    tokens = [(person, _token(store, person)) for person in PEOPLE]
    click.echo(f"Stundenpool, Demonstration: {_address(settings)}")
    click.echo(
        f"Die Uhr der Demonstration steht auf {_by_the_clock(now)} und läuft. Alle Menschen, Träger und Orte sind erfunden.\n"
    )
    click.echo(f"Zugangstoken, {TOKEN_DAYS} Tage gültig (worker und lead gehören zum Träger „{PROVIDER.id}“):")
    for person, token in tokens:
        click.echo(f"  {person.role:8} {person.subject:18} {token}")
    click.echo("\nSchnittstelle unter /api/v1, ihre Beschreibung unter /docs. Strg-C beendet den Dienst.")


def _token(store: Store, person: Actor) -> str:
    provider = None if person.organisation == OFFICE else person.organisation
    return create_token(store, role=person.role, subject=person.subject, provider=provider, days=TOKEN_DAYS)


def _address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}/"


def _by_the_clock(instant: datetime) -> str:
    return f"{instant.astimezone(BERLIN):%d.%m.%Y, %H:%M} Uhr"
