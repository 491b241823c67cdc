"""``stundenpool audit export``."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import click

from application.findings import Findings
from application.log import Reader
from application.projections import pools
from interfaces.cli.commands import Failed
from interfaces.cli.progress import Progress, progress_bar
from interfaces.cli.stores import opened_store
from interfaces.exports.gobd import write_gobd
from interfaces.exports.ocel import write_ocel
from interfaces.settings import Settings, read_settings
from interfaces.targets import new_file, new_folder
from interfaces.thresholds import read_thresholds


class Order(NamedTuple):
    """What is to be exported, and where to."""

    settings: Settings
    reader: Reader
    pool: UUID
    target: Path
    dtd: bytes | None
    progress: Progress


def _gobd(order: Order) -> dict[str, int]:
    findings = Findings(read_thresholds(order.settings.findings))
    with new_folder(order.target) as folder:
        return write_gobd(order.reader, order.pool, folder, findings, order.settings.origin, order.dtd, order.progress)


def _ocel(order: Order) -> dict[str, int]:
    with new_file(order.target) as draft:
        return write_ocel(order.reader, order.pool, draft, order.progress)


FORMATS: Mapping[str, Callable[[Order], dict[str, int]]] = {"gobd": _gobd, "ocel": _ocel}


@click.command("export")
@click.option(
    "--format",
    "form",
    metavar="|".join(FORMATS),
    type=click.Choice(list(FORMATS)),
    required=True,
    help="gobd: Ordner mit Tabellen und index.xml für Prüfsoftware wie IDEA; ocel: Datei mit Ereignissen nach OCEL 2.0.",
)
@click.option("--pool", metavar="ID", type=click.UUID, required=True, help="Kennung des Stundenpools.")
@click.option(
    "--dtd",
    metavar="DATEI",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Die DTD des Beschreibungsstandards, die neben index.xml gelegt wird; nur mit gobd.",
)
@click.argument("target", metavar="ZIEL", type=click.Path(path_type=Path))
def export(form: str, pool: UUID, dtd: Path | None, target: Path) -> None:
    """Schreibt einen Stundenpool für Prüfprogramme, ohne personenbezogene Angaben.

    ZIEL ist bei gobd ein Ordner, den es noch nicht gibt oder der leer ist, und bei ocel eine Datei, die es noch nicht gibt.
    """
    if dtd is not None and form != "gobd":
        raise click.UsageError("--dtd gibt es nur mit --format gobd.")
    standard = None if dtd is None else _read_dtd(dtd)
    settings = read_settings()
    with opened_store(settings) as store, store.reading() as reader, progress_bar("Ereignisse") as progress:
        pools.must_exist(reader, pool)
        counts = FORMATS[form](Order(settings, reader, pool, target, standard, progress))
    for what, count in counts.items():
        click.echo(f"{count:>9}  {what}")


def _read_dtd(file: Path) -> bytes:
    content = file.read_bytes()
    if b"<!ELEMENT DataSet" not in content:
        raise Failed(f"„{file}“ ist nicht die DTD des Beschreibungsstandards.")
    return content
