"""The pages, declared like the operations of the API: who may open each stands beside it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from application import written
from application.explain import OfBalance
from application.projections.trail_lines import name_of
from application.reads import PURPOSES
from domain.quantities import Actor, Role, berlin_day
from domain.refusals import Malformed, Refusal
from interfaces.http import problems
from interfaces.http.edge import rejected_by
from interfaces.http.judging import judged, single_values
from interfaces.http.parameters import FigureOf, known_at_of
from interfaces.http.problems import Problem, Rejected
from interfaces.http.resources import Api, path_ids
from interfaces.http.security import AUDIT, AUDITORS, CASEWORK, OFFICE, Policy
from interfaces.web import charts, formats, session
from interfaces.web.findings import TITLES, FindingsShown, findings, positions
from interfaces.web.messages import counted, message
from interfaces.web.overview import Times, may_see_figures, may_see_other_times, overview
from interfaces.web.reads import ReadsShown, list_reads
from interfaces.web.trace import trace

STATIC = Path(__file__).parent / "static"
ASSETS = "/assets"
OVERVIEW, TRACE, FINDINGS, READS = "/", "/nachweis", "/feststellungen", "/einsichten"
SIGN_IN, SIGN_OUT = "/anmelden", "/abmelden"
PUBLIC_PAGES = (SIGN_IN, SIGN_OUT)  # those that nobody has to be signed in for

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers would not name the origin of a form
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a page, and who is signed in."""

    api: Api
    request: Request
    actor: Actor | None


