"""Traces say where the time of a request went, and nothing about anybody."""

import http.server
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from interfaces.http.traces import traced
from tests.faults.canary import Canary
from tests.interfaces.http.explored import served
from tests.interfaces.http.office import Office, running_office
from tests.interfaces.http.test_refusals import APPROVED, OPEN, REQUEST, SESSION, SESSIONS
from tests.interfaces.http.test_server import ROOT, SERVE, environment

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def own_office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    with running_office(store_url, tmp_path) as running:
        yield running


@pytest.fixture
def spans(own_office: Office) -> InMemorySpanExporter:
    """What is told of all that the office does from here on."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    own_office.serve_with(traced(own_office.app, provider))
    return exporter


def test_a_command_has_two_spans_in_the_trace_of_its_caller(own_office: Office, spans: InMemorySpanExporter) -> None:
    """The request, by its template and status; in it the turn, with its outcome and the instants in between."""
    own_office.given(*APPROVED)
    spans.clear()
    own_office.when("worker", SESSIONS, SESSION, traceparent=CALLER).answers(201)
    turn, request = spans.get_finished_spans()
    assert (request.name, request.kind) == ("POST /api/v1/bookings/{booking}/sessions", SpanKind.SERVER)
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/api/v1/bookings/{booking}/sessions",
        "http.response.status_code": 201,
    }
    assert request.parent is not None
    assert f"00-{request.parent.trace_id:032x}-{request.parent.span_id:016x}-01" == CALLER
    assert turn.parent == request.context
    assert [event.name for event in turn.events] == ["turn.began", "decided"]
    assert attributes(turn).keys() == {"stundenpool.outcome", "stundenpool.position"}
    assert attributes(turn)["stundenpool.outcome"] == "created"


def test_pages_and_unknown_paths_are_named_by_their_templates(own_office: Office, spans: InMemorySpanExporter) -> None:
    """What is no route of ours has one name."""
    for path in ("/healthz", "/api/v1/pools", "/Kim-Beispiel"):
        own_office.request("GET", path)
    assert [span.name for span in spans.get_finished_spans()] == ["GET /healthz", "GET /api/v1/pools", "GET other"]


def test_nothing_personal_stands_in_a_span(
    own_office: Office, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what is sent, taken or refused, nor what an exception quotes, nor whose it is."""
    canary = Canary()
    own_office.given(*OPEN)
    text = canary.text()
    own_office.when("worker", "/bookings", {**REQUEST, "purpose": text}).answers(201)
    own_office.when("worker", "/bookings", {**REQUEST, "minutes": text}).refuses("malformed", 422)
    own_office.get("worker", "/bookings", state=text)
    own_office.request(
        "GET", f"/{text}", headers={"X-Request-Id": text.encode(), "traceparent": CALLER, "tracestate": f"a={canary.token}"}
    )

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr(own_office.service.keyring, "ensure", fails)
    assert own_office.when("worker", "/bookings", {**REQUEST, "purpose": text}).answer.status_code == 500
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "POST /api/v1/bookings" in told
    assert canary.traces([("spans", told.encode())]) == []
    assert own_office.case not in told
    assert "kraft-1" not in told


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def test_a_collector_is_told(store_url: str, tmp_path: Path) -> None:
    """Given its URL, when the service ends, then it has been told of every request."""
    came: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # named by the library
            came.put((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{collector.server_address[1]}/v1/traces"
        with served(store_url, tmp_path, TRACES=endpoint) as service:
            assert httpx.get(f"{service.base}/api/v1/pools", timeout=30).status_code == 401
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(30) == 0
        collector.shutdown()
    told = [came.get_nowait() for _ in range(came.qsize())]
    assert {path for path, _ in told} == {"/v1/traces"}
    assert b"GET /api/v1/pools" in b"".join(body for _, body in told)


def test_without_its_packages_it_does_not_start(tmp_path: Path) -> None:
    """Exit status 1, and a sentence that says what to do."""
    stated = environment(f"sqlite:///{tmp_path}/store.db", tmp_path, TRACES="http://127.0.0.1:1/v1/traces")
    words = [sys.executable, "-c", f"import sys; sys.modules['opentelemetry.sdk'] = None; {SERVE}"]
    done = subprocess.run(words, cwd=ROOT, env=stated, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (
        1,
        "Für STUNDENPOOL_TRACES fehlen Pakete. Bitte stundenpool[traces] installieren.\n",
    )


def test_without_a_collector_nothing_of_it_is_loaded() -> None:
    """Whoever wants no traces pays nothing for them."""
    asked = "import sys, interfaces.http.server; print('opentelemetry.sdk' in sys.modules, 'interfaces.http.traces' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False False"
