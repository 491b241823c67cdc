"""What one cluster carries, and over how many of them all youth offices would be spread: ``python -m benchmarks.scale``.

Service times come from the last run of the benchmarks (results.json); what the offices do is assumed, and said here. The tables of
docs/scale.md are these functions' (``make docs``).
"""

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from math import ceil
from pathlib import Path
from random import Random

import msgspec

from benchmarks.measuring import percentile
from benchmarks.simulated import Cluster, Kind, Outcome, Request, Times
from interfaces.storage import _READERS_MORE, _READERS_READY

RESULTS = Path(__file__).parent / "results.json"
SEED = 1

# ── What the offices do: assumptions

OFFICES = 575  # Jugendämter in Germany
POOLS_AN_OFFICE = 5
SESSIONS_A_YEAR = 30_000_000  # of all offices
WEEKS_A_YEAR = 46  # holidays left out
SPREAD = 1.0  # of the sizes of offices, a normal distribution of their logarithms: the largest is some fifteen times the median
COMMANDS_A_SESSION = 2  # logged, and confirmed, corrected, requested or decided
READS_A_COMMAND = 5  # lists and balances on the way to it
PROGRAMS = 0.2  # the share of sessions that a provider's own program sends, a month's at once
SESSIONS_OF_A_PROGRAM = 60
SESSIONS_OF_A_PERSON = 6  # logged late, one after the other
PAUSE_SECONDS = 20.0  # of a person between two of them

DAYS = (0.32, 0.20, 0.18, 0.16, 0.12, 0.01, 0.01)  # the share of each day of the week, Monday first
HOURS = {7: 0.05, 8: 0.15, 9: 0.20, 10: 0.14, 11: 0.10, 12: 0.05, 13: 0.07, 14: 0.08, 15: 0.07, 16: 0.05, 20: 0.02, 21: 0.02}

# ── How it is run: assumptions too

PROCESSES = 2  # of the service for each log, on two machines
NETWORK_SECONDS = 0.001  # to the standby and back
CONNECTIONS = 500  # that one PostgreSQL serves
PATIENCE_SECONDS = 0.5  # which 99 of 100 commands of people are not to exceed
REQUESTS_MAX = 10_000  # in one simulation: fewer seconds of a larger cluster


@dataclass(frozen=True, slots=True)
class Moment:
    """An hour of the week."""

    name: str
    day: int
    hour: int

    @property
    def share(self) -> float:
        """Of the work of a week."""
        return DAYS[self.day] * HOURS.get(self.hour, 0.0)


PEAK = Moment("Monday, 9 to 10", 0, 9)
MOMENTS = (PEAK, Moment("Monday, 14 to 15", 0, 14), Moment("Thursday, 10 to 11", 3, 10))

# ── What was measured


class _Figure(msgspec.Struct):
    benchmark: str
    store: str
    case: str
    side: str
    median: float
    p50_ms: float | None


class _Run(msgspec.Struct):
    taken: str
    revision: str
    machine: dict[str, str]


class _Results(msgspec.Struct):
    run: _Run
    figures: list[_Figure]


@cache
def _results() -> _Results:
    return msgspec.json.decode(RESULTS.read_bytes(), type=_Results)


def _figure(benchmark: str, case: str, side: str = "ours") -> _Figure:
    return next(f for f in _results().figures if (f.benchmark, f.store, f.case, f.side) == (benchmark, "postgres", case, side))


LOADED = [("commands", 32), ("commands", 128), ("HTTP, session", 32), ("HTTP, session", 128)]


def measured_rate(benchmark: str, callers: int) -> float:
    """Sessions a second, as so many callers logged them."""
    return _figure(benchmark, f"{callers} {'clients' if benchmark.startswith('HTTP') else 'callers'}").median


def times() -> Times:
    """The service times. A command counts as much as in the slowest of the measurements under load, all around it included."""
    command = 1 / min(measured_rate(benchmark, callers) for benchmark, callers in LOADED)
    alone, commit = _figure("commands", "1 callers").p50_ms, _figure("commands", "1 callers", "limit").p50_ms
    assert alone is not None
    assert commit is not None
    return Times(
        turn=max(0.0, (alone - commit) / 1000 - command),
        command=command,
        foreign=1 / _figure("rebuild", "all projections").median,
        read=1 / min(_figure("HTTP, balance", case).median for case in ("32 clients", "128 clients")),
        flush=commit / 1000,
        standby=commit / 1000 + NETWORK_SECONDS,
    )


