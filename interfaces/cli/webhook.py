"""``stundenpool webhook``."""

import getpass
from contextlib import closing
from datetime import datetime
from uuid import UUID

import click
import msgspec

from application.catalogue import BY_NAME
from application.privacy import Keyring
from domain.quantities import BERLIN
from interfaces.cli.commands import note
from interfaces.cli.stores import opened_store, reading, subject_option
from interfaces.settings import read_settings
from interfaces.storage.keystore import open_keystore_of
from interfaces.webhooks import subscriptions
from interfaces.webhooks.subscriptions import WebhookView


@click.group("webhook")
def command() -> None:
    """Zustellung der Ereignisse an andere Systeme."""


@command.command("add")
@click.argument("url", metavar="URL")
@click.option(
    "--type",
    "types",
    metavar="TYP",
    type=click.Choice(sorted(BY_NAME)),
    multiple=True,
    help="Nur solche Ereignisse; mehrfach möglich.",
)
@click.option("--pool", metavar="POOL", type=click.UUID, help="Nur Ereignisse dieses Stundenpools.")
@click.option("--after", metavar="POSITION", type=click.IntRange(min=0), help="Ab dem Ereignis danach; sonst von jetzt an.")
@subject_option
def add(url: str, types: tuple[str, ...], pool: UUID | None, after: int | None, subject: str | None) -> None:
    """Meldet einen Webhook an und gibt zwei Zeilen aus: seine Kennung und sein Geheimnis, das nur jetzt gezeigt wird.

    Zugestellt wird, sobald ihn die Sachbearbeitung freigegeben hat.
    """
    settings = read_settings()
    by = subject or getpass.getuser()
    with opened_store(settings) as store, closing(open_keystore_of(store, settings.keystore, settings.master_key)) as keys:
        with store.turn() as turn:
            made = subscriptions.register(turn, by, url=url, types=types or None, pool=pool, after=after)
            told = subscriptions.with_secret(Keyring(keys), made)
        click.echo(f"{told.id}\n{told.secret}")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Als JSON.")
def list_(as_json: bool) -> None:
    """Zeigt alle Webhooks und ihren Rückstand."""
    with reading() as reader:
        found = subscriptions.views(reader)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for webhook in found:
        click.echo(f"{webhook.id}  {webhook.url}\n    {_state(webhook)}")


@command.command("remove")
@click.argument("id", metavar="KENNUNG", type=click.UUID)
def remove(id: UUID) -> None:
    """Meldet einen Webhook ab."""
    with opened_store(read_settings()) as store, store.turn() as turn:
        removed = subscriptions.remove(turn, id)
    note(f"Abgemeldet; zugestellt war bis Position {removed.position}.")


@command.command("resume")
@click.argument("id", metavar="KENNUNG", type=click.UUID)
def resume(id: UUID) -> None:
    """Setzt einen angehaltenen Webhook fort; bei jedem anderen endet die Pause, die er gerade macht."""
    with opened_store(read_settings()) as store, store.turn() as turn:
        resumed = subscriptions.resume(turn, id)
    note(f"Fortgesetzt hinter Position {resumed.position}.")


def _state(webhook: WebhookView) -> str:
    said = [f"bis Position {webhook.position} zugestellt, {webhook.behind} dahinter"]
    if webhook.failing_since is not None:
        said.append(f"gescheitert seit {_moment(webhook.failing_since)} ({webhook.attempts}-mal, zuletzt: {webhook.last_error})")
    if webhook.paused == "unreleased":
        said.append("noch nicht freigegeben")
    elif webhook.paused is not None:
        said.append("angehalten")
    elif webhook.next_attempt is not None:
        said.append(f"nächster Versuch {_moment(webhook.next_attempt)}")
    return ", ".join(said)


def _moment(instant: datetime) -> str:
    return f"{instant.astimezone(BERLIN):%d.%m.%Y, %H:%M:%S}"
