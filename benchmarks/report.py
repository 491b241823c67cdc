"""The table that people read, the marks, and what is kept: the last run of each kind as JSON, and of all what the marks reached."""

import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from benchmarks.measuring import Figure, Unit
from benchmarks.places import Kind, Places
from benchmarks.sizes import Sizes

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
HISTORY = HERE / "history.json"
README = HERE / "README.md"
LIBRARIES = ("eventsourcing", "psycopg", "msgspec", "fastapi", "pydantic", "starlette", "uvicorn", "uvloop", "cryptography")


class Run(msgspec.Struct, kw_only=True):
    """Where, when and with what was measured. Loads are those of the last minute, before and after.

    ``failed`` names the benchmarks of which there are no figures, since they ended with an error.
    """

    taken: datetime
    revision: str
    machine: dict[str, str]
    versions: dict[str, str]
    load_before: float
    load_after: float
    seconds: float
    sizes: dict[str, Any]
    failed: list[str] = []


@dataclass(frozen=True, slots=True)
class Mark:
    """What one side must reach beside another; without another side, an upper bound of the figure in its unit, or of its p99.

    What is done a second needs no other side either: there the bound is a lower one (``at_least``).
    """

    name: str
    benchmark: str
    case: str
    beside: str | None
    wanted: float
    store: Kind = "postgres"
    of_p99: bool = False
    at_least: bool = False

    @property
    def more_is_better(self) -> bool:
        return self.beside is not None or self.at_least


@dataclass(frozen=True, slots=True)
class Outcome:
    mark: Mark
    reached: float

    @property
    def met(self) -> bool:
        return self.reached >= self.mark.wanted if self.mark.more_is_better else self.reached <= self.mark.wanted


def marks(sizes: Sizes) -> list[Mark]:
    """What the project set itself: on PostgreSQL, unless it says otherwise."""
    hot, most = f"{sizes.hot_callers} callers", f"{max(sizes.callers)} callers"
    append = f"{max(sizes.callers)} events a turn"
    followed = f"{sizes.followers} followers, full load"
    session, balance = "HTTP, session", "HTTP, balance"
    return [
        Mark("commands, 1 caller, beside stock save", "commands", "1 callers", "stock", 1),
        Mark("commands, 32 callers, beside stock save", "commands", "32 callers", "stock", 12),
        Mark(f"commands, {most}, beside stock save", "commands", most, "stock", 30),
        Mark(f"commands, {most}, p99 in ms", "commands", most, None, 15, of_p99=True),
        Mark(f"commands, {most}, beside stock save, on SQLite", "commands", most, "stock", 8, "sqlite"),
        Mark("bare append, beside stock save", "bare append", append, "stock", 70),
        Mark("bare append, beside commits of single rows", "bare append", append, "limit", 3),
        Mark(f"hot pool, {hot}, beside stock uncached", "hot pool", hot, "stock", 300),
        Mark(f"hot pool, {hot}, beside stock cached", "hot pool", hot, "stock, cached", 50),
        Mark(f"hot pool, {hot}, p99 in ms", "hot pool", hot, None, 20, of_p99=True),
        Mark("HTTP, 32 clients, beside stock behind FastAPI", session, "32 clients", "stock", 15),
        Mark("HTTP, 128 clients, beside stock behind FastAPI", session, "128 clients", "stock", 15),
        Mark("HTTP, 32 clients, beside a route that only validates", session, "32 clients", "validates only", 0.85),
        Mark("HTTP, 32 clients, p99 in ms", session, "32 clients", None, 15, of_p99=True),
        Mark("balances over HTTP, 32 clients, beside a route that only validates", balance, "32 clients", "validates only", 0.9),
        Mark(f"writes with {sizes.followers} followers, beside none", "followed", followed, "not followed", 0.8),
        Mark("rebuild of all projections, beside the stock runner", "rebuild", "all projections", "stock", 300),
        Mark("rebuild of balances and bookings, beside the stock runner", "rebuild", "balances and bookings", "stock", 300),
        Mark("rebuild of all projections, beside reading the table", "rebuild", "all projections", "limit", 0.25),
        Mark("rebuild of balances and bookings, beside reading the table", "rebuild", "balances and bookings", "limit", 0.45),
        Mark("replay to an instant, beside a rebuild of all projections", "replay", f"{sizes.log_events:,} events", "rebuild", 1),
        Mark("sessions over HTTP, beside the same without protection", "protection", "sessions, 32 clients", "unprotected", 0.85),
        Mark("balances over HTTP, beside the same without protection", "protection", "balances, 32 clients", "unprotected", 0.85),
        Mark("texts over HTTP, beside the same without protection", "protection", "texts, 32 clients", "unprotected", 0.85),
        Mark("two processes, beside one", "two processes", f"{sizes.process_callers} callers", "one process", 1),
        Mark("start-up to /readyz, seconds", "start-up", f"{sizes.log_events:,} events", None, 2),
    ]


