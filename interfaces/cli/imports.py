"""``stundenpool import``."""

import csv
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import msgspec

from application.imports import FileKind, MissingColumns, Reject, Report, import_file
from application.written import Cell, Table
from interfaces.cli.commands import Failed, note
from interfaces.cli.progress import progress_bar
from interfaces.cli.stores import officer, service, subject_option
from interfaces.spreadsheets import UnreadableFile, read_table

SHOWN_MAX = 20


@click.group("import")
def command() -> None:
    """Übernimmt Tabellen (CSV oder XLSX) in einen Stundenpool; ein zweiter Lauf fügt nichts hinzu."""


def _options(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        subject_option,
        click.option("--json", "as_json", is_flag=True, help="Zählung als JSON auf stdout."),
        click.option(
            "--rejects",
            metavar="DATEI",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Gute Schritte übernehmen, abgelehnte hierhin schreiben; ohne dies ganz oder gar nicht.",
        ),
        click.option("--dry-run", is_flag=True, help="Nur sagen, was geschähe."),
        click.option("--pool", required=True, metavar="POOL", type=click.UUID, help="Kennung des Stundenpools."),
        click.argument("file", metavar="DATEI", type=click.Path(path_type=Path)),
    ):
        function = option(function)
    return function


@command.command("requests")
@_options
def requests(**options: Any) -> None:
    """Stundenanträge mit ihren Entscheidungen.

    \b
    Spalten: request_id, case_ref, provider, district, requested_at,
    requested_by, requested_minutes, decision, decided_at, decided_by,
    granted_minutes; dazu möglich: service_area, concern, purpose, reason.
    """
    _import("requests", **options)


@command.command("sessions")
@_options
def sessions(**options: Any) -> None:
    """Termine zu übernommenen Anträgen.

    \b
    Spalten: session_id, request_id, worker, starts_at, minutes, kind;
    dazu möglich: note.
    """
    _import("sessions", **options)


def _import(
    kind: FileKind, *, file: Path, pool: UUID, dry_run: bool, rejects: Path | None, as_json: bool, subject: str | None
) -> None:
    table = _table(file)
    with _rejects_file(rejects, table) as write_rejects:
        with service() as opened, progress_bar("Schritte") as progress:
            try:
                report = import_file(
                    opened.engine,
                    officer(subject),
                    pool,
                    kind,
                    table,
                    good_steps_alone=rejects is not None,
                    dry_run=dry_run,
                    progress=progress,
                )
            except MissingColumns as missing:
                raise Failed(f"{file}: {missing}") from missing
        write_rejects(report.rejects)
    _tell(report, nothing_recorded=bool(report.rejects) and rejects is None, dry_run=dry_run, as_json=as_json)


def _table(file: Path) -> Table:
    try:
        return read_table(file)
    except UnreadableFile as unreadable:
        raise Failed(f"{file}, {unreadable}") from unreadable


def _tell(report: Report, *, nothing_recorded: bool, dry_run: bool, as_json: bool) -> None:
    recorded = 0 if nothing_recorded else report.recorded
    counts = {"read": report.read, "recorded": recorded, "refused": len(report.rejects), "already_there": report.already_there}
    if nothing_recorded:
        _show(report.rejects)
    trial = "Probelauf, nichts aufgezeichnet. " if dry_run else ""
    refused, known = counts["refused"], counts["already_there"]
    note(f"{trial}Schritte: {report.read} gelesen, {recorded} übernommen, {refused} abgelehnt, {known} schon da.")
    if as_json:
        click.echo(msgspec.json.encode(counts))
    if nothing_recorded:
        raise Failed("Nichts übernommen, weil Schritte abgelehnt werden; --rejects DATEI übernimmt die übrigen.")


def _show(rejects: tuple[Reject, ...]) -> None:
    for reject in rejects[:SHOWN_MAX]:
        note(f"Zeile {reject.line}, {reject.step}: {reject.message} ({reject.code})")
    if len(rejects) > SHOWN_MAX:
        note(f"… und {len(rejects) - SHOWN_MAX} weitere.")


# ── The rejects file


@contextmanager
def _rejects_file(path: Path | None, table: Table) -> Iterator[Callable[[tuple[Reject, ...]], None]]:
    """Takes the refused steps to a file, whole or not at all. That it can be written is known before the first step is decided."""
    if path is None:
        yield lambda rejects: None
        return
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise Failed(f"„{path}“ lässt sich nicht schreiben ({error.strerror}).") from error
    try:
        with open(handle, "wb") as file:

            def write(rejects: tuple[Reject, ...]) -> None:
                file.write(_as_csv(rejects, table).encode())
                file.flush()
                os.fsync(file.fileno())
                os.replace(draft, path)

            yield write
    finally:
        Path(draft).unlink(missing_ok=True)


def _as_csv(rejects: tuple[Reject, ...], table: Table) -> str:
    rows = {row.line: row for row in table.rows}
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["line", "step", "code", "message", *table.columns])
    for reject in rejects:
        row = rows[reject.line]
        cells = (*(row.cells[column] for column in table.columns), *row.beyond)
        writer.writerow([reject.line, reject.step, reject.code, reject.message, *map(_cell, cells)])
    return text.getvalue()


def _cell(cell: Cell) -> Any:
    return "" if cell is None else cell
