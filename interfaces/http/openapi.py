"""The OpenAPI document: made from the same declarations that the routes are made of."""

import re
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any, get_origin, get_type_hints

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from application.reads import PURPOSES
from application.views import Versioned
from domain.refusals import ORDER
from interfaces.http.examples import PATH_IDS, answer_example
from interfaces.http.following import MEDIA_TYPE as EVENT_STREAM
from interfaces.http.operations import JSON, PREFIX, Change, Command, Feed, Operation, Query
from interfaces.http.problems import MEDIA_TYPE, Problem, status_of

DESCRIPTION = """Flexibler Stundenpool: Stunden beantragen, bewilligen, nachweisen und abrechnen.

* Minuten sind ganze Zahlen, Zeitpunkte RFC 3339 mit Zeitzone. Die Anmeldung ist `Authorization: Bearer …`.
* Jeder POST darf einen `Idempotency-Key` tragen. Derselbe Schlüssel mit derselben Anfrage wird auf Dauer gleich beantwortet, mit
  einer anderen abgelehnt (`key_reused`).
* `Position` nennt den Stand des Protokolls, `ETag` die Fassung eines Vorgangs; `If-Match` wird beachtet.
* `X-Request-Id` wird beantwortet, wie ihn die Anfrage nennt (bis zu 64 Buchstaben, Ziffern, `.`, `_`, `-`), sonst vergeben.
* Ablehnungen sind Problems nach RFC 9457 mit einem festen `code`. Fremdes und Fehlendes wird gleich beantwortet.
* Listen sind `{items, next}`; `next` ist das `after` der folgenden Seite.
* Die Beispiele tragen erdachte Kennungen. `x-given` nennt die Vorgänge, die einem Beispiel vorausgehen müssen, `x-roles` die
  Rollen, die es dürfen. Wer sie ausführt, setzt
  statt der Kennung im Beispiel einer Antwort überall die wirkliche ein.
"""

_REF = "#/components/schemas/{name}"
_PATH_NAME = re.compile(r"{(\w+)}")
_CODES_409 = ", ".join(refusal.code for refusal in ORDER if status_of(refusal.code) == 409)

_PROBLEMS = {
    401: "Kein gültiges Token",
    403: "Die Rolle darf das nicht (`forbidden`), oder das Token nicht (`out_of_scope`)",
    404: "Gibt es nicht, oder nicht für Sie",
    409: f"Eine Regel spricht dagegen. Code: {_CODES_409}",
    412: "Inzwischen geändert (`version_differs`)",
    413: "Mehr als 1 MiB",
    422: "Angaben nicht gültig, mit Ort (`malformed`), oder Schlüssel schon verwendet (`key_reused`)",
    429: "Zu viele Anfragen in kurzer Zeit; siehe Retry-After",
    503: "Ein Teil des Dienstes ist nicht erreichbar, oder zu viele warten; siehe Retry-After",
}


