"""A cluster as a simulation of discrete events: logs and their turns, the processes that take them, and the server they share.

Where it had to choose, it is slower than the real thing: a turn keeps its process and a core of the database server for all of its
work, and a read waits behind a turn of its process.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Literal

from application.engine import TURN_COMMANDS_MAX

Kind = Literal["command", "imported", "read"]  # imported: a command that a program sends, one of many at once


@dataclass(frozen=True, slots=True)
class Times:
    """What things take, in seconds."""

    turn: float  # beside its commands and its commit
    command: float
    foreign: float  # to catch up with an event that another process appended
    read: float
    flush: float  # of the disk; one serves all commits that wait for it
    standby: float  # until the standby has said that it has the commit too


@dataclass(frozen=True, slots=True)
class Request:
    at: float  # seconds from the beginning
    log: int
    kind: Kind


# ── Time, and what stories wait for

Story = Generator["float | Servers | Disk", None, None]


class World:
    """Runs stories, which wait for a time, for one of several servers, or for the disk."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Story]] = []
        self._numbers = count()  # what is due at the same time comes in the order in which it was said

    def start(self, story: Story, at: float | None = None) -> None:
        heappush(self._due, (self.now if at is None else at, next(self._numbers), story))

    def run(self) -> None:
        """Until nothing is due any more."""
        while self._due:
            self.now, _, story = heappop(self._due)
            self.go_on(story)

    def go_on(self, story: Story) -> None:
        for awaited in story:
            if isinstance(awaited, float):
                self.start(story, self.now + awaited)
                return
            if not awaited.take(story):
                return


class Servers:
    """Some that are alike, such as cores; a lock is a single one. Who came first is served first."""

    def __init__(self, world: World, number: int = 1) -> None:
        self.busy_seconds = 0.0
        self._world = world
        self._free = number
        self._waiting: deque[Story] = deque()

    def take(self, story: Story) -> bool:
        """Whether one was free; otherwise the story goes on when one is."""
        if not self._free:
            self._waiting.append(story)
            return False
        self._free -= 1
        return True

    def give_back(self, held_seconds: float) -> None:
        self.busy_seconds += held_seconds
        if self._waiting:
            self._world.start(self._waiting.popleft())
        else:
            self._free += 1


class Disk:
    """Flushes for all who wait when a flush begins."""

    def __init__(self, world: World, flush_seconds: float) -> None:
        self.busy_seconds = 0.0
        self._world = world
        self._flush_seconds = flush_seconds
        self._waiting: list[Story] = []
        self._at_work = False

    def take(self, story: Story) -> bool:
        self._waiting.append(story)
        if not self._at_work:
            self._at_work = True
            self._world.start(self._flush())
        return False

    def _flush(self) -> Story:
        while self._waiting:
            flushed, self._waiting = self._waiting, []
            yield self._flush_seconds
            self.busy_seconds += self._flush_seconds
            for story in flushed:
                self._world.start(story)
        self._at_work = False


# ── The cluster


@dataclass(slots=True)
class Outcome:
    """What a run says. ``present_seconds`` adds up how many requests were there, over all the time."""

    seconds: float = 0.0
    asked: Counter[Kind] = field(default_factory=Counter)
    latencies: dict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))
    turns: int = 0
    present_seconds: float = 0.0
    cores_busy: float = 0.0  # as a share of all the time, like the next two
    disk_busy: float = 0.0
    busiest_lock: float = 0.0


