"""Schemathesis against a running service: it reads the published description alone, and calls whatever that allows, and more.

What it knows beyond that is only which ids are real: those of a small office that stand where the examples' made-up ones stood.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import schemathesis
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from interfaces.http.examples import TOKEN
from interfaces.identity.tokens import hashed, views
from tests.interfaces.http.office import PEOPLE, Office, running_office
from tests.interfaces.http.test_operations import PUBLISHED
from tests.interfaces.http.test_refusals import LOGGED
from tests.interfaces.http.test_server import ROOT, SERVE, environment, free_port, wait_for

PHASES = ("examples", "coverage", "fuzzing", "stateful")

# What the pattern beside the format says, so that hardly anything generated has to be thrown away.
DAYS = st.dates(date(1900, 1, 2), date(2199, 12, 30))
schemathesis.openapi.format("date", DAYS.map(str))
schemathesis.openapi.format(
    "date-time", st.builds(datetime.combine, DAYS, st.times(timezones=st.just(UTC))).map(datetime.isoformat)
)

# Values that are wrong beside another one, or beside what stands in the log; no schema of a request can say so.
UNSAYABLE = (
    "der Fall gehört schon zu diesem Träger",
    "liegt vor dem Beginn",
    "das Protokoll endet bei",
    "Webhooks sind nicht vorgesehen",
    "muss zwischen 1 und",
    "genau eines von size und share_percent",
    "in dieser Auswahl steht kein Termin",
    "höchstens eines von Fall, Antrag und Träger",
    "nennt genau eines von case",
    "wofür diese Rolle das liest, ist zu nennen",  # an auditor, and a header that others may leave out
    "ein Kürzel ohne Leerzeichen",  # a rule about names of people, not about their form
    '"place":"figure"',  # a name that is put together from many parts
)


@dataclass
class Explored:
    """What a run has done and found."""

    calls: Counter[tuple[str, int]] = field(default_factory=Counter)  # by method and status
    faults: list[str] = field(default_factory=list)


@dataclass
class Served:
    """A running service, and a second look at its log."""

    office: Office
    process: "subprocess.Popen[bytes]"
    base: str

    def head(self) -> int:
        with self.office.service.store.reading() as reader:
            head = reader.head()
        return head.id if head else 0

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))

    def explore(
        self,
        people: Sequence[str],
        phases: Sequence[str],
        *,
        examples: int,
        allowed_only: bool = False,
        operations: slice = slice(None),
    ) -> Explored:
        """Each operation, or these in the order of their names, is called by whoever of the people may, otherwise by the first."""
        tokens = [(PEOPLE[person][0], self.office.tokens[person]) for person in people]
        roles = {role for role, _ in tokens}
        document = self.office.given(*LOGGED, "list_tokens").real(json.loads(PUBLISHED.read_bytes()))
        schema = schemathesis.openapi.from_dict(document, config=_config(self.base, phases, examples))
        schema = schema.exclude(operation_id="follow_events")  # it has no end, and is followed in test_following.py
        if allowed_only:
            schema = schema.include(lambda context: not roles.isdisjoint(_roles(context.operation)))
        names = sorted(each["operationId"] for path in document["paths"].values() for each in path.values())[operations]
        schema = schema.exclude(lambda context: context.operation.definition.raw["operationId"] not in names)
        found = Explored()
        head = self.head()
        spare, own = self.office.ids[TOKEN], {str(UUID(bytes=hashed(token)[:16])) for token in self.office.tokens.values()}

        @schema.hook
        def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
            return not any(sentence in response.text for sentence in UNSAYABLE)

        @schema.hook
        def after_call(context: Any, case: Any, response: Any) -> None:
            nonlocal head
            found.calls[case.method, response.status_code] += 1
            before, head = head, self.head()
            if head != before and not (case.method == "POST" and response.status_code < 300):
                found.faults.append(f"{case.method} {case.path}: {response.status_code}, but {head - before} events")

        @schema.auth(refresh_interval=None)
        class Bearer:
            def get(self, case: Any, _: Any) -> str:
                return next((token for role, token in tokens if role in _roles(case.operation)), tokens[0][1])

            def set(self, case: Any, token: str, _: Any) -> None:
                headers = dict(case.headers or {})
                if key := headers.get("Idempotency-Key"):  # one that two cases share would make the second a mere repetition
                    headers["Idempotency-Key"] = f"{key[:200]}{uuid4().hex}"
                if headers.get("If-Match") == "0":  # all that the coverage phase knows to put where quotation marks are needed
                    headers["If-Match"] = "*"
                if case.path_parameters.get("token") in own:  # found in a list: whose it is could do nothing any more
                    case.path_parameters["token"] = spare
                case.headers = {**headers, "Authorization": f"Bearer {token}"}

        for event in from_schema(schema).execute():
            if isinstance(event, events.NonFatalError):
                found.faults.append(f"{event.label}: {event.value!r}")
            if isinstance(event, events.ScenarioFinished) and event.status is Status.FAILURE:
                found.faults += _failures(event)
        with self.office.service.store.reading() as reader:
            found.faults += [f"it locked out {each}" for each in views(reader) if each.revoked_at and str(each.id) in own]
        return found


def _roles(operation: Any) -> Sequence[str]:
    """Who may call it; nobody in particular where it is public."""
    return operation.definition.raw.get("x-roles", ())


def _failures(event: events.ScenarioFinished) -> Iterator[str]:
    for case, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info
                answer = event.recorder.interactions[case].response
                said = answer.content[:500] if answer else b""
                yield f"{event.phase.value} {event.label} {check.name}: {failure.failure}\n{failure.code_sample}\n{said!r}"


def _config(base: str, phases: Sequence[str], examples: int) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "base-url": base,
            "seed": 1,
            "continue-on-failure": True,
            "request-timeout": 60,
            "suppress-health-check": ["all"],
            "generation": {"database": "none", "max-examples": examples, "no-shrink": True},
            "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
            "cache": {"enabled": False},
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "412"]}},
        }
    )


@contextmanager
def served(url: str, folder: Path, **settings: str) -> Iterator[Served]:
    """A small office, and a process that serves it, with these settings besides."""
    with running_office(url, folder) as office:
        port = free_port()
        with (folder / "serve.log").open("wb") as log:
            stated = environment(url, folder, port, **settings)
            process = subprocess.Popen([sys.executable, "-c", SERVE], cwd=ROOT, env=stated, stderr=log)
        try:
            base = f"http://127.0.0.1:{port}"
            wait_for(f"{base}/readyz", process)
            yield Served(office, process, base)
        finally:
            process.terminate()
            process.wait(timeout=30)