Answering = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page and what it answers to each method; ``None`` in place of a policy opens it to everybody."""

    path: str
    policy: Policy | None
    answers: Mapping[str, Answering]


class PageResource:
    """One page, as an ASGI application."""

    def __init__(self, api: Api, page: Page) -> None:
        self.page = page
        self.path = page.path
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Refusal as refusal:
            response = _problem_page(problems.problem(refusal))
        except Exception as error:
            rejected = rejected_by(error)
            response = _problem_page(rejected.problem, rejected.headers)
        response.headers.update(HEADERS)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        answering = self.page.answers.get("GET" if request.method == "HEAD" else request.method)
        if answering is None:
            raise problems.method_not_allowed(", ".join(self.page.answers))
        if request.method == "POST" and not session.from_here(request):
            raise Rejected(403, "foreign_origin", message("problem.foreign_origin.title"), message("problem.foreign_origin"))
        actor = await _signed_in(self._api, session.token_of(request))
        if self.page.policy is not None:
            if actor is None:
                return RedirectResponse(SIGN_IN, 303)
            if actor.role not in self.page.policy:
                raise problems.forbidden()
        return await answering(Visit(self._api, request, actor))


async def _signed_in(api: Api, token: str) -> Actor | None:
    try:
        return await api.tokens.actor(f"Bearer {token}")
    except Rejected:
        return None


# ── What the pages answer


async def _overview(visit: Visit) -> Response:
    """The pool that the query names, or the current one."""
    actor, wanted = visit.actor, visit.request.query_params.get("pool")
    assert actor is not None, "the policy lets nobody in who is not signed in"
    if not may_see_figures(actor):
        return _page("notice.html", actor, notice="no_figures")
    pool = _id(wanted) if wanted else None
    times = _times(visit.request.query_params)
    if times is not None and not may_see_other_times(actor):
        raise problems.forbidden()

    def read() -> Response:
        with visit.api.service.store.reading() as reader:
            shown = overview(visit.api.asking(actor, reader, times.known_at if times else None), pool, times)
        if shown is None:
            return _page("notice.html", actor, notice="no_pool")
        return _page("overview.html", actor, shown=shown)

    return await visit.api.reading(read)


def _times(stated: Mapping[str, str]) -> Times | None:
    """The two times, as people write them; ``None`` where it is today."""
    as_of, known_at = (_moment(stated.get(name, ""), name) for name in ("as_of", "known_at"))
    return None if as_of is None and known_at is None else Times(as_of, known_at)


def _moment(stated: str, name: str) -> datetime | date | None:
    if not stated.strip():
        return None
    try:
        found = written.instant(stated.strip())
    except written.Malformed as problem:
        raise Malformed(place=message(f"times.{name}"), problem=str(problem)) from None
    return found if ":" in stated else found.date()


def _id(stated: str) -> UUID:
    [found] = path_ids({"pool": stated})
    assert isinstance(found, UUID), "only months of a path are no UUID"
    return found


async def _trace(visit: Visit) -> Response:
    """Where a figure comes from."""
    actor = visit.actor
    assert actor is not None, "the policy lets nobody in who is not signed in"
    wanted = judged(single_values(visit.request.query_params.multi_items()), FigureOf, strict=False)

    def read() -> Response:
        with visit.api.service.store.reading() as reader:
            shown = trace(visit.api.asking(actor, reader, known_at_of(wanted)), wanted)
        return _page("trace.html", actor, shown=shown)

    return await visit.api.reading(read)


async def _findings(visit: Visit) -> Response:
    """What an auditor should look at."""
    actor = visit.actor
    assert actor is not None, "the policy lets nobody in who is not signed in"
    wanted = judged(single_values(visit.request.query_params.multi_items()), FindingsShown, strict=False)

    def read() -> Response:
        with visit.api.service.store.reading() as reader:
            shown = findings(visit.api.asking(actor, reader), wanted)
        return _page("findings.html", actor, shown=shown)

    return await visit.api.reading(read)


async def _reads(visit: Visit) -> Response:
    """Who read whose texts. None is opened for it."""
    actor = visit.actor
    assert actor is not None, "the policy lets nobody in who is not signed in"
    wanted = judged(single_values(visit.request.query_params.multi_items()), ReadsShown, strict=False)

    def read() -> Response:
        with visit.api.service.store.reading() as reader:
            shown = list_reads(visit.api.asking(actor, reader), wanted)
        return _page("reads.html", actor, shown=shown)

    return await visit.api.reading(read)


async def _sign_in_form(visit: Visit) -> Response:
    return _page("sign_in.html", None, wrong=False) if visit.actor is None else RedirectResponse(OVERVIEW, 303)


async def _sign_in(visit: Visit) -> Response:
    token = await session.form_field(visit.request, "token")
    if await _signed_in(visit.api, token) is None:
        return _page("sign_in.html", None, 422, wrong=True)
    response = RedirectResponse(OVERVIEW, 303)
    session.keep(response, token, visit.request)
    return response


async def _sign_out(visit: Visit) -> Response:
    response = RedirectResponse(SIGN_IN, 303)
    session.forget(response, visit.request)
    return response


PAGES = (
    Page(OVERVIEW, frozenset(get_args(Role)), {"GET": _overview}),
    Page(TRACE, CASEWORK, {"GET": _trace}),
    Page(FINDINGS, AUDIT, {"GET": _findings}),
    Page(READS, AUDITORS, {"GET": _reads}),
    Page(SIGN_IN, None, {"GET": _sign_in_form, "POST": _sign_in}),
    Page(SIGN_OUT, None, {"POST": _sign_out}),
)


def routes(api: Api) -> list[BaseRoute]:
    """The pages, and what they are made of."""
    return [*(Route(page.path, PageResource(api, page)) for page in PAGES), Mount(ASSETS, Assets(directory=STATIC))]


class Assets(StaticFiles):
    """Style sheets and fonts; a browser asks each time whether they are still the same."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


# ── How they are written


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("interfaces.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters = {
        "hours": formats.hours,
        "berlin_day": berlin_day,
        "day": formats.day,
        "moment": formats.moment,
        "number": formats.number,
        "amount": formats.amount,
        "at": formats.at,
    }
    environment.filters.update(filters)
    environment.globals.update(
        t=message,
        counted=counted,
        percent=formats.percent,
        kinds=list(charts.KINDS),
        plot_height=charts.PLOT_HEIGHT,
        office=OFFICE,
        assets=ASSETS,
        overview_path=OVERVIEW,
        trace_path=TRACE,
        figure_name=OfBalance,
        event_name=name_of,
        findings_path=FINDINGS,
        reads_path=READS,
        purposes=PURPOSES,
        titles=TITLES,
        positions=positions,
        casework=CASEWORK,
        audit=AUDIT,
        auditors=AUDITORS,
        sign_in_path=SIGN_IN,
        sign_out_path=SIGN_OUT,
    )
    return environment


_TEMPLATES = _environment()


def _page(template: str, actor: Actor | None, status: int = 200, **shown: Any) -> Response:
    return Response(_TEMPLATES.get_template(template).render(actor=actor, **shown), status, media_type="text/html")


def _problem_page(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    response = _page("problem.html", None, problem.status, problem=problem)
    response.headers.update(headers or {})
    return response
