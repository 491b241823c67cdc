"""What ``/metrics`` counts. Labels are route templates, methods, statuses and codes: never a person, and no id but a webhook's."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
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

    def show_webhooks(self, behind: Callable[[], Mapping[str, int]]) -> None:
        """Asks for the backlog of each webhook, by its id, when it is read."""
        self.registry.register(_Backlog(behind))

    def text(self) -> bytes:
        """All of them in the text format of Prometheus."""
        return generate_latest(self.registry)


class _Backlog(Collector):
    """Webhooks come and go, so a gauge for each of them would outlive some."""

    def __init__(self, behind: Callable[[], Mapping[str, int]]) -> None:
        self._behind = behind

    def collect(self) -> Iterable[GaugeMetricFamily]:
        gauge = GaugeMetricFamily("stundenpool_webhook_behind", "Events that a webhook has before it", labels=("webhook",))
        for webhook, behind in self._behind().items():
            gauge.add_metric((webhook,), behind)
        yield gauge
