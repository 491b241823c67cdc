"""What ``/metrics`` counts. Labels are route templates, methods, statuses and codes: never a person, and no id but a webhook's."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
COMMANDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The numbers of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("stundenpool_requests", "Answered requests", ("method", "route", "status"), registry=self.registry)
        self.seconds = Histogram(
            "stundenpool_request_seconds", "Time to answer", ("method", "route"), buckets=SECONDS, registry=self.registry
        )
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}  # looking labels up costs more than counting
        self.refusals = Counter("stundenpool_refusals", "Refused commands by code", ("code",), registry=self.registry)
        self.waiting = Gauge("stundenpool_commands_waiting", "Commands that wait for their turn", registry=self.registry)
        self.turned_away = Counter("stundenpool_turned_away", "Commands for which too many others waited", registry=self.registry)
        self._turn_commands = Histogram(
            "stundenpool_turn_commands", "Commands decided in a turn", buckets=COMMANDS, registry=self.registry
        )
        self._turn_seconds = Histogram(
            "stundenpool_turn_seconds", "Time of a turn, waiting for the lock included", buckets=SECONDS, registry=self.registry
        )
        self.position = Gauge("stundenpool_log_position", "Last position of the log that was answered", registry=self.registry)

        # Their values are asked for when they are read.
        self.streams = Gauge("stundenpool_streams", "Streams that follow the log", registry=self.registry)
        self.reader_behind = Gauge(
            "stundenpool_follower_behind", "Positions that the reader of all streams has before it", registry=self.registry
        )
        self.streams_behind = Gauge(
            "stundenpool_slowest_stream_behind", "Positions that the slowest stream has before it", registry=self.registry
        )

        self.unwitnessed = Gauge(
            "stundenpool_checkpoints_unwitnessed", "Issued checkpoints that the witness does not have", registry=self.registry
        )
        self.unstamped = Gauge(
            "stundenpool_checkpoints_unstamped", "Issued checkpoints that have no time stamp yet", registry=self.registry
        )
        self.contradicted = Gauge(
            "stundenpool_checkpoints_contradicted", "Checkpoints of the witness that the log contradicts", registry=self.registry
        )

        self.webhooks = Backlog()
        self.registry.register(self.webhooks)

        # What is looked at for each scrape.
        self.database_up = Gauge(
            "stundenpool_database_up", "Whether the database answers and has its schema", registry=self.registry
        )
        self.keystore_up = Gauge("stundenpool_keystore_up", "Whether the key store can be read", registry=self.registry)
        self.log_events = Gauge("stundenpool_log_events", "Events in the log, as the database has it", registry=self.registry)

        self.workers = Gauge("stundenpool_workers", "Processes that the service was told to have", registry=self.registry)
        build = Info("stundenpool_build", "The version that runs", registry=self.registry)
        build.info({"version": version("stundenpool"), "python": platform.python_version()})
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answer."""
        counted = self._answers.get((method, route, status))
        if counted is None:
            counted = self.requests.labels(method, route, str(status)), self.seconds.labels(method, route)
            self._answers[method, route, status] = counted
        counted[0].inc()
        counted[1].observe(seconds)

    def turn(self, commands: int, seconds: float) -> None:
        """Counts a turn of the engine."""
        self._turn_commands.observe(commands)
        self._turn_seconds.observe(seconds)

    def text(self, **labels: str) -> bytes:
        """All of them in the text format of Prometheus, each sample with these labels besides its own."""
        return generate_latest(_Labelled(self.registry, labels))


class Backlog(Collector):
    """Webhooks come and go, so a gauge for each of them would outlive some. ``behind`` gives the events by a webhook's id."""

    def __init__(self) -> None:
        self.behind: Callable[[], Mapping[str, int]] = dict

    def collect(self) -> Iterable[GaugeMetricFamily]:
        gauge = GaugeMetricFamily("stundenpool_webhook_behind", "Events that a webhook has before it", labels=("webhook",))
        for webhook, behind in self.behind().items():
            gauge.add_metric((webhook,), behind)
        yield gauge


class _Labelled(CollectorRegistry):
    """What stands in a registry, with more labels."""

    def __init__(self, registry: CollectorRegistry, labels: dict[str, str]) -> None:
        super().__init__()
        self._registry = registry
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample._replace(labels=sample.labels | self._labels) for sample in metric.samples]
            yield metric