def cores() -> int:
    """Of the machine that was measured; its successor may have more."""
    return int(_results().run.machine["cores"])


# ── Demand


def sessions_a_year(offices: int, random: Random) -> list[float]:
    """Of each office; in the mean as many as all offices have, divided by their number."""
    weights = [random.lognormvariate(0, SPREAD) for _ in range(offices)]
    return [weight * SESSIONS_A_YEAR / OFFICES * offices / sum(weights) for weight in weights]


def requests(sizes: Sequence[float], moment: Moment, seconds: float, random: Random) -> list[Request]:
    """What comes in this time: rows of sessions by people, who read in between, and by programs, at once."""
    a_second = sum(sizes) / WEEKS_A_YEAR * moment.share / 3600
    chances = list(accumulate(sizes))
    found: list[Request] = []
    for share, length, pause in ((PROGRAMS, SESSIONS_OF_A_PROGRAM, 0.0), (1 - PROGRAMS, SESSIONS_OF_A_PERSON, PAUSE_SECONDS)):
        rows_a_second = a_second * share / length
        # Whoever began before has as much left as whoever begins: after each session the chance of another is the same.
        begins = [0.0] * round(rows_a_second * length * pause)
        begun = 0.0
        while (begun := begun + random.expovariate(rows_a_second)) < seconds:
            begins.append(begun)
        for at in begins:
            log = bisect(chances, random.random() * chances[-1])
            found += _row(log, at, length, pause, random)
    return sorted((one for one in found if one.at < seconds), key=lambda one: one.at)


def _row(log: int, at: float, mean_length: int, pause: float, random: Random) -> Iterator[Request]:
    """A row of sessions of one office, the chance of another the same after each."""
    while True:
        for _ in range(COMMANDS_A_SESSION):
            if not pause:
                yield Request(at, log, "imported")
                continue
            yield Request(at + random.random() * pause, log, "command")
            for _ in range(READS_A_COMMAND):
                yield Request(at + random.random() * pause, log, "read")
        if random.random() * mean_length < 1:
            return
        at += random.expovariate(1 / pause) if pause else 0.0


@cache
def simulate(offices: int, moment: Moment = PEAK, seed: int = SEED) -> Outcome:
    """As many offices on one cluster."""
    random = Random(f"{seed} {moment.name} {offices}")
    sizes = sessions_a_year(offices, random)
    expected = sum(sizes) / WEEKS_A_YEAR * moment.share / 3600 * COMMANDS_A_SESSION * (1 + READS_A_COMMAND)
    seconds = min(3600.0, REQUESTS_MAX / expected)
    cluster = Cluster(times(), logs=offices, processes=PROCESSES, cores=cores())
    return cluster.serve(requests(sizes, moment, seconds, random))


# ── What people read


def measured_section() -> str:
    """The service times and where they come from."""
    used, run = times(), _results().run
    rows = [
        ("a command", used.command, "the slowest of what was measured under load: commands and HTTP, 32 and 128 callers"),
        ("a turn, beside it", used.turn, "commands, one caller: the median, without the command and without a commit"),
        ("a commit on the disk", used.flush, "commits of a single row, one caller: the median"),
        ("a commit on the standby", used.standby, f"the same again, and {NETWORK_SECONDS * 1000:g} ms for the network (assumed)"),
        ("catching up with an event", used.foreign, "rebuild of all projections, which do more with it"),
        ("a read", used.read, "HTTP, balance: the slower of 32 and 128 clients"),
    ]
    return _table(
        f"Measured {run.taken[:10]} at {run.revision} on {cores()} cores ({run.machine['processor']}), PostgreSQL "
        f"{run.machine['postgres'].split()[0]}.",
        ("what", "ms", "from"),
        [(what, _ms(seconds), source) for what, seconds, source in rows],
    )


def model_section() -> str:
    """The simulation beside the measurement that it rests on."""
    rows = []
    for benchmark, callers in LOADED:
        simulated = simulated_rate(callers)
        measured = measured_rate(benchmark, callers)
        rows.append((f"{benchmark}, {callers}", f"{measured:,.0f}/s", f"{simulated:,.0f}/s", f"{simulated / measured:.2f}"))
    return _table("", ("callers who ask again at once", "measured", "simulated", "share"), rows)


