"""``stundenpool audit``: what auditors ask of the log."""

from itertools import chain
from pathlib import Path

import click
import msgspec

from application.demonstration import clock_of
from application.proof import checkpoints, proofs
from application.proof.deviations import Deviation
from application.proof.verification import Verified, deviations_of
from interfaces.cli.audit_compare import command as compare
from interfaces.cli.audit_explain import command as explain
from interfaces.cli.audit_export import export
from interfaces.cli.audit_findings import findings
from interfaces.cli.audit_reads import command as reads
from interfaces.cli.audit_reanchor import command as reanchor
from interfaces.cli.audit_sample import sample
from interfaces.cli.audit_sheet import command as sheet
from interfaces.cli.audit_story import command as story
from interfaces.cli.commands import Failed, note
from interfaces.cli.issuing import deviating_stamps, hand_over, issued_now
from interfaces.cli.progress import progress_bar
from interfaces.cli.stores import opened_store, reading
from interfaces.handover.failing import NotHandedOver
from interfaces.handover.witness import Witness
from interfaces.settings import Settings, read_settings
from interfaces.storage.checkpoint_keys import CheckpointKeys

_FIELDS = {
    "position": "Position",
    "version": "Version",
    "leaf": "Blatt im Baum",
    "event": "Ereignis",
    "recorded_at": "Zeit der Aufzeichnung",
    "subtree": "Teilbaum",
    "checkpoint": "Prüfpunkt",
    "time_stamp": "Zeitstempel",
    "receipt": "Beleg",
    "read": "Einsicht",
    "decision": "Entscheidung",
    "cause": "Anlass",
    "actor": "Person",
}

_size = click.IntRange(min=1)


@click.group("audit")
def command() -> None:
    """Prüfung: Prüfpunkte, Beweise, Vollständigkeit des Protokolls, Feststellungen, Einsichten, Ausgaben."""


command.add_command(findings)
command.add_command(sheet)
command.add_command(reanchor)
command.add_command(explain)
command.add_command(compare)
command.add_command(story)
command.add_command(sample)
command.add_command(reads)
command.add_command(export)


@command.command("checkpoint")
@click.option("--issued", is_flag=True, help="Alle bisher ausgegebenen, mit je einer Leerzeile dahinter.")
def checkpoint(issued: bool) -> None:
    """Gibt Größe und Wurzel des Protokolls aus, unterschrieben. Wer das aufbewahrt, kann jede spätere Änderung beweisen."""
    settings = read_settings()
    if issued:
        with reading() as reader:
            for each in checkpoints.issued(reader):
                click.echo(each.note)
        return
    with opened_store(settings) as store:
        made = issued_now(settings, store, _keys(settings).signer())
    click.echo(made, nl=False)


@command.command("key")
@click.option("--replace", is_flag=True, help="Ab jetzt unterschreibt ein neuer Schlüssel; den Wechsel bezeugen beide.")
def key(replace: bool) -> None:
    """Zeigt die öffentlichen Schlüssel, mit denen Prüfpunkte zu prüfen sind, und ab welcher Größe des Protokolls sie gelten."""
    settings = read_settings()
    keys = _keys(settings)
    keys.signer()
    if replace:
        _replace(settings, keys)
    for known in keys.known():
        click.echo(f"{known.since} {known.verifier.vkey()}")


def _replace(settings: Settings, keys: CheckpointKeys) -> None:
    with opened_store(settings) as store:
        with store.turn() as turn:
            head = turn.head()
            signers = keys.replace(head.id if head else 0)
            checkpoints.issue(turn, signers, clock_of(turn)())
        hand_over(settings, store)
    note("Der Schlüssel ist gewechselt. Bitte den öffentlichen an alle geben, die Prüfpunkte aufbewahren.")


@command.group("proof")
def proof() -> None:
    """Beweise, die ohne dieses Programm zu prüfen sind, als JSON."""