def document(app: FastAPI, operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document: what FastAPI knows of its own routes, and all operations."""
    found = list(operations)
    made = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, openapi_version="3.1.0")
    paths = made.setdefault("paths", {})
    for operation in found:
        paths.setdefault(f"{PREFIX}{operation.path}", {})[operation.method.lower()] = _operation(operation)
    _add_links(paths, found)
    components = made.setdefault("components", {})
    components.setdefault("schemas", {}).update(_schemas(found))
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    components["responses"] = {str(status): _problem(status, text) for status, text in _PROBLEMS.items()}
    components["headers"] = _HEADERS
    made["tags"] = [{"name": tag} for tag in dict.fromkeys(map(_tag, found))]
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))  # tuples are no defaults of JSON
    return plain


_HEADERS = {
    "Position": {"description": "Letzte Position des Protokolls", "required": True, "schema": {"type": "integer", "minimum": 0}},
    "ETag": {"description": "Fassung des Vorgangs", "required": True, "schema": {"type": "string"}},
    "Location": {"description": "Wo das Neue steht", "required": True, "schema": {"type": "string"}},
    "Retry-After": {"description": "Sekunden", "required": True, "schema": {"type": "integer", "minimum": 1}},
}


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [_tag(operation)],
        "security": [{"token": []}],
        "x-roles": sorted(operation.policy),
        "x-given": list(operation.given),
        "parameters": [_path_parameter(name) for name in _PATH_NAME.findall(operation.path)],
    }
    if operation.note:
        made["description"] = operation.note
    if isinstance(operation, Command):
        made["parameters"] += _COMMAND_HEADERS
        made["requestBody"] = _body(operation)
        made["responses"] = _command_responses(operation)
    elif isinstance(operation, Query):
        made["parameters"] += _query_parameters(operation.parameters, operation.example)
        made["parameters"] += [_purpose(operation)] if operation.opens_texts else []
        made["responses"] = _query_responses(operation)
    elif isinstance(operation, Change):
        if operation.method == "POST":
            made["parameters"] += [_IDEMPOTENCY_KEY]
            made["requestBody"] = _body(operation)
        made["responses"] = _change_responses(operation)
    elif isinstance(operation, Feed):
        made["parameters"] += [*_query_parameters(operation.parameters, {}), _LAST_EVENT_ID]
        made["responses"] = _feed_responses(operation)
    return made


def _add_links(paths: dict[str, Any], operations: Iterable[Operation]) -> None:
    """From every answer to the operations whose examples it must precede, with the ids that it knows."""
    by_name = {operation.name: operation for operation in operations}
    for operation in by_name.values():
        if operation.given and not isinstance(operation, Feed):
            before = by_name[operation.given[-1]]
            answers = paths[f"{PREFIX}{before.path}"][before.method.lower()]["responses"]
            success = answers["201"] if "201" in answers else answers["200"]
            success.setdefault("links", {})[operation.name] = _link(before, operation)


def _link(before: Operation, after: Command | Query | Change) -> dict[str, Any]:
    """How the ids of one call become those of the next: in its path, its query or its body."""
    known = {name: f"$request.path.{name}" for name in _PATH_NAME.findall(before.path)}
    if isinstance(before, Command | Change) and before.created:
        known[before.path.rpartition("/")[2].removesuffix("s")] = "$response.body#/id"
    parameters = {name: known[name] for name in _PATH_NAME.findall(after.path) if name in known}
    named = {name: known[name] for name in after.example if name in known}
    link = {"operationId": after.name, "parameters": parameters}
    if isinstance(after, Query):
        return link | {"parameters": parameters | named}
    return link | ({"requestBody": dict(after.example) | named} if named else {})


def _tag(operation: Operation) -> str:
    return operation.path.split("/")[1]


def _path_parameter(name: str) -> dict[str, Any]:
    form = {"pattern": "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])$"} if name == "month" else {"format": "uuid"}
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", **form}, "example": PATH_IDS[name]}


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "1 bis 255 druckbare ASCII-Zeichen, für jede neue Anfrage ein neuer",
    "schema": {"type": "string", "pattern": "^[ -~]{1,255}$"},
}
_COMMAND_HEADERS = [
    _IDEMPOTENCY_KEY,
    {
        "name": "If-Match",
        "in": "header",
        "description": "ETag, der noch gelten muss; * nimmt jeden",
        "schema": {"type": "string", "pattern": r'^(\*|"[0-9]{1,18}")$'},
    },
]


def _body(command: Command | Change) -> dict[str, Any]:
    content = {"schema": _reference(command.body), "example": dict(command.example)}
    return {"required": _has_required(command.body), "content": {"application/json": content}}


def _has_required(struct: type[msgspec.Struct]) -> bool:
    return any(field.required for field in msgspec.structs.fields(struct))


def _command_responses(command: Command) -> dict[str, Any]:
    example = answer_example(command.view, command.shows)
    headers = ["Position", "ETag", *(["Location"] if command.created and command.path.count("/") == 1 else [])]
    schema = _reference(command.view)
    responses = {"201" if command.created else "200": _success(schema, example, headers)}
    if command.may_await_second:
        proposed = {**(example or {}), "state": "awaiting_second", "granted_minutes": 0, "proposed_minutes": 480}
        responses["202"] = _success(schema, proposed, headers)
    return responses | _refused(401, 403, 404, 409, 412, 413, 422, 429, 503)


def _change_responses(change: Change) -> dict[str, Any]:
    headers = ["Position", *(["Location"] if change.created else [])]
    success = _success(_reference(change.view), answer_example(change.view, {}), headers)
    return {"201" if change.created else "200": success} | _refused(401, 403, 404, 413, 422, 429, 503)


def _purpose(query: Query) -> dict[str, Any]:
    usual = ", ".join(f"{role}: {purpose}" for role, purpose in sorted(query.opens_texts.items()))
    return {
        "name": "X-Purpose",
        "in": "header",
        "description": f"Wofür die Texte gelesen werden: {', '.join(f'{code} = {word}' for code, word in PURPOSES.items())}. "
        f"Ohne Angabe wird verzeichnet, was üblich ist: {usual}.",
        "schema": {"type": "string", "enum": list(PURPOSES)},
    }


_NULL = {"type": "null"}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "Position des letzten empfangenen Ereignisses; geht vor after",
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
}


def _query_parameters(parameters: type[msgspec.Struct], examples: Mapping[str, str]) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(parameters)["$defs"][parameters.__name__]
    made = [_query_parameter(name, described) for name, described in schema["properties"].items()]
    return [
        parameter
        | ({"required": True} if parameter["name"] in schema.get("required", ()) else {"allowEmptyValue": True})
        | ({"example": examples[parameter["name"]]} if parameter["name"] in examples else {})
        for parameter in made
    ]


def _query_parameter(name: str, described: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter that is left out needs no ``null`` in its schema."""
    either = described.get("anyOf", [])
    options = [option for option in either if option != _NULL] if _NULL in either else [described]
    schema = {key: value for key, value in dict(options[0]).items() if key != "description"}
    if described.get("default") is not None:
        schema["default"] = described["default"]
    if None in schema.get("enum", ()):
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    return {"name": name, "in": "query", "schema": schema} | (
        {"description": options[0]["description"]} if "description" in options[0] else {}
    )


def _query_responses(query: Query) -> dict[str, Any]:
    versioned = get_origin(get_type_hints(query.read)["return"]) is Versioned
    if query.paged:
        schema: dict[str, Any] = {
            "type": "object",
            "required": ["items", "next"],
            "properties": {"items": {"type": "array", "items": _reference(query.view)}, "next": {"type": ["string", "null"]}},
        }
        example = None
    else:
        schema, example = _reference(query.view), answer_example(query.view, {})
    responses = {"200": _success(schema, example, ["Position", *(["ETag"] if versioned else [])], query.media_type)}
    names_something = "{" in query.path or _has_required(query.parameters) or query.names_one
    return responses | _refused(401, 403, *([404] if names_something else []), 422, 429, 503)


def _feed_responses(feed: Feed) -> dict[str, Any]:
    """A text whose lines ``data`` are JSON: OpenAPI has no word for that, so the schema of these is named beside it."""
    schema = {"type": "string", "contentMediaType": EVENT_STREAM, "x-data": _reference(feed.view)}
    return {"200": _success(schema, None, ["Position"], EVENT_STREAM)} | _refused(401, 403, 422, 429, 503)


def _success(schema: Mapping[str, Any], example: Any, headers: Iterable[str], media_type: str = JSON) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {
        "description": "Erledigt",
        "headers": _headers(headers),
        "content": {media_type: content},
    }


def _refused(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _problem(status: int, text: str) -> dict[str, Any]:
    """What is turned away before it reaches the log knows no position of it."""
    headers = {429: ["Retry-After"], 503: ["Retry-After"], 401: [], 403: [], 413: []}.get(status, ["Position"])
    return {"description": text, "headers": _headers(headers), "content": {MEDIA_TYPE: {"schema": _reference(Problem)}}}


def _reference(kind: type) -> dict[str, Any]:
    return {"type": "string"} if kind is str else {"$ref": _REF.format(name=kind.__name__)}


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    kinds: list[type] = [Problem]
    for operation in operations:
        kinds.append(operation.view)
        if isinstance(operation, Command | Change):
            kinds.append(operation.body)
    _, components = msgspec.json.schema_components(list(dict.fromkeys(kinds)), ref_template=_REF)
    for schema in components.values():
        if "description" in schema:
            schema["description"] = cleandoc(schema["description"])  # before Python 3.13 docstrings keep their indentation
    return components
