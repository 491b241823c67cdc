"""One route for each path: finds the caller, checks the role, judges the request, and answers.

The order is the same everywhere: identity (401), role (403), syntax (422), a known idempotency key, values (422), the rules.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID, uuid4

import anyio
import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from application.log import Reader
from application.projections.tables import micros
from application.receipts import Answer, RequestKey
from application.turn import Turn, Work
from application.views import Versioned
from domain.quantities import Actor
from domain.refusals import Malformed, NotFound, Refusal
from interfaces.http import problems
from interfaces.http.following import MEDIA_TYPE, EventStream, Following
from interfaces.http.judging import Parsed, judged, parsed, single_values
from interfaces.http.metrics import Metrics
from interfaces.http.operations import JSON, PREFIX, Asking, Command, Feed, Operation, Query
from interfaces.http.parameters import EventsFrom
from interfaces.http.problems import problem_bytes, status_of
from interfaces.http.security import Tokens
from interfaces.service import Service

BODY_BYTES_MAX = 1024 * 1024
READERS_MAX = 8  # threads that read from the store at the same time

STATUS_OF_SUCCESS = {"created": 201, "done": 200, "accepted": 202}

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_ENTITY_TAG = re.compile(r'"([0-9]{1,18})"')
_MONTH = re.compile(r"(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

NOTE_READ = "INSERT INTO personal_reads (id, at, subject, role, organisation, path, about) VALUES (?, ?, ?, ?, ?, ?, ?)"


class Api:
    """What all resources of one process share."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.metrics = Metrics()
        self.limiter = anyio.CapacityLimiter(READERS_MAX)
        self.tokens = Tokens(service.store, self.limiter)
        self.following = Following(service.store, self.tokens)
        with service.store.reading() as reader:
            head = reader.head()
        self.position = head.id if head else 0  # the last one that anybody was answered
        self.metrics.streams.set_function(lambda: self.following.streams)
        self.metrics.reader_behind.set_function(lambda: self.following.reader_behind(self.position))
        self.metrics.streams_behind.set_function(lambda: self.following.slowest_behind(self.position))

    async def reading(self, read: Callable[[], Response]) -> Response:
        """Reads in a thread of its own."""
        return await anyio.to_thread.run_sync(read, limiter=self.limiter)

    def response(
        self, status: int, body: bytes, position: int, version: int | None = None, location: str = "", media_type: str = JSON
    ) -> Response:
        """An answer with the position of the log, and the version of the resource."""
        self.position = max(self.position, position)
        self.metrics.position.set(self.position)
        headers = {"Position": str(position), "Cache-Control": "no-store"}
        if version is not None:
            headers["ETag"] = f'"{version}"'
        if location:
            headers["Location"] = location
        return Response(body, status, headers, media_type if status < 400 else problems.MEDIA_TYPE)

    def refused(self, refusal: Refusal) -> Response:
        """The answer to a refusal outside a turn."""
        self.metrics.refusals.labels(refusal.code).inc()
        return self.response(status_of(refusal.code), problem_bytes(refusal), self.position)


