"""Receipts: the answer to every keyed command, kept for good in the transaction of the events it answers.

A key belongs to a subject in an organisation and to one request: the same request gets the same answer byte for byte,
another one is refused.
"""

from collections.abc import Collection
from typing import Any

import msgspec

from application.log import Found, Question, Reader
from domain.quantities import Actor
from domain.refusals import KeyReused

INSERT = (
    "INSERT INTO receipts (subject, organisation, idempotency_key, request, outcome, body, position, version) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
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
    """An answer with the fingerprint of the request it was given to."""

    fingerprint: bytes
    answer: Answer

    def answer_to(self, fingerprint: bytes) -> Answer:
        """The answer as before; ``KeyReused`` for another request."""
        if fingerprint != self.fingerprint:
            raise KeyReused()
        return self.answer

    def row(self, identity: Identity) -> tuple[Any, ...]:
        """The values for ``INSERT``."""
        answer = self.answer
        return (*identity, self.fingerprint, answer.outcome, answer.body, answer.position, answer.version)


def read(reader: Reader, identities: Collection[Identity]) -> dict[Identity, Receipt]:
    """The receipts that exist among these identities."""
    [found] = reader.ask(asked(identities))
    return receipts_of(found)


def asked(identities: Collection[Identity]) -> Question:
    """What ``read`` asks, to be asked together with something else."""
    return Question(
        "SELECT subject, organisation, idempotency_key, request, outcome, body, position, version FROM receipts "
        "WHERE (subject, organisation, idempotency_key) IN (?)",
        identities,
    )


def receipts_of(found: Found) -> dict[Identity, Receipt]:
    """What ``asked`` is answered with."""
    return {
        (subject, organisation, key): Receipt(bytes(request), Answer(outcome, bytes(body), position, version))
        for subject, organisation, key, request, outcome, body, position, version in found
    }


def refusals(reader: Reader, codes: Collection[str]) -> list[tuple[str, str, str, str, int]]:
    """Every refusal of these codes that is on record: subject, organisation, key, code and the position of the log then."""
    marks = ", ".join("?" for _ in codes)
    found = reader.fetch(
        f"SELECT subject, organisation, idempotency_key, outcome, position FROM receipts WHERE outcome IN ({marks})", tuple(codes)
    )
    return [(subject, organisation, key, code, position) for subject, organisation, key, code, position in found]
