"""Traces by OpenTelemetry, for whoever sets ``STUNDENPOOL_TRACES``; without that, nothing here is imported.

A span for each request, by its route's template, and within it one for each command from its arrival to its answer. Attributes are
templates, statuses, outcomes and positions: never an id, never a person. Of an exception nothing is told.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from application.receipts import Answer
from application.turn import Turn, Work
from interfaces.http.app import Application
from interfaces.http.edge import route_of
from interfaces.http.waiting import Decisions

SEND_SECONDS_MAX = 5  # also what an unreachable collector may delay the end of the process by

_propagator = TraceContextTextMapPropagator()


@contextmanager
def collected(endpoint: str) -> Iterator[TracerProvider]:
    """Sends spans to an OTLP collector, in a thread; on leaving, those that are left."""
    provider = TracerProvider(resource=Resource.create({"service.name": "stundenpool", "service.version": version("stundenpool")}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, timeout=SEND_SECONDS_MAX)))
    try:
        yield provider
    finally:
        provider.shutdown()


def traced(app: Application, provider: TracerProvider) -> ASGIApp:
    """The application, with spans around its requests and commands."""
    tracer = provider.get_tracer("stundenpool")
    app.state.api.decisions = _TracedDecisions(app.state.api.decisions, tracer)
    return _Traced(app, tracer)


class _Traced:
    """Spans of requests. Goes on with the trace that the caller's ``traceparent`` names."""

    def __init__(self, app: Application, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Alone: what a caller puts into ``tracestate`` is not ours to pass on.
        stated = {"traceparent": dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")}
        with self._tracer.start_as_current_span(
            scope["method"],
            _propagator.extract(stated),
            SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _say_status(span, message["status"])
                await send(message)

            try:
                await self._app(scope, receive, sending)
            finally:
                found = self._app.resources.find(scope["path"])
                route = found[0].path if found else route_of(scope)
                span.update_name(f"{scope['method']} {route}")
                span.set_attributes({"http.request.method": scope["method"], "http.route": route})


def _say_status(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))


class _TracedDecisions(Decisions):
    """Spans of commands: how long one waited for its turn, when it was decided, and when its turn was committed."""

    def __init__(self, decisions: Decisions, tracer: Tracer) -> None:
        super().__init__(decisions.engine)
        self._tracer = tracer

    async def of(self, work: Work) -> Answer:
        with self._tracer.start_as_current_span("turn", record_exception=False, set_status_on_exception=False) as span:

            def decide(turn: Turn) -> Answer:
                span.add_event("turn.began")
                try:
                    return work.decide(turn)
                finally:
                    span.add_event("decided")

            answer = await super().of(replace(work, decide=decide))
            span.set_attributes({"stundenpool.outcome": answer.outcome, "stundenpool.position": answer.position})
            return answer
