"""One route for each path: finds the caller, checks the role, judges the request, and answers.

The order is the same everywhere: identity (401), role (403), syntax (422), a known idempotency key, values (422), the rules.
Whoever asks too often is told so (429) before anything else that would cost work.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from functools import partial
from itertools import groupby
from typing import Any, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import anyio
import anyio.to_thread
import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from application import receipts
from application.arrivals import Overloaded
from application.log import Reader, Transaction
from application.reads import PURPOSES, Occasion, RecordedOpener
from application.receipts import Answer, Receipt, RequestKey
from application.turn import Turn, Work
from application.views import Versioned
from domain.quantities import Actor
from domain.refusals import Malformed, NotFound, Refusal
from interfaces import logs
from interfaces.http import problems
from interfaces.http.edge import answer_to, identified, note
from interfaces.http.following import EventStream, Following
from interfaces.http.judging import Parsed, judged, parsed, single_values
from interfaces.http.metrics import Metrics
from interfaces.http.operations import JSON, PREFIX, Asking, Change, Changing, Command, Feed, Issuing, Operation, Query
from interfaces.http.parameters import EventsFrom, known_at_of
from interfaces.http.policies import ADMINS
from interfaces.http.problems import problem_bytes, status_of
from interfaces.http.rates import Rates, counted_as
from interfaces.http.replies import Header, Reply, reply
from interfaces.http.waiting import Decisions, Reads
from interfaces.identity.bearers import Bearers
from interfaces.identity.blocks import Blocks
from interfaces.identity.breached import Breached
from interfaces.identity.oidc import OpenId
from interfaces.identity.sessions import Sessions
from interfaces.identity.signing_in import SigningIn
from interfaces.identity.tokens import Tokens, permits
from interfaces.networks import lies_in, read_networks
from interfaces.service import Service

T = TypeVar("T")

BODY_BYTES_MAX = 1024 * 1024
READERS_MAX = 8  # threads that read from the store at the same time

STATUS_OF_SUCCESS = {"created": 201, "done": 200, "accepted": 202}

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_ENTITY_TAG = re.compile(r'"([0-9]{1,18})"')
_MONTH = re.compile(r"(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])")
_NAME = re.compile(r"{(\w+)}")
_ID, _END = "/id", "/end"  # no part of a path contains a slash
_UUID_LENGTH = 36

LAST_EVENT_ID = "Last-Event-ID"

_PURPOSE = b"x-purpose"


class Api:
    """What all resources of one process share. Belongs to one event loop."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.metrics = Metrics()
        self.metrics.workers.set(service.settings.workers)
        self.rates = Rates(per_account=service.settings.account_rate, per_address=service.settings.address_rate)
        self.limiter = anyio.CapacityLimiter(READERS_MAX)
        self.tokens = Tokens(service.store, self.limiter)
        self.openid = OpenId(service.settings) if service.settings.oidc_issuer else None
        self.bearers = Bearers(self.tokens, self.openid, Blocks(service.store, self.limiter))
        self.sessions = Sessions(service.store, self.limiter)
        breached = Breached(service.settings.breached_passwords) if service.settings.breached_passwords else None
        self.signing_in = SigningIn(self.sessions, service.keyring, breached)
        self._admin_networks = read_networks(service.settings.admin_networks)
        self.decisions = Decisions(service.engine)
        self.following = Following(service.store, self.bearers)
        with service.store.reading() as reader:
            head = reader.head()
        self.position = head.id if head else 0  # the last one that anybody was answered
        service.engine.watch(self.metrics.turn)
        self.metrics.waiting.set_function(lambda: self.decisions.waiting)
        self.metrics.position.set_function(lambda: self.position)
        self.metrics.streams.set_function(lambda: self.following.streams)
        self.metrics.reader_behind.set_function(lambda: self.following.reader_behind(self.position))
        self.metrics.streams_behind.set_function(lambda: self.following.slowest_behind(self.position))

    def asking(
        self, actor: Actor, log: Reader, known_at: datetime | date | None = None, opener: RecordedOpener | None = None
    ) -> Asking:
        """Somebody who asks in a snapshot. The past is the office's alone: a provider may see today what was another's, and the
        other way round."""
        service = self.service
        now = service.clock()
        asking = Asking(actor, log, now, service.findings, periods=service.periods, opener=opener)
        if known_at is not None:
            if asking.provider is not None:
                raise problems.forbidden()
            past = asking.past = service.pasts.at(log, known_at)
            asking.now = min(now, past.instant)
            if past.tables is not None:
                asking.findings = service.findings.at(past.position)
        return asking

    def demand_network(self, actor: Actor, address: str) -> None:
        """Administrators come from where the settings say, if they say so; raises ``Rejected``."""
        if actor.role in ADMINS and self._admin_networks and not lies_in(address, self._admin_networks):
            raise problems.elsewhere()

    def recording(self, occasion: Occasion) -> AbstractContextManager[tuple[Reader, RecordedOpener]]:
        """A snapshot and what opens its texts; whose they were is on record on leaving."""
        return self.service.read_log.recording(occasion, self.service.clock())

    async def reading(self, read: Callable[[], T]) -> T:
        """Reads in a thread of its own."""
        return await anyio.to_thread.run_sync(read, limiter=self.limiter)

    def reply(self, status: int, body: bytes, position: int, version: int | None = None, media_type: str = JSON) -> Reply:
        """An answer with the position of the log, and the version of the resource."""
        self.position = max(self.position, position)
        headers: list[Header] = [(b"position", b"%d" % position)]
        if version is not None:
            headers.append((b"etag", b'"%d"' % version))
        return reply(status, body, media_type if status < 400 else problems.MEDIA_TYPE, *headers)

    def refused(self, refusal: Refusal) -> Reply:
        """The answer to a refusal outside a turn."""
        self.metrics.refusals.labels(refusal.code).inc()
        return self.reply(status_of(refusal.code), problem_bytes(refusal), self.position)