@proof.command("inclusion")
@click.option("--position", metavar="POSITION", type=_size, required=True, help="Position des Ereignisses.")
@click.option("--size", metavar="GRÖSSE", type=_size, help="Größe des Protokolls; sonst die heutige.")
def inclusion(position: int, size: int | None) -> None:
    """Beweist, dass ein Ereignis an seiner Stelle im Protokoll steht."""
    with reading() as reader:
        click.echo(msgspec.json.encode(proofs.inclusion(reader, position, size)))


@proof.command("consistency")
@click.option("--from", "first", metavar="GRÖSSE", type=_size, required=True, help="Frühere Größe des Protokolls.")
@click.option("--to", "second", metavar="GRÖSSE", type=_size, help="Spätere Größe; sonst die heutige.")
def consistency(first: int, second: int | None) -> None:
    """Beweist, dass das Protokoll zwischen zwei Größen nur gewachsen ist."""
    with reading() as reader:
        click.echo(msgspec.json.encode(proofs.consistency(reader, first, second)))


class Report(msgspec.Struct, frozen=True):
    """What ``verify --json`` prints."""

    events: int
    root: bytes
    checkpoints: int
    decisions: int
    receipts: int
    deviations: list[Deviation]


@command.command("verify")
@click.option(
    "--checkpoint",
    "files",
    metavar="DATEI",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ein Prüfpunkt, der außerhalb aufbewahrt wurde; auch mehrmals.",
)
@click.option("--json", "as_json", is_flag=True, help="Das Ergebnis als JSON.")
def verify(files: tuple[Path, ...], as_json: bool) -> None:
    """Rechnet das ganze Protokoll nach: lückenlos, unverändert, so wie Baum, Prüfpunkte und Belege es sagen, und nach den Regeln.

    Jede Entscheidung wird aus dem Stand vor ihr noch einmal getroffen und mit dem verglichen, was aufgezeichnet ist.
    """
    settings, verified, found = read_settings(), Verified(), list[Deviation]()
    outside = [_read(file) for file in files] + _witnessed(settings)
    with opened_store(settings) as store, store.reading() as reader, progress_bar("Ereignisse") as progress:
        deviations = deviations_of(reader, _keys(settings).known(), outside, verified, progress)
        for deviation in chain(deviations, deviating_stamps(settings, reader)):
            found.append(deviation)
            if not as_json:
                click.echo(_line(deviation))
    if as_json:
        report = Report(verified.events, verified.root, verified.checkpoints, verified.decisions, verified.receipts, found)
        click.echo(msgspec.json.encode(report))
    if found:
        raise Failed(f"{len(found)} Abweichungen gefunden." if len(found) > 1 else "Eine Abweichung gefunden.")
    if not as_json:
        click.echo(
            f"In Ordnung: {verified.events} Ereignisse, lückenlos und unverändert; Wurzel {verified.root.hex()}; "
            f"übereinstimmende Prüfpunkte: {verified.checkpoints}; {verified.decisions} Entscheidungen nach den Regeln noch einmal "
            f"getroffen, {verified.receipts} davon mit Beleg."
        )


def _line(deviation: Deviation) -> str:
    place = [f"Position {deviation.position}"] if deviation.position is not None else []
    place += [f"Strom {deviation.stream}"] if deviation.stream is not None else []
    place.append(_FIELDS.get(deviation.field, f"Feld „{deviation.field}“"))
    return f"{', '.join(place)}: erwartet {deviation.expected}, gefunden {deviation.found}"


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise Failed(f"„{file}“ ist kein Text in UTF-8.") from error


def _witnessed(settings: Settings) -> list[str]:
    """The notes that the witness has."""
    try:
        return list(Witness(Path(settings.witness)).notes().values()) if settings.witness else []
    except NotHandedOver as failure:
        raise Failed(str(failure)) from failure


def _keys(settings: Settings) -> CheckpointKeys:
    return CheckpointKeys(settings.signing_folder, settings.origin)