class Resource:
    """All operations of one path, as an ASGI application."""

    def __init__(self, api: Api, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.path = f"{PREFIX}{operations[0].path}"
        self._api = api
        self._by_method: dict[str, CommandHandler | QueryHandler | FeedHandler] = {}
        for operation in operations:
            match operation:
                case Command():
                    self._by_method["POST"] = CommandHandler(api, operation)
                case Query():
                    self._by_method["GET"] = self._by_method["HEAD"] = QueryHandler(api, operation)
                case Feed():
                    self._by_method["GET"] = self._by_method["HEAD"] = FeedHandler(api, operation)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Refusal as refusal:
            response = self._api.refused(refusal)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        handler = self._by_method.get(request.method)
        if handler is None:
            raise problems.method_not_allowed(", ".join(self._by_method))
        actor = await self._api.tokens.actor(request.headers.get("authorization", ""))
        if actor.role not in handler.operation.policy:
            raise problems.forbidden()
        return await handler(request, actor)


class CommandHandler:
    """Posts: one command, decided in a turn."""

    def __init__(self, api: Api, command: Command) -> None:
        self.operation = command
        self._api = api
        self._id = msgspec.json.Decoder(_Created)
        self._located = command.created and command.path.count("/") == 1  # sessions are read with their booking

    async def __call__(self, request: Request, actor: Actor) -> Response:
        sent = parsed(await _body(request))
        key = self._key(request, sent)
        try:
            work = self._work(request, actor, sent, key)
        except Refusal as refusal:
            return await self._recalled(actor, key, refusal)
        return self._response(await self._decided(work))

    def _key(self, request: Request, sent: Parsed) -> RequestKey | None:
        key = request.headers.get("idempotency-key")
        if key is None:
            return None
        if not _KEY.fullmatch(key):
            raise Malformed(place="Idempotency-Key", problem="1 bis 255 druckbare ASCII-Zeichen")
        line = f"{request.method} {request.scope['path']}\n".encode()
        return RequestKey(key, self._api.service.keyring.fingerprint(line + sent.canonical))

    def _work(self, request: Request, actor: Actor, sent: Parsed, key: RequestKey | None) -> Work:
        ids = path_ids(request.path_params)
        arguments = judged(sent.value, self.operation.body).arguments()

        def decide(turn: Turn) -> Answer:
            return self.operation.decide(turn, *ids, **arguments)

        return Work(actor, decide, key, _expected(request.headers.get("if-match")))

    async def _recalled(self, actor: Actor, key: RequestKey | None, refusal: Refusal) -> Response:
        """A known key decides before values do; where it is not known, the values are what is wrong."""
        if key is None:
            raise refusal
        answer = await anyio.to_thread.run_sync(self._api.service.engine.recall, actor, key, limiter=self._api.limiter)
        if answer is None:
            raise refusal
        return self._response(answer)

    async def _decided(self, work: Work) -> Answer:
        self._api.metrics.waiting.inc()
        try:
            return await asyncio.wrap_future(self._api.service.engine.submit(work))
        finally:
            self._api.metrics.waiting.dec()

    def _response(self, answer: Answer) -> Response:
        status = STATUS_OF_SUCCESS.get(answer.outcome)
        if status is None:
            self._api.metrics.refusals.labels(answer.outcome).inc()
            return self._api.response(status_of(answer.outcome), answer.body, answer.position)
        location = ""
        if self._located:
            location = f"{PREFIX}{self.operation.path}/{self._id.decode(answer.body).id}"
        return self._api.response(status, answer.body, answer.position, answer.version, location)


class QueryHandler:
    """Gets: one snapshot."""

    def __init__(self, api: Api, query: Query) -> None:
        self.operation = query
        self._api = api

    async def __call__(self, request: Request, actor: Actor) -> Response:
        ids = path_ids(request.path_params)
        wanted = judged(single_values(request.query_params.multi_items()), self.operation.parameters, strict=False)
        answer = self._answer_and_note if self.operation.opens_texts else self._answer
        return await self._api.reading(lambda: answer(actor, ids, wanted, request.scope["path"]))

    def _answer(self, actor: Actor, ids: Sequence[UUID | str], wanted: msgspec.Struct, _: str) -> Response:
        with self._api.service.store.reading() as reader:
            return self._found(self._asking(actor, reader), ids, wanted)

    def _answer_and_note(self, actor: Actor, ids: Sequence[UUID | str], wanted: msgspec.Struct, path: str) -> Response:
        """The answer goes out once it is recorded who read whose texts."""
        with self._api.service.store.turn() as transaction:
            asking = self._asking(actor, transaction)
            response = self._found(asking, ids, wanted)
            now = micros(asking.now)
            who = (actor.subject, actor.role, actor.organisation)
            notes = [(str(uuid4()), now, *who, f"GET {path}", about) for about in sorted(asking.opened)]
            if notes:
                transaction.execute(NOTE_READ, notes)
        return response

    def _asking(self, actor: Actor, reader: Reader) -> Asking:
        return Asking(actor, reader, self._api.service.keyring, self._api.service.clock())

    def _found(self, asking: Asking, ids: Sequence[UUID | str], wanted: msgspec.Struct) -> Response:
        head = asking.reader.head()
        position = head.id if head else 0
        found = self.operation.read(asking, wanted, *ids)
        match found:
            case str():
                return self._api.response(200, found.encode(), position, media_type=self.operation.media_type)
            case Versioned():
                return self._api.response(200, msgspec.json.encode(found.view), position, found.version)
            case _:
                return self._api.response(200, msgspec.json.encode(found), position)


class FeedHandler:
    """Gets that go on."""

    def __init__(self, api: Api, feed: Feed) -> None:
        self.operation = feed
        self._api = api

    async def __call__(self, request: Request, actor: Actor) -> Response:
        wanted = judged(single_values(request.query_params.multi_items()), EventsFrom, strict=False)
        after = _last_event(request.headers.get("last-event-id", ""), wanted.after)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # a proxy must not keep what came
        if request.method == "HEAD":
            return Response(headers=headers, media_type=MEDIA_TYPE)
        stream = await self._api.following.open(actor, request.headers["authorization"], after)
        return EventStream(self._api.following, stream, {**headers, "Position": str(stream.position)})


def _last_event(stated: str, after: int | None) -> int | None:
    """A client that comes back says so in a header, and repeats its first query: the header counts."""
    if not stated:
        return after
    try:
        return judged({"after": stated}, EventsFrom, strict=False).after
    except Malformed as refusal:
        raise Malformed(place="Last-Event-ID", problem=refusal.facts["problem"]) from None


class _Created(msgspec.Struct):
    id: str


def path_ids(stated: Mapping[str, str]) -> list[UUID | str]:
    """The ids of a path. An id of the wrong form is as little there as one that nobody gave."""
    return [_month(text) if name == "month" else _uuid(text) for name, text in stated.items()]


def _uuid(text: str) -> UUID:
    if not _UUID.fullmatch(text):
        raise NotFound()
    return UUID(text)


def _month(text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise Malformed(place="month", problem="kein Monat wie 2024-03")
    return text


def _expected(entity_tag: str | None) -> int | None:
    """The version that ``If-Match`` names; ``*`` takes any."""
    if entity_tag is None or entity_tag.strip() == "*":
        return None
    found = _ENTITY_TAG.fullmatch(entity_tag.strip())
    if found is None:
        raise Malformed(place="If-Match", problem='kein ETag wie "7"')
    return int(found[1])


async def _body(request: Request) -> bytes:
    """The body, as far as it is JSON and not too large."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise problems.too_large()
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type != "application/json":
        raise Malformed(place="Content-Type", problem="application/json ist nötig")
    return bytes(body)