class Call:
    """A request to a resource: what of it somebody looks at. Where a header is stated twice, the first counts."""

    __slots__ = ("_headers", "_scope", "counted", "ids", "method", "path", "receive")

    def __init__(self, scope: Scope, receive: Receive, ids: Mapping[str, str]) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.ids = ids
        self.counted = counted_as(scope)
        self._scope = scope
        self.receive = receive
        self._headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))

    def header(self, name: bytes) -> str | None:
        """The value of a header, whose name is in lower case."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def address(self) -> str:
        """Where the request comes from; the server believes a proxy that it was told to trust. Empty behind a socket file."""
        client = self._scope.get("client")
        return client[0] if client else ""

    def parameters(self) -> list[tuple[str, str]]:
        """Those of the query, in their order."""
        query: bytes = self._scope["query_string"]
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else []

    async def body(self) -> bytes:
        """The body, as far as it is JSON and not too large."""
        body, more = b"", True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > BODY_BYTES_MAX:
                raise problems.too_large()
        media_type = (self.header(b"content-type") or "").partition(";")[0].strip().lower()
        if body and media_type != "application/json":
            raise Malformed(place="Content-Type", problem="application/json ist nötig")
        return body


class Resources:
    """All resources, to be found by their paths. Iterating gives each of them."""

    def __init__(self, api: Api, operations: Sequence[Operation]) -> None:
        by_path = groupby(sorted(operations, key=lambda operation: operation.path), key=lambda operation: operation.path)
        self._all = [Resource(api, tuple(of_path)) for _, of_path in by_path]
        self._tree: dict[str, Any] = {}  # by the parts of a path; ``_ID`` stands for any of them, under ``_END`` is the resource
        for resource in self._all:
            node = self._tree
            for part in resource.path.split("/"):
                node = node.setdefault(_ID if part.startswith("{") else part, {})
            node[_END] = resource

    def __iter__(self) -> "Iterator[Resource]":
        return iter(self._all)

    def find(self, path: str) -> "tuple[Resource, list[str]] | None":
        """The resource of a path with the ids that stand in it."""
        node, ids = self._tree, []
        for part in path.split("/"):
            deeper = node.get(part)
            if deeper is None:
                deeper = node.get(_ID)
                if deeper is None or not part:
                    return None
                ids.append(part)
            node = deeper
        resource = node.get(_END)
        return None if resource is None else (resource, ids)


class Resource:
    """All operations of one path, edge included."""

    def __init__(self, api: Api, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.path = f"{PREFIX}{operations[0].path}"
        self._names = _NAME.findall(self.path)
        self._api = api
        self._by_method: dict[str, CommandHandler | QueryHandler | ChangeHandler | FeedHandler] = {}
        for operation in operations:
            match operation:
                case Command():
                    self._by_method["POST"] = CommandHandler(api, operation)
                case Query():
                    self._by_method["GET"] = self._by_method["HEAD"] = QueryHandler(api, operation)
                case Change():
                    self._by_method[operation.method] = ChangeHandler(api, operation)
                case Feed():
                    self._by_method["GET"] = self._by_method["HEAD"] = FeedHandler(api, operation)

    async def serve(self, ids: Sequence[str], scope: Scope, receive: Receive, send: Send) -> None:
        """Answers an HTTP request in whose path these ids stand."""
        started = time.perf_counter()
        status = 499
        call = Call(scope, receive, dict(zip(self._names, ids, strict=True)))
        request_id = identified(call.header(b"x-request-id"))
        try:
            answer = await self._answer(call)
            status = answer.status
            await answer.send(send, request_id)
        except ClientDisconnect:
            pass
        except Exception as error:
            answer_to(error)  # notes it; an answer that broke off half-way is ended by the server
        finally:
            note(self._api.metrics, scope["method"], self.path, status, started)

    async def _answer(self, call: Call) -> Reply | EventStream:
        try:
            return await self._handled(call)
        except Refusal as refusal:
            return self._api.refused(refusal)
        except ClientDisconnect:
            raise
        except Exception as error:
            return answer_to(error)

    async def _handled(self, call: Call) -> Reply | EventStream:
        self._api.rates.admit_address(call.counted)
        handler = self._by_method.get(call.method)
        if handler is None:
            raise problems.method_not_allowed(", ".join(self._by_method))
        actor, scope = await self._api.bearers.caller(call.header(b"authorization") or "")
        self._api.rates.admit_account(actor, call.counted)
        self._api.demand_network(actor, call.address)
        if actor.role not in handler.operation.policy:
            raise problems.forbidden()
        if not permits(scope, handler.operation.method, handler.operation.path):
            raise problems.out_of_scope()
        return await handler(call, actor)


class CommandHandler:
    """Posts: one command, decided in a turn."""

    def __init__(self, api: Api, command: Command) -> None:
        self.operation = command
        self._api = api
        self._located = command.created and command.path.count("/") == 1  # sessions are read with their booking

    async def __call__(self, call: Call, actor: Actor) -> Reply:
        sent = parsed(await call.body())
        key = _request_key(self._api, call, sent)
        try:
            work = await self._work(call, actor, sent, key)
        except Refusal as refusal:
            return await self._recalled(actor, key, refusal)
        try:
            answer = await self._api.decisions.of(work)
        except Overloaded:
            self._api.metrics.turned_away.inc()
            raise problems.overloaded() from None
        return self._reply(answer)

    async def _work(self, call: Call, actor: Actor, sent: Parsed, key: RequestKey | None) -> Work:
        ids = path_ids(call.ids)
        arguments: Mapping[str, Any] = judged(sent.value, self.operation.body).arguments()
        beforehand = self.operation.beforehand
        if beforehand is not None:
            arguments = await self._api.reading(partial(self._read, beforehand, actor, ids, arguments))

        def decide(turn: Turn) -> Answer:
            return self.operation.decide(turn, *ids, **arguments)

        about = (each for each in (*ids, arguments.get("case"), arguments.get("pool")) if isinstance(each, UUID))
        return Work(actor, decide, key, _expected(call.header(b"if-match")), next(about, None))

    def _read(
        self, beforehand: Callable[..., Mapping[str, Any]], actor: Actor, ids: Sequence[UUID | str], arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        with self._api.service.store.reading() as reader:
            return beforehand(self._api.asking(actor, reader), *ids, **arguments)

    async def _recalled(self, actor: Actor, key: RequestKey | None, refusal: Refusal) -> Reply:
        """A known key decides before values do; where it is not known, the values are what is wrong."""
        if key is None:
            raise refusal
        answer = await self._api.reading(lambda: self._api.service.engine.recall(actor, key))
        if answer is None:
            raise refusal
        return self._reply(answer)

    def _reply(self, answer: Answer) -> Reply:
        status = STATUS_OF_SUCCESS.get(answer.outcome)
        if status is None:
            self._api.metrics.refusals.labels(answer.outcome).inc()
            status = status_of(answer.outcome)
        made = self._api.reply(status, answer.body, answer.position, answer.version)
        if self._located and status == 201:
            made.headers.append(_location(self.operation, answer.body))
        return made


class QueryHandler:
    """Gets: one snapshot."""

    def __init__(self, api: Api, query: Query) -> None:
        self.operation = query
        self._api = api
        self._reads: Reads[Reply] = Reads(api.limiter)

    async def __call__(self, call: Call, actor: Actor) -> Reply:
        ids = path_ids(call.ids)
        wanted = judged(single_values(call.parameters()), self.operation.parameters, strict=False)
        if self.operation.opens_texts:
            occasion = self._occasion(call, actor, getattr(wanted, "exception", None))
            return await self._api.reading(lambda: self._answer_and_record(actor, ids, wanted, occasion))
        if self.operation.keeps_answer:
            return await self._api.reading(lambda: self._answer_and_keep(actor, ids, wanted))
        return await self._reads.answer((actor, *ids, wanted), lambda: self._answer(actor, ids, wanted))

    def _answer(self, actor: Actor, ids: Sequence[UUID | str], wanted: msgspec.Struct) -> Reply:
        with self._api.service.store.reading() as reader:
            return self._found(self._api.asking(actor, reader, known_at_of(wanted)), ids, wanted)

    def _occasion(self, call: Call, actor: Actor, exception: str | None) -> Occasion:
        """What the caller reads for, as stated or as usual; raises ``Malformed`` where it is nothing that is known."""
        purpose = call.header(_PURPOSE) or self.operation.opens_texts[actor.role]
        if purpose not in PURPOSES:
            raise Malformed(place="X-Purpose", problem=f"nennt, wofür gelesen wird: eines von {', '.join(PURPOSES)}")
        path = call.path if exception is None else f"{call.path}?exception={exception}"
        return Occasion(actor, f"GET {path}", purpose, call.address, logs.request_id.get())

    def _answer_and_record(self, actor: Actor, ids: Sequence[UUID | str], wanted: msgspec.Struct, occasion: Occasion) -> Reply:
        """The answer goes out once it is recorded who read whose texts."""
        with self._api.recording(occasion) as (reader, opener):
            asking = self._api.asking(actor, reader, known_at_of(wanted), opener)
            asking.exception = getattr(wanted, "exception", None)
            return self._found(asking, ids, wanted)

    def _answer_and_keep(self, actor: Actor, ids: Sequence[UUID | str], wanted: msgspec.Struct) -> Reply:
        service = self._api.service
        signer = service.checkpoint_keys.signer()
        with service.store.turn() as turn:
            issuing = Issuing(actor, turn, service.clock(), service.findings, transaction=turn, signer=signer)
            return self._found(issuing, ids, wanted)

    def _found(self, asking: Asking, ids: Sequence[UUID | str], wanted: msgspec.Struct) -> Reply:
        head = asking.reader.head()
        position = head.id if head else 0
        found = self.operation.read(asking, wanted, *ids)
        match found:
            case str():
                return self._api.reply(200, found.encode(), position, media_type=self.operation.media_type)
            case Versioned():
                return self._api.reply(200, msgspec.json.encode(found.view), position, found.version)
            case _:
                return self._api.reply(200, msgspec.json.encode(found), position)


class ChangeHandler:
    """Posts and deletions beside the log: each is a transaction of its own, and its receipt, where it has a key, stands in it."""

    def __init__(self, api: Api, change: Change) -> None:
        self.operation = change
        self._api = api

    async def __call__(self, call: Call, actor: Actor) -> Reply:
        sent = parsed(await call.body())
        key = _request_key(self._api, call, sent) if call.method == "POST" else None
        ids = path_ids(call.ids)
        answer, body = await self._api.reading(lambda: self._answer_and_tell(actor, ids, sent, key))
        made = self._api.reply(STATUS_OF_SUCCESS[answer.outcome], body, answer.position)
        if self.operation.created:
            made.headers.append(_location(self.operation, body))
        return made

    def _answer_and_tell(
        self, actor: Actor, ids: Sequence[UUID | str], sent: Parsed, key: RequestKey | None
    ) -> tuple[Answer, bytes]:
        """Nothing is changed where what the caller must be told cannot be."""
        with self._api.service.store.turn() as transaction:
            answer = self._answer(transaction, actor, ids, sent, key)
            return answer, self.operation.completed(self._api.service.keyring, answer.body)

    def _answer(
        self, transaction: Transaction, actor: Actor, ids: Sequence[UUID | str], sent: Parsed, key: RequestKey | None
    ) -> Answer:
        if key is None:
            return self._made(transaction, actor, ids, sent)
        identity = key.identity(actor)
        known = receipts.read(transaction, [identity])
        if known:
            return known[identity].answer_to(key.fingerprint)
        answer = self._made(transaction, actor, ids, sent)
        transaction.execute(receipts.INSERT, [Receipt(key.fingerprint, answer).row(identity)])
        return answer

    def _made(self, transaction: Transaction, actor: Actor, ids: Sequence[UUID | str], sent: Parsed) -> Answer:
        arguments = judged(sent.value, self.operation.body).arguments()
        view = self.operation.make(Changing(actor, transaction), *ids, **arguments)
        head = transaction.head()
        return Answer("created" if self.operation.created else "done", msgspec.json.encode(view), head.id if head else 0)


class FeedHandler:
    """Gets that go on."""

    def __init__(self, api: Api, feed: Feed) -> None:
        self.operation = feed
        self._api = api

    async def __call__(self, call: Call, actor: Actor) -> Reply | EventStream:
        wanted = judged(single_values(call.parameters()), EventsFrom, strict=False)
        stated = call.header(b"last-event-id")
        after, place = (_last_event(stated), LAST_EVENT_ID) if stated else (wanted.after, "after")
        if call.method == "HEAD":
            return EventStream.announced()
        stream = await self._api.following.open(actor, call.header(b"authorization") or "", after, place)
        return EventStream(self._api.following, stream, call.receive)


def _last_event(stated: str) -> int | None:
    """A client that comes back says so in a header, and repeats its first query: the header counts."""
    try:
        return judged({"after": stated}, EventsFrom, strict=False).after
    except Malformed as refusal:
        raise Malformed(place=LAST_EVENT_ID, problem=refusal.facts["problem"]) from None


class _Created(msgspec.Struct):
    id: str


_decode_created = msgspec.json.Decoder(_Created).decode


def _location(operation: Command | Change, body: bytes) -> Header:
    return b"location", f"{PREFIX}{operation.path}/{_decode_created(body).id}".encode()


def _request_key(api: Api, call: Call, sent: Parsed) -> RequestKey | None:
    key = call.header(b"idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Malformed(place="Idempotency-Key", problem="1 bis 255 druckbare ASCII-Zeichen")
    line = f"{call.method} {call.path}\n".encode()
    return RequestKey(key, api.service.keyring.fingerprint(line + sent.canonical))


def path_ids(stated: Mapping[str, str]) -> list[UUID | str]:
    """The ids of a path. An id of the wrong form is as little there as one that nobody gave."""
    return [_month(text) if name == "month" else _uuid(text) for name, text in stated.items()]


def _uuid(text: str) -> UUID:
    try:
        if len(text) == _UUID_LENGTH:  # without hyphens it is shorter, and not how we write it
            return msgspec.convert(text, UUID)
    except msgspec.ValidationError:
        pass
    raise NotFound()


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
