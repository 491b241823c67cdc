"""The simulation keeps the laws that every system of queues keeps, whatever the figures that it is fed with."""

from random import Random

import pytest

from benchmarks import scale
from benchmarks.simulated import Cluster, Outcome, Request, Times

TIMES = Times(turn=0.002, command=0.001, foreign=0.0001, read=0.0005, flush=0.0005, standby=0.001)


def run(requests: list[Request], times: Times = TIMES, *, logs: int = 3, processes: int = 2, cores: int = 2) -> Outcome:
    return Cluster(times, logs=logs, processes=processes, cores=cores).serve(requests)


def some(a_second: float, seconds: float = 20.0, seed: int = 1) -> list[Request]:
    """Commands and reads of three logs, at any time."""
    random = Random(seed)
    times = sorted(random.random() * seconds for _ in range(round(a_second * seconds)))
    return [Request(at, random.randrange(3), random.choice(("command", "imported", "read"))) for at in times]


def mean(latencies: list[float]) -> float:
    return sum(latencies) / len(latencies)


def everybody(outcome: Outcome) -> list[float]:
    return [latency for latencies in outcome.latencies.values() for latency in latencies]


@pytest.mark.parametrize("a_second", [10, 300, 3_000])
def test_every_request_is_answered_once(a_second: float) -> None:
    """Also where there are more of them than the cluster carries."""
    requests = some(a_second, 5.0)
    outcome = run(requests)
    assert outcome.asked.total() == len(requests)
    assert {kind: len(latencies) for kind, latencies in outcome.latencies.items()} == dict(outcome.asked)


@pytest.mark.parametrize("a_second", [10, 300, 3_000])
def test_as_many_are_there_as_come_in_the_time_that_one_stays(a_second: float) -> None:
    """Little's law: the mean number present, counted along the way, is the rate of arrivals times the mean latency."""
    outcome = run(some(a_second, 5.0))
    rate = outcome.asked.total() / outcome.seconds
    assert outcome.present_seconds / outcome.seconds == pytest.approx(rate * mean(everybody(outcome)))


def test_nobody_waits_less_than_the_work_takes() -> None:
    """A command alone takes its turn and its commit on both disks, a read alone its own time; many are never quicker."""
    alone = run([Request(1.0, 0, "command"), Request(2.0, 0, "read")])
    assert alone.latencies["command"] == [pytest.approx(0.002 + 0.001 + 0.0005 + 0.001)]
    assert alone.latencies["read"] == [pytest.approx(0.0005)]
    busy = run(some(500))
    assert min(busy.latencies["command"]) >= alone.latencies["command"][0] - 1e-9
    assert min(busy.latencies["read"]) >= alone.latencies["read"][0] - 1e-9


def test_more_load_is_never_answered_sooner() -> None:
    """The mean latency rises with the rate, and without limit where the cluster is full."""
    means = [mean(everybody(run(some(a_second)))) for a_second in (30, 300, 900, 3_000)]
    assert means == sorted(means)
    assert means[-1] > 100 * means[0]


def test_more_cores_and_faster_disks_never_make_it_slower() -> None:
    requests = some(600)
    assert mean(everybody(run(requests, cores=8))) <= mean(everybody(run(requests, cores=2)))
    slow = Times(turn=0.002, command=0.001, foreign=0.0001, read=0.0005, flush=0.005, standby=0.001)
    assert mean(everybody(run(requests))) <= mean(everybody(run(requests, slow)))


def test_shares_are_the_work_over_the_time() -> None:
    """Turns and reads alone make the cores busy; nothing is busier than always."""
    requests = [request for request in some(100) if request.kind == "read"]
    outcome = run(requests)
    assert outcome.cores_busy == pytest.approx(len(requests) * 0.0005 / outcome.seconds / 2)
    full = run(some(3_000, 5.0))
    assert 0.9 < full.cores_busy <= 1
    assert 0 < full.busiest_lock <= 1
    assert 0 < full.disk_busy <= 1


def test_turns_of_one_log_never_overlap_and_gather_what_waits() -> None:
    """However many processes there are, a log does one turn at a time; under load, turns grow instead of becoming more."""
    burst = [Request(1.0, 0, "command")] * 400
    outcome = run(burst, processes=4, cores=8)
    assert outcome.turns < 20
    assert outcome.busiest_lock * outcome.seconds >= outcome.turns * (0.002 + 0.0005 + 0.001) + 400 * 0.001 - 1e-9


def test_another_log_does_not_wait_for_the_lock() -> None:
    """With cores enough, a log is as quick beside a busy one as alone."""
    beside = run([Request(1.0, 0, "command")] * 200 + [Request(1.0, 1, "command")], cores=8)
    alone = run([Request(1.0, 1, "command")], cores=8)
    assert min(beside.latencies["command"]) <= alone.latencies["command"][0] + TIMES.flush + 1e-9


def test_the_same_seed_tells_the_same_story() -> None:
    """Figures can be compared with those of another day."""
    random = [Random(7), Random(7)]
    one, other = (scale.requests(scale.sessions_a_year(20, each), scale.PEAK, 60.0, each) for each in random)
    assert one == other
    assert one != scale.requests(scale.sessions_a_year(20, Random(8)), scale.PEAK, 60.0, Random(8))


def test_demand_adds_up() -> None:
    """Offices together have the sessions of the country; the hours of a week are a whole; a busy hour brings what it should."""
    sizes = scale.sessions_a_year(scale.OFFICES, Random(1))
    assert sum(sizes) == pytest.approx(scale.SESSIONS_A_YEAR)
    assert sum(scale.DAYS) == pytest.approx(1)
    assert sum(scale.HOURS.values()) == pytest.approx(1)
    seconds = 600.0
    found = scale.requests(sizes, scale.PEAK, seconds, Random(1))
    sessions = scale.SESSIONS_A_YEAR / scale.WEEKS_A_YEAR * scale.PEAK.share * seconds / 3600
    commands = sum(request.kind != "read" for request in found)
    assert commands == pytest.approx(sessions * scale.COMMANDS_A_SESSION, rel=0.1)


def test_the_model_promises_no_more_than_was_measured() -> None:
    """Callers who ask again at once get through no faster in the simulation than they did in any benchmark under load."""
    for benchmark, callers in scale.LOADED:
        assert scale.simulated_rate(callers, 2_000) <= scale.measured_rate(benchmark, callers)
