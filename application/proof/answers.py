"""Do the receipts agree with the log? What was answered to a command is bound to the events that it recorded, both ways."""

import re
from collections.abc import Iterator, Sequence
from typing import get_args

from application import receipts
from application.engine import UNKEPT
from application.imports import imported_step
from application.log import DamagedEvent, Reader, Recorded, read_event
from application.proof.decisions import Decision, main_event
from application.proof.deviations import ABSENT, Deviation
from application.receipts import Identity, Receipt
from application.turn import Success
from domain.refusals import ORDER

SUCCESSES: tuple[str, ...] = get_args(Success)
KEPT = frozenset(refusal.code for refusal in ORDER) - UNKEPT
PAGE_RECEIPTS = 2_000
_GENERATED = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # what a command without a key is called


class Answers:
    """Compares the receipts with the decisions of the log. ``found`` says how many of these had one."""

    def __init__(self, reader: Reader) -> None:
        self.found = 0
        self._reader = reader

    def of(self, decisions: Sequence[Decision]) -> list[Receipt | None]:
        """The receipt of each of these decisions, where it has one."""
        identities = [_identity(decision) for decision in decisions]
        kept = receipts.read(self._reader, set(identities))
        return [kept.get(identity) for identity in identities]

    def deviations(self, decision: Decision, receipt: Receipt | None) -> Sequence[Deviation]:
        """What is wrong about the receipt of a decision, or about its absence."""
        main = main_event(decision)
        if receipt is None:
            if _GENERATED.fullmatch(main.command) or imported_step(main.command):
                return ()
            return [_deviation(main, f"ein Beleg zum Schlüssel „{main.command}“", ABSENT)]
        self.found += 1
        answer, last = receipt.answer, decision[-1].position
        version = main.version if len(decision) == 1 else max(each.version for each in decision if each.stream == main.stream)
        if answer.outcome not in SUCCESSES:
            return [_deviation(main, f"der Beleg eines Erfolgs zu „{main.command}“", answer.outcome)]
        if (answer.position, answer.version) != (last, version):
            expected = f"Position {last}, Version {version} im Beleg zu „{main.command}“"
            return [_deviation(main, expected, f"Position {answer.position}, Version {answer.version}")]
        return ()

    def of_nothing(self, end: int) -> Iterator[Deviation]:
        """Receipts that no decision of the log has, once all were compared."""
        [(beyond,)] = self._reader.fetch("SELECT COUNT(*) FROM receipts WHERE position > ?", (end,))
        if beyond:
            yield Deviation(end, None, "receipt", "kein Beleg nennt eine spätere Position", f"{beyond} Belege")
        for outcome, number in self._reader.fetch("SELECT outcome, COUNT(*) FROM receipts GROUP BY outcome ORDER BY outcome"):
            if outcome not in KEPT and outcome not in SUCCESSES:
                yield Deviation(None, None, "receipt", "ein Ausgang, der aufbewahrt wird", f"{outcome} in {number} Belegen")
        # An answer to what is changed beside the log, such as a webhook, names no version.
        marks = ", ".join("?" for _ in SUCCESSES)
        of_commands = f"outcome IN ({marks}) AND version IS NOT NULL"
        [(answered,)] = self._reader.fetch(f"SELECT COUNT(*) FROM receipts WHERE {of_commands}", SUCCESSES)
        if answered != self.found:
            yield from self._without_events(of_commands, end)

    def _without_events(self, of_commands: str, end: int) -> Iterator[Deviation]:
        last: Sequence[str] = ("", "", "")
        while page := self._reader.fetch(
            f"SELECT subject, organisation, idempotency_key, position FROM receipts WHERE {of_commands} AND position <= ? "
            "AND (subject, organisation, idempotency_key) > (?, ?, ?) ORDER BY subject, organisation, idempotency_key LIMIT ?",
            (*SUCCESSES, end, *last, PAGE_RECEIPTS),
        ):
            for *identity, position in page:
                if self._identity_at(position) != tuple(identity):
                    key = identity[-1]
                    yield Deviation(position, None, "receipt", f"das Ereignis zum Beleg „{key}“", ABSENT)
            last = page[-1][:3]

    def _identity_at(self, position: int) -> Identity | None:
        for row in self._reader.notifications(position - 1, 1):
            try:
                return _identity([read_event(row)])
            except DamagedEvent:
                break
        return None


def _deviation(event: Recorded, expected: str, found: str) -> Deviation:
    return Deviation(event.position, str(event.stream), "receipt", expected, found)


def _identity(decision: Decision) -> Identity:
    first = decision[0]
    return first.actor.subject, first.actor.organisation, first.command
