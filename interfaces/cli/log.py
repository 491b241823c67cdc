"""``stundenpool log``."""

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from types import FrameType

import click

from application.log import Reader, Store, read_event
from application.projections.audit_trail import trail
from interfaces.cli.stores import opened_store
from interfaces.cloudevents import encoded
from interfaces.settings import read_settings

BATCH_EVENTS = 500
PAUSE_SECONDS = 0.2  # between two looks whether anybody reads on; an append is noticed at once, on SQLite as soon as one looks

Lines = Callable[[Reader, int], list[tuple[int, str]]]


@click.group("log")
def command() -> None:
    """Ereignisprotokoll."""


@command.command("tail")
@click.option("--after", metavar="POSITION", type=click.IntRange(min=0), default=0, help="Erst ab dem Ereignis danach.")
@click.option("--json", "as_json", is_flag=True, help="Jedes Ereignis als CloudEvent, ein JSON-Objekt in einer Zeile.")
def tail(after: int, as_json: bool) -> None:
    """Zeigt die Ereignisse und folgt dem Protokoll, bis es beendet wird. Personenbezogene Texte bleiben versiegelt."""
    with opened_store(read_settings()) as store, _until_ended():
        _follow(store, after, _cloud_events if as_json else _readable)


def _follow(store: Store, after: int, lines_of: Lines) -> None:
    with closing(store.appends()) as appends:
        while True:
            with store.reading() as reader:
                lines = lines_of(reader, after)
            for position, line in lines:
                click.echo(line)
                after = position
            sys.stdout.flush()
            if _output_closed():
                return
            if len(lines) < BATCH_EVENTS:
                appends.wait(PAUSE_SECONDS)


def _cloud_events(reader: Reader, after: int) -> list[tuple[int, str]]:
    """As the API lists them; reading each refuses damage."""
    return [(row.id, encoded(read_event(row)).decode()) for row in reader.notifications(after, BATCH_EVENTS)]


def _readable(reader: Reader, after: int) -> list[tuple[int, str]]:
    """A line for people, like those of the audit trail, without reasons."""
    entries, _ = trail(reader, provider=None, after=str(after), limit=BATCH_EVENTS)
    return [(entry.position, f"{entry.position:>6}  {entry.line}") for entry in entries]


def _output_closed() -> bool:
    """Whether nobody reads on. A closed pipe is noticed soon, not at the next event."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors and hang-ups are always reported
    return bool(poll.poll(0))


@contextmanager
def _until_ended() -> Iterator[None]:
    """Being ended is how this command finishes: Ctrl-C, SIGTERM and a reader that went away are no failures."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        with suppress(KeyboardInterrupt):
            yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python still flushes when it ends
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
