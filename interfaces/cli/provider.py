"""``stundenpool provider``: the registry of providers, their offers and workers."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import click
import msgspec

from application import commands
from application.log import Reader
from application.projections import providers
from application.receipts import Answer
from application.views import ProviderFile
from domain.registry import Registration, provider_id
from interfaces.cli.commands import Failed, note
from interfaces.cli.moments import Day
from interfaces.cli.stores import officer, reading, service, subject_option
from interfaces.http import bodies
from interfaces.http.judging import judged
from interfaces.http.problems import Problem

LISTED_AT_ONCE = 500

provider_argument = click.argument("provider", metavar="TRÄGER")
from_option = click.option("--from", "first", metavar="TAG", type=Day(), required=True, help="Erster Tag.")
until_option = click.option("--until", "last", metavar="TAG", type=Day(), help="Letzter Tag; sonst gilt es, bis es beendet wird.")


@click.group("provider")
def command() -> None:
    """Verzeichnis der Träger, ihrer Angebote und Fachkräfte.

    TRÄGER ist das Kürzel, unter dem ein Träger in Fällen und Anträgen steht. Was nicht eingetragen ist, wird angenommen und gezählt
    wie alles andere; wo anderes eingetragen ist, wird es zur Feststellung.
    """


@command.command("list")
@click.option("--on", "day", metavar="TAG", type=Day(), help="Nur was an diesem Tag gilt.")
@click.option("--json", "as_json", is_flag=True, help="Als JSON.")
def list_(day: date | None, as_json: bool) -> None:
    """Zeigt alle Träger mit ihren Angeboten und Fachkräften."""
    with reading() as reader:
        found = _files(reader, day)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for provider in found:
        click.echo(provider.provider)
        for what, registered in (("Name", provider.names), ("Angebot", provider.offers), ("Fachkraft", provider.workers)):
            for each in registered:
                click.echo(f"    {what} {each.name}, {_days(each)}")


@command.command("register")
@provider_argument
@click.option("--name", metavar="NAME", required=True, help="Wie der Träger heißt.")
@from_option
@until_option
@subject_option
def register(provider: str, name: str, first: date, last: date | None, subject: str | None) -> None:
    """Trägt einen Träger ein; noch einmal unter anderem Namen für Tage, an denen er nicht eingetragen ist."""
    stated = _judged(bodies.ProviderRegistration, provider=provider, name=name, valid_from=first, valid_until=last)
    _decide(partial(commands.register_provider, **stated), subject)
    note(f"Eingetragen: Träger {provider}.")


@command.command("offer")
@provider_argument
@click.argument("offer", metavar="ANGEBOT")
@from_option
@until_option
@subject_option
def offer(provider: str, offer: str, first: date, last: date | None, subject: str | None) -> None:
    """Trägt ein Angebot eines Trägers ein."""
    stated = _judged(bodies.OfferRegistration, offer=offer, valid_from=first, valid_until=last)
    _decide(partial(commands.register_offer, provider=provider_id(provider), **stated), subject)
    note(f"Eingetragen: Angebot {offer} des Trägers {provider}.")


@command.command("worker")
@provider_argument
@click.argument("worker", metavar="KENNUNG")
@from_option
@until_option
@subject_option
def worker(provider: str, worker: str, first: date, last: date | None, subject: str | None) -> None:
    """Trägt eine Fachkraft eines Trägers ein, unter der KENNUNG, die in Terminen steht; nie unter ihrem Namen."""
    stated = _judged(bodies.WorkerRegistration, worker=worker, valid_from=first, valid_until=last)
    _decide(partial(commands.register_worker, provider=provider_id(provider), **stated), subject)
    note(f"Eingetragen: Fachkraft {worker} des Trägers {provider}.")


@command.command("end")
@provider_argument
@click.option("--offer", metavar="ANGEBOT", help="Endet nur dieses Angebot; der Träger bleibt.")
@click.option("--worker", metavar="KENNUNG", help="Endet nur diese Fachkraft; der Träger bleibt.")
@click.option("--until", "last", metavar="TAG", type=Day(), required=True, help="Letzter Tag; vor dem ersten: nie gewesen.")
@subject_option
def end(provider: str, offer: str | None, worker: str | None, last: date, subject: str | None) -> None:
    """Beendet die letzte Eintragung. Ein Ende wird nur vorverlegt; Angebote und Fachkräfte eines Trägers behalten ihre Tage."""
    if offer is not None and worker is not None:
        raise click.UsageError("--offer und --worker schließen einander aus.")
    ending = partial(commands.end_provider, **_judged(bodies.RegistrationEnding, valid_until=last))
    if offer is not None:
        ending = partial(commands.end_offer, **_judged(bodies.OfferEnding, offer=offer, valid_until=last))
    if worker is not None:
        ending = partial(commands.end_worker, **_judged(bodies.WorkerEnding, worker=worker, valid_until=last))
    _decide(partial(ending, provider=provider_id(provider)), subject)
    note(f"Beendet mit dem {last:%d.%m.%Y}.")


def _judged(kind: type[bodies.Body], **stated: str | date | None) -> dict[str, Any]:
    """The same values are judged as over HTTP."""
    return judged({name: value and str(value) for name, value in stated.items()}, kind).arguments()


def _decide(decide: Callable[..., Answer], subject: str | None) -> None:
    with service() as opened:
        answer = opened.engine.execute(officer(subject), decide)
    if answer.outcome not in ("created", "done"):
        raise Failed(msgspec.json.decode(answer.body, type=Problem).detail)


def _files(reader: Reader, day: date | None) -> list[ProviderFile]:
    """Of each provider that has anything on the day, in the order of their names."""
    ids, after = set(), None
    while True:
        found, after = providers.list_providers(reader, after=after, limit=LISTED_AT_ONCE)
        ids |= {each.id for each in found}
        if after is None:
            break
    files = [providers.versioned_provider(reader, id, as_of=day).view for id in ids]
    return sorted((each for each in files if each.names or each.offers or each.workers), key=lambda each: each.provider)


def _days(registration: Registration) -> str:
    last = registration.valid_until
    return f"ab {registration.valid_from:%d.%m.%Y}" + (f" bis {last:%d.%m.%Y}" if last else "")
