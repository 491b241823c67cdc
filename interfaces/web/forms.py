"""What people send with the forms of the pages: decided as the API decides it, once for a form however often it is sent."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from starlette.requests import Request

from application.arrivals import Overloaded
from application.receipts import RequestKey
from application.turn import Turn, Work
from domain.quantities import Actor
from domain.refusals import Malformed
from interfaces.http import problems
from interfaces.http.judging import judged, single_values
from interfaces.http.operations import PREFIX, Command
from interfaces.http.resources import STATUS_OF_SUCCESS, Api

FORM_BYTES_MAX = 64 * 1024  # a text of 4,000 characters, each of them twelve bytes in a form
FIELDS_MAX = 10


async def fields(request: Request) -> dict[str, str]:
    """The fields of the form that was sent, without those left empty; raises ``Malformed``."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES_MAX:
            raise problems.too_large()
    try:
        found = single_values(parse_qsl(body.decode(), max_num_fields=FIELDS_MAX, errors="strict"))
    except ValueError:
        raise Malformed(place="Formular", problem="kein Formular dieser Seiten") from None
    return {name: value.replace("\r\n", "\n") for name, value in found.items()}


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every form sends: ``key`` was made with it, so whoever presses its button twice is answered the same."""

    key: UUID


async def decided(
    api: Api,
    actor: Actor,
    command: Command,
    ids: Sequence[UUID],
    said: Mapping[str, Any],
    key: UUID,
    expected: int | None = None,
) -> str | None:
    """Decides a command as if the API was called with it, on request only in the version that is ``expected``.

    Gives ``None``, or the sentence that refuses it. Raises ``Refusal``.
    """
    arguments: Mapping[str, Any] = judged(said, command.body).arguments()
    if command.beforehand is not None:
        arguments = await api.reading(partial(_beforehand, api, actor, command, ids, arguments))

    def decide(turn: Turn) -> Any:
        return command.decide(turn, *ids, **arguments)

    line = f"{command.method} {PREFIX}{command.path} {' '.join(map(str, ids))}\n".encode()
    fingerprint = api.service.keyring.fingerprint(line + msgspec.json.encode(said, order="sorted"))
    try:
        answer = await api.decisions.of(Work(actor, decide, RequestKey(str(key), fingerprint), expected, next(iter(ids), None)))
    except Overloaded:
        api.metrics.turned_away.inc()
        raise problems.overloaded() from None
    if answer.outcome in STATUS_OF_SUCCESS:
        return None
    api.metrics.refusals.labels(answer.outcome).inc()
    return str(msgspec.json.decode(answer.body)["detail"])


def _beforehand(api: Api, actor: Actor, command: Command, ids: Sequence[UUID], arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    assert command.beforehand is not None
    with api.service.store.reading() as reader:
        return command.beforehand(api.asking(actor, reader), *ids, **arguments)