def large_marks(sizes: Sizes, events: int) -> list[Mark]:
    """What must hold on a log of that many events, on PostgreSQL."""
    log, short = f"{events:,} events", f"ours, {sizes.short_log_events:,} events"
    return [
        Mark(f"rebuild of all projections beside reading the table, {log}", "rebuild", f"all projections, {log}", "limit", 0.25),
        Mark(
            f"rebuild of balances and bookings beside reading the table, {log}",
            "rebuild",
            f"balances and bookings, {log}",
            "limit",
            0.45,
        ),
        Mark(f"replay to an instant beside a rebuild of all projections, {log}", "replay", log, "rebuild", 1),
        Mark(f"rebuild, peak in MB, {log}", "memory", f"rebuild of {log}, peak", None, 100),
        Mark(f"findings beside a rebuild of all projections, {log}", "findings", log, "rebuild", 0.2),
        Mark(f"audit verify, events a second, {log}", "audit verify", log, None, 50_000, at_least=True),
        Mark(f"inclusion proof in ms, {log}", "inclusion proof", log, None, 5),
        Mark(f"approval on a log of {log}, beside a short one", "growth", f"log of {log}", "ours, small", 0.9),
        Mark(f"balance on a log of {log}, beside a short one", "balance", f"now, {log}", short, 0.9),
        Mark(f"balance in both times on a log of {log}, beside a short one", "balance", f"as_of and known_at, {log}", short, 0.9),
    ]


def growth_marks(sizes: Sizes) -> list[Mark]:
    """What must not become slower as a pool and a booking grow, on PostgreSQL."""
    pool, booking = f"pool of {sizes.many_approvals:,} approvals", f"booking of {sizes.many_sessions:,} sessions"
    return [
        Mark(f"approval in a {pool}, beside one of few", "growth", pool, "ours, small", 0.9),
        Mark(f"session on a {booking}, beside one of few", "growth", booking, "ours, small", 0.9),
    ]


def outcomes(figures: Sequence[Figure], marks: Iterable[Mark]) -> list[Outcome]:
    """How far the marks were reached, as far as they were measured."""
    found = {(f.store, f.benchmark, f.case, f.side): f for f in figures}
    reached = []
    for mark in marks:
        place = mark.store, mark.benchmark, mark.case
        ours = found.get((*place, "ours"))
        if ours is not None:
            reached.append(Outcome(mark, _reached(mark, ours, found[*place, mark.beside] if mark.beside else None)))
    return reached


def _reached(mark: Mark, ours: Figure, other: Figure | None) -> float:
    if other is not None:
        return ours.times_better_than(other)[0]
    return ours.latency("p99_ms") or 0.0 if mark.of_p99 else ours.median


# ── Where and when it was


def begin(sizes: Sizes) -> Callable[[Places, Sequence[str]], Run]:
    """Looks at clock and load; what it gives is called at the end, with what failed, and says of the whole run."""
    began, load_before = perf_counter(), _load()

    def end(places: Places, failed: Sequence[str]) -> Run:
        return Run(
            taken=datetime.now(UTC).replace(microsecond=0),
            revision=_revision(),
            machine=_machine(places),
            versions=_versions(),
            load_before=load_before,
            load_after=_load(),
            seconds=perf_counter() - began,
            sizes=asdict(sizes),
            failed=list(failed),
        )

    return end


