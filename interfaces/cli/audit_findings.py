"""``stundenpool audit findings``."""

from datetime import date, datetime
from itertools import groupby
from uuid import UUID

import click
import msgspec

from application.findings import FindingItem, Findings, FindingsReport
from application.projections import pools
from domain.findings.rules import FAMILIES
from interfaces.cli.moments import Moment
from interfaces.cli.progress import progress_bar
from interfaces.cli.stores import known, opened_store
from interfaces.findings_csv import findings_csv, handling_of
from interfaces.settings import read_settings
from interfaces.thresholds import read_thresholds


@click.command("findings")
@click.option("--pool", metavar="ID", type=click.UUID, help="Kennung eines Stundenpools; sonst alle.")
@click.option("--known-at", metavar="ZEITPUNKT", type=Moment(), help="Wie es damals bekannt war; ein Tag zählt bis zu seinem Ende.")
@click.option("--json", "as_json", is_flag=True, help="Als JSON, mit Regeln, Schwellen und Belegen.")
@click.option("--csv", "as_csv", is_flag=True, help="Als CSV, eine Zeile je Feststellung.")
def findings(pool: UUID | None, known_at: datetime | date | None, as_json: bool, as_csv: bool) -> None:
    """Feststellungen: was die Regeln im Protokoll auffällig finden, und wie weit es bearbeitet ist.

    Eine Feststellung ist kein Vorwurf, sondern ein Anlass hinzusehen. Die Zahlen in Klammern sind Positionen des Protokolls.
    """
    if as_json and as_csv:
        raise click.UsageError("--json und --csv schließen einander aus.")
    settings = read_settings()
    with opened_store(settings) as store, store.reading() as reader:
        past = known(reader, known_at)
        if pool is not None:
            pools.must_exist(past, pool)
        with progress_bar("Ereignisse") as progress:
            report = Findings(read_thresholds(settings.findings)).report(past, pool=pool, progress=progress)
    if as_csv:
        click.echo(findings_csv(report), nl=False)
    else:
        click.echo(msgspec.json.encode(report) if as_json else _readable(report))


def _readable(report: FindingsReport) -> str:
    """How often each rule found something, then every sentence with its positions and its handling."""
    wide = max(len(rule.title) for rule in report.rules)
    lines = [f"Feststellungen, Stand des Protokolls: Position {report.position}", ""]
    for family, rules in groupby(report.rules, key=lambda rule: rule.family):
        lines.append(f"{family:>2} {FAMILIES[family]}")
        lines += [f"   {rule.title.ljust(wide)}  {rule.findings:>6}" for rule in rules]
    titles = {rule.rule: f"{rule.title} ({rule.rule}, Fassung {rule.version})" for rule in report.rules}
    for code in (*titles, *sorted({each.rule for each in report.findings if each.rule} - titles.keys()), None):
        found = [each for each in report.findings if each.rule == code]
        if found:
            lines += ["", titles.get(code or "", code or "Von Personen festgestellt")]
            lines += [f"  Quelle: {found[0].source}"] if found[0].source else []
            lines += [_line(each) for each in found]
    return "\n".join(lines)


def _line(finding: FindingItem) -> str:
    sentence = finding.sentence or f"Feststellung {str(finding.id)[:8]}."
    positions = f" [{', '.join(map(str, finding.positions))}]" if finding.positions else ""
    handling = f" – {handling_of(finding)}" if finding.state else ""
    return f"  {sentence}{positions}{handling}"