class Cluster:
    """Some logs on one database server, each served by as many processes."""

    def __init__(self, times: Times, *, logs: int, processes: int, cores: int) -> None:
        self.times = times
        self.world = World()
        self.cores, self.disk = Servers(self.world, cores), Disk(self.world, times.flush)
        self.outcome = Outcome()
        self._number_of_cores = cores
        self._logs = [Log(self, number, processes) for number in range(logs)]
        self._present, self._since = 0, 0.0

    def serve(self, requests: Iterable[Request]) -> Outcome:
        """Answers all requests, which come in the order of their times."""
        self.world.start(self._arrive(iter(requests)))
        return self._run()

    def serve_callers(self, callers: int, commands: int) -> Outcome:
        """So many callers of the first log, each of whom asks again as soon as it is answered, until so many commands were."""
        left = iter(range(commands))

        def again() -> None:
            if next(left, None) is not None:
                self._logs[0].ask(Asked("command", self.world.now, again))

        for _ in range(callers):
            again()
        return self._run()

    def count(self, asked: "Asked", step: Literal[1, -1]) -> None:
        """A request has come, or is answered."""
        self.outcome.present_seconds += self._present * (self.world.now - self._since)
        self._present, self._since = self._present + step, self.world.now
        if step == 1:
            self.outcome.asked[asked.kind] += 1
        else:
            self.outcome.latencies[asked.kind].append(self.world.now - asked.at)

    def _arrive(self, requests: Iterator[Request]) -> Story:
        for request in requests:
            yield max(0.0, request.at - self.world.now)
            self._logs[request.log].ask(Asked(request.kind, self.world.now))

    def _run(self) -> Outcome:
        self.world.run()
        outcome, seconds = self.outcome, self.world.now
        outcome.seconds = seconds
        outcome.cores_busy = self.cores.busy_seconds / seconds / self._number_of_cores
        outcome.disk_busy = self.disk.busy_seconds / seconds
        outcome.busiest_lock = max(log.lock.busy_seconds for log in self._logs) / seconds
        return outcome


class Asked:
    """A request that waits for its answer."""

    def __init__(self, kind: Kind, at: float, answered: Callable[[], None] | None = None) -> None:
        self.kind, self.at, self.answered = kind, at, answered


class Log:
    """One office's: a lock, and the processes that take it in turn."""

    def __init__(self, cluster: Cluster, number: int, processes: int) -> None:
        self.lock = Servers(cluster.world)
        self.events = 0
        self._processes = [Process(cluster, self) for _ in range(processes)]
        self._random = Random(number)

    def ask(self, asked: Asked) -> None:
        """Of any process: a balancer knows no better."""
        self._random.choice(self._processes).ask(asked)


class Process:
    """Gathers commands into turns, as the engine does; runs one thing at a time, as its interpreter does."""

    def __init__(self, cluster: Cluster, log: Log) -> None:
        self.interpreter = Servers(cluster.world)
        self._cluster, self._log = cluster, log
        self._waiting: deque[Asked] = deque()
        self._known = 0  # events of the log
        self._takes_turns = False

    def ask(self, asked: Asked) -> None:
        self._cluster.count(asked, 1)
        if asked.kind == "read":
            self._cluster.world.start(self._read(asked))
            return
        self._waiting.append(asked)
        if not self._takes_turns:
            self._takes_turns = True
            self._cluster.world.start(self._take_turns())

    def _read(self, asked: Asked) -> Story:
        yield from self._work(self._cluster.times.read)
        self._answer(asked)

    def _take_turns(self) -> Story:
        world, times, log = self._cluster.world, self._cluster.times, self._log
        while self._waiting:
            yield log.lock
            held_since = world.now
            gathered = [self._waiting.popleft() for _ in range(min(len(self._waiting), TURN_COMMANDS_MAX))]
            yield from self._work(times.turn + times.foreign * (log.events - self._known) + times.command * len(gathered))
            yield self._cluster.disk
            yield times.standby
            log.events += len(gathered)
            self._known = log.events
            self._cluster.outcome.turns += 1
            log.lock.give_back(world.now - held_since)
            for asked in gathered:
                self._answer(asked)
        self._takes_turns = False

    def _work(self, seconds: float) -> Story:
        """On the interpreter of this process and on a core of the database server at once."""
        yield self.interpreter
        held_since = self._cluster.world.now
        yield self._cluster.cores
        yield seconds
        self._cluster.cores.give_back(seconds)
        self.interpreter.give_back(self._cluster.world.now - held_since)

    def _answer(self, asked: Asked) -> None:
        self._cluster.count(asked, -1)
        if asked.answered:
            asked.answered()