def _machine(places: Places) -> dict[str, str]:
    """What the figures depend on beside the code."""
    processor = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    memory = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    [(postgres,)] = places.cluster.run("SHOW server_version")
    return {
        "processor": processor,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / 1024 / 1024:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "postgres": postgres,
    }


def _versions() -> dict[str, str]:
    import sqlite3

    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in LIBRARIES},
    }


def _revision() -> str:
    """The commit that was measured, and whether something was changed since."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _load() -> float:
    return os.getloadavg()[0]


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


# ── What people read


def table(figures: Iterable[Figure]) -> str:
    """All figures in Markdown, one table for each benchmark: ours, and how many times better it is than each other side."""
    by_benchmark: dict[str, list[Figure]] = {}
    for figure in figures:
        by_benchmark.setdefault(figure.benchmark, []).append(figure)
    return "\n".join(line for benchmark, found in by_benchmark.items() for line in _section(benchmark, found))


def _section(benchmark: str, figures: list[Figure]) -> Iterator[str]:
    others = list(dict.fromkeys(figure.side for figure in figures if figure.side != "ours"))
    timed = any(figure.rounds[0].p99_ms is not None for figure in figures) and figures[0].unit == "/s"
    yield f"### {benchmark}\n"
    head = ["store", "case", "ours", *(["p50", "p99"] if timed else [])]
    for other in others:
        head += [other, *(["p99"] if timed else []), "times"]
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join([' --- ', ' --- ', *[' ---: '] * (len(head) - 2)])}|"
    for (store, case), group in groupby(figures, key=lambda figure: (figure.store, figure.case)):
        sides = {figure.side: figure for figure in group}
        ours = sides["ours"]
        cells = [store, case, _amount(ours), *([_ms(ours.latency("p50_ms")), _ms(ours.latency("p99_ms"))] if timed else [])]
        for other in others:
            cells += _beside(ours, sides.get(other), timed)
        yield f"| {' | '.join(cells)} |"
    yield ""


def _beside(ours: Figure, other: Figure | None, timed: bool) -> list[str]:
    if other is None:
        return ["", *([""] if timed else []), ""]
    ratio, least, greatest = ours.times_better_than(other)
    return [
        _amount(other),
        *([_ms(other.latency("p99_ms"))] if timed else []),
        f"{_ratio(ratio)} ({_ratio(least)}–{_ratio(greatest)})",
    ]


def marks_table(reached: Iterable[Outcome]) -> str:
    lines = ["| mark | wanted | reached | met |", "| --- | ---: | ---: | --- |"]
    for outcome in reached:
        sign = "≥" if outcome.mark.more_is_better else "<"
        met = "yes" if outcome.met else "no"
        lines.append(f"| {outcome.mark.name} | {sign} {outcome.mark.wanted:g} | {_ratio(outcome.reached)} | {met} |")
    return "\n".join(lines)


def _amount(figure: Figure) -> str:
    least, greatest = figure.spread
    between = f" ({_number(least, figure.unit)}–{_number(greatest, figure.unit)})" if len(figure.rounds) > 1 else ""
    unit = figure.unit if figure.unit == "/s" else f" {figure.unit}"
    return f"{_number(figure.median, figure.unit)}{unit}{between}"


def _number(value: float, unit: Unit) -> str:
    return f"{value:,.0f}" if value >= 100 or unit == "MB" else f"{value:.3g}"


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


# ── What is kept


def keep(run: Run, figures: Sequence[Figure], reached: Sequence[Outcome]) -> None:
    """Writes the results, adds a line to the history, and brings the README up to date."""
    _write(RESULTS, _document(run, figures, reached))
    history = msgspec.json.decode(HISTORY.read_bytes()) if HISTORY.exists() else []
    history.append({**_kept_run(run), "reached": {outcome.mark.name: round(outcome.reached, 2) for outcome in reached}})
    _write(HISTORY, history)
    text = _between(README.read_text(), "results", _results(run, figures, reached))
    README.write_text(_between(text, "history", _history_table(history)))


def keep_large(events: int, run: Run, figures: Sequence[Figure], reached: Sequence[Outcome]) -> None:
    """Writes what was measured on a log of that many events, and brings its part of the README up to date."""
    _write(HERE / f"large-{events}.json", _document(run, figures, reached))
    README.write_text(_between(README.read_text(), f"large {events}", _results(run, figures, reached)))


def _write(path: Path, document: Any) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _document(run: Run, figures: Sequence[Figure], reached: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "run": run,
        "marks": [_kept_mark(outcome) for outcome in reached],
        "figures": [_kept_figure(figure) for figure in figures],
        "ratios": list(_kept_ratios(figures)),
    }


def _results(run: Run, figures: Sequence[Figure], reached: Sequence[Outcome]) -> str:
    return f"{_about(run)}\n\n{marks_table(reached)}\n\n{table(figures)}"


def _kept_run(run: Run) -> dict[str, Any]:
    return {"taken": run.taken, "revision": run.revision, "cores": run.machine["cores"], "load_before": round(run.load_before, 2)}


def _kept_mark(outcome: Outcome) -> dict[str, Any]:
    return {"mark": outcome.mark.name, "wanted": outcome.mark.wanted, "reached": outcome.reached, "met": outcome.met}


def _kept_figure(figure: Figure) -> dict[str, Any]:
    least, greatest = figure.spread
    return {
        "benchmark": figure.benchmark,
        "store": figure.store,
        "case": figure.case,
        "side": figure.side,
        "unit": figure.unit,
        "median": figure.median,
        "least": least,
        "greatest": greatest,
        "p50_ms": figure.latency("p50_ms"),
        "p99_ms": figure.latency("p99_ms"),
        "rounds": figure.values,
    }


def _kept_ratios(figures: Sequence[Figure]) -> Iterator[dict[str, Any]]:
    ours = {(f.benchmark, f.store, f.case): f for f in figures if f.side == "ours"}
    for other in figures:
        if other.side != "ours":
            ratio, least, greatest = ours[other.benchmark, other.store, other.case].times_better_than(other)
            place = {"benchmark": other.benchmark, "store": other.store, "case": other.case, "beside": other.side}
            yield {**place, "times": ratio, "least": least, "greatest": greatest}


def _about(run: Run) -> str:
    where = ", ".join([f"{run.machine['cores']} cores ({run.machine['processor']})", run.machine["memory"], run.machine["system"]])
    what = f"Python {run.versions['python']}, PostgreSQL {run.machine['postgres']}, SQLite {run.versions['sqlite']}, " + (
        f"eventsourcing {run.versions['eventsourcing']}"
    )
    failed = f" No figures, as they ended with an error: {', '.join(run.failed)}." if run.failed else ""
    return (
        f"Taken {run.taken:%Y-%m-%d %H:%M} UTC at {run.revision} on {where}; {what}. Load of the machine in the minute before: "
        f"{run.load_before:.1f}. {run.sizes['rounds']} rounds, {run.seconds / 60:.0f} minutes in all.{failed}"
    )


def _history_table(history: Sequence[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for entry in history for name in entry["reached"]))
    lines = [f"| taken | revision | load | {' | '.join(names)} |", f"| --- | --- | ---: |{' ---: |' * len(names)}"]
    for entry in history:
        reached = [_ratio(entry["reached"][name]) if name in entry["reached"] else "" for name in names]
        lines.append(f"| {str(entry['taken'])[:10]} | {entry['revision']} | {entry['load_before']} | {' | '.join(reached)} |")
    return "\n".join(lines)


def _between(text: str, name: str, content: str) -> str:
    """The text with what stands between two comments of that name replaced."""
    begin, end = f"<!-- {name}: written by the benchmarks -->\n", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the README has no place for {name}")
    return f"{before}{begin}\n{content.strip()}\n\n{end}{after}"
