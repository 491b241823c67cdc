"""``stundenpool rebuild``."""

import click

from application import rebuild as building
from application.projections import PROJECTIONS
from interfaces.cli.commands import Failed, note
from interfaces.cli.progress import progress_bar
from interfaces.cli.stores import store_of
from interfaces.settings import read_settings

NAMES = [projection.name for projection in PROJECTIONS]


@click.command("rebuild", epilog=f"Projektionen: {', '.join(NAMES)}.")
@click.argument("names", metavar="[PROJEKTION]...", nargs=-1, type=click.Choice(NAMES))
@click.option("--check", is_flag=True, help="Nur vergleichen: Status 1 und die Unterschiede, wo neu und bestehend abweichen.")
def command(names: tuple[str, ...], check: bool) -> None:
    """Baut Projektionen neben den bestehenden neu auf und tauscht sie aus, während der Dienst läuft; ohne Namen alle."""
    with store_of(read_settings().schema_url, create=False) as store, progress_bar("Ereignisse") as progress:
        if check:
            differences = building.check(store, names, progress)
        else:
            building.rebuild(store, names, progress)
            differences = []
    for difference in differences:
        click.echo(str(difference))
    if differences:
        raise Failed(f"Neu aufgebaut sind {len(differences)} Zeilen anders als bestehend.")
    done = "Geprüft, ohne Unterschied" if check else "Neu aufgebaut"
    note(f"{done}: {', '.join(names or NAMES)}.")
