"""What is declared is what is served: policies, arguments, examples, and the published document."""

import inspect
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import msgspec
import pytest
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Mount, Route

from application import commands
from domain.quantities import Role
from interfaces.http.app import OPERATIONS, PUBLIC, Application, create_app, published
from interfaces.http.examples import PATH_IDS, answer_example
from interfaces.http.operations import PREFIX, Change, Command, Feed, Operation, Query
from interfaces.web import openid, sign_in
from interfaces.web.pages import PageResource
from tests.interfaces.http.office import PEOPLE, Office

PUBLISHED = Path(__file__).parents[3] / "openapi.json"
COMMANDS = [operation for operation in OPERATIONS if isinstance(operation, Command)]
POSTS = [operation for operation in OPERATIONS if isinstance(operation, Command | Change) and operation.method == "POST"]


def named(operation: Operation) -> str:
    return operation.name


@pytest.fixture
def app(office: Office) -> Application:
    """The application, for what is the same on all stores."""
    return create_app(office.service)


class TestRoutes:
    def test_every_route_of_the_api_has_a_policy_and_every_other_one_is_listed(self, app: Application) -> None:
        """A route that nobody gave a policy, or that nobody declared public, fails here."""
        for resource in app.resources:
            assert resource.path.startswith(PREFIX)
            assert all(operation.policy for operation in resource.operations)
        for route in app.routes:
            if isinstance(route, Route) and isinstance(route.endpoint, PageResource):
                assert route.endpoint.page.policy or route.endpoint.page in (*sign_in.PAGES, *openid.PAGES)
            else:
                assert isinstance(route, APIRoute | Mount)
                assert route.path in PUBLIC

    def test_every_declared_operation_is_served(self, app: Application) -> None:
        """No operation is declared in vain."""
        served = {operation.name for resource in app.resources for operation in resource.operations}
        assert served == {each.name for each in OPERATIONS}

    def test_a_resource_is_found_by_its_path_alone(self, app: Application) -> None:
        """With whatever stands in place of its ids; a part too few, too many or empty leads to none."""
        for resource in app.resources:
            path = resource.path.format_map({name: f"{name}-1" for name in PATH_IDS})
            found = app.resources.find(path)
            assert found is not None
            assert found[0] is resource
            assert found[1] == [part for part in path.split("/") if part.endswith("-1")]
            for other in (f"{path}/", f"{path}/x/y", path.replace("/v1", "//v1"), path.removeprefix("/"), path.replace("v1", "v2")):
                assert app.resources.find(other) is None
        for path in ("", "/", "/api/v1", "/api/v1/pools//balance", "/api/v1/pools/x/", "/api/v1/pools/x/balance/"):
            assert app.resources.find(path) is None

    def test_the_published_document_is_current(self, app: Application) -> None:
        """`openapi.json` is what the service says of itself; `scripts/publish_openapi.py` writes it anew."""
        assert PUBLISHED.read_bytes() == published(app)

    def test_the_document_is_valid_openapi(self, app: Application) -> None:
        """OpenAPI 3.1, with unique ids of operations."""
        document = app.openapi()
        assert document["openapi"].startswith("3.1")
        OpenAPIV31SpecValidator(document).validate()

    def test_every_operation_is_documented_with_roles_and_refusals(self, app: Application) -> None:
        """Whoever reads the document alone knows who may call and what may be answered."""
        paths = app.openapi()["paths"]
        for operation in OPERATIONS:
            described = paths[f"{PREFIX}{operation.path}"][operation.method.lower()]
            assert described["x-roles"] == sorted(operation.policy)
            assert {"401", "403", "422", "503"} <= described["responses"].keys()


def test_a_declaration_without_a_policy_is_impossible() -> None:
    """Nobody may forget it: neither leave it out nor leave it empty."""
    stated: dict[str, Any] = {
        "path": "/x",
        "summary": "",
        "read": list,
        "parameters": msgspec.Struct,
        "view": msgspec.Struct,
    }
    with pytest.raises(TypeError):
        Query(**stated)
    with pytest.raises(TypeError, match="who may use it"):
        Query(**stated, policy=frozenset())


@pytest.mark.parametrize("command", COMMANDS, ids=named)
def test_a_body_has_the_arguments_of_its_command(command: Command) -> None:
    """A field that the command does not take, or an argument that no body gives, fails here and not at a caller."""
    example = msgspec.convert(dict(command.example), command.body)
    signature = inspect.signature(getattr(commands, command.name)).parameters.values()
    taken = {parameter.name for parameter in signature if parameter.kind is parameter.KEYWORD_ONLY}
    given_by_the_caller = {"provider"} if command.name == "open_case" else set()
    if command.beforehand is None:
        assert example.arguments().keys() == taken - given_by_the_caller
    else:  # what it makes of the body, the examples show
        assert taken - example.arguments().keys() <= {"found", "sample", "periods"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_the_example_of_an_answer_is_one(operation: Operation) -> None:
    """Examples are of the type that the operation answers."""
    example = answer_example(operation.view, getattr(operation, "shows", {}))
    if example is not None:
        msgspec.convert(example, operation.view)


def test_every_example_runs(office: Office) -> None:
    """Each on fresh things, with the status and the fields that the document says. A feed has no end to wait for."""
    for operation in OPERATIONS:
        if isinstance(operation, Feed):
            continue
        answer = office.given(*operation.given).example(operation.name)
        created = isinstance(operation, Command | Change) and operation.created
        expected = 201 if created else 202 if operation.name == "erase" else 200  # which waits for a second person
        assert answer.status_code == expected, (operation.name, answer.text)
        body = answer.text if operation.view is str else answer.json()
        if isinstance(operation, Command):
            assert {name: body[name] for name in operation.shows} == dict(operation.shows)
        if isinstance(operation, Query) and operation.paged:
            assert body.keys() == {"items", "next"}
            msgspec.convert(body["items"], list[operation.view])  # type: ignore[name-defined]
        else:
            msgspec.convert(body, operation.view)


def test_every_role_gets_as_far_as_its_policy(office: Office) -> None:
    """Whoever may, is answered anything but 403; whoever may not, gets 403 before anything is looked at."""
    missing = {name: str(uuid4()) for name in PATH_IDS} | {"month": "2024-03"}
    roles = {role: person for person, (role, _, _) in reversed(PEOPLE.items())}
    assert roles.keys() == set(get_args(Role))
    for operation in OPERATIONS:
        method = "HEAD" if isinstance(operation, Feed) else operation.method  # only that has an end
        for role, person in roles.items():
            answer = office.call(person, method, operation.path.format_map(missing))
            allowed = role in operation.policy
            assert (answer.status_code != 403) == allowed, (operation.name, role, answer.text)
            assert answer.status_code < 500


def test_nobody_gets_in_without_a_token(office: Office) -> None:
    """Every operation asks who calls before it says anything."""
    for operation in OPERATIONS:
        answer = office.call(None, operation.method, operation.path.format_map(PATH_IDS))
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "unauthorized"
