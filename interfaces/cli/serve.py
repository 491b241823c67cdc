"""``stundenpool serve``."""

import click

from interfaces.settings import read_settings


@click.command("serve")
def command() -> None:
    """Startet den Dienst: Programmierschnittstelle und Webseiten, bis er beendet wird."""
    settings = read_settings()
    from interfaces.http.server import serve  # the web framework, which nothing but this command needs

    serve(settings)
