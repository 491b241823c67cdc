"""Receipts: the answer to every keyed command, kept for good in the transaction of the events it answers.

A key belongs to a subject in an organisation and to one request: the same request gets the same answer byte for byte,
another one is refused.
"""

from collections.abc import Collection
from hmac import compare_digest
from typing import Any

import msgspec

from application.log import Found, Question, Reader
from domain.findings.of_refusals import CODES
from domain.findings.register import Attempt
from domain.quantities import Actor
from domain.refusals import KeyReused

INSERT = (
    "INSERT INTO receipts (subject, organisation, idempotency_key, request, outcome, body, position, version, about) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

# Word for word the condition of a partial index: where they differ, every receipt is read.
_REFUSED = ", ".join(f"'{code}'" for code in CODES)
REFUSALS = (
    "SELECT subject, organisation, idempotency_key, outcome, position, about FROM receipts "
    f"WHERE outcome IN ({_REFUSED}) AND position >= ? ORDER BY position"
)

Identity = tuple[str, str, str]


class Answer(msgspec.Struct, frozen=True):
    """What a caller gets.

    ``outcome`` is ``created``, ``done``, ``accepted`` or the code of a refusal; ``position`` is that of the log after the
    decision, ``version`` that of the resource.
    """

    outcome: str
    body: bytes
    position: int
    version: int | None = None


class RequestKey(msgspec.Struct, frozen=True):
    """An idempotency key, and the fingerprint of the request that it comes with."""

    key: str
    fingerprint: bytes

    def identity(self, actor: Actor) -> Identity:
        return actor.subject, actor.organisation, self.key


class Receipt(msgspec.Struct, frozen=True):
    """An answer with the fingerprint of the request it was given to, and the id of the pool, case or booking that it was about."""

    fingerprint: bytes
    answer: Answer
    about: str | None = None

    def answer_to(self, fingerprint: bytes) -> Answer:
        """The answer as before; ``KeyReused`` for another request."""
        if not compare_digest(fingerprint, self.fingerprint):
            raise KeyReused()
        return self.answer

    def row(self, identity: Identity) -> tuple[Any, ...]:
        """The values for ``INSERT``."""
        answer = self.answer
        return (*identity, self.fingerprint, answer.outcome, answer.body, answer.position, answer.version, self.about)


def read(reader: Reader, identities: Collection[Identity]) -> dict[Identity, Receipt]:
    """The receipts that exist among these identities."""
    [found] = reader.ask(asked(identities))
    return receipts_of(found)


def asked(identities: Collection[Identity]) -> Question:
    """What ``read`` asks, to be asked together with something else."""
    return Question(
        "SELECT subject, organisation, idempotency_key, request, outcome, body, position, version, about FROM receipts "
        "WHERE (subject, organisation, idempotency_key) IN (?)",
        identities,
    )


def receipts_of(found: Found) -> dict[Identity, Receipt]:
    """What ``asked`` is answered with."""
    return {
        (subject, organisation, key): Receipt(bytes(request), Answer(outcome, bytes(body), position, version), about)
        for subject, organisation, key, request, outcome, body, position, version, about in found
    }


def refusals(reader: Reader, since: int) -> list[Attempt]:
    """The refusals that findings know of, when the log's last position was ``since`` or a later one; in that order."""
    return [Attempt(*row) for row in reader.fetch(REFUSALS, (since,))]
