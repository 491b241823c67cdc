"""``stundenpool rebuild``."""

from contextlib import ExitStack

import click

from application import rebuild as building
from application.projections import PROJECTIONS
from interfaces.cli.commands import Failed, note
from interfaces.cli.progress import event_progress
from interfaces.cli.stores import store_of
from interfaces.settings import read_settings

NAMES = [projection.name for projection in PROJECTIONS]


@click.command("rebuild", epilog=f"Projektionen: {', '.join(NAMES)}.")
@click.argument("names", metavar="[PROJEKTION]...", nargs=-1, type=click.Choice(NAMES))
@click.option("--check", is_flag=True, help="Nur vergleichen: Status 1 und die Unterschiede, wo neu und bestehend abweichen.")
def command(names: tuple[str, ...], check: bool) -> None:
    """Baut Projektionen neben den bestehenden neu auf und tauscht sie aus, während der Dienst läuft; ohne Namen alle."""
    settings = read_settings()
    with ExitStack() as stack:
        store = stack.enter_context(store_of(settings.schema_url, create=False))
        url = settings.read_database_url
        copy = stack.enter_context(store_of(url, create=False)) if url else None
        progress = stack.enter_context(event_progress())
        if check:
            differences = building.check(store, names, progress, note, copy)
        else:
            building.rebuild(store, names, progress, note, copy)
            differences = []
    for difference in differences:
        click.echo(str(difference))
    if differences:
        raise Failed(f"Neu aufgebaut sind {len(differences)} Zeilen anders als bestehend.")
    done = "Geprüft, ohne Unterschied" if check else "Neu aufgebaut"
    note(f"{done}: {', '.join(names or NAMES)}.")
