"""``stundenpool audit findings``."""

from itertools import groupby
from uuid import UUID

import click
import msgspec

from application.findings import Findings, FindingsReport
from application.projections import pools
from domain.findings.finding import Finding
from domain.findings.rules import FAMILIES
from interfaces.cli.progress import progress_bar
from interfaces.cli.stores import opened_store
from interfaces.settings import read_settings
from interfaces.thresholds import read_thresholds


@click.command("findings")
@click.option("--pool", metavar="ID", type=click.UUID, help="Kennung eines Stundenpools; sonst alle.")
@click.option("--json", "as_json", is_flag=True, help="Als JSON, mit Regeln, Schwellen und Belegen.")
def findings(pool: UUID | None, as_json: bool) -> None:
    """Feststellungen: was die Regeln im Protokoll auffällig finden.

    Eine Feststellung ist kein Vorwurf, sondern ein Anlass hinzusehen. Die Zahlen in Klammern sind Positionen des Protokolls.
    """
    settings = read_settings()
    with opened_store(settings) as store, store.reading() as reader, progress_bar("Ereignisse") as progress:
        if pool is not None:
            pools.must_exist(reader, pool)
        report = Findings(read_thresholds(settings.findings)).report(reader, pool=pool, progress=progress)
    click.echo(msgspec.json.encode(report) if as_json else _readable(report))


def _readable(report: FindingsReport) -> str:
    """How often each rule found something, then every sentence with its positions."""
    wide = max(len(rule.title) for rule in report.rules)
    lines = [f"Feststellungen, Stand des Protokolls: Position {report.position}", ""]
    for family, rules in groupby(report.rules, key=lambda rule: rule.family):
        lines.append(f"{family:>2} {FAMILIES[family]}")
        lines += [f"   {rule.title.ljust(wide)}  {rule.findings:>6}" for rule in rules]
    for rule in report.rules:
        found = [each for each in report.findings if each.rule == rule.rule]
        if found:
            lines += ["", f"{rule.title} ({rule.rule}, Fassung {rule.version})", f"  Quelle: {rule.source}"]
            lines += [f"  {each.sentence} [{_positions(each)}]" for each in found]
    return "\n".join(lines)


def _positions(finding: Finding) -> str:
    return ", ".join(map(str, finding.positions))