def simulated_rate(callers: int, commands: int = 5_000) -> float:
    """Sessions a second of one log and one process without a standby, as they were measured."""
    cluster = Cluster(replace(times(), standby=0.0), logs=1, processes=1, cores=cores())
    return commands / cluster.serve_callers(callers, commands).seconds


def week_section() -> str:
    """All offices on one cluster, at some hours of a week."""
    return _table("", ("hour", *_HEAD), [(moment.name, *_cells(simulate(OFFICES, moment))) for moment in MOMENTS])


def carried_section() -> str:
    """More and more offices on one cluster, until it does not carry them."""
    return _table("", ("offices", *_HEAD), [(f"{offices:,}", *_cells(outcome)) for offices, outcome in growing()])


@cache
def growing() -> list[tuple[int, Outcome]]:
    """At the peak: twice as many each time, by way of all that there are, up to the first that are too many."""
    found: list[tuple[int, Outcome]] = []
    while not found or _carried(found[-1][1]):
        offices = OFFICES * 2 ** len(found) // 4
        found.append((offices, simulate(offices)))
    return found


def _carried(outcome: Outcome) -> bool:
    return percentile(sorted(outcome.latencies["command"]), 99) <= PATIENCE_SECONDS


def spread_section() -> str:
    """What limits a cluster first, and how many of them there would be."""
    by_time = max(offices for offices, outcome in growing() if _carried(outcome))
    ready, most = (PROCESSES * (readers + 2) for readers in (_READERS_READY, _READERS_READY + _READERS_MORE))
    by_connections = CONNECTIONS // ready
    memory_mb = PROCESSES * _figure("memory", "service, idle").median
    offices = min(by_time, by_connections)
    outcome = simulate(offices)
    largest = max(sessions_a_year(OFFICES, Random(SEED))) * COMMANDS_A_SESSION
    rebuilt_a_second = _figure("rebuild", "all projections").median
    rows = [
        ("offices that the times allow", f"{by_time:,}"),
        (f"offices that {CONNECTIONS} connections allow, {ready} each in peace and {most} at the most", f"{by_connections:,}"),
        ("**offices on a cluster**", f"**{offices:,}**"),
        (f"**clusters for {OFFICES} offices**", f"**{ceil(OFFICES / offices)}**"),
        ("pools on a cluster", f"{offices * POOLS_AN_OFFICE:,}"),
        ("memory of a cluster's processes of the service, idle", f"{offices * memory_mb / 1000:.1f} GB"),
        ("commands a second of a cluster at the peak", f"{_commands_a_second(outcome):.1f}"),
        ("99 of 100 of those by people take at most", _latency(outcome, "command", 99)),
        ("readers at work at a time", f"{outcome.asked['read'] / outcome.seconds * times().read:.2f}"),
        ("commands a year of the largest office", f"{largest:,.0f}"),
        ("a rebuild of all its projections after ten years", f"{10 * largest / rebuilt_a_second / 60:.0f} min"),
    ]
    return _table("", ("reckoned", ""), rows)


_HEAD = ("commands/s", "reads/s", "p50", "p95", "p99", "read p99", "cores busy", "disk busy", "busiest lock")


def _cells(outcome: Outcome) -> list[str]:
    shares = (outcome.cores_busy, outcome.disk_busy, outcome.busiest_lock)
    return [
        f"{_commands_a_second(outcome):.1f}",
        f"{outcome.asked['read'] / outcome.seconds:.1f}",
        *(_latency(outcome, "command", percent) for percent in (50, 95, 99)),
        _latency(outcome, "read", 99),
        *(f"{share:.1%}" for share in shares),
    ]


def _commands_a_second(outcome: Outcome) -> float:
    return (outcome.asked["command"] + outcome.asked["imported"]) / outcome.seconds


def _latency(outcome: Outcome, kind: Kind, percent: int) -> str:
    return _ms(percentile(sorted(outcome.latencies[kind]), percent), " ms")


def _ms(seconds: float, unit: str = "") -> str:
    return f"{seconds * 1000:,.0f}{unit}" if seconds >= 0.1 else f"{seconds * 1000:.3g}{unit}"


def _table(about: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join([*([about, ""] if about else []), *lines])


SECTIONS = {
    "measured": measured_section,
    "model": model_section,
    "week": week_section,
    "carried": carried_section,
    "spread": spread_section,
}

if __name__ == "__main__":
    for section in SECTIONS.values():
        print(section(), end="\n\n")
