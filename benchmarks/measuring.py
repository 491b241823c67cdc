"""Rounds in turn, so that whatever else the machine does falls on all sides alike; medians and spread of several rounds."""

import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Barrier
from time import perf_counter
from typing import Literal

Unit = Literal["/s", "ms", "s", "MB"]
Ask = Callable[[], None]
Sides = Mapping[str, Callable[[], "Measured"]]


@dataclass(frozen=True, slots=True)
class Measured:
    """One side in one round; the latencies, in milliseconds, are those of its single calls."""

    value: float
    p50_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """What several rounds say of one side of one benchmark in one case, such as "32 callers"."""

    benchmark: str
    store: str
    case: str
    side: str
    unit: Unit
    rounds: tuple[Measured, ...]

    def described(self) -> str:
        """In one line."""
        return f"{self.benchmark}, {self.store}, {self.case}, {self.side}: {self.median:,.4g}"

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the greatest."""
        return min(self.values), max(self.values)

    @property
    def values(self) -> list[float]:
        return [measured.value for measured in self.rounds]

    def latency(self, which: Literal["p50_ms", "p99_ms"]) -> float | None:
        """The median of the rounds."""
        found = [value for measured in self.rounds if (value := getattr(measured, which)) is not None]
        return median(found) if found else None

    def times_better_than(self, other: "Figure") -> tuple[float, float, float]:
        """How many times better than another side: the median, least and greatest over the rounds, each beside its neighbour."""
        pairs = zip(self.values, other.values, strict=True)
        ratios = [ours / theirs if self.unit == "/s" else theirs / ours for ours, theirs in pairs]
        return median(ratios), min(ratios), max(ratios)


def interleaved(
    benchmark: str,
    store: str,
    case: str,
    unit: Unit,
    rounds: int,
    sides: Sides,
) -> list[Figure]:
    """Measures each side once a round, every other round in reverse order."""
    found: dict[str, list[Measured]] = {side: [] for side in sides}
    for number in range(rounds):
        for side in list(sides)[:: -1 if number % 2 else 1]:
            found[side].append(sides[side]())
    return [Figure(benchmark, store, case, side, unit, tuple(measured)) for side, measured in found.items()]


def measured_in_turn(parts: Iterable[tuple[str, Iterator[Figure]]]) -> tuple[list[Figure], list[str]]:
    """The figures of these parts, said as they come; and the names of the parts that ended with an error, of which none is kept."""
    figures, failed = [], []
    for name, part in parts:
        found = []
        try:
            for figure in part:
                found.append(figure)
                print(figure.described(), file=sys.stderr)
        except Exception:
            traceback.print_exc()
            failed.append(name)
        else:
            figures += found
    return figures, failed


def drive(askers: Sequence[Ask], seconds: float) -> Measured:
    """Throughput and latency of callers that each ask again as soon as they are answered, one thread for each.

    A caller that raises ``StopIteration`` has nothing left to ask. What was asked in time is waited for, and counts.
    """
    began = 0.0

    def begin() -> None:
        nonlocal began
        began = perf_counter()

    gate = Barrier(len(askers), action=begin)

    def calls(ask: Ask) -> list[float]:
        gate.wait()
        return list(_latencies(ask, began + seconds))

    with ThreadPoolExecutor(len(askers)) as threads:
        took = [one for each in [threads.submit(calls, ask) for ask in askers] for one in each.result()]
    return throughput(took, perf_counter() - began)


def _latencies(ask: Ask, deadline: float) -> Iterator[float]:
    while (before := perf_counter()) < deadline:
        try:
            ask()
        except StopIteration:
            return
        yield perf_counter() - before


def throughput(latencies: Sequence[float], seconds: float) -> Measured:
    """Calls a second, and how long they took; all given in seconds."""
    ordered = sorted(latencies)
    return Measured(len(ordered) / seconds, percentile(ordered, 50) * 1000, percentile(ordered, 99) * 1000)


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The value that this many percent do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def resident_mb(pid: int | str = "self") -> float:
    """The memory that a process holds now."""
    return _status(pid, "VmRSS")


def peak_mb(pid: int | str = "self") -> float:
    """The most memory that a process has held."""
    return _status(pid, "VmHWM")


def _status(pid: int | str, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024
