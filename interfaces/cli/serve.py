"""``stundenpool serve``."""

import socket

import click

from application.collecting import uncollected
from interfaces.cli.commands import Failed, note
from interfaces.cli.stores import opened_store
from interfaces.settings import WORKERS_MAX, Settings, read_settings


@click.command("serve")
@click.option(
    "--workers", metavar="ZAHL", type=click.IntRange(1, WORKERS_MAX), help="So viele Prozesse antworten; sonst STUNDENPOOL_WORKERS."
)
def command(workers: int | None) -> None:
    """Startet den Dienst: Programmierschnittstelle und Webseiten, bis er beendet wird."""
    settings = read_settings() if workers is None else read_settings(workers=workers)
    _demand_free_port(settings)
    _warn_of_rights(settings)
    with uncollected():  # a fifth faster
        from interfaces.http.server import serve  # the web framework, which nothing but this command needs

    serve(settings)


def _demand_free_port(settings: Settings) -> None:
    """The server would end with a status of its own, after having set everything up."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        raise Failed(f"An {settings.host}, Port {settings.port} kann der Dienst nicht lauschen ({error.strerror}).") from error


def _warn_of_rights(settings: Settings) -> None:
    if not settings.database_url.startswith("postgresql:"):
        return
    from interfaces.storage.append_only import excess_rights  # the driver, which SQLite never needs

    with opened_store(settings) as store, store.reading() as reader:
        rights = excess_rights(reader)
    if rights:
        note(f"Warnung: Der Zugang des Dienstes darf mehr, als er braucht ({'; '.join(rights)}).")
